//! What starts a workflow: an event's name and `trigger_config` to narrow it down, the clock, or somebody by hand.

use model::{
    Problem,
    event::{EventName, MANUAL, SCHEDULE, WEBHOOK},
    workflow::Definition,
};
use serde_json::Value;

use crate::{
    Conditions, Decimal, Evaluation, Scope, Timetable, hook::Hook, schema::below, step::check_references,
    suggest::among, value::text,
};

/// The most field names in `fields`.
const MAX_FIELDS: usize = 100;
const KEYS: [&str; 3] = ["formId", "conditions", "fields"];

/// Who starts a workflow.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Events of the trigger's name.
    Event,
    /// The clock.
    Schedule(Box<Timetable>),
    /// Calls from outside to the workflow's own address.
    Webhook(Box<Hook>),
    /// Only who runs it by hand, as may be done with any workflow.
    Manual,
}

/// What of a trigger an event does not meet.
#[derive(Debug, Clone, PartialEq)]
pub enum Missed {
    /// It is about another form, or about none.
    Form {
        /// The form that the trigger names.
        wanted: i64,
        /// The form that the event is about.
        found: Option<i64>,
    },
    /// None of these fields changed.
    Fields {
        /// The fields that the trigger names.
        watched: Vec<String>,
    },
    /// The conditions do not hold, or cannot be decided.
    Filter(Evaluation),
}

/// A compiled trigger.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The event that starts the workflow; the name of the executions' trigger in any case.
    pub event: EventName,
    /// Who starts it.
    pub start: Start,
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

    /// What keeps the data of an event of this name from starting the workflow: the first that does. None exactly when [`Trigger::accepts`] says yes.
    #[must_use]
    pub fn missed(&self, data: &Value) -> Option<Missed> {
        if let Some(wanted) = self.form_id.filter(|_| !self.of_form(data)) {
            return Some(Missed::Form { wanted, found: form_id(data) });
        }
        if !self.of_fields(data) {
            return Some(Missed::Fields { watched: self.fields.clone() });
        }
        let evaluation = self.filter.evaluate(&Scope::of_trigger(data));
        (evaluation.result != Ok(true)).then_some(Missed::Filter(evaluation))
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
        let start = match definition.trigger_event.as_str() {
            SCHEDULE => Some(Start::Schedule(Box::new(Timetable::compile(config, path, problems)?))),
            MANUAL => {
                problems.extend(config.keys().map(|key| {
                    Problem::at(below(path, key), "what is only started by hand has nothing to configure")
                }));
                Some(Start::Manual)
            }
            WEBHOOK => Some(Start::Webhook(Box::new(Hook::compile(config, path, problems)?))),
            _ => None,
        };
        if let Some(start) = start {
            let filter = Conditions::none();
            return Some(Self { event: event?, start, form_id: None, fields: Vec::new(), filter });
        }
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
        Some(Self { event: event?, start: Start::Event, form_id, fields, filter })
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
