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
    /// When the next timer is due.
    pub timer: Option<Timestamp>,
    /// There are executions that nobody has in hand.
    pub has_unowned: bool,
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
             SELECT {now_plus:0}, (SELECT min(due_at) FROM timers),
                EXISTS (SELECT 1 FROM workflow_executions WHERE owner IS NULL AND status IN ('pending', 'running')),
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
        changes: (row.take()?, row.take()?),
        nodes: row.take()?,
    })
}
