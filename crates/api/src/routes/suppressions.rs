//! `/api/suppressions`: the addresses to which nothing is sent any more.

use axum::extract::State;
use model::{
    SuppressionId, TenantId,
    mailing::{Suppression as Stored, SuppressionReason},
};
use serde::Deserialize;
use store::suppression::{self, suppression_create, suppression_delete, suppression_get, suppression_list};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, Done, List},
    body::{Body, Id},
    error::{ApiResult, Failure},
    identity::Editor,
    page::{Listing, PageQuery},
    record::{names, record_out},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete))
}

names! {
    /// Why nothing is sent.
    SuppressionReasonName of SuppressionReason;
}

record_out! {
    /// An address to which nothing is sent any more; `created_at` is since when.
    Suppression from Stored {
        /// Unique over all tenants.
        id: SuppressionId as i64,
        /// The owner of the record.
        tenant_id: TenantId as i64,
        /// In small letters.
        address: String as String,
        /// `bounced` and `manual` stop every mail, `unsubscribed` and `complained` marketing only.
        reason: SuppressionReason as SuppressionReasonName,
        /// Where that was learnt: `unsubscribe_link`, `api`, or the service that reported it.
        source: String as String,
        /// What else is known, such as the mail server's words.
        detail: Option<String> as Option<String>,
    }
}

/// Which entries a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// The address contains this, without regard to case.
    q: Option<String>,
    /// For this reason.
    #[param(value_type = Option<SuppressionReasonName>)]
    reason: Option<SuppressionReason>,
}

/// An address to which nothing shall be sent any more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuppression {
    /// The address.
    #[schema(example = "ann@example.com")]
    address: String,
    /// Why, for people.
    #[serde(default)]
    detail: Option<String>,
}

/// Suppressed addresses, newest first.
#[utoipa::path(get, path = "/api/suppressions", tag = "Email", params(Filter, PageQuery), responses(
    (status = 200, body = List<Suppression>),
    (status = 400, body = Failure),
    (status = 403, description = "Viewers do not see addresses of people who said no", body = Failure),
))]
async fn list(
    Editor(identity): Editor,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Suppression>> {
    let filter = suppression::Filter { text: filter.q, reason: filter.reason };
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = suppression_list(&mut connection, identity.tenant, &filter, page).await?;
    Ok(List::of(paged, page, Suppression::from))
}

/// Puts an address on the list: it gets no mail of any kind.
#[utoipa::path(post, path = "/api/suppressions", tag = "Email", request_body = NewSuppression, responses(
    (status = 201, body = Data<Suppression>),
    (status = 409, description = "It is on the list already", body = Failure),
    (status = 422, body = Failure),
))]
async fn create(
    Editor(identity): Editor,
    State(app): State<App>,
    Body(body): Body<NewSuppression>,
) -> ApiResult<Created<Suppression>> {
    let made = app.store.write(move |tx| {
        Box::pin(async move {
            suppression_create(tx, identity.tenant, identity.actor.into(), &body.address, body.detail).await
        })
    });
    Ok(Created(made.await?.into()))
}

/// One entry of the list.
#[utoipa::path(get, path = "/api/suppressions/{id}", tag = "Email", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Suppression>),
    (status = 403, body = Failure),
    (status = 404, body = Failure),
))]
async fn get(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<SuppressionId>,
) -> ApiResult<Data<Suppression>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(suppression_get(&mut connection, identity.tenant, id).await?.into()))
}

/// Takes an address off the list. A contact's consent that was withdrawn stays withdrawn.
#[utoipa::path(delete, path = "/api/suppressions/{id}", tag = "Email", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<SuppressionId>,
) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(suppression_delete(tx, identity.tenant, id))).await?;
    Ok(Done::deleted(id.get()))
}
