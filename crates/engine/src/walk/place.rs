//! A place in the tree of steps: its path, and what it is inside of.

use std::borrow::Cow;

use rules::Step;

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

/// Whether a definition has this place.
pub(crate) fn exists(steps: &[Step], path: &str) -> bool {
    find(steps, path).is_some()
}

/// The step that a definition has at this place.
pub(crate) fn find<'s>(steps: &'s [Step], path: &str) -> Option<&'s Step> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (id, is_round) = first.split_once('[').map_or((first, false), |(id, _)| (id, true));
    let step = steps.iter().find(|step| step.id == id)?;
    let Some(rest) = rest else { return (!is_round).then_some(step) };
    let (name, below) = rest.split_once('.').unwrap_or((rest, ""));
    let mut lists = step.construct.iter().flat_map(|construct| construct.lists());
    if is_round {
        let is_loop = step.construct.as_ref().is_some_and(|construct| construct.is_loop());
        return lists.filter(|_| is_loop).find_map(|(_, steps)| find(steps, rest));
    }
    if name == "onError" {
        return find(&step.on_error, below);
    }
    lists.find(|(list, _)| list == name).and_then(|(_, steps)| find(steps, below))
}
