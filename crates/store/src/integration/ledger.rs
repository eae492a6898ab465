//! What is remembered of a connection between calls, over all nodes.
//!
//! One row for each connection (`integration_states`) holds its token, sealed, with the number of the renewal that brought it: a renewal is begun by whoever
//! puts a time into `renewing_until` first, and ended under the same number, so that of several nodes one renews and the others read what it brought. The same
//! row holds how far the even pace of its calls is reserved. What waits for its turn has the time of the turn as a row of its own: whoever comes back then goes
//! ahead without asking for another one. Nothing here knows what a token or a pace is; the engine does.

use model::{
    Actor, ExecutionId, IntegrationId, Period, TenantId, Timestamp, UserId, effect::NewNotification,
    notification::NotificationType,
};
use serde_json::{Value, json};

use crate::{
    Connection, StoreError, StoreResult, Tx,
    database::{Row, Value as Cell},
    event::event_emit,
    execution,
    notification::notification_create,
    params,
    secret::{Purpose, SecretBox},
};

/// Whoever renews a token and dies holds nobody up for longer.
const RENEWAL: Period = Period::seconds(30);
/// A turn that nobody came back for.
const TURN_LOST: Period = Period::hours(2);
/// References are needed for as long as a step may be tried again, which is a year at most.
const REFERENCES_KEPT: Period = Period::days(400);
/// Rows of one pruning: it runs while others write.
const PRUNED: i64 = 5_000;

/// The token that is kept, opened, with the number of the renewal that brought it; 0 and nothing before the first.
///
/// # Errors
/// When the database refuses; [`StoreError::Corrupt`] when it was sealed with another key.
pub async fn token_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: IntegrationId,
    secrets: &SecretBox,
) -> StoreResult<(i64, Option<Vec<u8>>)> {
    let sql = "SELECT generation, token FROM integration_states WHERE integration_id = ?1 AND tenant_id = ?2";
    let Some(row) = connection.query_optional(sql, params![id, tenant]).await? else { return Ok((0, None)) };
    let mut row = row.cells();
    let (generation, sealed): (i64, Option<Vec<u8>>) = (row.take()?, row.take()?);
    let opened =
        sealed.map(|sealed| secrets.open(tenant, Purpose::IntegrationToken(id), &sealed)).transpose()?;
    Ok((generation, opened))
}

/// Asks for the right to renew the token after the renewal `generation`; the answer is how long it is given, which tells this one from any other.
///
/// # Errors
/// When the database refuses.
pub async fn renewal_begin(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    generation: i64,
) -> StoreResult<Option<Timestamp>> {
    state_ensure(tx, tenant, id).await?;
    let (now, until) = (tx.now(), tx.now().plus(RENEWAL));
    let begun = tx
        .execute(
            "UPDATE integration_states SET renewing_until = ?1
              WHERE integration_id = ?2 AND tenant_id = ?3 AND generation = ?4 AND (renewing_until IS NULL OR renewing_until <= ?5)",
            params![until, id, tenant, generation, now],
        )
        .await?;
    Ok((begun > 0).then_some(until))
}

/// Ends a renewal with the token that it brought, unless another one has brought one before. Answers whether it is kept. Whoever took longer than was given and
/// has one all the same is the one to be believed: what the token before it was good for is used up.
///
/// # Errors
/// When the database refuses.
pub async fn renewal_end(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    generation: i64,
    token: &[u8],
    secrets: &SecretBox,
) -> StoreResult<bool> {
    let sealed = secrets.seal(tenant, Purpose::IntegrationToken(id), token)?;
    let kept = tx
        .execute(
            "UPDATE integration_states SET token = ?1, generation = generation + 1, renewing_until = NULL
              WHERE integration_id = ?2 AND tenant_id = ?3 AND generation = ?4",
            params![sealed, id, tenant, generation],
        )
        .await?;
    Ok(kept > 0)
}

/// Ends a renewal that brought nothing. Answers whether it was still the one that was given until then: otherwise it says nothing of the connection.
///
/// # Errors
/// When the database refuses.
pub async fn renewal_stop(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    generation: i64,
    until: Timestamp,
) -> StoreResult<bool> {
    let stopped = tx
        .execute(
            "UPDATE integration_states SET renewing_until = NULL
              WHERE integration_id = ?1 AND tenant_id = ?2 AND generation = ?3 AND renewing_until = ?4",
            params![id, tenant, generation, until],
        )
        .await?;
    Ok(stopped > 0)
}

/// Forgets the token and the pauses of a connection that was changed.
pub(super) async fn state_forget(tx: &mut Tx, tenant: TenantId, id: IntegrationId) -> StoreResult<()> {
    tx.execute(
        "UPDATE integration_states SET token = NULL, generation = generation + 1, renewing_until = NULL, limited_until = NULL, quota = NULL
          WHERE integration_id = ?1 AND tenant_id = ?2",
        params![id, tenant],
    )
    .await
    .map(drop)
}

/// How the pace is kept: from the time that is reserved so far, and the earliest one for the call, to the call's turn and the time that is reserved then. Pure.
pub type Next = Box<dyn FnOnce(Timestamp, Timestamp) -> (Timestamp, Timestamp) + Send>;

/// The turn of the call with this key: `None` is now. A later one is kept for the key.
///
/// Nothing is called before the end of a pause that the other side asked for. Turns that were given before and lie before that end are void: their calls
/// would all come at once when it is over, so each gets a new one behind those that were given since.
///
/// # Errors
/// When the database refuses.
pub async fn turn_take(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    key: &str,
    next: Next,
) -> StoreResult<Option<Timestamp>> {
    let now = tx.now();
    state_ensure(tx, tenant, id).await?;
    let sql = "SELECT reserved_until, limited_until FROM integration_states WHERE integration_id = ?1 AND tenant_id = ?2 {for_update}";
    let Some(row) = tx.query_optional(sql, params![id, tenant]).await? else { return Ok(None) };
    let mut row = row.cells();
    let (reserved, limited): (Option<Timestamp>, Option<Timestamp>) = (row.take()?, row.take()?);
    let (reserved, limited) = (reserved.unwrap_or(Timestamp::EPOCH), limited.unwrap_or(Timestamp::EPOCH));
    let sql = "SELECT turn_at FROM integration_turns WHERE integration_id = ?1 AND turn_key = ?2 AND tenant_id = ?3";
    if let Some(row) = tx.query_optional(sql, params![id, key, tenant]).await? {
        let given: Timestamp = row.first()?;
        if given >= limited && given > now {
            return Ok(Some(given));
        }
        let sql =
            "DELETE FROM integration_turns WHERE integration_id = ?1 AND turn_key = ?2 AND tenant_id = ?3";
        tx.execute(sql, params![id, key, tenant]).await?;
        if given >= limited {
            return Ok(None);
        }
    }
    let (at, reserved) = next(reserved, now.max(limited));
    tx.execute(
        "UPDATE integration_states SET reserved_until = ?1 WHERE integration_id = ?2 AND tenant_id = ?3",
        params![reserved, id, tenant],
    )
    .await?;
    if at <= now {
        return Ok(None);
    }
    tx.execute(
        "INSERT INTO integration_turns (integration_id, turn_key, tenant_id, turn_at) VALUES (?1, ?2, ?3, ?4)",
        params![id, key, tenant, at],
    )
    .await?;
    Ok(Some(at))
}

/// The other side asks to be left alone until then. What was heard of an earlier version of the record says nothing, and whoever is shut out stays so.
///
/// # Errors
/// When the database refuses.
pub async fn limited(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    version: i64,
    until: Timestamp,
    why: &str,
) -> StoreResult<()> {
    state_ensure(tx, tenant, id).await?;
    tx.execute(
        "UPDATE integration_states SET limited_until = ?1
          WHERE integration_id = ?2 AND tenant_id = ?3 AND (limited_until IS NULL OR limited_until < ?1)
            AND EXISTS (SELECT 1 FROM integrations i WHERE i.id = ?2 AND i.tenant_id = ?3 AND i.version = ?4)",
        params![until, id, tenant, version],
    )
    .await?;
    tx.execute(
        "UPDATE integrations SET status = ?1, last_error = ?2
          WHERE id = ?3 AND tenant_id = ?4 AND version = ?5 AND status NOT IN (?1, ?6, ?7)",
        params![super::RATE_LIMITED, cut(why), id, tenant, version, super::EXPIRED, super::REVOKED],
    )
    .await
    .map(drop)
}

/// The other side let the connection in, which was at that version and of that status when it was read: what was found since says more. `quota` is what it said
/// of the calls that are left.
///
/// # Errors
/// When the database refuses.
pub async fn answered(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    (version, status): (i64, &'static str),
    quota: Option<Value>,
) -> StoreResult<()> {
    if status != super::OK {
        tx.execute(
            "UPDATE integrations SET status = ?1, last_error = NULL WHERE id = ?2 AND tenant_id = ?3 AND version = ?4 AND status = ?5",
            params![super::OK, id, tenant, version, status],
        )
        .await?;
    }
    if let Some(quota) = quota {
        state_ensure(tx, tenant, id).await?;
        tx.execute(
            "UPDATE integration_states SET quota = ?1 WHERE integration_id = ?2 AND tenant_id = ?3
                AND EXISTS (SELECT 1 FROM integrations i WHERE i.id = ?2 AND i.tenant_id = ?3 AND i.version = ?4)",
            params![quota, id, tenant, version],
        )
        .await?;
    }
    Ok(())
}

/// The other side does not let the connection in: `status` is [`super::EXPIRED`] or [`super::REVOKED`]. The first to find that tells the administrators and
/// emits `integration_expired`, in the same transaction. What was found of an earlier version of the record says nothing.
///
/// # Errors
/// When the database refuses.
pub async fn shut_out(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    version: i64,
    status: &'static str,
    why: &str,
) -> StoreResult<()> {
    let news = tx
        .execute(
            "UPDATE integrations SET status = ?1, last_error = ?2
              WHERE id = ?3 AND tenant_id = ?4 AND version = ?5 AND status NOT IN (?6, ?7)",
            params![status, cut(why), id, tenant, version, super::EXPIRED, super::REVOKED],
        )
        .await?;
    if news == 0 {
        return Ok(());
    }
    let integration = super::integration_get(tx, tenant, id).await?;
    let name = &integration.name;
    let message = format!(
        "The connection {name:?} is not let in any more: {}. What needs it waits, and goes on when it is connected again.",
        cut(why)
    );
    for user_id in administrators(tx, tenant).await? {
        let new = NewNotification {
            user_id,
            title: "A connection has to be renewed".to_owned(),
            message: Some(message.clone()),
            kind: NotificationType::Error,
        };
        notification_create(tx, tenant, Actor::System, new).await?;
    }
    let data = || json!({"integration": {"id": id, "name": name, "provider": integration.provider, "status": status, "error": cut(why)}});
    match event_emit(tx, (tenant, "integration_expired"), Actor::System.into(), data).await {
        // Whoever has that many workflows that listen is told all the same.
        Ok(_) | Err(StoreError::TooManyExecutions(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn administrators(connection: &mut Connection, tenant: TenantId) -> StoreResult<Vec<UserId>> {
    let sql = "SELECT user_id FROM memberships WHERE tenant_id = ?1 AND role = 'admin' ORDER BY user_id";
    connection.query(sql, params![tenant]).await?.into_iter().map(Row::first).collect()
}

/// The execution waits until the connection is let in again. Answers whether that is so already.
///
/// # Errors
/// When the database refuses.
pub async fn park(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    execution: ExecutionId,
) -> StoreResult<()> {
    tx.execute(
        "INSERT INTO integration_waits (execution_id, integration_id, tenant_id)
         SELECT e.id, i.id, i.tenant_id FROM workflow_executions e, integrations i
          WHERE e.id = ?1 AND e.tenant_id = ?3 AND i.id = ?2 AND i.tenant_id = ?3
         ON CONFLICT (execution_id, integration_id) DO NOTHING",
        params![execution, id, tenant],
    )
    .await
    .map(drop)
}

/// Lets executions go on that wait for a connection, `limit` at most. Answers whether there may be more.
///
/// An execution that is putting its step off at this moment has no timer yet; it looks again by itself within half an hour.
///
/// # Errors
/// When the database refuses.
pub async fn unpark(tx: &mut Tx, tenant: TenantId, id: IntegrationId, limit: i64) -> StoreResult<bool> {
    let sql = "SELECT execution_id FROM integration_waits WHERE integration_id = ?1 AND tenant_id = ?2 ORDER BY execution_id LIMIT ?3";
    let rows = tx.query(sql, params![id, tenant, limit]).await?;
    let waiting: Vec<i64> = rows.into_iter().map(Row::first).collect::<StoreResult<_>>()?;
    if waiting.is_empty() {
        return Ok(false);
    }
    let more = i64::try_from(waiting.len()).is_ok_and(|count| count == limit);
    let now = tx.now();
    let parameters = |ids: &[i64]| vec![Cell::Ids(ids.to_vec()), tenant.into(), now.into()];
    // The walk looks at the time of the row as well as at the timer.
    tx.execute(
        "UPDATE workflow_execution_logs SET resume_at = ?3
          WHERE execution_id {among:?1} AND tenant_id = ?2 AND status = 'pending' AND resume_at > ?3",
        parameters(&waiting),
    )
    .await?;
    let rows = tx
        .query(
            "SELECT due_at, execution_id FROM timers WHERE execution_id {among:?1} AND tenant_id = ?2 ORDER BY due_at, execution_id",
            vec![Cell::Ids(waiting.clone()), tenant.into()],
        )
        .await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let mut row = row.cells();
        due.push((row.take::<Timestamp>()?, row.take::<ExecutionId>()?));
    }
    execution::executions_wake(tx, &due).await?;
    let mut gone = vec![Cell::Ids(waiting), tenant.into()];
    gone.push(id.into());
    let sql = "DELETE FROM integration_waits WHERE execution_id {among:?1} AND tenant_id = ?2 AND integration_id = ?3";
    tx.execute(sql, gone).await?;
    Ok(more)
}

/// What is known of something that is to be made under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// Nothing was tried.
    None,
    /// An attempt began then.
    Begun(Timestamp),
    /// It was made: its id over there, and its address.
    Made(String, Option<String>),
}

/// Notes that something is about to be made under this key, and answers what was known before.
///
/// # Errors
/// When the database refuses.
pub async fn reference_begin(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    key: &str,
    at: Timestamp,
) -> StoreResult<Reference> {
    let begun = tx
        .execute(
            "INSERT INTO external_refs (integration_id, reference_key, tenant_id, begun_at)
             SELECT id, ?2, tenant_id, ?4 FROM integrations WHERE id = ?1 AND tenant_id = ?3
             ON CONFLICT (integration_id, reference_key) DO NOTHING",
            params![id, key, tenant, at],
        )
        .await?;
    if begun > 0 {
        return Ok(Reference::None);
    }
    // Read after that: somebody else may have begun at the same time.
    let sql = "SELECT begun_at, external_id, url FROM external_refs WHERE integration_id = ?1 AND reference_key = ?2 AND tenant_id = ?3";
    let Some(row) = tx.query_optional(sql, params![id, key, tenant]).await? else {
        return Ok(Reference::None);
    };
    let mut row = row.cells();
    let (begun, external, url): (Timestamp, Option<String>, Option<String>) =
        (row.take()?, row.take()?, row.take()?);
    Ok(external.map_or(Reference::Begun(begun), |external| Reference::Made(external, url)))
}

/// Notes what was made under the key, or with `None` that it was surely not made.
///
/// # Errors
/// When the database refuses.
pub async fn reference_end(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    key: &str,
    made: Option<(&str, Option<&str>)>,
) -> StoreResult<()> {
    let changed = match made {
        Some((external, url)) => {
            tx.execute(
                "UPDATE external_refs SET external_id = ?1, url = ?2 WHERE integration_id = ?3 AND reference_key = ?4 AND tenant_id = ?5",
                params![external, url, id, key, tenant],
            )
            .await
        }
        None => {
            let sql = "DELETE FROM external_refs WHERE integration_id = ?1 AND reference_key = ?2 AND tenant_id = ?3 AND external_id IS NULL";
            tx.execute(sql, params![id, key, tenant]).await
        }
    };
    changed.map(drop)
}

/// Forgets turns that nobody came back for, authorisations that were not ended, and references of long ago.
///
/// # Errors
/// When the database refuses.
pub async fn ledger_prune(tx: &mut Tx) -> StoreResult<()> {
    // Of every tenant: time passes for all.
    let (turns, references) = (tx.now().minus(TURN_LOST), tx.now().minus(REFERENCES_KEPT));
    tx.execute(
        "DELETE FROM integration_turns WHERE (integration_id, turn_key) IN (
            SELECT integration_id, turn_key FROM integration_turns WHERE turn_at < ?1 ORDER BY turn_at LIMIT ?2)",
        params![turns, PRUNED],
    )
    .await?;
    let now = tx.now();
    tx.execute("DELETE FROM integration_authorizations WHERE expires_at < ?1", params![now]).await?;
    tx.execute(
        "DELETE FROM external_refs WHERE (integration_id, reference_key) IN (
            SELECT integration_id, reference_key FROM external_refs WHERE begun_at < ?1 ORDER BY begun_at LIMIT ?2)",
        params![references, PRUNED],
    )
    .await
    .map(drop)
}

async fn state_ensure(tx: &mut Tx, tenant: TenantId, id: IntegrationId) -> StoreResult<()> {
    tx.execute(
        "INSERT INTO integration_states (integration_id, tenant_id, generation)
         SELECT id, tenant_id, 0 FROM integrations WHERE id = ?1 AND tenant_id = ?2
         ON CONFLICT (integration_id) DO NOTHING",
        params![id, tenant],
    )
    .await
    .map(drop)
}

/// In characters; what it quotes was sent by another system.
fn cut(why: &str) -> String {
    why.chars().take(1_000).collect()
}
