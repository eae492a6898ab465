//! Counts of executions, folded as they happen.
//!
//! Operations note transitions ([`Deltas`]); the writer adds up a whole batch and writes one row for each workflow, hour,
//! status and outcome that the batch touched. So totals, trends and the workflows' counters cost a few rows to read at
//! any size of history. Two counts: `existing` follows the rows that are there (lists' totals), `ever` all
//! that ever ran (statistics, which survive retention).

mod span;
mod statistics;

use std::collections::BTreeMap;

use model::{ExecutionStatus, Outcome, TenantId, Timestamp, WorkflowId};

use crate::{
    Tx,
    database::Later,
    metrics::{Reached, reached},
    params,
};

pub use span::Span;
pub(crate) use statistics::existing;
pub use statistics::{DayCount, Statistics, StatusCount, WorkflowCount, statistics};

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
