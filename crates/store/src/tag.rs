//! Tags: the names that a tenant's records carry, kept once each so that they can be offered, coloured and renamed.

use model::{Actor, TagId, TenantId, Timestamp};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    database::{Row, page::list},
    ids::IdKind,
    params,
};

const COLUMNS: &str = "id, tenant_id, name, color, created_at, updated_at, created_by, updated_by, version";

/// Whether a name is kept.
pub(crate) const TAG_KNOWN: &str = "SELECT 1 FROM tags WHERE tenant_id = ?1 AND name = ?2";

/// A tag as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Unique over all tenants.
    pub id: TagId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// Unique within the tenant.
    pub name: String,
    /// A colour for people, such as `#0b7285`.
    pub color: Option<String>,
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

/// Keeps the names of tags that a record carries and did not carry before. Known ones stay as they are.
pub(crate) async fn tags_note(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    names: &[String],
    before: &[String],
) -> StoreResult<()> {
    for name in names.iter().filter(|name| !before.contains(name)) {
        if !tx.tag_is_news(tenant, name) {
            continue;
        }
        let known = tx.query_optional(TAG_KNOWN, params![tenant, name]).await?;
        if known.is_none() {
            tag_insert(tx, tenant, actor, name, None).await?;
        }
    }
    Ok(())
}

/// Makes a tag.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken.
pub async fn tag_create(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    name: &str,
    color: Option<&str>,
) -> StoreResult<Tag> {
    name_check(tx, tenant, name, None).await?;
    let id = tag_insert(tx, tenant, actor, name, color).await?;
    tag_get(tx, tenant, id).await
}

async fn tag_insert(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    name: &str,
    color: Option<&str>,
) -> StoreResult<TagId> {
    let id = TagId::new(tx.id(IdKind::Tag).await?);
    let now = tx.now();
    tx.execute(
        "INSERT INTO tags (id, tenant_id, name, color, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?6, 1)",
        params![id, tenant, name, color, now, actor],
    )
    .await?;
    Ok(id)
}

/// Changes a tag's name or colour. Records keep the name under which they were tagged.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Conflict`].
pub async fn tag_update(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: TagId,
    (name, color): (&str, Option<&str>),
    version: Option<i64>,
) -> StoreResult<Tag> {
    let before = tag_get(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    name_check(tx, tenant, name, Some(id)).await?;
    let now = tx.now();
    tx.execute(
        "UPDATE tags SET name = ?1, color = ?2, updated_at = ?3, updated_by = ?4, version = version + 1 WHERE id = ?5 AND tenant_id = ?6",
        params![name, color, now, actor, id, tenant],
    )
    .await?;
    tag_get(tx, tenant, id).await
}

/// Removes a tag from the list of names; records that carry it keep it.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn tag_delete(tx: &mut Tx, tenant: TenantId, id: TagId) -> StoreResult<()> {
    match tx.execute("DELETE FROM tags WHERE id = ?1 AND tenant_id = ?2", params![id, tenant]).await? {
        0 => Err(StoreError::missing(format!("tag {id}"))),
        _ => Ok(()),
    }
}

/// One tag.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn tag_get(connection: &mut Connection, tenant: TenantId, id: TagId) -> StoreResult<Tag> {
    let sql = format!("SELECT {COLUMNS} FROM tags WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    tag_of(row.ok_or_else(|| StoreError::missing(format!("tag {id}")))?)
}

/// A page of tags, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn tag_list(
    connection: &mut Connection,
    tenant: TenantId,
    text: Option<&str>,
    page: Page,
) -> StoreResult<Paged<Tag>> {
    let mut query = list("tags", COLUMNS, tenant);
    if let Some(text) = text {
        query = query.containing(&["name"], text);
    }
    query.run(connection, page, |tag: &Tag| tag.id.get(), tag_of).await
}

async fn name_check(tx: &mut Tx, tenant: TenantId, name: &str, own: Option<TagId>) -> StoreResult<()> {
    let row = tx
        .query_optional(
            "SELECT id FROM tags WHERE tenant_id = ?1 AND name = ?2 AND id <> ?3",
            params![tenant, name, own.map_or(0, TagId::get)],
        )
        .await?;
    match row {
        Some(_) => Err(StoreError::conflict("name_taken", format!("there is a tag named {name:?} already"))),
        None => Ok(()),
    }
}

fn tag_of(row: Row) -> StoreResult<Tag> {
    let mut row = row.cells();
    Ok(Tag {
        id: row.take()?,
        tenant_id: row.take()?,
        name: row.take()?,
        color: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
    })
}
