//! A connection in use: every request of every provider goes through [`Client::send`], which takes the turn, signs in, and acts on what the answer means.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use model::{Period, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Access, Answer, Call, Provider,
    access::{Granted, granted},
};
use crate::{
    action::{ActionError, ErrorKind},
    capability::{Connection, HttpRequest, HttpResponse, Target},
    ledger::{Making, Reference, Standing, Turn},
};

/// How soon to look again while somebody else renews the token.
const RENEWING: Period = Period::seconds(1);
/// The longest pause that another system gets at once.
const LONGEST_PAUSE: Period = Period::hours(1);

/// A connection in use.
pub struct Client<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// What the call may use.
    pub cx: &'a Call<'a>,
    provider: &'static dyn Provider,
    has_turn: AtomicBool,
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
        Self { connection, cx, provider, has_turn: AtomicBool::new(false) }
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
        match self.connection.limited_until {
            Some(until) if until > self.cx.now => Err(self.paced(until)),
            _ => Ok(()),
        }
    }

    /// Sends a request and acts on the answer.
    ///
    /// # Errors
    /// [`ErrorKind::Paced`] and [`ErrorKind::Parked`] when it was not done and is to be put off; what went wrong otherwise.
    pub async fn send(&self, request: Request) -> Result<Exchange, ActionError> {
        let (response, answer) = self.exchange(&request).await?;
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
                    let until = self.cx.now.plus((*pause).min(LONGEST_PAUSE));
                    self.cx.ledger.limited(self.connection, until, why).await?;
                    let mut error = answer.clone().error(&self.who(), &response);
                    error.retry_after = Some((*pause).min(LONGEST_PAUSE));
                    return Err(error);
                }
                Answer::Done(_) | Answer::Permanent { .. } | Answer::Conflict { .. } => {
                    let quota = self.provider.quota(&response);
                    self.cx.ledger.answered(self.connection, quota).await?;
                }
                Answer::Failed { .. } => {}
            }
            return Ok((response, answer));
        }
    }

    /// Once for each call: what a call sends after its first request is few, and within the margin of the pace.
    async fn take_turn(&self) -> Result<(), ActionError> {
        let Some(pace) = self.provider.pace(self.connection) else { return Ok(()) };
        if self.has_turn.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let (id, key) = (self.connection.id, self.cx.idempotency_key);
        match self.cx.ledger.turn(id, key, pace, self.cx.now).await? {
            Turn::Now => Ok(()),
            Turn::At(at) => Err(self.paced(at)),
        }
    }

    async fn credentials(&self, refused: Option<i64>) -> Result<Credentials, ActionError> {
        let (id, ledger, now) = (self.connection.id, self.cx.ledger, self.cx.now);
        match self.provider.access(self.connection)? {
            Access::Headers(headers) => {
                let is_anonymous = headers.is_empty();
                Ok(Credentials { headers, instance: None, generation: None, is_anonymous })
            }
            Access::Address => {
                Ok(Credentials { headers: Vec::new(), instance: None, generation: None, is_anonymous: false })
            }
            Access::Token => {
                let (generation, token) = ledger.token(id).await?;
                let usable = token.as_ref().filter(|_| refused != Some(generation));
                if let Some(token) = usable
                    && now < token.renew_at
                {
                    return Ok(Credentials::of(generation, token));
                }
                if !ledger.renewal_begin(id, generation, now).await? {
                    // Somebody else is at it; the old one is good to its end.
                    return match usable.filter(|token| now < token.ends_at) {
                        Some(token) => Ok(Credentials::of(generation, token)),
                        None => {
                            let message = format!("{} is getting a new token", self.who());
                            Err(ActionError::new(ErrorKind::Paced, message).after(RENEWING))
                        }
                    };
                }
                let refresh = token.as_ref().and_then(|token| token.refresh.as_deref());
                self.renew(generation, refresh).await
            }
        }
    }

    async fn renew(&self, generation: i64, refresh: Option<&str>) -> Result<Credentials, ActionError> {
        let (id, ledger, now) = (self.connection.id, self.cx.ledger, self.cx.now);
        let sent = async {
            let grant = self.provider.grant(self.connection, refresh, now)?;
            self.cx.http.send(grant.request(self.cx.timeout)).await
        };
        let outcome = match sent.await {
            Ok(response) => granted(&response, refresh, now),
            // Nothing was asked for yet but the token.
            Err(error) => Granted::NotNow(ActionError { perhaps_done: false, ..error }),
        };
        match outcome {
            Granted::Token(token) => {
                ledger.renewal_end(id, generation, Some((*token).clone())).await?;
                Ok(Credentials::of(generation + 1, &token))
            }
            Granted::NotNow(error) => {
                ledger.renewal_end(id, generation, None).await?;
                Err(error)
            }
            Granted::Refused(why) => {
                ledger.renewal_end(id, generation, None).await?;
                ledger.shut_out(self.connection, Standing::Expired, &why).await?;
                Err(self.parked(&format!("is not given a token: {why}")).await?)
            }
        }
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
        Ok(HttpRequest { method, url, headers, body, timeout: self.cx.timeout, target: Target::Connection })
    }

    /// What must not be done twice is not tried again when it may have been done.
    fn in_doubt(&self, error: ActionError, is_repeatable: bool) -> ActionError {
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

    async fn parked(&self, standing: &str) -> Result<ActionError, ActionError> {
        self.cx.ledger.park(self.connection.id).await?;
        let message =
            format!("{} {standing}: connect it again in the settings, then this goes on", self.who());
        Ok(ActionError::new(ErrorKind::Parked, message))
    }

    /// Notes that something is about to be made in this step, and answers what an earlier attempt left.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn making(&self) -> Result<Making, ActionError> {
        // Whoever has to wait for the turn has not begun.
        self.take_turn().await?;
        self.cx.ledger.making(self.connection.id, self.cx.idempotency_key, self.cx.now).await
    }

    /// Notes that what was to be made was surely not made.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn unmade(&self) -> Result<(), ActionError> {
        self.cx.ledger.unmade(self.connection.id, self.cx.idempotency_key).await
    }

    /// Notes what was made, and gives the step's output.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn made(&self, reference: Reference, created: bool) -> Result<Value, ActionError> {
        self.cx.ledger.made(self.connection.id, self.cx.idempotency_key, &reference).await?;
        Ok(record(&reference, created))
    }
}

struct Credentials {
    headers: Vec<(String, String)>,
    instance: Option<String>,
    generation: Option<i64>,
    is_anonymous: bool,
}

impl Credentials {
    fn of(generation: i64, token: &crate::ledger::Token) -> Self {
        let headers = vec![("Authorization".to_owned(), format!("Bearer {}", token.access))];
        Self { headers, instance: token.instance.clone(), generation: Some(generation), is_anonymous: false }
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
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

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
