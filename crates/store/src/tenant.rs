//! Tenants, their settings, and what the first start makes.

use model::{
    Actor, Period, Problem, TenantId, Timestamp, UserId,
    settings::{Settings, Tenant},
    user::Role,
};

use crate::{
    Connection, Page, Paged, Store, StoreError, StoreResult, Tx,
    api_key::{self, api_key_create, api_key_find},
    change::refused,
    database::Row,
    ids::IdKind,
    mailing::{LONGEST_SPAN, dkim::dkim_put},
    params,
    schedule::schedules_move,
    secret::{Purpose, SecretBox},
    session::session_link_create,
    token::Token,
    user::{self, NewUser, password_hash, user_create},
};

/// The tenant that is always there.
pub const FIRST: TenantId = TenantId::new(1);

/// Who the first sign-in link is for.
const FIRST_ADMIN: &str = "admin@localhost";

/// A tenant's settings as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Without the SMTP password.
    pub settings: Settings,
    /// A password for the SMTP server is kept, sealed.
    pub has_smtp_password: bool,
    /// When they last changed.
    pub updated_at: Timestamp,
    /// Who last changed them.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
}

/// Makes a tenant.
///
/// # Errors
/// [`StoreError::Refused`] for a name that does not fit.
pub async fn tenant_create(tx: &mut Tx, actor: Actor, name: &str) -> StoreResult<Tenant> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 255 {
        return Err(refused("name", "must have 1 to 255 characters"));
    }
    let id = TenantId::new(tx.id(IdKind::Tenant).await?);
    let now = tx.now();
    tx.execute(
        "INSERT INTO tenants (id, name, settings, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?5, 1)",
        params![id, name, json(&Settings::default()), now, actor],
    )
    .await?;
    Ok(Tenant { id, name: name.to_owned(), created_at: now })
}

/// One tenant.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn tenant_get(connection: &mut Connection, id: TenantId) -> StoreResult<Tenant> {
    let row = connection
        .query_optional("SELECT id, name, created_at FROM tenants WHERE id = ?1", params![id])
        .await?;
    tenant_of(row.ok_or_else(|| StoreError::missing(format!("tenant {id}")))?)
}

/// Gives a tenant another name.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Refused`].
pub async fn tenant_rename(tx: &mut Tx, actor: Actor, id: TenantId, name: &str) -> StoreResult<Tenant> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 255 {
        return Err(refused("name", "must have 1 to 255 characters"));
    }
    let now = tx.now();
    tx.execute(
        "UPDATE tenants SET name = ?1, updated_at = ?2, updated_by = ?3, version = version + 1 WHERE id = ?4",
        params![name, now, actor, id],
    )
    .await?;
    tenant_get(tx, id).await
}

/// Every tenant's id, oldest first: for background tasks.
///
/// # Errors
/// When the database refuses.
pub async fn tenant_ids(connection: &mut Connection) -> StoreResult<Vec<TenantId>> {
    let rows = connection.query("SELECT id FROM tenants ORDER BY id", params![]).await?;
    rows.into_iter().map(Row::first).collect()
}

/// A page of tenants, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn tenant_list(connection: &mut Connection, page: Page) -> StoreResult<Paged<Tenant>> {
    let total = tenant_count(connection).await?;
    let rows = connection
        .query(
            "SELECT id, name, created_at FROM tenants WHERE id < ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3",
            params![page.before.unwrap_or(i64::MAX), page.limit + 1, page.offset],
        )
        .await?;
    let has_more = rows.len() as i64 > page.limit;
    let rows: Vec<Tenant> = rows
        .into_iter()
        .take(page.limit.unsigned_abs() as usize)
        .map(tenant_of)
        .collect::<StoreResult<_>>()?;
    let next = rows.last().filter(|_| has_more).map(|tenant| tenant.id.get());
    Ok(Paged { rows, total, total_is_capped: false, has_more, next })
}

/// How many tenants there are.
///
/// # Errors
/// When the database refuses.
pub async fn tenant_count(connection: &mut Connection) -> StoreResult<i64> {
    connection.query_one("SELECT count(*) FROM tenants", params![]).await?.first()
}

/// A tenant's settings. Settings that a later program added have their defaults.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn settings_get(connection: &mut Connection, tenant: TenantId) -> StoreResult<Stored> {
    let row = connection.query_optional(SETTINGS, params![tenant]).await?;
    settings_of(tenant, row)
}

/// The row of a tenant that [`settings_of`] reads.
pub(crate) const SETTINGS: &str = "SELECT settings, CASE WHEN smtp_password IS NULL THEN 0 ELSE 1 END, updated_at, updated_by, version FROM tenants WHERE id = ?1";

pub(crate) fn settings_of(tenant: TenantId, row: Option<Row>) -> StoreResult<Stored> {
    let mut row = row.ok_or_else(|| StoreError::missing(format!("tenant {tenant}")))?.cells();
    Ok(Stored {
        settings: row.json()?,
        has_smtp_password: row.take::<i64>()? == 1,
        updated_at: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
    })
}

/// The password of the tenant's SMTP server, opened.
///
/// # Errors
/// [`StoreError::Corrupt`] when it was sealed with another key.
pub async fn smtp_password(
    connection: &mut Connection,
    tenant: TenantId,
    secrets: &SecretBox,
) -> StoreResult<Option<String>> {
    let row =
        connection.query_optional("SELECT smtp_password FROM tenants WHERE id = ?1", params![tenant]).await?;
    let Some(sealed) = row.map(Row::first::<Option<Vec<u8>>>).transpose()?.flatten() else { return Ok(None) };
    let password = secrets.open(tenant, Purpose::SmtpPassword, &sealed)?;
    String::from_utf8(password)
        .map(Some)
        .map_err(|_| StoreError::Corrupt("an SMTP password is no text".to_owned()))
}

/// Replaces a tenant's settings. A password in them is sealed and kept apart; without one the password that is there stays, as
/// long as it goes to the same server and user: it must not be sent to another one that somebody enters later.
///
/// # Errors
/// [`StoreError::Stale`]; [`StoreError::Refused`] with every setting that does not fit.
pub async fn settings_put(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    mut settings: Settings,
    secrets: &SecretBox,
    version: Option<i64>,
) -> StoreResult<Stored> {
    let before = settings_get(tx, tenant).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    let problems = settings_check(&settings);
    if !problems.is_empty() {
        return Err(StoreError::Refused(problems));
    }
    let password =
        settings.smtp.as_mut().and_then(|smtp| smtp.password.take()).filter(|text| !text.is_empty());
    let same_account = match (&settings.smtp, &before.settings.smtp) {
        (Some(after), Some(before)) => {
            (&after.host, after.port, &after.username) == (&before.host, before.port, &before.username)
        }
        _ => false,
    };
    let sealed = match password {
        Some(password) => Some(secrets.seal(tenant, Purpose::SmtpPassword, password.as_bytes())?),
        None if same_account => {
            tx.query_one("SELECT smtp_password FROM tenants WHERE id = ?1", params![tenant]).await?.first()?
        }
        None => None,
    };
    if !dkim_put(tx, tenant, settings.mail.dkim.as_ref(), secrets).await? {
        return Err(refused(
            "mail.dkim.private_key",
            "is needed: no key of this domain and selector is kept",
        ));
    }
    let now = tx.now();
    tx.execute(
        "UPDATE tenants SET settings = ?1, smtp_password = ?2, updated_at = ?3, updated_by = ?4, version = version + 1 WHERE id = ?5",
        params![json(&settings), sealed, now, actor, tenant],
    )
    .await?;
    if settings.time_zone != before.settings.time_zone {
        schedules_move(tx, tenant, &settings.time_zone).await?;
    }
    settings_get(tx, tenant).await
}

/// What is wrong with settings, each at its path.
#[must_use]
pub fn settings_check(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut check = |holds: bool, path: &str, message: &dyn Fn() -> String| {
        if !holds {
            problems.push(Problem::at(path, message()));
        }
    };
    let zone = serde_json::Value::from(settings.time_zone.as_str());
    check(matches!(model::settings::optional_time_zone(&zone), Ok(Some(_))), "time_zone", &|| {
        format!("{:?} is not a time zone: an IANA name such as Europe/Paris is needed", settings.time_zone)
    });
    for (path, email) in [("sender.email", &settings.sender.email), ("alerts.email", &settings.alerts.email)]
    {
        if let Some(email) = email {
            check(model::field::looks_like_email(email), path, &|| {
                format!("{email:?} is not an email address")
            });
        }
    }
    if let Some(name) = &settings.sender.name {
        check(name.chars().count() <= 255 && !name.chars().any(char::is_control), "sender.name", &|| {
            "must be one line of at most 255 characters".to_owned()
        });
    }
    if let Some(smtp) = &settings.smtp {
        check(is_host(&smtp.host), "smtp.host", &|| format!("{:?} is not the name of a host", smtp.host));
        check(smtp.port != 0, "smtp.port", &|| "must be from 1 to 65535".to_owned());
        check(smtp.password.is_none() || smtp.username.is_some(), "smtp.username", &|| {
            "is needed with a password".to_owned()
        });
    }
    for (day, spans) in settings.calendar.week.iter().enumerate() {
        for (index, (from, to)) in spans.iter().enumerate() {
            let fits = is_time(from) && (is_time(to) || to == "24:00") && from < to;
            check(fits, &format!("calendar.week[{day}][{index}]"), &|| {
                "must be two times HH:MM, the first one earlier, such as [\"09:00\",\"17:00\"]".to_owned()
            });
        }
    }
    for (index, date) in settings.calendar.holidays.iter().enumerate() {
        check(is_date(date), &format!("calendar.holidays[{index}]"), &|| {
            format!("{date:?} is not a date: write it like 2026-12-25")
        });
    }
    if let Some(quiet) = &settings.quiet_hours {
        check(is_time(&quiet.from), "quiet_hours.from", &|| "must be a time HH:MM, such as 22:00".to_owned());
        check(is_time(&quiet.to), "quiet_hours.to", &|| "must be a time HH:MM, such as 08:00".to_owned());
        check(quiet.from != quiet.to, "quiet_hours.to", &|| "must be another time than `from`".to_owned());
    }
    let mail = &settings.mail;
    let limit = &mail.marketing_limit;
    check(limit.mails <= 1_000, "mail.marketing_limit.mails", &|| "must be from 0 to 1000".to_owned());
    let fits = limit.period > Period::ZERO && limit.period <= LONGEST_SPAN;
    check(fits, "mail.marketing_limit.period", &|| format!("must be up to {LONGEST_SPAN}, such as \"7d\""));
    if let Some(layout) = &mail.layout {
        check(layout.len() <= 100_000, "mail.layout", &|| "is longer than 100,000 bytes".to_owned());
        check(layout.matches("{{content}}").count() == 1, "mail.layout", &|| {
            "needs {{content}} once: there the mail's own HTML stands".to_owned()
        });
    }
    if let Some(dkim) = &mail.dkim {
        check(is_host(&dkim.domain), "mail.dkim.domain", &|| {
            format!("{:?} is not a domain such as example.com", dkim.domain)
        });
        check(is_host(&dkim.selector), "mail.dkim.selector", &|| {
            format!("{:?} is not a selector such as mail2026", dkim.selector)
        });
    }
    for (priority, period) in &settings.sla.due_in {
        check(*period > Period::ZERO, &format!("sla.due_in.{priority}"), &|| {
            "must be longer than nothing, such as \"4h\"".to_owned()
        });
    }
    check((1..=100).contains(&settings.sla.warn_percent), "sla.warn_percent", &|| {
        "must be from 1 to 100; with 100 there is no warning".to_owned()
    });
    check((1..=3_650).contains(&settings.retention_days), "retention_days", &|| {
        "must be from 1 to 3650 days".to_owned()
    });
    check(settings.webhook_hosts.len() <= 1_000, "webhook_hosts", &|| "has more than 1,000 hosts".to_owned());
    for (index, host) in settings.webhook_hosts.iter().enumerate() {
        check(is_webhook_host(host), &format!("webhook_hosts[{index}]"), &|| {
            format!(
                "{host:?} is not a host: write hooks.example.com, *.example.com or https://hooks.example.com:8443"
            )
        });
    }
    let alerts = &settings.alerts;
    check((0.0..=100.0).contains(&alerts.failure_rate_percent), "alerts.failure_rate_percent", &|| {
        "must be from 0 to 100".to_owned()
    });
    check(
        (0.0..=31_536_000.0).contains(&alerts.average_duration_seconds),
        "alerts.average_duration_seconds",
        &|| "must be from 0 to 31536000 (a year)".to_owned(),
    );
    if let Some(webhook) = &alerts.webhook {
        let origin = webhook.strip_prefix("https://").or_else(|| webhook.strip_prefix("http://"));
        let fits =
            webhook.len() <= 2_000 && origin.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        check(fits, "alerts.webhook", &|| {
            "must be a URL such as https://hooks.example.com/alerts, of at most 2000 characters".to_owned()
        });
    }
    check((1..=525_600).contains(&alerts.running_minutes), "alerts.running_minutes", &|| {
        "must be from 1 to 525600 (a year)".to_owned()
    });
    problems
}

/// `HH:MM`.
fn is_time(text: &str) -> bool {
    let part = |part: &str, end: u8| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|number| number < end)
    };
    text.split_once(':').is_some_and(|(hours, minutes)| part(hours, 24) && part(minutes, 60))
}

/// `YYYY-MM-DD`, a day that there is.
fn is_date(text: &str) -> bool {
    text.len() == 10 && format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok()
}

/// A host, `*.` and a host for every name below it, or a scheme and a host, perhaps with a port.
fn is_webhook_host(text: &str) -> bool {
    let origin = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(origin) = origin else { return is_host(text.strip_prefix("*.").unwrap_or(text)) };
    let port = origin.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0));
    is_host(port.map_or(origin, |(host, _)| host))
}

/// A name such as `hooks.example.com`, or an IP address; no scheme, port or path.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let address = text.trim_start_matches('[').trim_end_matches(']');
    address.parse::<std::net::IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(label))
}

/// What the operator wants the first start to make.
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    /// An administrator's API key for the first tenant, as it is.
    pub api_key: Option<Token>,
    /// An administrator of the first tenant: email address and password.
    pub admin: Option<(String, Token)>,
}

/// What the start has made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bootstrapped {
    /// With this somebody signs in once: there is no other way in yet.
    pub sign_in_token: Option<Token>,
}

/// Makes what the first start needs; later starts find it and change nothing. Without key and user, each start gives a
/// sign-in link until somebody has a way in.
///
/// # Errors
/// [`StoreError::Refused`] when the administrator's email or password do not fit.
pub async fn bootstrap(store: &Store, options: Bootstrap) -> StoreResult<Bootstrapped> {
    let admin = match options.admin {
        // A hash takes long: only for an account that is to be made.
        Some((email, password)) if !account_exists(&mut *store.read_any().await?, &email).await? => {
            let password = password_hash(password.reveal().to_owned()).await?;
            Some(NewUser { email, name: None, role: Role::Admin, time_zone: None, password: Some(password) })
        }
        _ => None,
    };
    let api_key = options.api_key;
    store.write(move |tx| Box::pin(async move { bootstrap_write(tx, api_key, admin).await })).await
}

async fn bootstrap_write(
    tx: &mut Tx,
    api_key: Option<Token>,
    admin: Option<NewUser>,
) -> StoreResult<Bootstrapped> {
    let actor = Actor::System;
    // Nodes that start together do this one after the other: each sees what the one before has made.
    tx.execute(
        "INSERT INTO store_facts (name, value) VALUES ('first_start', '') ON CONFLICT (name) DO UPDATE SET value = store_facts.value",
        Vec::new(),
    )
    .await?;
    if tenant_count(tx).await? == 0 {
        tenant_create(tx, actor, "default").await?;
    }
    if let Some(token) = api_key
        && api_key_find(tx, token.hash()).await?.is_none()
    {
        let fields = api_key::Fields { name: "bootstrap".to_owned(), role: Role::Admin, rate_limit: None };
        api_key_create(tx, FIRST, actor, &fields, &token).await?;
    }
    if let Some(admin) = admin {
        user_create(tx, FIRST, actor, &admin).await?;
    }
    if has_way_in(tx).await? {
        return Ok(Bootstrapped::default());
    }
    let user = match user::user_find(tx, FIRST, FIRST_ADMIN).await? {
        Some(user) => user.id,
        None => first_admin(tx).await?,
    };
    let token = session_link_create(tx, FIRST, user).await?;
    Ok(Bootstrapped { sign_in_token: Some(token) })
}

/// Some key, some password, or somebody who is signed in.
async fn has_way_in(tx: &mut Tx) -> StoreResult<bool> {
    let now = tx.now();
    let row = tx
        .query_one(
            "SELECT (SELECT count(*) FROM api_keys) + (SELECT count(*) FROM users WHERE password_hash IS NOT NULL)
                  + (SELECT count(*) FROM sessions WHERE purpose = 'session' AND expires_at > ?1)",
            params![now],
        )
        .await?;
    Ok(row.first::<i64>()? > 0)
}

async fn first_admin(tx: &mut Tx) -> StoreResult<UserId> {
    let admin = NewUser {
        email: FIRST_ADMIN.to_owned(),
        name: Some("Administrator".to_owned()),
        role: Role::Admin,
        time_zone: None,
        password: None,
    };
    user_create(tx, FIRST, Actor::System, &admin).await.map(|user| user.id)
}

async fn account_exists(connection: &mut Connection, email: &str) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM users WHERE lower(email) = lower(?1)";
    Ok(connection.query_optional(sql, params![email.trim()]).await?.is_some())
}

fn json(settings: &Settings) -> crate::database::Value {
    crate::database::Value::json(settings)
}

fn tenant_of(row: Row) -> StoreResult<Tenant> {
    let mut row = row.cells();
    Ok(Tenant { id: row.take()?, name: row.take()?, created_at: row.take()? })
}

/// The tenants that changed at or after an instant: other nodes keep their settings in memory.
///
/// # Errors
/// When the database refuses.
pub async fn tenant_changed_since(
    connection: &mut Connection,
    since: Timestamp,
) -> StoreResult<Vec<(TenantId, i64)>> {
    let rows =
        connection.query("SELECT id, version FROM tenants WHERE updated_at >= ?1", params![since]).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok((row.take()?, row.take()?))
        })
        .collect()
}
