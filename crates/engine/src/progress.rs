//! What follows for an execution from where its walk stands: its new status, its result, its next retry. Pure.

use std::borrow::Cow;

use model::{
    ExecutionStatus, Outcome, Period, StepStatus, StepType, Timestamp, execution::Progress, journal::Log,
};
use rules::{Compiled, Construct, Step, definition::ON_FAILURE};
use serde_json::{Value, json};

use crate::walk::{self, CONDITIONS, End, Journal, Next, Rows};

/// When failed executions are tried again: after the first failure, the second, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The waits; as many retries as there are waits.
    pub delays: Vec<Period>,
}

impl Default for RetryPolicy {
    /// The seed's: 1, 5 and 15 minutes.
    fn default() -> Self {
        Self { delays: vec![Period::minutes(1), Period::minutes(5), Period::minutes(15)] }
    }
}

/// What is next, as [`walk::next`] says; a failure that is final has what is open put away, and the workflow's `onFailure` done, before the run ends.
#[must_use]
pub fn next<'a>(
    compiled: &'a Compiled,
    journal: &'a Journal,
    before: &Progress,
    policy: &RetryPolicy,
    now: Timestamp,
) -> Next<'a> {
    let end = match walk::next(compiled, journal, before.retry_count, now) {
        Next::End(end) => end,
        next => return next,
    };
    let failed = match end {
        End::Failed(log) if retry_delay(before, journal, log, policy).is_none() => log,
        End::Stopped(log) if ends_failed(log) => log,
        End::Failed(_) | End::Stopped(_) | End::Completed | End::Unmatched => return Next::End(end),
    };
    walk::after_failure(compiled, journal, failed, before.retry_count, now).unwrap_or(Next::End(end))
}

/// After what time a failed run is tried again, if it is.
fn retry_delay(before: &Progress, journal: &Journal, log: &Log, policy: &RetryPolicy) -> Option<Period> {
    let retries = usize::try_from(before.retry_count).unwrap_or(usize::MAX);
    policy.delays.get(retries).filter(|_| log.retryable && !walk::has_failed(journal)).copied()
}

/// The state that the journal leads to. `worked_ms` is working time that is not counted in `before` yet. None when
/// nothing changes: the run simply goes on.
#[must_use]
pub fn after(
    compiled: &Compiled,
    journal: &Journal,
    before: &Progress,
    policy: &RetryPolicy,
    worked_ms: i64,
    now: Timestamp,
) -> Option<Progress> {
    let started_at = before.started_at.or(Some(now));
    let worked = Some(before.duration_ms.unwrap_or(0) + worked_ms);
    let goes_on = || {
        let runs = before.status == ExecutionStatus::Running && before.recoveries == 0;
        (!runs).then(|| Progress {
            status: ExecutionStatus::Running,
            started_at,
            recoveries: 0,
            ..before.clone()
        })
    };
    match next(compiled, journal, before, policy, now) {
        Next::Perform { .. }
        | Next::Round(..)
        | Next::Close(..)
        | Next::Handled(_)
        | Next::Sweep(_)
        | Next::Wake(..) => goes_on(),
        // Nobody waits while something is under way.
        Next::Wait(_) if journal.calls().next().is_some() => goes_on(),
        Next::Wait(until) => Some(Progress {
            status: ExecutionStatus::Waiting,
            started_at,
            duration_ms: worked,
            wake_at: Some(until),
            recoveries: 0,
            actions_failed: failed_steps(compiled, journal),
            ..before.clone()
        }),
        Next::End(end) => {
            let ended = Progress {
                started_at,
                completed_at: Some(now),
                duration_ms: worked,
                result: Some(result(compiled, journal)),
                actions_failed: failed_steps(compiled, journal),
                next_retry_at: None,
                wake_at: None,
                recoveries: 0,
                ..before.clone()
            };
            Some(match end {
                End::Completed => {
                    Progress { status: ExecutionStatus::Completed, error: None, error_stack: None, ..ended }
                }
                End::Unmatched => Progress {
                    status: ExecutionStatus::Completed,
                    outcome: Some(Outcome::Unmatched),
                    error: None,
                    error_stack: None,
                    ..ended
                },
                End::Stopped(log) => stopped(ended, log),
                End::Failed(log) => {
                    let delay = retry_delay(before, journal, log, policy);
                    failed(ended, log, delay, now)
                }
            })
        }
    }
}

/// The row of a `stop` that ends the run as failed.
fn ends_failed(log: &Log) -> bool {
    log.step_type == StepType::Action
        && log.output_data.as_ref().and_then(|output| output.get("status")) == Some(&json!("failed"))
}

/// A run that one of its steps has ended; `result.stopped` says which and why.
fn stopped(ended: Progress, log: &Log) -> Progress {
    let output =
        |key: &str| log.output_data.as_ref().and_then(|output| output.get(key)).and_then(Value::as_str);
    let message = output("message").filter(|message| !message.is_empty());
    let why = message.map_or_else(
        || {
            if output("status").is_some() {
                "the run ends here".to_owned()
            } else {
                "the conditions do not hold".to_owned()
            }
        },
        str::to_owned,
    );
    if ends_failed(log) {
        let (error, error_stack) = (Some(format!("{}: {why}", log.step_name)), Some(error_stack(log)));
        return Progress { status: ExecutionStatus::Failed, error, error_stack, ..ended };
    }
    let mut result = ended.result.clone().unwrap_or_default();
    result["stopped"] = json!(format!("at step {} ({}): {why}", log.step_path, log.step_name));
    Progress {
        status: ExecutionStatus::Completed,
        result: Some(result),
        error: None,
        error_stack: None,
        ..ended
    }
}

/// Behind the error of a run that is not tried again by itself.
pub(crate) const NOT_RETRIED: &str = " (not retried: the same call would fail again)";

/// A failed run: tried again by schedule when that can help and attempts are left.
fn failed(ended: Progress, log: &Log, delay: Option<Period>, now: Timestamp) -> Progress {
    let error = Some(error_sentence(log));
    let error_stack = Some(error_stack(log));
    match delay {
        Some(delay) => {
            let at = now.plus(delay);
            Progress {
                status: ExecutionStatus::Retrying,
                completed_at: None,
                error,
                error_stack,
                retry_count: ended.retry_count + 1,
                next_retry_at: Some(at),
                wake_at: Some(at),
                ..ended
            }
        }
        None => {
            let why = match (log.retryable, ended.retry_count) {
                _ if log.step_path == CONDITIONS => String::new(),
                (false, _) if walk::is_overdue(log) => {
                    " (not retried: of a step that takes too long its own retry says how often)".to_owned()
                }
                (false, _) => NOT_RETRIED.to_owned(),
                (true, 0) => String::new(),
                (true, retries) => format!(" (given up after {retries} retries)"),
            };
            let error = error.map(|error| error + &why);
            Progress { status: ExecutionStatus::Failed, error, error_stack, ..ended }
        }
    }
}

fn error_sentence(log: &Log) -> String {
    let error = log.error.as_deref().unwrap_or("failed");
    if log.step_path == CONDITIONS { error.to_owned() } else { format!("{}: {error}", log.step_name) }
}

/// The chain of causes with the step, the attempt and what was being done (contract section 8, rule 8).
fn error_stack(log: &Log) -> String {
    let mut stack = format!(
        "step {} ({}), log row {}, attempt {}: {}",
        log.step_path,
        log.step_name,
        log.step_number,
        log.attempt,
        log.error.as_deref().unwrap_or("failed")
    );
    let causes = log.output_data.as_ref().and_then(|output| output.get("causes")).and_then(Value::as_array);
    for cause in causes.into_iter().flatten().filter_map(Value::as_str) {
        stack.push_str("\n  caused by: ");
        stack.push_str(cause);
    }
    stack
}

/// Adds up what came of the steps in a list and inside of them.
#[derive(Default)]
struct Tally {
    executed: i64,
    failed: i64,
    /// Of each step that is not inside of a loop; a loop's output says what came of its items.
    results: Option<Vec<Value>>,
}

impl Tally {
    fn list(&mut self, steps: &[Step], list: Option<&str>, rows: Rows<'_, '_>) {
        for step in steps {
            let path = match list {
                None => Cow::Borrowed(step.id.as_str()),
                Some(list) => Cow::Owned(format!("{list}.{}", step.id)),
            };
            if let Some(log) = rows.last(&path) {
                self.step(step, log);
                if let Some(construct) = step.construct.as_deref() {
                    self.inside(construct, &walk::base(&path, log), log, rows);
                }
                if !step.on_error.is_empty() {
                    self.list(&step.on_error, Some(&format!("{path}.onError")), rows);
                }
            }
        }
    }

    fn inside(&mut self, construct: &Construct, base: &str, log: &Log, rows: Rows<'_, '_>) {
        let failed = self.failed;
        self.lists(construct, base, log, rows);
        if walk::is_handled(log) {
            self.failed = failed;
        }
    }

    fn lists(&mut self, construct: &Construct, base: &str, log: &Log, rows: Rows<'_, '_>) {
        if !construct.is_loop() {
            for (name, steps) in construct.lists() {
                self.list(steps, Some(&format!("{base}.{name}")), rows);
            }
            return;
        }
        let results = self.results.take();
        for (round, own) in walk::rounds(rows, base, walk::round_count(log)).iter().enumerate() {
            for (_, steps) in construct.lists() {
                self.list(steps, Some(&format!("{base}[{round}]")), Rows::Some(own));
            }
        }
        self.results = results;
    }

    fn step(&mut self, step: &Step, log: &Log) {
        let mut entry = self.results.as_ref().map(|_| {
            let mut entry = json!({"stepId": step.id, "type": step.action_type, "status": log.status});
            if log.step_path != log.step_id {
                entry["stepPath"] = json!(log.step_path);
            }
            entry
        });
        match log.status {
            StepStatus::Completed => {
                self.executed += i64::from(step.construct.is_none());
                if let Some(entry) = &mut entry {
                    entry["output"] = log.output();
                }
            }
            StepStatus::Failed => {
                // A control step that failed because a step in it did is not a failure of its own.
                let is_own =
                    log.output_data.as_ref().is_none_or(|output| output.get(walk::FAILED_AT).is_none());
                self.failed += i64::from(is_own && !walk::is_handled(log));
                if let Some(entry) = &mut entry {
                    entry["error"] = json!(log.error);
                    if walk::is_handled(log) {
                        entry["handled"] = json!(true);
                    }
                }
            }
            StepStatus::Pending | StepStatus::Running | StepStatus::Skipped => {}
        }
        if let (Some(results), Some(entry)) = (&mut self.results, entry) {
            results.push(entry);
        }
    }
}

fn failed_steps(compiled: &Compiled, journal: &Journal) -> i64 {
    let mut tally = Tally::default();
    tally.list(&compiled.steps, None, Rows::All(journal.all()));
    tally.failed
}

/// What came of a run (contract section 8, rule 7); of its `onFailure` too, when that was begun.
#[must_use]
pub fn result(compiled: &Compiled, journal: &Journal) -> Value {
    let passed = journal.last(CONDITIONS).is_none_or(walk::passed);
    let tally = |steps: &[Step], list: Option<&str>| {
        let mut tally = Tally { results: Some(Vec::new()), ..Tally::default() };
        tally.list(steps, list, Rows::All(journal.all()));
        tally
    };
    let main = tally(&compiled.steps, None);
    let mut result = json!({"conditionsPassed": passed, "actionsExecuted": main.executed, "actionsFailed": main.failed,
        "actionResults": main.results.unwrap_or_default()});
    if walk::has_failed(journal) {
        let about = tally(&compiled.on_failure, Some(ON_FAILURE));
        result[ON_FAILURE] = json!({"actionsExecuted": about.executed, "actionsFailed": about.failed,
            "actionResults": about.results.unwrap_or_default()});
    }
    result
}
