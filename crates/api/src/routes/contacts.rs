//! `/api/contacts`: the people whose experience is followed.

use axum::extract::State;
use model::ContactId;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::contact::{self, contact_archive, contact_create, contact_get, contact_list, contact_update};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, Done, List},
    body::{Body, Id},
    error::{ApiResult, Failure},
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
    record::{Sent, record_in, record_out},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, replace, change, delete))
}

record_out! {
    /// A person.
    Contact from model::contact::Contact {
        /// Unique over all tenants.
        id: ContactId as i64,
        /// The owner of the record.
        tenant_id: model::TenantId as i64,
        /// Unique within the tenant, compared without case.
        email: Option<String> as Option<String>,
        /// The person's name.
        name: Option<String> as Option<String>,
        /// A phone number as typed.
        phone: Option<String> as Option<String>,
        /// The record's id in your own system; unique within the tenant.
        external_id: Option<String> as Option<String>,
        /// The company the person works for.
        company: Option<String> as Option<String>,
        /// A name for the group the person belongs to (`detractor`, `vip`).
        segment: Option<String> as Option<String>,
        /// An IANA zone such as `Europe/Paris`.
        time_zone: Option<String> as Option<String>,
        /// A language tag such as `en` or `pt-BR`.
        language: Option<String> as Option<String>,
        /// The user who looks after this person.
        owner_id: Option<model::UserId> as Option<i64>,
        /// Tag names.
        tags: Vec<String> as Vec<String>,
        /// Consent by purpose.
        consents: Map<String, Value> as Object,
        /// Everything else that is known.
        attributes: Map<String, Value> as Object,
    }
}

record_in! {
    /// The fields of a person.
    ContactFields {
        /// Unique within the tenant, compared without case.
        email: String,
        /// The person's name.
        name: String,
        /// A phone number as typed.
        phone: String,
        /// The record's id in your own system; unique within the tenant.
        external_id: String,
        /// The company the person works for.
        company: String,
        /// A name for the group the person belongs to (`detractor`, `vip`).
        segment: String,
        /// An IANA zone such as `Europe/Paris`.
        time_zone: String,
        /// A language tag such as `en` or `pt-BR`.
        language: String,
        /// The user who looks after this person.
        owner_id: i64,
        /// Tag names; new ones are made.
        tags: Vec<String>,
        /// Consent by purpose, such as `{"marketing":{"status":"granted","at":"2026-02-14T10:30:00Z"}}`.
        consents: Map<String, Value>,
        /// Everything else that is known.
        attributes: Map<String, Value>,
    }
}

/// Which contacts a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Name, email, company or external id contains this, without regard to case.
    q: Option<String>,
    /// Of this segment.
    segment: Option<String>,
    /// With this tag.
    tag: Option<String>,
    /// With exactly this email address, without regard to case.
    email: Option<String>,
}

/// Contacts, newest first.
#[utoipa::path(get, path = "/api/contacts", tag = "Contacts", params(Filter, PageQuery), responses(
    (status = 200, body = List<Contact>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Contact>> {
    let filter =
        contact::Filter { text: filter.q, segment: filter.segment, tag: filter.tag, email: filter.email };
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = contact_list(&mut connection, identity.tenant, &filter, page).await?;
    Ok(List::of(paged, page, Contact::from))
}

/// Makes a contact and emits `contact_created`.
#[utoipa::path(post, path = "/api/contacts", tag = "Contacts", request_body = ContactFields, responses(
    (status = 201, body = Data<Contact>),
    (status = 409, description = "The email address or the external id is taken", body = Failure),
    (status = 422, body = Failure),
))]
async fn create(
    Editor(identity): Editor,
    State(app): State<App>,
    Body(body): Body<ContactFields>,
) -> ApiResult<Created<Contact>> {
    let fields = body.for_create();
    let made = app.store.write(move |tx| {
        Box::pin(async move { contact_create(tx, identity.tenant, identity.actor.into(), &fields).await })
    });
    Ok(Created(made.await?.into()))
}

/// One contact.
#[utoipa::path(get, path = "/api/contacts/{id}", tag = "Contacts", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Contact>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<ContactId>,
) -> ApiResult<Data<Contact>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(contact_get(&mut connection, identity.tenant, id).await?.into()))
}

/// Replaces a contact: fields that are not sent become empty.
#[utoipa::path(put, path = "/api/contacts/{id}", tag = "Contacts", params(("id" = i64, Path)), request_body = ContactFields, responses(
    (status = 200, body = Data<Contact>),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first, or a value is taken", body = Failure),
    (status = 422, body = Failure),
))]
async fn replace(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<ContactId>,
    Body(body): Body<ContactFields>,
) -> ApiResult<Data<Contact>> {
    update(identity, app, id, body.for_put(&[]), body.version).await
}

/// Changes some fields of a contact and emits `contact_updated`.
#[utoipa::path(patch, path = "/api/contacts/{id}", tag = "Contacts", params(("id" = i64, Path)), request_body = ContactFields, responses(
    (status = 200, body = Data<Contact>),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first, or a value is taken", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<ContactId>,
    Body(body): Body<ContactFields>,
) -> ApiResult<Data<Contact>> {
    update(identity, app, id, body.for_patch(), body.version).await
}

async fn update(
    identity: model::user::Identity,
    app: App,
    id: ContactId,
    fields: Map<String, Value>,
    version: Option<i64>,
) -> ApiResult<Data<Contact>> {
    let updated = app.store.write(move |tx| {
        Box::pin(async move {
            contact_update(tx, identity.tenant, identity.actor.into(), id, &fields, version).await
        })
    });
    Ok(Data::new(updated.await?.0.into()))
}

/// Puts a contact away: it is in no list any more, and history still names it.
#[utoipa::path(delete, path = "/api/contacts/{id}", tag = "Contacts", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(Editor(identity): Editor, State(app): State<App>, Id(id): Id<ContactId>) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(contact_archive(tx, identity.tenant, identity.actor, id))).await?;
    Ok(Done::deleted(id.get()))
}
