//! Who may be written to, decided before a mail is sent: from the suppression list, a contact's consent, and how often the contact was written to.

pub mod dkim;
pub mod link;
pub mod report_keys;
pub mod reports;

use model::{
    Period, TenantId,
    effect::ContactKey,
    mailing::{Purpose, Refusal, bare_address},
    settings::MarketingLimit,
};

use crate::{
    Connection, StoreResult, Tx,
    contact::{contact_find, contact_hold},
    params,
    suppression::{consent_of, suppression_find},
};

/// The longest span of a limit; what is older counts for nothing.
pub const LONGEST_SPAN: Period = Period::days(90);

/// Which of these addresses take no mail of a purpose.
///
/// # Errors
/// When the database refuses.
pub async fn suppressed_among<'a>(
    connection: &mut Connection,
    tenant: TenantId,
    addresses: impl IntoIterator<Item = &'a String>,
    purpose: Purpose,
) -> StoreResult<Vec<String>> {
    let mut found = Vec::new();
    for address in addresses {
        let known = suppression_find(connection, tenant, &bare_address(address)).await?;
        if known.is_some_and(|known| known.reason.stops(purpose)) {
            found.push(address.clone());
        }
    }
    Ok(found)
}

/// Admits a marketing mail, or says why not. What is admitted counts for the contact's limit from then on, once for each key: a step that is tried again has
/// one mail. The contact is held meanwhile, so of two steps at once the second sees the first, and an unsubscribing receiver is seen.
///
/// # Errors
/// When the database refuses.
pub async fn marketing_admit(
    tx: &mut Tx,
    tenant: TenantId,
    key: &str,
    address: &str,
    MarketingLimit { mails, period }: MarketingLimit,
) -> StoreResult<Result<(), Refusal>> {
    let address = bare_address(address);
    let contact = contact_find(tx, tenant, &ContactKey::Email(address.clone())).await?;
    let contact = match contact {
        Some(contact) => Some(contact_hold(tx, tenant, contact.id).await?),
        None => None,
    };
    if let Some(known) = suppression_find(tx, tenant, &address).await? {
        return Ok(Err(Refusal::Suppressed(known.reason)));
    }
    let Some(contact) = contact else { return Ok(Err(Refusal::NoContact)) };
    if consent_of(&contact) != Some("granted") {
        return Ok(Err(Refusal::NoConsent));
    }
    let own = tx
        .query_optional(
            "SELECT 1 FROM mail_admissions WHERE tenant_id = ?1 AND admission_key = ?2",
            params![tenant, key],
        )
        .await?;
    if own.is_some() {
        return Ok(Ok(()));
    }
    let now = tx.now();
    let count: i64 = tx
        .query_one(
            "SELECT count(*) FROM mail_admissions WHERE tenant_id = ?1 AND contact_id = ?2 AND admitted_at > ?3",
            params![tenant, contact.id, now.minus(period)],
        )
        .await?
        .first()?;
    if count >= i64::from(mails) {
        return Ok(Err(Refusal::TooOften { mails, period }));
    }
    tx.execute(
        "DELETE FROM mail_admissions WHERE tenant_id = ?1 AND contact_id = ?2 AND admitted_at < ?3",
        params![tenant, contact.id, now.minus(LONGEST_SPAN)],
    )
    .await?;
    tx.execute(
        "INSERT INTO mail_admissions (tenant_id, admission_key, contact_id, admitted_at) VALUES (?1, ?2, ?3, ?4)",
        params![tenant, key, contact.id, now],
    )
    .await?;
    Ok(Ok(()))
}
