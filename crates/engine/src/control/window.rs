//! The tenant's week: the next moment of business, and the end of quiet hours, by any zone's clock. Where the clock jumps, a time that
//! does not exist is the one right after the jump, and of one that comes twice the first counts.

use jiff::{
    ToSpan,
    civil::{Date, Time},
    tz::{AmbiguousOffset, TimeZone},
};
use model::{
    Timestamp,
    settings::{Calendar, QuietHours},
};

/// Days that are looked at: a calendar without an hour of business within them has none.
const DAYS: i64 = 400;

/// This moment when it is one of business, else the next one that is; none when there is none.
pub(super) fn business(calendar: &Calendar, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let today = now.to_jiff().to_zoned(zone.clone()).date();
    (0..DAYS).find_map(|days| {
        let date = today.checked_add(days.days()).ok()?;
        if calendar.holidays.contains(&date.to_string()) {
            return None;
        }
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        let spans = calendar.week[weekday].iter();
        let next = spans.filter_map(|(from, to)| {
            let (from, to) = (at(date, from, zone)?, at(date, to, zone)?);
            (now < to && from < to).then_some(from.max(now))
        });
        next.min()
    })
}

/// This moment when it is not a quiet one, else the end of the quiet hours.
pub(super) fn after_quiet(quiet: &QuietHours, zone: &TimeZone, now: Timestamp) -> Timestamp {
    let today = now.to_jiff().to_zoned(zone.clone()).date();
    let span = |days: i64| {
        let date = today.checked_add(days.days()).ok()?;
        let until = if quiet.to <= quiet.from { date.tomorrow().ok()? } else { date };
        Some((at(date, &quiet.from, zone)?, at(until, &quiet.to, zone)?))
    };
    if quiet.from == quiet.to {
        return now;
    }
    let within = [-1, 0].into_iter().filter_map(span).find(|(from, to)| *from <= now && now < *to);
    within.map_or(now, |(_, to)| to)
}

fn at(date: Date, time: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (date, time) = match time {
        "24:00" => (date.tomorrow().ok()?, Time::midnight()),
        time => (date, time.parse::<Time>().ok()?),
    };
    let local = zone.to_ambiguous_timestamp(date.to_datetime(time));
    let instant = match local.offset() {
        AmbiguousOffset::Gap { .. } => zone.following(local.earlier().ok()?).next()?.timestamp(),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => local.earlier().ok()?,
    };
    Some(instant.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a known zone")
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_next_moment_of_business_goes_by_the_zones_clock() {
        let mut calendar = Calendar::default();
        calendar.holidays.push("2026-03-30".to_owned());
        let next = |zone_name: &str, now: &str| {
            business(&calendar, &zone(zone_name), time(now)).map(|at| at.to_string())
        };
        let table = [
            ("Europe/Paris", "2026-02-13T10:00:00Z", "2026-02-13T10:00:00.000Z"),
            ("Europe/Paris", "2026-02-13T16:00:00Z", "2026-02-16T08:00:00.000Z"),
            // Over the weekend the clock goes forward, and Monday is a holiday.
            ("Europe/Paris", "2026-03-27T16:00:00Z", "2026-03-31T07:00:00.000Z"),
            ("America/Los_Angeles", "2026-02-16T02:00:00Z", "2026-02-16T17:00:00.000Z"),
            ("Asia/Kathmandu", "2026-02-16T00:00:00Z", "2026-02-16T03:15:00.000Z"),
        ];
        for (zone, now, expected) in table {
            assert_eq!(next(zone, now).as_deref(), Some(expected), "{zone} {now}");
        }
        calendar.week = Default::default();
        assert_eq!(business(&calendar, &zone("UTC"), time("2026-02-13T10:00:00Z")), None);
    }

    #[test]
    fn quiet_hours_end_at_their_time_in_every_zone_and_on_every_day_of_a_year() {
        let quiet = QuietHours { from: "22:00".to_owned(), to: "02:30".to_owned() };
        for name in [
            "Europe/Paris",
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Kolkata",
            "America/St_Johns",
            "Africa/Casablanca",
            "UTC",
        ] {
            let zone = zone(name);
            for hour in 0..(366 * 24) {
                let now = Timestamp::from_millis(1_767_225_600_000 + hour * 3_600_000);
                let until = after_quiet(&quiet, &zone, now);
                let clock = |at: Timestamp| at.to_jiff().to_zoned(zone.clone()).time();
                let is_quiet = |at| {
                    clock(at) >= jiff::civil::time(22, 0, 0, 0) || clock(at) < jiff::civil::time(2, 30, 0, 0)
                };
                assert!(until == now || is_quiet(now), "{name} {now}: it is not quiet");
                // An hour that comes twice is quiet the first time only where the end falls into it.
                let length = until.millis_since(now);
                assert!(length <= 6 * 3_600_000, "{name} {now}: {length} ms");
                assert!(!is_quiet(until) || until == now, "{name} {now}: still quiet at {until}");
            }
        }
    }
}
