//! `stop`: the run ends here.

use serde_json::{Map, Value, json};

use super::{
    Reader,
    construct::{Config, ControlInfo, object},
};

/// How a run ends that is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Well.
    Completed,
    /// Badly, and for good.
    Failed,
}

pub(super) fn info() -> ControlInfo {
    ControlInfo {
        name: "stop",
        title: "Stop",
        description: "Ends the run here, as completed or as failed, and says why.",
        group: "Flow",
        icon: "player-stop",
        schema: object(
            json!({
                "status": {"type": "string", "enum": ["completed", "failed"], "default": "completed", "description": "How the run ends."},
                "message": {"type": "string", "maxLength": 1000, "description": "Why, for whoever reads the history."},
            }),
            &[],
        ),
        sample: json!({"status": "completed", "message": "Nothing to do for {{contact.name}}"}),
    }
}

impl Reader<'_> {
    pub(super) fn stop(&mut self, config: &Config<'_>) -> Ending {
        let words = [("completed", Ending::Completed), ("failed", Ending::Failed)];
        self.word(config, "status", &words, Ending::Completed)
    }
}

/// What of the config is rendered.
pub(super) fn rendered(config: &Map<String, Value>) -> Value {
    json!({"message": config.get("message")})
}
