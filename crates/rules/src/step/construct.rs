//! Control steps: steps that decide, wait, or hold steps of their own (control-flow.md). One file for each says its shape; what it
//! does with its steps is the engine's walk.

use std::sync::LazyLock;

use model::event::Called;
use serde_json::{Map, Value, json};

use super::{
    Reader, Step, approval::Approval, branch::Branch, for_each::ForEach, parallel::Parallel, repeat::Repeat,
    stop::Ending, wait::Wait, wait_for_event::WaitForEvent,
};
use crate::{Conditions, schema::below, value::Kind};

/// What a control step does.
#[derive(Debug, Clone)]
pub enum Construct {
    /// One or all of the branches whose conditions hold.
    Branch(Branch),
    /// Its steps for each item of a list.
    ForEach(ForEach),
    /// Its steps again and again until conditions hold.
    Repeat(Repeat),
    /// Branches at the same time.
    Parallel(Parallel),
    /// Nothing until a time.
    Wait(Wait),
    /// Nothing until an event or a time.
    WaitForEvent(WaitForEvent),
    /// Nothing until people have decided, or a time.
    Approval(Approval),
    /// Variables for later steps: the rendered config's `variables`.
    Set,
    /// The run goes on only if these hold.
    Filter(Conditions),
    /// The run ends here; the rendered config's `message` says why.
    Stop(Ending),
    /// The workflow that the rendered config names is run with its `data`.
    RunWorkflow(Called),
}

/// What the catalogue says about a control step.
#[derive(Debug)]
pub struct ControlInfo {
    /// The `type` in a definition.
    pub name: &'static str,
    /// A few words for a person.
    pub title: &'static str,
    /// One or two sentences for a person.
    pub description: &'static str,
    /// The heading under which it is shown.
    pub group: &'static str,
    /// The name of a Tabler icon.
    pub icon: &'static str,
    /// The JSON Schema of its config. Text of format `steps` is a list of steps, of format `conditions` a list of conditions.
    pub schema: Value,
    /// A config as a beginner would write it.
    pub sample: Value,
}

/// Every control step, in the order in which they are offered.
#[must_use]
pub fn control_steps() -> &'static [ControlInfo] {
    static STEPS: LazyLock<Vec<ControlInfo>> = LazyLock::new(|| {
        vec![
            super::branch::info(),
            super::filter::info(),
            super::for_each::info(),
            super::repeat::info(),
            super::parallel::info(),
            super::wait::info(),
            super::wait_for_event::info(),
            super::approval::info(),
            super::run_workflow::info(),
            super::set::info(),
            super::stop::info(),
        ]
    });
    &STEPS
}

/// The control step of that name.
#[must_use]
pub fn control_step(name: &str) -> Option<&'static ControlInfo> {
    control_steps().iter().find(|info| info.name == name)
}

/// The schema of an object with these properties and no others.
pub(super) fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// The schema of a list of steps.
pub(super) fn steps(description: &str) -> Value {
    json!({"type": "array", "format": "steps", "items": {"type": "object"}, "description": description})
}

/// The schema of a list of conditions.
pub(super) fn conditions(description: &str) -> Value {
    json!({"type": "array", "format": "conditions", "items": {"type": "object"}, "description": description})
}

impl Construct {
    /// The lists of steps inside, each with its name in a step's path: `branches[0]`, `else`, and nothing for the steps of a loop, whose
    /// rounds are numbered instead.
    pub fn lists(&self) -> impl Iterator<Item = (String, &[Step])> {
        let lists: Vec<(String, &[Step])> = match self {
            Self::Branch(branch) => branch.lists().collect(),
            Self::Parallel(parallel) => parallel.lists().collect(),
            Self::ForEach(each) => vec![(String::new(), each.actions.as_slice())],
            Self::Repeat(repeat) => vec![(String::new(), repeat.actions.as_slice())],
            Self::WaitForEvent(wait) => wait.lists(),
            Self::Approval(approval) => approval.lists(),
            Self::Wait(_) | Self::Set | Self::Filter(_) | Self::Stop(_) | Self::RunWorkflow(_) => Vec::new(),
        };
        lists.into_iter()
    }

    /// What comes from outside ends its waiting: an event, a decision.
    #[must_use]
    pub const fn is_awaited(&self) -> bool {
        matches!(self, Self::WaitForEvent(_) | Self::Approval(_))
    }

    /// The steps inside run once for each round.
    #[must_use]
    pub const fn is_loop(&self) -> bool {
        matches!(self, Self::ForEach(_) | Self::Repeat(_))
    }
}

/// A control step's config as it is read, with what is wrong with it.
pub(super) struct Config<'v> {
    pub(super) fields: &'v Map<String, Value>,
    pub(super) path: &'v str,
}

impl Config<'_> {
    pub(super) fn place(&self, key: &str) -> String {
        below(self.path, key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }
}

impl Reader<'_> {
    /// One of a few words; the schema has refused others.
    pub(super) fn word<T: Copy>(
        &mut self,
        config: &Config<'_>,
        key: &str,
        words: &[(&str, T)],
        otherwise: T,
    ) -> T {
        let Some(value) = config.get(key) else { return otherwise };
        self.literal(value, config.place(key));
        let written = value.as_str().unwrap_or_default();
        words.iter().find(|(word, _)| *word == written).map_or(otherwise, |(_, value)| *value)
    }

    /// A whole number; the schema has refused others.
    pub(super) fn number(&mut self, config: &Config<'_>, key: &str, otherwise: usize) -> usize {
        let Some(value) = config.get(key) else { return otherwise };
        self.literal(value, config.place(key));
        value.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(otherwise)
    }

    /// What decides the shape of a run is known when it is saved.
    pub(super) fn literal(&mut self, value: &Value, path: String) {
        if value.as_str().is_some_and(|text| text.contains("{{")) {
            self.refuse(path, "a template cannot stand here: write the value itself");
        }
    }

    /// The branches of a step, which are written out.
    pub(super) fn written_branches<'v>(&mut self, config: &'v Config<'_>) -> Vec<(String, &'v Value)> {
        let path = config.place("branches");
        let Some(value) = config.get("branches") else { return Vec::new() };
        self.literal(value, path.clone());
        let branches = value.as_array().into_iter().flatten().enumerate();
        let branches: Vec<_> = branches.map(|(at, branch)| (format!("{path}[{at}]"), branch)).collect();
        branches.iter().for_each(|(path, branch)| self.literal(branch, path.clone()));
        branches
    }

    /// The names of branches: each its own, for the output and the log name them.
    pub(super) fn branch_name(&mut self, value: &Value, path: &str, taken: &[String]) -> String {
        let name = value.get("name").and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let place = below(path, "name");
        if name.contains("{{") {
            self.refuse(place, "a template cannot stand here: write the name itself");
        } else if name.is_empty() {
            if value.get("name").is_some() {
                self.refuse(place, "a name is needed");
            }
        } else if name == "else" {
            self.refuse(
                place,
                "\"else\" is the name of the steps that run when no branch is taken: choose another",
            );
        } else if taken.iter().any(|other| other == name) {
            self.refuse(place, format!("another branch has the name \"{name}\" already: each needs its own"));
        }
        name.to_owned()
    }

    /// A list of conditions that decides something: an empty one decides nothing.
    pub(super) fn deciding(&mut self, value: Option<&Value>, path: &str) -> Conditions {
        if let Some(Value::Array(list)) = value
            && list
                .iter()
                .all(|element| element.get("conditions").is_none() && element.get("field").is_none())
        {
            self.refuse(path, "at least one condition is needed");
        }
        self.conditions(value, path)
    }

    /// A list of steps that must not be empty.
    pub(super) fn steps(&mut self, value: Option<&Value>, path: &str) -> Vec<Step> {
        if matches!(value, Some(Value::Array(list)) if list.is_empty()) {
            self.refuse(path, "at least one step is needed");
        }
        self.block(value, path)
    }

    /// The name of a variable or of a loop's item: one word that hides none of the names that are always there.
    pub(super) fn variable_name(&mut self, name: &str, path: &str) {
        const RESERVED: [&str; 10] = [
            "steps",
            "workflow",
            "execution",
            "tenant",
            "now",
            "vars",
            "trigger",
            "index",
            "iteration",
            "error",
        ];
        let mut letters = name.chars();
        let starts = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !starts || name.len() > 64 || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            self.refuse(path, "a name is a letter or _, then letters, digits or _, 64 characters at most");
        } else if RESERVED.contains(&name) {
            self.refuse(
                path,
                format!("\"{name}\" already means something else in templates: choose another name"),
            );
        }
    }
}

/// Whether a value is a template or a list, as something to loop over must be.
pub(super) fn is_listable(value: &Value) -> Result<(), String> {
    match value {
        Value::Array(_) => Ok(()),
        Value::String(text) if text.trim().starts_with("{{") && text.trim().ends_with("}}") => Ok(()),
        other => Err(format!(
            "a list or one template that gives a list is needed, such as \"{{{{trigger.items}}}}\"; this is {}",
            Kind::of(other).article()
        )),
    }
}
