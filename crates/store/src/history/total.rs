//! How many a list has in all, where the rollups know it: they know whole hours. What lies at both ends of a time that is no whole hour is counted.

use model::{Period, TenantId, Timestamp};

use super::{
    Filter,
    walk::{self, Bounds, Search},
};
use crate::{
    database::{Question, page::COUNT_CAP},
    params,
    rollup::{self, Span},
};

/// A total that the rollups know, in parts.
#[derive(Debug)]
pub(super) struct Counted {
    /// Whole hours: one number. None: there are none.
    pub(super) whole: Option<Question>,
    ends: [Option<(Timestamp, Timestamp)>; 2],
}

impl Counted {
    /// None: the rollups do not know.
    pub(super) fn of(tenant: TenantId, filter: &Filter) -> Option<Self> {
        if !filter.is_counted() {
            return None;
        }
        let (whole, ends) = hours(filter.from, filter.until);
        let whole = whole.map(|(from, until)| {
            let span = Span { workflow: filter.workflow, from, until };
            rollup::existing(tenant, span, filter.status, filter.outcome)
        });
        Some(Self { whole, ends })
    }

    /// Of what more than times narrows, the ids that the ends lie within: where the first is over, and where the last begins.
    pub(super) fn inner(&self, tenant: TenantId, filter: &Filter) -> [Option<Question>; 2] {
        let [head, tail] = self.ends.map(|end| end.filter(|_| filter.is_narrowed()));
        [head.map(|(_, until)| walk::after(tenant, until)), tail.map(|(from, _)| walk::before(tenant, from))]
    }

    /// What lies at the ends, once the whole hours are known: a number each. What is more than the cap is the cap, and nothing more has to be counted.
    pub(super) fn ends(
        &self,
        tenant: TenantId,
        filter: &Filter,
        whole: i64,
        [head, tail]: [Bounds; 2],
    ) -> [Option<Question>; 2] {
        let ends = self.ends.map(|end| end.filter(|_| whole <= COUNT_CAP));
        [
            ends[0].map(|end| between(tenant, filter, end, head)),
            ends[1].map(|end| between(tenant, filter, end, tail)),
        ]
    }

    /// The total, and whether it is the cap of it. Whole hours alone are counted to the end.
    pub(super) fn total(&self, whole: i64, ends: i64) -> (i64, bool) {
        if self.ends == [None, None] { (whole, false) } else { capped(whole + ends) }
    }
}

/// Counting stopped at the cap.
pub(super) fn capped(count: i64) -> (i64, bool) {
    (count.min(COUNT_CAP), count > COUNT_CAP)
}

/// How many there are of a time, up to one more than the cap: by the index of the times, or as the list's page is found, between the ids that the time lies within.
fn between(
    tenant: TenantId,
    filter: &Filter,
    (from, until): (Timestamp, Timestamp),
    bounds: Bounds,
) -> Question {
    if filter.is_narrowed() {
        let filter = Filter { from: Some(from), until: Some(until), ..filter.clone() };
        return Search { tenant, filter: &filter, bounds }.count();
    }
    let sql = "SELECT count(*) FROM (SELECT 1 FROM workflow_executions
                WHERE tenant_id = ?1 AND created_at >= ?2 AND created_at < ?3 LIMIT ?4) AS counted";
    (sql.into(), params![tenant, from, until, COUNT_CAP + 1])
}

type Whole = (Option<Timestamp>, Option<Timestamp>);

/// The whole hours of a time, and what is left at its ends; each end is shorter than two hours.
fn hours(
    from: Option<Timestamp>,
    until: Option<Timestamp>,
) -> (Option<Whole>, [Option<(Timestamp, Timestamp)>; 2]) {
    let hour = Period::hours(1);
    let first = from.map(|from| if from == from.hour() { from } else { from.hour().plus(hour) });
    let last = until.map(Timestamp::hour);
    if let (Some(from), Some(until), Some(first), Some(last)) = (from, until, first, last)
        && first >= last
    {
        return (None, [(from < until).then_some((from, until)), None]);
    }
    let head = from.zip(first).filter(|(from, first)| from < first);
    let tail = last.zip(until).filter(|(last, until)| last < until);
    (Some((first, last)), [head, tail])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_whole_hours_and_two_ends() {
        let told = |from: &str, until: &str| {
            let at = |time: &str| format!("2026-02-14T{time}:00Z").parse::<Timestamp>().ok();
            let short = |at: Timestamp| at.to_string()[11..16].to_owned();
            let end = |at: Option<Timestamp>| at.map_or("…".to_owned(), short);
            let (whole, ends) = hours(at(from), at(until));
            let whole = whole.map(|(from, until)| format!("{}–{}", end(from), end(until)));
            let ends = ends
                .into_iter()
                .flatten()
                .map(|(from, until)| format!("{} to {}", short(from), short(until)));
            whole.into_iter().chain(ends).collect::<Vec<_>>().join(", ")
        };
        let table = [
            ("", "", "…–…"),
            ("10:00", "12:00", "10:00–12:00"),
            ("10:20", "", "11:00–…, 10:20 to 11:00"),
            ("", "10:20", "…–10:00, 10:00 to 10:20"),
            ("10:20", "13:40", "11:00–13:00, 10:20 to 11:00, 13:00 to 13:40"),
            ("10:20", "11:40", "10:20 to 11:40"),
            ("10:20", "10:40", "10:20 to 10:40"),
            ("10:00", "10:40", "10:00 to 10:40"),
            ("10:40", "10:20", ""),
        ];
        for (from, until, expected) in table {
            assert_eq!(told(from, until), expected, "{from} to {until}");
        }
    }
}
