//! Timers: one row for each execution that waits for a time, whatever for. A million of them cost rows, not memory.

use model::{ExecutionId, ExecutionStatus, TenantId, Timestamp};

use crate::{Connection, StoreResult, Tx, database::Later, execution, params, writer::Notice};

/// When the next timer is due.
///
/// # Errors
/// When the database refuses.
pub async fn timer_next(connection: &mut Connection) -> StoreResult<Option<Timestamp>> {
    connection.query_one("SELECT min(due_at) FROM timers", Vec::new()).await?.first()
}

/// Takes up to `limit` due timers away and leaves their executions to whoever has room, as what is to be run: a fair share of each tenant at a
/// time, however long the backlog is. Answers how many there were.
///
/// # Errors
/// When the database refuses.
pub async fn timers_fire(tx: &mut Tx, now: Timestamp, limit: i64) -> StoreResult<usize> {
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
    sql: "INSERT INTO timers (due_at, execution_id, tenant_id) {rows:time,bigint,bigint}",
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
        tx.later(INSERT, params![due_at, execution, tenant]);
        tx.notice(Notice::TimerSet(due_at));
    }
}

pub(crate) fn timer_delete(tx: &mut Tx, due_at: Timestamp, execution: ExecutionId) {
    tx.later(DELETE, params![due_at, execution]);
}

/// Whether a status is one that a timer may wake.
#[must_use]
pub const fn waits(status: ExecutionStatus) -> bool {
    matches!(status, ExecutionStatus::Waiting | ExecutionStatus::Retrying)
}
