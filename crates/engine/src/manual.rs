//! What people do to executions: start one, cancel one, retry one.

use std::sync::Arc;

use model::{
    Actor, ExecutionId, ExecutionStatus, Outcome, StepStatus, StepType, TenantId, Timestamp, WorkflowId,
    event::{Accepted, EventName, MANUAL, NewEvent, WEBHOOK},
    execution::{Execution, Progress},
    journal::Log,
};
use rules::{Compiled, Entry, Scope};
use serde::Deserialize;
use serde_json::Value;
use store::{
    StoreError, StoreResult, Tx,
    execution::{
        Conclude, OWN_KEYS, Started, UNSAVED, execution_cancel, execution_get, execution_hold,
        execution_live_retry, execution_make, execution_retire,
    },
    workflow::workflow_get,
};

use crate::{
    Engine, EngineError, EngineInner, control,
    locals::{Surroundings, locals},
    matching::{self, Foresight},
    program::Program,
    rows,
    walk::{self, CONDITIONS, Journal},
};

/// From where a retry runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryFrom {
    /// Completed steps keep their outcomes, and what failed keeps its idempotency key.
    #[default]
    FailedStep,
    /// Everything anew, with new keys.
    Start,
}

/// On which definition a retry runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryDefinition {
    /// The version that the original ran.
    #[default]
    Original,
    /// The version that is published now; completed steps are found by their ids.
    Current,
}

/// How to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryRequest {
    /// From where.
    pub from: RetryFrom,
    /// On which definition.
    pub definition: RetryDefinition,
}

impl Engine {
    /// Runs the published version of a workflow now, active or not, whatever its trigger. The same `key` within 24 hours is the same run.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Conflict`] when it was never published; as for [`Engine::accept`].
    pub async fn run(
        &self,
        tenant: TenantId,
        actor: Actor,
        workflow: WorkflowId,
        data: Value,
        key: Option<String>,
    ) -> Result<Accepted, EngineError> {
        self.prepare(tenant).await?;
        let inner = &self.inner;
        let mut connection = inner.store.read(tenant).await?;
        let version = workflow_get(&mut connection, tenant, workflow).await?.published_version;
        if version == 0 {
            let message = format!("workflow {workflow} is only a draft: publish it before running it");
            return Err(StoreError::conflict("not_published", message).into());
        }
        drop(connection);
        let event = NewEvent {
            tenant,
            name: EventName::system(MANUAL),
            external_id: key,
            source: Some(format!("run:{workflow}")),
            data: data.into(),
            attributes: serde_json::Map::new(),
            actor,
            cause: None,
        };
        let program = self.published(tenant, workflow, version).await?;
        self.begin(event, (workflow, version), matching::watched(&program.compiled)).await
    }

    /// What a published version says, ready to run.
    ///
    /// # Errors
    /// When the store does not answer; when the version is gone or does not compile any more.
    pub async fn published(
        &self,
        tenant: TenantId,
        workflow: WorkflowId,
        version: i64,
    ) -> Result<Arc<Program>, EngineError> {
        if let Some(program) = self.inner.programs.known(workflow, version) {
            return Ok(program);
        }
        let mut connection = self.inner.store.read(tenant).await?;
        self.inner.programs.version(&mut connection, tenant, workflow, version).await
    }

    /// Starts a workflow for a call from outside. The same `key` within 24 hours is the same call.
    ///
    /// # Errors
    /// As for [`Engine::accept`].
    pub async fn called(
        &self,
        program: &Program,
        tenant: TenantId,
        data: Value,
        key: Option<String>,
    ) -> Result<Accepted, EngineError> {
        self.prepare(tenant).await?;
        let (workflow, version) = (program.workflow, program.version);
        let event = NewEvent {
            tenant,
            name: EventName::system(WEBHOOK),
            external_id: key,
            source: Some(format!("hook:{workflow}")),
            data: data.into(),
            attributes: serde_json::Map::new(),
            actor: Actor::Public,
            cause: None,
        };
        self.begin(event, (workflow, version), Arc::clone(&program.compiled)).await
    }

    /// Accepts an event that starts this workflow and no other.
    async fn begin(
        &self,
        event: NewEvent,
        (workflow, version): (WorkflowId, i64),
        compiled: Arc<Compiled>,
    ) -> Result<Accepted, EngineError> {
        let entry = Entry { workflow, version, compiled };
        let matches = self.inner.matches(&event, std::iter::once(&entry), Foresight::FirstSteps);
        Ok(self.inner.store.event_accept_for(event, matches).await?)
    }

    /// Ends an execution, and those that it has called and waits for.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Conflict`] when it has ended already.
    pub async fn cancel(
        &self,
        tenant: TenantId,
        actor: Actor,
        id: ExecutionId,
    ) -> Result<Execution, EngineError> {
        let reason = format!("cancelled by {actor}");
        let inner = &self.inner;
        let mut connection = inner.store.read(tenant).await?;
        let found = execution_get(&mut connection, tenant, id).await?;
        let program = inner
            .programs
            .version(&mut connection, tenant, found.workflow_id, found.workflow_version)
            .await?;
        drop(connection);
        let policy = inner.policy.clone();
        let conclude: Conclude = Box::new(move |execution, logs, now| {
            rows::cancelled(&program.compiled, execution, &Journal::new(logs.to_vec()), &policy, now)
        });
        let cancelled = inner
            .store
            .write(move |tx| {
                Box::pin(async move { execution_cancel(tx, tenant, id, &reason, conclude).await })
            })
            .await?;
        Ok(cancelled)
    }

    /// Retries an execution as a new one (contract section 8, rule 5).
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Conflict`] when its state does not allow it, or an earlier retry is live.
    pub async fn retry(
        &self,
        tenant: TenantId,
        actor: Actor,
        id: ExecutionId,
        request: RetryRequest,
    ) -> Result<Execution, EngineError> {
        let inner = &self.inner;
        self.prepare(tenant).await?;
        // The program is found before the transaction: compiling has no place in it.
        let mut connection = inner.store.read(tenant).await?;
        let original = execution_get(&mut connection, tenant, id).await?;
        let version = match request.definition {
            RetryDefinition::Original => original.workflow_version,
            RetryDefinition::Current => {
                let workflow = workflow_get(&mut connection, tenant, original.workflow_id).await?;
                workflow.published_version
            }
        };
        let program = inner.programs.version(&mut connection, tenant, original.workflow_id, version).await?;
        drop(connection);
        let engine = Arc::clone(inner);
        let made = inner
            .store
            .write(move |tx| {
                Box::pin(async move { retry_in(tx, &engine, (tenant, actor, id), request, &program).await })
            })
            .await?;
        Ok(made)
    }
}

async fn retry_in(
    tx: &mut Tx,
    engine: &EngineInner,
    (tenant, actor, id): (TenantId, Actor, ExecutionId),
    request: RetryRequest,
    program: &Program,
) -> StoreResult<Execution> {
    let Started { execution: original, journal } = execution_hold(tx, tenant, id).await?;
    allowed(&original)?;
    if let Some(live) = execution_live_retry(tx, tenant, id).await? {
        return Err(StoreError::conflict(
            "retry_live",
            format!("execution {live} retries this one and has not ended: wait for it or cancel it"),
        ));
    }
    execution_retire(tx, tenant, id).await?;
    let carried = match request.from {
        RetryFrom::FailedStep => carried(journal, program, tx.now()),
        RetryFrom::Start => Vec::new(),
    };
    let (progress, carried) = if carried.iter().any(|log| log.step_path == CONDITIONS) {
        (Progress::accepted(ExecutionStatus::Pending, Some(Outcome::Matched)), carried)
    } else {
        let (progress, conditions) = conditions_anew(engine, &original, program, tx.now());
        (progress, std::iter::once(conditions).chain(carried).collect())
    };
    let key_execution_id = match request.from {
        RetryFrom::FailedStep => original.key_execution_id,
        RetryFrom::Start => OWN_KEYS,
    };
    let carried =
        carried.into_iter().zip(1..).map(|(log, number)| Log { step_number: number, ..log }).collect();
    let execution = Execution {
        workflow_version: program.version,
        progress,
        retry_of: Some(id),
        key_execution_id,
        created_by: Some(actor),
        ..original
    };
    execution_make(tx, execution, carried).await
}

fn allowed(original: &Execution) -> StoreResult<()> {
    let progress = &original.progress;
    match progress.status {
        ExecutionStatus::Failed | ExecutionStatus::Cancelled | ExecutionStatus::Retrying => Ok(()),
        ExecutionStatus::Completed if progress.actions_failed > 0 => Ok(()),
        ExecutionStatus::Completed => Err(StoreError::conflict(
            "nothing_to_retry",
            "the execution completed and none of its steps failed: there is nothing to retry",
        )),
        ExecutionStatus::Pending | ExecutionStatus::Running | ExecutionStatus::Waiting => {
            Err(StoreError::conflict(
                "execution_live",
                format!("the execution is {}: only one that has ended can be retried", progress.status),
            ))
        }
    }
}

/// The outcomes that a retry keeps: completed steps that the definition still has, and conditions that held. A control step in which
/// something failed is opened again as it was decided, so that what failed in it runs again and nothing else.
fn carried(journal: Vec<Log>, program: &Program, now: Timestamp) -> Vec<Log> {
    let seen = Journal::new(journal);
    let tries = seen.tries();
    let keeps = |log: &Log| {
        if log.step_path == CONDITIONS {
            return (log.status == StepStatus::Completed && walk::passed(log)).then(|| log.clone());
        }
        let holds_steps = matches!(log.step_type, StepType::Branch | StepType::Loop | StepType::Parallel)
            || walk::is_awaited(log);
        if !walk::exists(&program.compiled.steps, &log.step_path) || !tries.have(log) {
            None
        } else if !holds_steps {
            (log.status == StepStatus::Completed).then(|| log.clone())
        } else if seen.last(&log.step_path).is_some_and(|last| last.step_number == log.step_number) {
            reopened(log, &seen, now)
        } else {
            None
        }
    };
    let kept: Vec<Log> = seen.rows().filter_map(keeps).collect();
    kept.into_iter()
        .map(|log| Log {
            carried_from: log.carried_from.or(Some(log.id)),
            id: UNSAVED,
            retry_count: 0,
            attempt: 1,
            resume_at: None,
            ..log
        })
        .collect()
}

/// The row of a step that holds others, as a retry takes it over; none when it had decided nothing.
fn reopened(log: &Log, journal: &Journal, now: Timestamp) -> Option<Log> {
    let failed_inside = || {
        let tries = journal.tries();
        let below = |row: &&Log| walk::is_below(&row.step_path, &log.step_path) && tries.have(row);
        let is_last =
            |row: &&Log| journal.last(&row.step_path).is_some_and(|last| last.step_number == row.step_number);
        let mut failed = journal.rows().filter(below).filter(|row| row.status == StepStatus::Failed);
        failed.any(|row| !walk::is_handled(row) && is_last(&row))
    };
    if walk::is_awaited(log) && !walk::has_come(log) {
        // It waits anew.
        return None;
    }
    let is_open = match log.status {
        StepStatus::Completed => failed_inside(),
        StepStatus::Failed => {
            let output = log.output_data.as_ref()?;
            output.get(walk::FAILED_AT).or(output.get(walk::OVERDUE)).is_some()
        }
        StepStatus::Running => true,
        // Open when somebody cancelled the run; what `skipIf` passed over has no error.
        StepStatus::Skipped => log.error.is_some(),
        StepStatus::Pending => false,
    };
    match (is_open, log.status) {
        (true, _) => {
            Some(Log {
                status: StepStatus::Running,
                output_data: log
                    .output_data
                    .as_ref()
                    .map(|_| Value::Object(control::what_was_decided(log)).into()),
                error: None,
                // Its time, if it has one, begins anew.
                started_at: Some(now),
                completed_at: None,
                ..log.clone()
            })
        }
        (false, StepStatus::Completed) => Some(log.clone()),
        (false, _) => None,
    }
}

fn conditions_anew(
    engine: &EngineInner,
    original: &Execution,
    program: &Program,
    now: Timestamp,
) -> (Progress, Log) {
    let profile = engine.tenants.known(original.tenant_id);
    let surroundings = Surroundings {
        tenant: (original.tenant_id, profile.as_ref().map_or("", |profile| profile.name.as_str())),
        workflow: (original.workflow_id, &program.name),
        execution: None,
        now,
    };
    let zone = profile.as_ref().map_or(jiff::tz::TimeZone::UTC, |profile| profile.time_zone.clone());
    let locals = locals(surroundings, &Journal::default());
    let scope = Scope { trigger: &original.trigger_data, locals: &locals, time_zone: &zone };
    matching::record(&program.compiled, &scope, false, now)
}
