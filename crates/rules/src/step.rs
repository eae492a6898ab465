//! One step of a workflow: its keys, its config against its action's schema, its templates, and the steps inside of it.

pub(crate) mod approval;
pub(crate) mod branch;
pub(crate) mod construct;
mod filter;
pub mod for_each;
pub(crate) mod parallel;
mod reference;
pub(crate) mod repeat;
pub mod run_workflow;
mod set;
pub(crate) mod stop;
pub mod tree;
pub mod wait;
pub(crate) mod wait_for_event;

use std::collections::HashSet;

use model::{Period, Problem};
use serde_json::{Map, Value};

use self::construct::{Config, Construct, control_step, control_steps};
pub use self::reference::Reads;
pub(crate) use self::reference::check_references;
use crate::{
    ActionCatalog, Conditions, Path, Retry, Template,
    definition::ON_FAILURE,
    hosts, retry, schema,
    schema::below,
    suggest::among,
    value::{Kind, quoted},
};

/// The longest time that one attempt of a step may be given.
pub const MAX_TIMEOUT: Period = Period::minutes(10);
/// Steps of one workflow, those inside of others included.
pub const MAX_STEPS: usize = 300;
/// Lists of steps within lists of steps.
pub const MAX_DEPTH: usize = 10;
/// The longest id, in characters.
const MAX_ID: usize = 64;
/// The longest name, in characters.
const MAX_NAME: usize = 255;

/// The longest notes, in characters.
const MAX_NOTES: usize = 4_000;

const KEYS: [&str; 11] = [
    "type",
    "config",
    "critical",
    "name",
    "id",
    "retry",
    "timeoutMs",
    "disabled",
    "skipIf",
    "onError",
    "notes",
];

/// A compiled step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique in the workflow, and the same in the next version.
    pub id: String,
    /// What the author calls it.
    pub name: Option<String>,
    /// Which action or control step it is.
    pub action_type: String,
    /// What is rendered when it is performed: an action's config, or of a control step's what may be a template.
    pub config: Template,
    /// Its failure ends the run.
    pub critical: bool,
    /// When a failed attempt is followed by another within the run.
    pub retry: Option<Retry>,
    /// How long one attempt may take; of a control step, with all that is in it.
    pub timeout: Option<Period>,
    /// It is passed over.
    pub disabled: bool,
    /// It is passed over when these hold.
    pub skip_if: Option<Conditions>,
    /// What runs when it has failed.
    pub on_error: Vec<Step>,
    /// `scheme://host[:port]` of the targets that the config names without a template; compare after parsing.
    pub literal_hosts: Vec<String>,
    /// What it reads when it is performed.
    pub reads: Reads,
    /// What it does when it is a control step; none: it is an action.
    pub construct: Option<Box<Construct>>,
}

/// Reads the steps of a definition one after the other.
pub(crate) struct Reader<'c> {
    catalog: &'c dyn ActionCatalog,
    pub(crate) problems: Vec<Problem>,
    /// The ids of the steps that have run before the present place, in order.
    earlier: Vec<String>,
    taken: HashSet<String>,
    depth: usize,
    /// The names that `set` steps give.
    variables: HashSet<String>,
    /// Where variables are read.
    variables_read: Vec<(String, String)>,
}

impl<'c> Reader<'c> {
    pub(crate) fn new(catalog: &'c dyn ActionCatalog) -> Self {
        Self {
            catalog,
            problems: Vec::new(),
            earlier: Vec::new(),
            taken: HashSet::new(),
            depth: 0,
            variables: HashSet::new(),
            variables_read: Vec::new(),
        }
    }
}

impl Reader<'_> {
    /// What can only be said when everything was read: every problem.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        for (place, name) in std::mem::take(&mut self.variables_read) {
            if !self.variables.contains(&name) {
                let mut known: Vec<&str> = self.variables.iter().map(String::as_str).collect();
                known.sort_unstable();
                let instead = if known.is_empty() { String::new() } else { among(&name, known) };
                self.problems
                    .push(Problem::at(place, format!("no set step gives a variable \"{name}\"{instead}")));
            }
        }
        self.problems
    }

    /// A list of steps, which see one another's outcome, and which the steps behind the list do not see.
    pub(crate) fn block(&mut self, value: Option<&Value>, path: &str) -> Vec<Step> {
        value.map_or_else(Vec::new, |value| self.block_with_ids(value, path).0)
    }

    /// A list of steps that run behind others, whose ids they see.
    pub(crate) fn block_behind(&mut self, value: &Value, path: &str, seen: Vec<String>) -> Vec<Step> {
        if value.is_null() {
            return Vec::new();
        }
        self.earlier = seen;
        self.block(Some(value), path)
    }

    pub(crate) fn block_with_ids(&mut self, value: &Value, path: &str) -> (Vec<Step>, Vec<String>) {
        let list = match value {
            Value::Array(list) => list,
            // The schema has said that a list is needed, or the caller does; a template it lets pass.
            other => {
                self.literal(other, path.to_owned());
                return (Vec::new(), Vec::new());
            }
        };
        if self.depth >= MAX_DEPTH {
            self.refuse(
                path,
                format!("steps are nested more than {MAX_DEPTH} levels deep: split the workflow"),
            );
            return (Vec::new(), Vec::new());
        }
        self.depth += 1;
        let mark = self.earlier.len();
        let steps = list
            .iter()
            .enumerate()
            .filter_map(|(at, step)| self.step(step, &format!("{path}[{at}]")))
            .collect();
        self.depth -= 1;
        (steps, self.earlier.split_off(mark))
    }

    fn conditions(&mut self, value: Option<&Value>, path: &str) -> Conditions {
        let (conditions, found) = Conditions::compile_sound(value.unwrap_or(&Value::Null), path);
        self.problems.extend(found);
        self.references(conditions.located());
        conditions
    }

    fn references<'p>(&mut self, paths: impl IntoIterator<Item = (String, &'p Path)> + Clone) {
        check_references(paths.clone(), &self.earlier, &mut self.problems);
        let variables =
            paths.into_iter().filter_map(|(place, path)| Some((place, path.variable()?.to_owned())));
        self.variables_read.extend(variables);
    }

    fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::at(path, message));
    }

    /// The step, or nothing after adding at least one problem.
    pub(crate) fn step(&mut self, value: &Value, path: &str) -> Option<Step> {
        let Value::Object(fields) = value else {
            let kind = Kind::of(value).article();
            self.refuse(path, format!("a step is needed, {{\"type\",\"config\"}}; this is {kind}"));
            return None;
        };
        self.unknown_keys(fields, path);
        let id = self.id(fields.get("id"), &below(path, "id"));
        let name = self.name(fields.get("name"), &below(path, "name"));
        self.notes(fields.get("notes"), &below(path, "notes"));
        let disabled = self.flag(fields, "disabled", path, false);
        let skip_if =
            given(fields, "skipIf").map(|conditions| self.deciding(Some(conditions), &below(path, "skipIf")));
        let action_type = self.action_type(fields.get("type"), &below(path, "type"));
        let control = action_type.and_then(control_step);
        let critical =
            self.flag(fields, "critical", path, control.is_some_and(|info| holds_steps(info.name)));
        let (retry, timeout) = self.tries(fields, control.is_some(), path);
        let config_path = below(path, "config");
        let compiled = match control {
            None => self.config(action_type, fields.get("config"), &config_path),
            Some(info) => self.control_config(info, fields.get("config"), &config_path),
        };
        let mark = self.earlier.len();
        self.earlier.extend(id.clone());
        let construct =
            control.and_then(|info| self.construct(info.name, fields.get("config"), &config_path));
        let on_error = self.on_error(given(fields, "onError"), &below(path, "onError"));
        self.earlier.truncate(mark);
        self.earlier.extend(id.clone());
        let (config, literal_hosts) = compiled?;
        let action_type = action_type?.to_owned();
        let mut step = Step {
            id: id?,
            name,
            action_type,
            config,
            critical,
            retry,
            timeout,
            disabled,
            skip_if,
            on_error,
            literal_hosts,
            reads: Reads::default(),
            construct: construct.map(Box::new),
        };
        step.reads = reads(&step);
        Some(step)
    }

    fn on_error(&mut self, value: Option<&Value>, path: &str) -> Vec<Step> {
        match value {
            None => Vec::new(),
            Some(Value::Array(_)) => self.steps(value, path),
            Some(other) => {
                self.refuse(
                    path,
                    format!("a list of steps is needed, this is {}", Kind::of(other).article()),
                );
                Vec::new()
            }
        }
    }

    /// How often an attempt is made and how long it may take. A control step's is that of the whole: the steps in it, and what they wait for.
    fn tries(
        &mut self,
        fields: &Map<String, Value>,
        is_control: bool,
        path: &str,
    ) -> (Option<Retry>, Option<Period>) {
        let retry =
            given(fields, "retry").and_then(|value| match Retry::compile(value, &below(path, "retry")) {
                Ok(retry) => Some(retry),
                Err(problems) => {
                    self.problems.extend(problems);
                    None
                }
            });
        if is_control && retry.as_ref().is_some_and(|retry| retry.on.is_some()) {
            let place = below(&below(path, "retry"), "on");
            self.refuse(place, "the failures of a control step are of no such kinds: leave it out");
        }
        let longest = if is_control { Period::YEAR } else { MAX_TIMEOUT };
        (retry, self.timeout(fields.get("timeoutMs"), longest, &below(path, "timeoutMs")))
    }

    /// What a control step does, with the steps that it holds.
    fn construct(&mut self, name: &str, value: Option<&Value>, path: &str) -> Option<Construct> {
        let nothing = Map::new();
        let fields = match value {
            None | Some(Value::Null) => &nothing,
            Some(Value::Object(fields)) => fields,
            Some(_) => return None,
        };
        let config = Config { fields, path };
        Some(match name {
            "branch" => Construct::Branch(self.branch(&config)),
            "for_each" => Construct::ForEach(self.for_each(&config)),
            "repeat" => Construct::Repeat(self.repeat(&config)),
            "parallel" => Construct::Parallel(self.parallel(&config)),
            "wait" => Construct::Wait(self.wait(&config)?),
            "wait_for_event" => Construct::WaitForEvent(self.wait_for_event(&config)?),
            "approval" => Construct::Approval(self.approval(&config)?),
            "set" => {
                self.set(&config);
                Construct::Set
            }
            "filter" => {
                Construct::Filter(self.deciding(config.get("conditions"), &config.place("conditions")))
            }
            "stop" => Construct::Stop(self.stop(&config)),
            run_workflow::RUN_WORKFLOW => Construct::RunWorkflow(self.run_workflow(&config)),
            _ => return None,
        })
    }

    /// What of a control step's config is rendered.
    fn control_config(
        &mut self,
        info: &construct::ControlInfo,
        value: Option<&Value>,
        path: &str,
    ) -> Option<(Template, Vec<String>)> {
        let nothing = Value::Object(Map::new());
        let config = value.filter(|value| !value.is_null()).unwrap_or(&nothing);
        let Value::Object(fields) = config else {
            self.refuse(path, format!("an object is needed, this is {}", Kind::of(config).article()));
            return None;
        };
        self.problems.extend(schema::check(&info.schema, config, path));
        let rendered = match info.name {
            "for_each" => for_each::rendered(fields),
            "set" => set::rendered(fields),
            "stop" => stop::rendered(fields),
            "wait" => wait::rendered(fields),
            "wait_for_event" => wait_for_event::rendered(fields),
            "approval" => approval::rendered(fields),
            run_workflow::RUN_WORKFLOW => run_workflow::rendered(fields),
            _ => Value::Object(Map::new()),
        };
        let (template, found) = Template::compile_sound(&rendered, None, path);
        self.references(template.located(path));
        let sound = found.is_empty();
        self.problems.extend(found);
        sound.then_some((template, Vec::new()))
    }

    fn unknown_keys(&mut self, fields: &Map<String, Value>, path: &str) {
        for key in fields.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            self.refuse(below(path, key), format!("a step has no \"{key}\"{}", among(key, KEYS)));
        }
    }

    fn id(&mut self, value: Option<&Value>, path: &str) -> Option<String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match value.and_then(Value::as_str) {
            Some(ON_FAILURE) => {
                self.refuse(
                    path,
                    "\"onFailure\" names the steps that run when a run has failed: choose another id",
                );
            }
            Some(id) if !id.is_empty() && id.len() <= MAX_ID && id.chars().all(allowed) => {
                if self.taken.insert(id.to_owned()) {
                    return Some(id.to_owned());
                }
                self.refuse(path, format!("another step has the id \"{id}\" already: each needs its own"));
            }
            _ => self.refuse(path, format!("1 to {MAX_ID} letters, digits, _ or - are needed")),
        }
        None
    }

    fn name(&mut self, value: Option<&Value>, path: &str) -> Option<String> {
        match value {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if name.chars().count() <= MAX_NAME => {
                Some(name.trim().to_owned()).filter(|name| !name.is_empty())
            }
            Some(_) => {
                self.refuse(path, format!("text of at most {MAX_NAME} characters is needed"));
                None
            }
        }
    }

    /// Words for whoever edits the workflow; a run has no use for them.
    fn notes(&mut self, value: Option<&Value>, path: &str) {
        match value {
            None | Some(Value::Null) => {}
            Some(Value::String(notes)) if notes.chars().count() <= MAX_NOTES => {}
            Some(_) => self.refuse(path, format!("text of at most {MAX_NOTES} characters is needed")),
        }
    }

    fn flag(&mut self, fields: &Map<String, Value>, key: &str, path: &str, otherwise: bool) -> bool {
        match fields.get(key) {
            None | Some(Value::Null) => otherwise,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.refuse(
                    below(path, key),
                    format!("true or false is needed, this is {}", Kind::of(other).article()),
                );
                otherwise
            }
        }
    }

    fn timeout(&mut self, value: Option<&Value>, longest: Period, path: &str) -> Option<Period> {
        match retry::period(value.filter(|value| !value.is_null())?) {
            Ok(period) if period > Period::ZERO && period <= longest => return Some(period),
            Ok(_) if longest == MAX_TIMEOUT => {
                self.refuse(path, "more than nothing and at most 10 minutes is needed");
            }
            Ok(_) => self.refuse(path, "more than nothing and at most a year is needed"),
            Err(message) => self.refuse(path, message),
        }
        None
    }

    fn action_type<'v>(&mut self, value: Option<&'v Value>, path: &str) -> Option<&'v str> {
        let control = control_steps().iter().map(|info| info.name);
        let types: Vec<&str> = self.catalog.types().into_iter().chain(control).collect();
        let names = types.join(", ");
        let Some(action_type) = value.and_then(Value::as_str) else {
            self.refuse(path, format!("the type of an action is needed: one of {names}"));
            return None;
        };
        if self.catalog.schema(action_type).is_some() || control_step(action_type).is_some() {
            return Some(action_type);
        }
        let written = quoted(&Value::from(action_type));
        self.refuse(
            path,
            format!("there is no action {written}{}", among(action_type, types.iter().copied())),
        );
        None
    }

    /// The compiled config with its literal hosts. The templates are compiled even when the type is unknown, so that
    /// their faults are named in the same go.
    fn config(
        &mut self,
        action_type: Option<&str>,
        value: Option<&Value>,
        path: &str,
    ) -> Option<(Template, Vec<String>)> {
        let nothing = Value::Object(Map::new());
        let config = value.filter(|value| !value.is_null()).unwrap_or(&nothing);
        if !config.is_object() {
            self.refuse(path, format!("an object is needed, this is {}", Kind::of(config).article()));
            return None;
        }
        let schema = action_type.and_then(|action_type| self.catalog.schema(action_type));
        if let (Some(action_type), Some(schema)) = (action_type, schema) {
            let found = schema::check(schema, config, path);
            let own = self.catalog.check(action_type, config).into_iter().map(|problem| Problem {
                path: match problem.path.as_str() {
                    "" => path.to_owned(),
                    inner if inner.starts_with('[') => format!("{path}{inner}"),
                    inner => format!("{path}.{inner}"),
                },
                ..problem
            });
            // What the schema has already refused needs no second opinion.
            let own: Vec<_> = own.filter(|own| found.iter().all(|found| found.path != own.path)).collect();
            self.problems.extend(found);
            self.problems.extend(own);
        }
        let (template, found) = Template::compile_sound(config, schema, path);
        self.references(template.located(path));
        let sound = found.is_empty();
        self.problems.extend(found);
        let hosts = schema.map(|schema| hosts::literal_hosts(schema, config)).unwrap_or_default();
        sound.then_some((template, hosts))
    }
}

/// A key that has a value.
fn given<'v>(fields: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    fields.get(key).filter(|value| !value.is_null())
}

/// A control step that fails when a step in it does, or the workflow that it runs: that the run then ends is what its author expects.
fn holds_steps(name: &str) -> bool {
    matches!(
        name,
        "branch"
            | "for_each"
            | "repeat"
            | "parallel"
            | "wait_for_event"
            | "approval"
            | run_workflow::RUN_WORKFLOW
    )
}

/// What a step reads when its turn comes; what the steps in it read is their own affair.
fn reads(step: &Step) -> Reads {
    let mut reads = Reads::default();
    step.config.paths().for_each(|path| reads.note(path));
    let mut conditions: Vec<&Conditions> = step.skip_if.iter().collect();
    match step.construct.as_deref() {
        Some(Construct::Branch(branch)) => {
            conditions.extend(branch.branches.iter().map(|arm| &arm.conditions));
        }
        Some(Construct::Filter(filter)) => conditions.push(filter),
        // Their conditions are asked later, when what they read is written.
        Some(Construct::Repeat(_) | Construct::Wait(_)) => {}
        // What it reads besides the event is kept with the wait.
        Some(Construct::WaitForEvent(wait)) => conditions.push(&wait.conditions),
        Some(
            Construct::ForEach(_)
            | Construct::Parallel(_)
            | Construct::Approval(_)
            | Construct::Set
            | Construct::Stop(_)
            | Construct::RunWorkflow(_),
        )
        | None => {}
    }
    for conditions in conditions {
        conditions.paths().for_each(|path| reads.note(path));
    }
    reads
}
