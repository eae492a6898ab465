//! Which part of the counts a question is about, and where it is read: whole months and days from `execution_summaries`, days of all workflows together from
//! `execution_days`, the hours at both ends from `execution_rollups`. So a year costs a few hundred rows, not thousands.

use model::{Period, TenantId, Timestamp, WorkflowId};

use crate::{database::Value, params};

/// What statistics are wanted: hours from `from` up to, not including, `until`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Only this workflow.
    pub workflow: Option<WorkflowId>,
    /// The first instant; its hour counts as a whole.
    pub from: Option<Timestamp>,
    /// The first instant after; its hour counts as a whole, unless it is the hour's first.
    pub until: Option<Timestamp>,
}

/// The largest pieces that a span may be read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    Day,
    Month,
}

/// Whether it matters which workflow a count is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    All,
    Each,
}

/// Counts that follow each other, of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    sign: Sign,
    kind: Kind,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// A month without its first days is fewer pieces than its other days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hours,
    Days,
    Months,
}

/// What one piece of a span is read from.
pub(super) struct Source {
    pub(super) sql: String,
    /// It has a row for each workflow, of which only the sum is wanted.
    pub(super) is_of_each: bool,
}

impl Span {
    /// What `FROM` reads the span from, with the parameters of the statement so far, `?1` being the tenant. Its columns are `workflow_id`,
    /// `begins_at`, `status`, `outcome`, `existing`, `ever` and `duration_ms`, some of them negative.
    /// Of all workflows together, `workflow_id` may be 0.
    pub(super) fn source(&self, tenant: TenantId, largest: Grain, of: Of) -> (String, Vec<Value>) {
        let (sources, parameters) = self.sources(tenant, largest, of);
        let pieces: Vec<String> = sources.into_iter().map(|source| source.sql).collect();
        (format!("({}) AS counted", pieces.join(" UNION ALL ")), parameters)
    }

    /// As [`Span::source`], each piece by itself.
    pub(super) fn sources(&self, tenant: TenantId, largest: Grain, of: Of) -> (Vec<Source>, Vec<Value>) {
        let is_of_all = self.workflow.is_none() && of == Of::All;
        // Of all together there are days only, which are fewer than the months of each.
        let largest = if is_of_all { Grain::Day } else { largest };
        let mut parameters = params![tenant];
        let sources = self.parts(largest).into_iter().map(|part| Source {
            sql: self.part_source(part, of, &mut parameters),
            is_of_each: is_of_all && part.kind == Kind::Hours,
        });
        (sources.collect(), parameters)
    }

    fn part_source(&self, part: Part, of: Of, parameters: &mut Vec<Value>) -> String {
        let mut number = |value: Value| {
            parameters.push(value);
            parameters.len()
        };
        let workflow = self.workflow.map(|workflow| number(workflow.into()));
        let counts = match part.sign {
            Sign::Plus => "existing, ever, duration_ms",
            Sign::Minus => "-existing AS existing, -ever AS ever, -duration_ms AS duration_ms",
        };
        let mut sql = String::new();
        let begins_at = match part.kind {
            Kind::Days if workflow.is_none() && of == Of::All => {
                sql.push_str(&format!(
                    "SELECT 0 AS workflow_id, day AS begins_at, status, outcome, {counts} FROM execution_days
                      WHERE tenant_id = ?1"
                ));
                "day"
            }
            Kind::Days | Kind::Months => {
                let period = if part.kind == Kind::Days { "day" } else { "month" };
                // Of one workflow by the index of those: the key has the days of all.
                let of = workflow.map_or("tenant_id = ?1".to_owned(), |number| {
                    format!("coalesce(tenant_id = ?1, FALSE) AND workflow_id = ?{number}")
                });
                sql.push_str(&format!(
                    "SELECT workflow_id, begins_at, status, outcome, {counts} FROM execution_summaries
                      WHERE {of} AND period = '{period}'"
                ));
                "begins_at"
            }
            Kind::Hours => {
                // The key has the workflow before the hour: a few steps for each workflow, instead of all hours there are.
                let of = workflow
                    .map_or("IN (SELECT id FROM workflows WHERE tenant_id = ?1)".to_owned(), |number| {
                        format!("= ?{number}")
                    });
                sql.push_str(&format!(
                    "SELECT workflow_id, hour AS begins_at, status, outcome, {counts} FROM execution_rollups
                      WHERE tenant_id = ?1 AND workflow_id {of}"
                ));
                "hour"
            }
        };
        for (is, bound) in [(">=", part.from), ("<", part.until)] {
            if let Some(bound) = bound {
                sql.push_str(&format!(" AND {begins_at} {is} ?{}", number(bound.into())));
            }
        }
        sql
    }

    /// The span in as few pieces as there are, without gap or overlap: at its ends either the smaller ones that lie within, or a larger one without the smaller ones that do
    /// not. A span of nothing has none.
    fn parts(&self, largest: Grain) -> Vec<Part> {
        let from = self.from.map(Timestamp::hour);
        let until = self.until.map(|until| up(until, Timestamp::hour, after_hour));
        let plus = |kind, from, until| Part { sign: Sign::Plus, kind, from, until };
        let minus =
            |kind, from, until| Part { sign: Sign::Minus, kind, from: Some(from), until: Some(until) };
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return vec![plus(Kind::Hours, until, until)];
        }
        let mut parts = Vec::new();
        let (mut head, mut tail) = (from, until);
        let mut levels = vec![(
            Kind::Hours,
            Timestamp::day as fn(Timestamp) -> Timestamp,
            after_day as fn(Timestamp) -> Timestamp,
        )];
        if largest == Grain::Month {
            levels.push((Kind::Days, Timestamp::month, after_month));
        }
        for (kind, floor, next) in levels {
            let first = head.map(|head| up(head, floor, next));
            let last = tail.map(floor);
            if first.zip(last).is_some_and(|(first, last)| first >= last) {
                // Nothing that is larger lies within.
                parts.push(plus(kind, head, tail));
                return parts;
            }
            if let (Some(at), Some(first)) = (head, first) {
                let begin = floor(at);
                if at.millis_since(begin) < first.millis_since(at) {
                    if begin != at {
                        parts.push(minus(kind, begin, at));
                    }
                    head = Some(begin);
                } else {
                    if first != at {
                        parts.push(plus(kind, head, Some(first)));
                    }
                    head = Some(first);
                }
            }
            if let (Some(at), Some(last)) = (tail, last) {
                let end = up(at, floor, next);
                if end.millis_since(at) < at.millis_since(last) {
                    if end != at {
                        parts.push(minus(kind, at, end));
                    }
                    tail = Some(end);
                } else {
                    if last != at {
                        parts.push(plus(kind, Some(last), tail));
                    }
                    tail = Some(last);
                }
            }
        }
        let kind = if largest == Grain::Month { Kind::Months } else { Kind::Days };
        parts.push(plus(kind, head, tail));
        parts
    }
}

/// The instant itself where one of a kind begins, else where the next one does.
fn up(
    at: Timestamp,
    floor: impl Fn(Timestamp) -> Timestamp,
    next: impl Fn(Timestamp) -> Timestamp,
) -> Timestamp {
    if floor(at) == at { at } else { next(floor(at)) }
}

fn after_hour(hour: Timestamp) -> Timestamp {
    hour.plus(Period::hours(1))
}

fn after_day(day: Timestamp) -> Timestamp {
    day.plus(Period::days(1))
}

/// 31 days after the first of a month it is the next month, whichever it is.
fn after_month(month: Timestamp) -> Timestamp {
    month.plus(Period::days(31)).month()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(from: &str, until: &str, largest: Grain) -> String {
        let instant = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        let span = Span { workflow: None, from: instant(from), until: instant(until) };
        let text = |at: Option<Timestamp>| at.map_or("…".to_owned(), |at| at.to_string()[..13].to_owned());
        let parts = span.parts(largest).into_iter().map(|part| {
            let sign = if part.sign == Sign::Minus { "without " } else { "" };
            format!("{sign}{:?} {} – {}", part.kind, text(part.from), text(part.until))
        });
        parts.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_span_is_read_in_as_few_pieces_as_there_are() {
        let table = [
            ("", "", Grain::Month, "Months … – …"),
            ("", "", Grain::Day, "Days … – …"),
            (
                "2026-02-01T00:00:00Z",
                "2026-04-01T00:00:00Z",
                Grain::Month,
                "Months 2026-02-01T00 – 2026-04-01T00",
            ),
            (
                "2025-12-30T22:10:00Z",
                "2026-03-02T01:10:00Z",
                Grain::Month,
                "Hours 2025-12-30T22 – 2025-12-31T00; Hours 2026-03-02T00 – 2026-03-02T02; Days 2025-12-31T00 – 2026-01-01T00; Days 2026-03-01T00 – 2026-03-02T00; Months 2026-01-01T00 – 2026-03-01T00",
            ),
            (
                "2026-02-03T00:00:00Z",
                "2026-02-09T00:00:00Z",
                Grain::Month,
                "Days 2026-02-03T00 – 2026-02-09T00",
            ),
            (
                "2026-02-03T05:00:00Z",
                "",
                Grain::Day,
                "without Hours 2026-02-03T00 – 2026-02-03T05; Days 2026-02-03T00 – …",
            ),
            (
                "2026-02-03T05:00:00Z",
                "",
                Grain::Month,
                "without Hours 2026-02-03T00 – 2026-02-03T05; without Days 2026-02-01T00 – 2026-02-03T00; Months 2026-02-01T00 – …",
            ),
            (
                "2026-01-20T23:00:00Z",
                "2026-03-28T20:00:00Z",
                Grain::Month,
                "Hours 2026-01-20T23 – 2026-01-21T00; without Hours 2026-03-28T20 – 2026-03-29T00; Days 2026-01-21T00 – 2026-02-01T00; without Days 2026-03-29T00 – 2026-04-01T00; Months 2026-02-01T00 – 2026-04-01T00",
            ),
            (
                "",
                "2026-02-03T05:00:00Z",
                Grain::Month,
                "Hours 2026-02-03T00 – 2026-02-03T05; Days 2026-02-01T00 – 2026-02-03T00; Months … – 2026-02-01T00",
            ),
            (
                "2026-02-03T05:10:00Z",
                "2026-02-03T05:20:00Z",
                Grain::Month,
                "Hours 2026-02-03T05 – 2026-02-03T06",
            ),
            (
                "2026-02-03T22:00:00Z",
                "2026-02-04T02:00:00Z",
                Grain::Day,
                "Hours 2026-02-03T22 – 2026-02-04T02",
            ),
            (
                "2026-02-05T00:00:00Z",
                "2026-02-03T00:00:00Z",
                Grain::Month,
                "Hours 2026-02-03T00 – 2026-02-03T00",
            ),
        ];
        for (from, until, largest, expected) in table {
            assert_eq!(told(from, until, largest), expected, "{from} – {until}");
        }
    }
}
