//! `branch`: the first of its branches whose conditions hold, or all of them, else its `else`.

use serde_json::json;

use super::{
    Reader, Step,
    construct::{Config, ControlInfo, conditions, object, steps},
};
use crate::{Conditions, Scope, schema::below};

/// The most branches of one step.
pub(super) const MAX_BRANCHES: usize = 50;
/// What the output says when no branch was taken.
pub const ELSE: &str = "else";

/// A compiled branch step.
#[derive(Debug, Clone)]
pub struct Branch {
    /// All that match, in the order written; else the first one.
    pub all: bool,
    /// In the order written.
    pub branches: Vec<Arm>,
    /// What runs when none matches.
    pub otherwise: Vec<Step>,
}

/// One way.
#[derive(Debug, Clone)]
pub struct Arm {
    /// Unique in its step.
    pub name: String,
    /// When it is taken.
    pub conditions: Conditions,
    /// What then runs.
    pub actions: Vec<Step>,
}

impl Branch {
    pub(super) fn lists(&self) -> impl Iterator<Item = (String, &[Step])> {
        let arms = self.branches.iter().enumerate();
        arms.map(|(at, arm)| (format!("branches[{at}]"), arm.actions.as_slice()))
            .chain(std::iter::once((ELSE.to_owned(), self.otherwise.as_slice())))
    }

    /// The lists that run on this data, by their names in a step's path; a condition that cannot be decided does not hold.
    #[must_use]
    pub fn taken(&self, scope: &Scope<'_>) -> Vec<String> {
        let matching =
            self.branches.iter().enumerate().filter(|(_, arm)| arm.conditions.matches(scope) == Ok(true));
        let most = if self.all { usize::MAX } else { 1 };
        let mut taken: Vec<String> = matching.take(most).map(|(at, _)| format!("branches[{at}]")).collect();
        if taken.is_empty() {
            taken.push(ELSE.to_owned());
        }
        taken
    }

    /// The steps of the branch of that name, with its name in a step's path.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(String, &[Step])> {
        if name == ELSE {
            return Some((ELSE.to_owned(), &self.otherwise));
        }
        let at = self.branches.iter().position(|arm| arm.name == name)?;
        Some((format!("branches[{at}]"), &self.branches[at].actions))
    }
}

pub(super) fn info() -> ControlInfo {
    let arm = object(
        json!({
            "name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "What the log calls it."},
            "conditions": conditions("When it is taken."),
            "actions": steps("What then runs."),
        }),
        &["name", "conditions", "actions"],
    );
    ControlInfo {
        name: "branch",
        title: "Branch",
        description: "Goes on by conditions: the first branch whose conditions hold, or every one, and otherwise the steps of \"else\".",
        group: "Flow",
        icon: "git-branch",
        schema: object(
            json!({
                "mode": {"type": "string", "enum": ["first", "all"], "default": "first",
                    "description": "The first branch that matches, or all that do, one after the other."},
                "branches": {"type": "array", "minItems": 1, "maxItems": MAX_BRANCHES, "items": arm, "description": "The ways, in the order in which they are tried."},
                "else": steps("What runs when no branch matches."),
            }),
            &["branches"],
        ),
        sample: json!({"branches": [{
            "name": "unhappy",
            "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
            "actions": [{"type": "create_ticket", "config": {"title": "Detractor"}}],
        }], "else": []}),
    }
}

impl Reader<'_> {
    pub(super) fn branch(&mut self, config: &Config<'_>) -> Branch {
        let all = self.word(config, "mode", &[("first", false), ("all", true)], false);
        let mut branches: Vec<Arm> = Vec::new();
        let mut names = Vec::new();
        for (path, arm) in self.written_branches(config) {
            let name = self.branch_name(arm, &path, &names);
            names.push(name.clone());
            let conditions = self.conditions(arm.get("conditions"), &below(&path, "conditions"));
            let actions = self.block(arm.get("actions"), &below(&path, "actions"));
            branches.push(Arm { name, conditions, actions });
        }
        let otherwise = self.block(config.get(ELSE), &config.place(ELSE));
        Branch { all, branches, otherwise }
    }
}
