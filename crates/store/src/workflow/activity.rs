//! Since when a workflow has been active or not: one row for each time that it changed.
//!
//! Workflows that changed last before there were these rows have none: then the record itself says what has been so since its last change.

use model::{TenantId, Timestamp, WorkflowId, workflow::Workflow};

use crate::{Connection, StoreResult, Tx, params};

/// Notes that a workflow has become active, or is so no more.
pub(super) async fn keep(tx: &mut Tx, before: Option<&Workflow>, workflow: &Workflow) -> StoreResult<()> {
    if before.is_some_and(|before| before.is_active == workflow.is_active) {
        return Ok(());
    }
    let now = tx.now();
    tx.execute(
        "INSERT INTO workflow_activity (workflow_id, since, tenant_id, is_active) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (workflow_id, since) DO UPDATE SET is_active = excluded.is_active",
        params![workflow.id, now, workflow.tenant_id, workflow.is_active],
    )
    .await
    .map(drop)
}

/// Whether a workflow was active at an instant; none when nothing was noted so early.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_active_at(
    connection: &mut Connection,
    tenant: TenantId,
    id: WorkflowId,
    at: Timestamp,
) -> StoreResult<Option<bool>> {
    let row = connection
        .query_optional(
            "SELECT is_active FROM workflow_activity WHERE workflow_id = ?1 AND tenant_id = ?2 AND since <= ?3 ORDER BY since DESC LIMIT 1",
            params![id, tenant, at],
        )
        .await?;
    row.map(crate::database::Row::first).transpose()
}
