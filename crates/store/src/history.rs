//! Reading history: lists of executions and of events by filter, page by page, with totals.

mod filter;
pub mod steps;
mod told;
mod total;
mod walk;

use model::{
    Actor, EventId, ExecutionId, TenantId,
    event::{Event, EventName},
    execution::Execution,
    form::Question,
};
use serde_json::{Map, Value};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult,
    database::{
        Row, Value as DatabaseValue,
        page::{COUNT_CAP, list},
    },
    event::event_find,
    execution::{COLUMNS, execution_from},
    params,
};

pub use filter::Filter;
pub use told::{Told, told};
pub use walk::Patience;
use walk::{Search, Walked, bounds};

/// An execution in a list, with its workflow's name today.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The execution.
    pub execution: Execution,
    /// The workflow's name.
    pub workflow_name: String,
    /// The id that whoever posted the event was told.
    pub public_event_id: Option<String>,
}

/// A page of the executions that a filter lets through, newest first. What no index has in the list's order is looked for as long as `patience` lasts: then the page may
/// have fewer rows than there is room for and still a cursor to go on from, and the total is what was found so far.
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
    let bounds = bounds(connection, tenant, filter).await?;
    let search = Search { tenant, filter, bounds };
    let counted = total::counted(connection, tenant, filter).await?;
    let wanted = page.offset + page.limit + 1;
    if filter.is_indexed() {
        let total = match counted {
            Some(total) => total,
            None => capped(search.count(connection).await?),
        };
        let ids = search.ids(connection, page.before, wanted).await?;
        return paged(connection, tenant, page, Walked { ids, at: None }, total).await;
    }
    // The first page and the total are one walk.
    let is_first = page.before.is_none();
    let most = match counted {
        Some((total, false)) if is_first => wanted.min(total),
        None if is_first => wanted.max(COUNT_CAP + 1),
        _ => wanted,
    };
    let walked = search.walk(connection, page.before, most, patience.share(2)).await?;
    let total = match counted {
        Some(total) => total,
        None if is_first => walked.total(),
        None => search.walk(connection, None, COUNT_CAP + 1, patience.share(4)).await?.total(),
    };
    paged(connection, tenant, page, walked, total).await
}

/// Counting stopped at the cap.
fn capped(count: i64) -> (i64, bool) {
    (count.min(COUNT_CAP), count > COUNT_CAP)
}

/// The rows of a page, from the ids of those that come in question.
async fn paged(
    connection: &mut Connection,
    tenant: TenantId,
    page: Page,
    walked: Walked,
    (total, total_is_capped): (i64, bool),
) -> StoreResult<Paged<Listed>> {
    let mut ids: Vec<i64> = walked.ids.into_iter().skip(page.offset.unsigned_abs() as usize).collect();
    let is_full = ids.len() as i64 > page.limit;
    ids.truncate(page.limit.unsigned_abs() as usize);
    let next = if is_full { ids.last().copied() } else { walked.at };
    let columns =
        COLUMNS.split(',').map(|column| format!("e.{}", column.trim())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns}, w.name, v.external_id FROM workflow_executions e JOIN workflows w ON w.id = e.workflow_id
           LEFT JOIN events v ON v.id = e.event_id
          WHERE e.id {{among:?1}} AND +e.tenant_id = ?2 ORDER BY e.id DESC"
    );
    let rows = if ids.is_empty() {
        Vec::new()
    } else {
        connection.query(sql, vec![DatabaseValue::Ids(ids), tenant.into()]).await?
    };
    let rows: Vec<Listed> = rows
        .into_iter()
        .map(|row| {
            let mut row = row.cells();
            let (execution, workflow_name) = (execution_from(&mut row)?, row.take()?);
            Ok(listed(execution, workflow_name, row.take()?))
        })
        .collect::<StoreResult<_>>()?;
    Ok(Paged { rows, total, total_is_capped, has_more: next.is_some(), next })
}

/// One execution with its workflow's name.
///
/// # Errors
/// [`crate::StoreError::Missing`].
pub async fn execution_show(
    connection: &mut Connection,
    tenant: TenantId,
    id: ExecutionId,
) -> StoreResult<Listed> {
    let execution = crate::execution::execution_get(connection, tenant, id).await?;
    let row = connection
        .query_one(
            "SELECT w.name, v.external_id FROM workflows w LEFT JOIN events v ON v.id = ?2 WHERE w.id = ?1 AND w.tenant_id = ?3",
            params![execution.workflow_id, execution.event_id, tenant],
        )
        .await?;
    let mut row = row.cells();
    Ok(listed(execution, row.take()?, row.take()?))
}

fn listed(execution: Execution, workflow_name: String, external_id: Option<String>) -> Listed {
    let public_event_id = execution.event_id.map(|id| public_id(id, external_id));
    Listed { execution, workflow_name, public_event_id }
}

fn public_id(id: EventId, external_id: Option<String>) -> String {
    external_id.unwrap_or_else(|| format!("evt_{id}"))
}

/// The executions that retry this one, oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn execution_retries(
    connection: &mut Connection,
    tenant: TenantId,
    id: ExecutionId,
) -> StoreResult<Vec<ExecutionId>> {
    let sql = "SELECT id FROM workflow_executions WHERE retry_of = ?1 AND +tenant_id = ?2 ORDER BY id";
    connection.query(sql, params![id, tenant]).await?.into_iter().map(Row::first).collect()
}

/// Some form of the tenant, put away or not, has a question whose answers are personal.
///
/// # Errors
/// When the database refuses.
pub async fn personal_questions_exist(connection: &mut Connection, tenant: TenantId) -> StoreResult<bool> {
    let sql = "SELECT questions FROM forms WHERE tenant_id = ?1";
    for row in connection.query(sql, params![tenant]).await? {
        let questions: Vec<Question> = row.cells().json()?;
        if questions.iter().any(|question| question.personal) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An event in a list, with everything that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The event.
    pub event: Event,
    /// The id that whoever posted it was told.
    pub public_id: String,
    /// CloudEvents attributes, as sent.
    pub attributes: Map<String, Value>,
    /// Who posted it or made the change.
    pub created_by: Option<Actor>,
}

/// Which events a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those of this name.
    pub name: Option<EventName>,
    /// Only this one.
    pub id: Option<EventId>,
}

const EVENT_COLUMNS: &str =
    "id, tenant_id, name, external_id, source, data, created_at, attributes, created_by";

/// A page of the accepted events, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn event_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &EventFilter,
    page: Page,
) -> StoreResult<Paged<Received>> {
    let mut query = list("events", EVENT_COLUMNS, tenant);
    if let Some(name) = &filter.name {
        query = query.equal("name", name.as_str());
    }
    if let Some(id) = filter.id {
        query = query.equal("id", id);
    }
    query.run(connection, page, |received: &Received| received.event.id.get(), received_of).await
}

/// The event of which the caller was told this id.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn event_show(
    connection: &mut Connection,
    tenant: TenantId,
    public_id: &str,
) -> StoreResult<Received> {
    let missing = || StoreError::missing(format!("event {public_id}"));
    let id = event_find(connection, tenant, public_id).await?.ok_or_else(missing)?.id;
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE id = ?1 AND tenant_id = ?2");
    connection
        .query_optional(sql, params![id, tenant])
        .await?
        .map(received_of)
        .transpose()?
        .ok_or_else(missing)
}

fn received_of(row: Row) -> StoreResult<Received> {
    let mut row = row.cells();
    let event = Event {
        id: row.take()?,
        tenant_id: row.take()?,
        name: row.take()?,
        external_id: row.take()?,
        source: row.take()?,
        data: row.take()?,
        created_at: row.take()?,
    };
    let public_id = public_id(event.id, event.external_id.clone());
    let attributes = row.take::<Option<Map<String, Value>>>()?.unwrap_or_default();
    Ok(Received { event, public_id, attributes, created_by: row.take()? })
}
