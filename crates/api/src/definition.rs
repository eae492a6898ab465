//! A workflow's definition on its way in: from the JSON that somebody sent to what the store keeps, with every problem
//! named by its path. Pure; the command line reads its files with the same functions.

use model::{
    Problem,
    event::EventName,
    workflow::{Definition, EntryRules},
};
use rules::{
    Difference,
    definition::{MAX_STEPS, ON_FAILURE, compile, with_ids_beside},
    step::tree,
};
use serde_json::{Map, Value, json};

use crate::{config_secret::hide_beside, file_format};

/// The fields that versions keep, as they are sent.
const FIELDS: [&str; 13] = [
    "name",
    "description",
    "trigger_event",
    "trigger_config",
    "conditions",
    "actions",
    "logUnmatched",
    "onFailure",
    "enrolment",
    "debounce",
    "concurrency",
    "rateLimit",
    "goal",
];
/// What else can be sent.
const BESIDE: [&str; 3] = ["key", "is_active", "version"];
/// What comes out and is ignored when it comes back.
const READ_ONLY: [&str; 18] = [
    "id",
    "tenant_id",
    "published_version",
    "has_draft",
    "draft",
    "problems",
    "execution_count",
    "success_count",
    "failure_count",
    "unmatched_count",
    "last_executed_at",
    "average_duration_ms",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
    "archived_at",
    "hook_url",
];
const LONGEST_DESCRIPTION: usize = 10_000;

/// A workflow as it was sent: nothing is known of it yet but that its fields exist and are of the right kinds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sent {
    /// Its stable name.
    pub key: Option<String>,
    /// Whether events shall start it.
    pub is_active: Option<bool>,
    /// The version of the record that the change was made for.
    pub version: Option<i64>,
    /// The fields of the definition that were sent.
    fields: Map<String, Value>,
}

impl Sent {
    /// Reads a body.
    ///
    /// # Errors
    /// Each field that does not exist or is of the wrong kind.
    pub fn read(body: Value) -> Result<Self, Vec<Problem>> {
        let Value::Object(body) = body else {
            return Err(vec![Problem::at(
                "",
                "an object is needed: a workflow with name, trigger_event and actions",
            )]);
        };
        let mut sent = Self::default();
        let mut problems = Vec::new();
        for (name, value) in body {
            let needed = match name.as_str() {
                "name" | "trigger_event" => (!value.is_string()).then_some("text is needed"),
                "description"
                    if value.as_str().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) =>
                {
                    Some("at most 10,000 characters are accepted")
                }
                "description" => (!value.is_string() && !value.is_null()).then_some("text or null is needed"),
                "trigger_config" => (!value.is_object() && !value.is_null())
                    .then_some("an object is needed, such as {\"formId\":10}"),
                "logUnmatched" => {
                    (!value.is_boolean() && !value.is_null()).then_some("true or false is needed")
                }
                "conditions" => None,
                // Also of a draft: whoever reads it compares it with what runs.
                "actions" | "onFailure" => has_too_many(&value).then_some(
                    "there are more than 3,000 steps, which is too much for a draft, too: 300 are accepted when it is published",
                ),
                name if EntryRules::NAMES.contains(&name) => {
                    (!value.is_object() && !value.is_null()).then_some("an object or null is needed")
                }
                "key" => {
                    sent.key = value.as_str().map(str::to_owned);
                    (!value.is_string() && !value.is_null()).then_some("text is needed")
                }
                "is_active" => {
                    sent.is_active = value.as_bool();
                    (!value.is_boolean() && !value.is_null()).then_some("true or false is needed")
                }
                "version" => {
                    sent.version = value.as_i64();
                    (!value.is_i64() && !value.is_null()).then_some("a whole number is needed")
                }
                name if READ_ONLY.contains(&name) => None,
                _ => {
                    problems.push(unknown(&name));
                    continue;
                }
            };
            if let Some(needed) = needed {
                problems.push(Problem::at(&name, needed));
            } else if FIELDS.contains(&name.as_str()) {
                sent.fields.insert(name, value);
            }
        }
        if problems.is_empty() { Ok(sent) } else { Err(problems) }
    }

    /// Reads one workflow of an import: what an export gave, of this format or an older one, or a workflow as it is sent to be made.
    ///
    /// # Errors
    /// As for [`Sent::read`]; a file of a newer format.
    pub fn read_file(file: Value) -> Result<Self, Vec<Problem>> {
        Self::read(file_format::upgraded(file).map_err(|problem| vec![problem])?)
    }

    /// A change of nothing but whether events start the workflow.
    #[must_use]
    pub fn activity(is_active: bool) -> Self {
        Self { is_active: Some(is_active), ..Self::default() }
    }

    /// Some of the definition was sent.
    #[must_use]
    pub fn defines(&self) -> bool {
        !self.fields.is_empty()
    }

    /// The definition with nothing where nothing was sent.
    #[must_use]
    pub fn whole(&self) -> Definition {
        self.onto(&Definition {
            name: String::new(),
            description: None,
            trigger_event: String::new(),
            trigger_config: Map::new(),
            conditions: json!([]),
            actions: json!([]),
            log_unmatched: true,
            entry: EntryRules::default(),
            on_failure: Value::Null,
        })
    }

    /// `base` with the fields that were sent.
    #[must_use]
    pub fn onto(&self, base: &Definition) -> Definition {
        let mut definition = base.clone();
        for (name, value) in &self.fields {
            match (name.as_str(), value) {
                ("name", Value::String(text)) => definition.name = text.trim().to_owned(),
                ("description", value) => {
                    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
                    definition.description = text.map(str::to_owned);
                }
                ("trigger_event", Value::String(text)) => definition.trigger_event = canonical(text),
                ("trigger_config", value) => {
                    definition.trigger_config = value.as_object().cloned().unwrap_or_default();
                }
                ("conditions", value) => definition.conditions = list(value),
                ("actions", value) => definition.actions = list(value),
                ("logUnmatched", value) => definition.log_unmatched = value.as_bool().unwrap_or(true),
                ("onFailure", value) => {
                    let is_empty = value.as_array().is_some_and(Vec::is_empty);
                    definition.on_failure = if is_empty { Value::Null } else { value.clone() };
                }
                (name, value) => {
                    if let Some(rule) = definition.entry.rule_mut(name) {
                        *rule = Some(value.clone()).filter(|value| !value.is_null());
                    }
                }
            }
        }
        if self.fields.contains_key("actions") || self.fields.contains_key("onFailure") {
            definition.actions = with_ids_beside(&definition.actions, &definition.on_failure);
            definition.on_failure = with_ids_beside(&definition.on_failure, &definition.actions);
        }
        definition
    }
}

/// Everything that keeps a definition from running; nothing when it can be published.
#[must_use]
pub fn problems(definition: &Definition) -> Vec<Problem> {
    let mut problems = compile(definition, actions::catalog()).err().unwrap_or_default();
    let left_over = |steps, path| crate::config_secret::left_over(steps, path);
    let masks = left_over(&definition.actions, "actions").into_iter();
    let hook = crate::hook_secret::problems(definition);
    for problem in masks.chain(left_over(&definition.on_failure, ON_FAILURE)).chain(hook) {
        // What an action itself says about a mask ("is no secret") helps nobody.
        problems.retain(|other| other.path != problem.path);
        problems.push(problem);
    }
    problems
}

/// A definition as it is sent out, field for field as it is taken in.
#[must_use]
pub fn out(definition: &Definition) -> Map<String, Value> {
    let Definition {
        name,
        description,
        trigger_event,
        trigger_config: _,
        conditions,
        actions,
        log_unmatched,
        on_failure,
        entry,
    } = definition;
    // Without its secrets.
    let trigger_config = crate::hook_secret::hide(definition);
    // Only those that there are: most workflows have none.
    let rules = entry.named().into_iter().filter_map(|(name, rule)| Some((name, rule.clone()?)));
    let fields = [
        ("name", json!(name)),
        ("description", json!(description)),
        ("trigger_event", json!(trigger_event)),
        ("trigger_config", json!(trigger_config)),
        ("conditions", conditions.clone()),
        ("actions", crate::config_secret::hide(actions)),
        ("logUnmatched", json!(log_unmatched)),
        (ON_FAILURE, crate::config_secret::hide(&list(on_failure))),
    ];
    fields.into_iter().chain(rules).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A workflow as a file: nothing of it belongs to one tenant or one installation, and no secret is in it.
#[must_use]
pub fn file(key: &str, definition: &Definition) -> Map<String, Value> {
    let head = [("schemaVersion".to_owned(), json!(file_format::CURRENT)), ("key".to_owned(), json!(key))];
    let mut file: Map<String, Value> = head.into_iter().chain(out(definition)).collect();
    file_format::spelled(&mut file);
    file
}

/// Two definitions that say the same, however they spell it.
#[must_use]
pub fn say_the_same(one: &Definition, other: &Definition) -> bool {
    let spelled = |definition: &Definition| {
        let mut fields = out(definition);
        // The secrets themselves.
        fields.insert("actions".to_owned(), definition.actions.clone());
        fields.insert(ON_FAILURE.to_owned(), list(&definition.on_failure));
        fields.insert("trigger_config".to_owned(), Value::Object(definition.trigger_config.clone()));
        file_format::spelled(&mut fields);
        fields
    };
    one == other || spelled(one) == spelled(other)
}

/// What is different in the second, in words and without secrets; a secret that is another one is told, and not which.
#[must_use]
pub fn differences(before: &Definition, after: &Definition) -> Vec<Difference> {
    let mut shown = out(after);
    shown.insert("actions".to_owned(), hide_beside(&after.actions, &before.actions));
    shown.insert(ON_FAILURE.to_owned(), hide_beside(&list(&after.on_failure), &list(&before.on_failure)));
    shown.insert("trigger_config".to_owned(), Value::Object(crate::hook_secret::hide_beside(after, before)));
    rules::differences(&out(before), &shown)
}

/// A stored draft.
#[must_use]
pub fn draft(draft: Option<&Value>) -> Option<Definition> {
    serde_json::from_value(draft?.clone()).ok()
}

/// A system event in its canonical spelling; anything else as it is.
#[must_use]
pub fn canonical(event: &str) -> String {
    let event = event.trim();
    event.parse::<EventName>().map_or_else(|_| event.to_owned(), |name| name.to_string())
}

/// More steps than a draft may have: ten times what can be published.
fn has_too_many(steps: &Value) -> bool {
    const MOST: usize = 10 * MAX_STEPS;
    const { assert!(MOST == 3_000, "the sentence says it") };
    let mut count = 0_usize;
    tree::visit(steps, "", &mut |_, _| count += 1);
    count > MOST
}

/// Null is an empty list.
fn list(value: &Value) -> Value {
    if value.is_null() { json!([]) } else { value.clone() }
}

fn unknown(name: &str) -> Problem {
    let known = || FIELDS.into_iter().chain(BESIDE);
    let message = match rules::suggest::nearest(name, known()) {
        Some(near) => format!("a workflow has no \"{name}\": did you mean \"{near}\"?"),
        None => format!("a workflow has no \"{name}\"; there are {}", known().collect::<Vec<_>>().join(", ")),
    };
    Problem::at(name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_by_name_and_kind() {
        let body = json!({
            "id": 7, "version": "1", "name": 5, "triggerEvent": "x", "colour": "red", "trigger_config": [], "is_active": "yes",
            "schemaVersion": 1,
        });
        let problems: Vec<String> = Sent::read(body).unwrap_err().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(problems.join("\n"));
        assert_eq!(
            Sent::read_file(json!({"schemaVersion": 9, "name": "x"})).unwrap_err()[0].to_string(),
            "schemaVersion: 9 was written by a newer server, this one reads up to 2: import it there, or update this server"
        );
        assert!(Sent::read(json!("text")).is_err());
    }

    #[test]
    fn a_draft_has_no_end_of_steps_either() {
        let steps = |count: usize| json!([{"type": "repeat", "config": {"actions": vec![json!({"type": "delay"}); count - 1]}}]);
        assert!(Sent::read(json!({"actions": steps(3_000)})).is_ok());
        for name in ["actions", "onFailure"] {
            assert_eq!(Sent::read(json!({name: steps(3_001)})).unwrap_err()[0].path, name);
        }
    }

    #[test]
    fn what_is_not_sent_stays_or_is_empty() {
        let sent = |body| Sent::read(body).unwrap();
        let whole = sent(json!({
            "name": " A ", "description": "", "trigger_event": "ticket.created", "actions": [{"type": "delay"}],
            "conditions": null, "logUnmatched": false,
        }));
        let whole = whole.whole();
        assert_eq!(
            Value::Object(out(&whole)),
            json!({
                "name": "A", "description": null, "trigger_event": "ticket_created", "trigger_config": {}, "conditions": [],
                "actions": [{"type": "delay", "id": "s1"}], "logUnmatched": false, "onFailure": [],
            })
        );
        let change = sent(json!({"name": "B", "is_active": true}));
        let changed = change.onto(&whole);
        assert_eq!(changed, Definition { name: "B".to_owned(), ..whole.clone() });
        let back = Sent::read_file(Value::Object(file("a", &whole))).unwrap();
        assert_eq!((back.key.as_deref(), back.whole()), (Some("a"), whole));
        assert!(!Sent::activity(true).defines());
    }
}
