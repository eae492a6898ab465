//! Timers: one row for each execution that waits for a time, whatever for. A million of them cost rows, not memory.

use model::{ExecutionId, ExecutionStatus, TenantId, Timestamp};

use crate::{Connection, StoreResult, Tx, database::Later, execution, params, writer::Notice};

/// What is due next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// When the next timer is.
    pub timer: Option<Timestamp>,
    /// When the clock starts a workflow next.
    pub schedule: Option<Timestamp>,
    /// When an event has waited whether more comes.
    pub debounce: Option<Timestamp>,
    /// When a job goes on.
    pub job: Option<Timestamp>,
    /// When something is to be told of a ticket's deadline.
    pub deadline: Option<Timestamp>,
}

/// When the next timer is due, and the next schedule.
///
/// # Errors
/// When the database refuses.
pub async fn timer_next(connection: &mut Connection) -> StoreResult<Next> {
    // Of every tenant: time passes for all.
    let sql = "SELECT (SELECT min(due_at) FROM timers), (SELECT min(due_at) FROM workflow_schedules),
        (SELECT min(due_at) FROM debounces), (SELECT min(due_at) FROM jobs WHERE due_at IS NOT NULL),
        (SELECT min(due_at) FROM ticket_deadlines)";
    let row = connection.query_one(sql, Vec::new()).await?;
    let mut row = row.cells();
    Ok(Next {
        timer: row.take()?,
        schedule: row.take()?,
        debounce: row.take()?,
        job: row.take()?,
        deadline: row.take()?,
    })
}

/// Takes up to `limit` due timers away and leaves their executions to whoever has room, as what is to be run: a fair share of each tenant at a
/// time, however long the backlog is. Answers when they were due.
///
/// # Errors
/// When the database refuses.
pub async fn timers_fire(tx: &mut Tx, now: Timestamp, limit: i64) -> StoreResult<Vec<Timestamp>> {
    // Of every tenant: time passes for all.
    let rows = tx
        .query(
            "SELECT due_at, execution_id FROM timers WHERE due_at <= ?1 ORDER BY due_at, execution_id LIMIT ?2 {skip_locked}",
            params![now, limit],
        )
        .await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let mut row = row.cells();
        due.push((row.take::<Timestamp>()?, row.take::<ExecutionId>()?));
    }
    execution::executions_wake(tx, &due).await
}

const INSERT: Later = Later {
    place: 3,
    table: "timers",
    // There may be a timer of the same moment already. It is held to the commit, so that nobody takes it away meanwhile: whoever wakes by it sees what
    // this transaction has done. In one order, as all locks.
    sql: "WITH due (due_at, execution_id, tenant_id) AS ({rows:time,bigint,bigint})
          INSERT INTO timers (due_at, execution_id, tenant_id)
          SELECT DISTINCT due_at, execution_id, tenant_id FROM due WHERE TRUE ORDER BY due_at, execution_id
          ON CONFLICT (due_at, execution_id) DO UPDATE SET tenant_id = excluded.tenant_id",
};
const DELETE: Later = Later {
    place: 2,
    table: "timers",
    sql: "WITH gone (due_at, execution_id) AS ({rows:time,bigint})
          DELETE FROM timers WHERE (due_at, execution_id) IN (SELECT due_at, execution_id FROM gone)",
};

/// Replaces an execution's timer.
pub(crate) fn timer_set(
    tx: &mut Tx,
    tenant: TenantId,
    execution: ExecutionId,
    before: Option<Timestamp>,
    after: Option<Timestamp>,
) {
    if before == after {
        return;
    }
    if let Some(due_at) = before {
        timer_delete(tx, due_at, execution);
    }
    if let Some(due_at) = after {
        timer_add(tx, tenant, execution, due_at);
    }
}

/// Sets a timer beside those that there are.
pub(crate) fn timer_add(tx: &mut Tx, tenant: TenantId, execution: ExecutionId, due_at: Timestamp) {
    tx.later(INSERT, params![due_at, execution, tenant]);
    tx.notice(Notice::TimerSet(due_at));
}

pub(crate) fn timer_delete(tx: &mut Tx, due_at: Timestamp, execution: ExecutionId) {
    tx.later(DELETE, params![due_at, execution]);
}

/// Whether a status is one that a timer may wake.
#[must_use]
pub const fn waits(status: ExecutionStatus) -> bool {
    matches!(status, ExecutionStatus::Waiting | ExecutionStatus::Retrying)
}
