//! What is read of the counts: the statistics of a span, all of them asked for at once, and totals of lists.

use std::collections::BTreeMap;

use model::{ExecutionStatus, Outcome, TenantId, Timestamp, WorkflowId};

use super::span::{Grain, Of, Source, Span};
use crate::{
    Connection, StoreResult,
    database::{Question, Row},
};

/// What is known of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Executions by status and outcome.
    pub statuses: Vec<StatusCount>,
    /// The same by day of creation, oldest first.
    pub days: Vec<DayCount>,
    /// The workflows that ran most, the busiest first.
    pub workflows: Vec<WorkflowCount>,
    /// How many have not ended, whenever they were made.
    pub live: BTreeMap<ExecutionStatus, i64>,
}

/// One row of a statistic: a status with how many and how long.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusCount {
    /// The status.
    pub status: ExecutionStatus,
    /// What the conditions said.
    pub outcome: Option<Outcome>,
    /// How many ever were.
    pub count: i64,
    /// Their working time in all.
    pub duration_ms: i64,
}

/// One day of a trend.
#[derive(Debug, Clone, PartialEq)]
pub struct DayCount {
    /// The UTC day's first instant.
    pub day: Timestamp,
    /// The status.
    pub status: ExecutionStatus,
    /// What the conditions said.
    pub outcome: Option<Outcome>,
    /// How many.
    pub count: i64,
}

/// One workflow's share.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowCount {
    /// Which one.
    pub id: WorkflowId,
    /// Its name today.
    pub name: String,
    /// How many ran.
    pub executions: i64,
    /// How many completed with their conditions met.
    pub successes: i64,
    /// How many failed.
    pub failures: i64,
    /// How many completed with their conditions not met.
    pub unmatched: i64,
    /// Mean working time of those that ended with their conditions met.
    pub average_duration_ms: Option<i64>,
}

/// Everything that is known of a span, with up to `limit` workflows.
///
/// # Errors
/// When the database refuses.
pub async fn statistics(
    connection: &mut Connection,
    tenant: TenantId,
    span: Span,
    limit: i64,
) -> StoreResult<Statistics> {
    let questions = [days(tenant, span), workflows(tenant, span, limit), live(tenant, span.workflow)];
    let [days, workflows, live] = connection.query_each(questions.map(Some)).await?;
    let (statuses, days) = by_status_and_day(days)?;
    let workflows = workflows.into_iter().map(workflow_count).collect::<StoreResult<_>>()?;
    let live = live.into_iter().map(|row| {
        let mut row = row.cells();
        Ok((row.take()?, row.take()?))
    });
    Ok(Statistics { statuses, days, workflows, live: live.collect::<StoreResult<_>>()? })
}

fn days(tenant: TenantId, span: Span) -> Question {
    let (sources, parameters) = span.sources(tenant, Grain::Day, Of::All);
    let pieces = sources.into_iter().map(|Source { sql, is_of_each }| {
        if is_of_each {
            format!(
                "SELECT begins_at, status, outcome, CAST(sum(ever) AS BIGINT) AS ever, CAST(sum(duration_ms) AS BIGINT) AS duration_ms
                   FROM ({sql}) AS counted GROUP BY begins_at, status, outcome"
            )
        } else {
            format!("SELECT begins_at, status, outcome, ever, duration_ms FROM ({sql}) AS counted")
        }
    });
    (pieces.collect::<Vec<_>>().join(" UNION ALL ").into(), parameters)
}

/// Added up here, for the first and the last day may come as hours.
fn by_status_and_day(rows: Vec<Row>) -> StoreResult<(Vec<StatusCount>, Vec<DayCount>)> {
    let mut statuses: BTreeMap<(ExecutionStatus, Option<Outcome>), (i64, i64)> = BTreeMap::new();
    let mut days: BTreeMap<(Timestamp, ExecutionStatus, Option<Outcome>), i64> = BTreeMap::new();
    for row in rows {
        let mut row = row.cells();
        let at: Timestamp = row.take()?;
        let (status, outcome): (ExecutionStatus, String) = (row.take()?, row.take()?);
        let outcome = outcome.parse().ok();
        let (ever, worked): (i64, i64) = (row.take()?, row.take()?);
        let (count, duration) = statuses.entry((status, outcome)).or_default();
        *count += ever;
        *duration += worked;
        *days.entry((at.day(), status, outcome)).or_default() += ever;
    }
    let statuses = statuses
        .into_iter()
        .filter(|(_, (count, _))| *count > 0)
        .map(|((status, outcome), (count, duration_ms))| StatusCount { status, outcome, count, duration_ms });
    let days = days
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|((day, status, outcome), count)| DayCount { day, status, outcome, count });
    Ok((statuses.collect(), days.collect()))
}

fn workflows(tenant: TenantId, span: Span, limit: i64) -> Question {
    let (source, mut parameters) = span.source(tenant, Grain::Month, Of::Each);
    parameters.push(limit.into());
    let limit = parameters.len();
    let sql = format!(
        "WITH shares AS (
            SELECT workflow_id, sum(ever) AS executions,
                   sum(CASE WHEN status = 'completed' AND outcome = 'matched' THEN ever ELSE 0 END) AS successes,
                   sum(CASE WHEN status = 'failed' THEN ever ELSE 0 END) AS failures,
                   sum(CASE WHEN outcome = 'unmatched' THEN ever ELSE 0 END) AS unmatched,
                   sum(CASE WHEN outcome = 'matched' AND status IN ('completed', 'failed', 'cancelled') THEN ever ELSE 0 END) AS ended,
                   sum(CASE WHEN outcome = 'matched' THEN duration_ms ELSE 0 END) AS duration_ms
              FROM {source} GROUP BY workflow_id)
         SELECT w.id, w.name, c.executions, c.successes, c.failures, c.unmatched, c.ended, c.duration_ms
           FROM shares c JOIN workflows w ON w.id = c.workflow_id AND w.tenant_id = ?1
          WHERE c.executions > 0 ORDER BY c.executions DESC, w.id LIMIT ?{limit}"
    );
    (sql.into(), parameters)
}

fn workflow_count(row: Row) -> StoreResult<WorkflowCount> {
    let mut row = row.cells();
    let (id, name, executions, successes) = (row.take()?, row.take()?, row.take()?, row.take()?);
    let (failures, unmatched) = (row.take()?, row.take()?);
    let (ended, duration): (i64, i64) = (row.take()?, row.take()?);
    let average_duration_ms = (ended > 0).then(|| duration / ended);
    Ok(WorkflowCount { id, name, executions, successes, failures, unmatched, average_duration_ms })
}

fn live(tenant: TenantId, workflow: Option<WorkflowId>) -> Question {
    let (source, parameters) = Span { workflow, ..Span::default() }.source(tenant, Grain::Month, Of::All);
    let sql = format!(
        "SELECT status, sum(ever) FROM {source} WHERE status IN ('pending', 'running', 'waiting', 'retrying')
          GROUP BY status HAVING sum(ever) > 0"
    );
    (sql.into(), parameters)
}

/// How many execution rows exist in whole hours, for a list's total: one row with a number.
pub(crate) fn existing(
    tenant: TenantId,
    span: Span,
    status: Option<ExecutionStatus>,
    outcome: Option<Outcome>,
) -> Question {
    let (source, mut parameters) = span.source(tenant, Grain::Month, Of::All);
    let mut sql = format!("SELECT coalesce(sum(existing), 0) FROM {source} WHERE 1 = 1");
    if let Some(status) = status {
        parameters.push(status.into());
        sql.push_str(&format!(" AND status = ?{}", parameters.len()));
    }
    if let Some(outcome) = outcome {
        parameters.push(outcome.into());
        sql.push_str(&format!(" AND outcome = ?{}", parameters.len()));
    }
    (sql.into(), parameters)
}
