//! The systems that connections talk to, as their public documentation describes them: strict about what they are sent, with their own ways of saying no.
//!
//! Each is a small machine of its own that takes a request and gives an answer ([`System`]); the server around it ([`Mock`]) speaks HTTP, remembers what came
//! in, refuses what is too much, and can act and then cut the line, which is the one thing that no caller can tell from a request that was lost.
//! Nothing here is taken from a vendor's specification file or code.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request as AxumRequest, State},
    http::Response,
};
use serde_json::{Map, Value};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::sink::{CLOSE, Door, Peer, Request};

pub mod brevo;
pub mod hubspot;
pub mod jira;
pub mod mailchimp;
pub mod oauth;
pub mod receiver;
pub mod salesforce;
pub mod shop;
pub mod slack;
pub mod teams;
pub mod zendesk;

/// A system's conduct.
pub trait System: Send + 'static {
    /// Does what the request asks, and answers.
    fn answer(&mut self, request: &Request) -> Answer;
    /// How it says that there were too many requests.
    fn limited(&self) -> Answer;
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// JSON; text is sent as plain text.
    pub body: Value,
    /// What the caller did that it never should.
    pub violation: Option<String>,
}

impl Answer {
    /// A status with a body.
    #[must_use]
    pub const fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body, violation: None }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With what the caller did that it never should: a test that looks for it fails.
    #[must_use]
    pub fn violating(mut self, rule: impl Into<String>) -> Self {
        self.violation = Some(rule.into());
        self
    }
}

/// A running system on 127.0.0.1; it ends when dropped.
#[derive(Debug)]
pub struct Mock<S> {
    address: SocketAddr,
    shared: Arc<Mutex<Shared<S>>>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared<S> {
    system: S,
    requests: Vec<Request>,
    violations: Vec<String>,
    limit_next: u32,
    cut_next: u32,
    rate: Option<Rate>,
    refused: u32,
}

/// A token bucket.
struct Rate {
    per_second: f64,
    burst: f64,
    tokens: f64,
    /// In seconds.
    at: f64,
    now: Box<dyn Fn() -> f64 + Send>,
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rate").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

impl<S: System> Mock<S> {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start(system: S) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Mutex::new(Shared {
            system,
            requests: Vec::new(),
            violations: Vec::new(),
            limit_next: 0,
            cut_next: 0,
            rate: None,
            refused: 0,
        }));
        let app = Router::new().fallback(answer::<S>).with_state(Arc::clone(&shared));
        let service = app.into_make_service_with_connect_info::<Peer>();
        let server = tokio::spawn(async move {
            let _ = axum::serve(Door(listener), service).await;
        });
        Self { address, shared, server }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at the system, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.shared().system)
    }

    /// The next so many requests are too many.
    pub fn limit_next(&self, count: u32) {
        self.shared().limit_next = count;
    }

    /// The next so many requests are acted on, and get no answer.
    pub fn cut_next(&self, count: u32) {
        self.shared().cut_next = count;
    }

    /// From now on so many requests a second are taken, and so many at once, by a clock of seconds.
    pub fn allow(&self, per_second: f64, burst: f64, now: impl Fn() -> f64 + Send + 'static) {
        let at = now();
        self.shared().rate = Some(Rate { per_second, burst, tokens: burst, at, now: Box::new(now) });
    }

    /// Everything that came in, in its order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared().requests.clone()
    }

    /// What came in, as `POST /path`, since the last time this was asked.
    pub fn took(&self) -> Vec<String> {
        let mut shared = self.shared();
        shared.requests.drain(..).map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    /// How many requests were too many.
    #[must_use]
    pub fn refused(&self) -> u32 {
        self.shared().refused
    }

    /// What callers did that they never should.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared().violations.clone()
    }

    fn shared(&self) -> MutexGuard<'_, Shared<S>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Drop for Mock<S> {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer<S: System>(
    State(shared): State<Arc<Mutex<Shared<S>>>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: AxumRequest,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers = parts.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut request =
        Request { method: parts.method.to_string(), path, headers, body, peer: peer.address, acted: true };
    let answer = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let too_many = shared.too_many();
        let answer = if too_many { shared.system.limited() } else { shared.system.answer(&request) };
        shared.violations.extend(answer.violation.clone());
        request.acted = !too_many;
        shared.requests.push(request);
        if !too_many && shared.cut_next > 0 {
            shared.cut_next -= 1;
            peer.conduct.store(CLOSE, Ordering::SeqCst);
        }
        answer
    };
    let (kind, text) = match answer.body {
        Value::Null => (None, String::new()),
        Value::String(text) => (Some("text/plain; charset=utf-8"), text),
        value => (Some("application/json; charset=utf-8"), value.to_string()),
    };
    let mut response = Response::builder().status(answer.status);
    if let Some(kind) = kind {
        response = response.header("content-type", kind);
    }
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(text)).unwrap_or_default()
}

impl<S> Shared<S> {
    fn too_many(&mut self) -> bool {
        let mut too_many = false;
        if self.limit_next > 0 {
            self.limit_next -= 1;
            too_many = true;
        }
        if let Some(rate) = &mut self.rate {
            let now = (rate.now)();
            rate.tokens = (rate.tokens + (now - rate.at) * rate.per_second).min(rate.burst);
            rate.at = now;
            if rate.tokens < 1.0 {
                too_many = true;
            } else {
                rate.tokens -= 1.0;
            }
        }
        self.refused += u32::from(too_many);
        too_many
    }
}

/// The path of a request without its query, in segments, and its query's pairs, all decoded.
pub(crate) fn target(request: &Request) -> (Vec<String>, Map<String, Value>) {
    let url = url::Url::parse("http://mock").and_then(|base| base.join(&request.path));
    let Ok(url) = url else { return Default::default() };
    let decoded = |text: &str| {
        let pairs: Vec<_> = url::form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect();
        pairs.into_iter().next().unwrap_or_default()
    };
    let segments = url.path_segments().into_iter().flatten().map(decoded).collect();
    let pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())));
    (segments, pairs.collect())
}

/// The fields of a form body.
pub(crate) fn form(request: &Request) -> Map<String, Value> {
    let pairs = url::form_urlencoded::parse(&request.body);
    pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect()
}

/// What comes after `Bearer `.
pub(crate) fn bearer(request: &Request) -> Option<&str> {
    request.header("authorization")?.strip_prefix("Bearer ")
}

/// The body as an object, of a request that says it is JSON.
pub(crate) fn object(request: &Request) -> Option<Map<String, Value>> {
    let kind = request.header("content-type")?;
    let is_json = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
    match request.json() {
        Value::Object(fields) if is_json => Some(fields),
        _ => None,
    }
}
