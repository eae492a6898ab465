//! A workflow that calls from outside start (control-flow.md, `"webhook"`): how a caller shows who it is, and what it is answered.
//!
//! Secrets stand in `trigger_config` as they were sent while a definition is checked, and sealed once it is saved: whoever saves seals them
//! (`api/src/hook_secret.rs`), and whoever takes a call opens them. Nothing here can tell one from the other.

use std::fmt;

use model::{Period, Problem};
use serde_json::{Map, Value};

use crate::{retry, schema::below, suggest::among};

/// Who may start the workflow, and how the call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// How a caller shows who it is.
    pub auth: Auth,
    /// What it waits for.
    pub respond: Respond,
    /// How long it waits at most.
    pub timeout: Period,
    /// The header whose value names the call: the same one again within 24 hours is the same call.
    pub dedupe_header: Option<String>,
}

/// How a caller shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// By knowing the address.
    None,
    /// By a name and a password (RFC 7617).
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// By the value of a header.
    Header {
        /// The header's name, in lower case.
        name: String,
        /// What it must be.
        value: Secret,
    },
    /// By an HMAC of the body in a header.
    Hmac(Box<Hmac>),
    /// By the signature of the Standard Webhooks.
    StandardWebhooks {
        /// The key, `whsec_…`.
        secret: Secret,
    },
}

/// An HMAC of the body in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hmac {
    /// The key.
    pub secret: Secret,
    /// The header's name, in lower case.
    pub header: String,
    /// With which hash.
    pub algorithm: Algorithm,
    /// How it is written.
    pub encoding: Encoding,
    /// What stands before it, such as `sha256=`.
    pub prefix: String,
}

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How the bytes of an HMAC are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Two digits for each byte, of either case.
    Hex,
    /// Base64, with padding or without.
    Base64,
}

/// What a caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Respond {
    /// That the run is durable.
    Accepted,
    /// That it has ended.
    Result,
}

/// A secret as the definition has it, sent or sealed; its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The fields of `auth` that are secrets.
pub const SECRETS: [&str; 3] = ["password", "value", "secret"];
/// How long a caller waits unless it is said.
const TIMEOUT: Period = Period::seconds(10);
const LONGEST_TIMEOUT: Period = Period::minutes(1);
const KEYS: [&str; 4] = ["auth", "respond", "timeout", "dedupeHeader"];

impl Hook {
    /// Reads a `trigger_config`; adds every problem.
    pub(crate) fn compile(
        config: &Map<String, Value>,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut reading = Reading { problems, sound: true };
        reading.known(config, path, &KEYS);
        let auth = reading.auth(config.get("auth"), &below(path, "auth"));
        let respond = reading.word(
            config,
            "respond",
            path,
            &[("accepted", Respond::Accepted), ("result", Respond::Result)],
            Respond::Accepted,
        );
        let timeout = match config.get("timeout").filter(|value| !value.is_null()).map(retry::period) {
            None => TIMEOUT,
            Some(Ok(timeout)) if timeout > Period::ZERO && timeout <= LONGEST_TIMEOUT => timeout,
            Some(Ok(_)) => {
                reading.refuse(below(path, "timeout"), "more than nothing and at most a minute is needed");
                TIMEOUT
            }
            Some(Err(message)) => {
                reading.refuse(below(path, "timeout"), message);
                TIMEOUT
            }
        };
        let dedupe_header = match config.get("dedupeHeader") {
            None | Some(Value::Null) => None,
            Some(value) => reading.header(Some(value), &below(path, "dedupeHeader")),
        };
        reading.sound.then_some(Self { auth: auth?, respond, timeout, dedupe_header })
    }
}

struct Reading<'p> {
    problems: &'p mut Vec<Problem>,
    sound: bool,
}

impl Reading<'_> {
    fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.sound = false;
        self.problems.push(Problem::at(path, message));
    }

    fn known(&mut self, fields: &Map<String, Value>, path: &str, known: &[&str]) {
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            self.refuse(
                below(path, key),
                format!("there is no \"{key}\"{}", among(key, known.iter().copied())),
            );
        }
    }

    fn word<T: Copy>(
        &mut self,
        fields: &Map<String, Value>,
        key: &str,
        path: &str,
        words: &[(&str, T)],
        otherwise: T,
    ) -> T {
        let Some(value) = fields.get(key).filter(|value| !value.is_null()) else { return otherwise };
        match words.iter().find(|(word, _)| value == word) {
            Some((_, meant)) => *meant,
            None => {
                let names: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                self.refuse(below(path, key), format!("one of {} is needed", names.join(", ")));
                otherwise
            }
        }
    }

    fn text(&mut self, fields: &Map<String, Value>, key: &str, path: &str, what: &str) -> Option<String> {
        match fields.get(key).and_then(Value::as_str).filter(|text| !text.is_empty() && text.len() <= 1_000) {
            Some(text) => Some(text.to_owned()),
            None => {
                self.refuse(below(path, key), format!("{what} is needed"));
                None
            }
        }
    }

    fn header(&mut self, value: Option<&Value>, path: &str) -> Option<String> {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        match value.and_then(Value::as_str) {
            Some(name) if (1..=100).contains(&name.len()) && name.chars().all(token) => {
                Some(name.to_ascii_lowercase())
            }
            _ => {
                self.refuse(path, "the name of a header is needed, such as \"X-Request-Id\"");
                None
            }
        }
    }

    fn auth(&mut self, value: Option<&Value>, path: &str) -> Option<Auth> {
        let fields = match value {
            None | Some(Value::Null) => return Some(Auth::None),
            Some(Value::Object(fields)) => fields,
            Some(_) => {
                self.refuse(path, "an object is needed, such as {\"type\":\"none\"}");
                return None;
            }
        };
        let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
        let keys: &[&str] = match kind {
            "none" => &["type"],
            "basic" => &["type", "username", "password"],
            "header" => &["type", "name", "value"],
            "hmac" => &["type", "secret", "header", "algorithm", "encoding", "prefix"],
            "standard_webhooks" => &["type", "secret"],
            _ => {
                let kinds = "\"none\", \"basic\", \"header\", \"hmac\", \"standard_webhooks\"";
                self.refuse(below(path, "type"), format!("one of {kinds} is needed"));
                return None;
            }
        };
        self.known(fields, path, keys);
        match kind {
            "basic" => {
                let username = self.text(fields, "username", path, "a name");
                let password = self.text(fields, "password", path, "a password").map(Secret);
                Some(Auth::Basic { username: username?, password: password? })
            }
            "header" => {
                let name = self.header(fields.get("name"), &below(path, "name"));
                let value =
                    self.text(fields, "value", path, "the secret that the header must have").map(Secret);
                Some(Auth::Header { name: name?, value: value? })
            }
            "hmac" => {
                let secret = self.text(fields, "secret", path, "the key of the HMAC").map(Secret);
                let header = self.header(fields.get("header"), &below(path, "header"));
                let algorithms = [("sha256", Algorithm::Sha256), ("sha512", Algorithm::Sha512)];
                let algorithm = self.word(fields, "algorithm", path, &algorithms, Algorithm::Sha256);
                let encodings = [("hex", Encoding::Hex), ("base64", Encoding::Base64)];
                let encoding = self.word(fields, "encoding", path, &encodings, Encoding::Hex);
                let prefix = match fields.get("prefix") {
                    None | Some(Value::Null) => Some(String::new()),
                    Some(_) => self.text(fields, "prefix", path, "text such as \"sha256=\""),
                };
                Some(Auth::Hmac(Box::new(Hmac {
                    secret: secret?,
                    header: header?,
                    algorithm,
                    encoding,
                    prefix: prefix?,
                })))
            }
            "standard_webhooks" => {
                let secret = self.text(fields, "secret", path, "a key that begins with whsec_").map(Secret);
                Some(Auth::StandardWebhooks { secret: secret? })
            }
            _ => Some(Auth::None),
        }
    }
}
