//! Looks now and then at what lies in the store to be done, for the metrics: so a scrape, however often, costs the store nothing.

use std::{sync::Arc, time::Duration};

use store::backlog::backlog;

use crate::{EngineError, EngineInner};

/// As often as Prometheus usually asks.
const EVERY: Duration = Duration::from_secs(15);

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    loop {
        if let Err(error) = look(&engine).await {
            tracing::debug!(%error, "the backlog could not be looked at; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = engine.draining.cancelled() => return,
        }
    }
}

async fn look(engine: &EngineInner) -> Result<(), EngineError> {
    let now = engine.store.now();
    let seen = backlog(&mut *engine.store.read_any().await?, now).await?;
    engine.metrics.backlog(seen, now);
    Ok(())
}
