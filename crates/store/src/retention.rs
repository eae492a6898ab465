//! Retention: which history is old enough to go, found by index and page by page, and its removal by primary key.
//!
//! A tenant says for how many days its history is kept. What goes then: executions that ended that long ago, with their logs; events, once no
//! execution of theirs is left; mails in the outbox, notifications, and what rules of entry refused. What lives is never touched, however old, and neither is its event.
//! The counts of what ever ran stay (`execution_rollups.ever`); those of what is there follow by the table's trigger.
//!
//! On PostgreSQL whole partitions go before ([`crate::partition`]); what lies between them and what is kept goes as it does here.
//!
//! Looking is apart from removing: a look reads and holds up nobody, and what it found is asked again with the removal, which
//! touches only rows that it names. Whoever is stopped in between has removed a part, and the next look begins with the rest.

use std::collections::HashMap;

use model::{Period, TenantId, Timestamp, settings::Settings};

use crate::{
    Connection, StoreResult, Tx,
    database::{Value, sql::Dialect},
    params,
    partition::{Held, Series},
};

/// Rows that one look reads, at most.
const PAGE: i64 = 1_000;
/// Until when somebody has retention in hand: one node at a time.
const FACT: &str = "retention_until";

/// What retention removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ended executions, with their logs.
    Execution,
    /// Events of which no execution is left.
    Event,
    /// Mails that were kept for want of a server.
    Mail,
    /// Notifications, read or not: after that time there is nothing left that they tell of.
    Notification,
    /// What rules of entry refused.
    Decision,
}

impl Kind {
    /// In the order of their removal: events wait for their executions.
    pub const ALL: [Self; 5] = [Self::Execution, Self::Event, Self::Mail, Self::Notification, Self::Decision];

    /// The partitions that it may be in.
    #[must_use]
    pub const fn series(self) -> Option<Series> {
        match self {
            Self::Execution => Some(Series::Executions),
            Self::Event => Some(Series::Events),
            Self::Mail | Self::Notification | Self::Decision => None,
        }
    }
}

/// A tenant with history that may be old enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Whose it is.
    pub tenant: TenantId,
    /// What is older goes.
    pub before: Timestamp,
}

/// How far a walk over a tenant's history has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    created_at: Timestamp,
    id: i64,
}

impl Cursor {
    /// Before the oldest.
    pub const START: Self = Self::at(Timestamp::EPOCH, 0);

    pub(crate) const fn at(created_at: Timestamp, id: i64) -> Self {
        Self { created_at, id }
    }
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// What can go, oldest first.
    pub ids: Vec<i64>,
    /// Where to look on; none: that was all.
    pub next: Option<Cursor>,
}

impl Expired {
    /// Without what is to go soon with its partition: the look goes on behind that. Rows of other partitions that are as old wait with it.
    #[must_use]
    pub fn without(mut self, held: Held) -> Self {
        let found = self.ids.len();
        self.ids.retain(|id| !held.contains(*id));
        if self.ids.len() < found {
            self.next =
                self.next.map(|next| if next.created_at < held.end().created_at { held.end() } else { next });
        }
        self
    }
}

/// Takes retention in hand until an instant. False: somebody else has it.
///
/// # Errors
/// When the database refuses.
pub async fn retention_claim(tx: &mut Tx, until: Timestamp) -> StoreResult<bool> {
    let now = tx.now().as_millis();
    let claimed = tx
        .execute(
            "INSERT INTO store_facts (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE CAST(store_facts.value AS {id}) <= ?3",
            params![FACT, until.as_millis().to_string(), now],
        )
        .await?;
    Ok(claimed > 0)
}

/// Keeps retention in hand until a later instant, while the work lasts.
///
/// # Errors
/// When the database refuses.
pub async fn retention_prolong(tx: &mut Tx, until: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE store_facts SET value = ?1 WHERE name = ?2";
    tx.execute(sql, params![until.as_millis().to_string(), FACT]).await.map(drop)
}

/// How long a tenant keeps its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// What is older goes.
    pub before: Timestamp,
    /// What is older goes soon: before a tenth of the time has passed for which it is kept.
    pub soon: Timestamp,
}

/// What each tenant keeps.
///
/// # Errors
/// When the database refuses.
pub async fn retention_keeps(
    connection: &mut Connection,
    now: Timestamp,
) -> StoreResult<HashMap<TenantId, Keep>> {
    // Of every tenant: time passes for all.
    let rows = connection.query("SELECT id, settings FROM tenants ORDER BY id", Vec::new()).await?;
    let mut all = HashMap::with_capacity(rows.len());
    for row in rows {
        let mut row = row.cells();
        let tenant: TenantId = row.take()?;
        match row.json::<Settings>() {
            Ok(settings) => {
                let days = u16::try_from(settings.retention_days).unwrap_or(u16::MAX);
                let before = now.minus(Period::days(days));
                all.insert(
                    tenant,
                    Keep { before, soon: before.plus(Period::hours(u32::from(days) * 24 / 10)) },
                );
            }
            // A newer program's, say. The other tenants are not held up by it.
            Err(error) => {
                tracing::warn!(%tenant, %error, "settings that cannot be read: nothing of this tenant is removed");
            }
        }
    }
    Ok(all)
}

/// The tenants whose oldest history may be too old. Two statements, however many tenants there are.
///
/// # Errors
/// When the database refuses.
pub async fn retention_due(connection: &mut Connection, now: Timestamp) -> StoreResult<Vec<Due>> {
    let all = retention_keeps(connection, now).await?;
    // Each of these is the first entry of an index. Not "=": PostgreSQL would take that for leave to walk over every tenant's rows by id.
    let rows = connection
        .query(
            "SELECT t.id, (SELECT min(e.created_at) FROM workflow_executions e WHERE e.tenant_id = t.id),
                (SELECT v.created_at FROM events v WHERE v.tenant_id >= t.id AND v.tenant_id <= t.id ORDER BY v.tenant_id, v.id LIMIT 1),
                (SELECT o.created_at FROM outbox o WHERE o.tenant_id >= t.id AND o.tenant_id <= t.id ORDER BY o.tenant_id, o.id LIMIT 1),
                (SELECT n.created_at FROM notifications n WHERE n.tenant_id >= t.id AND n.tenant_id <= t.id
                    ORDER BY n.tenant_id, n.id LIMIT 1),
                (SELECT d.created_at FROM decisions d WHERE d.tenant_id >= t.id AND d.tenant_id <= t.id ORDER BY d.tenant_id, d.id LIMIT 1)
               FROM tenants t ORDER BY t.id",
            Vec::new(),
        )
        .await?;
    let mut due = Vec::new();
    for row in rows {
        let mut row = row.cells();
        let tenant: TenantId = row.take()?;
        let oldest: [Option<Timestamp>; 5] =
            [row.take()?, row.take()?, row.take()?, row.take()?, row.take()?];
        let Some(Keep { before, .. }) = all.get(&tenant).copied() else { continue };
        if oldest.into_iter().flatten().any(|oldest| oldest < before) {
            due.push(Due { tenant, before });
        }
    }
    Ok(due)
}

/// Looks at a tenant's oldest history from a place on.
///
/// # Errors
/// When the database refuses.
pub async fn retention_expired(
    connection: &mut Connection,
    kind: Kind,
    Due { tenant, before }: Due,
    after: Cursor,
) -> StoreResult<Expired> {
    let rows = match kind {
        // Old by the time at which they began, by which there is an index; and then by that of their end: what waited for months and ended
        // today is kept. In the list of columns, so that no index is chosen for it.
        Kind::Execution => {
            connection
                .query(
                    "SELECT id, created_at, CASE WHEN status IN ('completed', 'failed', 'cancelled') AND coalesce(completed_at, created_at) < ?2
                        THEN 1 ELSE 0 END
                       FROM workflow_executions
                      WHERE tenant_id = ?1 AND created_at < ?2 AND created_at >= ?3 AND (created_at > ?3 OR id > ?4)
                      ORDER BY created_at, id LIMIT ?5",
                    params![tenant, before, after.created_at, after.id, PAGE],
                )
                .await?
        }
        // Ids grow with time, so the others are read by id up to the first that is young. Not by "tenant_id =", and not by EXISTS: for these PostgreSQL
        // may choose plans that read whole tables.
        Kind::Event => {
            connection
                .query(
                    "SELECT v.id, v.created_at,
                        CASE WHEN (SELECT e.id FROM workflow_executions e WHERE e.event_id = v.id LIMIT 1) IS NULL THEN 1 ELSE 0 END
                       FROM events v WHERE v.tenant_id <= ?1 AND (v.tenant_id, v.id) > (?1, ?2) ORDER BY v.tenant_id, v.id LIMIT ?3",
                    params![tenant, after.id, PAGE],
                )
                .await?
        }
        Kind::Mail => {
            let sql = "SELECT id, created_at, 1 FROM outbox
                WHERE tenant_id <= ?1 AND (tenant_id, id) > (?1, ?2) ORDER BY tenant_id, id LIMIT ?3";
            connection.query(sql, params![tenant, after.id, PAGE]).await?
        }
        Kind::Decision => {
            let sql = "SELECT id, created_at, 1 FROM decisions
                WHERE tenant_id <= ?1 AND (tenant_id, id) > (?1, ?2) ORDER BY tenant_id, id LIMIT ?3";
            connection.query(sql, params![tenant, after.id, PAGE]).await?
        }
        Kind::Notification => {
            let sql = "SELECT id, created_at, 1 FROM notifications
                WHERE tenant_id <= ?1 AND (tenant_id, id) > (?1, ?2) ORDER BY tenant_id, id LIMIT ?3";
            connection.query(sql, params![tenant, after.id, PAGE]).await?
        }
    };
    let is_full = rows.len() as i64 == PAGE;
    let mut expired = Expired { ids: Vec::new(), next: None };
    for row in rows {
        let mut row = row.cells();
        let at = Cursor { id: row.take()?, created_at: row.take()? };
        if at.created_at >= before {
            expired.next = None;
            break;
        }
        if row.take()? {
            expired.ids.push(at.id);
        }
        expired.next = is_full.then_some(at);
    }
    Ok(expired)
}

/// Removes what a look found, but for what is needed again since. Answers how many rows went, an execution with its logs being one.
///
/// # Errors
/// When the database refuses.
pub async fn retention_remove(tx: &mut Tx, kind: Kind, tenant: TenantId, ids: Vec<i64>) -> StoreResult<u64> {
    // The plus keeps the tenant's index out of it: the ids name the rows.
    let sql = match kind {
        Kind::Execution => {
            "DELETE FROM workflow_executions WHERE id {among:?2} AND +tenant_id = ?1 AND status IN ('completed', 'failed', 'cancelled')"
        }
        Kind::Event => {
            "DELETE FROM events WHERE id {among:?2} AND +tenant_id = ?1
                AND NOT EXISTS (SELECT 1 FROM workflow_executions e WHERE e.event_id = events.id)
                AND NOT EXISTS (SELECT 1 FROM debounces d WHERE d.event_id = events.id)"
        }
        Kind::Mail => "DELETE FROM outbox WHERE id {among:?2} AND +tenant_id = ?1",
        Kind::Decision => "DELETE FROM decisions WHERE id {among:?2} AND +tenant_id = ?1",
        Kind::Notification => "DELETE FROM notifications WHERE id {among:?2} AND +tenant_id = ?1",
    };
    tx.execute(sql, params![tenant, Value::Ids(ids)]).await
}

/// The pages of an SQLite file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// How many there are.
    pub all: i64,
    /// How many of them hold nothing.
    pub free: i64,
}

impl Pages {
    /// How many are to be given back: a twentieth of the file stays free for what is written next.
    #[must_use]
    pub const fn surplus(self) -> i64 {
        self.free - self.all / 20
    }
}

/// How much of the file is free; none on PostgreSQL, which keeps house itself.
///
/// # Errors
/// When the database refuses.
pub async fn pages(connection: &mut Connection) -> StoreResult<Option<Pages>> {
    match connection.dialect() {
        Dialect::Postgres => Ok(None),
        Dialect::Sqlite => Ok(Some(Pages {
            all: connection.query_one("PRAGMA page_count", Vec::new()).await?.first()?,
            free: connection.query_one("PRAGMA freelist_count", Vec::new()).await?.first()?,
        })),
    }
}

/// Gives up to `count` free pages of the file back to the disk: pages of its end move to where it is free, and it becomes shorter. None on
/// PostgreSQL.
///
/// # Errors
/// When the database refuses.
pub async fn pages_give_back(tx: &mut Tx, count: i64) -> StoreResult<Option<Pages>> {
    if tx.dialect() == Dialect::Sqlite {
        tx.query(format!("PRAGMA incremental_vacuum({count})"), Vec::new()).await?;
    }
    pages(tx).await
}
