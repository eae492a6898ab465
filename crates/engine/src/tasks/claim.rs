//! Takes executions that nobody has in hand: what a process left behind, what came in when no worker was free, what people started.
//! A fair share for each tenant, so that one tenant's flood does not hold up another's drop.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use store::node::node_claim;
use tokio::sync::Notify;

use crate::{EngineError, EngineInner, patience::patiently};

/// Executions taken at once, at most: a share of the commit's time that others still find bearable.
const MOST: i64 = 256;
/// Room for fewer is not worth a transaction while others wait in the queue anyway.
const FEWEST: i64 = 64;

/// Where the task hears of unowned work and of free workers.
#[derive(Debug, Default)]
pub(crate) struct Call {
    bell: Notify,
    /// There may be unowned work: a worker that becomes free rings.
    more: AtomicBool,
}

impl Call {
    /// There is unowned work.
    pub(crate) fn work(&self) {
        self.more.store(true, Ordering::Release);
        self.bell.notify_one();
    }

    /// A worker is free.
    pub(crate) fn room(&self) {
        if self.more.load(Ordering::Acquire) {
            self.bell.notify_one();
        }
    }
}

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    loop {
        if let Err(error) = patiently!(&engine, { claim(&engine).await }) {
            tracing::error!(%error, "unowned executions could not be taken; trying again");
        }
        tokio::select! {
            () = engine.call.bell.notified() => {}
            () = engine.draining.cancelled() => return,
        }
    }
}

/// Takes as many as there is room for.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn claim(engine: &EngineInner) -> Result<(), EngineError> {
    loop {
        let room = engine.room().min(MOST);
        let is_worth_it = room >= FEWEST || engine.is_idle();
        if room == 0 || !is_worth_it || engine.node.id().is_none() {
            return Ok(());
        }
        // Before the look, so that work that comes in meanwhile is not forgotten.
        engine.call.more.store(false, Ordering::Release);
        let claimed = engine.store.write_patiently(move |tx| Box::pin(node_claim(tx, room))).await?;
        if claimed == 0 {
            return Ok(());
        }
        // A fair share may have been less than all.
        engine.call.more.store(true, Ordering::Release);
    }
}
