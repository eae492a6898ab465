//! Mail by SMTP: one client for the whole program, bound for each tenant to its server.
//!
//! Connections are kept and used again, per server. A connection returns to the pool only after a whole, successful
//! exchange: one that was given up half-way is closed, because the next mail would read the answers to this one.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use lettre::transport::smtp::{
    Error as SmtpError,
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, Certificate, TlsParameters},
    extension::ClientId,
};
use model::{
    effect::Mail,
    settings::{Sender, Smtp, SmtpSecurity},
};
use url::Url;

use crate::{
    action::{ActionError, ErrorKind},
    address::{AddressPolicy, NotPublic},
    capability::{MailOutcome, Mailer},
    hosts::Gate,
};

pub mod dkim;
pub mod layout;
mod message;
pub mod text;

pub use message::{BadAddress, address};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);
/// Servers close idle connections after minutes; a shorter time avoids most failed attempts.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_IDLE: usize = 4;

/// A server and how to sign in to it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SmtpServer {
    host: String,
    port: u16,
    security: Security,
    /// User and password; a password that cannot be read is none.
    credentials: Option<(String, Option<String>)>,
    /// Chosen by a tenant rather than by who runs the program.
    of_tenant: bool,
    /// The sender when neither step nor tenant names one.
    sender: Option<String>,
    /// A file with certificates of authorities that are trusted besides the well-known ones.
    authorities: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Security {
    Plain,
    Opportunistic,
    StartTls,
    Tls,
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpServer({self}, {:?})", self.security)
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Text that names no SMTP server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no SMTP server: {0}; smtp://user:password@host:587 or smtps://user:password@host is needed")]
pub struct NotAServer(String);

impl SmtpServer {
    /// The server of a tenant's settings; the password is kept apart from them.
    #[must_use]
    pub fn of_tenant(settings: &Smtp, password: Option<String>) -> Self {
        let security = match settings.security {
            SmtpSecurity::Starttls => Security::StartTls,
            SmtpSecurity::Tls => Security::Tls,
            SmtpSecurity::None => Security::Plain,
        };
        let credentials = settings
            .username
            .clone()
            .map(|name| (name, Some(password.or_else(|| settings.password.clone()).unwrap_or_default())));
        let (host, port) = (settings.host.clone(), settings.port);
        Self { host, port, security, credentials, of_tenant: true, sender: None, authorities: None }
    }

    /// The same when there is a password that cannot be read: no mail is sent with another one, which could lock the account.
    #[must_use]
    pub fn without_password(mut self) -> Self {
        self.credentials = self.credentials.map(|(name, _)| (name, None));
        self
    }
}

/// `smtp://` (port 587, or 25 without credentials) or `smtps://` (465). Options: `?tls=required`, `?tls=none`, and
/// `?from=` with the sender when nobody names one; `?ca=` with a file of certificates (PEM) that are trusted besides the well-known ones. Without `tls`, `smtp://` uses STARTTLS where the server has it, and
/// insists on it before a password goes to another machine.
impl FromStr for SmtpServer {
    type Err = NotAServer;
    fn from_str(text: &str) -> Result<Self, NotAServer> {
        let url = Url::parse(text).map_err(|error| NotAServer(error.to_string()))?;
        let no = |why: &str| NotAServer(why.to_owned());
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| no("user and password must be UTF-8"))
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| no("the host is missing"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let credentials = match url.username() {
            "" => None,
            name => Some((decode(name)?, Some(decode(url.password().unwrap_or_default())?))),
        };
        let (mut tls, mut sender, mut authorities) = (None, None, None);
        for (name, value) in url.query_pairs() {
            match &*name {
                "tls" => tls = Some(value.into_owned()),
                "from" => sender = Some(address(&value).map_err(|error| NotAServer(error.to_string()))?),
                "ca" => authorities = Some(PathBuf::from(&*value)),
                _ => return Err(NotAServer(format!("the option {name:?} is not known"))),
            }
        }
        let local = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let security = match (url.scheme(), tls.as_deref()) {
            ("smtps", None | Some("required")) => Security::Tls,
            ("smtp", Some("required")) => Security::StartTls,
            ("smtp", Some("none")) => Security::Plain,
            ("smtp", None) if credentials.is_some() && !local => Security::StartTls,
            ("smtp", None | Some("opportunistic")) => Security::Opportunistic,
            ("smtp" | "smtps", Some(_)) => return Err(no("tls is one of required, opportunistic, none")),
            _ => return Err(no("the scheme is neither smtp nor smtps")),
        };
        let default_port = match (security, &credentials) {
            (Security::Tls, _) => 465,
            (_, Some(_)) => 587,
            (_, None) => 25,
        };
        let port = url.port().unwrap_or(default_port);
        Ok(Self { host, port, security, credentials, of_tenant: false, sender, authorities })
    }
}

/// The program's mail client.
#[derive(Clone)]
pub struct SmtpClient {
    server: Option<SmtpServer>,
    policy: AddressPolicy,
    pool: Arc<Mutex<HashMap<SmtpServer, Vec<Idle>>>>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// The client with a tenant's server and sender, and what its mails pass on their way.
#[derive(Clone)]
pub struct BoundMailer<'a> {
    client: SmtpClient,
    server: Option<SmtpServer>,
    sender: String,
    gate: Gate<'a>,
    layout: Option<String>,
    signer: Option<Arc<dkim::Signer>>,
}

impl BoundMailer<'_> {
    /// With the tenant's layout, and with what signs its mails.
    #[must_use]
    pub fn styled(self, layout: Option<String>, signer: Option<Arc<dkim::Signer>>) -> Self {
        Self { layout, signer, ..self }
    }
}

impl SmtpClient {
    /// A client with the installation's server, if it has one. `policy` is for servers that tenants choose.
    #[must_use]
    pub fn new(server: Option<SmtpServer>, policy: AddressPolicy) -> Self {
        Self { server, policy, pool: Arc::default() }
    }

    /// For one tenant: its own server, else the installation's.
    #[must_use]
    pub fn bound<'a>(
        &self,
        tenant_server: Option<SmtpServer>,
        sender: &Sender,
        gate: Gate<'a>,
    ) -> BoundMailer<'a> {
        let server = tenant_server.or_else(|| self.server.clone());
        let sender = message::sender(sender)
            .or_else(|| server.as_ref().and_then(|server| server.sender.clone()))
            .or_else(|| {
                let (user, _) = server.as_ref()?.credentials.as_ref()?;
                address(user).ok()
            })
            .unwrap_or_else(|| "no-reply@localhost".to_owned());
        BoundMailer { client: self.clone(), server, sender, gate, layout: None, signer: None }
    }

    async fn deliver(
        &self,
        server: &SmtpServer,
        mail: &Mail,
        signer: Option<&dkim::Signer>,
    ) -> Result<String, ActionError> {
        let message = message::build(mail)?;
        let bytes = match signer {
            Some(signer) => signer.signed(&message.formatted()),
            None => message.formatted(),
        };
        let mut connection = match self.idle(server).await {
            Some(connection) => connection,
            None => self.connect(server).await?,
        };
        let sent = connection.send(message.envelope(), &bytes).await;
        let reply = sent.map_err(|error| failure(server, &error))?;
        self.keep(server, connection);
        let text: Vec<&str> = reply.message().collect();
        Ok(format!("{} {}", reply.code(), text.join(" ")))
    }

    /// A kept connection that still works.
    async fn idle(&self, server: &SmtpServer) -> Option<AsyncSmtpConnection> {
        loop {
            let idle = self.pool.lock().expect("no holder of this lock can panic").get_mut(server)?.pop()?;
            if idle.since.elapsed() > IDLE_TIMEOUT {
                continue;
            }
            let mut connection = idle.connection;
            let alive = tokio::time::timeout(CONNECT_TIMEOUT, connection.test_connected());
            if alive.await.unwrap_or(false) {
                return Some(connection);
            }
        }
    }

    fn keep(&self, server: &SmtpServer, connection: AsyncSmtpConnection) {
        let mut pool = self.pool.lock().expect("no holder of this lock can panic");
        pool.retain(|_, kept| {
            kept.retain(|idle| idle.since.elapsed() <= IDLE_TIMEOUT);
            !kept.is_empty()
        });
        let kept = pool.entry(server.clone()).or_default();
        if kept.len() < MOST_IDLE {
            kept.push(Idle { connection, since: Instant::now() });
        }
    }

    async fn connect(&self, server: &SmtpServer) -> Result<AsyncSmtpConnection, ActionError> {
        if let Some((_, None)) = &server.credentials {
            return Err(ActionError::new(
                ErrorKind::Unavailable,
                format!(
                    "the password of the mail server {server} cannot be read: enter it again in the settings"
                ),
            ));
        }
        let addresses = self.resolve(server).await?;
        let failed = |error: SmtpError| failure(server, &error);
        let tls = || tls_for(server);
        let implicit = if server.security == Security::Tls { Some(tls()?) } else { None };
        let name = ClientId::default();
        let connecting =
            AsyncSmtpConnection::connect_tokio1(&addresses[..], Some(CONNECT_TIMEOUT), &name, implicit, None);
        let mut connection = connecting.await.map_err(failed)?;
        let upgrade = match server.security {
            Security::StartTls => true,
            Security::Opportunistic => connection.can_starttls(),
            Security::Plain | Security::Tls => false,
        };
        if upgrade {
            connection.starttls(tls()?, &name).await.map_err(failed)?;
        }
        if let Some((user, Some(password))) = &server.credentials {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(failed)?;
        }
        Ok(connection)
    }

    async fn resolve(&self, server: &SmtpServer) -> Result<Vec<SocketAddr>, ActionError> {
        let policy = if server.of_tenant { self.policy } else { AddressPolicy::Any };
        policy.resolve(&server.host, server.port).await.map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<NotPublic>()) {
                Some(refused) => {
                    ActionError::refused(format!("the mail server {server} is refused: {refused}"))
                }
                None => {
                    ActionError::new(ErrorKind::Connection, format!("the mail server {server} is not found"))
                        .caused_by(&error)
                }
            }
        })
    }
}

impl Mailer for BoundMailer<'_> {
    fn default_sender(&self) -> String {
        self.sender.clone()
    }

    fn dressed(&self, mail: Mail) -> Mail {
        layout::dressed(mail, self.layout.as_deref())
    }

    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<MailOutcome, ActionError>> {
        async move {
            let Some(server) = &self.server else {
                message::build(mail)?;
                return Ok(MailOutcome::NoServer);
            };
            let delivery = async {
                let delivery = self.client.deliver(server, mail, self.signer.as_deref());
                tokio::time::timeout(EXCHANGE_TIMEOUT, delivery).await.unwrap_or_else(|_| {
                    let message = format!("the mail server {server} did not answer in time");
                    Err(ActionError::new(ErrorKind::Timeout, message))
                })
            };
            let response = self.gate.through(&format!("the mail server {server}"), delivery).await?;
            Ok(MailOutcome::Sent { response })
        }
        .boxed()
    }
}

fn tls_for(server: &SmtpServer) -> Result<TlsParameters, ActionError> {
    let failed = |error: SmtpError| failure(server, &error);
    let mut parameters = TlsParameters::builder(server.host.clone());
    if let Some(path) = &server.authorities {
        // Small, and on this machine: read anew, so that it can be replaced while the server runs.
        let pem = std::fs::read(path).map_err(|error| {
            let message = format!(
                "the certificates for the mail server {server} cannot be read from {}",
                path.display()
            );
            ActionError::new(ErrorKind::Unavailable, message).caused_by(&error)
        })?;
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(failed)?);
    }
    parameters.build().map_err(failed)
}

fn failure(server: &SmtpServer, error: &SmtpError) -> ActionError {
    let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let reply = |code| format!("the mail server {server} answered {code} {said}").trim_end().to_owned();
    match error.status() {
        Some(code) if error.is_transient() => ActionError::new(ErrorKind::Unavailable, reply(code)),
        Some(code) => ActionError::refused(reply(code)),
        None if error.is_client() => {
            ActionError::refused(format!("the mail server {server} cannot be used: {said}"))
        }
        None => {
            let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Connection };
            let message = format!("the connection to the mail server {server} failed");
            ActionError::new(kind, message).caused_by(error)
        }
    }
}

#[cfg(test)]
mod tests;
