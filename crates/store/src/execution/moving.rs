//! Executions that are moved to a newer version of their workflow while nobody runs them.
//!
//! Whether the place where one stands exists there is not known here: the caller decides it inside the transaction, from the rows under
//! its lock, and what he answers is written with the new version in one. So an execution is either as it was, or on the new version with all
//! that belongs to it, whatever is killed.

use model::{
    Actor, ExecutionId, ExecutionStatus, TenantId, Timestamp, WorkflowId, execution::Execution, journal::Log,
};

use super::{UNSAVED, execution_get, execution_held, missing};
use crate::{
    Connection, StoreResult, Tx,
    journal::{log_all, log_insert},
    params,
    timer::waits,
    writer::Notice,
};

/// An execution that might be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Which one.
    pub id: ExecutionId,
    /// The version that it runs.
    pub version: i64,
}

/// A move that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionMove {
    /// The version before.
    pub from_version: i64,
    /// The version since.
    pub to_version: i64,
    /// When.
    pub moved_at: Timestamp,
    /// By whom.
    pub moved_by: Option<Actor>,
}

/// What became of one execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It is on the new version.
    Done,
    /// It stays where it is, for this reason.
    Not(String),
}

/// Says whether an execution can be moved: the rows to be added to its journal, or why not. Pure.
pub type Judge = Box<dyn FnOnce(&Execution, &[Log], Timestamp) -> Result<Vec<Log>, String> + Send>;

/// Live executions of a workflow that run an older version than `to`, by id after `after`.
///
/// # Errors
/// When the database refuses.
pub async fn execution_move_candidates(
    connection: &mut Connection,
    (tenant, workflow): (TenantId, WorkflowId),
    to: i64,
    after: Option<ExecutionId>,
    limit: i64,
) -> StoreResult<Vec<Candidate>> {
    let rows = connection
        .query(
            "SELECT id, workflow_version FROM workflow_executions
              WHERE workflow_id = ?1 AND tenant_id = ?2 AND status IN ('pending', 'running', 'waiting', 'retrying')
                AND workflow_version < ?3 AND id > ?4 ORDER BY id LIMIT ?5",
            params![workflow, tenant, to, after.map_or(0, ExecutionId::get), limit],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(Candidate { id: row.take()?, version: row.take()? })
        })
        .collect()
}

/// Moves one execution from the version that the judge knows to a newer one, if it still runs that, nobody has it in hand, and the judge
/// agrees.
///
/// # Errors
/// [`StoreError::Missing`](crate::StoreError::Missing).
pub async fn execution_move(
    tx: &mut Tx,
    (tenant, id): (TenantId, ExecutionId),
    (from, to): (i64, i64),
    actor: Actor,
    judge: Judge,
) -> StoreResult<Moved> {
    let held = execution_held(tx, tenant, id).await?.ok_or_else(|| missing(id))?;
    let status = held.progress.status;
    if let Some(reason) = movable(status, held.owner.is_some()) {
        return Ok(Moved::Not(reason));
    }
    let execution = execution_get(tx, tenant, id).await?;
    if execution.workflow_version != from {
        return Ok(Moved::Not(format!("it runs version {} by now", execution.workflow_version)));
    }
    let journal = log_all(tx, tenant, id).await?;
    let now = tx.now();
    let rows = match judge(&execution, &journal, now) {
        Ok(rows) => rows,
        Err(reason) => return Ok(Moved::Not(reason)),
    };
    let mut last = journal.last().map_or(UNSAVED, |log| log.id);
    for mut log in rows {
        log_insert(tx, &mut log, last).await?;
        last = log.id;
    }
    tx.execute(
        "UPDATE workflow_executions SET workflow_version = ?1, updated_at = ?2 WHERE id = ?3 AND tenant_id = ?4",
        params![to, now, id, tenant],
    )
    .await?;
    tx.execute(
        "INSERT INTO execution_moves (execution_id, to_version, tenant_id, from_version, moved_at, moved_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![id, to, tenant, from, now, actor],
    )
    .await?;
    tx.notice(Notice::ExecutionChanged { tenant, execution: id, workflow: execution.workflow_id, status });
    Ok(Moved::Done)
}

/// Why an execution in this state cannot be moved; none when it can: whoever has it in hand runs it by the version that he has read. Pure.
#[must_use]
pub fn movable(status: ExecutionStatus, is_in_hand: bool) -> Option<String> {
    if status.is_terminal() {
        return Some(format!("it is {status}"));
    }
    let rests = waits(status) || (status == ExecutionStatus::Pending && !is_in_hand);
    (!rests).then(|| "it is being worked on: it can be moved when it waits".to_owned())
}

/// The moves of an execution, oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn execution_move_list(
    connection: &mut Connection,
    tenant: TenantId,
    id: ExecutionId,
) -> StoreResult<Vec<ExecutionMove>> {
    let rows = connection
        .query(
            "SELECT from_version, to_version, moved_at, moved_by FROM execution_moves
              WHERE execution_id = ?1 AND tenant_id = ?2 ORDER BY to_version",
            params![id, tenant],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(ExecutionMove {
                from_version: row.take()?,
                to_version: row.take()?,
                moved_at: row.take()?,
                moved_by: row.take()?,
            })
        })
        .collect()
}
