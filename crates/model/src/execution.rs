//! One run of one version of a workflow.

use serde_json::Value;

use crate::{
    Actor, ContactId, Document, EventId, ExecutionId, ExecutionStatus, NodeId, Outcome, SubmissionId,
    TenantId, Timestamp, WorkflowId, event::Called,
};

/// An execution as stored (seed, `workflow_executions`).
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// Grows with time; unique over all tenants.
    pub id: ExecutionId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// What is run.
    pub workflow_id: WorkflowId,
    /// Which version of it, to the end.
    pub workflow_version: i64,
    /// The event that started it.
    pub trigger_event: String,
    /// The event's data.
    pub trigger_data: Document,
    /// Everything that changes while it runs.
    pub progress: Progress,
    /// The accepted event.
    pub event_id: Option<EventId>,
    /// The person that the event is about.
    pub contact_id: Option<ContactId>,
    /// The answer that the event is about.
    pub submission_id: Option<SubmissionId>,
    /// The execution that this one retries.
    pub retry_of: Option<ExecutionId>,
    /// The execution whose id is in the idempotency keys: the first of a chain of retries from the failed step.
    pub key_execution_id: ExecutionId,
    /// The node that runs it; none: whoever has room takes it.
    pub owner: Option<NodeId>,
    /// How many workflow-made events led here.
    pub depth: u32,
    /// The execution whose step made the event, when a workflow did.
    pub caused_by: Option<ExecutionId>,
    /// How that step called this execution, when it is a `run_workflow`.
    pub called: Option<Called>,
    /// Who started it, when a person or a key did.
    pub created_by: Option<Actor>,
    /// When the event was accepted.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

/// What of an execution changes while it runs; written as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Where it stands.
    pub status: ExecutionStatus,
    /// What its conditions said; none when they could not be evaluated.
    pub outcome: Option<Outcome>,
    /// When work began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Working time so far, without waits.
    pub duration_ms: Option<i64>,
    /// What came of it (contract section 8, rule 7).
    pub result: Option<Value>,
    /// Why it failed, in one sentence.
    pub error: Option<String>,
    /// The chain of causes with the step, the attempt and what was being done.
    pub error_stack: Option<String>,
    /// How many times it was retried by schedule.
    pub retry_count: i64,
    /// When it will be retried.
    pub next_retry_at: Option<Timestamp>,
    /// When a waiting execution goes on; equal to `next_retry_at` while it is retrying.
    pub wake_at: Option<Timestamp>,
    /// How many steps failed without ending the run.
    pub actions_failed: i64,
    /// How many times it was found unfinished after a crash without having got any further since.
    pub recoveries: i64,
}

impl Progress {
    /// An execution that was just accepted.
    #[must_use]
    pub const fn accepted(status: ExecutionStatus, outcome: Option<Outcome>) -> Self {
        Self {
            status,
            outcome,
            started_at: None,
            completed_at: None,
            duration_ms: None,
            result: None,
            error: None,
            error_stack: None,
            retry_count: 0,
            next_retry_at: None,
            wake_at: None,
            actions_failed: 0,
            recoveries: 0,
        }
    }
}
