//! When the clock starts a workflow.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use model::{Period, Timestamp, workflow::Definition};
use proptest::prelude::*;
use rules::{Start, Timetable, cron::Cron};
use serde_json::{Value, json};

use crate::definitions::Catalog;

fn compiled(config: &Value) -> Result<Timetable, String> {
    let definition = Definition {
        name: "Some workflow".to_owned(),
        description: None,
        trigger_event: "schedule".to_owned(),
        trigger_config: config.as_object().unwrap().clone(),
        conditions: json!([]),
        actions: json!([]),
        log_unmatched: true,
        entry: model::workflow::EntryRules::default(),
        on_failure: Value::Null,
    };
    match rules::compile(&definition, &Catalog::default()) {
        Ok(compiled) => match compiled.trigger.start {
            Start::Schedule(timetable) => Ok(*timetable),
            other => panic!("{other:?}"),
        },
        Err(problems) => {
            let lines = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
            Err(lines.collect::<Vec<_>>().join("; "))
        }
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The next times after an instant, as the zone's clocks show them.
fn times(config: &Value, after: &str, zone: &str, count: usize) -> String {
    let zone = TimeZone::get(zone).unwrap();
    let timetable = compiled(config).unwrap();
    let next = |after: &Timestamp| timetable.next(*after, &zone);
    let times = std::iter::successors(next(&time(after)), next).take(count);
    let shown =
        times.map(|time| time.to_jiff().to_zoned(zone.clone()).strftime("%a %F %H:%M%:z").to_string());
    shown.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_next_times_are_those_of_the_clock_on_the_wall() {
    let paris = "Europe/Paris";
    let rows = [
        (json!({"cron": "0 9 * * 1"}), "2026-02-14T10:30:00Z", paris, 2),
        (json!({"cron": "*/20 8-9 * * mon-fri"}), "2026-02-13T08:30:00Z", paris, 4),
        (json!({"cron": "@monthly"}), "2026-02-14T10:30:00Z", paris, 2),
        (json!({"cron": "30 6 l * *"}), "2026-01-31T12:00:00Z", paris, 3),
        (json!({"cron": "0 0 29 feb *"}), "2026-02-14T10:30:00Z", paris, 2),
        (json!({"cron": "0 12 13 * 5"}), "2026-02-10T00:00:00Z", paris, 3),
        (json!({"cron": "0 0 * * 7"}), "2026-02-14T10:30:00Z", paris, 1),
        (json!({"cron": "5/25 0 * * *"}), "2026-02-14T10:30:00Z", paris, 3),
        // Spring: 2:00 to 3:00 is skipped on 29 March 2026. Autumn: it comes twice on 25 October.
        (json!({"cron": "30 2 * * *"}), "2026-03-28T00:00:00Z", paris, 3),
        (json!({"cron": "30 * * * *"}), "2026-03-29T00:00:00Z", paris, 3),
        (json!({"cron": "30 2 * * *"}), "2026-10-24T12:00:00Z", paris, 2),
        (json!({"cron": "30 * * * *"}), "2026-10-24T23:00:00Z", paris, 4),
        // The day that Samoa left out.
        (json!({"cron": "0 9 * * *"}), "2011-12-29T00:00:00Z", "Pacific/Apia", 3),
        (json!({"cron": "0 9 * * *", "timeZone": "Asia/Kolkata"}), "2026-02-14T10:30:00Z", "UTC", 1),
        (json!({"every": "15m"}), "2026-02-14T10:31:00Z", "UTC", 2),
        (
            json!({"every": "15m", "startAt": "2026-02-14T12:05:00Z", "endAt": "2026-02-14T12:35:00Z"}),
            "2026-02-14T10:31:00Z",
            "UTC",
            9,
        ),
        (
            json!({"cron": "0 * * * *", "startAt": "2026-02-15T09:00:00Z", "endAt": "2026-02-15T10:59:59Z"}),
            "2026-02-14T10:31:00Z",
            "UTC",
            9,
        ),
        (json!({"cron": "0 0 1 1 *", "endAt": "2026-12-31T00:00:00Z"}), "2026-02-14T10:31:00Z", "UTC", 1),
    ];
    let lines = rows.map(|(config, after, zone, count)| {
        format!("{config} after {after} in {zone}\n  {}", times(&config, after, zone, count))
    });
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_was_missed_is_made_up_for_as_the_schedule_says() {
    let zone = TimeZone::UTC;
    let mut lines = Vec::new();
    for (now, due_at) in [
        ("2026-02-14T10:00:00Z", "2026-02-14T10:00:00Z"),
        ("2026-02-14T10:00:59Z", "2026-02-14T10:00:00Z"),
        ("2026-02-14T10:30:00Z", "2026-02-14T08:00:00Z"),
        ("2026-02-14T10:00:30Z", "2026-02-14T08:00:00Z"),
        ("2026-03-14T10:30:00Z", "2026-02-14T08:00:00Z"),
    ] {
        for misfire in ["once", "all", "skip"] {
            let config = json!({"cron": "0 * * * *", "misfire": misfire});
            let due = compiled(&config).unwrap().due(time(due_at), time(now), &zone);
            let runs = match due.runs.as_slice() {
                [first, .., last] if due.runs.len() > 3 => format!("{first} … {last} ({})", due.runs.len()),
                runs => runs.iter().map(Timestamp::to_string).collect::<Vec<_>>().join(", "),
            };
            lines.push(format!("due {due_at}, now {now}, {misfire}: [{runs}] then {}", due.next.unwrap()));
        }
    }
    let ended = json!({"every": "1h", "endAt": "2026-02-14T09:00:00Z", "misfire": "all"});
    let ended =
        compiled(&ended).unwrap().due(time("2026-02-14T08:00:00Z"), time("2026-02-14T11:00:00Z"), &zone);
    assert_eq!((ended.runs.len(), ended.next), (2, None));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_schedule_that_cannot_be_is_refused() {
    let rows = [
        json!({}),
        json!({"cron": "0 9 * * 1", "every": "15m"}),
        json!({"cron": "0 9 * *"}),
        json!({"cron": 5}),
        json!({"cron": "60 9 * * 1"}),
        json!({"cron": "0 9 * * someday"}),
        json!({"cron": "0 9-5 * * *"}),
        json!({"cron": "*/0 * * * *"}),
        json!({"cron": "0 0 30 2 *"}),
        json!({"cron": "0 9 * * 1", "timeZone": "Mars/Olympus", "misfire": "perhaps", "startAt": "soon"}),
        json!({"every": "15m", "startAt": "2026-03-01T00:00:00Z", "endAt": "2026-02-01T00:00:00Z"}),
        json!({"every": "5s"}),
        json!({"every": "often", "formId": 1}),
        json!({"cron": "0 9 * * 1", "offset": "7d", "at": "09:00"}),
        json!({"relativeTo": "contact.attributes.renewal_date", "cron": "0 9 * * 1", "misfire": "all"}),
        json!({"relativeTo": "ticket.created_at", "offset": "soon", "at": "nine"}),
        json!({"relativeTo": "submission.submittedAt"}),
        json!({"relativeTo": "contact", "offset": "1d"}),
    ];
    let lines = rows.map(|config| format!("{config}\n  {}", compiled(&config).unwrap_err()));
    insta::assert_snapshot!(lines.join("\n"));
}

const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "America/Sao_Paulo",
];

proptest! {
    /// Against a search through every minute of some days, wherever a zone's clocks are set in them.
    #[test]
    fn daylight_saving_follows_crontabs_rule(
        zone in proptest::sample::select(&ZONES[..]),
        day in 0_i64..7_000,
        minute in 0_u8..60,
        hour in 0_u8..24,
        clock in proptest::bool::ANY,
    ) {
        let zone = TimeZone::get(zone).unwrap();
        // The week after the day on which clocks are set, when one comes soon.
        let start = Timestamp::from_millis((14_600 + day) * 86_400_000);
        let change = zone.following(start.to_jiff()).next().map(|change| Timestamp::from(change.timestamp()));
        let from = change.map_or(start, |change| change.minus(Period::hours(36)));
        // The zones' tables end in 2037, at an odd second.
        let from = Timestamp::from_millis(from.as_millis() / 60_000 * 60_000);
        let to = from.plus(Period::days(3));
        let hours = if clock { "*".to_owned() } else { hour.to_string() };
        let cron: Cron = format!("{minute} {hours} * * *").parse().unwrap();
        let found = cron.latest(from, to, 1_000, &zone);

        let minutes = (0..=3 * 24 * 60).map(|minutes| Timestamp::from_millis(from.as_millis() + minutes * 60_000));
        let wall = |time: Timestamp| time.to_jiff().to_zoned(zone.clone()).datetime();
        let matching: Vec<Timestamp> = minutes
            .filter(|time| {
                let wall = wall(*time);
                wall.minute() == minute as i8 && (clock || wall.hour() == hour as i8)
            })
            .collect();
        if clock {
            prop_assert_eq!(&found, &matching);
        } else {
            // Once a day; where the wall shows the time, at the first moment that it does.
            let days: BTreeSet<_> = found.iter().map(|time| wall(*time).date()).collect();
            prop_assert_eq!(days.len(), found.len());
            let mut first = BTreeSet::new();
            for time in &matching {
                if first.insert(wall(*time).date()) {
                    // The window may begin between two equal times.
                    let before = time.minus(Period::hours(1));
                    let began = before < from && wall(before) == wall(*time);
                    prop_assert!(found.contains(time) || began, "{} is missing", time);
                }
            }
            prop_assert!(found.len() >= 2 && found.len() <= 4, "{:?}", found);
        }
        // One after the other gives the same.
        let mut one_by_one = Vec::new();
        let mut at = from.minus(Period::from_millis(1).unwrap());
        while let Some(next) = cron.next(at, &zone).filter(|next| *next <= to) {
            one_by_one.push(next);
            at = next;
        }
        prop_assert_eq!(found, one_by_one);
    }
}

#[test]
fn a_record_has_its_time_by_its_own_date() {
    let due = |to: &str, offset: &str, at: Option<&str>, date: &str| {
        let mut config = json!({"relativeTo": to, "offset": offset, "timeZone": "Europe/Paris"});
        if let Some(at) = at {
            config["at"] = json!(at);
        }
        let timetable = compiled(&config).unwrap();
        let data = json!({"submission": {"submittedAt": date}, "contact": {"attributes": {"renewal_date": date}, "created_at": date}});
        timetable.relative().unwrap().due(&data, &TimeZone::UTC).map(|due| due.to_string())
    };
    let some = |text: &str| Some(text.to_owned());
    let (submitted, renewal) = ("submission.submittedAt", "contact.attributes.renewal_date");
    assert_eq!(due(submitted, "7d", None, "2026-02-14T10:30:00.007Z"), some("2026-02-21T10:30:00.007Z"));
    // On the seventh day by the calendar of Paris, where the clocks go forward on 29 March.
    assert_eq!(due(submitted, "7d", Some("09:00"), "2026-03-25T23:30:00Z"), some("2026-04-02T07:00:00.000Z"));
    assert_eq!(due(submitted, "7d", Some("09:00"), "2026-03-20T10:30:00Z"), some("2026-03-27T08:00:00.000Z"));
    assert_eq!(due(renewal, "-3d", None, "2026-03-30"), some("2026-03-27T08:00:00.000Z"));
    assert_eq!(due(renewal, "12h", Some("18:30"), "2026-03-30T14:00:00"), some("2026-03-31T16:30:00.000Z"));
    assert_eq!(
        due("contact.created_at", "1w", Some("00:00"), "2026-02-14T22:59:00Z"),
        some("2026-02-20T23:00:00.000Z")
    );
    assert_eq!(due(renewal, "-3d", None, "next year"), None);
}
