//! A stretch: a step, and those after it that touch nothing outside and do not ask what the ones before came to. They are performed one after
//! the other and written in one transaction; at an execution's beginning in the one that accepts its event.
//!
//! Performing such a step only decides what it changes; whether the change is possible shows in the transaction. So each is taken to
//! complete; when one turns out not to, the rest of the stretch is not written, and the walk decides anew.
//!
//! A step that goes outside while others may be under way beside it is only begun here: its row, `pending`, is written, and then whoever runs the
//! execution makes the call ([`crate::under_way`]). So a stretch begins every call that is to be made at the same time.

use std::sync::Arc;

use actions::EffectKind;
use futures_util::FutureExt;
use model::{
    ExecutionId, ExecutionStatus, StepStatus, StepType, Timestamp,
    effect::Effect,
    event::{Called, NewEvent, subjects},
    execution::{Execution, Progress},
    journal::Log,
    waiting::{Change, Waiting},
};
use rules::{Construct, Step};
use store::{event::Ahead, execution::Performed};

use crate::{
    EngineInner, calls, control,
    perform::Attempt,
    program::Program,
    progress, rows,
    tenants::Profile,
    walk::{self, Closing, Frame, Journal, Next, Place},
};

/// Steps in one transaction.
const MOST: usize = 32;

/// What a stretch may do about steps that go outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    /// Nothing.
    Nothing,
    /// It may begin those that have others beside them.
    Begin,
    /// It may perform one, too: what is decided in front of it is written together with it.
    Go,
}

/// What the steps of an execution are performed with.
#[derive(Clone, Copy)]
pub(crate) struct Stretch<'a> {
    pub(crate) engine: &'a EngineInner,
    pub(crate) execution: &'a Execution,
    pub(crate) program: &'a Program,
    pub(crate) profile: &'a Profile,
}

impl Stretch<'_> {
    /// Does what is next, whatever it is, and what follows it as far as that belongs to its stretch.
    pub(crate) async fn perform(self, journal: &Journal, next: Next<'_>, outside: Outside) -> Vec<Performed> {
        let mut steps = Vec::new();
        let mut ends_here = false;
        match next {
            Next::Perform { place, attempt } => {
                ends_here = self.ends_after(&place);
                let attempt = self.attempt(journal, &place, attempt);
                steps.push(if goes_beside(journal, &place) {
                    attempt.begin()
                } else {
                    attempt.perform().await
                });
            }
            next => steps.extend(self.decide(journal, &next)),
        }
        // Most stretches are one step long: nothing is put together for those.
        if !ends_here && !steps.is_empty() {
            self.go_on(journal, &mut steps, outside).await;
        }
        steps
    }

    /// What follows calls that have ended.
    pub(crate) async fn follow(self, journal: &Journal, mut ended: Vec<Performed>) -> Vec<Performed> {
        self.go_on(journal, &mut ended, Outside::Begin).await;
        ended
    }

    /// In a flat workflow it is seen at once that nothing belongs to the stretch that follows.
    fn ends_after(&self, place: &Place<'_>) -> bool {
        let compiled = &self.program.compiled;
        if !compiled.is_flat {
            return false;
        }
        let mut behind = compiled.steps.iter().skip_while(|step| !std::ptr::eq(*step, place.step)).skip(1);
        behind.next().is_none_or(|step| !self.stands_alone(step, &[]))
    }

    /// Goes on as long as what follows belongs to the stretch.
    async fn go_on(self, journal: &Journal, steps: &mut Vec<Performed>, outside: Outside) {
        let mut journal =
            journal.with(&steps.iter().map(taken_to_complete).map(Arc::new).collect::<Vec<_>>());
        let compiled = &self.program.compiled;
        while steps.len() < MOST {
            let (before, now) = (&self.execution.progress, self.engine.store.now());
            let done: Vec<Performed> =
                match progress::next(compiled, &journal, before, &self.engine.policy, now) {
                    Next::Perform { place, attempt } => {
                        let goes_beside = goes_beside(&journal, &place);
                        let belongs = if goes_beside {
                            outside != Outside::Nothing
                                && !self.asks(place.step, steps)
                                && self.may_go_outside().await
                        } else {
                            self.stands_alone(place.step, steps)
                                || (outside == Outside::Go
                                    && self.is_decided(steps)
                                    && self.may_go_outside().await)
                        };
                        if !belongs {
                            return;
                        }
                        let attempt = self.attempt(&journal, &place, attempt);
                        vec![if goes_beside { attempt.begin() } else { attempt.perform().await }]
                    }
                    // What these ask for may be what the store has yet to say.
                    Next::Round(..) | Next::Wake(..) | Next::Close(_, _, Closing::Items(_))
                        if has_effect(steps) =>
                    {
                        return;
                    }
                    // Whether nothing has come for it meanwhile, or what it called has not ended, is looked at before anything else is done.
                    Next::Wake(place, row)
                        if !steps.is_empty() && (is_awaited(&place) || is_given_up(&place, row)) =>
                    {
                        return;
                    }
                    Next::Wait(_) | Next::End(_) => return,
                    next => self.decide(&journal, &next),
                };
            let rows: Vec<_> = done.iter().map(taken_to_complete).map(Arc::new).collect();
            journal = journal.with(&rows);
            steps.extend(done);
        }
    }

    /// What follows from the rows alone.
    fn decide(self, journal: &Journal, next: &Next<'_>) -> Vec<Performed> {
        let now = self.engine.store.now();
        let rows = match next {
            Next::Wake(place, row) => match place.step.construct.as_deref() {
                Some(construct) if construct.is_awaited() => {
                    let (log, effect) = control::awaited_woken(place, construct, row, now);
                    return vec![Performed { log, effect: Some(effect) }];
                }
                Some(Construct::RunWorkflow(_)) => {
                    vec![calls::returned(place.step, row, journal, now)]
                }
                Some(Construct::Wait(wait)) => {
                    let woken = self
                        .attempt(journal, place, row.attempt)
                        .seeing(now, |scope| control::woken(wait, row, scope, now));
                    vec![woken]
                }
                _ => vec![rows::woken(row, now)],
            },
            Next::Round(place, row) => {
                let Some(Construct::Repeat(repeat)) = place.step.construct.as_deref() else {
                    return Vec::new();
                };
                let place = place.clone().within(control::rounds(row));
                let attempt = self.attempt(journal, &place, row.attempt);
                vec![attempt.seeing(now, |scope| control::round(repeat, row, scope, now))]
            }
            Next::Close(place, row, closing) => control::close(place, row, closing, journal, now),
            Next::Handled(row) => vec![control::handled(row)],
            Next::Sweep(open) => {
                open.iter().map(|row| control::swept(row, "the run ended before it", now)).collect()
            }
            Next::Perform { .. } | Next::Wait(_) | Next::End(_) => Vec::new(),
        };
        rows.into_iter().map(|log| Performed { effect: let_go(&log, journal), log }).collect()
    }

    fn attempt<'b>(&'b self, journal: &'b Journal, place: &'b Place<'b>, attempt: i64) -> Attempt<'b> {
        let Self { engine, execution, program, profile } = *self;
        Attempt { engine, execution, program, profile, journal, place, attempt }
    }

    /// Nothing outside is touched, and what is needed is known before the steps in front of it are written.
    fn stands_alone(&self, step: &Step, before: &[Performed]) -> bool {
        let is_inside = Program::effect_of(step).is_some_and(|effect| effect != EffectKind::External);
        is_inside && !self.asks(step, before)
    }

    /// It asks for what is known only when the steps in front of it are written.
    fn asks(&self, step: &Step, before: &[Performed]) -> bool {
        let reads = &step.reads;
        reads.all_steps
            || (reads.execution && self.execution.id == UNKNOWN)
            || (!reads.steps.is_empty() && (before.is_empty() || has_effect(before)))
    }

    /// All that was done is to decide, and by nothing that would be decided otherwise another time: should the node die, it is decided
    /// again as it was.
    fn is_decided(&self, steps: &[Performed]) -> bool {
        let mut decided = steps.iter().map(|step| &step.log);
        decided.all(|log| {
            let is_control = matches!(
                log.step_type,
                StepType::Branch | StepType::Loop | StepType::Parallel | StepType::Condition
            );
            is_control && !log.input_data.is_null() && !reads_time(&self.program.compiled.steps, &log.step_id)
        })
    }

    async fn may_go_outside(&self) -> bool {
        !self.engine.draining.is_cancelled() && self.engine.may_act_for(self.execution.owner).await
    }
}

/// The step goes outside, and others may be under way beside it.
pub(crate) fn goes_beside(journal: &Journal, place: &Place<'_>) -> bool {
    let is_around = |row: &Log| place.frames.iter().any(|frame| frame.path == row.step_path);
    let is_other = |row: &Log| row.is_open() && row.step_path != place.path && !is_around(row);
    Program::effect_of(place.step) == Some(EffectKind::External)
        && (place.frames.iter().any(Frame::splits) || journal.rows().any(is_other))
}

fn is_awaited(place: &Place<'_>) -> bool {
    place.step.construct.as_ref().is_some_and(|construct| construct.is_awaited())
}

/// The step wakes because its time is over, as far as is known.
fn is_given_up(place: &Place<'_>, row: &Log) -> bool {
    matches!(place.step.construct.as_deref(), Some(Construct::RunWorkflow(_))) && !calls::has_ended(row)
}

/// What the store forgets of a wait that is put away.
fn let_go(log: &Log, journal: &Journal) -> Option<Effect> {
    let before = journal.rows().find(|row| row.step_number == log.step_number)?;
    let is_over = !log.is_open() && walk::awaits(before);
    is_over
        .then(|| Effect::Wait(Box::new(Waiting { step_path: log.step_path.clone(), change: Change::Cancel })))
}

/// The store has yet to say what came of one of these.
fn has_effect(steps: &[Performed]) -> bool {
    steps.iter().any(|step| step.effect.is_some())
}

/// The step of that id, wherever it is, reads the time.
fn reads_time(steps: &[Step], id: &str) -> bool {
    steps.iter().any(|step| {
        (step.id == id && step.reads.now)
            || reads_time(&step.on_error, id)
            || step
                .construct
                .iter()
                .flat_map(|construct| construct.lists())
                .any(|(_, steps)| reads_time(steps, id))
    })
}

fn taken_to_complete(step: &Performed) -> Log {
    let status = match &step.effect {
        // Which execution it is, and whether it has ended at once, the store has yet to say.
        Some(Effect::WorkflowRun(run)) if run.called == Called::Waits => StepStatus::Running,
        Some(effect) if effect.suspends() => step.log.status,
        Some(_) => StepStatus::Completed,
        None => step.log.status,
    };
    Log { status, ..step.log.clone() }
}

/// The id of an execution that is not made yet.
const UNKNOWN: ExecutionId = ExecutionId::new(0);

/// The stretch at an execution's beginning, for the event that starts it; `conditions` is the row of its conditions, which hold.
pub(crate) fn ahead(
    engine: &EngineInner,
    (event, program, profile): (&NewEvent, &Program, &Profile),
    (accepted, conditions): (&Progress, &Log),
    now: Timestamp,
) -> Option<Ahead> {
    let (contact_id, submission_id) = subjects(&event.data);
    let execution = Execution {
        id: UNKNOWN,
        tenant_id: event.tenant,
        workflow_id: program.workflow,
        workflow_version: program.version,
        trigger_event: event.name.as_str().to_owned(),
        trigger_data: event.data.clone(),
        progress: accepted.clone(),
        event_id: None,
        contact_id,
        submission_id,
        retry_of: None,
        key_execution_id: UNKNOWN,
        owner: None,
        depth: event.cause.map_or(0, |cause| cause.depth),
        caused_by: event.cause.map(|cause| cause.execution),
        called: event.cause.and_then(|cause| cause.called),
        created_by: Some(event.actor),
        created_at: now,
        updated_at: now,
    };
    let (stretch, mut steps) = (Stretch { engine, execution: &execution, program, profile }, Vec::new());
    if !program.compiled.steps.first().is_some_and(|step| stretch.stands_alone(step, &[])) {
        return None;
    }
    // Such steps wait for nothing; should one, it is performed when its turn comes.
    stretch.go_on(&Journal::new(vec![conditions.clone()]), &mut steps, Outside::Nothing).now_or_never()?;
    let (compiled, before, policy) = (Arc::clone(&program.compiled), accepted.clone(), engine.policy.clone());
    let follow = Arc::new(move |rows: &[Arc<Log>]| {
        let worked = rows.iter().filter_map(|log| log.duration_ms).sum();
        let after = progress::after(&compiled, &Journal::default().with(rows), &before, &policy, worked, now);
        // Whether a worker has it already was decided with the acceptance.
        after.filter(|progress| progress.status != ExecutionStatus::Running)
    });
    (!steps.is_empty()).then_some(Ahead { steps, follow })
}
