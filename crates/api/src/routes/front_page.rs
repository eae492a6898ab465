//! `/`: what runs here and where to go from here, when the binary was built without the web app.

use axum::{Router, extract::State, response::Html, routing::get};
use minijinja::context;
use store::{demo::DEMO_FORM, form::form_by_slug};

use crate::{App, error::ApiResult, template};

/// The routes of this file: a page for people, not a part of the API's description.
pub fn routes() -> Router<App> {
    Router::new().route("/", get(page))
}

async fn page(State(app): State<App>) -> ApiResult<Html<String>> {
    // Other forms are their tenants' matter; the demo's is there to be tried.
    let form = form_by_slug(&mut *app.store.read_any().await?, DEMO_FORM).await?;
    let demo = form.filter(|form| form.archived_at.is_none()).map(|form| form.slug);
    Ok(Html(template::render("front.html", context! { demo, version => env!("CARGO_PKG_VERSION") })?))
}
