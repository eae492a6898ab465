//! A whole definition: compiled on save, which names every problem, and again on start-up for running.

use model::{Document, Problem, workflow::Definition};
use serde_json::Value;

pub use crate::step::MAX_STEPS;
use crate::{
    Conditions, EntryRules, Step, Trigger,
    step::{self, check_references, construct::Construct, tree},
    value::Kind,
};

/// The longest name of a workflow, in characters.
pub const MAX_NAME: usize = 255;

/// Where the steps that run when a run has failed stand, in a definition and in the paths of the journal.
pub const ON_FAILURE: &str = "onFailure";

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
    /// What it does once when a run has failed for good.
    pub on_failure: Vec<Step>,
    /// Every step is an action without a handler: there is nothing inside of anything.
    pub is_flat: bool,
    /// The ids of the steps that set variables.
    pub sets: Vec<String>,
    /// Who may enter, how often, and how many at once.
    pub entry: EntryRules,
    /// False: a run whose conditions fail is only counted.
    pub log_unmatched: bool,
    /// The conditions as written: the input of the condition step's log.
    pub conditions_source: Document,
}

/// The steps, those inside of others included, with an `id` for each that has none: `s1`, `s2` … counted on from the highest
/// there is, so that a new step does not take over the past of one that was deleted before it. Malformed input is left as it is.
#[must_use]
pub fn with_ids(actions: &Value) -> Value {
    with_ids_beside(actions, &Value::Null)
}

/// The same for steps that stand beside others (those of `onFailure` beside `actions`): ids are of the whole workflow.
#[must_use]
pub fn with_ids_beside(actions: &Value, others: &Value) -> Value {
    let mut actions = actions.clone();
    let mut number = 0;
    let mut count = |_: &str, step: &Value| {
        let id = step.get("id").and_then(Value::as_str).and_then(|id| id.strip_prefix('s'));
        number = number.max(id.and_then(|number| number.parse::<u32>().ok()).map_or(0, u64::from));
    };
    tree::visit(&actions, "", &mut count);
    tree::visit(others, "", &mut count);
    tree::visit_mut(&mut actions, &mut |step| {
        let Value::Object(fields) = step else { return };
        if fields.get("id").is_none_or(Value::is_null) {
            number += 1;
            fields.insert("id".to_owned(), Value::from(format!("s{number}")));
        }
    });
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
    let entry = EntryRules::compile(&definition.entry, &mut problems);
    let (steps, on_failure) = compile_steps(definition, catalog, &mut problems);
    match trigger {
        Some(trigger) if problems.is_empty() => Ok(Compiled {
            trigger,
            conditions,
            is_flat: steps
                .iter()
                .chain(&on_failure)
                .all(|step| step.construct.is_none() && step.on_error.is_empty()),
            sets: sets(&steps).into_iter().chain(sets(&on_failure)).collect(),
            steps,
            entry,
            on_failure,
            log_unmatched: definition.log_unmatched,
            conditions_source: definition.conditions.clone().into(),
        }),
        _ => Err(problems),
    }
}

/// The steps of `actions` and those of `onFailure`: one tree as far as ids, variables and the number of steps go.
fn compile_steps(
    definition: &Definition,
    catalog: &dyn ActionCatalog,
    problems: &mut Vec<Problem>,
) -> (Vec<Step>, Vec<Step>) {
    let actions = with_ids(&definition.actions);
    let on_failure = with_ids_beside(&definition.on_failure, &actions);
    let mut count = 0;
    for (path, list) in [("actions", &actions), (ON_FAILURE, &on_failure)] {
        match list {
            Value::Array(_) | Value::Null => {}
            other => {
                let kind = Kind::of(other).article();
                problems.push(Problem::at(path, format!("a list of steps is needed, this is {kind}")));
            }
        }
        tree::visit(list, "", &mut |_, _| count += 1);
    }
    if count > MAX_STEPS {
        problems.push(Problem::at(
            "actions",
            format!("there are {count} steps, at most {MAX_STEPS} are accepted: split the workflow"),
        ));
        return (Vec::new(), Vec::new());
    }
    let mut reader = step::Reader::new(catalog);
    let (steps, seen) = reader.block_with_ids(&actions, "actions");
    // Where the run failed is not known here, so any step of it may be read, also one that was not reached.
    let on_failure = reader.block_behind(&on_failure, ON_FAILURE, seen);
    problems.append(&mut reader.finish());
    (steps, on_failure)
}

fn sets(steps: &[Step]) -> Vec<String> {
    let mut found = Vec::new();
    for step in steps {
        if let Some(construct) = step.construct.as_deref() {
            if matches!(construct, Construct::Set) {
                found.push(step.id.clone());
            }
            found.extend(construct.lists().flat_map(|(_, steps)| sets(steps)));
        }
        found.extend(sets(&step.on_error));
    }
    found
}
