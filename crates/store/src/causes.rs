//! What led to an execution: each one may have been caused by another (its step made the event, or called the workflow), up to one that something from outside started.
//!
//! An execution whose first steps are done with its acceptance causes others before its own row is written. Such a one is noted in the transaction beforehand, so that the
//! way from what it causes leads on through it ([`Tx::origin_note`]).

use model::{Actor, EventId, ExecutionId, TenantId, WorkflowId};

use crate::{StoreResult, Tx, params};

/// An execution among those that led to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) tenant: TenantId,
    pub(crate) execution: ExecutionId,
    /// The workflow and its version.
    pub(crate) workflow: (WorkflowId, i64),
    /// What started it.
    pub(crate) trigger_event: String,
    pub(crate) event: Option<EventId>,
    pub(crate) started_by: Option<Actor>,
    pub(crate) caused_by: Option<ExecutionId>,
}

/// The guard by depth stops sooner.
const LONGEST: usize = 32;

/// The executions that led to one that `last` has caused: `last` itself, what caused that, and so on. Where one is gone by now, the way ends.
pub(crate) async fn origins(
    tx: &mut Tx,
    tenant: TenantId,
    last: Option<ExecutionId>,
) -> StoreResult<Vec<Origin>> {
    let (mut found, mut next) = (Vec::new(), last);
    while let Some(id) = next.filter(|_| found.len() < LONGEST) {
        let Some(origin) = origin(tx, tenant, id).await? else { break };
        next = origin.caused_by;
        found.push(origin);
    }
    Ok(found)
}

async fn origin(tx: &mut Tx, tenant: TenantId, execution: ExecutionId) -> StoreResult<Option<Origin>> {
    if let Some(noted) = tx.origin_noted(tenant, execution) {
        return Ok(Some(noted.clone()));
    }
    let row = tx
        .query_optional(
            "SELECT workflow_id, workflow_version, trigger_event, event_id, created_by, caused_by FROM workflow_executions
              WHERE id = ?1 AND tenant_id = ?2",
            params![execution, tenant],
        )
        .await?;
    row.map(|row| {
        let mut row = row.cells();
        Ok(Origin {
            tenant,
            execution,
            workflow: (row.take()?, row.take()?),
            trigger_event: row.take()?,
            event: row.take()?,
            started_by: row.take()?,
            caused_by: row.take()?,
        })
    })
    .transpose()
}
