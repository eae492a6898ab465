//! The types of settings, and their text forms. A problem completes "`--listen` is "…", …" and never
//! quotes the value: whether that may be shown is the setting's matter.

use std::{fmt, net::SocketAddr, path::PathBuf};

use model::Period;
use reqwest::Url;

/// A text that no log may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where everything is stored.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// The embedded database in this file, for one process.
    Sqlite(PathBuf),
    /// The whole `postgres://…` address, password included, for any number of nodes.
    Postgres(String),
}

/// The file, or the host alone.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "Sqlite({})", path.display()),
            Self::Postgres(address) => {
                let url = Url::parse(address).ok();
                write!(f, "Postgres({})", url.as_ref().and_then(Url::host_str).unwrap_or("…"))
            }
        }
    }
}

/// The first user.
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapAdmin {
    /// As it is typed to sign in.
    pub email: String,
    /// Kept only as a hash after the first start.
    pub password: Secret,
}

/// An e-mail address is personal data, so it stays out of logs too.
impl fmt::Debug for BootstrapAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BootstrapAdmin(…)")
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object per line, for machines.
    Json,
}

type Parsed<T> = Result<T, &'static str>;

pub(super) fn address(text: &str) -> Parsed<SocketAddr> {
    text.parse().map_err(|_| "not an address with a port")
}

pub(super) fn database(text: &str) -> Parsed<Database> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return match path {
            "" => Err("names no file"),
            ":memory:" => Err("would keep nothing over a restart"),
            path if path.contains('?') => Err("takes no parameters after a question mark"),
            path => Ok(Database::Sqlite(path.into())),
        };
    }
    let is_postgres = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if is_postgres { Ok(Database::Postgres(text.to_owned())) } else { Err("names no database") }
}

pub(super) fn directory(text: &str) -> Parsed<PathBuf> {
    if text.is_empty() { Err("not a path") } else { Ok(text.into()) }
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("neither true nor false"),
    }
}

pub(super) fn periods(text: &str, most: usize) -> Parsed<Vec<Period>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let periods: Vec<Period> = text
        .split(',')
        .map(|period| period.parse().map_err(|_| "not a list of periods up to a year"))
        .collect::<Result<_, _>>()?;
    if periods.len() > most { Err("too many retries") } else { Ok(periods) }
}

pub(super) fn smtp_url(text: &str) -> Parsed<Secret> {
    let url = Url::parse(text).map_err(|_| "is not an address of a mail server")?;
    match (url.scheme(), url.host_str()) {
        ("smtp" | "smtps", Some(host)) if !host.is_empty() => Ok(Secret(text.to_owned())),
        _ => Err("is not an address of a mail server"),
    }
}

pub(super) fn public_url(text: &str) -> Parsed<String> {
    let url = Url::parse(text).map_err(|_| "is not a web address")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("is not a web address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user or a password, which every mail would show");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a part after ? or #, which links cannot be built on");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

pub(super) fn count(text: &str, most: usize) -> Parsed<usize> {
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        Ok(_) => Err("out of range"),
        Err(_) => Err("not a whole number"),
    }
}

pub(super) fn percent(text: &str) -> Parsed<u8> {
    match text.parse() {
        Ok(number) if number <= 100 => Ok(number),
        Ok(_) => Err("out of range"),
        Err(_) => Err("not a whole number"),
    }
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("not a format of log lines"),
    }
}

pub(super) fn secret(text: &str) -> Parsed<Secret> {
    if text.is_empty() { Err("is empty") } else { Ok(Secret(text.to_owned())) }
}

pub(super) fn api_key(text: &str) -> Parsed<Secret> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret(text.to_owned()))
    } else {
        Err("cannot be sent in a header")
    }
}

/// Split at the first colon, which no usual address contains, so a password may have more of them.
pub(super) fn bootstrap_admin(text: &str) -> Parsed<BootstrapAdmin> {
    let (email, password) = text.split_once(':').ok_or("has no colon between e-mail address and password")?;
    let (name, domain) = email.split_once('@').ok_or("does not start with an e-mail address")?;
    if name.is_empty() || domain.is_empty() || email.contains(char::is_whitespace) {
        return Err("does not start with an e-mail address");
    }
    if password.is_empty() {
        return Err("has no password after the colon");
    }
    Ok(BootstrapAdmin { email: email.to_owned(), password: Secret(password.to_owned()) })
}
