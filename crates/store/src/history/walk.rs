//! Walking through history for what a filter lets through, newest first.
//!
//! Lists run by id, and every index of executions ends with it. A filter that one index answers is one statement. For any other (a text, two conditions that
//! rarely come together) the database would read on until it has found enough, perhaps through all of history; so it is asked for one stretch of ids
//! after the other, which grow while they are quick, until enough is found or [`Patience`] is over. Where it stopped is a cursor like any other.

use std::time::{Duration, Instant};

use model::{Period, TenantId, Timestamp};

use super::Filter;
use crate::{
    Connection, StoreResult,
    database::{Question, Row, Value, page::COUNT_CAP},
    params,
};

/// Ids of the first stretch: a small history is always looked at as a whole.
const STRETCH: i64 = 2_000;
/// Ids of the longest stretch whose rows are read for a text.
const LONGEST_READ: i64 = 16_384;
/// Rows that are read ahead for a text.
const READ_AT_ONCE: i64 = 256;
/// Ids are handed out in blocks that are given up after ten seconds (`ids`), and a transaction takes a while: two executions further apart than this have ids in the order of
/// their times.
const MARGIN: Period = Period::seconds(30);

/// Rows whose ids go over more than this are worth reading several at a time: few of them lie together.
const SPREAD: i64 = 2_048;
/// Looks at rows of history and tells nothing of them: `?1` are their ids, `?2` is the tenant.
const ROWS: &str =
    "SELECT count(*) FROM workflow_executions e WHERE e.id {among:?1} AND coalesce(e.tenant_id = ?2, FALSE)";
/// The same, and at their events as a list does.
pub(super) const ROWS_WITH_EVENTS: &str =
    "SELECT count((SELECT v.external_id FROM events v WHERE v.id = e.event_id AND v.external_id IS NOT NULL))
       FROM workflow_executions e WHERE e.id {among:?1} AND coalesce(e.tenant_id = ?2, FALSE)";

/// How long one looks. Reads that no index answers stop there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(Option<Duration>);

impl Patience {
    /// To the end of history.
    pub const ENDLESS: Self = Self(None);

    /// About so long in all: what is under way when it is over is still waited for.
    #[must_use]
    pub const fn of(duration: Duration) -> Self {
        Self(Some(duration))
    }

    /// A part of it.
    pub(super) fn share(self, part: u32) -> Self {
        Self(self.0.map(|duration| duration / part))
    }

    /// How much larger the next stretch may be, after one took `last`; none: it is over.
    fn next(self, stretch: i64, last: Duration, all: Duration) -> Option<i64> {
        let Some(allowed) = self.0 else { return Some(stretch.saturating_mul(4)) };
        if all >= allowed {
            return None;
        }
        Some(match last {
            last if last < allowed / 16 => stretch.saturating_mul(4),
            last if last < allowed / 6 => stretch.saturating_mul(2),
            last if last > allowed / 3 => (stretch / 2).max(STRETCH),
            _ => stretch,
        })
    }
}

/// Which ids the filter's times lie within: from, up to and not including. None: no end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
}

impl Bounds {
    /// Finds the ids that a filter's times lie within, with some to spare: the times themselves are asked again.
    pub(super) fn questions(tenant: TenantId, filter: &Filter) -> [Option<Question>; 2] {
        [filter.from.map(|from| before(tenant, from)), filter.until.map(|until| after(tenant, until))]
    }

    /// What of it is below an id.
    pub(super) fn below(self, id: Option<i64>) -> Self {
        let until = match (id, self.until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self { until, ..self }
    }

    pub(super) fn of(before: Vec<Row>, after: Vec<Row>) -> StoreResult<Self> {
        Ok(Self { from: id(before)?, until: id(after)? })
    }
}

/// What is from this time on has a larger id than the one found, or none is found.
pub(super) fn before(tenant: TenantId, at: Timestamp) -> Question {
    let sql = "{kept}SELECT id FROM workflow_executions WHERE tenant_id = ?1 AND created_at < ?2 ORDER BY created_at DESC LIMIT 1";
    (sql.into(), params![tenant, at.minus(MARGIN)])
}

/// What is before this time has a smaller id than the one found, or none is found.
pub(super) fn after(tenant: TenantId, at: Timestamp) -> Question {
    let sql = "{kept}SELECT id FROM workflow_executions WHERE tenant_id = ?1 AND created_at >= ?2 ORDER BY created_at LIMIT 1";
    (sql.into(), params![tenant, at.plus(MARGIN)])
}

/// The id of one row, or none.
pub(super) fn id(rows: Vec<Row>) -> StoreResult<Option<i64>> {
    rows.into_iter().next().map(Row::first).transpose()
}

/// The ids of rows, each the first column.
pub(super) fn ids(rows: Vec<Row>) -> StoreResult<Vec<i64>> {
    rows.into_iter().map(Row::first).collect()
}

/// What is looked for.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) tenant: TenantId,
    pub(super) filter: &'a Filter,
    pub(super) bounds: Bounds,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Walked {
    /// The ids, newest first.
    pub(super) ids: Vec<i64>,
    /// What has a smaller id was not looked at; none: that was all, or enough.
    pub(super) at: Option<i64>,
}

impl Walked {
    /// As the total of a list, and whether there may be more.
    pub(super) fn total(&self) -> (i64, bool) {
        let found = self.ids.len() as i64;
        (found.min(COUNT_CAP), found > COUNT_CAP || self.at.is_some())
    }
}

/// The oldest and the newest id of a tenant. Two subqueries, each the first entry of an index.
pub(super) fn ends_question(tenant: TenantId) -> Question {
    let sql = "{kept}SELECT (SELECT min(id) FROM workflow_executions WHERE tenant_id = ?1), (SELECT max(id) FROM workflow_executions WHERE tenant_id = ?1)";
    (sql.into(), params![tenant])
}

/// None: the tenant has none.
pub(super) fn ends_of(rows: Vec<Row>) -> StoreResult<Option<(i64, i64)>> {
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let mut row = row.cells();
    let ends: (Option<i64>, Option<i64>) = (row.take()?, row.take()?);
    Ok(ends.0.zip(ends.1))
}

impl Search<'_> {
    /// How many there are, up to one more than the cap: one number.
    pub(super) fn count(&self) -> Question {
        let (predicate, mut parameters) = self.within(self.bounds);
        parameters.push((COUNT_CAP + 1).into());
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM workflow_executions e WHERE {predicate} ORDER BY e.id DESC LIMIT ?{}) AS counted",
            parameters.len()
        );
        (sql.into(), parameters)
    }

    /// The newest ids below `before`, in as many statements as patience allows.
    pub(super) async fn walk(
        &self,
        connection: &mut Connection,
        ends: Option<(i64, i64)>,
        before: Option<i64>,
        most: i64,
        patience: Patience,
    ) -> StoreResult<Walked> {
        let begun = Instant::now();
        let mut found = Vec::new();
        if most < 1 {
            return Ok(Walked { ids: found, at: None });
        }
        let Some((oldest, newest)) = ends else {
            return Ok(Walked { ids: found, at: None });
        };
        let oldest = self.bounds.from.map_or(oldest, |from| from.max(oldest));
        let mut until = self.bounds.below(before).until.map_or(newest + 1, |until| until.min(newest + 1));
        let (mut stretch, mut last) = (STRETCH, begun);
        while until > oldest && (found.len() as i64) < most {
            let from = until.saturating_sub(stretch).max(oldest);
            let ids_between = Bounds { from: Some(from), until: Some(until) };
            if self.filter.text.is_some() && self.filter.is_about_one() {
                self.prefetch(connection, ROWS, ids_between, READ_AT_ONCE).await?;
            }
            let (sql, parameters) = self.stretch(ids_between, most - found.len() as i64);
            found.extend(ids(connection.query(sql, parameters).await?)?);
            until = from;
            let Some(next) = patience.next(stretch, last.elapsed(), begun.elapsed()) else { break };
            (stretch, last) = (next.min(self.longest(patience)), Instant::now());
        }
        let is_enough = found.len() as i64 >= most;
        Ok(Walked { ids: found, at: (until > oldest && !is_enough).then_some(until) })
    }

    /// Brings the newest rows of a stretch into memory that have to be looked at, as far as an index knows which: if they lie far apart, so that they are worth reading several at a
    /// time before one after the other is.
    pub(super) async fn prefetch(
        &self,
        connection: &mut Connection,
        rows: &'static str,
        stretch: Bounds,
        most: i64,
    ) -> StoreResult<()> {
        let Some(prefetch) = connection.prefetch() else { return Ok(()) };
        let Some((sql, parameters)) = self.ahead(stretch, most) else { return Ok(()) };
        let ids = ids(connection.query(sql, parameters).await?)?;
        let is_spread = ids.first().zip(ids.last()).is_some_and(|(newest, oldest)| newest - oldest > SPREAD);
        if is_spread { prefetch.read(rows, self.tenant, &ids).await } else { Ok(()) }
    }

    /// The newest ids of a stretch, as far as an index knows.
    pub(super) fn ahead(&self, stretch: Bounds, most: i64) -> Option<Question> {
        self.filter.indexed(self.tenant).map(|indexed| newest(limited(indexed, stretch), most))
    }

    /// How far one stretch may go. A text is looked for in each of a workflow's rows: behind many that are another workflow's, where a stretch grows for it finds nothing to read, the
    /// first with rows would have too many.
    fn longest(&self, patience: Patience) -> i64 {
        if self.filter.text.is_some() && !self.filter.is_about_one() && patience != Patience::ENDLESS {
            LONGEST_READ
        } else {
            i64::MAX
        }
    }

    /// The statement for the newest ids of a stretch.
    pub(super) fn stretch(&self, stretch: Bounds, most: i64) -> Question {
        newest(self.within(stretch), most)
    }

    fn within(&self, stretch: Bounds) -> Predicate {
        limited(self.filter.predicate(self.tenant), stretch)
    }
}

type Predicate = (String, Vec<Value>);

/// Within a stretch.
fn limited((mut predicate, mut parameters): Predicate, stretch: Bounds) -> Predicate {
    for (is, bound) in [(">=", stretch.from), ("<", stretch.until)] {
        if let Some(bound) = bound {
            parameters.push(bound.into());
            predicate.push_str(&format!(" AND e.id {is} ?{}", parameters.len()));
        }
    }
    (predicate, parameters)
}

fn newest((predicate, mut parameters): Predicate, most: i64) -> Question {
    parameters.push(most.into());
    let sql = format!(
        "SELECT e.id FROM workflow_executions e WHERE {predicate} ORDER BY e.id DESC LIMIT ?{}",
        parameters.len()
    );
    (sql.into(), parameters)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{ContactId, ExecutionStatus};
    use testkit::clock::SimulatedClock;

    use super::*;
    use crate::{Options, Store};

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_lie_far_apart_are_read_ahead_and_no_others() {
        let place = testkit::place::Place::sqlite();
        let clock = Arc::new(SimulatedClock::new(Timestamp::EPOCH));
        let address = place.address().parse().unwrap();
        let store = Store::open(Options { address, clock, faults: None }).await.unwrap();
        let file = rusqlite::Connection::open(place.address().trim_start_matches("sqlite:")).unwrap();
        let fill = "PRAGMA foreign_keys = OFF;
            WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 5000)
            INSERT INTO workflow_executions (id, tenant_id, workflow_id, workflow_version, trigger_event, status, key_execution_id, created_at, updated_at)
            SELECT id, 1, 1, 1, 'x', iif(id % 100 = 0, 'failed', 'completed'), id, 0, 0 FROM n";
        file.execute_batch(fill).unwrap();
        let mut connection = store.read_any().await.unwrap();
        let mut connections = Vec::new();
        for status in [ExecutionStatus::Completed, ExecutionStatus::Failed] {
            let filter = Filter { status: Some(status), ..Filter::default() };
            let search = Search { tenant: TenantId::new(1), filter: &filter, bounds: Bounds::default() };
            search.prefetch(&mut connection, ROWS_WITH_EVENTS, Bounds::default(), 50).await.unwrap();
            connections.push(connection.prefetch().unwrap().connections());
        }
        assert!(connections[0] == 0 && connections[1] > 0, "{connections:?}");
    }

    #[test]
    fn a_stretch_whose_rows_are_read_for_a_text_stays_short() {
        let (text, contact) = (Some("refund".to_owned()), Some(ContactId::new(1)));
        let soon = Patience::of(Duration::from_millis(8));
        let longest = |filter: Filter, patience| {
            Search { tenant: TenantId::new(1), filter: &filter, bounds: Bounds::default() }.longest(patience)
        };
        let all = [
            longest(Filter { text: text.clone(), ..Filter::default() }, soon),
            longest(Filter { text: text.clone(), ..Filter::default() }, Patience::ENDLESS),
            longest(Filter { text, contact, ..Filter::default() }, soon),
            longest(Filter::default(), soon),
        ];
        assert_eq!(all, [LONGEST_READ, i64::MAX, i64::MAX, i64::MAX]);
    }
}
