//! Why a workflow ran, or did not run, for something that happened: what people ask when they miss a mail.

use serde_json::{Map, Value};

use crate::{
    ContactId, DecisionId, EventId, ExecutionId, SubmissionId, TenantId, Timestamp, WorkflowId, named,
};

named! {
    /// What decided.
    Reason {
        /// There is an execution.
        Executed = "executed",
        /// The workflow's conditions said no.
        ConditionsNotMet = "conditions_not_met",
        /// A condition that decides could not be decided.
        ConditionsUndecided = "conditions_undecided",
        /// The loop guard stopped it.
        LoopStopped = "loop_stopped",
        /// The workflow did not exist yet.
        NotCreated = "not_created",
        /// There was only a draft.
        NotPublished = "not_published",
        /// Nothing started it at that time.
        Inactive = "inactive",
        /// It had been deleted.
        Deleted = "deleted",
        /// It is started by something else.
        OtherTrigger = "other_trigger",
        /// It listens to another form.
        OtherForm = "other_form",
        /// None of the fields that it watches changed.
        FieldsUnchanged = "fields_unchanged",
        /// The conditions of its trigger said no.
        FilterNotMet = "filter_not_met",
        /// The person has not finished the answers.
        NotCompleted = "not_completed",
        /// Nothing is known to have happened.
        NoEvent = "no_event",
        /// There was an execution, and it is gone.
        Removed = "removed",
        /// The entity has been in this workflow before (`enrolment`).
        AlreadyEnrolled = "already_enrolled",
        /// A later event took this one's place (`debounce`).
        Debounced = "debounced",
        /// It runs once nothing more comes (`debounce`).
        Quieting = "quieting",
        /// Enough runs in this period (`rateLimit`).
        RateLimited = "rate_limited",
        /// Enough runs at the same time (`concurrency`).
        ConcurrencyLimit = "concurrency_limit",
    }
}

/// A refusal as it is kept: written in the transaction that refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Unique over all tenants; grows with time.
    pub id: DecisionId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What was not run.
    pub workflow_id: WorkflowId,
    /// Which version of it.
    pub workflow_version: i64,
    /// Why.
    pub reason: Reason,
    /// The particulars, by name: what a sentence is made of.
    pub details: Map<String, Value>,
    /// For which event.
    pub event_id: Option<EventId>,
    /// About whom the event was.
    pub contact_id: Option<ContactId>,
    /// About which answers.
    pub submission_id: Option<SubmissionId>,
    /// The execution that stood in its way.
    pub execution_id: Option<ExecutionId>,
    /// When.
    pub created_at: Timestamp,
}
