//! `/api/workflows/{id}/versions/{number}/move`: executions that wait go on with a newer version.

use axum::extract::{Path, State, rejection::PathRejection};
use engine::{MoveRequest, MoveSummary};
use model::{ExecutionId, WorkflowId, user::Identity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::workflows::to_the_end;
use crate::{
    App,
    answer::Data,
    body::{Id, Perhaps},
    error::{ApiError, ApiResult, Failure},
    identity::Editor,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(move_executions))
}

/// Which executions are moved.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MoveIn {
    /// Only executions of these older versions; all older ones when it is not given.
    #[schema(required = false)]
    from: Option<Vec<i64>>,
    /// True: says what would become of them, and moves none.
    #[serde(default)]
    #[schema(required = false, default = false)]
    dry_run: bool,
    /// The `next` of the answer before: go on there.
    #[schema(value_type = Option<i64>, required = false)]
    after: Option<ExecutionId>,
}

/// What became of the executions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveAnswer {
    /// Nothing was moved: it is what would become of them.
    dry_run: bool,
    /// How many can go on with the version; without `dryRun` they do.
    movable: usize,
    /// How many stay with theirs.
    not_movable: usize,
    /// Why, the commonest reason first.
    reasons: Vec<MoveReason>,
    /// There may be more: send it as `after`. Null: these were all.
    #[schema(value_type = Option<i64>, required)]
    next: Option<ExecutionId>,
}

/// A reason for which executions stay with their version.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveReason {
    /// In a sentence.
    #[schema(example = "it stands at step s2 (delay), which version 3 does not have there")]
    reason: String,
    /// How many.
    count: usize,
    /// The first five of them.
    #[schema(value_type = Vec<i64>)]
    execution_ids: Vec<ExecutionId>,
}

impl MoveAnswer {
    fn of(summary: MoveSummary, dry_run: bool) -> Self {
        let MoveSummary { moved, unmoved, reasons, next } = summary;
        let reason = |one: engine::Unmoved| MoveReason {
            reason: one.reason,
            count: one.count,
            execution_ids: one.executions,
        };
        let reasons = reasons.into_iter().map(reason).collect();
        Self { dry_run, movable: moved, not_movable: unmoved, reasons, next }
    }
}

/// Moves executions that wait, are to be tried again, or have not begun from older versions to this one, where the place at which they stand
/// exists in it: every open step, with the same type. They go on as if they had run this version; what it has in front of that place is passed
/// over. Each that was moved says so in `moves`.
///
/// A call looks at up to 10,000 executions; `next` says where to go on.
#[utoipa::path(post, path = "/api/workflows/{id}/versions/{number}/move", tag = "Workflows",
    params(("id" = i64, Path), ("number" = i64, Path)), request_body(content = Option<MoveIn>),
    responses(
        (status = 200, body = Data<MoveAnswer>),
        (status = 404, body = Failure),
        (status = 422, description = "`from` names a version that is not older", body = Failure),
    ))]
async fn move_executions(
    Editor(Identity { tenant, actor, .. }): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    number: Result<Path<(String, String)>, PathRejection>,
    Perhaps(sent): Perhaps<MoveIn>,
) -> ApiResult<Data<MoveAnswer>> {
    let number = number.map_or_else(|_| String::new(), |Path((_, number))| number);
    let to = number.parse().map_err(|_| ApiError::not_found(format!("version {number} of workflow {id}")))?;
    let MoveIn { from, dry_run, after } = sent;
    let request = MoveRequest { workflow: id, to, from, after, dry_run };
    let summary =
        to_the_end(async move { Ok(app.engine.executions_move(tenant, actor, request).await?) }).await?;
    Ok(Data::new(MoveAnswer::of(summary, dry_run)))
}
