//! `/api/workflows/{id}/decisions`: why a workflow ran or did not run.

use axum::extract::State;
use engine::decisions::{self, Asked};
use model::{ContactId, ExecutionId, SubmissionId, Timestamp, WorkflowId, decision::Reason};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::Data,
    body::{Id, Parameters},
    error::{ApiError, ApiResult, Failure},
    identity::Viewer,
    masking::Veil,
    record::names,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

names! {
    /// What decided.
    DecisionReason of Reason;
}

/// What is asked about: one of these, or none.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct About {
    /// These answers.
    #[param(value_type = Option<i64>)]
    submission_id: Option<SubmissionId>,
    /// This person.
    #[param(value_type = Option<i64>)]
    contact_id: Option<ContactId>,
    /// This event: the `eventId` that its poster was told.
    event_id: Option<String>,
}

impl About {
    fn asked(self) -> ApiResult<Option<Asked>> {
        match (self.submission_id, self.contact_id, self.event_id) {
            (None, None, None) => Ok(None),
            (Some(id), None, None) => Ok(Some(Asked::Submission(id))),
            (None, Some(id), None) => Ok(Some(Asked::Contact(id))),
            (None, None, Some(id)) => Ok(Some(Asked::Event(id))),
            (_, Some(_), _) => Err(one_of("contactId")),
            (_, None, _) => Err(one_of("eventId")),
        }
    }
}

fn one_of(name: &str) -> ApiError {
    ApiError::parameter(name, "send one of submissionId, contactId and eventId")
}

/// Why a workflow ran or did not run, once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// What decided, for programs.
    #[schema(value_type = DecisionReason)]
    reason: Reason,
    /// The same for people.
    message: String,
    /// When: of an event, when it was accepted.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The event, by the `eventId` that its poster was told; left out when none was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// The execution that ran, or that stood in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    execution_id: Option<ExecutionId>,
    /// The conditions that decided, each with both sides, its verdict and the reason: as in the log of an execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    conditions: Option<Value>,
}

impl Decision {
    fn of(decision: decisions::Decision, veil: &Veil) -> Self {
        let decisions::Decision { reason, mut message, at, event, execution, mut conditions, data } =
            decision;
        let personal = execution.map_or_else(|| veil.of(&data), |id| veil.of(&data).and(veil.of_run(id)));
        if let Some(conditions) = &mut conditions {
            personal.hide(conditions);
            // The sentence repeats their reasons, however short the answers in them are.
            if decided_by_conditions(reason) && personal != crate::masking::Personal::default() {
                message = decisions::conditions_sentence(reason, conditions);
            }
        }
        personal.hide_in_text(&mut message);
        Self { reason, message, at, event_id: event, execution_id: execution, conditions }
    }
}

const fn decided_by_conditions(reason: Reason) -> bool {
    matches!(reason, Reason::ConditionsNotMet | Reason::FilterNotMet)
}

/// Why the workflow ran, or did not run, for answers, a person or an event, newest first; the newest 50.
///
/// Without a parameter: what the workflow's rules of entry refused. `executed` and `conditions_not_met` name their execution; a workflow that was switched off, not published,
/// or listening to something else is found by looking at the event again with what was published when it came. Of events only those
/// that somebody listened to are kept, and those of contacts are looked for among the newest.
#[utoipa::path(get, path = "/api/workflows/{id}/decisions", tag = "Workflows", params(("id" = i64, Path), About), responses(
    (status = 200, body = Data<Vec<Decision>>),
    (status = 400, description = "More than one thing is asked about", body = Failure),
    (status = 404, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Parameters(about): Parameters<About>,
) -> ApiResult<Data<Vec<Decision>>> {
    let found = app.engine.decisions(identity.tenant, id, about.asked()?).await?;
    let mut connection = app.store.read(identity.tenant).await?;
    let mut veil = Veil::over(&mut connection, identity, found.iter().map(|decision| &decision.data)).await?;
    veil.add_runs(&mut connection, identity, found.iter().filter_map(|decision| decision.execution)).await?;
    Ok(Data::new(found.into_iter().map(|decision| Decision::of(decision, &veil)).collect()))
}
