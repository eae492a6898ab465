//! A server without a socket, with an engine that works and a clock that stands still.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use actions::address::AddressPolicy;
use api::{App, Config};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, header},
};
use engine::{Engine, Live, Options, RetryPolicy};
use futures_util::StreamExt;
use model::{Actor, ExecutionId, TenantId, Timestamp, user::Role};
use serde_json::Value;
use store::{
    Store,
    api_key::{Fields, api_key_create},
    execution::execution_get,
    secret::SecretBox,
    template::templates_seed,
    tenant::tenant_create,
    token::Token,
};
use testkit::{SimulatedClock, place::Place};
use tower::ServiceExt;

/// Who calls. The first three belong to one tenant, the neighbour administers another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Viewer,
    Editor,
    Admin,
    Neighbour,
}

impl Who {
    pub const fn tenant(self) -> TenantId {
        TenantId::new(if matches!(self, Self::Neighbour) { 1 } else { 2 })
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Nobody => "",
            Self::Viewer => "vtx_viewer_000000000000000000000000000000000000",
            Self::Editor => "vtx_editor_000000000000000000000000000000000000",
            Self::Admin => "vtx_admin_0000000000000000000000000000000000000",
            Self::Neighbour => "vtx_neighbour_000000000000000000000000000000000",
        }
    }
}

/// The credentials of a request.
#[derive(Debug, Clone)]
pub enum Credentials {
    Key(Who),
    OtherKey(String),
    /// A person's session, as our own page sends it.
    Cookie(String),
}

impl From<Who> for Credentials {
    fn from(who: Who) -> Self {
        Self::Key(who)
    }
}

pub struct House {
    router: Router,
    pub engine: Engine,
    pub place: Place,
    /// Every request comes from an address of its own: limits by address are tested elsewhere.
    callers: AtomicU32,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub text: String,
    pub headers: HeaderMap,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn data(&self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.json()["data"].take()
    }

    /// The session's cookie as a browser sends it back.
    pub fn cookie(&self) -> String {
        self.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
    }
}

impl House {
    pub async fn new() -> Self {
        let place = Place::chosen();
        let now: Timestamp = "2026-02-14T10:30:00.123Z".parse().unwrap();
        let address = place.address().parse().unwrap();
        let clock = Arc::new(SimulatedClock::new(now));
        let store = Store::open(store::Options { address, clock, faults: None }).await.unwrap();
        let furnished = store.write(|tx| {
            Box::pin(async move {
                for (name, keys) in [
                    ("Neighbour", &[(Who::Neighbour, Role::Admin)][..]),
                    (
                        "Ours",
                        &[
                            (Who::Viewer, Role::Viewer),
                            (Who::Editor, Role::Editor),
                            (Who::Admin, Role::Admin),
                        ],
                    ),
                ] {
                    let tenant = tenant_create(tx, Actor::System, name).await?.id;
                    for (who, role) in keys {
                        assert_eq!(who.tenant(), tenant);
                        let fields = Fields { name: role.to_string(), role: *role, rate_limit: None };
                        api_key_create(tx, tenant, Actor::System, &fields, &Token::given(who.key())).await?;
                    }
                }
                templates_seed(tx).await
            })
        });
        furnished.await.unwrap();
        let options = Options {
            retry: RetryPolicy::default(),
            workers: 4,
            addresses: AddressPolicy::new(true),
            smtp: None,
            ..Options::default()
        };
        let engine = Engine::start(store, Arc::new(SecretBox::of_key(&[7; 32])), options).await.unwrap();
        let router = api::router(App::new(engine.clone(), Config::default()));
        Self { router, engine, place, callers: AtomicU32::new(1) }
    }

    /// How the router shows itself, with the paths that it serves.
    pub fn router(&self) -> String {
        format!("{:?}", self.router)
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        let caller = Ipv4Addr::from_bits(self.callers.fetch_add(1, Ordering::Relaxed));
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((caller, 1))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let content_type =
            parts.headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap()).to_owned();
        let bytes = if content_type.starts_with("text/event-stream") {
            // It has no end: its first event is enough.
            body.into_data_stream().next().await.unwrap().unwrap()
        } else {
            to_bytes(body, 1 << 24).await.unwrap()
        };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), content_type, text, headers: parts.headers }
    }

    /// `line` is the method and the path; a body of null is none.
    pub async fn call(&self, who: impl Into<Credentials>, line: &str, body: &Value) -> Answer {
        let body = if body.is_null() { None } else { Some(("application/json", body.to_string())) };
        self.call_raw(who, line, body).await
    }

    /// With a body of any kind.
    pub async fn call_raw(
        &self,
        who: impl Into<Credentials>,
        line: &str,
        body: Option<(&str, String)>,
    ) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        request = match who.into() {
            Credentials::Key(Who::Nobody) => request,
            Credentials::Key(who) => request.header(header::AUTHORIZATION, format!("Bearer {}", who.key())),
            Credentials::OtherKey(key) => request.header(header::AUTHORIZATION, format!("Bearer {key}")),
            Credentials::Cookie(cookie) => {
                request.header(header::COOKIE, cookie).header("sec-fetch-site", "same-origin")
            }
        };
        let request = match body {
            Some((kind, text)) => request.header(header::CONTENT_TYPE, kind).body(Body::from(text)),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    /// What a call that must succeed answers as `data`.
    pub async fn done(&self, who: Who, line: &str, body: Value) -> Value {
        let answer = self.call(who, line, &body).await;
        assert!((200..300).contains(&answer.status), "{line} {body}: {} {}", answer.status, answer.text);
        answer.data()
    }

    /// Posts an event that starts one execution, and answers its id when it has come to rest.
    pub async fn run(&self, who: Who, event: Value) -> i64 {
        let posted = self.done(who, "POST /api/events", event).await;
        let id = posted["executions"][0]["id"].as_i64().unwrap_or_else(|| panic!("{posted}"));
        self.rest(who.tenant(), id).await;
        id
    }

    /// Waits until the execution waits or has ended.
    pub async fn rest(&self, tenant: TenantId, id: i64) {
        let id = ExecutionId::new(id);
        let resting = async {
            loop {
                let mut live = self.engine.live();
                let mut connection = self.engine.store().read(tenant).await.unwrap();
                let status = execution_get(&mut connection, tenant, id).await.unwrap().progress.status;
                drop(connection);
                if !matches!(status.as_str(), "pending" | "running") {
                    return;
                }
                while !matches!(live.recv().await.unwrap(), Live::Execution { id: changed, .. } if changed == id)
                {
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), resting).await.unwrap();
    }
}
