//! Notifications: messages to users inside the application.

use model::{
    Actor, NotificationId, TenantId, UserId,
    effect::NewNotification,
    notification::{Notification, NotificationType},
};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    database::{Row, page::list},
    ids::IdKind,
    params,
    writer::Notice,
};

const COLUMNS: &str = "id, tenant_id, user_id, title, message, type, read_at, created_at, updated_at, created_by, updated_by, version";

/// Writes a notification; its user is told when it is durable.
///
/// # Errors
/// [`StoreError::Refused`] when the user is no member of the tenant.
pub async fn notification_create(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    new: NewNotification,
) -> StoreResult<Notification> {
    crate::user::member_check(tx, tenant, new.user_id, "user_id").await?;
    let id = NotificationId::new(tx.id(IdKind::Notification).await?);
    let now = tx.now();
    let notification = Notification {
        id,
        tenant_id: tenant,
        user_id: new.user_id,
        title: new.title,
        message: new.message,
        kind: new.kind,
        read_at: None,
        created_at: now,
        updated_at: now,
        created_by: Some(actor),
        updated_by: Some(actor),
        version: 1,
    };
    tx.execute(
        "INSERT INTO notifications (id, tenant_id, user_id, title, message, type, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?8, 1)",
        params![id, tenant, notification.user_id, &notification.title, &notification.message, notification.kind, now, actor],
    )
    .await?;
    tx.notice(Notice::Notified { tenant, user: notification.user_id, notification: id });
    Ok(notification)
}

/// Writes a notification to every administrator of a tenant.
///
/// # Errors
/// When the database refuses.
pub async fn notify_administrators(
    tx: &mut Tx,
    tenant: TenantId,
    title: &str,
    message: &str,
) -> StoreResult<()> {
    for user_id in crate::alert::administrators(tx, tenant).await? {
        let (title, message) = (title.to_owned(), Some(message.to_owned()));
        let new = NewNotification { user_id, title, message, kind: NotificationType::Info };
        notification_create(tx, tenant, Actor::System, new).await?;
    }
    Ok(())
}

/// What is changed in a notification; nothing of what is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// One line.
    pub title: Option<String>,
    /// The whole message, or none.
    pub message: Option<Option<String>>,
    /// The tone.
    pub kind: Option<NotificationType>,
    /// Read (now, unless it was before) or unread.
    pub read: Option<bool>,
}

/// Changes a notification: most often marks it as read. With `version`, only when the record is at that version.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Stale`].
pub async fn notification_update(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: NotificationId,
    edit: Edit,
    version: Option<i64>,
) -> StoreResult<Notification> {
    let before = notification_get(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    let now = tx.now();
    let mut next = before.clone();
    next.title = edit.title.unwrap_or(next.title);
    next.message = edit.message.unwrap_or(next.message);
    next.kind = edit.kind.unwrap_or(next.kind);
    next.read_at = match edit.read {
        Some(true) => before.read_at.or(Some(now)),
        Some(false) => None,
        None => before.read_at,
    };
    if next == before {
        return Ok(before);
    }
    next.updated_at = now;
    next.updated_by = Some(actor);
    next.version += 1;
    tx.execute(
        "UPDATE notifications SET title = ?1, message = ?2, type = ?3, read_at = ?4, updated_at = ?5, updated_by = ?6, version = ?7
          WHERE id = ?8 AND tenant_id = ?9",
        params![&next.title, &next.message, next.kind, next.read_at, now, actor, next.version, id, tenant],
    )
    .await?;
    Ok(next)
}

/// Marks everything that a user has not read as read. Answers how many.
///
/// # Errors
/// When the database refuses.
pub async fn notification_mark_all(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    user: UserId,
) -> StoreResult<u64> {
    let now = tx.now();
    tx.execute(
        "UPDATE notifications SET read_at = ?1, updated_at = ?1, updated_by = ?2, version = version + 1
          WHERE tenant_id = ?3 AND user_id = ?4 AND read_at IS NULL",
        params![now, actor, tenant, user],
    )
    .await
}

/// Removes a notification.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn notification_delete(tx: &mut Tx, tenant: TenantId, id: NotificationId) -> StoreResult<()> {
    match tx
        .execute("DELETE FROM notifications WHERE id = ?1 AND tenant_id = ?2", params![id, tenant])
        .await?
    {
        0 => Err(StoreError::missing(format!("notification {id}"))),
        _ => Ok(()),
    }
}

/// One notification.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn notification_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: NotificationId,
) -> StoreResult<Notification> {
    let sql = format!("SELECT {COLUMNS} FROM notifications WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    notification_of(row.ok_or_else(|| StoreError::missing(format!("notification {id}")))?)
}

/// A page of notifications, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn notification_list(
    connection: &mut Connection,
    tenant: TenantId,
    user: Option<UserId>,
    unread_only: bool,
    page: Page,
) -> StoreResult<Paged<Notification>> {
    let mut query = list("notifications", COLUMNS, tenant);
    if let Some(user) = user {
        query = query.equal("user_id", user);
    }
    if unread_only {
        query = query.and("read_at IS NULL");
    }
    query.run(connection, page, |notification: &Notification| notification.id.get(), notification_of).await
}

fn notification_of(row: Row) -> StoreResult<Notification> {
    let mut row = row.cells();
    Ok(Notification {
        id: row.take()?,
        tenant_id: row.take()?,
        user_id: row.take()?,
        title: row.take()?,
        message: row.take()?,
        kind: row.take()?,
        read_at: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
    })
}
