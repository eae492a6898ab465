//! Two values, part by part: objects by their names, lists of named things by the names, other lists by their places.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::Leaf;
use crate::schema::below;

/// Where a value stands, and whose it is.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) path: &'p str,
    /// `step s1 (send_email)`; empty: the workflow's own.
    pub(super) subject: &'p str,
}

/// Tells of every smallest part that is not the same. Null is nothing.
pub(super) fn compare<'v>(
    at: Place<'_>,
    before: Option<&'v Value>,
    after: Option<&'v Value>,
    tell: &mut impl FnMut(Leaf<'v>),
) {
    let given = |side: Option<&'v Value>| side.filter(|value| !value.is_null());
    let (before, after) = (given(before), given(after));
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) if !is_condition(before, after) => {
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            // Databases have an order of their own.
            names.sort_unstable();
            names.dedup();
            for name in names {
                let path = below(at.path, name);
                compare(Place { path: &path, ..at }, before.get(name), after.get(name), tell);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => match (names(left), names(right)) {
            (Some(first), Some(second)) => by_name(at, (left, &first), (right, &second), tell),
            _ if left.len() == right.len() => {
                for (number, (left, right)) in left.iter().zip(right).enumerate() {
                    let path = format!("{}[{number}]", at.path);
                    compare(Place { path: &path, ..at }, Some(left), Some(right), tell);
                }
            }
            _ => tell(leaf(at, before, after)),
        },
        _ => tell(leaf(at, before, after)),
    }
}

/// A condition is read as a whole.
fn is_condition(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    [before, after].iter().all(|side| side.contains_key("field") && side.contains_key("operator"))
}

/// The names of a list's elements, when each has its own.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    let names: Vec<&str> = list.iter().map(|one| one.get("name")?.as_str()).collect::<Option<_>>()?;
    let are_unique = names.iter().collect::<HashSet<_>>().len() == names.len();
    (are_unique && !names.is_empty()).then_some(names)
}

fn by_name<'v>(
    at: Place<'_>,
    (before, first): (&'v [Value], &[&'v str]),
    (after, second): (&'v [Value], &[&'v str]),
    tell: &mut impl FnMut(Leaf<'v>),
) {
    let subject = |name: &str| subject_of(at, &format!("{}[{name}]", at.path));
    let places = |names: &[&'v str]| names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
    let (was_at, is_at): (HashMap<&str, usize>, HashMap<&str, usize>) = (places(first), places(second));
    for (number, name) in first.iter().enumerate().filter(|(_, name)| !is_at.contains_key(*name)) {
        let path = format!("{}[{number}]", at.path);
        tell(Leaf { path, before: Some(&before[number]), after: None, subject: subject(name), words: None });
    }
    for (number, name) in second.iter().enumerate() {
        let path = format!("{}[{number}]", at.path);
        match was_at.get(name).copied() {
            None => tell(Leaf {
                path,
                before: None,
                after: Some(&after[number]),
                subject: subject(name),
                words: None,
            }),
            Some(was) => compare(Place { path: &path, ..at }, Some(&before[was]), Some(&after[number]), tell),
        }
    }
    let common = |names: &[&'v str], others: &HashMap<&str, usize>| -> Vec<&str> {
        names.iter().copied().filter(|name| others.contains_key(name)).collect()
    };
    let (was, is) = (common(first, &is_at), common(second, &was_at));
    if was != is {
        let words = format!("are in another order: it was {} and is {}", was.join(", "), is.join(", "));
        tell(Leaf { words: Some(words), ..leaf(at, None, None) });
    }
}

fn leaf<'v>(at: Place<'_>, before: Option<&'v Value>, after: Option<&'v Value>) -> Leaf<'v> {
    Leaf { path: at.path.to_owned(), before, after, subject: subject_of(at, at.path), words: None }
}

fn subject_of(at: Place<'_>, path: &str) -> String {
    if at.subject.is_empty() { path.to_owned() } else { format!("{}: {path}", at.subject) }
}
