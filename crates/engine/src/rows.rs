//! The journal's rows as a run writes them. Pure.

use std::sync::Arc;

use model::{Document, ExecutionStatus, StepStatus, Timestamp, execution::Execution, journal::Log};
use rules::Compiled;
use serde_json::{Value, json};
use store::execution::UNSAVED;

use crate::{
    progress::{self, RetryPolicy},
    walk::{self, Journal, Next, Place},
};

/// A step that begins.
#[must_use]
pub fn begun(
    execution: &Execution,
    journal: &Journal,
    place: &Place<'_>,
    attempt: i64,
    started: Timestamp,
) -> Log {
    let step = place.step;
    Log {
        id: UNSAVED,
        tenant_id: execution.tenant_id,
        execution_id: execution.id,
        step_number: journal.next_number(),
        step_type: walk::step_type(step),
        step_name: walk::step_name(step),
        step_id: step.id.clone(),
        step_path: place.path.to_string(),
        attempt,
        retry_count: execution.progress.retry_count,
        status: StepStatus::Running,
        input_data: Document::default(),
        output_data: None,
        error: None,
        warnings: Vec::new(),
        retryable: false,
        resume_at: None,
        carried_from: None,
        started_at: Some(started),
        completed_at: None,
        duration_ms: None,
        created_at: started,
    }
}

/// A wait that is over.
#[must_use]
pub fn woken(log: &Log, now: Timestamp) -> Log {
    Log {
        status: StepStatus::Completed,
        output_data: Some(json!({"resumedAt": now}).into()),
        resume_at: None,
        completed_at: Some(now),
        // Working time: a delay has none.
        duration_ms: Some(0),
        ..log.clone()
    }
}

/// How a run is left that something else than its steps ends: the row of what was under way, if something was, and the result so far.
#[must_use]
pub fn cancelled(
    compiled: &Compiled,
    execution: &Execution,
    journal: &Journal,
    policy: &RetryPolicy,
    now: Timestamp,
) -> (Option<Log>, Value) {
    let row = match progress::next(compiled, journal, &execution.progress, policy, now) {
        Next::Perform { place, attempt } if execution.progress.status == ExecutionStatus::Running => {
            Some(Log {
                status: StepStatus::Skipped,
                error: Some(
                    "the run ended while it was under way: what it does outside may have happened".to_owned(),
                ),
                completed_at: Some(now),
                ..begun(execution, journal, &place, attempt, now)
            })
        }
        Next::Perform { .. }
        | Next::Round(..)
        | Next::Close(..)
        | Next::Handled(_)
        | Next::Sweep(_)
        | Next::Wake(..)
        | Next::Wait(_)
        | Next::End(_) => None,
    };
    // What is open is put away with it.
    let open = journal.rows().filter(|row| row.is_open());
    let put_away: Vec<_> =
        open.map(|row| Arc::new(Log { status: StepStatus::Skipped, ..row.clone() })).collect();
    (row, progress::result(compiled, &journal.with(&put_away)))
}
