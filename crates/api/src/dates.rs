//! `startDate` and `endDate`: a day or an instant, and which of the two decides what is meant (contract section 3).

use std::borrow::Cow;

use model::{Period, Timestamp};
use serde::{Deserialize, Deserializer, de::Error};

/// The first instant that counts: an instant itself, or the beginning of a day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartDate(pub Timestamp);

/// The first instant that does not count any more: an instant itself, or the end of a day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndDate(pub Timestamp);

impl<'de> Deserialize<'de> for StartDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        read(&text).map(|(instant, _)| Self(instant)).ok_or_else(|| Error::custom(NEEDED))
    }
}

impl<'de> Deserialize<'de> for EndDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let (instant, is_day) = read(&text).ok_or_else(|| Error::custom(NEEDED))?;
        Ok(Self(if is_day { instant.plus(Period::days(1)) } else { instant }))
    }
}

const NEEDED: &str =
    "must be a day (2026-02-14) or a time (2026-02-14T10:30:00Z; a + in its offset is written %2B)";

/// The instant, and whether the text names a whole day. A time without an offset is UTC.
fn read(text: &str) -> Option<(Timestamp, bool)> {
    if text.len() == "2026-02-14".len() {
        return Some((format!("{text}T00:00:00Z").parse().ok()?, true));
    }
    let instant = text.parse().or_else(|_| format!("{text}Z").parse()).ok()?;
    Some((instant, false))
}

#[cfg(test)]
mod tests {
    use serde::de::{IntoDeserializer, value::StrDeserializer};

    use super::*;

    #[test]
    fn a_day_ends_with_itself_and_an_instant_before_itself() {
        let read = |text: &str| -> String {
            let start: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
            match (StartDate::deserialize(start), EndDate::deserialize(start)) {
                (Ok(StartDate(start)), Ok(EndDate(end))) => format!("{start} – {end}"),
                (Err(start), Err(_)) => start.to_string(),
                differing => format!("{differing:?}"),
            }
        };
        let table = [
            ("2026-02-14", "2026-02-14T00:00:00.000Z – 2026-02-15T00:00:00.000Z"),
            ("2024-02-29", "2024-02-29T00:00:00.000Z – 2024-03-01T00:00:00.000Z"),
            ("2026-02-14T10:30:00Z", "2026-02-14T10:30:00.000Z – 2026-02-14T10:30:00.000Z"),
            ("2026-02-14T11:30:00+01:00", "2026-02-14T10:30:00.000Z – 2026-02-14T10:30:00.000Z"),
            ("2026-02-14T00:00:00Z", "2026-02-14T00:00:00.000Z – 2026-02-14T00:00:00.000Z"),
            ("2026-02-14T10:30:00", "2026-02-14T10:30:00.000Z – 2026-02-14T10:30:00.000Z"),
            ("2026-02-30", NEEDED),
            ("yesterday!", NEEDED),
            ("2026", NEEDED),
            ("2026-02-14T11:30:00 01:00", NEEDED),
        ];
        assert_eq!(table.map(|(text, _)| read(text)), table.map(|(_, expected)| expected));
    }
}
