//! `repeat`: its steps until conditions hold, a limited number of times.

use model::Period;
use serde_json::{Value, json};

use super::{
    Reader, Step,
    construct::{Config, ControlInfo, conditions, object},
};
use crate::{Conditions, retry};

/// The most rounds of one loop.
const MAX_ROUNDS: usize = 10_000;

/// A compiled loop until conditions hold.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// Checked after each round; they may read that round's steps.
    pub until: Conditions,
    /// Rounds at most.
    pub rounds: usize,
    /// Between two rounds.
    pub pause: Period,
    /// What runs in each.
    pub actions: Vec<Step>,
}

pub(super) fn info() -> ControlInfo {
    ControlInfo {
        name: "repeat",
        title: "Repeat until",
        description: "Runs its steps again, with a pause, until the conditions hold after a round or the rounds are used up.",
        group: "Flow",
        icon: "rotate",
        schema: object(
            json!({
                "until": conditions("Checked after each round."),
                "maxIterations": {"type": "integer", "minimum": 1, "maximum": MAX_ROUNDS, "description": "Rounds at most."},
                "pause": {"type": ["integer", "string"], "format": "duration", "description": "Between two rounds: milliseconds or text such as \"1m\".", "default": 0},
                "actions": super::construct::steps("What runs in each round; {{iteration}} counts from 1."),
            }),
            &["until", "maxIterations", "actions"],
        ),
        sample: json!({"until": [{"field": "steps.s2.output.body.status", "operator": "equals", "value": "ready"}],
            "maxIterations": 10, "pause": "1m",
            "actions": [{"id": "s2", "type": "webhook", "config": {"url": "https://example.com/status", "method": "GET"}}]}),
    }
}

impl Reader<'_> {
    pub(super) fn repeat(&mut self, config: &Config<'_>) -> Repeat {
        let rounds = self.number(config, "maxIterations", 1);
        let pause = match config.get("pause").map(retry::period) {
            None => Period::ZERO,
            Some(Ok(pause)) => pause,
            Some(Err(message)) => {
                self.refuse(config.place("pause"), message);
                Period::ZERO
            }
        };
        let mark = self.earlier.len();
        let (actions, inner) =
            self.block_with_ids(config.get("actions").unwrap_or(&Value::Null), &config.place("actions"));
        if matches!(config.get("actions"), Some(Value::Array(list)) if list.is_empty()) {
            self.refuse(config.place("actions"), "at least one step is needed");
        }
        self.earlier.extend(inner);
        let until = self.deciding(config.get("until"), &config.place("until"));
        self.earlier.truncate(mark);
        Repeat { until, rounds, pause, actions }
    }
}
