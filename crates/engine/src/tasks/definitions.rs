//! Takes in workflows and settings that other nodes changed.

use std::collections::HashMap;

use model::{TenantId, Timestamp, WorkflowId};
use store::{pulse::OVERLAP, tenant::tenant_changed_since, workflow::workflow_changed_since};

use crate::{EngineError, EngineInner};

/// The version of everything that changed lately.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    workflows: HashMap<WorkflowId, (i64, Timestamp)>,
    tenants: HashMap<TenantId, i64>,
}

/// Takes in what is new since the last look.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn look(engine: &EngineInner, seen: &mut Seen) -> Result<(), EngineError> {
    let since = engine.store.now().minus(OVERLAP);
    let (tenants, workflows) = {
        let mut connection = engine.store.read_any().await?;
        let tenants = tenant_changed_since(&mut connection, since).await?;
        (tenants, workflow_changed_since(&mut connection, since).await?)
    };
    for (tenant, version) in &tenants {
        if seen.tenants.insert(*tenant, *version) != Some(*version) {
            engine.tenants.forget(*tenant);
        }
    }
    seen.tenants = tenants.into_iter().collect();
    seen.workflows.retain(|_, (_, at)| *at >= since);
    for change in workflows {
        let known = seen.workflows.insert(change.id, (change.version, change.updated_at));
        if known.map(|(version, _)| version) != Some(change.version) {
            engine.programs.refresh(&engine.store, change.tenant, change.id).await?;
        }
    }
    Ok(())
}
