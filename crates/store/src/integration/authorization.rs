//! Connections that somebody is authorising in the browser: what has to be known when the other system sends them back.
//!
//! The state in the address is random, kept as a hash, and good once, for a quarter of an hour, for whoever began; the verifier (PKCE, RFC 7636) is sealed.

use model::{Actor, IntegrationId, Period, TenantId};

use crate::{
    StoreError, StoreResult, Tx, params,
    secret::{Purpose, SecretBox},
    token::TokenHash,
};

/// How long somebody may take over there.
const PATIENCE: Period = Period::minutes(15);

/// Begins: the latest one of a connection counts.
///
/// # Errors
/// When the database refuses.
pub async fn authorization_begin(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: IntegrationId,
    state: TokenHash,
    verifier: &str,
    secrets: &SecretBox,
) -> StoreResult<()> {
    let gone = "DELETE FROM integration_authorizations WHERE integration_id = ?1 AND tenant_id = ?2";
    tx.execute(gone, params![id, tenant]).await?;
    let sealed = secrets.seal(tenant, Purpose::IntegrationToken(id), verifier.as_bytes())?;
    let expires = tx.now().plus(PATIENCE);
    tx.execute(
        "INSERT INTO integration_authorizations (state_hash, integration_id, tenant_id, begun_by, verifier, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![state, id, tenant, actor, sealed, expires],
    )
    .await
    .map(drop)
}

/// Takes what was begun away, and answers whose it is with the verifier.
///
/// # Errors
/// [`StoreError::Missing`] for a state that nobody began, that was used, that is too old or somebody else's.
pub async fn authorization_take(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    state: TokenHash,
    secrets: &SecretBox,
) -> StoreResult<(IntegrationId, String)> {
    let missing = || StoreError::missing("what was begun".to_owned());
    let sql = "SELECT integration_id, verifier FROM integration_authorizations
                WHERE state_hash = ?1 AND tenant_id = ?2 AND begun_by = ?3 AND expires_at > ?4";
    let now = tx.now();
    let row = tx.query_optional(sql, params![state, tenant, actor, now]).await?.ok_or_else(missing)?;
    let mut row = row.cells();
    let (id, sealed): (IntegrationId, Vec<u8>) = (row.take()?, row.take()?);
    let gone = "DELETE FROM integration_authorizations WHERE state_hash = ?1 AND tenant_id = ?2";
    tx.execute(gone, params![state, tenant]).await?;
    let opened = secrets.open(tenant, Purpose::IntegrationToken(id), &sealed)?;
    let verifier = String::from_utf8(opened).map_err(|_| missing())?;
    Ok((id, verifier))
}
