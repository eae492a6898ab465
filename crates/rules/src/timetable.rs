//! What starts a workflow by the clock: `{"cron","timeZone"}` or `{"every"}`, with `startAt`, `endAt` and `misfire`; or by a date of each record
//! ([`relative`]).
//!
//! A timetable is a function from an instant to the next one, of nothing else: an interval is counted from `startAt` or else from 1970, not from when it was
//! switched on. So it can be asked again at any time, on any node, and says the same.

use jiff::tz::TimeZone;
use model::{Period, Problem, Timestamp, event::SCHEDULE, workflow::Definition};
use serde_json::{Map, Value};

pub mod relative;

pub use relative::Relative;

use crate::{cron::Cron, retry::period, schema::below, suggest::among};

/// Times that are made up for at most, with [`Misfire::All`].
pub const MOST_MISSED: usize = 100;
/// A time that is over for longer was missed.
pub const GRACE: Period = Period::minutes(1);
const SHORTEST: Period = Period::minutes(1);
const KEYS: [&str; 9] =
    ["cron", "every", "relativeTo", "offset", "at", "timeZone", "misfire", "startAt", "endAt"];

/// When a workflow is started.
#[derive(Debug, Clone, PartialEq)]
pub struct Timetable {
    pace: Pace,
    start_at: Option<Timestamp>,
    end_at: Option<Timestamp>,
    misfire: Misfire,
}

#[derive(Debug, Clone, PartialEq)]
enum Pace {
    /// The zone is the tenant's where none is named.
    Cron(Box<Cron>, Option<TimeZone>),
    Every(Period),
    /// By a date of each record.
    Relative(Box<Relative>),
}

/// What becomes of times that nobody was there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Misfire {
    /// One run makes up for all of them.
    #[default]
    Once,
    /// Each is made up for, the last [`MOST_MISSED`] at most.
    All,
    /// None is.
    Skip,
}

/// What is to be done when a time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The times to run for, in order.
    pub runs: Vec<Timestamp>,
    /// The next time, after now; none when it was the last.
    pub next: Option<Timestamp>,
}

impl Timetable {
    /// Whose dates the clock goes by, when it goes by records.
    #[must_use]
    pub const fn relative(&self) -> Option<&Relative> {
        match &self.pace {
            Pace::Relative(relative) => Some(relative),
            Pace::Cron(..) | Pace::Every(_) => None,
        }
    }

    /// The last time that a schedule by records' dates looks at, when it looks now.
    #[must_use]
    pub fn looks_until(&self, now: Timestamp) -> Timestamp {
        self.end_at.map_or(now, |end| end.min(now))
    }

    /// The timetable of a definition that the clock starts.
    #[must_use]
    pub fn of(definition: &Definition) -> Option<Self> {
        if definition.trigger_event != SCHEDULE {
            return None;
        }
        Self::compile(&definition.trigger_config, "trigger_config", &mut Vec::new())
    }

    /// The first time after an instant. `zone` is the tenant's.
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let before = |start: Timestamp| Timestamp::from_millis(start.as_millis() - 1);
        let after = self.start_at.map_or(after, |start| after.max(before(start)));
        let next = match &self.pace {
            Pace::Cron(cron, own) => cron.next(after, own.as_ref().unwrap_or(zone))?,
            Pace::Every(every) => self.rounds(*every, after).plus(*every),
            Pace::Relative(relative) => relative.next(after, zone)?,
        };
        (next > after && self.end_at.is_none_or(|end| next <= end)).then_some(next)
    }

    /// What is to be done now, when the next time was `due_at`.
    #[must_use]
    pub fn due(&self, due_at: Timestamp, now: Timestamp, zone: &TimeZone) -> Due {
        let to = self.end_at.map_or(now, |end| end.min(now));
        let passed = self.latest(due_at, to, zone);
        let fresh_from = now.minus(GRACE);
        let at = passed.partition_point(|time| *time < fresh_from);
        let (missed, fresh) = passed.split_at(at);
        let missed = match self.misfire {
            Misfire::Skip => &[],
            // A run of right now makes up for them as well.
            Misfire::Once if !fresh.is_empty() => &[],
            Misfire::Once => missed.split_at(missed.len().saturating_sub(1)).1,
            Misfire::All => missed,
        };
        Due { runs: [missed, fresh].concat(), next: self.next(now, zone) }
    }

    fn latest(&self, from: Timestamp, to: Timestamp, zone: &TimeZone) -> Vec<Timestamp> {
        match &self.pace {
            Pace::Cron(cron, own) => cron.latest(from, to, MOST_MISSED, own.as_ref().unwrap_or(zone)),
            Pace::Every(every) => {
                let last = self.rounds(*every, to);
                let mut found: Vec<Timestamp> =
                    std::iter::successors(Some(last), |time| Some(time.minus(*every)))
                        .take_while(|time| *time >= from)
                        .take(MOST_MISSED)
                        .collect();
                found.reverse();
                found
            }
            // What is due is a question of the records.
            Pace::Relative(_) => Vec::new(),
        }
    }

    /// The last full round at or before an instant.
    fn rounds(&self, every: Period, at: Timestamp) -> Timestamp {
        let anchor = self.start_at.unwrap_or(Timestamp::EPOCH).as_millis();
        Timestamp::from_millis(
            at.as_millis() - (at.as_millis() - anchor).rem_euclid(every.as_millis().max(1)),
        )
    }

    /// Reads a `trigger_config`; adds every problem to `problems`.
    pub(crate) fn compile(
        config: &Map<String, Value>,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let before = problems.len();
        for key in config.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let among = among(key, KEYS);
            problems.push(Problem::at(below(path, key), format!("a schedule has no \"{key}\"{among}")));
        }
        let given = |key: &str| config.get(key).filter(|value| !value.is_null());
        let mut refuse = |key: &str, message: String| problems.push(Problem::at(below(path, key), message));
        let zone = given("timeZone").and_then(|value| {
            let zone = value.as_str().and_then(|name| TimeZone::get(name).ok());
            if zone.is_none() {
                refuse("timeZone", "the name of a time zone is needed, such as \"Europe/Paris\"".to_owned());
            }
            zone
        });
        let misfire = match given("misfire").map(|value| value.as_str().unwrap_or_default()) {
            None | Some("once") => Misfire::Once,
            Some("all") => Misfire::All,
            Some("skip") => Misfire::Skip,
            Some(_) => {
                refuse("misfire", "\"once\", \"all\" or \"skip\" is needed".to_owned());
                Misfire::Once
            }
        };
        let mut time = |key: &str| {
            given(key).and_then(|value| {
                let time = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
                if time.is_none() {
                    refuse(key, "a time is needed, such as \"2026-03-01T09:00:00Z\"".to_owned());
                }
                time
            })
        };
        let (start_at, end_at) = (time("startAt"), time("endAt"));
        if start_at.zip(end_at).is_some_and(|(start, end)| end < start) {
            refuse("endAt", "must not be before startAt".to_owned());
        }
        if let Some(written) = given("relativeTo") {
            for key in ["cron", "every", "misfire"].into_iter().filter(|key| given(key).is_some()) {
                refuse(key, format!("a schedule with relativeTo has no {key}: remove it"));
            }
            let relative = Relative::compile(written, (given("offset"), given("at")), zone, &mut refuse);
            let relative = relative.filter(|_| problems.len() == before)?;
            return Some(Self { pace: Pace::Relative(Box::new(relative)), start_at, end_at, misfire });
        }
        for key in ["offset", "at"].into_iter().filter(|key| given(key).is_some()) {
            refuse(key, format!("only a schedule with relativeTo has {key}: remove it"));
        }
        let pace = match (given("cron"), given("every")) {
            (Some(cron), None) => match cron.as_str().unwrap_or_default().parse::<Cron>() {
                Ok(cron) => Some(Pace::Cron(Box::new(cron), zone)),
                Err(error) => {
                    refuse("cron", error.to_string());
                    None
                }
            },
            (None, Some(every)) => match period(every) {
                Ok(every) if every >= SHORTEST => Some(Pace::Every(every)),
                Ok(_) => {
                    refuse("every", format!("at least {SHORTEST} is needed"));
                    None
                }
                Err(message) => {
                    refuse("every", message);
                    None
                }
            },
            (Some(_), Some(_)) => {
                refuse("every", "cron and every exclude each other: keep one of them".to_owned());
                None
            }
            (None, None) => {
                refuse(
                    "cron",
                    "a schedule needs cron, such as \"0 9 * * 1\", or every, such as \"15m\", or relativeTo, such as \"submission.submittedAt\"".to_owned(),
                );
                None
            }
        };
        let pace = pace.filter(|_| problems.len() == before)?;
        Some(Self { pace, start_at, end_at, misfire })
    }
}
