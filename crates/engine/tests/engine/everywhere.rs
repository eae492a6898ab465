//! Crash everywhere, fail everywhere: a workflow with every kind of step is stopped at each of its writes, before and after
//! the commit, and taken up again; the end must be the same, with the same effects.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use engine::{Engine, EngineError};
use model::{ContactId, event::Accepted};
use serde_json::{Value, json};
use store::{StoreError, execution::Started, writer::Faults};
use testkit::{place::Place, sink::Sink};

use crate::harness::{FinalState, House, calls, event, final_state};

fn workflow(sink: &Sink) -> Value {
    json!({
        "name": "Everything",
        "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
        "actions": [
            {"type": "create_ticket", "config": {"title": "Detractor {{submission.data.q_nps}}"}, "critical": true},
            {"type": "webhook", "config": {"url": sink.url("/ok"), "body": {"ticket": "{{steps.s1.output.ticketId}}"}}},
            {"type": "delay", "config": {"duration": "1h"}},
            {"type": "update_contact", "config": {"contactId": "{{submission.contactId}}", "updates": {"segment": "detractor"}}},
            {"type": "webhook", "config": {"url": sink.url("/fail-times/1")}, "critical": true},
            {"type": "webhook", "config": {"url": sink.url("/fail-times/2")}, "retry": {"attempts": 3, "delays": ["10s"]}},
            {"type": "webhook", "config": {"url": sink.url("/status/404")}},
            {"type": "add_tag", "config": {"entity": "contact", "entityId": "{{submission.contactId}}", "tag": "called"}},
        ],
    })
}

/// Kills or hurts the store at one moment, once.
#[derive(Debug, Default)]
struct Once {
    before_commit: Option<u64>,
    after_commit: Option<u64>,
    operation: Option<u64>,
    commits: AtomicU64,
    operations: AtomicU64,
}

impl Faults for Once {
    fn operation(&self, number: u64) -> Option<StoreError> {
        self.operations.store(number, Ordering::Relaxed);
        (self.operation == Some(number)).then(|| StoreError::Unavailable("injected".to_owned()))
    }
    fn dies_before_commit(&self, number: u64) -> bool {
        self.commits.store(number, Ordering::Relaxed);
        self.before_commit == Some(number)
    }
    fn dies_after_commit(&self, number: u64) -> bool {
        self.after_commit == Some(number)
    }
}

/// Everything that can be seen of one run.
#[derive(Debug, PartialEq)]
struct Seen {
    state: FinalState,
    /// The paths that were called, once for each idempotency key.
    effects: Vec<String>,
}

struct Trial {
    house: House,
    sink: Sink,
    contact: ContactId,
}

impl Trial {
    async fn new(place: Place) -> Self {
        let (house, sink) = (House::new(place), Sink::start().await);
        let (engine, _, contact) = house.furnish(workflow(&sink)).await;
        engine.stop(std::time::Duration::from_secs(5)).await;
        Self { house, sink, contact }
    }

    fn event(&self) -> model::event::NewEvent {
        let data = json!({"submission": {"contactId": self.contact, "data": {"q_nps": 3}}});
        event(Some("the only one"), data)
    }

    /// Runs under a fault until the end or the store's death, as far as it gets.
    async fn run_faulty(&self, faults: Arc<Once>) {
        let Ok(engine) = self.house.reopen(Some(faults)).await else { return };
        if let Ok(accepted) = self.accept(&engine).await
            && let Some(execution) = accepted.executions.first()
        {
            // An error is the store's death: the point of the exercise.
            drop(self.house.run_to_end(&engine, execution.id).await);
        }
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    /// Posts the event, again when the first time was not acknowledged: as a careful caller does.
    async fn accept(&self, engine: &Engine) -> Result<Accepted, EngineError> {
        match engine.accept(self.event()).await {
            Err(EngineError::Store(StoreError::Unavailable(_))) => engine.accept(self.event()).await,
            answer => answer,
        }
    }

    /// Runs what is left without faults.
    async fn finish(&self) -> (Seen, Started) {
        let engine = self.house.reopen(None).await.unwrap();
        let accepted = self.accept(&engine).await.unwrap();
        assert_eq!(accepted.executions.len(), 1, "one event, one execution, however often it was posted");
        let ended = self.house.run_to_end(&engine, accepted.executions[0].id).await.unwrap();
        let state = final_state(&engine, &ended, self.contact).await;
        let by_key: BTreeSet<(String, String)> = calls(&self.sink).into_iter().collect();
        let mut effects: Vec<String> = by_key.into_iter().map(|(_, path)| path).collect();
        effects.sort();
        engine.stop(std::time::Duration::from_secs(5)).await;
        (Seen { state, effects }, ended)
    }
}

/// How many calls a run makes when nothing goes wrong: 1, then 2, 3 and 1 of the failing ones.
const CALLS: usize = 7;

async fn trial(place: Place, faults: Once) -> (Seen, usize, Arc<Once>) {
    let trial = Trial::new(place).await;
    let faults = Arc::new(faults);
    trial.run_faulty(Arc::clone(&faults)).await;
    let (seen, _) = trial.finish().await;
    (seen, trial.sink.requests().len(), faults)
}

testkit::on_both! {
    async fn every_crash_and_every_failure_ends_the_same(place: Place) {
        let (expected, calls, counted) = trial(place.another(), Once::default()).await;
        assert_eq!(calls, CALLS);
        insta::assert_snapshot!("the_end", format!(
            "{}\ntickets {:?}\ncontact {}",
            expected.state.execution, expected.state.tickets, expected.state.contact
        ));
        let commits = counted.commits.load(Ordering::Relaxed);
        let operations = counted.operations.load(Ordering::Relaxed);
        assert!(commits >= 12, "the workflow makes at least a dozen commits, not {commits}");

        for number in 1..=commits {
            let before = Once { before_commit: Some(number), ..Once::default() };
            let after = Once { after_commit: Some(number), ..Once::default() };
            for (moment, faults) in [("before", before), ("after", after)] {
                let (seen, calls, _) = trial(place.another(), faults).await;
                assert_eq!(seen.effects, expected.effects, "killed {moment} commit {number}");
                assert!(
                    calls <= CALLS + 1,
                    "killed {moment} commit {number}: {calls} calls; only the one in flight may repeat"
                );
                same(&seen, &expected, &format!("killed {moment} commit {number}"));
            }
        }
        for number in 1..=operations {
            let (seen, calls, _) = trial(place.another(), Once { operation: Some(number), ..Once::default() }).await;
            assert_eq!(calls, CALLS, "operation {number} failed: nothing repeats, for nothing was killed");
            same(&seen, &expected, &format!("operation {number} failed"));
        }
    }
}

/// The same end. A receiver that fails a number of times and was called once more than usual recovers one attempt
/// earlier: then the journal has one failed attempt less, and nothing else differs.
fn same(seen: &Seen, expected: &Seen, moment: &str) {
    let outcomes = |state: &FinalState| {
        let words = |line: &str| {
            line.split(' ')
                .filter(|word| word.parse::<i64>().is_err() && !word.starts_with('#'))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let kept = state.execution.lines().filter(|line| !line.ends_with("status 503"));
        kept.map(words).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&seen.state), outcomes(&expected.state), "{moment}");
    assert_eq!(seen.state.tickets, expected.state.tickets, "{moment}");
    assert_eq!(seen.state.contact, expected.state.contact, "{moment}");
}
