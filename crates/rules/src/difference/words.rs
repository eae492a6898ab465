//! Steps, places and values as people read them.

use serde_json::Value;

use super::{Inside, Placed};

/// The longest value within a sentence, in characters; the whole of it is beside the sentence.
const LONGEST: usize = 80;

/// `step s1 (send_email "Thank them")`.
pub(super) fn named(step: &Value) -> String {
    let text = |key: &str| step.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let id = text("id").map_or_else(|| "a step".to_owned(), |id| format!("step {id}"));
    let kind = text("type").unwrap_or("no type");
    match text("name") {
        Some(name) => format!("{id} ({kind} \"{}\")", cut(name)),
        None => format!("{id} ({kind})"),
    }
}

/// `after s2`, `first in the branch "unhappy" of s3`.
pub(super) fn place(placed: &Placed<'_>) -> String {
    let order = match placed.after.as_deref() {
        None => "first".to_owned(),
        Some("") => "after a step without an id".to_owned(),
        Some(after) => format!("after {after}"),
    };
    let Some(Inside { holder, list }) = &placed.list else { return order };
    let within = match list.strip_prefix("branches[").and_then(|name| name.strip_suffix(']')) {
        Some(name) => format!("the branch \"{name}\""),
        None if list == "actions" => "the steps".to_owned(),
        None => list.clone(),
    };
    match holder {
        Some(holder) => format!("{order} in {within} of {}", holder.id),
        None => format!("{order} in {within}"),
    }
}

/// A value within a sentence.
pub(super) fn shown(value: &Value) -> String {
    if let (Some(field), Some(operator)) =
        (value.get("field").and_then(Value::as_str), value.get("operator").and_then(Value::as_str))
    {
        let against = value.get("value").map(|value| format!(" {value}")).unwrap_or_default();
        return cut(&format!("{field} {operator}{against}"));
    }
    match value {
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::Array(list) if list.is_empty() => "empty".to_owned(),
        Value::Array(list) if list.iter().all(|one| one.get("field").is_some()) => {
            cut(&list.iter().map(shown).collect::<Vec<_>>().join(" and "))
        }
        other => cut(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(std::iter::once('…')).collect()
}
