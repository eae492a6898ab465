//! What starts a workflow: an event's name, and `trigger_config` to narrow it down.

use model::{Problem, event::EventName, workflow::Definition};
use serde_json::Value;

use crate::{Conditions, Decimal, Scope, schema::below, step::check_references, suggest::among, value::text};

/// The most field names in `fields`.
const MAX_FIELDS: usize = 100;
const KEYS: [&str; 3] = ["formId", "conditions", "fields"];

/// A compiled trigger.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The event that starts the workflow.
    pub event: EventName,
    /// Only submissions of this form.
    pub form_id: Option<i64>,
    /// Only when one of these fields changed; empty: whatever changed.
    pub fields: Vec<String>,
    /// Only events whose data match.
    pub filter: Conditions,
}

impl Trigger {
    /// The data of an event of this name start the workflow. A filter that cannot be decided does not.
    #[must_use]
    pub fn accepts(&self, data: &Value) -> bool {
        self.of_form(data)
            && self.of_fields(data)
            && self.filter.matches(&Scope::of_trigger(data)) == Ok(true)
    }

    fn of_form(&self, data: &Value) -> bool {
        self.form_id.is_none_or(|wanted| form_id(data) == Some(wanted))
    }

    fn of_fields(&self, data: &Value) -> bool {
        self.fields.is_empty()
            || data.get("changed").and_then(Value::as_array).is_some_and(|changed| {
                changed
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|name| self.fields.iter().any(|field| field == name))
            })
    }

    /// Reads the trigger of a definition; adds every problem to `problems`.
    pub(crate) fn compile(definition: &Definition, problems: &mut Vec<Problem>) -> Option<Self> {
        let event = match definition.trigger_event.parse::<EventName>() {
            Ok(event) => Some(event),
            Err(error) => {
                let written =
                    text(&Value::from(definition.trigger_event.as_str())).unwrap_or_default().into_owned();
                problems.push(Problem::at("trigger_event", format!("\"{written}\" {error}")));
                None
            }
        };
        let path = "trigger_config";
        let config = &definition.trigger_config;
        for key in config.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            problems
                .push(Problem::at(below(path, key), format!("there is no \"{key}\"{}", among(key, KEYS))));
        }
        let form_id = match config.get("formId") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let id = value.as_i64().filter(|id| (1..=model::MAX_ID).contains(id));
                if id.is_none() {
                    problems.push(Problem::at(
                        below(path, "formId"),
                        "the id of a form is needed, a whole number such as 10",
                    ));
                }
                id
            }
        };
        let fields = fields(config.get("fields"), &below(path, "fields"), problems);
        let conditions = config.get("conditions").unwrap_or(&Value::Null);
        let (filter, found) = Conditions::compile_sound(conditions, &below(path, "conditions"));
        problems.extend(found);
        check_references(filter.located(), &[], problems);
        Some(Self { event: event?, form_id, fields, filter })
    }
}

fn fields(value: Option<&Value>, path: &str, problems: &mut Vec<Problem>) -> Vec<String> {
    let list = match value {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) if list.len() <= MAX_FIELDS => list,
        Some(_) => {
            problems.push(Problem::at(
                path,
                format!("a list of up to {MAX_FIELDS} field names is needed, such as [\"status\"]"),
            ));
            return Vec::new();
        }
    };
    let mut fields = Vec::with_capacity(list.len());
    for (at, field) in list.iter().enumerate() {
        match field.as_str().filter(|name| !name.trim().is_empty()) {
            Some(name) => fields.push(name.to_owned()),
            None => problems.push(Problem::at(
                format!("{path}[{at}]"),
                "the name of a field is needed, such as \"status\"",
            )),
        }
    }
    fields
}

/// The form that an event is about, wherever the sender put it; numeric text counts.
pub(crate) fn form_id(data: &Value) -> Option<i64> {
    let places = ["/formId", "/submission/formId", "/form_id", "/submission/form_id"];
    let found = places.iter().find_map(|place| data.pointer(place).filter(|value| !value.is_null()))?;
    Decimal::of(found)?.to_i64()
}
