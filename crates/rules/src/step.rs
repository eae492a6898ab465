//! One step of a workflow: its keys, its config against its action's schema, its templates.

use std::collections::HashSet;

use model::{Period, Problem};
use serde_json::{Map, Value};

use crate::{
    ActionCatalog, Path, Retry, Template, hosts, retry, schema,
    schema::below,
    suggest::{among, nearest},
    value::{Kind, quoted},
};

/// The longest time that one attempt of a step may be given.
pub const MAX_TIMEOUT: Period = Period::minutes(10);
/// The longest id, in characters.
const MAX_ID: usize = 64;
/// The longest name, in characters.
const MAX_NAME: usize = 255;

const KEYS: [&str; 8] = ["type", "config", "critical", "name", "id", "retry", "timeoutMs", "disabled"];
/// Named in the contract for later, so worth a better answer than "unknown".
const LATER_KEYS: [&str; 2] = ["skipIf", "onError"];
const LATER_TYPES: [&str; 11] = [
    "branch",
    "for_each",
    "repeat",
    "parallel",
    "wait",
    "wait_for_event",
    "approval",
    "run_workflow",
    "set",
    "filter",
    "stop",
];

/// A compiled step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique in the workflow, and the same in the next version.
    pub id: String,
    /// What the author calls it.
    pub name: Option<String>,
    /// Which action it runs.
    pub action_type: String,
    /// The action's config, an object once rendered.
    pub config: Template,
    /// Its failure ends the run.
    pub critical: bool,
    /// When a failed attempt is followed by another within the run.
    pub retry: Option<Retry>,
    /// How long one attempt may take.
    pub timeout: Option<Period>,
    /// It is passed over.
    pub disabled: bool,
    /// `scheme://host[:port]` of the targets that the config names without a template; compare after parsing.
    pub literal_hosts: Vec<String>,
}

/// Adds a problem for each path that reads the output of a step that does not run before.
pub(crate) fn check_references<'p>(
    paths: impl IntoIterator<Item = (String, &'p Path)>,
    earlier: &[String],
    problems: &mut Vec<Problem>,
) {
    for (place, path) in paths {
        let Some(id) = path.step().filter(|id| !earlier.iter().any(|step| step == id)) else { continue };
        let instead = match (earlier, nearest(id, earlier.iter().map(String::as_str))) {
            ([], _) => "no step does".to_owned(),
            (_, Some(name)) => format!("did you mean \"{name}\"?"),
            (earlier, None) => format!("these do: {}", earlier.join(", ")),
        };
        problems
            .push(Problem::at(place, format!("{path} needs a step \"{id}\" that runs before: {instead}")));
    }
}

/// Reads the steps of a definition one after the other.
pub(crate) struct Reader<'c> {
    pub(crate) catalog: &'c dyn ActionCatalog,
    pub(crate) problems: Vec<Problem>,
    /// The ids of the steps so far, in order.
    pub(crate) earlier: Vec<String>,
    pub(crate) taken: HashSet<String>,
}

impl Reader<'_> {
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
        let critical = self.flag(fields, "critical", path);
        let disabled = self.flag(fields, "disabled", path);
        let retry = match fields.get("retry").filter(|value| !value.is_null()) {
            None => None,
            Some(value) => match Retry::compile(value, &below(path, "retry")) {
                Ok(retry) => Some(retry),
                Err(problems) => {
                    self.problems.extend(problems);
                    None
                }
            },
        };
        let timeout = self.timeout(fields.get("timeoutMs"), &below(path, "timeoutMs"));
        let action_type = self.action_type(fields.get("type"), &below(path, "type"));
        let compiled = self.config(action_type, fields.get("config"), &below(path, "config"));
        if let Some(id) = &id {
            self.earlier.push(id.clone());
        }
        let (config, literal_hosts) = compiled?;
        let action_type = action_type?.to_owned();
        Some(Step { id: id?, name, action_type, config, critical, retry, timeout, disabled, literal_hosts })
    }

    fn unknown_keys(&mut self, fields: &Map<String, Value>, path: &str) {
        for key in fields.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let message = if LATER_KEYS.contains(&key.as_str()) {
                format!("{key} is not available yet: remove it")
            } else {
                format!("a step has no \"{key}\"{}", among(key, KEYS))
            };
            self.refuse(below(path, key), message);
        }
    }

    fn id(&mut self, value: Option<&Value>, path: &str) -> Option<String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match value.and_then(Value::as_str) {
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

    fn flag(&mut self, fields: &Map<String, Value>, key: &str, path: &str) -> bool {
        match fields.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.refuse(
                    below(path, key),
                    format!("true or false is needed, this is {}", Kind::of(other).article()),
                );
                false
            }
        }
    }

    fn timeout(&mut self, value: Option<&Value>, path: &str) -> Option<Period> {
        match retry::period(value.filter(|value| !value.is_null())?) {
            Ok(period) if period > Period::ZERO && period <= MAX_TIMEOUT => return Some(period),
            Ok(_) => self.refuse(path, "more than nothing and at most 10 minutes is needed"),
            Err(message) => self.refuse(path, message),
        }
        None
    }

    fn action_type<'v>(&mut self, value: Option<&'v Value>, path: &str) -> Option<&'v str> {
        let types = self.catalog.types();
        let names = types.join(", ");
        let Some(action_type) = value.and_then(Value::as_str) else {
            self.refuse(path, format!("the type of an action is needed: one of {names}"));
            return None;
        };
        if self.catalog.schema(action_type).is_some() {
            return Some(action_type);
        }
        if LATER_TYPES.contains(&action_type) {
            self.refuse(path, format!("{action_type} steps are not available yet; there are {names}"));
        } else {
            let written = quoted(&Value::from(action_type));
            self.refuse(
                path,
                format!("there is no action {written}{}", among(action_type, types.iter().copied())),
            );
        }
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
        check_references(template.located(path), &self.earlier, &mut self.problems);
        let sound = found.is_empty();
        self.problems.extend(found);
        let hosts = schema.map(|schema| hosts::literal_hosts(schema, config)).unwrap_or_default();
        sound.then_some((template, hosts))
    }
}
