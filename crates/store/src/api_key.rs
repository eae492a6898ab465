//! API keys: a program's credentials for one tenant. The key itself is shown once and kept as a hash.

use model::{Actor, ApiKeyId, Period, TenantId, user::ApiKey, user::Role};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    change::refused,
    database::{Row, page::list},
    ids::IdKind,
    params,
    token::{Token, TokenHash},
};

const COLUMNS: &str = "id, tenant_id, name, role, prefix, rate_limit, last_used_at, created_at, updated_at, created_by, updated_by, version";

/// What every generated key begins with, so that scanners of leaked secrets find it.
pub const PREFIX: &str = "vtx_";

/// How much of a key is kept readable: enough to tell keys apart.
const SHOWN: usize = 8;

/// `last_used_at` is written at most this often for each key.
pub const USE_NOTED_EVERY: Period = Period::minutes(1);

/// The most that a limit may allow; whoever needs more needs none.
const HIGHEST_RATE: i64 = 1_000_000;

/// What a key is made from, or changed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// What it is used for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Requests per minute; none: no limit.
    pub rate_limit: Option<i64>,
}

/// Makes a key for `token`, which the caller has made or was given by the operator.
///
/// # Errors
/// [`StoreError::Refused`] for values that do not fit; [`StoreError::Conflict`] when the key exists.
pub async fn api_key_create(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    fields: &Fields,
    token: &Token,
) -> StoreResult<ApiKey> {
    fields_check(fields)?;
    if api_key_find(tx, token.hash()).await?.is_some() {
        return Err(StoreError::conflict("key_taken", "this key exists already: choose another one"));
    }
    let id = ApiKeyId::new(tx.id(IdKind::ApiKey).await?);
    let now = tx.now();
    // A short key given by the operator is not shown by half.
    let text = token.reveal();
    let shown = if text.chars().count() >= 4 * SHOWN { SHOWN } else { 2 };
    let prefix: String = text.chars().take(shown).collect();
    tx.execute(
        "INSERT INTO api_keys (id, tenant_id, name, role, prefix, key_hash, rate_limit, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?9, 1)",
        params![id, tenant, fields.name.trim(), fields.role, prefix, token.hash(), fields.rate_limit, now, actor],
    )
    .await?;
    api_key_get(tx, tenant, id).await
}

/// Changes what a key is called, may do and how often. With `version`, only when the record is at that version.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Refused`].
pub async fn api_key_update(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: ApiKeyId,
    fields: &Fields,
    version: Option<i64>,
) -> StoreResult<ApiKey> {
    let before = api_key_get(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    fields_check(fields)?;
    let now = tx.now();
    tx.execute(
        "UPDATE api_keys SET name = ?1, role = ?2, rate_limit = ?3, updated_at = ?4, updated_by = ?5, version = version + 1
          WHERE id = ?6 AND tenant_id = ?7",
        params![fields.name.trim(), fields.role, fields.rate_limit, now, actor, id, tenant],
    )
    .await?;
    api_key_get(tx, tenant, id).await
}

/// Deletes a key: programs that still use it are refused.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn api_key_delete(tx: &mut Tx, tenant: TenantId, id: ApiKeyId) -> StoreResult<()> {
    match tx.execute("DELETE FROM api_keys WHERE id = ?1 AND tenant_id = ?2", params![id, tenant]).await? {
        0 => Err(StoreError::missing(format!("api key {id}"))),
        _ => Ok(()),
    }
}

/// One key.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn api_key_get(connection: &mut Connection, tenant: TenantId, id: ApiKeyId) -> StoreResult<ApiKey> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    api_key_of(row.ok_or_else(|| StoreError::missing(format!("api key {id}")))?)
}

/// The key with this hash, whosever it is: how a program signs in.
///
/// # Errors
/// When the database refuses.
pub async fn api_key_find(connection: &mut Connection, hash: TokenHash) -> StoreResult<Option<ApiKey>> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE key_hash = ?1");
    connection.query_optional(sql, params![hash]).await?.map(api_key_of).transpose()
}

/// A page of keys, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn api_key_list(
    connection: &mut Connection,
    tenant: TenantId,
    page: Page,
) -> StoreResult<Paged<ApiKey>> {
    list("api_keys", COLUMNS, tenant).run(connection, page, |key: &ApiKey| key.id.get(), api_key_of).await
}

/// Notes that a key was used, unless that was noted a moment ago.
///
/// # Errors
/// When the database refuses.
pub async fn api_key_used(tx: &mut Tx, tenant: TenantId, id: ApiKeyId) -> StoreResult<()> {
    let now = tx.now();
    let stale = now.minus(USE_NOTED_EVERY);
    tx.execute(
        "UPDATE api_keys SET last_used_at = ?1 WHERE id = ?2 AND tenant_id = ?3 AND (last_used_at IS NULL OR last_used_at <= ?4)",
        params![now, id, tenant, stale],
    )
    .await
    .map(drop)
}

fn fields_check(fields: &Fields) -> StoreResult<()> {
    let length = fields.name.trim().chars().count();
    if length == 0 {
        return Err(refused("name", "is required: what the key is used for"));
    }
    if length > 255 {
        return Err(refused("name", "is longer than 255 characters"));
    }
    if fields.rate_limit.is_some_and(|rate| !(1..=HIGHEST_RATE).contains(&rate)) {
        return Err(refused(
            "rate_limit",
            format!("must be from 1 to {HIGHEST_RATE} requests per minute, or null"),
        ));
    }
    Ok(())
}

fn api_key_of(row: Row) -> StoreResult<ApiKey> {
    let mut row = row.cells();
    Ok(ApiKey {
        id: row.take()?,
        tenant_id: row.take()?,
        name: row.take()?,
        role: row.take()?,
        prefix: row.take()?,
        rate_limit: row.take()?,
        last_used_at: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
    })
}
