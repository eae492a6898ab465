//! The tree of steps as JSON, before it is compiled: for whoever goes through all steps of a definition, whatever they are inside of.

use serde_json::Value;

use crate::schema::below;

/// Where a control step's config holds steps.
enum Holds {
    /// `config.<key>`.
    List(&'static str),
    /// `config.branches[…].actions`.
    Branches,
}

fn holds(step_type: &str) -> &'static [Holds] {
    match step_type {
        "branch" => &[Holds::Branches, Holds::List("else")],
        "parallel" => &[Holds::Branches],
        "wait_for_event" => &[Holds::List("actions"), Holds::List("onTimeout")],
        "approval" => &[Holds::List("onApproved"), Holds::List("onRejected"), Holds::List("onTimeout")],
        "for_each" | "repeat" => &[Holds::List("actions")],
        _ => &[],
    }
}

/// Every step in these lists and inside of them, with its path below `path`, outer ones first. Malformed input is passed over.
pub fn visit<'v>(steps: &'v Value, path: &str, visitor: &mut impl FnMut(&str, &'v Value)) {
    for (at, step) in steps.as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}[{at}]");
        visitor(&path, step);
        for (key, list) in lists(step) {
            visit(list, &format!("{path}.{key}"), visitor);
        }
    }
}

/// The same, to change the steps.
pub fn visit_mut(steps: &mut Value, visitor: &mut impl FnMut(&mut Value)) {
    for step in steps.as_array_mut().into_iter().flatten() {
        visitor(step);
        let step_type = step.get("type").and_then(Value::as_str).map(holds).unwrap_or_default();
        if let Some(handler) = step.get_mut("onError") {
            visit_mut(handler, visitor);
        }
        let Some(config) = step.get_mut("config") else { continue };
        for place in step_type {
            match place {
                Holds::List(key) => {
                    if let Some(list) = config.get_mut(key) {
                        visit_mut(list, visitor);
                    }
                }
                Holds::Branches => {
                    let branches = config.get_mut("branches").and_then(Value::as_array_mut);
                    for branch in branches.into_iter().flatten() {
                        if let Some(list) = branch.get_mut("actions") {
                            visit_mut(list, visitor);
                        }
                    }
                }
            }
        }
    }
}

/// The lists of steps inside a step, with their paths below it.
pub(crate) fn lists(step: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    if let Some(handler) = step.get("onError") {
        found.push(("onError".to_owned(), handler));
    }
    let step_type = step.get("type").and_then(Value::as_str).map(holds).unwrap_or_default();
    let Some(config) = step.get("config") else { return found };
    for place in step_type {
        match place {
            Holds::List(key) => found.extend(config.get(key).map(|list| (below("config", key), list))),
            Holds::Branches => {
                let branches = config.get("branches").and_then(Value::as_array);
                for (at, branch) in branches.into_iter().flatten().enumerate() {
                    found.extend(
                        branch.get("actions").map(|list| (format!("config.branches[{at}].actions"), list)),
                    );
                }
            }
        }
    }
    found
}

/// A control step's config without the steps that it holds: what may be shown, or searched, as any config.
#[must_use]
pub fn without_steps(step: &Value) -> Value {
    let mut config = step.get("config").cloned().unwrap_or_default();
    let step_type = step.get("type").and_then(Value::as_str).map(holds).unwrap_or_default();
    for place in step_type {
        match (place, &mut config) {
            (Holds::List(key), Value::Object(fields)) => {
                fields.remove(*key);
            }
            (Holds::Branches, Value::Object(fields)) => {
                let branches = fields.get_mut("branches").and_then(Value::as_array_mut);
                for branch in branches.into_iter().flatten().filter_map(Value::as_object_mut) {
                    branch.remove("actions");
                }
            }
            _ => {}
        }
    }
    config
}
