//! What PostgreSQL's planner knows of the tables that grow.
//!
//! A statement is planned once in a session and the plan kept. For a table that has never been analyzed all indexes look alike, so what is planned in a
//! new installation's first minute, before autovacuum comes by, may read a tenant's whole history for one row. So a small table that has
//! grown threefold is analyzed at once; a change of what is known makes every session plan anew. A large one is autovacuum's.

use crate::{Connection, StoreResult, params};

/// The tables with the columns that statements look for: what is only read is not sampled.
const GROWING: [(&str, &str); 9] = [
    (
        "workflow_executions",
        "id, tenant_id, workflow_id, status, outcome, owner, event_id, contact_id, submission_id, created_at",
    ),
    ("workflow_execution_logs", "id, tenant_id, execution_id, step_number"),
    ("events", "id, tenant_id, external_id, created_at"),
    ("event_keys", "tenant_id, source, external_id, event_id, created_at"),
    ("execution_waits", "execution_id, step_path, tenant_id, event, key_path, key_value"),
    ("timers", "due_at, execution_id, tenant_id"),
    ("approvals", "id, tenant_id, execution_id, state"),
    ("contacts", "id, tenant_id, email, external_id, segment, owner_id"),
    ("tickets", "id, tenant_id, status, priority, assignee_id, contact_id, submission_id"),
];

/// On PostgreSQL, does at once what autovacuum would do in the hours after very much was written: whoever reads finds out from then on which rows everybody sees without a look at each.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn planner_settle(connection: &mut Connection) -> StoreResult<()> {
    // Executions last, for what was read last is in memory, and lists read those.
    for (table, columns) in GROWING.into_iter().rev() {
        connection.batch(format!("VACUUM (ANALYZE) \"{table}\" ({columns})")).await?;
    }
    Ok(())
}

/// Analyzes those that have grown; nothing on SQLite, which plans by the indexes' shape alone.
///
/// # Errors
/// When the database refuses.
pub async fn planner_refresh(connection: &mut Connection) -> StoreResult<()> {
    if !connection.is_shared() {
        return Ok(());
    }
    // Of no tenant: the tables as such. A table of partitions is known by its parts, and as a whole, which autovacuum passes by: so however large it is.
    let grown = connection
        .query(
            "SELECT c.relname::text, coalesce(w.relname, c.relname)::text FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
               LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class w ON w.oid = i.inhparent
              WHERE s.schemaname = current_schema() AND c.reltuples < 100000
                AND s.n_mod_since_analyze > 500 + 2 * greatest(c.reltuples, 0)
             UNION ALL
             SELECT w.relname::text, w.relname::text FROM pg_class w JOIN pg_inherits i ON i.inhparent = w.oid JOIN pg_class c ON c.oid = i.inhrelid
              WHERE w.relkind = 'p' AND w.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
              GROUP BY w.oid, w.relname, w.reltuples HAVING sum(greatest(c.reltuples, 0)) > 500 + 3 * greatest(w.reltuples, 0)",
            params![],
        )
        .await?;
    for row in grown {
        let mut row = row.cells();
        let (table, whole): (String, String) = (row.take()?, row.take()?);
        if let Some((_, columns)) = GROWING.iter().find(|(name, _)| *name == whole) {
            connection.batch(format!("ANALYZE (SKIP_LOCKED) \"{table}\" ({columns})")).await?;
        }
    }
    Ok(())
}
