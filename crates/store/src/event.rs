//! Events: accepted once, matched, and turned into executions, all in one transaction.
//!
//! Which workflows an event starts, and what their conditions say, is the engine's knowledge ([`Matcher`]). It is asked
//! here, inside the transaction, so that an event from outside and one that a change itself makes
//! (a ticket that a step updates) take the same path, and there is no way to make the change without the event.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use model::{
    EventId, ExecutionId, ExecutionStatus, Outcome, Period, TenantId, WorkflowId,
    event::{Accepted, Event, EventName, NewEvent, StartedExecution, subjects},
    execution::{Execution, Progress},
    journal::Log,
};
use serde_json::Value;

use crate::{
    Connection, StoreError, StoreResult, Tx,
    change::Author,
    database::Later,
    execution::{Started, UNSAVED, execution_insert},
    ids::IdKind,
    journal::log_insert,
    params,
    rollup::Place,
    writer::{Needs, Notice, Together},
};

/// One event starts at most this many executions (contract section 4).
pub const MOST_EXECUTIONS: usize = 1_000;
/// An event with the same tenant, source and id within this time is the same event.
pub const DEDUPLICATION: Period = Period::hours(24);

/// Knows which workflows an event starts.
pub trait Matcher: Send + Sync + Debug + 'static {
    /// Whether any workflow of the tenant listens to events of that name: asked before the particulars are put together.
    fn hears(&self, tenant: TenantId, name: &EventName) -> bool;

    /// The matches, in the order of the workflows' ids. Pure and quick: it runs inside the transaction.
    fn matches(&self, event: &NewEvent) -> Vec<Match>;
}

/// A workflow that an event starts, with what its conditions said.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Which workflow.
    pub workflow: WorkflowId,
    /// Which version of it.
    pub version: i64,
    /// What is to be recorded.
    pub start: Start,
}

/// How an execution begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Conditions failed and the workflow wants no row for that.
    CountOnly,
    /// An execution with its first log row.
    Record {
        /// Where it stands: pending or running to be run, or ended already.
        progress: Box<Progress>,
        /// This node takes it in hand at once; else whoever has room.
        owned: bool,
        /// The log row of the conditions; ids and numbers are filled in here.
        log: Box<Log>,
    },
}

impl Together for NewEvent {
    type Answer = Accepted;

    fn needs(&self, _: &mut Needs) {}

    fn run<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, StoreResult<Accepted>> {
        Box::pin(event_accept(tx, self))
    }
}

const INSERT: Later = Later {
    place: 0,
    table: "events",
    sql: "INSERT INTO events (id, tenant_id, name, external_id, source, data, attributes, created_at, created_by)
          {rows:bigint,bigint,text,text,text,json,json,time,text}",
};

/// Accepts an event: deduplicates, stores it, and starts what it matches.
///
/// # Errors
/// [`StoreError::TooManyExecutions`]; when the database refuses.
pub async fn event_accept(tx: &mut Tx, event: &NewEvent) -> StoreResult<Accepted> {
    let id = EventId::new(tx.id(IdKind::Event).await?);
    if let Some(external_id) = &event.external_id
        && !event_key_take(tx, event, external_id, id).await?
    {
        let before =
            event_known(tx, event.tenant, event.source.as_deref().unwrap_or_default(), external_id).await?;
        let executions = event_executions(tx, event.tenant, before).await?;
        return Ok(Accepted { id: before, public_id: external_id.clone(), duplicate: true, executions });
    }
    let hooks = tx.hooks();
    let matches = hooks.matcher.get().map(|matcher| matcher.matches(event)).unwrap_or_default();
    let recorded = matches.iter().filter(|found| found.start != Start::CountOnly).count();
    if recorded > MOST_EXECUTIONS {
        return Err(StoreError::TooManyExecutions(recorded));
    }
    let now = tx.now();
    let attributes = (!event.attributes.is_empty()).then_some(&event.attributes);
    tx.later(
        INSERT,
        params![
            id,
            event.tenant,
            event.name.as_str(),
            &event.external_id,
            &event.source,
            &event.data,
            attributes,
            now,
            event.actor
        ],
    );
    let mut executions = Vec::with_capacity(recorded);
    for found in matches {
        match found.start {
            Start::CountOnly => {
                let place = Place {
                    tenant: event.tenant,
                    workflow: found.workflow,
                    hour: now.hour(),
                    status: ExecutionStatus::Completed,
                    outcome: Some(Outcome::Unmatched),
                };
                tx.deltas().counted_only(place, now);
            }
            Start::Record { progress, owned, log } => {
                let started =
                    execution_start(tx, event, id, (found.workflow, found.version), (*progress, owned), *log)
                        .await?;
                executions.push(started);
            }
        }
    }
    let public_id = event.external_id.clone().unwrap_or_else(|| format!("evt_{id}"));
    Ok(Accepted { id, public_id, duplicate: false, executions })
}

/// Takes an event that a change in this transaction makes. Nothing is put together or stored when no workflow listens.
///
/// # Errors
/// As for [`event_accept`].
pub(crate) async fn event_emit(
    tx: &mut Tx,
    (tenant, name): (TenantId, &'static str),
    author: Author,
    data: impl FnOnce() -> Value,
) -> StoreResult<Vec<StartedExecution>> {
    let name = EventName::system(name);
    let hooks = tx.hooks();
    if !hooks.matcher.get().is_some_and(|matcher| matcher.hears(tenant, &name)) {
        return Ok(Vec::new());
    }
    let event = NewEvent {
        tenant,
        name,
        external_id: None,
        source: None,
        data: data(),
        attributes: serde_json::Map::new(),
        actor: author.actor,
        cause: author.cause,
    };
    Ok(event_accept(tx, &event).await?.executions)
}

async fn execution_start(
    tx: &mut Tx,
    event: &NewEvent,
    event_id: EventId,
    (workflow, version): (WorkflowId, i64),
    (progress, owned): (Progress, bool),
    mut log: Log,
) -> StoreResult<StartedExecution> {
    let now = tx.now();
    let id = ExecutionId::new(tx.id(IdKind::Execution).await?);
    let (contact_id, submission_id) = subjects(&event.data);
    // What has ended already is in nobody's hand.
    let owner = tx.node().filter(|_| owned && !progress.status.is_terminal());
    let execution = Execution {
        id,
        tenant_id: event.tenant,
        workflow_id: workflow,
        workflow_version: version,
        trigger_event: event.name.as_str().to_owned(),
        trigger_data: event.data.clone(),
        progress,
        event_id: Some(event_id),
        contact_id,
        submission_id,
        retry_of: None,
        key_execution_id: id,
        owner,
        depth: event.cause.map_or(0, |cause| cause.depth),
        created_by: Some(event.actor),
        created_at: now,
        updated_at: now,
    };
    execution_insert(tx, &execution);
    log.tenant_id = event.tenant;
    log.execution_id = id;
    log.created_at = now;
    log_insert(tx, &mut log, UNSAVED).await?;
    let status = execution.progress.status;
    tx.notice(if status.is_terminal() {
        Notice::ExecutionChanged { tenant: event.tenant, execution: id, workflow, status }
    } else if execution.owner.is_some() {
        Notice::Started(Box::new(Started { execution, journal: vec![log] }))
    } else {
        Notice::Unowned
    });
    Ok(StartedExecution { id, workflow_id: workflow })
}

/// Takes an event's key for it. False: an earlier event has it, and it is not a day old. One statement, so that of
/// two nodes that get the same event one wins.
async fn event_key_take(tx: &mut Tx, event: &NewEvent, external_id: &str, id: EventId) -> StoreResult<bool> {
    let (now, oldest) = (tx.now(), tx.now().minus(DEDUPLICATION));
    let row = tx
        .query_optional(
            "INSERT INTO event_keys (tenant_id, source, external_id, event_id, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET event_id = excluded.event_id, created_at = excluded.created_at
              WHERE event_keys.created_at <= ?6 RETURNING event_id",
            params![event.tenant, event.source.as_deref().unwrap_or_default(), external_id, id, now, oldest],
        )
        .await?;
    Ok(row.is_some())
}

async fn event_known(tx: &mut Tx, tenant: TenantId, source: &str, external_id: &str) -> StoreResult<EventId> {
    let sql = "SELECT event_id FROM event_keys WHERE tenant_id = ?1 AND source = ?2 AND external_id = ?3";
    tx.query_one(sql, params![tenant, source, external_id]).await?.first()
}

async fn event_executions(
    connection: &mut Connection,
    tenant: TenantId,
    event: EventId,
) -> StoreResult<Vec<StartedExecution>> {
    let rows = connection
        .query(
            "SELECT id, workflow_id FROM workflow_executions WHERE event_id = ?1 AND tenant_id = ?2 AND retry_of IS NULL ORDER BY id",
            params![event, tenant],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(StartedExecution { id: row.take()?, workflow_id: row.take()? })
        })
        .collect()
}

/// Finds an event by what the caller was told: its own id or `evt_<id>`.
///
/// # Errors
/// When the database refuses.
pub async fn event_find(
    connection: &mut Connection,
    tenant: TenantId,
    public_id: &str,
) -> StoreResult<Option<Event>> {
    let own = public_id.strip_prefix("evt_").and_then(|id| id.parse::<EventId>().ok());
    let row = connection
        .query_optional(
            "SELECT id, tenant_id, name, external_id, source, data, created_at FROM events
              WHERE tenant_id = ?1 AND (external_id = ?2 OR id = ?3) ORDER BY id DESC LIMIT 1",
            params![tenant, public_id, own],
        )
        .await?;
    row.map(event_of).transpose()
}

/// The newest events of a name, newest first: samples for whoever builds a workflow.
///
/// # Errors
/// When the database refuses.
pub async fn event_recent(
    connection: &mut Connection,
    tenant: TenantId,
    name: Option<&str>,
    limit: i64,
) -> StoreResult<Vec<Event>> {
    let rows = connection
        .query(
            "SELECT id, tenant_id, name, external_id, source, data, created_at FROM events
              WHERE tenant_id = ?1 AND (CAST(?2 AS TEXT) IS NULL OR name = ?2) ORDER BY id DESC LIMIT ?3",
            params![tenant, name, limit],
        )
        .await?;
    rows.into_iter().map(event_of).collect()
}

fn event_of(row: crate::database::Row) -> StoreResult<Event> {
    let mut row = row.cells();
    Ok(Event {
        id: row.take()?,
        tenant_id: row.take()?,
        name: row.take()?,
        external_id: row.take()?,
        source: row.take()?,
        data: row.take::<Value>()?,
        created_at: row.take()?,
    })
}

/// Forgets the keys of events older than a day. Answers how many.
///
/// # Errors
/// When the database refuses.
pub async fn event_keys_prune(tx: &mut Tx) -> StoreResult<u64> {
    let oldest = tx.now().minus(DEDUPLICATION);
    tx.execute("DELETE FROM event_keys WHERE created_at <= ?1", params![oldest]).await
}
