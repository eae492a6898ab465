//! Executions and their log rows as they are shown: the seed's fields, and what has been added to them.

use model::{Actor, Document, Timestamp, execution, journal};
use serde::Serialize;
use serde_json::Value;
use store::history::Listed;
use utoipa::ToSchema;

use crate::{
    masking::{Personal, Veil},
    record::names,
};

names! {
    /// Where an execution stands.
    ExecutionStatusName of model::ExecutionStatus;
    /// What an execution's conditions said.
    OutcomeName of model::Outcome;
    /// Where a step stands.
    StepStatusName of model::StepStatus;
    /// What kind of step.
    StepTypeName of model::StepType;
}

/// One run of one version of a workflow.
#[derive(Debug, Serialize, ToSchema)]
pub struct Execution {
    /// Grows with time; unique over all tenants.
    id: i64,
    /// The owner of the record.
    tenant_id: i64,
    /// What is run.
    workflow_id: i64,
    /// The workflow's name today.
    workflow_name: String,
    /// Which version of it.
    workflow_version: i64,
    /// The event that started it.
    trigger_event: String,
    /// The event's data.
    #[schema(value_type = Object)]
    trigger_data: Value,
    /// Where it stands.
    #[schema(value_type = ExecutionStatusName)]
    status: model::ExecutionStatus,
    /// What its conditions said; null when they could not be evaluated.
    #[schema(value_type = Option<OutcomeName>)]
    outcome: Option<model::Outcome>,
    /// When work began.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// Working time so far in milliseconds, without waits.
    duration_ms: Option<i64>,
    /// What came of it: `conditionsPassed`, `actionsExecuted`, `actionsFailed`, `actionResults`.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Why it failed, in one sentence.
    error: Option<String>,
    /// The chain of causes with the step, the attempt and what was being done.
    error_stack: Option<String>,
    /// How many times it was retried by schedule.
    retry_count: i64,
    /// When it will be retried.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_retry_at: Option<Timestamp>,
    /// When it goes on, if it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    wake_at: Option<Timestamp>,
    /// How many steps failed without ending the run.
    actions_failed: i64,
    /// The event, by the `eventId` that its poster was told.
    event_id: Option<String>,
    /// The person that the event is about.
    contact_id: Option<i64>,
    /// The answers that the event is about.
    submission_id: Option<i64>,
    /// The execution that this one retries.
    retry_of: Option<i64>,
    /// The execution whose `run_workflow` step has called this one.
    parent_id: Option<i64>,
    /// The execution whose step has started this one: by calling it, or by a change whose event did.
    caused_by: Option<i64>,
    /// Who caused it.
    #[schema(value_type = Option<String>, example = "api_key:1")]
    created_by: Option<Actor>,
    /// When the event was accepted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl Execution {
    /// As the veil lets it be seen.
    pub(super) fn of(listed: Listed, veil: &Veil) -> Self {
        let Listed { execution, workflow_name, public_event_id } = listed;
        let execution::Execution { trigger_data, mut progress, .. } = execution;
        let mut trigger_data = trigger_data.into_value();
        let personal = veil.of_run(execution.id);
        personal.hide(&mut trigger_data);
        if let Some(result) = &mut progress.result {
            personal.hide(result);
        }
        for text in [&mut progress.error, &mut progress.error_stack].into_iter().flatten() {
            personal.hide_in_text(text);
        }
        Self {
            id: execution.id.get(),
            tenant_id: execution.tenant_id.get(),
            workflow_id: execution.workflow_id.get(),
            workflow_name,
            workflow_version: execution.workflow_version,
            trigger_event: execution.trigger_event,
            trigger_data,
            status: progress.status,
            outcome: progress.outcome,
            started_at: progress.started_at,
            completed_at: progress.completed_at,
            duration_ms: progress.duration_ms,
            result: progress.result,
            error: progress.error,
            error_stack: progress.error_stack,
            retry_count: progress.retry_count,
            next_retry_at: progress.next_retry_at,
            wake_at: progress.wake_at,
            actions_failed: progress.actions_failed,
            event_id: public_event_id,
            contact_id: execution.contact_id.map(model::ContactId::get),
            submission_id: execution.submission_id.map(model::SubmissionId::get),
            retry_of: execution.retry_of.map(model::ExecutionId::get),
            parent_id: execution
                .caused_by
                .filter(|_| execution.called.is_some())
                .map(model::ExecutionId::get),
            caused_by: execution.caused_by.map(model::ExecutionId::get),
            created_by: execution.created_by,
            created_at: execution.created_at,
            updated_at: execution.updated_at,
        }
    }
}

/// An execution among those that called one another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(no_recursion)]
pub struct ExecutionBranch {
    /// The execution.
    id: i64,
    /// What it runs.
    workflow_id: i64,
    /// The workflow's name today.
    workflow_name: String,
    /// Where it stands.
    #[schema(value_type = ExecutionStatusName)]
    status: model::ExecutionStatus,
    /// The place of the step that called it; null for the first.
    step_path: Option<String>,
    /// Those that its steps have called, in order.
    children: Vec<ExecutionBranch>,
}

impl From<store::call::Branch> for ExecutionBranch {
    fn from(branch: store::call::Branch) -> Self {
        Self {
            id: branch.execution.get(),
            workflow_id: branch.workflow.get(),
            workflow_name: branch.workflow_name,
            status: branch.status,
            step_path: branch.step_path,
            children: branch.called.into_iter().map(Self::from).collect(),
        }
    }
}

/// An execution with everything that belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExecutionDetail {
    /// The execution.
    #[serde(flatten)]
    pub(super) execution: Execution,
    /// The executions that retry this one, oldest first.
    pub(super) retries: Vec<i64>,
    /// When it was moved to a newer version of the workflow while it waited, oldest first.
    pub(super) moves: Vec<ExecutionMove>,
    /// Its log rows in order; the first 1000 of them.
    pub(super) logs: Vec<ExecutionLog>,
    /// When there are more rows: the `cursor` of the next ones at `/logs`.
    pub(super) logs_next_cursor: Option<String>,
}

/// A move of an execution to a newer version of its workflow.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExecutionMove {
    /// The version before.
    from_version: i64,
    /// The version since.
    to_version: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    moved_at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>, required)]
    moved_by: Option<Actor>,
}

impl From<store::execution::ExecutionMove> for ExecutionMove {
    fn from(made: store::execution::ExecutionMove) -> Self {
        let store::execution::ExecutionMove { from_version, to_version, moved_at, moved_by } = made;
        Self { from_version, to_version, moved_at, moved_by }
    }
}

/// One row of an execution's log.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExecutionLog {
    /// Grows within the execution.
    id: i64,
    /// 1, 2, 3 … over the whole execution, retries included.
    step_number: i64,
    /// What kind of step.
    #[schema(value_type = StepTypeName)]
    step_type: model::StepType,
    /// The step's name, else its action's.
    step_name: String,
    /// The step's stable id in the definition; `conditions` for the condition step.
    step_id: String,
    /// The place in the tree of steps; equal to `step_id` at the top level.
    step_path: String,
    /// Counts the times that this place was tried in this execution.
    attempt: i64,
    /// Where the step stands.
    #[schema(value_type = StepStatusName)]
    status: model::StepStatus,
    /// The rendered config, an object; or the conditions, an array.
    #[schema(value_type = Value)]
    input_data: Value,
    /// What the step produced: for conditions, both sides of each and the verdict.
    #[schema(value_type = Option<Object>)]
    output_data: Option<Value>,
    /// Why it failed, in one sentence.
    error: Option<String>,
    /// What was odd without being an error.
    warnings: Vec<String>,
    /// When a waiting step goes on, or a failed one is tried again within this run.
    #[schema(value_type = Option<String>, format = DateTime)]
    resume_at: Option<Timestamp>,
    /// The row of an earlier execution whose outcome this one carries over.
    carried_from: Option<i64>,
    /// When the step began.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// Working time in milliseconds.
    duration_ms: Option<i64>,
    /// When the row was written.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl ExecutionLog {
    /// Without the personal answers that the execution was told.
    pub(super) fn of(log: journal::Log, personal: &Personal) -> Self {
        // What is under way beside other things is in the journal before its call.
        let status = if log.is_under_way() { model::StepStatus::Running } else { log.status };
        let journal::Log { input_data, output_data, mut error, mut warnings, .. } = log;
        let hidden = |document: Document| {
            let mut value = document.into_value();
            personal.hide(&mut value);
            value
        };
        error.iter_mut().chain(&mut warnings).for_each(|text| personal.hide_in_text(text));
        Self {
            id: log.id.get(),
            step_number: log.step_number,
            step_type: log.step_type,
            step_name: log.step_name,
            step_id: log.step_id,
            step_path: log.step_path,
            attempt: log.attempt,
            status,
            input_data: hidden(input_data),
            output_data: output_data.map(hidden),
            error,
            warnings,
            resume_at: log.resume_at,
            carried_from: log.carried_from.map(model::LogId::get),
            started_at: log.started_at,
            completed_at: log.completed_at,
            duration_ms: log.duration_ms,
            created_at: log.created_at,
        }
    }
}

/// A page of an execution's log rows, in order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionLogs {
    /// Always true.
    #[schema(default = true)]
    pub(super) success: bool,
    /// The rows.
    pub(super) data: Vec<ExecutionLog>,
    /// Send it as `cursor` for the next rows; null at the end.
    pub(super) next_cursor: Option<String>,
}

/// A retry that was begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetryAnswer {
    /// Always true.
    #[schema(default = true)]
    pub(super) success: bool,
    /// `Workflow retry initiated`.
    #[schema(example = "Workflow retry initiated")]
    pub(super) message: &'static str,
    /// Which executions.
    pub(super) data: Retried,
}

/// The two executions of a retry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retried {
    /// The one that is retried.
    pub(super) original_execution_id: i64,
    /// The one that retries it.
    pub(super) new_execution_id: i64,
}
