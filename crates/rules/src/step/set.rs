//! `set`: variables for later steps, read as `{{vars.name}}`.

use serde_json::{Map, Value, json};

use super::{
    Reader,
    construct::{Config, ControlInfo, object},
};
use crate::schema::below;

pub(super) fn info() -> ControlInfo {
    ControlInfo {
        name: "set",
        title: "Set variables",
        description: "Keeps values under names for later steps, which read them as {{vars.name}}.",
        group: "Flow",
        icon: "variable",
        schema: object(
            json!({"variables": {"type": "object", "minProperties": 1, "additionalProperties": true,
                "description": "Names and their values; a value may be a template."}}),
            &["variables"],
        ),
        sample: json!({"variables": {"greeting": "Dear {{contact.name}}"}}),
    }
}

impl Reader<'_> {
    pub(super) fn set(&mut self, config: &Config<'_>) {
        let path = config.place("variables");
        match config.get("variables") {
            Some(Value::Object(variables)) => {
                if variables.is_empty() {
                    self.refuse(path.clone(), "at least one variable is needed");
                }
                for name in variables.keys() {
                    self.variable_name(name, &below(&path, name));
                    self.variables.insert(name.clone());
                }
            }
            Some(Value::String(_)) => {
                self.refuse(path, "an object of names and values is needed, not one template");
            }
            Some(_) | None => {}
        }
    }
}

/// What of the config is rendered.
pub(super) fn rendered(config: &Map<String, Value>) -> Value {
    json!({"variables": config.get("variables")})
}
