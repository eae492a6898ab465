//! The immutable versions of a workflow.

use model::{
    Actor, TenantId, Timestamp, WorkflowId,
    workflow::{Workflow, WorkflowVersion},
};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    database::{Row, Value, page::list},
    params,
};

const COLUMNS: &str = "workflow_id, id, definition, note, created_at, created_by";

/// The table with the name that lists run by.
const NUMBERED: &str = "(SELECT workflow_id, number AS id, tenant_id, definition, note, created_at, created_by FROM workflow_versions) AS numbered";

/// Keeps the published definition under its number.
pub(super) async fn insert(
    tx: &mut Tx,
    workflow: &Workflow,
    actor: Actor,
    note: Option<&str>,
) -> StoreResult<()> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO workflow_versions (workflow_id, number, tenant_id, definition, note, created_at, created_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            workflow.id,
            workflow.published_version,
            workflow.tenant_id,
            Value::json(&workflow.definition),
            note,
            now,
            actor
        ],
    )
    .await
    .map(drop)
}

/// One version of a workflow, also of one that is put away.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn workflow_version_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: WorkflowId,
    number: i64,
) -> StoreResult<WorkflowVersion> {
    let sql =
        format!("SELECT {COLUMNS} FROM {NUMBERED} WHERE workflow_id = ?1 AND id = ?2 AND tenant_id = ?3");
    let row = connection.query_optional(sql, params![id, number, tenant]).await?;
    version_of(row.ok_or_else(|| StoreError::missing(format!("version {number} of workflow {id}")))?)
}

/// The version that was published at an instant; none before the first.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_version_at(
    connection: &mut Connection,
    tenant: TenantId,
    id: WorkflowId,
    at: Timestamp,
) -> StoreResult<Option<WorkflowVersion>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {NUMBERED} WHERE workflow_id = ?1 AND tenant_id = ?2 AND created_at <= ?3 ORDER BY id DESC LIMIT 1"
    );
    connection.query_optional(sql, params![id, tenant, at]).await?.map(version_of).transpose()
}

/// A page of a workflow's versions, newest first, also of one that is put away.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_version_list(
    connection: &mut Connection,
    tenant: TenantId,
    id: WorkflowId,
    page: Page,
) -> StoreResult<Paged<WorkflowVersion>> {
    list(NUMBERED, COLUMNS, tenant)
        .equal("workflow_id", id)
        .run(connection, page, |version: &WorkflowVersion| version.number, version_of)
        .await
}

fn version_of(row: Row) -> StoreResult<WorkflowVersion> {
    let mut row = row.cells();
    Ok(WorkflowVersion {
        workflow_id: row.take()?,
        number: row.take()?,
        definition: row.json()?,
        note: row.take()?,
        created_at: row.take()?,
        created_by: row.take()?,
    })
}
