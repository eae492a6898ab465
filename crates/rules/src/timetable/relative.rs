//! A schedule by a date of each record: `{"relativeTo":"contact.attributes.renewal_date","offset":"-3d","at":"09:00"}`.
//!
//! When a record's time is follows from the record as it is when it is looked at, and from nothing that was noted before: so a date that
//! changes moves its time, and a record that is put away has none any more. Times of day are those of the tenant, unless a zone is named.

use jiff::{
    SignedDuration,
    civil::{Time, time},
    tz::TimeZone,
};
use model::{Period, Timestamp, job::JobSource};
use serde_json::Value;

use crate::{
    Path,
    step::wait::{instant, offset},
    value::quoted,
};

/// After answers, at least: what is being written now is then known.
const SHORTEST: Period = Period::minutes(1);
/// The time of day by which contacts' dates count, unless told.
const MORNING: Time = time(9, 0, 0, 0);
const SUBMITTED: &str = "submission.submittedAt";

/// When each record's time is.
#[derive(Debug, Clone, PartialEq)]
pub struct Relative {
    source: JobSource,
    /// Where the date is, in the trigger data.
    path: Path,
    offset_ms: i64,
    /// None: at the very time.
    at: Option<Time>,
    zone: Option<TimeZone>,
}

impl Relative {
    pub(super) fn compile(
        written: &Value,
        (given_offset, given_at): (Option<&Value>, Option<&Value>),
        zone: Option<TimeZone>,
        refuse: &mut impl FnMut(&str, String),
    ) -> Option<Self> {
        let place = written.as_str().unwrap_or_default().trim();
        let path = Path::parse(place).ok();
        let source = match &path {
            _ if place == SUBMITTED => Some(JobSource::Submissions),
            Some(path) if path.root() == Some("contact") && path.segments().len() > 1 => {
                Some(JobSource::Contacts)
            }
            _ => None,
        };
        if source.is_none() {
            refuse(
                "relativeTo",
                format!(
                    "{} is no date of a record: \"{SUBMITTED}\" or one of a contact such as \"contact.attributes.renewal_date\" is needed",
                    quoted(written)
                ),
            );
        }
        let offset_ms = match given_offset.map(offset) {
            None => 0,
            Some(Ok(offset)) => offset,
            Some(Err(message)) => {
                refuse("offset", message);
                0
            }
        };
        if source == Some(JobSource::Submissions) && offset_ms < SHORTEST.as_millis() {
            refuse(
                "offset",
                format!(
                    "at least {SHORTEST} after the answers is needed: for answers that come now, listen to submission_completed"
                ),
            );
        }
        let at = match given_at {
            None => (source == Some(JobSource::Contacts)).then_some(MORNING),
            Some(value) => {
                let at = value.as_str().and_then(|text| text.trim().parse::<Time>().ok());
                if at.is_none() {
                    refuse("at", "a time of day is needed, such as \"09:00\"".to_owned());
                }
                at
            }
        };
        Some(Self { source: source?, path: path?, offset_ms, at, zone })
    }

    /// Whose dates count.
    #[must_use]
    pub const fn source(&self) -> JobSource {
        self.source
    }

    /// The time of a record; none when it has no date. `zone` is the tenant's.
    #[must_use]
    pub fn due(&self, data: &Value, zone: &TimeZone) -> Option<Timestamp> {
        let zone = self.zone.as_ref().unwrap_or(zone);
        let date = instant(self.path.lookup(data)?.as_str()?, zone)?;
        match self.at {
            None => Some(Timestamp::from(date).plus_millis(self.offset_ms)),
            Some(at) => {
                // Whole days are days of the calendar: a night of 23 hours moves no date.
                let (days, rest) = (self.offset_ms.div_euclid(DAY), self.offset_ms.rem_euclid(DAY));
                let local = date.to_zoned(zone.clone()).datetime();
                let day = local
                    .checked_add(jiff::Span::new().try_days(days).ok()?)
                    .and_then(|day| day.checked_add(SignedDuration::from_millis(rest)))
                    .ok()?
                    .date();
                day.to_datetime(at).to_zoned(zone.clone()).ok().map(|due| due.timestamp().into())
            }
        }
    }

    /// When to look next, after an instant: at the time of day, or at once.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // At once: then it is known when the next one's time is.
        let Some(at) = self.at else { return Some(after.plus_millis(1)) };
        let zone = self.zone.as_ref().unwrap_or(zone);
        let today = after.to_jiff().to_zoned(zone.clone()).date();
        let days = std::iter::successors(Some(today), |day| day.tomorrow().ok()).take(3);
        let times = days.filter_map(|day| day.to_datetime(at).to_zoned(zone.clone()).ok());
        times.map(|time| Timestamp::from(time.timestamp())).find(|time| *time > after)
    }

    /// Between which dates those of answers lie whose times are between two instants; wider rather than too narrow.
    #[must_use]
    pub fn dates(&self, from: Timestamp, until: Timestamp) -> (Timestamp, Timestamp) {
        let (before, after) = (from.plus_millis(-self.offset_ms), until.plus_millis(-self.offset_ms));
        match self.at {
            None => (before, after),
            // The time of day moves each by up to a day, and the calendar by an hour or two.
            Some(_) => (before.minus(Period::days(2)), after.plus(Period::days(2))),
        }
    }

    /// When the time of the next record is at the earliest, after a look now, where `next` is the date of the next record that there is.
    #[must_use]
    pub fn next_look(&self, now: Timestamp, next: Option<Timestamp>, zone: &TimeZone) -> Option<Timestamp> {
        if self.at.is_some() {
            return self.next(now, zone);
        }
        // What comes now is due after the offset.
        let of_new = now.plus_millis(self.offset_ms);
        let of_known = next.map(|date| date.plus_millis(self.offset_ms));
        Some(
            of_known
                .map_or(of_new, |known| known.min(of_new))
                .max(Timestamp::from_millis(now.as_millis() + 1)),
        )
    }
}

const DAY: i64 = 86_400_000;
