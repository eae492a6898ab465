//! Walking what is inside of steps: branches, rounds, handlers. Lists are walked in the order written; of what runs at the same time,
//! what comes first in the definition goes first, up to its next wait; a call that is under way is one. So a journal leads to one next step, whoever walks.

use std::sync::Arc;

use model::{StepStatus, Timestamp, journal::Log};
use rules::{Construct, ForEach, Parallel, Step};
use serde_json::Value;

use crate::calls;

use super::{
    AT_ITS_END, Inside, Journal, Next, Place,
    awaited::{following, has_come},
    place::{Level, base, is_below, path_in},
};

/// In the output of a control step that failed: the path of the step in it that did.
pub(crate) const FAILED_AT: &str = "failedAt";
/// In the output of a control step in which the run was stopped: the path of the step that did it.
pub(crate) const STOPPED_AT: &str = "stoppedAt";
/// In the output of a failed step whose `onError` ran to its end.
pub(crate) const HANDLED: &str = "handled";

/// In the output of a control step that failed because its time was over, or that of one in it.
pub(crate) const OVERDUE: &str = "overdue";

/// How an open control step ends.
#[derive(Debug, Clone)]
pub enum Closing<'a> {
    /// Its steps are done.
    Done,
    /// So many items are done; these failed.
    Items(Vec<Option<&'a Log>>),
    /// These branches finished, these failed, and the others were not waited for; numbers of branches.
    Joined(Vec<usize>, Vec<usize>),
    /// This step in it failed.
    Failed(&'a Log),
    /// This step in it ends the run.
    Stopped(&'a Log),
    /// Its time is over.
    Overdue,
}

/// What a list of steps has come to.
pub(super) enum Flow<'a> {
    Done,
    Failed(&'a Log),
    Stopped(&'a Log),
    Next(Next<'a>),
}

/// The rows that may belong to a list: all, or those below one place.
#[derive(Clone, Copy)]
pub(crate) enum Rows<'a, 'r> {
    All(&'a [Arc<Log>]),
    Some(&'r [&'a Log]),
}

impl<'a> Rows<'a, '_> {
    /// The latest row of a place.
    pub(crate) fn last(self, path: &str) -> Option<&'a Log> {
        match self {
            Self::All(rows) => rows.iter().rev().map(AsRef::as_ref).find(|row| row.step_path == path),
            Self::Some(rows) => rows.iter().rev().copied().find(|row| row.step_path == path),
        }
    }

    fn each(self, mut visit: impl FnMut(&'a Log)) {
        match self {
            Self::All(rows) => rows.iter().for_each(|row| visit(row)),
            Self::Some(rows) => rows.iter().for_each(|row| visit(row)),
        }
    }
}

/// Walks one of a step's lists: its path, its steps, the rows that may belong to it.
type WalkList<'f, 'a> = dyn Fn(&str, &'a [Step], Rows<'a, '_>, Inside) -> Flow<'a> + 'f;

pub(super) struct Walk<'a> {
    pub(super) journal: &'a Journal,
    pub(super) retry_count: i64,
    pub(super) now: Timestamp,
}

impl<'a> Walk<'a> {
    pub(super) fn list(
        &self,
        steps: &'a [Step],
        rows: Rows<'a, '_>,
        level: Option<&Level<'a, '_>>,
    ) -> Flow<'a> {
        // What branches that were not waited for still wait for.
        let mut behind: Option<Timestamp> = None;
        for step in steps {
            match self.step(step, rows, level) {
                Flow::Done => {}
                Flow::Next(Next::Wait(at)) => return Flow::Next(Next::Wait(earliest(behind, at))),
                other => return other,
            }
            if step.construct.is_some() {
                match self.left_behind(step, rows, level) {
                    Some(Next::Wait(at)) => behind = Some(earliest(behind, at)),
                    Some(next) => return Flow::Next(next),
                    None => {}
                }
            }
        }
        behind.map_or(Flow::Done, |at| Flow::Next(Next::Wait(at)))
    }

    fn step(&self, step: &'a Step, rows: Rows<'a, '_>, level: Option<&Level<'a, '_>>) -> Flow<'a> {
        let path = path_in(step, level);
        let Some(last) = rows.last(&path) else {
            return Flow::Next(Next::Perform { place: Place::new(step, path, level), attempt: 1 });
        };
        let perform =
            |attempt, path| Flow::Next(Next::Perform { place: Place::new(step, path, level), attempt });
        match last.status {
            StepStatus::Completed => self.stopped(step, last).map_or(Flow::Done, Flow::Stopped),
            StepStatus::Skipped => Flow::Done,
            StepStatus::Pending => match last.resume_at {
                // Put off.
                Some(at) if at > self.now => Flow::Next(Next::Wait(at)),
                Some(_) => perform(last.attempt, path),
                None => Flow::Next(Next::Wait(AT_ITS_END)),
            },
            StepStatus::Running => {
                let flow = self.open(step, last, rows, level);
                self.in_time(step, last, level, flow)
            }
            StepStatus::Failed => match last.resume_at {
                Some(at) if at > self.now => Flow::Next(Next::Wait(at)),
                Some(_) => perform(last.attempt + 1, path),
                None if is_handled(last) => Flow::Done,
                None if step.critical && last.retry_count < self.retry_count => {
                    perform(last.attempt + 1, path)
                }
                None => match self.handler(step, &path, last, rows, level) {
                    Flow::Failed(_) if step.critical => Flow::Failed(last),
                    Flow::Failed(_) => Flow::Done,
                    other => other,
                },
            },
        }
    }

    /// What is next in a step that is open.
    fn open(
        &self,
        step: &'a Step,
        last: &'a Log,
        rows: Rows<'a, '_>,
        level: Option<&Level<'a, '_>>,
    ) -> Flow<'a> {
        let wake = || Flow::Next(Next::Wake(Place::new(step, path_in(step, level), level), last));
        match (step.construct.as_deref(), last.resume_at) {
            (
                Some(
                    construct @ (Construct::Branch(_)
                    | Construct::ForEach(_)
                    | Construct::Repeat(_)
                    | Construct::Parallel(_)),
                ),
                _,
            ) => self.inside(step, construct, last, rows, level),
            (Some(construct), _) if construct.is_awaited() && has_come(last) => {
                self.inside(step, construct, last, rows, level)
            }
            (Some(Construct::RunWorkflow(_)), None) if !calls::has_ended(last) => {
                Flow::Next(Next::Wait(self.now.plus(calls::LOOK_AGAIN)))
            }
            (Some(Construct::RunWorkflow(_)), _) if calls::has_ended(last) => wake(),
            (_, Some(at)) if at > self.now => Flow::Next(Next::Wait(at)),
            _ => wake(),
        }
    }

    /// What is next, as far as the step's own time allows it. What had come to its end before the time was over ends so, however late that is seen.
    fn in_time(
        &self,
        step: &'a Step,
        row: &'a Log,
        level: Option<&Level<'a, '_>>,
        flow: Flow<'a>,
    ) -> Flow<'a> {
        let Some(until) = deadline(step, row) else { return flow };
        match flow {
            Flow::Next(Next::Close(_, closed, ref closing))
                if closed.step_number == row.step_number && !matches!(closing, Closing::Failed(_)) =>
            {
                flow
            }
            Flow::Next(Next::Wake(_, woken))
                if woken.step_number == row.step_number && row.resume_at.is_some_and(|at| at <= until) =>
            {
                flow
            }
            _ if until <= self.now => {
                let place = Place::new(step, path_in(step, level), level);
                Flow::Next(Next::Close(place, row, Closing::Overdue))
            }
            Flow::Next(Next::Wait(at)) => Flow::Next(Next::Wait(at.min(until))),
            other => other,
        }
    }

    /// A completed step that ended the run all the same.
    fn stopped(&self, step: &Step, last: &'a Log) -> Option<&'a Log> {
        let output = last.output_data.as_ref();
        match step.construct.as_deref()? {
            Construct::Stop(_) => Some(last),
            Construct::Filter(_) | Construct::Wait(_) => {
                (output?.get("passed") == Some(&Value::Bool(false))).then_some(last)
            }
            Construct::Set | Construct::RunWorkflow(_) => None,
            Construct::Branch(_)
            | Construct::ForEach(_)
            | Construct::Repeat(_)
            | Construct::Parallel(_)
            | Construct::WaitForEvent(_)
            | Construct::Approval(_) => self.journal.last(output?.get(STOPPED_AT)?.as_str()?),
        }
    }

    /// What handles a failure: failed when there is nothing that does, or when it fails itself.
    fn handler(
        &self,
        step: &'a Step,
        path: &str,
        last: &'a Log,
        rows: Rows<'a, '_>,
        level: Option<&Level<'a, '_>>,
    ) -> Flow<'a> {
        if step.on_error.is_empty() {
            return Flow::Failed(last);
        }
        let list = format!("{path}.onError");
        let level = Level { above: level, step: Some(step), path, list: &list, inside: Inside::Handler };
        match self.list(&step.on_error, rows, Some(&level)) {
            Flow::Done => Flow::Next(Next::Handled(last)),
            other => other,
        }
    }

    /// What is next in an open control step.
    fn inside(
        &self,
        step: &'a Step,
        construct: &'a Construct,
        row: &'a Log,
        rows: Rows<'a, '_>,
        level: Option<&Level<'a, '_>>,
    ) -> Flow<'a> {
        let path = path_in(step, level);
        let base = base(&path, row);
        let walk_list = |list: &str, steps: &'a [Step], rows: Rows<'a, '_>, inside: Inside| {
            let level = Level { above: level, step: Some(step), path: &path, list, inside };
            self.list(steps, rows, Some(&level))
        };
        let close = |closing| {
            let fails = matches!(closing, Closing::Failed(_) | Closing::Stopped(_));
            if fails && self.calls_below(&path) {
                // Nothing more begins in it; what is under way is let come to its end.
                return Flow::Next(Next::Wait(AT_ITS_END));
            }
            Flow::Next(Next::Close(Place::new(step, path.clone(), level), row, closing))
        };
        match construct {
            Construct::Branch(branch) => {
                for (part, steps) in taken(row).filter_map(|name| branch.named(name)) {
                    match walk_list(&format!("{base}.{part}"), steps, rows, Inside::Branch) {
                        Flow::Done => {}
                        Flow::Failed(log) => return close(Closing::Failed(log)),
                        Flow::Stopped(log) => return close(Closing::Stopped(log)),
                        Flow::Next(next) => return Flow::Next(next),
                    }
                }
                close(Closing::Done)
            }
            Construct::ForEach(each) => {
                self.items(each, row, rows, &base, &walk_list).map_or_else(Flow::Next, close)
            }
            Construct::Repeat(repeat) => {
                let checked = number(row, "iterations");
                let is_enough = output(row, "satisfied") == Some(&Value::Bool(true));
                if is_enough || checked >= repeat.rounds {
                    return close(Closing::Done);
                }
                if let Some(at) = row.resume_at.filter(|at| *at > self.now) {
                    return Flow::Next(Next::Wait(at));
                }
                let list = format!("{base}[{checked}]");
                let mut own = Vec::new();
                rows.each(|row| {
                    if row.step_path.starts_with(&list) {
                        own.push(row);
                    }
                });
                match walk_list(&list, &repeat.actions, Rows::Some(&own), Inside::Round(checked)) {
                    Flow::Done => Flow::Next(Next::Round(Place::new(step, path.clone(), level), row)),
                    Flow::Failed(log) => close(Closing::Failed(log)),
                    Flow::Stopped(log) => close(Closing::Stopped(log)),
                    Flow::Next(next) => Flow::Next(next),
                }
            }
            Construct::Parallel(parallel) => {
                self.branches(parallel, rows, &base, &walk_list).map_or_else(Flow::Next, close)
            }
            Construct::WaitForEvent(_) | Construct::Approval(_) => {
                let Some((part, steps)) = following(construct, row) else { return close(Closing::Done) };
                match walk_list(&format!("{base}.{part}"), steps, rows, Inside::Branch) {
                    Flow::Done => close(Closing::Done),
                    Flow::Failed(log) => close(Closing::Failed(log)),
                    Flow::Stopped(log) => close(Closing::Stopped(log)),
                    Flow::Next(next) => Flow::Next(next),
                }
            }
            Construct::Wait(_)
            | Construct::Set
            | Construct::Filter(_)
            | Construct::Stop(_)
            | Construct::RunWorkflow(_) => close(Closing::Done),
        }
    }

    /// Something inside of this step is under way outside.
    fn calls_below(&self, path: &str) -> bool {
        self.journal.calls().any(|row| is_below(&row.step_path, path))
    }

    /// How the items of a loop end, or what is next in them.
    fn items(
        &self,
        each: &'a ForEach,
        row: &'a Log,
        rows: Rows<'a, '_>,
        base: &str,
        walk_list: &WalkList<'_, 'a>,
    ) -> Result<Closing<'a>, Next<'a>> {
        let count = items(row).map_or(0, <[Value]>::len);
        let rounds = rounds(rows, base, count);
        let (mut failures, mut ahead, mut begun) = (Vec::with_capacity(count), Ahead::default(), 0);
        for (at, own) in rounds.iter().enumerate() {
            match walk_list(&format!("{base}[{at}]"), &each.actions, Rows::Some(own), Inside::Round(at)) {
                Flow::Done => failures.push(None),
                Flow::Failed(log) if each.goes_on => failures.push(Some(log)),
                Flow::Failed(log) => return Ok(Closing::Failed(log)),
                Flow::Stopped(log) => return Ok(Closing::Stopped(log)),
                Flow::Next(next) => {
                    ahead.note(next);
                    begun += 1;
                    if begun >= each.concurrency {
                        break;
                    }
                }
            }
        }
        ahead.next().map_or(Ok(Closing::Items(failures)), Err)
    }

    /// How parallel branches are joined, or what is next in them. All are looked at first: nothing begins in one when others have decided it.
    fn branches(
        &self,
        parallel: &'a Parallel,
        rows: Rows<'a, '_>,
        base: &str,
        walk_list: &WalkList<'_, 'a>,
    ) -> Result<Closing<'a>, Next<'a>> {
        let (mut finished, mut failed, mut first_failure) = (Vec::new(), Vec::new(), None);
        let mut ahead = Ahead::default();
        for (at, lane) in parallel.branches.iter().enumerate() {
            match walk_list(&format!("{base}.branches[{at}]"), &lane.actions, rows, Inside::Branch) {
                Flow::Done => finished.push(at),
                Flow::Failed(log) => {
                    failed.push(at);
                    first_failure = first_failure.or(Some(log));
                }
                Flow::Stopped(log) => return Ok(Closing::Stopped(log)),
                Flow::Next(next) => ahead.note(next),
            }
        }
        if finished.len() >= parallel.join {
            return Ok(Closing::Joined(finished, failed));
        }
        if let Some(log) = first_failure
            && parallel.branches.len() - failed.len() < parallel.join
            && !parallel.losers_finish
        {
            return Ok(Closing::Failed(log));
        }
        match (self.turn(parallel, base, ahead), first_failure) {
            (Some(next), _) => Err(next),
            (None, Some(log)) => Ok(Closing::Failed(log)),
            (None, None) => Ok(Closing::Joined(finished, failed)),
        }
    }

    /// What is next in the branches of a joined step that may run to their end.
    fn left_behind(
        &self,
        step: &'a Step,
        rows: Rows<'a, '_>,
        level: Option<&Level<'a, '_>>,
    ) -> Option<Next<'a>> {
        let Construct::Parallel(parallel) = step.construct.as_deref()? else { return None };
        let path = path_in(step, level);
        if !parallel.losers_finish {
            return None;
        }
        let joined = rows.last(&path).filter(|row| row.status == StepStatus::Completed)?;
        let base = base(&path, joined);
        let mut ahead = Ahead::default();
        for (at, lane) in parallel.branches.iter().enumerate() {
            let list = format!("{base}.branches[{at}]");
            let level =
                Level { above: level, step: Some(step), path: &path, list: &list, inside: Inside::Branch };
            match self.list(&lane.actions, rows, Some(&level)) {
                Flow::Done | Flow::Failed(_) | Flow::Stopped(_) => {}
                Flow::Next(next) => ahead.note(next),
            }
        }
        self.turn(parallel, &base, ahead)
    }

    /// What is next in the branches of a step: of interleaved ones nothing while a call is under way in one.
    fn turn(&self, parallel: &Parallel, base: &str, ahead: Ahead<'a>) -> Option<Next<'a>> {
        if parallel.interleaved && self.calls_below(base) {
            return Some(Next::Wait(ahead.wait.unwrap_or(AT_ITS_END)));
        }
        ahead.next()
    }
}

/// What is next in several lists that run at the same time: in the first that has something to do, else the earliest time.
#[derive(Default)]
struct Ahead<'a> {
    first: Option<Next<'a>>,
    wait: Option<Timestamp>,
}

impl<'a> Ahead<'a> {
    fn note(&mut self, next: Next<'a>) {
        match next {
            Next::Wait(at) => self.wait = Some(earliest(self.wait, at)),
            next => self.first = self.first.take().or(Some(next)),
        }
    }

    fn next(self) -> Option<Next<'a>> {
        self.first.or(self.wait.map(Next::Wait))
    }
}

/// When the time of an open control step is over. One that runs a workflow keeps to its time by itself.
pub(crate) fn deadline(step: &Step, row: &Log) -> Option<Timestamp> {
    match step.construct.as_deref()? {
        Construct::RunWorkflow(_) => None,
        _ => Some(row.started_at?.plus(step.timeout?)),
    }
}

fn earliest(known: Option<Timestamp>, at: Timestamp) -> Timestamp {
    known.map_or(at, |known| known.min(at))
}

/// A failure that was handled is none any more.
pub(crate) fn is_handled(row: &Log) -> bool {
    output(row, HANDLED) == Some(&Value::Bool(true))
}

/// The step has failed because its time was over, or that of one in it.
pub(crate) fn is_overdue(row: &Log) -> bool {
    output(row, OVERDUE).is_some()
}

fn output<'l>(row: &'l Log, key: &str) -> Option<&'l Value> {
    row.output_data.as_ref()?.get(key)
}

fn number(row: &Log, key: &str) -> usize {
    output(row, key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

fn taken(row: &Log) -> impl Iterator<Item = &str> {
    output(row, "taken").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The items of a loop, as they were when it began.
fn items(row: &Log) -> Option<&[Value]> {
    row.input_data.get("items")?.as_array().map(Vec::as_slice)
}

/// How many rounds of a loop there may be rows of, by its row.
pub(crate) fn round_count(row: &Log) -> usize {
    items(row).map_or_else(|| number(row, "iterations") + 1, <[Value]>::len)
}

/// The rows of each round of a loop whose rounds lie below `base`.
pub(crate) fn rounds<'a>(rows: Rows<'a, '_>, base: &str, count: usize) -> Vec<Vec<&'a Log>> {
    let mut found = vec![Vec::new(); count];
    rows.each(|row| {
        if let Some(round) = round_of(row, base).and_then(|round| found.get_mut(round)) {
            round.push(row);
        }
    });
    found
}

fn round_of(row: &Log, base: &str) -> Option<usize> {
    let (number, _) = row.step_path.strip_prefix(base)?.strip_prefix('[')?.split_once(']')?;
    number.parse().ok()
}

/// What came of each item of a loop: the output of its last step, or its error; null where there is none yet.
pub(crate) fn results(each: &ForEach, journal: &Journal, path: &str, row: &Log) -> Vec<Value> {
    let base = base(path, row);
    let rounds = rounds(Rows::All(&journal.rows), &base, items(row).map_or(0, <[Value]>::len));
    let result = |(at, rows): (usize, &Vec<&Log>)| {
        let last = |step: &Step| Rows::Some(rows).last(&format!("{base}[{at}].{}", step.id));
        let failed =
            each.actions.iter().filter(|step| step.critical).find_map(|step| {
                last(step).filter(|row| row.status == StepStatus::Failed && !is_handled(row))
            });
        match failed {
            Some(row) => serde_json::json!({"error": row.error}),
            None => each.actions.last().and_then(last).map(Log::output).unwrap_or_default(),
        }
    };
    rounds.iter().enumerate().map(result).collect()
}
