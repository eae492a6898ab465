//! The runner: takes executions as they are started, resumed or recovered, and walks each to its next wait or its end.
//!
//! As many run at once as there are workers; the rest wait in the order in which they came. What waits in memory is small:
//! beyond a backlog only the ids are kept, and the rest is read when the turn comes.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use actions::EffectKind;
use futures_util::FutureExt;
use model::{
    ExecutionId, ExecutionStatus, Period, TenantId, Timestamp,
    effect::Effect,
    execution::{Execution, Progress},
    journal::Log,
    waiting::Change,
};
use store::{
    StoreError,
    call::standings,
    execution::{Advance, Advanced, Performed, Started, execution_fail, execution_get, execution_load},
    waiting::waits_are_there,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    EngineError, EngineInner, calls,
    patience::patiently,
    program::Program,
    progress,
    stretch::{Outside, Stretch, goes_beside},
    tenants::Profile,
    under_way::Calls,
    walk::{self, Journal, Next},
};

/// Where executions wait for a worker.
#[derive(Debug)]
pub(crate) struct Queue {
    sender: mpsc::UnboundedSender<Item>,
}

/// What waits for a worker.
#[derive(Debug)]
pub(crate) struct Item {
    started: Box<Started>,
    /// Cancelled by a person, or let go: it can be stopped from the moment in which it is taken in hand.
    stop: CancellationToken,
}

impl Queue {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Item>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender }, receiver)
    }

    /// Bounded by what the node takes in hand ([`EngineInner::room`]), not by the channel.
    pub(crate) fn push(&self, engine: &EngineInner, started: Box<Started>) {
        engine.waiting.fetch_add(1, Ordering::Relaxed);
        let stop = CancellationToken::new();
        let mut in_hand = engine.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        in_hand.insert(started.execution.id, stop.clone());
        drop(in_hand);
        // The other end is gone only when the engine has stopped: the store keeps the execution for whoever runs next.
        drop(self.sender.send(Item { started, stop }));
    }
}

/// Starts runs as workers become free, until the engine drains.
pub(crate) async fn dispatch(engine: Arc<EngineInner>, mut ready: mpsc::UnboundedReceiver<Item>) {
    loop {
        let item = tokio::select! {
            item = ready.recv() => item,
            () = engine.draining.cancelled() => None,
        };
        let Some(item) = item else { return };
        let is_first = engine.waiting.load(Ordering::Relaxed) == 1;
        let has_waited = !is_first || engine.workers.available_permits() == 0;
        let permit = tokio::select! {
            permit = Arc::clone(&engine.workers).acquire_owned() => permit,
            () = engine.draining.cancelled() => return,
        };
        engine.waiting.fetch_sub(1, Ordering::Relaxed);
        let Ok(permit) = permit else { return };
        if item.stop.is_cancelled() || !engine.may_act_for(item.started.execution.owner).await {
            // Cancelled meanwhile; or taken in hand under a lease that is lost: it is somebody else's by now, or soon.
            engine.let_go(item.started.execution.id);
            continue;
        }
        let owned = Arc::clone(&engine);
        // Whatever is logged on the way says whose execution it is about.
        let execution = &item.started.execution;
        let span = tracing::info_span!("execution", tenant = %execution.tenant_id, execution = %execution.id);
        engine.runs.spawn(run(owned, item, has_waited, permit).instrument(span));
    }
}

async fn run(engine: Arc<EngineInner>, item: Item, has_waited: bool, permit: OwnedSemaphorePermit) {
    let Item { started, stop } = item;
    let (tenant, id) = (started.execution.tenant_id, started.execution.id);
    let result = tokio::select! {
        result = AssertUnwindSafe(run_to_rest(&engine, *started, has_waited)).catch_unwind() => result.unwrap_or(Err(EngineError::Panicked)),
        // Cancelled by a person, or taken over by another node: what is in flight is abandoned.
        () = stop.cancelled() => Ok(()),
    };
    engine.let_go(id);
    drop(permit);
    engine.call.room();
    match result {
        // Left as it is for the next start.
        Ok(()) | Err(EngineError::Store(StoreError::Closed | StoreError::Fenced)) => {}
        Err(error) => {
            tracing::error!(%error, "an execution cannot go on; it is failed");
            if let Err(error) = give_up(&engine, tenant, id, &error).await {
                tracing::error!(%error, "nor could that be written; it is taken up at the next start");
            }
        }
    }
}

/// Fails an execution that this program cannot run: nothing stays `running` for ever.
async fn give_up(
    engine: &EngineInner,
    tenant: TenantId,
    id: ExecutionId,
    error: &EngineError,
) -> Result<(), EngineError> {
    let message = format!("the server cannot run this execution: {error}");
    patiently!(engine, {
        let message = message.clone();
        let write = engine.store.write_patiently(move |tx| {
            Box::pin(async move { execution_fail(tx, tenant, id, &message).await })
        });
        Ok(write.await?)
    })
}

/// Walks until the execution waits, ends, or the engine drains.
async fn run_to_rest(engine: &EngineInner, started: Started, has_waited: bool) -> Result<(), EngineError> {
    // What waited for a worker may have been cancelled meanwhile at another node: nothing outside is touched before it is seen that it still
    // runs. Whoever cancels it at this one finds it among what is in hand.
    let mut is_fresh = !has_waited || !engine.store.has_others();
    let Started { mut execution, journal } = started;
    if execution.progress.status.is_terminal() {
        return Ok(());
    }
    let (tenant, id) = (execution.tenant_id, execution.id);
    let program = program(engine, &execution).await?;
    let profile =
        patiently!(engine, { Ok(engine.tenants.profile(&engine.store, &engine.secrets, tenant).await?) })?;
    let mut journal = called_ones(engine, tenant, Journal::new(journal)).await?;
    let mut calls = Calls::default();
    loop {
        calls.keep(&journal);
        if journal.calls().any(|row| !calls.has(row)) {
            if may_begin(engine, &execution).await {
                if execution.progress.status != ExecutionStatus::Running {
                    execution.progress = mark_running(engine, &execution, &program, &journal).await?;
                } else if !is_fresh && !still_runs(engine, tenant, id).await? {
                    return Ok(());
                }
                begin_calls(&mut calls, (engine, &program, &profile), &execution, &journal)?;
            } else if calls.is_empty() {
                return Ok(());
            }
        }
        let now = engine.store.now();
        let next = progress::next(&program.compiled, &journal, &execution.progress, &engine.policy, now);
        let performed = match next {
            Next::Perform { .. } if !may_begin(engine, &execution).await => {
                if calls.is_empty() {
                    return Ok(());
                }
                let ended = calls.ended().await;
                let stretch = Stretch { engine, execution: &execution, program: &program, profile: &profile };
                calls.beside(stretch.follow(&journal, ended)).await
            }
            Next::Perform { ref place, .. } => {
                let is_alone = Program::effect_of(place.step) == Some(EffectKind::External)
                    && !goes_beside(&journal, place);
                if is_alone && execution.progress.status != ExecutionStatus::Running {
                    execution.progress = mark_running(engine, &execution, &program, &journal).await?;
                } else if is_alone && !is_fresh && !still_runs(engine, tenant, id).await? {
                    return Ok(());
                }
                let may_go = is_fresh && execution.progress.status == ExecutionStatus::Running;
                let outside = if may_go { Outside::Go } else { Outside::Begin };
                let stretch = Stretch { engine, execution: &execution, program: &program, profile: &profile };
                calls.beside(stretch.perform(&journal, next, outside)).await
            }
            Next::Round(..) | Next::Close(..) | Next::Handled(_) | Next::Sweep(_) | Next::Wake(..) => {
                let stretch = Stretch { engine, execution: &execution, program: &program, profile: &profile };
                calls.beside(stretch.perform(&journal, next, Outside::Begin)).await
            }
            Next::Wait(at) if !calls.is_empty() => {
                match while_under_way(engine, &mut calls, &journal, at).await {
                    Some(ended) => {
                        let stretch =
                            Stretch { engine, execution: &execution, program: &program, profile: &profile };
                        calls.beside(stretch.follow(&journal, ended)).await
                    }
                    None => match calls.beside(news(engine, &execution, &journal)).await? {
                        Some(news) => {
                            (execution, journal) = news;
                            continue;
                        }
                        None => return Ok(()),
                    },
                }
            }
            Next::Wait(_) | Next::End(_) => {
                match record(engine, &execution, &program, &journal, Vec::new()).await? {
                    Recorded::Done(_, Some(_)) | Recorded::Stale => return Ok(()),
                    Recorded::Done(_, None) => return Err(EngineError::Stuck(id)),
                    Recorded::Overtaken => match anew(engine, &execution).await? {
                        Some(started) => {
                            (execution, journal) = started;
                            continue;
                        }
                        None => return Ok(()),
                    },
                }
            }
        };
        let recorded = calls.beside(record(engine, &execution, &program, &journal, performed)).await?;
        let (logs, progress) = match recorded {
            Recorded::Done(logs, progress) => (logs, progress),
            Recorded::Stale => return Ok(()),
            Recorded::Overtaken => match calls.beside(anew(engine, &execution)).await? {
                Some(started) => {
                    (execution, journal) = started;
                    continue;
                }
                None => return Ok(()),
            },
        };
        is_fresh = true;
        journal = journal.with(&logs);
        match progress {
            Some(progress) => execution.progress = progress,
            // Nothing changed but the working time, which is written with the next change.
            None => {
                let worked: i64 = logs.iter().filter_map(|log| log.duration_ms).sum();
                execution.progress.duration_ms = Some(execution.progress.duration_ms.unwrap_or(0) + worked);
            }
        }
        if execution.progress.status != ExecutionStatus::Running {
            return Ok(());
        }
    }
}

/// The node may begin something outside.
async fn may_begin(engine: &EngineInner, execution: &Execution) -> bool {
    !engine.draining.is_cancelled() && engine.may_act_for(execution.owner).await
}

/// Makes the call of each row that is under way and has none: it was just written, or is taken up.
fn begin_calls<'p>(
    calls: &mut Calls<'p>,
    (engine, program, profile): (&'p EngineInner, &'p Program, &'p Profile),
    execution: &Execution,
    journal: &Journal,
) -> Result<(), EngineError> {
    let (retry_count, now) = (execution.progress.retry_count, engine.store.now());
    let failed = walk::failed_at(&program.compiled, journal, retry_count, now);
    let lacking: Vec<&Log> = journal.calls().filter(|row| !calls.has(row)).collect();
    for row in lacking {
        let place = walk::place_of(&program.compiled, &row.step_path, failed);
        let place = place.ok_or(EngineError::Stuck(execution.id))?;
        calls.begin((engine, program, profile), execution.clone(), journal.clone(), place, row.attempt);
    }
    Ok(())
}

/// Waits until calls have ended; none: it is time to look for something else.
async fn while_under_way(
    engine: &EngineInner,
    calls: &mut Calls<'_>,
    journal: &Journal,
    at: Timestamp,
) -> Option<Vec<Performed>> {
    let waits = journal.rows().any(walk::awaits) || calls::awaited(journal).next().is_some();
    // The clock may be set meanwhile.
    let at = at.min(engine.store.now().plus(Period::minutes(1)));
    tokio::select! {
        ended = calls.ended() => Some(ended),
        () = engine.store.clock().sleep_until(at) => None,
        () = tokio::time::sleep(LOOK), if waits => None,
    }
}

/// How often a run that has calls under way looks whether something has come that it waits for besides: nobody wakes it.
const LOOK: Duration = Duration::from_millis(500);

/// The run with what has come for it while calls are under way. None: it is not ours any more.
async fn news(
    engine: &EngineInner,
    execution: &Execution,
    journal: &Journal,
) -> Result<Option<(Execution, Journal)>, EngineError> {
    let (tenant, id) = (execution.tenant_id, execution.id);
    let waits: Vec<String> =
        journal.rows().filter(|row| walk::awaits(row)).map(|row| row.step_path.clone()).collect();
    let are_there = waits.is_empty()
        || patiently!(engine, {
            let mut connection = engine.store.read(tenant).await?;
            Ok(waits_are_there(&mut connection, tenant, id, &waits).await?)
        })?;
    if !are_there {
        return anew(engine, execution).await;
    }
    let journal = called_ones(engine, tenant, journal.clone()).await?;
    Ok(Some((execution.clone(), journal)))
}

/// Something has come for the execution while it ran: its journal as it is by now. None: it is not ours any more.
async fn anew(engine: &EngineInner, before: &Execution) -> Result<Option<(Execution, Journal)>, EngineError> {
    // It may be about to be brought here; whoever does that is told, and left a moment.
    engine.signals.notify_one();
    tokio::time::sleep(OVERTAKEN).await;
    let Started { execution, journal } = patiently!(engine, {
        let mut connection = engine.store.read(before.tenant_id).await?;
        Ok(execution_load(&mut connection, before.tenant_id, before.id).await?)
    })?;
    let is_ours = execution.owner == before.owner
        && matches!(execution.progress.status, ExecutionStatus::Pending | ExecutionStatus::Running);
    if !is_ours {
        return Ok(None);
    }
    let journal = called_ones(engine, before.tenant_id, Journal::new(journal)).await?;
    Ok(Some((execution, journal)))
}

/// The journal with how the executions stand whose end it waits for.
async fn called_ones(
    engine: &EngineInner,
    tenant: TenantId,
    journal: Journal,
) -> Result<Journal, EngineError> {
    let awaited: Vec<ExecutionId> = calls::awaited(&journal).collect();
    if awaited.is_empty() {
        return Ok(journal);
    }
    let standings = patiently!(engine, {
        let mut connection = engine.store.read(tenant).await?;
        Ok(standings(&mut connection, tenant, &awaited).await?)
    })?;
    Ok(calls::with_standings(&journal, &standings))
}

async fn still_runs(engine: &EngineInner, tenant: TenantId, id: ExecutionId) -> Result<bool, EngineError> {
    patiently!(engine, {
        let mut connection = engine.store.read(tenant).await?;
        let progress = execution_get(&mut connection, tenant, id).await?.progress;
        Ok(progress.status == ExecutionStatus::Running)
    })
}

/// People shall see that work has begun before a slow step ends.
async fn mark_running(
    engine: &EngineInner,
    execution: &Execution,
    program: &Arc<Program>,
    journal: &Journal,
) -> Result<Progress, EngineError> {
    match record(engine, execution, program, journal, Vec::new()).await? {
        Recorded::Done(_, Some(progress)) => Ok(progress),
        Recorded::Done(_, None) => Ok(execution.progress.clone()),
        Recorded::Stale | Recorded::Overtaken => Err(EngineError::Store(StoreError::Closed)),
    }
}

/// What became of a step forward.
enum Recorded {
    /// The rows as written, and the execution's new state.
    Done(Vec<Arc<Log>>, Option<Progress>),
    /// The execution is not ours to change any more.
    Stale,
    /// What it waits for has come meanwhile: its journal is to be read anew.
    Overtaken,
}

/// Before an execution is read anew for which something has come: bringing it there takes one transaction.
const OVERTAKEN: Duration = Duration::from_millis(20);

/// Writes steps with what follows from them; waits for as long as the store does not answer, because what was done
/// outside must not be forgotten.
async fn record(
    engine: &EngineInner,
    execution: &Execution,
    program: &Arc<Program>,
    journal: &Journal,
    performed: Vec<Performed>,
) -> Result<Recorded, EngineError> {
    let touches = performed.first().and_then(|step| match &step.effect {
        Some(Effect::Wait(waiting)) if matches!(waiting.change, Change::TimeOut | Change::Remind) => {
            Some(waiting.step_path.clone())
        }
        _ => None,
    });
    let gives_up = performed.first().and_then(|step| calls::given_up(&step.log));
    let is_touched = |row: &Log| performed.iter().any(|step| step.log.step_number == row.step_number);
    let waits: Arc<[String]> = journal
        .rows()
        .filter(|row| walk::awaits(row) && !is_touched(row))
        .map(|row| row.step_path.clone())
        .collect();
    let performed: Arc<[Performed]> = performed.into();
    let advanced = patiently!(engine, {
        let (compiled, awaits) = (Arc::clone(&program.compiled), calls::awaited_after(journal, &performed));
        let (journal, before, policy) = (journal.clone(), execution.progress.clone(), engine.policy.clone());
        let now = engine.store.now();
        let last = journal.last_id();
        let follow = Arc::new(move |logs: &[Arc<Log>]| {
            let worked = logs.iter().filter_map(|log| log.duration_ms).sum();
            progress::after(&compiled, &journal.with(logs), &before, &policy, worked, now)
        });
        let advance = Advance {
            tenant: execution.tenant_id,
            execution: execution.id,
            owner: execution.owner,
            last,
            steps: Arc::clone(&performed),
            awaits,
            follow,
            waits: Arc::clone(&waits),
            touches: touches.clone(),
            gives_up,
        };
        Ok(engine.store.execution_advance(advance).await?)
    })?;
    Ok(match advanced {
        Advanced::Done { logs, progress } => {
            progress.iter().for_each(|progress| engine.metrics.recorded(&engine.policy, progress));
            Recorded::Done(logs, progress.map(|progress| *progress))
        }
        Advanced::Stale => Recorded::Stale,
        Advanced::Overtaken => Recorded::Overtaken,
    })
}

async fn program(engine: &EngineInner, execution: &Execution) -> Result<Arc<Program>, EngineError> {
    let (workflow, version) = (execution.workflow_id, execution.workflow_version);
    if let Some(program) = engine.programs.known(workflow, version) {
        return Ok(program);
    }
    patiently!(engine, {
        let mut connection = engine.store.read(execution.tenant_id).await?;
        engine.programs.version(&mut connection, execution.tenant_id, workflow, version).await
    })
}
