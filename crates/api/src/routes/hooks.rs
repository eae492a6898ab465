//! `/hooks/{token}`: calls from outside that start a workflow.
//!
//! The token says which workflow; what else a caller has to show is in its trigger ([`auth`]). A token that opens nothing and a workflow that is not active
//! are answered alike.

mod auth;
mod incoming;

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use engine::Live;
use model::{ExecutionId, ExecutionStatus, TenantId, event::StartedExecution};
use rules::{
    Start,
    hook::{Hook, Respond},
};
use serde::Serialize;
use serde_json::Value;
use store::{
    call::{Standing, standings},
    hook::{hook_find, hook_named},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::events::PostedEvent;
use crate::{
    App,
    answer::{Accepted, Data},
    body::{self, Id},
    error::{ApiError, ApiResult, Failure},
    limit::{PublicHook, Subject},
    routes::submissions::FormAddress as Token,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(call))
}

/// Calls of one address of a workflow, from wherever, in a minute.
const CALLS: i64 = 1_200;
/// How often an execution is looked for that another node may run.
const LOOK: Duration = Duration::from_millis(500);
/// The longest value of the header that names a call, in characters: as an event's id.
const LONGEST_KEY: usize = 255;

/// What came of a call whose workflow says `"respond":"result"`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallResult {
    /// The execution.
    execution_id: i64,
    /// How it has ended.
    #[schema(value_type = String, example = "completed")]
    status: ExecutionStatus,
    /// What came of it.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Why it failed, in one sentence.
    error: Option<String>,
}

/// Starts the workflow that has this address. JSON, forms and texts are accepted; the workflow sees `{"body","headers","query","method"}`, with
/// lower-case header names and without those that hold credentials.
///
/// What else the caller has to show, and whether the answer waits for the run, is in the workflow's `trigger_config`. The answer is 202 as soon as the run is
/// durable; with `"respond":"result"` it is 200 when the run has ended within `timeout`, whatever its status, and 202 when it has not. At most 600 calls a
/// minute from one address, and 1,200 of one token.
#[utoipa::path(post, path = "/hooks/{token}", tag = "Hooks", security(()), params(("token" = String, Path)),
    request_body(content = Option<String>, content_type = "*/*", description = "JSON, a form, or text, as its Content-Type says; 1 MiB at most"),
    responses(
        (status = 200, description = "The run has ended", body = Data<CallResult>),
        (status = 202, description = "The run is durable", body = Data<PostedEvent>),
        (status = 401, description = "The workflow asks for something that the call does not show", body = Failure),
        (status = 404, description = "The address opens nothing, or its workflow is not active", body = Failure),
        (status = 415, body = Failure),
        (status = 422, body = Failure),
        (status = 429, description = "Too often; `Retry-After` says when", body = Failure),
        (status = 503, description = "More work than can be stored: come back after Retry-After", body = Failure),
    ))]
async fn call(
    _: PublicHook,
    State(app): State<App>,
    Id(Token(token)): Id<Token>,
    request: Request,
) -> ApiResult<Response> {
    let closed = || ApiError::not_found("a workflow at this address");
    let (tenant, _) = hook_named(&token).ok_or_else(closed)?;
    let found = hook_find(&mut *app.store.read(tenant).await?, app.engine.secrets(), &token).await?;
    let found = found.ok_or_else(closed)?;
    app.limit(Subject::HookOf(found.workflow), CALLS)?;
    let program = app.engine.published(found.tenant, found.workflow, found.version).await?;
    let Start::Webhook(hook) = &program.compiled.trigger.start else { return Err(closed()) };
    let (parts, body) = request.into_parts();
    let bytes = body::bytes(Request::new(body)).await?;
    let secrets = app.secrets();
    let open = |secret: &rules::hook::Secret| crate::hook_secret::open(secret, &secrets, found.tenant);
    if !auth::shows(&hook.auth, &parts.headers, &bytes, app.store.now(), open)? {
        return Err(ApiError::unauthenticated(auth::needed(&hook.auth)));
    }
    let key = key(hook, &parts.headers)?;
    let data = incoming::data(&parts, &bytes, &hook.auth)?;
    // Before the run begins, so that its end is not missed.
    let live = app.engine.live();
    let accepted = app.engine.called(&program, found.tenant, data, key).await?;
    let ended = match (hook.respond, accepted.executions.first()) {
        (Respond::Result, Some(StartedExecution { id, .. })) => {
            let timeout = hook.timeout.as_duration();
            tokio::time::timeout(timeout, end_of(&app, live, found.tenant, *id)).await.ok().transpose()?
        }
        _ => None,
    };
    Ok(match ended {
        Some(Standing { execution, status, result, error, .. }) => {
            let result = CallResult { execution_id: execution.get(), status, result, error };
            (StatusCode::OK, Data::new(result)).into_response()
        }
        None => Accepted(PostedEvent::from(accepted)).into_response(),
    })
}

/// What names the call, when the workflow says which header does; a signed message of the Standard Webhooks names itself.
fn key(hook: &Hook, headers: &axum::http::HeaderMap) -> ApiResult<Option<String>> {
    let is_standard = matches!(hook.auth, rules::hook::Auth::StandardWebhooks { .. });
    let name = hook.dedupe_header.as_deref().or(is_standard.then_some(auth::WEBHOOK_ID));
    let Some((name, value)) = name.and_then(|name| Some((name, headers.get(name)?))) else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim);
    match key.filter(|key| (1..=LONGEST_KEY).contains(&key.len())) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(ApiError::invalid(name, format!("1 to {LONGEST_KEY} visible characters are needed"))),
    }
}

/// How an execution ends, when it does.
async fn end_of(
    app: &App,
    mut live: Receiver<Live>,
    tenant: TenantId,
    id: ExecutionId,
) -> ApiResult<Standing> {
    loop {
        let standing = standings(&mut *app.store.read(tenant).await?, tenant, &[id]).await?.pop();
        match standing {
            Some(standing) if standing.status.is_terminal() => return Ok(standing),
            Some(_) => {}
            None => return Err(ApiError::not_found(format!("execution {id}"))),
        }
        // Another node's changes are not told here.
        drop(tokio::time::timeout(LOOK, change_of(&mut live, id)).await);
    }
}

/// Completes when an execution has ended, as far as that is told; or when something was missed.
async fn change_of(live: &mut Receiver<Live>, wanted: ExecutionId) {
    loop {
        match live.recv().await {
            Ok(Live::Execution { id, status, .. }) if id == wanted && status.is_terminal() => return,
            Err(RecvError::Lagged(_)) => return,
            // The engine has stopped: whoever waits has a limit.
            Err(RecvError::Closed) => std::future::pending().await,
            Ok(_) => {}
        }
    }
}
