//! `/hooks/email/{token}`: where mail services report bounces, complaints and people who unsubscribe; `/api/email-reports`: which address that is.
//!
//! The token is the tenant's secret. What the services send is read by its shape ([`shapes`]), so there is one address for all of them.

mod shapes;
mod signed;

use actions::signature::{is_ecdsa_key, of_base64};
use axum::extract::{Request, State};
use model::{Actor, TenantId};
use serde::{Deserialize, Serialize};
use store::{
    mailing::{
        report_keys::{ReportSigner, report_keys, report_keys_put},
        reports::{PATH, report_named, report_opens, report_rotate, report_token},
    },
    notification::notify_administrators,
    suppression::report_take,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::submissions::FormAddress as Token;
use crate::{
    App,
    answer::Data,
    body::{self, Body, Id, sent},
    error::{ApiError, ApiResult, Failure},
    identity::Admin,
    limit::PublicHook,
    record::names,
};
use shapes::Word;
use signed::{Sent, is_signed};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(take)).routes(routes!(get, change)).routes(routes!(rotate))
}

/// Where mail services report to.
#[derive(Debug, Serialize, ToSchema)]
struct ReportAddress {
    /// The path on this server, with the tenant's secret in it.
    #[schema(example = "/hooks/email/1-0123456789abcdef0123456789abcdef")]
    url: String,
    /// The services whose key is kept. With one of them only what it has signed is taken in.
    #[schema(value_type = Vec<ReportSignerName>)]
    signers: Vec<ReportSigner>,
}

names! {
    /// A service that signs its reports.
    ReportSignerName of ReportSigner;
}

/// With what services sign their reports; null: not any more. Never given out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReportKeys {
    /// Mailgun's HTTP webhook signing key.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, format = Password)]
    mailgun: Option<Option<String>>,
    /// SendGrid's verification key: the public key in base64.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, format = Password)]
    sendgrid: Option<Option<String>>,
}

/// What came of a report.
#[derive(Debug, Serialize, ToSchema)]
struct Reported {
    /// How many addresses it was about.
    reports: usize,
    /// Of how many of them something was new.
    changed: usize,
}

/// Takes in word of bounces, complaints and people who unsubscribe, as Amazon SES (by SNS), Postmark, SendGrid and Mailgun send it, or as
/// `{"type":"hard_bounce"|"soft_bounce"|"complaint"|"unsubscribe","email","detail"}`, one or a list of them. What is about something else is passed over.
///
/// A mailbox that does not exist gets no more mails, who complains or unsubscribes no more marketing; `email_bounced` and `contact_unsubscribed` are emitted.
#[utoipa::path(post, path = "/hooks/email/{token}", tag = "Email", security(()), params(("token" = String, Path)),
    request_body(content = Option<String>, content_type = "*/*", description = "JSON, whatever its Content-Type says; 1 MiB at most"),
    responses(
        (status = 200, body = Data<Reported>),
        (status = 401, description = "Not signed by a service whose key is kept", body = Failure),
        (status = 404, description = "The address opens nothing", body = Failure),
        (status = 422, description = "No report that is known", body = Failure),
        (status = 429, description = "Too often; `Retry-After` says when", body = Failure),
        (status = 503, description = "More work than can be stored: come back after Retry-After", body = Failure),
    ))]
async fn take(
    _: PublicHook,
    State(app): State<App>,
    Id(Token(token)): Id<Token>,
    request: Request,
) -> ApiResult<Data<Reported>> {
    let closed = || ApiError::not_found("a receiver of reports at this address");
    let tenant = report_named(&token).ok_or_else(closed)?;
    let is_open =
        report_opens(&mut *app.store.read(tenant).await?, app.engine.secrets(), tenant, &token).await?;
    if !is_open {
        return Err(closed());
    }
    let keys = report_keys(&mut *app.store.read(tenant).await?, tenant, &app.secrets()).await?;
    let headers = request.headers().clone();
    let bytes = body::bytes(request).await?;
    let sent = serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::unprocessable(vec![model::Problem::at("", format!("is no JSON: {error}"))])
    })?;
    let as_sent = Sent { headers: &headers, bytes: &bytes, json: &sent };
    if !keys.is_empty() && !keys.iter().any(|(signer, key)| is_signed(*signer, key, as_sent, app.store.now()))
    {
        let names: Vec<&str> = keys.keys().map(|signer| signer.as_str()).collect();
        return Err(ApiError::unauthenticated(format!(
            "only what these have signed is taken in here: {}",
            names.join(", ")
        )));
    }
    let word = shapes::read(&sent).map_err(|problem| ApiError::unprocessable(vec![problem]))?;
    let reports = match word {
        Word::Reports(reports) => reports,
        Word::Confirm(url) => {
            confirm(&app, tenant, url).await?;
            Vec::new()
        }
    };
    let count = reports.len();
    let changed = app.store.write(move |tx| {
        Box::pin(async move {
            let mut changed = 0;
            for report in &reports {
                changed += usize::from(report_take(tx, tenant, Actor::System.into(), report).await?);
            }
            Ok(changed)
        })
    });
    Ok(Data::new(Reported { reports: count, changed: changed.await? }))
}

/// Amazon SNS asks whether its messages are wanted. An administrator says so by a link: the server itself fetches no address that somebody sends it.
async fn confirm(app: &App, tenant: TenantId, url: String) -> ApiResult<()> {
    let text =
        format!("Amazon SNS will report bounces and complaints here as soon as this link is opened: {url}");
    let told = app.store.write(move |tx| {
        Box::pin(async move {
            notify_administrators(tx, tenant, "Confirm the subscription of Amazon SNS", &text).await
        })
    });
    Ok(told.await?)
}

/// Where mail services report bounces and complaints to.
#[utoipa::path(get, path = "/api/email-reports", tag = "Email", responses(
    (status = 200, body = Data<ReportAddress>),
    (status = 401, body = Failure),
    (status = 403, description = "The address is for administrators", body = Failure),
))]
async fn get(Admin(identity): Admin, State(app): State<App>) -> ApiResult<Data<ReportAddress>> {
    address(&app, identity.tenant).await
}

/// Keeps what services sign their reports with. With any key only what one of these services has signed within the last two days is taken in. SendGrid signs
/// what it says; Mailgun only that it is the one who says it.
#[utoipa::path(patch, path = "/api/email-reports", tag = "Email", request_body = ReportKeys, responses(
    (status = 200, body = Data<ReportAddress>),
    (status = 401, body = Failure),
    (status = 403, description = "The address is for administrators", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Admin(identity): Admin,
    State(app): State<App>,
    Body(ReportKeys { mailgun, sendgrid }): Body<ReportKeys>,
) -> ApiResult<Data<ReportAddress>> {
    let mut keys = Vec::new();
    for (signer, key) in [(ReportSigner::Mailgun, mailgun), (ReportSigner::Sendgrid, sendgrid)] {
        let Some(key) = key else { continue };
        let key = key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        let fits = key.as_ref().is_none_or(|key| {
            let is_checked_by = |key: &str| of_base64(key).is_some_and(|key| is_ecdsa_key(&key));
            key.len() <= 1_000 && (signer != ReportSigner::Sendgrid || is_checked_by(key))
        });
        if !fits {
            return Err(ApiError::invalid(signer.as_str(), "is no key: copy it as the service shows it"));
        }
        keys.push((signer, key));
    }
    let secrets = app.secrets();
    let kept = app.store.write(move |tx| {
        Box::pin(async move { report_keys_put(tx, identity.tenant, &keys, &secrets).await })
    });
    kept.await?;
    address(&app, identity.tenant).await
}

/// Gives the tenant another address for reports; the one before opens nothing any more.
#[utoipa::path(post, path = "/api/email-reports/rotate", tag = "Email", responses(
    (status = 200, body = Data<ReportAddress>),
    (status = 401, body = Failure),
    (status = 403, description = "The address is for administrators", body = Failure),
))]
async fn rotate(Admin(identity): Admin, State(app): State<App>) -> ApiResult<Data<ReportAddress>> {
    app.store.write(move |tx| Box::pin(report_rotate(tx, identity.tenant))).await?;
    address(&app, identity.tenant).await
}

async fn address(app: &App, tenant: TenantId) -> ApiResult<Data<ReportAddress>> {
    let mut connection = app.store.read(tenant).await?;
    let token = report_token(&mut connection, app.engine.secrets(), tenant).await?;
    let keys = report_keys(&mut connection, tenant, app.engine.secrets()).await?;
    let signers = keys.into_keys().collect();
    Ok(Data::new(ReportAddress { url: format!("{PATH}{token}"), signers }))
}
