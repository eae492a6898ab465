//! Instants: milliseconds since 1970 in UTC, printed as RFC 3339 with milliseconds.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Period;

/// An instant with the precision that the store keeps and the API prints (`2026-02-14T10:30:00.123Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Text that is not an RFC 3339 instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a time: RFC 3339 is needed, such as 2026-02-14T10:30:00Z")]
pub struct NotATime;

/// 9999-12-31T23:59:59.999Z: the last instant that RFC 3339 can print.
const LAST_MILLIS: i64 = 253_402_300_799_999;
/// 0000-01-01T00:00:00Z.
const FIRST_MILLIS: i64 = -62_167_219_200_000;

impl Timestamp {
    /// The first instant of 1970.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since 1970; instants outside the years 0 to 9999 are moved to the nearest end.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis > LAST_MILLIS {
            Self(LAST_MILLIS)
        } else if millis < FIRST_MILLIS {
            Self(FIRST_MILLIS)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant plus a period.
    #[must_use]
    pub fn plus(self, period: Period) -> Self {
        Self::from_millis(self.0.saturating_add(period.as_millis()))
    }

    /// This instant minus a period.
    #[must_use]
    pub fn minus(self, period: Period) -> Self {
        Self::from_millis(self.0.saturating_sub(period.as_millis()))
    }

    /// This instant plus milliseconds, which may be negative.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to here; zero when `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        let difference = self.0.saturating_sub(earlier.0);
        if difference < 0 { 0 } else { difference }
    }

    /// The start of the UTC hour that holds this instant: the key of the statistics.
    #[must_use]
    pub const fn hour(self) -> Self {
        Self(self.0 - self.0.rem_euclid(3_600_000))
    }

    /// The start of the UTC day that holds this instant.
    #[must_use]
    pub const fn day(self) -> Self {
        Self(self.0 - self.0.rem_euclid(86_400_000))
    }

    /// The start of the UTC month that holds this instant.
    #[must_use]
    pub fn month(self) -> Self {
        let date = self.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
        self.day().minus(Period::days(u16::try_from(date.day() - 1).unwrap_or_default()))
    }

    /// For calendar arithmetic and formatting.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(value: jiff::Timestamp) -> Self {
        Self::from_millis(value.as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse::<jiff::Timestamp>().map(Self::from).map_err(|_| NotATime)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_milliseconds_always() {
        let printed = [0, 1, 1_771_064_999_990].map(|millis| Timestamp::from_millis(millis).to_string());
        assert_eq!(
            printed,
            ["1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z", "2026-02-14T10:29:59.990Z"]
        );
        assert_eq!(
            "2026-02-14T11:30:00+01:00".parse::<Timestamp>().unwrap().to_string(),
            "2026-02-14T10:30:00.000Z"
        );
        assert_eq!("yesterday".parse::<Timestamp>(), Err(NotATime));
    }
}
