//! When an alert begins and when it is over: pure.
//!
//! An alert begins above its threshold and ends only well below it ([`CLEARED`]), or when there was nothing to judge for an hour; it needs
//! enough executions to say anything ([`FEWEST_ENDED`], [`FEWEST_FAILURES`], [`FEWEST_TIMED`]). So one failed run of one raises nothing, and
//! a rate that swings around its threshold does not send a message with each swing.

use model::{
    AlertId, Period, Timestamp, WorkflowId,
    alert::{Alert, AlertKind},
    settings::Alerts,
};
use serde_json::json;
use store::alert::{Counts, NewAlert, Stuck};

/// How far back rates and means look.
pub(crate) const WINDOW: Period = Period::hours(1);
/// Executions of the hour that a failure rate is judged by, at least.
const FEWEST_ENDED: i64 = 10;
/// Failures among them, at least.
const FEWEST_FAILURES: i64 = 2;
/// Executions of the hour that a workflow's mean working time is judged by, at least.
const FEWEST_TIMED: i64 = 5;
/// An alert is over at this share of its threshold.
const CLEARED: f64 = 0.8;

/// What is known of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// What ended in the last hour, by workflow.
    pub(crate) workflows: Vec<Counts>,
    /// What has been running for longer than the settings allow.
    pub(crate) stuck: Option<Stuck>,
}

/// A change of an alert's state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Transition {
    Raise(NewAlert),
    Resolve(AlertId),
}

/// What a measurement says of an alert.
enum Verdict {
    /// It has to go on, with this to say when it begins.
    Above(NewAlert),
    /// Neither: an alert that goes on does so, and none begins.
    Between,
    Below,
}

/// The changes that follow from what was measured. `open` are the tenant's alerts that go on.
pub(crate) fn transitions(
    settings: &Alerts,
    measured: &Measured,
    open: &[Alert],
    now: Timestamp,
) -> Vec<Transition> {
    let is_on = |kind: AlertKind| !settings.channels_of(kind).is_empty();
    let subjects = AlertKind::ALL.iter().flat_map(|kind| {
        let workflows: Vec<Option<WorkflowId>> = match kind {
            AlertKind::FailureRate | AlertKind::StuckExecutions => vec![None],
            AlertKind::AverageDuration | AlertKind::RetriesExhausted => {
                measured.workflows.iter().map(|counts| Some(counts.workflow)).collect()
            }
        };
        workflows.into_iter().map(|workflow| (*kind, workflow))
    });
    let goes_on =
        |kind, workflow| open.iter().any(|alert| (alert.kind, alert.workflow_id) == (kind, workflow));
    let raised = subjects.filter(|(kind, workflow)| is_on(*kind) && !goes_on(*kind, *workflow));
    let raised =
        raised.filter_map(|(kind, workflow)| match verdict(kind, workflow, settings, measured, now) {
            Verdict::Above(new) => Some(Transition::Raise(new)),
            Verdict::Between | Verdict::Below => None,
        });
    let resolved = open.iter().filter(|alert| {
        let verdict = || verdict(alert.kind, alert.workflow_id, settings, measured, now);
        !is_on(alert.kind) || matches!(verdict(), Verdict::Below)
    });
    let resolved = resolved.map(|alert| Transition::Resolve(alert.id));
    resolved.chain(raised).collect()
}

fn verdict(
    kind: AlertKind,
    workflow: Option<WorkflowId>,
    settings: &Alerts,
    measured: &Measured,
    now: Timestamp,
) -> Verdict {
    let of_workflow = measured.workflows.iter().find(|counts| Some(counts.workflow) == workflow);
    match (kind, of_workflow) {
        (AlertKind::FailureRate, _) => failure_rate(settings, measured),
        (AlertKind::StuckExecutions, _) => stuck(settings, measured.stuck, now),
        (AlertKind::AverageDuration, Some(counts)) => average_duration(settings, counts),
        (AlertKind::RetriesExhausted, Some(counts)) => retries_exhausted(counts),
        (AlertKind::AverageDuration | AlertKind::RetriesExhausted, None) => Verdict::Below,
    }
}

fn failure_rate(settings: &Alerts, measured: &Measured) -> Verdict {
    let failures: i64 = measured.workflows.iter().map(|counts| counts.failures).sum();
    let ended = failures + measured.workflows.iter().map(|counts| counts.successes).sum::<i64>();
    let percent = 100.0 * ratio(failures, ended);
    let threshold = settings.failure_rate_percent;
    if ended == 0 || percent <= threshold * CLEARED {
        return Verdict::Below;
    }
    if percent <= threshold || ended < FEWEST_ENDED || failures < FEWEST_FAILURES {
        return Verdict::Between;
    }
    Verdict::Above(NewAlert {
        kind: AlertKind::FailureRate,
        workflow: None,
        execution: None,
        message: format!(
            "{failures} of {ended} executions of the last hour failed ({percent:.1} %, more than {threshold} %)"
        ),
        details: json!({"failed": failures, "ended": ended, "percent": tenths(percent), "threshold": threshold}),
    })
}

fn average_duration(settings: &Alerts, counts: &Counts) -> Verdict {
    let seconds = ratio(counts.duration_ms, counts.ended) / 1_000.0;
    let threshold = settings.average_duration_seconds;
    if counts.ended == 0 || seconds <= threshold * CLEARED {
        return Verdict::Below;
    }
    if seconds <= threshold || counts.ended < FEWEST_TIMED {
        return Verdict::Between;
    }
    Verdict::Above(NewAlert {
        kind: AlertKind::AverageDuration,
        workflow: Some(counts.workflow),
        execution: None,
        message: format!(
            "{{workflow}}: the executions of the last hour worked for {seconds:.1} s on average, more than {threshold} s"
        ),
        details: json!({"ended": counts.ended, "seconds": tenths(seconds), "threshold": threshold}),
    })
}

fn stuck(settings: &Alerts, stuck: Option<Stuck>, now: Timestamp) -> Verdict {
    let Some(stuck) = stuck else { return Verdict::Below };
    let minutes = now.millis_since(stuck.since) / 60_000;
    let limit = settings.running_minutes;
    let what = if stuck.count == 1 { "1 execution has" } else { &format!("{} executions have", stuck.count) };
    Verdict::Above(NewAlert {
        kind: AlertKind::StuckExecutions,
        workflow: None,
        execution: Some(stuck.execution),
        message: format!("{what} been running for more than {limit} minutes, the longest for {minutes}"),
        details: json!({"running": stuck.count, "minutes": minutes, "threshold": limit, "workflowId": stuck.workflow}),
    })
}

fn retries_exhausted(counts: &Counts) -> Verdict {
    let failed = counts.retries_exhausted;
    if failed == 0 {
        return Verdict::Below;
    }
    let what = if failed == 1 { "1 execution" } else { &format!("{failed} executions") };
    Verdict::Above(NewAlert {
        kind: AlertKind::RetriesExhausted,
        workflow: Some(counts.workflow),
        execution: None,
        message: format!("{{workflow}}: {what} of the last hour failed after all retries"),
        details: json!({"failed": failed}),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of an hour are far below 2^52")]
fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests;
