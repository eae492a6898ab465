//! Lets executions go on that wait for their turn (`concurrency` with `queue`).
//!
//! When a run of such a workflow has ended, its workflow is looked at; who then goes on is decided under the lock of its gate (`store/src/entry.rs`). Word of an
//! end may be lost with a process, so all queues are looked at when the engine starts, and now and then.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{TenantId, WorkflowId};
use store::{
    StoreError,
    entry::{Queue, queue_advance, queue_keys, queues},
    workflow::workflow_get,
};
use tokio::sync::Notify;

use crate::{EngineError, EngineInner, program::Programs};

/// All queues are looked at this often, whatever was heard.
const EVERY: Duration = Duration::from_secs(5);

/// Workflows of which a run has ended.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    due: Mutex<HashSet<Queue>>,
    bell: Notify,
}

impl Turns {
    /// A run of a workflow has ended; nothing is to be done when its runs do not wait for one another.
    pub(crate) fn ended(&self, programs: &Programs, tenant: TenantId, workflow: WorkflowId) {
        let index = programs.index(tenant);
        let entry = index.as_ref().and_then(|index| index.get(workflow));
        if entry.is_some_and(|entry| entry.compiled.entry.concurrency.is_some()) {
            let queue = Queue { tenant, workflow };
            self.due.lock().unwrap_or_else(PoisonError::into_inner).insert(queue);
            self.bell.notify_one();
        }
    }

    fn take(&self) -> HashSet<Queue> {
        std::mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    let mut look_at_all = true;
    loop {
        let done = async {
            let mut due = engine.queues.take();
            if look_at_all {
                due.extend(queues(&mut *engine.store.read_any().await?).await?);
            }
            for queue in due {
                advance(&engine, queue).await?;
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

/// Lets those of a workflow go on whose turn has come.
async fn advance(engine: &EngineInner, queue: Queue) -> Result<(), EngineError> {
    let mut after: Option<String> = None;
    loop {
        let keys = queue_keys(&mut *engine.store.read(queue.tenant).await?, queue, after.as_deref()).await?;
        if keys.is_empty() {
            return Ok(());
        }
        let limit = limit(engine, queue).await?;
        for key in &keys {
            let key = key.clone();
            engine
                .store
                .write_patiently(move |tx| {
                    Box::pin(async move { queue_advance(tx, queue, &key, limit).await })
                })
                .await?;
        }
        after = keys.into_iter().last();
    }
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
