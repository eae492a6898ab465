//! Performing one step: render its config, run its action, and put down what came of it.

use std::time::Duration;

use actions::{ActionError, Context, Entry, ErrorKind, Outcome};
use model::{StepStatus, Timestamp, effect::Effect, execution::Execution, journal::Log};
use rules::{Failure, Scope, Step};
use serde_json::{Value, json};

use crate::{
    EngineInner,
    locals::{Surroundings, locals},
    ports::{Guarded, TenantConnections},
    program::Program,
    rows,
    tenants::Profile,
    walk::Journal,
};

/// How long a step may take that does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// What a step came to: its log row, and the effect that completes it.
#[derive(Debug)]
pub(crate) struct Performed {
    pub(crate) log: Log,
    pub(crate) effect: Option<Effect>,
}

/// One try of one step.
pub(crate) struct Attempt<'a> {
    pub(crate) engine: &'a EngineInner,
    pub(crate) execution: &'a Execution,
    pub(crate) program: &'a Program,
    pub(crate) profile: &'a Profile,
    pub(crate) journal: &'a Journal,
    pub(crate) position: usize,
    pub(crate) attempt: i64,
}

impl Attempt<'_> {
    pub(crate) async fn perform(&self) -> Performed {
        let started = self.engine.store.now();
        let step = self.step();
        let mut log = rows::begun(self.execution, self.journal, step, self.attempt, started);
        if step.disabled {
            log.status = StepStatus::Skipped;
            log.output_data = Some(json!({"reason": "the step is disabled"}));
            return self.done(log, None);
        }
        let Some(entry) = actions::catalog().get(&step.action_type) else {
            let message = format!("there is no action {:?} in this program", step.action_type);
            return self.failed(log, step, ActionError::new(ErrorKind::InvalidConfig, message));
        };
        let config = match self.render(step, started, &mut log, entry) {
            Ok(config) => config,
            Err(error) => return self.failed(log, step, error),
        };
        match self.run(entry, step, config, started).await {
            Ok(Outcome::Done(output)) => {
                log.status = StepStatus::Completed;
                log.output_data = Some(output);
                self.done(log, None)
            }
            Ok(Outcome::Apply(effect)) => Performed { log, effect: Some(effect) },
            Ok(Outcome::Wait(period)) => {
                log.status = StepStatus::Running;
                log.resume_at = Some(started.plus(period));
                Performed { log, effect: None }
            }
            Err(error) => self.failed(log, step, error),
        }
    }

    fn step(&self) -> &Step {
        &self.program.compiled.steps[self.position]
    }

    fn render(
        &self,
        step: &Step,
        now: Timestamp,
        log: &mut Log,
        entry: &Entry,
    ) -> Result<Value, ActionError> {
        let surroundings = Surroundings {
            tenant: (self.execution.tenant_id, &self.profile.name),
            workflow: (self.execution.workflow_id, &self.program.name),
            execution: Some((self.execution.id, self.execution.progress.retry_count + 1)),
            now,
        };
        let locals = locals(surroundings, self.journal);
        let scope = Scope {
            trigger: &self.execution.trigger_data,
            locals: &locals,
            time_zone: &self.profile.time_zone,
        };
        let rendered = step.config.render(&scope).map_err(|error| {
            ActionError::new(ErrorKind::InvalidConfig, format!("the config cannot be rendered: {error}"))
        })?;
        log.input_data = entry.redact(rendered.value.clone());
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
        let (tenant, execution) = (self.execution.tenant_id, self.execution);
        let hosts = step.literal_hosts.iter().chain(&self.profile.settings.webhook_hosts).cloned();
        let (engine, owner) = (self.engine, self.execution.owner);
        let http = Guarded { way: engine.http.bound(hosts), engine, owner };
        let smtp = self.profile.settings.smtp.as_ref();
        let server =
            smtp.map(|smtp| actions::mail::SmtpServer::of_tenant(smtp, self.profile.smtp_password.clone()));
        let way = engine.mail.bound(server, &self.profile.settings.sender);
        let mail = Guarded { way, engine, owner };
        let connections =
            TenantConnections { store: &self.engine.store, secrets: &self.engine.secrets, tenant };
        let installation = &self.engine.installation;
        let key = actions::idempotency_key(installation, tenant, execution.key_execution_id, &step.id);
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
            http: &http,
            connections: &connections,
        };
        match tokio::time::timeout(timeout, entry.run(config, &context)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let message = format!("gave no answer within {} s", timeout.as_secs_f64());
                Err(ActionError::new(ErrorKind::Timeout, message))
            }
        }
    }

    fn failed(&self, mut log: Log, step: &Step, error: ActionError) -> Performed {
        log.status = StepStatus::Failed;
        log.error = Some(error.message.clone());
        log.retryable = error.kind.is_retryable();
        log.output_data = failure_output(&error);
        let done = self.done(log, None);
        let resume_at = self.next_try(step, &error, done.log.completed_at.unwrap_or_default());
        Performed { log: Log { resume_at, ..done.log }, ..done }
    }

    /// When the step's own `retry` tries again within this run (control-flow.md): waiting holds no worker.
    fn next_try(&self, step: &Step, error: &ActionError, now: Timestamp) -> Option<Timestamp> {
        let retry = step.retry.as_ref()?;
        let class = failure(error.kind);
        if !(error.kind.is_retryable() || retry.on.is_some()) || !retry.applies(class) {
            return None;
        }
        let this_run = self.execution.progress.retry_count;
        let earlier = self.journal.rows().filter(|row| {
            row.step_path == step.id && row.retry_count == this_run && row.status == StepStatus::Failed
        });
        let failures = u32::try_from(earlier.count()).unwrap_or(u32::MAX).saturating_add(1);
        let seed = self.execution.id.get().unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let delay = retry.delay(failures, seed)?;
        Some(now.plus(delay.max(error.retry_after.unwrap_or_default())))
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
        ErrorKind::Unavailable | ErrorKind::InvalidConfig | ErrorKind::Refused | ErrorKind::Panicked => {
            Failure::Other
        }
    }
}
