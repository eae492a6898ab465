//! Whether the place where an execution stands exists in another version, and what is then to be written into its journal. Pure.
//!
//! A run stands where its journal has open rows (a wait, a step that was put off or will be tried again, the control steps around them) and, when
//! the whole run is tried again, where it failed. Each of these places must be there with the same type. What has been decided is in the rows
//! and stays: the branch that was taken, the items of a loop, the end of a wait. So the lists that these decisions name must be there, and the
//! steps of a loop under way must be the same, for its rounds are told apart by number alone.
//!
//! The walk begins at the top and performs the first step that has no row. A step that the new version has in front of the place would so be
//! performed late and out of its order; it gets a row that says it was passed over. One that the old version had behind the place and the new one
//! has in front of it would never run, which nobody can want: such an execution stays. In the end the walks of both versions are asked what is
//! next; when they do not agree, it stays too.

use std::collections::HashSet;

use model::{ExecutionStatus, StepStatus, Timestamp, execution::Execution, journal::Log};
use rules::{Compiled, Construct, Step};
use serde_json::Value;

use crate::{
    rows,
    walk::{self, CONDITIONS, Journal, Next},
};

/// Two versions, and the number of the newer one.
#[derive(Debug, Clone, Copy)]
pub struct Versions<'c> {
    /// What the execution runs.
    pub old: &'c Compiled,
    /// What it shall run.
    pub new: &'c Compiled,
    /// The number of that.
    pub number: i64,
}

/// The rows to add when the execution goes on with the new version, or why it cannot, in a sentence.
///
/// # Errors
/// The reason.
pub fn moved(
    versions: Versions<'_>,
    execution: &Execution,
    logs: &[Log],
    now: Timestamp,
) -> Result<Vec<Log>, String> {
    let journal = Journal::new(logs.to_vec());
    if walk::has_failed(&journal) {
        return Err("it has failed, and its onFailure is under way: that is done by the version that failed"
            .to_owned());
    }
    let run = Run { versions, execution, journal: &journal, now };
    let paths: HashSet<&str> = journal.rows().map(|row| row.step_path.as_str()).collect();
    for path in paths.iter().filter(|path| **path != CONDITIONS) {
        if let Some(row) = journal.last(path) {
            run.fits(row)?;
        }
    }
    let mut passed = Vec::new();
    run.list((&versions.old.steps, &versions.new.steps), None, &mut passed)?;
    let journal = journal.with(&passed.iter().cloned().map(std::sync::Arc::new).collect::<Vec<_>>());
    let rests = matches!(execution.progress.status, ExecutionStatus::Waiting | ExecutionStatus::Retrying);
    let next = |compiled| goes_on(&walk::next(compiled, &journal, execution.progress.retry_count, now));
    let (before, after) = (next(versions.old), next(versions.new));
    if rests && before != after {
        return Err(format!("in version {} it would {after}, and now it would {before}", versions.number));
    }
    Ok(passed)
}

/// What is next, as far as two versions can be compared.
fn goes_on(next: &Next<'_>) -> String {
    match next {
        Next::Perform { place, .. } => format!("perform step {}", place.path),
        Next::Round(_, row) => format!("begin a round of step {}", row.step_path),
        Next::Close(_, row, _) => format!("end step {}", row.step_path),
        Next::Handled(row) => format!("go on behind step {}", row.step_path),
        Next::Wake(_, row) => format!("wake at step {}", row.step_path),
        Next::Sweep(_) | Next::End(_) => "end".to_owned(),
        Next::Wait(at) => format!("wait until {at}"),
    }
}

struct Run<'r> {
    versions: Versions<'r>,
    execution: &'r Execution,
    journal: &'r Journal,
    now: Timestamp,
}

impl Run<'_> {
    /// The run stands here: more is to come of this row.
    fn is_open(&self, row: &Log) -> bool {
        let will_be_tried = row.status == StepStatus::Failed
            && !walk::is_handled(row)
            && (row.resume_at.is_some() || self.fails_the_run(row));
        row.is_open() || will_be_tried
    }

    /// This row is why the whole run is tried again.
    fn fails_the_run(&self, row: &Log) -> bool {
        self.execution.progress.status == ExecutionStatus::Retrying
            && row.retry_count < self.execution.progress.retry_count
            && walk::find(&self.versions.old.steps, &row.step_path).is_some_and(|step| step.critical)
    }

    /// Whether the latest row of a place means the same in the new version.
    fn fits(&self, row: &Log) -> Result<(), String> {
        let Versions { old, new, number } = self.versions;
        let path = &row.step_path;
        let (before, after) = (walk::find(&old.steps, path), walk::find(&new.steps, path));
        let is_open = self.is_open(row);
        let Some(after) = after else {
            let stands = before.map_or_else(String::new, |step| format!(" ({})", step.action_type));
            return if is_open {
                Err(format!("it stands at step {path}{stands}, which version {number} does not have there"))
            } else {
                Ok(())
            };
        };
        let Some(before) = before else {
            return if is_open {
                Err(format!("it stands at step {path}, which its own version does not have"))
            } else {
                Ok(())
            };
        };
        let is_other = before.action_type != after.action_type;
        let is_control = before.construct.is_some() || after.construct.is_some();
        if is_other && (is_open || is_control) {
            return Err(format!(
                "step {path} is {} in version {number}, and was {} when it ran",
                after.action_type, before.action_type
            ));
        }
        if is_open || self.is_open_below(path) { self.holds_the_same(row, before, after) } else { Ok(()) }
    }

    fn is_open_below(&self, path: &str) -> bool {
        self.journal.rows().filter(|row| walk::is_below(&row.step_path, path)).any(Log::is_open)
    }

    /// Whether what this row has decided can be gone on with.
    fn holds_the_same(&self, row: &Log, before: &Step, after: &Step) -> Result<(), String> {
        let (path, number) = (&row.step_path, self.versions.number);
        match (before.construct.as_deref(), after.construct.as_deref()) {
            (Some(Construct::Branch(was)), Some(Construct::Branch(is))) => {
                let place = |branch: &rules::Branch, name: &str| branch.named(name).map(|(list, _)| list);
                let taken =
                    row.output_data.as_ref().and_then(|output| output.get("taken")).and_then(Value::as_array);
                let lost = taken
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .find(|name| place(was, name) != place(is, name));
                lost.map_or(Ok(()), |name| {
                    Err(format!("step {path} took the branch \"{name}\", which version {number} does not have at the same place"))
                })
            }
            (Some(Construct::Parallel(was)), Some(Construct::Parallel(is))) => {
                let names = |parallel: &rules::Parallel| {
                    parallel.branches.iter().map(|lane| lane.name.clone()).collect::<Vec<_>>()
                };
                if names(was) != names(is) {
                    return Err(format!(
                        "the branches of step {path} are under way, and in version {number} they are others"
                    ));
                }
                if was.losers_finish != is.losers_finish {
                    return Err(format!(
                        "the branches of step {path} are under way, and in version {number} those that lose end otherwise"
                    ));
                }
                Ok(())
            }
            (Some(was), Some(is)) if was.is_loop() => {
                let same = was.lists().zip(is.lists()).all(|((_, was), (_, is))| have_one_shape(was, is));
                if same {
                    Ok(())
                } else {
                    Err(format!("the loop {path} is under way, and in version {number} its steps are others"))
                }
            }
            _ => Ok(()),
        }
    }

    /// Collects the rows of steps that are passed over in a list and inside of its steps.
    fn list(
        &self,
        (old, new): (&[Step], &[Step]),
        list: Option<&str>,
        passed: &mut Vec<Log>,
    ) -> Result<(), String> {
        let path_of =
            |step: &Step| list.map_or_else(|| step.id.clone(), |list| format!("{list}.{}", step.id));
        let has_run = |step: &Step| self.journal.last(&path_of(step)).is_some();
        let Some(furthest) = new.iter().rposition(has_run) else { return Ok(()) };
        // A list that is over stays so: what the new version has at its end is passed over too.
        let is_over = list.is_some_and(|list| !self.is_open_below(list))
            && old
                .last()
                .and_then(|step| self.journal.last(&path_of(step)))
                .is_some_and(|row| !self.is_open(row));
        let reached = if is_over { new.len() } else { furthest };
        for step in &new[..reached] {
            if has_run(step) {
                continue;
            }
            if !self.ran_elsewhere(step) && knows(&self.versions.old.steps, &step.id) {
                return Err(format!(
                    "step {} is in front of the place where it stands in version {}, and was behind it: it would never run",
                    step.id, self.versions.number
                ));
            }
            passed.push(self.passed_over(step, path_of(step), passed.len()));
        }
        for step in &new[..=furthest] {
            let path = path_of(step);
            let goes_in =
                self.journal.last(&path).is_some_and(|row| self.is_open(row)) || self.is_open_below(&path);
            let before = old.iter().find(|before| before.id == step.id);
            let (Some(before), true) = (before, goes_in) else { continue };
            self.list((&before.on_error, &step.on_error), Some(&format!("{path}.onError")), passed)?;
            if let (Some(was), Some(is)) = (before.construct.as_deref(), step.construct.as_deref())
                && !is.is_loop()
            {
                let base =
                    self.journal.last(&path).map_or(path.as_str().into(), |row| walk::base(&path, row));
                let known: Vec<(String, &[Step])> = was.lists().collect();
                for (name, steps) in is.lists() {
                    let before =
                        known.iter().find(|(other, _)| *other == name).map_or(&[][..], |(_, steps)| *steps);
                    self.list((before, steps), Some(&format!("{base}.{name}")), passed)?;
                }
            }
        }
        Ok(())
    }

    /// The step has run where it stood before.
    fn ran_elsewhere(&self, step: &Step) -> bool {
        self.journal.rows().any(|row| row.step_id == step.id)
    }

    fn passed_over(&self, step: &Step, path: String, before: usize) -> Log {
        let place = walk::Place { step, path: path.into(), frames: Vec::new() };
        let begun = rows::begun(self.execution, self.journal, &place, 1, self.now);
        Log {
            step_number: begun.step_number + i64::try_from(before).unwrap_or(0),
            status: StepStatus::Skipped,
            output_data: Some(
                serde_json::json!({
                    "reason": format!("the run was moved to version {} when it stood behind this step", self.versions.number)
                })
                .into(),
            ),
            completed_at: Some(self.now),
            duration_ms: Some(0),
            ..begun
        }
    }
}

/// The definition has a step of this id anywhere.
fn knows(steps: &[Step], id: &str) -> bool {
    steps.iter().any(|step| {
        let mut lists = step.construct.iter().flat_map(|construct| construct.lists());
        step.id == id || knows(&step.on_error, id) || lists.any(|(_, steps)| knows(steps, id))
    })
}

/// The same steps, whatever their configs say.
fn have_one_shape(one: &[Step], other: &[Step]) -> bool {
    let same = |(one, other): (&Step, &Step)| {
        let lists = |step: &Step| {
            let lists = step.construct.iter().flat_map(|construct| construct.lists());
            lists.map(|(name, steps)| (name, steps.to_vec())).collect::<Vec<_>>()
        };
        let (was, is) = (lists(one), lists(other));
        one.id == other.id
            && one.action_type == other.action_type
            && have_one_shape(&one.on_error, &other.on_error)
            && was.len() == is.len()
            && was.iter().zip(&is).all(|((name, was), (other, is))| name == other && have_one_shape(was, is))
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}
