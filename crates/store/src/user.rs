//! Users and their memberships. A person has one account in the installation and a role in each tenant that they belong to.
//!
//! An administrator of one tenant decides who belongs to it and in what role. What belongs to the person (name, email,
//! password) an administrator may change only for someone who belongs to no other tenant: else one tenant could take over
//! another's people.
//!
//! Passwords are hashed with argon2id, on threads that may block ([`password_hash`], [`password_verify`]): it takes long
//! on purpose, and the writer must not wait for it.

use std::collections::HashMap;

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use model::{
    Actor, TenantId, Timestamp, UserId,
    field::looks_like_email,
    settings::{Tenant, optional_time_zone},
    user::{Away, Role, User},
};
use tokio::sync::Semaphore;

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    change::refused,
    database::{Row, Value, page::list},
    ids::IdKind,
    params,
};

const COLUMNS: &str = "id, email, name, role, time_zone, away_from, away_until, created_at, updated_at, created_by, updated_by, version";

/// Users as members: a row for each tenant that a person belongs to.
const MEMBERS: &str = "(SELECT u.id, m.tenant_id, u.email, u.name, m.role, u.time_zone, m.away_from, m.away_until, u.created_at, u.updated_at,
      u.created_by, u.updated_by, u.version FROM users u JOIN memberships m ON m.user_id = u.id) AS members";

const SHORTEST_PASSWORD: usize = 8;
/// Longer ones would only cost time.
const LONGEST_PASSWORD: usize = 1_024;

/// A person to be made a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// By which they are found when they have an account already.
    pub email: String,
    /// The person's name.
    pub name: Option<String>,
    /// What they may do in the tenant.
    pub role: Role,
    /// An IANA zone.
    pub time_zone: Option<String>,
    /// For a new account; none: they sign in by a link.
    pub password: Option<Hashed>,
}

/// What changes about a member; none: it stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What they may do in the tenant.
    pub role: Option<Role>,
    /// The person's name, or none.
    pub name: Option<Option<String>>,
    /// An IANA zone, or none.
    pub time_zone: Option<Option<String>>,
    /// When the person is away from this tenant's work, or that they are not.
    pub away: Option<Option<NewAway>>,
}

/// That somebody is away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewAway {
    /// From when on; none: from now on.
    pub from: Option<Timestamp>,
    /// Until when; none: until they say otherwise.
    pub until: Option<Timestamp>,
}

/// A hashed password. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hashed(String);

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashed(…)")
    }
}

/// Hashes a password, on a thread that may block.
///
/// # Errors
/// [`StoreError::Refused`] at `password` for one that is too short or too long.
pub async fn password_hash(password: String) -> StoreResult<Hashed> {
    if password.chars().count() < SHORTEST_PASSWORD {
        return Err(refused("password", format!("is shorter than {SHORTEST_PASSWORD} characters")));
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(refused("password", format!("is longer than {LONGEST_PASSWORD} bytes")));
    }
    let mut salt = [0; 16];
    crate::token::random(&mut salt)?;
    blocking(move || {
        let salt = SaltString::encode_b64(&salt).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
        hash.map(|hash| Hashed(hash.to_string())).map_err(|error| StoreError::Unavailable(error.to_string()))
    })
    .await
}

/// The account with this email address, and the hash of its password.
///
/// # Errors
/// When the database refuses.
pub async fn password_stored(
    connection: &mut Connection,
    email: &str,
) -> StoreResult<(Option<Hashed>, Option<UserId>)> {
    let sql = "SELECT id, password_hash FROM users WHERE lower(email) = lower(?1)";
    let Some(row) = connection.query_optional(sql, params![email.trim()]).await? else {
        return Ok((None, None));
    };
    let mut row = row.cells();
    let (user, hash): (UserId, Option<String>) = (row.take()?, row.take()?);
    Ok((hash.map(Hashed), Some(user)))
}

/// Whether the password is the one that was hashed, on a thread that may block. Takes as long when there is none, so that
/// the time does not tell who has an account.
///
/// # Errors
/// When the threads are gone.
pub async fn password_verify(hash: Option<Hashed>, password: String) -> StoreResult<bool> {
    if password.len() > LONGEST_PASSWORD {
        return Ok(false);
    }
    blocking(move || Ok(hash_matches(hash.as_ref().map(|hash| hash.0.as_str()), &password))).await
}

fn hash_matches(hash: Option<&str>, password: &str) -> bool {
    // Of no password: made with the same costs as the others.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && hash.is_some()
}

/// One hash takes 19 MiB and a core for tens of milliseconds: a flood of attempts must not take the machine.
static HASHING: Semaphore = Semaphore::const_new(2);

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> StoreResult<T> + Send + 'static,
) -> StoreResult<T> {
    let _turn = HASHING.acquire().await.map_err(|_| StoreError::Closed)?;
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.to_string()))?
}

/// Makes a person a member of the tenant, with a new account unless the email address has one.
///
/// # Errors
/// [`StoreError::Refused`] for values that do not fit; [`StoreError::Conflict`] for a member, and for a password where
/// there is an account already.
pub async fn user_create(tx: &mut Tx, tenant: TenantId, actor: Actor, new: &NewUser) -> StoreResult<User> {
    let email = new.email.trim();
    if email.len() > 254 || !looks_like_email(email) {
        return Err(refused("email", format!("{email:?} is not an email address")));
    }
    let (name, time_zone) = (name_checked(new.name.as_deref())?, zone_checked(new.time_zone.as_deref())?);
    let now = tx.now();
    let account =
        tx.query_optional("SELECT id FROM users WHERE lower(email) = lower(?1)", params![email]).await?;
    let id = match account {
        Some(row) => {
            let id: UserId = row.first()?;
            if role_of(tx, tenant, id).await?.is_some() {
                return Err(StoreError::conflict(
                    "email_taken",
                    format!("user {id} has this email address already: change that one instead"),
                ));
            }
            if new.password.is_some() {
                return Err(StoreError::conflict(
                    "has_account",
                    "this person has an account with a password of their own already: leave out the password",
                ));
            }
            id
        }
        None => {
            let id = UserId::new(tx.id(IdKind::User).await?);
            let hash = new.password.as_ref().map(|hashed| hashed.0.clone());
            tx.execute(
                "INSERT INTO users (id, email, name, time_zone, password_hash, created_at, updated_at, created_by, updated_by, version)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?7, 1)",
                params![id, email, name, time_zone, hash, now, actor],
            )
            .await?;
            id
        }
    };
    tx.execute(
        "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES (?1, ?2, ?3, ?4)",
        params![tenant, id, new.role, now],
    )
    .await?;
    user_get(tx, tenant, id).await
}

/// Changes a member. With `version`, only when the record is at that version.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Refused`]; [`StoreError::Conflict`] when the tenant would be
/// left without an administrator, or what is changed belongs to other tenants too.
pub async fn user_update(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: UserId,
    changes: &Changes,
    version: Option<i64>,
) -> StoreResult<User> {
    let before = user_get(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    let mut user = before.clone();
    if let Some(name) = &changes.name {
        user.name = name_checked(name.as_deref())?;
    }
    if let Some(time_zone) = &changes.time_zone {
        user.time_zone = zone_checked(time_zone.as_deref())?;
    }
    if (&user.name, &user.time_zone) != (&before.name, &before.time_zone) && actor != Actor::User(id) {
        own_person_check(tx, tenant, id).await?;
    }
    if let Some(role) = changes.role.filter(|role| *role != before.role) {
        last_admin_check(tx, tenant, &before).await?;
        tx.execute(
            "UPDATE memberships SET role = ?1 WHERE tenant_id = ?2 AND user_id = ?3",
            params![role, tenant, id],
        )
        .await?;
        user.role = role;
    }
    if let Some(away) = changes.away {
        user.away = away.map(|away| away_checked(tx.now(), away)).transpose()?;
    }
    if user.away != before.away {
        let (from, until) = (user.away.map(|away| away.from), user.away.and_then(|away| away.until));
        tx.execute(
            "UPDATE memberships SET away_from = ?1, away_until = ?2 WHERE tenant_id = ?3 AND user_id = ?4",
            params![from, until, tenant, id],
        )
        .await?;
    }
    if user == before {
        return Ok(user);
    }
    let now = tx.now();
    tx.execute(
        "UPDATE users SET name = ?1, time_zone = ?2, updated_at = ?3, updated_by = ?4, version = version + 1 WHERE id = ?5",
        params![&user.name, &user.time_zone, now, actor, id],
    )
    .await?;
    user_get(tx, tenant, id).await
}

/// Ends a membership, and the person's sessions in the tenant. The account stays as long as history may name it.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Conflict`] for the last administrator.
pub async fn user_remove(tx: &mut Tx, tenant: TenantId, id: UserId) -> StoreResult<()> {
    let user = user_get(tx, tenant, id).await?;
    last_admin_check(tx, tenant, &user).await?;
    tx.execute("DELETE FROM sessions WHERE tenant_id = ?1 AND user_id = ?2", params![tenant, id]).await?;
    tx.execute("DELETE FROM memberships WHERE tenant_id = ?1 AND user_id = ?2", params![tenant, id])
        .await
        .map(drop)
}

/// Gives an account another password.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn user_password_set(tx: &mut Tx, actor: Actor, id: UserId, password: &Hashed) -> StoreResult<()> {
    let now = tx.now();
    let changed = tx
        .execute(
            "UPDATE users SET password_hash = ?1, updated_at = ?2, updated_by = ?3, version = version + 1 WHERE id = ?4",
            params![&password.0, now, actor, id],
        )
        .await?;
    if changed == 0 { Err(StoreError::missing(format!("user {id}"))) } else { Ok(()) }
}

/// Whether an account has a password.
///
/// # Errors
/// When the database refuses.
pub async fn user_has_password(connection: &mut Connection, id: UserId) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM users WHERE id = ?1 AND password_hash IS NOT NULL";
    Ok(connection.query_optional(sql, params![id]).await?.is_some())
}

/// One member.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn user_get(connection: &mut Connection, tenant: TenantId, id: UserId) -> StoreResult<User> {
    let sql = format!("SELECT {COLUMNS} FROM {MEMBERS} WHERE tenant_id = ?1 AND id = ?2");
    let row = connection.query_optional(sql, params![tenant, id]).await?;
    user_of(row.ok_or_else(|| StoreError::missing(format!("user {id}")))?)
}

/// The member with this email address, if there is one.
///
/// # Errors
/// When the database refuses.
pub async fn user_find(
    connection: &mut Connection,
    tenant: TenantId,
    email: &str,
) -> StoreResult<Option<User>> {
    let sql = format!("SELECT {COLUMNS} FROM {MEMBERS} WHERE tenant_id = ?1 AND lower(email) = lower(?2)");
    connection.query_optional(sql, params![tenant, email.trim()]).await?.map(user_of).transpose()
}

/// What people call these actors: users by their name, else their address, and keys by theirs. Of others, and of those that are gone, there is none.
///
/// # Errors
/// When the database refuses.
pub async fn actor_names(
    connection: &mut Connection,
    tenant: TenantId,
    actors: impl Iterator<Item = Actor>,
) -> StoreResult<HashMap<Actor, String>> {
    let (mut users, mut keys) = (Vec::new(), Vec::new());
    for actor in actors {
        match actor {
            Actor::User(id) => users.push(id.get()),
            Actor::ApiKey(id) => keys.push(id.get()),
            Actor::Execution(_) | Actor::Public | Actor::System => {}
        }
    }
    let mut names = HashMap::new();
    if !users.is_empty() {
        let sql = "SELECT u.id, u.name, u.email FROM users u JOIN memberships m ON m.user_id = u.id
              WHERE m.tenant_id = ?1 AND u.id {among:?2}";
        for row in connection.query(sql, vec![tenant.into(), Value::Ids(users)]).await? {
            let mut row = row.cells();
            let (id, name, email): (UserId, Option<String>, String) = (row.take()?, row.take()?, row.take()?);
            names.insert(Actor::User(id), name.unwrap_or(email));
        }
    }
    if !keys.is_empty() {
        let sql = "SELECT id, name FROM api_keys WHERE tenant_id = ?1 AND id {among:?2}";
        for row in connection.query(sql, vec![tenant.into(), Value::Ids(keys)]).await? {
            let mut row = row.cells();
            names.insert(Actor::ApiKey(row.take()?), row.take()?);
        }
    }
    Ok(names)
}

/// Which members a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Name or email contains this, without regard to case.
    pub text: Option<String>,
    /// With this role.
    pub role: Option<Role>,
}

/// A page of members, newest account first.
///
/// # Errors
/// When the database refuses.
pub async fn user_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<User>> {
    let mut query = list(MEMBERS, COLUMNS, tenant);
    if let Some(text) = &filter.text {
        query = query.containing(&["name", "email"], text);
    }
    if let Some(role) = filter.role {
        query = query.equal("role", role);
    }
    query.run(connection, page, |user: &User| user.id.get(), user_of).await
}

/// The tenants that a person belongs to, with the role in each, oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn user_tenants(connection: &mut Connection, id: UserId) -> StoreResult<Vec<(Tenant, Role)>> {
    let rows = connection
        .query(
            "SELECT t.id, t.name, t.created_at, m.role FROM memberships m JOIN tenants t ON t.id = m.tenant_id
              WHERE m.user_id = ?1 ORDER BY t.id",
            params![id],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            let tenant = Tenant { id: row.take()?, name: row.take()?, created_at: row.take()? };
            Ok((tenant, row.take()?))
        })
        .collect()
}

/// The user is a member of the tenant.
pub(crate) async fn member_check(tx: &mut Tx, tenant: TenantId, user: UserId, path: &str) -> StoreResult<()> {
    match role_of(tx, tenant, user).await? {
        Some(_) => Ok(()),
        None => Err(refused(path, format!("user {user} does not exist"))),
    }
}

/// The person belongs to no other tenant: then the tenant's administrators may decide for them.
///
/// # Errors
/// [`StoreError::Missing`] for someone who is no member; [`StoreError::Conflict`] for someone who belongs to others too.
pub async fn own_person_check(connection: &mut Connection, tenant: TenantId, id: UserId) -> StoreResult<()> {
    user_get(connection, tenant, id).await?;
    let sql = "SELECT 1 FROM memberships WHERE user_id = ?1 AND tenant_id <> ?2";
    match connection.query_optional(sql, params![id, tenant]).await? {
        None => Ok(()),
        Some(_) => Err(StoreError::conflict(
            "belongs_to_others",
            "this person belongs to other tenants too: only they themselves can change this",
        )),
    }
}

async fn role_of(connection: &mut Connection, tenant: TenantId, user: UserId) -> StoreResult<Option<Role>> {
    let sql = "SELECT role FROM memberships WHERE tenant_id = ?1 AND user_id = ?2";
    connection.query_optional(sql, params![tenant, user]).await?.map(Row::first).transpose()
}

/// Someone else is an administrator, or this one is none.
async fn last_admin_check(tx: &mut Tx, tenant: TenantId, user: &User) -> StoreResult<()> {
    if user.role != Role::Admin {
        return Ok(());
    }
    let sql = "SELECT 1 FROM memberships WHERE tenant_id = ?1 AND role = ?2 AND user_id <> ?3 LIMIT 1";
    match tx.query_optional(sql, params![tenant, Role::Admin, user.id]).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::conflict(
            "last_admin",
            "this is the tenant's only administrator: make someone else an administrator first",
        )),
    }
}

fn name_checked(name: Option<&str>) -> StoreResult<Option<String>> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    match name {
        Some(name) if name.chars().count() > 255 => Err(refused("name", "is longer than 255 characters")),
        name => Ok(name.map(str::to_owned)),
    }
}

fn away_checked(now: Timestamp, away: NewAway) -> StoreResult<Away> {
    let from = away.from.unwrap_or(now);
    match away.until {
        Some(until) if until <= from => {
            Err(refused("away.until", "must be later than away.from, and than now"))
        }
        until => Ok(Away { from, until }),
    }
}

fn zone_checked(zone: Option<&str>) -> StoreResult<Option<String>> {
    let zone = zone.map_or(serde_json::Value::Null, serde_json::Value::from);
    optional_time_zone(&zone).map_err(|error| refused("time_zone", error.to_string()))
}

fn away_of(from: Option<Timestamp>, until: Option<Timestamp>) -> Option<Away> {
    from.map(|from| Away { from, until })
}

fn user_of(row: Row) -> StoreResult<User> {
    let mut row = row.cells();
    Ok(User {
        id: row.take()?,
        email: row.take()?,
        name: row.take()?,
        role: row.take()?,
        time_zone: row.take()?,
        away: away_of(row.take()?, row.take()?),
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
    })
}
