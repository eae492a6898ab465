//! The company lives through its month: each happening in its turn, and what the engine's rules make of it.
//!
//! All of it is one transaction, in which the clock jumps. Statements on the writer's own thread are done when they return, and
//! [`super::outside`] answers at once, so nothing here ever waits.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use actions::{Context, Outcome, idempotency_key};
use engine::{
    RetryPolicy,
    locals::{Surroundings, locals},
    program::Program,
    progress, rows,
    walk::{self, Journal, Next, Place},
};
use futures_util::FutureExt;
use jiff::tz::TimeZone;
use model::{
    Actor, Clock, ExecutionId, ExecutionStatus, Period, StepStatus, TicketId, Timestamp, effect::Effect,
    execution::Execution, journal::Log, submission::SubmissionStatus,
};
use rules::Scope;
use serde_json::{Map, json};
use store::{
    StoreError, StoreResult, Tx,
    execution::{
        Advance, Advanced, Conclude, Performed, Started, execution_advance, execution_cancel, execution_get,
        execution_load,
    },
    submission::{NewSubmission, submission_create},
    ticket::ticket_update,
    timer::timers_fire,
    workflow::workflow_counters_fold,
};

use super::{
    clock::DemoClock,
    company::{Company, ZONE},
    month::{self, Answer, Kind},
    outside::Outside,
    random::Random,
};

/// Days of the history.
const DAYS: i64 = 30;
/// Wakes of one instant.
const MANY: i64 = 1_000;

/// What is played.
pub struct Script {
    /// Who plays.
    pub company: Company,
    /// The company's time.
    pub clock: Arc<DemoClock>,
    /// When failed executions are tried again.
    pub retry: RetryPolicy,
    /// When the story ends.
    pub present: Timestamp,
    /// Lends the actions its timers.
    pub runtime: tokio::runtime::Handle,
}

/// Something that happens at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// An answer comes in, by its place in the month.
    Answer(usize),
    /// A timer is due.
    Wake(ExecutionId),
    /// The team solves a ticket.
    Solve(TicketId),
    /// Somebody cancels an execution that waits.
    Cancel(ExecutionId),
}

struct Life<'a> {
    tx: &'a mut Tx,
    script: Script,
    random: Random,
    zone: TimeZone,
    agenda: BinaryHeap<Reverse<(Timestamp, Happening)>>,
    executions: usize,
    cancelled: bool,
    down: [std::ops::Range<Timestamp>; 2],
}

/// Plays the month. Answers how many executions there were.
///
/// # Errors
/// When the database refuses.
pub async fn live(tx: &mut Tx, script: Script) -> StoreResult<usize> {
    let present = script.present;
    let answers = month::answers(present, DAYS, script.company.contacts.len());
    let agenda =
        answers.iter().enumerate().map(|(at, answer)| Reverse((answer.at, Happening::Answer(at)))).collect();
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    let down = month::outages(present);
    let mut life =
        Life { down, tx, script, random: Random::new(7), zone, agenda, executions: 0, cancelled: false };
    while let Some(Reverse((at, happening))) = life.agenda.pop() {
        if at > present {
            break;
        }
        life.go_to(at.max(life.now()));
        match happening {
            Happening::Answer(index) => life.take(&answers[index]).await?,
            Happening::Wake(id) => life.wake(id).await?,
            Happening::Solve(id) => life.solve(id).await?,
            Happening::Cancel(id) => life.cancel(id).await?,
        }
    }
    life.go_to(present);
    workflow_counters_fold(life.tx).await?;
    Ok(life.executions)
}

impl Life<'_> {
    fn now(&self) -> Timestamp {
        // Before the first happening the clock still shows the present.
        let now = self.script.clock.now();
        if self.executions == 0 && now >= self.script.present { Timestamp::EPOCH } else { now }
    }

    fn go_to(&mut self, now: Timestamp) {
        self.script.clock.set(now);
        self.tx.travel(now);
    }

    /// Some time goes by, not beyond the end of the story.
    fn spend(&mut self, from: i64, to: i64) {
        let some = Period::from_millis(self.random.between(from, to)).unwrap_or_default();
        let now = self.now().plus(some).min(self.script.present);
        self.go_to(now);
    }

    fn plan(&mut self, after: Period, happening: Happening) {
        self.agenda.push(Reverse((self.now().plus(after), happening)));
    }

    async fn take(&mut self, answer: &Answer) -> StoreResult<()> {
        let company = &self.script.company;
        let form = match answer.kind {
            Kind::Nps => company.forms[0],
            Kind::Csat => company.forms[1],
            Kind::Contact => company.forms[2],
        };
        let contact = answer.contact.and_then(|at| company.contacts.get(at).copied());
        let tenant = company.tenant;
        let mut data = answer.data.clone();
        if let (Kind::Nps, Some(id)) = (answer.kind, contact) {
            let person = store::contact::contact_get(self.tx, tenant, id).await?;
            data.insert("q_name".to_owned(), json!(person.name));
            data.insert("q_email".to_owned(), json!(person.email));
        }
        let new = NewSubmission {
            form,
            contact,
            external_id: None,
            status: SubmissionStatus::Completed,
            data,
            language: None,
            tags: Vec::new(),
        };
        let submitted = submission_create(self.tx, tenant, Actor::Public.into(), new).await?;
        for started in submitted.executions {
            self.executions += 1;
            self.run(started.id).await?;
        }
        Ok(())
    }

    /// The timers of this instant; each has a wake of its own on the agenda, and the first one takes them all.
    async fn wake(&mut self, id: ExecutionId) -> StoreResult<()> {
        let now = self.now();
        timers_fire(self.tx, now, MANY).await?;
        self.run(id).await
    }

    async fn solve(&mut self, id: TicketId) -> StoreResult<()> {
        let by = Actor::User(self.script.company.users[1]);
        let fields = Map::from_iter([("status".to_owned(), json!("solved"))]);
        ticket_update(self.tx, self.script.company.tenant, by.into(), id, &fields, None).await.map(drop)
    }

    async fn cancel(&mut self, id: ExecutionId) -> StoreResult<()> {
        let by = Actor::User(self.script.company.users[0]);
        let tenant = self.script.company.tenant;
        let execution = execution_get(self.tx, tenant, id).await?;
        let compiled = Arc::clone(&self.program(&execution)?.compiled);
        let retry = self.script.retry.clone();
        let conclude: Conclude = Box::new(move |execution, logs, now| {
            rows::cancelled(&compiled, execution, &Journal::new(logs.to_vec()), &retry, now)
        });
        execution_cancel(self.tx, tenant, id, &format!("cancelled by {by}"), conclude).await.map(drop)
    }

    /// Walks until the execution waits or ends: what the engine's runner does, with time going by as it should have.
    async fn run(&mut self, id: ExecutionId) -> StoreResult<()> {
        let tenant = self.script.company.tenant;
        let Started { mut execution, journal } = execution_load(self.tx, tenant, id).await?;
        let mut journal = Journal::new(journal);
        while matches!(execution.progress.status, ExecutionStatus::Pending | ExecutionStatus::Running) {
            let now = self.now();
            let compiled = Arc::clone(&self.program(&execution)?.compiled);
            let (log, effect) = match walk::next(&compiled, &journal, execution.progress.retry_count, now) {
                Next::Perform { place, attempt } => {
                    let (log, effect) = self.perform(&execution, &journal, &place, attempt).await?;
                    (Some(log), effect)
                }
                Next::Wake(_, log) => (Some(rows::woken(log, now)), None),
                Next::Round(..) | Next::Close(..) | Next::Handled(_) | Next::Sweep(_) => {
                    return Err(StoreError::Corrupt("the demo's workflows have no control steps".to_owned()));
                }
                Next::Wait(_) | Next::End(_) => (None, None),
            };
            let is_rest = log.is_none();
            let Some(logs) = self.record(&mut execution, &journal, log, effect).await? else { break };
            journal = journal.with(&logs);
            self.follow_up(&logs);
            if is_rest {
                break;
            }
        }
        self.plan_wake(&execution);
        Ok(())
    }

    fn program(&self, execution: &Execution) -> StoreResult<&Program> {
        let mut programs = self.script.company.programs.iter();
        programs
            .find(|program| program.workflow == execution.workflow_id)
            .ok_or_else(|| StoreError::missing(format!("workflow {}", execution.workflow_id)))
    }

    async fn record(
        &mut self,
        execution: &mut Execution,
        journal: &Journal,
        log: Option<Log>,
        effect: Option<Effect>,
    ) -> StoreResult<Option<Vec<Arc<Log>>>> {
        let compiled = Arc::clone(&self.program(execution)?.compiled);
        let (known, before, retry, now) =
            (journal.clone(), execution.progress.clone(), self.script.retry.clone(), self.now());
        let follow = Arc::new(move |logs: &[Arc<Log>]| {
            let worked = logs.iter().filter_map(|log| log.duration_ms).sum();
            progress::after(&compiled, &known.with(logs), &before, &retry, worked, now)
        });
        let steps = log.map(|log| Performed { log, effect }).into_iter().collect();
        let (tenant, last) = (execution.tenant_id, journal.last_id());
        let advance = Advance {
            tenant,
            execution: execution.id,
            owner: execution.owner,
            last,
            steps,
            follow,
            awaits: Vec::new(),
            waits: Arc::new([]),
            touches: None,
            gives_up: None,
        };
        let Advanced::Done { logs, progress } = execution_advance(self.tx, &advance).await? else {
            return Ok(None);
        };
        match progress {
            Some(progress) => execution.progress = *progress,
            None => {
                let worked: i64 = logs.iter().filter_map(|log| log.duration_ms).sum();
                execution.progress.duration_ms = Some(execution.progress.duration_ms.unwrap_or(0) + worked);
            }
        }
        Ok(Some(logs))
    }

    /// One try of one step, against the world of the story.
    async fn perform(
        &mut self,
        execution: &Execution,
        journal: &Journal,
        place: &Place<'_>,
        attempt: i64,
    ) -> StoreResult<(Log, Option<Effect>)> {
        let started = self.now();
        let program = self.program(execution)?;
        let step = place.step;
        let surroundings = Surroundings {
            tenant: (execution.tenant_id, "Northwind Care"),
            workflow: (execution.workflow_id, &program.name),
            execution: Some((execution.id, execution.progress.retry_count + 1)),
            now: started,
        };
        let locals = locals(surroundings, journal);
        let scope = Scope { trigger: &execution.trigger_data, locals: &locals, time_zone: &self.zone };
        let unreadable =
            |error: &dyn std::fmt::Display| StoreError::Corrupt(format!("a step of the demo: {error}"));
        let rendered = step.config.render(&scope).map_err(|error| unreadable(&error))?;
        let entry = actions::catalog().get(&step.action_type).ok_or_else(|| unreadable(&step.action_type))?;
        let company = &self.script.company;
        let outside = Outside {
            now: started,
            down: self.down.clone(),
            sender: company.sender.clone(),
            helpdesk: company.helpdesk.clone(),
        };
        let key = idempotency_key("demo", execution.tenant_id, execution.key_execution_id, &step.id);
        let context = Context {
            tenant: execution.tenant_id,
            execution: execution.id,
            contact: execution.contact_id,
            submission: execution.submission_id,
            idempotency_key: &key,
            attempt,
            now: started,
            timeout: Duration::from_secs(30),
            mail: &outside,
            audience: &actions::capability::Everybody,
            http: &outside,
            connections: &outside,
            ledger: &actions::ledger::Forgetful,
        };
        let mut log = rows::begun(execution, journal, place, attempt, started);
        log.input_data = entry.redact(rendered.value.clone()).into();
        log.warnings = rendered.warnings;
        let outcome = {
            // Actions set timeouts, for which they need the runtime that this thread is no part of.
            let _entered = self.script.runtime.enter();
            entry.run(rendered.value, &context).now_or_never()
        };
        let outcome = outcome.ok_or_else(|| unreadable(&"an action waited for something"))?;
        match step.action_type.as_str() {
            "sync_integration" => self.spend(140, 1_400),
            "send_email" => self.spend(2, 30),
            _ => self.spend(1, 12),
        }
        let now = self.now();
        log.completed_at = Some(now);
        log.duration_ms = Some(now.millis_since(started));
        let effect = match outcome {
            Ok(Outcome::Done(output)) => {
                log.status = StepStatus::Completed;
                log.output_data = Some(output.into());
                None
            }
            Ok(Outcome::Apply(effect)) => Some(effect),
            Ok(Outcome::Wait(period)) => {
                log.resume_at = Some(started.plus(period));
                log.completed_at = None;
                log.duration_ms = None;
                None
            }
            Ok(Outcome::Skipped(output)) => {
                log.status = StepStatus::Skipped;
                log.output_data = Some(output.into());
                None
            }
            Err(error) => {
                log.status = StepStatus::Failed;
                log.retryable = error.kind.is_retryable();
                log.output_data = error.output.map(Into::into);
                log.error = Some(error.message);
                None
            }
        };
        Ok((log, effect))
    }

    /// What people do about what steps made.
    fn follow_up(&mut self, logs: &[Arc<Log>]) {
        let made = logs.iter().filter_map(|log| log.output_data.as_ref()?.get("ticketId")?.as_i64());
        for id in made {
            if self.random.percent(80) {
                let hours = u32::try_from(self.random.between(2, 90)).unwrap_or(24);
                self.plan(Period::hours(hours), Happening::Solve(TicketId::new(id)));
            }
        }
    }

    fn plan_wake(&mut self, execution: &Execution) {
        let Some(at) = execution.progress.wake_at else { return };
        let is_waiting = execution.progress.status == ExecutionStatus::Waiting;
        if is_waiting && !self.cancelled && self.executions > 300 {
            // Somebody thought better of one of them.
            self.cancelled = true;
            self.plan(Period::hours(5), Happening::Cancel(execution.id));
        } else {
            self.agenda.push(Reverse((at, Happening::Wake(execution.id))));
        }
    }
}
