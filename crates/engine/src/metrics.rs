//! What the engine counts and measures, and its text.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use actions::{ActionError, ErrorKind, hosts::Standing};
use metrics::{Counter, Exposition, Gauge, Histogram, LATENCIES};
use model::{ExecutionStatus, StepStatus, Timestamp, execution::Progress, named};
use store::{backlog::Backlog, execution::Performed};

use crate::{EngineInner, RetryPolicy};

/// Bounds for how late timers fire, in microseconds: nobody promises more than a tenth of a second.
const LATENESSES: &[u64] = &[
    10_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    15_000_000,
    60_000_000,
    300_000_000,
];

named! {
    /// A way out of the server.
    Channel {
        /// Webhooks and connections.
        Http = "http",
        /// Mail servers.
        Mail = "mail",
    }
}

named! {
    /// What came of a call to the outside.
    Answer {
        /// It was taken.
        Success = "success",
        /// A mail that was kept, because there is no server.
        Kept = "kept",
        /// A redirect that was not followed.
        Redirect = "redirect",
        /// A status from 400 to 499: the call is at fault.
        ClientError = "client_error",
        /// A status from 500: the other side is.
        ServerError = "server_error",
        /// The other side was not reached, or went away.
        Connection = "connection",
        /// It gave no answer in time, or nobody waited for it any more.
        Timeout = "timeout",
        /// Not sent, for good, or refused for good.
        Refused = "refused",
        /// Refused for now.
        Unavailable = "unavailable",
        /// Not sent: its host has other calls to answer first.
        Busy = "busy",
        /// Not sent: its host is not answering.
        Down = "down",
    }
}

impl Answer {
    /// That of an HTTP status.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            ..300 => Self::Success,
            300..400 => Self::Redirect,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }

    pub(crate) const fn of_error(error: &ActionError) -> Self {
        match error.kind {
            ErrorKind::Connection => Self::Connection,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::Status(status) => Self::of_status(status),
            ErrorKind::InvalidConfig | ErrorKind::Refused | ErrorKind::Parked => Self::Refused,
            ErrorKind::Unavailable | ErrorKind::Panicked => Self::Unavailable,
            ErrorKind::Busy | ErrorKind::Paced => Self::Busy,
            ErrorKind::Down => Self::Down,
        }
    }
}

/// The engine's numbers since the process began.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By the name of the action.
    steps: HashMap<&'static str, Steps>,
    calls: [Calls; Channel::ALL.len()],
    lateness: Histogram,
    exhausted: Counter,
    pub(crate) takeovers: Counter,
    pub(crate) missed_renewals: Counter,
    pub(crate) lost_leases: Counter,
    workers: usize,
    backlog: Seen,
}

/// The steps of one action.
#[derive(Debug)]
struct Steps {
    duration: Histogram,
    counts: [Counter; StepStatus::ALL.len()],
}

/// The calls of one way out.
#[derive(Debug)]
struct Calls {
    duration: Histogram,
    counts: [Counter; Answer::ALL.len()],
}

impl Default for Calls {
    fn default() -> Self {
        Self { duration: Histogram::of_times(LATENCIES), counts: Default::default() }
    }
}

/// A call under way; counted when it is dropped.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    calls: &'a Calls,
    begun: Instant,
    answer: Answer,
}

impl Call<'_> {
    /// It has ended so.
    pub(crate) fn answered(mut self, answer: Answer) {
        self.answer = answer;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.calls.counts.get(self.answer as usize) {
            count.increment();
        }
        self.calls.duration.time(self.begun.elapsed());
    }
}

/// How things stood at the last look into the store.
#[derive(Debug, Default)]
struct Seen {
    long_running: Gauge,
    unowned: Gauge,
    oldest_unowned_ms: Gauge,
    timers_due: Gauge,
    overdue_ms: Gauge,
    nodes: Gauge,
}

impl Metrics {
    pub(crate) fn new(workers: usize) -> Self {
        let of_action = |entry: &actions::Entry| {
            let steps = Steps { duration: Histogram::of_times(LATENCIES), counts: Default::default() };
            (entry.metadata().name, steps)
        };
        Self {
            steps: actions::catalog().entries().iter().map(of_action).collect(),
            calls: Default::default(),
            lateness: Histogram::of_times(LATENESSES),
            exhausted: Counter::default(),
            takeovers: Counter::default(),
            missed_renewals: Counter::default(),
            lost_leases: Counter::default(),
            workers,
            backlog: Seen::default(),
        }
    }

    /// A step was performed. What it changes inside is yet to be written: it is taken to complete, as it nearly always does.
    pub(crate) fn step(&self, action: &str, performed: &Performed, took: Duration) {
        let Some(steps) = self.steps.get(action) else { return };
        let status = if performed.effect.is_some() { StepStatus::Completed } else { performed.log.status };
        if let Some(count) = steps.counts.get(status as usize) {
            count.increment();
        }
        steps.duration.time(took);
    }

    /// A call to the outside begins. One whose future is dropped is counted as a timeout: that is how a step's time ends.
    pub(crate) fn call(&self, channel: Channel) -> Call<'_> {
        Call { calls: &self.calls[channel as usize], begun: Instant::now(), answer: Answer::Timeout }
    }

    /// Timers were taken this many milliseconds after they were due.
    pub(crate) fn timers(&self, late_ms: impl Iterator<Item = i64>) {
        for late in late_ms {
            self.lateness.time(Duration::from_millis(u64::try_from(late).unwrap_or_default()));
        }
    }

    /// An execution came to another state, which is durable.
    pub(crate) fn recorded(&self, policy: &RetryPolicy, progress: &Progress) {
        let tries = usize::try_from(progress.retry_count).unwrap_or_default();
        if progress.status == ExecutionStatus::Failed && tries > 0 && tries >= policy.delays.len() {
            self.exhausted.increment();
        }
    }

    /// What the store holds at `now`.
    pub(crate) fn backlog(&self, seen: Backlog, now: Timestamp) {
        let since = |time: Option<Timestamp>| time.map_or(0, |time| now.millis_since(time).max(0));
        let standing = &self.backlog;
        standing.long_running.set(seen.long_running);
        standing.unowned.set(seen.unowned);
        standing.oldest_unowned_ms.set(since(seen.oldest_unowned));
        standing.timers_due.set(seen.timers_due);
        standing.overdue_ms.set(since(seen.next_timer));
        standing.nodes.set(seen.nodes);
    }

    fn write(&self, out: &mut Exposition) {
        let mut steps: Vec<_> = self.steps.iter().collect();
        steps.sort_unstable_by_key(|(action, _)| **action);
        let mut counts = out.counter(
            "vtrustx_steps_total",
            "Steps performed, by action and what came of it; every try counts, and running is a wait that began.",
        );
        for (action, steps) in &steps {
            for (status, count) in StepStatus::ALL.iter().zip(&steps.counts) {
                if *status != StepStatus::Pending {
                    counts.value(&[("action", action), ("status", status.as_str())], count.get());
                }
            }
        }
        let mut durations =
            out.histogram("vtrustx_step_duration_seconds", "How long performing a step took, by action.");
        for (action, steps) in &steps {
            durations.values(&[("action", action)], &steps.duration);
        }
        let calls = || Channel::ALL.iter().zip(&self.calls);
        let mut counts = out.counter(
            "vtrustx_outbound_calls_total",
            "Calls to the outside, by channel and what came of them.",
        );
        for (channel, calls) in calls() {
            for (answer, count) in Answer::ALL.iter().zip(&calls.counts) {
                counts.value(&[("channel", channel.as_str()), ("outcome", answer.as_str())], count.get());
            }
        }
        let mut durations =
            out.histogram("vtrustx_outbound_call_duration_seconds", "How long calls to the outside took.");
        for (channel, calls) in calls() {
            durations.values(&[("channel", channel.as_str())], &calls.duration);
        }
        out.counter(
            "vtrustx_executions_retries_exhausted_total",
            "Executions that failed for good after their last automatic retry.",
        )
        .value(&[], self.exhausted.get());
        self.write_timers(out);
        self.write_nodes(out);
    }

    fn write_timers(&self, out: &mut Exposition) {
        let standing = &self.backlog;
        out.histogram(
            "vtrustx_timer_lateness_seconds",
            "How long after it was due a timer was taken and its execution handed to the workers.",
        )
        .values(&[], &self.lateness);
        out.gauge("vtrustx_timers_due", "Timers that are due and not taken yet; 1000 is 1000 or more.")
            .value(&[], standing.timers_due.get());
        out.gauge("vtrustx_timers_overdue_seconds", "For how long the earliest timer has been due.")
            .value(&[], seconds(&standing.overdue_ms));
    }

    fn write_nodes(&self, out: &mut Exposition) {
        let standing = &self.backlog;
        out.gauge(
            "vtrustx_executions_long_running",
            "Executions that have been running for more than 5 minutes, waits not counted.",
        )
        .value(&[], standing.long_running.get());
        out.gauge(
            "vtrustx_executions_unowned",
            "Executions that wait for any node to take them in hand; 1000 is 1000 or more.",
        )
        .value(&[], standing.unowned.get());
        out.gauge("vtrustx_executions_unowned_seconds", "For how long the longest of them has waited.")
            .value(&[], seconds(&standing.oldest_unowned_ms));
        out.gauge("vtrustx_nodes", "Nodes that work on the store.").value(&[], standing.nodes.get());
        out.counter(
            "vtrustx_node_takeovers_total",
            "Nodes whose lease had lapsed and whose work this node has taken over.",
        )
        .value(&[], self.takeovers.get());
        out.counter("vtrustx_node_missed_renewals_total", "Renewals of this node's lease that failed.")
            .value(&[], self.missed_renewals.get());
        out.counter(
            "vtrustx_node_lost_leases_total",
            "How often this node's own lease had lapsed and another node had taken its work over.",
        )
        .value(&[], self.lost_leases.get());
    }
}

impl EngineInner {
    /// Writes down what was counted and measured, with how things stand.
    pub(crate) fn metrics_write(&self, out: &mut Exposition) {
        self.metrics.write(out);
        let idle = self.workers.available_permits();
        let mut workers = out.gauge("vtrustx_workers", "Executions that may run at once, by use.");
        workers.value(&[("state", "busy")], self.metrics.workers.saturating_sub(idle));
        workers.value(&[("state", "idle")], idle);
        out.gauge("vtrustx_runner_queue_depth", "Executions in this node's hands that wait for a worker.")
            .value(&[], self.waiting.load(std::sync::atomic::Ordering::Relaxed));
        write_hosts(self.hosts.standing(), out);
    }
}

/// How it stands with the hosts outside; their names stay inside, for there may be any number of them.
fn write_hosts(standing: Standing, out: &mut Exposition) {
    let mut hosts = out.gauge(
        "vtrustx_outbound_hosts",
        "Hosts that are not answering, counted once for each tenant that calls them: open is left alone, half_open is being tried.",
    );
    hosts.value(&[("circuit", "open")], standing.open);
    hosts.value(&[("circuit", "half_open")], standing.half_open);
    out.counter("vtrustx_outbound_circuits_opened_total", "How often a host was found not to answer.")
        .value(&[], standing.opened);
    let mut calls = out.gauge("vtrustx_outbound_calls", "Calls to the outside at present.");
    calls.value(&[("state", "under_way")], standing.under_way);
    calls.value(&[("state", "in_line")], standing.in_line);
}

fn seconds(milliseconds: &Gauge) -> f64 {
    milliseconds.get() as f64 / 1_000.0
}
