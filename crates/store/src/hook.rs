//! The address at which calls from outside start a workflow.
//!
//! Its token is not stored: it is computed from the installation's secret key, the workflow, and how often the address was replaced. So there is nothing
//! to steal from the database, every node comes to the same, and replacing it is counting on.

use model::{Actor, TenantId, WorkflowId, workflow::Workflow};

use crate::{
    Connection, StoreError, StoreResult, Tx, params,
    secret::SecretBox,
    workflow::{workflow_changed_write, workflow_get},
};

/// What a call needs to know of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which one.
    pub workflow: WorkflowId,
    /// The version that runs.
    pub version: i64,
}

/// The token of a workflow's address: `<tenant>-<workflow>-<32 hexadecimal digits>`.
#[must_use]
pub fn hook_token(secrets: &SecretBox, workflow: &Workflow) -> String {
    token_of(secrets, workflow.tenant_id, workflow.id, workflow.hook_generation)
}

fn token_of(secrets: &SecretBox, tenant: TenantId, workflow: WorkflowId, generation: i64) -> String {
    let tag = secrets.tag(&format!("hook/{tenant}/{workflow}/{generation}"));
    let digits: String = tag.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{tenant}-{workflow}-{digits}")
}

/// The tenant and the workflow that a token names, whether or not it is good.
#[must_use]
pub fn hook_named(token: &str) -> Option<(TenantId, WorkflowId)> {
    let mut parts = token.splitn(3, '-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The active workflow that a token opens; none for a token that opens nothing, and for a workflow that takes no calls.
///
/// # Errors
/// When the database refuses.
pub async fn hook_find(
    connection: &mut Connection,
    secrets: &SecretBox,
    token: &str,
) -> StoreResult<Option<Hook>> {
    let Some((tenant, workflow)) = hook_named(token) else { return Ok(None) };
    let row = connection
        .query_optional(
            "SELECT published_version, hook_generation FROM workflows
              WHERE id = ?1 AND tenant_id = ?2 AND is_active = ?3 AND archived_at IS NULL AND trigger_event = 'webhook'",
            params![workflow, tenant, true],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut row = row.cells();
    let (version, generation): (i64, i64) = (row.take()?, row.take()?);
    let own = token_of(secrets, tenant, workflow, generation);
    // In a time that tells nothing of where they differ.
    let is_same = secrets.tag(&own) == secrets.tag(token);
    Ok((is_same && version > 0).then_some(Hook { tenant, workflow, version }))
}

/// Gives a workflow another address; the one before opens nothing any more.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Conflict`] for a workflow that calls do not start.
pub async fn hook_rotate(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: WorkflowId,
) -> StoreResult<Workflow> {
    tx.hold("workflows", tenant, id.get()).await?;
    let mut workflow = workflow_get(tx, tenant, id).await?;
    if !has_hook(&workflow) {
        return Err(StoreError::conflict(
            "no_hook",
            format!("workflow {id} has no address for calls: its trigger_event is not \"webhook\""),
        ));
    }
    workflow.hook_generation += 1;
    workflow_changed_write(tx, actor, &mut workflow).await?;
    Ok(workflow)
}

/// Calls start the workflow, or its draft would have them do so.
#[must_use]
pub fn has_hook(workflow: &Workflow) -> bool {
    let of_draft = workflow.draft.as_ref().and_then(|draft| draft.get("trigger_event"));
    workflow.definition.trigger_event == model::event::WEBHOOK
        || of_draft.is_some_and(|event| event == model::event::WEBHOOK)
}
