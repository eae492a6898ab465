//! `/i/{token}`: the page where somebody who was invited answers a form. It is the form's page, and whoever answers is known.

use axum::{
    extract::{Path, RawQuery, Request, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
    routing::get,
};
use model::{form::Form, invitation::Invitation};
use store::{
    form::form_find,
    invitation::{invitation_open, link},
};
use utoipa_axum::router::OpenApiRouter;

use super::{
    approval_page::closed,
    form_page::{self, By, fault, message},
};
use crate::{
    App,
    error::{ApiError, ApiResult},
    limit::PublicForm,
};

/// The routes of this file: a page for people, not a part of the API.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().route("/i/{token}", get(show).post(send))
}

/// Shows the form. The query may bring answers along, as at the form's own address.
async fn show(
    State(app): State<App>,
    token: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    closed(match opened(&app, token).await {
        Ok((form, _)) if query == "sent" => form_page::thanks(&form),
        Ok((form, invitation)) if invitation.answered_at.is_some() => {
            let text = "Your answers have arrived already. One answer is all that we need.";
            message(StatusCode::OK, &form.name, "Thank you!", text)
        }
        Ok((form, _)) => form_page::empty(&form, &query),
        Err(error) => fault(&error),
    })
}

async fn send(
    State(app): State<App>,
    token: Result<Path<String>, PathRejection>,
    limit: Result<PublicForm, ApiError>,
    request: Request,
) -> Response {
    closed(match opened(&app, token).await {
        // Answered already: what follows says so.
        Ok((_, invitation)) if invitation.answered_at.is_some() => form_page::sent(),
        Ok((form, invitation)) => {
            form_page::take(&app, &form, By::Invited(&invitation), limit, request).await
        }
        Err(error) => fault(&error),
    })
}

/// What a token that may be no text at all opens.
async fn opened(app: &App, token: Result<Path<String>, PathRejection>) -> ApiResult<(Form, Invitation)> {
    let nothing = || ApiError::not_found("an invitation at this address");
    let Path(token) = token.map_err(|_| nothing())?;
    let tenant = link::named(&token).ok_or_else(nothing)?;
    let mut connection = app.store.read(tenant).await?;
    let invitation = invitation_open(&mut connection, tenant, &token).await?.ok_or_else(nothing)?;
    let form = form_find(&mut connection, tenant, invitation.form_id).await?.ok_or_else(nothing)?;
    if form.archived_at.is_some() || !form.is_active {
        return Err(ApiError::new(StatusCode::GONE, "form_closed", "this form takes no answers any more"));
    }
    Ok((form, invitation))
}
