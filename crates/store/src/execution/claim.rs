//! Many executions at once: those whose time has come wait for a worker, those that wait are taken in hand.

use std::collections::HashSet;

use model::{
    ExecutionId, ExecutionStatus, Timestamp,
    execution::{Execution, Progress},
};

use super::{
    COLUMNS, HELD, Held, Started,
    ending::{Early, held_end},
    execution_of, executions_hold, held_of, moved, progress_write,
};
use crate::{
    StoreResult, Tx,
    database::{Row, Value},
    journal::logs_of,
    timer::{timer_delete, waits},
    writer::Notice,
};

const WAKE: &str = "UPDATE workflow_executions SET status = 'pending', wake_at = NULL, next_retry_at = NULL, owner = NULL, updated_at = ?2
          WHERE id {among:?1}";

/// Makes executions whose timers are due wait for a worker instead. Timers without a waiting execution are leftovers: they go. An execution that
/// somebody is changing right now keeps its timer, for the next look. Answers when the timers that are gone were due.
pub(crate) async fn executions_wake(
    tx: &mut Tx,
    due: &[(Timestamp, ExecutionId)],
) -> StoreResult<Vec<Timestamp>> {
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let ids = || due.iter().map(|(_, id)| id.get()).collect();
    let held = executions_free(tx, ids()).await?;
    let mut busy: HashSet<ExecutionId> = HashSet::new();
    if held.len() < due.len() {
        busy = executions_exist(tx, ids()).await?;
        for held in &held {
            busy.remove(&held.id);
        }
    }
    let due_now: HashSet<(Timestamp, ExecutionId)> = due.iter().copied().collect();
    // A run's retry comes when it is planned, whatever else has happened meanwhile.
    let is_early = |held: &Held| {
        held.progress.status == ExecutionStatus::Retrying
            && !held.progress.wake_at.is_some_and(|wake_at| due_now.contains(&(wake_at, held.id)))
    };
    let waiting: Vec<&Held> =
        held.iter().filter(|held| waits(held.progress.status) && !is_early(held)).collect();
    wake(tx, &waiting).await?;
    for held in &waiting {
        // Woken by something else, before its time.
        if let Some(wake_at) = held.progress.wake_at.filter(|wake_at| !due_now.contains(&(*wake_at, held.id)))
        {
            timer_delete(tx, wake_at, held.id);
        }
    }
    let mut gone = Vec::with_capacity(due.len());
    for (due_at, id) in due.iter().filter(|(_, id)| !busy.contains(id)) {
        timer_delete(tx, *due_at, *id);
        gone.push(*due_at);
    }
    Ok(gone)
}

/// As [`executions_wake`], before their time: their timers go.
pub(super) async fn executions_rouse(tx: &mut Tx, waiting: &[&Held]) -> StoreResult<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    wake(tx, waiting).await?;
    for held in waiting {
        if let Some(due_at) = held.progress.wake_at {
            timer_delete(tx, due_at, held.id);
        }
    }
    Ok(())
}

async fn wake(tx: &mut Tx, waiting: &[&Held]) -> StoreResult<()> {
    let now = tx.now();
    let woken = Value::Ids(waiting.iter().map(|held| held.id.get()).collect());
    tx.execute(WAKE, vec![woken, now.into()]).await?;
    for held in waiting {
        moved(tx, held, ExecutionStatus::Pending, held.progress.outcome, 0);
    }
    if !waiting.is_empty() {
        tx.notice(Notice::Unowned);
    }
    Ok(())
}

/// Reads and locks those of the executions that nobody is changing.
pub(super) async fn executions_free(tx: &mut Tx, ids: Vec<i64>) -> StoreResult<Vec<Held>> {
    // Of every tenant, as the timers are.
    let sql =
        format!("SELECT {HELD} FROM workflow_executions WHERE id {{among:?1}} ORDER BY id {{skip_locked}}");
    let rows = tx.query(sql, vec![Value::Ids(ids)]).await?;
    rows.into_iter().map(held_of).collect()
}

/// Those of the executions that there are.
pub(super) async fn executions_exist(tx: &mut Tx, ids: Vec<i64>) -> StoreResult<HashSet<ExecutionId>> {
    let sql = "SELECT id FROM workflow_executions WHERE id {among:?1}";
    tx.query(sql, vec![Value::Ids(ids)]).await?.into_iter().map(Row::first).collect()
}

/// Takes executions in hand; the notices hand them to the engine.
pub(crate) async fn executions_claim(tx: &mut Tx, ids: Vec<i64>) -> StoreResult<()> {
    // Of several tenants: each row says whose it is.
    let sql = format!("SELECT {COLUMNS} FROM workflow_executions WHERE id {{among:?1}} ORDER BY id");
    let rows = tx.query(sql, vec![Value::Ids(ids.clone())]).await?;
    let mut journals = logs_of(tx, ids.clone()).await?;
    executions_hold(tx, ids).await?;
    for row in rows {
        let execution = execution_of(row)?;
        let journal = journals.remove(&execution.id).unwrap_or_default();
        let Some(held) = tx.held_take(execution.tenant_id, execution.id) else { continue };
        // One that was running belonged to a process that died; one that is pending was not begun, or had come to a rest.
        let was_running = execution.progress.status == ExecutionStatus::Running;
        let recoveries = execution.progress.recoveries + i64::from(was_running);
        if recoveries > MOST_RECOVERIES {
            let error = format!(
                "given up: the server stopped {recoveries} times while this execution ran, without getting any further"
            );
            held_end(tx, &held, Early::Failed, &error).await?;
            continue;
        }
        let progress = Progress { recoveries, ..execution.progress.clone() };
        progress_write(tx, &held, &progress);
        let owner = tx.node();
        let execution = Execution { progress, owner, ..execution };
        tx.notice(Notice::Started(Box::new(Started { execution, journal })));
    }
    Ok(())
}

/// An execution that the process did not survive this often, without one step done in between, is given up: it is
/// probably what ends the process.
const MOST_RECOVERIES: i64 = 50;
