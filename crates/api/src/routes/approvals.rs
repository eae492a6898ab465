//! `/api/approvals`: what people are asked to decide. Viewers read it without personal answers, as everything that a run has written.

use axum::extract::State;
use model::{
    Actor, ApprovalId, ExecutionId, TenantId, Timestamp, WorkflowId,
    approval::{Approval, ApprovalState, Approver, Decided, Decision},
    form::Question,
    user::{Identity, Role},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{
    Connection,
    approval::{
        self, Admission, Decider, Known, Ruled, Ruling, approval_decide, approval_get, approval_list,
    },
    submission::MASK,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Data, List},
    authored::Authors,
    body::{Body, Id},
    error::{ApiError, ApiResult, Failure},
    identity::Viewer,
    page::{Listing, PageQuery},
    record::names,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(decide))
}

names! {
    /// Where an approval stands.
    ApprovalStatusName of ApprovalState;
    /// What one person says.
    DecisionName of Decision;
}

/// What people are asked to decide.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Approval)]
pub struct ApprovalOut {
    /// Unique over all tenants.
    #[schema(value_type = i64)]
    id: ApprovalId,
    /// The owner of the record.
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    /// The run that waits for it.
    #[schema(value_type = i64)]
    execution_id: ExecutionId,
    /// Of which workflow.
    #[schema(value_type = i64)]
    workflow_id: WorkflowId,
    /// Which step of it asks.
    step_path: String,
    /// `open`, `approved`, `rejected`, `timed_out`, or `cancelled`: its run ended or went on without it.
    #[schema(value_type = ApprovalStatusName)]
    status: ApprovalState,
    /// One line.
    title: String,
    /// The whole story.
    message: Option<String>,
    /// Who may decide: `{"userId"}`, `{"role"}` or `{"email"}` each.
    #[schema(value_type = Vec<Object>)]
    approvers: Vec<Approver>,
    /// How many have to approve.
    required: i64,
    /// What they are asked besides: questions as a form has them.
    #[schema(value_type = Vec<super::forms::Question>)]
    form: Vec<Question>,
    /// Who started the run, posted its event or published the version may decide.
    allow_self: bool,
    /// What was said so far, in order.
    decisions: Vec<DecisionOut>,
    /// The caller may decide it now.
    may_decide: bool,
    /// When those who have not decided are asked again.
    #[schema(value_type = Option<String>, format = DateTime)]
    remind_at: Option<Timestamp>,
    /// When they were.
    #[schema(value_type = Option<String>, format = DateTime)]
    reminded_at: Option<Timestamp>,
    /// Until when it can be decided.
    #[schema(value_type = String, format = DateTime)]
    timeout_at: Timestamp,
    /// When it was decided, or ended without a decision.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// The run that asks.
    #[schema(value_type = Option<String>, example = "execution:3")]
    created_by: Option<Actor>,
    /// Who last changed it.
    #[schema(value_type = Option<String>, example = "user:1")]
    updated_by: Option<Actor>,
    /// Grows with each change.
    version: i64,
}

/// What one person has said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApprovalDecision)]
pub struct DecisionOut {
    /// `user:7`, `api_key:3`, or the address that the mail went to.
    by: String,
    /// Yes or no.
    #[schema(value_type = DecisionName)]
    decision: Decision,
    /// Why.
    comment: Option<String>,
    /// Answers to the form's questions.
    #[schema(value_type = Object)]
    form: Map<String, Value>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// Approvals as this caller reads them.
async fn shown(
    connection: &mut Connection,
    identity: Identity,
    approvals: Vec<Approval>,
) -> ApiResult<Vec<ApprovalOut>> {
    let authors =
        Authors::of(connection, identity, approvals.iter().map(|approval| approval.execution_id)).await?;
    let known = Known::of(connection, identity.tenant, &Decider::Identity(identity)).await?;
    let who = identity.actor.to_string();
    let mut shown = Vec::with_capacity(approvals.len());
    for approval in approvals {
        let may_decide = approval.state == ApprovalState::Open
            && approval.decisions.iter().all(|decided| decided.by != who)
            && matches!(known.admission(&approval), Admission::As(_));
        let mut decisions = approval.decisions;
        if identity.role == Role::Viewer {
            decisions.iter_mut().for_each(|decided| hide(decided, &approval.form));
        }
        let written = (approval.title, approval.message, decisions);
        let (title, message, decisions): (String, Option<String>, Vec<Decided>) =
            authors.hide(Some(approval.execution_id), written)?;
        shown.push(ApprovalOut {
            id: approval.id,
            tenant_id: approval.tenant_id,
            execution_id: approval.execution_id,
            workflow_id: approval.workflow_id,
            step_path: approval.step_path,
            status: approval.state,
            title,
            message,
            approvers: approval.approvers,
            required: approval.required,
            form: approval.form,
            allow_self: approval.allow_self,
            decisions: decisions
                .into_iter()
                .map(|Decided { by, decision, comment, form, at }| DecisionOut {
                    by,
                    decision,
                    comment,
                    form,
                    at,
                })
                .collect(),
            may_decide,
            remind_at: approval.remind_at,
            reminded_at: approval.reminded_at,
            timeout_at: approval.timeout_at,
            ended_at: approval.ended_at,
            created_at: approval.created_at,
            updated_at: approval.updated_at,
            created_by: approval.created_by,
            updated_by: approval.updated_by,
            version: approval.version,
        });
    }
    Ok(shown)
}

/// Personal answers, as a form's are hidden.
fn hide(decided: &mut Decided, questions: &[Question]) {
    for (key, answer) in &mut decided.form {
        let is_personal = questions.iter().any(|question| question.key == *key && question.personal);
        if is_personal && !answer.is_null() {
            *answer = MASK.into();
        }
    }
}

/// Which approvals a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// In this state.
    #[param(value_type = Option<ApprovalStatusName>)]
    status: Option<ApprovalState>,
    /// Of this workflow.
    #[param(value_type = Option<i64>)]
    workflow_id: Option<WorkflowId>,
    /// Of this run.
    #[param(value_type = Option<i64>)]
    execution_id: Option<ExecutionId>,
    /// `true`: only open ones that the caller may decide and has not.
    mine: Option<bool>,
}

/// Approvals, newest first.
#[utoipa::path(get, path = "/api/approvals", tag = "Approvals", params(Filter, PageQuery), responses(
    (status = 200, body = List<ApprovalOut>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<ApprovalOut>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let filter = approval::Filter {
        state: filter.status,
        workflow: filter.workflow_id,
        execution: filter.execution_id,
        mine: filter.mine.filter(|mine| *mine).map(|_| identity),
    };
    let mut paged = approval_list(&mut connection, identity.tenant, &filter, page).await?;
    let rows = shown(&mut connection, identity, std::mem::take(&mut paged.rows)).await?;
    let paged = store::Paged {
        rows,
        total: paged.total,
        total_is_capped: paged.total_is_capped,
        has_more: paged.has_more,
        next: paged.next,
    };
    Ok(List::of(paged, page, |row| row))
}

/// One approval.
#[utoipa::path(get, path = "/api/approvals/{id}", tag = "Approvals", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<ApprovalOut>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<ApprovalId>,
) -> ApiResult<Data<ApprovalOut>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let found = approval_get(&mut connection, identity.tenant, id).await?;
    one(&mut connection, identity, found).await
}

async fn one(
    connection: &mut Connection,
    identity: Identity,
    approval: Approval,
) -> ApiResult<Data<ApprovalOut>> {
    let shown = shown(connection, identity, vec![approval]).await?.pop();
    shown.map(Data::new).ok_or_else(|| ApiError::internal("an approval was not shown"))
}

/// What is decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApprovalRuling)]
pub struct RulingIn {
    /// `approved` or `rejected`.
    #[schema(value_type = DecisionName)]
    decision: Decision,
    /// Why; up to 4,096 characters.
    #[serde(default)]
    #[schema(required = false)]
    comment: Option<String>,
    /// Answers to the form's questions by key; the required ones are needed to approve.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    form: Map<String, Value>,
}

/// Decides an approval, once for each approver. The run goes on when enough have approved, or it is rejected.
///
/// Where one approval is needed, the first decision decides, whichever it is. Where several are, it is rejected as soon as the people who are left cannot make up
/// the number any more. Who started the run by hand, posted its event or published the version, or did so for a run that led to it, cannot decide unless the step says `allowSelf`.
#[utoipa::path(post, path = "/api/approvals/{id}/decide", tag = "Approvals", params(("id" = i64, Path)), request_body = RulingIn, responses(
    (status = 200, body = Data<ApprovalOut>),
    (status = 403, description = "The approval does not ask the caller, or it is their own run", body = Failure),
    (status = 404, body = Failure),
    (status = 409, description = "It is decided or over, or the caller has decided already", body = Failure),
    (status = 422, body = Failure),
))]
async fn decide(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<ApprovalId>,
    Body(RulingIn { decision, comment, form }): Body<RulingIn>,
) -> ApiResult<Data<ApprovalOut>> {
    let tenant = identity.tenant;
    let ruling = Ruling { decision, comment, form };
    let ruled = app.store.write(move |tx| {
        Box::pin(async move { approval_decide(tx, tenant, &Decider::Identity(identity), id, ruling).await })
    });
    match ruled.await? {
        Ruled::Done(approval) => {
            let mut connection = app.store.read(tenant).await?;
            one(&mut connection, identity, *approval).await
        }
        Ruled::NotAsked => Err(ApiError::forbidden(format!(
            "approval {id} asks others: its approvers are in the field approvers"
        ))),
        Ruled::IsSelf => Err(ApiError::forbidden(format!(
            "approval {id} is of a run that you started, of an event that you posted, of a version that you published, or of what such a run led to: somebody else has to decide, unless the step says allowSelf"
        ))),
    }
}
