//! What paths are looked up in: the trigger data, and the roots that the engine adds.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::{
    Path,
    path::{field, walk},
};

/// The names that a condition or a template can see.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The event's data. `trigger` names the whole of it.
    pub trigger: &'a Value,
    /// Roots that win over names of the trigger data: `steps`, `workflow`, `execution`, `tenant`, `now`.
    pub locals: &'a Map<String, Value>,
    /// The zone in which dates are written.
    pub time_zone: &'a TimeZone,
}

static NO_LOCALS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
static UTC: TimeZone = TimeZone::UTC;

impl<'a> Scope<'a> {
    /// Only trigger data, with dates in UTC.
    #[must_use]
    pub fn of_trigger(trigger: &'a Value) -> Self {
        Self { trigger, locals: &NO_LOCALS, time_zone: &UTC }
    }

    /// What an update event tells of a field's value before: `ticket.status` was `previous.status`. None when it tells nothing of before; what
    /// is not among the values of before is as it was.
    pub(crate) fn before(&self, path: &Path) -> Option<&'a Value> {
        let local = path.root().and_then(|root| field(self.locals, root));
        let (data, segments) = match local {
            Some(local) => (local, path.rest()),
            None if path.root() == Some("trigger") => (self.trigger, path.rest()),
            None => (self.trigger, path.segments()),
        };
        let previous = data.get("previous").filter(|previous| previous.is_object())?;
        let field = match segments {
            [_, field @ ..] if !field.is_empty() => field,
            field => field,
        };
        let (name, within) = field.split_first()?;
        match walk(previous, std::slice::from_ref(name)) {
            Some(before) => Some(walk(before, within).unwrap_or(&Value::Null)),
            None => Some(self.lookup(path).unwrap_or(&Value::Null)),
        }
    }

    /// The value at a path. JSON null is a value here; operators count it as missing.
    #[must_use]
    pub fn lookup(&self, path: &Path) -> Option<&'a Value> {
        match path.root() {
            Some(root) => match field(self.locals, root) {
                Some(local) => walk(local, path.rest()),
                None if root == "trigger" => walk(self.trigger, path.rest()),
                None => path.lookup(self.trigger),
            },
            None => path.lookup(self.trigger),
        }
    }
}
