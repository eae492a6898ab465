//! The journal: the log rows of an execution, which are both what people read and what a run resumes from.

use serde_json::Value;

use crate::{Document, ExecutionId, LogId, StepStatus, StepType, TenantId, Timestamp};

/// One row of the journal (seed, `workflow_execution_logs`).
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Grows within the execution.
    pub id: LogId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The execution it belongs to.
    pub execution_id: ExecutionId,
    /// 1, 2, 3 … over the whole execution, retries included.
    pub step_number: i64,
    /// What kind of step.
    pub step_type: StepType,
    /// What people read: the step's name, else its action's.
    pub step_name: String,
    /// The step's stable id in the definition; `conditions` for the condition step.
    pub step_id: String,
    /// The place in the tree of steps; equal to `step_id` at the top level.
    pub step_path: String,
    /// Counts the times that this place was tried in this execution: 1, 2, 3 …
    pub attempt: i64,
    /// The execution's `retry_count` when this was tried: tells a new run's attempts from the last run's.
    pub retry_count: i64,
    /// Where the step stands. A completed row is an outcome that is never repeated.
    pub status: StepStatus,
    /// The rendered config, or the conditions.
    pub input_data: Document,
    /// What the step produced.
    pub output_data: Option<Document>,
    /// Why it failed, in one sentence.
    pub error: Option<String>,
    /// What was odd without being an error: a template's variable that is missing.
    pub warnings: Vec<String>,
    /// What a further try can change: false when the same call would fail again.
    pub retryable: bool,
    /// When a waiting step goes on, or when a failed one will be tried again within this run.
    pub resume_at: Option<Timestamp>,
    /// The row of an earlier execution whose outcome this one carries over (a manual retry).
    pub carried_from: Option<LogId>,
    /// When the step began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Working time.
    pub duration_ms: Option<i64>,
    /// When the row was written.
    pub created_at: Timestamp,
}

impl Log {
    /// What the step produced; null when nothing.
    #[must_use]
    pub fn output(&self) -> Value {
        self.output_data.as_deref().cloned().unwrap_or_default()
    }

    /// Puts its documents into text, so that whoever writes them does not have to.
    pub fn prepare(&self) {
        for document in [Some(&self.input_data), self.output_data.as_ref()].into_iter().flatten() {
            let _ = document.text();
        }
    }

    /// The step is under way, waits, or was put off: more is to come of it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.status, StepStatus::Running | StepStatus::Pending)
    }

    /// The step has gone outside, or is about to, beside others: its row was written before its call. One that was put off has a time.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.status == StepStatus::Pending && self.resume_at.is_none()
    }
}
