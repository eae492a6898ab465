//! The trend by day. Counts are kept by UTC hours, and so are the days: a tenant whose day begins on a half hour could not be served
//! from them otherwise.

use std::collections::BTreeMap;

use model::{ExecutionStatus, Outcome, Period, Timestamp};
use serde::Serialize;
use store::rollup::DayCount;
use utoipa::ToSchema;

/// The executions that were accepted on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Day {
    /// The day in UTC.
    #[schema(format = Date, example = "2026-02-14")]
    date: String,
    /// How many.
    total: i64,
    /// How many of them have completed, whatever their conditions said.
    completed: i64,
    /// How many of them have failed.
    failed: i64,
    /// How many of them completed because their conditions did not hold.
    unmatched: i64,
}

/// Every day from the first with executions to the last, quiet ones too.
pub(super) fn trend(counts: &[DayCount]) -> Vec<Day> {
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    for count in counts {
        let at = count.day.as_millis();
        let day = days.entry(at).or_insert_with(|| quiet(Timestamp::from_millis(at)));
        day.total += count.count;
        match count.status {
            ExecutionStatus::Completed => {
                day.completed += count.count;
                if count.outcome == Some(Outcome::Unmatched) {
                    day.unmatched += count.count;
                }
            }
            ExecutionStatus::Failed => day.failed += count.count,
            _ => {}
        }
    }
    let (Some(first), Some(last)) = (days.keys().next().copied(), days.keys().next_back().copied()) else {
        return Vec::new();
    };
    let every =
        std::iter::successors(Some(Timestamp::from_millis(first)), |day| Some(day.plus(Period::days(1))));
    every
        .take_while(|day| day.as_millis() <= last)
        .map(|day| days.remove(&day.as_millis()).unwrap_or_else(|| quiet(day)))
        .collect()
}

fn quiet(day: Timestamp) -> Day {
    let mut date = day.to_string();
    date.truncate("2026-02-14".len());
    Day { date, total: 0, completed: 0, failed: 0, unmatched: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_executions_are_in_the_trend() {
        let count = |day: &str, status, outcome, count| DayCount {
            day: day.parse().unwrap(),
            status,
            outcome: Some(outcome),
            count,
        };
        let counts = [
            count("2026-02-27T00:00:00Z", ExecutionStatus::Completed, Outcome::Matched, 2),
            count("2026-02-27T00:00:00Z", ExecutionStatus::Completed, Outcome::Unmatched, 3),
            count("2026-02-27T00:00:00Z", ExecutionStatus::Waiting, Outcome::Matched, 1),
            count("2026-03-01T00:00:00Z", ExecutionStatus::Failed, Outcome::Matched, 4),
        ];
        let day = |date: &str, total, completed, failed, unmatched| Day {
            date: date.to_owned(),
            total,
            completed,
            failed,
            unmatched,
        };
        assert_eq!(
            trend(&counts),
            [day("2026-02-27", 6, 5, 0, 3), day("2026-02-28", 0, 0, 0, 0), day("2026-03-01", 4, 0, 4, 0)]
        );
        assert_eq!(trend(&[]), []);
    }
}
