//! A connection in use: every request of every provider goes through [`Client::send`], which takes the turn, signs in, and acts on what the answer means.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use model::{Period, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Answer, Call, Provider, token::Credentials};
use crate::{
    action::{ActionError, ErrorKind},
    capability::{Connection, HttpRequest, HttpResponse, LONGEST_READ, Target},
    ledger::{Pace, Reference, Standing, Turn},
};

/// The shortest and the longest pause that another system gets at once: without one, the same call would be made again and again.
const SHORTEST_PAUSE: Period = Period::seconds(1);
const LONGEST_PAUSE: Period = Period::hours(1);
/// How those come back, after a pause, who were called to no pace before: all at once they would be refused at once.
const AFTER_PAUSE: Pace = Pace { interval: 100, burst: 1 };
/// A call that is under way waits for the turn of its next request for so long.
const SOON: Duration = Duration::from_secs(1);

/// A connection in use.
pub struct Client<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// What the call may use.
    pub cx: &'a Call<'a>,
    pub(super) provider: &'static dyn Provider,
    has_turn: AtomicBool,
    since: Instant,
}

/// A request below the provider's base address.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
    /// Repeating it does no harm; otherwise a doubt whether it was done ends the step.
    is_repeatable: bool,
}

impl Request {
    /// `GET`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::of("GET", path, Value::Null)
    }

    /// Of any method; null is no body, and text goes as it is.
    #[must_use]
    pub fn of(method: impl Into<String>, path: impl Into<String>, body: Value) -> Self {
        let body = Some(body).filter(|body| !body.is_null());
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body, is_repeatable: true }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(method: &'static str, path: impl Into<String>, body: Value) -> Self {
        Self::of(method, path, body)
    }

    /// `POST` with a JSON body.
    #[must_use]
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self::json("POST", path, body)
    }

    /// With one more query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        self.path = format!("{}{separator}{name}={}", self.path, utf8_percent_encode(value, IN_PATH));
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// What must not be done twice, and of which nobody can tell whether it was.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.is_repeatable = false;
        self
    }
}

/// What came of a request.
#[derive(Debug)]
pub enum Exchange {
    /// It was done.
    Done(Reply),
    /// There is one already.
    Conflict(Conflict),
}

/// An answer to a request that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body as JSON, text where it is none.
    pub body: Value,
}

/// That there is one already.
#[derive(Debug)]
pub struct Conflict {
    /// Which one, where the system says so.
    pub existing: Option<String>,
    /// For whoever cannot use that.
    pub error: ActionError,
}

impl Exchange {
    /// The reply; a conflict is an error.
    ///
    /// # Errors
    /// The conflict's.
    pub fn done(self) -> Result<Reply, ActionError> {
        match self {
            Self::Done(reply) => Ok(reply),
            Self::Conflict(conflict) => Err(conflict.error),
        }
    }
}

impl<'a> Client<'a> {
    pub(super) fn new(provider: &'static dyn Provider, connection: &'a Connection, cx: &'a Call<'a>) -> Self {
        Self { connection, cx, provider, has_turn: AtomicBool::new(false), since: Instant::now() }
    }

    /// Without waiting for a turn: for somebody who is looking on, once.
    pub(super) fn at_once(self) -> Self {
        self.has_turn.store(true, Ordering::Relaxed);
        self
    }

    /// The connection, as sentences name it.
    #[must_use]
    pub fn who(&self) -> String {
        format!("{:?}", self.connection.name)
    }

    /// The connection's settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, ActionError> {
        config(self.connection)
    }

    /// Whether a call has a point: the connection is let in, and no pause is asked for.
    pub(super) async fn ready(&self) -> Result<(), ActionError> {
        if self.connection.standing.is_shut_out() {
            let standing = match self.connection.standing {
                Standing::Revoked => "is not let in any more",
                _ => "has expired",
            };
            return Err(self.parked(standing).await?);
        }
        // During a pause that was asked for, each gets a turn behind its end.
        if self.is_limited() { self.take_turn().await } else { Ok(()) }
    }

    fn is_limited(&self) -> bool {
        self.connection.limited_until.is_some_and(|until| until > self.cx.now)
    }

    /// Sends a request and acts on the answer.
    ///
    /// # Errors
    /// [`ErrorKind::Paced`] and [`ErrorKind::Parked`] when it was not done and is to be put off; what went wrong otherwise.
    pub async fn send(&self, request: Request) -> Result<Exchange, ActionError> {
        let (response, answer) = self.exchange(&request).await?;
        // Of half an answer, nobody can say what it means.
        if response.truncated && response.status < 300 {
            let message =
                format!("{} gave an answer that is too long to be read ({LONGEST_READ} bytes)", self.who());
            return Err(ActionError { perhaps_done: true, ..ActionError::refused(message) });
        }
        match answer {
            Answer::Done(body) => Ok(Exchange::Done(Reply { status: response.status, body })),
            Answer::Conflict { ref existing, .. } => {
                let existing = existing.clone();
                Ok(Exchange::Conflict(Conflict { existing, error: answer.error(&self.who(), &response) }))
            }
            other => Err(self.in_doubt(other.error(&self.who(), &response), request.is_repeatable)),
        }
    }

    /// As [`Self::send`], for whoever shows the answer as it came.
    pub(crate) async fn exchange(&self, request: &Request) -> Result<(HttpResponse, Answer), ActionError> {
        self.take_turn().await?;
        let mut refused = None;
        loop {
            let credentials = self.credentials(refused).await?;
            let sent = self.http_request(request, &credentials)?;
            let response = match self.cx.http.send(sent).await {
                Ok(response) => response,
                Err(error) => return Err(self.in_doubt(error, request.is_repeatable)),
            };
            let answer = self.provider.read(&response, self.cx.now);
            match &answer {
                // Whoever does not sign in is not shut out: this is about the one request.
                Answer::Authentication { .. } if credentials.is_anonymous => {}
                Answer::Authentication { why } => {
                    // A token may have been taken back before its time: once, with a new one.
                    if let Some(generation) = credentials.generation.filter(|_| refused.is_none()) {
                        refused = Some(generation);
                        continue;
                    }
                    self.cx.ledger.shut_out(self.connection, Standing::Revoked, why).await?;
                    return Err(self.parked(&format!("is not let in: {why}")).await?);
                }
                Answer::Limited { why, pause } => {
                    let pause = (*pause).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
                    let until = self.cx.now.plus(pause);
                    noted(self.cx.ledger.limited(self.connection, until, why).await);
                    let error = answer.clone().error(&self.who(), &response);
                    return Err(error.after(pause));
                }
                Answer::Done(_) | Answer::Permanent { .. } | Answer::Conflict { .. } => {
                    let quota = self.provider.quota(&response);
                    noted(self.cx.ledger.answered(self.connection, quota).await);
                }
                Answer::Failed { .. } => {}
            }
            return Ok((response, answer));
        }
    }

    /// Once for each call: what a call sends after its first request is few, and within the margin of the pace.
    pub(super) async fn take_turn(&self) -> Result<(), ActionError> {
        let Some(pace) = self.pace() else { return Ok(()) };
        if self.has_turn.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let (id, key) = (self.connection.id, self.cx.idempotency_key);
        match self.cx.ledger.turn(id, key, pace, self.cx.now).await? {
            Turn::Now => Ok(()),
            Turn::At(at) => Err(self.paced(at)),
        }
    }

    fn pace(&self) -> Option<Pace> {
        self.provider.pace(self.connection).or_else(|| self.is_limited().then_some(AFTER_PAUSE))
    }

    /// A turn for one more of many requests of this call. It counts like any other, so that whoever comes later waits for it; the call itself, which
    /// would have to begin anew, waits only where that is short.
    pub(crate) async fn another_turn(&self, number: i64) -> Result<(), ActionError> {
        let Some(pace) = self.pace() else { return Ok(()) };
        let elapsed =
            Period::from_millis(i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX));
        let now = self.cx.now.plus(elapsed.unwrap_or(Period::YEAR));
        let key = format!("{}#{number}", self.cx.idempotency_key);
        if let Turn::At(at) = self.cx.ledger.turn(self.connection.id, &key, pace, now).await? {
            let wait = Duration::from_millis(at.millis_since(now).max(0).unsigned_abs());
            tokio::time::sleep(wait.min(SOON)).await;
        }
        Ok(())
    }

    fn http_request(&self, request: &Request, credentials: &Credentials) -> Result<HttpRequest, ActionError> {
        let base = self.provider.base(self.connection, credentials.instance.as_deref())?;
        let path = request.path.as_str();
        let url = if path.is_empty() || path.starts_with('?') {
            format!("{base}{path}")
        } else {
            format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'))
        };
        // What signs in, and what is set last, goes before what was chosen.
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in request.headers.iter().chain(&credentials.headers) {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
        let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut own = Vec::new();
        if !has("accept") {
            own.push(("Accept".to_owned(), "application/json".to_owned()));
        }
        let body = match &request.body {
            None => Bytes::new(),
            Some(Value::String(text)) => Bytes::from(text.clone()),
            Some(value) => Bytes::from(value.to_string()),
        };
        if !body.is_empty() && !has("content-type") {
            own.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        headers.extend(own);
        let method = request.method.clone();
        let (timeout, longest) = (self.cx.timeout, LONGEST_READ);
        Ok(HttpRequest { method, url, headers, body, timeout, longest, target: Target::Connection })
    }

    /// What must not be done twice is not tried again when it may have been done.
    pub(crate) fn in_doubt(&self, error: ActionError, is_repeatable: bool) -> ActionError {
        if is_repeatable || !error.perhaps_done {
            return error;
        }
        let message =
            format!("{}; it may have been done all the same, so it is not tried again", error.message);
        ActionError { message, kind: ErrorKind::Refused, ..error }
    }

    fn paced(&self, until: Timestamp) -> ActionError {
        let pause = Period::from_millis(until.millis_since(self.cx.now).max(1)).unwrap_or(LONGEST_PAUSE);
        ActionError::new(ErrorKind::Paced, format!("{} is called no faster than it allows", self.who()))
            .after(pause)
    }

    pub(super) async fn parked(&self, standing: &str) -> Result<ActionError, ActionError> {
        self.cx.ledger.park(self.connection.id).await?;
        let message =
            format!("{} {standing}: connect it again in the settings, then this goes on", self.who());
        Ok(ActionError::new(ErrorKind::Parked, message))
    }
}

/// What could not be noted is found again by the next call; this one was made all the same.
fn noted(outcome: Result<(), ActionError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "what an answer says of its connection could not be noted");
    }
}

/// The output of a step about one record: `{"id","created","url"}`.
#[must_use]
pub fn record(reference: &Reference, created: bool) -> Value {
    json!({"id": reference.id, "created": created, "url": reference.url})
}

pub(crate) fn config<T: DeserializeOwned>(connection: &Connection) -> Result<T, ActionError> {
    serde_path_to_error::deserialize(&connection.config).map_err(|error| {
        let message = format!("the connection {:?} is not set up well: {error}", connection.name);
        ActionError::new(ErrorKind::InvalidConfig, message)
    })
}

/// All but what RFC 3986 calls unreserved.
pub(crate) const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Text as one segment of a path. Dots alone would climb.
///
/// # Errors
/// When it is empty or climbs; `name` says what it is.
pub fn segment(name: &str, text: &str) -> Result<String, ActionError> {
    match text.trim() {
        "" => Err(ActionError::invalid(&format!("payload.{name}"), "is empty")),
        "." | ".." => Err(ActionError::invalid(&format!("payload.{name}"), "cannot be dots alone")),
        text => Ok(utf8_percent_encode(text, IN_PATH).to_string()),
    }
}
