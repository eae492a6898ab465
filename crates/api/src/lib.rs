//! HTTP: one file for each resource in `routes/`, and what they share.
//!
//! A handler is thin: extractors have read and checked what came in ([`body`], [`page`]) and who asks ([`identity`]); the
//! store or the engine does the work; [`answer`] and [`error`] are the envelopes.

pub mod answer;
mod authored;
pub mod blanked;
pub mod body;
pub mod callee;
pub mod config_secret;
mod dates;
pub mod definition;
mod edge;
pub mod error;
mod failures;
pub mod file_format;
mod hook_secret;
pub mod identity;
pub mod limit;
mod masking;
mod metrics;
pub mod page;
mod process;
mod record;
mod reference;
pub mod routes;
mod template;
pub mod web;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};
use engine::Engine;
use store::{Store, secret::SecretBox};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// What handlers work with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Where everything is kept.
    pub store: Store,
    /// What does the work.
    pub engine: Engine,
    /// How this server is set up.
    pub config: Arc<Config>,
    shared: Arc<Shared>,
}

/// How this server is set up.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// How people reach it, such as `https://workflows.example.com`, without a slash at its end.
    pub public_url: Option<String>,
    /// Cookies go over https only.
    pub secure_cookies: bool,
    /// The web app; none leaves `/` to the plain page.
    pub web: &'static [web::File],
}

/// What is in memory only.
#[derive(Debug, Default)]
struct Shared {
    buckets: limit::Buckets,
    requests: metrics::Requests,
    process: process::Process,
    keys: identity::KnownKeys,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(engine: Engine, config: Config) -> Self {
        Self { store: engine.store().clone(), engine, config: Arc::new(config), shared: Arc::default() }
    }

    /// Seals and opens stored secrets.
    pub(crate) fn secrets(&self) -> SecretBox {
        (**self.engine.secrets()).clone()
    }
}

/// Everything that is served.
pub fn router(app: App) -> Router {
    let (router, _) = routes::all().split_for_parts();
    let router =
        if web::exists(app.config.web) { router } else { router.merge(routes::front_page::routes()) };
    let shared = Arc::clone(&app.shared);
    edged(router, app.config.web).layer(from_fn_with_state(shared, metrics::count)).with_state(app)
}

/// With what every request goes through.
fn edged<S: Clone + Send + Sync + 'static>(router: Router<S>, web: &[web::File]) -> Router<S> {
    web::fallback(router, web)
        .method_not_allowed_fallback(edge::no_method)
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(DefaultBodyLimit::max(body::LONGEST_BODY))
        .layer(CompressionLayer::new())
        .layer(from_fn(edge::security))
        .layer(from_fn(edge::trace))
}

/// The description of everything that is served, in OpenAPI 3.1.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, routes) = routes::all().split_for_parts();
    let mut document = Document::openapi();
    document.merge(routes);
    failures::describe(&mut document);
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
            }
        }
    }
    document
}

/// Handlers are called alike in every file; in the document each name must be the only one.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.trim_start_matches("/api").split(['/', '-']).filter(|word| !word.is_empty());
    let words = words.map(|word| match word.strip_prefix('{') {
        Some(parameter) => format!("by_{}", parameter.trim_end_matches('}')),
        None => word.replace('.', "_"),
    });
    std::iter::once(method.to_owned()).chain(words).collect::<Vec<_>>().join("_")
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "VTrustX Workflows",
        description = "Events go in, workflows match, actions run, and every step is recorded.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&Credentials),
    security(("key" = []), ("session" = [])),
)]
struct Document;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key: `Authorization: Bearer vtx_…`"))
            .build();
        let session = ApiKeyValue::with_description(identity::COOKIE, "The web app's session");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(key));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, extract::Request, routing::get};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_in_the_envelope_without_its_words() {
        async fn handler() {
            panic!("the password is hunter2");
        }
        let router = edged(Router::<()>::new().route("/api/panic", get(handler)), &[]);
        let request = Request::builder().uri("/api/panic").body(axum::body::Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["cache-control"]),
            (500, &"no-store".parse().unwrap())
        );
        let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(
            body,
            r#"{"success":false,"error":{"code":"internal_error","message":"the server failed at this request; the reason is in its log","details":[]}}"#
        );
    }
}
