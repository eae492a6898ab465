//! From an event to the executions that it starts: conditions are evaluated here, before an execution exists, so that the
//! execution, the condition step's log row and the verdict are one write.

use std::{fmt, sync::Arc};

use model::{
    ExecutionStatus, LogId, Outcome, StepStatus, StepType, TenantId, Timestamp, WorkflowId,
    event::{EventName, NewEvent},
    execution::{Execution, Progress},
    journal::Log,
    workflow::Definition,
};
use rules::{Compiled, ConditionError, Entry, EntryRules, Evaluation, Scope, Timetable};
use serde_json::{Value, json};
use store::{
    entry::{Concurrency, Debounce, Enrolment, Gate, GoalMet, RateLimit},
    event::{Match, Matcher, Start},
    execution::UNSAVED,
};

use crate::{
    EngineInner,
    locals::{Surroundings, locals},
    rows, stretch,
    walk::{CONDITIONS, Journal},
};

/// A chain of workflow-made events longer than this is a loop that a workflow makes with itself (control-flow.md), unless the installation says another number.
pub const DEEPEST: u32 = 8;
/// The most that an installation can allow: a stopped loop shows its chain whole.
pub const MOST_DEEP: u32 = 30;

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
        index.is_some_and(|index| index.hears(name.as_str()) || index.aims_at(name.as_str()))
    }

    fn gates(&self, tenant: TenantId, event: &str) -> Vec<WorkflowId> {
        let index = self.engine.upgrade().and_then(|engine| engine.programs.index(tenant));
        index.map(|index| index.gated(event).collect()).unwrap_or_default()
    }

    fn matches(&self, event: &NewEvent) -> Vec<Match> {
        self.find(event, Foresight::None)
    }

    fn foresee(&self, event: &NewEvent) -> Vec<Match> {
        self.find(event, Foresight::FirstSteps)
    }

    fn goals(&self, event: &NewEvent) -> Vec<GoalMet> {
        let Some(engine) = self.engine.upgrade() else { return Vec::new() };
        let Some(index) = engine.programs.index(event.tenant) else { return Vec::new() };
        if !index.aims_at(event.name.as_str()) {
            return Vec::new();
        }
        let profile = engine.tenants.known(event.tenant);
        let zone = profile.as_ref().map_or(jiff::tz::TimeZone::UTC, |profile| profile.time_zone.clone());
        // As in the conditions of a wait for an event: its data stand at the top, and below `event`.
        let locals = serde_json::Map::from_iter([("event".to_owned(), Value::clone(&event.data))]);
        let scope = Scope { trigger: &event.data, locals: &locals, time_zone: &zone };
        index.met(event.name.as_str(), &scope).map(|entry| GoalMet { workflow: entry.workflow }).collect()
    }

    fn key_at(&self, path: &str, data: &Value) -> Option<String> {
        rules::correlation::key_at(path, data)
    }

    fn fits(&self, tenant: TenantId, conditions: &Value, kept: &Value, event: &Value) -> Option<Value> {
        let engine = self.engine.upgrade()?;
        let profile = engine.tenants.known(tenant);
        let zone = profile.map_or(jiff::tz::TimeZone::UTC, |profile| profile.time_zone.clone());
        let found = rules::correlation::evaluate(conditions, kept, event, engine.store.now(), &zone)?;
        serde_json::to_value(&found.conditions).ok()
    }

    fn called(
        &self,
        event: &NewEvent,
        (workflow, version): (WorkflowId, i64),
        definition: Option<&Definition>,
    ) -> Option<Match> {
        let engine = self.engine.upgrade()?;
        let program = match definition {
            None => engine.programs.known(workflow, version)?,
            Some(definition) => engine.programs.known_or_compile(workflow, version, definition).ok()?,
        };
        let entry = Entry { workflow, version, compiled: watched(&program.compiled) };
        engine.matches(event, std::iter::once(&entry), Foresight::None).pop()
    }

    fn conclude(
        &self,
        execution: &Execution,
        definition: &Definition,
        logs: &[Log],
        now: Timestamp,
    ) -> (Option<Log>, Value) {
        let so_far = || execution.progress.result.clone().unwrap_or_default();
        let Some(engine) = self.engine.upgrade() else { return (None, so_far()) };
        let (workflow, version) = (execution.workflow_id, execution.workflow_version);
        match engine.programs.known_or_compile(workflow, version, definition) {
            Ok(program) => {
                let journal = Journal::new(logs.to_vec());
                rows::cancelled(&program.compiled, execution, &journal, &engine.policy, now)
            }
            Err(_) => (None, so_far()),
        }
    }

    fn next_tick(&self, definition: &Definition, after: Timestamp, time_zone: &str) -> Option<Timestamp> {
        let zone = jiff::tz::TimeZone::get(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        Timetable::of(definition)?.next(after, &zone)
    }
}

/// How far a match goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foresight {
    /// To the conditions.
    None,
    /// To the first steps, where they can be done with the acceptance.
    FirstSteps,
}

/// The executions of one event whose first steps are done with its acceptance: one transaction has an end.
const MOST_AHEAD: usize = 16;

impl Matching {
    fn find(&self, event: &NewEvent, foresight: Foresight) -> Vec<Match> {
        let Some(engine) = self.engine.upgrade() else { return Vec::new() };
        let Some(index) = engine.programs.index(event.tenant) else { return Vec::new() };
        engine.matches(event, index.matching(event.name.as_str(), &event.data), foresight)
    }
}

impl EngineInner {
    /// What is recorded of these workflows when an event starts them.
    pub(crate) fn matches<'a>(
        &self,
        event: &NewEvent,
        entries: impl Iterator<Item = &'a Entry>,
        foresight: Foresight,
    ) -> Vec<Match> {
        let engine = self;
        let now = engine.store.now();
        let profile = engine.tenants.known(event.tenant);
        let tenant_name = profile.as_ref().map_or("", |profile| profile.name.as_str());
        let zone = profile.as_ref().map_or(jiff::tz::TimeZone::UTC, |profile| profile.time_zone.clone());
        let depth = event.cause.map_or(0, |cause| cause.depth);
        let (has_worker, owned) = (engine.has_worker(), engine.room() > 0);
        let mut left = if foresight == Foresight::FirstSteps { MOST_AHEAD } else { 0 };
        entries
            .map(|entry| {
                let program = engine.programs.known(entry.workflow, entry.version);
                let name = program.as_ref().map_or("", |program| program.name.as_str());
                let surroundings = Surroundings {
                    tenant: (event.tenant, tenant_name),
                    workflow: (entry.workflow, name),
                    execution: None,
                    now,
                };
                let (mut start, gate) = if depth > engine.max_depth {
                    (stopped(&entry.compiled, (depth, engine.max_depth), now), None)
                } else {
                    let locals = locals(surroundings, &Journal::default());
                    let scope = Scope { trigger: &event.data, locals: &locals, time_zone: &zone };
                    let start = start(&entry.compiled, &scope, (has_worker, owned), now);
                    (start, gate(&entry.compiled.entry, &scope))
                };
                if let (Start::Record { progress, log, ahead, .. }, Some(program), Some(profile)) =
                    (&mut start, &program, &profile)
                    && left > 0
                    // What may be refused must not have begun.
                    && gate.is_none()
                    && !progress.status.is_terminal()
                {
                    *ahead = stretch::ahead(engine, (event, program, profile), (progress, log), now);
                    left -= usize::from(ahead.is_some());
                }
                Match { workflow: entry.workflow, version: entry.version, start, gate }
            })
            .collect()
    }
}

/// What a workflow's rules of entry say of an event; a rule whose key the event has not says nothing.
fn gate(rules: &EntryRules, scope: &Scope<'_>) -> Option<Box<Gate>> {
    if rules.admits_everything() {
        return None;
    }
    let debounce = rules.debounce.as_ref();
    let debounce = debounce.and_then(|rule| Some(Debounce { key: rule.key(scope)?, quiet: rule.quiet }));
    let enrolment = rules.enrolment.as_ref();
    let enrolment = enrolment.and_then(|rule| Some(Enrolment { key: rule.key(scope)?, period: rule.period }));
    let rate_limit = rules.rate_limit.map(|rule| RateLimit { limit: rule.limit, per: rule.per });
    let concurrency = rules.concurrency.as_ref().and_then(|rule| {
        Some(Concurrency { key: rule.key(scope)?, limit: rule.limit, behavior: rule.behavior })
    });
    let gate = Gate { debounce, enrolment, rate_limit, concurrency };
    (gate != Gate::default()).then(|| Box::new(gate))
}

/// As it is for whoever starts a workflow by its name: he wants to see why it did not act, and he means it, so that its rules of entry, which are for
/// what starts it by itself, say nothing.
pub(crate) fn watched(compiled: &Arc<Compiled>) -> Arc<Compiled> {
    if compiled.log_unmatched && compiled.entry.admits_everything() {
        return Arc::clone(compiled);
    }
    Arc::new(Compiled { log_unmatched: true, entry: EntryRules::default(), ..Compiled::clone(compiled) })
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
    Start::Record { progress: Box::new(progress), owned, log: Box::new(log), ahead: None }
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
        // What is done about a failure is done about this one too.
        verdict if *verdict == Ok(true) || (verdict.is_err() && !compiled.on_failure.is_empty()) => {
            let status = if has_worker { ExecutionStatus::Running } else { ExecutionStatus::Pending };
            let started_at = has_worker.then_some(now);
            let outcome = verdict.is_ok().then_some(Outcome::Matched);
            Progress { started_at, ..Progress::accepted(status, outcome) }
        }
        Ok(_) => Progress {
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
        output_data: Some(evaluation.to_output().into()),
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
fn stopped(compiled: &Compiled, (depth, most): (u32, u32), now: Timestamp) -> Start {
    let reason = format!(
        "stopped: the event comes from a chain of {depth} workflow-made events, {most} are allowed; a workflow probably starts itself"
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
    Start::Record { progress: Box::new(progress), owned: false, log: Box::new(log), ahead: None }
}
