//! The address at which mail services report bounces and complaints. As with the addresses of workflows, its token is not stored: it is a tag of the
//! installation's key over the tenant and how often the address was replaced.

use model::TenantId;

use crate::{Connection, StoreResult, Tx, params, secret::SecretBox};

/// The path of the address; the token follows.
pub const PATH: &str = "/hooks/email/";

/// The token of a tenant's address: `<tenant>-<32 hexadecimal digits>`.
///
/// # Errors
/// When the database refuses.
pub async fn report_token(
    connection: &mut Connection,
    secrets: &SecretBox,
    tenant: TenantId,
) -> StoreResult<String> {
    let sql = "SELECT generation FROM mail_report_addresses WHERE tenant_id = ?1";
    let row = connection.query_optional(sql, params![tenant]).await?;
    let generation = row.map(crate::database::Row::first::<i64>).transpose()?.unwrap_or_default();
    let tag = secrets.tag(&format!("email-reports/{tenant}/{generation}"));
    let digits: String = tag.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{tenant}-{digits}"))
}

/// The tenant that a token names, whether or not it is good.
#[must_use]
pub fn report_named(token: &str) -> Option<TenantId> {
    token.split_once('-')?.0.parse().ok()
}

/// Whether a token is the one of the tenant that it names.
///
/// # Errors
/// When the database refuses.
pub async fn report_opens(
    connection: &mut Connection,
    secrets: &SecretBox,
    tenant: TenantId,
    token: &str,
) -> StoreResult<bool> {
    let own = report_token(connection, secrets, tenant).await?;
    // In a time that tells nothing of where they differ.
    Ok(secrets.tag(&own) == secrets.tag(token))
}

/// Gives a tenant another address; the one before opens nothing any more.
///
/// # Errors
/// When the database refuses.
pub async fn report_rotate(tx: &mut Tx, tenant: TenantId) -> StoreResult<()> {
    tx.execute(
        "INSERT INTO mail_report_addresses (tenant_id, generation) VALUES (?1, 1)
         ON CONFLICT (tenant_id) DO UPDATE SET generation = mail_report_addresses.generation + 1",
        params![tenant],
    )
    .await
    .map(drop)
}
