//! What internal actions change: values, applied by the store in the transaction that writes the step's log row.
//!
//! An action says *what* shall change; the store, which sees the rows under its lock, says what came of it.
//! So a ticket exists exactly when its log row does.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    ContactId, FormId, Period, SubmissionId, TicketId, Timestamp, UserId, WorkflowId,
    entity::EntityRef,
    event::Called,
    notification::NotificationType,
    ticket::{TicketPriority, TicketStatus},
    user::Role,
    waiting::Waiting,
};

/// A change to the tenant's records.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A new ticket; output `{"ticketId", "ticket"}`.
    TicketCreate(NewTicket),
    /// One field of one record; output `{"entity","entityId","field","value","changed"}`.
    FieldUpdate {
        /// The record.
        entity: EntityRef,
        /// One of its fields, else a name in its `attributes`.
        field: String,
        /// The new value.
        value: Value,
    },
    /// A message to a user; output `{"notificationId"}`.
    NotificationCreate(NewNotification),
    /// Several fields of a contact; output `{"contactId","created","changed"}`.
    ContactUpdate {
        /// Which contact.
        contact: ContactKey,
        /// Fields by name; unknown ones go to `attributes`.
        updates: Map<String, Value>,
        /// Make the contact when there is none (only by email).
        upsert: bool,
    },
    /// A tag on a record; output `{"entity","entityId","tag","added"}`.
    TagAdd {
        /// The record.
        entity: EntityRef,
        /// The tag's name; made when it is new.
        tag: String,
    },
    /// A ticket goes to whoever of a team is there and has least to do; output `{"ticketId","assigneeId","openTickets","away"}`, and when nobody is
    /// there, `{"ticketId","assigneeId","away","reason"}`.
    TicketAssign {
        /// The ticket.
        ticket: TicketId,
        /// Who may get it.
        team: Team,
    },
    /// How a form's score stands beside the time before; output `{"form","current","previous","drop"}`.
    ScoresCompare(ScoreSpan),
    /// What is known of a contact is taken out; output `{"contactId","submissions","runs"}`.
    ContactErase(ContactId),
    /// A contact is invited to a form; output `{"invitationId","url"}`.
    Invite(NewInvitation),
    /// A mail kept because no SMTP server is set; output `{"sent":false,"outboxId"}`.
    MailKeep(Mail),
    /// What a place in the run waits for; the step's row stays as it is.
    Wait(Box<Waiting>),
    /// Another workflow is run; output `{"executionId","status"}`, and when it has ended already `result` and `error`.
    WorkflowRun(WorkflowRun),
}

impl Effect {
    /// The step is not done with it: its row says itself where it stands.
    #[must_use]
    pub const fn suspends(&self) -> bool {
        matches!(self, Self::Wait(_))
    }
}

/// Who may get a ticket: of these users, those with this role; with neither, everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Team {
    /// Users; none: all.
    pub users: Vec<UserId>,
    /// Their role, if it matters.
    pub role: Option<Role>,
    /// Who gets it when everybody is away; none: nobody.
    pub stand_in: Option<UserId>,
}

/// Answers that are compared with those before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreSpan {
    /// Answers to this form.
    pub form: FormId,
    /// The key of the question with the score.
    pub question: String,
    /// How far back.
    pub span: Period,
}

/// A contact's own link to a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvitation {
    /// The form.
    pub form: FormId,
    /// Who is asked to answer it.
    pub contact: ContactId,
    /// What the link is known by.
    pub token: String,
    /// The link.
    pub url: String,
}

/// A workflow to be run by a step.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowRun {
    /// Which one.
    pub workflow: WorkflowName,
    /// Its trigger data.
    pub data: Value,
    /// How it is called.
    pub called: Called,
}

/// How a step names a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowName {
    /// By id.
    Id(WorkflowId),
    /// By its key, which files keep from one installation to another.
    Key(String),
}

impl std::fmt::Display for WorkflowName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "workflow {id}"),
            Self::Key(key) => write!(f, "a workflow with the key \"{key}\""),
        }
    }
}

impl WorkflowName {
    /// Reads what a definition or a template gives: an id, the same as text, or a key. None: nothing that could name one.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(Self::Id(number.as_i64()?.try_into().ok()?)),
            Value::String(text) => {
                let text = text.trim();
                match text.parse::<i64>() {
                    Ok(id) => Some(Self::Id(id.try_into().ok()?)),
                    Err(_) if text.is_empty() => None,
                    Err(_) => Some(Self::Key(text.to_owned())),
                }
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// How a contact is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactKey {
    /// By id.
    Id(ContactId),
    /// By email address, compared without case.
    Email(String),
}

impl std::fmt::Display for ContactKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "contact {id}"),
            Self::Email(email) => write!(f, "contact with email {email}"),
        }
    }
}

/// A record that a new one is linked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link<T> {
    /// Nothing.
    None,
    /// The one that the step names: it must exist.
    Named(T),
    /// The one of the event, which may be another system's id: linked when it exists.
    OfEvent(T),
}

impl<T> Link<T> {
    /// What the step names, else what the event is about.
    #[must_use]
    pub fn new(named: Option<T>, of_event: Option<T>) -> Self {
        match (named, of_event) {
            (Some(id), _) => Self::Named(id),
            (None, Some(id)) => Self::OfEvent(id),
            (None, None) => Self::None,
        }
    }
}

/// A ticket to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTicket {
    /// One line.
    pub title: String,
    /// The whole story.
    pub description: Option<String>,
    /// Where it stands at first.
    pub status: TicketStatus,
    /// How soon.
    pub priority: TicketPriority,
    /// Whose it is.
    pub assignee_id: Option<UserId>,
    /// Whom it is about.
    pub contact: Link<ContactId>,
    /// The answer that caused it.
    pub submission: Link<SubmissionId>,
    /// When it is to be answered; none: as its priority says.
    pub due_at: Option<Timestamp>,
    /// Tag names.
    pub tags: Vec<String>,
    /// Everything else.
    pub attributes: Map<String, Value>,
}

/// A notification to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// To whom.
    pub user_id: UserId,
    /// One line.
    pub title: String,
    /// The whole message.
    pub message: Option<String>,
    /// The tone.
    pub kind: NotificationType,
}

/// A mail, ready to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The sender's address, with or without a name.
    pub from: String,
    /// The receivers.
    pub to: Vec<String>,
    /// Receivers of a copy.
    pub cc: Vec<String>,
    /// Receivers whom the others do not see.
    pub bcc: Vec<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// One line.
    pub subject: String,
    /// The message as text.
    pub text: Option<String>,
    /// The message as HTML.
    pub html: Option<String>,
    /// The same on every attempt, so that a receiver can tell a repeat.
    pub message_id: String,
    /// Where the receiver of a marketing mail has no more of them, by a page for people and by one call for programs (RFC 8058).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe_url: Option<String>,
    /// Files that go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// A file that goes with a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What the file is called.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Its bytes, in base64.
    pub content: String,
}

/// Why an effect was not applied. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EffectError {
    /// A record that the step names does not exist in this tenant.
    #[error("{0} does not exist")]
    Missing(String),
    /// The record refuses the value.
    #[error("{0}")]
    Refused(String),
    /// The event that the change emits would start too many executions.
    #[error("the change would start {0} executions; one event starts at most 1,000")]
    TooManyExecutions(usize),
}
