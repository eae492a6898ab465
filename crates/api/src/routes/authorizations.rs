//! Authorising a connection in the browser: `/api/integrations/{id}/authorize` gives the address to go to, `/oauth/callback` is where the other system sends the
//! browser back. The state in the address is good once, and only in the session in which it was begun.

use std::time::Duration;

use actions::{
    hosts::Gate,
    provider::{self, Authorization},
};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use engine::ledger::{TenantLedger, connection_of};
use model::{IntegrationId, user::Identity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{
    integration::{
        self,
        authorization::{authorization_begin, authorization_take},
        integration_get, integration_update,
    },
    token::Token,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::integrations::unpark_all;
use crate::{
    App,
    answer::Data,
    body::{Id, Parameters},
    error::{ApiError, ApiResult, Failure},
    identity::Admin,
};

/// A token endpoint that takes longer is not answering.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Where the other system sends the browser back; it has to be known there.
const CALLBACK: &str = "/oauth/callback";

/// The routes of this file: the second is a page for browsers, not a part of the API's description.
pub fn routes() -> OpenApiRouter<App> {
    let page: OpenApiRouter<App> = Router::new().route(CALLBACK, axum::routing::get(callback)).into();
    OpenApiRouter::new().routes(routes!(authorize)).merge(page)
}

/// Where to go.
#[derive(Serialize, ToSchema)]
struct Begun {
    /// The address of the other system to which the browser is to be sent.
    url: String,
    /// The address to which that system sends it back, which has to be registered there.
    redirect_uri: String,
}

/// Begins to authorise a connection in the browser; the answer's `url` is where to send it.
#[utoipa::path(post, path = "/api/integrations/{id}/authorize", tag = "Integrations", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Begun>),
    (status = 404, body = Failure),
    (status = 409, description = "The provider has no such way, or the connection lacks what it needs", body = Failure),
))]
async fn authorize(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<IntegrationId>,
    parts: Parts,
) -> ApiResult<Data<Begun>> {
    let (_, authorization) = authorization_of(&app, identity, id).await?;
    let redirect = redirect(&app, &parts)?;
    let (state, verifier) = (Token::random("")?, Token::random("")?);
    let url = authorization
        .address(&redirect, state.reveal(), verifier.reveal())
        .map_err(|error| ApiError::conflict("not_authorisable", error.message))?;
    let (hash, secrets) = (state.hash(), app.secrets());
    let begun = app.store.write(move |tx| {
        Box::pin(async move {
            authorization_begin(tx, identity.tenant, identity.actor, id, hash, verifier.reveal(), &secrets)
                .await
        })
    });
    begun.await?;
    Ok(Data::new(Begun { url, redirect_uri: redirect }))
}

#[derive(Deserialize)]
struct Returned {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// The browser comes back: the code is changed for tokens, the refresh token becomes a secret of the connection, and what waited for it goes on.
async fn callback(
    Admin(identity): Admin,
    State(app): State<App>,
    Parameters(returned): Parameters<Returned>,
    parts: Parts,
) -> ApiResult<Response> {
    let state = returned.state.as_deref().map(Token::given).ok_or_else(stale)?;
    let (hash, secrets) = (state.hash(), app.secrets());
    let taken = app.store.write(move |tx| {
        Box::pin(async move { authorization_take(tx, identity.tenant, identity.actor, hash, &secrets).await })
    });
    let (id, verifier) = match taken.await {
        Ok(taken) => taken,
        Err(store::StoreError::Missing(_)) => return Err(stale()),
        Err(error) => return Err(error.into()),
    };
    if let Some(error) = returned.error {
        let described = returned.error_description.unwrap_or_default();
        let said: String =
            format!("{error} {described}").chars().filter(|c| !c.is_control()).take(300).collect();
        return Err(ApiError::conflict(
            "not_authorised",
            format!("the other system did not allow it: {}", said.trim()),
        ));
    }
    let code = returned.code.ok_or_else(stale)?;
    let (stored, authorization) = authorization_of(&app, identity, id).await?;
    let http = app.engine.http().bound([], Gate::Open);
    let ledger = TenantLedger::new(&app.store, app.engine.secrets(), identity.tenant, None);
    let call = provider::Call {
        idempotency_key: state.reveal(),
        now: app.store.now(),
        timeout: TIMEOUT,
        http: &http,
        ledger: &ledger,
    };
    let token = provider::exchange(&authorization, &redirect(&app, &parts)?, &code, &verifier, &call).await;
    let token = token.map_err(|error| ApiError::conflict("not_authorised", error.message))?;
    let Some(refresh) = token.refresh else {
        let message = "the other system gave no refresh token: let the app ask for offline access there, then connect again";
        return Err(ApiError::conflict("no_refresh_token", message));
    };
    let fields = integration::Fields {
        name: stored.name,
        provider: stored.provider,
        config: stored.config,
        secrets: Map::from_iter([("refreshToken".to_owned(), Value::from(refresh))]),
    };
    // The token is one for the settings that were read: should they have changed meanwhile, it is of no use, and must not bring the old ones back.
    let (own, version) = (app.secrets(), Some(stored.version));
    let updated = app.store.write(move |tx| {
        Box::pin(async move {
            integration_update(tx, identity.tenant, identity.actor, id, &fields, &own, version).await
        })
    });
    updated.await?;
    unpark_all(&app, identity.tenant, id).await?;
    let headers = [(header::LOCATION, "/settings?tab=connections"), (header::REFERRER_POLICY, "no-referrer")];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

fn stale() -> ApiError {
    let message = "this was not begun here, or too long ago: connect it again in the settings";
    ApiError::conflict("authorization_unknown", message)
}

async fn authorization_of(
    app: &App,
    identity: Identity,
    id: IntegrationId,
) -> ApiResult<(integration::Integration, Authorization)> {
    let stored = integration_get(&mut *app.store.read(identity.tenant).await?, identity.tenant, id).await?;
    let Some(provider) = provider::get(&stored.provider) else {
        return Err(ApiError::conflict("no_provider", "this server does not have the connection's provider"));
    };
    let connection = connection_of(stored.clone(), &app.secrets())?;
    let authorization = provider::authorization(provider, &connection);
    let authorization =
        authorization.map_err(|error| ApiError::conflict("not_authorisable", error.message))?;
    Ok((stored, authorization))
}

/// Under the address by which people reach the server; without one, that of the request.
fn redirect(app: &App, parts: &Parts) -> ApiResult<String> {
    if let Some(own) = app.config.public_url.as_deref() {
        return Ok(format!("{own}{CALLBACK}"));
    }
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.ok_or_else(|| ApiError::bad_request("the request has no Host"))?;
    Ok(format!("http://{host}{CALLBACK}"))
}
