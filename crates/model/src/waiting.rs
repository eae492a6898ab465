//! Waiting for what comes from outside: an event, a decision. The place in its run waits as a row, and what comes finds it there.

use serde_json::Value;

use crate::{approval::NewApproval, event::EventName};

/// A change of what a place in a run waits for. The log row of the step stays as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Which place.
    pub step_path: String,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a wait.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It begins, for an event.
    Event(NewWait),
    /// It begins, for people's decisions.
    Ask(NewApproval),
    /// Those who have not decided are asked again.
    Remind,
    /// Its time is over.
    TimeOut,
    /// Its run ends or goes on without it.
    Cancel,
}

/// A wait for an event.
#[derive(Debug, Clone, PartialEq)]
pub struct NewWait {
    /// The event's name.
    pub event: EventName,
    /// The path and the key of the value by which the event finds it; none: every event of the name is looked at.
    pub correlation: Option<(String, String)>,
    /// The conditions as written; null: none.
    pub conditions: Value,
    /// What they read besides the event.
    pub kept: Value,
}
