//! Events: accepted once, matched, and turned into executions, all in one transaction.
//!
//! Which workflows an event starts, and what their conditions say, is the engine's knowledge ([`Matcher`]). It is asked
//! here, inside the transaction, so that an event from outside and one that a change itself makes
//! (a ticket that a step updates) take the same path, and there is no way to make the change without the event.

use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

use futures_util::future::BoxFuture;
use model::{
    ContactId, EventId, ExecutionId, ExecutionStatus, Outcome, Period, SubmissionId, TenantId, Timestamp,
    WorkflowId,
    event::{Accepted, Event, EventName, NewEvent, StartedExecution, subjects},
    execution::{Execution, Progress},
    journal::Log,
    workflow::Definition,
};
use serde_json::Value;

use crate::{
    Connection, StoreError, StoreResult, Tx,
    call::failure_tell,
    causes::Origin,
    change::Author,
    database::Later,
    effect::EffectOrigin,
    entry::{Admission, Arrival, Gate, GoalMet, admit, debounce_put, entered, goal_reach},
    execution::{Follow, Performed, Started, UNSAVED, execution_insert, logs_write, steps_apply},
    guard,
    ids::IdKind,
    params,
    rollup::Place,
    waiting::waits_signal,
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

    /// The workflows whose rules of entry, or whose goal, may be decided on when an event of that canonical name comes.
    fn gates(&self, _tenant: TenantId, _event: &str) -> Vec<WorkflowId> {
        Vec::new()
    }

    /// The matches, in the order of the workflows' ids. Pure and quick: it runs inside the transaction.
    fn matches(&self, event: &NewEvent) -> Vec<Match>;

    /// The same for an event from outside, asked before the transaction: there is time to perform the first steps where they need nothing but the
    /// event, so that they are written with it.
    fn foresee(&self, event: &NewEvent) -> Vec<Match> {
        self.matches(event)
    }

    /// The workflows whose goal an event meets.
    fn goals(&self, _event: &NewEvent) -> Vec<GoalMet> {
        Vec::new()
    }

    /// The key by which an event finds those that wait for it, at this path of its data; none when it has no value there.
    fn key_at(&self, _path: &str, _data: &Value) -> Option<String> {
        None
    }

    /// What stored conditions of a wait say of an event that has come, with what they read besides it; none when they do not hold.
    fn fits(&self, _tenant: TenantId, _conditions: &Value, _kept: &Value, _event: &Value) -> Option<Value> {
        None
    }

    /// What a step's call of one version of a workflow starts, whatever starts it otherwise. None: the version is not in memory, and no definition is given
    /// or it does not compile.
    fn called(
        &self,
        _event: &NewEvent,
        _version: (WorkflowId, i64),
        _definition: Option<&Definition>,
    ) -> Option<Match> {
        None
    }

    /// How an execution ends that is cancelled: the row of what was under way, and the result so far.
    fn conclude(
        &self,
        execution: &Execution,
        _definition: &Definition,
        _logs: &[Log],
        _now: Timestamp,
    ) -> (Option<Log>, Value) {
        (None, execution.progress.result.clone().unwrap_or_default())
    }

    /// When the clock starts a workflow next, after an instant; none when it does not. `time_zone` is the name of the tenant's.
    fn next_tick(&self, _definition: &Definition, _after: Timestamp, _time_zone: &str) -> Option<Timestamp> {
        None
    }
}

/// A workflow that an event starts, with what its conditions said.
#[derive(Debug, Clone)]
pub struct Match {
    /// Which workflow.
    pub workflow: WorkflowId,
    /// Which version of it.
    pub version: i64,
    /// What is to be recorded.
    pub start: Start,
    /// What the workflow's rules of entry say of the event; none when it has no rules.
    pub gate: Option<Box<Gate>>,
}

/// How an execution begins.
#[derive(Debug, Clone)]
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
        /// Steps that are done with the acceptance.
        ahead: Option<Ahead>,
    },
}

/// The first steps of an execution, performed before it exists. Their effects ride in the transaction that makes it.
#[derive(Clone)]
pub struct Ahead {
    /// In order; their rows' ids are filled in here.
    pub steps: Vec<Performed>,
    /// What follows from all rows, that of the conditions included.
    pub follow: Follow,
}

impl Debug for Ahead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead").field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// An event from outside, with what it starts.
#[derive(Debug)]
pub(crate) struct Acceptance {
    event: NewEvent,
    matches: Vec<Match>,
    /// What it ends; asked again in the transaction.
    goals: Vec<GoalMet>,
}

impl Acceptance {
    pub(crate) fn new(event: NewEvent, matcher: Option<&dyn Matcher>) -> Self {
        let matches = matcher.map(|matcher| matcher.foresee(&event)).unwrap_or_default();
        let goals = matcher.map(|matcher| matcher.goals(&event)).unwrap_or_default();
        // Here, for the writer has enough to do.
        let _ = event.data.text();
        for found in &matches {
            let Start::Record { log, ahead, .. } = &found.start else { continue };
            let steps = ahead.iter().flat_map(|ahead| &ahead.steps);
            steps.map(|step| &step.log).chain([&**log]).for_each(Log::prepare);
        }
        Self { event, matches, goals }
    }

    /// Of an event that starts what its maker says.
    pub(crate) const fn of(event: NewEvent, matches: Vec<Match>) -> Self {
        Self { event, matches, goals: Vec::new() }
    }
}

impl Together for Acceptance {
    type Answer = Accepted;

    /// The contact, else the submission; events about nothing known keep their order among themselves.
    fn subject(&self) -> i64 {
        let (contact, submission) = subjects(&self.event.data);
        contact.map(ContactId::get).or(submission.map(SubmissionId::get)).unwrap_or_default()
    }

    fn needs(&self, needs: &mut Needs) {
        needs.tenants.insert(self.event.tenant.get());
        needs.event_keys.extend(EventKey::of(&self.event));
        needs.gates.extend(self.goals.iter().map(|met| met.workflow.get()));
        for found in &self.matches {
            if found.gate.is_some() {
                needs.gates.insert(found.workflow.get());
            }
            if let Start::Record { ahead: Some(ahead), .. } = &found.start {
                needs.effects(self.event.tenant, &ahead.steps);
            }
        }
    }

    fn run<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, StoreResult<Accepted>> {
        Box::pin(event_take(tx, &self.event, &self.matches))
    }
}

pub(crate) const INSERT: Later = Later {
    place: 0,
    table: "events",
    sql: "INSERT INTO events (id, tenant_id, name, external_id, source, data, attributes, created_at, created_by)
          {rows:bigint,bigint,text,text,text,json,json,time,text}",
};

/// Of an event that starts nothing: what it is about. Of the others their executions say it.
pub(crate) const SUBJECTS: Later = Later {
    place: 21,
    table: "event_subjects",
    sql: "INSERT INTO event_subjects (event_id, tenant_id, contact_id, submission_id) {rows:bigint,bigint,bigint,bigint}",
};

/// Accepts an event: deduplicates, stores it, and starts what it matches.
///
/// # Errors
/// [`StoreError::TooManyExecutions`]; when the database refuses.
pub async fn event_accept(tx: &mut Tx, event: &NewEvent) -> StoreResult<Accepted> {
    let hooks = tx.hooks();
    let matches = hooks.matcher.get().map(|matcher| matcher.matches(event)).unwrap_or_default();
    event_take(tx, event, &matches).await
}

/// Accepts an event as [`event_accept`] does, that starts what its maker says: a workflow's next time has come, or somebody runs it.
///
/// # Errors
/// As for [`event_accept`].
pub async fn event_take(tx: &mut Tx, event: &NewEvent, matches: &[Match]) -> StoreResult<Accepted> {
    let id = match EventKey::of(event) {
        None => EventId::new(tx.id(IdKind::Event).await?),
        Some(key) => match event_key_use(tx, &key).await? {
            Some(id) => id,
            None => {
                let before = event_known(tx, &key).await?;
                let executions = event_executions(tx, event.tenant, before).await?;
                let public_id = key.external_id;
                return Ok(Accepted { id: before, public_id, duplicate: true, executions });
            }
        },
    };
    let recorded = matches.iter().filter(|found| matches!(found.start, Start::Record { .. })).count();
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
    // Before what it starts: that waits for what comes after it.
    waits_signal(tx, event, id).await?;
    goals_reach(tx, event, id).await?;
    let executions = event_start(tx, event, id, matches).await?;
    if executions.is_empty() {
        let (contact, submission) = subjects(&event.data);
        if contact.is_some() || submission.is_some() {
            tx.later(SUBJECTS, params![id, event.tenant, contact, submission]);
        }
    }
    let public_id = event.external_id.clone().unwrap_or_else(|| format!("evt_{id}"));
    Ok(Accepted { id, public_id, duplicate: false, executions })
}

/// Ends what waits for nothing any more since this event came.
async fn goals_reach(tx: &mut Tx, event: &NewEvent, id: EventId) -> StoreResult<()> {
    let hooks = tx.hooks();
    let Some(matcher) = hooks.matcher.get() else { return Ok(()) };
    for met in matcher.goals(event) {
        goal_reach(tx, event, id, met).await?;
    }
    Ok(())
}

/// Starts what an event that is kept already matches: those that its workflows' rules let in.
///
/// # Errors
/// When the database refuses.
pub async fn event_start(
    tx: &mut Tx,
    event: &NewEvent,
    id: EventId,
    matches: &[Match],
) -> StoreResult<Vec<StartedExecution>> {
    let now = tx.now();
    let mut executions = Vec::new();
    for found in matches {
        let version = (found.workflow, found.version);
        let arrival = found.gate.as_deref().map(|gate| Arrival { event, id, workflow: version, gate });
        if let Some(arrival) = &arrival
            && let Some(debounce) = &arrival.gate.debounce
        {
            debounce_put(tx, arrival, debounce).await?;
            continue;
        }
        match &found.start {
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
            Start::Record { progress, owned, log, ahead } => {
                let beginning = Beginning { progress, owned: *owned, log, ahead: ahead.as_ref() };
                // What has ended already, because its conditions do not hold, takes nobody's place.
                match arrival.filter(|_| !progress.status.is_terminal()) {
                    None => executions.push(execution_start(tx, event, id, version, beginning).await?),
                    Some(arrival) => executions.extend(gated_start(tx, &arrival, beginning).await?),
                }
            }
        }
    }
    Ok(executions)
}

/// Starts an execution if the rules of its workflow let it in.
async fn gated_start(
    tx: &mut Tx,
    arrival: &Arrival<'_>,
    beginning: Beginning<'_>,
) -> StoreResult<Option<StartedExecution>> {
    let queued =
        Progress { status: ExecutionStatus::Waiting, started_at: None, ..beginning.progress.clone() };
    let (is_queued, beginning) = match admit(tx, arrival).await? {
        Admission::Refused => return Ok(None),
        Admission::Enters => (false, beginning),
        Admission::Queues => (true, Beginning { progress: &queued, owned: false, ahead: None, ..beginning }),
    };
    let started = execution_start(tx, arrival.event, arrival.id, arrival.workflow, beginning).await?;
    entered(tx, arrival, started.id, is_queued).await?;
    Ok(Some(started))
}

/// Takes an event that a change in this transaction makes. Nothing is put together or stored when no workflow listens and nothing waits for it.
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
    let is_heard = hooks.matcher.get().is_some_and(|matcher| matcher.hears(tenant, &name));
    if !is_heard && !tx.awaits(tenant, name.as_str()).await? {
        return Ok(Vec::new());
    }
    let event = NewEvent {
        tenant,
        name,
        external_id: None,
        source: None,
        data: data().into(),
        attributes: serde_json::Map::new(),
        actor: author.actor,
        cause: author.cause,
    };
    // A step's change emits, and an event's first steps change: a ring of futures.
    Ok(Box::pin(event_accept(tx, &event)).await?.executions)
}

/// How an execution begins, borrowed from [`Start::Record`].
struct Beginning<'a> {
    progress: &'a Progress,
    owned: bool,
    log: &'a Log,
    ahead: Option<&'a Ahead>,
}

/// Applies the effects of an execution's first steps. Their rows come after those of the conditions, and are written after the execution's.
async fn steps_ahead(
    tx: &mut Tx,
    origin: EffectOrigin,
    ahead: &Ahead,
    journal: &mut Vec<Arc<Log>>,
) -> StoreResult<()> {
    let of_execution = |step: &Performed| {
        let log = Log { tenant_id: origin.tenant, execution_id: origin.execution, ..step.log.clone() };
        Performed { log, effect: step.effect.clone() }
    };
    let steps = ahead.steps.iter().map(of_execution).collect();
    journal.append(&mut steps_apply(tx, origin, steps).await?);
    Ok(())
}

/// The working time of steps, in milliseconds.
fn worked(journal: &[Arc<Log>]) -> Option<i64> {
    Some(journal.iter().filter_map(|log| log.duration_ms).sum())
}

async fn execution_start(
    tx: &mut Tx,
    event: &NewEvent,
    event_id: EventId,
    (workflow, version): (WorkflowId, i64),
    beginning: Beginning<'_>,
) -> StoreResult<StartedExecution> {
    let now = tx.now();
    let id = ExecutionId::new(tx.id(IdKind::Execution).await?);
    let depth = event.cause.map_or(0, |cause| cause.depth);
    let stopped = guard::stopped(tx, event, workflow, (beginning.progress, beginning.log)).await?;
    let beginning = match &stopped {
        Some((progress, log)) => Beginning { progress, owned: false, log, ahead: None },
        None => beginning,
    };
    let mut log = beginning.log.clone();
    log.tenant_id = event.tenant;
    log.execution_id = id;
    log.created_at = now;
    let mut journal = vec![Arc::new(log)];
    let progress = match beginning.ahead {
        None => beginning.progress.clone(),
        Some(ahead) => {
            tx.origin_note(Origin {
                tenant: event.tenant,
                execution: id,
                workflow: (workflow, version),
                trigger_event: event.name.as_str().to_owned(),
                event: Some(event_id),
                started_by: Some(event.actor),
                caused_by: event.cause.map(|cause| cause.execution),
            });
            let origin = EffectOrigin { tenant: event.tenant, execution: id, depth };
            steps_ahead(tx, origin, ahead, &mut journal).await?;
            let goes_on = || Progress {
                started_at: beginning.progress.started_at.or(Some(now)),
                duration_ms: worked(&journal),
                ..beginning.progress.clone()
            };
            (ahead.follow)(&journal).unwrap_or_else(goes_on)
        }
    };
    let (contact_id, submission_id) = subjects(&event.data);
    // What has ended already, or waits, is in nobody's hand.
    let is_live = matches!(progress.status, ExecutionStatus::Pending | ExecutionStatus::Running);
    let owner = tx.node().filter(|_| beginning.owned && is_live);
    let status = progress.status;
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
        depth,
        caused_by: event.cause.map(|cause| cause.execution),
        called: event.cause.and_then(|cause| cause.called),
        created_by: Some(event.actor),
        created_at: now,
        updated_at: now,
    };
    execution_insert(tx, &execution);
    logs_write(tx, &mut journal, UNSAVED).await?;
    if status == ExecutionStatus::Failed {
        let said = (execution.progress.error.as_deref(), execution.progress.error_stack.as_deref());
        failure_tell(tx, (event.tenant, id, depth), said).await?;
    }
    tx.notice(if !is_live {
        Notice::ExecutionChanged { tenant: event.tenant, execution: id, workflow, status }
    } else if execution.owner.is_some() {
        let journal = journal.into_iter().map(Arc::unwrap_or_clone).collect();
        Notice::Started(Box::new(Started { execution, journal }))
    } else {
        Notice::Unowned
    });
    Ok(StartedExecution { id, workflow_id: workflow })
}

/// By what an event is known when it comes again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EventKey {
    tenant: TenantId,
    source: String,
    external_id: String,
}

impl EventKey {
    fn of(event: &NewEvent) -> Option<Self> {
        let external_id = event.external_id.clone()?;
        Some(Self { tenant: event.tenant, source: event.source.clone().unwrap_or_default(), external_id })
    }
}

/// Takes the keys of a batch's events, in one order: callers who were not answered send the same events again, to other nodes and in another order,
/// and two transactions that took them as they came would wait for each other.
pub(crate) async fn event_keys_hold(tx: &mut Tx, keys: BTreeSet<EventKey>) -> StoreResult<()> {
    for key in keys {
        let taken = event_key_take(tx, &key).await?;
        tx.event_key_keep(key, taken);
    }
    Ok(())
}

/// The id of a new event, when its key is its own. None: an earlier event has it, and it is not a day old.
async fn event_key_use(tx: &mut Tx, key: &EventKey) -> StoreResult<Option<EventId>> {
    match tx.event_key_held(key) {
        Some(taken) => Ok(taken),
        None => event_key_take(tx, key).await,
    }
}

/// One statement, so that of two nodes that get the same event one wins.
async fn event_key_take(tx: &mut Tx, key: &EventKey) -> StoreResult<Option<EventId>> {
    let id = EventId::new(tx.id(IdKind::Event).await?);
    let (now, oldest) = (tx.now(), tx.now().minus(DEDUPLICATION));
    let row = tx
        .query_optional(
            "INSERT INTO event_keys (tenant_id, source, external_id, event_id, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET event_id = excluded.event_id, created_at = excluded.created_at
              WHERE event_keys.created_at <= ?6 RETURNING event_id",
            params![key.tenant, &key.source, &key.external_id, id, now, oldest],
        )
        .await?;
    Ok(row.map(|_| id))
}

async fn event_known(tx: &mut Tx, key: &EventKey) -> StoreResult<EventId> {
    let sql = "SELECT event_id FROM event_keys WHERE tenant_id = ?1 AND source = ?2 AND external_id = ?3";
    tx.query_one(sql, params![key.tenant, &key.source, &key.external_id]).await?.first()
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

pub(crate) fn event_of(row: crate::database::Row) -> StoreResult<Event> {
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
