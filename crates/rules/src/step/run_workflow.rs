//! `run_workflow`: another workflow, whose end may be waited for.
//!
//! Whether the workflow exists is not known here: who saves a definition looks ([`crate::step::tree::visit`]).

use model::{effect::WorkflowName, event::Called};
use serde_json::{Map, Value, json};

use super::{
    Reader,
    construct::{Config, ControlInfo, object},
};

/// The `type` in a definition.
pub const RUN_WORKFLOW: &str = "run_workflow";

pub(super) fn info() -> ControlInfo {
    ControlInfo {
        name: RUN_WORKFLOW,
        title: "Run workflow",
        description: "Runs another workflow with data of its own, and waits for its result or goes on at once. When the other one fails, this step does.",
        group: "Flow",
        icon: "subtask",
        schema: object(
            json!({
                "workflowId": {"type": ["integer", "string"], "description": "The id of the workflow or its key; or a template that gives one."},
                "data": {"type": "object", "additionalProperties": true, "description": "What the other workflow sees as its trigger data, such as {\"contact\":{\"id\":\"{{contact.id}}\"}}."},
                "wait": {"type": "boolean", "default": true, "description": "False: this workflow goes on as soon as the other one is started."},
            }),
            &["workflowId"],
        ),
        sample: json!({"workflowId": "follow-up", "data": {"contact": {"id": "{{contact.id}}"}}}),
    }
}

impl Reader<'_> {
    pub(super) fn run_workflow(&mut self, config: &Config<'_>) -> Called {
        if let Some(value) = config.get("workflowId").filter(|value| value.is_number() || value.is_string())
            && !value.as_str().is_some_and(|text| text.contains("{{"))
            && WorkflowName::of(value).is_none()
        {
            self.refuse(config.place("workflowId"), "the id or the key of a workflow is needed, such as 45");
        }
        if let Some(value @ Value::String(_)) = config.get("data") {
            self.literal(value, config.place("data"));
        }
        match config.get("wait") {
            Some(Value::Bool(false)) => Called::GoesOn,
            Some(value) => {
                self.literal(value, config.place("wait"));
                Called::Waits
            }
            None => Called::Waits,
        }
    }
}

/// What of the config is rendered.
pub(super) fn rendered(config: &Map<String, Value>) -> Value {
    json!({"workflowId": config.get("workflowId"), "data": config.get("data")})
}
