//! How executions end before their steps have led to an end: nothing is left behind, and what has ended stays so, whoever comes at the same time.

use std::{future::Future, time::Duration};

use model::{
    effect::{Effect, Link, NewTicket},
    execution::Execution,
    ticket::{TicketPriority, TicketStatus},
    waiting::{Change, NewWait, Waiting},
};
use store::{
    entry::{Queue, queue_advance},
    event::event_accept,
    execution::{
        Advance, Advanced, Performed, execution_cancel, execution_fail, execution_get, execution_retire,
    },
    node::{node_claim, node_register},
    timer::timers_fire,
};
use tokio::sync::oneshot;

use super::*;

async fn begun(bench: &Bench) -> ExecutionId {
    let event = posted(ONE, None, json!({}));
    let accepted = change!(bench, |tx| event_accept(tx, &event)).unwrap();
    accepted.executions[0].id
}

fn step(execution: ExecutionId, number: i64, path: &str, step_type: StepType, status: StepStatus) -> Log {
    Log {
        execution_id: execution,
        step_number: number,
        step_type,
        step_id: path.to_owned(),
        step_path: path.to_owned(),
        status,
        ..log(&posted(ONE, None, json!({})))
    }
}

fn calls(execution: ExecutionId, called: ExecutionId, status: StepStatus) -> Performed {
    let log = step(execution, 3, "call", StepType::Workflow, status);
    Performed { log: Log { output_data: Some(json!({"executionId": called}).into()), ..log }, effect: None }
}

fn waits(execution: ExecutionId) -> Performed {
    let event = "order.paid".parse().unwrap();
    let wait = NewWait { event, correlation: None, conditions: Value::Null, kept: Value::Null };
    let waiting = Waiting { step_path: "wait".to_owned(), change: Change::Event(wait) };
    Performed {
        log: step(execution, 2, "wait", StepType::Wait, StepStatus::Running),
        effect: Some(Effect::Wait(Box::new(waiting))),
    }
}

fn advance(execution: ExecutionId, steps: Vec<Performed>, status: ExecutionStatus) -> Advance {
    let progress = Progress::accepted(status, Some(Outcome::Matched));
    Advance {
        tenant: ONE,
        execution,
        owner: None,
        last: LogId::new(0),
        steps: steps.into(),
        awaits: Vec::new(),
        follow: Arc::new(move |_: &[Arc<Log>]| Some(progress.clone())),
        waits: Arc::new([]),
        touches: None,
        gives_up: None,
    }
}

/// The status of each execution, oldest first, and how much of the first is still open: rows, and waits.
async fn left(bench: &Bench) -> (Vec<String>, i64, i64) {
    let rows = bench.rows("SELECT status FROM workflow_executions ORDER BY id").await;
    let statuses = rows.into_iter().map(|row| row.first().unwrap()).collect();
    let open = "SELECT count(*) FROM workflow_execution_logs WHERE status IN ('running', 'pending')";
    (statuses, bench.number(open).await, bench.number("SELECT count(*) FROM execution_waits").await)
}

/// One that waits for an event and for another that it has called.
async fn waiting(bench: &Bench, status: ExecutionStatus) -> ExecutionId {
    let (caller, called) = (begun(bench).await, begun(bench).await);
    let steps = vec![waits(caller), calls(caller, called, StepStatus::Running)];
    bench.store.execution_advance(advance(caller, steps, status)).await.unwrap();
    let expected = (vec![status.to_string(), "pending".to_owned()], 2, 1);
    assert_eq!(left(bench).await, expected);
    caller
}

testkit::on_both! {
    async fn an_execution_that_fails_early_leaves_nothing_behind(place: Place) {
        let bench = Bench::new(place).await;
        let caller = waiting(&bench, ExecutionStatus::Waiting).await;
        change!(bench, |tx| execution_fail(tx, ONE, caller, "it cannot be run")).unwrap();
        // The last one is what the failure started, which is told of.
        assert_eq!(left(&bench).await, (vec!["failed".to_owned(), "cancelled".to_owned(), "pending".to_owned()], 0, 0));
        let failed = read!(bench, |connection| execution_get(connection, ONE, caller)).unwrap();
        assert_eq!(failed.progress.error.as_deref(), Some("it cannot be run"));
    }

    async fn nor_does_one_that_no_server_survives(place: Place) {
        let bench = Bench::new(place).await;
        let caller = waiting(&bench, ExecutionStatus::Running).await;
        change!(bench, |tx| async {
            node_register(tx, model::NodeId::new(7), "test", 60_000).await?;
            tx.execute("UPDATE workflow_executions SET recoveries = 50, owner = NULL WHERE id = ?1", params![caller]).await
        }).unwrap();
        bench.store.node_set(Some(model::NodeId::new(7)));
        change!(bench, |tx| node_claim(tx, 1)).unwrap();
        assert_eq!(left(&bench).await, (vec!["failed".to_owned(), "cancelled".to_owned(), "pending".to_owned()], 0, 0));
    }

    /// Taken over, it has no name until it is a node again: what is nobody's is not its own then.
    async fn what_was_taken_up_as_a_node_is_not_gone_on_with_as_nobody(place: Place) {
        let bench = Bench::new(place).await;
        let execution = begun(&bench).await;
        let late = Advance { owner: Some(model::NodeId::new(7)), ..advance(execution, Vec::new(), ExecutionStatus::Completed) };
        assert_eq!(bench.store.execution_advance(late).await.unwrap(), Advanced::Stale);
        assert_eq!(left(&bench).await, (vec!["pending".to_owned()], 0, 0));
    }

    async fn nor_does_one_that_is_retried_by_hand_before_its_own_retry(place: Place) {
        let bench = Bench::new(place).await;
        let caller = waiting(&bench, ExecutionStatus::Retrying).await;
        change!(bench, |tx| execution_retire(tx, ONE, caller)).unwrap();
        assert_eq!(left(&bench).await, (vec!["failed".to_owned(), "cancelled".to_owned()], 0, 0));
    }

    async fn what_is_called_in_vain_ends_also_when_its_caller_is_overtaken(place: Place) {
        let bench = Bench::new(place).await;
        let (caller, called) = (begun(&bench).await, begun(&bench).await);
        let steps = vec![calls(caller, called, StepStatus::Skipped)];
        let waits = Arc::new(["what has come meanwhile".to_owned()]);
        let advance = Advance { waits, ..advance(caller, steps, ExecutionStatus::Waiting) };
        assert_eq!(bench.store.execution_advance(advance).await, Ok(Advanced::Overtaken));
        assert_eq!(left(&bench).await.0, ["pending", "cancelled"]);
    }

    async fn what_has_ended_is_not_given_up(place: Place) {
        let bench = Bench::new(place).await;
        let (caller, called) = (begun(&bench).await, begun(&bench).await);
        let give_up = || Advance {
            gives_up: Some(called),
            ..advance(caller, vec![calls(caller, called, StepStatus::Failed)], ExecutionStatus::Running)
        };
        let completed = advance(called, Vec::new(), ExecutionStatus::Completed);
        bench.store.execution_advance(completed).await.unwrap();
        assert_eq!(bench.store.execution_advance(give_up()).await, Ok(Advanced::Overtaken));
        assert_eq!(left(&bench).await.0, ["pending", "completed"]);
        assert_eq!(bench.number::<i64>("SELECT count(*) FROM workflow_execution_logs WHERE step_id = 'call'").await, 0, "nothing was written");
    }
}

/// Waits until so many sessions of the store wait for a lock of another.
async fn blocked(bench: &Bench) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let blocked = async {
        while bench.number::<i64>(sql).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), blocked).await.expect("it waits for the other's lock");
}

/// What another node does meanwhile.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Cancels,
    /// As an event does whose run takes the place of the one that is running: first the gate, then the run.
    HoldsTheGateAndCancels,
}

/// Another node cancels an execution, and is held up on its way until what happens here waits for it.
async fn overlapping<T: Send + 'static>(
    bench: &Bench,
    id: ExecutionId,
    meanwhile: Meanwhile,
    here: impl Future<Output = T> + Send + 'static,
) -> (StoreResult<()>, T) {
    let other = open(&bench.place, &bench.clock).await;
    let ((held, holds), (go_on, goes_on)) = (oneshot::channel(), oneshot::channel::<()>());
    let there = tokio::spawn(async move {
        let write = other.write(move |tx| {
            Box::pin(async move {
                match meanwhile {
                    Meanwhile::Cancels => drop(execution_cancel(tx, ONE, id, "by hand", conclude()).await?),
                    Meanwhile::HoldsTheGateAndCancels => {
                        let gate = "SELECT 1 FROM workflows WHERE id = 1 FOR NO KEY UPDATE";
                        tx.query(gate, Vec::new()).await?;
                    }
                }
                held.send(()).unwrap();
                goes_on.await.unwrap();
                if let Meanwhile::HoldsTheGateAndCancels = meanwhile {
                    execution_cancel(tx, ONE, id, "by hand", conclude()).await?;
                }
                Ok(())
            })
        });
        write.await
    });
    holds.await.unwrap();
    let here = tokio::spawn(here);
    blocked(bench).await;
    go_on.send(()).unwrap();
    (there.await.unwrap(), here.await.unwrap())
}

fn conclude() -> store::execution::Conclude {
    Box::new(|_: &Execution, _: &[Log], _| (None, json!({})))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_meanwhile_stays_cancelled() {
    let bench = Bench::new(Place::postgres()).await;
    let queue = Queue { tenant: ONE, workflow: WorkflowId::new(1) };
    for way in ["fail", "retire", "let it go on"] {
        let status = if way == "retire" { ExecutionStatus::Retrying } else { ExecutionStatus::Waiting };
        let id = begun(&bench).await;
        bench.store.execution_advance(advance(id, Vec::new(), status)).await.unwrap();
        change!(bench, |tx| async {
            let slot = "INSERT INTO entry_slots (workflow_id, key, execution_id, tenant_id, is_queued) VALUES (1, 'k', ?1, 1, TRUE)";
            tx.execute(slot, params![id]).await
        })
        .unwrap();
        let store = bench.store.clone();
        let second = async move {
            let write = store.write(move |tx| {
                Box::pin(async move {
                    match way {
                        "fail" => execution_fail(tx, ONE, id, "it cannot be run").await,
                        "retire" => execution_retire(tx, ONE, id).await,
                        _ => queue_advance(tx, queue, "k", None).await.map(drop),
                    }
                })
            });
            write.await
        };
        let (there, here) = overlapping(&bench, id, Meanwhile::Cancels, second).await;
        assert_eq!((there, here), (Ok(()), Ok(())), "{way}");
        let found = read!(bench, |connection| execution_get(connection, ONE, id)).unwrap();
        assert_eq!(found.progress.status, ExecutionStatus::Cancelled, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_and_a_start_take_the_gate_in_one_order() {
    let bench = Bench::new(Place::postgres()).await;
    let id = begun(&bench).await;
    let ticket = NewTicket {
        title: GATED.to_owned(),
        description: None,
        status: TicketStatus::Open,
        priority: TicketPriority::Normal,
        assignee_id: None,
        contact: Link::None,
        submission: Link::None,
        due_at: None,
        tags: Vec::new(),
        attributes: Map::new(),
    };
    let log = step(id, 2, "make", StepType::Action, StepStatus::Running);
    let steps = vec![Performed { log, effect: Some(Effect::TicketCreate(ticket)) }];
    let advance = advance(id, steps, ExecutionStatus::Completed);
    let store = bench.store.clone();
    let second = async move { store.execution_advance(advance).await };
    let (there, here) = overlapping(&bench, id, Meanwhile::HoldsTheGateAndCancels, second).await;
    assert_eq!((there, here), (Ok(()), Ok(Advanced::Stale)));
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(bench.number::<i64>(deadlocks).await, 0);
}

/// Of one that waits for two others, the second may end while the end of the first wakes it: at the same moment, by the same timer.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_wakes_its_caller_also_when_that_is_being_woken_already() {
    let bench = Bench::new(Place::postgres()).await;
    let (caller, called, now) = (begun(&bench).await, begun(&bench).await, bench.store.now());
    let rest = Progress {
        wake_at: Some(now),
        ..Progress::accepted(ExecutionStatus::Waiting, Some(Outcome::Matched))
    };
    let rest = Advance {
        follow: Arc::new(move |_: &[Arc<Log>]| Some(rest.clone())),
        ..advance(caller, Vec::new(), ExecutionStatus::Waiting)
    };
    bench.store.execution_advance(rest).await.unwrap();
    change!(bench, |tx| async {
        tx.execute(
            "UPDATE workflow_executions SET called = 'waits', caused_by = ?1 WHERE id = ?2",
            params![caller, called],
        )
        .await
    })
    .unwrap();

    let other = open(&bench.place, &bench.clock).await;
    let ((held, holds), (go_on, goes_on)) = (oneshot::channel(), oneshot::channel::<()>());
    let end = tokio::spawn(async move {
        let write = other.write(move |tx| {
            Box::pin(async move {
                execution_cancel(tx, ONE, called, "by hand", conclude()).await?;
                tx.query("SELECT 1 FROM timers", Vec::new()).await?;
                held.send(()).unwrap();
                goes_on.await.unwrap();
                Ok(())
            })
        });
        write.await
    });
    holds.await.unwrap();
    let before = change!(bench, |tx| timers_fire(tx, now, 10)).unwrap();
    go_on.send(()).unwrap();
    end.await.unwrap().unwrap();
    let after = change!(bench, |tx| timers_fire(tx, now, 10)).unwrap();
    assert_eq!((before, after), (vec![], vec![now]), "what wakes it is there when the end can be seen");
}
