//! Rules of entry, decided in the transaction that makes the execution.
//!
//! What a rule counts is in rows: who was enrolled, how many runs the present period has, who has a place. All of a workflow's decisions take the
//! lock of its row first (one writer needs none), so over several nodes each sees what the one before it has
//! committed. Workflows without rules have no [`Gate`], and pay nothing.
//!
//! The order: a debounced event waits first, and comes here again when it has waited. Then enrolment, the rate, and last whether there is room. Only who passes all of them
//! counts for any of them.

mod rate;

use model::{
    EventId, ExecutionId, Period, TenantId, Timestamp, WorkflowId,
    decision::Reason,
    event::{Cause, Event, NewEvent},
    workflow::Behavior,
};
use serde_json::{Map, json};

use crate::{
    Connection, StoreResult, Tx,
    database::{Row, Value},
    decision::{Refusal, refused},
    event::event_of,
    execution::{Early, execution_end, execution_wake},
    params,
    writer::Notice,
};

/// What a workflow's rules say of one event, with the keys that the event has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gate {
    /// The event waits whether another one of the key comes.
    pub debounce: Option<Debounce>,
    /// Each key enters once.
    pub enrolment: Option<Enrolment>,
    /// So many runs in a period.
    pub rate_limit: Option<RateLimit>,
    /// So many runs at a time.
    pub concurrency: Option<Concurrency>,
}

/// See [`Gate::debounce`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debounce {
    /// What comes one after the other.
    pub key: String,
    /// How long nothing more must come.
    pub quiet: Period,
}

/// See [`Gate::enrolment`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Who enters.
    pub key: String,
    /// When the same may enter again; none: never.
    pub period: Option<Period>,
}

/// See [`Gate::rate_limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many.
    pub limit: u32,
    /// In what time.
    pub per: Period,
}

/// See [`Gate::concurrency`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// What counts together.
    pub key: String,
    /// How many.
    pub limit: u32,
    /// What becomes of one too many.
    pub behavior: Behavior,
}

/// A workflow whose goal an event meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoalMet {
    /// Which workflow.
    pub workflow: WorkflowId,
}

/// An event before the gate of a workflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) event: &'a NewEvent,
    pub(crate) id: EventId,
    pub(crate) workflow: (WorkflowId, i64),
    pub(crate) gate: &'a Gate,
}

/// What the rules decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Enters,
    /// It is made, and waits for its turn.
    Queues,
    Refused,
}

impl Arrival<'_> {
    const fn tenant(&self) -> TenantId {
        self.event.tenant
    }

    async fn refuse(
        &self,
        tx: &mut Tx,
        reason: Reason,
        details: serde_json::Value,
        execution: Option<ExecutionId>,
    ) -> StoreResult<Admission> {
        let details = if let serde_json::Value::Object(details) = details { details } else { Map::new() };
        let refusal = Refusal {
            tenant: self.tenant(),
            workflow: self.workflow,
            reason,
            details,
            event: self.id,
            data: &self.event.data,
            execution,
        };
        refused(tx, refusal).await?;
        Ok(Admission::Refused)
    }
}

/// Decides whether an event whose conditions hold enters. Whoever enters is then to be [`entered`].
pub(crate) async fn admit(tx: &mut Tx, arrival: &Arrival<'_>) -> StoreResult<Admission> {
    let (workflow, tenant, now) = (arrival.workflow.0, arrival.tenant(), tx.now());
    tx.gate_hold(tenant, workflow).await?;
    if let Some(Enrolment { key, period }) = &arrival.gate.enrolment
        && let Some((since, execution)) = enrolled(tx, tenant, workflow, key).await?
    {
        let until = period.map(|period| since.plus(period));
        if until.is_none_or(|until| now < until) {
            let mut details = json!({"since": since});
            if let Some((period, until)) = period.zip(until) {
                details["period"] = json!(period);
                details["until"] = json!(until);
            }
            return arrival.refuse(tx, Reason::AlreadyEnrolled, details, Some(execution)).await;
        }
    }
    if let Some(limit) = arrival.gate.rate_limit
        && !rate::has_room(tx, tenant, workflow, limit).await?
    {
        let RateLimit { limit, per } = limit;
        let details = json!({"limit": limit, "per": per, "since": now.minus(per)});
        return arrival.refuse(tx, Reason::RateLimited, details, None).await;
    }
    match &arrival.gate.concurrency {
        None => Ok(Admission::Enters),
        Some(concurrency) => room(tx, arrival, concurrency).await,
    }
}

/// Whether there is room, made if need be.
async fn room(
    tx: &mut Tx,
    arrival: &Arrival<'_>,
    Concurrency { key, limit, behavior }: &Concurrency,
) -> StoreResult<Admission> {
    let (workflow, tenant) = (arrival.workflow.0, arrival.tenant());
    let mut slots = slots(tx, tenant, workflow, key).await?;
    // Whoever waits comes first. A run may have ended of which the queues' task has not heard yet.
    if slots.running.len() < *limit as usize && !slots.queued.is_empty() {
        let queue = Queue { tenant, workflow };
        let gone_on = let_go_on(tx, queue, key, &slots, Some(*limit)).await?;
        slots.running.extend(slots.queued.drain(..gone_on));
    }
    let limit = *limit as usize;
    if slots.running.len() < limit && slots.queued.is_empty() {
        return Ok(Admission::Enters);
    }
    match behavior {
        Behavior::Queue => Ok(Admission::Queues),
        Behavior::Drop if slots.running.len() < limit => Ok(Admission::Enters),
        Behavior::Drop => {
            let details = json!({"limit": limit});
            arrival.refuse(tx, Reason::ConcurrencyLimit, details, slots.running.last().copied()).await
        }
        Behavior::CancelRunning => {
            let surplus = (slots.running.len() + 1).saturating_sub(limit);
            for execution in slots.running.into_iter().take(surplus) {
                let reason = "ended in favour of a newer one: so many at a time are allowed";
                execution_end(tx, tenant, execution, Early::Cancelled, reason).await?;
            }
            Ok(Admission::Enters)
        }
    }
}

/// Notes who has entered, or waits for his turn.
pub(crate) async fn entered(
    tx: &mut Tx,
    arrival: &Arrival<'_>,
    execution: ExecutionId,
    is_queued: bool,
) -> StoreResult<()> {
    let (workflow, tenant, now) = (arrival.workflow.0, arrival.tenant(), tx.now());
    if let Some(Enrolment { key, .. }) = &arrival.gate.enrolment {
        tx.execute(
            "INSERT INTO enrolments (workflow_id, key, tenant_id, execution_id, enrolled_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (workflow_id, key) DO UPDATE SET execution_id = excluded.execution_id, enrolled_at = excluded.enrolled_at",
            params![workflow, key, tenant, execution, now],
        )
        .await?;
    }
    if let Some(limit) = arrival.gate.rate_limit {
        rate::count(tx, tenant, workflow, limit).await?;
    }
    if let Some(Concurrency { key, .. }) = &arrival.gate.concurrency {
        tx.execute(
            "INSERT INTO entry_slots (workflow_id, key, execution_id, tenant_id, is_queued) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![workflow, key, execution, tenant, is_queued],
        )
        .await?;
    }
    Ok(())
}

async fn enrolled(
    tx: &mut Tx,
    tenant: TenantId,
    workflow: WorkflowId,
    key: &str,
) -> StoreResult<Option<(Timestamp, ExecutionId)>> {
    let sql = "SELECT enrolled_at, execution_id FROM enrolments WHERE workflow_id = ?1 AND key = ?2 AND tenant_id = ?3";
    let row = tx.query_optional(sql, params![workflow, key, tenant]).await?;
    row.map(|row| {
        let mut row = row.cells();
        Ok((row.take()?, row.take()?))
    })
    .transpose()
}

/// The live runs of a key, oldest first.
#[derive(Debug, Default)]
struct Slots {
    running: Vec<ExecutionId>,
    queued: Vec<ExecutionId>,
}

/// Who has a place and who waits for one. Places of runs that have ended are taken away here: so nobody else has to know of them.
async fn slots(tx: &mut Tx, tenant: TenantId, workflow: WorkflowId, key: &str) -> StoreResult<Slots> {
    tx.execute(
        "DELETE FROM entry_slots WHERE workflow_id = ?1 AND key = ?2 AND tenant_id = ?3 AND NOT EXISTS (
            SELECT 1 FROM workflow_executions e WHERE e.id = entry_slots.execution_id AND e.status IN ('pending', 'running', 'waiting', 'retrying'))",
        params![workflow, key, tenant],
    )
    .await?;
    let rows = tx
        .query(
            "SELECT execution_id, is_queued FROM entry_slots WHERE workflow_id = ?1 AND key = ?2 AND tenant_id = ?3 ORDER BY execution_id",
            params![workflow, key, tenant],
        )
        .await?;
    let mut slots = Slots::default();
    for row in rows {
        let mut row = row.cells();
        let (execution, is_queued): (ExecutionId, bool) = (row.take()?, row.take()?);
        if is_queued { slots.queued.push(execution) } else { slots.running.push(execution) }
    }
    Ok(slots)
}

/// A workflow with runs that wait for their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Queue {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which workflow.
    pub workflow: WorkflowId,
}

/// The workflows with runs that wait for their turn, of all tenants.
///
/// # Errors
/// When the database refuses.
pub async fn queues(connection: &mut Connection) -> StoreResult<Vec<Queue>> {
    let sql = "SELECT DISTINCT tenant_id, workflow_id FROM entry_slots WHERE is_queued";
    let rows = connection.query(sql, Vec::new()).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(Queue { tenant: row.take()?, workflow: row.take()? })
        })
        .collect()
}

/// Keys of a workflow at once.
const KEYS: i64 = 200;

/// The keys of a workflow of which runs wait and there is room for one, after a key; `limit` none: there is always room.
///
/// # Errors
/// When the database refuses.
pub async fn queue_keys(
    connection: &mut Connection,
    Queue { tenant, workflow }: Queue,
    limit: Option<u32>,
    after: Option<&str>,
) -> StoreResult<Vec<String>> {
    let sql = "SELECT DISTINCT s.key FROM entry_slots s
        WHERE s.workflow_id = ?1 AND s.tenant_id = ?2 AND s.is_queued AND (CAST(?3 AS TEXT) IS NULL OR s.key > ?3)
          AND (SELECT count(*) FROM entry_slots r JOIN workflow_executions e ON e.id = r.execution_id
                WHERE r.workflow_id = s.workflow_id AND r.key = s.key AND r.tenant_id = s.tenant_id AND NOT r.is_queued
                  AND e.status IN ('pending', 'running', 'waiting', 'retrying')) < ?5
        ORDER BY s.key LIMIT ?4";
    let limit = limit.map_or(i64::MAX, i64::from);
    let rows = connection.query(sql, params![workflow, tenant, after, KEYS, limit]).await?;
    rows.into_iter().map(Row::first).collect()
}

/// The keys of these runs of a workflow, of which others wait. A run whose place is gone needs none: whoever took it away has seen to its key.
///
/// # Errors
/// When the database refuses.
pub async fn queue_keys_of(
    connection: &mut Connection,
    Queue { tenant, workflow }: Queue,
    ended: &[ExecutionId],
) -> StoreResult<Vec<String>> {
    let ids = Value::Ids(ended.iter().map(|id| id.get()).collect());
    let sql = "SELECT DISTINCT s.key FROM entry_slots s
        WHERE s.execution_id {among:?1} AND s.workflow_id = ?2 AND s.tenant_id = ?3
          AND EXISTS (SELECT 1 FROM entry_slots q WHERE q.workflow_id = s.workflow_id AND q.key = s.key AND q.tenant_id = s.tenant_id AND q.is_queued)
        ORDER BY s.key";
    let rows = connection.query(sql, vec![ids, workflow.into(), tenant.into()]).await?;
    rows.into_iter().map(Row::first).collect()
}

/// Lets those go on whose turn has come; `limit` none: there is no limit any more. Answers how many.
///
/// # Errors
/// When the database refuses.
pub async fn queue_advance(
    tx: &mut Tx,
    Queue { tenant, workflow }: Queue,
    key: &str,
    limit: Option<u32>,
) -> StoreResult<usize> {
    tx.gate_hold(tenant, workflow).await?;
    let slots = slots(tx, tenant, workflow, key).await?;
    let_go_on(tx, Queue { tenant, workflow }, key, &slots, limit).await
}

async fn let_go_on(
    tx: &mut Tx,
    Queue { tenant, workflow }: Queue,
    key: &str,
    slots: &Slots,
    limit: Option<u32>,
) -> StoreResult<usize> {
    let room = limit.map_or(usize::MAX, |limit| (limit as usize).saturating_sub(slots.running.len()));
    let mut advanced = 0;
    for execution in slots.queued.iter().copied().take(room) {
        tx.execute(
            "UPDATE entry_slots SET is_queued = ?1 WHERE workflow_id = ?2 AND key = ?3 AND execution_id = ?4 AND tenant_id = ?5",
            params![false, workflow, key, execution, tenant],
        )
        .await?;
        execution_wake(tx, tenant, execution).await?;
        advanced += 1;
    }
    Ok(advanced)
}

/// Takes an event's place in the line of its key: the one before it is not run.
pub(crate) async fn debounce_put(tx: &mut Tx, arrival: &Arrival<'_>, debounce: &Debounce) -> StoreResult<()> {
    let (workflow, tenant) = (arrival.workflow.0, arrival.tenant());
    tx.gate_hold(tenant, workflow).await?;
    let before = tx
        .query_optional(
            "SELECT v.id, v.tenant_id, v.name, v.external_id, v.source, v.data, v.created_at
               FROM debounces d JOIN events v ON v.id = d.event_id
              WHERE d.workflow_id = ?1 AND d.key = ?2 AND d.tenant_id = ?3",
            params![workflow, &debounce.key, tenant],
        )
        .await?;
    if let Some(before) = before.map(event_of).transpose()? {
        let mut details = Map::new();
        details.insert("for".to_owned(), json!(debounce.quiet));
        details.insert("by".to_owned(), json!(arrival.id));
        let refusal = Refusal {
            tenant,
            workflow: arrival.workflow,
            reason: Reason::Debounced,
            details,
            event: before.id,
            data: &before.data,
            execution: None,
        };
        refused(tx, refusal).await?;
    }
    let due_at = tx.now().plus(debounce.quiet);
    let cause = arrival.event.cause;
    tx.execute(
        "INSERT INTO debounces (workflow_id, key, tenant_id, event_id, due_at, cause_id, depth) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (workflow_id, key) DO UPDATE SET event_id = excluded.event_id, due_at = excluded.due_at,
            cause_id = excluded.cause_id, depth = excluded.depth",
        params![
            workflow,
            &debounce.key,
            tenant,
            arrival.id,
            due_at,
            cause.map(|cause| cause.execution),
            cause.map_or(0, |cause| cause.depth)
        ],
    )
    .await?;
    tx.notice(Notice::TimerSet(due_at));
    Ok(())
}

/// An event that has waited long enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Quiet {
    /// The workflow.
    pub workflow: WorkflowId,
    /// What it waited for more of.
    pub key: String,
    /// When it had waited.
    pub due_at: Timestamp,
    /// The event.
    pub event: Event,
    /// Who posted it or made the change.
    pub actor: Option<model::Actor>,
    /// Which execution caused it.
    pub cause: Option<Cause>,
}

/// The events that have waited long enough, of all tenants, the longest past first.
///
/// # Errors
/// When the database refuses.
pub async fn debounce_due_list(
    connection: &mut Connection,
    now: Timestamp,
    limit: i64,
) -> StoreResult<Vec<Quiet>> {
    // Of every tenant: time passes for all.
    let rows = connection
        .query(
            "SELECT v.id, v.tenant_id, v.name, v.external_id, v.source, v.data, v.created_at, d.workflow_id, d.key, d.due_at, v.created_by,
                    d.cause_id, d.depth
               FROM debounces d JOIN events v ON v.id = d.event_id
              WHERE d.due_at <= ?1 ORDER BY d.due_at, d.workflow_id, d.key LIMIT ?2",
            params![now, limit],
        )
        .await?;
    rows.into_iter()
        .map(|mut row| {
            let rest = row.0.split_off(7);
            let event = event_of(row)?;
            let mut row = Row(rest).cells();
            let (workflow, key, due_at, actor) = (row.take()?, row.take()?, row.take()?, row.take()?);
            let (cause, depth): (Option<ExecutionId>, u32) = (row.take()?, row.take()?);
            let cause = cause.map(|execution| Cause { execution, depth, called: None });
            Ok(Quiet { workflow, key, due_at, event, actor, cause })
        })
        .collect()
}

/// Takes an event out of its line. False: somebody else has, or a newer one has its place.
///
/// # Errors
/// When the database refuses.
pub async fn debounce_take(tx: &mut Tx, quiet: &Quiet) -> StoreResult<bool> {
    let tenant = quiet.event.tenant_id;
    tx.gate_hold(tenant, quiet.workflow).await?;
    let taken = tx
        .execute(
            "DELETE FROM debounces WHERE workflow_id = ?1 AND key = ?2 AND tenant_id = ?3 AND event_id = ?4 AND due_at = ?5",
            params![quiet.workflow, &quiet.key, tenant, quiet.event.id, quiet.due_at],
        )
        .await?;
    Ok(taken > 0)
}

/// Lets an event that could not be taken wait until another time.
///
/// # Errors
/// When the database refuses.
pub async fn debounce_put_off(tx: &mut Tx, quiet: &Quiet, until: Timestamp) -> StoreResult<()> {
    let tenant = quiet.event.tenant_id;
    tx.execute(
        "UPDATE debounces SET due_at = ?1 WHERE workflow_id = ?2 AND key = ?3 AND tenant_id = ?4 AND event_id = ?5 AND due_at = ?6",
        params![until, quiet.workflow, &quiet.key, tenant, quiet.event.id, quiet.due_at],
    )
    .await?;
    tx.notice(Notice::TimerSet(until));
    Ok(())
}

/// Notes that an event whose turn has come finds its workflow switched off.
///
/// # Errors
/// When the database refuses.
pub async fn debounce_refuse(tx: &mut Tx, quiet: &Quiet) -> StoreResult<()> {
    let refusal = Refusal {
        tenant: quiet.event.tenant_id,
        workflow: (quiet.workflow, 0),
        reason: Reason::Inactive,
        details: Map::new(),
        event: quiet.event.id,
        data: &quiet.event.data,
        execution: None,
    };
    refused(tx, refusal).await
}

/// Until when an event waits whether more of its key comes; none when it waits for nothing.
///
/// # Errors
/// When the database refuses.
pub async fn debounce_waits(
    connection: &mut Connection,
    tenant: TenantId,
    workflow: WorkflowId,
    event: EventId,
) -> StoreResult<Option<Timestamp>> {
    let sql = "SELECT due_at FROM debounces WHERE event_id = ?1 AND workflow_id = ?2 AND tenant_id = ?3";
    connection.query_optional(sql, params![event, workflow, tenant]).await?.map(Row::first).transpose()
}

/// Ends what waits of a contact in a workflow whose goal an event meets.
pub(crate) async fn goal_reach(
    tx: &mut Tx,
    event: &NewEvent,
    id: EventId,
    GoalMet { workflow }: GoalMet,
) -> StoreResult<()> {
    let Some(contact) = model::event::subjects(&event.data).0 else { return Ok(()) };
    let tenant = event.tenant;
    tx.gate_hold(tenant, workflow).await?;
    let rows = tx
        .query(
            "SELECT id FROM workflow_executions
              WHERE contact_id = ?1 AND +workflow_id = ?2 AND +tenant_id = ?3 AND status IN ('waiting', 'retrying') ORDER BY id",
            params![contact, workflow, tenant],
        )
        .await?;
    let reason = format!("because the goal was met: {} came (event {id})", event.name);
    for row in rows {
        let execution = row.first()?;
        execution_end(tx, tenant, execution, Early::Completed, &reason).await?;
    }
    Ok(())
}

/// Takes away the places of runs that have ended. Answers how many.
///
/// # Errors
/// When the database refuses.
pub async fn slots_prune(tx: &mut Tx) -> StoreResult<u64> {
    // Of every tenant: each row names its execution.
    tx.execute(
        "DELETE FROM entry_slots WHERE NOT EXISTS (
            SELECT 1 FROM workflow_executions e WHERE e.id = entry_slots.execution_id AND e.status IN ('pending', 'running', 'waiting', 'retrying'))",
        Vec::new(),
    )
    .await
}
