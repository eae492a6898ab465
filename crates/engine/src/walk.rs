//! The walk: what is next for an execution, from its definition and its journal alone.
//!
//! Running an execution means walking its definition from the top: a step with a recorded outcome yields that outcome,
//! the first one without is performed. So a crash, an automatic retry, a delay's end and a manual retry are one and the
//! same path: load, walk on. Everything here is pure.
//!
//! What is under way outside is in the journal, too: a row that is `pending` without a time was written before its call, and whoever has the run in hand has
//! that call. To the walk it is a wait whose end no clock knows, so it goes on to what may run beside it ([`Journal::calls`]).
//!
//! A control step has one row: it is opened (`running`), with what was decided in it, so that a crash does not decide anew; and
//! it is closed when its steps have led to something ([`tree`]).

mod awaited;
mod place;
mod tree;

use std::{collections::HashMap, sync::Arc};

use model::{LogId, StepStatus, StepType, Timestamp, journal::Log};
use rules::{Compiled, Construct, Step, definition::ON_FAILURE};

pub(crate) use self::awaited::{awaits, has_come, is_awaited};
use self::place::Level;
use self::place::steps_to;
pub use self::place::{Frame, Inside, Place};
pub(crate) use self::place::{TRY, base, exists, find, is_below, place_of, try_of};
pub use self::tree::Closing;
pub(crate) use self::tree::{
    FAILED_AT, HANDLED, OVERDUE, Rows, STOPPED_AT, deadline, is_handled, is_overdue, results, round_count,
    rounds,
};
use self::tree::{Flow, Walk};

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
    pub fn with(&self, rows: &[Arc<Log>]) -> Self {
        let mut all = self.clone();
        for row in rows {
            match all.rows.iter_mut().find(|known| known.step_number == row.step_number) {
                Some(known) => *known = Arc::clone(row),
                None => all.rows.push(Arc::clone(row)),
            }
        }
        all
    }

    /// The rows in order.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Log> {
        self.rows.iter().map(AsRef::as_ref)
    }

    pub(crate) fn all(&self) -> &[Arc<Log>] {
        &self.rows
    }

    /// The latest row of a place.
    #[must_use]
    pub fn last(&self, path: &str) -> Option<&Log> {
        self.rows().rev().find(|row| row.step_path == path)
    }

    /// The rows of what is under way outside beside other things, in order.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Log> {
        self.rows().filter(|row| row.is_under_way())
    }

    /// Which tries there are by now.
    pub(crate) fn tries(&self) -> Tries<'_> {
        let later = self.rows().filter(|row| try_of(row) > 1);
        Tries(later.map(|row| (row.step_path.as_str(), try_of(row))).collect())
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

/// The tries of the steps that were begun anew from their beginning.
pub(crate) struct Tries<'j>(HashMap<&'j str, u64>);

impl Tries<'_> {
    /// The row is of the present try of each step around it.
    pub(crate) fn have(&self, row: &Log) -> bool {
        let present = |step: &str| self.0.get(step).copied().unwrap_or(1);
        let mut around = steps_to(&row.step_path).filter(|(step, _)| *step != row.step_path);
        self.0.is_empty() || around.all(|(step, number)| number.is_none_or(|number| number == present(step)))
    }
}

/// What is next.
#[derive(Debug, Clone)]
pub enum Next<'a> {
    /// Perform this step; a control step is opened.
    Perform {
        /// Where it stands.
        place: Place<'a>,
        /// Counts the times that this place was tried: 1, 2, 3 …
        attempt: i64,
    },
    /// A round of this open `repeat` is over: is it enough?
    Round(Place<'a>, &'a Log),
    /// This open control step is over.
    Close(Place<'a>, &'a Log, Closing<'a>),
    /// What failed here was handled.
    Handled(&'a Log),
    /// This wait is over.
    Wake(Place<'a>, &'a Log),
    /// The run ends while these are still open; they are put away first.
    Sweep(Vec<&'a Log>),
    /// Nothing before this instant; before a call has ended, when it is [`AT_ITS_END`].
    Wait(Timestamp),
    /// Nothing more: how the run ends.
    End(End<'a>),
}

/// When something goes on that waits for a call which is under way: no clock knows.
pub(crate) const AT_ITS_END: Timestamp = Timestamp::from_millis(i64::MAX);

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End<'a> {
    /// Every step has its outcome.
    Completed,
    /// Conditions did not hold.
    Unmatched,
    /// This step ended it: a `stop`, a `filter`, a wait whose conditions hold no more.
    Stopped(&'a Log),
    /// This step failed and may not.
    Failed(&'a Log),
}

/// Decides what is next. `retry_count` is the execution's: a critical step that failed in an earlier run is performed
/// again in the present one.
#[must_use]
pub fn next<'a>(compiled: &'a Compiled, journal: &'a Journal, retry_count: i64, now: Timestamp) -> Next<'a> {
    if let Some(conditions) = journal.last(CONDITIONS) {
        match conditions.status {
            StepStatus::Failed => return Next::End(End::Failed(conditions)),
            _ if !passed(conditions) => return Next::End(End::Unmatched),
            _ => {}
        }
    }
    let walk = Walk { journal, retry_count, now };
    let end = match walk.list(&compiled.steps, Rows::All(&journal.rows), None) {
        Flow::Next(next) => return next,
        // What is under way beside it is let come to its end, so that nothing is done twice when the run is tried again.
        Flow::Failed(_) | Flow::Stopped(_)
            if journal.calls().any(|row| !is_about_failure(&row.step_path)) =>
        {
            return Next::Wait(AT_ITS_END);
        }
        // Whether it is tried again is not known here, so what is open stays open.
        Flow::Failed(log) => return Next::End(End::Failed(log)),
        Flow::Done => End::Completed,
        Flow::Stopped(log) => End::Stopped(log),
    };
    match open(compiled, journal) {
        Some(open) => Next::Sweep(open),
        None => Next::End(end),
    }
}

/// What is still open in a run that ends, of its steps; none when nothing is. What is done about its failure is looked at by itself.
fn open<'a>(compiled: &Compiled, journal: &'a Journal) -> Option<Vec<&'a Log>> {
    open_rows(compiled, journal, |row| !is_about_failure(&row.step_path))
}

fn open_rows<'a>(
    compiled: &Compiled,
    journal: &'a Journal,
    of: impl Fn(&Log) -> bool,
) -> Option<Vec<&'a Log>> {
    if compiled.is_flat {
        return None;
    }
    let open: Vec<&Log> = journal.rows().filter(|row| row.is_open() && of(row)).collect();
    (!open.is_empty()).then_some(open)
}

/// The place is in the workflow's `onFailure`.
fn is_about_failure(path: &str) -> bool {
    path.strip_prefix(ON_FAILURE).is_some_and(|rest| rest.starts_with('.'))
}

/// Something was done about the failure of this run: then the failure is final, whatever is configured by now.
#[must_use]
pub(crate) fn has_failed(journal: &Journal) -> bool {
    journal.rows().any(|row| is_about_failure(&row.step_path))
}

/// Where a run stands that has failed; none when it has not.
#[must_use]
pub(crate) fn failed_at<'a>(
    compiled: &'a Compiled,
    journal: &'a Journal,
    retry_count: i64,
    now: Timestamp,
) -> Option<&'a Log> {
    if !has_failed(journal) {
        return None;
    }
    match next(compiled, journal, retry_count, now) {
        Next::End(End::Failed(log) | End::Stopped(log)) => Some(log),
        _ => None,
    }
}

/// What is next in a run that has failed for good at this row: what is open is put away, then the workflow's `onFailure` is done. A failure in
/// there ends it and nothing more. None: nothing is left to do.
#[must_use]
pub(crate) fn after_failure<'a>(
    compiled: &'a Compiled,
    journal: &'a Journal,
    failed: &'a Log,
    retry_count: i64,
    now: Timestamp,
) -> Option<Next<'a>> {
    if let Some(open) = open(compiled, journal) {
        return Some(Next::Sweep(open));
    }
    let (path, list) = (failed.step_path.as_str(), ON_FAILURE);
    let level = Level { above: None, step: None, path, list, inside: Inside::Failure };
    let walk = Walk { journal, retry_count, now };
    match walk.list(&compiled.on_failure, Rows::All(&journal.rows), Some(&level)) {
        Flow::Next(next) => Some(next),
        Flow::Failed(_) | Flow::Stopped(_) if journal.calls().next().is_some() => {
            Some(Next::Wait(AT_ITS_END))
        }
        Flow::Done | Flow::Failed(_) | Flow::Stopped(_) => {
            open_rows(compiled, journal, |row| is_about_failure(&row.step_path)).map(Next::Sweep)
        }
    }
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
    match step.construct.as_deref() {
        None if step.action_type == "delay" => StepType::Delay,
        None => StepType::Action,
        Some(Construct::Branch(_)) => StepType::Branch,
        Some(Construct::ForEach(_) | Construct::Repeat(_)) => StepType::Loop,
        Some(Construct::Parallel(_)) => StepType::Parallel,
        Some(Construct::Wait(_) | Construct::WaitForEvent(_)) => StepType::Wait,
        Some(Construct::Approval(_)) => StepType::Approval,
        Some(Construct::Filter(_)) => StepType::Condition,
        Some(Construct::RunWorkflow(_)) => StepType::Workflow,
        Some(Construct::Set | Construct::Stop(_)) => StepType::Action,
    }
}

/// What people read for a step: its name, else its action's (as the seed prints it).
#[must_use]
pub fn step_name(step: &Step) -> String {
    step.name.clone().unwrap_or_else(|| step.action_type.clone())
}
