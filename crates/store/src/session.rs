//! Sessions of the web app, and one-time sign-in links. Both are tokens of which only the hash is kept.

use model::{Period, TenantId, Timestamp, UserId, user::Role};

use crate::{
    Connection, StoreError, StoreResult, Tx, params,
    token::{Token, TokenHash},
};

/// A session ends this long after it was last prolonged.
pub const SESSION_LIFE: Period = Period::hours(14 * 24);
/// A session is prolonged at most this often: one write a day, not one a request.
const PROLONGED_EVERY: Period = Period::hours(24);
/// A sign-in link is good for this long, once.
pub const LINK_LIFE: Period = Period::hours(24);

const SESSION: &str = "session";
const LINK: &str = "link";

/// A session that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Who signed in.
    pub user: UserId,
    /// The tenant that was chosen.
    pub tenant: TenantId,
    /// What the person may do there.
    pub role: Role,
    /// When it ends unless it is prolonged.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it is time to prolong it.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at <= now.plus(SESSION_LIFE).minus(PROLONGED_EVERY)
    }
}

/// Begins a session in a tenant that the user is a member of.
///
/// # Errors
/// [`StoreError::Missing`] when the user is no member.
pub async fn session_create(tx: &mut Tx, tenant: TenantId, user: UserId) -> StoreResult<Token> {
    let token = Token::random("")?;
    insert(tx, tenant, user, SESSION, SESSION_LIFE, &token).await?;
    Ok(token)
}

/// Makes a link by which the user signs in once. Earlier links of the user are void.
///
/// # Errors
/// [`StoreError::Missing`] when the user is no member.
pub async fn session_link_create(tx: &mut Tx, tenant: TenantId, user: UserId) -> StoreResult<Token> {
    let token = Token::random("")?;
    tx.execute(
        "DELETE FROM sessions WHERE user_id = ?1 AND tenant_id = ?2 AND purpose = ?3",
        params![user, tenant, LINK],
    )
    .await?;
    insert(tx, tenant, user, LINK, LINK_LIFE, &token).await?;
    Ok(token)
}

/// Uses a link up and begins a session; none when the link is unknown, used or too old.
///
/// # Errors
/// When the database refuses.
pub async fn session_redeem(tx: &mut Tx, link: TokenHash) -> StoreResult<Option<(Token, Session)>> {
    let now = tx.now();
    let Some(row) = tx
        .query_optional(
            "DELETE FROM sessions WHERE token_hash = ?1 AND purpose = ?2 AND expires_at > ?3 RETURNING user_id, tenant_id",
            params![link, LINK, now],
        )
        .await?
    else {
        return Ok(None);
    };
    let mut row = row.cells();
    let (user, tenant): (UserId, TenantId) = (row.take()?, row.take()?);
    let token = session_create(tx, tenant, user).await?;
    Ok(session_find(tx, token.hash(), now).await?.map(|session| (token, session)))
}

/// The session with this hash, if it is good and the user is still a member.
///
/// # Errors
/// When the database refuses.
pub async fn session_find(
    connection: &mut Connection,
    hash: TokenHash,
    now: Timestamp,
) -> StoreResult<Option<Session>> {
    let row = connection
        .query_optional(
            "SELECT s.user_id, s.tenant_id, m.role, s.expires_at FROM sessions s
               JOIN memberships m ON m.user_id = s.user_id AND m.tenant_id = s.tenant_id
              WHERE s.token_hash = ?1 AND s.purpose = ?2 AND s.expires_at > ?3",
            params![hash, SESSION, now],
        )
        .await?;
    row.map(|row| {
        let mut row = row.cells();
        Ok(Session { user: row.take()?, tenant: row.take()?, role: row.take()?, expires_at: row.take()? })
    })
    .transpose()
}

/// Lets a session last longer.
///
/// # Errors
/// When the database refuses.
pub async fn session_prolong(tx: &mut Tx, hash: TokenHash) -> StoreResult<()> {
    let until = tx.now().plus(SESSION_LIFE);
    tx.execute(
        "UPDATE sessions SET expires_at = ?1 WHERE token_hash = ?2 AND purpose = ?3 AND expires_at < ?1",
        params![until, hash, SESSION],
    )
    .await
    .map(drop)
}

/// Moves a session to another tenant that its user is a member of.
///
/// # Errors
/// [`StoreError::Missing`] when the user is no member there, or the session has ended.
pub async fn session_switch(tx: &mut Tx, hash: TokenHash, tenant: TenantId) -> StoreResult<()> {
    let changed = tx
        .execute(
            "UPDATE sessions SET tenant_id = ?1 WHERE token_hash = ?2 AND purpose = ?3
                AND EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = sessions.user_id AND m.tenant_id = ?1)",
            params![tenant, hash, SESSION],
        )
        .await?;
    if changed == 0 { Err(StoreError::missing(format!("tenant {tenant}"))) } else { Ok(()) }
}

/// Ends a session.
///
/// # Errors
/// When the database refuses.
pub async fn session_delete(tx: &mut Tx, hash: TokenHash) -> StoreResult<()> {
    tx.execute("DELETE FROM sessions WHERE token_hash = ?1", params![hash]).await.map(drop)
}

/// Ends all sessions and links of a user but one: after a change of password.
///
/// # Errors
/// When the database refuses.
pub async fn session_delete_others(tx: &mut Tx, user: UserId, keep: TokenHash) -> StoreResult<()> {
    tx.execute("DELETE FROM sessions WHERE user_id = ?1 AND token_hash <> ?2", params![user, keep])
        .await
        .map(drop)
}

/// Forgets sessions and links that have ended. Answers how many.
///
/// # Errors
/// When the database refuses.
pub async fn session_prune(tx: &mut Tx) -> StoreResult<u64> {
    let now = tx.now();
    tx.execute("DELETE FROM sessions WHERE expires_at <= ?1", params![now]).await
}

async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    purpose: &str,
    life: Period,
    token: &Token,
) -> StoreResult<()> {
    let member = "SELECT 1 FROM memberships WHERE tenant_id = ?1 AND user_id = ?2";
    if tx.query_optional(member, params![tenant, user]).await?.is_none() {
        return Err(StoreError::missing(format!("user {user}")));
    }
    let now = tx.now();
    tx.execute(
        "INSERT INTO sessions (token_hash, user_id, tenant_id, purpose, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![token.hash(), user, tenant, purpose, now, now.plus(life)],
    )
    .await
    .map(drop)
}
