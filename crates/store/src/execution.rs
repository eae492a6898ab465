//! Executions: made with their event, advanced step by step, read back in lists.

mod claim;
mod ending;
mod moving;
mod signals;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use model::{
    Document, ExecutionId, ExecutionStatus, LogId, NodeId, Outcome, StepStatus, TenantId, Timestamp,
    WorkflowId,
    effect::{Effect, EffectError},
    event::Called,
    execution::{Execution, Progress},
    journal::Log,
};

use crate::{
    Connection, StoreError, StoreResult, Tx,
    call::{called_cancel, called_in_vain, caller_wake, ended_any, failure_tell},
    database::{Later, Row, Value},
    effect::{EffectOrigin, effect_apply},
    ids::IdKind,
    journal::{log_all, log_finish, log_insert},
    params,
    rollup::Place,
    timer::{timer_set, waits},
    waiting::{wait_is_open, waits_are_there, waits_end},
    writer::{Needs, Notice, Together},
};

pub(crate) use claim::{executions_claim, executions_wake};
pub use ending::{Conclude, PERHAPS_DONE, execution_cancel, execution_fail, execution_retire};
pub(crate) use ending::{Early, execution_end};
pub use moving::{
    Candidate, ExecutionMove, Judge, Moved, execution_move, execution_move_candidates, execution_move_list,
    movable,
};
pub use signals::{Delivered, signals_deliver};

pub(crate) const COLUMNS: &str = "id, tenant_id, workflow_id, workflow_version, trigger_event, trigger_data, status, outcome, started_at, completed_at,
     duration_ms, result, error, error_stack, retry_count, next_retry_at, wake_at, actions_failed, recoveries, event_id, contact_id,
     submission_id, retry_of, key_execution_id, owner, depth, caused_by, called, created_by, created_at, updated_at";

/// An execution to be run, with all that is needed for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The execution.
    pub execution: Execution,
    /// Its log rows, in order.
    pub journal: Vec<Log>,
}

/// A step that was performed, as far as that can be without the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Performed {
    /// Its row; one without an id yet is new.
    pub log: Log,
    /// What it changes in the tenant's records; whether that is possible decides whether the step completes.
    pub effect: Option<Effect>,
}

/// A step forward, or several that belong together: their rows, their effects, and what follows for the execution; all in one transaction.
#[derive(Clone)]
pub struct Advance {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which execution.
    pub execution: ExecutionId,
    /// Whose hand it was taken up with: a process that was taken over and begins anew goes on with nothing of before, whoever has it by now.
    pub owner: Option<NodeId>,
    /// The newest row of the journal that is written already.
    pub last: LogId,
    /// In order. What comes after an effect that proves impossible is not done: the walk decides anew.
    pub steps: Arc<[Performed]>,
    /// The executions whose end it waits for when it comes to its rest, those apart that are made here: one that has ended by then wakes it at once.
    pub awaits: Vec<ExecutionId>,
    /// What follows from the rows as they are after the effects: the execution's new state, or none when it stays as it is.
    pub follow: Follow,
    /// The places that wait for something from outside, as far as the journal knows, when these steps are written.
    pub waits: Arc<[String]>,
    /// The open wait that these steps begin with ending or reminding of.
    pub touches: Option<String>,
    /// The called execution that these steps begin with waiting for no more, because its time is over.
    pub gives_up: Option<ExecutionId>,
}

/// Decides, inside the transaction, what follows from the steps' outcomes. Pure: it may be asked again when the transaction is.
pub type Follow = Arc<dyn Fn(&[Arc<Log>]) -> Option<Progress> + Send + Sync>;

impl fmt::Debug for Advance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advance")
            .field("execution", &self.execution)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// What became of an advance.
#[derive(Debug, Clone, PartialEq)]
pub enum Advanced {
    /// It is durable.
    Done {
        /// The rows as written.
        logs: Vec<Arc<Log>>,
        /// The execution's new state.
        progress: Option<Box<Progress>>,
    },
    /// The execution had ended or was taken away meanwhile; nothing was written.
    Stale,
    /// What one of its places waits for has come meanwhile, so the journal has to be read anew. A wait or a call that was to be ended was not, and nothing
    /// was written; else the steps were, and the execution goes on instead of waiting.
    Overtaken,
}

impl Together for Advance {
    type Answer = Advanced;

    fn subject(&self) -> i64 {
        self.execution.get()
    }

    fn needs(&self, needs: &mut Needs) {
        needs.executions.push(self.execution);
        needs.effects(self.tenant, &self.steps);
        if self.steps.iter().any(|step| step.effect.is_some()) {
            // What it changes may be an event.
            needs.tenants.insert(self.tenant.get());
        }
    }

    fn run<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, StoreResult<Advanced>> {
        Box::pin(execution_advance(tx, self))
    }
}

/// Writes a step forward.
///
/// # Errors
/// When the database refuses.
pub async fn execution_advance(tx: &mut Tx, advance: &Advance) -> StoreResult<Advanced> {
    let Some(held) = execution_held(tx, advance.tenant, advance.execution).await? else {
        return Ok(Advanced::Stale);
    };
    if held.progress.status.is_terminal()
        || waits(held.progress.status)
        || !tx.owns(held.owner)
        || tx.is_of_another(advance.owner, held.owner)
    {
        return Ok(Advanced::Stale);
    }
    if let Some(path) = &advance.touches
        && !wait_is_open(tx, advance.tenant, advance.execution, path).await?
    {
        return Ok(Advanced::Overtaken);
    }
    if let Some(called) = advance.gives_up {
        tx.hold("workflow_executions", advance.tenant, called.get()).await?;
        if ended_any(tx, advance.tenant, &[called]).await? {
            return Ok(Advanced::Overtaken);
        }
    }
    let origin = EffectOrigin { tenant: advance.tenant, execution: advance.execution, depth: held.depth };
    let mut logs = steps_apply(tx, origin, advance.steps.to_vec()).await?;
    logs_write(tx, &mut logs, advance.last).await?;
    let in_vain = called_in_vain(logs.iter().map(AsRef::as_ref));
    if !in_vain.is_empty() {
        called_cancel(tx, advance.tenant, advance.execution, in_vain).await?;
    }
    let mut progress = (advance.follow)(&logs);
    let will_wait = progress.as_ref().is_some_and(|progress| progress.status == ExecutionStatus::Waiting);
    if will_wait
        && !advance.waits.is_empty()
        && !waits_are_there(tx, advance.tenant, advance.execution, &advance.waits).await?
    {
        return Ok(Advanced::Overtaken);
    }
    if let Some(progress) = &mut progress {
        if progress.status == ExecutionStatus::Waiting
            && !advance.awaits.is_empty()
            && ended_any(tx, advance.tenant, &advance.awaits).await?
        {
            progress.wake_at = Some(tx.now());
        }
        progress_write(tx, &held, progress);
        if progress.status == ExecutionStatus::Failed {
            failure_of(tx, &held, progress).await?;
        }
    }
    Ok(Advanced::Done { logs, progress: progress.map(Box::new) })
}

/// Applies the steps' effects, up to the first that is not possible; answers the rows with what came of each. They are not written yet.
pub(crate) async fn steps_apply(
    tx: &mut Tx,
    origin: EffectOrigin,
    steps: Vec<Performed>,
) -> StoreResult<Vec<Arc<Log>>> {
    let mut logs = Vec::with_capacity(steps.len());
    let mut newest = 0;
    for Performed { mut log, effect } in steps {
        log.created_at = tx.now();
        let has_effect = effect.is_some();
        if let Some(effect) = effect {
            let suspends = effect.suspends();
            // More is to come of it, also when what it called has ended already.
            let is_open = matches!(&effect, Effect::WorkflowRun(run) if run.called == Called::Waits);
            let applied = effect_apply(tx, origin, effect).await?;
            // A place that begins to wait, or ends waiting, says itself where it stands.
            if !suspends || applied.is_err() {
                if suspends {
                    log.resume_at = None;
                }
                log.completed_at = Some(tx.now());
                log.duration_ms = log.started_at.map(|started| tx.now().millis_since(started));
                settle(&mut log, is_open, applied);
            }
        }
        let is_impossible = has_effect && log.status == StepStatus::Failed;
        let known = if log.step_number > newest {
            newest = log.step_number;
            None
        } else {
            // A control step that was opened, or went a round further, within the same transaction.
            logs.iter_mut().find(|known: &&mut Arc<Log>| known.step_number == log.step_number)
        };
        match known {
            Some(known) => *known = Arc::new(log),
            None => logs.push(Arc::new(log)),
        }
        if is_impossible {
            break;
        }
    }
    Ok(logs)
}

/// Writes rows of a journal whose newest one has the id `last`; new ones get their ids.
pub(crate) async fn logs_write(tx: &mut Tx, logs: &mut [Arc<Log>], mut last: LogId) -> StoreResult<()> {
    for log in logs {
        if log.id == UNSAVED {
            log_insert(tx, Arc::make_mut(log), last).await?;
        } else {
            log_finish(tx, log);
        }
        last = last.max(log.id);
    }
    Ok(())
}

/// The id of a log row that is not written yet.
pub const UNSAVED: LogId = LogId::new(0);

fn settle(log: &mut Log, is_open: bool, applied: Result<serde_json::Value, EffectError>) {
    match applied {
        Ok(output) => {
            if is_open {
                log.completed_at = None;
                log.duration_ms = None;
            } else {
                log.status = StepStatus::Completed;
            }
            log.output_data = Some(output.into());
        }
        Err(error) => {
            log.status = StepStatus::Failed;
            log.error = Some(error.to_string());
            // The record may be made, or the value's source mended, by the time of a retry by hand; not by waiting.
            log.retryable = false;
        }
    }
}

/// What a change of an execution needs to know of it, read under the transaction's lock.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) tenant: TenantId,
    pub(crate) id: ExecutionId,
    workflow: WorkflowId,
    depth: u32,
    owner: Option<NodeId>,
    created_at: Timestamp,
    progress: HeldProgress,
    /// Whoever called it and waits for its end.
    pub(crate) awaited_by: Option<ExecutionId>,
}

#[derive(Debug)]
struct HeldProgress {
    status: ExecutionStatus,
    outcome: Option<Outcome>,
    wake_at: Option<Timestamp>,
}

impl Held {
    fn place(&self) -> Place {
        self.place_of(self.progress.status, self.progress.outcome)
    }

    fn place_of(&self, status: ExecutionStatus, outcome: Option<Outcome>) -> Place {
        Place { tenant: self.tenant, workflow: self.workflow, hour: self.created_at.hour(), status, outcome }
    }
}

const HELD: &str = "id, tenant_id, workflow_id, depth, owner, created_at, status, outcome, wake_at, CASE WHEN called = 'waits' THEN caused_by END";

async fn execution_held(tx: &mut Tx, tenant: TenantId, id: ExecutionId) -> StoreResult<Option<Held>> {
    if let Some(held) = tx.held_take(tenant, id) {
        return Ok(Some(held));
    }
    let sql =
        format!("SELECT {HELD} FROM workflow_executions WHERE id = ?1 AND tenant_id = ?2 {{for_update}}");
    tx.query_optional(sql, params![id, tenant]).await?.map(held_of).transpose()
}

/// Reads and locks executions for the operations to come, each of which names its tenant again: in one statement and in one order, so that
/// no two batches wait for each other.
pub(crate) fn executions_question() -> String {
    format!("SELECT {HELD} FROM workflow_executions WHERE id {{among:?1}} ORDER BY id {{for_update}}")
}

pub(crate) fn executions_of(rows: Vec<Row>) -> StoreResult<Vec<Held>> {
    rows.into_iter().map(held_of).collect()
}

/// Reads and locks them at once.
async fn executions_hold(tx: &mut Tx, ids: Vec<i64>) -> StoreResult<()> {
    let rows = tx.query(executions_question(), vec![Value::Ids(ids)]).await?;
    tx.held_keep(executions_of(rows)?);
    Ok(())
}

fn held_of(row: Row) -> StoreResult<Held> {
    let mut row = row.cells();
    Ok(Held {
        id: row.take()?,
        tenant: row.take()?,
        workflow: row.take()?,
        depth: row.take()?,
        owner: row.take()?,
        created_at: row.take()?,
        progress: HeldProgress { status: row.take()?, outcome: row.take()?, wake_at: row.take()? },
        awaited_by: row.take()?,
    })
}

const UPDATE: Later = Later {
    place: 6,
    table: "workflow_executions",
    sql: "WITH now (id, tenant_id, status, outcome, started_at, completed_at, duration_ms, result, error, error_stack, retry_count, next_retry_at,
            wake_at, actions_failed, recoveries, updated_at, owner) AS (
            {rows_to_join:bigint,bigint,text,text,time,time,bigint,json,text,text,bigint,time,time,bigint,bigint,time,bigint})
          UPDATE workflow_executions SET status = now.status, outcome = now.outcome, started_at = now.started_at,
            completed_at = now.completed_at, duration_ms = now.duration_ms, result = now.result, error = now.error,
            error_stack = now.error_stack, retry_count = now.retry_count, next_retry_at = now.next_retry_at, wake_at = now.wake_at,
            actions_failed = now.actions_failed, recoveries = now.recoveries, updated_at = now.updated_at, owner = now.owner
           FROM now WHERE workflow_executions.id = now.id AND workflow_executions.tenant_id = now.tenant_id",
};

fn progress_write(tx: &mut Tx, held: &Held, progress: &Progress) {
    let is_live = matches!(progress.status, ExecutionStatus::Pending | ExecutionStatus::Running);
    let owner = tx.node().filter(|_| is_live);
    let now = tx.now();
    tx.later(
        UPDATE,
        params![
            held.id,
            held.tenant,
            progress.status,
            progress.outcome,
            progress.started_at,
            progress.completed_at,
            progress.duration_ms,
            &progress.result,
            &progress.error,
            &progress.error_stack,
            progress.retry_count,
            progress.next_retry_at,
            progress.wake_at,
            progress.actions_failed,
            progress.recoveries,
            now,
            owner
        ],
    );
    timer_set(tx, held.tenant, held.id, held.progress.wake_at, progress.wake_at);
    moved(tx, held, progress.status, progress.outcome, progress.duration_ms.unwrap_or(0));
    if progress.status.is_terminal() {
        caller_wake(tx, held);
    }
    let fails_now = progress.status == ExecutionStatus::Failed && !held.progress.status.is_terminal();
    if fails_now && progress.retry_count > 0 {
        tx.deltas().retries_exhausted(held.tenant, held.workflow);
    }
}

/// Tells whoever looks after failures of one that has just become final.
async fn failure_of(tx: &mut Tx, held: &Held, progress: &Progress) -> StoreResult<()> {
    let said = (progress.error.as_deref(), progress.error_stack.as_deref());
    failure_tell(tx, (held.tenant, held.id, held.depth), said).await
}

/// Counts a transition, and tells of it.
fn moved(tx: &mut Tx, held: &Held, status: ExecutionStatus, outcome: Option<Outcome>, duration_ms: i64) {
    let to = held.place_of(status, outcome);
    tx.deltas().moved(held.place(), to, duration_ms);
    if status != held.progress.status {
        tx.notice(Notice::ExecutionChanged {
            tenant: held.tenant,
            execution: held.id,
            workflow: held.workflow,
            status,
        });
    }
}

pub(crate) const INSERT: Later = Later {
    place: 1,
    table: "workflow_executions",
    sql: "INSERT INTO workflow_executions (id, tenant_id, workflow_id, workflow_version, trigger_event, trigger_data, status, outcome,
            started_at, completed_at, duration_ms, result, error, error_stack, retry_count, next_retry_at, wake_at, actions_failed, recoveries,
            event_id, contact_id, submission_id, retry_of, key_execution_id, owner, depth, caused_by, called, created_by, created_at, updated_at)
          {rows:bigint,bigint,bigint,bigint,text,json,text,text,time,time,bigint,json,text,text,bigint,time,time,bigint,bigint,bigint,bigint,bigint,bigint,bigint,bigint,bigint,bigint,text,text,time,time}",
};

/// A new execution as a row of [`INSERT`].
pub(crate) fn execution_row(execution: &Execution) -> Vec<Value> {
    let progress = &execution.progress;
    params![
        execution.id,
        execution.tenant_id,
        execution.workflow_id,
        execution.workflow_version,
        &execution.trigger_event,
        &execution.trigger_data,
        progress.status,
        progress.outcome,
        progress.started_at,
        progress.completed_at,
        progress.duration_ms,
        &progress.result,
        &progress.error,
        &progress.error_stack,
        progress.retry_count,
        progress.next_retry_at,
        progress.wake_at,
        progress.actions_failed,
        progress.recoveries,
        execution.event_id,
        execution.contact_id,
        execution.submission_id,
        execution.retry_of,
        execution.key_execution_id,
        execution.owner,
        execution.depth,
        execution.caused_by,
        execution.called,
        execution.created_by,
        execution.created_at,
        execution.updated_at
    ]
}

/// Where an execution is counted.
pub(crate) fn place_of(execution: &Execution) -> Place {
    Place {
        tenant: execution.tenant_id,
        workflow: execution.workflow_id,
        hour: execution.created_at.hour(),
        status: execution.progress.status,
        outcome: execution.progress.outcome,
    }
}

/// Writes a new execution and counts it.
pub(crate) fn execution_insert(tx: &mut Tx, execution: &Execution) {
    let progress = &execution.progress;
    tx.later(INSERT, execution_row(execution));
    timer_set(tx, execution.tenant_id, execution.id, None, progress.wake_at);
    tx.deltas().made(place_of(execution), execution.created_at, progress.duration_ms.unwrap_or(0));
}

/// Lets an execution that waits for its turn be taken in hand by whoever has room.
pub(crate) async fn execution_wake(tx: &mut Tx, tenant: TenantId, id: ExecutionId) -> StoreResult<()> {
    tx.hold("workflow_executions", tenant, id.get()).await?;
    let before = execution_get(tx, tenant, id).await?.progress;
    if before.status == ExecutionStatus::Waiting {
        let pending = Progress { status: ExecutionStatus::Pending, wake_at: None, ..before };
        execution_set_progress(tx, tenant, id, &pending).await?;
        // In nobody's hand: the claim finds it.
        tx.execute(
            "UPDATE workflow_executions SET owner = NULL WHERE id = ?1 AND tenant_id = ?2",
            params![id, tenant],
        )
        .await?;
        tx.notice(Notice::Unowned);
    }
    Ok(())
}

/// Writes a new state of an execution that nobody runs: ends a retry schedule, counts a recovery.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn execution_set_progress(
    tx: &mut Tx,
    tenant: TenantId,
    id: ExecutionId,
    progress: &Progress,
) -> StoreResult<()> {
    let held = execution_held(tx, tenant, id).await?.ok_or_else(|| missing(id))?;
    progress_write(tx, &held, progress);
    if progress.status.is_terminal() {
        waits_end(tx, tenant, id).await?;
    }
    Ok(())
}

/// Makes an execution by hand (a retry, a run), with log rows carried over, and hands it to the engine.
///
/// # Errors
/// When the database refuses.
pub async fn execution_make(
    tx: &mut Tx,
    mut execution: Execution,
    carried: Vec<Log>,
) -> StoreResult<Execution> {
    let id = ExecutionId::new(tx.id(IdKind::Execution).await?);
    let now = tx.now();
    if execution.key_execution_id == OWN_KEYS {
        execution.key_execution_id = id;
    }
    execution.id = id;
    execution.owner = None;
    execution.created_at = now;
    execution.updated_at = now;
    execution_insert(tx, &execution);
    let mut last = UNSAVED;
    for mut log in carried {
        log.tenant_id = execution.tenant_id;
        log.execution_id = id;
        log.created_at = now;
        log_insert(tx, &mut log, last).await?;
        last = log.id;
    }
    if !execution.progress.status.is_terminal() {
        // Whoever has room takes it: one path for what people start and what a node left behind.
        tx.notice(Notice::Unowned);
    }
    Ok(execution)
}

/// The key execution of one that uses idempotency keys of its own.
pub const OWN_KEYS: ExecutionId = ExecutionId::new(0);

/// One execution.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn execution_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: ExecutionId,
) -> StoreResult<Execution> {
    let sql = format!("SELECT {COLUMNS} FROM workflow_executions WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?.ok_or_else(|| missing(id))?;
    execution_of(row)
}

/// As [`execution_load`], held to the end of the transaction: nobody ends it in between.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn execution_hold(tx: &mut Tx, tenant: TenantId, id: ExecutionId) -> StoreResult<Started> {
    tx.hold("workflow_executions", tenant, id.get()).await?;
    execution_load(tx, tenant, id).await
}

/// One execution with its whole journal: what a run resumes from.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn execution_load(
    connection: &mut Connection,
    tenant: TenantId,
    id: ExecutionId,
) -> StoreResult<Started> {
    let execution = execution_get(connection, tenant, id).await?;
    let journal = log_all(connection, tenant, id).await?;
    Ok(Started { execution, journal })
}

/// The live execution that retries this one, if there is one.
///
/// # Errors
/// When the database refuses.
pub async fn execution_live_retry(
    connection: &mut Connection,
    tenant: TenantId,
    id: ExecutionId,
) -> StoreResult<Option<ExecutionId>> {
    let row = connection
        .query_optional(
            "SELECT id FROM workflow_executions WHERE retry_of = ?1 AND tenant_id = ?2
                AND status IN ('pending', 'running', 'waiting', 'retrying') ORDER BY id LIMIT 1",
            params![id, tenant],
        )
        .await?;
    row.map(Row::first).transpose()
}

/// Removes an ended execution with its log.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Conflict`] while it is live.
pub async fn execution_delete(tx: &mut Tx, tenant: TenantId, id: ExecutionId) -> StoreResult<()> {
    let held = execution_held(tx, tenant, id).await?.ok_or_else(|| missing(id))?;
    if !held.progress.status.is_terminal() {
        return Err(StoreError::conflict(
            "execution_live",
            format!("execution {id} is {}: cancel it before deleting it", held.progress.status),
        ));
    }
    // The table's trigger keeps the lists' totals and takes the timer away.
    tx.execute("DELETE FROM workflow_executions WHERE id = ?1 AND tenant_id = ?2", params![id, tenant])
        .await
        .map(drop)
}

fn missing(id: ExecutionId) -> StoreError {
    StoreError::missing(format!("execution {id}"))
}

pub(crate) fn execution_of(row: Row) -> StoreResult<Execution> {
    execution_from(&mut row.cells())
}

pub(crate) fn execution_from(row: &mut crate::database::Cells) -> StoreResult<Execution> {
    Ok(Execution {
        id: row.take()?,
        tenant_id: row.take()?,
        workflow_id: row.take()?,
        workflow_version: row.take()?,
        trigger_event: row.take()?,
        trigger_data: row.take::<Option<Document>>()?.unwrap_or_default(),
        progress: Progress {
            status: row.take()?,
            outcome: row.take()?,
            started_at: row.take()?,
            completed_at: row.take()?,
            duration_ms: row.take()?,
            result: row.take()?,
            error: row.take()?,
            error_stack: row.take()?,
            retry_count: row.take()?,
            next_retry_at: row.take()?,
            wake_at: row.take()?,
            actions_failed: row.take()?,
            recoveries: row.take()?,
        },
        event_id: row.take()?,
        contact_id: row.take()?,
        submission_id: row.take()?,
        retry_of: row.take()?,
        key_execution_id: row.take()?,
        owner: row.take()?,
        depth: row.take()?,
        caused_by: row.take()?,
        called: row.take()?,
        created_by: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}
