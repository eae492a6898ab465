//! What the store counts and measures, and its text. Everything is counted once it is durable.

use std::time::Duration;

use metrics::{Bounded, Counter, Exposition, Gauge, Histogram, LATENCIES, SIZES};
use model::{ExecutionStatus, Outcome, TenantId, event::Accepted, named};

use crate::{StoreError, StoreResult, rollup::Tally};

/// Tenants with numbers of their own, at most; how many are used is set with [`Metrics::tenants_limit`].
pub const MOST_TENANTS: usize = 1_000;
/// Tenants with numbers of their own, unless something else is said.
pub const DEFAULT_TENANTS: usize = 100;

named! {
    /// Why an event was not taken.
    Refusal {
        /// It is not acceptable as it is.
        Invalid = "invalid",
        /// It would start too many executions.
        TooManyExecutions = "too_many_executions",
        /// More work than can be stored soon, of all or of this tenant.
        QueueFull = "queue_full",
        /// The database does not answer, or the server ends.
        Unavailable = "unavailable",
    }
}

/// The outcomes of executions as they are shown; the last is that of an execution whose conditions were not evaluated.
const OUTCOMES: [&str; 4] = ["matched", "unmatched", "stopped", "none"];

/// How many executions reached each status, with each outcome.
pub(crate) type Reached<T> = [[T; OUTCOMES.len()]; ExecutionStatus::ALL.len()];

/// The places of a status and an outcome in [`Reached`].
pub(crate) const fn reached(status: ExecutionStatus, outcome: Option<Outcome>) -> (usize, usize) {
    let outcome = match outcome {
        Some(Outcome::Matched) => 0,
        Some(Outcome::Unmatched) => 1,
        Some(Outcome::Stopped) => 2,
        None => 3,
    };
    (status as usize, outcome)
}

/// The store's numbers since the process began.
#[derive(Debug)]
pub struct Metrics {
    commits: Counter,
    failed_commits: Counter,
    operations: Histogram,
    commit: Histogram,
    accepted: Counter,
    duplicates: Counter,
    refused: [Counter; Refusal::ALL.len()],
    executions: Reached<Counter>,
    ended: Counter,
    worked_ms: Counter,
    tenants: Bounded<OfTenant>,
    pub(crate) waiting_readers: Gauge,
}

#[derive(Debug, Default)]
struct OfTenant {
    events: Counter,
    executions: Counter,
}

/// How things stand at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) queue_depth: usize,
    pub(crate) queue_capacity: usize,
    pub(crate) readers: usize,
    pub(crate) idle_readers: usize,
}

impl Default for Metrics {
    fn default() -> Self {
        let tenants = Bounded::new(MOST_TENANTS);
        tenants.limit(DEFAULT_TENANTS);
        Self {
            commits: Counter::default(),
            failed_commits: Counter::default(),
            operations: Histogram::of_numbers(SIZES),
            commit: Histogram::of_times(LATENCIES),
            accepted: Counter::default(),
            duplicates: Counter::default(),
            refused: Default::default(),
            executions: Default::default(),
            ended: Counter::default(),
            worked_ms: Counter::default(),
            tenants,
            waiting_readers: Gauge::default(),
        }
    }
}

impl Metrics {
    /// How many tenants have numbers of their own: the first that are seen. All others are counted together.
    pub fn tenants_limit(&self, most: usize) {
        self.tenants.limit(most);
    }

    /// An event was refused before it came to the store.
    pub fn event_refused(&self, why: Refusal) {
        if let Some(count) = self.refused.get(why as usize) {
            count.increment();
        }
    }

    pub(crate) fn event(&self, tenant: TenantId, answer: &StoreResult<Accepted>) {
        match answer {
            Ok(accepted) if accepted.duplicate => self.duplicates.increment(),
            Ok(_) => {
                self.accepted.increment();
                self.tenants.get(tenant.get()).events.increment();
            }
            Err(StoreError::TooManyExecutions(_)) => self.event_refused(Refusal::TooManyExecutions),
            Err(StoreError::QueueFull) => self.event_refused(Refusal::QueueFull),
            Err(_) => self.event_refused(Refusal::Unavailable),
        }
    }

    /// A commit of `operations` took this long.
    pub(crate) fn commit(&self, operations: usize, took: Duration, committed: &StoreResult<()>) {
        if committed.is_err() {
            return self.failed_commits.increment();
        }
        self.commits.increment();
        self.operations.value(operations as u64);
        self.commit.time(took);
    }

    /// What a commit made of executions.
    pub(crate) fn tally(&self, tally: &Tally) {
        for (counts, more) in self.executions.iter().zip(&tally.reached) {
            for (count, more) in counts.iter().zip(more).filter(|(_, more)| **more > 0) {
                count.add(u64::from(*more));
            }
        }
        self.ended.add(tally.ended);
        self.worked_ms.add(tally.worked_ms);
        for (tenant, executions) in &tally.executions {
            self.tenants.get(tenant.get()).executions.add(*executions);
        }
    }

    pub(crate) fn write(&self, standing: Standing, out: &mut Exposition) {
        out.counter("vtrustx_events_accepted_total", "Events from outside that are durable.")
            .value(&[], self.accepted.get());
        out.counter("vtrustx_events_duplicate_total", "Events from outside that had been accepted before.")
            .value(&[], self.duplicates.get());
        let mut refused = out
            .counter("vtrustx_events_refused_total", "Events from outside that were not taken, by reason.");
        for (reason, count) in Refusal::ALL.iter().zip(&self.refused) {
            refused.value(&[("reason", reason.as_str())], count.get());
        }
        let mut executions = out.counter(
            "vtrustx_executions_reached_total",
            "Executions that came to a status, with what their conditions said.",
        );
        for (status, counts) in ExecutionStatus::ALL.iter().zip(&self.executions) {
            for (outcome, count) in OUTCOMES.iter().zip(counts) {
                // What cannot be is not shown.
                if count.get() > 0 || *outcome == "matched" {
                    executions.value(&[("status", status.as_str()), ("outcome", outcome)], count.get());
                }
            }
        }
        out.summary(
            "vtrustx_execution_duration_seconds",
            "Working time of executions that ended with their conditions met.",
        )
        .total(&[], self.worked_ms.get() as f64 / 1_000.0, self.ended.get());
        self.write_tenants(out);
        self.write_writer(standing, out);
    }

    fn write_tenants(&self, out: &mut Exposition) {
        let all = self.tenants.all();
        let mut family = |name, help, count: fn(&OfTenant) -> &Counter| {
            let mut family = out.counter(name, help);
            for (tenant, numbers) in &all {
                let tenant = tenant.map_or_else(|| "other".to_owned(), |tenant| tenant.to_string());
                family.value(&[("tenant", &tenant)], count(numbers).get());
            }
        };
        family(
            "vtrustx_tenant_events_total",
            "Accepted events from outside by tenant; tenants beyond the limit together as other.",
            |numbers| &numbers.events,
        );
        family(
            "vtrustx_tenant_executions_total",
            "Executions made by tenant; tenants beyond the limit together as other.",
            |numbers| &numbers.executions,
        );
    }

    fn write_writer(&self, standing: Standing, out: &mut Exposition) {
        out.counter("vtrustx_store_commits_total", "Durable commits.").value(&[], self.commits.get());
        out.counter("vtrustx_store_commit_failures_total", "Commits that failed; nothing of them was kept.")
            .value(&[], self.failed_commits.get());
        out.histogram("vtrustx_store_commit_operations", "Operations that share one commit.")
            .values(&[], &self.operations);
        out.histogram(
            "vtrustx_store_commit_duration_seconds",
            "From the last statement of a transaction until it is durable.",
        )
        .values(&[], &self.commit);
        out.gauge("vtrustx_store_queue_depth", "Writes that wait for their commit.")
            .value(&[], standing.queue_depth);
        out.gauge("vtrustx_store_queue_capacity", "Writes that may wait before more are refused.")
            .value(&[], standing.queue_capacity);
        let mut readers = out.gauge("vtrustx_store_readers", "Connections for reading, by use.");
        readers.value(&[("state", "in_use")], standing.readers.saturating_sub(standing.idle_readers));
        readers.value(&[("state", "idle")], standing.idle_readers);
        out.gauge("vtrustx_store_readers_waiting", "Reads that wait for a connection.")
            .value(&[], self.waiting_readers.get());
    }
}
