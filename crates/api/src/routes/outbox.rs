//! `/api/outbox`: the mails that were kept because no SMTP server is set. Viewers read them without personal answers, and nobody reads the links by
//! which others decide.

use axum::extract::State;
use model::{ExecutionId, OutboxId, TenantId, Timestamp, user::Role};
use serde::{Deserialize, Serialize};
use store::{
    approval::link,
    outbox::{KeptMail, outbox_delete, outbox_get, outbox_list},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Data, Done, List},
    authored::Authors,
    body::Id,
    error::{ApiError, ApiResult, Failure},
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, delete))
}

/// A mail that was kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutboxMail {
    /// Unique over all tenants.
    #[schema(value_type = i64)]
    id: OutboxId,
    /// The owner of the record.
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    /// The execution whose step wrote it.
    #[schema(value_type = Option<i64>)]
    execution_id: Option<ExecutionId>,
    /// The sender.
    from: String,
    /// The receivers.
    to: Vec<String>,
    /// Receivers of a copy.
    cc: Vec<String>,
    /// Receivers whom the others do not see.
    bcc: Vec<String>,
    /// Where answers go.
    reply_to: Option<String>,
    /// One line.
    subject: String,
    /// The message as text.
    text: Option<String>,
    /// The message as HTML. It is somebody's input: show it only where it can do nothing.
    html: Option<String>,
    /// The same on every attempt.
    message_id: String,
    /// When it was kept.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Who wrote it: `execution:3`.
    #[schema(value_type = Option<String>)]
    created_by: Option<model::Actor>,
    /// Who last changed it.
    #[schema(value_type = Option<String>)]
    updated_by: Option<model::Actor>,
    /// Grows with each change.
    version: i64,
}

impl From<KeptMail> for OutboxMail {
    fn from(kept: KeptMail) -> Self {
        let mail = kept.mail;
        Self {
            id: kept.id,
            tenant_id: kept.tenant_id,
            execution_id: kept.execution_id,
            from: mail.from,
            to: mail.to,
            cc: mail.cc,
            bcc: mail.bcc,
            reply_to: mail.reply_to,
            subject: mail.subject,
            // Also of mails that were kept with their link.
            text: mail.text.as_deref().map(link::hide),
            html: mail.html.as_deref().map(link::hide),
            message_id: mail.message_id,
            created_at: kept.created_at,
            updated_at: kept.updated_at,
            created_by: kept.created_by,
            updated_by: kept.updated_by,
            version: kept.version,
        }
    }
}

/// Which mails a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Anything in the mail contains this, without regard to case. Not for viewers.
    q: Option<String>,
    /// Written by this execution.
    #[param(value_type = Option<i64>)]
    execution_id: Option<ExecutionId>,
}

/// Kept mails, newest first.
#[utoipa::path(get, path = "/api/outbox", tag = "Outbox", params(Filter, PageQuery), responses(
    (status = 200, body = List<OutboxMail>),
    (status = 400, body = Failure),
    (status = 403, description = "Viewers do not search in mails", body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<OutboxMail>> {
    if filter.q.is_some() && identity.role == Role::Viewer {
        // By searching one could find what is masked on reading.
        return Err(ApiError::forbidden("to search in mails, the role editor is needed"));
    }
    let mut connection = app.store.read(identity.tenant).await?;
    let mut paged =
        outbox_list(&mut connection, identity.tenant, filter.execution_id, filter.q.as_deref(), page).await?;
    let written = paged.rows.iter().filter_map(|kept| kept.execution_id);
    let authors = Authors::of(&mut connection, identity, written).await?;
    for kept in &mut paged.rows {
        kept.mail = authors.hide(kept.execution_id, kept.mail.clone())?;
    }
    Ok(List::of(paged, page, OutboxMail::from))
}

/// One kept mail.
#[utoipa::path(get, path = "/api/outbox/{id}", tag = "Outbox", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<OutboxMail>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<OutboxId>,
) -> ApiResult<Data<OutboxMail>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let mut kept = outbox_get(&mut connection, identity.tenant, id).await?;
    let authors = Authors::of(&mut connection, identity, kept.execution_id.into_iter()).await?;
    kept.mail = authors.hide(kept.execution_id, kept.mail)?;
    Ok(Data::new(kept.into()))
}

/// Removes a kept mail.
#[utoipa::path(delete, path = "/api/outbox/{id}", tag = "Outbox", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(Editor(identity): Editor, State(app): State<App>, Id(id): Id<OutboxId>) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(outbox_delete(tx, identity.tenant, id))).await?;
    Ok(Done::deleted(id.get()))
}
