//! Workflows that run others: the called execution is made in the transaction of the caller's step, and its end wakes the caller in its own.
//!
//! The wake is a timer of the caller that is due at once. So a called execution never locks its caller's row, and whoever looks after timers finds the
//! caller wherever it is. A caller that is not waiting yet loses nothing by that: coming to its rest it looks, under its lock, whether what it waits for
//! has ended ([`ended_any`]). Either it sees the end, or the end came later, and then the timer meets a caller that waits or is held, and is kept.

use std::collections::HashMap;

use model::{
    Actor, ExecutionId, ExecutionStatus, StepStatus, StepType, TenantId, WorkflowId,
    effect::{WorkflowName, WorkflowRun},
    event::{CALL, Called, Cause, EXECUTION_FAILED, EventName, NewEvent},
    execution::Execution,
    journal::Log,
};
use serde_json::{Map, Value, json};

use crate::{
    Connection, StoreError, StoreResult, Tx,
    causes::origins,
    change::Author,
    database::{Row, Value as DatabaseValue},
    effect::EffectOrigin,
    event::{event_emit, event_take},
    execution::{Conclude, Held, execution_cancel, execution_get},
    params,
    workflow::workflow_version_get,
};

/// How a called execution stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Which one.
    pub execution: ExecutionId,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// What came of it.
    pub result: Option<Value>,
    /// Why it failed, in one sentence.
    pub error: Option<String>,
    /// The chain of causes.
    pub error_stack: Option<String>,
}

impl Standing {
    /// As the output of the step that called it: `{"executionId","status","result"}`, with `error` and `errorStack` of one that failed.
    #[must_use]
    pub fn output(&self) -> Value {
        let mut output = json!({"executionId": self.execution, "status": self.status, "result": self.result});
        if self.status == ExecutionStatus::Failed {
            output["error"] = json!(self.error);
            output["errorStack"] = json!(self.error_stack);
        }
        output
    }
}

/// How these executions stand, those of them that exist.
///
/// # Errors
/// When the database refuses.
pub async fn standings(
    connection: &mut Connection,
    tenant: TenantId,
    executions: &[ExecutionId],
) -> StoreResult<Vec<Standing>> {
    let sql = "SELECT id, status, result, error, error_stack FROM workflow_executions
          WHERE id {among:?1} AND tenant_id = ?2 ORDER BY id";
    let rows = connection.query(sql, vec![ids(executions), tenant.into()]).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(Standing {
                execution: row.take()?,
                status: row.take()?,
                result: row.take()?,
                error: row.take()?,
                error_stack: row.take()?,
            })
        })
        .collect()
}

/// Whether one of these executions has ended, or is gone.
pub(crate) async fn ended_any(
    tx: &mut Tx,
    tenant: TenantId,
    executions: &[ExecutionId],
) -> StoreResult<bool> {
    let sql = "SELECT count(*) FROM workflow_executions
          WHERE id {among:?1} AND tenant_id = ?2 AND status IN ('pending', 'running', 'waiting', 'retrying')";
    let living: i64 = tx.query_one(sql, vec![ids(executions), tenant.into()]).await?.first()?;
    Ok(usize::try_from(living).unwrap_or(0) < executions.len())
}

fn ids(executions: &[ExecutionId]) -> DatabaseValue {
    DatabaseValue::Ids(executions.iter().map(|id| id.get()).collect())
}

/// An execution in a tree of those that called one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Which one.
    pub execution: ExecutionId,
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// What that is called today.
    pub workflow_name: String,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// The place of the step that called it, in its caller; none for the first.
    pub step_path: Option<String>,
    /// Those that its steps have called, in order.
    pub called: Vec<Branch>,
}

/// Executions of one tree that are shown.
const MOST_SHOWN: usize = 1_000;

/// The execution with those that it has called, and those in turn.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn tree(
    connection: &mut Connection,
    tenant: TenantId,
    execution: ExecutionId,
) -> StoreResult<Branch> {
    let mut levels: Vec<Vec<(ExecutionId, Option<String>, ExecutionId)>> =
        vec![vec![(execution, None, execution)]];
    let (mut known, mut count) = (HashMap::new(), 0);
    while let Some(level) = levels.last().filter(|level| !level.is_empty()) {
        let wanted: Vec<ExecutionId> = level.iter().map(|(_, _, id)| *id).collect();
        count += wanted.len();
        known.extend(described(connection, tenant, &wanted).await?);
        let below =
            if count < MOST_SHOWN { calls_of(connection, tenant, &wanted).await? } else { Vec::new() };
        levels.push(below);
    }
    // From the leaves up: whoever called them takes them over.
    while let Some(level) = levels.pop() {
        for (caller, path, id) in level.into_iter().rev() {
            let Some(mut branch) = known.remove(&id) else { continue };
            branch.step_path = path;
            branch.called.reverse();
            if id == caller {
                return Ok(branch);
            }
            if let Some(caller) = known.get_mut(&caller) {
                caller.called.push(branch);
            }
        }
    }
    Err(StoreError::missing(format!("execution {execution}")))
}

/// What these executions have called: the caller, the place of its step, and the called one.
async fn calls_of(
    connection: &mut Connection,
    tenant: TenantId,
    callers: &[ExecutionId],
) -> StoreResult<Vec<(ExecutionId, Option<String>, ExecutionId)>> {
    let sql = "SELECT execution_id, step_path, output_data FROM workflow_execution_logs
          WHERE execution_id {among:?1} AND tenant_id = ?2 AND step_type = 'workflow' AND carried_from IS NULL
          ORDER BY execution_id, id";
    let mut found = Vec::new();
    for row in connection.query(sql, vec![ids(callers), tenant.into()]).await? {
        let mut row = row.cells();
        let (caller, path): (ExecutionId, String) = (row.take()?, row.take()?);
        let output: Option<Value> = row.take()?;
        if let Some(callee) = output.as_ref().and_then(callee_in)
            && found.len() < MOST_SHOWN
        {
            found.push((caller, Some(path), callee));
        }
    }
    Ok(found)
}

async fn described(
    connection: &mut Connection,
    tenant: TenantId,
    executions: &[ExecutionId],
) -> StoreResult<Vec<(ExecutionId, Branch)>> {
    let sql = "SELECT e.id, e.workflow_id, w.name, e.status FROM workflow_executions e JOIN workflows w ON w.id = e.workflow_id
          WHERE e.id {among:?1} AND e.tenant_id = ?2";
    let rows = connection.query(sql, vec![ids(executions), tenant.into()]).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            let id = row.take()?;
            let branch = Branch {
                execution: id,
                workflow: row.take()?,
                workflow_name: row.take()?,
                status: row.take()?,
                step_path: None,
                called: Vec::new(),
            };
            Ok((id, branch))
        })
        .collect()
}

/// Makes the execution that a step calls; the output of the step, as far as it is known by now.
pub(crate) async fn workflow_run(tx: &mut Tx, origin: EffectOrigin, run: WorkflowRun) -> StoreResult<Value> {
    let (workflow, version) = published(tx, origin.tenant, &run.workflow).await?;
    let event = NewEvent {
        tenant: origin.tenant,
        name: EventName::system(CALL),
        external_id: None,
        source: Some(format!("run:{workflow}")),
        data: run.data.into(),
        attributes: Map::new(),
        actor: Actor::Execution(origin.execution),
        cause: Some(Cause { execution: origin.execution, depth: origin.depth + 1, called: Some(run.called) }),
    };
    let hooks = tx.hooks();
    let matcher = hooks.matcher.get();
    let mut found = matcher.and_then(|matcher| matcher.called(&event, (workflow, version), None));
    if found.is_none() {
        let definition = workflow_version_get(tx, origin.tenant, workflow, version).await?.definition;
        found = matcher.and_then(|matcher| matcher.called(&event, (workflow, version), Some(&definition)));
    }
    let found = found.ok_or_else(|| {
        StoreError::conflict(
            "not_runnable",
            format!("version {version} of workflow {workflow} does not run in this program"),
        )
    })?;
    // A step's change emits, and an event's first steps change: a ring of futures.
    let accepted = Box::pin(event_take(tx, &event, &[found])).await?;
    let execution = accepted.executions.first().map(|started| started.id);
    let execution =
        execution.ok_or_else(|| StoreError::missing(format!("an execution of workflow {workflow}")))?;
    match run.called {
        Called::GoesOn => {
            Ok(json!({"executionId": execution, "status": ExecutionStatus::Pending, "result": null}))
        }
        Called::Waits => {
            let standing = standings(tx, origin.tenant, &[execution]).await?.pop();
            Ok(standing.as_ref().map_or_else(|| json!({"executionId": execution}), Standing::output))
        }
    }
}

/// The workflow of a name, with its published version.
async fn published(tx: &mut Tx, tenant: TenantId, name: &WorkflowName) -> StoreResult<(WorkflowId, i64)> {
    let (id, key) = match name {
        WorkflowName::Id(id) => (Some(*id), None),
        WorkflowName::Key(key) => (None, Some(key)),
    };
    let row = tx
        .query_optional(
            "SELECT id, published_version FROM workflows
              WHERE tenant_id = ?1 AND archived_at IS NULL AND (id = ?2 OR key = ?3)",
            params![tenant, id, key],
        )
        .await?;
    let mut row = row.ok_or_else(|| StoreError::missing(name))?.cells();
    let (id, version) = (row.take()?, row.take()?);
    if version == 0 {
        return Err(StoreError::conflict(
            "not_published",
            format!("{name} is only a draft: publish it first"),
        ));
    }
    Ok((id, version))
}

/// Wakes the caller of an execution that has just ended.
pub(crate) fn caller_wake(tx: &mut Tx, held: &Held) {
    if let Some(caller) = held.awaited_by {
        let now = tx.now();
        crate::timer::timer_add(tx, held.tenant, caller, now);
    }
}

/// The executions that the rows of steps which are put away have called and waited for: they are of no use to anybody.
pub(crate) fn called_in_vain<'l>(logs: impl IntoIterator<Item = &'l Log>) -> Vec<ExecutionId> {
    // A step that has failed may have waited for too long.
    let is_over = |log: &Log| matches!(log.status, StepStatus::Skipped | StepStatus::Failed);
    let in_vain = |log: &&Log| is_over(log) && log.step_type == StepType::Workflow;
    logs.into_iter().filter(in_vain).filter_map(callee).collect()
}

fn callee(log: &Log) -> Option<ExecutionId> {
    log.output_data.as_deref().and_then(callee_in)
}

/// The execution that the output of a `run_workflow` step names.
fn callee_in(output: &Value) -> Option<ExecutionId> {
    output.get("executionId")?.as_i64()?.try_into().ok()
}

/// Ends called executions with their caller, and what those have called in turn.
pub(crate) async fn called_cancel(
    tx: &mut Tx,
    tenant: TenantId,
    caller: ExecutionId,
    called: Vec<ExecutionId>,
) -> StoreResult<()> {
    let reason =
        format!("cancelled with execution {caller}, which called it and does not wait for it any more");
    for id in called {
        let execution = match execution_get(tx, tenant, id).await {
            Ok(execution) if !execution.progress.status.is_terminal() => execution,
            Ok(_) | Err(StoreError::Missing(_)) => continue,
            Err(error) => return Err(error),
        };
        let conclude = conclusion(tx, tenant, &execution).await;
        match Box::pin(execution_cancel(tx, tenant, id, &reason, conclude)).await {
            // It has ended meanwhile.
            Ok(_) | Err(StoreError::Conflict { .. } | StoreError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How an execution is left that something else ends, by the version that it runs.
pub(crate) async fn conclusion(tx: &mut Tx, tenant: TenantId, execution: &Execution) -> Conclude {
    let version = workflow_version_get(tx, tenant, execution.workflow_id, execution.workflow_version).await;
    let (hooks, definition) = (tx.hooks(), version.ok().map(|version| version.definition));
    Box::new(move |execution, logs, now| match (hooks.matcher.get(), &definition) {
        (Some(matcher), Some(definition)) => matcher.conclude(execution, definition, logs, now),
        _ => (None, execution.progress.result.clone().unwrap_or_default()),
    })
}

/// Emits `execution_failed` for an execution that has just failed for good, unless that event itself led to it: a workflow that looks after failures does not look after
/// its own, nor after those of what it has started. Nothing is put together when nobody listens or waits.
pub(crate) async fn failure_tell(
    tx: &mut Tx,
    (tenant, execution, depth): (TenantId, ExecutionId, u32),
    (error, error_stack): (Option<&str>, Option<&str>),
) -> StoreResult<()> {
    let hooks = tx.hooks();
    let name = EventName::system(EXECUTION_FAILED);
    let is_heard = hooks.matcher.get().is_some_and(|matcher| matcher.hears(tenant, &name));
    if !is_heard && !tx.awaits(tenant, EXECUTION_FAILED).await? {
        return Ok(());
    }
    let row = tx
        .query_optional(
            "SELECT e.trigger_event, e.workflow_id, w.name, e.retry_count, e.contact_id, e.submission_id, e.caused_by
               FROM workflow_executions e JOIN workflows w ON w.id = e.workflow_id WHERE e.id = ?1 AND e.tenant_id = ?2",
            params![execution, tenant],
        )
        .await?;
    let Some(row) = row.map(Row::cells) else { return Ok(()) };
    let mut row = row;
    let trigger_event: String = row.take()?;
    let (workflow, name): (WorkflowId, String) = (row.take()?, row.take()?);
    let (retries, contact, submission): (i64, Option<i64>, Option<i64>) =
        (row.take()?, row.take()?, row.take()?);
    let led = origins(tx, tenant, row.take()?).await?;
    let mut events = led.iter().map(|origin| &origin.trigger_event).chain([&trigger_event]);
    if events.any(|event| event == EXECUTION_FAILED) {
        return Ok(());
    }
    let data = json!({
        "failure": {"executionId": execution, "workflowId": workflow, "workflowName": name, "triggerEvent": trigger_event,
            "error": error, "errorStack": error_stack, "retryCount": retries},
        "contactId": contact, "submissionId": submission,
    });
    let author = Author {
        actor: Actor::Execution(execution),
        cause: Some(Cause { execution, depth: depth + 1, called: None }),
    };
    event_emit(tx, (tenant, EXECUTION_FAILED), author, move || data).await.map(drop)
}
