//! A page of executions, with how many there are in all: in as few journeys as the filter allows.

use model::TenantId;

use super::{
    Filter, Listed, Patience, listed,
    total::{self, Counted},
    walk::{self, Bounds, Search},
};
use crate::{
    Connection, Page, Paged, StoreResult,
    database::{Question, Row, Value, page::COUNT_CAP},
    execution::{COLUMNS, execution_from},
    params,
};

/// A page of the executions that a filter lets through, newest first. What no index has in the list's order is looked for as long as `patience` lasts: then the page may
/// have fewer rows than there is room for and still a cursor to go on from, and the total is what was found so far.
///
/// Of a filter that an index answers, the ids of the page travel with what it is counted by, and its rows come after them: two journeys, and one more before them for the ids that
/// times lie within. Rows that are known by their ids are found in the same way whatever is looked for, so that the plan is kept.
///
/// # Errors
/// When the database refuses.
pub async fn execution_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
    patience: Patience,
) -> StoreResult<Paged<Listed>> {
    let mut counted = Counted::of(tenant, filter);
    let mut whole = counted.as_mut().and_then(|counted| counted.whole.take());
    let [before, after] = Bounds::questions(tenant, filter);
    let [over, last] = counted.as_ref().map_or([None, None], |counted| counted.inner(tenant, filter));
    // The ends of a time are counted once its whole hours are.
    let first = if before.is_some() || after.is_some() { whole.take() } else { None };
    let [before, after, over, last, first] =
        connection.query_each([before, after, over, last, first]).await?;
    let bounds = Bounds::of(before, after)?;
    let ends = [
        Bounds { from: bounds.from, until: walk::id(over)? },
        Bounds { from: walk::id(last)?, until: bounds.until },
    ];
    let search = Search { tenant, filter, bounds };
    let hours = number(first)?;
    let [head, tail] =
        counted.as_ref().map_or([None, None], |counted| counted.ends(tenant, filter, hours, ends));
    let is_indexed = filter.is_indexed();
    if is_indexed && filter.is_narrowed() && page.offset == 0 {
        let below = search.bounds.below(page.before);
        search.prefetch(connection, walk::ROWS_WITH_EVENTS, below, page.limit + 1).await?;
    }
    let count = (is_indexed && counted.is_none()).then(|| search.count());
    let found = if is_indexed { ids_question(&search, page) } else { walk::ends_question(tenant) };
    let [whole, head, tail, count, found] =
        connection.query_each([whole, head, tail, count, Some(found)]).await?;
    let (hours, ends) = (hours + number(whole)?, number(head)? + number(tail)?);
    let counted = counted.map(|counted| counted.total(hours, ends));
    if !is_indexed {
        return walked(connection, &search, walk::ends_of(found)?, counted, page, patience).await;
    }
    let total = match counted {
        Some(total) => total,
        None => total::capped(number(count)?),
    };
    paged(connection, &search, walk::ids(found)?, None, total, page).await
}

/// The ids of a page and one more.
fn ids_question(search: &Search<'_>, page: Page) -> Question {
    let (mut ids, mut parameters) = search.stretch(search.bounds.below(page.before), page.limit + 1);
    if page.offset > 0 {
        parameters.push(page.offset.into());
        ids.to_mut().push_str(&format!(" OFFSET ?{}", parameters.len()));
    }
    (ids, parameters)
}

/// A page of what no index answers.
async fn walked(
    connection: &mut Connection,
    search: &Search<'_>,
    ends: Option<(i64, i64)>,
    counted: Option<(i64, bool)>,
    page: Page,
    patience: Patience,
) -> StoreResult<Paged<Listed>> {
    // The first page and the total are one walk.
    let is_first = page.before.is_none();
    let wanted = page.offset + page.limit + 1;
    let most = match counted {
        Some((total, false)) if is_first => wanted.min(total),
        None if is_first => wanted.max(COUNT_CAP + 1),
        _ => wanted,
    };
    let walked = search.walk(connection, ends, page.before, most, patience.share(2)).await?;
    let total = match counted {
        Some(total) => total,
        None if is_first => walked.total(),
        None => search.walk(connection, ends, None, COUNT_CAP + 1, patience.share(4)).await?.total(),
    };
    let ids = walked.ids.into_iter().skip(page.offset.unsigned_abs() as usize).collect();
    paged(connection, search, ids, walked.at, total, page).await
}

/// The page of the ids that were found, and one more where there is more. Without one more it goes on `at` an id, if at all.
async fn paged(
    connection: &mut Connection,
    search: &Search<'_>,
    mut ids: Vec<i64>,
    at: Option<i64>,
    (total, total_is_capped): (i64, bool),
    page: Page,
) -> StoreResult<Paged<Listed>> {
    let is_full = ids.len() as i64 > page.limit;
    ids.truncate(page.limit.unsigned_abs() as usize);
    let next = if is_full { ids.last().copied() } else { at };
    let rows = rows(connection, search, ids).await?;
    Ok(Paged { rows, total, total_is_capped, has_more: next.is_some(), next })
}

/// The number of one row, or nothing of none.
fn number(rows: Vec<Row>) -> StoreResult<i64> {
    rows.into_iter().next().map_or(Ok(0), Row::first)
}

/// The rows with these ids, as they are now: what no longer is what the filter lets through is left out. Most events have no id of their poster's, and need not be looked at for
/// it.
async fn rows(connection: &mut Connection, search: &Search<'_>, ids: Vec<i64>) -> StoreResult<Vec<Listed>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (tenant, filter) = (search.tenant, search.filter);
    // What comes from other tables is looked up row by row: in a join the kept plan might begin with those.
    let sql = format!(
        "{{kept}}SELECT {COLUMNS}, (SELECT w.name FROM workflows w WHERE w.id = e.workflow_id AND w.tenant_id = ?1),
                (SELECT v.external_id FROM events v WHERE v.id = e.event_id AND v.external_id IS NOT NULL)
           FROM workflow_executions e
          WHERE e.id {{among:?2}} AND coalesce(e.tenant_id = ?1, FALSE) ORDER BY e.id DESC"
    );
    let rows = connection.query(sql, params![tenant, Value::Ids(ids)]).await?;
    let rows = rows.into_iter().map(|row| {
        let mut row = row.cells();
        let (execution, workflow_name) = (execution_from(&mut row)?, row.take()?);
        StoreResult::Ok(listed(execution, workflow_name, row.take()?))
    });
    let mut rows = rows.collect::<StoreResult<Vec<_>>>()?;
    rows.retain(|row| filter.still_admits(&row.execution.progress));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{ExecutionStatus, Outcome, Timestamp};
    use testkit::clock::SimulatedClock;

    use super::*;
    use crate::{Options, Store, database::row::Cell};

    fn text(cell: Cell) -> Option<String> {
        match cell {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// SQLite chooses without knowing how many there are of anything, so what it chooses for an empty table is what it chooses for ten million.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite_finds_a_page_by_the_index_that_is_made_for_it() {
        let place = testkit::place::Place::sqlite();
        let clock = Arc::new(SimulatedClock::new(Timestamp::EPOCH));
        let address = place.address().parse().unwrap();
        let store = Store::open(Options { address, clock, faults: None }).await.unwrap();
        let mut connection = store.read_any().await.unwrap();
        let workflow = Filter { workflow: Some(model::WorkflowId::new(1)), ..Filter::default() };
        let contact = Filter { contact: Some(model::ContactId::new(1)), ..Filter::default() };
        let (status, outcome, has_failures) =
            (Some(ExecutionStatus::Failed), Some(Outcome::Stopped), Some(true));
        let from = Some(Timestamp::EPOCH);
        let table = [
            (Filter::default(), "tenant (tenant_id=?)"),
            (Filter { from, ..Filter::default() }, "tenant (tenant_id=? AND id>?)"),
            (Filter { status, ..Filter::default() }, "status (tenant_id=? AND status=?)"),
            (Filter { outcome, ..Filter::default() }, "outcome (tenant_id=? AND outcome=?)"),
            (Filter { has_failures, ..Filter::default() }, "failures (tenant_id=?)"),
            (workflow.clone(), "workflow (workflow_id=?)"),
            (Filter { status, ..workflow.clone() }, "workflow_status (workflow_id=? AND status=?)"),
            (Filter { outcome, ..workflow.clone() }, "workflow_outcome (workflow_id=? AND outcome=?)"),
            (
                Filter { outcome, from, ..workflow.clone() },
                "workflow_outcome (workflow_id=? AND outcome=? AND id>?)",
            ),
            (Filter { has_failures, ..workflow.clone() }, "workflow_failures (workflow_id=?)"),
            (Filter { has_failures, from, ..workflow }, "workflow_failures (workflow_id=? AND id>?)"),
            (contact.clone(), "contact (contact_id=?)"),
            (Filter { status, ..contact }, "contact (contact_id=?)"),
        ];
        for (filter, index) in &table {
            let bounds = Bounds { from: filter.from.map(|_| 1), until: None };
            let search = Search { tenant: TenantId::new(1), filter, bounds };
            let ahead = search.ahead(bounds, 51).map(|ahead| (true, ahead));
            let page =
                [ids_question(&search, Page::first(50)), search.count()].map(|question| (false, question));
            for (is_ahead, (sql, parameters)) in page.into_iter().chain(ahead) {
                let plan = connection.query(format!("EXPLAIN QUERY PLAN {sql}"), parameters).await.unwrap();
                let steps: Vec<String> = plan.into_iter().flat_map(|row| row.0).filter_map(text).collect();
                assert!(
                    !is_ahead || steps.iter().any(|step| step.contains("e USING COVERING INDEX")),
                    "{filter:?} looks at rows: {steps:#?}"
                );
                let found: Vec<_> = steps
                    .iter()
                    .filter_map(|step| step.split_once("INDEX idx_workflow_executions_"))
                    .collect();
                assert!(matches!(found[..], [(_, found)] if found == *index), "{filter:?}: {steps:#?}");
                assert!(
                    !steps.iter().any(|step| step.contains("B-TREE")),
                    "{filter:?} is sorted: {steps:#?}"
                );
            }
        }
    }
}
