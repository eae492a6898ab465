//! What executions wrote into records: a mail, a ticket. Personal answers are in there in the clear, and viewers do not read them
//! (contract section 6).

use model::{ExecutionId, user::Identity};
use serde::{Serialize, de::DeserializeOwned};
use store::{Connection, StoreError, StoreResult};

use crate::masking::{Personal, Veil};

/// The personal answers behind each execution, for whoever must not read them.
#[derive(Debug, Default)]
pub(crate) struct Authors(Veil);

impl Authors {
    /// Of these executions. Whoever may do more than read sees everything. Of one that retention has removed nobody can tell any more which of its
    /// texts are personal.
    pub(crate) async fn of(
        connection: &mut Connection,
        identity: Identity,
        executions: impl Iterator<Item = ExecutionId>,
    ) -> StoreResult<Self> {
        Ok(Self(Veil::over_runs(connection, identity, executions).await?))
    }

    /// Hides them in what one of the executions wrote.
    pub(crate) fn hide<T: Serialize + DeserializeOwned>(
        &self,
        execution: Option<ExecutionId>,
        written: T,
    ) -> StoreResult<T> {
        let personal = execution.map_or_else(Personal::default, |id| self.0.of_run(id));
        if personal == Personal::default() {
            return Ok(written);
        }
        let unreadable = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
        let mut value = serde_json::to_value(written).map_err(unreadable)?;
        personal.hide(&mut value);
        serde_json::from_value(value).map_err(unreadable)
    }
}
