//! `/api/notifications`: messages to users inside the application. People see their own; administrators and programs see
//! everybody's in the tenant. Whoever may read may mark their own as read.

use axum::extract::State;
use model::{
    Actor, NotificationId, UserId,
    effect::NewNotification,
    field,
    notification::NotificationType,
    user::{Identity, Role},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{
    StoreError, StoreResult, Tx,
    notification::{
        Edit, notification_create, notification_delete, notification_get, notification_list,
        notification_mark_all, notification_update,
    },
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, Done, List},
    body::{Body, Id},
    error::{ApiError, ApiResult, Failure},
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
    record::{checked, names, record_out, sent},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read_all))
        .routes(routes!(get, replace, change, delete))
        .routes(routes!(read))
}

names! {
    /// The tone of a notification.
    NotificationTypeName of NotificationType;
}

record_out! {
    /// A message to a user.
    Notification from model::notification::Notification {
        /// Unique over all tenants.
        id: NotificationId as i64,
        /// The owner of the record.
        tenant_id: model::TenantId as i64,
        /// To whom.
        user_id: UserId as i64,
        /// One line.
        title: String as String,
        /// The whole message.
        message: Option<String> as Option<String>,
        /// The tone.
        #[serde(rename = "type")]
        kind: NotificationType as NotificationTypeName,
        /// When it was read.
        read_at: Option<model::Timestamp> as Option<String>,
    }
}

/// The fields of a notification. A new one needs `user_id` and `title`; what it says to whom stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NotificationFields {
    /// To whom: a member of the tenant. Only for a new one.
    #[schema(value_type = Option<i64>)]
    user_id: Option<UserId>,
    /// One line.
    title: Option<String>,
    /// The whole message.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, required = false)]
    message: Option<Option<String>>,
    /// The tone; `info` unless told.
    #[serde(rename = "type")]
    #[schema(value_type = Option<NotificationTypeName>)]
    kind: Option<NotificationType>,
    /// Any time marks it as read now, null as unread.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, required = false)]
    read_at: Option<Option<model::Timestamp>>,
    /// The version that the change was made for; another one stored answers 409.
    version: Option<i64>,
}

const LONGEST_TITLE: usize = 255;
const LONGEST_MESSAGE: usize = 65_536;

impl NotificationFields {
    fn title(&self) -> ApiResult<Option<String>> {
        let title = self.title.as_deref().map(|title| field::text(&Value::from(title), LONGEST_TITLE));
        title.map(|title| checked("title", title)).transpose()
    }

    fn message(&self) -> ApiResult<Option<Option<String>>> {
        let message = self.message.clone();
        let message = message.map(|message| field::optional_text(&Value::from(message), LONGEST_MESSAGE));
        message.map(|message| checked("message", message)).transpose()
    }

    fn edit(&self) -> ApiResult<Edit> {
        Ok(Edit {
            title: self.title()?,
            message: self.message()?,
            kind: self.kind,
            read: self.read_at.map(|at| at.is_some()),
        })
    }
}

/// Which notifications a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// To this user. Unless told: your own; for an API key everybody's.
    #[param(value_type = Option<i64>)]
    user_id: Option<UserId>,
    /// Only those that were not read.
    unread: Option<bool>,
}

/// Notifications, newest first.
#[utoipa::path(get, path = "/api/notifications", tag = "Notifications", params(Filter, PageQuery), responses(
    (status = 200, body = List<Notification>),
    (status = 400, body = Failure),
    (status = 403, description = "Somebody else's, and you are no administrator", body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Notification>> {
    let user = filter.user_id.or(own(identity));
    if !user.is_none_or(|user| may_see(identity, user)) {
        return Err(ApiError::forbidden("only an administrator sees the notifications of others"));
    }
    let unread = filter.unread.unwrap_or(false);
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = notification_list(&mut connection, identity.tenant, user, unread, page).await?;
    Ok(List::of(paged, page, Notification::from))
}

/// Notifies a user.
#[utoipa::path(post, path = "/api/notifications", tag = "Notifications", request_body = NotificationFields, responses(
    (status = 201, body = Data<Notification>),
    (status = 422, body = Failure),
))]
async fn create(
    Editor(identity): Editor,
    State(app): State<App>,
    Body(body): Body<NotificationFields>,
) -> ApiResult<Created<Notification>> {
    let (Some(user_id), Some(title)) = (body.user_id, body.title()?) else {
        let missing = if body.user_id.is_none() { "user_id" } else { "title" };
        return Err(ApiError::invalid(missing, "is required"));
    };
    let new = NewNotification {
        user_id,
        title,
        message: body.message()?.flatten(),
        kind: body.kind.unwrap_or(NotificationType::Info),
    };
    let made = app.store.write(move |tx| {
        Box::pin(async move { notification_create(tx, identity.tenant, identity.actor, new).await })
    });
    Ok(Created(made.await?.into()))
}

/// One notification.
#[utoipa::path(get, path = "/api/notifications/{id}", tag = "Notifications", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Notification>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<NotificationId>,
) -> ApiResult<Data<Notification>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let found = notification_get(&mut connection, identity.tenant, id).await?;
    if !may_see(identity, found.user_id) {
        return Err(StoreError::missing(format!("notification {id}")).into());
    }
    Ok(Data::new(found.into()))
}

/// Replaces a notification: a message and a tone that are not sent become none and `info`, and it is unread unless `read_at` is
/// sent.
#[utoipa::path(put, path = "/api/notifications/{id}", tag = "Notifications", params(("id" = i64, Path)), request_body = NotificationFields, responses(
    (status = 200, body = Data<Notification>),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first", body = Failure),
    (status = 422, body = Failure),
))]
async fn replace(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<NotificationId>,
    Body(body): Body<NotificationFields>,
) -> ApiResult<Data<Notification>> {
    let Some(title) = body.title()? else { return Err(ApiError::invalid("title", "is required")) };
    let edit = Edit {
        title: Some(title),
        message: Some(body.message()?.flatten()),
        kind: Some(body.kind.unwrap_or(NotificationType::Info)),
        read: Some(body.read_at.flatten().is_some()),
    };
    update(identity, app, id, edit, body.version).await
}

/// Changes some fields of a notification: `{"read_at":null}` marks it as unread.
#[utoipa::path(patch, path = "/api/notifications/{id}", tag = "Notifications", params(("id" = i64, Path)), request_body = NotificationFields, responses(
    (status = 200, body = Data<Notification>),
    (status = 403, description = "More than `read_at` needs the role editor", body = Failure),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<NotificationId>,
    Body(body): Body<NotificationFields>,
) -> ApiResult<Data<Notification>> {
    let edit = body.edit()?;
    let marks_only = edit == Edit { read: edit.read, ..Edit::default() };
    if !marks_only && identity.role < Role::Editor {
        return Err(ApiError::forbidden("to change what a notification says, the role editor is needed"));
    }
    update(identity, app, id, edit, body.version).await
}

/// Marks a notification as read.
#[utoipa::path(post, path = "/api/notifications/{id}/read", tag = "Notifications", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Notification>),
    (status = 404, body = Failure),
))]
async fn read(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<NotificationId>,
) -> ApiResult<Data<Notification>> {
    update(identity, app, id, Edit { read: Some(true), ..Edit::default() }, None).await
}

/// What became of all.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadAll {
    /// How many were unread.
    updated: u64,
}

/// Marks all of your notifications as read.
#[utoipa::path(post, path = "/api/notifications/read-all", tag = "Notifications", responses(
    (status = 200, body = Data<ReadAll>),
    (status = 422, description = "An API key has no notifications of its own", body = Failure),
))]
async fn read_all(Viewer(identity): Viewer, State(app): State<App>) -> ApiResult<Data<ReadAll>> {
    let Some(user) = own(identity) else {
        return Err(ApiError::invalid(
            "",
            "an API key has no notifications of its own: mark each as read by its id",
        ));
    };
    let marked =
        app.store.write(move |tx| Box::pin(notification_mark_all(tx, identity.tenant, identity.actor, user)));
    Ok(Data::new(ReadAll { updated: marked.await? }))
}

/// Removes a notification.
#[utoipa::path(delete, path = "/api/notifications/{id}", tag = "Notifications", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<NotificationId>,
) -> ApiResult<Done> {
    may_change(identity)?;
    app.store
        .write(move |tx| {
            Box::pin(async move {
                seen(tx, identity, id).await?;
                notification_delete(tx, identity.tenant, id).await
            })
        })
        .await?;
    Ok(Done::deleted(id.get()))
}

async fn update(
    identity: Identity,
    app: App,
    id: NotificationId,
    edit: Edit,
    version: Option<i64>,
) -> ApiResult<Data<Notification>> {
    may_change(identity)?;
    let updated = app.store.write(move |tx| {
        Box::pin(async move {
            seen(tx, identity, id).await?;
            notification_update(tx, identity.tenant, identity.actor, id, edit, version).await
        })
    });
    Ok(Data::new(updated.await?.into()))
}

/// The user who is signed in.
const fn own(identity: Identity) -> Option<UserId> {
    match identity.actor {
        Actor::User(user) => Some(user),
        Actor::ApiKey(_) | Actor::Execution(_) | Actor::Public | Actor::System => None,
    }
}

/// People see their own, administrators and programs everybody's.
fn may_see(identity: Identity, user: UserId) -> bool {
    identity.role == Role::Admin || own(identity).is_none_or(|own| own == user)
}

/// A program that may only read changes nothing; people mark and remove their own, whatever their role.
fn may_change(identity: Identity) -> ApiResult<()> {
    if own(identity).is_none() && identity.role < Role::Editor {
        return Err(ApiError::forbidden("this needs the role editor, and this API key has the role viewer"));
    }
    Ok(())
}

/// What one may not see does not exist.
async fn seen(tx: &mut Tx, identity: Identity, id: NotificationId) -> StoreResult<()> {
    let found = notification_get(tx, identity.tenant, id).await?;
    if may_see(identity, found.user_id) {
        return Ok(());
    }
    Err(StoreError::missing(format!("notification {id}")))
}
