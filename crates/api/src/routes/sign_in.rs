//! `/sign-in`: the page behind a sign-in link. Fetching it uses nothing up: programs that scan mails fetch every link. Only
//! its form does.

use axum::{
    Form, Router,
    extract::{State, rejection::FormRejection},
    http::{StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
};
use minijinja::context;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::session::{Credentials, sign_in};
use crate::{
    App,
    body::Parameters,
    error::{ApiError, ApiResult},
    identity::{same_origin, set_cookie},
    limit::SignIn,
    template,
};

/// The routes of this file: a page for people, not a part of the API's description.
pub fn routes() -> OpenApiRouter<App> {
    Router::new().route("/sign-in", axum::routing::get(page).post(submit)).into()
}

#[derive(Deserialize)]
struct Link {
    token: Option<String>,
}

#[derive(Deserialize)]
struct Submitted {
    token: Option<String>,
    email: Option<String>,
    password: Option<String>,
}

async fn page(Parameters(link): Parameters<Link>) -> ApiResult<Response> {
    render(StatusCode::OK, link.token.as_deref(), None, None)
}

async fn submit(
    _: SignIn,
    State(app): State<App>,
    parts: Parts,
    form: Result<Form<Submitted>, FormRejection>,
) -> ApiResult<Response> {
    let Ok(Form(Submitted { token, email, password })) = form else {
        return Err(ApiError::bad_request("the form cannot be read: load the page again"));
    };
    same_origin(&parts, &app)?;
    let credentials = Credentials { email: email.clone(), password, token, tenant: None };
    match sign_in(&app, credentials).await {
        Ok((token, _)) => {
            let headers = [
                (header::LOCATION, "/".parse()),
                (header::SET_COOKIE, Ok(set_cookie(&app, Some(token.reveal())))),
            ];
            let mut response = StatusCode::SEE_OTHER.into_response();
            for (name, value) in headers {
                response.headers_mut().extend(value.ok().map(|value| (name, value)));
            }
            Ok(response)
        }
        Err(error) if error.status.is_client_error() => {
            render(error.status, None, email.as_deref(), Some(&error.message))
        }
        Err(error) => Err(error),
    }
}

fn render(
    status: StatusCode,
    token: Option<&str>,
    email: Option<&str>,
    problem: Option<&str>,
) -> ApiResult<Response> {
    let page = template::render("sign_in.html", context! { token, email, problem })?;
    // The address holds the token: it must reach no other page and no cache.
    let headers = [(header::REFERRER_POLICY, "no-referrer"), (header::CACHE_CONTROL, "no-store")];
    Ok((status, headers, Html(page)).into_response())
}
