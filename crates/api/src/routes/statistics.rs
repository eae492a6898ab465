//! `/api/workflow-executions/stats/…`: counts of executions, from the rollups alone, so that they cost the same at any size
//! of history and survive the removal of old executions.

mod days;
mod steps;

use std::collections::BTreeMap;

use axum::extract::State;
use model::{ExecutionStatus, Outcome, WorkflowId};
use serde::{Deserialize, Serialize};
use store::rollup::{Span, StatusCount, WorkflowCount, statistics};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::Data,
    body::Parameters,
    dates::{EndDate, StartDate},
    error::{ApiResult, Failure},
    identity::Viewer,
    routes::executions::shape::ExecutionStatusName,
};

use days::Day;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(overview)).routes(routes!(steps::slowest))
}

/// The most workflows that the overview names.
const TOP: i64 = 10;

/// What is counted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Range {
    /// Of this workflow.
    #[param(value_type = Option<i64>)]
    workflow_id: Option<WorkflowId>,
    /// Accepted on this day (UTC) or in the hour of this time, or later; from the beginning unless told.
    #[param(value_type = Option<String>, example = "2026-02-01")]
    start_date: Option<StartDate>,
    /// Accepted before this time (its hour counts as a whole); a day counts as a whole.
    #[param(value_type = Option<String>, example = "2026-02-14")]
    end_date: Option<EndDate>,
}

/// Counts of executions by the hour in which they were accepted.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// By status; only those that occur.
    status_breakdown: Vec<StatusShare>,
    /// By day in UTC, from the first with executions to the last, without gaps.
    daily_trend: Vec<Day>,
    /// The workflows that ran most, the busiest first; up to 10.
    top_workflows: Vec<WorkflowShare>,
    /// By what the conditions said.
    outcomes: Outcomes,
    /// Of the executions whose conditions held and that ran to their end, so many percent completed; null when there are none.
    success_rate: Option<f64>,
    /// What has not ended now, whenever it was accepted.
    now: Live,
}

/// Executions of one status.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct StatusShare {
    /// The status.
    #[schema(value_type = ExecutionStatusName)]
    status: ExecutionStatus,
    /// How many.
    count: i64,
    /// Their mean working time in milliseconds; those whose conditions did not hold had none and are left out.
    avg_duration: Option<i64>,
}

/// Executions of one workflow.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct WorkflowShare {
    /// The workflow.
    id: i64,
    /// Its name today.
    name: String,
    /// How many ran.
    execution_count: i64,
    /// How many completed with their conditions met.
    success_count: i64,
    /// How many failed.
    failure_count: i64,
    /// How many completed with their conditions not met.
    unmatched_count: i64,
    /// The mean working time in milliseconds of those that ended with their conditions met.
    avg_duration: Option<i64>,
}

/// Executions by what their conditions said.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Outcomes {
    /// Conditions held.
    matched: i64,
    /// Conditions did not hold.
    unmatched: i64,
    /// Ended by a rule before the work.
    stopped: i64,
}

/// Executions that have not ended.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Live {
    /// Accepted, not begun.
    pending: i64,
    /// Being worked on.
    running: i64,
    /// Waiting for a time.
    waiting: i64,
    /// Failed, to be tried again.
    retrying: i64,
}

/// Counts, trend and the busiest workflows.
#[utoipa::path(get, path = "/api/workflow-executions/stats/overview", tag = "Executions", params(Range), responses(
    (status = 200, body = Data<Overview>),
    (status = 400, body = Failure),
))]
async fn overview(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Parameters(range): Parameters<Range>,
) -> ApiResult<Data<Overview>> {
    let span = Span {
        workflow: range.workflow_id,
        from: range.start_date.map(|StartDate(from)| from),
        until: range.end_date.map(|EndDate(until)| until),
    };
    let mut connection = app.store.read(identity.tenant).await?;
    let known = statistics(&mut connection, identity.tenant, span, TOP).await?;
    Ok(Data::new(Overview {
        status_breakdown: breakdown(&known.statuses),
        daily_trend: days::trend(&known.days),
        top_workflows: known.workflows.into_iter().map(WorkflowShare::from).collect(),
        outcomes: outcomes(&known.statuses),
        success_rate: success_rate(&known.statuses),
        now: Live::from(known.live),
    }))
}

impl From<WorkflowCount> for WorkflowShare {
    fn from(count: WorkflowCount) -> Self {
        Self {
            id: count.id.get(),
            name: count.name,
            execution_count: count.executions,
            success_count: count.successes,
            failure_count: count.failures,
            unmatched_count: count.unmatched,
            avg_duration: count.average_duration_ms,
        }
    }
}

fn sum(counts: &[StatusCount], counted: impl Fn(&StatusCount) -> bool) -> i64 {
    counts.iter().filter(|count| counted(count)).map(|count| count.count).sum()
}

fn breakdown(counts: &[StatusCount]) -> Vec<StatusShare> {
    let worked = |count: &StatusCount| !matches!(count.outcome, Some(Outcome::Unmatched | Outcome::Stopped));
    ExecutionStatus::ALL
        .iter()
        .map(|&status| {
            let of_status = |count: &StatusCount| count.status == status;
            let workers = sum(counts, |count| of_status(count) && worked(count));
            let duration: i64 = counts
                .iter()
                .filter(|count| of_status(count) && worked(count))
                .map(|count| count.duration_ms)
                .sum();
            let avg_duration = (status.is_terminal() && workers > 0).then(|| duration / workers);
            StatusShare { status, count: sum(counts, of_status), avg_duration }
        })
        .filter(|share| share.count > 0)
        .collect()
}

fn outcomes(counts: &[StatusCount]) -> Outcomes {
    let of = |outcome| sum(counts, |count| count.outcome == Some(outcome));
    Outcomes {
        matched: of(Outcome::Matched),
        unmatched: of(Outcome::Unmatched),
        stopped: of(Outcome::Stopped),
    }
}

/// In percent, to two places. Conditions that could not be evaluated count as failures, cancelled executions as neither.
fn success_rate(counts: &[StatusCount]) -> Option<f64> {
    let succeeded = sum(counts, |count| {
        count.status == ExecutionStatus::Completed && count.outcome == Some(Outcome::Matched)
    });
    let failed = sum(counts, |count| count.status == ExecutionStatus::Failed);
    let ended = succeeded + failed;
    (ended > 0).then(|| (10_000.0 * succeeded as f64 / ended as f64).round() / 100.0)
}

impl From<BTreeMap<ExecutionStatus, i64>> for Live {
    fn from(counts: BTreeMap<ExecutionStatus, i64>) -> Self {
        let of = |status| counts.get(&status).copied().unwrap_or_default();
        Self {
            pending: of(ExecutionStatus::Pending),
            running: of(ExecutionStatus::Running),
            waiting: of(ExecutionStatus::Waiting),
            retrying: of(ExecutionStatus::Retrying),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(status: ExecutionStatus, outcome: Option<Outcome>, count: i64, duration_ms: i64) -> StatusCount {
        StatusCount { status, outcome, count, duration_ms }
    }

    #[test]
    fn what_did_no_work_is_in_no_average_and_in_no_rate() {
        let counts = [
            count(ExecutionStatus::Completed, Some(Outcome::Matched), 2, 301),
            count(ExecutionStatus::Completed, Some(Outcome::Unmatched), 5, 0),
            count(ExecutionStatus::Completed, Some(Outcome::Stopped), 1, 0),
            count(ExecutionStatus::Failed, Some(Outcome::Matched), 1, 40),
            count(ExecutionStatus::Waiting, Some(Outcome::Matched), 3, 0),
        ];
        let share = |status, count, avg_duration| StatusShare { status, count, avg_duration };
        assert_eq!(
            breakdown(&counts),
            [
                share(ExecutionStatus::Waiting, 3, None),
                share(ExecutionStatus::Completed, 8, Some(150)),
                share(ExecutionStatus::Failed, 1, Some(40)),
            ]
        );
        assert_eq!(outcomes(&counts), Outcomes { matched: 6, unmatched: 5, stopped: 1 });
        assert_eq!((success_rate(&counts), success_rate(&[])), (Some(66.67), None));
    }
}
