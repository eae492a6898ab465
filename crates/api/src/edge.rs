//! What every request goes through, whatever its route: the log's span, the security headers, the envelope around failures
//! that no handler has seen.

use std::any::Any;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;

use crate::error::ApiError;

/// Pages may load only what this server serves. Styles may stand in the page: libraries of the web app set them; scripts may not.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const SECURITY: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Sets the security headers, unless the handler has its own.
pub(crate) async fn security(request: Request, next: Next) -> Response {
    let is_api = ["/api/", "/hooks/"].iter().any(|start| request.uri().path().starts_with(start));
    let mut response = next.run(request).await;
    for (name, value) in SECURITY {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_api {
        // What the API answers is one tenant's and of this moment.
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

/// A span with method, route, status and tenant: never the query, a body or a header.
pub(crate) async fn trace(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        path,
        status = tracing::field::Empty,
        tenant = tracing::field::Empty,
    );
    let begun = std::time::Instant::now();
    async move {
        let response = next.run(request).await;
        let status = response.status();
        tracing::Span::current().record("status", status.as_u16());
        let milliseconds = begun.elapsed().as_millis() as u64;
        if status.is_server_error() {
            tracing::warn!(milliseconds, "answered");
        } else {
            tracing::debug!(milliseconds, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

/// A handler panicked: its caller gets an answer, and the panic hook has logged what it said.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::internal("a handler panicked").into_response()
}

/// There is no such address.
pub(crate) async fn no_route(method: Method, uri: axum::http::Uri) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!("there is no {method} {}: the addresses are listed at /api/docs", uri.path()),
    )
}

/// The address exists, but not for this method; the header `Allow` tells which.
pub(crate) async fn no_method(method: Method, uri: axum::http::Uri) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{} does not take {method}: the header Allow names what it takes", uri.path()),
    )
}
