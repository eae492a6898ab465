//! A host that hangs takes a part of the workers, and what goes there waits without one; everybody else is served.

use std::time::Duration;

use model::{ExecutionStatus, StepStatus};
use serde_json::json;
use store::workflow::{NewWorkflow, workflow_create};
use testkit::sink::Sink;

use crate::harness::{House, TENANT, definition_of, load, post};

const EXECUTIONS: usize = 200;
const WORKERS: usize = 16;
const PER_HOST: usize = 4;

testkit::on_both! {
    async fn others_are_served_while_a_host_hangs(place: Place) {
        let (mut house, slow, quick) = (House::new(place), Sink::start().await, Sink::start().await);
        house.workers = WORKERS;
        let to = |sink: &Sink, path: &str, operator: &str| json!({
            "name": "Calls", "conditions": [{"field": "submission.data.host", "operator": operator, "value": 1}], "logUnmatched": false,
            "actions": [{"type": "webhook", "config": {"url": sink.url(path)}, "critical": true}],
        });
        let (engine, _, _) = house.furnish(to(&slow, "/hang", "<=")).await;
        let other = definition_of(to(&quick, "/ok", ">"));
        let made = engine.store().write(|tx| Box::pin(async move {
            let new = NewWorkflow { key: None, definition: other, is_draft: false, is_active: true };
            workflow_create(tx, TENANT, model::Actor::System, new).await.map(drop)
        }));
        made.await.unwrap();
        engine.stop(Duration::from_secs(5)).await;

        let engine = house.reopen(None).await.unwrap();
        let mut hanging = Vec::new();
        for _ in 0..EXECUTIONS {
            hanging.push(post(&engine, json!({"submission": {"data": {"host": 1}}})).await.executions[0].id);
        }
        let mut others = Vec::new();
        for _ in 0..20 {
            others.push(post(&engine, json!({"submission": {"data": {"host": 2}}})).await.executions[0].id);
        }
        // The clock stands still: nobody's time is over, and no pause ends.
        for id in others {
            let ended = house.rest(&engine, id).await.unwrap();
            assert_eq!(ended.execution.progress.status, ExecutionStatus::Completed);
        }
        assert_eq!(quick.requests().len(), 20);
        slow.received(PER_HOST).await;
        let (mut in_flight, mut waiting) = (0, 0);
        for id in hanging {
            let found = load(&engine, id).await.unwrap();
            if found.execution.progress.status != ExecutionStatus::Waiting {
                in_flight += 1;
                continue;
            }
            waiting += 1;
            let row = found.journal.last().unwrap();
            assert_eq!((row.status, row.attempt), (StepStatus::Pending, 1), "it is no attempt");
            let reason = row.output_data.as_ref().unwrap()["reason"].as_str().unwrap().to_owned();
            let host = slow.url("");
            assert!(reason.starts_with(&format!("{} has other calls to answer first; tried again at ", host.trim_end_matches('/'))), "{reason}");
            assert!(found.execution.progress.wake_at.is_some());
        }
        assert_eq!(slow.requests().len(), PER_HOST, "no more than these at once");
        assert!(in_flight <= WORKERS, "{in_flight} in hand, {waiting} put off");
        engine.stop(Duration::ZERO).await;
    }

    async fn what_was_put_off_is_done_when_there_is_room(place: Place) {
        let (house, sink) = (House::new(place), Sink::start().await);
        let calls = |path: &str, operator: &str| json!({
            "name": "Calls", "conditions": [{"field": "submission.data.host", "operator": operator, "value": 1}], "logUnmatched": false,
            "actions": [{"type": "webhook", "config": {"url": sink.url(path)}, "timeoutMs": 3000}],
        });
        let (engine, _, _) = house.furnish(calls("/hang", "<=")).await;
        let other = definition_of(calls("/ok", ">"));
        let made = engine.store().write(|tx| Box::pin(async move {
            let new = NewWorkflow { key: None, definition: other, is_draft: false, is_active: true };
            workflow_create(tx, TENANT, model::Actor::System, new).await.map(drop)
        }));
        made.await.unwrap();
        engine.stop(Duration::from_secs(5)).await;
        let engine = house.reopen(None).await.unwrap();

        let host = |host: i64| json!({"submission": {"data": {"host": host}}});
        let first = post(&engine, host(1)).await.executions[0].id;
        sink.received(1).await;
        let mut later = Vec::new();
        for _ in 0..3 {
            later.push(post(&engine, host(2)).await.executions[0].id);
        }
        for id in &later {
            let put_off = house.rest(&engine, *id).await.unwrap();
            assert_eq!(put_off.execution.progress.status, ExecutionStatus::Waiting);
        }
        house.rest(&engine, first).await.unwrap();
        for id in later {
            let ended = house.run_to_end(&engine, id).await.unwrap();
            assert_eq!(crate::harness::lines(&ended.journal).last().unwrap(), "2 webhook #1 completed");
            assert_eq!(ended.journal.len(), 2, "one row, however often it was put off");
        }
        assert_eq!(crate::harness::keys(&sink).len(), 4);
        assert_eq!(sink.requests().len(), 4);
        engine.stop(Duration::ZERO).await;
    }
}
