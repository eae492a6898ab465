//! Users and their memberships.

use model::{TenantId, UserId};

use crate::{StoreResult, Tx, change::refused, params};

/// The user is a member of the tenant.
pub(crate) async fn member_check(tx: &mut Tx, tenant: TenantId, user: UserId, path: &str) -> StoreResult<()> {
    let sql = "SELECT 1 FROM memberships WHERE tenant_id = ?1 AND user_id = ?2";
    match tx.query_optional(sql, params![tenant, user]).await? {
        Some(_) => Ok(()),
        None => Err(refused(path, format!("user {user} does not exist"))),
    }
}
