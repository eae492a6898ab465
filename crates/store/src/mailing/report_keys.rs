//! The keys by which mail services show that a report is theirs: sealed, as one document.

use std::collections::BTreeMap;

use model::TenantId;

use crate::{
    Connection, StoreError, StoreResult, Tx,
    database::Row,
    params,
    secret::{Purpose, SecretBox},
};

model::named! {
    /// A service that signs its reports.
    ReportSigner {
        /// By HMAC, with the account's webhook signing key.
        Mailgun = "mailgun",
        /// By ECDSA; what is kept is the public key.
        Sendgrid = "sendgrid",
    }
}

/// Keys by the service that signs with them.
pub type ReportKeys = BTreeMap<ReportSigner, String>;

/// The keys that a tenant has.
///
/// # Errors
/// [`StoreError::Corrupt`] when they were sealed with another key.
pub async fn report_keys(
    connection: &mut Connection,
    tenant: TenantId,
    secrets: &SecretBox,
) -> StoreResult<ReportKeys> {
    let sql = "SELECT sealed_keys FROM mail_report_keys WHERE tenant_id = ?1";
    opened(connection.query_optional(sql, params![tenant]).await?, tenant, secrets)
}

/// Keeps services' keys; of one without a key there is none any more.
///
/// # Errors
/// As for [`report_keys`].
pub async fn report_keys_put(
    tx: &mut Tx,
    tenant: TenantId,
    changes: &[(ReportSigner, Option<String>)],
    secrets: &SecretBox,
) -> StoreResult<()> {
    let sql = "SELECT sealed_keys FROM mail_report_keys WHERE tenant_id = ?1 {for_update}";
    let mut keys = opened(tx.query_optional(sql, params![tenant]).await?, tenant, secrets)?;
    for (signer, key) in changes {
        match key {
            Some(key) => keys.insert(*signer, key.clone()),
            None => keys.remove(signer),
        };
    }
    if keys.is_empty() {
        let sql = "DELETE FROM mail_report_keys WHERE tenant_id = ?1";
        return tx.execute(sql, params![tenant]).await.map(drop);
    }
    let document = serde_json::to_vec(&keys).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let sealed = secrets.seal(tenant, Purpose::ReportKeys, &document)?;
    tx.execute(
        "INSERT INTO mail_report_keys (tenant_id, sealed_keys) VALUES (?1, ?2)
         ON CONFLICT (tenant_id) DO UPDATE SET sealed_keys = excluded.sealed_keys",
        params![tenant, sealed],
    )
    .await
    .map(drop)
}

fn opened(row: Option<Row>, tenant: TenantId, secrets: &SecretBox) -> StoreResult<ReportKeys> {
    let Some(sealed) = row.map(Row::first::<Vec<u8>>).transpose()? else { return Ok(ReportKeys::new()) };
    let document = secrets.open(tenant, Purpose::ReportKeys, &sealed)?;
    // Not the error's own words: they may quote the document.
    serde_json::from_slice(&document)
        .map_err(|_| StoreError::Corrupt("keys of reports cannot be read".to_owned()))
}
