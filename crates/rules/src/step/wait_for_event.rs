//! `wait_for_event`: nothing until an event comes that the conditions hold for, or until a time.

use model::{
    Period,
    event::{EventName, MANUAL, SCHEDULE},
};
use serde_json::{Map, Value, json};

use super::{
    Reader, Step,
    construct::{Config, ControlInfo, conditions, object, steps},
    wait::is_template,
};
use crate::{Conditions, retry, value::quoted};

/// A compiled wait for an event.
#[derive(Debug, Clone)]
pub struct WaitForEvent {
    /// What is waited for.
    pub event: EventName,
    /// What must hold of it: `event.…` is its data, everything else is as it is when the wait begins.
    pub conditions: Conditions,
    /// The conditions as written: they are kept with the wait, for whoever takes the event in.
    pub source: Value,
    /// What runs when it has come.
    pub actions: Vec<Step>,
    /// What runs when it has not.
    pub on_timeout: Vec<Step>,
}

impl WaitForEvent {
    pub(super) fn lists(&self) -> Vec<(String, &[Step])> {
        vec![("actions".to_owned(), &self.actions), ("onTimeout".to_owned(), &self.on_timeout)]
    }
}

pub(super) fn info() -> ControlInfo {
    ControlInfo {
        name: "wait_for_event",
        title: "Wait for an event",
        description: "Suspends this branch until an event comes that the conditions hold for, or until the time is over; each has its own steps.",
        group: "Flow",
        icon: "bell-pause",
        schema: object(
            json!({
                "event": {"type": "string", "minLength": 1, "maxLength": 100, "description": "The event's name, such as ticket_updated."},
                "conditions": conditions("What must hold of it; event.… is the arriving event's data. The first event that fits counts."),
                "timeout": {"type": ["integer", "string"], "description": "How long to wait at most: milliseconds or text such as \"5d\"."},
                "actions": steps("What runs when the event has come."),
                "onTimeout": steps("What runs when it has not."),
            }),
            &["event", "timeout"],
        ),
        sample: json!({
            "event": "ticket_updated",
            "conditions": [
                {"field": "event.ticket.id", "operator": "equals", "value": "{{ticket.id}}"},
                {"field": "event.ticket.status", "operator": "equals", "value": "solved"},
            ],
            "timeout": "5d",
            "actions": [],
            "onTimeout": [],
        }),
    }
}

impl Reader<'_> {
    pub(super) fn wait_for_event(&mut self, config: &Config<'_>) -> Option<WaitForEvent> {
        let event = self.awaited_event(config);
        self.length(config, "timeout");
        let source = config.get("conditions").cloned().unwrap_or_else(|| json!([]));
        let conditions = self.conditions(config.get("conditions"), &config.place("conditions"));
        let actions = self.block(config.get("actions"), &config.place("actions"));
        let on_timeout = self.block(config.get("onTimeout"), &config.place("onTimeout"));
        Some(WaitForEvent { event: event?, conditions, source, actions, on_timeout })
    }

    fn awaited_event(&mut self, config: &Config<'_>) -> Option<EventName> {
        let value = config.get("event")?;
        self.literal(value, config.place("event"));
        // The schema has refused what is no text or empty.
        let written = value.as_str().filter(|text| !text.is_empty() && !text.contains("{{"))?;
        match written.parse::<EventName>() {
            Ok(name) if [SCHEDULE, MANUAL].contains(&name.as_str()) => {
                self.refuse(
                    config.place("event"),
                    format!("\"{name}\" is a way to start a workflow and no event: name one that comes in, such as ticket_updated"),
                );
                None
            }
            Ok(name) => Some(name),
            Err(error) => {
                self.refuse(config.place("event"), format!("{} {error}", quoted(value)));
                None
            }
        }
    }

    /// A length of time that is more than nothing, or a template that gives one.
    pub(super) fn length(&mut self, config: &Config<'_>, key: &str) -> Option<Period> {
        let value = config.get(key).filter(|value| !is_template(value))?;
        match retry::period(value) {
            Ok(Period::ZERO) => {
                self.refuse(config.place(key), "more than nothing is needed");
                None
            }
            Ok(period) => Some(period),
            // What has the wrong type the schema has refused.
            Err(_) if !value.is_string() && !value.is_number() => None,
            Err(message) => {
                self.refuse(config.place(key), message);
                None
            }
        }
    }
}

/// What of the config is rendered.
pub(super) fn rendered(config: &Map<String, Value>) -> Value {
    json!({"event": config.get("event"), "timeout": config.get("timeout")})
}
