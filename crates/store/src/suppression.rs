//! The suppression list: addresses to which nothing is sent any more, and what a bounce or an unsubscribing receiver changes besides.
//!
//! A contact's consent and the list say the same of somebody who unsubscribes, but neither replaces the other: an address may belong to no contact, and a
//! consent that somebody gives anew does not make a mailbox exist.

use model::{
    SuppressionId, TenantId,
    contact::Contact,
    effect::ContactKey,
    event::{CONTACT_UNSUBSCRIBED, EMAIL_BOUNCED},
    mailing::{Suppression, SuppressionReason, bare_address},
};
use serde_json::{Map, Value, json};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    change::{Author, refused},
    contact::{contact_find, contact_update},
    database::{Row, page::list},
    event::event_emit,
    ids::IdKind,
    params,
};

const COLUMNS: &str =
    "id, tenant_id, address, reason, source, detail, created_at, updated_at, created_by, updated_by, version";
/// In characters: what a mail server says may be long.
const LONGEST_DETAIL: usize = 500;

/// Word of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose.
    pub address: String,
    /// What has happened.
    pub kind: ReportKind,
    /// Who says so, such as `ses` or `unsubscribe_link`.
    pub source: &'static str,
    /// What else is known.
    pub detail: Option<String>,
}

model::named! {
    /// What has happened to mails to an address.
    ReportKind {
        /// There is no such mailbox.
        HardBounce = "hard_bounce",
        /// It takes no mail for now.
        SoftBounce = "soft_bounce",
        /// The receiver called a mail spam.
        Complaint = "complaint",
        /// The receiver wants no more.
        Unsubscribe = "unsubscribe",
    }
}

/// Takes in word of an address: who unsubscribes or complains gives up consent, a mailbox that does not exist is written to no more. The same word again
/// changes nothing. Answers whether anything was new.
///
/// # Errors
/// When the database refuses.
pub async fn report_take(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    report: &Report,
) -> StoreResult<bool> {
    let address = bare_address(&report.address);
    let contact = contact_find(tx, tenant, &ContactKey::Email(address.clone())).await?;
    let reason = match report.kind {
        ReportKind::SoftBounce => {
            bounced_emit(tx, tenant, author, (&address, report), contact.as_ref()).await?;
            return Ok(true);
        }
        ReportKind::HardBounce => SuppressionReason::Bounced,
        ReportKind::Complaint => SuppressionReason::Complained,
        ReportKind::Unsubscribe => SuppressionReason::Unsubscribed,
    };
    let entry = Entry { address: &address, reason, source: report.source, detail: report.detail.as_deref() };
    let is_new = suppress(tx, tenant, author, entry).await?;
    if report.kind == ReportKind::HardBounce {
        if is_new {
            bounced_emit(tx, tenant, author, (&address, report), contact.as_ref()).await?;
        }
        return Ok(is_new);
    }
    let Some(contact) = contact else { return Ok(is_new) };
    let has_withdrawn = withdraw(tx, tenant, author, &contact, report.source).await?;
    if is_new || has_withdrawn {
        let contact = contact_find(tx, tenant, &ContactKey::Id(contact.id)).await?;
        let data =
            || json!({"contact": contact, "address": address, "reason": reason, "source": report.source});
        event_emit(tx, (tenant, CONTACT_UNSUBSCRIBED), author, data).await?;
    }
    Ok(is_new || has_withdrawn)
}

async fn bounced_emit(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    (address, report): (&str, &Report),
    contact: Option<&Contact>,
) -> StoreResult<()> {
    let is_hard = report.kind == ReportKind::HardBounce;
    let bounce = json!({
        "address": address,
        "kind": if is_hard { "hard" } else { "soft" },
        "detail": report.detail,
        "source": report.source,
    });
    let data = || match contact {
        Some(contact) => json!({"bounce": bounce, "contact": contact}),
        None => json!({"bounce": bounce}),
    };
    event_emit(tx, (tenant, EMAIL_BOUNCED), author, data).await.map(drop)
}

/// Takes consent to marketing back. False: there is none, and it is written down already that there is none.
async fn withdraw(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    contact: &Contact,
    source: &str,
) -> StoreResult<bool> {
    if consent_of(contact) == Some("withdrawn") {
        return Ok(false);
    }
    let mut consents = contact.consents.clone();
    let withdrawn = json!({"status": "withdrawn", "at": tx.now(), "source": source});
    consents.insert("marketing".to_owned(), withdrawn);
    let fields = Map::from_iter([("consents".to_owned(), Value::Object(consents))]);
    contact_update(tx, tenant, author, contact.id, &fields, None).await?;
    Ok(true)
}

/// What a contact says to marketing.
pub(crate) fn consent_of(contact: &Contact) -> Option<&str> {
    contact.consents.get("marketing")?.get("status")?.as_str()
}

/// What goes on the list.
struct Entry<'a> {
    address: &'a str,
    reason: SuppressionReason,
    source: &'a str,
    detail: Option<&'a str>,
}

/// Puts an address on the list, or gives the reason that stops more. False: it is there already.
async fn suppress(tx: &mut Tx, tenant: TenantId, author: Author, entry: Entry<'_>) -> StoreResult<bool> {
    let Entry { address, reason, source, detail } = entry;
    let detail = detail.map(|text| text.chars().take(LONGEST_DETAIL).collect::<String>());
    let (id, now) = (SuppressionId::new(tx.id(IdKind::Suppression).await?), tx.now());
    let is_new = tx
        .execute(
            "INSERT INTO mail_suppressions (id, tenant_id, address, reason, source, detail, created_at, updated_at, created_by, updated_by, version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?8, 1) ON CONFLICT (tenant_id, address) DO NOTHING",
            params![id, tenant, address, reason, source, &detail, now, author.actor],
        )
        .await?
        == 1;
    if is_new {
        return Ok(true);
    }
    let known = suppression_find(tx, tenant, address).await?;
    let Some(known) = known.filter(|known| reason.outweighs(known.reason)) else { return Ok(false) };
    tx.execute(
        "UPDATE mail_suppressions SET reason = ?1, source = ?2, detail = ?3, updated_at = ?4, updated_by = ?5, version = version + 1
          WHERE id = ?6 AND tenant_id = ?7",
        params![reason, source, &detail, now, author.actor, known.id, tenant],
    )
    .await?;
    Ok(true)
}

/// Puts an address on the list by hand: it gets no mail of any kind.
///
/// # Errors
/// [`StoreError::Refused`] for what is no address; [`StoreError::Conflict`] when it is on the list as strictly already.
pub async fn suppression_create(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    address: &str,
    detail: Option<String>,
) -> StoreResult<Suppression> {
    let address = bare_address(address);
    if !model::field::looks_like_email(&address) {
        return Err(refused("address", "is not an email address"));
    }
    let reason = SuppressionReason::Manual;
    let entry = Entry { address: &address, reason, source: "api", detail: detail.as_deref() };
    let is_new = suppress(tx, tenant, author, entry).await?;
    let known = suppression_find(tx, tenant, &address).await?;
    match known.filter(|_| is_new) {
        Some(made) => Ok(made),
        None => Err(StoreError::conflict("address_taken", "the address is on the list already")),
    }
}

/// Takes an address off the list. A consent that was withdrawn stays withdrawn.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn suppression_delete(tx: &mut Tx, tenant: TenantId, id: SuppressionId) -> StoreResult<()> {
    let sql = "DELETE FROM mail_suppressions WHERE id = ?1 AND tenant_id = ?2";
    match tx.execute(sql, params![id, tenant]).await? {
        0 => Err(missing(id)),
        _ => Ok(()),
    }
}

/// One entry of the list.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn suppression_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: SuppressionId,
) -> StoreResult<Suppression> {
    let sql = format!("SELECT {COLUMNS} FROM mail_suppressions WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    suppression_of(row.ok_or_else(|| missing(id))?)
}

/// What the list says of an address, which is bare.
///
/// # Errors
/// When the database refuses.
pub async fn suppression_find(
    connection: &mut Connection,
    tenant: TenantId,
    address: &str,
) -> StoreResult<Option<Suppression>> {
    let sql = format!("SELECT {COLUMNS} FROM mail_suppressions WHERE tenant_id = ?1 AND address = ?2");
    connection.query_optional(sql, params![tenant, address]).await?.map(suppression_of).transpose()
}

/// Which entries are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The address contains this, without regard to case.
    pub text: Option<String>,
    /// For this reason.
    pub reason: Option<SuppressionReason>,
}

/// A page of the list, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn suppression_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<Suppression>> {
    let mut query = list("mail_suppressions", COLUMNS, tenant);
    if let Some(text) = &filter.text {
        query = query.containing(&["address"], text);
    }
    if let Some(reason) = filter.reason {
        query = query.equal("reason", reason);
    }
    query.run(connection, page, |found: &Suppression| found.id.get(), suppression_of).await
}

fn missing(id: SuppressionId) -> StoreError {
    StoreError::missing(format!("suppression {id}"))
}

fn suppression_of(row: Row) -> StoreResult<Suppression> {
    let mut row = row.cells();
    Ok(Suppression {
        id: row.take()?,
        tenant_id: row.take()?,
        address: row.take()?,
        reason: row.take()?,
        source: row.take()?,
        detail: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
    })
}
