//! Rules of entry: who may enter a workflow, how often, and how many at once (control-flow.md, "Entry rules").
//!
//! Here is what they say, and the keys that they give an event. Whether there is still room is decided in the transaction that makes the
//! execution (`store::entry`), by these values and by nothing in memory.

use model::{
    Period, Problem,
    event::{EventName, MANUAL, SCHEDULE, subjects},
    workflow::{Behavior, EntryRules as Written},
};
use serde_json::{Map, Value};

use crate::{
    Conditions, Scope, Template,
    retry::period,
    schema::below,
    step::check_references,
    suggest::among,
    value::{Kind, text},
};

/// The longest quiet time: the event that waits for its end must still be kept.
pub const LONGEST_QUIET: Period = Period::days(1);
/// The most runs that a limit may name.
const MOST: i64 = 1_000_000;
/// The longest key, in characters.
const LONGEST_KEY: usize = 500;

/// The compiled rules of a workflow.
#[derive(Debug, Clone, Default)]
pub struct EntryRules {
    /// Each entity once, or once in a while; none: every time.
    pub enrolment: Option<Enrolment>,
    /// Only the last of several events that come one soon after the other.
    pub debounce: Option<Debounce>,
    /// So many runs at the same time.
    pub concurrency: Option<Concurrency>,
    /// So many runs in a period.
    pub rate_limit: Option<RateLimit>,
    /// What ends the waiting runs of an entity.
    pub goal: Option<Goal>,
}

/// `"enrolment":{"policy":"once"|"once_per","period":"30d","key":"{{contact.id}}"}`.
#[derive(Debug, Clone)]
pub struct Enrolment {
    key: Key,
    /// After this time the same entity may enter again; none: never.
    pub period: Option<Period>,
}

/// `"debounce":{"key","for":"30s"}`.
#[derive(Debug, Clone)]
pub struct Debounce {
    key: Key,
    /// How long nothing more must come.
    pub quiet: Period,
}

/// `"concurrency":{"limit":1,"key":"{{contact.id}}","behavior":"queue"}`.
#[derive(Debug, Clone)]
pub struct Concurrency {
    /// None: all runs of the workflow count together.
    key: Option<Key>,
    /// How many at the same time.
    pub limit: u32,
    /// What becomes of one too many.
    pub behavior: Behavior,
}

/// `"rateLimit":{"limit":100,"per":"1m"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many runs.
    pub limit: u32,
    /// In what time.
    pub per: Period,
}

/// `"goal":{"event","conditions":[…]}`.
#[derive(Debug, Clone)]
pub struct Goal {
    /// The event that may meet it.
    pub event: EventName,
    /// When it does: of the arriving event's data.
    pub conditions: Conditions,
}

/// What tells one entity from another: a template, or the contact that the event is about.
#[derive(Debug, Clone)]
enum Key {
    Contact,
    Template(Template),
}

impl Key {
    /// None: the event is about no such entity, and the rule says nothing about it.
    fn of(&self, scope: &Scope<'_>) -> Option<String> {
        let found = match self {
            Self::Contact => subjects(scope.trigger).0.map(|contact| contact.to_string()),
            Self::Template(template) => {
                let rendered = template.render(scope).ok()?.value;
                text(&rendered).map(|text| text.trim().to_owned())
            }
        };
        found.filter(|key| !key.is_empty()).map(shortened)
    }
}

/// A key that an index takes: of a long one the beginning, and a number that tells it from others that begin so (FNV-1a).
fn shortened(key: String) -> String {
    let Some((at, _)) = key.char_indices().nth(LONGEST_KEY) else { return key };
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
    format!("{}…{hash:016x}", &key[..at])
}

impl Enrolment {
    /// The entity of an event.
    #[must_use]
    pub fn key(&self, scope: &Scope<'_>) -> Option<String> {
        self.key.of(scope)
    }
}

impl Debounce {
    /// What events come one after the other of.
    #[must_use]
    pub fn key(&self, scope: &Scope<'_>) -> Option<String> {
        self.key.of(scope)
    }
}

impl Concurrency {
    /// What runs count together: the empty text for all of the workflow.
    #[must_use]
    pub fn key(&self, scope: &Scope<'_>) -> Option<String> {
        self.key.as_ref().map_or_else(|| Some(String::new()), |key| key.of(scope))
    }
}

impl EntryRules {
    /// There is something to be decided with the transaction that makes the execution.
    #[must_use]
    pub const fn admits_everything(&self) -> bool {
        self.enrolment.is_none()
            && self.debounce.is_none()
            && self.concurrency.is_none()
            && self.rate_limit.is_none()
    }

    /// Reads the rules of a definition; adds every problem to `problems`.
    pub(crate) fn compile(written: &Written, problems: &mut Vec<Problem>) -> Self {
        let mut reader = Reader { problems };
        let Written { enrolment, debounce, concurrency, rate_limit, goal } = written;
        Self {
            enrolment: reader
                .rule(enrolment.as_ref(), "enrolment", &["policy", "period", "key"])
                .and_then(|rule| reader.enrolment(&rule)),
            debounce: reader
                .rule(debounce.as_ref(), "debounce", &["key", "for"])
                .and_then(|rule| reader.debounce(&rule)),
            concurrency: reader
                .rule(concurrency.as_ref(), "concurrency", &["limit", "key", "behavior"])
                .and_then(|rule| reader.concurrency(&rule)),
            rate_limit: reader
                .rule(rate_limit.as_ref(), "rateLimit", &["limit", "per"])
                .and_then(|rule| reader.rate_limit(&rule)),
            goal: reader
                .rule(goal.as_ref(), "goal", &["event", "conditions"])
                .and_then(|rule| reader.goal(&rule)),
        }
    }
}

/// A rule as written.
struct Rule<'v> {
    path: &'static str,
    fields: &'v Map<String, Value>,
}

impl<'v> Rule<'v> {
    fn get(&self, key: &str) -> Option<&'v Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    fn place(&self, key: &str) -> String {
        below(self.path, key)
    }
}

struct Reader<'p> {
    problems: &'p mut Vec<Problem>,
}

impl Reader<'_> {
    fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::at(path.into(), message.into()));
    }

    fn rule<'v>(&mut self, value: Option<&'v Value>, path: &'static str, known: &[&str]) -> Option<Rule<'v>> {
        let value = value.filter(|value| !value.is_null())?;
        let Some(fields) = value.as_object() else {
            let kind = Kind::of(value).article();
            self.refuse(path, format!("an object with {} is needed, this is {kind}", known.join(", ")));
            return None;
        };
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            self.refuse(
                below(path, key),
                format!("there is no \"{key}\"{}", among(key, known.iter().copied())),
            );
        }
        Some(Rule { path, fields })
    }

    fn key(&mut self, rule: &Rule<'_>) -> Option<Key> {
        let path = rule.place("key");
        match rule.get("key") {
            None => Some(Key::Contact),
            Some(Value::String(written)) if !written.trim().is_empty() => {
                match Template::compile_text(written, &path) {
                    Ok(template) => {
                        check_references(template.located(&path), &[], self.problems);
                        Some(Key::Template(template))
                    }
                    Err(mut found) => {
                        self.problems.append(&mut found);
                        None
                    }
                }
            }
            Some(_) => {
                self.refuse(
                    path,
                    "a template is needed that tells one entity from another, such as \"{{contact.id}}\"",
                );
                None
            }
        }
    }

    fn period(&mut self, rule: &Rule<'_>, key: &str, example: &str) -> Option<Period> {
        match rule.get(key).map(period) {
            Some(Ok(period)) if period > Period::ZERO => Some(period),
            Some(Err(message)) => {
                self.refuse(rule.place(key), message);
                None
            }
            Some(Ok(_)) | None => {
                self.refuse(rule.place(key), format!("a length of time is needed, such as \"{example}\""));
                None
            }
        }
    }

    fn limit(&mut self, rule: &Rule<'_>) -> Option<u32> {
        let limit = rule.get("limit").and_then(Value::as_i64).filter(|limit| (1..=MOST).contains(limit));
        if limit.is_none() {
            self.refuse(rule.place("limit"), format!("a whole number from 1 to {MOST} is needed"));
        }
        limit.and_then(|limit| u32::try_from(limit).ok())
    }

    fn enrolment(&mut self, rule: &Rule<'_>) -> Option<Enrolment> {
        let key = self.key(rule);
        let policy = rule.get("policy").map(|value| value.as_str().unwrap_or_default());
        if policy != Some("once_per") && rule.get("period").is_some() {
            self.refuse(
                rule.place("period"),
                "only the policy \"once_per\" has a period: remove it, or choose that policy",
            );
        }
        let period = match policy {
            Some("every_time") => return None,
            Some("once") => None,
            Some("once_per") => Some(self.period(rule, "period", "30d")?),
            _ => {
                self.refuse(rule.place("policy"), "\"every_time\", \"once\" or \"once_per\" is needed");
                return None;
            }
        };
        Some(Enrolment { key: key?, period })
    }

    fn debounce(&mut self, rule: &Rule<'_>) -> Option<Debounce> {
        let key = self.key(rule);
        let quiet = self.period(rule, "for", "30s")?;
        if quiet > LONGEST_QUIET {
            self.refuse(
                rule.place("for"),
                format!("at most {LONGEST_QUIET} is accepted: for longer, begin the workflow with a wait"),
            );
        }
        Some(Debounce { key: key?, quiet })
    }

    fn concurrency(&mut self, rule: &Rule<'_>) -> Option<Concurrency> {
        let key = match rule.get("key") {
            None => None,
            Some(_) => Some(self.key(rule)?),
        };
        let limit = self.limit(rule);
        let behavior = match rule.get("behavior").map(|value| value.as_str().unwrap_or_default().parse()) {
            None => Behavior::Queue,
            Some(Ok(behavior)) => behavior,
            Some(Err(_)) => {
                self.refuse(rule.place("behavior"), "\"queue\", \"drop\" or \"cancel_running\" is needed");
                return None;
            }
        };
        Some(Concurrency { key, limit: limit?, behavior })
    }

    fn rate_limit(&mut self, rule: &Rule<'_>) -> Option<RateLimit> {
        let limit = self.limit(rule);
        let per = self.period(rule, "per", "1m");
        Some(RateLimit { limit: limit?, per: per? })
    }

    fn goal(&mut self, rule: &Rule<'_>) -> Option<Goal> {
        let (conditions, mut found) = Conditions::compile_sound(
            rule.get("conditions").unwrap_or(&Value::Null),
            &rule.place("conditions"),
        );
        self.problems.append(&mut found);
        check_references(conditions.located(), &[], self.problems);
        let path = rule.place("event");
        let Some(name) = rule.get("event").and_then(Value::as_str) else {
            self.refuse(path, "the name of an event is needed, such as \"contact_updated\"");
            return None;
        };
        match name.parse::<EventName>() {
            Ok(event) if [SCHEDULE, MANUAL].contains(&event.as_str()) => {
                self.refuse(
                    path,
                    format!("\"{event}\" is no event that comes from outside: name one that does"),
                );
                None
            }
            Ok(event) => Some(Goal { event, conditions }),
            Err(error) => {
                self.refuse(path, format!("{:?} {error}", name.chars().take(100).collect::<String>()));
                None
            }
        }
    }
}
