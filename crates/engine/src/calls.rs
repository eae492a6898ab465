//! Workflows that run others: how a `run_workflow` step begins, and how it ends when the run that it called has. Pure.
//!
//! The step's row opens in the transaction that makes the called execution, and says which one it is. The caller then waits like for a time: its row in the
//! store, and nothing else. Whoever ends the called execution sets a timer of the caller for that very moment, in the same transaction
//! (`store/src/call.rs`); whoever takes the caller up then reads how its called ones stand, and the walk closes what has ended.

use model::{
    ExecutionId, ExecutionStatus, Period, StepStatus, StepType, Timestamp,
    effect::{WorkflowName, WorkflowRun},
    event::Called,
    journal::Log,
};
use rules::Step;
use serde_json::{Map, Value, json};
use store::{call::Standing, execution::Performed};

use crate::{again, control, progress::NOT_RETRIED, walk::Journal};

/// How often a caller looks by itself: only what an older program has ended would be found by that.
pub(crate) const LOOK_AGAIN: Period = Period::days(1);

const FAILED: &str = ", which it called, failed: ";

/// What was wrong in the first place, however many workflows have handed it up: the chain is in the error stack.
fn first_cause(error: &str) -> &str {
    let first = error.rsplit(FAILED).next().unwrap_or(error);
    first.trim_end_matches(NOT_RETRIED)
}

/// What the step of a row shall run, from its rendered config.
///
/// # Errors
/// Why it cannot.
pub(crate) fn wanted(config: &Value, called: Called) -> Result<WorkflowRun, String> {
    let named = config.get("workflowId").unwrap_or(&Value::Null);
    let workflow = WorkflowName::of(named)
        .ok_or_else(|| format!("workflowId is {named}: the id or the key of a workflow is needed"))?;
    let data = match config.get("data") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(data @ Value::Object(_)) => data.clone(),
        Some(_) => return Err("data is not an object".to_owned()),
    };
    Ok(WorkflowRun { workflow, data, called })
}

/// The executions whose end this journal waits for.
pub(crate) fn awaited(journal: &Journal) -> impl Iterator<Item = ExecutionId> {
    journal.rows().filter(|row| row.is_open() && row.step_type == StepType::Workflow).filter_map(callee)
}

/// The same, without those whose rows are about to be closed.
pub(crate) fn awaited_after(journal: &Journal, steps: &[Performed]) -> Vec<ExecutionId> {
    let closed =
        |id: &ExecutionId| steps.iter().any(|step| !step.log.is_open() && callee(&step.log) == Some(*id));
    awaited(journal).filter(|id| !closed(id)).collect()
}

/// The execution that a row's step has called.
pub(crate) fn callee(row: &Log) -> Option<ExecutionId> {
    row.output_data.as_ref()?.get("executionId")?.as_i64()?.try_into().ok()
}

/// What the row knows of the execution that it has called is its end.
pub(crate) fn has_ended(row: &Log) -> bool {
    status(row).is_some_and(ExecutionStatus::is_terminal)
}

/// The execution that the row of a step has waited for in vain: its time is over.
pub(crate) fn given_up(row: &Log) -> Option<ExecutionId> {
    let is_over = row.step_type == StepType::Workflow && row.status == StepStatus::Failed;
    callee(row).filter(|_| is_over && !has_ended(row))
}

fn status(row: &Log) -> Option<ExecutionStatus> {
    row.output_data.as_ref()?.get("status")?.as_str()?.parse().ok()
}

/// The journal with how the called executions stand; `standings` are those that exist.
pub(crate) fn with_standings(journal: &Journal, standings: &[Standing]) -> Journal {
    let open = journal.rows().filter(|row| row.is_open() && row.step_type == StepType::Workflow);
    let rows: Vec<_> = open
        .filter_map(|row| {
            let id = callee(row)?;
            let output = match standings.iter().find(|standing| standing.execution == id) {
                Some(standing) => standing.output(),
                // Deleted, which only what has ended can be.
                None => json!({"executionId": id, "status": ExecutionStatus::Failed, "error": "it was deleted before its result was read"}),
            };
            Some(std::sync::Arc::new(Log { output_data: Some(output.into()), ..row.clone() }))
        })
        .collect();
    journal.with(&rows)
}

/// The row of a step whose called execution has ended, or has taken longer than the step may; with the time at which the step's own `retry` runs the
/// workflow once more.
pub(crate) fn returned(step: &Step, row: &Log, journal: &Journal, now: Timestamp) -> Log {
    let log = ended(row, now);
    if log.status != StepStatus::Failed {
        return log;
    }
    Log { resume_at: again::at(step, &log, journal, Period::ZERO, now), ..log }
}

fn ended(row: &Log, now: Timestamp) -> Log {
    let output = row.output();
    let text = |key: &str| output.get(key).and_then(Value::as_str).map(str::to_owned);
    let ended = Log {
        resume_at: None,
        completed_at: Some(now),
        // Working time: that of the called execution is its own.
        duration_ms: Some(0),
        ..row.clone()
    };
    let id = output.get("executionId").cloned().unwrap_or_default();
    match status(row) {
        Some(ExecutionStatus::Completed) => Log { status: StepStatus::Completed, ..ended },
        Some(ExecutionStatus::Cancelled) => {
            control::failed(ended, format!("execution {id}, which it called, was cancelled"), now)
        }
        // Its time is over; the called execution is of no use any more.
        Some(
            ExecutionStatus::Pending
            | ExecutionStatus::Running
            | ExecutionStatus::Waiting
            | ExecutionStatus::Retrying,
        )
        | None => {
            control::failed(ended, format!("execution {id}, which it called, has not ended in time"), now)
        }
        Some(ExecutionStatus::Failed) => {
            let error = text("error").unwrap_or_else(|| "it failed".to_owned());
            let causes = text("errorStack").unwrap_or_else(|| error.clone());
            let mut output = output;
            if let Value::Object(fields) = &mut output {
                fields.remove("errorStack");
                fields.insert("causes".to_owned(), json!([format!("execution {id}: {causes}")]));
            }
            let failed = Log { output_data: Some(output.into()), ..ended };
            control::failed(failed, format!("execution {id}{FAILED}{}", first_cause(&error)), now)
        }
    }
}
