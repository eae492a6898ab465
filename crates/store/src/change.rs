//! What every change of a record has in common: who makes it, and the event that tells of it.

use model::{
    Actor, Problem, TenantId,
    event::{Cause, EventName, NewEvent},
};
use serde_json::{Map, Value};

use crate::StoreError;

/// Who makes a change, and which execution's step is behind it.
#[derive(Debug, Clone, Copy)]
pub struct Author {
    /// Who it is.
    pub actor: Actor,
    /// The execution behind it, for the loop guard.
    pub cause: Option<Cause>,
}

impl From<Actor> for Author {
    fn from(actor: Actor) -> Self {
        Self { actor, cause: None }
    }
}

/// The event of a change that the server makes itself.
pub(crate) fn system_event(tenant: TenantId, name: &'static str, data: Value, author: Author) -> NewEvent {
    NewEvent {
        tenant,
        name: EventName::system(name),
        external_id: None,
        source: None,
        data,
        attributes: Map::new(),
        actor: author.actor,
        cause: author.cause,
    }
}

/// A refused value, as the answer to a whole record.
pub(crate) fn refused(path: &str, message: impl Into<String>) -> StoreError {
    StoreError::Refused(vec![Problem::at(path, message)])
}
