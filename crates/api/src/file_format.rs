//! The format of workflows in files, by its `schemaVersion`. A file of an older format is brought forward one version at a time before it
//! is read, so the reader knows one format. A published step of the chain is never edited. Pure.
//!
//! - 1: what Phase 1 exported. Operators may be written as symbols (`<=`), events with dots (`submission.completed`), steps without ids.
//! - 2: each operator and each system event has one spelling, and every step its id, so that two files of the same workflow are the same
//!   text and a difference between two files is one of meaning.
//!
//! A file without a `schemaVersion` was written by hand, in the format of the day.

use model::Problem;
use rules::{
    Operator, control_step,
    definition::{ON_FAILURE, with_ids_beside},
    step::tree,
};
use serde_json::{Map, Value};

/// What this program writes.
pub const CURRENT: i64 = 2;

/// Brings a file one version forward.
type Step = fn(&mut Map<String, Value>);

/// The first leads from version 1 to 2, the next from 2 to 3 …
const STEPS: [Step; 1] = [spelled];

const _: () = assert!(STEPS.len() as i64 == CURRENT - 1, "each version but the first is led to by one step");

/// The file as of the present version, without its `schemaVersion`.
///
/// # Errors
/// A version that is none, or a newer one.
pub fn upgraded(mut file: Value) -> Result<Value, Problem> {
    let Some(fields) = file.as_object_mut() else { return Ok(file) };
    let version = match fields.shift_remove("schemaVersion") {
        None | Some(Value::Null) => return Ok(file),
        Some(written) => number(&written)?,
    };
    for step in STEPS.iter().skip(version - 1) {
        step(fields);
    }
    Ok(file)
}

/// 1 to [`CURRENT`].
fn number(written: &Value) -> Result<usize, Problem> {
    let refused = |message: String| Problem::at("schemaVersion", message);
    match written.as_i64() {
        Some(version) if version > CURRENT => Err(refused(format!(
            "{version} was written by a newer server, this one reads up to {CURRENT}: import it there, or update this server"
        ))),
        Some(version) if version >= 1 => Ok(usize::try_from(version).unwrap_or(1)),
        _ => Err(refused(format!("a whole number from 1 to {CURRENT} is needed"))),
    }
}

/// Gives operators and system events their one spelling, and steps their ids. What it cannot read it leaves for the check to name.
pub fn spelled(fields: &mut Map<String, Value>) {
    if let Some(Value::String(event)) = fields.get_mut("trigger_event") {
        *event = crate::definition::canonical(event);
    }
    if let Some(list) = fields.get_mut("conditions") {
        conditions(list);
    }
    if let Some(list) = fields.get_mut("trigger_config").and_then(|config| config.get_mut("conditions")) {
        conditions(list);
    }
    if let Some(goal) = fields.get_mut("goal") {
        if let Some(Value::String(event)) = goal.get_mut("event") {
            *event = crate::definition::canonical(event);
        }
        if let Some(list) = goal.get_mut("conditions") {
            conditions(list);
        }
    }
    // Ids are of the whole workflow.
    let none = Value::Null;
    let actions =
        fields.get("actions").map(|own| with_ids_beside(own, fields.get(ON_FAILURE).unwrap_or(&none)));
    let beside = actions.as_ref().unwrap_or(&none);
    let on_failure = fields.get(ON_FAILURE).map(|own| with_ids_beside(own, beside));
    for (name, steps) in [("actions", actions), (ON_FAILURE, on_failure)] {
        if let Some(mut steps) = steps {
            tree::visit_mut(&mut steps, &mut step);
            fields.insert(name.to_owned(), steps);
        }
    }
}

/// Only control steps decide by conditions; what looks like one in an action's config is data.
fn step(step: &mut Value) {
    if let Some(list) = step.get_mut("skipIf") {
        conditions(list);
    }
    let is_control =
        step.get("type").and_then(Value::as_str).is_some_and(|name| control_step(name).is_some());
    let Some(config) = step.get_mut("config").filter(|_| is_control) else { return };
    if let Some(Value::String(event)) = config.get_mut("event") {
        *event = crate::definition::canonical(event);
    }
    for key in ["conditions", "until", "recheck"] {
        if let Some(list) = config.get_mut(key) {
            conditions(list);
        }
    }
    for branch in config.get_mut("branches").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(list) = branch.get_mut("conditions") {
            conditions(list);
        }
    }
}

fn conditions(list: &mut Value) {
    for element in list.as_array_mut().into_iter().flatten() {
        if let Some(Value::String(operator)) = element.get_mut("operator")
            && let Some(known) = Operator::parse(operator)
        {
            known.name().clone_into(operator);
        }
        if let Some(group) = element.get_mut("conditions") {
            conditions(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A file as version 1 had it.
    fn first() -> Value {
        let below = |score: i64| json!({"field": "submission.data.q_nps", "operator": "<=", "value": score});
        json!({
            "schemaVersion": 1, "key": "nps", "name": "NPS", "trigger_event": "submission.completed",
            "trigger_config": {"conditions": [below(8)]},
            "conditions": [{"logic": "OR"}, below(6), {"logic": "NOT", "conditions": [{"field": "x", "operator": "==", "value": 1}]}],
            "actions": [
                {"type": "branch", "config": {"branches": [{"name": "low", "conditions": [below(3)], "actions": [
                    {"type": "webhook", "skipIf": [below(0)], "config": {"url": "https://example.com", "body": {"conditions": [below(1)]}}},
                ]}]}},
                {"type": "repeat", "config": {"until": [below(2)], "maxIterations": 2, "actions": []}},
                {"type": "wait", "config": {"until": "2026-03-01", "recheck": [{"field": "x", "operator": "unknown"}]}},
                {"type": "wait_for_event", "config": {"event": "ticket.created", "timeout": "1d", "conditions": [below(4)]}},
            ],
            "onFailure": [{"type": "webhook", "skipIf": [below(5)], "config": {"url": "https://example.com"}}],
            "goal": {"event": "ticket.updated", "conditions": [below(7)]},
        })
    }

    #[test]
    fn a_file_of_the_first_version_is_brought_forward() {
        let upgraded = upgraded(first()).unwrap();
        insta::assert_json_snapshot!("upgraded_from_1", upgraded);
        let mut again = upgraded.clone();
        again["schemaVersion"] = json!(CURRENT);
        assert_eq!(super::upgraded(again), Ok(upgraded.clone()), "what is of today is left as it is");
        assert_eq!(super::upgraded(upgraded.clone()), Ok(upgraded), "and so is what says nothing");
    }

    #[test]
    fn a_version_that_is_not_known_is_refused() {
        for (version, sentence) in [
            (
                json!(3),
                "schemaVersion: 3 was written by a newer server, this one reads up to 2: import it there, or update this server",
            ),
            (json!(0), "schemaVersion: a whole number from 1 to 2 is needed"),
            (json!("2"), "schemaVersion: a whole number from 1 to 2 is needed"),
            (json!(1.5), "schemaVersion: a whole number from 1 to 2 is needed"),
        ] {
            assert_eq!(upgraded(json!({"schemaVersion": version})).unwrap_err().to_string(), sentence);
        }
        assert_eq!(upgraded(json!(5)), Ok(json!(5)));
    }
}
