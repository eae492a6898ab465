//! `/api/integrations`: stored connections to other systems. Their secrets go in and never come out.

use std::time::Duration;

use actions::{ErrorKind, hosts::Gate, ledger::Standing, provider};
use axum::extract::State;
use engine::ledger::{TenantLedger, connection_of};
use model::{IntegrationId, TenantId, Timestamp, user::Identity};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Value};
use store::{
    integration::{
        self, integration_create, integration_delete, integration_get, integration_list, integration_update,
        integration_used, ledger::unpark,
    },
    secret::SecretBox,
    token::Token,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, Done, List},
    body::{Body, Id},
    error::{ApiError, ApiResult, Failure},
    identity::{Admin, Viewer},
    page::{Listing, PageQuery},
};

/// A test that takes longer tells enough.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, replace, change, delete))
        .routes(routes!(test))
}

/// A connection to another system, without its secrets.
#[derive(Serialize, ToSchema)]
struct Integration {
    /// Unique over all tenants.
    #[schema(value_type = i64)]
    id: IntegrationId,
    /// The owner of the record.
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    /// Unique within the tenant; `sync_integration` names it.
    name: String,
    /// Which kind of system: one of `/api/integration-providers`.
    provider: String,
    /// The settings that may be seen.
    #[schema(value_type = Object)]
    config: Map<String, Value>,
    /// The names of the secrets that are kept.
    secrets_set: Vec<String>,
    /// What steps can name as `action`.
    actions: Vec<String>,
    /// `untried` since it last changed; `ok`; `failing`; `expired` and `revoked`: it is not let in any more, and what needs it waits until it is connected
    /// again; `rate_limited`: the other system asks for a pause.
    #[schema(example = "ok")]
    status: &'static str,
    /// Why it failed.
    last_error: Option<String>,
    /// What the other system last said of the calls that are left: `remaining` of `limit`.
    #[schema(value_type = Option<Object>)]
    quota: Option<Value>,
    /// Until when the other system asks to be left alone.
    #[schema(value_type = Option<String>, format = DateTime)]
    limited_until: Option<Timestamp>,
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

fn shown(stored: integration::Integration, secrets: &SecretBox) -> Integration {
    // Secrets that do not open are answered as none: the test of the connection says more.
    let secrets_set =
        stored.secrets(secrets).map(|secrets| secrets.keys().cloned().collect()).unwrap_or_default();
    let config = Value::Object(stored.config);
    let actions =
        provider::get(&stored.provider).map(|provider| provider.actions(&config)).unwrap_or_default();
    let Value::Object(config) = config else { unreachable!("it was made an object just now") };
    Integration {
        id: stored.id,
        tenant_id: stored.tenant_id,
        name: stored.name,
        provider: stored.provider,
        config,
        secrets_set,
        actions,
        status: Standing::of(&stored.status).as_str(),
        last_error: stored.last_error,
        quota: stored.quota,
        limited_until: stored.limited_until,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        created_by: stored.created_by,
        updated_by: stored.updated_by,
        version: stored.version,
    }
}

/// A connection to be made, or as it shall be.
#[derive(Deserialize, ToSchema)]
struct IntegrationIn {
    /// Unique within the tenant.
    #[schema(example = "crm")]
    name: String,
    /// Which kind of system: one of `/api/integration-providers`.
    #[schema(example = "rest")]
    provider: String,
    /// The settings that may be seen, as the provider's `config_schema` says.
    #[serde(default)]
    #[schema(value_type = Object)]
    config: Map<String, Value>,
    /// The settings that may not, as the provider's `secrets_schema` says. Each replaces the one of its name, null takes it
    /// away, those that are not sent stay.
    #[serde(default)]
    #[schema(value_type = Object, write_only)]
    secrets: Map<String, Value>,
    /// Must be current when it is sent with a change.
    version: Option<i64>,
    #[serde(default, rename = "secrets_set")]
    #[schema(ignore)]
    _secrets_set: IgnoredAny,
    #[serde(default, rename = "actions")]
    #[schema(ignore)]
    _actions: IgnoredAny,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "last_error")]
    #[schema(ignore)]
    _last_error: IgnoredAny,
    #[serde(default, rename = "quota")]
    #[schema(ignore)]
    _quota: IgnoredAny,
    #[serde(default, rename = "limited_until")]
    #[schema(ignore)]
    _limited_until: IgnoredAny,
}

/// What changes about a connection; fields that are not sent stay.
#[derive(Deserialize, ToSchema)]
struct IntegrationChanges {
    /// Unique within the tenant.
    name: Option<String>,
    /// Which kind of system; the secrets of another kind are not kept.
    provider: Option<String>,
    /// All the settings that may be seen.
    #[schema(value_type = Option<Object>)]
    config: Option<Map<String, Value>>,
    /// Each replaces the one of its name, null takes it away, those that are not sent stay.
    #[serde(default)]
    #[schema(value_type = Option<Object>, write_only)]
    secrets: Map<String, Value>,
    /// Must be current when it is sent.
    version: Option<i64>,
    #[serde(default, rename = "secrets_set")]
    #[schema(ignore)]
    _secrets_set: IgnoredAny,
    #[serde(default, rename = "actions")]
    #[schema(ignore)]
    _actions: IgnoredAny,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "last_error")]
    #[schema(ignore)]
    _last_error: IgnoredAny,
    #[serde(default, rename = "quota")]
    #[schema(ignore)]
    _quota: IgnoredAny,
    #[serde(default, rename = "limited_until")]
    #[schema(ignore)]
    _limited_until: IgnoredAny,
}

/// Which connections a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Of this provider.
    provider: Option<String>,
}

/// What came of trying a connection.
#[derive(Serialize, ToSchema)]
struct Tried {
    /// It works.
    working: bool,
    /// What failed.
    error: Option<String>,
    /// What the other system answered.
    output: Option<Value>,
}

/// The tenant's connections, newest first.
#[utoipa::path(get, path = "/api/integrations", tag = "Integrations", params(Filter, PageQuery), responses(
    (status = 200, body = List<Integration>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Integration>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = integration_list(&mut connection, identity.tenant, filter.provider.as_deref(), page).await?;
    let secrets = app.secrets();
    Ok(List::of(paged, page, |stored| shown(stored, &secrets)))
}

/// Makes a connection.
#[utoipa::path(post, path = "/api/integrations", tag = "Integrations", request_body = IntegrationIn, responses(
    (status = 201, body = Data<Integration>),
    (status = 409, description = "The name is taken", body = Failure),
    (status = 422, body = Failure),
))]
async fn create(
    Admin(identity): Admin,
    State(app): State<App>,
    Body(body): Body<IntegrationIn>,
) -> ApiResult<Created<Integration>> {
    let IntegrationIn { name, provider, config, secrets, .. } = body;
    let fields = integration::Fields { name, provider, config, secrets };
    check(&fields, Map::new())?;
    let own = app.secrets();
    let stored = app.store.write(move |tx| {
        Box::pin(async move { integration_create(tx, identity.tenant, identity.actor, &fields, &own).await })
    });
    Ok(Created(shown(stored.await?, &app.secrets())))
}

/// One connection.
#[utoipa::path(get, path = "/api/integrations/{id}", tag = "Integrations", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Integration>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<IntegrationId>,
) -> ApiResult<Data<Integration>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let stored = integration_get(&mut connection, identity.tenant, id).await?;
    Ok(Data::new(shown(stored, &app.secrets())))
}

/// Replaces a connection; secrets that are not sent stay.
#[utoipa::path(put, path = "/api/integrations/{id}", tag = "Integrations", params(("id" = i64, Path)), request_body = IntegrationIn, responses(
    (status = 200, body = Data<Integration>),
    (status = 404, body = Failure),
    (status = 409, description = "The name is taken, or an outdated version", body = Failure),
    (status = 422, body = Failure),
))]
async fn replace(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<IntegrationId>,
    Body(body): Body<IntegrationIn>,
) -> ApiResult<Data<Integration>> {
    let IntegrationIn { name, provider, config, secrets, version, .. } = body;
    let before = integration_get(&mut *app.store.read(identity.tenant).await?, identity.tenant, id).await?;
    update(&app, identity, before, integration::Fields { name, provider, config, secrets }, version).await
}

/// Changes a connection.
#[utoipa::path(patch, path = "/api/integrations/{id}", tag = "Integrations", params(("id" = i64, Path)), request_body = IntegrationChanges, responses(
    (status = 200, body = Data<Integration>),
    (status = 404, body = Failure),
    (status = 409, description = "The name is taken, or an outdated version", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<IntegrationId>,
    Body(body): Body<IntegrationChanges>,
) -> ApiResult<Data<Integration>> {
    let before = integration_get(&mut *app.store.read(identity.tenant).await?, identity.tenant, id).await?;
    let fields = integration::Fields {
        name: body.name.unwrap_or_else(|| before.name.clone()),
        provider: body.provider.unwrap_or_else(|| before.provider.clone()),
        config: body.config.unwrap_or_else(|| before.config.clone()),
        secrets: body.secrets,
    };
    // What was not sent was read just now: it must still be so.
    let version = body.version.or(Some(before.version));
    update(&app, identity, before, fields, version).await
}

/// Deletes a connection with its secrets: steps that name it fail.
#[utoipa::path(delete, path = "/api/integrations/{id}", tag = "Integrations", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<IntegrationId>,
) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(integration_delete(tx, identity.tenant, id))).await?;
    Ok(Done::deleted(id.get()))
}

/// Tries whether a connection works, without changing anything over there.
#[utoipa::path(post, path = "/api/integrations/{id}/test", tag = "Integrations", params(("id" = i64, Path)), responses(
    (status = 200, description = "`working` says whether it does", body = Data<Tried>),
    (status = 404, body = Failure),
))]
async fn test(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<IntegrationId>,
) -> ApiResult<Data<Tried>> {
    let tenant = identity.tenant;
    let stored = integration_get(&mut *app.store.read(tenant).await?, tenant, id).await?;
    if provider::get(&stored.provider).is_none() {
        return Err(ApiError::conflict(
            "no_provider",
            format!("this server has no provider {:?}: change the connection's provider", stored.provider),
        ));
    }
    let seen = (stored.version, stored.status.clone());
    let connection = connection_of(stored, &app.secrets())?;
    let key = Token::random("test_")?;
    let http = app.engine.http().bound([], Gate::Open);
    let ledger = TenantLedger::new(&app.store, app.engine.secrets(), tenant, None);
    let call = provider::Call {
        idempotency_key: key.reveal(),
        now: app.store.now(),
        timeout: TEST_TIMEOUT,
        http: &http,
        ledger: &ledger,
    };
    let result = match tokio::time::timeout(TEST_TIMEOUT, provider::test(&connection, &call)).await {
        Ok(result) => result.map_err(|error| (error.kind, error.message)),
        Err(_) => {
            Err((ErrorKind::Timeout, format!("there was no answer within {} s", TEST_TIMEOUT.as_secs())))
        }
    };
    // What the answer itself says of the connection is noted already.
    let noted = matches!(result, Err((ErrorKind::Parked | ErrorKind::Paced, _)));
    if !noted {
        let outcome = result.as_ref().map(drop).map_err(|(_, message)| message.clone());
        let noted = app.store.write(move |tx| {
            Box::pin(
                async move { integration_used(tx, tenant, id, (seen.0, seen.1.as_str()), outcome).await },
            )
        });
        noted.await?;
    }
    if result.is_ok() {
        unpark_all(&app, tenant, id).await?;
    }
    Ok(Data::new(match result {
        Ok(output) => Tried { working: true, error: None, output: Some(output) },
        Err((_, error)) => Tried { working: false, error: Some(error), output: None },
    }))
}

/// Executions that are let go on in one transaction.
const UNPARKED: i64 = 200;

/// What waits for the connection goes on. Should the process die half-way, the rest looks by itself within half an hour.
pub(super) async fn unpark_all(app: &App, tenant: TenantId, id: IntegrationId) -> ApiResult<()> {
    while app.store.write(move |tx| Box::pin(unpark(tx, tenant, id, UNPARKED))).await? {}
    Ok(())
}

async fn update(
    app: &App,
    identity: Identity,
    before: integration::Integration,
    fields: integration::Fields,
    version: Option<i64>,
) -> ApiResult<Data<Integration>> {
    let kept =
        if fields.provider.trim() == before.provider { before.secrets(&app.secrets())? } else { Map::new() };
    check(&fields, kept)?;
    let (own, before_id) = (app.secrets(), before.id);
    let stored = app.store.write(move |tx| {
        Box::pin(async move {
            integration_update(tx, identity.tenant, identity.actor, before.id, &fields, &own, version).await
        })
    });
    let stored = stored.await?;
    unpark_all(app, identity.tenant, before_id).await?;
    Ok(Data::new(shown(stored, &app.secrets())))
}

/// The provider exists and takes these settings; `kept` are the secrets that stay unless they are sent.
fn check(fields: &integration::Fields, mut kept: Map<String, Value>) -> ApiResult<()> {
    let Some(provider) = provider::get(fields.provider.trim()) else {
        let known: Vec<_> = provider::all().map(provider::Provider::name).collect();
        return Err(ApiError::invalid(
            "provider",
            format!("there is no such provider; there are {}", known.join(", ")),
        ));
    };
    for (name, value) in &fields.secrets {
        if value.is_null() {
            kept.shift_remove(name);
        } else {
            kept.insert(name.clone(), value.clone());
        }
    }
    let problems = provider::check(provider, &Value::Object(fields.config.clone()), &Value::Object(kept));
    if problems.is_empty() { Ok(()) } else { Err(ApiError::unprocessable(problems)) }
}
