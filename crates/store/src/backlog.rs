//! What lies there to be done, of all tenants: for the operator's metrics, asked for now and then.

use model::{Period, Timestamp};

use crate::{Connection, StoreResult, params};

/// An execution that runs for longer than this without a pause is one to look at (seed, recommended alerts).
pub const LONG: Period = Period::minutes(5);
/// Counting stops here: what is more than this is much, and the look stays cheap.
pub const MOST: i64 = 1_000;

/// What lies there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Executions in the hands of a node that have been running for more than five minutes, waits not counted.
    pub long_running: i64,
    /// Executions that nobody has in hand, up to [`MOST`].
    pub unowned: i64,
    /// Since when the longest of these lies there.
    pub oldest_unowned: Option<Timestamp>,
    /// Timers that are due, up to [`MOST`].
    pub timers_due: i64,
    /// The next timer, due or not.
    pub next_timer: Option<Timestamp>,
    /// Nodes, this one included.
    pub nodes: i64,
}

/// Looks. Each part reads an index that holds little, or stops at [`MOST`].
///
/// # Errors
/// When the database refuses.
pub async fn backlog(connection: &mut Connection, now: Timestamp) -> StoreResult<Backlog> {
    // Of every tenant: these are the operator's numbers, and they tell nothing but how many.
    let row = connection
        .query_one(
            "WITH unowned AS (SELECT updated_at FROM workflow_executions
                 WHERE owner IS NULL AND status IN ('pending', 'running') ORDER BY tenant_id, id LIMIT ?3),
               due AS (SELECT due_at FROM timers WHERE due_at <= ?1 ORDER BY due_at LIMIT ?3)
             SELECT (SELECT count(*) FROM workflow_executions WHERE owner IS NOT NULL AND status = 'running' AND updated_at <= ?2),
                (SELECT count(*) FROM unowned), (SELECT min(updated_at) FROM unowned),
                (SELECT count(*) FROM due), (SELECT min(due_at) FROM timers), (SELECT count(*) FROM nodes)",
            params![now, now.minus(LONG), MOST],
        )
        .await?;
    let mut row = row.cells();
    Ok(Backlog {
        long_running: row.take()?,
        unowned: row.take()?,
        oldest_unowned: row.take()?,
        timers_due: row.take()?,
        next_timer: row.take()?,
        nodes: row.take()?,
    })
}
