//! What people do to executions: cancel one, retry one.

use model::{
    Actor, ExecutionId, ExecutionStatus, Outcome, StepStatus, TenantId,
    execution::{Execution, Progress},
    journal::Log,
};
use rules::Scope;
use serde::Deserialize;
use store::{
    StoreError, StoreResult, Tx,
    execution::{
        Conclude, OWN_KEYS, Started, UNSAVED, execution_cancel, execution_get, execution_live_retry,
        execution_load, execution_make, execution_set_progress,
    },
};

use crate::{
    Engine, EngineError, EngineInner,
    locals::{Surroundings, locals},
    matching,
    program::Program,
    rows,
    walk::{CONDITIONS, Journal},
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
    /// Ends an execution.
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
        let conclude: Conclude = Box::new(move |execution, logs, now| {
            rows::cancelled(&program.compiled, execution, &Journal::new(logs.to_vec()), now)
        });
        let cancelled = inner
            .store
            .write(move |tx| {
                Box::pin(async move { execution_cancel(tx, tenant, id, &reason, conclude).await })
            })
            .await?;
        let running = self.inner.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(run) = running.get(&id) {
            run.cancel();
        }
        drop(running);
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
        let original = execution_load(&mut connection, tenant, id).await?.execution;
        let version = match request.definition {
            RetryDefinition::Original => original.workflow_version,
            RetryDefinition::Current => {
                let workflow =
                    store::workflow::workflow_get(&mut connection, tenant, original.workflow_id).await?;
                workflow.published_version
            }
        };
        let program = inner.programs.version(&mut connection, tenant, original.workflow_id, version).await?;
        drop(connection);
        let engine = std::sync::Arc::clone(inner);
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
    let Started { execution: original, journal } = execution_load(tx, tenant, id).await?;
    allowed(&original)?;
    if let Some(live) = execution_live_retry(tx, tenant, id).await? {
        return Err(StoreError::conflict(
            "retry_live",
            format!("execution {live} retries this one and has not ended: wait for it or cancel it"),
        ));
    }
    if original.progress.status == ExecutionStatus::Retrying {
        let ended = Progress {
            status: ExecutionStatus::Failed,
            completed_at: Some(tx.now()),
            next_retry_at: None,
            wake_at: None,
            ..original.progress.clone()
        };
        execution_set_progress(tx, tenant, id, &ended).await?;
    }
    let carried = match request.from {
        RetryFrom::FailedStep => carried(journal, program),
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

/// The outcomes that a retry keeps: completed steps that the definition still has, and conditions that held.
fn carried(journal: Vec<Log>, program: &Program) -> Vec<Log> {
    let keeps = |log: &Log| {
        let is_condition = log.step_path == CONDITIONS && crate::walk::passed(log);
        let is_step = program.compiled.steps.iter().any(|step| step.id == log.step_path);
        log.status == StepStatus::Completed && (is_condition || is_step)
    };
    journal
        .into_iter()
        .filter(keeps)
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

fn conditions_anew(
    engine: &EngineInner,
    original: &Execution,
    program: &Program,
    now: model::Timestamp,
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
