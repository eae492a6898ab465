//! Lets executions go on that wait for their turn (`concurrency` with `queue`).
//!
//! When a run of such a workflow has ended, those of its key are looked at, and no other; who then goes on is decided under the lock of its gate
//! (`store/src/entry.rs`). Word of an end may be lost with a process, so all queues are looked at when the engine starts, and now and then: with a read, and
//! written is only where there is room.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{ExecutionId, TenantId, WorkflowId};
use store::{
    StoreError,
    entry::{Queue, queue_advance, queue_keys, queue_keys_of, queues},
    workflow::workflow_get,
};
use tokio::sync::Notify;

use crate::{EngineError, EngineInner, program::Programs};

/// All queues are looked at this often, whatever was heard.
const EVERY: Duration = Duration::from_secs(5);

/// Ended runs that are asked about at once.
const AT_ONCE: usize = 200;

/// The runs that have ended, by their workflows.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    due: Mutex<HashMap<Queue, Vec<ExecutionId>>>,
    bell: Notify,
}

impl Turns {
    /// A run of a workflow has ended; nothing is to be done when its runs do not wait for one another.
    pub(crate) fn ended(
        &self,
        programs: &Programs,
        (tenant, execution): (TenantId, ExecutionId),
        workflow: WorkflowId,
    ) {
        let index = programs.index(tenant);
        let entry = index.as_ref().and_then(|index| index.get(workflow));
        if entry.is_some_and(|entry| entry.compiled.entry.concurrency.is_some()) {
            let queue = Queue { tenant, workflow };
            let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            due.entry(queue).or_default().push(execution);
            drop(due);
            self.bell.notify_one();
        }
    }

    fn take(&self) -> HashMap<Queue, Vec<ExecutionId>> {
        std::mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    let mut look_at_all = true;
    loop {
        let done = async {
            for (queue, ended) in engine.queues.take() {
                after_ends(&engine, queue, &ended).await?;
            }
            if look_at_all {
                let all = queues(&mut *engine.store.read_any().await?).await?;
                for queue in all {
                    look_through(&engine, queue).await?;
                }
            }
            Ok::<_, EngineError>(())
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, "executions that wait for their turn were not looked at; trying again shortly");
        }
        look_at_all = tokio::select! {
            () = engine.queues.bell.notified() => false,
            () = tokio::time::sleep(EVERY) => true,
            () = engine.draining.cancelled() => return,
        };
    }
}

/// Lets those of a workflow go on whose turn has come since these runs ended.
async fn after_ends(engine: &EngineInner, queue: Queue, ended: &[ExecutionId]) -> Result<(), EngineError> {
    for ended in ended.chunks(AT_ONCE) {
        let keys = queue_keys_of(&mut *engine.store.read(queue.tenant).await?, queue, ended).await?;
        if !keys.is_empty() {
            let limit = limit(engine, queue).await?;
            advance(engine, queue, keys, limit).await?;
        }
    }
    Ok(())
}

/// Lets those of a workflow go on whose turn has come, whatever their key.
async fn look_through(engine: &EngineInner, queue: Queue) -> Result<(), EngineError> {
    let mut after: Option<String> = None;
    loop {
        let limit = limit(engine, queue).await?;
        let mut connection = engine.store.read(queue.tenant).await?;
        let keys = queue_keys(&mut connection, queue, limit, after.as_deref()).await?;
        drop(connection);
        if keys.is_empty() || engine.draining.is_cancelled() {
            return Ok(());
        }
        after = keys.last().cloned();
        advance(engine, queue, keys, limit).await?;
    }
}

async fn advance(
    engine: &EngineInner,
    queue: Queue,
    keys: Vec<String>,
    limit: Option<u32>,
) -> Result<(), EngineError> {
    for key in keys {
        let write = engine
            .store
            .write_patiently(move |tx| Box::pin(async move { queue_advance(tx, queue, &key, limit).await }));
        write.await?;
    }
    Ok(())
}

/// How many may run at a time by what is published now; none: as many as there are.
async fn limit(engine: &EngineInner, Queue { tenant, workflow }: Queue) -> Result<Option<u32>, EngineError> {
    let mut connection = engine.store.read(tenant).await?;
    let version = match workflow_get(&mut connection, tenant, workflow).await {
        Ok(workflow) => workflow.published_version,
        Err(StoreError::Missing(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match engine.programs.version(&mut connection, tenant, workflow, version).await {
        Ok(program) => Ok(program.compiled.entry.concurrency.as_ref().map(|rule| rule.limit)),
        Err(EngineError::Invalid(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
