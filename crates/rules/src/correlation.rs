//! How an event finds those that wait for it: by a key where the conditions give one, and by the rest of the conditions.
//!
//! A wait is stored whole when it begins: its conditions as written, and of everything that they read what it is then
//! ([`kept`]). So whoever takes the event in needs neither the workflow nor the execution, and nothing that happens meanwhile
//! changes what is waited for.
//!
//! The key ([`Conditions::correlation`]) is the path and the value of one `equals`. It only has to find every wait that the event could fit: two values
//! that are equal have the same key ([`key`]), the reverse is not needed, because all conditions are evaluated afterwards.

use jiff::tz::TimeZone;
use model::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    Conditions, Decimal, Evaluation, Path, Scope,
    condition::{Condition, Logic, Node, OnMissing, Side},
    operator::Operator,
    path::field,
};

/// The root of the arriving event's data.
pub const EVENT: &str = "event";
/// Longer texts are told apart by the conditions alone.
const LONGEST_KEY: usize = 200;

/// What an event must have at a path to be worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlation {
    /// The path as written: `event.ticket.id`.
    pub path: String,
    /// The key of its value.
    pub key: String,
}

/// The key of a value: the same for all values that `equals` takes for the same. None for what has no short text: null, lists, objects.
#[must_use]
pub fn key(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(_) | Value::String(_) => {
            let text = match Decimal::of(value) {
                Some(number) => number.canonical(),
                None => value.as_str().unwrap_or_default().to_owned(),
            };
            Some(text.chars().filter(|c| *c != '\0').take(LONGEST_KEY).collect())
        }
    }
}

/// The key of what an event has at the path of a [`Correlation`].
#[must_use]
pub fn key_at(path: &str, data: &Value) -> Option<String> {
    let path = Path::parse(path).ok()?;
    key(crate::path::walk(data, path.rest())?)
}

impl Conditions {
    /// The key by which an event finds a wait with these conditions; none when no `equals` that must hold gives one.
    #[must_use]
    pub fn correlation(&self, scope: &Scope<'_>) -> Option<Correlation> {
        if self.logic() != Logic::And {
            return None;
        }
        self.nodes().iter().find_map(|node| match node {
            Node::Condition(condition) => condition.correlation(scope),
            Node::Group(..) => None,
        })
    }

    /// Whether what they read besides the event is all known before it comes; the time is not.
    fn is_of_event(path: &Path) -> bool {
        path.root() == Some(EVENT)
    }
}

impl Condition {
    fn correlation(&self, scope: &Scope<'_>) -> Option<Correlation> {
        let may_be_missing = matches!(self.on_missing, Some(OnMissing::Verdict(true)));
        if self.operator != Operator::Equals || !self.case_sensitive || may_be_missing {
            return None;
        }
        let is_known = |path: &Path| !Conditions::is_of_event(path) && path.root() != Some("now");
        let (path, value) = if Conditions::is_of_event(&self.field) {
            let value = match &self.value {
                Side::Constant(value, _) => value.clone(),
                Side::Template(template) if template.paths().all(is_known) => {
                    template.resolve(scope, None).ok()?.into_owned()
                }
                Side::Template(_) => return None,
            };
            (&self.field, value)
        } else {
            let Side::Template(template) = &self.value else { return None };
            let path = template.single_path().filter(|path| Conditions::is_of_event(path))?;
            (path, scope.lookup(&self.field).filter(|_| is_known(&self.field))?.clone())
        };
        // `event` alone is the whole of its data.
        (!path.rest().is_empty()).then_some(())?;
        Some(Correlation { path: path.as_str().to_owned(), key: key(&value)? })
    }
}

/// What the conditions read besides the event, as it is now: `{"trigger","locals"}` with no more than that.
#[must_use]
pub fn kept(conditions: &Conditions, scope: &Scope<'_>) -> Value {
    let (mut trigger, mut locals) = (Map::new(), Map::new());
    for path in conditions.paths() {
        let Some(root) = path.root().filter(|root| ![EVENT, "now"].contains(root)) else { continue };
        match field(scope.locals, root) {
            Some(steps) if root == "steps" => {
                let kept = locals.entry("steps").or_insert_with(|| json!({}));
                match path.step() {
                    Some(id) => kept[id] = steps.get(id).cloned().unwrap_or_default(),
                    None => *kept = steps.clone(),
                }
            }
            Some(local) => {
                locals.insert(root.to_owned(), local.clone());
            }
            None => {
                let names = if root == "trigger" { path.second() } else { Some(root) };
                let Value::Object(fields) = scope.trigger else { continue };
                match names {
                    Some(name) => {
                        trigger.extend(field(fields, name).map(|value| (name.to_owned(), value.clone())));
                    }
                    None => trigger.extend(fields.clone()),
                }
            }
        }
    }
    if !trigger.is_empty()
        && let Some(previous) = scope.trigger.get("previous")
    {
        // What operators that look back ask.
        trigger.insert("previous".to_owned(), previous.clone());
    }
    json!({"trigger": trigger, "locals": locals})
}

/// What stored conditions say of an event that has come; conditions that cannot be read, or decided, do not hold.
#[must_use]
pub fn evaluate(
    source: &Value,
    kept: &Value,
    event: &Value,
    now: Timestamp,
    zone: &TimeZone,
) -> Option<Evaluation> {
    let conditions = Conditions::compile(source, "conditions").ok()?;
    let nothing = json!({});
    let mut locals = kept.get("locals").and_then(Value::as_object).cloned().unwrap_or_default();
    locals.insert(EVENT.to_owned(), event.clone());
    locals.insert("now".to_owned(), json!(now));
    let scope = Scope { trigger: kept.get("trigger").unwrap_or(&nothing), locals: &locals, time_zone: zone };
    // Most events that come by fit nothing: no story is written of those.
    (conditions.matches(&scope) == Ok(true)).then(|| conditions.evaluate(&scope))
}
