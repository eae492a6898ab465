//! An HTTP receiver that records what it gets and answers, or misbehaves, as the path says.
//!
//! | path | answer |
//! |---|---|
//! | `/ok`, and any other | 200 `ok` |
//! | `/json` | 200 `{"received":true,"id":"r-1"}` and a cookie |
//! | `/status/{code}` | that status |
//! | `/fail-times/{n}` | 503 for the first n requests of an `Idempotency-Key`, then 200 |
//! | `/retry-after/{value}` | 429 with `Retry-After: {value}` |
//! | `/redirect-same`, `/redirect-other` | 307 to `/ok` here, or by another host name |
//! | `/redirect-loop` | 307 to itself |
//! | `/big` | 200 with 1 MiB of `x` |
//! | `/slow-body` | 200, the first bytes of a body, then silence |
//! | `/hang` | silence |
//! | `/meet/{n}`, `/meet/{n}/…` | 200 as soon as n requests of different `Idempotency-Key`s have come to this path; with a query that begins with `hang`, silence |
//! | `/alone` | 200 after a moment, 409 when another request came to it meanwhile |
//! | `/hang-times/{n}` | silence for the first n requests of an `Idempotency-Key`, then 200 |
//! | `/garbage` | bytes that are no HTTP |
//! | `/drop-after` | acts, then closes without an answer |

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request as AxumRequest, State, connect_info::Connected},
    http::{Response, StatusCode, header},
    serve::{IncomingStream, Listener},
};
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A running receiver on 127.0.0.1; it ends when dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    record: Arc<Record>,
    server: JoinHandle<()>,
}

/// What came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST` and the like.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Every header in its order, names in lower case, values as sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Bytes,
    /// Who sent it: one port is one connection.
    pub peer: SocketAddr,
    /// The receiver did what the request asks, whatever it answered.
    pub acted: bool,
}

impl Request {
    /// The first header of that name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Record {
    arrived: tokio::sync::Notify,
    requests: Mutex<Vec<Request>>,
    attempts: Mutex<HashMap<String, u32>>,
    /// Who has come to a path at which others are waited for.
    met: Mutex<HashMap<String, HashSet<String>>>,
    alone: AtomicUsize,
    port: u16,
}

impl Sink {
    /// Starts a receiver on a free port.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let record = Arc::new(Record {
            arrived: tokio::sync::Notify::new(),
            port: address.port(),
            ..Record::default()
        });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&record));
        let service = app.into_make_service_with_connect_info::<Peer>();
        let server = tokio::spawn(async move {
            let _ = axum::serve(Door(listener), service).await;
        });
        Self { address, record, server }
    }

    /// `http://127.0.0.1:PORT/path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.address, path.trim_start_matches('/'))
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Everything that came in, in its order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.record.requests().clone()
    }

    /// Forgets everything that came in.
    ///
    /// # Panics
    /// Never: no holder of its locks can panic.
    pub fn forget(&self) {
        self.record.requests().clear();
        self.record.attempts.lock().expect("no holder of this lock can panic").clear();
        self.record.met.lock().expect("no holder of this lock can panic").clear();
    }

    /// Comes to a path `/meet/…`, as a request with this key would.
    pub fn come(&self, path: &str, key: &str) {
        self.record.come(path, key);
    }

    /// Waits until that many requests have come in.
    pub async fn received(&self, count: usize) {
        loop {
            let arrived = self.record.arrived.notified();
            if self.record.requests().len() >= count {
                return;
            }
            arrived.await;
        }
    }

    /// The requests that the receiver acted on, by `Idempotency-Key`: a list longer than one is a repeated effect.
    #[must_use]
    pub fn effects(&self) -> BTreeMap<String, Vec<Request>> {
        let mut effects: BTreeMap<String, Vec<Request>> = BTreeMap::new();
        for request in self.record.requests().iter().filter(|request| request.acted) {
            let key = request.header("idempotency-key").unwrap_or_default().to_owned();
            effects.entry(key).or_default().push(request.clone());
        }
        effects
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Record {
    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().expect("no holder of this lock can panic")
    }

    fn come(&self, path: &str, key: &str) {
        let mut met = self.met.lock().expect("no holder of this lock can panic");
        met.entry(path.to_owned()).or_default().insert(key.to_owned());
        drop(met);
        self.arrived.notify_waiters();
    }

    /// Waits until that many have come to this path.
    async fn meet(&self, path: &str, count: usize) {
        loop {
            let arrived = self.arrived.notified();
            let met =
                self.met.lock().expect("no holder of this lock can panic").get(path).map_or(0, HashSet::len);
            if met >= count {
                return;
            }
            arrived.await;
        }
    }

    /// Stays for a moment; whether nobody else came meanwhile.
    async fn is_alone(&self) -> bool {
        let before = self.alone.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(30)).await;
        let after = self.alone.fetch_sub(1, Ordering::SeqCst);
        before == 0 && after == 1
    }

    /// How often this path has been asked for with this key, this time included.
    fn attempt(&self, path: &str, key: &str) -> u32 {
        let mut attempts = self.attempts.lock().expect("no holder of this lock can panic");
        let count = attempts.entry(format!("{path} {key}")).or_default();
        *count += 1;
        *count
    }
}

async fn answer(
    State(record): State<Arc<Record>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: AxumRequest,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let headers = parts.headers.iter();
    let headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let mut request = Request {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or(path.clone(), ToString::to_string),
        headers,
        body,
        peer: peer.address,
        acted: false,
    };
    let (kind, argument) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let key = request.header("idempotency-key").unwrap_or_default().to_owned();
    let response = Response::builder();
    let number = argument.trim_end_matches('/').parse().unwrap_or(0_u16);
    let hangs = kind == "hang"
        || kind == "hang-times" && record.attempt(&path, &key) <= u32::from(number)
        || kind == "meet" && parts.uri.query().is_some_and(|query| query.starts_with("hang"));
    let (response, body) = match kind {
        "status" => (response.status(number), Body::from("as asked")),
        "fail-times" if record.attempt(&path, &key) <= u32::from(number) => {
            (response.status(StatusCode::SERVICE_UNAVAILABLE), Body::from("not yet"))
        }
        "retry-after" => {
            let value = argument.replace("%20", " ");
            (response.status(429).header(header::RETRY_AFTER, value), Body::from("slow down"))
        }
        "redirect-same" => (response.status(307).header(header::LOCATION, "/ok"), Body::empty()),
        "redirect-loop" => (response.status(307).header(header::LOCATION, "/redirect-loop"), Body::empty()),
        "redirect-other" => {
            let elsewhere = format!("http://localhost:{}/ok", record.port);
            (response.status(307).header(header::LOCATION, elsewhere), Body::empty())
        }
        "json" => (
            response
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::SET_COOKIE, "session=s3cret"),
            Body::from(r#"{"received":true,"id":"r-1"}"#),
        ),
        "alone" if !record.is_alone().await => (response.status(409), Body::from("others are here")),
        "big" => (response, Body::from(vec![b'x'; 1 << 20])),
        "slow-body" => (response, Body::from("begin".repeat(20))),
        _ => (response, Body::from("ok")),
    };
    let response = response.body(body).unwrap_or_else(|_| Response::new(Body::from("no such status")));
    request.acted = response.status().is_success() && kind != "garbage" && !hangs;
    record.requests().push(request);
    record.arrived.notify_waiters();
    if kind == "meet" {
        record.come(&path, &key);
    }
    match kind {
        _ if hangs => std::future::pending().await,
        "garbage" => peer.conduct.store(GARBAGE, Ordering::SeqCst),
        "slow-body" => peer.conduct.store(BEGIN, Ordering::SeqCst),
        "meet" => {
            let count = argument.split('/').next().and_then(|count| count.parse().ok()).unwrap_or(0);
            record.meet(&path, count).await;
        }
        "drop-after" => peer.conduct.store(CLOSE, Ordering::SeqCst),
        _ => {}
    }
    response
}

/// Answers go out as they are.
const HONEST: u8 = 0;
/// Instead of the answer, bytes that are no HTTP.
const GARBAGE: u8 = 1;
/// Instead of the answer, the end of the connection.
pub(crate) const CLOSE: u8 = 2;
/// The beginning of the answer.
const BEGIN: u8 = 3;
/// Nothing any more.
const SILENT: u8 = 4;

/// Who is at the other end, and how this end behaves.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) conduct: Arc<AtomicU8>,
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self { address: *stream.remote_addr(), conduct: Arc::clone(&stream.io().conduct) }
    }
}

/// Accepts connections whose answers a handler can spoil.
pub(crate) struct Door(pub(crate) TcpListener);

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (Wire { stream, conduct: Arc::new(AtomicU8::new(HONEST)) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

pub(crate) struct Wire {
    stream: TcpStream,
    conduct: Arc<AtomicU8>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.conduct.load(Ordering::SeqCst) {
            GARBAGE => {
                let _ = self.stream.try_write(b"\x00\xffthis is no HTTP\r\n\r\n");
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
            CLOSE => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            BEGIN => {
                self.conduct.store(SILENT, Ordering::SeqCst);
                let kept_back = bytes.len().min(50);
                Pin::new(&mut self.stream).poll_write(cx, &bytes[..bytes.len() - kept_back])
            }
            SILENT => Poll::Pending,
            _ => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
