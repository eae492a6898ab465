//! Rules of entry: who enters, how often, how many at once; and that it is so over crashes and nodes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::{
    Engine, EngineError,
    decisions::{Asked, Decision},
};
use model::{Clock, ExecutionId, Timestamp, WorkflowId, event::EventName, event::NewEvent};
use serde_json::{Value, json};
use store::{
    StoreResult,
    database::Row,
    entry::{Queue, queue_keys, queue_keys_of},
    params,
    workflow::workflow_update,
};
use testkit::place::Place;

use crate::{
    everywhere::Once,
    harness::{House, TENANT, event, settle},
    jobs::{answer, form},
    triggers::{change, save},
};

/// A workflow of these rules that makes a ticket, after these steps.
fn with(rules: &Value, steps: &[Value]) -> Value {
    let ticket = json!({"type": "create_ticket", "config": {"title": "{{submission.id}} of {{contact.id}}"}});
    let actions: Vec<Value> = steps.iter().cloned().chain([ticket]).collect();
    let mut workflow = json!({"conditions": [], "actions": actions});
    workflow.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
    workflow
}

fn hour() -> Value {
    json!({"type": "delay", "config": {"duration": "1h"}})
}

/// Answers number `submission`, by `contact`.
fn answers(submission: i64, contact: Option<i64>) -> NewEvent {
    let contact = contact.map(|id| json!({"id": id}));
    event(
        Some(&format!("answers {submission}")),
        json!({"submission": {"id": submission, "data": {}}, "contact": contact}),
    )
}

async fn post(engine: &Engine, submission: i64, contact: Option<i64>) {
    engine.accept(answers(submission, contact)).await.unwrap();
}

async fn later(house: &House, engine: &Engine, seconds: i64) {
    house.clock.set(Timestamp::from_millis(house.clock.now().as_millis() + seconds * 1_000));
    settle(engine).await;
}

async fn texts(engine: &Engine, sql: &'static str) -> StoreResult<Vec<String>> {
    let mut connection = engine.store().read(TENANT).await?;
    connection.query(sql, params![TENANT]).await?.into_iter().map(Row::first).collect()
}

const RUNS: &str = "SELECT CAST(submission_id AS TEXT) || ' ' || status FROM workflow_executions WHERE tenant_id = ?1 ORDER BY id";
const REFUSED: &str =
    "SELECT CAST(submission_id AS TEXT) || ' ' || reason FROM decisions WHERE tenant_id = ?1 ORDER BY id";
const TICKETS: &str = "SELECT title FROM tickets WHERE tenant_id = ?1 ORDER BY title";

/// Waits until the runs are these; what tasks of the engine do has no call to wait for.
async fn runs_are(engine: &Engine, expected: &[&str]) {
    let mut seen = Vec::new();
    let wait = async {
        while seen != expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
            seen = texts(engine, RUNS).await.unwrap();
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(waited.is_ok(), "{seen:?} instead of {expected:?}");
}

async fn refused(engine: &Engine) -> Vec<String> {
    texts(engine, REFUSED).await.unwrap()
}

async fn stop(engine: Engine) {
    engine.stop(Duration::from_secs(5)).await;
}

async fn told(engine: &Engine, workflow: WorkflowId) -> Vec<String> {
    let told = |decision: Decision| format!("{} {}", decision.reason, decision.message);
    engine.decisions(TENANT, workflow, None).await.unwrap().into_iter().map(told).collect()
}

testkit::on_both! {
    async fn each_one_enters_once_or_once_in_a_while(place: Place) {
        let house = House::new(place);
        let once = json!({"enrolment": {"policy": "once"}});
        let (engine, workflow, _) = house.furnish(with(&once, &[])).await;
        for (submission, contact) in [(1, Some(1)), (2, Some(2)), (3, Some(1)), (4, None), (5, None)] {
            post(&engine, submission, contact).await;
        }
        runs_are(&engine, &["1 completed", "2 completed", "4 completed", "5 completed"]).await;
        assert_eq!(refused(&engine).await, ["3 already_enrolled"]);
        let monthly = json!({"enrolment": {"policy": "once_per", "period": "30d", "key": "monthly {{contact.id}}"}});
        change(&engine, workflow, store::workflow::Change { definition: Some(crate::harness::definition_of(with(&monthly, &[]))), ..Default::default() }).await;
        for (submission, days) in [(6, 0), (7, 29), (8, 1)] {
            later(&house, &engine, days * 86_400).await;
            post(&engine, submission, Some(1)).await;
        }
        runs_are(&engine, &["1 completed", "2 completed", "4 completed", "5 completed", "6 completed", "8 completed"]).await;
        assert_eq!(told(&engine, workflow).await, [
            "already_enrolled It takes each one once in 30d, and took this one on 14 February 2026, 10:30: again from 16 March 2026, 10:30.",
            "already_enrolled It takes each one once, and took this one on 14 February 2026, 10:30.",
        ]);
        let asked = Asked::Submission(model::SubmissionId::new(7));
        let about = engine.decisions(TENANT, workflow, Some(asked)).await.unwrap();
        assert_eq!(about.iter().map(|decision| decision.reason.as_str()).collect::<Vec<_>>(), ["already_enrolled"]);
        stop(engine).await;
    }

    async fn so_many_in_a_period(place: Place) {
        let house = House::new(place);
        let (engine, workflow, _) = house.furnish(with(&json!({"rateLimit": {"limit": 2, "per": "1m"}}), &[])).await;
        for submission in 1..=3 {
            post(&engine, submission, Some(1)).await;
        }
        later(&house, &engine, 59).await;
        post(&engine, 4, Some(1)).await;
        // The next period does not begin with nothing: two periods' worth would pass at the border.
        later(&house, &engine, 1).await;
        post(&engine, 5, Some(1)).await;
        later(&house, &engine, 30).await;
        post(&engine, 6, Some(1)).await;
        post(&engine, 7, Some(1)).await;
        runs_are(&engine, &["1 completed", "2 completed", "6 completed"]).await;
        assert_eq!(refused(&engine).await, ["3 rate_limited", "4 rate_limited", "5 rate_limited", "7 rate_limited"]);
        assert_eq!(told(&engine, workflow).await[0], "rate_limited It runs 2 times in 1m at most, and has done so since 14 February 2026, 10:30.");
        stop(engine).await;
    }

    async fn so_many_at_a_time(place: Place) {
        let house = House::new(place);
        let limit = |behavior: &str| with(&json!({"concurrency": {"limit": 1, "key": "{{contact.id}}", "behavior": behavior}}), &[hour()]);
        let (engine, workflow, _) = house.furnish(limit("queue")).await;
        for (submission, contact) in [(1, Some(1)), (2, Some(1)), (3, Some(2)), (4, Some(1))] {
            post(&engine, submission, contact).await;
        }
        runs_are(&engine, &["1 waiting", "2 waiting", "3 waiting", "4 waiting"]).await;
        later(&house, &engine, 3_600).await;
        runs_are(&engine, &["1 completed", "2 waiting", "3 completed", "4 waiting"]).await;
        assert_eq!(texts(&engine, TICKETS).await.unwrap(), ["1 of 1", "3 of 2"]);
        // Who waits for his turn can be ended, and then the next one's comes.
        let second = texts(&engine, "SELECT CAST(id AS TEXT) FROM workflow_executions WHERE submission_id = 2 AND tenant_id = ?1").await.unwrap();
        let second = second[0].parse().unwrap();
        engine.cancel(TENANT, model::Actor::System, second).await.unwrap();
        let has_begun = "SELECT CAST(submission_id AS TEXT) FROM workflow_executions WHERE tenant_id = ?1 AND wake_at IS NOT NULL ORDER BY id";
        while texts(&engine, has_begun).await.unwrap() != ["4"] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        later(&house, &engine, 3_600).await;
        runs_are(&engine, &["1 completed", "2 cancelled", "3 completed", "4 completed"]).await;
        for (behavior, submissions) in [("drop", [5, 6]), ("cancel_running", [7, 8])] {
            let definition = Some(crate::harness::definition_of(limit(behavior)));
            change(&engine, workflow, store::workflow::Change { definition, ..Default::default() }).await;
            for submission in submissions {
                post(&engine, submission, Some(1)).await;
            }
        }
        runs_are(&engine, &["1 completed", "2 cancelled", "3 completed", "4 completed", "5 cancelled", "7 cancelled", "8 waiting"]).await;
        assert_eq!(refused(&engine).await, ["6 concurrency_limit"]);
        stop(engine).await;
    }

    async fn the_last_of_several_counts(place: Place) {
        let house = House::new(place);
        let mut quiet = with(&json!({"debounce": {"for": "30s"}}), &[]);
        quiet["conditions"] = json!([{"field": "submission.id", "operator": "<", "value": 9}]);
        let (engine, workflow, _) = house.furnish(quiet).await;
        for (submission, contact) in [(1, Some(1)), (2, Some(2)), (3, Some(1)), (9, Some(3))] {
            post(&engine, submission, contact).await;
            later(&house, &engine, 10).await;
        }
        let waits = engine.decisions(TENANT, workflow, Some(Asked::Submission(model::SubmissionId::new(3)))).await.unwrap();
        assert_eq!(waits[0].reason.as_str(), "quieting", "{waits:?}");
        runs_are(&engine, &["2 completed"]).await;
        later(&house, &engine, 20).await;
        runs_are(&engine, &["2 completed", "3 completed", "9 completed"]).await;
        assert_eq!(texts(&engine, TICKETS).await.unwrap(), ["2 of 2", "3 of 1"]);
        assert_eq!(refused(&engine).await, ["1 debounced"]);
        // What waits when the workflow is switched off is not run, and that is on record.
        post(&engine, 4, Some(1)).await;
        // By another node: what this one has in memory does not decide.
        let off = store::workflow::Change { is_active: Some(false), ..Default::default() };
        engine.store().write(move |tx| Box::pin(workflow_update(tx, TENANT, model::Actor::System, workflow, off))).await.unwrap();
        later(&house, &engine, 30).await;
        while refused(&engine).await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(refused(&engine).await, ["1 debounced", "4 inactive"]);
        stop(engine).await;
    }

    async fn the_next_of_a_line_goes_on_also_when_nobody_has_heard_of_the_end(place: Place) {
        let house = House::new(place);
        let limit = json!({"concurrency": {"limit": 1, "key": "{{contact.id}}", "behavior": "queue"}});
        let (engine, workflow, _) = house.furnish(with(&limit, &[hour()])).await;
        for (submission, contact) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
            post(&engine, submission, Some(contact)).await;
        }
        runs_are(&engine, &["1 waiting", "2 waiting", "3 waiting", "4 waiting"]).await;
        stop(engine).await;
        // An end of which no task was told.
        let engine = house.at_rest().await;
        let queue = Queue { tenant: TENANT, workflow };
        let ended: Vec<ExecutionId> = texts(&engine, "SELECT CAST(id AS TEXT) FROM workflow_executions WHERE submission_id IN (1, 4) AND tenant_id = ?1 ORDER BY id")
            .await.unwrap().iter().map(|id| id.parse().unwrap()).collect();
        let keys = async || {
            let mut connection = engine.store().read(TENANT).await.unwrap();
            let room = queue_keys(&mut connection, queue, Some(1), None).await.unwrap();
            (queue_keys_of(&mut connection, queue, &ended[..1]).await.unwrap(), room)
        };
        assert_eq!(keys().await, (vec!["1".to_owned()], vec![]), "nobody has ended, so nowhere is room");
        engine.cancel(TENANT, model::Actor::System, ended[0]).await.unwrap();
        assert_eq!(keys().await, (vec!["1".to_owned()], vec!["1".to_owned()]), "of its own key, and of no other");
        // Who comes next lets the one before him go on.
        post(&engine, 5, Some(1)).await;
        assert_eq!(keys().await, (vec![], vec![]));
        let has_a_place = "SELECT CAST(e.submission_id AS TEXT) FROM entry_slots s JOIN workflow_executions e ON e.id = s.execution_id
            WHERE s.tenant_id = ?1 AND NOT s.is_queued ORDER BY e.id";
        assert_eq!(texts(&engine, has_a_place).await.unwrap(), ["2", "3"]);
        stop(engine).await;
    }

    async fn what_started_nothing_is_found_however_long_ago(place: Place) {
        let house = House::new(place);
        let (engine, workflow, contact) = house.furnish(with(&json!({}), &[])).await;
        let switch = async |is_active: bool| {
            change(&engine, workflow, store::workflow::Change { is_active: Some(is_active), ..Default::default() }).await;
        };
        switch(false).await;
        post(&engine, 1, Some(contact.get())).await;
        for batch in 0..7 {
            let others = (0..300).map(|number| event(Some(&format!("other {batch} {number}")), json!({}))).collect();
            for accepted in engine.accept_all(TENANT, others).await.unwrap() {
                accepted.unwrap();
            }
        }
        for asked in [Asked::Submission(model::SubmissionId::new(1)), Asked::Contact(contact)] {
            let about = engine.decisions(TENANT, workflow, Some(asked)).await.unwrap();
            let told: Vec<_> = about.iter().map(|decision| (decision.reason.as_str(), decision.event.as_deref())).collect();
            assert_eq!(told, [("inactive", Some("answers 1"))]);
        }
        stop(engine).await;
    }

    async fn answers_without_an_event_are_looked_at_with_their_person(place: Place) {
        let house = House::new(place);
        let wants = json!({"trigger_event": "submission_completed", "trigger_config": {"conditions": [{"field": "contact.name", "operator": "equals", "value": "Nobody"}]}});
        let (engine, workflow, contact) = house.furnish(with(&wants, &[])).await;
        engine.store().write(move |tx| Box::pin(async move {
            let form = form(tx, "Ours").await?;
            answer(tx, form, contact, 3).await?;
            tx.execute("DELETE FROM events WHERE tenant_id = ?1", params![TENANT]).await
        })).await.unwrap();
        let about = engine.decisions(TENANT, workflow, Some(Asked::Submission(model::SubmissionId::new(1)))).await.unwrap();
        assert_eq!(about[0].message, "The conditions of its trigger are not met: contact.name: \"Ada\" does not equal \"Nobody\".");
        stop(engine).await;
    }

    async fn a_goal_ends_what_waits(place: Place) {
        let house = House::new(place);
        let goal = json!({"goal": {"event": "order.placed", "conditions": [{"field": "event.total", "operator": ">", "value": 100}]}});
        let (engine, _, _) = house.furnish(with(&goal, &[hour()])).await;
        // Another workflow waits for the same contact, and has no goal.
        save(&engine, with(&json!({}), &[hour()])).await;
        for (submission, contact) in [(1, Some(1)), (2, Some(2))] {
            post(&engine, submission, contact).await;
        }
        runs_are(&engine, &["1 waiting", "1 waiting", "2 waiting", "2 waiting"]).await;
        for total in [50, 500] {
            let order = NewEvent {
                name: "order.placed".parse::<EventName>().unwrap(),
                ..event(None, json!({"contact": {"id": 1}, "total": total}))
            };
            engine.accept(order).await.unwrap();
        }
        runs_are(&engine, &["1 completed", "1 waiting", "2 waiting", "2 waiting"]).await;
        let stopped = "SELECT CAST(result AS TEXT) FROM workflow_executions WHERE tenant_id = ?1 AND status = 'completed'";
        let result = texts(&engine, stopped).await.unwrap().remove(0);
        assert!(result.contains("because the goal was met: order.placed came"), "{result}");
        later(&house, &engine, 3_600).await;
        runs_are(&engine, &["1 completed", "1 completed", "2 completed", "2 completed"]).await;
        assert_eq!(texts(&engine, TICKETS).await.unwrap(), ["1 of 1", "2 of 2", "2 of 2"]);
        stop(engine).await;
    }

    async fn rules_hold_wherever_the_process_dies(place: Place) {
        let rules = json!({"enrolment": {"policy": "once"}, "concurrency": {"limit": 1, "behavior": "queue"}, "rateLimit": {"limit": 2, "per": "30d"},
            "goal": {"event": "order.placed"}});
        let quiet = json!({"trigger_event": "contact_updated", "debounce": {"for": "30s"}});
        let die = async |faults: Once| {
            let house = House::new(place.another());
            let (engine, _, _) = house.furnish(with(&rules, &[hour()])).await;
            save(&engine, with(&quiet, &[])).await;
            stop(engine).await;
            let faults = Arc::new(faults);
            if let Ok(engine) = house.reopen(Some(Arc::clone(&faults) as Arc<_>)).await {
                // It dies on the way, or comes to its end.
                drop(story(&house, &engine).await);
                stop(engine).await;
            }
            let engine = house.recover().await;
            story(&house, &engine).await.unwrap();
            let mut refused = refused(&engine).await;
            refused.sort();
            let tickets = texts(&engine, TICKETS).await.unwrap();
            let runs = texts(&engine, RUNS).await.unwrap();
            assert_eq!((tickets.join(", "), runs.join(", "), refused.join(", ")), (
                "1 of 1, 22 of 7".to_owned(),
                "1 completed, 3 completed, 22 completed".to_owned(),
                "2 already_enrolled, 21 debounced, 4 rate_limited".to_owned(),
            ), "{faults:?}");
            stop(engine).await;
            faults.commits.load(Ordering::Relaxed)
        };
        let commits = die(Once::default()).await;
        assert!(commits >= 8, "{commits}");
        for commit in 1..=commits {
            die(Once { before_commit: Some(commit), ..Once::default() }).await;
            die(Once { after_commit: Some(commit), ..Once::default() }).await;
        }
    }
}

/// One enters and waits for an hour; the same again is refused; a second one queues behind the first, and the goal of that one is met while it
/// does; a third is one too many. Of two changes of a contact the second counts. Everything may be done twice: events have ids.
async fn story(house: &House, engine: &Engine) -> Result<(), EngineError> {
    let changed =
        |number: i64| NewEvent { name: EventName::system("contact_updated"), ..answers(number, Some(7)) };
    let order = NewEvent {
        name: "order.placed".parse::<EventName>().unwrap(),
        ..event(Some("order"), json!({"contact": {"id": 3}}))
    };
    for event in [
        answers(1, Some(1)),
        answers(2, Some(1)),
        changed(21),
        answers(3, Some(3)),
        answers(4, Some(4)),
        changed(22),
        order,
    ] {
        engine.accept(event).await?;
    }
    loop {
        let live = "SELECT CAST(count(*) AS TEXT) FROM workflow_executions WHERE tenant_id = ?1 AND status <> 'completed'";
        let lines = "SELECT CAST(count(*) AS TEXT) FROM debounces WHERE tenant_id = ?1";
        // No read is given up in the middle: it would hold the file of a dead store a little longer.
        let (live, lines) = (texts(engine, live).await?, texts(engine, lines).await?);
        if live == ["0"] && lines == ["0"] {
            return Ok(());
        }
        let due = "SELECT min(due_at) FROM (SELECT due_at FROM timers UNION ALL SELECT due_at FROM debounces) AS due";
        let due = engine
            .store()
            .read_any()
            .await?
            .query_one(due, Vec::new())
            .await?
            .first::<Option<Timestamp>>()?;
        if let Some(due) = due.filter(|due| *due > house.clock.now()) {
            house.clock.set(due);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
            () = engine.store().ended() => return Err(store::StoreError::Closed.into()),
        }
    }
}

/// Two nodes take in the same people at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn rules_hold_over_two_nodes() {
    let house = House::new(Place::postgres());
    let once = json!({"trigger_event": "submission_completed", "enrolment": {"policy": "once"}});
    let (engine, _, _) = house.furnish(with(&once, &[])).await;
    let few = save(&engine, with(&json!({"rateLimit": {"limit": 7, "per": "1d"}}), &[])).await;
    let one = save(&engine, with(&json!({"concurrency": {"limit": 1, "behavior": "drop"}}), &[hour()])).await;
    let other = house.reopen(None).await.unwrap();
    let posts = (1..=40).map(|number| {
        let engine = if number % 2 == 0 { engine.clone() } else { other.clone() };
        async move { engine.accept(answers(number, Some(1 + number / 8))).await.unwrap() }
    });
    let accepted = futures_util::future::join_all(posts).await;
    let started = |workflow: WorkflowId| {
        accepted
            .iter()
            .flat_map(|accepted| &accepted.executions)
            .filter(|started| started.workflow_id == workflow)
            .count()
    };
    assert_eq!((started(WorkflowId::new(1)), started(few), started(one)), (6, 7, 1));
    stop(other).await;
    stop(engine).await;
}
