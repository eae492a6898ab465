//! Executions: made with their event, advanced step by step, read back in lists.

use std::fmt;

use model::{
    ExecutionId, ExecutionStatus, LogId, NodeId, Outcome, StepStatus, TenantId, Timestamp, WorkflowId,
    effect::{Effect, EffectError},
    execution::{Execution, Progress},
    journal::Log,
};

use crate::{
    Connection, StoreError, StoreResult, Tx,
    database::Row,
    effect::{EffectOrigin, effect_apply},
    journal::{log_all, log_finish, log_insert},
    params,
    rollup::Place,
    timer::{timer_set, waits},
    tx::IdKind,
    writer::Notice,
};

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
    /// Rows to write; those without an id yet are new. The last one is the effect's, when there is one.
    pub logs: Vec<Log>,
    /// What the last row's step changes in the tenant's records.
    pub effect: Option<Effect>,
    /// What follows from the rows as they are after the effect: the execution's new state, or none when it stays as it is.
    pub follow: Follow,
}

/// Decides, inside the transaction, what follows from a step's outcome. Pure.
pub type Follow = Box<dyn FnOnce(&[Log]) -> Option<Progress> + Send>;

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

/// Writes a step forward.
///
/// # Errors
/// When the database refuses.
pub async fn execution_advance(tx: &mut Tx, advance: Advance) -> StoreResult<Advanced> {
    let Some(held) = execution_held(tx, advance.tenant, advance.execution).await? else {
        return Ok(Advanced::Stale);
    };
    if held.progress.status.is_terminal() || waits(held.progress.status) || held.owner != tx.node() {
        return Ok(Advanced::Stale);
    }
    let mut logs = advance.logs;
    if let Some(effect) = advance.effect {
        let origin = EffectOrigin { tenant: advance.tenant, execution: advance.execution, depth: held.depth };
        let applied = effect_apply(tx, origin, effect).await?;
        let now = tx.now();
        if let Some(log) = logs.last_mut() {
            log.completed_at = Some(now);
            log.duration_ms = log.started_at.map(|started| now.millis_since(started));
            settle(log, applied);
        }
    }
    for log in &mut logs {
        log.created_at = tx.now();
        if log.id == UNSAVED { log_insert(tx, log).await? } else { log_finish(tx, log).await? }
    }
    let progress = (advance.follow)(&logs);
    if let Some(progress) = &progress {
        progress_write(tx, &held, progress).await?;
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
struct Held {
    tenant: TenantId,
    id: ExecutionId,
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

async fn execution_held(tx: &mut Tx, tenant: TenantId, id: ExecutionId) -> StoreResult<Option<Held>> {
    let row = tx
        .query_optional(
            "SELECT workflow_id, depth, owner, created_at, status, outcome, wake_at FROM workflow_executions WHERE id = ?1 AND tenant_id = ?2 {for_update}",
            params![id, tenant],
        )
        .await?;
    row.map(|row| {
        let mut row = row.cells();
        Ok(Held {
            tenant,
            id,
            workflow: row.take()?,
            depth: row.take()?,
            owner: row.take()?,
            created_at: row.take()?,
            progress: HeldProgress { status: row.take()?, outcome: row.take()?, wake_at: row.take()? },
        })
    })
    .transpose()
}

async fn progress_write(tx: &mut Tx, held: &Held, progress: &Progress) -> StoreResult<()> {
    let now = tx.now();
    let is_live = matches!(progress.status, ExecutionStatus::Pending | ExecutionStatus::Running);
    let owner = tx.node().filter(|_| is_live);
    tx.execute(
        "UPDATE workflow_executions SET status = ?1, outcome = ?2, started_at = ?3, completed_at = ?4, duration_ms = ?5, result = ?6, error = ?7,
            error_stack = ?8, retry_count = ?9, next_retry_at = ?10, wake_at = ?11, actions_failed = ?12, recoveries = ?13, updated_at = ?14,
            owner = ?15 WHERE id = ?16 AND tenant_id = ?17",
        params![
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
            owner,
            held.id,
            held.tenant
        ],
    )
    .await?;
    timer_set(tx, held.tenant, held.id, held.progress.wake_at, progress.wake_at).await?;
    let to = held.place_of(progress.status, progress.outcome);
    tx.deltas().moved(held.place(), to, progress.duration_ms.unwrap_or(0));
    if progress.status != held.progress.status {
        tx.notice(Notice::ExecutionChanged {
            tenant: held.tenant,
            execution: held.id,
            workflow: held.workflow,
            status: progress.status,
        });
    }
    Ok(())
}

/// Writes a new execution and counts it.
pub(crate) async fn execution_insert(tx: &mut Tx, execution: &Execution) -> StoreResult<()> {
    let progress = &execution.progress;
    tx.execute(
        "INSERT INTO workflow_executions (id, tenant_id, workflow_id, workflow_version, trigger_event, trigger_data, status, outcome,
            started_at, completed_at, duration_ms, result, error, error_stack, retry_count, next_retry_at, wake_at, actions_failed, recoveries,
            event_id, contact_id, submission_id, retry_of, key_execution_id, owner, depth, created_by, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29)",
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
    )
    .await?;
    timer_set(tx, execution.tenant_id, execution.id, None, progress.wake_at).await?;
    let place = Place {
        tenant: execution.tenant_id,
        workflow: execution.workflow_id,
        hour: execution.created_at.hour(),
        status: progress.status,
        outcome: progress.outcome,
    };
    tx.deltas().made(place, execution.created_at);
    Ok(())
}

/// Makes an execution that waited run again; the notice hands it to the engine.
pub(crate) async fn execution_resume(tx: &mut Tx, tenant: TenantId, id: ExecutionId) -> StoreResult<()> {
    let Some(held) = execution_held(tx, tenant, id).await? else { return Ok(()) };
    if !waits(held.progress.status) {
        // A timer without a waiting execution is a leftover: take it away, touch nothing else.
        return timer_set(tx, tenant, id, held.progress.wake_at, None).await;
    }
    let execution = execution_get(tx, tenant, id).await?;
    let progress = Progress {
        status: ExecutionStatus::Running,
        wake_at: None,
        next_retry_at: None,
        ..execution.progress.clone()
    };
    progress_write(tx, &held, &progress).await?;
    let journal = log_all(tx, tenant, id).await?;
    let owner = tx.node();
    tx.notice(Notice::Started(Box::new(Started {
        execution: Execution { progress, owner, ..execution },
        journal,
    })));
    Ok(())
}

/// Makes an execution this node's own, with a new state; the notice hands it to the engine.
pub(crate) async fn execution_adopt(tx: &mut Tx, started: Started, progress: Progress) -> StoreResult<()> {
    let Started { execution, journal } = started;
    let (tenant, id) = (execution.tenant_id, execution.id);
    let Some(held) = execution_held(tx, tenant, id).await? else { return Ok(()) };
    progress_write(tx, &held, &progress).await?;
    if !progress.status.is_terminal() {
        let owner = tx.node();
        tx.notice(Notice::Started(Box::new(Started {
            execution: Execution { progress, owner, ..execution },
            journal,
        })));
    }
    Ok(())
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
        log_finish(tx, log).await?;
    }
    let (under_way, result) = conclude(&execution, &logs, now);
    if let Some(mut log) = under_way {
        log_insert(tx, &mut log).await?;
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
    progress_write(tx, &held, &progress).await?;
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
    progress_write(tx, &held, progress).await
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
    execution_insert(tx, &execution).await?;
    for mut log in carried {
        log.tenant_id = execution.tenant_id;
        log.execution_id = id;
        log.created_at = now;
        log_insert(tx, &mut log).await?;
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
