//! Secrets in the steps of a workflow: never shown, and kept when a masked one comes back.
//!
//! What a step's config holds that lets its bearer in (a signing secret, an `Authorization` header, a password in an
//! address) goes out as a mask. Whoever changes a workflow sends back what they were shown; where it is exactly what was
//! shown for the same step, the stored value stays.

use actions::schema::MASK;
use model::Problem;
use serde_json::Value;

/// The steps as they are shown.
#[must_use]
pub fn hide(steps: &Value) -> Value {
    let mut shown = steps.clone();
    for step in shown.as_array_mut().into_iter().flatten() {
        let entry = step.get("type").and_then(Value::as_str).and_then(|name| actions::catalog().get(name));
        if let (Some(entry), Some(config)) = (entry, step.get_mut("config")) {
            *config = entry.redact(config.take());
        }
    }
    shown
}

/// Puts the stored secrets back where their masks were sent. Steps are found by id and type; of several definitions the
/// first that knows the step counts.
pub fn restore(steps: &mut Value, stored: &[&Value]) {
    let stored: Vec<(&Value, Value)> = stored.iter().map(|steps| (*steps, hide(steps))).collect();
    for step in steps.as_array_mut().into_iter().flatten() {
        let same = |other: &Value| {
            ["id", "type"]
                .iter()
                .all(|field| other.get(field).is_some() && other.get(field) == step.get(field))
        };
        let found = stored.iter().find_map(|(steps, shown)| {
            let at = steps.as_array()?.iter().position(same)?;
            Some((steps.get(at)?.get("config")?, shown.get(at)?.get("config")?))
        });
        if let (Some((stored, shown)), Some(config)) = (found, step.get_mut("config")) {
            put_back(config, stored, shown);
        }
    }
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

/// Masks that stand for no stored secret: in an imported file, or in a step of another workflow.
#[must_use]
pub fn left_over(steps: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, step) in steps.as_array().into_iter().flatten().enumerate() {
        let mut pending = step
            .get("config")
            .map(|config| (format!("actions[{at}].config"), config))
            .into_iter()
            .collect::<Vec<_>>();
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
    }
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
    fn a_mask_without_a_secret_is_refused() {
        let stored = json!([webhook("s1", "whsec_a", "Bearer b", "https://example.com/")]);
        let mut sent = json!([webhook("s2", MASK, MASK, "https://example.com/")]);
        restore(&mut sent, &[&stored]);
        let paths: Vec<String> = left_over(&sent).into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["actions[0].config.headers.Authorization", "actions[0].config.secret"]);
    }
}
