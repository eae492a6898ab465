//! Executions that end before their steps have led to an end: cancelled by hand, ended by a rule, failed because they cannot be run.
//!
//! However that comes, it is done in one way ([`end_early`]), so that nothing is left behind: what is open in the journal is put away, what it waits
//! for is forgotten, what it has called and waits for ends with it.

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
    end_early(tx, &held, Early::Cancelled, reason, conclude).await
}

/// Behind the reason why a step was put away that was under way outside.
pub const PERHAPS_DONE: &str = "; what it does outside may have happened";

/// How an execution ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Early {
    /// It was not to go on.
    Cancelled,
    /// It has no more to do.
    Completed,
    /// It cannot go on.
    Failed,
    /// It had failed and waited for its own retry, and somebody retries it by hand: it failed as it says already, and that is told of by the retry.
    Retried,
}

impl Early {
    const fn status(self) -> ExecutionStatus {
        match self {
            Self::Cancelled => ExecutionStatus::Cancelled,
            Self::Completed => ExecutionStatus::Completed,
            Self::Failed | Self::Retried => ExecutionStatus::Failed,
        }
    }
}

/// Ends an execution before its steps have led to an end, and those that it has called and waits for.
async fn end_early(
    tx: &mut Tx,
    held: &Held,
    early: Early,
    reason: &str,
    conclude: Conclude,
) -> StoreResult<Execution> {
    let (tenant, id) = (held.tenant, held.id);
    let execution = execution_get(tx, tenant, id).await?;
    let mut logs = log_all(tx, tenant, id).await?;
    let now = tx.now();
    let last = logs.last().map_or(UNSAVED, |log| log.id);
    let (under_way, mut result) = conclude(&execution, &logs, now);
    // A wait, a call that was put off, or one that is under way beside others.
    let mut in_vain = Vec::new();
    for log in logs.iter_mut().filter(|log| log.is_open()) {
        let perhaps_done = if log.is_under_way() { PERHAPS_DONE } else { "" };
        log.status = StepStatus::Skipped;
        log.error = Some(format!("{reason}{perhaps_done}"));
        log.completed_at = Some(now);
        log_finish(tx, log);
        in_vain.extend(called_in_vain([&*log]));
    }
    if let Some(mut log) = under_way {
        log_insert(tx, &mut log, last).await?;
    }
    waits_end(tx, tenant, id).await?;
    let before = execution.progress.clone();
    let (error, error_stack) = match early {
        Early::Cancelled => (Some(reason.to_owned()), before.error_stack.clone()),
        Early::Completed => {
            result["stopped"] = serde_json::json!(reason);
            (None, None)
        }
        Early::Failed => (Some(reason.to_owned()), Some(reason.to_owned())),
        Early::Retried => (before.error.clone(), before.error_stack.clone()),
    };
    let progress = Progress {
        status: early.status(),
        completed_at: Some(now),
        result: Some(result).filter(|result| !result.is_null()),
        error,
        error_stack,
        wake_at: None,
        next_retry_at: None,
        ..before
    };
    progress_write(tx, held, &progress);
    if early == Early::Failed {
        failure_of(tx, held, &progress).await?;
    }
    called_cancel(tx, tenant, id, in_vain).await?;
    Ok(Execution { progress, ..execution })
}

/// As [`end_early`]; how it is left is found by the version that it runs.
pub(super) async fn held_end(tx: &mut Tx, held: &Held, early: Early, reason: &str) -> StoreResult<()> {
    let execution = execution_get(tx, held.tenant, held.id).await?;
    let conclude = conclusion(tx, held.tenant, &execution).await;
    end_early(tx, held, early, reason, conclude).await.map(drop)
}

/// Ends an execution because a rule says so: a goal is met, a newer run takes its place. What has ended already stays as it is.
pub(crate) async fn execution_end(
    tx: &mut Tx,
    tenant: TenantId,
    id: ExecutionId,
    early: Early,
    reason: &str,
) -> StoreResult<()> {
    match execution_held(tx, tenant, id).await? {
        Some(held) if !held.progress.status.is_terminal() => held_end(tx, &held, early, reason).await,
        Some(_) | None => Ok(()),
    }
}

/// Fails an execution that cannot be run at all; one that has ended, or is gone, stays as it is.
///
/// # Errors
/// When the database refuses.
pub async fn execution_fail(tx: &mut Tx, tenant: TenantId, id: ExecutionId, error: &str) -> StoreResult<()> {
    execution_end(tx, tenant, id, Early::Failed, error).await
}

/// Clears the schedule of an execution that somebody retries by hand before its own retry comes; any other stays as it is.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn execution_retire(tx: &mut Tx, tenant: TenantId, id: ExecutionId) -> StoreResult<()> {
    let held = execution_held(tx, tenant, id).await?.ok_or_else(|| missing(id))?;
    if held.progress.status != ExecutionStatus::Retrying {
        return Ok(());
    }
    held_end(tx, &held, Early::Retried, "put away: somebody retried the run by hand").await
}
