//! `for_each`: its steps for each item of a list, one after the other or several at once.

use serde_json::{Map, Value, json};

use super::{
    Reader, Step,
    construct::{Config, ControlInfo, is_listable, object, steps},
};

/// The most items of one loop.
pub const MAX_ITEMS: usize = 10_000;
/// The most items under way at once.
const MAX_CONCURRENCY: usize = 100;

/// A compiled loop over items.
#[derive(Debug, Clone)]
pub struct ForEach {
    /// What templates call the present item.
    pub variable: String,
    /// Items under way at once.
    pub concurrency: usize,
    /// An item that fails does not end the loop.
    pub goes_on: bool,
    /// What runs for each.
    pub actions: Vec<Step>,
}

pub(super) fn info() -> ControlInfo {
    ControlInfo {
        name: "for_each",
        title: "For each",
        description: "Runs its steps for each item of a list and collects what came of them, in the order of the items.",
        group: "Flow",
        icon: "repeat",
        schema: object(
            json!({
                "items": {"type": ["array", "string"], "description": "The list, usually one template such as {{submission.data.q_choices}}; 10,000 items at most."},
                "as": {"type": "string", "maxLength": 64, "default": "item", "description": "What templates call the present item; its place, from 0, is {{index}}."},
                "concurrency": {"type": "integer", "minimum": 1, "maximum": MAX_CONCURRENCY, "default": 1, "description": "How many items are under way at once."},
                "onItemError": {"type": "string", "enum": ["stop", "continue"], "default": "stop", "description": "What an item that fails does to the loop."},
                "actions": steps("What runs for each item."),
            }),
            &["items", "actions"],
        ),
        sample: json!({"items": "{{ticket.tags}}", "actions": [
            {"type": "add_tag", "config": {"entity": "contact", "entityId": "{{ticket.contact_id}}", "tag": "{{item}}"}}
        ]}),
    }
}

impl Reader<'_> {
    pub(super) fn for_each(&mut self, config: &Config<'_>) -> ForEach {
        if let Some(Err(message)) = config.get("items").map(is_listable) {
            self.refuse(config.place("items"), message);
        }
        let variable = config.get("as").and_then(Value::as_str).unwrap_or("item").to_owned();
        self.variable_name(&variable, &config.place("as"));
        let concurrency = self.number(config, "concurrency", 1);
        let goes_on = self.word(config, "onItemError", &[("stop", false), ("continue", true)], false);
        let actions = self.steps(config.get("actions"), &config.place("actions"));
        ForEach { variable, concurrency, goes_on, actions }
    }
}

/// What of the config is rendered.
pub(super) fn rendered(config: &Map<String, Value>) -> Value {
    json!({"items": config.get("items")})
}
