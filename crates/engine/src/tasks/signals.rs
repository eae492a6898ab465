//! Brings what has come from outside to the runs that wait for it. What is to be brought stands in the store, written with what came: a node that dies
//! leaves it to the others, and to its next start.

use std::{sync::Arc, time::Duration};

use store::execution::signals_deliver;

use crate::{EngineError, EngineInner, patience::patiently};

/// Brought in one transaction: a flood goes in slices, between which other work is written.
const SLICE: i64 = 200;
/// Before another look at runs that somebody changes at this moment.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    loop {
        if let Err(error) = patiently!(&engine, { deliver(&engine).await }) {
            tracing::error!(%error, "what runs wait for could not be brought to them; trying again with the next");
        }
        tokio::select! {
            () = engine.signals.notified() => {}
            () = engine.draining.cancelled() => return,
        }
    }
}

/// Brings everything that is there.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn deliver(engine: &EngineInner) -> Result<(), EngineError> {
    // A look is a read: what concerns nobody disturbs nobody.
    while store::waiting::signals_exist(&mut *engine.store.read_any().await?).await? {
        if engine.draining.is_cancelled() {
            return Ok(());
        }
        let delivered = engine.store.write_patiently(|tx| Box::pin(signals_deliver(tx, SLICE))).await?;
        if delivered.handled == 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}
