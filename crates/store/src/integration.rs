//! Connections to other systems: what may be seen as JSON, what may not sealed beside it.

use model::{Actor, IntegrationId, TenantId, Timestamp};
use serde_json::{Map, Value};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    change::refused,
    database::{Row, page::list},
    ids::IdKind,
    params,
    secret::{Purpose, SecretBox},
};

pub mod authorization;
pub mod ledger;

const COLUMNS: &str = "id, tenant_id, name, provider, config, secrets, status, last_error, created_at, updated_at, created_by, updated_by, version,
    (SELECT s.quota FROM integration_states s WHERE s.integration_id = integrations.id AND s.tenant_id = integrations.tenant_id),
    (SELECT s.limited_until FROM integration_states s WHERE s.integration_id = integrations.id AND s.tenant_id = integrations.tenant_id)";

/// It has not been used since it was last changed.
pub const UNTRIED: &str = "untried";
/// It was let in when it was last used. Programs before migration 13 write `working`.
pub const OK: &str = "ok";
/// It failed when it was last used.
pub const FAILING: &str = "failing";
/// Its token ran out and cannot be renewed.
pub const EXPIRED: &str = "expired";
/// Its key or its permission was taken away.
pub const REVOKED: &str = "revoked";
/// The other side asks for a pause.
pub const RATE_LIMITED: &str = "rate_limited";

/// A connection as stored. Its `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// Unique over all tenants.
    pub id: IntegrationId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// Unique within the tenant.
    pub name: String,
    /// Which kind of system.
    pub provider: String,
    /// The settings that may be seen.
    pub config: Map<String, Value>,
    /// The settings that may not.
    sealed: Option<Vec<u8>>,
    /// [`UNTRIED`], [`OK`], [`FAILING`], [`EXPIRED`], [`REVOKED`] or [`RATE_LIMITED`].
    pub status: String,
    /// Why it failed.
    pub last_error: Option<String>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
    /// What the other side last said of the calls that are left.
    pub quota: Option<Value>,
    /// Until when the other side asks to be left alone.
    pub limited_until: Option<Timestamp>,
}

impl Integration {
    /// Its secrets, opened.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when they were sealed with another key.
    pub fn secrets(&self, secrets: &SecretBox) -> StoreResult<Map<String, Value>> {
        let Some(sealed) = &self.sealed else { return Ok(Map::new()) };
        let text = secrets.open(self.tenant_id, Purpose::Integration(self.id), sealed)?;
        serde_json::from_slice(&text)
            .map_err(|_| StoreError::Corrupt("a connection's secrets are unreadable".to_owned()))
    }
}

/// What a connection is made from, or changed to.
#[derive(Clone, PartialEq)]
pub struct Fields {
    /// Unique within the tenant.
    pub name: String,
    /// Which kind of system.
    pub provider: String,
    /// The settings that may be seen.
    pub config: Map<String, Value>,
    /// The settings that may not: each replaces the one of its name, null takes it away, the others stay.
    pub secrets: Map<String, Value>,
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fields")
            .field("name", &self.name)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// Makes a connection.
///
/// # Errors
/// [`StoreError::Refused`] for values that do not fit; [`StoreError::Conflict`] when the name is taken.
pub async fn integration_create(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    fields: &Fields,
    secrets: &SecretBox,
) -> StoreResult<Integration> {
    fields_check(tx, tenant, fields, None).await?;
    let id = IntegrationId::new(tx.id(IdKind::Integration).await?);
    let sealed = seal(tenant, id, Map::new(), &fields.secrets, secrets)?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO integrations (id, tenant_id, name, provider, config, secrets, status, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?9, 1)",
        params![id, tenant, fields.name.trim(), fields.provider.trim(), &fields.config, sealed, UNTRIED, now, actor],
    )
    .await?;
    integration_get(tx, tenant, id).await
}

/// Changes a connection. With `version`, only when the record is at that version. A connection that becomes one of another
/// provider keeps no secrets. What signs in otherwise than before begins without a token; a new name or note changes nothing about that.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Refused`], [`StoreError::Conflict`].
pub async fn integration_update(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: IntegrationId,
    fields: &Fields,
    secrets: &SecretBox,
    version: Option<i64>,
) -> StoreResult<Integration> {
    let before = integration_get(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    fields_check(tx, tenant, fields, Some(id)).await?;
    let kept = if fields.provider.trim() == before.provider { before.secrets(secrets)? } else { Map::new() };
    let sealed = seal(tenant, id, kept, &fields.secrets, secrets)?;
    let now = tx.now();
    tx.execute(
        "UPDATE integrations SET name = ?1, provider = ?2, config = ?3, secrets = ?4, status = ?5, last_error = NULL, updated_at = ?6,
            updated_by = ?7, version = version + 1 WHERE id = ?8 AND tenant_id = ?9",
        params![fields.name.trim(), fields.provider.trim(), &fields.config, sealed, UNTRIED, now, actor, id, tenant],
    )
    .await?;
    let signs_in_anew = fields.provider.trim() != before.provider
        || fields.config != before.config
        || !fields.secrets.is_empty();
    if signs_in_anew {
        ledger::state_forget(tx, tenant, id).await?;
    }
    integration_get(tx, tenant, id).await
}

/// Notes whether a connection worked that was at that version and of that status when it was read. Writes only when that is news; what was found since says
/// more: a trial of earlier settings says nothing, and who is shut out is let in again only by a trial that began knowing of it.
///
/// # Errors
/// When the database refuses.
pub async fn integration_used(
    tx: &mut Tx,
    tenant: TenantId,
    id: IntegrationId,
    (version, seen): (i64, &str),
    result: Result<(), String>,
) -> StoreResult<()> {
    let (status, error, overcomes) = match result {
        Ok(()) => (OK, None, seen),
        Err(error) => (FAILING, Some(error.chars().take(1_000).collect::<String>()), FAILING),
    };
    tx.execute(
        "UPDATE integrations SET status = ?1, last_error = ?2
          WHERE id = ?3 AND tenant_id = ?4 AND version = ?5 AND (status <> ?1 OR coalesce(last_error, '') <> coalesce(?2, ''))
            AND (status NOT IN (?6, ?7) OR status = ?8)",
        params![status, error, id, tenant, version, EXPIRED, REVOKED, overcomes],
    )
    .await
    .map(drop)
}

/// Deletes a connection: steps that name it fail.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn integration_delete(tx: &mut Tx, tenant: TenantId, id: IntegrationId) -> StoreResult<()> {
    match tx.execute("DELETE FROM integrations WHERE id = ?1 AND tenant_id = ?2", params![id, tenant]).await?
    {
        0 => Err(StoreError::missing(format!("integration {id}"))),
        _ => Ok(()),
    }
}

/// One connection.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn integration_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: IntegrationId,
) -> StoreResult<Integration> {
    let sql = format!("SELECT {COLUMNS} FROM integrations WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    integration_of(row.ok_or_else(|| StoreError::missing(format!("integration {id}")))?)
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// The connection of that name, or the only one of that provider.
    One(Box<Integration>),
    /// Nothing; these are the names that there are.
    None(Vec<String>),
    /// Several connections of that provider; these are their names.
    Several(Vec<String>),
}

/// The connection of that name, else the only one of the provider of that name.
///
/// # Errors
/// When the database refuses.
pub async fn integration_find(
    connection: &mut Connection,
    tenant: TenantId,
    name: &str,
) -> StoreResult<Found> {
    let sql = format!("SELECT {COLUMNS} FROM integrations WHERE tenant_id = ?1 ORDER BY id");
    let rows = connection.query(sql, params![tenant]).await?;
    let all: Vec<Integration> = rows.into_iter().map(integration_of).collect::<StoreResult<_>>()?;
    if let Some(named) = all.iter().find(|integration| integration.name == name) {
        return Ok(Found::One(Box::new(named.clone())));
    }
    let of_provider: Vec<&Integration> =
        all.iter().filter(|integration| integration.provider == name).collect();
    Ok(match of_provider.as_slice() {
        [one] => Found::One(Box::new((*one).clone())),
        [] => Found::None(all.iter().map(|integration| integration.name.clone()).collect()),
        several => Found::Several(several.iter().map(|integration| integration.name.clone()).collect()),
    })
}

/// A page of connections, newest first; `provider` shows only its own.
///
/// # Errors
/// When the database refuses.
pub async fn integration_list(
    connection: &mut Connection,
    tenant: TenantId,
    provider: Option<&str>,
    page: Page,
) -> StoreResult<Paged<Integration>> {
    let mut query = list("integrations", COLUMNS, tenant);
    if let Some(provider) = provider {
        query = query.equal("provider", provider);
    }
    query.run(connection, page, |integration: &Integration| integration.id.get(), integration_of).await
}

async fn fields_check(
    tx: &mut Tx,
    tenant: TenantId,
    fields: &Fields,
    own: Option<IntegrationId>,
) -> StoreResult<()> {
    let name = fields.name.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(refused("name", "must have 1 to 100 characters"));
    }
    if fields.provider.trim().is_empty() {
        return Err(refused("provider", "is required"));
    }
    let row = tx
        .query_optional(
            "SELECT id FROM integrations WHERE tenant_id = ?1 AND name = ?2",
            params![tenant, name],
        )
        .await?;
    match row.map(Row::first::<IntegrationId>).transpose()? {
        Some(other) if Some(other) != own => Err(StoreError::conflict(
            "name_taken",
            format!("integration {other} has this name already: choose another one"),
        )),
        _ => Ok(()),
    }
}

fn seal(
    tenant: TenantId,
    id: IntegrationId,
    mut kept: Map<String, Value>,
    changes: &Map<String, Value>,
    secrets: &SecretBox,
) -> StoreResult<Option<Vec<u8>>> {
    for (name, value) in changes {
        if value.is_null() {
            kept.shift_remove(name);
        } else {
            kept.insert(name.clone(), value.clone());
        }
    }
    if kept.is_empty() {
        return Ok(None);
    }
    let text = Value::Object(kept).to_string();
    secrets.seal(tenant, Purpose::Integration(id), text.as_bytes()).map(Some)
}

fn integration_of(row: Row) -> StoreResult<Integration> {
    let mut row = row.cells();
    Ok(Integration {
        id: row.take()?,
        tenant_id: row.take()?,
        name: row.take()?,
        provider: row.take()?,
        config: row.take()?,
        sealed: row.take()?,
        status: row.take()?,
        last_error: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
        quota: row.take()?,
        limited_until: row.take()?,
    })
}
