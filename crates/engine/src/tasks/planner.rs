//! Tells PostgreSQL's planner of tables that have grown, as long as they are small: see `store::planner`.

use std::{sync::Arc, time::Duration};

use store::planner::planner_refresh;

use crate::{EngineError, EngineInner};

const EVERY: Duration = Duration::from_secs(1);
/// Fewer commits of this node than this make no table grow by much.
const COMMITS: u64 = 50;

/// Runs until the engine drains; returns at once where there is nothing to tell.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    if engine.store.is_alone() {
        return;
    }
    let mut seen = 0;
    loop {
        let commits = engine.store.commits();
        if commits >= seen + COMMITS {
            seen = commits;
            if let Err(error) = refresh(&engine).await {
                tracing::debug!(%error, "the tables could not be analyzed; autovacuum will do it");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = engine.draining.cancelled() => return,
        }
    }
}

async fn refresh(engine: &EngineInner) -> Result<(), EngineError> {
    Ok(planner_refresh(&mut *engine.store.read_any().await?).await?)
}
