//! What follows for an execution from where its walk stands: its new status, its result, its next retry. Pure.

use model::{ExecutionStatus, Outcome, Period, StepStatus, Timestamp, execution::Progress, journal::Log};
use rules::Compiled;
use serde_json::{Value, json};

use crate::walk::{self, CONDITIONS, End, Journal, Next};

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
    match walk::next(compiled, journal, before.retry_count, now) {
        Next::Perform { .. } | Next::Wake(_) => {
            let goes_on = before.status == ExecutionStatus::Running && before.recoveries == 0;
            (!goes_on).then(|| Progress {
                status: ExecutionStatus::Running,
                started_at,
                recoveries: 0,
                ..before.clone()
            })
        }
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
                End::Failed(log) => failed(ended, log, policy, now),
            })
        }
    }
}

/// A failed run: tried again by schedule when that can help and attempts are left.
fn failed(ended: Progress, log: &Log, policy: &RetryPolicy, now: Timestamp) -> Progress {
    let error = Some(error_sentence(log));
    let error_stack = Some(error_stack(log));
    let retries = usize::try_from(ended.retry_count).unwrap_or(usize::MAX);
    match policy.delays.get(retries).filter(|_| log.retryable) {
        Some(delay) => {
            let at = now.plus(*delay);
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
                (false, _) => " (not retried: the same call would fail again)".to_owned(),
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

fn failed_steps(compiled: &Compiled, journal: &Journal) -> i64 {
    let failed = |id: &String| journal.last(id).is_some_and(|log| log.status == StepStatus::Failed);
    compiled.steps.iter().filter(|step| failed(&step.id)).count().try_into().unwrap_or(i64::MAX)
}

/// What came of a run (contract section 8, rule 7).
#[must_use]
pub fn result(compiled: &Compiled, journal: &Journal) -> Value {
    let passed = journal.last(CONDITIONS).is_none_or(walk::passed);
    let mut results = Vec::new();
    let (mut executed, mut failed) = (0, 0);
    for step in &compiled.steps {
        let Some(log) = journal.last(&step.id) else { continue };
        let mut entry = json!({"stepId": step.id, "type": step.action_type, "status": log.status});
        match log.status {
            StepStatus::Completed => {
                executed += 1;
                entry["output"] = log.output_data.clone().unwrap_or_default();
            }
            StepStatus::Failed => {
                failed += 1;
                entry["error"] = json!(log.error);
            }
            StepStatus::Pending | StepStatus::Running | StepStatus::Skipped => {}
        }
        results.push(entry);
    }
    json!({"conditionsPassed": passed, "actionsExecuted": executed, "actionsFailed": failed, "actionResults": results})
}
