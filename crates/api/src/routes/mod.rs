//! One file for each resource: what goes in and out, the handlers, and `routes()`.

pub mod health;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

/// Every route with its description.
pub(crate) fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(health::routes())
}
