//! When the clock starts workflows: one row for each active one that has a next time.
//!
//! The row is kept by every change of its workflow, in that transaction. Whoever starts a workflow moves the row on from
//! the time that he saw, in the transaction that makes the execution: of several nodes one finds it unmoved, and a version that was
//! published meanwhile has another row. So each time is taken once, and none twice after a crash.

use model::{TenantId, Timestamp, WorkflowId, event::SCHEDULE, workflow::Workflow};

use crate::{
    Connection, StoreResult, Tx, params, tenant::settings_get, workflow::workflow_recall, writer::Notice,
};

/// A time that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// Which version of it.
    pub version: i64,
    /// When.
    pub due_at: Timestamp,
    /// By records' dates: until when they were looked at, this time included.
    pub looked_until: Option<Timestamp>,
    /// The workflow is active; a program that knows no schedules may have switched it off.
    pub is_active: bool,
}

/// The times that have come, the longest past first.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_due_list(
    connection: &mut Connection,
    now: Timestamp,
    limit: i64,
) -> StoreResult<Vec<Tick>> {
    // Of every tenant: time passes for all.
    let rows = connection
        .query(
            "SELECT s.tenant_id, s.workflow_id, s.version, s.due_at, s.looked_until,
                    w.is_active AND w.archived_at IS NULL AND w.published_version = s.version
               FROM workflow_schedules s JOIN workflows w ON w.id = s.workflow_id
              WHERE s.due_at <= ?1 ORDER BY s.due_at, s.workflow_id LIMIT ?2",
            params![now, limit],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(Tick {
                tenant: row.take()?,
                workflow: row.take()?,
                version: row.take()?,
                due_at: row.take()?,
                looked_until: row.take()?,
                is_active: row.take()?,
            })
        })
        .collect()
}

/// Moves a workflow on to its next time; without one it has no row any more. False: somebody else has, or the workflow was changed.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_advance(tx: &mut Tx, tick: &Tick, next: Option<Timestamp>) -> StoreResult<bool> {
    schedule_look(tx, tick, next, tick.looked_until).await
}

/// As [`schedule_advance`], of a workflow that goes by records' dates, which have been looked at until an instant.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_look(
    tx: &mut Tx,
    tick: &Tick,
    next: Option<Timestamp>,
    looked_until: Option<Timestamp>,
) -> StoreResult<bool> {
    let Tick { tenant, workflow, version, due_at, .. } = *tick;
    let moved = match next {
        Some(next) => {
            tx.execute(
                "UPDATE workflow_schedules SET due_at = ?1, looked_until = ?6
                  WHERE workflow_id = ?2 AND tenant_id = ?3 AND version = ?4 AND due_at = ?5",
                params![next, workflow, tenant, version, due_at, looked_until],
            )
            .await?
        }
        None => {
            tx.execute(
                "DELETE FROM workflow_schedules WHERE workflow_id = ?1 AND tenant_id = ?2 AND version = ?3 AND due_at = ?4",
                params![workflow, tenant, version, due_at],
            )
            .await?
        }
    };
    if let Some(next) = next.filter(|_| moved > 0) {
        tx.notice(Notice::TimerSet(next));
    }
    Ok(moved > 0)
}

/// Gives an active workflow a row when it has none.
///
/// # Errors
/// When the database refuses.
pub async fn schedule_adopt(tx: &mut Tx, tick: &Tick) -> StoreResult<()> {
    let Tick { tenant, workflow, version, due_at, .. } = *tick;
    let now = tx.now();
    tx.execute(
        "INSERT INTO workflow_schedules (workflow_id, tenant_id, version, due_at, looked_until)
         SELECT id, tenant_id, published_version, ?1, ?6 FROM workflows
          WHERE id = ?2 AND tenant_id = ?3 AND published_version = ?4 AND is_active = ?5 AND archived_at IS NULL
         ON CONFLICT (workflow_id) DO NOTHING",
        params![due_at, workflow, tenant, version, true, now],
    )
    .await
    .map(drop)
}

/// Makes the row say what a workflow now says. One whose trigger is as it was keeps its next time, also when that has just come.
pub(crate) async fn schedule_keep(
    tx: &mut Tx,
    before: Option<&Workflow>,
    workflow: &Workflow,
) -> StoreResult<()> {
    let runs = |workflow: &Workflow| {
        workflow.definition.trigger_event == SCHEDULE
            && workflow.is_active
            && workflow.published_version > 0
            && workflow.archived_at.is_none()
    };
    let ran = before.filter(|before| runs(before));
    if !runs(workflow) && ran.is_none() {
        return Ok(());
    }
    let (tenant, id) = (workflow.tenant_id, workflow.id);
    let same =
        ran.is_some_and(|before| before.definition.trigger_config == workflow.definition.trigger_config);
    if runs(workflow) && same {
        return tx
            .execute(
                "UPDATE workflow_schedules SET version = ?1 WHERE workflow_id = ?2 AND tenant_id = ?3",
                params![workflow.published_version, id, tenant],
            )
            .await
            .map(drop);
    }
    tx.execute(
        "DELETE FROM workflow_schedules WHERE workflow_id = ?1 AND tenant_id = ?2",
        params![id, tenant],
    )
    .await?;
    let hooks = tx.hooks();
    let Some(matcher) = hooks.matcher.get().filter(|_| runs(workflow)) else { return Ok(()) };
    let zone = settings_get(tx, tenant).await?.settings.time_zone;
    let now = tx.now();
    if let Some(due_at) = matcher.next_tick(&workflow.definition, now, &zone) {
        tx.execute(
            "INSERT INTO workflow_schedules (workflow_id, tenant_id, version, due_at, looked_until) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![id, tenant, workflow.published_version, due_at, now],
        )
        .await?;
        tx.notice(Notice::TimerSet(due_at));
    }
    Ok(())
}

/// Gives the schedules of a tenant their next times by another time zone. A time that has come already is taken as it was.
pub(crate) async fn schedules_move(tx: &mut Tx, tenant: TenantId, zone: &str) -> StoreResult<()> {
    let hooks = tx.hooks();
    let Some(matcher) = hooks.matcher.get() else { return Ok(()) };
    let now = tx.now();
    let sql = "SELECT workflow_id FROM workflow_schedules WHERE tenant_id = ?1 AND due_at > ?2 ORDER BY workflow_id";
    for row in tx.query(sql, params![tenant, now]).await? {
        let id: WorkflowId = row.first()?;
        let workflow = workflow_recall(tx, tenant, id).await?;
        let Some(due_at) = matcher.next_tick(&workflow.definition, now, zone) else { continue };
        tx.execute(
            "UPDATE workflow_schedules SET due_at = ?1 WHERE workflow_id = ?2 AND tenant_id = ?3 AND due_at > ?4",
            params![due_at, id, tenant, now],
        )
        .await?;
        tx.notice(Notice::TimerSet(due_at));
    }
    Ok(())
}
