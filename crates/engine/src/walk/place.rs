//! A place in the tree of steps: its path, and what it is inside of.
//!
//! The lists of a step lie below its path: `s3.branches[0].s1`, `s4[2].s1`, `s2.onError.s5`. When a step that holds others is run anew from its beginning
//! ([`try_of`]), its lists lie below the number of its try, `s3~2.branches[0].s1`, so that nothing of an earlier try is found there. An id has no `~`.

use std::borrow::Cow;

use model::journal::Log;
use rules::{Compiled, Construct, Step, definition::ON_FAILURE};

use super::is_about_failure;

/// Where a step stands.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its path: its id at the top level; inside of others `s3.branches[0].s1`, `s4[2].s1`.
    pub path: Cow<'a, str>,
    /// What it is inside of, from the outside in.
    pub frames: Vec<Frame<'a>>,
}

/// A step that holds another.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    /// The step that holds it; none: the workflow itself, as it does its `onFailure`.
    pub step: Option<&'a Step>,
    /// Where that one stands; where the run failed, for `onFailure`.
    pub path: String,
    /// The path of the list that is run: `s3.branches[0]`.
    pub list: String,
    /// Which of its lists it is.
    pub inside: Inside,
}

/// Which of a step's lists is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// A branch.
    Branch,
    /// The round of a loop, counted from 0.
    Round(usize),
    /// What handles its failure.
    Handler,
    /// What the workflow does when its run has failed.
    Failure,
}

impl Frame<'_> {
    /// What runs in this list may have others beside it: branches, or items of a loop.
    pub(crate) fn splits(&self) -> bool {
        match self.step.and_then(|step| step.construct.as_deref()) {
            Some(Construct::Parallel(_)) => self.inside == Inside::Branch,
            Some(Construct::ForEach(each)) => each.concurrency > 1 && matches!(self.inside, Inside::Round(_)),
            _ => false,
        }
    }
}

/// The same while walking: on the stack, so that a flat workflow costs nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level<'a, 'p> {
    pub(super) above: Option<&'p Level<'a, 'p>>,
    pub(super) step: Option<&'a Step>,
    pub(super) path: &'p str,
    pub(super) list: &'p str,
    pub(super) inside: Inside,
}

impl<'a> Place<'a> {
    pub(super) fn new(step: &'a Step, path: Cow<'a, str>, level: Option<&Level<'a, '_>>) -> Self {
        let mut frames = Vec::new();
        let mut next = level;
        while let Some(level) = next {
            frames.push(Frame {
                step: level.step,
                path: level.path.to_owned(),
                list: level.list.to_owned(),
                inside: level.inside,
            });
            next = level.above;
        }
        frames.reverse();
        Self { step, path, frames }
    }

    /// The place within a round of this loop: from where its steps are seen.
    #[must_use]
    pub fn within(mut self, round: usize) -> Self {
        let (path, list) = (self.path.to_string(), format!("{}[{round}]", self.path));
        self.frames.push(Frame { step: Some(self.step), path, list, inside: Inside::Round(round) });
        self
    }
}

/// A step's path within a list.
pub(super) fn path_in<'a>(step: &'a Step, level: Option<&Level<'a, '_>>) -> Cow<'a, str> {
    match level {
        None => Cow::Borrowed(&step.id),
        Some(level) => Cow::Owned(format!("{}.{}", level.list, step.id)),
    }
}

/// In the input of a step that holds others: which try this is, from the second on.
pub(crate) const TRY: &str = "try";

/// How often the step of a row has been begun from its beginning.
pub(crate) fn try_of(row: &Log) -> u64 {
    row.input_data.get(TRY).and_then(serde_json::Value::as_u64).unwrap_or(1)
}

/// Below what the lists of a step lie whose row this is.
pub(crate) fn base<'p>(path: &'p str, row: &Log) -> Cow<'p, str> {
    match try_of(row) {
        1 => Cow::Borrowed(path),
        number => Cow::Owned(format!("{path}~{number}")),
    }
}

/// A path lies inside of the step at another, in whichever of its tries.
pub(crate) fn is_below(path: &str, step: &str) -> bool {
    path.strip_prefix(step).is_some_and(|rest| rest.starts_with(['.', '[', '~']))
}

/// The steps that lead to a path, it included: the path of each, and the number of the try in which the path goes on; none where it goes on in what handles
/// the failure of all of them.
pub(crate) fn steps_to(path: &str) -> impl Iterator<Item = (&str, Option<u64>)> {
    let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    ends.scan(0, move |start, end| {
        let part = &path[*start..end];
        let inside = part.find(['~', '[']).unwrap_or(part.len());
        let number = part[inside..].strip_prefix('~').and_then(|rest| rest.split('[').next()?.parse().ok());
        let step = &path[..*start + inside];
        *start = end + 1;
        let is_handled = path[end..].starts_with(".onError.");
        Some((step, (!is_handled).then(|| number.unwrap_or(1))))
    })
}

/// Whether a definition has this place.
pub(crate) fn exists(steps: &[Step], path: &str) -> bool {
    find(steps, path).is_some()
}

/// The step that a definition has at this place.
pub(crate) fn find<'s>(steps: &'s [Step], path: &str) -> Option<&'s Step> {
    descend(steps, path, 0, Vec::new()).map(|place| place.step)
}

/// The place of this path; `failed` is where the run failed, when it has.
pub(crate) fn place_of<'s>(compiled: &'s Compiled, path: &str, failed: Option<&Log>) -> Option<Place<'s>> {
    if !is_about_failure(path) {
        return descend(&compiled.steps, path, 0, Vec::new());
    }
    let about = Frame {
        step: None,
        path: failed?.step_path.clone(),
        list: ON_FAILURE.to_owned(),
        inside: Inside::Failure,
    };
    descend(&compiled.on_failure, path, ON_FAILURE.len() + 1, vec![about])
}

/// Goes down the tree along a path, whose part from `start` on lies in this list.
fn descend<'s>(
    mut steps: &'s [Step],
    path: &str,
    mut start: usize,
    mut frames: Vec<Frame<'s>>,
) -> Option<Place<'s>> {
    let end_of = |start: usize| path[start..].find('.').map_or(path.len(), |at| start + at);
    loop {
        let end = end_of(start);
        let part = path.get(start..end)?;
        let (held, round) = part.split_once('[').map_or((part, None), |(held, round)| (held, Some(round)));
        let id = held.split_once('~').map_or(held, |(id, _)| id);
        let step = steps.iter().find(|step| step.id == id)?;
        if end == path.len() {
            let is_step = part == id;
            return is_step.then(|| Place { step, path: Cow::Owned(path.to_owned()), frames });
        }
        let mut lists = step.construct.iter().flat_map(|construct| construct.lists());
        let (inside, list_end) = match round {
            Some(round) => (Inside::Round(round.strip_suffix(']')?.parse().ok()?), end),
            None if path[end + 1..].starts_with("onError.") => (Inside::Handler, end_of(end + 1)),
            None => (Inside::Branch, end_of(end + 1)),
        };
        let name = path.get(end + 1..list_end).unwrap_or_default();
        steps = match inside {
            Inside::Handler => &step.on_error,
            // A loop has one list, which has no name.
            _ => lists.find(|(list, _)| list == name).map(|(_, steps)| steps)?,
        };
        frames.push(Frame {
            step: Some(step),
            path: path[..start + id.len()].to_owned(),
            list: path[..list_end].to_owned(),
            inside,
        });
        start = list_end + 1;
    }
}

#[cfg(test)]
mod tests {
    use model::workflow::Definition;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_is_found_by_its_path_with_all_that_is_around_it() {
        let tag = |id: &str| json!({"id": id, "type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": "x"}});
        let actions = json!([{"id": "p", "type": "parallel", "config": {"branches": [
            {"name": "a", "actions": [tag("t")]},
            {"name": "b", "actions": [{"id": "each", "type": "for_each", "config": {"items": [1], "concurrency": 2, "actions": [tag("in")]}, "onError": [tag("h")]}]},
        ]}}]);
        let definition = json!({"name": "A", "description": null, "trigger_event": "manual", "trigger_config": {}, "conditions": [], "actions": actions,
            "log_unmatched": true, "onFailure": [{"id": "if", "type": "branch", "config": {"branches": [{"name": "n", "conditions": [], "actions": []}], "else": [tag("sad")]}}]});
        let definition: Definition = serde_json::from_value(definition).unwrap();
        let compiled = rules::compile(&definition, actions::catalog()).unwrap();
        let around = |path: &str| {
            let place = place_of(&compiled, path, None)?;
            assert_eq!(place.path, path);
            let told = place
                .frames
                .iter()
                .map(|frame| format!("{} {:?} {}", frame.list, frame.inside, frame.splits()));
            Some(format!("{}: {}", place.step.id, told.collect::<Vec<_>>().join(", ")))
        };
        let found = [
            ("p", Some("p: ")),
            ("p.branches[0].t", Some("t: p.branches[0] Branch true")),
            (
                "p~2.branches[1].each~3[0].in",
                Some("in: p~2.branches[1] Branch true, p~2.branches[1].each~3[0] Round(0) true"),
            ),
            (
                "p.branches[1].each.onError.h",
                Some("h: p.branches[1] Branch true, p.branches[1].each.onError Handler false"),
            ),
            ("p.branches[2].t", None),
            ("p[0].t", None),
            ("p.branches[1].each[0]", None),
            // Where the run failed is not known.
            ("onFailure.if.else.sad", None),
        ];
        for (path, expected) in found {
            assert_eq!(around(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_path_names_the_steps_that_lead_to_it_with_their_tries() {
        let told: Vec<_> = steps_to("s3~2.branches[0].s5~3[1].s6").collect();
        let expected = [
            ("s3", Some(2)),
            ("s3~2.branches", Some(1)),
            ("s3~2.branches[0].s5", Some(3)),
            ("s3~2.branches[0].s5~3[1].s6", Some(1)),
        ];
        assert_eq!(told, expected);
        assert_eq!(steps_to("s3.onError.s4").next(), Some(("s3", None)));
        assert!(is_below("s3~2.branches[0].s5", "s3") && !is_below("s31.else.s5", "s3"));
    }
}
