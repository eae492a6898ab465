//! What PostgreSQL's planner knows of the tables that grow.
//!
//! A statement is planned once in a session and the plan kept. For a table that has never been analyzed all indexes look alike, so what is planned in a
//! new installation's first minute, before autovacuum comes by, may read a tenant's whole history for one row. So a small table that has
//! grown threefold is analyzed at once; a change of what is known makes every session plan anew. A large one is autovacuum's.

use crate::{Connection, StoreResult, params};

/// The tables with the columns that statements look for: what is only read is not sampled.
const GROWING: [(&str, &str); 4] = [
    (
        "workflow_executions",
        "ANALYZE (SKIP_LOCKED) workflow_executions (id, tenant_id, workflow_id, status, outcome, owner, event_id, contact_id, submission_id, created_at)",
    ),
    (
        "workflow_execution_logs",
        "ANALYZE (SKIP_LOCKED) workflow_execution_logs (id, tenant_id, execution_id, step_number)",
    ),
    ("events", "ANALYZE (SKIP_LOCKED) events (id, tenant_id, external_id, created_at)"),
    ("event_keys", "ANALYZE (SKIP_LOCKED) event_keys"),
];

/// Analyzes those that have grown; nothing on SQLite, which plans by the indexes' shape alone.
///
/// # Errors
/// When the database refuses.
pub async fn planner_refresh(connection: &mut Connection) -> StoreResult<()> {
    if !connection.is_shared() {
        return Ok(());
    }
    // Of no tenant: the tables as such.
    let grown = connection
        .query(
            "SELECT c.relname::text FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
              WHERE s.schemaname = current_schema() AND c.reltuples < 100000
                AND s.n_mod_since_analyze > 500 + 2 * greatest(c.reltuples, 0)",
            params![],
        )
        .await?;
    let grown = grown.into_iter().map(|row| row.cells().take()).collect::<StoreResult<Vec<String>>>()?;
    for (_, analyze) in GROWING.iter().filter(|(table, _)| grown.iter().any(|name| name == table)) {
        connection.batch(*analyze).await?;
    }
    Ok(())
}
