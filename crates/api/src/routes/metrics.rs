//! `GET /metrics`: the numbers of this process for Prometheus. They are of all tenants, so only who runs the installation gets them: administrators
//! of its first tenant. Not open on the loopback address either: behind a proxy on the same machine everybody comes from there.

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use metrics::Exposition;
use model::TenantId;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    App,
    error::{ApiError, ApiResult},
    identity::Admin,
};

/// Made by the first start, for whoever runs the installation.
const FIRST_TENANT: TenantId = TenantId::new(1);

/// The route of this file: for programs that watch the server, not a part of the API's description.
pub fn routes() -> OpenApiRouter<App> {
    Router::new().route("/metrics", get(metrics)).into()
}

async fn metrics(Admin(identity): Admin, State(app): State<App>) -> ApiResult<Response> {
    if identity.tenant != FIRST_TENANT {
        return Err(ApiError::forbidden(
            "the metrics are of all tenants: they need the API key of an administrator of tenant 1",
        ));
    }
    let mut text = Exposition::default();
    let database = if app.store.is_alone() { "sqlite" } else { "postgresql" };
    text.gauge("vtrustx_build_info", "Always 1; the labels say which program on which database.")
        .value(&[("version", env!("CARGO_PKG_VERSION")), ("database", database)], 1);
    app.engine.metrics_write(&mut text);
    app.shared.requests.write(&mut text);
    app.shared.process.write(&mut text);
    Ok(([(header::CONTENT_TYPE, Exposition::CONTENT_TYPE)], text.finish()).into_response())
}
