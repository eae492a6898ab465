//! Alerts: what a tenant is warned of (the seed's "Recommended Alerts"), and how word of it is sent.

use serde::Serialize;
use serde_json::Value;

use crate::{AlertId, ExecutionId, TenantId, Timestamp, WorkflowId, named};

named! {
    /// What an alert warns of.
    AlertKind {
        /// Too many of the tenant's executions of the last hour failed.
        FailureRate = "failure_rate",
        /// Executions of a workflow work too long on average.
        AverageDuration = "average_duration",
        /// Executions have been running for too long.
        StuckExecutions = "stuck_executions",
        /// Executions of a workflow failed after all their retries.
        RetriesExhausted = "retries_exhausted",
    }
}

named! {
    /// How word of an alert is sent.
    Channel {
        /// To every administrator, inside the application.
        Notification = "notification",
        /// To the address in the settings.
        Email = "email",
        /// To the URL in the settings.
        Webhook = "webhook",
    }
}

named! {
    /// Whether what an alert warns of goes on.
    AlertState {
        /// It does.
        Open = "open",
        /// It is over.
        Resolved = "resolved",
    }
}

named! {
    /// The two moments at which word of an alert is sent.
    AlertMoment {
        /// It begins.
        Raised = "raised",
        /// It is over.
        Resolved = "resolved",
    }
}

/// An alert as stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Unique over all tenants.
    pub id: AlertId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// What it warns of.
    pub kind: AlertKind,
    /// Whether it goes on.
    pub state: AlertState,
    /// Of which workflow; none: of the whole tenant.
    pub workflow_id: Option<WorkflowId>,
    /// An example.
    pub execution_id: Option<ExecutionId>,
    /// One sentence, with the numbers at the beginning.
    pub message: String,
    /// The numbers at the beginning, by name.
    pub details: Value,
    /// When it began.
    pub raised_at: Timestamp,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
}
