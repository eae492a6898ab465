//! A ticket: a case that the team works on.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Actor, ContactId, SubmissionId, TenantId, TicketId, Timestamp, UserId,
    field::{self, Fields, Refused},
    named,
};

named! {
    /// Where a ticket stands.
    TicketStatus {
        /// To be worked on.
        Open = "open",
        /// Waiting for someone else.
        Pending = "pending",
        /// Answered.
        Solved = "solved",
        /// Put away.
        Closed = "closed",
    }
}

named! {
    /// How soon a ticket needs attention.
    TicketPriority {
        /// Whenever.
        Low = "low",
        /// In turn.
        Normal = "normal",
        /// Soon.
        High = "high",
        /// Now.
        Urgent = "urgent",
    }
}

named! {
    /// What is told of an open ticket's deadline.
    DeadlineStage {
        /// Most of the time is over.
        Warning = "warning",
        /// All of it is.
        Breach = "breach",
    }
}

/// A case as stored and as events and templates see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Unique over all tenants.
    pub id: TicketId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// One line.
    pub title: String,
    /// The whole story.
    pub description: Option<String>,
    /// Where it stands.
    pub status: TicketStatus,
    /// How soon.
    pub priority: TicketPriority,
    /// Whose it is.
    pub assignee_id: Option<UserId>,
    /// Whom it is about.
    pub contact_id: Option<ContactId>,
    /// The answer that caused it.
    pub submission_id: Option<SubmissionId>,
    /// When it is to be answered. Only an open ticket is due.
    pub due_at: Option<Timestamp>,
    /// Tag names.
    pub tags: Vec<String>,
    /// Everything else that is known.
    pub attributes: Map<String, Value>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
    /// When it was deleted; history still refers to it.
    pub archived_at: Option<Timestamp>,
}

impl Ticket {
    /// An open ticket of normal priority.
    #[must_use]
    pub fn new(id: TicketId, tenant_id: TenantId, title: String, now: Timestamp, by: Actor) -> Self {
        Self {
            id,
            tenant_id,
            title,
            description: None,
            status: TicketStatus::Open,
            priority: TicketPriority::Normal,
            assignee_id: None,
            contact_id: None,
            submission_id: None,
            due_at: None,
            tags: Vec::new(),
            attributes: Map::new(),
            created_at: now,
            updated_at: now,
            created_by: Some(by),
            updated_by: Some(by),
            version: 1,
            archived_at: None,
        }
    }
}

impl Fields for Ticket {
    fn set(&mut self, field: &str, value: &Value) -> Result<(), Refused> {
        match field {
            "title" => self.title = field::text(value, 255)?,
            "description" => self.description = field::optional_text(value, 65_536)?,
            "status" => self.status = field::name(value)?,
            "priority" => self.priority = field::name(value)?,
            "assignee_id" => self.assignee_id = field::optional_id(value)?,
            "contact_id" => self.contact_id = field::optional_id(value)?,
            "submission_id" => self.submission_id = field::optional_id(value)?,
            "due_at" => self.due_at = field::optional_time(value)?,
            "tags" => self.tags = field::tags(value)?,
            "attributes" => self.attributes = field::object(value)?,
            "id" | "tenant_id" | "created_at" | "updated_at" | "created_by" | "updated_by" | "version"
            | "archived_at" => return Err(Refused::ReadOnly),
            _ => return Err(Refused::Unknown),
        }
        Ok(())
    }

    crate::field::changing! {
        title, description, status, priority, assignee_id, contact_id, submission_id, due_at, tags, attributes;
        not id, tenant_id, created_at, updated_at, created_by, updated_by, version, archived_at
    }

    fn attributes(&mut self) -> Option<&mut Map<String, Value>> {
        Some(&mut self.attributes)
    }
}
