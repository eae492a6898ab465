//! Lengths of time as people write them in a definition: `90000`, `"90s"`, `"24h"`, `"7d"`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in milliseconds, from zero up to a year (the longest delay, contract section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Period(i64);

/// Text or a number that is not a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPeriod {
    /// Neither a number nor a number with a unit.
    #[error(
        "is not a duration: write milliseconds (90000) or a number with ms, s, m, h, d or w (\"90s\", \"7d\")"
    )]
    Malformed,
    /// Longer than a year.
    #[error("is longer than a year, the longest wait there is")]
    TooLong,
}

const UNITS: [(&str, i64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

impl Period {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// 366 days.
    pub const YEAR: Self = Self(366 * 86_400_000);

    /// From milliseconds, between zero and a year.
    pub const fn from_millis(millis: i64) -> Result<Self, NotAPeriod> {
        if millis < 0 {
            Err(NotAPeriod::Malformed)
        } else if millis > Self::YEAR.0 {
            Err(NotAPeriod::TooLong)
        } else {
            Ok(Self(millis))
        }
    }

    /// From whole seconds that the code itself names.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        Self(seconds as i64 * 1_000)
    }

    /// From whole minutes that the code itself names.
    #[must_use]
    pub const fn minutes(minutes: u32) -> Self {
        Self(minutes as i64 * 60_000)
    }

    /// From whole hours that the code itself names.
    #[must_use]
    pub const fn hours(hours: u32) -> Self {
        Self(hours as i64 * 3_600_000)
    }

    /// From whole days that the code itself names.
    #[must_use]
    pub const fn days(days: u16) -> Self {
        Self(days as i64 * 86_400_000)
    }

    /// The length in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The length as the standard library has it.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }
}

impl FromStr for Period {
    type Err = NotAPeriod;
    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let text = text.trim();
        let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim();
        let factor = if unit.is_empty() {
            1
        } else {
            UNITS.iter().find(|(name, _)| *name == unit).ok_or(NotAPeriod::Malformed)?.1
        };
        let number: f64 = number.parse().map_err(|_| NotAPeriod::Malformed)?;
        let millis = number * factor as f64;
        if millis > Self::YEAR.0 as f64 {
            return Err(NotAPeriod::TooLong);
        }
        Self::from_millis(millis.round() as i64)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            UNITS.iter().rev().find(|(_, factor)| self.0 != 0 && self.0 % factor == 0).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a duration: milliseconds or text such as \"90s\" or \"7d\"")]
        enum Written {
            Millis(i64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Millis(millis) => Self::from_millis(millis),
            Written::Text(text) => text.parse(),
        }
        .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let read = |text: &str| text.parse::<Period>().map(|period| period.to_string());
        assert_eq!(read("90s").as_deref(), Ok("90s"));
        assert_eq!(read("24h").as_deref(), Ok("1d"));
        assert_eq!(read("1500").as_deref(), Ok("1500ms"));
        assert_eq!(read("1.5h").as_deref(), Ok("90m"));
        assert_eq!(read("0").as_deref(), Ok("0ms"));
        assert_eq!(read("2y"), Err(NotAPeriod::Malformed));
        assert_eq!(read("-1s"), Err(NotAPeriod::Malformed));
        assert_eq!(read("60w"), Err(NotAPeriod::TooLong));
    }
}
