//! Small chores: forgets event keys older than a day and sessions that ended, writes the workflows' counters where hand-written SQL
//! looks for them.

use std::sync::Arc;

use model::Period;

use crate::{EngineError, EngineInner};

const EVERY: Period = Period::seconds(5);
/// Rounds between two prunings.
const PRUNE_ROUNDS: u32 = 120;

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    let mut round: u32 = 0;
    loop {
        if let Err(error) = upkeep(&engine, round.is_multiple_of(PRUNE_ROUNDS)).await {
            tracing::warn!(%error, "upkeep was not done; trying again shortly");
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = engine.store.clock().sleep_until(engine.store.now().plus(EVERY)) => {}
            () = engine.draining.cancelled() => return,
        }
    }
}

/// One round.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn upkeep(engine: &EngineInner, prune: bool) -> Result<(), EngineError> {
    if engine.counters_changed() {
        let fold = engine.store.write_patiently(|tx| Box::pin(store::workflow::workflow_counters_fold(tx)));
        if fold.await?.is_none() {
            engine.counters_left();
        }
    }
    if prune {
        let has_lanes = !engine.store.is_alone();
        engine
            .store
            .write_patiently(move |tx| {
                Box::pin(async move {
                    if has_lanes {
                        store::node::commit_marks_prune(tx).await?;
                    }
                    store::event::event_keys_prune(tx).await?;
                    store::entry::slots_prune(tx).await?;
                    let month_ago = tx.now().minus(Period::days(30));
                    store::job::jobs_prune(tx, month_ago).await?;
                    store::integration::ledger::ledger_prune(tx).await?;
                    store::session::session_prune(tx).await
                })
            })
            .await?;
    }
    Ok(())
}
