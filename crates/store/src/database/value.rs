//! Parameters of statements.

use model::{Actor, Timestamp};

/// One parameter. Each kind says how it is stored, so that every database gets the type that it expects. Its `Debug` tells nothing of
/// texts and bytes: drivers write the parameters of a statement into their logs.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Text(String),
    /// A JSON document as text.
    Json(String),
    /// An instant.
    Time(Timestamp),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Ids that a row's is one of: `{among:?1}`.
    Ids(Vec<i64>),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Integer(value) => f.debug_tuple("Integer").field(value).finish(),
            Self::Real(value) => f.debug_tuple("Real").field(value).finish(),
            Self::Bool(value) => f.debug_tuple("Bool").field(value).finish(),
            Self::Time(value) => f.debug_tuple("Time").field(value).finish(),
            Self::Ids(value) => f.debug_tuple("Ids").field(value).finish(),
            Self::Text(_) => f.write_str("Text(…)"),
            Self::Json(_) => f.write_str("Json(…)"),
            Self::Bytes(_) => f.write_str("Bytes(…)"),
        }
    }
}

impl Value {
    /// A JSON document of anything that serialises.
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Self {
        Self::Json(serde_json::to_string(value).expect("records serialise: their maps have text keys"))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Time(value)
    }
}

impl From<Actor> for Value {
    fn from(value: Actor) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<&model::Document> for Value {
    fn from(value: &model::Document) -> Self {
        Self::Json(value.text().to_owned())
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        Self::json(value)
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        Self::json(&value)
    }
}

impl From<&serde_json::Map<String, serde_json::Value>> for Value {
    fn from(value: &serde_json::Map<String, serde_json::Value>) -> Self {
        Self::json(value)
    }
}

impl From<&Vec<String>> for Value {
    fn from(value: &Vec<String>) -> Self {
        Self::json(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Self {
        value.as_ref().map_or(Self::Null, Into::into)
    }
}

impl From<&Option<serde_json::Value>> for Value {
    fn from(value: &Option<serde_json::Value>) -> Self {
        value.as_ref().map_or(Self::Null, Into::into)
    }
}

impl From<&Option<model::Document>> for Value {
    fn from(value: &Option<model::Document>) -> Self {
        value.as_ref().map_or(Self::Null, Into::into)
    }
}

macro_rules! ids_and_names {
    (ids: $($id:path),* ; names: $($name:path),* $(,)?) => {
        $(impl From<$id> for Value {
            fn from(value: $id) -> Self {
                Self::Integer(value.get())
            }
        }
        impl super::row::FromCell for $id {
            fn from_cell(cell: super::row::Cell) -> Result<Self, super::row::Mismatch> {
                i64::from_cell(cell).map(Self::new)
            }
        })*
        $(impl From<$name> for Value {
            fn from(value: $name) -> Self {
                Self::Text(value.as_str().to_owned())
            }
        }
        impl super::row::FromCell for $name {
            fn from_cell(cell: super::row::Cell) -> Result<Self, super::row::Mismatch> {
                String::from_cell(cell)?.parse().map_err(|_| super::row::Mismatch(stringify!($name)))
            }
        })*
    };
}

ids_and_names! {
    ids: model::TenantId, model::WorkflowId, model::ExecutionId, model::LogId, model::EventId, model::FormId,
         model::SubmissionId, model::ContactId, model::TicketId, model::NotificationId, model::TagId, model::UserId,
         model::ApiKeyId, model::IntegrationId, model::TemplateId, model::OutboxId, model::AlertId, model::ApprovalId, model::NodeId,
         model::DecisionId, model::JobId, model::SuppressionId, model::InvitationId;
    names: model::ExecutionStatus, model::Outcome, model::StepStatus, model::StepType, model::ticket::TicketStatus,
           model::ticket::TicketPriority, model::ticket::DeadlineStage, model::notification::NotificationType, model::submission::SubmissionStatus,
           model::user::Role, model::template::Category, model::entity::EntityKind, model::alert::AlertKind, model::alert::AlertMoment, model::alert::Channel,
           model::decision::Reason, model::job::JobKind, model::job::JobSource, model::job::JobState,
           model::approval::ApprovalState, model::approval::Decision, crate::approval::Moment,
           model::event::Called, model::mailing::SuppressionReason,
}

/// The parameters of a statement: `params![tenant, id, "open"]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::database::Value::from($value)),*] };
}
