//! A message to a user inside the application.

use serde::{Deserialize, Serialize};

use crate::{Actor, NotificationId, TenantId, Timestamp, UserId, named};

named! {
    /// The tone of a notification.
    NotificationType {
        /// News.
        Info = "info",
        /// Something went well.
        Success = "success",
        /// Something needs a look.
        Warning = "warning",
        /// Something went wrong.
        Error = "error",
    }
}

/// A message as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Unique over all tenants.
    pub id: NotificationId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// To whom.
    pub user_id: UserId,
    /// One line.
    pub title: String,
    /// The whole message.
    pub message: Option<String>,
    /// The tone.
    #[serde(rename = "type")]
    pub kind: NotificationType,
    /// When it was read.
    pub read_at: Option<Timestamp>,
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
}
