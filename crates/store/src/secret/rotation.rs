//! Another key for the installation's secrets: everything that is sealed is opened with the old key and sealed with the new one.
//!
//! It begins by writing down the new key's fingerprint and that it has begun; from then on no server starts, with either key, until it is done. Then it goes
//! through everything in slices, each a transaction. What the new key opens is done already: so whatever is interrupted goes on with the next run. The addresses of calls
//! from outside, and the links by which people unsubscribe, are made with a key that came from the first one; that is kept, sealed, so that they stay what they are. The links in
//! mails that ask for approvals are kept nowhere, so they end with the old key.

use model::{IntegrationId, TenantId, WorkflowId};
use serde_json::Value as Json;

use super::{
    FACT, NOBODY, Purpose, ROTATION_FACT, SecretBox, TAG_FACT, fact, sealed_part, sealed_text, tag_key_read,
};
use crate::{
    Connection, Store, StoreError, StoreResult, Tx,
    database::{Row, Value},
    params,
};

/// Rows of a transaction.
const SLICE: i64 = 100;

/// Why a key does not take the place of another.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RotationError {
    /// Nothing to do.
    #[error("the old and the new key are the same: give another one as VTRUSTX_SECRET_KEY or --new-key-file")]
    SameKey,
    /// No server has been here.
    #[error("the store has no key yet: it gets one with the first `vtrustx serve`")]
    NoKey,
    /// The old key is not the store's.
    #[error(
        "the store's secrets are sealed with another key (fingerprint {stored}, the old one given has {old}): give the present key as VTRUSTX_OLD_SECRET_KEY or --old-key-file"
    )]
    OtherKey {
        /// What the store says.
        stored: String,
        /// What was given.
        old: String,
    },
    /// Another rotation was begun.
    #[error(
        "the rotation from the key {from} to the key {to} was begun and is not finished: run that one again first"
    )]
    Unfinished {
        /// The old key's fingerprint.
        from: String,
        /// The new one's.
        to: String,
    },
    /// They would seal with the old key.
    #[error(
        "servers are at work on the store ({0}): stop them all, wait ten seconds if one was killed, and run it again"
    )]
    NodesAtWork(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many records may hold secrets.
    Begun(u64),
    /// So many more of them were looked at.
    Done(u64),
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Secrets that were sealed anew.
    pub resealed: u64,
    /// Secrets that the new key opened already.
    pub done_before: u64,
    /// Where there is something that neither key opens: it stays as it is.
    pub unreadable: Vec<String>,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.resealed += other.resealed;
        self.done_before += other.done_before;
        self.unreadable.extend(other.unreadable);
    }
}

/// The records that hold secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    SmtpPasswords,
    DkimKeys,
    ReportKeys,
    Connections,
    Tokens,
    Workflows,
    Versions,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::SmtpPasswords,
        Self::DkimKeys,
        Self::ReportKeys,
        Self::Connections,
        Self::Tokens,
        Self::Workflows,
        Self::Versions,
    ];

    /// Its records in order behind a place: two numbers that name each, its tenant, and what it holds.
    const fn page(self) -> &'static str {
        match self {
            Self::SmtpPasswords => {
                "SELECT id, CAST(0 AS BIGINT), id, smtp_password FROM tenants WHERE id > ?1 AND ?2 >= 0 AND smtp_password IS NOT NULL ORDER BY id LIMIT ?3"
            }
            Self::DkimKeys => {
                "SELECT tenant_id, CAST(0 AS BIGINT), tenant_id, private_key FROM mail_keys WHERE tenant_id > ?1 AND ?2 >= 0 ORDER BY tenant_id LIMIT ?3"
            }
            Self::ReportKeys => {
                "SELECT tenant_id, CAST(0 AS BIGINT), tenant_id, sealed_keys FROM mail_report_keys WHERE tenant_id > ?1 AND ?2 >= 0 ORDER BY tenant_id LIMIT ?3"
            }
            Self::Connections => {
                "SELECT id, CAST(0 AS BIGINT), tenant_id, secrets FROM integrations WHERE id > ?1 AND ?2 >= 0 AND secrets IS NOT NULL ORDER BY id LIMIT ?3"
            }
            Self::Tokens => {
                "SELECT integration_id, CAST(0 AS BIGINT), tenant_id, token FROM integration_states
                  WHERE integration_id > ?1 AND ?2 >= 0 AND token IS NOT NULL ORDER BY integration_id LIMIT ?3"
            }
            Self::Workflows => {
                "SELECT id, CAST(0 AS BIGINT), tenant_id, trigger_config, draft FROM workflows
                  WHERE id > ?1 AND ?2 >= 0 AND (CAST(trigger_config AS TEXT) LIKE '%sealed:%' OR CAST(draft AS TEXT) LIKE '%sealed:%') ORDER BY id LIMIT ?3"
            }
            Self::Versions => {
                "SELECT workflow_id, number, tenant_id, definition FROM workflow_versions
                  WHERE (workflow_id, number) > (?1, ?2) AND CAST(definition AS TEXT) LIKE '%sealed:%' ORDER BY workflow_id, number LIMIT ?3"
            }
        }
    }

    const fn count(self) -> &'static str {
        match self {
            Self::SmtpPasswords => "SELECT count(*) FROM tenants WHERE smtp_password IS NOT NULL",
            Self::DkimKeys => "SELECT count(*) FROM mail_keys",
            Self::ReportKeys => "SELECT count(*) FROM mail_report_keys",
            Self::Connections => "SELECT count(*) FROM integrations WHERE secrets IS NOT NULL",
            Self::Tokens => "SELECT count(*) FROM integration_states WHERE token IS NOT NULL",
            Self::Workflows => {
                "SELECT count(*) FROM workflows WHERE CAST(trigger_config AS TEXT) LIKE '%sealed:%' OR CAST(draft AS TEXT) LIKE '%sealed:%'"
            }
            Self::Versions => {
                "SELECT count(*) FROM workflow_versions WHERE CAST(definition AS TEXT) LIKE '%sealed:%'"
            }
        }
    }
}

/// Seals everything anew, of all tenants.
///
/// # Errors
/// See [`RotationError`]; run again, it goes on.
pub async fn secrets_rotate(
    store: &Store,
    (old, new): (&SecretBox, &SecretBox),
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, RotationError> {
    if old.fingerprint() == new.fingerprint() {
        return Err(RotationError::SameKey);
    }
    let keys = Keys { old: old.clone(), new: new.clone() };
    let is_alone = store.is_alone();
    let beginning = keys.clone();
    let begun = store.write(move |tx| Box::pin(async move { begin(tx, &beginning, is_alone).await })).await?;
    if !begun? {
        return Ok(Report::default());
    }
    let mut total = 0_u64;
    for kind in Kind::ALL {
        let mut connection = store.read_any().await?;
        let count: i64 = connection.query_one(kind.count(), Vec::new()).await?.first()?;
        total += count.unsigned_abs();
    }
    tell(Progress::Begun(total));
    let mut report = Report::default();
    for kind in Kind::ALL {
        let mut place = Some((0, 0));
        while let Some(after) = place {
            let keys = keys.clone();
            let slice = store.write(move |tx| {
                Box::pin(async move {
                    if let Some(names) = nodes_at_work(tx, is_alone).await? {
                        return Ok(Err(RotationError::NodesAtWork(names)));
                    }
                    slice(tx, &keys, kind, after).await.map(Ok)
                })
            });
            let Slice { next, rows, done } = slice.await??;
            report.add(done);
            tell(Progress::Done(rows));
            place = next;
        }
    }
    let end = store.write(|tx| {
        Box::pin(async move {
            tx.execute("DELETE FROM store_facts WHERE name = ?1", params![ROTATION_FACT]).await
        })
    });
    end.await?;
    Ok(report)
}

#[derive(Clone)]
struct Keys {
    old: SecretBox,
    new: SecretBox,
}

/// What became of one secret.
enum Sealed {
    Anew(Vec<u8>),
    Before,
    Unreadable,
}

impl Keys {
    fn reseal(&self, tenant: TenantId, purpose: Purpose, sealed: &[u8]) -> StoreResult<Sealed> {
        if self.new.open(tenant, purpose, sealed).is_ok() {
            return Ok(Sealed::Before);
        }
        match self.old.open(tenant, purpose, sealed) {
            Ok(secret) => Ok(Sealed::Anew(self.new.seal(tenant, purpose, &secret)?)),
            Err(_) => Ok(Sealed::Unreadable),
        }
    }
}

/// Writes down that it has begun, unless it has. False: there is nothing to be done.
async fn begin(tx: &mut Tx, keys: &Keys, is_alone: bool) -> StoreResult<Result<bool, RotationError>> {
    let (from, to) = (keys.old.fingerprint(), keys.new.fingerprint());
    let Some(stored) = fact(tx, FACT).await? else { return Ok(Err(RotationError::NoKey)) };
    match fact(tx, ROTATION_FACT).await?.as_deref().map(|said| said.split_once(' ').unwrap_or((said, ""))) {
        Some(said) if said != (from, to) => {
            let (from, to) = (said.0.to_owned(), said.1.to_owned());
            return Ok(Err(RotationError::Unfinished { from, to }));
        }
        None if stored == to => return Ok(Ok(false)),
        None if stored != from => {
            return Ok(Err(RotationError::OtherKey { stored, old: from.to_owned() }));
        }
        Some(_) | None => {}
    }
    if let Some(names) = nodes_at_work(tx, is_alone).await? {
        return Ok(Err(RotationError::NodesAtWork(names)));
    }
    let tag_key = match tag_key_read(tx).await? {
        None => Some(keys.new.seal(NOBODY, Purpose::TagKey, keys.old.tag_key.as_slice())?),
        Some(sealed) => match keys.reseal(NOBODY, Purpose::TagKey, &sealed)? {
            Sealed::Anew(sealed) => Some(sealed),
            Sealed::Before => None,
            Sealed::Unreadable => {
                let why = "the key of the addresses of calls opens with neither key";
                return Err(StoreError::Corrupt(why.to_owned()));
            }
        },
    };
    let facts = [(FACT, Some(to.to_owned())), (ROTATION_FACT, Some(format!("{from} {to}")))];
    for (name, value) in facts.into_iter().chain([(TAG_FACT, tag_key.map(|sealed| sealed_text(&sealed)))]) {
        if let Some(value) = value {
            tx.execute(
                "INSERT INTO store_facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                params![name, value],
            )
            .await?;
        }
    }
    // Whoever is signing in at another system begins again: they last a quarter of an hour.
    tx.execute("DELETE FROM integration_authorizations", Vec::new()).await?;
    Ok(Ok(true))
}

/// The nodes with a lease; a store that one process has is this one's.
async fn nodes_at_work(connection: &mut Connection, is_alone: bool) -> StoreResult<Option<String>> {
    if is_alone {
        return Ok(None);
    }
    let sql = "SELECT name FROM nodes WHERE lease_until >= {now_plus:0} ORDER BY name";
    let rows = connection.query(sql, Vec::new()).await?;
    let names = rows.into_iter().map(Row::first).collect::<StoreResult<Vec<String>>>()?;
    Ok((!names.is_empty()).then(|| names.join(", ")))
}

struct Slice {
    /// Where the next one begins; none: there are no more.
    next: Option<(i64, i64)>,
    rows: u64,
    done: Report,
}

async fn slice(tx: &mut Tx, keys: &Keys, kind: Kind, after: (i64, i64)) -> StoreResult<Slice> {
    let rows = tx.query(kind.page(), params![after.0, after.1, SLICE]).await?;
    let mut slice = Slice { next: None, rows: rows.len() as u64, done: Report::default() };
    let is_full = slice.rows == SLICE.unsigned_abs();
    for row in rows {
        let mut row = row.cells();
        let (id, number, tenant): (i64, i64, TenantId) = (row.take()?, row.take()?, row.take()?);
        slice.next = is_full.then_some((id, number));
        let mut one =
            One { keys, tenant, place: format!("{kind:?} {id} of tenant {tenant}"), done: Report::default() };
        match kind {
            Kind::SmtpPasswords => {
                if let Some(sealed) = one.bytes(Purpose::SmtpPassword, &row.take::<Vec<u8>>()?)? {
                    let sql = "UPDATE tenants SET smtp_password = ?1 WHERE id = ?2";
                    tx.execute(sql, params![sealed, tenant]).await?;
                }
            }
            Kind::DkimKeys => {
                if let Some(sealed) = one.bytes(Purpose::DkimKey, &row.take::<Vec<u8>>()?)? {
                    let sql = "UPDATE mail_keys SET private_key = ?1 WHERE tenant_id = ?2";
                    tx.execute(sql, params![sealed, tenant]).await?;
                }
            }
            Kind::ReportKeys => {
                if let Some(sealed) = one.bytes(Purpose::ReportKeys, &row.take::<Vec<u8>>()?)? {
                    let sql = "UPDATE mail_report_keys SET sealed_keys = ?1 WHERE tenant_id = ?2";
                    tx.execute(sql, params![sealed, tenant]).await?;
                }
            }
            Kind::Connections => {
                let purpose = Purpose::Integration(IntegrationId::new(id));
                if let Some(sealed) = one.bytes(purpose, &row.take::<Vec<u8>>()?)? {
                    let sql = "UPDATE integrations SET secrets = ?1 WHERE id = ?2 AND tenant_id = ?3";
                    tx.execute(sql, params![sealed, id, tenant]).await?;
                }
            }
            Kind::Tokens => {
                let purpose = Purpose::IntegrationToken(IntegrationId::new(id));
                if let Some(sealed) = one.bytes(purpose, &row.take::<Vec<u8>>()?)? {
                    let sql = "UPDATE integration_states SET token = ?1 WHERE integration_id = ?2 AND tenant_id = ?3";
                    tx.execute(sql, params![sealed, id, tenant]).await?;
                }
            }
            Kind::Workflows => {
                let (mut config, mut draft): (Json, Option<Json>) = (row.take()?, row.take()?);
                one.json(&mut config)?;
                if let Some(draft) = &mut draft {
                    one.json(draft)?;
                }
                if one.done.resealed > 0 {
                    let sql = "UPDATE workflows SET trigger_config = ?1, draft = ?2 WHERE id = ?3 AND tenant_id = ?4";
                    tx.execute(sql, params![config, draft, WorkflowId::new(id), tenant]).await?;
                }
            }
            Kind::Versions => {
                let mut definition: Json = row.take()?;
                one.json(&mut definition)?;
                if one.done.resealed > 0 {
                    let sql = "UPDATE workflow_versions SET definition = ?1 WHERE workflow_id = ?2 AND number = ?3 AND tenant_id = ?4";
                    let definition = Value::json(&definition);
                    tx.execute(sql, params![definition, WorkflowId::new(id), number, tenant]).await?;
                }
            }
        }
        slice.done.add(one.done);
    }
    Ok(slice)
}

/// One record.
struct One<'a> {
    keys: &'a Keys,
    tenant: TenantId,
    /// For people.
    place: String,
    done: Report,
}

impl One<'_> {
    /// The secret sealed anew; none when it stays as it is.
    fn bytes(&mut self, purpose: Purpose, sealed: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        match self.keys.reseal(self.tenant, purpose, sealed)? {
            Sealed::Anew(sealed) => {
                self.done.resealed += 1;
                return Ok(Some(sealed));
            }
            Sealed::Before => self.done.done_before += 1,
            Sealed::Unreadable => self.done.unreadable.push(self.place.clone()),
        }
        Ok(None)
    }

    /// The secrets that stand in JSON. A text that only looks like one opens with neither key, and is somebody's text.
    fn json(&mut self, value: &mut Json) -> StoreResult<()> {
        match value {
            Json::String(text) => {
                if let Some(sealed) = sealed_part(text)
                    && let Some(sealed) = self.bytes(Purpose::Hook, &sealed)?
                {
                    *text = sealed_text(&sealed);
                }
                Ok(())
            }
            Json::Array(items) => items.iter_mut().try_for_each(|item| self.json(item)),
            Json::Object(fields) => fields.values_mut().try_for_each(|field| self.json(field)),
            Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
        }
    }
}
