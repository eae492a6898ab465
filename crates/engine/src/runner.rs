//! The runner: takes executions as they are started, resumed or recovered, and walks each to its next wait or its end.
//!
//! As many run at once as there are workers; the rest wait in the order in which they came. What waits in memory is small:
//! beyond a backlog only the ids are kept, and the rest is read when the turn comes.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use futures_util::FutureExt;
use model::{ExecutionId, ExecutionStatus, TenantId, execution::Progress, journal::Log};
use store::{
    StoreError,
    execution::{Advance, Advanced, Started, execution_fail, execution_get},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    EngineError, EngineInner,
    patience::patiently,
    perform::{Attempt, Performed},
    program::Program,
    progress, rows,
    walk::{self, Journal, Next},
};

/// Where executions wait for a worker.
#[derive(Debug)]
pub(crate) struct Queue {
    sender: mpsc::UnboundedSender<Box<Started>>,
}

impl Queue {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Box<Started>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender }, receiver)
    }

    /// Bounded by what the node takes in hand ([`EngineInner::room`]), not by the channel.
    pub(crate) fn push(&self, engine: &EngineInner, started: Box<Started>) {
        engine.waiting.fetch_add(1, Ordering::Relaxed);
        // The other end is gone only when the engine has stopped: the store keeps the execution for whoever runs next.
        drop(self.sender.send(started));
    }
}

/// Starts runs as workers become free, until the engine drains.
pub(crate) async fn dispatch(engine: Arc<EngineInner>, mut ready: mpsc::UnboundedReceiver<Box<Started>>) {
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
        if !engine.may_act_for(item.execution.owner).await {
            // Taken in hand under a lease that is lost: it is somebody else's by now, or soon.
            continue;
        }
        let owned = Arc::clone(&engine);
        engine.runs.spawn(async move { run(owned, item, has_waited, permit).await });
    }
}

async fn run(
    engine: Arc<EngineInner>,
    started: Box<Started>,
    has_waited: bool,
    permit: OwnedSemaphorePermit,
) {
    let (tenant, id) = (started.execution.tenant_id, started.execution.id);
    let stop = CancellationToken::new();
    engine.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, stop.clone());
    let result = tokio::select! {
        result = AssertUnwindSafe(run_to_rest(&engine, *started, has_waited)).catch_unwind() => result.unwrap_or(Err(EngineError::Panicked)),
        // Cancelled by a person, or taken over by another node: what is in flight is abandoned.
        () = stop.cancelled() => Ok(()),
    };
    engine.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    drop(permit);
    engine.call.room();
    match result {
        // Left as it is for the next start.
        Ok(()) | Err(EngineError::Store(StoreError::Closed | StoreError::Fenced)) => {}
        Err(error) => {
            tracing::error!(%tenant, execution = %id, %error, "an execution cannot go on; it is failed");
            if let Err(error) = give_up(&engine, tenant, id, &error).await {
                tracing::error!(%tenant, execution = %id, %error, "nor could that be written; it is taken up at the next start");
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
    // What waited for a worker may have been cancelled meanwhile: nothing outside is touched before it is seen that it
    // still runs. Whoever cancels it later finds it among the running ones.
    let mut is_fresh = !has_waited;
    let Started { mut execution, journal } = started;
    if execution.progress.status.is_terminal() {
        return Ok(());
    }
    let (tenant, id) = (execution.tenant_id, execution.id);
    let program = program(engine, &execution).await?;
    let profile =
        patiently!(engine, { Ok(engine.tenants.profile(&engine.store, &engine.secrets, tenant).await?) })?;
    let mut journal = Journal::new(journal);
    loop {
        let now = engine.store.now();
        let performed = match walk::next(&program.compiled, &journal, execution.progress.retry_count, now) {
            Next::Perform { position, attempt } => {
                if engine.draining.is_cancelled() || !engine.may_act_for(execution.owner).await {
                    return Ok(());
                }
                let is_outside = is_external(&program, position);
                if is_outside && execution.progress.status != ExecutionStatus::Running {
                    execution.progress = mark_running(engine, &execution, &program, &journal).await?;
                } else if is_outside && !is_fresh && !still_runs(engine, tenant, id).await? {
                    return Ok(());
                }
                let attempt = Attempt {
                    engine,
                    execution: &execution,
                    program: &program,
                    profile: &profile,
                    journal: &journal,
                    position,
                    attempt,
                };
                attempt.perform().await
            }
            Next::Wake(log) => Performed { log: rows::woken(log, now), effect: None },
            Next::Wait(_) | Next::End(_) => {
                let none = None;
                return match record(engine, &execution, &program, &journal, none).await? {
                    Some((_, Some(_))) | None => Ok(()),
                    Some((_, None)) => Err(EngineError::Stuck(id)),
                };
            }
        };
        let Some((logs, progress)) = record(engine, &execution, &program, &journal, Some(performed)).await?
        else {
            return Ok(());
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

fn is_external(program: &Program, position: usize) -> bool {
    let action =
        program.compiled.steps.get(position).and_then(|step| actions::catalog().get(&step.action_type));
    action.is_some_and(|entry| entry.metadata().effect == actions::EffectKind::External)
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
    execution: &model::execution::Execution,
    program: &Arc<Program>,
    journal: &Journal,
) -> Result<Progress, EngineError> {
    match record(engine, execution, program, journal, None).await? {
        Some((_, Some(progress))) => Ok(progress),
        Some((_, None)) => Ok(execution.progress.clone()),
        None => Err(EngineError::Store(StoreError::Closed)),
    }
}

/// Writes a step with what follows from it; waits for as long as the store does not answer, because what was done
/// outside must not be forgotten. None: the execution is not ours to change any more.
async fn record(
    engine: &EngineInner,
    execution: &model::execution::Execution,
    program: &Arc<Program>,
    journal: &Journal,
    performed: Option<Performed>,
) -> Result<Option<(Vec<Log>, Option<Progress>)>, EngineError> {
    let (log, effect) = match performed {
        Some(Performed { log, effect }) => (Some(log), effect),
        None => (None, None),
    };
    let advanced = patiently!(engine, {
        let compiled = Arc::clone(&program.compiled);
        let (journal, before, policy) = (journal.clone(), execution.progress.clone(), engine.policy.clone());
        let now = engine.store.now();
        let last = journal.last_id();
        let follow = Box::new(move |logs: &[Log]| {
            let worked = logs.iter().filter_map(|log| log.duration_ms).sum();
            progress::after(&compiled, &journal.with(logs), &before, &policy, worked, now)
        });
        let advance = Advance {
            tenant: execution.tenant_id,
            execution: execution.id,
            last,
            logs: log.iter().cloned().collect(),
            effect: effect.clone(),
            follow,
        };
        Ok(engine.store.execution_advance(advance).await?)
    })?;
    Ok(match advanced {
        Advanced::Done { logs, progress } => Some((logs, progress.map(|progress| *progress))),
        Advanced::Stale => None,
    })
}

async fn program(
    engine: &EngineInner,
    execution: &model::execution::Execution,
) -> Result<Arc<Program>, EngineError> {
    let (workflow, version) = (execution.workflow_id, execution.workflow_version);
    if let Some(program) = engine.programs.known(workflow, version) {
        return Ok(program);
    }
    patiently!(engine, {
        let mut connection = engine.store.read(execution.tenant_id).await?;
        engine.programs.version(&mut connection, execution.tenant_id, workflow, version).await
    })
}
