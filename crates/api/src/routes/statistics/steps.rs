//! `/api/workflow-executions/stats/steps`: the steps that take longest.

use axum::extract::State;
use model::WorkflowId;
use serde::{Deserialize, Serialize};
use store::history::steps::{LOOKED_AT, StepTimes, steps_slowest};
use utoipa::ToSchema;

use crate::{
    App,
    answer::Data,
    body::Parameters,
    dates::StartDate,
    error::{ApiResult, Failure},
    identity::Viewer,
};

/// The most steps that are named.
const TOP: i64 = 10;

/// Which executions are looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Range {
    /// Of this workflow.
    #[param(value_type = Option<i64>)]
    workflow_id: Option<WorkflowId>,
    /// Accepted on this day (UTC) or at this time, or later; from the beginning unless told.
    #[param(value_type = Option<String>, example = "2026-02-01")]
    start_date: Option<StartDate>,
}

/// The actions that take longest.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct SlowestSteps {
    /// Only so many executions are looked at, the newest.
    looked_at: i64,
    /// The slowest first; up to 10.
    steps: Vec<SlowStep>,
}

/// An action of a workflow, over its executions.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct SlowStep {
    /// The workflow.
    workflow_id: i64,
    /// Its name today.
    workflow_name: String,
    /// The step's id in the definition.
    step_id: String,
    /// What it is called.
    step_name: String,
    /// Attempts that ended.
    attempts: i64,
    /// Those that failed.
    failures: i64,
    /// The mean time of an attempt, in milliseconds.
    avg_duration: i64,
    /// The longest attempt, in milliseconds.
    max_duration: i64,
}

impl From<StepTimes> for SlowStep {
    fn from(times: StepTimes) -> Self {
        Self {
            workflow_id: times.workflow.get(),
            workflow_name: times.workflow_name,
            step_id: times.step_id,
            step_name: times.step_name,
            attempts: times.attempts,
            failures: times.failures,
            avg_duration: times.average_ms,
            max_duration: times.longest_ms,
        }
    }
}

/// The steps that take longest.
#[utoipa::path(get, path = "/api/workflow-executions/stats/steps", tag = "Executions", params(Range), responses(
    (status = 200, body = Data<SlowestSteps>),
    (status = 400, body = Failure),
))]
pub(super) async fn slowest(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Parameters(range): Parameters<Range>,
) -> ApiResult<Data<SlowestSteps>> {
    let from = range.start_date.map(|StartDate(from)| from);
    let mut connection = app.store.read(identity.tenant).await?;
    let steps = steps_slowest(&mut connection, identity.tenant, range.workflow_id, from, TOP).await?;
    Ok(Data::new(SlowestSteps {
        looked_at: LOOKED_AT,
        steps: steps.into_iter().map(SlowStep::from).collect(),
    }))
}
