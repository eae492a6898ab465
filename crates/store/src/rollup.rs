//! Counts of executions, folded as they happen.
//!
//! Operations note transitions ([`Deltas`]); the writer adds up a whole batch and writes one row for each workflow, hour,
//! status and outcome that the batch touched. So totals, trends and the workflows' counters cost a few rows to read at
//! any size of history. Two counts: `existing` follows the rows that are there (lists' totals), `ever` all
//! that ever ran (statistics, which survive retention).

mod span;

use std::collections::BTreeMap;

use model::{ExecutionStatus, Outcome, TenantId, Timestamp, WorkflowId};

use crate::{
    Connection, StoreResult, Tx,
    database::Later,
    metrics::{Reached, reached},
    params,
};

pub use span::Span;
use span::{Grain, Of};

/// Where an execution is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whose it is.
    pub tenant: TenantId,
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// The hour of its creation.
    pub hour: Timestamp,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// What its conditions said.
    pub outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    existing: i64,
    ever: i64,
    duration_ms: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    executions: i64,
    successes: i64,
    failures: i64,
    unmatched: i64,
    ended: i64,
    retries_exhausted: i64,
    duration_ms: i64,
    last: Option<Timestamp>,
}

/// Transitions that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    counts: BTreeMap<Place, Count>,
    counters: BTreeMap<(TenantId, WorkflowId), Counter>,
    reached: Reached<u32>,
}

/// What a batch made of executions, for the metrics.
#[derive(Debug)]
pub(crate) struct Tally {
    /// How many came to each status.
    pub(crate) reached: Reached<u32>,
    /// How many ended that had their conditions met.
    pub(crate) ended: u64,
    /// The working time of those, in milliseconds.
    pub(crate) worked_ms: u64,
    /// How many were made, by tenant.
    pub(crate) executions: Vec<(TenantId, u64)>,
}

const ROLLUPS: Later = Later {
    place: 30,
    table: "execution_rollups",
    sql: "INSERT INTO execution_rollups (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms)
          {rows:bigint,bigint,time,text,text,bigint,bigint,bigint}
          ON CONFLICT (tenant_id, workflow_id, hour, status, outcome) DO UPDATE SET
            existing = execution_rollups.existing + excluded.existing, ever = execution_rollups.ever + excluded.ever,
            duration_ms = execution_rollups.duration_ms + excluded.duration_ms",
};

const COUNTERS: Later = Later {
    place: 31,
    table: "workflow_counters",
    sql: "INSERT INTO workflow_counters (workflow_id, tenant_id, executions, successes, failures, unmatched, ended, retries_exhausted,
            duration_ms, last_executed_at)
          {rows:bigint,bigint,bigint,bigint,bigint,bigint,bigint,bigint,bigint,time}
          ON CONFLICT (workflow_id) DO UPDATE SET
            executions = workflow_counters.executions + excluded.executions,
            successes = workflow_counters.successes + excluded.successes,
            failures = workflow_counters.failures + excluded.failures,
            unmatched = workflow_counters.unmatched + excluded.unmatched,
            ended = workflow_counters.ended + excluded.ended,
            retries_exhausted = workflow_counters.retries_exhausted + excluded.retries_exhausted,
            duration_ms = workflow_counters.duration_ms + excluded.duration_ms,
            last_executed_at = coalesce(excluded.last_executed_at, workflow_counters.last_executed_at)",
};

impl Deltas {
    /// An execution was made; `duration_ms` is its working time when it has ended already.
    pub(crate) fn made(&mut self, place: Place, now: Timestamp, duration_ms: i64) {
        self.reach(place);
        self.add(place, 1, 1, if place.status.is_terminal() { duration_ms } else { 0 });
        let counter = self.counters.entry((place.tenant, place.workflow)).or_default();
        counter.executions += 1;
        counter.last = counter.last.max(Some(now));
        self.ended(place, duration_ms);
    }

    /// A run whose conditions failed and that keeps no row.
    pub(crate) fn counted_only(&mut self, place: Place, now: Timestamp) {
        self.made(place, now, 0);
        self.add(place, -1, 0, 0);
    }

    /// An execution went from one place to another; `duration_ms` is its working time when it ended.
    pub(crate) fn moved(&mut self, from: Place, to: Place, duration_ms: i64) {
        if from == to {
            return;
        }
        self.reach(to);
        self.add(from, -1, -1, 0);
        self.add(to, 1, 1, if to.status.is_terminal() { duration_ms } else { 0 });
        if !from.status.is_terminal() {
            self.ended(to, duration_ms);
        }
    }

    /// An execution failed for good although it was retried.
    pub(crate) fn retries_exhausted(&mut self, tenant: TenantId, workflow: WorkflowId) {
        self.counters.entry((tenant, workflow)).or_default().retries_exhausted += 1;
    }

    /// Counts an execution that has reached its end; other places count for nothing here.
    fn ended(&mut self, place: Place, duration_ms: i64) {
        let counter = self.counters.entry((place.tenant, place.workflow)).or_default();
        match (place.status, place.outcome) {
            (ExecutionStatus::Completed, Some(Outcome::Unmatched)) => counter.unmatched += 1,
            (ExecutionStatus::Completed, Some(Outcome::Matched)) => counter.successes += 1,
            (ExecutionStatus::Failed, _) => counter.failures += 1,
            _ => {}
        }
        if place.status.is_terminal() && place.outcome == Some(Outcome::Matched) {
            counter.ended += 1;
            counter.duration_ms += duration_ms;
        }
    }

    fn reach(&mut self, place: Place) {
        let (status, outcome) = reached(place.status, place.outcome);
        self.reached[status][outcome] += 1;
    }

    pub(crate) fn tally(&self) -> Tally {
        let counters = || self.counters.values();
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        let made = self.counters.iter().filter(|(_, counter)| counter.executions > 0);
        Tally {
            reached: self.reached,
            ended: counters().map(|counter| count(counter.ended)).sum(),
            worked_ms: counters().map(|counter| count(counter.duration_ms)).sum(),
            executions: made.map(|((tenant, _), counter)| (*tenant, count(counter.executions))).collect(),
        }
    }

    fn add(&mut self, place: Place, existing: i64, ever: i64, duration_ms: i64) {
        let count = self.counts.entry(place).or_default();
        count.existing += existing;
        count.ever += ever;
        count.duration_ms += duration_ms;
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (counts, more) in self.reached.iter_mut().zip(other.reached) {
            for (count, more) in counts.iter_mut().zip(more) {
                *count += more;
            }
        }
        for (place, count) in other.counts {
            self.add(place, count.existing, count.ever, count.duration_ms);
        }
        for (key, more) in other.counters {
            let counter = self.counters.entry(key).or_default();
            counter.executions += more.executions;
            counter.successes += more.successes;
            counter.failures += more.failures;
            counter.unmatched += more.unmatched;
            counter.ended += more.ended;
            counter.retries_exhausted += more.retries_exhausted;
            counter.duration_ms += more.duration_ms;
            counter.last = counter.last.max(more.last);
        }
    }

    /// Writes the counts: the last thing before the commit, with which they travel, for other lanes wait for these rows from here on.
    pub(crate) fn write(self, tx: &mut Tx) {
        let rows = self
            .counts
            .into_iter()
            .filter(|(_, count)| (count.existing, count.ever, count.duration_ms) != (0, 0, 0))
            .map(|(place, count)| {
                params![
                    place.tenant,
                    place.workflow,
                    place.hour,
                    place.status,
                    place.outcome.map_or("", Outcome::as_str),
                    count.existing,
                    count.ever,
                    count.duration_ms
                ]
            });
        rows.for_each(|row| tx.later(ROLLUPS, row));
        let rows = self.counters.into_iter().map(|((tenant, workflow), counter)| {
            params![
                workflow,
                tenant,
                counter.executions,
                counter.successes,
                counter.failures,
                counter.unmatched,
                counter.ended,
                counter.retries_exhausted,
                counter.duration_ms,
                counter.last
            ]
        });
        rows.for_each(|row| tx.later(COUNTERS, row));
    }
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

/// Executions by status and outcome.
///
/// # Errors
/// When the database refuses.
pub async fn status_counts(
    connection: &mut Connection,
    tenant: TenantId,
    span: Span,
) -> StoreResult<Vec<StatusCount>> {
    let (source, parameters) = span.source(tenant, Grain::Month, Of::All);
    let sql = format!(
        "SELECT status, outcome, sum(ever), sum(duration_ms) FROM {source}
          GROUP BY status, outcome HAVING sum(ever) > 0 ORDER BY status, outcome"
    );
    let rows = connection.query(sql, parameters).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(StatusCount {
                status: row.take()?,
                outcome: row.take::<String>()?.parse().ok(),
                count: row.take()?,
                duration_ms: row.take()?,
            })
        })
        .collect()
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

/// Executions by day of creation, status and outcome, oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn day_counts(
    connection: &mut Connection,
    tenant: TenantId,
    span: Span,
) -> StoreResult<Vec<DayCount>> {
    let (sources, parameters) = span.sources(tenant, Grain::Day, Of::All);
    let sums = sources.into_iter().map(|source| {
        format!(
            "SELECT begins_at, status, outcome, sum(ever) AS ever FROM ({source}) AS counted GROUP BY begins_at, status, outcome HAVING sum(ever) > 0"
        )
    });
    let sql = sums.collect::<Vec<_>>().join(" UNION ALL ");
    // The first and the last day may come as hours.
    let mut counts: BTreeMap<_, i64> = BTreeMap::new();
    for row in connection.query(sql, parameters).await? {
        let mut row = row.cells();
        let at: Timestamp = row.take()?;
        let (status, outcome): (ExecutionStatus, String) = (row.take()?, row.take()?);
        *counts.entry((at.day(), status, outcome.parse().ok())).or_default() += row.take::<i64>()?;
    }
    let count = |((day, status, outcome), count)| DayCount { day, status, outcome, count };
    Ok(counts.into_iter().map(count).collect())
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

/// The workflows that ran most, the busiest first.
///
/// # Errors
/// When the database refuses.
pub async fn top_workflows(
    connection: &mut Connection,
    tenant: TenantId,
    span: Span,
    limit: i64,
) -> StoreResult<Vec<WorkflowCount>> {
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
    let rows = connection.query(sql, parameters).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            let (id, name, executions, successes) = (row.take()?, row.take()?, row.take()?, row.take()?);
            let (failures, unmatched) = (row.take()?, row.take()?);
            let (ended, duration): (i64, i64) = (row.take()?, row.take()?);
            let average_duration_ms = (ended > 0).then(|| duration / ended);
            Ok(WorkflowCount { id, name, executions, successes, failures, unmatched, average_duration_ms })
        })
        .collect()
}

/// How many execution rows exist in whole hours, for a list's total.
///
/// # Errors
/// When the database refuses.
pub async fn existing(
    connection: &mut Connection,
    tenant: TenantId,
    span: Span,
    status: Option<ExecutionStatus>,
    outcome: Option<Outcome>,
) -> StoreResult<i64> {
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
    connection.query_one(sql, parameters).await?.first()
}
