//! Notices workflows and settings that other nodes changed, within a second.

use std::{collections::HashMap, sync::Arc};

use model::{Period, Timestamp, WorkflowId};
use store::workflow::workflow_changed_since;

use crate::{EngineError, EngineInner};

const LOOK: Period = Period::seconds(1);
/// Changes become visible in the order of their commits, not of their times: the last few seconds are read again.
const OVERLAP: Period = Period::seconds(15);

/// Runs until the engine drains; returns at once where nobody else can have the store open.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    if engine.store.is_alone() {
        return;
    }
    let mut seen = HashMap::new();
    loop {
        tokio::select! {
            () = engine.store.clock().sleep_until(engine.store.now().plus(LOOK)) => {}
            () = engine.draining.cancelled() => return,
        }
        if let Err(error) = look(&engine, &mut seen).await {
            tracing::warn!(%error, "changes by other nodes could not be read; trying again");
        }
    }
}

/// Takes in what is new since the last look. `seen` holds the version of every workflow that changed lately.
async fn look(
    engine: &EngineInner,
    seen: &mut HashMap<WorkflowId, (i64, Timestamp)>,
) -> Result<(), EngineError> {
    let since = engine.store.now().minus(OVERLAP);
    let changed = {
        let mut connection = engine.store.read_any().await?;
        workflow_changed_since(&mut connection, since).await?
    };
    seen.retain(|_, (_, at)| *at >= since);
    for change in changed {
        let known = seen.insert(change.id, (change.version, change.updated_at));
        if known.map(|(version, _)| version) != Some(change.version) {
            engine.tenants.forget(change.tenant);
            engine.programs.refresh(&engine.store, change.tenant, change.id).await?;
        }
    }
    Ok(())
}
