//! Secrets in the steps of a workflow: never shown, and kept when a masked one comes back.
//!
//! What a step's config holds that lets its bearer in (a signing secret, an `Authorization` header, a password in an
//! address) goes out as a mask. Whoever changes a workflow sends back what they were shown; where it is exactly what was
//! shown for the same step, the stored value stays.

use actions::schema::MASK;
use model::{Problem, workflow::Definition};
use rules::step::tree;
use serde_json::Value;

use crate::hook_secret;

/// The steps as they are shown, those inside of others included.
#[must_use]
pub fn hide(steps: &Value) -> Value {
    let mut shown = steps.clone();
    tree::visit_mut(&mut shown, &mut |step| {
        let entry = action_of(step);
        if let (Some(entry), Some(config)) = (entry, step.get_mut("config")) {
            *config = entry.redact(config.take());
        }
    });
    shown
}

/// Only actions' configs hold secrets of their own; what a control step holds are steps, each looked at by itself.
fn action_of(step: &Value) -> Option<&'static actions::Entry> {
    step.get("type").and_then(Value::as_str).and_then(|name| actions::catalog().get(name))
}

/// Puts the stored secrets back where their masks were sent. Steps are found by id and type, wherever they have been moved to; of several
/// definitions the first that knows the step counts.
pub fn restore(steps: &mut Value, stored: &[&Value]) {
    let shown: Vec<Value> = stored.iter().map(|steps| hide(steps)).collect();
    let known: Vec<(&Value, &Value)> = stored
        .iter()
        .zip(&shown)
        .flat_map(|(stored, shown)| flat(stored).into_iter().zip(flat(shown)))
        .collect();
    tree::visit_mut(steps, &mut |step| {
        if action_of(step).is_none() {
            return;
        }
        let same = |other: &Value| {
            ["id", "type"]
                .iter()
                .all(|field| other.get(field).is_some() && other.get(field) == step.get(field))
        };
        let found = known.iter().find(|(stored, _)| same(stored));
        let found = found.and_then(|(stored, shown)| Some((stored.get("config")?, shown.get("config")?)));
        if let (Some((stored, shown)), Some(config)) = (found, step.get_mut("config")) {
            put_back(config, stored, shown);
        }
    });
}

/// The same for a whole definition: a step may have been moved between `actions` and `onFailure`.
pub fn restore_all(definition: &mut Definition, stored: &[&Definition]) {
    let known: Vec<&Value> = stored.iter().flat_map(|stored| [&stored.actions, &stored.on_failure]).collect();
    restore(&mut definition.actions, &known);
    restore(&mut definition.on_failure, &known);
    hook_secret::restore(definition, stored);
}

fn flat(steps: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    tree::visit(steps, "", &mut |_, step| found.push(step));
    found
}

fn put_back(sent: &mut Value, stored: &Value, shown: &Value) {
    if stored == shown {
        return;
    }
    if sent == shown {
        stored.clone_into(sent);
        return;
    }
    match sent {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (Some(stored), Some(shown)) = (stored.get(name), shown.get(name)) {
                    put_back(field, stored, shown);
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                if let (Some(stored), Some(shown)) = (stored.get(at), shown.get(at)) {
                    put_back(item, stored, shown);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What stands behind a mask that hides another secret than the one it is compared with.
pub(crate) const ANOTHER: &str = " (another secret)";

/// The steps as they are shown, beside other ones as they are shown: a secret that is not the other side's says so. Steps are compared with
/// those of the same id and type.
#[must_use]
pub fn hide_beside(steps: &Value, other: &Value) -> Value {
    let (mut shown, other_shown) = (hide(steps), hide(other));
    let (stored, known) = (flat(steps), flat(other).into_iter().zip(flat(&other_shown)).collect::<Vec<_>>());
    let same = |one: &Value, step: &Value| {
        ["id", "type"].iter().all(|field| one.get(field).is_some() && one.get(field) == step.get(field))
    };
    tree::visit_mut(&mut shown, &mut |step| {
        if action_of(step).is_none() {
            return;
        }
        let own = stored.iter().find(|own| same(own, step)).and_then(|own| own.get("config"));
        let beside = known.iter().find(|(one, _)| same(one, step));
        let beside = beside.and_then(|(one, shown)| Some((one.get("config")?, shown.get("config")?)));
        if let (Some(own), Some(beside), Some(config)) = (own, beside, step.get_mut("config")) {
            tell_apart(config, own, beside);
        }
    });
    shown
}

fn tell_apart(shown: &mut Value, own: &Value, (other, other_shown): (&Value, &Value)) {
    match shown {
        Value::String(text) if other_shown == text.as_str() && own != other => text.push_str(ANOTHER),
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (Some(own), Some(other), Some(shown)) =
                    (own.get(name), other.get(name), other_shown.get(name))
                {
                    tell_apart(field, own, (other, shown));
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                if let (Some(own), Some(other), Some(shown)) =
                    (own.get(at), other.get(at), other_shown.get(at))
                {
                    tell_apart(item, own, (other, shown));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Masks that stand for no stored secret: in an imported file, or in a step of another workflow.
#[must_use]
pub fn left_over(steps: &Value, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    tree::visit(steps, path, &mut |path, step| {
        let config = tree::without_steps(step);
        let mut pending = vec![(format!("{path}.config"), &config)];
        while let Some((path, value)) = pending.pop() {
            match value {
                Value::String(text) if text == MASK => problems.push(Problem::at(
                    path,
                    "is the mask that is shown for a secret, and there is no secret behind it here: send the secret itself",
                )),
                Value::Array(items) => {
                    pending.extend(items.iter().enumerate().rev().map(|(at, item)| (format!("{path}[{at}]"), item)));
                }
                Value::Object(fields) => pending
                    .extend(fields.iter().rev().map(|(name, field)| (rules::schema::below(&path, name), field))),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    });
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn webhook(id: &str, secret: &str, header: &str, url: &str) -> Value {
        json!({"id": id, "type": "webhook", "config": {"url": url, "headers": {"Authorization": header, "X-A": "1"}, "secret": secret}})
    }

    #[test]
    fn a_secret_goes_out_as_a_mask_and_comes_back_as_itself() {
        let url = "https://ann:geheim@example.com/";
        let stored =
            json!([webhook("s1", "whsec_a", "Bearer b", url), {"type": "unknown", "config": {"secret": 1}}]);
        let shown = hide(&stored);
        for secret in ["whsec_a", "Bearer b", "geheim"] {
            assert!(!shown.to_string().contains(secret), "{shown}");
        }

        let mut sent = shown.clone();
        sent[0]["config"]["headers"]["X-A"] = json!("2");
        restore(&mut sent, &[&json!([]), &stored]);
        let mut expected = stored.clone();
        expected[0]["config"]["headers"]["X-A"] = json!("2");
        assert_eq!(sent, expected);

        let mut changed = shown.clone();
        changed[0]["config"]["secret"] = json!("whsec_new");
        restore(&mut changed, &[&stored]);
        assert_eq!(changed[0], webhook("s1", "whsec_new", "Bearer b", url));
    }

    #[test]
    fn a_secret_deep_in_the_tree_is_hidden_and_found_again_where_its_step_was_moved_to() {
        let inner = |id: &str, secret: &str| webhook(id, secret, "Bearer b", "https://example.com/");
        let branch = |steps: Value, handler: Value| json!([{"id": "s9", "type": "branch", "config": {"branches": [{"name": "a", "conditions": [], "actions": steps}]}, "onError": handler}]);
        let stored = branch(
            json!([inner("s1", "whsec_one"), inner("s2", "whsec_two")]),
            json!([inner("s3", "whsec_three")]),
        );
        let shown = hide(&stored);
        assert!(!shown.to_string().contains("whsec"), "{shown}");
        let moved = |all: &Value| {
            let steps = &all[0]["config"]["branches"][0]["actions"];
            branch(json!([steps[1], steps[0]]), all[0]["onError"].clone())
        };
        let mut sent = moved(&shown);
        restore(&mut sent, &[&stored]);
        assert_eq!(sent, moved(&stored));
        let mut foreign = shown;
        restore(&mut foreign, &[&json!([])]);
        assert_eq!(left_over(&foreign, "actions").len(), 6);
    }

    #[test]
    fn another_secret_is_seen_and_not_shown() {
        let step = |secret: &str, url: &str| json!([webhook("s1", secret, "Bearer b", url)]);
        let (before, after) = (
            step("whsec_a", "https://ann:geheim@example.com/"),
            step("whsec_b", "https://ann:anders@example.com/"),
        );
        let shown = hide_beside(&after, &before);
        assert_eq!(shown[0]["config"]["secret"], format!("{MASK} (another secret)"));
        assert!(shown[0]["config"]["url"].as_str().unwrap().ends_with(" (another secret)"), "{shown}");
        assert_eq!(shown[0]["config"]["headers"], hide(&before)[0]["config"]["headers"]);
        assert!(!shown.to_string().contains("whsec_b") && !shown.to_string().contains("anders"), "{shown}");
        assert_eq!(hide_beside(&before, &before), hide(&before));
    }

    #[test]
    fn a_mask_without_a_secret_is_refused() {
        let stored = json!([webhook("s1", "whsec_a", "Bearer b", "https://example.com/")]);
        let mut sent = json!([webhook("s2", MASK, MASK, "https://example.com/")]);
        restore(&mut sent, &[&stored]);
        let paths: Vec<String> =
            left_over(&sent, "actions").into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["actions[0].config.headers.Authorization", "actions[0].config.secret"]);
    }
}
