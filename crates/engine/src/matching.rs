//! From an event to the executions that it starts: conditions are evaluated here, before an execution exists, so that the
//! execution, the condition step's log row and the verdict are one write.

use std::{fmt, sync::Arc};

use model::{
    ExecutionStatus, LogId, Outcome, StepStatus, StepType, TenantId, Timestamp,
    event::{EventName, NewEvent},
    execution::Progress,
    journal::Log,
};
use rules::{Compiled, ConditionError, Evaluation, Scope};
use serde_json::{Value, json};
use store::{
    event::{Match, Matcher, Start},
    execution::UNSAVED,
};

use crate::{
    EngineInner,
    locals::{Surroundings, locals},
    walk::{CONDITIONS, Journal},
};

/// A chain of workflow-made events longer than this is a loop that a workflow makes with itself (control-flow.md).
pub const DEEPEST: u32 = 8;

/// The engine's part in accepting events.
pub(crate) struct Matching {
    pub(crate) engine: std::sync::Weak<EngineInner>,
}

impl fmt::Debug for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Matching")
    }
}

impl Matcher for Matching {
    fn hears(&self, tenant: TenantId, name: &EventName) -> bool {
        let index = self.engine.upgrade().and_then(|engine| engine.programs.index(tenant));
        index.is_some_and(|index| index.hears(name.as_str()))
    }

    fn matches(&self, event: &NewEvent) -> Vec<Match> {
        let Some(engine) = self.engine.upgrade() else { return Vec::new() };
        let Some(index) = engine.programs.index(event.tenant) else { return Vec::new() };
        let now = engine.store.now();
        let profile = engine.tenants.known(event.tenant);
        let tenant_name = profile.as_ref().map_or("", |profile| profile.name.as_str());
        let zone = profile.as_ref().map_or(jiff::tz::TimeZone::UTC, |profile| profile.time_zone.clone());
        let depth = event.cause.map_or(0, |cause| cause.depth);
        let (has_worker, owned) = (engine.has_worker(), engine.room() > 0);
        index
            .matching(event.name.as_str(), &event.data)
            .map(|entry| {
                let program = engine.programs.known(entry.workflow, entry.version);
                let name = program.as_ref().map_or("", |program| program.name.as_str());
                let surroundings = Surroundings {
                    tenant: (event.tenant, tenant_name),
                    workflow: (entry.workflow, name),
                    execution: None,
                    now,
                };
                let start = if depth > DEEPEST {
                    stopped(&entry.compiled, depth, now)
                } else {
                    let locals = locals(surroundings, &Journal::default());
                    let scope = Scope { trigger: &event.data, locals: &locals, time_zone: &zone };
                    start(&entry.compiled, &scope, (has_worker, owned), now)
                };
                Match { workflow: entry.workflow, version: entry.version, start }
            })
            .collect()
    }
}

/// How an execution begins, from what its conditions say.
fn start(
    compiled: &Arc<Compiled>,
    scope: &Scope<'_>,
    (has_worker, owned): (bool, bool),
    now: Timestamp,
) -> Start {
    if !compiled.log_unmatched && compiled.conditions.matches(scope) == Ok(false) {
        return Start::CountOnly;
    }
    let (progress, log) = record(compiled, scope, has_worker, now);
    Start::Record { progress: Box::new(progress), owned, log: Box::new(log) }
}

/// The state and the first log row of an execution.
pub(crate) fn record(
    compiled: &Compiled,
    scope: &Scope<'_>,
    has_worker: bool,
    now: Timestamp,
) -> (Progress, Log) {
    let evaluation = compiled.conditions.evaluate(scope);
    let log = condition_log(compiled, &evaluation, now);
    let progress = match &evaluation.result {
        Ok(true) => {
            let status = if has_worker { ExecutionStatus::Running } else { ExecutionStatus::Pending };
            let started_at = has_worker.then_some(now);
            Progress { started_at, ..Progress::accepted(status, Some(Outcome::Matched)) }
        }
        Ok(false) => Progress {
            started_at: Some(now),
            completed_at: Some(now),
            duration_ms: Some(0),
            result: Some(crate::progress::result(compiled, &Journal::new(vec![log.clone()]))),
            ..Progress::accepted(ExecutionStatus::Completed, Some(Outcome::Unmatched))
        },
        Err(error) => Progress {
            started_at: Some(now),
            completed_at: Some(now),
            duration_ms: Some(0),
            result: Some(crate::progress::result(compiled, &Journal::new(vec![log.clone()]))),
            error: Some(error.to_string()),
            error_stack: Some(format!(
                "step {CONDITIONS} (Evaluate Conditions), log row 1, attempt 1: {error}"
            )),
            ..Progress::accepted(ExecutionStatus::Failed, None)
        },
    };
    (progress, log)
}

/// The log row of the condition step, as the seed prints it: the conditions in, the verdict out.
pub(crate) fn condition_log(compiled: &Compiled, evaluation: &Evaluation, now: Timestamp) -> Log {
    Log {
        id: UNSAVED,
        tenant_id: TenantId::new(0),
        execution_id: model::ExecutionId::new(0),
        step_number: 1,
        step_type: StepType::Condition,
        step_name: "Evaluate Conditions".to_owned(),
        step_id: CONDITIONS.to_owned(),
        step_path: CONDITIONS.to_owned(),
        attempt: 1,
        retry_count: 0,
        status: if evaluation.result.is_ok() { StepStatus::Completed } else { StepStatus::Failed },
        input_data: compiled.conditions_source.clone(),
        output_data: Some(evaluation.to_output()),
        error: evaluation.result.as_ref().err().map(ConditionError::to_string),
        warnings: evaluation.warnings.clone(),
        retryable: false,
        resume_at: None,
        carried_from: None::<LogId>,
        started_at: Some(now),
        completed_at: Some(now),
        duration_ms: Some(0),
        created_at: now,
    }
}

/// An execution that the loop guard ends before it begins; the row says why.
fn stopped(compiled: &Compiled, depth: u32, now: Timestamp) -> Start {
    let reason = format!(
        "stopped: the event comes from a chain of {depth} workflow-made events, {DEEPEST} are allowed; a workflow probably starts itself"
    );
    let evaluation = Evaluation { result: Ok(true), conditions: Vec::new(), warnings: Vec::new() };
    let log = Log {
        status: StepStatus::Skipped,
        output_data: None,
        error: Some(reason.clone()),
        ..condition_log(compiled, &evaluation, now)
    };
    let progress = Progress {
        started_at: Some(now),
        completed_at: Some(now),
        duration_ms: Some(0),
        result: Some(json!({
            "conditionsPassed": Value::Null, "actionsExecuted": 0, "actionsFailed": 0, "actionResults": [], "stopped": reason,
        })),
        ..Progress::accepted(ExecutionStatus::Completed, Some(Outcome::Stopped))
    };
    Start::Record { progress: Box::new(progress), owned: false, log: Box::new(log) }
}
