//! `filter`: the run goes on only if conditions hold; else it ends, completed.

use serde_json::json;

use super::construct::{ControlInfo, conditions, object};

pub(super) fn info() -> ControlInfo {
    ControlInfo {
        name: "filter",
        title: "Go on only if",
        description: "Ends the run here, completed, unless the conditions hold.",
        group: "Flow",
        icon: "filter",
        schema: object(
            json!({"conditions": conditions("What must hold for the run to go on.")}),
            &["conditions"],
        ),
        sample: json!({"conditions": [{"field": "contact.email", "operator": "is_not_empty"}]}),
    }
}
