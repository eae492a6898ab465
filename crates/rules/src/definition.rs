//! A whole definition: compiled on save, which names every problem, and again on start-up for running.

use std::collections::HashSet;

use model::{Problem, workflow::Definition};
use serde_json::Value;

use crate::{
    Conditions, Step, Trigger,
    step::{self, check_references},
    value::Kind,
};

/// Steps of one workflow.
pub const MAX_STEPS: usize = 300;
/// The longest name of a workflow, in characters.
pub const MAX_NAME: usize = 255;

/// The actions that there are, as far as a definition is concerned.
pub trait ActionCatalog {
    /// The JSON Schema of an action's config; `None` when there is no such action.
    fn schema(&self, action_type: &str) -> Option<&Value>;

    /// The names of all actions, in the order in which they are offered.
    fn types(&self) -> Vec<&str>;

    /// What an action itself finds wrong with a config before it runs, at paths within the config such as `url`.
    fn check(&self, action_type: &str, config: &Value) -> Vec<Problem>;
}

/// A definition ready to run.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// What starts it.
    pub trigger: Trigger,
    /// Whether it then acts.
    pub conditions: Conditions,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// False: a run whose conditions fail is only counted.
    pub log_unmatched: bool,
    /// The conditions as written: the input of the condition step's log.
    pub conditions_source: Value,
}

/// The steps with an `id` for each that has none: `s1`, `s2` … counted on from the highest there is, so that a new
/// step does not take over the past of one that was deleted before it. Malformed input is left as it is.
#[must_use]
pub fn with_ids(actions: &Value) -> Value {
    let mut actions = actions.clone();
    let Value::Array(steps) = &mut actions else { return actions };
    let highest = steps
        .iter()
        .filter_map(|step| step.get("id")?.as_str()?.strip_prefix('s')?.parse::<u32>().ok())
        .max()
        .unwrap_or(0);
    let mut number = u64::from(highest);
    for step in steps {
        let Value::Object(fields) = step else { continue };
        if fields.get("id").is_none_or(Value::is_null) {
            number += 1;
            fields.insert("id".to_owned(), Value::from(format!("s{number}")));
        }
    }
    actions
}

/// Compiles a definition; steps without an id get one as [`with_ids`] gives it.
///
/// # Errors
/// Every problem with its path: `trigger_config.formId`, `conditions[2].value`, `actions[1].config.to`.
pub fn compile(definition: &Definition, catalog: &dyn ActionCatalog) -> Result<Compiled, Vec<Problem>> {
    let mut problems = Vec::new();
    let name = definition.name.trim();
    if name.is_empty() {
        problems.push(Problem::at("name", "a name is needed"));
    } else if name.chars().count() > MAX_NAME {
        problems.push(Problem::at("name", format!("at most {MAX_NAME} characters are accepted")));
    }
    let trigger = Trigger::compile(definition, &mut problems);
    let (conditions, found) = Conditions::compile_sound(&definition.conditions, "conditions");
    problems.extend(found);
    check_references(conditions.located(), &[], &mut problems);
    let steps = compile_steps(&definition.actions, catalog, &mut problems);
    match trigger {
        Some(trigger) if problems.is_empty() => Ok(Compiled {
            trigger,
            conditions,
            steps,
            log_unmatched: definition.log_unmatched,
            conditions_source: definition.conditions.clone(),
        }),
        _ => Err(problems),
    }
}

fn compile_steps(actions: &Value, catalog: &dyn ActionCatalog, problems: &mut Vec<Problem>) -> Vec<Step> {
    let actions = with_ids(actions);
    let list = match &actions {
        Value::Array(list) => list.as_slice(),
        Value::Null => &[],
        other => {
            let kind = Kind::of(other).article();
            problems.push(Problem::at("actions", format!("a list of steps is needed, this is {kind}")));
            &[]
        }
    };
    if list.len() > MAX_STEPS {
        problems.push(Problem::at(
            "actions",
            format!("there are {} steps, at most {MAX_STEPS} are accepted: split the workflow", list.len()),
        ));
        return Vec::new();
    }
    let mut reader =
        step::Reader { catalog, problems: Vec::new(), earlier: Vec::new(), taken: HashSet::new() };
    let steps = list
        .iter()
        .enumerate()
        .filter_map(|(at, step)| reader.step(step, &format!("actions[{at}]")))
        .collect();
    problems.append(&mut reader.problems);
    steps
}
