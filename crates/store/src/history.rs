//! Reading history: lists of executions and of events by filter, page by page, with totals.

mod filter;
mod list;
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
    database::{Row, page},
    event::event_find,
    params,
};

pub use filter::Filter;
pub use list::execution_list;
pub use told::{Told, told};
pub use walk::Patience;

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
    let sql = "SELECT id FROM workflow_executions WHERE retry_of = ?1 AND coalesce(tenant_id = ?2, FALSE) ORDER BY id";
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
    let mut query = page::list("events", EVENT_COLUMNS, tenant);
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
