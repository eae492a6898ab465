//! Removing a workflow with its history.
//!
//! The history may be long and the writer serves everybody, so it goes in slices, each a write of its own:
//! [`workflow_purge_begin`], [`workflow_purge_slice`] until nothing is left, [`workflow_purge_end`]. Whoever is stopped in
//! between has a workflow that is put away with a part of its history, and can begin again.

use model::{Actor, TenantId, WorkflowId};

use super::{missing, workflow_archive, workflow_recall};
use crate::{Connection, StoreError, StoreResult, Tx, params};

/// Executions of one slice; each takes its log with it.
const SLICE: i64 = 200;

/// Puts the workflow away, so that nothing new begins.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Conflict`] while executions are live: then nothing is changed.
pub async fn workflow_purge_begin(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: WorkflowId,
) -> StoreResult<()> {
    let workflow = workflow_recall(tx, tenant, id).await?;
    live_check(tx, tenant, id).await?;
    if workflow.archived_at.is_none() {
        workflow_archive(tx, tenant, actor, id, None).await?;
    }
    Ok(())
}

/// Removes some of the ended executions, then some of the statistics. Answers whether there may be more.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_purge_slice(tx: &mut Tx, tenant: TenantId, id: WorkflowId) -> StoreResult<bool> {
    let executions = tx
        .execute(
            "DELETE FROM workflow_executions WHERE tenant_id = ?1 AND id IN (
                SELECT id FROM workflow_executions
                 WHERE workflow_id = ?2 AND tenant_id = ?1 AND status IN ('completed', 'failed', 'cancelled') ORDER BY id LIMIT ?3)",
            params![tenant, id, SLICE],
        )
        .await?;
    if executions > 0 {
        return Ok(true);
    }
    let hours = tx
        .execute(
            "DELETE FROM execution_rollups WHERE tenant_id = ?1 AND workflow_id = ?2 AND hour IN (
                SELECT hour FROM execution_rollups WHERE tenant_id = ?1 AND workflow_id = ?2 ORDER BY hour LIMIT ?3)",
            params![tenant, id, SLICE],
        )
        .await?;
    if hours > 0 {
        return Ok(true);
    }
    // What else there may be much of; the rest goes with the workflow.
    for sql in [
        "DELETE FROM decisions WHERE tenant_id = ?1 AND id IN (
            SELECT id FROM decisions WHERE workflow_id = ?2 AND tenant_id = ?1 ORDER BY id LIMIT ?3)",
        "DELETE FROM enrolments WHERE tenant_id = ?1 AND workflow_id = ?2 AND key IN (
            SELECT key FROM enrolments WHERE workflow_id = ?2 AND tenant_id = ?1 ORDER BY key LIMIT ?3)",
        "DELETE FROM job_records WHERE tenant_id = ?1 AND workflow_id = ?2 AND (source, record_id) IN (
            SELECT source, record_id FROM job_records WHERE workflow_id = ?2 AND tenant_id = ?1 ORDER BY source, record_id LIMIT ?3)",
    ] {
        if tx.execute(sql, params![tenant, id, SLICE]).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes the workflow itself with its versions.
///
/// # Errors
/// [`StoreError::Missing`], also when it is not put away; [`StoreError::Conflict`] when an execution began meanwhile.
pub async fn workflow_purge_end(tx: &mut Tx, tenant: TenantId, id: WorkflowId) -> StoreResult<()> {
    live_check(tx, tenant, id).await?;
    tx.execute(
        "DELETE FROM workflow_counters WHERE workflow_id = ?1 AND tenant_id = ?2",
        params![id, tenant],
    )
    .await?;
    tx.execute(
        "DELETE FROM execution_summaries WHERE tenant_id = ?1 AND workflow_id = ?2",
        params![tenant, id],
    )
    .await?;
    let removed = tx
        .execute(
            "DELETE FROM workflows WHERE id = ?1 AND tenant_id = ?2 AND archived_at IS NOT NULL",
            params![id, tenant],
        )
        .await?;
    if removed == 0 { Err(missing(id)) } else { Ok(()) }
}

async fn live_check(connection: &mut Connection, tenant: TenantId, id: WorkflowId) -> StoreResult<()> {
    let live: i64 = connection
        .query_one(
            "SELECT count(*) FROM workflow_executions
              WHERE workflow_id = ?1 AND tenant_id = ?2 AND status IN ('pending', 'running', 'waiting', 'retrying')",
            params![id, tenant],
        )
        .await?
        .first()?;
    if live == 0 {
        return Ok(());
    }
    let executions = if live == 1 { "execution is" } else { "executions are" };
    Err(StoreError::conflict(
        "executions_live",
        format!(
            "{live} {executions} still live: deactivate the workflow and wait for them, or cancel them first"
        ),
    ))
}
