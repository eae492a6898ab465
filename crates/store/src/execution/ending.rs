//! Executions that end before their steps have led to an end: cancelled by hand, ended by a rule, failed because they cannot be run.

use model::{
    ExecutionId, ExecutionStatus, StepStatus, TenantId, Timestamp,
    execution::{Execution, Progress},
    journal::Log,
};

use super::{Held, UNSAVED, execution_get, execution_held, failure_of, missing, progress_write};
use crate::{
    StoreError, StoreResult, Tx,
    call::{called_cancel, called_in_vain, conclusion},
    journal::{log_all, log_finish, log_insert},
    waiting::waits_end,
};

/// Says how a cancelled execution ends: the row of what was under way, and the result so far. Pure.
pub type Conclude = Box<dyn FnOnce(&Execution, &[Log], Timestamp) -> (Option<Log>, serde_json::Value) + Send>;

/// Ends an execution by hand, and those that it has called and waits for. The one step in flight may still have its effect outside; what comes of it is not recorded any more.
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
    end_early(tx, &held, ExecutionStatus::Cancelled, reason, conclude).await
}

/// Ends an execution before its steps have led to an end, and those that it has called and waits for.
async fn end_early(
    tx: &mut Tx,
    held: &Held,
    status: ExecutionStatus,
    reason: &str,
    conclude: Conclude,
) -> StoreResult<Execution> {
    let (tenant, id) = (held.tenant, held.id);
    let execution = execution_get(tx, tenant, id).await?;
    let mut logs = log_all(tx, tenant, id).await?;
    let now = tx.now();
    // A wait, or a call that was put off.
    let mut in_vain = Vec::new();
    for log in logs.iter_mut().filter(|log| log.is_open()) {
        log.status = StepStatus::Skipped;
        log.error = Some(reason.to_owned());
        log.completed_at = Some(now);
        log_finish(tx, log);
        in_vain.extend(called_in_vain([&*log]));
    }
    let last = logs.last().map_or(UNSAVED, |log| log.id);
    let (under_way, mut result) = conclude(&execution, &logs, now);
    if let Some(mut log) = under_way {
        log_insert(tx, &mut log, last).await?;
    }
    waits_end(tx, tenant, id).await?;
    let is_cancelled = status == ExecutionStatus::Cancelled;
    if !is_cancelled {
        result["stopped"] = serde_json::json!(reason);
    }
    let error = is_cancelled.then(|| reason.to_owned());
    let error_stack = execution.progress.error_stack.clone().filter(|_| is_cancelled);
    let progress = Progress {
        status,
        completed_at: Some(now),
        result: Some(result),
        error,
        error_stack,
        wake_at: None,
        next_retry_at: None,
        ..execution.progress.clone()
    };
    progress_write(tx, held, &progress);
    called_cancel(tx, tenant, id, in_vain).await?;
    Ok(Execution { progress, ..execution })
}

/// Ends an execution because a rule says so: a goal is met, a newer run takes its place. What has ended already stays as it is.
pub(crate) async fn execution_end(
    tx: &mut Tx,
    tenant: TenantId,
    id: ExecutionId,
    status: ExecutionStatus,
    reason: &str,
) -> StoreResult<()> {
    let Some(held) = execution_held(tx, tenant, id).await? else { return Ok(()) };
    if held.progress.status.is_terminal() {
        return Ok(());
    }
    let execution = execution_get(tx, tenant, id).await?;
    let conclude = conclusion(tx, tenant, &execution).await;
    end_early(tx, &held, status, reason, conclude).await.map(drop)
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
    let held = execution_held(tx, tenant, id).await?.ok_or_else(|| missing(id))?;
    progress_write(tx, &held, &failed);
    failure_of(tx, &held, &failed).await
}
