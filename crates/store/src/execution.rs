//! Executions: made with their event, advanced step by step, read back in lists.

mod claim;

use std::fmt;

use futures_util::future::BoxFuture;
use model::{
    ExecutionId, ExecutionStatus, LogId, NodeId, Outcome, StepStatus, TenantId, Timestamp, WorkflowId,
    effect::{Effect, EffectError},
    execution::{Execution, Progress},
    journal::Log,
};

use crate::{
    Connection, StoreError, StoreResult, Tx,
    database::{Later, Row, Value},
    effect::{EffectOrigin, effect_apply, effect_changes},
    ids::IdKind,
    journal::{log_all, log_finish, log_insert},
    params,
    rollup::Place,
    timer::{timer_set, waits},
    writer::{Needs, Notice, Together},
};

pub(crate) use claim::{executions_claim, executions_wake};

pub(crate) const COLUMNS: &str = "id, tenant_id, workflow_id, workflow_version, trigger_event, trigger_data, status, outcome, started_at, completed_at,
     duration_ms, result, error, error_stack, retry_count, next_retry_at, wake_at, actions_failed, recoveries, event_id, contact_id,
     submission_id, retry_of, key_execution_id, owner, depth, created_by, created_at, updated_at";

/// An execution to be run, with all that is needed for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The execution.
    pub execution: Execution,
    /// Its log rows, in order.
    pub journal: Vec<Log>,
}

/// A step forward: log rows, perhaps an effect, and what follows for the execution; all in one transaction.
pub struct Advance {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which execution.
    pub execution: ExecutionId,
    /// The newest row of the journal that is written already.
    pub last: LogId,
    /// Rows to write; those without an id yet are new. The last one is the effect's, when there is one.
    pub logs: Vec<Log>,
    /// What the last row's step changes in the tenant's records.
    pub effect: Option<Effect>,
    /// What follows from the rows as they are after the effect: the execution's new state, or none when it stays as it is.
    pub follow: Follow,
}

/// Decides, inside the transaction, what follows from a step's outcome. Pure: it may be asked again when the transaction is.
pub type Follow = Box<dyn Fn(&[Log]) -> Option<Progress> + Send + Sync>;

impl fmt::Debug for Advance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advance")
            .field("execution", &self.execution)
            .field("logs", &self.logs)
            .finish_non_exhaustive()
    }
}

/// What became of an advance.
#[derive(Debug, Clone, PartialEq)]
pub enum Advanced {
    /// It is durable.
    Done {
        /// The rows as written.
        logs: Vec<Log>,
        /// The execution's new state.
        progress: Option<Box<Progress>>,
    },
    /// The execution had ended or was taken away meanwhile; nothing was written.
    Stale,
}

impl Together for Advance {
    type Answer = Advanced;

    fn needs(&self, needs: &mut Needs) {
        needs.executions.push(self.execution);
        if let Some((table, id)) = self.effect.as_ref().and_then(effect_changes) {
            needs.records.entry(table).or_default().insert(id);
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
    if held.progress.status.is_terminal() || waits(held.progress.status) || !tx.owns(held.owner) {
        return Ok(Advanced::Stale);
    }
    let mut logs = advance.logs.clone();
    if let Some(effect) = &advance.effect {
        let origin = EffectOrigin { tenant: advance.tenant, execution: advance.execution, depth: held.depth };
        let applied = effect_apply(tx, origin, effect.clone()).await?;
        let now = tx.now();
        if let Some(log) = logs.last_mut() {
            log.completed_at = Some(now);
            log.duration_ms = log.started_at.map(|started| now.millis_since(started));
            settle(log, applied);
        }
    }
    let mut last = advance.last;
    for log in &mut logs {
        log.created_at = tx.now();
        if log.id == UNSAVED {
            log_insert(tx, log, last).await?;
        } else {
            log_finish(tx, log);
        }
        last = last.max(log.id);
    }
    let progress = (advance.follow)(&logs);
    if let Some(progress) = &progress {
        progress_write(tx, &held, progress);
    }
    Ok(Advanced::Done { logs, progress: progress.map(Box::new) })
}

/// The id of a log row that is not written yet.
pub const UNSAVED: LogId = LogId::new(0);

fn settle(log: &mut Log, applied: Result<serde_json::Value, EffectError>) {
    match applied {
        Ok(output) => {
            log.status = StepStatus::Completed;
            log.output_data = Some(output);
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

const HELD: &str = "id, tenant_id, workflow_id, depth, owner, created_at, status, outcome, wake_at";

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
pub(crate) async fn executions_hold(tx: &mut Tx, ids: Vec<i64>) -> StoreResult<()> {
    let sql =
        format!("SELECT {HELD} FROM workflow_executions WHERE id {{among:?1}} ORDER BY id {{for_update}}");
    let rows = tx.query(sql, vec![Value::Ids(ids)]).await?;
    let held = rows.into_iter().map(held_of).collect::<StoreResult<Vec<_>>>()?;
    tx.held_keep(held);
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
    })
}

const UPDATE: Later = Later {
    place: 6,
    table: "workflow_executions",
    sql: "WITH now (id, tenant_id, status, outcome, started_at, completed_at, duration_ms, result, error, error_stack, retry_count, next_retry_at,
            wake_at, actions_failed, recoveries, updated_at, owner) AS (
            {rows:bigint,bigint,text,text,time,time,bigint,json,text,text,bigint,time,time,bigint,bigint,time,bigint})
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

const INSERT: Later = Later {
    place: 1,
    table: "workflow_executions",
    sql: "INSERT INTO workflow_executions (id, tenant_id, workflow_id, workflow_version, trigger_event, trigger_data, status, outcome,
            started_at, completed_at, duration_ms, result, error, error_stack, retry_count, next_retry_at, wake_at, actions_failed, recoveries,
            event_id, contact_id, submission_id, retry_of, key_execution_id, owner, depth, created_by, created_at, updated_at)
          {rows:bigint,bigint,bigint,bigint,text,json,text,text,time,time,bigint,json,text,text,bigint,time,time,bigint,bigint,bigint,bigint,bigint,bigint,bigint,bigint,bigint,text,time,time}",
};

/// Writes a new execution and counts it.
pub(crate) fn execution_insert(tx: &mut Tx, execution: &Execution) {
    let progress = &execution.progress;
    tx.later(
        INSERT,
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
            execution.created_by,
            execution.created_at,
            execution.updated_at
        ],
    );
    timer_set(tx, execution.tenant_id, execution.id, None, progress.wake_at);
    let place = Place {
        tenant: execution.tenant_id,
        workflow: execution.workflow_id,
        hour: execution.created_at.hour(),
        status: progress.status,
        outcome: progress.outcome,
    };
    tx.deltas().made(place, execution.created_at);
}

/// Says how a cancelled execution ends: the row of what was under way, and the result so far. Pure.
pub type Conclude = Box<dyn FnOnce(&Execution, &[Log], Timestamp) -> (Option<Log>, serde_json::Value) + Send>;

/// Ends an execution by hand. The one step in flight may still have its effect outside; what comes of it is not recorded any more.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Conflict`] when it has ended already.
pub async fn execution_cancel(
    tx: &mut Tx,
    tenant: TenantId,
    id: ExecutionId,
    reason: &str,
    conclude: Conclude,
) -> StoreResult<Execution> {
    let held = execution_held(tx, tenant, id).await?.ok_or_else(|| missing(id))?;
    if held.progress.status.is_terminal() {
        return Err(StoreError::conflict(
            "execution_ended",
            format!(
                "execution {id} is {} already: only one that has not ended can be cancelled",
                held.progress.status
            ),
        ));
    }
    let execution = execution_get(tx, tenant, id).await?;
    let mut logs = log_all(tx, tenant, id).await?;
    let now = tx.now();
    for log in logs.iter_mut().filter(|log| log.status == StepStatus::Running) {
        log.status = StepStatus::Skipped;
        log.error = Some(reason.to_owned());
        log.completed_at = Some(now);
        log_finish(tx, log);
    }
    let last = logs.last().map_or(UNSAVED, |log| log.id);
    let (under_way, result) = conclude(&execution, &logs, now);
    if let Some(mut log) = under_way {
        log_insert(tx, &mut log, last).await?;
    }
    let progress = Progress {
        status: ExecutionStatus::Cancelled,
        completed_at: Some(now),
        result: Some(result),
        error: Some(reason.to_owned()),
        wake_at: None,
        next_retry_at: None,
        ..execution.progress.clone()
    };
    progress_write(tx, &held, &progress);
    Ok(Execution { progress, ..execution })
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
    Ok(())
}

/// Fails an execution that cannot be run at all; one that has ended stays as it is.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn execution_fail(tx: &mut Tx, tenant: TenantId, id: ExecutionId, error: &str) -> StoreResult<()> {
    let before = execution_get(tx, tenant, id).await?.progress;
    if before.status.is_terminal() {
        return Ok(());
    }
    let failed = Progress {
        status: ExecutionStatus::Failed,
        completed_at: Some(tx.now()),
        error: Some(error.to_owned()),
        error_stack: Some(error.to_owned()),
        next_retry_at: None,
        wake_at: None,
        ..before
    };
    execution_set_progress(tx, tenant, id, &failed).await
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
        trigger_data: row.take::<Option<serde_json::Value>>()?.unwrap_or_default(),
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
        created_by: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}
