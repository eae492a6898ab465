//! `parallel`: branches at the same time, and how many of them the run waits for.

use serde_json::{Value, json};

use super::{
    Reader, Step,
    branch::MAX_BRANCHES,
    construct::{Config, ControlInfo, object, steps},
};
use crate::schema::below;

/// A compiled parallel step.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// In the order written.
    pub branches: Vec<Lane>,
    /// Branches that have to finish before the run goes on.
    pub join: usize,
    /// Branches that the join did not wait for run to their end; else they are cancelled.
    pub losers_finish: bool,
    /// No two of its branches have a step under way at the same time.
    pub interleaved: bool,
}

/// One of several branches.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Unique in its step.
    pub name: String,
    /// What it runs.
    pub actions: Vec<Step>,
}

impl Parallel {
    pub(super) fn lists(&self) -> impl Iterator<Item = (String, &[Step])> {
        self.branches
            .iter()
            .enumerate()
            .map(|(at, lane)| (format!("branches[{at}]"), lane.actions.as_slice()))
    }
}

pub(super) fn info() -> ControlInfo {
    let lane = object(
        json!({
            "name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "What the log calls it."},
            "actions": steps("What it runs."),
        }),
        &["name", "actions"],
    );
    ControlInfo {
        name: "parallel",
        title: "Parallel",
        description: "Runs branches at the same time. Waiting in one does not hold up the others, nor does a call that takes long.",
        group: "Flow",
        icon: "arrows-split-2",
        schema: object(
            json!({
                "branches": {"type": "array", "minItems": 1, "maxItems": MAX_BRANCHES, "items": lane, "description": "What runs at the same time."},
                "join": {"anyOf": [{"type": "string", "enum": ["all", "any"]}, {"type": "integer", "minimum": 1, "maximum": MAX_BRANCHES}],
                    "default": "all", "description": "How many branches the run waits for: all, any (one), or a number."},
                "losers": {"type": "string", "enum": ["cancel", "finish"], "default": "cancel",
                    "description": "What becomes of the branches that were not waited for."},
                "interleaved": {"type": "boolean", "default": false,
                    "description": "One step at a time: a call of one branch begins only when no other branch has one under way. Waiting still overlaps."},
            }),
            &["branches"],
        ),
        sample: json!({"branches": [
            {"name": "tell the team", "actions": [{"type": "send_notification", "config": {"userId": 1, "title": "A detractor", "message": "{{contact.name}}"}}]},
            {"name": "thank later", "actions": [{"type": "delay", "config": {"duration": "1h"}}]},
        ]}),
    }
}

impl Reader<'_> {
    pub(super) fn parallel(&mut self, config: &Config<'_>) -> Parallel {
        let (mut branches, mut names) = (Vec::new(), Vec::new());
        for (path, lane) in self.written_branches(config) {
            let name = self.branch_name(lane, &path, &names);
            names.push(name.clone());
            let actions = self.steps(lane.get("actions"), &below(&path, "actions"));
            branches.push(Lane { name, actions });
        }
        let join = match config.get("join") {
            None => branches.len(),
            Some(Value::Number(_)) => {
                let join = self.number(config, "join", branches.len());
                if join > branches.len() {
                    let count = branches.len();
                    self.refuse(
                        config.place("join"),
                        format!("there are {count} branches: wait for {count} at most"),
                    );
                }
                join
            }
            Some(_) => self.word(config, "join", &[("all", branches.len()), ("any", 1)], branches.len()),
        };
        let losers_finish = self.word(config, "losers", &[("cancel", false), ("finish", true)], false);
        let interleaved = config.get("interleaved") == Some(&Value::Bool(true));
        Parallel { branches, join, losers_finish, interleaved }
    }
}
