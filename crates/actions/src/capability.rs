//! What an action may use: narrow traits, implemented by the real adapters here and by the engine.

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use model::{
    IntegrationId, Timestamp,
    effect::Mail,
    mailing::{Purpose, Refusal},
};
use serde_json::{Map, Value};

use crate::{
    action::{ActionError, ErrorKind},
    ledger::{Quota, Standing},
};

/// Sends HTTP requests for one step.
pub trait Http: Send + Sync {
    /// Sends one request and reads the answer, whatever its status.
    ///
    /// # Errors
    /// When there is no answer: the target is refused, not reached, too slow, or speaks no HTTP.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, ActionError>>;
}

/// A request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `POST` and the like, in upper case.
    pub method: String,
    /// An absolute http or https address.
    pub url: String,
    /// Names and values; control characters in values are taken out.
    pub headers: Vec<(String, String)>,
    /// The body, already encoded.
    pub body: Bytes,
    /// For the whole exchange, the answer's body included.
    pub timeout: Duration,
    /// How much of the answer's body is read, in bytes: [`LONGEST_BODY`] where it is only to be kept.
    pub longest: usize,
    /// Who chose the host.
    pub target: Target,
}

/// Who chose the host of a request: the reason to trust it or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The definition, perhaps with data in it: the host must be one that the step may reach.
    Definition,
    /// An administrator, in a stored connection: data cannot have changed it.
    Connection,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values; those that are no text are made text.
    pub headers: Vec<(String, String)>,
    /// As much as the request asks for at most.
    pub body: Bytes,
    /// There was more.
    pub truncated: bool,
    /// Why a redirect was not followed, when the answer is one.
    pub not_followed: Option<&'static str>,
}

/// How much of an answer's body a step keeps (contract section 9).
pub const LONGEST_BODY: usize = 64 * 1024;
/// How much is read of one that has to be understood: half a list is worse than none.
pub const LONGEST_READ: usize = 2 * 1024 * 1024;

impl HttpResponse {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Sends mails for one tenant.
pub trait Mailer: Send + Sync {
    /// The `from` of a step that names none, such as `Care <care@example.com>`.
    fn default_sender(&self) -> String;

    /// The mail as it is sent: with a text beside its HTML, and in the tenant's layout.
    fn dressed(&self, mail: Mail) -> Mail {
        crate::mail::layout::dressed(mail, None)
    }

    /// Sends a mail by the tenant's server, else by the installation's.
    ///
    /// # Errors
    /// When the server refuses the mail, for now or for good, or is not reached.
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<MailOutcome, ActionError>>;
}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailOutcome {
    /// A server took it, and said this.
    Sent {
        /// The server's last reply.
        response: String,
    },
    /// There is no server: the mail shall be kept.
    NoServer,
}

/// Knows whom one tenant may write to.
pub trait Audience: Send + Sync {
    /// Those of the addresses that take no mail of a purpose.
    ///
    /// # Errors
    /// When the list cannot be read now.
    fn suppressed<'a>(
        &'a self,
        addresses: &'a [String],
        purpose: Purpose,
    ) -> BoxFuture<'a, Result<Vec<String>, ActionError>>;

    /// Admits a marketing mail under the step's key: what is admitted counts for how often somebody is written to. The same key counts once.
    ///
    /// # Errors
    /// When that cannot be decided now, or there is no address at which people could unsubscribe.
    fn admit<'a>(&'a self, key: &'a str, address: &'a str) -> BoxFuture<'a, Result<Admission, ActionError>>;

    /// The link by which a contact answers a form, under the step's key: the same key makes the same link.
    fn invitation(&self, key: &str) -> InvitationLink;

    /// Steps may fetch files and send them along.
    fn may_attach(&self) -> bool;
}

/// Whether a marketing mail may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may, with this address in it.
    Admitted {
        /// Where its receiver has no more of them.
        unsubscribe_url: String,
    },
    /// It may not.
    Refused(Refusal),
}

/// A link of somebody's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationLink {
    /// What it is known by.
    pub token: String,
    /// The whole address.
    pub url: String,
}

/// For where there is nobody who could turn anything down: everybody may be written to.
#[derive(Debug, Clone, Copy)]
pub struct Everybody;

impl Audience for Everybody {
    fn suppressed<'a>(
        &'a self,
        _: &'a [String],
        _: Purpose,
    ) -> BoxFuture<'a, Result<Vec<String>, ActionError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn admit<'a>(&'a self, key: &'a str, _: &'a str) -> BoxFuture<'a, Result<Admission, ActionError>> {
        let unsubscribe_url = format!("https://example.com/unsubscribe/{key}");
        Box::pin(std::future::ready(Ok(Admission::Admitted { unsubscribe_url })))
    }

    fn invitation(&self, key: &str) -> InvitationLink {
        InvitationLink { token: key.to_owned(), url: format!("https://example.com/i/{key}") }
    }

    fn may_attach(&self) -> bool {
        false
    }
}

/// Finds the stored connections of one tenant.
pub trait Connections: Send + Sync {
    /// The connection of that name, else the only one of the provider of that name.
    ///
    /// # Errors
    /// See [`NoConnection`].
    fn find<'a>(&'a self, name_or_provider: &'a str) -> BoxFuture<'a, Result<Connection, NoConnection>>;
}

/// A stored connection, its secrets decrypted.
#[derive(Clone, PartialEq)]
pub struct Connection {
    /// Unique over all tenants.
    pub id: IntegrationId,
    /// The name that the tenant gave it.
    pub name: String,
    /// Which provider it is of.
    pub provider: String,
    /// The settings that may be seen.
    pub config: Value,
    /// The settings that may not.
    pub secrets: Map<String, Value>,
    /// Grows with each change of the record: what was found of an earlier one says nothing of this one.
    pub version: i64,
    /// How it was when it was last used.
    pub standing: Standing,
    /// What the other side last said of the calls that are left.
    pub quota: Option<Quota>,
    /// Until when the other side asks to be left alone.
    pub limited_until: Option<Timestamp>,
}

impl Connection {
    /// A secret that is set.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&str> {
        self.secrets.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// A secret without which nothing goes.
    ///
    /// # Errors
    /// That it is not set.
    pub fn required_secret(&self, name: &str) -> Result<&str, ActionError> {
        self.secret(name).ok_or_else(|| self.lacks(name))
    }

    /// That a setting or secret is not set.
    #[must_use]
    pub fn lacks(&self, name: &str) -> ActionError {
        let message = format!("the connection {:?} is not set up well: {name} is not set", self.name);
        ActionError::new(ErrorKind::InvalidConfig, message)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoConnection {
    /// Nothing of that name.
    #[error("there is no such connection; {}", list(.known))]
    Missing {
        /// The names that there are.
        known: Vec<String>,
    },
    /// More than one of the provider.
    #[error("there are several connections of this provider, so one must be named: {}", .names.join(", "))]
    Ambiguous {
        /// Their names.
        names: Vec<String>,
    },
    /// It cannot be looked up now.
    #[error("connections cannot be read now: {0}")]
    Unavailable(String),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none is set up yet".to_owned() } else { format!("known are {}", names.join(", ")) }
}
