//! A server without a socket.

use std::sync::Arc;

use actions::address::AddressPolicy;
use api::{App, Config};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use engine::{Engine, Options, RetryPolicy};
use model::{Actor, Period, TenantId, Timestamp, user::Role};
use serde_json::Value;
use store::{
    Store,
    api_key::{Fields, api_key_create},
    secret::SecretBox,
    tenant::{Bootstrap, bootstrap, tenant_create},
    token::Token,
};
use testkit::{clock::SimulatedClock, place::Place};
use tower::ServiceExt;

/// Keys of the first tenant by role, and one of the second tenant.
pub const ADMIN: &str = "vtx_admin_0000000000000000000000000000000000000";
pub const EDITOR: &str = "vtx_editor_000000000000000000000000000000000000";
pub const VIEWER: &str = "vtx_viewer_000000000000000000000000000000000000";
pub const OTHER: &str = "vtx_other_0000000000000000000000000000000000000";

pub struct House {
    place: Place,
    pub clock: SimulatedClock,
}

impl House {
    pub fn new() -> Self {
        let start: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        Self { place: Place::chosen(), clock: SimulatedClock::new(start) }
    }

    pub async fn store(&self) -> Store {
        let address = self.place.address().parse().unwrap();
        Store::open(store::Options { address, clock: Arc::new(self.clock.clone()), faults: None })
            .await
            .unwrap()
    }

    /// The server on the store as it is.
    pub async fn open(&self, store: Store) -> Server {
        let options = Options {
            retry: RetryPolicy::default(),
            workers: 4,
            addresses: AddressPolicy::new(true),
            smtp: None,
            ..Options::default()
        };
        let secrets = Arc::new(SecretBox::of_key(&[7; 32]));
        let engine = Engine::start(store.clone(), secrets, options).await.unwrap();
        let router = api::router(App::new(engine, Config::default()));
        Server { router, store, clock: self.clock.clone() }
    }

    /// The server with two tenants and the keys above.
    pub async fn furnish(&self) -> Server {
        let store = self.store().await;
        bootstrap(&store, Bootstrap { api_key: Some(Token::given(ADMIN)), admin: None }).await.unwrap();
        store
            .write(|tx| {
                Box::pin(async move {
                    let other = tenant_create(tx, Actor::System, "other").await?.id;
                    for (tenant, key, role) in [
                        (TenantId::new(1), EDITOR, Role::Editor),
                        (TenantId::new(1), VIEWER, Role::Viewer),
                        (other, OTHER, Role::Admin),
                    ] {
                        let fields = Fields { name: role.to_string(), role, rate_limit: None };
                        api_key_create(tx, tenant, Actor::System, &fields, &Token::given(key)).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
        self.open(store).await
    }
}

pub struct Server {
    router: Router,
    pub store: Store,
    clock: SimulatedClock,
}

/// An answer that was read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// `status code: message`, of a failure in the envelope.
    pub fn failure(&self) -> String {
        let body = self.json();
        assert_eq!(body["success"], false, "{self:?}");
        assert!(body["error"]["details"].is_array(), "{self:?}");
        let text = |name: &str| body["error"][name].as_str().unwrap().to_owned();
        format!("{} {}: {}", self.status.as_u16(), text("code"), text("message"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The session's cookie as a browser sends it back.
    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

impl Server {
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 24).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// With a key and, for what has one, a JSON body.
    pub async fn call(&self, key: &str, method: &str, path: &str, body: impl Into<Option<Value>>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        self.send(with_json(request, body.into())).await
    }

    /// With a cookie, as our own page does it.
    pub async fn browse(
        &self,
        cookie: &str,
        method: &str,
        path: &str,
        body: impl Into<Option<Value>>,
    ) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("cookie", cookie).header("sec-fetch-site", "same-origin");
        self.send(with_json(request, body.into())).await
    }

    pub fn advance(&self, period: Period) {
        self.clock.advance(period);
    }
}

fn with_json(request: axum::http::request::Builder, body: Option<Value>) -> Request<Body> {
    match body {
        Some(body) => {
            request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
        }
        None => request.body(Body::empty()).unwrap(),
    }
}
