//! `wait`: for a length of time, until a date, or until a span of the tenant's week.

use model::Period;
use serde_json::{Map, Value, json};

use super::{
    Reader,
    construct::{Config, ControlInfo, conditions, object},
};
use crate::{Conditions, retry, value::quoted};

/// A compiled wait.
#[derive(Debug, Clone)]
pub struct Wait {
    /// Until when.
    pub until: Until,
    /// What must still hold when it wakes, or the run ends there; none: nothing is checked.
    pub recheck: Option<Conditions>,
}

/// What a wait waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// The rendered config's `for` has gone by.
    Passed,
    /// The rendered config's `until`, moved by so many milliseconds, has come.
    Date {
        /// Negative: before it.
        offset_ms: i64,
        /// Whose clock a date without a zone is read by.
        zone: Zone,
    },
    /// The next moment within the tenant's hours of business.
    BusinessHours(Zone),
    /// The next moment outside the tenant's quiet hours.
    OutsideQuietHours(Zone),
}

/// By whose clock a wait goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    /// The tenant's.
    Tenant,
    /// The contact's, where the event says it; else the tenant's.
    Contact,
    /// This one.
    Named(jiff::tz::TimeZone),
}

pub(super) fn info() -> ControlInfo {
    ControlInfo {
        name: "wait",
        title: "Wait",
        description: "Suspends this branch for a length of time, until a date, or until business hours; it can check again whether to go on.",
        group: "Flow",
        icon: "clock-pause",
        schema: one_of(
            json!({
                "for": {"type": ["integer", "string"], "format": "duration", "description": "Milliseconds or text such as \"24h\"."},
                "until": {"type": "string", "description": "A time such as 2026-03-01T09:00:00Z, a date, or a template that gives one."},
                "offset": {"type": ["integer", "string"], "description": "Moves `until`: \"-3d\" is three days before it."},
                "window": {"type": "string", "title": "Hours", "enum": ["business_hours", "outside_quiet_hours"], "description": "Until the next moment within it."},
                "timeZone": {"type": "string", "default": "tenant", "description": "\"tenant\", \"contact\" or a name such as Europe/Paris."},
                "recheck": conditions("Checked on waking: when they do not hold any more, the run ends there, completed."),
            }),
            &[&["for"], &["until", "offset", "timeZone"], &["window", "timeZone"]],
        ),
        sample: json!({"for": "24h"}),
    }
}

/// The schema of an object with exactly one of these groups of properties; a form draws it as a choice between their first ones.
fn one_of(properties: Value, groups: &[&[&str]]) -> Value {
    let mut schema = object(properties, &[]);
    schema["x-alternatives"] = json!(groups);
    schema
}

impl Reader<'_> {
    pub(super) fn wait(&mut self, config: &Config<'_>) -> Option<Wait> {
        let recheck = config.get("recheck").map(|value| self.deciding(Some(value), &config.place("recheck")));
        let given: Vec<&str> =
            ["for", "until", "window"].into_iter().filter(|key| config.get(key).is_some()).collect();
        let kind = match given.as_slice() {
            [one] => *one,
            [] => {
                self.refuse(
                    config.path,
                    "one of \"for\", \"until\" and \"window\" is needed: how long to wait",
                );
                return None;
            }
            more => {
                let given = more.join(" and ");
                self.refuse(config.path, format!("{given} exclude each other: keep one of them"));
                return None;
            }
        };
        if kind != "until" && config.get("offset").is_some() {
            self.refuse(config.place("offset"), "only a wait with \"until\" has an offset: remove it");
        }
        if kind == "for" && config.get("timeZone").is_some() {
            self.refuse(config.place("timeZone"), "a wait with \"for\" has no time zone: remove it");
        }
        let until = match kind {
            "for" => {
                if let Some(value) = config.get("for").filter(|value| !is_template(value))
                    && let Err(message) = retry::period(value)
                {
                    self.refuse(config.place("for"), message);
                }
                Until::Passed
            }
            "until" => {
                let written = config.get("until").and_then(Value::as_str).unwrap_or_default();
                if !written.contains("{{") && instant(written, &jiff::tz::TimeZone::UTC).is_none() {
                    self.refuse(
                        config.place("until"),
                        "a time such as \"2026-03-01T09:00:00Z\" or a date such as \"2026-03-01\" is needed",
                    );
                }
                Until::Date { offset_ms: self.offset(config), zone: self.zone(config) }
            }
            _ => {
                let zone = self.zone(config);
                let is_business = config.get("window").and_then(Value::as_str) == Some("business_hours");
                if is_business { Until::BusinessHours(zone) } else { Until::OutsideQuietHours(zone) }
            }
        };
        if kind == "window" {
            self.word(config, "window", &[], ());
        }
        Some(Wait { until, recheck })
    }

    fn offset(&mut self, config: &Config<'_>) -> i64 {
        let Some(value) = config.get("offset") else { return 0 };
        match offset(value) {
            Ok(offset) => offset,
            Err(message) => {
                self.refuse(config.place("offset"), message);
                0
            }
        }
    }

    fn zone(&mut self, config: &Config<'_>) -> Zone {
        match config.get("timeZone").and_then(Value::as_str) {
            None | Some("tenant") => Zone::Tenant,
            Some("contact") => Zone::Contact,
            Some(name) => jiff::tz::TimeZone::get(name).map_or_else(
                |_| {
                    self.refuse(
                        config.place("timeZone"),
                        format!(
                            "{} is no time zone: write \"tenant\", \"contact\" or a name such as Europe/Paris",
                            quoted(&Value::from(name))
                        ),
                    );
                    Zone::Tenant
                },
                Zone::Named,
            ),
        }
    }
}

pub(super) fn is_template(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{"))
}

/// A period with a sign, in milliseconds.
pub(crate) fn offset(value: &Value) -> Result<i64, String> {
    match value {
        Value::String(text) => {
            let text = text.trim();
            let (sign, length) = match text.strip_prefix('-') {
                Some(length) => (-1, length),
                None => (1, text.strip_prefix('+').unwrap_or(text)),
            };
            Ok(sign * retry::period(&Value::from(length))?.as_millis())
        }
        Value::Number(number) => {
            let millis = number.as_i64().unwrap_or(i64::MAX);
            let length = Period::from_millis(millis.saturating_abs());
            length
                .map(|length| length.as_millis() * millis.signum())
                .map_err(|error| format!("{millis} {error}"))
        }
        other => retry::period(other).map(Period::as_millis),
    }
}

/// The time that a text names: an instant, or a date or local time by this zone's clock.
#[must_use]
pub fn instant(text: &str, zone: &jiff::tz::TimeZone) -> Option<jiff::Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant);
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    local.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

/// What of the config is rendered.
pub(super) fn rendered(config: &Map<String, Value>) -> Value {
    let kept = ["for", "until", "offset", "window", "timeZone"];
    let fields = config.iter().filter(|(key, value)| kept.contains(&key.as_str()) && !value.is_null());
    Value::Object(fields.map(|(key, value)| (key.clone(), value.clone())).collect())
}
