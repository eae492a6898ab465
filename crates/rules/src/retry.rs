//! A step's own retry: `{"attempts":5,"delays":["1s","5s"]}` or `{"attempts":5,"backoff":{…}}`, with `"on"`.

use model::{Period, Problem};
use serde_json::{Map, Value};

use crate::{
    schema::below,
    suggest::among,
    value::{Kind, quoted},
};

/// The most attempts of one step, the first included.
pub const MAX_ATTEMPTS: u32 = 50;

/// When a failed step is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// How often the step is tried in all, the first time included.
    pub attempts: u32,
    /// How long to wait in between.
    pub schedule: Schedule,
    /// Which failures are worth another attempt; `None`: every one that the action calls temporary.
    pub on: Option<Vec<RetryOn>>,
}

/// How long to wait after each failure.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// One after the other; the last repeats. Never empty.
    Delays(Vec<Period>),
    /// `initial × factor^n`, up to `max`.
    Backoff {
        /// After the first failure.
        initial: Period,
        /// Growth with each failure.
        factor: f64,
        /// The longest wait before jitter.
        max: Period,
        /// Up to this share of the wait is added, 0 to 1.
        jitter: f64,
    },
}

/// A class of failures that `on` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// `"timeout"`.
    Timeout,
    /// `"5xx"`.
    ServerError,
    /// `"429"`.
    TooManyRequests,
    /// `"connection"`.
    Connection,
    /// Any other status, such as `"408"`.
    Status(u16),
}

/// How a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It took too long.
    Timeout,
    /// The other side was not reached, or the connection broke.
    Connection,
    /// The other side answered with this HTTP status.
    Status(u16),
    /// Anything else; no class covers it.
    Other,
}

impl RetryOn {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "timeout" => Self::Timeout,
            "5xx" => Self::ServerError,
            "429" => Self::TooManyRequests,
            "connection" => Self::Connection,
            other => Self::Status(other.parse().ok().filter(|status| (400..600).contains(status))?),
        })
    }

    /// The class holds this failure.
    #[must_use]
    pub const fn covers(self, failure: Failure) -> bool {
        match (self, failure) {
            (Self::Timeout, Failure::Timeout) | (Self::Connection, Failure::Connection) => true,
            (Self::ServerError, Failure::Status(status)) => status >= 500 && status < 600,
            (Self::TooManyRequests, Failure::Status(status)) => status == 429,
            (Self::Status(wanted), Failure::Status(status)) => wanted == status,
            _ => false,
        }
    }
}

impl Retry {
    /// The wait before the next attempt, after `failed_attempts` (1 after the first failure); `None`: no further
    /// attempt. Jitter only adds, and the same `seed` gives the same wait.
    #[must_use]
    pub fn delay(&self, failed_attempts: u32, seed: u64) -> Option<Period> {
        if failed_attempts == 0 || failed_attempts >= self.attempts {
            return None;
        }
        let at = failed_attempts - 1;
        match &self.schedule {
            Schedule::Delays(delays) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX).min(delays.len().saturating_sub(1));
                delays.get(at).copied()
            }
            Schedule::Backoff { initial, factor, max, jitter } => {
                let grown = initial.as_millis() as f64 * factor.powi(i32::try_from(at).unwrap_or(i32::MAX));
                let wait = grown.min(max.as_millis() as f64);
                let share = fraction(seed ^ (u64::from(failed_attempts) << 32));
                let millis = (wait * (1.0 + jitter * share)).min(Period::YEAR.as_millis() as f64);
                Some(Period::from_millis(millis as i64).unwrap_or(*max))
            }
        }
    }

    /// Another attempt may help after this failure, as far as `on` says.
    #[must_use]
    pub fn applies(&self, failure: Failure) -> bool {
        self.on.as_ref().is_none_or(|classes| classes.iter().any(|class| class.covers(failure)))
    }

    /// Reads the `retry` of a step.
    ///
    /// # Errors
    /// Every problem, at paths below `path`.
    pub fn compile(value: &Value, path: &str) -> Result<Self, Vec<Problem>> {
        let Value::Object(fields) = value else {
            let kind = Kind::of(value).article();
            return Err(vec![Problem::at(
                path,
                format!(
                    "an object such as {{\"attempts\":3,\"delays\":[\"1s\",\"5s\"]}} is needed, this is {kind}"
                ),
            )]);
        };
        let mut reader = Reader { fields, path, problems: Vec::new() };
        let retry = reader.retry();
        if reader.problems.is_empty() { Ok(retry) } else { Err(reader.problems) }
    }
}

/// A number from 0 to 1 that depends on the seed alone (the finisher of SplitMix64).
fn fraction(seed: u64) -> f64 {
    let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// A period as written: milliseconds, or text with a unit.
pub(crate) fn period(value: &Value) -> Result<Period, String> {
    let shown = || quoted(value);
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(millis) => Period::from_millis(millis).map_err(|error| format!("{} {error}", shown())),
            None => Err(format!("{} is not a whole number of milliseconds", shown())),
        },
        Value::String(text) => text.parse::<Period>().map_err(|error| format!("{} {error}", shown())),
        other => Err(format!("a duration such as \"90s\" is needed, this is {}", Kind::of(other).article())),
    }
}

struct Reader<'r> {
    fields: &'r Map<String, Value>,
    path: &'r str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn refuse(&mut self, path: String, message: impl Into<String>) {
        self.problems.push(Problem::at(path, message));
    }

    fn retry(&mut self) -> Retry {
        self.unknown(self.fields, self.path, &["attempts", "delays", "backoff", "on"]);
        let delays = self.fields.get("delays").map(|delays| self.delays(delays));
        let backoff = self.fields.get("backoff").map(|backoff| self.backoff(backoff));
        let attempts = self.attempts(delays.as_ref().map(Vec::len));
        let schedule = match (delays, backoff) {
            (Some(_), Some(backoff)) => {
                self.refuse(self.path.to_owned(), "delays and backoff exclude each other: keep one of them");
                backoff
            }
            (Some(delays), None) => Schedule::Delays(delays),
            (None, Some(backoff)) => backoff,
            (None, None) => DEFAULT_BACKOFF,
        };
        Retry { attempts, schedule, on: self.fields.get("on").map(|on| self.on(on)) }
    }

    fn unknown(&mut self, fields: &Map<String, Value>, path: &str, known: &[&'static str]) {
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let among = among(key, known.iter().copied());
            self.refuse(below(path, key), format!("there is no \"{key}\"{among}"));
        }
    }

    fn attempts(&mut self, delays: Option<usize>) -> u32 {
        let path = below(self.path, "attempts");
        let given = match (self.fields.get("attempts"), delays) {
            (Some(value), _) => value.as_u64(),
            // One attempt, and one more after each delay.
            (None, Some(delays)) => u64::try_from(delays + 1).ok(),
            (None, None) => None,
        };
        match given.and_then(|attempts| u32::try_from(attempts).ok()) {
            Some(attempts @ 1..=MAX_ATTEMPTS) => attempts,
            _ => {
                self.refuse(
                    path,
                    format!("a whole number from 1 to {MAX_ATTEMPTS} is needed; it counts the first attempt"),
                );
                1
            }
        }
    }

    fn delays(&mut self, value: &Value) -> Vec<Period> {
        let path = below(self.path, "delays");
        let Some(list) = value.as_array().filter(|list| !list.is_empty()) else {
            self.refuse(path, "a list of durations such as [\"1s\", \"5s\"] is needed");
            return Vec::new();
        };
        let mut delays = Vec::with_capacity(list.len());
        for (at, delay) in list.iter().enumerate() {
            match period(delay) {
                Ok(period) => delays.push(period),
                Err(message) => self.refuse(format!("{path}[{at}]"), message),
            }
        }
        delays
    }

    fn backoff(&mut self, value: &Value) -> Schedule {
        let path = below(self.path, "backoff");
        let Value::Object(fields) = value else {
            self.refuse(
                path,
                "an object such as {\"initial\":\"1s\",\"factor\":2,\"max\":\"5m\",\"jitter\":0.1} is needed",
            );
            return DEFAULT_BACKOFF;
        };
        self.unknown(fields, &path, &["initial", "factor", "max", "jitter"]);
        let mut wait = |key: &str, default: Period| match fields.get(key).map(period) {
            None => default,
            Some(Ok(period)) => period,
            Some(Err(message)) => {
                self.problems.push(Problem::at(below(&path, key), message));
                default
            }
        };
        let initial = wait("initial", Period::seconds(1));
        let max = wait("max", Period::minutes(5));
        let mut number = |key: &str, default: f64, least: f64, most: f64| match fields.get(key) {
            None => default,
            Some(value) => match value.as_f64().filter(|number| (least..=most).contains(number)) {
                Some(number) => number,
                None => {
                    let message = format!("a number from {least} to {most} is needed");
                    self.problems.push(Problem::at(below(&path, key), message));
                    default
                }
            },
        };
        let factor = number("factor", 2.0, 1.0, 10.0);
        let jitter = number("jitter", 0.0, 0.0, 1.0);
        if max < initial {
            self.refuse(below(&path, "max"), format!("must be at least initial, which is {initial}"));
        }
        Schedule::Backoff { initial, factor, max, jitter }
    }

    fn on(&mut self, value: &Value) -> Vec<RetryOn> {
        let path = below(self.path, "on");
        let Some(list) = value.as_array().filter(|list| !list.is_empty()) else {
            self.refuse(path, "a list such as [\"timeout\", \"5xx\", \"429\", \"connection\"] is needed");
            return Vec::new();
        };
        let mut classes = Vec::with_capacity(list.len());
        for (at, class) in list.iter().enumerate() {
            let written = match class {
                Value::Number(status) => status.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            };
            match RetryOn::parse(&written) {
                Some(class) => classes.push(class),
                None => self.refuse(
                    format!("{path}[{at}]"),
                    "\"timeout\", \"5xx\", \"connection\" or a status from 400 to 599 such as \"429\" is needed",
                ),
            }
        }
        classes
    }
}

const DEFAULT_BACKOFF: Schedule =
    Schedule::Backoff { initial: Period::seconds(1), factor: 2.0, max: Period::minutes(5), jitter: 0.1 };
