//! A history that never ran is like one that did: the doctor finds nothing, the lists count it right, and it is made once. What a list finds in it
//! is the same however little patience it has.

use model::{ContactId, Period, execution::Execution};
use store::{
    Page,
    history::{Filter, Patience, execution_list},
    seeding::{Plan, history_seed},
};

use super::*;

const EXECUTIONS: i64 = 5_000;

/// A store with a made history, of which nothing else is known.
async fn made(place: &Place, executions: i64) -> (Store, Vec<i64>) {
    let store = open(place, &SimulatedClock::new(NOW)).await;
    let tenant = "INSERT INTO tenants (id, name, settings, created_at, updated_at, version) VALUES (1, 'one', '{}', ?1, ?1, 1)";
    store.write(move |tx| Box::pin(async move { tx.execute(tenant, params![NOW]).await })).await.unwrap();
    let plan = Plan { tenant: ONE, executions, is_forced: false };
    let mut told = Vec::new();
    history_seed(&store, plan, &mut |done| told.push(done)).await.unwrap();
    (store, told)
}

testkit::on_both! {
    async fn a_made_history_is_consistent(place: Place) {
        let (store, told) = made(&place, EXECUTIONS).await;
        let plan = Plan { tenant: ONE, executions: 1, is_forced: false };
        let again = history_seed(&store, plan, &mut |_| ()).await.unwrap_err().to_string();
        let mut reader = store.read(ONE).await.unwrap();
        let mut totals = Vec::new();
        for status in [None, Some(ExecutionStatus::Completed), Some(ExecutionStatus::Failed), Some(ExecutionStatus::Cancelled)] {
            let filter = Filter { status, ..Filter::default() };
            totals.push(execution_list(&mut reader, ONE, &filter, Page::first(1), Patience::ENDLESS).await.unwrap().total);
        }
        drop(reader);
        store.close().await;
        let complaints = doctor::complaints(&place).await;
        assert!(complaints.starts_with("Warning server: none") && complaints.lines().count() == 2, "{complaints}");
        insta::assert_debug_snapshot!("a_made_history", (told, totals, again));
    }

    /// Of whole hours the total is exact at any size, of other times it is told up to 10,000 (contract, section 3); the pages go on in either case.
    async fn a_total_is_exact_or_says_that_it_is_not(place: Place) {
        let (store, _) = made(&place, 10_100).await;
        let mut reader = store.read(ONE).await.unwrap();
        let mut told = Vec::new();
        for from in [None, Some(NOW.hour().minus(Period::days(400))), Some(NOW.hour().minus(Period::days(400)).plus(Period::minutes(7)))] {
            let filter = Filter { from, ..Filter::default() };
            let page = Page { offset: 10_050, ..Page::first(7) };
            let list = execution_list(&mut reader, ONE, &filter, page, Patience::ENDLESS).await.unwrap();
            told.push((list.total, list.total_is_capped, list.rows.len(), list.has_more));
        }
        assert_eq!(told, [(10_100, false, 7, true), (10_100, false, 7, true), (10_000, true, 7, true)]);
    }

    async fn a_list_finds_the_same_with_little_patience(place: Place) {
        let (store, _) = made(&place, EXECUTIONS).await;
        let mut reader = store.read(ONE).await.unwrap();
        let everything = Filter::default();
        let all = execution_list(&mut reader, ONE, &everything, Page::first(EXECUTIONS), Patience::ENDLESS).await.unwrap();
        let all: Vec<Execution> = all.rows.into_iter().map(|listed| listed.execution).collect();
        let (from, until) = (all[4_300].created_at, all[900].created_at);
        let workflow = all[0].workflow_id;
        type Holds = Box<dyn Fn(&Execution) -> bool>;
        let table: Vec<(Filter, Holds)> = vec![
            (Filter { text: Some("InGrid".to_owned()), ..Filter::default() }, Box::new(|e| e.trigger_data.to_string().contains("Ingrid"))),
            (
                Filter { status: Some(ExecutionStatus::Failed), outcome: Some(Outcome::Unmatched), ..Filter::default() },
                Box::new(|_| false),
            ),
            (
                Filter { workflow: Some(workflow), outcome: Some(Outcome::Unmatched), from: Some(from), until: Some(until), ..Filter::default() },
                Box::new(move |e| {
                    e.workflow_id == workflow && e.progress.outcome == Some(Outcome::Unmatched) && e.created_at >= from && e.created_at < until
                }),
            ),
            (Filter { from: Some(from), until: Some(until), ..Filter::default() }, Box::new(move |e| e.created_at >= from && e.created_at < until)),
            (
                Filter { status: Some(ExecutionStatus::Completed), from: Some(from), until: Some(from.plus(Period::minutes(50))), ..Filter::default() },
                Box::new(move |e| e.progress.status == ExecutionStatus::Completed && e.created_at >= from && e.created_at < from.plus(Period::minutes(50))),
            ),
            (
                Filter { has_failures: Some(true), until: Some(until.hour()), ..Filter::default() },
                Box::new(move |e| e.progress.actions_failed > 0 && e.created_at < until.hour()),
            ),
            (Filter { has_failures: Some(false), ..Filter::default() }, Box::new(|e| e.progress.actions_failed == 0)),
            (
                Filter { contact: Some(ContactId::new(7)), text: Some("slow".to_owned()), ..Filter::default() },
                Box::new(|e| e.contact_id == Some(ContactId::new(7)) && e.trigger_data.to_string().contains("slow")),
            ),
        ];
        for (filter, holds) in table {
            let expected: Vec<ExecutionId> = all.iter().filter(|execution| holds(execution)).map(|execution| execution.id).collect();
            let first = execution_list(&mut reader, ONE, &filter, Page::first(7), Patience::ENDLESS).await.unwrap();
            assert_eq!((first.total, first.total_is_capped), (expected.len() as i64, false), "{filter:?}");
            for patience in [Patience::ENDLESS, Patience::of(std::time::Duration::ZERO)] {
                let (mut found, mut page) = (Vec::new(), Page::first(7));
                loop {
                    let list = execution_list(&mut reader, ONE, &filter, page, patience).await.unwrap();
                    found.extend(list.rows.iter().map(|listed| listed.execution.id));
                    assert_eq!(list.has_more, list.next.is_some());
                    let Some(next) = list.next else { break };
                    page.before = Some(next);
                }
                assert_eq!(found, expected, "{patience:?} {filter:?}");
            }
        }
    }
}
