//! One file for each resource: what goes in and out, the handlers, and `routes()`.

pub mod contacts;
pub mod form_page;
pub mod forms;
pub mod notifications;
pub mod outbox;
pub mod submissions;
pub mod tags;
pub mod tickets;
pub mod health;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

/// Every route with its description.
pub(crate) fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(health::routes())
        .merge(tickets::routes())
        .merge(tags::routes())
        .merge(submissions::routes())
        .merge(outbox::routes())
        .merge(notifications::routes())
        .merge(forms::routes())
        .merge(form_page::routes())
        .merge(contacts::routes())
}
