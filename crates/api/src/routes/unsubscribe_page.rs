//! `/unsubscribe/{token}`: the page behind the link in a marketing mail, and the address of the one click (RFC 8058) that mail programs offer.
//!
//! Fetching it changes nothing, for programs that scan mails fetch every link; only a POST acts, from the page's form or from a mail program, and the same one
//! again changes nothing. It asks for no sign-in and is answered without a redirect, which mail programs do not follow.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
    routing::get,
};
use minijinja::context;
use model::{Actor, TenantId};
use store::{
    mailing::link,
    suppression::{Report, ReportKind, report_take},
    tenant::tenant_get,
};
use utoipa_axum::router::OpenApiRouter;

use super::{
    approval_page::closed,
    form_page::{STYLE, message, render},
};
use crate::{
    App,
    error::{ApiError, ApiResult},
    limit::PublicHook,
};

/// The routes of this file: a page for people, not a part of the API.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().route("/unsubscribe/{token}", get(show).post(act))
}

async fn show(State(app): State<App>, token: Result<Path<String>, PathRejection>) -> Response {
    let Some((tenant, address)) = opened(&app, token) else { return nothing_here() };
    closed(match name_of(&app, tenant).await {
        Ok(name) => render(
            StatusCode::OK,
            "unsubscribe.html",
            context! { style => STYLE, title => "Unsubscribe", name, address },
        ),
        Err(error) => fault(&error),
    })
}

/// The body says nothing that the token does not: of a mail program it is `List-Unsubscribe=One-Click`, of the page it is empty.
async fn act(
    State(app): State<App>,
    token: Result<Path<String>, PathRejection>,
    limit: Result<PublicHook, ApiError>,
) -> Response {
    let Some((tenant, address)) = opened(&app, token) else { return nothing_here() };
    closed(match unsubscribed(&app, tenant, address, limit).await {
        Ok(name) => {
            let text = format!(
                "{name} sends you no more marketing mails. Answers to what you do yourself may still come."
            );
            message(StatusCode::OK, "Unsubscribed", "You are unsubscribed", &text)
        }
        Err(error) => fault(&error),
    })
}

async fn unsubscribed(
    app: &App,
    tenant: TenantId,
    address: String,
    limit: Result<PublicHook, ApiError>,
) -> ApiResult<String> {
    limit?;
    let name = name_of(app, tenant).await?;
    let report = Report { address, kind: ReportKind::Unsubscribe, source: "unsubscribe_link", detail: None };
    let taken = app.store.write(move |tx| {
        Box::pin(async move { report_take(tx, tenant, Actor::Public.into(), &report).await })
    });
    taken.await?;
    Ok(name)
}

fn opened(app: &App, token: Result<Path<String>, PathRejection>) -> Option<(TenantId, String)> {
    let Path(token) = token.ok()?;
    link::open(&app.secrets(), &token)
}

async fn name_of(app: &App, tenant: TenantId) -> ApiResult<String> {
    Ok(tenant_get(&mut *app.store.read(tenant).await?, tenant).await?.name)
}

fn nothing_here() -> Response {
    let text = "Please check the address: perhaps a part of the link is missing.";
    message(StatusCode::NOT_FOUND, "Not found", "This link does not work", text)
}

fn fault(error: &ApiError) -> Response {
    let (heading, text) = match error.status {
        StatusCode::TOO_MANY_REQUESTS => {
            ("Please wait a minute", "Much has come from your network just now.")
        }
        _ => ("Please try again", "This did not work just now. Please try again in a moment."),
    };
    message(error.status, heading, heading, text)
}
