//! `/api/workflow-executions`: what ran, what did not, and why.

pub(crate) mod shape;

use std::time::Duration;

use axum::{Json, extract::State};
use engine::{RetryDefinition, RetryFrom, RetryRequest};
use model::{
    ContactId, ExecutionId, ExecutionStatus, LogId, Outcome, SubmissionId, TenantId, WorkflowId,
    user::{Identity, Role},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{
    Connection, StoreResult, call,
    event::event_find,
    execution::{execution_delete, execution_get, execution_move_list},
    history::{
        self, Listed, Patience, execution_list, execution_retries, execution_show, personal_questions_exist,
    },
    journal::log_list,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Data, Done, List},
    body::{Id, Parameters, Perhaps},
    dates::{EndDate, StartDate},
    error::{ApiError, ApiResult, Failure},
    identity::{Admin, Editor, Viewer},
    masking::{Personal, Veil},
    page::{Listing, PageQuery, cursor_of},
};

use super::events::NO_EVENT;
use shape::{
    Execution, ExecutionBranch, ExecutionDetail, ExecutionLog, ExecutionLogs, ExecutionStatusName,
    OutcomeName, Retried, RetryAnswer,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, delete))
        .routes(routes!(logs))
        .routes(routes!(tree))
        .routes(routes!(retry))
        .routes(routes!(cancel))
}

/// The most log rows that an execution is shown with.
const SHOWN_LOGS: i64 = 1_000;
/// Log rows of a page of `/logs`, unless told.
const DEFAULT_LOGS: i64 = 200;

/// How long a list looks for what no index answers. Then it says how far it has come.
const PATIENCE: Patience = Patience::of(Duration::from_millis(8));

/// Which executions a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Of this workflow.
    #[param(value_type = Option<i64>)]
    workflow_id: Option<WorkflowId>,
    /// In this state.
    #[param(value_type = Option<ExecutionStatusName>)]
    status: Option<ExecutionStatus>,
    /// Accepted on this day (UTC) or at this time, or later.
    #[param(value_type = Option<String>, example = "2026-02-01")]
    start_date: Option<StartDate>,
    /// Accepted before this time; a day counts as a whole.
    #[param(value_type = Option<String>, example = "2026-02-14")]
    end_date: Option<EndDate>,
    /// The trigger data contain this text, without regard to case. A search looks for a moment only: a page may have fewer rows than
    /// `limit`, or none, and `hasMore` all the same; then `nextCursor` searches on from there.
    q: Option<String>,
    /// Whose conditions said this.
    #[param(value_type = Option<OutcomeName>)]
    outcome: Option<Outcome>,
    /// With, or without, failed steps that did not end the run.
    has_failures: Option<bool>,
    /// About this contact.
    #[param(value_type = Option<i64>)]
    contact_id: Option<ContactId>,
    /// About this submission.
    #[param(value_type = Option<i64>)]
    submission_id: Option<SubmissionId>,
    /// Started by this event: the `eventId` that its poster was told.
    event_id: Option<String>,
    /// Retries of this execution.
    #[param(value_type = Option<i64>)]
    retry_of: Option<ExecutionId>,
}

impl Filter {
    async fn wanted(self, connection: &mut Connection, tenant: TenantId) -> StoreResult<history::Filter> {
        let event = match &self.event_id {
            Some(id) => Some(event_find(connection, tenant, id).await?.map_or(NO_EVENT, |event| event.id)),
            None => None,
        };
        Ok(history::Filter {
            workflow: self.workflow_id,
            status: self.status,
            outcome: self.outcome,
            has_failures: self.has_failures,
            contact: self.contact_id,
            submission: self.submission_id,
            event,
            retry_of: self.retry_of,
            from: self.start_date.map(|StartDate(from)| from),
            until: self.end_date.map(|EndDate(until)| until),
            text: self.q.as_deref().map(as_json_has_it),
        })
    }
}

/// Trigger data are searched as the JSON text that they are stored as.
fn as_json_has_it(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Executions, newest first.
#[utoipa::path(get, path = "/api/workflow-executions", tag = "Executions", params(Filter, PageQuery), responses(
    (status = 200, body = List<Execution>),
    (status = 400, body = Failure),
    (status = 403, description = "A viewer cannot search in what viewers do not see", body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Execution>> {
    let mut connection = app.store.read(identity.tenant).await?;
    if filter.q.is_some() {
        may_search(&mut connection, identity).await?;
    }
    let wanted = filter.wanted(&mut connection, identity.tenant).await?;
    let paged = execution_list(&mut connection, identity.tenant, &wanted, page, PATIENCE).await?;
    let ids = paged.rows.iter().map(|row| row.execution.id);
    let veil = Veil::over_runs(&mut connection, identity, ids).await?;
    Ok(List::of(paged, page, |listed| Execution::of(listed, &veil)))
}

/// Whoever finds an execution by a personal answer has read the answer.
async fn may_search(connection: &mut Connection, identity: Identity) -> ApiResult<()> {
    if identity.role == Role::Viewer && personal_questions_exist(connection, identity.tenant).await? {
        return Err(ApiError::forbidden(
            "q needs the role editor in this tenant: it has questions with personal answers, and q would find those",
        ));
    }
    Ok(())
}

/// One execution with its log.
#[utoipa::path(get, path = "/api/workflow-executions/{id}", tag = "Executions", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<ExecutionDetail>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<ExecutionId>,
) -> ApiResult<Data<ExecutionDetail>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let listed = execution_show(&mut connection, identity.tenant, id).await?;
    let retries = execution_retries(&mut connection, identity.tenant, id).await?;
    let moves = execution_move_list(&mut connection, identity.tenant, id).await?;
    let veil = Veil::over_runs(&mut connection, identity, std::iter::once(id)).await?;
    let of = LogsOf { execution: id, personal: veil.of_run(id) };
    let (logs, logs_next_cursor) = of.read(&mut connection, identity.tenant, None, SHOWN_LOGS).await?;
    Ok(Data::new(ExecutionDetail {
        execution: Execution::of(listed, &veil),
        retries: retries.into_iter().map(ExecutionId::get).collect(),
        moves: moves.into_iter().map(shape::ExecutionMove::from).collect(),
        logs,
        logs_next_cursor,
    }))
}

/// Which log rows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogsQuery {
    /// How many rows at most, 1 to 200; 200 unless told.
    #[param(minimum = 1, maximum = 200, default = 200)]
    limit: Option<i64>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// An execution's log rows in order.
#[utoipa::path(get, path = "/api/workflow-executions/{id}/logs", tag = "Executions",
    params(("id" = i64, Path), LogsQuery),
    responses(
        (status = 200, body = ExecutionLogs),
        (status = 400, body = Failure),
        (status = 404, body = Failure),
    ))]
async fn logs(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<ExecutionId>,
    Parameters(LogsQuery { limit, cursor }): Parameters<LogsQuery>,
) -> ApiResult<Json<ExecutionLogs>> {
    let limit = Some(limit.unwrap_or(DEFAULT_LOGS));
    let page = PageQuery { limit, offset: None, cursor }.page()?;
    let mut connection = app.store.read(identity.tenant).await?;
    execution_get(&mut connection, identity.tenant, id).await?;
    let veil = Veil::over_runs(&mut connection, identity, std::iter::once(id)).await?;
    let of = LogsOf { execution: id, personal: veil.of_run(id) };
    // Unlike lists, a log runs from the oldest row to the newest: the cursor is the row that the page comes after.
    let after = page.before.map(LogId::new);
    let (data, next_cursor) = of.read(&mut connection, identity.tenant, after, page.limit).await?;
    Ok(Json(ExecutionLogs { success: true, data, next_cursor }))
}

struct LogsOf {
    execution: ExecutionId,
    personal: Personal,
}

impl LogsOf {
    /// A page of rows, and the cursor of the next page.
    async fn read(
        &self,
        connection: &mut Connection,
        tenant: TenantId,
        after: Option<LogId>,
        limit: i64,
    ) -> StoreResult<(Vec<ExecutionLog>, Option<String>)> {
        let mut logs = log_list(connection, tenant, self.execution, after, limit + 1).await?;
        let has_more = logs.len() as i64 > limit;
        if has_more {
            logs.pop();
        }
        let next = logs.last().filter(|_| has_more).map(|log| cursor_of(log.id.get()));
        Ok((logs.into_iter().map(|log| ExecutionLog::of(log, &self.personal)).collect(), next))
    }
}

/// The execution with those that its `run_workflow` steps have called, and those in turn: 1000 executions at most. `parent_id` of an execution leads up.
#[utoipa::path(get, path = "/api/workflow-executions/{id}/tree", tag = "Executions", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<ExecutionBranch>),
    (status = 404, body = Failure),
))]
async fn tree(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<ExecutionId>,
) -> ApiResult<Data<ExecutionBranch>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(call::tree(&mut connection, identity.tenant, id).await?.into()))
}

/// How to retry.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
pub(crate) struct RetryIn {
    /// From where; `failed_step` unless told.
    from: Option<RetryPlace>,
    /// On which definition; `original` unless told.
    definition: Option<RetryVersion>,
}

/// From where a retry runs.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetryPlace {
    /// Completed steps keep their outcomes; what failed keeps its idempotency key.
    FailedStep,
    /// Everything anew, with new keys.
    Start,
}

/// On which definition a retry runs.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetryVersion {
    /// The version that the original ran.
    Original,
    /// The version that is published now; completed steps are found by their ids.
    Current,
}

impl From<RetryIn> for RetryRequest {
    fn from(sent: RetryIn) -> Self {
        Self {
            from: match sent.from {
                None | Some(RetryPlace::FailedStep) => RetryFrom::FailedStep,
                Some(RetryPlace::Start) => RetryFrom::Start,
            },
            definition: match sent.definition {
                None | Some(RetryVersion::Original) => RetryDefinition::Original,
                Some(RetryVersion::Current) => RetryDefinition::Current,
            },
        }
    }
}

/// Retries an execution as a new one: a failed, cancelled or retrying one, or a completed one with failed steps.
#[utoipa::path(post, path = "/api/workflow-executions/{id}/retry", tag = "Executions", params(("id" = i64, Path)),
    request_body(content = Option<RetryIn>),
    responses(
        (status = 200, body = RetryAnswer),
        (status = 404, body = Failure),
        (status = 409, description = "Its state does not allow it, or an earlier retry is live", body = Failure),
        (status = 422, body = Failure),
    ))]
async fn retry(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<ExecutionId>,
    Perhaps(sent): Perhaps<RetryIn>,
) -> ApiResult<Json<RetryAnswer>> {
    let made = app.engine.retry(identity.tenant, identity.actor, id, sent.into()).await?;
    let data = Retried { original_execution_id: id.get(), new_execution_id: made.id.get() };
    Ok(Json(RetryAnswer { success: true, message: "Workflow retry initiated", data }))
}

/// Ends an execution. A step that is being performed may still have its effect outside.
#[utoipa::path(post, path = "/api/workflow-executions/{id}/cancel", tag = "Executions", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Execution>),
    (status = 404, body = Failure),
    (status = 409, description = "It has ended already", body = Failure),
))]
async fn cancel(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<ExecutionId>,
) -> ApiResult<Data<Execution>> {
    let execution = app.engine.cancel(identity.tenant, identity.actor, id).await?;
    let mut connection = app.store.read(identity.tenant).await?;
    let listed = execution_show(&mut connection, identity.tenant, id).await?;
    let veil = Veil::over_runs(&mut connection, identity, std::iter::once(id)).await?;
    Ok(Data::new(Execution::of(Listed { execution, ..listed }, &veil)))
}

/// Removes an execution that has ended, with its log. Statistics keep counting it.
#[utoipa::path(delete, path = "/api/workflow-executions/{id}", tag = "Executions", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
    (status = 409, description = "It has not ended: cancel it first", body = Failure),
))]
async fn delete(Admin(identity): Admin, State(app): State<App>, Id(id): Id<ExecutionId>) -> ApiResult<Done> {
    app.store
        .write(move |tx| Box::pin(async move { execution_delete(tx, identity.tenant, id).await }))
        .await?;
    Ok(Done::deleted(id.get()))
}
