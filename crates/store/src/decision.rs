//! What was decided about a workflow and something that happened: the executions, what rules of entry refused, and the events of which neither
//! is left.
//!
//! Only refusals of rules are written ([`refused`]). That a workflow was inactive, or its trigger let an event through to others only, is no write of anybody: it is found by
//! looking at the event again with the version of that time.

use model::{
    ContactId, DecisionId, EventId, ExecutionId, Period, SubmissionId, TenantId, Timestamp, WorkflowId,
    decision::{Reason, Refused},
    event::{Event, subjects},
    execution::Execution,
};
use serde_json::{Map, Value};

use crate::{
    Connection, StoreResult, Tx,
    database::{Later, Row, Value as DatabaseValue},
    event::event_of,
    execution::{COLUMNS, execution_of},
    ids::IdKind,
    params,
};

/// What people ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// These answers.
    Submission(SubmissionId),
    /// This person.
    Contact(ContactId),
    /// This event.
    Event(EventId),
}

impl Subject {
    /// The column of executions and decisions that names it, with its id.
    const fn column(self) -> (&'static str, i64) {
        match self {
            Self::Submission(id) => ("submission_id", id.get()),
            Self::Contact(id) => ("contact_id", id.get()),
            Self::Event(id) => ("event_id", id.get()),
        }
    }

    /// The event is about it.
    fn is_of(self, event: &Event) -> bool {
        let (contact, submission) = subjects(&event.data);
        match self {
            Self::Submission(id) => submission == Some(id),
            Self::Contact(id) => contact == Some(id),
            Self::Event(id) => event.id == id,
        }
    }
}

/// The newest events that are looked at as well: those whose executions somebody has deleted, and those that an older program took in, have no entry
/// in the index of what events are about.
const RECENT: i64 = 2_000;
/// Events that are read of the index.
const INDEXED: i64 = 200;
/// Ids grow with time, but for what several nodes have reserved meanwhile.
const SKEW: Period = Period::seconds(15);

/// The executions of a workflow about a subject, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn executions_about(
    connection: &mut Connection,
    tenant: TenantId,
    workflow: WorkflowId,
    subject: Subject,
    limit: i64,
) -> StoreResult<Vec<Execution>> {
    let (column, id) = subject.column();
    let sql = format!(
        "SELECT {COLUMNS} FROM workflow_executions WHERE {column} = ?1 AND +workflow_id = ?2 AND +tenant_id = ?3 ORDER BY id DESC LIMIT ?4"
    );
    let rows = connection.query(sql, params![id, workflow, tenant, limit]).await?;
    rows.into_iter().map(execution_of).collect()
}

/// The events about a subject that are known: those of a name, or of any name that has started something. Newest first.
///
/// `at` is when the subject itself came about, if that is known: its own event is found by that.
///
/// # Errors
/// When the database refuses.
pub async fn events_about(
    connection: &mut Connection,
    tenant: TenantId,
    name: &str,
    subject: Subject,
    at: Option<Timestamp>,
) -> StoreResult<Vec<Event>> {
    let (column, id) = subject.column();
    let started = format!(
        "SELECT {EVENT} FROM events v WHERE v.tenant_id = ?1 AND v.id IN (
            SELECT event_id FROM workflow_executions WHERE {column} = ?2 AND +tenant_id = ?1 ORDER BY id DESC LIMIT 100)"
    );
    let mut events = read(connection, started, params![tenant, id]).await?;
    if matches!(subject, Subject::Contact(_) | Subject::Submission(_)) {
        let silent = format!(
            "SELECT {EVENT} FROM events v JOIN event_subjects s ON s.event_id = v.id
              WHERE s.{column} = ?2 AND s.tenant_id = ?1 AND v.tenant_id = ?1 AND v.name = ?3 ORDER BY s.event_id DESC LIMIT ?4"
        );
        events.extend(read(connection, silent, params![tenant, id, name, INDEXED]).await?);
    }
    // As a list of its own: it ends however rare the name is.
    let recent = format!(
        "SELECT {EVENT} FROM (SELECT * FROM events WHERE tenant_id = ?1 ORDER BY id DESC LIMIT ?3) AS v WHERE v.name = ?2"
    );
    events.extend(read(connection, recent, params![tenant, name, RECENT]).await?);
    if let Some(at) = at {
        let from = first_since(connection, tenant, at.minus(SKEW)).await?;
        let to = first_since(connection, tenant, at.plus(SKEW)).await?;
        let then = format!(
            "SELECT {EVENT} FROM events v WHERE v.tenant_id = ?1 AND v.id >= ?2 AND v.id <= ?3 AND v.name = ?4 AND v.created_at = ?5"
        );
        events.extend(read(connection, then, params![tenant, from, to, name, at]).await?);
    }
    events.retain(|event| subject.is_of(event));
    events.sort_by_key(|event| std::cmp::Reverse(event.id));
    events.dedup_by_key(|event| event.id);
    Ok(events)
}

const EVENT: &str = "v.id, v.tenant_id, v.name, v.external_id, v.source, v.data, v.created_at";

async fn read(
    connection: &mut Connection,
    sql: String,
    parameters: Vec<DatabaseValue>,
) -> StoreResult<Vec<Event>> {
    connection.query(sql, parameters).await?.into_iter().map(event_of).collect()
}

/// The id of the first event since an instant, or what would come after the last. By halves: events have no index of their times, and ids grow
/// with time.
async fn first_since(connection: &mut Connection, tenant: TenantId, at: Timestamp) -> StoreResult<i64> {
    let row = connection
        .query_optional(
            "SELECT id FROM events WHERE tenant_id = ?1 ORDER BY id DESC LIMIT 1",
            params![tenant],
        )
        .await?;
    let Some(last) = row.map(Row::first::<i64>).transpose()? else { return Ok(0) };
    let (mut low, mut high) = (0, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let next = connection
            .query_optional(
                "SELECT id, created_at FROM events WHERE tenant_id <= ?1 AND (tenant_id, id) >= (?1, ?2) ORDER BY tenant_id, id LIMIT 1",
                params![tenant, middle],
            )
            .await?;
        match next {
            None => high = middle,
            Some(row) => {
                let mut row = row.cells();
                let (id, created_at): (i64, Timestamp) = (row.take()?, row.take()?);
                if created_at < at {
                    low = id + 1;
                } else {
                    high = middle;
                }
            }
        }
    }
    Ok(low)
}

const INSERT: Later = Later {
    place: 20,
    table: "decisions",
    sql: "INSERT INTO decisions (id, tenant_id, workflow_id, workflow_version, reason, details, event_id, contact_id, submission_id, execution_id, created_at)
          {rows:bigint,bigint,bigint,bigint,text,json,bigint,bigint,bigint,bigint,time}",
};

/// What a rule refuses, and for what.
#[derive(Debug, Clone)]
pub(crate) struct Refusal<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) workflow: (WorkflowId, i64),
    pub(crate) reason: Reason,
    pub(crate) details: Map<String, Value>,
    pub(crate) event: EventId,
    pub(crate) data: &'a Value,
    /// What stood in its way.
    pub(crate) execution: Option<ExecutionId>,
}

/// Keeps on record that a rule refused.
pub(crate) async fn refused(tx: &mut Tx, refusal: Refusal<'_>) -> StoreResult<()> {
    let id = DecisionId::new(tx.id(IdKind::Decision).await?);
    let (contact, submission) = subjects(refusal.data);
    let now = tx.now();
    let (workflow, version) = refusal.workflow;
    tx.later(
        INSERT,
        params![
            id,
            refusal.tenant,
            workflow,
            version,
            refusal.reason,
            &refusal.details,
            refusal.event,
            contact,
            submission,
            refusal.execution,
            now
        ],
    );
    Ok(())
}

/// What a workflow's rules refused, newest first: about a subject, or all.
///
/// # Errors
/// When the database refuses.
pub async fn refused_list(
    connection: &mut Connection,
    tenant: TenantId,
    workflow: WorkflowId,
    subject: Option<Subject>,
    limit: i64,
) -> StoreResult<Vec<Refused>> {
    const REFUSED: &str = "id, tenant_id, workflow_id, workflow_version, reason, details, event_id, contact_id, submission_id, execution_id, created_at";
    let rows = match subject.map(Subject::column) {
        None => {
            let sql = format!(
                "SELECT {REFUSED} FROM decisions WHERE workflow_id = ?1 AND +tenant_id = ?2 ORDER BY id DESC LIMIT ?3"
            );
            connection.query(sql, params![workflow, tenant, limit]).await?
        }
        Some((column, id)) => {
            let sql = format!(
                "SELECT {REFUSED} FROM decisions WHERE {column} = ?4 AND +workflow_id = ?1 AND +tenant_id = ?2 ORDER BY id DESC LIMIT ?3"
            );
            connection.query(sql, params![workflow, tenant, limit, id]).await?
        }
    };
    rows.into_iter().map(refused_of).collect()
}

fn refused_of(row: Row) -> StoreResult<Refused> {
    let mut row = row.cells();
    Ok(Refused {
        id: row.take()?,
        tenant_id: row.take()?,
        workflow_id: row.take()?,
        workflow_version: row.take()?,
        reason: row.take()?,
        details: row.take()?,
        event_id: row.take()?,
        contact_id: row.take()?,
        submission_id: row.take()?,
        execution_id: row.take()?,
        created_at: row.take()?,
    })
}
