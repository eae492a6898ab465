//! Cron expressions: five fields (minute, hour, day of month, month, day of week), as crontab(5) has them.
//!
//! A day is matched first and then its times, in the civil calendar of a time zone, so that daylight saving is decided in one
//! place ([`Cron::of_day`]) by crontab's rule. An expression with `*` in the minute or the hour follows the clock on
//! the wall: what is skipped in spring does not happen, and what comes twice in autumn happens twice. One with fixed times
//! happens once on every matching day: what falls into the gap in spring comes as much later as the gap is long, and of two equal times in autumn
//! the first counts.

use std::str::FromStr;

use jiff::{
    civil::{Date, Time},
    tz::{AmbiguousOffset, TimeZone},
};
use model::Timestamp;

/// A compiled expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    /// `L`: the last day of the month, whichever it is.
    last_day: bool,
    months: u64,
    weekdays: u64,
    /// Days of month and of week are both named: one of them is enough (crontab's rule).
    either_day: bool,
    /// `*` in the minute or the hour.
    follows_clock: bool,
}

/// What is wrong with an expression, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CronError(String);

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SHORTHANDS: [(&str, &str); 6] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];
/// Days after which an expression that did not match never will: 29 February is eight years away at most, its weekdays within forty.
const DAYS_AHEAD: usize = 366 * 41;

/// One of the five fields.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names of values, from `least` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[] },
    Field { name: "hour", least: 0, most: 23, names: &[] },
    Field { name: "day of the month", least: 1, most: 31, names: &[] },
    Field { name: "month", least: 1, most: 12, names: &MONTHS },
    Field { name: "day of the week", least: 0, most: 7, names: &WEEKDAYS },
];

impl FromStr for Cron {
    type Err = CronError;

    /// Reads an expression such as `0 9 * * 1-5` or `@daily`; one that no day matches is refused.
    fn from_str(text: &str) -> Result<Self, CronError> {
        let text = text.trim().to_lowercase();
        let written =
            SHORTHANDS.iter().find(|(name, _)| *name == text).map_or(text.as_str(), |(_, long)| long);
        let cells: Vec<&str> = written.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = cells[..] else {
            return Err(CronError(
                "five fields are needed: minute, hour, day of the month, month, day of the week, such as \"0 9 * * 1\""
                    .to_owned(),
            ));
        };
        let (last_day, days) = match day {
            "l" => (true, 0),
            day => (false, FIELDS[2].set(day)?),
        };
        let weekdays = FIELDS[4].set(weekday)?;
        let cron = Self {
            minutes: FIELDS[0].set(minute)?,
            hours: FIELDS[1].set(hour)?,
            days,
            last_day,
            months: FIELDS[3].set(month)?,
            // 7 is Sunday as 0 is.
            weekdays: (weekdays & 0x7f) | (weekdays >> 7),
            either_day: !is_any(day) && !is_any(weekday),
            follows_clock: is_any(minute) || is_any(hour),
        };
        let leap_year = (0..366).map(|day| day_of(2024, day)).any(|date| cron.has_date_in_some_year(date));
        if leap_year { Ok(cron) } else { Err(CronError("there is no such day".to_owned())) }
    }
}

impl Cron {
    /// The first time after an instant; none within forty years, and at the end of time.
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // What is moved out of a gap may end up on the day after.
        let mut date = after.to_jiff().to_zoned(zone.clone()).date().yesterday().ok()?;
        for _ in 0..DAYS_AHEAD {
            if self.has(date)
                && let Some(found) = self.of_day(date, zone).into_iter().find(|time| *time > after)
            {
                return Some(found);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The last `most` times from `from` to `to`, both included, in order.
    #[must_use]
    pub fn latest(&self, from: Timestamp, to: Timestamp, most: usize, zone: &TimeZone) -> Vec<Timestamp> {
        let day = |time: Timestamp| time.to_jiff().to_zoned(zone.clone()).date();
        let first = day(from).yesterday().unwrap_or(Date::MIN);
        let mut date = day(to);
        let mut found = Vec::new();
        while date >= first && found.len() < most {
            if self.has(date) {
                let times = self.of_day(date, zone).into_iter().rev();
                found.extend(times.filter(|time| (from..=to).contains(time)).take(most - found.len()));
            }
            let Ok(before) = date.yesterday() else { break };
            date = before;
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The times of a matching day, in order.
    fn of_day(&self, date: Date, zone: &TimeZone) -> Vec<Timestamp> {
        let mut times = Vec::new();
        for (hour, minute) in bits(self.hours).flat_map(|hour| bits(self.minutes).map(move |m| (hour, m))) {
            let Ok(time) = Time::new(hour, minute, 0, 0) else { continue };
            let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(time));
            let folded = matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. });
            let is_gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
            if self.follows_clock && is_gap {
                continue;
            }
            if self.follows_clock && folded {
                times.extend(ambiguous.later().ok().map(Timestamp::from));
            }
            times.extend(ambiguous.compatible().ok().map(Timestamp::from));
        }
        times.sort_unstable();
        times.dedup();
        times
    }

    fn has(&self, date: Date) -> bool {
        let weekday = self.weekdays & (1 << date.weekday().to_sunday_zero_offset()) != 0;
        let day = self.has_day(date);
        let fits = if self.either_day { day || weekday } else { day && weekday };
        self.has_month(date) && fits
    }

    fn has_day(&self, date: Date) -> bool {
        self.days & (1 << date.day()) != 0 || (self.last_day && date == date.last_of_month())
    }

    fn has_month(&self, date: Date) -> bool {
        self.months & (1 << date.month()) != 0
    }

    /// Weekdays aside, which come round.
    fn has_date_in_some_year(&self, date: Date) -> bool {
        self.has_month(date) && (self.either_day || self.has_day(date))
    }
}

fn day_of(year: i16, day: i64) -> Date {
    Date::constant(year, 1, 1).saturating_add(jiff::Span::new().days(day))
}

/// `*`, `?` or `*/n`: not named.
fn is_any(cell: &str) -> bool {
    cell.starts_with(['*', '?'])
}

/// The numbers of the bits that are set, which are all below 64.
fn bits(set: u64) -> impl Iterator<Item = i8> + Clone {
    (0..64).filter(move |bit| set & (1 << bit) != 0)
}

impl Field {
    /// The values that a cell names, as bits.
    fn set(&self, cell: &str) -> Result<u64, CronError> {
        cell.split(',').try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    /// `*`, `5`, `1-5`, each with `/step`.
    fn part(&self, part: &str) -> Result<u64, CronError> {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => {
                let step = step.parse::<usize>().ok().filter(|step| (1..=64).contains(step));
                (range, Some(step.ok_or_else(|| self.refused(part))?))
            }
        };
        let (from, to) = match range.split_once('-') {
            None if is_any(range) && range.len() == 1 => (self.least, self.most),
            // `5/15` is from 5 on.
            None => (self.value(range)?, if step.is_some() { self.most } else { self.value(range)? }),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
        };
        if from > to {
            return Err(self.refused(part));
        }
        Ok((from..=to).step_by(step.unwrap_or(1)).fold(0, |set, value| set | (1 << value)))
    }

    fn value(&self, text: &str) -> Result<u32, CronError> {
        let named = self.names.iter().position(|name| *name == text);
        let value = match named.and_then(|at| u32::try_from(at).ok()) {
            Some(at) => Some(self.least + at),
            None => text.parse().ok().filter(|value| (self.least..=self.most).contains(value)),
        };
        value.ok_or_else(|| self.refused(text))
    }

    fn refused(&self, written: &str) -> CronError {
        let Self { name, least, most, .. } = self;
        let written: String = written.chars().take(30).collect();
        CronError(format!(
            "\"{written}\" is no {name}: *, a number from {least} to {most}, a range such as {least}-{most}, a step such as */2, or a list of these is needed"
        ))
    }
}
