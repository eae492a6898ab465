//! Several nodes over one PostgreSQL: one dies, one stands still, one changes a workflow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use engine::{Engine, Lease};
use model::{Actor, Clock, ExecutionId, Period};
use serde_json::{Value, json};
use store::{StoreError, execution::Started, writer::Faults};
use testkit::{place::Place, sink::Sink};

use crate::harness::{House, TENANT, definition_of, keys, lines, load, post};

/// Kills the writer at its next commit once it is told to.
#[derive(Debug, Default)]
struct DiesWhenTold(AtomicBool);

impl Faults for DiesWhenTold {
    fn operation(&self, _: u64) -> Option<StoreError> {
        None
    }
    fn dies_before_commit(&self, _: u64) -> bool {
        false
    }
    fn dies_after_commit(&self, _: u64) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn steps(sink: &Sink, path: &str) -> Value {
    json!({"conditions": [], "actions": [
        {"type": "create_ticket", "config": {"title": "Once"}},
        {"type": "webhook", "config": {"url": sink.url(path)}, "critical": true, "timeoutMs": 60_000},
        {"type": "create_ticket", "config": {"title": "Then"}},
    ]})
}

/// Waits for the end of an execution that another node may be running.
async fn ended(engine: &Engine, id: ExecutionId) -> Started {
    let wait = async {
        loop {
            let started = load(engine, id).await.unwrap();
            if started.execution.progress.status.is_terminal() {
                return started;
            }
            // The other node's commits are not heard here.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("the execution ends")
}

/// Time goes on for tasks that sleep by the house's clock.
fn let_time_pass(house: &House) -> tokio::task::AbortHandle {
    let clock = house.clock.clone();
    let passing = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            clock.advance(Period::from_millis(200).expect("a fifth of a second"));
        }
    });
    passing.abort_handle()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_node_had_in_hand_another_one_finishes() {
    let (house, sink) = (House::new(Place::postgres()), Sink::start().await);
    let (first, _, _) = house.furnish(steps(&sink, "/ok")).await;
    first.stop(Duration::from_secs(5)).await;
    let faults = Arc::new(DiesWhenTold::default());
    let dying = house.reopen(Some(Arc::clone(&faults) as Arc<dyn Faults>)).await.unwrap();
    let survivor = house.reopen(None).await.unwrap();
    let time = let_time_pass(&house);
    let id = post(&dying, json!({"submission": {}})).await.executions[0].id;
    // In the middle of the run, after some commit of it: wherever that is, the end is the same.
    faults.0.store(true, Ordering::Relaxed);
    let finished = ended(&survivor, id).await;
    time.abort();
    insta::assert_snapshot!("finished_by_another_node", lines(&finished.journal).join("\n"));
    assert_eq!(keys(&sink).len(), 1);
    assert_eq!(finished.execution.owner, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stands_still_is_taken_over_and_cannot_write_any_more() {
    let (house, sink) = (House::new(Place::postgres()), Sink::start().await);
    let (first, _, _) = house.furnish(steps(&sink, "/hang-times/1")).await;
    first.stop(Duration::from_secs(5)).await;
    // It never renews: as a process that is stopped.
    let still = Lease { ttl: Duration::from_millis(400), renew: Duration::from_secs(600) };
    let stopped = house.node(house.store(None).await.unwrap(), still).await.unwrap();
    let id = post(&stopped, json!({"submission": {}})).await.executions[0].id;
    let survivor = house.reopen(None).await.unwrap();
    let time = let_time_pass(&house);
    let finished = ended(&survivor, id).await;
    time.abort();
    // Whatever the stopped one still wants to write, the fence refuses.
    let write =
        stopped.store().write(|tx| Box::pin(async move { tx.execute("SELECT 1", Vec::new()).await })).await;
    assert_eq!(write, Err(StoreError::Fenced));
    insta::assert_snapshot!("finished_after_a_standstill", lines(&finished.journal).join("\n"));
    assert_eq!(keys(&sink).len(), 1, "the step that was in flight keeps its key");
}

/// Callers and called ones end up on either node, and many of the ends come while the caller is on its way to its rest.
#[tokio::test(flavor = "multi_thread")]
async fn no_end_of_a_called_workflow_is_missed_over_nodes() {
    let house = House::new(Place::postgres());
    let run = |name: &str| json!({"name": name, "actions": [{"type": "run_workflow", "config": {"workflowId": "called"}}]});
    let lanes = json!({"type": "parallel", "config": {"branches": [run("a"), run("b"), run("c")]}});
    let ticket = json!({"type": "create_ticket", "config": {"title": "after all"}});
    let (first, _, _) = house.furnish(json!({"name": "Caller", "actions": [lanes, ticket]})).await;
    let wait = json!({"type": "delay", "config": {"duration": "1s"}});
    let called = json!({"name": "Called", "trigger_event": "manual", "actions": [{"type": "set", "config": {"variables": {"a": 1}}}, wait]});
    house.workflow(&first, called).await;
    let second = house.reopen(None).await.unwrap();
    let time = let_time_pass(&house);
    let mut callers = Vec::new();
    for number in 0..16 {
        let node = if number % 2 == 0 { &first } else { &second };
        callers.push(post(node, json!({})).await.executions[0].id);
    }
    let begun = house.clock.now();
    for caller in callers {
        let ended = ended(&first, caller).await;
        assert_eq!(
            ended.execution.progress.status,
            model::ExecutionStatus::Completed,
            "{:?}",
            lines(&ended.journal)
        );
    }
    // None has waited for the look that it takes by itself once a day.
    assert!(house.clock.now().millis_since(begun) < Period::hours(12).as_millis());
    time.abort();
    first.stop(Duration::from_secs(5)).await;
    second.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_workflow_reaches_the_other_nodes() {
    let (house, sink) = (House::new(Place::postgres()), Sink::start().await);
    let (first, workflow, _) = house.furnish(steps(&sink, "/ok")).await;
    let second = house.reopen(None).await.unwrap();
    let definition = definition_of(json!({"name": "Changed", "conditions": [], "actions": []}));
    let change =
        store::workflow::Change { definition: Some(definition), ..store::workflow::Change::default() };
    let update = first.store().write(move |tx| {
        Box::pin(async move {
            store::workflow::workflow_update(tx, TENANT, Actor::System, workflow, change).await
        })
    });
    update.await.unwrap();
    first.workflow_changed(TENANT, workflow).await.unwrap();
    let time = let_time_pass(&house);
    let seen = async {
        loop {
            let id = post(&second, json!({})).await.executions[0].id;
            if load(&second, id).await.unwrap().execution.workflow_version == 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen).await.expect("the second node takes the new version");
    time.abort();
}
