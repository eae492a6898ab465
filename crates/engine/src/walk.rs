//! The walk: what is next for an execution, from its definition and its journal alone.
//!
//! Running an execution means walking its definition from the top: a step with a recorded outcome yields that outcome,
//! the first one without is performed. So a crash, an automatic retry, a delay's end and a manual retry are one and the
//! same path: load, walk on. Everything here is pure.

use std::sync::Arc;

use model::{LogId, StepStatus, StepType, Timestamp, journal::Log};
use rules::{Compiled, Step};

/// The id of the condition step in the journal.
pub const CONDITIONS: &str = "conditions";

/// The journal of an execution in order, cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    rows: Vec<Arc<Log>>,
}

impl Journal {
    /// From the rows as stored.
    #[must_use]
    pub fn new(rows: Vec<Log>) -> Self {
        Self { rows: rows.into_iter().map(Arc::new).collect() }
    }

    /// With rows that were written meanwhile: new ones at the end, known ones (a delay that ended) in their place.
    #[must_use]
    pub fn with(&self, rows: &[Log]) -> Self {
        let mut all = self.clone();
        for row in rows {
            match all.rows.iter_mut().find(|known| known.step_number == row.step_number) {
                Some(known) => *known = Arc::new(row.clone()),
                None => all.rows.push(Arc::new(row.clone())),
            }
        }
        all
    }

    /// The rows in order.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Log> {
        self.rows.iter().map(AsRef::as_ref)
    }

    /// The latest row of a place.
    #[must_use]
    pub fn last(&self, path: &str) -> Option<&Log> {
        self.rows().rev().find(|row| row.step_path == path)
    }

    /// The id of the newest row.
    #[must_use]
    pub fn last_id(&self) -> LogId {
        self.rows().map(|row| row.id).max().unwrap_or(LogId::new(0))
    }

    /// The number of the next row.
    #[must_use]
    pub fn next_number(&self) -> i64 {
        self.rows().map(|row| row.step_number).max().unwrap_or(0) + 1
    }
}

/// What is next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next<'a> {
    /// Perform this step.
    Perform {
        /// Its position in the definition.
        position: usize,
        /// Counts the times that this place was tried: 1, 2, 3 …
        attempt: i64,
    },
    /// This wait is over.
    Wake(&'a Log),
    /// Nothing before this instant.
    Wait(Timestamp),
    /// Nothing more: how the run ends.
    End(End<'a>),
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End<'a> {
    /// Every step has its outcome.
    Completed,
    /// Conditions did not hold.
    Unmatched,
    /// This step failed and may not.
    Failed(&'a Log),
}

/// Decides what is next. `retry_count` is the execution's: a critical step that failed in an earlier run is performed
/// again in the present one.
#[must_use]
pub fn next<'a>(compiled: &Compiled, journal: &'a Journal, retry_count: i64, now: Timestamp) -> Next<'a> {
    if let Some(conditions) = journal.last(CONDITIONS) {
        match conditions.status {
            StepStatus::Failed => return Next::End(End::Failed(conditions)),
            _ if !passed(conditions) => return Next::End(End::Unmatched),
            _ => {}
        }
    }
    for (position, step) in compiled.steps.iter().enumerate() {
        let Some(last) = journal.last(&step.id) else { return Next::Perform { position, attempt: 1 } };
        match last.status {
            StepStatus::Completed | StepStatus::Skipped => {}
            StepStatus::Pending => return Next::Perform { position, attempt: last.attempt },
            StepStatus::Running => {
                return match last.resume_at {
                    Some(at) if at > now => Next::Wait(at),
                    _ => Next::Wake(last),
                };
            }
            StepStatus::Failed => match last.resume_at {
                Some(at) if at > now => return Next::Wait(at),
                Some(_) => return Next::Perform { position, attempt: last.attempt + 1 },
                None if !step.critical => {}
                None if last.retry_count < retry_count => {
                    return Next::Perform { position, attempt: last.attempt + 1 };
                }
                None => return Next::End(End::Failed(last)),
            },
        }
    }
    Next::End(End::Completed)
}

/// The verdict that a condition row recorded.
#[must_use]
pub fn passed(conditions: &Log) -> bool {
    conditions.output_data.as_ref().and_then(|output| output.get("result"))
        == Some(&serde_json::Value::Bool(true))
}

/// What kind of log row a step makes.
#[must_use]
pub fn step_type(step: &Step) -> StepType {
    if step.action_type == "delay" { StepType::Delay } else { StepType::Action }
}

/// What people read for a step: its name, else its action's (as the seed prints it).
#[must_use]
pub fn step_name(step: &Step) -> String {
    step.name.clone().unwrap_or_else(|| step.action_type.clone())
}
