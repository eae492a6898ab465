//! What workflows look like, in and out, for the description of the API and for its answers.

use model::{Actor, Problem, TenantId, Timestamp, WorkflowId};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::definition;

/// A workflow with its published definition and its counters.
#[derive(Debug, Serialize, ToSchema)]
pub struct Workflow {
    /// Unique over all tenants.
    #[schema(value_type = i64)]
    id: WorkflowId,
    /// The owner of the record.
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    /// The stable name by which imports find it.
    key: String,
    /// `name`, `description`, `trigger_event`, `trigger_config`, `conditions`, `actions`, `logUnmatched`.
    #[serde(flatten)]
    #[schema(value_type = DefinitionFields)]
    definition: Map<String, Value>,
    /// Events start it.
    is_active: bool,
    /// The number of the version that runs; 0: never published.
    published_version: i64,
    /// There is a draft beside it.
    has_draft: bool,
    /// The draft's fields; null when there is none.
    #[schema(value_type = Option<DefinitionFields>)]
    draft: Option<Map<String, Value>>,
    /// How many executions were ever started.
    execution_count: i64,
    /// How many completed with their conditions met.
    success_count: i64,
    /// How many failed.
    failure_count: i64,
    /// How many completed with their conditions not met.
    unmatched_count: i64,
    /// When the last one was started.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_executed_at: Option<Timestamp>,
    /// Mean working time of the ended ones that matched.
    average_duration_ms: Option<i64>,
    /// When the record was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Who made it.
    #[schema(value_type = Option<String>)]
    created_by: Option<Actor>,
    /// Who last changed it.
    #[schema(value_type = Option<String>)]
    updated_by: Option<Actor>,
    /// Grows with each change.
    version: i64,
    /// When it was deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    archived_at: Option<Timestamp>,
    /// Where calls from outside start it, with `trigger_event` `webhook`; null for others, and for viewers.
    #[schema(example = "https://workflows.example.com/hooks/1-45-0f9c…")]
    hook_url: Option<String>,
    /// What keeps the draft from being published; only after a draft was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    problems: Option<Vec<Fault>>,
}

macro_rules! fields {
    ($(#[$doc:meta])* $name:ident as $shown:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, ToSchema)]
        #[schema(as = $shown)]
        #[expect(dead_code, reason = "describes what `definition::Sent` reads and `definition::out` writes")]
        pub struct $name { $($(#[$field_doc])* $field: $type,)* }
    };
}

fields! {
    /// The definition of a workflow: what versions keep.
    DefinitionFields as WorkflowDefinition {
        /// What the team calls it.
        name: String,
        /// What it is for.
        #[schema(required)]
        description: Option<String>,
        /// The event that starts it.
        #[schema(example = "submission_completed")]
        trigger_event: String,
        /// Which of those events: `formId`, `fields` (only when one of them changed), `conditions`.
        #[schema(value_type = Object)]
        trigger_config: Value,
        /// Conditions and groups of them; the first element may say `{"logic":"OR"}`.
        #[schema(value_type = Vec<Object>)]
        conditions: Value,
        /// Steps, run in order.
        #[schema(value_type = Vec<Object>)]
        actions: Value,
        /// False: a run whose conditions fail is only counted.
        #[schema(rename = "logUnmatched")]
        log_unmatched: bool,
        /// Whom it takes, and how often: `{"policy":"every_time"|"once"|"once_per","period":"30d","key":"{{contact.id}}"}`.
        #[schema(value_type = Option<Object>, required = false)]
        enrolment: Value,
        /// Only the last of several events that come soon one after the other: `{"key":"{{contact.id}}","for":"30s"}`.
        #[schema(value_type = Option<Object>, required = false)]
        debounce: Value,
        /// How many runs at the same time: `{"limit":1,"key":"{{contact.id}}","behavior":"queue"|"drop"|"cancel_running"}`.
        #[schema(value_type = Option<Object>, required = false)]
        concurrency: Value,
        /// How many runs in a period: `{"limit":100,"per":"1m"}`.
        #[schema(rename = "rateLimit", value_type = Option<Object>, required = false)]
        rate_limit: Value,
        /// What ends the waiting runs of a contact: `{"event":"contact_updated","conditions":[…]}`.
        #[schema(value_type = Option<Object>, required = false)]
        goal: Value,
        /// Steps that run once when a run has failed for good; they see `{{error.message}}`, `error.step`, `error.stepPath`, `error.stepName`, `error.attempt`.
        #[schema(rename = "onFailure", value_type = Vec<Object>)]
        on_failure: Value,
    }
}

fields! {
    /// A workflow as it is sent to be made or replaced. A draft may leave out everything.
    WorkflowFields as WorkflowFields {
        /// What the team calls it.
        #[schema(example = "NPS Detractor Follow-up")]
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The event that starts it.
        #[schema(example = "submission_completed")]
        trigger_event: String,
        /// Which of those events: `formId`, `fields` (only when one of them changed), `conditions`.
        #[schema(value_type = Object, required = false)]
        trigger_config: Value,
        /// Conditions and groups of them; the first element may say `{"logic":"OR"}`. None: always.
        #[schema(value_type = Vec<Object>, required = false)]
        conditions: Value,
        /// Steps, run in order: `type`, `config`, `critical`, `name`, `id`, `retry`, `timeoutMs`, `disabled`, `skipIf`, `onError`, `notes`.
        #[schema(value_type = Vec<Object>, required = false)]
        actions: Value,
        /// False: a run whose conditions fail is only counted.
        #[schema(rename = "logUnmatched", required = false, default = true)]
        log_unmatched: bool,
        /// Whom it takes, and how often: `{"policy":"every_time"|"once"|"once_per","period":"30d","key":"{{contact.id}}"}`.
        #[schema(value_type = Option<Object>, required = false)]
        enrolment: Value,
        /// Only the last of several events that come soon one after the other: `{"key":"{{contact.id}}","for":"30s"}`.
        #[schema(value_type = Option<Object>, required = false)]
        debounce: Value,
        /// How many runs at the same time: `{"limit":1,"key":"{{contact.id}}","behavior":"queue"|"drop"|"cancel_running"}`.
        #[schema(value_type = Option<Object>, required = false)]
        concurrency: Value,
        /// How many runs in a period: `{"limit":100,"per":"1m"}`.
        #[schema(rename = "rateLimit", value_type = Option<Object>, required = false)]
        rate_limit: Value,
        /// What ends the waiting runs of a contact: `{"event":"contact_updated","conditions":[…]}`.
        #[schema(value_type = Option<Object>, required = false)]
        goal: Value,
        /// Steps that run once when a run has failed for good.
        #[schema(rename = "onFailure", value_type = Vec<Object>, required = false)]
        on_failure: Value,
        /// The stable name by which imports find it; made from the name when it is not given.
        key: Option<String>,
        /// Events start it. Stays as it is unless sent; false for a new one.
        #[schema(required = false)]
        is_active: bool,
        /// The version that the change was made for: refused when it is not current.
        version: Option<i64>,
    }
}

fields! {
    /// What of a workflow is to be different.
    WorkflowChanges as WorkflowChanges {
        /// What the team calls it.
        #[schema(required = false)]
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The event that starts it.
        #[schema(required = false)]
        trigger_event: String,
        /// Which of those events.
        #[schema(value_type = Object, required = false)]
        trigger_config: Value,
        /// Conditions and groups of them.
        #[schema(value_type = Vec<Object>, required = false)]
        conditions: Value,
        /// Steps, run in order.
        #[schema(value_type = Vec<Object>, required = false)]
        actions: Value,
        /// False: a run whose conditions fail is only counted.
        #[schema(rename = "logUnmatched", required = false)]
        log_unmatched: bool,
        /// Whom it takes, and how often: `{"policy":"every_time"|"once"|"once_per","period":"30d","key":"{{contact.id}}"}`.
        #[schema(value_type = Option<Object>, required = false)]
        enrolment: Value,
        /// Only the last of several events that come soon one after the other: `{"key":"{{contact.id}}","for":"30s"}`.
        #[schema(value_type = Option<Object>, required = false)]
        debounce: Value,
        /// How many runs at the same time: `{"limit":1,"key":"{{contact.id}}","behavior":"queue"|"drop"|"cancel_running"}`.
        #[schema(value_type = Option<Object>, required = false)]
        concurrency: Value,
        /// How many runs in a period: `{"limit":100,"per":"1m"}`.
        #[schema(rename = "rateLimit", value_type = Option<Object>, required = false)]
        rate_limit: Value,
        /// What ends the waiting runs of a contact: `{"event":"contact_updated","conditions":[…]}`.
        #[schema(value_type = Option<Object>, required = false)]
        goal: Value,
        /// Steps that run once when a run has failed for good.
        #[schema(rename = "onFailure", value_type = Vec<Object>, required = false)]
        on_failure: Value,
        /// The stable name by which imports find it.
        key: Option<String>,
        /// Events start it.
        #[schema(required = false)]
        is_active: bool,
        /// The version that the change was made for: refused when it is not current.
        version: Option<i64>,
    }
}

/// Something that is wrong, and where.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Fault {
    /// Where it is.
    #[schema(example = "actions[1].config.to")]
    path: String,
    /// What is wrong and how to mend it.
    message: String,
}

impl From<Problem> for Fault {
    fn from(Problem { path, message }: Problem) -> Self {
        Self { path, message }
    }
}

impl Workflow {
    pub(super) fn of(workflow: model::workflow::Workflow, hook_url: Option<String>) -> Self {
        let draft = definition::draft(workflow.draft.as_ref()).map(|draft| definition::out(&draft));
        Self {
            id: workflow.id,
            tenant_id: workflow.tenant_id,
            key: workflow.key,
            definition: definition::out(&workflow.definition),
            is_active: workflow.is_active,
            published_version: workflow.published_version,
            has_draft: workflow.draft.is_some(),
            draft,
            execution_count: workflow.execution_count,
            success_count: workflow.success_count,
            failure_count: workflow.failure_count,
            unmatched_count: workflow.unmatched_count,
            last_executed_at: workflow.last_executed_at,
            average_duration_ms: workflow.average_duration_ms,
            created_at: workflow.created_at,
            updated_at: workflow.updated_at,
            created_by: workflow.created_by,
            updated_by: workflow.updated_by,
            version: workflow.version,
            archived_at: workflow.archived_at,
            hook_url,
            problems: None,
        }
    }
}

/// A workflow after it was saved; after a draft was, with what keeps it from being published.
pub(crate) fn saved(workflow: Workflow, problems: Option<Vec<Problem>>) -> Workflow {
    let problems = problems.map(|problems| problems.into_iter().map(Fault::from).collect());
    Workflow { problems, ..workflow }
}

/// What a workflow would do.
#[derive(Debug, ToSchema)]
#[schema(as = DryRun)]
#[expect(dead_code, reason = "describes `engine::DryRun`")]
pub struct DryRunShape {
    /// The trigger's own filter lets the data through.
    #[schema(rename = "triggerMatches")]
    trigger_matches: bool,
    /// The conditions hold; null when they cannot be decided.
    #[schema(rename = "conditionsPassed", required)]
    conditions_passed: Option<bool>,
    /// Why they cannot be decided.
    #[schema(required)]
    error: Option<String>,
    /// Every condition with both sides, verdict and reason.
    #[schema(value_type = Vec<Object>)]
    conditions: Value,
    /// What conditions found odd.
    warnings: Vec<String>,
    /// Every action, also when the conditions do not hold.
    actions: Vec<DryActionShape>,
}

/// What one action would be given.
#[derive(Debug, ToSchema)]
#[schema(as = DryAction)]
#[expect(dead_code, reason = "describes `engine::dry_run::DryAction`")]
pub struct DryActionShape {
    /// The step's id.
    #[schema(rename = "stepId")]
    step_id: String,
    /// Where it stands in the definition; left out at the top: `s3.branches[0]` for a step in the first branch of `s3`.
    #[schema(required = false)]
    inside: Option<String>,
    /// The action.
    #[schema(rename = "type")]
    kind: String,
    /// What people read.
    name: String,
    /// It would run.
    #[schema(rename = "wouldRun")]
    would_run: bool,
    /// The rendered config without secrets.
    #[schema(value_type = Object)]
    config: Value,
    /// Variables that are missing.
    warnings: Vec<String>,
    /// What the action would refuse.
    problems: Vec<Fault>,
}
