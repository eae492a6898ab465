//! What executions wrote into records: a mail, a ticket. Personal answers are in there in the clear, and viewers do not read them
//! (contract section 6).

use std::collections::{HashMap, HashSet};

use model::{
    ExecutionId,
    user::{Identity, Role},
};
use serde::{Serialize, de::DeserializeOwned};
use store::{Connection, StoreError, StoreResult, execution::execution_get};

use crate::masking::{Personal, Veil};

/// The personal answers behind each execution, for whoever must not read them.
#[derive(Debug, Default)]
pub(crate) struct Authors(HashMap<ExecutionId, Personal>);

impl Authors {
    /// Of these executions. Whoever may do more than read sees everything.
    pub(crate) async fn of(
        connection: &mut Connection,
        identity: Identity,
        executions: impl Iterator<Item = ExecutionId>,
    ) -> StoreResult<Self> {
        if identity.role != Role::Viewer {
            return Ok(Self::default());
        }
        let mut data = HashMap::new();
        for id in executions.collect::<HashSet<_>>() {
            match execution_get(connection, identity.tenant, id).await {
                Ok(execution) => drop(data.insert(id, execution.trigger_data.into_value())),
                // Retention has removed it: nobody can tell any more which of its texts are personal.
                Err(StoreError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let veil = Veil::over(connection, identity, data.values()).await?;
        Ok(Self(data.into_iter().map(|(id, data)| (id, veil.of(&data))).collect()))
    }

    /// Hides them in what one of the executions wrote.
    pub(crate) fn hide<T: Serialize + DeserializeOwned>(
        &self,
        execution: Option<ExecutionId>,
        written: T,
    ) -> StoreResult<T> {
        let Some(personal) = execution.and_then(|id| self.0.get(&id)) else { return Ok(written) };
        let unreadable = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
        let mut value = serde_json::to_value(written).map_err(unreadable)?;
        personal.hide(&mut value);
        serde_json::from_value(value).map_err(unreadable)
    }
}
