//! `/api/tickets`: the cases that the team works on. What a workflow wrote into them, viewers read without personal answers.

use axum::extract::State;
use model::{
    Actor, ContactId, SubmissionId, TicketId, UserId,
    ticket::{TicketPriority, TicketStatus},
    user::{Identity, Role},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{
    Connection, StoreResult,
    history::personal_questions_exist,
    ticket::{self, ticket_archive, ticket_create, ticket_get, ticket_list, ticket_update},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, Done, List},
    authored::Authors,
    body::{Body, Id},
    error::{ApiError, ApiResult, Failure},
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
    record::{Sent, names, record_in, record_out},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, replace, change, delete))
}

names! {
    /// Where a ticket stands.
    TicketStatusName of TicketStatus;
    /// How soon a ticket needs attention.
    TicketPriorityName of TicketPriority;
}

record_out! {
    /// A case.
    Ticket from model::ticket::Ticket {
        /// Unique over all tenants.
        id: TicketId as i64,
        /// The owner of the record.
        tenant_id: model::TenantId as i64,
        /// One line.
        title: String as String,
        /// The whole story.
        description: Option<String> as Option<String>,
        /// Where it stands.
        status: TicketStatus as TicketStatusName,
        /// How soon.
        priority: TicketPriority as TicketPriorityName,
        /// The user whose it is.
        assignee_id: Option<UserId> as Option<i64>,
        /// Whom it is about.
        contact_id: Option<ContactId> as Option<i64>,
        /// The answer that caused it.
        submission_id: Option<SubmissionId> as Option<i64>,
        /// When it is to be answered. Only an open ticket is due.
        due_at: Option<model::Timestamp> as Option<String>,
        /// Tag names.
        tags: Vec<String> as Vec<String>,
        /// Everything else that is known.
        attributes: Map<String, Value> as Object,
    }
}

record_in! {
    /// The fields of a ticket. A new one needs a `title`.
    TicketFields {
        /// One line.
        title: String,
        /// The whole story.
        description: String,
        /// `open` (a new ticket's), `pending`, `solved`, `closed`.
        status: String,
        /// `low`, `normal` (a new ticket's), `high`, `urgent`.
        priority: String,
        /// The user whose it is.
        assignee_id: i64,
        /// Whom it is about.
        contact_id: i64,
        /// The answer that caused it.
        submission_id: i64,
        /// When it is to be answered; without one it is due by its priority (`sla` of the settings). Only an open ticket is due.
        due_at: String,
        /// Tag names; new ones are made.
        tags: Vec<String>,
        /// Everything else that is known.
        attributes: Map<String, Value>,
    }
}

/// Which tickets a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Title or description contains this, without regard to case.
    q: Option<String>,
    /// In this state.
    #[param(value_type = Option<TicketStatusName>)]
    status: Option<TicketStatus>,
    /// Of this priority.
    #[param(value_type = Option<TicketPriorityName>)]
    priority: Option<TicketPriority>,
    /// This user's.
    #[param(value_type = Option<i64>)]
    assignee_id: Option<UserId>,
    /// About this person.
    #[param(value_type = Option<i64>)]
    contact_id: Option<ContactId>,
    /// Caused by this answer.
    #[param(value_type = Option<i64>)]
    submission_id: Option<SubmissionId>,
    /// With this tag.
    tag: Option<String>,
}

/// Tickets, newest first.
#[utoipa::path(get, path = "/api/tickets", tag = "Tickets", params(Filter, PageQuery), responses(
    (status = 200, body = List<Ticket>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Ticket>> {
    let mut connection = app.store.read(identity.tenant).await?;
    if filter.q.is_some()
        && identity.role == Role::Viewer
        && personal_questions_exist(&mut connection, identity.tenant).await?
    {
        // Workflows write answers into tickets: whoever finds one by a personal answer has read the answer.
        return Err(ApiError::forbidden(
            "q needs the role editor in this tenant: it has questions with personal answers, and q would find those",
        ));
    }
    let filter = ticket::Filter {
        text: filter.q,
        status: filter.status,
        priority: filter.priority,
        assignee: filter.assignee_id,
        contact: filter.contact_id,
        submission: filter.submission_id,
        tag: filter.tag,
    };
    let mut paged = ticket_list(&mut connection, identity.tenant, &filter, page).await?;
    masked(&mut connection, identity, &mut paged.rows).await?;
    Ok(List::of(paged, page, Ticket::from))
}

/// Makes a ticket and emits `ticket_created`.
#[utoipa::path(post, path = "/api/tickets", tag = "Tickets", request_body = TicketFields, responses(
    (status = 201, body = Data<Ticket>),
    (status = 422, body = Failure),
))]
async fn create(
    Editor(identity): Editor,
    State(app): State<App>,
    Body(body): Body<TicketFields>,
) -> ApiResult<Created<Ticket>> {
    let fields = body.for_create();
    let made = app.store.write(move |tx| {
        Box::pin(async move { ticket_create(tx, identity.tenant, identity.actor.into(), &fields).await })
    });
    Ok(Created(made.await?.into()))
}

/// One ticket.
#[utoipa::path(get, path = "/api/tickets/{id}", tag = "Tickets", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Ticket>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<TicketId>,
) -> ApiResult<Data<Ticket>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let mut found = [ticket_get(&mut connection, identity.tenant, id).await?];
    masked(&mut connection, identity, &mut found).await?;
    let [found] = found;
    Ok(Data::new(found.into()))
}

/// Masks the personal answers that a workflow wrote into its tickets, for those who may not read them.
async fn masked(
    connection: &mut Connection,
    identity: Identity,
    tickets: &mut [model::ticket::Ticket],
) -> StoreResult<()> {
    let author = |ticket: &model::ticket::Ticket| match ticket.created_by {
        Some(Actor::Execution(id)) => Some(id),
        _ => None,
    };
    let authors = Authors::of(connection, identity, tickets.iter().filter_map(author)).await?;
    for ticket in tickets {
        let written = (
            std::mem::take(&mut ticket.title),
            ticket.description.take(),
            std::mem::take(&mut ticket.attributes),
        );
        (ticket.title, ticket.description, ticket.attributes) = authors.hide(author(ticket), written)?;
    }
    Ok(())
}

/// Replaces a ticket: fields that are not sent become empty, `status` open, `priority` normal.
#[utoipa::path(put, path = "/api/tickets/{id}", tag = "Tickets", params(("id" = i64, Path)), request_body = TicketFields, responses(
    (status = 200, body = Data<Ticket>),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first", body = Failure),
    (status = 422, body = Failure),
))]
async fn replace(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<TicketId>,
    Body(body): Body<TicketFields>,
) -> ApiResult<Data<Ticket>> {
    update(identity, app, id, body.for_put(&[("status", "open"), ("priority", "normal")]), body.version).await
}

/// Changes some fields of a ticket and emits `ticket_updated`.
#[utoipa::path(patch, path = "/api/tickets/{id}", tag = "Tickets", params(("id" = i64, Path)), request_body = TicketFields, responses(
    (status = 200, body = Data<Ticket>),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<TicketId>,
    Body(body): Body<TicketFields>,
) -> ApiResult<Data<Ticket>> {
    update(identity, app, id, body.for_patch(), body.version).await
}

async fn update(
    identity: Identity,
    app: App,
    id: TicketId,
    fields: Map<String, Value>,
    version: Option<i64>,
) -> ApiResult<Data<Ticket>> {
    let updated = app.store.write(move |tx| {
        Box::pin(async move {
            ticket_update(tx, identity.tenant, identity.actor.into(), id, &fields, version).await
        })
    });
    Ok(Data::new(updated.await?.0.into()))
}

/// Puts a ticket away: it is in no list any more, and history still names it.
#[utoipa::path(delete, path = "/api/tickets/{id}", tag = "Tickets", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(Editor(identity): Editor, State(app): State<App>, Id(id): Id<TicketId>) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(ticket_archive(tx, identity.tenant, identity.actor, id))).await?;
    Ok(Done::deleted(id.get()))
}
