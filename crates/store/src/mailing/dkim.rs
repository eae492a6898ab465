//! The key with which a tenant's mails are signed: sealed, apart from the settings that say where its public half is found.

use model::{TenantId, settings::Dkim};

use crate::{
    Connection, StoreError, StoreResult, Tx, params,
    secret::{Purpose, SecretBox},
};

/// The key as PEM with where its public half is found, if mails are signed.
///
/// # Errors
/// [`StoreError::Corrupt`] when it was sealed with another key.
pub async fn dkim_key(
    connection: &mut Connection,
    tenant: TenantId,
    secrets: &SecretBox,
) -> StoreResult<Option<(Dkim, String)>> {
    let sql = "SELECT domain, selector, private_key FROM mail_keys WHERE tenant_id = ?1";
    let Some(row) = connection.query_optional(sql, params![tenant]).await? else { return Ok(None) };
    let mut row = row.cells();
    let dkim = Dkim { domain: row.take()?, selector: row.take()?, private_key: None };
    let sealed: Vec<u8> = row.take()?;
    let opened = secrets.open(tenant, Purpose::DkimKey, &sealed)?;
    let pem =
        String::from_utf8(opened).map_err(|_| StoreError::Corrupt("a DKIM key is no text".to_owned()))?;
    Ok(Some((dkim, pem)))
}

/// Writes down what the settings say. Without a key in them the one that is there stays, as long as it is the one of that domain and selector.
/// False: there is none.
pub(crate) async fn dkim_put(
    tx: &mut Tx,
    tenant: TenantId,
    dkim: Option<&Dkim>,
    secrets: &SecretBox,
) -> StoreResult<bool> {
    let Some(Dkim { domain, selector, private_key }) = dkim else {
        tx.execute("DELETE FROM mail_keys WHERE tenant_id = ?1", params![tenant]).await?;
        return Ok(true);
    };
    let Some(key) = private_key.as_deref().filter(|text| !text.trim().is_empty()) else {
        let known = tx
            .query_optional(
                "SELECT 1 FROM mail_keys WHERE tenant_id = ?1 AND domain = ?2 AND selector = ?3",
                params![tenant, domain, selector],
            )
            .await?;
        return Ok(known.is_some());
    };
    let sealed = secrets.seal(tenant, Purpose::DkimKey, key.as_bytes())?;
    tx.execute(
        "INSERT INTO mail_keys (tenant_id, domain, selector, private_key) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant_id) DO UPDATE SET domain = ?2, selector = ?3, private_key = ?4",
        params![tenant, domain, selector, sealed],
    )
    .await?;
    Ok(true)
}
