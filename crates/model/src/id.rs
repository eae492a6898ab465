//! Identifiers: one type per table, so that a contact's id cannot be passed where a ticket's is meant.
//!
//! An id is a positive integer below 2^53: JSON numbers keep it exactly in every language.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The largest id: beyond it a JSON number loses digits in JavaScript.
pub const MAX_ID: i64 = (1 << 53) - 1;

/// Text or a number that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an id: a whole number from 1 to {MAX_ID} is needed")]
pub struct NotAnId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The id as stored. Callers that take it from outside use [`TryFrom`] instead.
            #[must_use]
            pub const fn new(value: i64) -> Self {
                Self(value)
            }

            /// The number that the database and JSON carry.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = NotAnId;
            fn try_from(value: i64) -> Result<Self, NotAnId> {
                if (1..=MAX_ID).contains(&value) { Ok(Self(value)) } else { Err(NotAnId) }
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.parse::<i64>().map_err(|_| NotAnId)?.try_into()
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                i64::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A customer of the installation; every row names one.
    TenantId,
    /// A workflow; stable over its versions.
    WorkflowId,
    /// One run of one version of a workflow.
    ExecutionId,
    /// One row of an execution's journal.
    LogId,
    /// An accepted event.
    EventId,
    /// A form (survey).
    FormId,
    /// One answer to a form.
    SubmissionId,
    /// A person whose experience is followed.
    ContactId,
    /// A case for the team.
    TicketId,
    /// A message to a user inside the application.
    NotificationId,
    /// A tag name of a tenant.
    TagId,
    /// What a rule of entry refused.
    DecisionId,
    /// Work on many records.
    JobId,
    /// Someone who signs in.
    UserId,
    /// A program's credentials.
    ApiKeyId,
    /// A stored connection to another system.
    IntegrationId,
    /// A ready-made workflow.
    TemplateId,
    /// An address to which nothing is sent any more.
    SuppressionId,
    /// Somebody asked to answer a form.
    InvitationId,
    /// A mail kept because no SMTP server is set.
    OutboxId,
    /// A warning to a tenant.
    AlertId,
    /// Something that people are asked to decide.
    ApprovalId,
    /// A process that runs executions; random, new at each start.
    NodeId,
}
