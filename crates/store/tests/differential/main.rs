//! The two databases against each other: the same operations on both, in an order that a seed decides, with the same clock. Each answer,
//! and at the end every row of every table, must be the same. A difference names the seed and the operation; `VTRUSTX_SEED=7` tries another
//! seed, `VTRUSTX_SEED=7..99` many.
//!
//! Because that run gives every statement of the store to both databases, [`statements`] can look whether it did.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod events;
mod executions;
mod mailing;
mod pair;
mod people;
mod random;
mod readings;
mod records;
mod retention;
mod service;
mod statements;
mod workflows;

use pair::Pair;
use tokio::sync::OnceCell;

/// One that comes by everything.
const SEED: u64 = 1;

/// The run that the tests of this binary share.
async fn run() {
    static RUN: OnceCell<()> = OnceCell::const_new();
    let once = || async {
        statements::listen();
        for seed in seeds() {
            play(seed).await;
        }
    };
    RUN.get_or_init(once).await;
}

fn seeds() -> std::ops::RangeInclusive<u64> {
    let Ok(text) = std::env::var("VTRUSTX_SEED") else { return SEED..=SEED };
    let (first, last) = text.split_once("..").unwrap_or((&text, &text));
    let number = |text: &str| text.parse().expect("VTRUSTX_SEED is a number, or two with .. between");
    number(first)..=number(last)
}

/// Every kind of operation several times, in an order that the seed decides.
async fn play(seed: u64) {
    let mut pair = Pair::new(seed).await;
    // Something to begin with.
    for _ in 0..8 {
        pair.contact_create().await;
        pair.form_create().await;
        pair.workflow_create().await;
    }
    let mut deck: Vec<usize> = (0..operation_count()).flat_map(|kind| [kind; 3]).collect();
    pair.random.shuffle(&mut deck);
    for (at, kind) in deck.into_iter().enumerate() {
        pair.time_goes_by();
        operation(&mut pair, kind).await;
        if at % 150 == 149 {
            pair.read_everything().await;
        }
    }
    pair.read_everything().await;
    pair.compare_tables();
}

/// The operations by number. Those that a store sees most often are there several times.
macro_rules! operations {
    ($($name:ident * $weight:literal),* $(,)?) => {
        const OPERATIONS: &[&str] = &[$(stringify!($name)),*];
        const WEIGHTS: &[usize] = &[$($weight),*];

        async fn perform(pair: &mut Pair, name: &str) {
            match name {
                $(stringify!($name) => pair.$name().await,)*
                other => panic!("no operation {other}"),
            }
        }
    };
}

operations! {
    contact_create * 3, contact_update * 3, contact_archive * 1, form_create * 2, form_update * 1, form_edit * 2, form_archive * 1,
    submission_create * 4, submission_update * 1, submission_edit * 3, submission_archive * 1, ticket_create * 2, ticket_update * 3,
    ticket_archive * 1, tag_create * 2, tag_update * 1, tag_delete * 1, notification_create * 2, notification_update * 2,
    notification_mark_all * 1, notification_delete * 1, outbox_keep * 2, outbox_delete * 1,
    invitation_create * 3, deadlines_tell * 4, report_take * 2, suppression_change * 2, marketing_admit * 2,
    user_create * 3, user_update * 2, user_remove * 1, user_password_set * 1, session_begin * 2, session_link * 2, session_redeem * 2,
    session_prolong * 1, session_switch * 1, session_end * 1, session_end_others * 1, session_prune * 1, api_key_create * 2,
    api_key_update * 1, api_key_delete * 1, api_key_used * 1, tenant_create * 1, tenant_rename * 1, settings_put * 2,
    integration_create * 2, integration_update * 2, integration_used * 1, integration_delete * 1, template_create * 2,
    template_update * 1, template_used * 1, template_delete * 1, facts * 1,
    workflow_create * 3, workflow_update * 4, workflow_publish * 2, workflow_archive * 1, workflow_purge * 1, counters_fold * 1,
    event_accept * 16, event_again * 1, event_keys_prune * 1, retention * 2, execution_advance * 20, signals_deliver * 3, approval_decide * 3, approval_mails * 1, execution_cancel * 2, execution_fail * 1,
    execution_move * 4,    execution_progress * 1, execution_make * 3, execution_delete * 2, timers_fire * 6, node_claim * 4, node_die * 1, node_change * 1,
    node_alone * 1,
}

fn operation_count() -> usize {
    WEIGHTS.iter().sum()
}

async fn operation(pair: &mut Pair, mut number: usize) {
    let mut kinds = OPERATIONS.iter().zip(WEIGHTS);
    let name = kinds.find_map(|(name, weight)| {
        let found = number < *weight;
        number = number.saturating_sub(*weight);
        found.then_some(*name)
    });
    perform(pair, name.expect("a number below the sum of the weights")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_answer_and_hold_the_same() {
    run().await;
}
