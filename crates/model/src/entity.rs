//! The records that workflows act upon, named the way definitions name them.

use serde::{Deserialize, Serialize};

use crate::{ContactId, FormId, SubmissionId, TicketId, named};

named! {
    /// A kind of record that `update_field` and `add_tag` accept.
    EntityKind {
        /// A person.
        Contact = "contact",
        /// A case.
        Ticket = "ticket",
        /// An answer to a form.
        Submission = "submission",
        /// A form.
        Form = "form",
    }
}

/// One record of one of the kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "entity", content = "id", rename_all = "snake_case")]
pub enum EntityRef {
    /// A person.
    Contact(ContactId),
    /// A case.
    Ticket(TicketId),
    /// An answer to a form.
    Submission(SubmissionId),
    /// A form.
    Form(FormId),
}

impl EntityRef {
    /// From a kind and a number that is already known to be an id.
    #[must_use]
    pub const fn new(kind: EntityKind, id: i64) -> Self {
        match kind {
            EntityKind::Contact => Self::Contact(ContactId::new(id)),
            EntityKind::Ticket => Self::Ticket(TicketId::new(id)),
            EntityKind::Submission => Self::Submission(SubmissionId::new(id)),
            EntityKind::Form => Self::Form(FormId::new(id)),
        }
    }

    /// The kind of record.
    #[must_use]
    pub const fn kind(self) -> EntityKind {
        match self {
            Self::Contact(_) => EntityKind::Contact,
            Self::Ticket(_) => EntityKind::Ticket,
            Self::Submission(_) => EntityKind::Submission,
            Self::Form(_) => EntityKind::Form,
        }
    }

    /// The number.
    #[must_use]
    pub const fn id(self) -> i64 {
        match self {
            Self::Contact(id) => id.get(),
            Self::Ticket(id) => id.get(),
            Self::Submission(id) => id.get(),
            Self::Form(id) => id.get(),
        }
    }
}

impl std::fmt::Display for EntityRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}

/// The longest tag name, in characters.
pub const LONGEST_TAG: usize = 100;
