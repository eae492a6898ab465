//! Timers: one row for each execution that waits for a time, whatever for. A million of them cost rows, not memory.

use model::{ExecutionId, ExecutionStatus, TenantId, Timestamp};

use crate::{Connection, StoreResult, Tx, execution, params};

/// When the next timer is due.
///
/// # Errors
/// When the database refuses.
pub async fn timer_next(connection: &mut Connection) -> StoreResult<Option<Timestamp>> {
    connection.query_one("SELECT min(due_at) FROM timers", Vec::new()).await?.first()
}

/// Takes up to `limit` due timers away and makes their executions run again. Each is this node's from then on; the commit's notices
/// say which. Answers how many there were.
///
/// # Errors
/// When the database refuses.
pub async fn timers_fire(tx: &mut Tx, now: Timestamp, limit: i64) -> StoreResult<usize> {
    let rows = tx
        .query(
            "SELECT tenant_id, execution_id FROM timers WHERE due_at <= ?1 ORDER BY due_at, execution_id LIMIT ?2 {skip_locked}",
            params![now, limit],
        )
        .await?;
    let count = rows.len();
    for row in rows {
        let mut row = row.cells();
        let (tenant, id): (TenantId, ExecutionId) = (row.take()?, row.take()?);
        execution::execution_resume(tx, tenant, id).await?;
    }
    Ok(count)
}

/// Replaces an execution's timer.
pub(crate) async fn timer_set(
    tx: &mut Tx,
    tenant: TenantId,
    execution: ExecutionId,
    before: Option<Timestamp>,
    after: Option<Timestamp>,
) -> StoreResult<()> {
    if before == after {
        return Ok(());
    }
    if let Some(due_at) = before {
        tx.execute("DELETE FROM timers WHERE due_at = ?1 AND execution_id = ?2", params![due_at, execution])
            .await?;
    }
    if let Some(due_at) = after {
        tx.execute(
            "INSERT INTO timers (due_at, execution_id, tenant_id) VALUES (?1, ?2, ?3)",
            params![due_at, execution, tenant],
        )
        .await?;
        tx.notice(crate::writer::Notice::TimerSet(due_at));
    }
    Ok(())
}

/// Whether a status is one that a timer may wake.
#[must_use]
pub const fn waits(status: ExecutionStatus) -> bool {
    matches!(status, ExecutionStatus::Waiting | ExecutionStatus::Retrying)
}
