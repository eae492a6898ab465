//! Performing one step: render its config, run its action, and put down what came of it.

use std::time::{Duration, Instant};

use actions::{ActionError, Context, Entry, ErrorKind, Outcome, hosts::Gate};
use model::{StepStatus, Timestamp, effect::Effect, execution::Execution, journal::Log};
use rules::{Construct, Failure, Scope, Step};
use serde_json::{Value, json};
use store::execution::Performed;
use tracing::Instrument;

use crate::{
    EngineInner, again,
    audience::TenantAudience,
    calls, control,
    ledger::TenantLedger,
    locals::{Surroundings, locals_at},
    ports::{Counted, Ownership, TenantConnections},
    program::Program,
    put_off, rows,
    tenants::Profile,
    walk::{self, Inside, Journal, Place},
};

/// How long a step may take that does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// One try of one step.
pub(crate) struct Attempt<'a> {
    pub(crate) engine: &'a EngineInner,
    pub(crate) execution: &'a Execution,
    pub(crate) program: &'a Program,
    pub(crate) profile: &'a Profile,
    pub(crate) journal: &'a Journal,
    pub(crate) place: &'a Place<'a>,
    pub(crate) attempt: i64,
}

/// An action that is about to run.
struct Ready {
    log: Log,
    entry: &'static Entry,
    config: Value,
}

impl Attempt<'_> {
    pub(crate) async fn perform(&self) -> Performed {
        let begun = Instant::now();
        let span = tracing::debug_span!("step", action = self.step().action_type, path = %self.place.path, attempt = self.attempt);
        let performed = self.try_to_perform().instrument(span).await;
        let took = begun.elapsed();
        self.engine.metrics.step(&self.step().action_type, &performed, took);
        let (step, status) = (&performed.log.step_path, performed.log.status);
        tracing::debug!(step, %status, microseconds = took.as_micros(), "a step was performed");
        performed
    }

    /// The row of a step that goes outside beside others, before it does; of one that does not go there after all, what came of it.
    pub(crate) fn begin(&self) -> Performed {
        let before = self.journal.last(&self.place.path).filter(|row| row.status == StepStatus::Pending);
        match self.prepare(self.engine.store.now()) {
            Ok(Ready { log, .. }) => {
                // What is known of its having been put off is kept.
                let output_data = before.and_then(|row| row.output_data.clone());
                let log = Log { status: StepStatus::Pending, output_data, ..log };
                Performed { log, effect: None }
            }
            Err(settled) => {
                self.engine.metrics.step(&self.step().action_type, &settled, Duration::ZERO);
                *settled
            }
        }
    }

    async fn try_to_perform(&self) -> Performed {
        let started = self.engine.store.now();
        let step = self.step();
        let Ready { mut log, entry, config } = match self.prepare(started) {
            Ok(ready) => ready,
            Err(settled) => return *settled,
        };
        match self.run(entry, step, config, started).await {
            Ok(Outcome::Done(output)) => {
                log.status = StepStatus::Completed;
                log.output_data = Some(output.into());
                self.done(log, None)
            }
            Ok(Outcome::Apply(effect)) => Performed { log, effect: Some(effect) },
            Ok(Outcome::Wait(period)) => {
                log.status = StepStatus::Running;
                log.resume_at = Some(started.plus(period));
                Performed { log, effect: None }
            }
            Ok(Outcome::Skipped(output)) => {
                log.status = StepStatus::Skipped;
                log.output_data = Some(output.into());
                self.done(log, None)
            }
            Err(error) if put_off::is_due(&error) => self.put_off(log, step, error),
            Err(error) => self.failed(log, step, error),
        }
    }

    /// An action with all that it is given; or what came of the step, when that is clear without running one.
    fn prepare(&self, started: Timestamp) -> Result<Ready, Box<Performed>> {
        let step = self.step();
        let begun = rows::begun(self.execution, self.journal, self.place, self.attempt, started);
        let mut log = put_off::resumed(begun, self.journal.last(&self.place.path));
        if step.disabled {
            log.status = StepStatus::Skipped;
            log.output_data = Some(json!({"reason": "the step is disabled"}).into());
            return Err(Box::new(self.done(log, None)));
        }
        // Of a call that is under way, and made again after a crash, that was decided before: what it does may have happened.
        let is_under_way = self.journal.last(&self.place.path).is_some_and(Log::is_under_way);
        if let Some(conditions) = step.skip_if.as_ref().filter(|_| !is_under_way) {
            let skips = self.seeing(started, |scope| control::verdict(conditions, scope, &mut log.warnings));
            match skips {
                Ok((false, _)) => {}
                Ok((true, story)) => {
                    log.status = StepStatus::Skipped;
                    let output = json!({"reason": "the conditions of skipIf hold", "conditions": story});
                    log.output_data = Some(output.into());
                    return Err(Box::new(self.done(log, None)));
                }
                Err(message) => {
                    let error = ActionError::new(ErrorKind::InvalidConfig, format!("skipIf: {message}"));
                    return Err(Box::new(self.failed(log, step, error)));
                }
            }
        }
        if let Some(construct) = step.construct.as_deref() {
            return Err(Box::new(self.open(construct, log, started)));
        }
        let Some(entry) = actions::catalog().get(&step.action_type) else {
            let message = format!("there is no action {:?} in this program", step.action_type);
            let error = ActionError::new(ErrorKind::InvalidConfig, message);
            return Err(Box::new(self.failed(log, step, error)));
        };
        match self.render(step, started, &mut log, entry) {
            Ok(config) => Ok(Ready { log, entry, config }),
            Err(error) => Err(Box::new(self.failed(log, step, error))),
        }
    }

    /// The call has to wait for its host.
    fn put_off(&self, mut log: Log, step: &Step, error: ActionError) -> Performed {
        let (before, seed) = (self.journal.last(&self.place.path), self.execution.id.get().unsigned_abs());
        match put_off::again(&mut log, before, error, seed, self.engine.store.now()) {
            Ok(()) => Performed { log, effect: None },
            Err(given_up) => self.failed(log, step, given_up),
        }
    }

    fn step(&self) -> &Step {
        self.place.step
    }

    /// A control step is opened.
    fn open(&self, construct: &Construct, mut log: Log, now: Timestamp) -> Performed {
        let most = self.engine.max_depth;
        if matches!(construct, Construct::RunWorkflow(_)) && self.execution.depth >= most {
            let message = format!(
                "workflows that start one another are {most} deep here, and no deeper is allowed: one of them probably runs itself without an end"
            );
            return Performed { log: control::failed(log, message, now), effect: None };
        }
        let (log, effect) = self.seeing(now, |scope| match self.place.step.config.render(scope) {
            Ok(rendered) => {
                log.input_data = rendered.value.into();
                log.warnings.extend(rendered.warnings);
                let run = (self.journal, self.execution);
                control::open(self.place, construct, log, run, (scope, self.profile), now)
            }
            Err(error) => {
                (control::failed(log, format!("the config cannot be rendered: {error}"), now), None)
            }
        });
        let effect = match construct {
            Construct::RunWorkflow(called) if log.is_open() => {
                calls::wanted(&log.input_data, *called).ok().map(Effect::WorkflowRun)
            }
            _ => effect,
        };
        Performed { log, effect }
    }

    /// With what this place sees.
    pub(crate) fn seeing<T>(&self, now: Timestamp, look: impl FnOnce(&Scope<'_>) -> T) -> T {
        let surroundings = Surroundings {
            tenant: (self.execution.tenant_id, &self.profile.name),
            workflow: (self.execution.workflow_id, &self.program.name),
            execution: Some((self.execution.id, self.execution.progress.retry_count + 1)),
            now,
        };
        let locals = locals_at(surroundings, self.journal, &self.program.compiled, self.place);
        look(&Scope {
            trigger: &self.execution.trigger_data,
            locals: &locals,
            time_zone: &self.profile.time_zone,
        })
    }

    fn render(
        &self,
        step: &Step,
        now: Timestamp,
        log: &mut Log,
        entry: &Entry,
    ) -> Result<Value, ActionError> {
        let rendered = self.seeing(now, |scope| step.config.render(scope)).map_err(|error| {
            ActionError::new(ErrorKind::InvalidConfig, format!("the config cannot be rendered: {error}"))
        })?;
        log.input_data = entry.redact(rendered.value.clone()).into();
        log.warnings = rendered.warnings;
        Ok(rendered.value)
    }

    async fn run(
        &self,
        entry: &Entry,
        step: &Step,
        config: Value,
        now: Timestamp,
    ) -> Result<Outcome, ActionError> {
        let own = step.timeout.map(model::Period::as_duration);
        let timeout = own.or_else(|| entry.timeout(&config)).unwrap_or(DEFAULT_TIMEOUT);
        let timeout = self.left().map_or(timeout, |left| left.min(timeout));
        let (tenant, execution) = (self.execution.tenant_id, self.execution);
        let hosts = step.literal_hosts.iter().chain(&self.profile.settings.webhook_hosts).cloned();
        let (engine, owner) = (self.engine, self.execution.owner);
        // The same instant as the step's own: what a host does not answer until then is known to be its fault.
        let deadline = tokio::time::Instant::now() + timeout;
        let (metrics, permission) = (&engine.metrics, Ownership { engine, owner });
        let gate = Gate::Line { hosts: &engine.hosts, tenant, permission: &permission, deadline };
        let http = Counted { way: engine.http.bound(hosts, gate), metrics };
        let mail = Counted { way: self.profile.mailer(&engine.mail, gate), metrics };
        let audience = TenantAudience { engine, tenant, profile: self.profile };
        let connections =
            TenantConnections { store: &self.engine.store, secrets: &self.engine.secrets, tenant };
        let ledger = TenantLedger::new(&self.engine.store, &self.engine.secrets, tenant, Some(execution.id));
        let installation = &self.engine.installation;
        let key =
            actions::idempotency_key(installation, tenant, execution.key_execution_id, &self.place.path);
        let context = Context {
            tenant,
            execution: execution.id,
            contact: execution.contact_id,
            submission: execution.submission_id,
            idempotency_key: &key,
            attempt: self.attempt,
            now,
            timeout,
            mail: &mail,
            audience: &audience,
            http: &http,
            connections: &connections,
            ledger: &ledger,
        };
        match tokio::time::timeout_at(deadline, entry.run(config, &context)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let message = format!("gave no answer within {} s", timeout.as_secs_f64());
                Err(ActionError { perhaps_done: true, ..ActionError::new(ErrorKind::Timeout, message) })
            }
        }
    }

    /// What is left of the time of the steps around this one.
    fn left(&self) -> Option<Duration> {
        let now = self.engine.store.now();
        let within = self.place.frames.iter().filter(|frame| frame.inside != Inside::Handler);
        let ends = within.filter_map(|frame| walk::deadline(frame.step?, self.journal.last(&frame.path)?));
        // A moment more, so that their time is over when this is.
        let left = ends.min()?.millis_since(now).saturating_add(1);
        Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    fn failed(&self, mut log: Log, step: &Step, error: ActionError) -> Performed {
        log.status = StepStatus::Failed;
        log.error = Some(error.message.clone());
        log.retryable = error.kind.is_retryable();
        log.output_data = failure_output(&error).map(Into::into);
        let done = self.done(log, None);
        let resume_at = self.next_try(step, &error, &done.log);
        Performed { log: Log { resume_at, ..done.log }, ..done }
    }

    /// When the step's own `retry` tries again within this run (control-flow.md): waiting holds no worker.
    fn next_try(&self, step: &Step, error: &ActionError, failed: &Log) -> Option<Timestamp> {
        let retry = step.retry.as_ref()?;
        let class = failure(error.kind);
        if !(error.kind.is_retryable() || retry.on.is_some()) || !retry.applies(class) {
            return None;
        }
        let at_least = error.retry_after.unwrap_or_default();
        again::at(step, failed, self.journal, at_least, failed.completed_at.unwrap_or_default())
    }

    fn done(&self, mut log: Log, effect: Option<Effect>) -> Performed {
        let now = self.engine.store.now();
        log.completed_at = Some(now);
        log.duration_ms = log.started_at.map(|started| now.millis_since(started));
        Performed { log, effect }
    }
}

/// What a failed step leaves for people and for the error stack.
fn failure_output(error: &ActionError) -> Option<Value> {
    let mut output = match &error.output {
        Some(Value::Object(fields)) => fields.clone(),
        Some(other) => serde_json::Map::from_iter([("output".to_owned(), other.clone())]),
        None => serde_json::Map::new(),
    };
    if !error.causes.is_empty() {
        output.insert("causes".to_owned(), json!(error.causes));
    }
    (!output.is_empty()).then_some(Value::Object(output))
}

fn failure(kind: ErrorKind) -> Failure {
    match kind {
        ErrorKind::Connection => Failure::Connection,
        ErrorKind::Timeout => Failure::Timeout,
        ErrorKind::Status(status) => Failure::Status(status),
        // Refused for now, by whoever has another way to say so.
        ErrorKind::Unavailable => Failure::Status(503),
        ErrorKind::Busy
        | ErrorKind::Down
        | ErrorKind::Paced
        | ErrorKind::Parked
        | ErrorKind::InvalidConfig
        | ErrorKind::Refused
        | ErrorKind::Panicked => Failure::Other,
    }
}
