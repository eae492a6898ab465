//! Events: what happened, by name, with data. They start workflows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Actor, ContactId, Document, EventId, ExecutionId, SubmissionId, TenantId, Timestamp};

/// A valid event name: `[a-z0-9_.-]`, 1 to 100 characters; system events in their canonical snake_case spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EventName(String);

/// Text that cannot name an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an event name: 1 to 100 characters of a-z, 0-9, _, . and - are needed")]
pub struct NotAnEventName;

/// The events that the server itself emits, with a sentence for whoever chooses one.
pub const SYSTEM_EVENTS: &[(&str, &str)] = &[
    ("submission_completed", "A form was answered"),
    ("ticket_created", "A ticket was created"),
    ("ticket_updated", "A ticket changed"),
    (TICKET_SLA_WARNING, "An open ticket is due soon"),
    (TICKET_SLA_BREACHED, "A ticket was not answered in time"),
    ("contact_created", "A contact was created"),
    ("contact_updated", "A contact changed"),
    (EXECUTION_FAILED, "A run of a workflow failed for good"),
    ("alert_raised", "An alert began"),
    ("alert_resolved", "What an alert warned of is over"),
    ("integration_expired", "A connection to another system is not let in any more"),
    (CONTACT_UNSUBSCRIBED, "A contact wants no more marketing mails"),
    (EMAIL_BOUNCED, "A mail did not reach its receiver"),
    (INVITATION_SENT, "A contact was asked to answer a form"),
];

/// The `trigger_event` of a workflow that the clock starts, and the event of each time that it does.
pub const SCHEDULE: &str = "schedule";
/// The `trigger_event` of a workflow that only people start, and the event of each time that they do, with any workflow.
pub const MANUAL: &str = "manual";
/// The event of each time that a `run_workflow` step starts a workflow.
pub const CALL: &str = "run_workflow";
/// The `trigger_event` of a workflow that calls from outside start, and the event of each such call.
pub const WEBHOOK: &str = "webhook";
/// A run of a workflow failed for good.
pub const EXECUTION_FAILED: &str = "execution_failed";

/// A contact wants no more marketing mails.
pub const CONTACT_UNSUBSCRIBED: &str = "contact_unsubscribed";
/// A mail did not reach its receiver.
pub const EMAIL_BOUNCED: &str = "email_bounced";
/// A contact was asked to answer a form.
pub const INVITATION_SENT: &str = "invitation_sent";
/// An open ticket is due soon.
pub const TICKET_SLA_WARNING: &str = "ticket_sla_warning";
/// A ticket was not answered in time.
pub const TICKET_SLA_BREACHED: &str = "ticket_sla_breached";

impl EventName {
    /// A system event; `name` is one of [`SYSTEM_EVENTS`], [`SCHEDULE`], [`MANUAL`], [`CALL`] or [`WEBHOOK`].
    #[must_use]
    pub fn system(name: &'static str) -> Self {
        debug_assert!(
            [SCHEDULE, MANUAL, CALL, WEBHOOK].contains(&name)
                || SYSTEM_EVENTS.iter().any(|(known, _)| *known == name),
            "{name} is not a system event"
        );
        Self(name.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventName {
    type Err = NotAnEventName;

    /// A dotted spelling of a system event becomes the canonical one (contract section 4).
    fn from_str(text: &str) -> Result<Self, NotAnEventName> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
        if text.is_empty() || text.len() > 100 || !text.chars().all(plain) {
            return Err(NotAnEventName);
        }
        let canonical = text.replace('.', "_");
        if SYSTEM_EVENTS.iter().any(|(known, _)| *known == canonical) {
            return Ok(Self(canonical));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An event on its way in: from a caller, or from a change that the server itself made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Whose it is.
    pub tenant: TenantId,
    /// What happened.
    pub name: EventName,
    /// The caller's id: the same one again from the same source within 24 hours is the same event.
    pub external_id: Option<String>,
    /// Who says so; part of the key of deduplication.
    pub source: Option<String>,
    /// The particulars; becomes the executions' trigger data.
    pub data: Document,
    /// CloudEvents extension attributes, kept as sent.
    pub attributes: serde_json::Map<String, Value>,
    /// Who posted it or made the change.
    pub actor: Actor,
    /// The execution whose step caused it, with how many events lie between it and the outside world.
    pub cause: Option<Cause>,
}

/// Where an event came from, when a workflow caused it: what the loop guard counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// The execution whose step made the change.
    pub execution: ExecutionId,
    /// How many workflow-made events led here; 1 for the first.
    pub depth: u32,
    /// How that step called the workflow, when it is a `run_workflow`.
    pub called: Option<Called>,
}

crate::named! {
    /// How a `run_workflow` step called an execution.
    Called {
        /// The caller waits for its end.
        Waits = "waits",
        /// The caller goes on at once.
        GoesOn = "goes_on",
    }
}

/// What was done with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The stored event.
    pub id: EventId,
    /// What the caller gets: its own id, else `evt_<id>`.
    pub public_id: String,
    /// It had been accepted before; nothing was started now.
    pub duplicate: bool,
    /// The executions that it started.
    pub executions: Vec<StartedExecution>,
}

/// An execution that an event started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartedExecution {
    /// The execution.
    pub id: ExecutionId,
    /// Its workflow.
    pub workflow_id: crate::WorkflowId,
}

/// The records that an event is about, found in its data: what executions are filtered by.
#[must_use]
pub fn subjects(data: &Value) -> (Option<ContactId>, Option<SubmissionId>) {
    fn id<T: TryFrom<i64>>(data: &Value, places: &[(&str, &str)]) -> Option<T> {
        let at = |record: &str| if record.is_empty() { Some(data) } else { data.get(record) };
        places.iter().find_map(|(record, field)| at(record)?.get(field)?.as_i64()?.try_into().ok())
    }
    let of_contact = [
        ("contact", "id"),
        ("submission", "contactId"),
        ("submission", "contact_id"),
        ("ticket", "contact_id"),
        ("", "contactId"),
        ("", "contact_id"),
    ];
    let of_submission =
        [("submission", "id"), ("ticket", "submission_id"), ("", "submissionId"), ("", "submission_id")];
    (id(data, &of_contact), id(data, &of_submission))
}

/// An accepted event as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique over all tenants.
    pub id: EventId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What happened.
    pub name: EventName,
    /// The caller's id.
    pub external_id: Option<String>,
    /// Who said so.
    pub source: Option<String>,
    /// The particulars.
    pub data: Value,
    /// When it was accepted.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_system_events_become_canonical() {
        let read = |text: &str| text.parse::<EventName>().map(|name| name.to_string());
        assert_eq!(read("submission.completed").as_deref(), Ok("submission_completed"));
        assert_eq!(read("order.shipped").as_deref(), Ok("order.shipped"));
        for wrong in ["", "Order", "a b", &"x".repeat(101)] {
            assert_eq!(read(wrong), Err(NotAnEventName));
        }
    }
}
