//! `/api/openapi.json` and `/api/docs`: the description of the API for programs and for people, from the same document.

use std::sync::OnceLock;

use axum::{
    Router,
    http::header,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    App,
    error::{ApiError, ApiResult},
    reference::Reference,
    template,
};

/// The routes of this file: they describe the others, and not themselves.
pub fn routes() -> OpenApiRouter<App> {
    Router::new().route("/api/openapi.json", get(document)).route("/api/docs", get(page)).into()
}

async fn document() -> ApiResult<Response> {
    static TEXT: OnceLock<String> = OnceLock::new();
    if let Some(text) = TEXT.get() {
        return Ok(([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response());
    }
    let text = crate::openapi().to_json().map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], TEXT.get_or_init(|| text).as_str()).into_response())
}

async fn page() -> ApiResult<Html<&'static str>> {
    static PAGE: OnceLock<String> = OnceLock::new();
    if let Some(page) = PAGE.get() {
        return Ok(Html(page));
    }
    let document = serde_json::to_value(crate::openapi()).map_err(ApiError::internal)?;
    let page = template::render("docs.html", minijinja::Value::from_serialize(Reference::of(&document)))?;
    Ok(Html(PAGE.get_or_init(|| page)))
}
