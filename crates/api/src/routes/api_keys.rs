//! `/api/api-keys`: the credentials of programs. A key is shown once.

use axum::extract::State;
use model::{
    ApiKeyId, Timestamp,
    user::{Identity, Role},
};
use serde::{Deserialize, Serialize};
use store::{
    api_key::{self, api_key_create, api_key_delete, api_key_get, api_key_list, api_key_update},
    token::Token,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::users::RoleName;
use crate::{
    App,
    answer::{Created, Data, Done, List},
    body::{Body, Id, sent},
    error::{ApiResult, Failure},
    identity::Admin,
    page::{Listing, NoFilter, PageQuery},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, replace, change, delete))
}

/// A program's credentials, without the key itself.
#[derive(Debug, Serialize, ToSchema)]
struct ApiKey {
    /// Unique over all tenants.
    #[schema(value_type = i64)]
    id: ApiKeyId,
    /// The owner of the record.
    #[schema(value_type = i64)]
    tenant_id: model::TenantId,
    /// What it is used for.
    name: String,
    /// What it may do.
    #[schema(value_type = RoleName)]
    role: Role,
    /// The first characters of the key, to tell keys apart.
    prefix: String,
    /// Requests per minute that it may make; null: no limit.
    rate_limit: Option<i64>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// When the record was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Who made it, such as `user:1`.
    #[schema(value_type = Option<String>)]
    created_by: Option<model::Actor>,
    /// Who last changed it.
    #[schema(value_type = Option<String>)]
    updated_by: Option<model::Actor>,
    /// Grows with each change.
    version: i64,
}

impl From<model::user::ApiKey> for ApiKey {
    fn from(key: model::user::ApiKey) -> Self {
        let model::user::ApiKey {
            id,
            tenant_id,
            name,
            role,
            prefix,
            rate_limit,
            last_used_at,
            created_at,
            updated_at,
            created_by,
            updated_by,
            version,
        } = key;
        Self {
            id,
            tenant_id,
            name,
            role,
            prefix,
            rate_limit,
            last_used_at,
            created_at,
            updated_at,
            created_by,
            updated_by,
            version,
        }
    }
}

/// A key that was just made: the only time that it is shown.
#[derive(Serialize, ToSchema)]
struct NewApiKey {
    /// The key itself: keep it, it is not shown again.
    #[schema(example = "vtx_Zm9yIGV4YW1wbGUgb25seSwgbm90IGEgcmVhbCBrZXk")]
    key: String,
    #[serde(flatten)]
    record: ApiKey,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
struct ApiKeyIn {
    /// What it is used for.
    #[schema(example = "checkout service")]
    name: String,
    /// What it may do.
    #[schema(value_type = RoleName)]
    role: Role,
    /// Requests per minute that it may make; null: no limit.
    rate_limit: Option<i64>,
    /// Must be current when it is sent with a change.
    version: Option<i64>,
    #[serde(default, rename = "prefix")]
    #[schema(ignore)]
    _prefix: serde::de::IgnoredAny,
}

/// What changes about a key; fields that are not sent stay.
#[derive(Deserialize, ToSchema)]
struct ApiKeyChanges {
    /// What it is used for.
    name: Option<String>,
    /// What it may do.
    #[schema(value_type = Option<RoleName>)]
    role: Option<Role>,
    /// Requests per minute that it may make; null: no limit.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<i64>)]
    rate_limit: Option<Option<i64>>,
    /// Must be current when it is sent.
    version: Option<i64>,
    #[serde(default, rename = "prefix")]
    #[schema(ignore)]
    _prefix: serde::de::IgnoredAny,
}

/// The tenant's keys, newest first.
#[utoipa::path(get, path = "/api/api-keys", tag = "API keys", params(PageQuery), responses(
    (status = 200, body = List<ApiKey>),
    (status = 400, body = Failure),
    (status = 403, description = "Only administrators see keys", body = Failure),
))]
async fn list(
    Admin(identity): Admin,
    State(app): State<App>,
    Listing { page, .. }: Listing<NoFilter>,
) -> ApiResult<List<ApiKey>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = api_key_list(&mut connection, identity.tenant, page).await?;
    Ok(List::of(paged, page, ApiKey::from))
}

/// Makes a key. The answer is the only one that shows it.
#[utoipa::path(post, path = "/api/api-keys", tag = "API keys", request_body = ApiKeyIn, responses(
    (status = 201, body = Data<NewApiKey>),
    (status = 422, body = Failure),
))]
async fn create(
    Admin(identity): Admin,
    State(app): State<App>,
    Body(ApiKeyIn { name, role, rate_limit, .. }): Body<ApiKeyIn>,
) -> ApiResult<Created<NewApiKey>> {
    let fields = api_key::Fields { name, role, rate_limit };
    let token = Token::random(api_key::PREFIX)?;
    let key = token.reveal().to_owned();
    let record = app.store.write(move |tx| {
        Box::pin(async move { api_key_create(tx, identity.tenant, identity.actor, &fields, &token).await })
    });
    Ok(Created(NewApiKey { key, record: record.await?.into() }))
}

/// One key, without the key itself.
#[utoipa::path(get, path = "/api/api-keys/{id}", tag = "API keys", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<ApiKey>),
    (status = 403, description = "Only administrators see keys", body = Failure),
    (status = 404, body = Failure),
))]
async fn get(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<ApiKeyId>,
) -> ApiResult<Data<ApiKey>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(api_key_get(&mut connection, identity.tenant, id).await?.into()))
}

/// Replaces what is known of a key; the key itself stays.
#[utoipa::path(put, path = "/api/api-keys/{id}", tag = "API keys", params(("id" = i64, Path)), request_body = ApiKeyIn, responses(
    (status = 200, body = Data<ApiKey>),
    (status = 404, body = Failure),
    (status = 409, description = "An outdated version", body = Failure),
    (status = 422, body = Failure),
))]
async fn replace(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<ApiKeyId>,
    Body(body): Body<ApiKeyIn>,
) -> ApiResult<Data<ApiKey>> {
    let ApiKeyIn { name, role, rate_limit, version, .. } = body;
    let changes = ApiKeyChanges {
        name: Some(name),
        role: Some(role),
        rate_limit: Some(rate_limit),
        version,
        _prefix: serde::de::IgnoredAny,
    };
    update(&app, identity, id, changes).await
}

/// Changes what is known of a key; the key itself stays.
#[utoipa::path(patch, path = "/api/api-keys/{id}", tag = "API keys", params(("id" = i64, Path)), request_body = ApiKeyChanges, responses(
    (status = 200, body = Data<ApiKey>),
    (status = 404, body = Failure),
    (status = 409, description = "An outdated version", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<ApiKeyId>,
    Body(body): Body<ApiKeyChanges>,
) -> ApiResult<Data<ApiKey>> {
    update(&app, identity, id, body).await
}

/// Deletes a key: programs that still use it are refused.
#[utoipa::path(delete, path = "/api/api-keys/{id}", tag = "API keys", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(Admin(identity): Admin, State(app): State<App>, Id(id): Id<ApiKeyId>) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(api_key_delete(tx, identity.tenant, id))).await?;
    app.shared.keys.forget();
    Ok(Done::deleted(id.get()))
}

async fn update(
    app: &App,
    identity: Identity,
    id: ApiKeyId,
    changes: ApiKeyChanges,
) -> ApiResult<Data<ApiKey>> {
    let Identity { tenant, actor, .. } = identity;
    let key = app.store.write(move |tx| {
        Box::pin(async move {
            let before = api_key_get(tx, tenant, id).await?;
            let fields = api_key::Fields {
                name: changes.name.unwrap_or(before.name),
                role: changes.role.unwrap_or(before.role),
                rate_limit: changes.rate_limit.unwrap_or(before.rate_limit),
            };
            api_key_update(tx, tenant, actor, id, &fields, changes.version).await
        })
    });
    let key = key.await?;
    app.shared.keys.forget();
    Ok(Data::new(key.into()))
}
