//! One look at everything that may concern a node: one query a second, whatever is going on.

use model::{Period, Timestamp};

use crate::{Connection, StoreResult, params};

/// Changes become visible in the order of their commits, not of their times: those of the last seconds are looked at again.
pub const OVERLAP: Period = Period::seconds(15);

/// What the store has for a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// The database's time.
    pub now: Timestamp,
    /// When the next timer or schedule is due.
    pub timer: Option<Timestamp>,
    /// There are executions that nobody has in hand.
    pub has_unowned: bool,
    /// Something has come for runs that wait, and is not brought to them yet.
    pub has_signals: bool,
    /// Something else whenever a workflow or a tenant's settings changed lately.
    pub changes: (i64, Option<Timestamp>),
    /// How many nodes there are.
    pub nodes: i64,
}

/// Looks.
///
/// # Errors
/// When the database refuses.
pub async fn pulse(connection: &mut Connection, now: Timestamp) -> StoreResult<Pulse> {
    // Of every tenant: a node works for all.
    let row = connection
        .query_one(
            "WITH changed AS (SELECT version, updated_at FROM workflows WHERE updated_at >= ?1
                UNION ALL SELECT version, updated_at FROM tenants WHERE updated_at >= ?1)
             SELECT {now_plus:0}, (SELECT min(due_at) FROM (SELECT min(due_at) AS due_at FROM timers UNION ALL SELECT min(due_at) FROM workflow_schedules
                    UNION ALL SELECT min(due_at) FROM debounces UNION ALL SELECT min(due_at) FROM jobs WHERE due_at IS NOT NULL
                    UNION ALL SELECT min(due_at) FROM ticket_deadlines) AS next),
                EXISTS (SELECT 1 FROM workflow_executions WHERE owner IS NULL AND status IN ('pending', 'running')),
                EXISTS (SELECT 1 FROM execution_signals),
                (SELECT coalesce(sum(version), 0) FROM changed), (SELECT max(updated_at) FROM changed),
                (SELECT count(*) FROM nodes)",
            params![now.minus(OVERLAP)],
        )
        .await?;
    let mut row = row.cells();
    Ok(Pulse {
        now: row.take()?,
        timer: row.take()?,
        has_unowned: row.take()?,
        has_signals: row.take()?,
        changes: (row.take()?, row.take()?),
        nodes: row.take()?,
    })
}
