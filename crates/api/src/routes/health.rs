//! `GET /healthz` and `GET /readyz`: for whatever starts, watches and balances the server.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::Data,
    error::{ApiError, ApiResult, Failure},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Is the process up?
#[utoipa::path(get, path = "/healthz", tag = "Health", security(()), responses((status = 200, body = Data<Health>)))]
async fn healthz() -> Data<Health> {
    Data::new(Health { status: "ok" })
}

/// Can the server work: is the store reachable, and migrated?
#[utoipa::path(get, path = "/readyz", tag = "Health", security(()), responses(
    (status = 200, body = Data<Health>),
    (status = 503, description = "Not now; the message says why", body = Failure),
))]
async fn readyz(State(app): State<App>) -> ApiResult<Data<Health>> {
    // An open store is a migrated one: opening applies what is missing, or fails.
    let ready = async { store::tenant::tenant_count(&mut *app.store.read_any().await?).await };
    match ready.await {
        Ok(1..) => Ok(Data::new(Health { status: "ok" })),
        Ok(_) => Err(ApiError::unavailable("the store has no tenant yet: the first start is under way")),
        Err(error) => Err(error.into()),
    }
}
