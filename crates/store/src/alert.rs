//! Alerts: their rows, what they are measured by, and the mails and webhooks that tell of them.
//!
//! Nothing is counted for alerts alone but how often retries ran out: [`alert_samples_take`] keeps the workflows' counters as they
//! were, and [`alert_counts`] is the difference. That an alert is raised once is the unique index of the open ones; that word of
//! it is sent once it is written, is the transaction that [`alert_raise`] and [`alert_resolve`] run in.

use model::{
    Actor, AlertId, ExecutionId, Period, TenantId, Timestamp, UserId, WorkflowId,
    alert::{Alert, AlertKind, AlertMoment, AlertState, Channel},
    effect::NewNotification,
    notification::NotificationType,
    settings::Settings,
};
use serde_json::{Value, json};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    database::{Row, page::list},
    event::event_emit,
    ids::IdKind,
    notification::notification_create,
    params,
};

const COLUMNS: &str =
    "id, tenant_id, kind, workflow_id, execution_id, message, details, raised_at, resolved_at";
const ROUND: &str = "alert_round";
/// Of one tenant's open alerts and deliveries at once.
const MOST: i64 = 1_000;
/// An alert that is over is kept this long.
const KEPT: Period = Period::days(90);

/// Takes the round of `minute` (since 1970) for this node. None: another node has it, or had a later one. Else the round before.
///
/// # Errors
/// When the database refuses.
pub async fn alert_round_take(tx: &mut Tx, minute: i64) -> StoreResult<Option<i64>> {
    let sql = "SELECT CAST(value AS BIGINT) FROM store_facts WHERE name = ?1 {for_update}";
    let before: Option<i64> = tx.query_optional(sql, params![ROUND]).await?.map(Row::first).transpose()?;
    let taken = tx
        .execute(
            "INSERT INTO store_facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value
              WHERE CAST(store_facts.value AS BIGINT) < CAST(excluded.value AS BIGINT)",
            params![ROUND, minute.to_string()],
        )
        .await?;
    Ok((taken > 0).then(|| before.unwrap_or(0)))
}

/// Keeps the counters of the workflows, of all tenants, that changed since they were kept last; forgets what is older than needed to know
/// what was counted at `oldest`.
///
/// # Errors
/// When the database refuses.
pub async fn alert_samples_take(tx: &mut Tx, oldest: Timestamp) -> StoreResult<()> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO alert_samples (workflow_id, sampled_at, tenant_id, successes, failures, ended, retries_exhausted, duration_ms)
         SELECT c.workflow_id, ?1, c.tenant_id, c.successes, c.failures, c.ended, c.retries_exhausted, c.duration_ms
           FROM workflow_counters c
          WHERE NOT EXISTS (SELECT 1 FROM alert_samples s
                 WHERE s.workflow_id = c.workflow_id AND s.successes = c.successes AND s.failures = c.failures AND s.ended = c.ended)
         ON CONFLICT (workflow_id, sampled_at) DO NOTHING",
        params![now],
    )
    .await?;
    tx.execute(
        "DELETE FROM alert_samples WHERE EXISTS (SELECT 1 FROM alert_samples later
                 WHERE later.workflow_id = alert_samples.workflow_id AND later.sampled_at > alert_samples.sampled_at AND later.sampled_at <= ?1)
             OR NOT EXISTS (SELECT 1 FROM workflow_counters c WHERE c.workflow_id = alert_samples.workflow_id)",
        params![oldest],
    )
    .await?;
    tx.execute("DELETE FROM alerts WHERE resolved_at < ?1", params![now.minus(KEPT)]).await.map(drop)
}

/// What a workflow did in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which one.
    pub workflow: WorkflowId,
    /// Executions that completed with their conditions met.
    pub successes: i64,
    /// Executions that failed for good.
    pub failures: i64,
    /// Executions that ended with their conditions met.
    pub ended: i64,
    /// Executions that failed for good although they were retried.
    pub retries_exhausted: i64,
    /// The working time of those that ended, in milliseconds.
    pub duration_ms: i64,
}

/// What ended since about `since`, by workflow, of all tenants; workflows where nothing ended are left out.
///
/// # Errors
/// When the database refuses.
pub async fn alert_counts(connection: &mut Connection, since: Timestamp) -> StoreResult<Vec<Counts>> {
    let rows = connection
        .query(
            "SELECT c.tenant_id, c.workflow_id, c.successes - coalesce(s.successes, 0), c.failures - coalesce(s.failures, 0),
                    c.ended - coalesce(s.ended, 0), c.retries_exhausted - coalesce(s.retries_exhausted, 0),
                    c.duration_ms - coalesce(s.duration_ms, 0)
               FROM workflow_counters c LEFT JOIN alert_samples s ON s.workflow_id = c.workflow_id AND s.sampled_at =
                    (SELECT max(b.sampled_at) FROM alert_samples b WHERE b.workflow_id = c.workflow_id AND b.sampled_at <= ?1)
              WHERE c.ended > coalesce(s.ended, 0) OR c.failures > coalesce(s.failures, 0)
              ORDER BY c.tenant_id, c.workflow_id",
            params![since],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(Counts {
                tenant: row.take()?,
                workflow: row.take()?,
                successes: row.take()?,
                failures: row.take()?,
                ended: row.take()?,
                retries_exhausted: row.take()?,
                duration_ms: row.take()?,
            })
        })
        .collect()
}

/// Every tenant with its settings, and since when the one of its executions that has been running for longest does.
///
/// # Errors
/// When the database refuses.
pub async fn alert_tenants(
    connection: &mut Connection,
) -> StoreResult<Vec<(TenantId, Settings, Option<Timestamp>)>> {
    let rows = connection
        .query(
            "SELECT t.id, t.settings, (SELECT min(e.updated_at) FROM workflow_executions e WHERE e.tenant_id = t.id AND e.status = 'running')
               FROM tenants t ORDER BY t.id",
            Vec::new(),
        )
        .await?;
    let mut tenants = Vec::with_capacity(rows.len());
    for row in rows {
        let mut row = row.cells();
        let tenant: TenantId = row.take()?;
        match row.json() {
            Ok(settings) => tenants.push((tenant, settings, row.take()?)),
            // A newer program's, say. The other tenants are not held up by it.
            Err(error) => {
                tracing::warn!(%tenant, %error, "settings that cannot be read: no alerts of this tenant");
            }
        }
    }
    Ok(tenants)
}

/// Executions that have been running for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuck {
    /// How many.
    pub count: i64,
    /// The one that has been running for longest.
    pub execution: ExecutionId,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// Since when.
    pub since: Timestamp,
}

/// The tenant's executions that have been running since `before` or longer.
///
/// # Errors
/// When the database refuses.
pub async fn alert_stuck(
    connection: &mut Connection,
    tenant: TenantId,
    before: Timestamp,
) -> StoreResult<Option<Stuck>> {
    let row = connection
        .query_optional(
            "SELECT count(*) OVER (), id, workflow_id, updated_at FROM workflow_executions
              WHERE tenant_id = ?1 AND status = 'running' AND updated_at <= ?2 ORDER BY updated_at, id LIMIT 1",
            params![tenant, before],
        )
        .await?;
    row.map(|row| {
        let mut row = row.cells();
        Ok(Stuck { count: row.take()?, execution: row.take()?, workflow: row.take()?, since: row.take()? })
    })
    .transpose()
}

/// The alerts that go on, of all tenants.
///
/// # Errors
/// When the database refuses.
pub async fn alert_open(connection: &mut Connection) -> StoreResult<Vec<Alert>> {
    let sql =
        "SELECT id, tenant_id, kind, workflow_id, execution_id, message, details, raised_at, resolved_at
                 FROM alerts WHERE resolved_at IS NULL ORDER BY tenant_id, id";
    connection.query(sql, Vec::new()).await?.into_iter().map(alert_of).collect()
}

/// An alert to be raised.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlert {
    /// What it warns of.
    pub kind: AlertKind,
    /// Of which workflow; none: of the whole tenant.
    pub workflow: Option<WorkflowId>,
    /// An example; when none is given for a failure, the newest failed execution is.
    pub execution: Option<ExecutionId>,
    /// One sentence; `{workflow}` in it stands for the workflow's name.
    pub message: String,
    /// The numbers.
    pub details: Value,
}

/// Raises an alert and writes everything that tells of it. None: it goes on already.
///
/// # Errors
/// When the database refuses.
pub async fn alert_raise(
    tx: &mut Tx,
    tenant: TenantId,
    new: NewAlert,
    settings: &Settings,
) -> StoreResult<Option<AlertId>> {
    let id = AlertId::new(tx.id(IdKind::Alert).await?);
    let now = tx.now();
    let message = match new.workflow {
        Some(workflow) => new.message.replace("{workflow}", &workflow_name(tx, tenant, workflow).await?),
        None => new.message,
    };
    let execution = match (new.execution, new.kind) {
        (None, AlertKind::FailureRate | AlertKind::RetriesExhausted) => {
            failed_newest(tx, tenant, new.workflow).await?
        }
        (execution, _) => execution,
    };
    let raised = tx
        .execute(
            "INSERT INTO alerts (id, tenant_id, kind, workflow_id, execution_id, message, details, raised_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            params![
                id,
                tenant,
                new.kind,
                new.workflow.map_or(0, WorkflowId::get),
                execution,
                &message,
                &new.details,
                now
            ],
        )
        .await?;
    if raised == 0 {
        return Ok(None);
    }
    let alert = Alert {
        id,
        tenant_id: tenant,
        kind: new.kind,
        state: AlertState::Open,
        workflow_id: new.workflow,
        execution_id: execution,
        message,
        details: new.details,
        raised_at: now,
        resolved_at: None,
    };
    alert_tell(tx, &alert, AlertMoment::Raised, settings).await?;
    Ok(Some(id))
}

/// Ends an alert and writes everything that tells of it. False: it was over already.
///
/// # Errors
/// When the database refuses.
pub async fn alert_resolve(
    tx: &mut Tx,
    tenant: TenantId,
    id: AlertId,
    settings: &Settings,
) -> StoreResult<bool> {
    let now = tx.now();
    let resolved = tx
        .execute(
            "UPDATE alerts SET resolved_at = ?1 WHERE id = ?2 AND tenant_id = ?3 AND resolved_at IS NULL",
            params![now, id, tenant],
        )
        .await?;
    if resolved > 0 {
        let alert = alert_get(tx, tenant, id).await?;
        alert_tell(tx, &alert, AlertMoment::Resolved, settings).await?;
    }
    Ok(resolved > 0)
}

/// Notifications, deliveries and the event of a moment of an alert.
async fn alert_tell(tx: &mut Tx, alert: &Alert, moment: AlertMoment, settings: &Settings) -> StoreResult<()> {
    let tenant = alert.tenant_id;
    let now = tx.now();
    for channel in settings.alerts.channels_of(alert.kind) {
        let target = match channel {
            Channel::Notification => {
                for user in administrators(tx, tenant).await? {
                    let new = notification(alert, moment, user);
                    notification_create(tx, tenant, Actor::System, new).await?;
                }
                continue;
            }
            Channel::Email => settings.alerts.email.as_ref(),
            Channel::Webhook => settings.alerts.webhook.as_ref(),
        };
        let Some(target) = target else { continue };
        tx.execute(
            "INSERT INTO alert_deliveries (alert_id, moment, channel, tenant_id, target, attempts, next_attempt_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
            params![alert.id, moment, channel, tenant, target, now],
        )
        .await?;
    }
    let name = match moment {
        AlertMoment::Raised => "alert_raised",
        AlertMoment::Resolved => "alert_resolved",
    };
    match event_emit(tx, (tenant, name), Actor::System.into(), || json!({"alert": alert})).await {
        // Whoever has that many workflows that listen is warned all the same.
        Ok(_) | Err(StoreError::TooManyExecutions(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn notification(alert: &Alert, moment: AlertMoment, user_id: UserId) -> NewNotification {
    let (title, kind) = match moment {
        AlertMoment::Raised => ("Alert", NotificationType::Warning),
        AlertMoment::Resolved => ("Alert resolved", NotificationType::Success),
    };
    NewNotification { user_id, title: title.to_owned(), message: Some(alert.message.clone()), kind }
}

pub(crate) async fn administrators(
    connection: &mut Connection,
    tenant: TenantId,
) -> StoreResult<Vec<UserId>> {
    let sql = "SELECT user_id FROM memberships WHERE tenant_id = ?1 AND role = 'admin' ORDER BY user_id";
    connection.query(sql, params![tenant]).await?.into_iter().map(Row::first).collect()
}

async fn workflow_name(connection: &mut Connection, tenant: TenantId, id: WorkflowId) -> StoreResult<String> {
    let sql = "SELECT name FROM workflows WHERE id = ?1 AND tenant_id = ?2";
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    row.map_or_else(|| Ok(format!("workflow {id}")), Row::first)
}

async fn failed_newest(
    connection: &mut Connection,
    tenant: TenantId,
    workflow: Option<WorkflowId>,
) -> StoreResult<Option<ExecutionId>> {
    let row = match workflow {
        Some(workflow) => {
            let sql = "SELECT id FROM workflow_executions WHERE workflow_id = ?1 AND status = 'failed' AND tenant_id = ?2
                        ORDER BY id DESC LIMIT 1";
            connection.query_optional(sql, params![workflow, tenant]).await?
        }
        None => {
            let sql = "SELECT id FROM workflow_executions WHERE tenant_id = ?1 AND status = 'failed' ORDER BY id DESC LIMIT 1";
            connection.query_optional(sql, params![tenant]).await?
        }
    };
    row.map(Row::first).transpose()
}

/// A mail or a webhook that is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// What it tells of.
    pub alert: Alert,
    /// Which moment of it.
    pub moment: AlertMoment,
    /// How it is sent.
    pub channel: Channel,
    /// Where to.
    pub target: String,
    /// Which attempt this is, from 1.
    pub attempt: i64,
}

/// Whether there is anything to be sent, of any tenant.
///
/// # Errors
/// When the database refuses.
pub async fn alert_deliveries_due(connection: &mut Connection, now: Timestamp) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM alert_deliveries WHERE next_attempt_at <= ?1 LIMIT 1";
    Ok(connection.query_optional(sql, params![now]).await?.is_some())
}

/// Takes what is to be sent, of all tenants, for one attempt each. If nothing comes of that until `until`, whoever looks then takes it again.
///
/// # Errors
/// When the database refuses.
pub async fn alert_deliveries_take(tx: &mut Tx, until: Timestamp, most: i64) -> StoreResult<Vec<Delivery>> {
    let now = tx.now();
    let rows = tx
        .query(
            "SELECT tenant_id, alert_id, moment, channel, target, attempts + 1 FROM alert_deliveries
              WHERE next_attempt_at <= ?1
                AND (moment <> 'resolved' OR NOT EXISTS (
                    SELECT 1 FROM alert_deliveries r WHERE r.alert_id = alert_deliveries.alert_id AND r.channel = alert_deliveries.channel
                       AND r.tenant_id = alert_deliveries.tenant_id AND r.moment = 'raised' AND r.next_attempt_at IS NOT NULL))
              ORDER BY next_attempt_at, alert_id LIMIT ?2 {skip_locked}",
            params![now, most.min(MOST)],
        )
        .await?;
    let mut deliveries = Vec::with_capacity(rows.len());
    for row in rows {
        let mut row = row.cells();
        let (tenant, id): (TenantId, AlertId) = (row.take()?, row.take()?);
        let (moment, channel, target, attempt) = (row.take()?, row.take()?, row.take()?, row.take()?);
        let alert = alert_get(tx, tenant, id).await?;
        let delivery = Delivery { alert, moment, channel, target, attempt };
        tx.execute(
            "UPDATE alert_deliveries SET attempts = ?1, next_attempt_at = ?2
              WHERE alert_id = ?3 AND moment = ?4 AND channel = ?5 AND tenant_id = ?6",
            params![attempt, until, id, moment, channel, tenant],
        )
        .await?;
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// The receiver has it.
    Delivered,
    /// It has not.
    Failed {
        /// Why; no secret and nobody's data.
        error: String,
        /// When to try again; none: given up.
        next_attempt_at: Option<Timestamp>,
    },
}

/// Writes down what came of an attempt.
///
/// # Errors
/// When the database refuses.
pub async fn alert_delivery_settle(
    tx: &mut Tx,
    delivery: &Delivery,
    attempted: &Attempted,
) -> StoreResult<()> {
    let Delivery { alert, moment, channel, attempt, .. } = delivery;
    let now = tx.now();
    let (delivered_at, next_attempt_at, error) = match attempted {
        Attempted::Delivered => (Some(now), None, None),
        Attempted::Failed { error, next_attempt_at } => (None, *next_attempt_at, Some(error.as_str())),
    };
    // A failure that comes late, when another attempt is under way, says nothing any more.
    tx.execute(
        "UPDATE alert_deliveries SET delivered_at = ?1, next_attempt_at = ?2, last_error = ?3
          WHERE alert_id = ?4 AND moment = ?5 AND channel = ?6 AND tenant_id = ?7 AND delivered_at IS NULL
            AND (CAST(?3 AS TEXT) IS NULL OR attempts = ?8)",
        params![delivered_at, next_attempt_at, error, alert.id, *moment, *channel, alert.tenant_id, *attempt],
    )
    .await
    .map(drop)
}

/// One alert.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn alert_get(connection: &mut Connection, tenant: TenantId, id: AlertId) -> StoreResult<Alert> {
    let sql =
        "SELECT id, tenant_id, kind, workflow_id, execution_id, message, details, raised_at, resolved_at
                 FROM alerts WHERE id = ?1 AND tenant_id = ?2";
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    alert_of(row.ok_or_else(|| StoreError::missing(format!("alert {id}")))?)
}

/// A page of alerts, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn alert_list(
    connection: &mut Connection,
    tenant: TenantId,
    state: Option<AlertState>,
    kind: Option<AlertKind>,
    page: Page,
) -> StoreResult<Paged<Alert>> {
    let mut query = list("alerts", COLUMNS, tenant);
    match state {
        Some(AlertState::Open) => query = query.and("resolved_at IS NULL"),
        Some(AlertState::Resolved) => query = query.and("resolved_at IS NOT NULL"),
        None => {}
    }
    if let Some(kind) = kind {
        query = query.equal("kind", kind);
    }
    query.run(connection, page, |alert: &Alert| alert.id.get(), alert_of).await
}

fn alert_of(row: Row) -> StoreResult<Alert> {
    let mut row = row.cells();
    let (id, tenant_id, kind, workflow) = (row.take()?, row.take()?, row.take()?, row.take::<i64>()?);
    let (execution_id, message, details, raised_at) = (row.take()?, row.take()?, row.take()?, row.take()?);
    let resolved_at: Option<Timestamp> = row.take()?;
    let state = if resolved_at.is_some() { AlertState::Resolved } else { AlertState::Open };
    Ok(Alert {
        id,
        tenant_id,
        kind,
        state,
        workflow_id: WorkflowId::try_from(workflow).ok(),
        execution_id,
        message,
        details,
        raised_at,
        resolved_at,
    })
}
