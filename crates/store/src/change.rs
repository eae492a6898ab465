//! What every change of a record has in common: who makes it, and the event that tells of it.

use model::{Actor, Problem, TenantId, entity::EntityKind, event::Cause, field::Changes};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{StoreError, StoreResult, Tx, event::event_emit};

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

/// Emits the event of a record that was made or changed: `{"ticket":{…},"previous":{…},"changed":["status"]}` (contract section 4).
pub(crate) async fn record_emit(
    tx: &mut Tx,
    (tenant, event): (TenantId, &'static str),
    author: Author,
    (kind, record): (EntityKind, &impl Serialize),
    changes: Option<&Changes>,
) -> StoreResult<()> {
    let data = || {
        let mut data = Map::new();
        data.insert(kind.as_str().to_owned(), json!(record));
        if let Some(changes) = changes {
            data.insert("previous".to_owned(), Value::Object(changes.previous.clone()));
            data.insert("changed".to_owned(), json!(changes.changed()));
        }
        Value::Object(data)
    };
    event_emit(tx, (tenant, event), author, data).await.map(drop)
}

/// A refused value, as the answer to a whole record.
pub(crate) fn refused(path: &str, message: impl Into<String>) -> StoreError {
    StoreError::Refused(vec![Problem::at(path, message)])
}
