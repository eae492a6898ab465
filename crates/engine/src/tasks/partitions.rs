//! Makes partitions before they are needed, where history is in partitions: see `store::partition`.

use std::{sync::Arc, time::Duration};

use store::partition::{partitions_make_ahead, partitions_wanting};

use crate::{EngineError, EngineInner};

const EVERY: Duration = Duration::from_secs(10);

/// Runs until the engine drains; returns at once where there are none.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    if engine.store.is_alone() {
        return;
    }
    loop {
        if let Err(error) = make_ahead(&engine).await {
            tracing::info!(%error, "no partition could be made ahead; trying again shortly");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = engine.draining.cancelled() => return,
        }
    }
}

async fn make_ahead(engine: &EngineInner) -> Result<(), EngineError> {
    if partitions_wanting(&mut *engine.store.read_any().await?).await?
        && let Some(mut connection) = engine.store.lease_connection().await?
    {
        partitions_make_ahead(&mut connection).await?;
    }
    Ok(())
}
