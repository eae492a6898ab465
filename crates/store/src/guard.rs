//! What stops workflows that start one another without an end: the engine counts how deep a chain of workflow-made events is; how fast one goes round is
//! seen here, where the executions are. Events from outside are not asked, however many there are, and neither are calls of `run_workflow`, whose number a
//! definition says.

use model::{
    Outcome, Period, StepStatus, TenantId, WorkflowId,
    event::{Cause, NewEvent, subjects},
    execution::Progress,
    journal::Log,
};
use serde_json::{Value, json};

use crate::{StoreResult, Tx, causes::origins, params};

/// Executions of one workflow for one contact, or one submission, that changes of workflows may start within a minute (control-flow.md).
pub const MOST_A_MINUTE: i64 = 100;
/// The newest executions of the contact that are looked at.
const LATEST: i64 = 1_000;

/// How an execution begins that is stopped before it does anything, by depth or by rate, with the chain that led to it; none: it runs.
pub(crate) async fn stopped(
    tx: &mut Tx,
    event: &NewEvent,
    workflow: WorkflowId,
    (progress, log): (&Progress, &Log),
) -> StoreResult<Option<(Progress, Log)>> {
    let Some(Cause { execution, called: None, .. }) = event.cause else { return Ok(None) };
    let is_too_deep = progress.outcome == Some(Outcome::Stopped);
    let reason = if is_too_deep {
        progress
            .result
            .as_ref()
            .and_then(|result| result.get("stopped")?.as_str())
            .unwrap_or_default()
            .to_owned()
    } else if progress.status.is_terminal() {
        return Ok(None);
    } else {
        match too_fast(tx, event, workflow).await? {
            Some(reason) => reason,
            None => return Ok(None),
        }
    };
    // The first cause first.
    let origins = origins(tx, event.tenant, Some(execution)).await?;
    let chain: Vec<Value> = origins
        .iter()
        .rev()
        .map(|origin| json!({"executionId": origin.execution, "workflowId": origin.workflow.0, "event": origin.trigger_event}))
        .collect();
    let now = tx.now();
    let mut ended = Progress::accepted(model::ExecutionStatus::Completed, Some(Outcome::Stopped));
    ended.started_at = Some(now);
    ended.completed_at = Some(now);
    ended.duration_ms = Some(0);
    ended.result = Some(json!({
        "conditionsPassed": Value::Null, "actionsExecuted": 0, "actionsFailed": 0, "actionResults": [], "stopped": reason, "chain": chain,
    }));
    let log = Log { status: StepStatus::Skipped, output_data: None, error: Some(reason), ..log.clone() };
    Ok(Some((ended, log)))
}

/// Why the workflow is not run once more for whom the event is about.
async fn too_fast(tx: &mut Tx, event: &NewEvent, workflow: WorkflowId) -> StoreResult<Option<String>> {
    let (contact, submission) = subjects(&event.data);
    let tenant = event.tenant;
    let (count, entity) = match (contact, submission) {
        (Some(contact), _) => {
            (latest(tx, OF_CONTACT, contact.get(), tenant, workflow).await?, format!("contact {contact}"))
        }
        (None, Some(submission)) => (
            latest(tx, OF_SUBMISSION, submission.get(), tenant, workflow).await?,
            format!("submission {submission}"),
        ),
        (None, None) => return Ok(None),
    };
    Ok((count >= MOST_A_MINUTE).then(|| {
        format!(
            "stopped: changes that workflows made have started this workflow more than {MOST_A_MINUTE} times within a minute for {entity}; workflows probably start one another"
        )
    }))
}

// The `+` keeps the planner at the entity's index, which ends with the id.
const OF_CONTACT: &str = "SELECT count(*) FROM (SELECT workflow_id, depth, called, outcome, created_at FROM workflow_executions
            WHERE contact_id = ?1 AND +tenant_id = ?2 ORDER BY id DESC LIMIT ?3) AS latest
          WHERE workflow_id = ?4 AND depth > 0 AND called IS NULL AND created_at > ?5 AND coalesce(outcome, '') <> 'stopped'";
const OF_SUBMISSION: &str = "SELECT count(*) FROM (SELECT workflow_id, depth, called, outcome, created_at FROM workflow_executions
            WHERE submission_id = ?1 AND +tenant_id = ?2 ORDER BY id DESC LIMIT ?3) AS latest
          WHERE workflow_id = ?4 AND depth > 0 AND called IS NULL AND created_at > ?5 AND coalesce(outcome, '') <> 'stopped'";

async fn latest(
    tx: &mut Tx,
    sql: &'static str,
    id: i64,
    tenant: TenantId,
    workflow: WorkflowId,
) -> StoreResult<i64> {
    let since = tx.now().minus(Period::minutes(1));
    tx.query_one(sql, params![id, tenant, LATEST, workflow, since]).await?.first()
}
