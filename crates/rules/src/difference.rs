//! What is different between two definitions, in words: for whoever reads two versions, a draft beside what runs, or what a file would
//! change.
//!
//! Both sides are the fields as they are sent out, so secrets are masked before they get here. Steps are told apart by their ids, wherever
//! they stand, so a step that was moved is one difference and not two. Of two lists in which the same things have another order the fewest
//! are said to have moved. Pure.

mod value;
mod words;

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    definition::ON_FAILURE,
    schema::below,
    step::tree::{lists, without_steps},
};

use self::words::{named, place, shown};

model::named! {
    /// What became of something.
    DifferenceKind {
        /// It is only in the second.
        Added = "added",
        /// It is only in the first.
        Removed = "removed",
        /// The same step stands elsewhere.
        Moved = "moved",
        /// It is in both and not the same.
        Changed = "changed",
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// What became of it.
    pub kind: DifferenceKind,
    /// Where it is in the second; of what was removed, where it was in the first: `actions[1].config.to`.
    pub path: String,
    /// The id of the step that it is about; none: it is about the workflow itself.
    pub step: Option<String>,
    /// What the first says; of a step that moved, the path where it was.
    pub before: Option<Value>,
    /// What the second says.
    pub after: Option<Value>,
    /// All of it in a sentence.
    pub message: String,
}

/// Every difference of two definitions: fields first, then steps that are gone, then the others in the order of the second.
#[must_use]
pub fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    for name in names.filter(|name| *name != "actions" && *name != ON_FAILURE) {
        let at = value::Place { path: &below("", name), subject: "" };
        value::compare(at, before.get(name), after.get(name), &mut |leaf| found.push(leaf.of(None)));
    }
    let (before, after) = (Flat::of(before), Flat::of(after));
    for step in before.steps.iter().filter(|step| after.find(&step.key).is_none()) {
        found.extend(before.alone(step, &after, DifferenceKind::Removed));
    }
    let moved = moved(&before, &after);
    for step in &after.steps {
        match before.find(&step.key) {
            None => found.extend(after.alone(step, &before, DifferenceKind::Added)),
            Some(was) => {
                if moved.contains(&step.key) {
                    found.push(Difference {
                        kind: DifferenceKind::Moved,
                        path: step.path.clone(),
                        step: Some(step.key.id.clone()),
                        before: Some(Value::from(was.path.as_str())),
                        after: Some(Value::from(step.path.as_str())),
                        message: format!(
                            "{} was moved: it was {} and is {}",
                            named(step.step),
                            place(was),
                            place(step)
                        ),
                    });
                }
                changed(was, step, &mut found);
            }
        }
    }
    found
}

/// What tells steps apart: the id; in a draft that has it twice, with a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    id: String,
    again: usize,
}

/// A list of steps inside of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Inside {
    /// Which step holds it; none: the workflow itself, its `onFailure`.
    holder: Option<Key>,
    /// `branches[unhappy]`, `onError`.
    list: String,
}

/// A step and where it stands.
struct Placed<'v> {
    key: Key,
    /// In the definition: `actions[1].config.branches[0].actions[0]`.
    path: String,
    /// The list that it is in; none at the top.
    list: Option<Inside>,
    /// The step before it in its list.
    after: Option<String>,
    step: &'v Value,
    /// Behind the last step inside of it, in the order of all.
    end: usize,
}

/// Every step of a definition, outer ones first.
struct Flat<'v> {
    steps: Vec<Placed<'v>>,
    known: HashMap<Key, usize>,
    /// How often each id has come.
    seen: HashMap<String, usize>,
}

impl<'v> Flat<'v> {
    fn of(definition: &'v Map<String, Value>) -> Self {
        let mut flat = Self { steps: Vec::new(), known: HashMap::new(), seen: HashMap::new() };
        if let Some(actions) = definition.get("actions") {
            flat.read(actions, "actions", None);
        }
        if let Some(steps) = definition.get(ON_FAILURE) {
            flat.read(steps, ON_FAILURE, Some(&Inside { holder: None, list: ON_FAILURE.to_owned() }));
        }
        flat
    }

    fn read(&mut self, list: &'v Value, path: &str, inside: Option<&Inside>) {
        let mut previous = None;
        for (at, step) in list.as_array().into_iter().flatten().enumerate() {
            let id = step.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let again = self.seen.entry(id.clone()).or_default();
            let key = Key { id, again: *again };
            *again += 1;
            self.known.insert(key.clone(), self.steps.len());
            let path = format!("{path}[{at}]");
            let own = self.steps.len();
            self.steps.push(Placed {
                key: key.clone(),
                path: path.clone(),
                list: inside.cloned(),
                after: previous.replace(key.id.clone()),
                step,
                end: own + 1,
            });
            for (place, inner) in lists(step) {
                let holds = Inside { holder: Some(key.clone()), list: list_name(step, &place) };
                self.read(inner, &format!("{path}.{place}"), Some(&holds));
            }
            self.steps[own].end = self.steps.len();
        }
    }

    fn find(&self, key: &Key) -> Option<&Placed<'v>> {
        self.known.get(key).map(|at| &self.steps[*at])
    }

    /// A step that only this side has, which makes it added or removed; none when it came or went with the step around it.
    fn alone(&self, step: &Placed<'_>, other: &Self, kind: DifferenceKind) -> Option<Difference> {
        let holder = step.list.as_ref().and_then(|inside| inside.holder.as_ref());
        if holder.is_some_and(|holder| other.find(holder).is_none()) {
            return None;
        }
        let begin = self.known.get(&step.key).map_or(step.end, |own| own + 1);
        let inside = self.steps.get(begin..step.end).unwrap_or_default();
        let with = match inside.iter().filter(|inner| other.find(&inner.key).is_none()).count() {
            0 => String::new(),
            1 => " with the step in it".to_owned(),
            more => format!(" with the {more} steps in it"),
        };
        let is_removed = kind == DifferenceKind::Removed;
        let verb = if is_removed { "was removed; it was" } else { "was added" };
        let (before, after) = if is_removed { (Some(step.step), None) } else { (None, Some(step.step)) };
        Some(Difference {
            kind,
            path: step.path.clone(),
            step: Some(step.key.id.clone()),
            before: before.cloned(),
            after: after.cloned(),
            message: format!("{}{with} {verb} {}", named(step.step), place(step)),
        })
    }
}

/// `branches[unhappy]` of `config.branches[0].actions`, whose number may change; else the list's own name.
fn list_name(step: &Value, place: &str) -> String {
    let place = place.strip_prefix("config.").unwrap_or(place);
    let at = place.strip_prefix("branches[").and_then(|rest| rest.split_once(']')?.0.parse::<usize>().ok());
    let name = at.and_then(|at| step["config"]["branches"][at]["name"].as_str());
    name.map_or_else(|| place.to_owned(), |name| format!("branches[{name}]"))
}

/// The steps of both sides that stand elsewhere: in another list, or past others of theirs.
fn moved(before: &Flat<'_>, after: &Flat<'_>) -> HashSet<Key> {
    let mut moved = HashSet::new();
    let mut stayed: HashMap<Option<&Inside>, Vec<(usize, &Key)>> = HashMap::new();
    for step in &after.steps {
        let Some(at) = before.known.get(&step.key) else { continue };
        if before.steps[*at].list == step.list {
            stayed.entry(step.list.as_ref()).or_default().push((*at, &step.key));
        } else {
            moved.insert(step.key.clone());
        }
    }
    for list in stayed.values() {
        let kept = longest_rising(&list.iter().map(|(at, _)| *at).collect::<Vec<_>>());
        moved.extend(
            list.iter().enumerate().filter(|(at, _)| !kept.contains(at)).map(|(_, (_, key))| (*key).clone()),
        );
    }
    moved
}

/// The places of a longest rising part of the numbers: what can be left where it is. By the smallest ends of rising parts of each length, which rise
/// themselves, so that the one to lengthen is found by halves.
fn longest_rising(numbers: &[usize]) -> HashSet<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut next = ends.last().copied();
    let mut kept = HashSet::new();
    while let Some(at) = next {
        kept.insert(at);
        next = before[at];
    }
    kept
}

/// What is different in a step, apart from the steps in it.
fn changed(was: &Placed<'_>, is: &Placed<'_>, found: &mut Vec<Difference>) {
    let subject = named(is.step);
    let fields = |placed: &Placed<'_>| {
        let mut fields = placed.step.as_object().cloned().unwrap_or_default();
        fields.insert("config".to_owned(), without_steps(placed.step));
        fields.shift_remove("onError");
        fields
    };
    let (before, after) = (fields(was), fields(is));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    // What kind of step it is comes first.
    names.sort_by_key(|name| *name != "type");
    for name in names {
        let path = below("", name);
        let at = value::Place { path: &path, subject: &subject };
        value::compare(at, before.get(name), after.get(name), &mut |mut leaf| {
            let dot = if leaf.path.starts_with('[') { "" } else { "." };
            leaf.path = format!("{}{dot}{}", is.path, leaf.path);
            found.push(leaf.of(Some(is.key.id.clone())));
        });
    }
}

/// A part of a definition that is not the same.
struct Leaf<'v> {
    path: String,
    before: Option<&'v Value>,
    after: Option<&'v Value>,
    /// `send_email s1: config.to`, or the path alone.
    subject: String,
    /// Something else than "was … and is …".
    words: Option<String>,
}

impl Leaf<'_> {
    fn of(self, step: Option<String>) -> Difference {
        let (kind, words) = match (self.before, self.after) {
            (None, None) => (DifferenceKind::Changed, String::new()),
            (None, after) => {
                (DifferenceKind::Added, format!("was added: {}", after.map(shown).unwrap_or_default()))
            }
            (Some(before), None) => {
                (DifferenceKind::Removed, format!("was removed; it was {}", shown(before)))
            }
            (Some(before), Some(after)) => {
                (DifferenceKind::Changed, format!("was {} and is {}", shown(before), shown(after)))
            }
        };
        Difference {
            kind,
            path: self.path,
            step,
            before: self.before.cloned(),
            after: self.after.cloned(),
            message: format!("{} {}", self.subject, self.words.unwrap_or(words)),
        }
    }
}
