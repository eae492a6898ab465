//! `/api/invitations`: contacts who were asked to answer a form, each by a link of their own.

use axum::extract::State;
use model::{
    Actor, ContactId, FormId, InvitationId, SubmissionId, TenantId, Timestamp, effect::NewInvitation,
    invitation::Invitation as Stored,
};
use serde::{Deserialize, Serialize};
use store::{
    invitation::{self, invitation_create, invitation_get, invitation_list, link},
    token::Token,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, List},
    body::{Body, Id},
    error::{ApiResult, Failure},
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get))
}

/// A contact who was asked to answer a form.
#[derive(Debug, Serialize, ToSchema)]
struct Invitation {
    /// Unique over all tenants.
    #[schema(value_type = i64)]
    id: InvitationId,
    /// The owner of the record.
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    /// The form to be answered.
    #[schema(value_type = i64)]
    form_id: FormId,
    /// Who was asked.
    #[schema(value_type = i64)]
    contact_id: ContactId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    sent_at: Timestamp,
    /// By whom, such as `user:1`.
    #[schema(value_type = Option<String>)]
    sent_by: Option<Actor>,
    /// When the contact answered the form, by this link or another way.
    #[schema(value_type = Option<String>, format = DateTime)]
    answered_at: Option<Timestamp>,
    /// The answer.
    #[schema(value_type = Option<i64>)]
    submission_id: Option<SubmissionId>,
}

impl From<Stored> for Invitation {
    fn from(stored: Stored) -> Self {
        let Stored { id, tenant_id, form_id, contact_id, sent_at, sent_by, answered_at, submission_id } =
            stored;
        Self { id, tenant_id, form_id, contact_id, sent_at, sent_by, answered_at, submission_id }
    }
}

/// An invitation with its link, which is given out once.
#[derive(Debug, Serialize, ToSchema)]
struct InvitationMade {
    #[serde(flatten)]
    invitation: Invitation,
    /// The contact's own link. Without the server's public address it begins with a slash.
    #[schema(example = "https://workflows.example.com/i/1-0123456789abcdef0123456789abcdef")]
    url: String,
}

/// Who is asked to answer what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct InvitationNew {
    /// The form.
    #[serde(alias = "form_id")]
    #[schema(value_type = i64)]
    form_id: FormId,
    /// Who is asked.
    #[serde(alias = "contact_id")]
    #[schema(value_type = i64)]
    contact_id: ContactId,
}

/// Which invitations a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// To this form.
    #[param(value_type = Option<i64>)]
    form_id: Option<FormId>,
    /// Of this person.
    #[param(value_type = Option<i64>)]
    contact_id: Option<ContactId>,
    /// Answered or not.
    answered: Option<bool>,
}

/// Invitations, newest first.
#[utoipa::path(get, path = "/api/invitations", tag = "Forms", params(Filter, PageQuery), responses(
    (status = 200, body = List<Invitation>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Invitation>> {
    let filter =
        invitation::Filter { form: filter.form_id, contact: filter.contact_id, answered: filter.answered };
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = invitation_list(&mut connection, identity.tenant, &filter, page).await?;
    Ok(List::of(paged, page, Invitation::from))
}

/// Makes a contact's own link to a form and emits `invitation_sent`. Whoever asks for it sends it.
///
/// An answer that comes by the link is the contact's. Once the contact has answered, by it or another way, the link says so and takes no other answer.
#[utoipa::path(post, path = "/api/invitations", tag = "Forms", request_body = InvitationNew, responses(
    (status = 201, body = Data<InvitationMade>),
    (status = 404, description = "There is no such form", body = Failure),
    (status = 409, description = "The form takes no answers", body = Failure),
    (status = 422, body = Failure),
))]
async fn create(
    Editor(identity): Editor,
    State(app): State<App>,
    Body(InvitationNew { form_id, contact_id }): Body<InvitationNew>,
) -> ApiResult<Created<InvitationMade>> {
    let key = Token::random("")?;
    let token = link::token(&app.secrets(), identity.tenant, key.reveal());
    let base = app.config.public_url.as_deref().unwrap_or_default();
    let url = format!("{base}{}{token}", link::PATH);
    let new = NewInvitation { form: form_id, contact: contact_id, token, url: url.clone() };
    let made = app.store.write(move |tx| {
        Box::pin(async move { invitation_create(tx, identity.tenant, identity.actor.into(), &new).await })
    });
    Ok(Created(InvitationMade { invitation: made.await?.into(), url }))
}

/// One invitation.
#[utoipa::path(get, path = "/api/invitations/{id}", tag = "Forms", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Invitation>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<InvitationId>,
) -> ApiResult<Data<Invitation>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(invitation_get(&mut connection, identity.tenant, id).await?.into()))
}
