//! The outbox: mails that were kept because no SMTP server is set, for people to see.

use model::{Actor, ExecutionId, OutboxId, TenantId, Timestamp, effect::Mail};
use serde::Serialize;

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    database::{Row, page::list},
    ids::IdKind,
    params,
};

const COLUMNS: &str =
    "id, tenant_id, execution_id, mail, created_at, updated_at, created_by, updated_by, version";

/// A mail as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptMail {
    /// Unique over all tenants.
    pub id: OutboxId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// The execution whose step wrote it.
    pub execution_id: Option<ExecutionId>,
    /// What would have been sent.
    pub mail: Mail,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
}

/// Keeps a mail.
///
/// # Errors
/// When the database refuses.
pub async fn outbox_keep(
    tx: &mut Tx,
    tenant: TenantId,
    execution: Option<ExecutionId>,
    mail: &Mail,
) -> StoreResult<OutboxId> {
    let id = OutboxId::new(tx.id(IdKind::Outbox).await?);
    let now = tx.now();
    let actor = execution.map_or(Actor::System, Actor::Execution);
    tx.execute(
        "INSERT INTO outbox (id, tenant_id, execution_id, mail, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?6, 1)",
        params![id, tenant, execution, crate::database::Value::json(mail), now, actor],
    )
    .await?;
    Ok(id)
}

/// Removes a kept mail.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn outbox_delete(tx: &mut Tx, tenant: TenantId, id: OutboxId) -> StoreResult<()> {
    match tx.execute("DELETE FROM outbox WHERE id = ?1 AND tenant_id = ?2", params![id, tenant]).await? {
        0 => Err(missing(id)),
        _ => Ok(()),
    }
}

/// One kept mail.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn outbox_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: OutboxId,
) -> StoreResult<KeptMail> {
    let sql = format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    mail_of(row.ok_or_else(|| missing(id))?)
}

/// A page of kept mails, newest first; with `execution`, only those that it wrote.
///
/// # Errors
/// When the database refuses.
pub async fn outbox_list(
    connection: &mut Connection,
    tenant: TenantId,
    execution: Option<ExecutionId>,
    text: Option<&str>,
    page: Page,
) -> StoreResult<Paged<KeptMail>> {
    let mut query = list("outbox", COLUMNS, tenant);
    if let Some(execution) = execution {
        query = query.equal("execution_id", execution);
    }
    if let Some(text) = text {
        // The mail is JSON text: what is looked for stands there as JSON escapes it.
        let quoted = serde_json::Value::from(text).to_string();
        query = query.containing(&["CAST(mail AS TEXT)"], &quoted[1..quoted.len() - 1]);
    }
    query.run(connection, page, |kept: &KeptMail| kept.id.get(), mail_of).await
}

fn missing(id: OutboxId) -> StoreError {
    StoreError::missing(format!("outbox mail {id}"))
}

fn mail_of(row: Row) -> StoreResult<KeptMail> {
    let mut row = row.cells();
    Ok(KeptMail {
        id: row.take()?,
        tenant_id: row.take()?,
        execution_id: row.take()?,
        mail: row.json()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
    })
}
