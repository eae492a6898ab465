//! What people answered in the month: when, whom, which form, what. Pure.

use std::ops::Range;

use jiff::{civil::Weekday, tz::TimeZone};
use model::{Period, Timestamp};
use serde_json::{Map, Value, json};

use super::{company::ZONE, random::Random};

/// Which form, by its place in the company's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// After support. Two workflows listen.
    Nps,
    /// After a delivery. One workflow listens.
    Csat,
    /// The contact form. None listens.
    Contact,
}

/// One person's answer to one form.
#[derive(Debug, Clone)]
pub struct Answer {
    /// When it came in.
    pub at: Timestamp,
    /// Which form.
    pub kind: Kind,
    /// Who, by their place in the list of contacts; none: nobody we know.
    pub contact: Option<usize>,
    /// By question key.
    pub data: Map<String, Value>,
}

/// 2 × 210 + 180 executions make about 600.
const NPS: usize = 210;
const CSAT: usize = 174;
const CONTACT: usize = 24;

/// How busy each hour of a working day is.
const HOURS: [u64; 24] = [1, 0, 0, 0, 0, 1, 3, 8, 18, 26, 28, 24, 16, 20, 24, 24, 22, 18, 12, 9, 8, 6, 4, 2];

/// Everything that came in over the days before `present`, oldest first.
pub fn answers(present: Timestamp, days: i64, contacts: usize) -> Vec<Answer> {
    let mut random = Random::new(2_026);
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    let mut answers: Vec<Answer> = Vec::new();
    for (kind, count) in [(Kind::Nps, NPS), (Kind::Csat, CSAT), (Kind::Contact, CONTACT)] {
        for _ in 0..count {
            let at = moment(&mut random, present, days, &zone);
            answers.push(answer(&mut random, kind, at, contacts));
        }
    }
    // Unhappy ones that the helpdesk's outages meet: the last one of the past outage gets through by a retry, and of the
    // present outage a visitor sees one that was given up and one that is to be retried.
    let [past, _] = outages(present);
    let then = [310, 205, 120, 8].map(|minutes| past.end.minus(Period::minutes(minutes)));
    let now = [38, 10].map(|minutes| present.minus(Period::minutes(minutes)));
    for at in then.into_iter().chain(now) {
        let mut unhappy = answer(&mut random, Kind::Csat, at, contacts);
        unhappy.data = csat(&mut random, Some(1));
        answers.push(unhappy);
    }
    answers.sort_by_key(|answer| answer.at);
    answers
}

/// When the helpdesk was down: all day on the Tuesday of the week before last, and since three quarters of an hour ago.
pub fn outages(present: Timestamp) -> [Range<Timestamp>; 2] {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    let today = present.to_jiff().to_zoned(zone.clone()).date();
    let since_monday = i64::from(today.weekday().to_monday_zero_offset());
    let tuesday = today.saturating_sub(jiff::Span::new().days(since_monday + 13));
    let noon =
        tuesday.at(12, 0, 0, 0).to_zoned(zone).map_or(present, |noon| Timestamp::from(noon.timestamp()));
    let four_hours = Period::hours(4);
    [
        noon.minus(four_hours)..noon.plus(four_hours),
        present.minus(Period::minutes(45))..present.plus(Period::days(1)),
    ]
}

/// An instant of the month, at the hours when the company's customers are awake.
fn moment(random: &mut Random, present: Timestamp, days: i64, zone: &TimeZone) -> Timestamp {
    let today = present.to_jiff().to_zoned(zone.clone()).date();
    // The youngest ones lie before whatever is special about the last hour.
    let latest = present.minus(Period::hours(1));
    let earliest = present.minus(super::HISTORY);
    loop {
        let date = today.saturating_sub(jiff::Span::new().days(random.between(0, days + 1)));
        let is_weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        if is_weekend && random.percent(70) {
            continue;
        }
        let hour = i8::try_from(random.weighted(&HOURS)).unwrap_or(12);
        let (minute, second) = (random.between(0, 60), random.between(0, 60));
        let time = date.at(hour, minute.try_into().unwrap_or(0), second.try_into().unwrap_or(0), 0);
        let Ok(zoned) = time.to_zoned(zone.clone()) else { continue };
        let at = Timestamp::from(zoned.timestamp())
            .plus(Period::from_millis(random.between(0, 1_000)).unwrap_or_default());
        if (earliest..latest).contains(&at) {
            return at;
        }
    }
}

fn answer(random: &mut Random, kind: Kind, at: Timestamp, contacts: usize) -> Answer {
    let is_known = random.percent(match kind {
        Kind::Nps => 94,
        Kind::Csat => 97,
        Kind::Contact => 35,
    });
    let contact = is_known.then(|| usize::try_from(random.below(contacts as u64)).unwrap_or(0));
    let data = match kind {
        Kind::Nps => nps(random),
        Kind::Csat => csat(random, None),
        Kind::Contact => message(random),
    };
    Answer { at, kind, contact, data }
}

fn nps(random: &mut Random) -> Map<String, Value> {
    // Promoters, passives, detractors, and those who skip the question.
    let (score, reasons): (Option<i64>, &[&str]) = match random.weighted(&[52, 25, 18, 5]) {
        0 => (Some(random.between(9, 11)), PRAISE),
        1 => (Some(random.between(7, 9)), SHRUGS),
        2 => (Some(*random.pick(&[0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 6])), COMPLAINTS),
        _ => (None, SHRUGS),
    };
    let mut data = Map::new();
    if let Some(score) = score {
        data.insert("q_nps".to_owned(), json!(score));
    }
    if random.percent(72) {
        data.insert("q_feedback".to_owned(), json!(random.pick(reasons)));
    }
    data
}

fn csat(random: &mut Random, stars: Option<i64>) -> Map<String, Value> {
    let stars = stars.unwrap_or_else(|| i64::try_from(random.weighted(&[5, 9, 16, 34, 36])).unwrap_or(4) + 1);
    let channel = random.pick(&["Web shop", "Web shop", "Phone", "Account manager"]);
    let mut data =
        Map::from_iter([("q_csat".to_owned(), json!(stars)), ("q_channel".to_owned(), json!(channel))]);
    let comments = if stars <= 2 { LATE } else { ARRIVED };
    if stars <= 2 || random.percent(45) {
        data.insert("q_comment".to_owned(), json!(random.pick(comments)));
    }
    data
}

fn message(random: &mut Random) -> Map<String, Value> {
    let (topic, text) = random.pick(MESSAGES);
    let name = random.pick(&["Sam Rivera", "Kim Larsen", "Jo Bennett", "Ana Silva", "Max Keller"]);
    let address = name.to_lowercase().replace(' ', ".");
    Map::from_iter([
        ("q_name".to_owned(), json!(name)),
        ("q_email".to_owned(), json!(format!("{address}@visitors.example"))),
        ("q_topic".to_owned(), json!(topic)),
        ("q_message".to_owned(), json!(text)),
        ("q_news".to_owned(), json!(random.percent(30))),
    ])
}

const PRAISE: &[&str] = &[
    "Jonas solved it in five minutes and called back the next day to check.",
    "You always answer, even on a Friday afternoon.",
    "Clear, friendly, no ticket ping-pong.",
    "The replacement part was here before I expected the answer.",
    "Best support of all our suppliers, by far.",
    "I never have to explain the problem twice.",
    "Honest about what was wrong, and it was fixed the same day.",
];

const SHRUGS: &[&str] = &[
    "Fine, though the first reply took a day.",
    "Good people, slow portal.",
    "Does what it should.",
    "The answer helped, the form before it did not.",
    "I would like to pick a time for the call.",
];

const COMPLAINTS: &[&str] = &[
    "Three e-mails and still no answer to my question.",
    "I was passed on four times and had to explain everything again.",
    "The repair was promised for Tuesday. It is Monday again.",
    "Nobody told me that the model had changed. Very disappointed.",
    "Your portal logged me out twice while I wrote the request.",
    "The invoice is wrong for the second month in a row.",
    "We are thinking about another supplier.",
];

const ARRIVED: &[&str] = &[
    "On time and well packed.",
    "The driver called ahead, great.",
    "All there, one box a bit dented.",
    "A day early!",
    "Please use less plastic.",
    "Everything as ordered.",
];

const LATE: &[&str] = &[
    "Two of five boxes are missing.",
    "Arrived broken, I want a refund.",
    "Left in the rain in front of the wrong building.",
    "A week late and no message.",
    "Wrong size, again.",
    "The tracking page said delivered. It was not.",
];

const MESSAGES: &[(&str, &str)] = &[
    ("An order", "Can I add two more to the order from yesterday?"),
    ("An order", "Where is my order? The link in the mail does not work."),
    ("An invoice", "Please send the invoice to our new address."),
    ("A product", "Does the standing desk fit through a door of 80 cm?"),
    ("A product", "Is there a refill for the large dispenser?"),
    ("Something else", "We would like to visit your showroom with six people."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_month_is_the_same_for_everybody() {
        let present: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let month = answers(present, 30, 50);
        let again = answers(present, 30, 50);
        assert_eq!(format!("{month:?}"), format!("{again:?}"));
        assert!(month.is_sorted_by_key(|answer| answer.at));
        let of = |kind| month.iter().filter(|answer| answer.kind == kind).count();
        assert_eq!((of(Kind::Nps) * 2 + of(Kind::Csat), of(Kind::Contact)), (600, 24));
        let (first, last) = (month[0].at, month[month.len() - 1].at);
        assert!(first >= present.minus(Period::days(30)) && last == present.minus(Period::minutes(10)));
    }
}
