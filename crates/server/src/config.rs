//! Configuration: flag over environment over `vtrustx.toml` over default.
//!
//! Whatever its source, a value is text until [`merge`] parses it, so that a wrong one is refused in the same
//! words everywhere, with the name of the place where it is written. `merge` is pure; only [`Config::load`]
//! looks at the machine. Limits that an operator may set live here.

mod arguments;
mod file;
mod setting;
mod value;

#[cfg(test)]
mod tests;

use std::{env, net::SocketAddr, path::PathBuf};

use engine::{DEEPEST, MOST_DEEP};
use model::Period;
use store::metrics::{DEFAULT_TENANTS, MOST_TENANTS};

pub use arguments::ServeArguments;
pub use file::ConfigFile;
pub use value::{BootstrapAdmin, Database, LogFormat, Secret};

use setting::{
    ALLOW_PRIVATE_TARGETS, BOOTSTRAP_ADMIN, BOOTSTRAP_API_KEY, DATA_DIR, DATABASE, DEMO, LISTEN, LOG_FORMAT,
    MAX_DEPTH, METRICS_TENANTS, OTLP_ENDPOINT, PUBLIC_URL, RETRY_DELAYS, SECRET_KEY, SMTP_URL, Sources,
    TRACE_PERCENT, WORKERS,
};

/// How many executions run at once. A running one mostly waits, for another service or for its own commit,
/// so the number costs little; and since one commit takes at most one write of each, it bounds the group that
/// a commit writes: groups of some hundreds are what keeps a slow disk (300 commits/s) fast enough.
const DEFAULT_WORKERS: usize = 256;

/// Above this the sockets of one process run out first.
const MOST_WORKERS: usize = 10_000;

/// More automatic retries than anyone reads about; each is a row in the timers.
const MOST_RETRIES: usize = 20;

/// Everything that `serve` needs to know, checked. Its `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to accept connections; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where everything is stored.
    pub database: Database,
    /// Holds the embedded database and the key file, made when missing.
    pub data_dir: PathBuf,
    /// Seed demo data once.
    pub demo: bool,
    /// The wait before each automatic retry of an execution, in order; empty: no retries.
    pub retry_delays: Vec<Period>,
    /// Let webhooks and integrations call private addresses.
    pub allow_private_targets: bool,
    /// The mail server for tenants without one of their own, as `smtp://` or `smtps://`; none: an outbox.
    pub smtp_url: Option<Secret>,
    /// How people reach this server, for links in mails; without a slash at its end.
    pub public_url: Option<String>,
    /// Executions that run at once, at least one.
    pub workers: usize,
    /// How deep workflows may start one another before it counts as a loop.
    pub max_depth: u32,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Tenants that have numbers of their own in the metrics, at least one; all others are counted together.
    pub metrics_tenants: usize,
    /// Where traces are sent, an OTLP receiver's base address; none: nowhere.
    pub otlp_endpoint: Option<String>,
    /// The share of the traces that is sent, from 0 to 100 percent.
    pub trace_percent: u8,
    /// Seals secrets at rest; none: a key file in the data directory. From the environment only.
    pub secret_key: Option<Secret>,
    /// The admin API key that the first start creates. From the environment only.
    pub bootstrap_api_key: Option<Secret>,
    /// The user that the first start creates. From the environment only.
    pub bootstrap_admin: Option<BootstrapAdmin>,
}

/// Why the server does not start: a sentence with the place and the fix, and never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value of some source does not parse.
    #[error("{place} {problem}: write {expected}")]
    Value {
        /// `--listen`, `VTRUSTX_LISTEN` or `listen in vtrustx.toml`.
        place: String,
        /// What is wrong, with the value itself where it cannot be secret.
        problem: String,
        /// How to write it.
        expected: &'static str,
    },
    /// The file cannot be read, or is not TOML.
    #[error("{path}: {problem}")]
    File {
        /// As it was given.
        path: String,
        /// With the line, where there is one.
        problem: String,
    },
    /// A key that means nothing.
    #[error("{path}: there is no key `{key}`; {hint}")]
    UnknownKey {
        /// As it was given.
        path: String,
        /// As it is written.
        key: String,
        /// The key that was meant, or all there are.
        hint: String,
    },
    /// A secret in a file that is copied and committed.
    #[error("{path}: `{key}` is a secret and is read from the environment only: set {variable} instead")]
    SecretInFile {
        /// As it was given.
        path: String,
        /// As it is written.
        key: String,
        /// The variable to set.
        variable: String,
    },
}

impl Config {
    /// Reads this process's environment, and `--config FILE` or else `vtrustx.toml` in the working directory.
    pub fn load(arguments: &ServeArguments) -> Result<Self, ConfigError> {
        let file = ConfigFile::find(arguments.config.as_deref())?;
        let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        merge(arguments, &variable, &file)
    }
}

/// The configuration that three sources give together; the first that has a value decides.
///
/// `variable` looks up an environment variable. An empty variable counts as none, as container files set
/// those they have no value for, except where empty means something (`VTRUSTX_RETRY_DELAYS`).
pub fn merge(
    flags: &ServeArguments,
    variable: &dyn Fn(&str) -> Option<String>,
    file: &ConfigFile,
) -> Result<Config, ConfigError> {
    let sources = Sources { flags, variable, file };
    let data_dir = sources.read(&DATA_DIR, value::directory)?.unwrap_or_else(|| "./vtrustx-data".into());
    Ok(Config {
        listen: sources
            .read(&LISTEN, value::address)?
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
        database: sources
            .read(&DATABASE, value::database)?
            .unwrap_or_else(|| Database::Sqlite(data_dir.join("vtrustx.db"))),
        data_dir,
        demo: sources.read(&DEMO, value::switch)?.unwrap_or(false),
        retry_delays: sources
            .read(&RETRY_DELAYS, |text| value::periods(text, MOST_RETRIES))?
            .unwrap_or_else(|| [1, 5, 15].map(Period::minutes).into()),
        allow_private_targets: sources.read(&ALLOW_PRIVATE_TARGETS, value::switch)?.unwrap_or(false),
        smtp_url: sources.read(&SMTP_URL, value::smtp_url)?,
        public_url: sources.read(&PUBLIC_URL, value::public_url)?,
        workers: sources.read(&WORKERS, |text| value::count(text, MOST_WORKERS))?.unwrap_or(DEFAULT_WORKERS),
        max_depth: sources
            .read(&MAX_DEPTH, |text| value::count(text, MOST_DEEP as usize))?
            .and_then(|depth| u32::try_from(depth).ok())
            .unwrap_or(DEEPEST),
        log_format: sources.read(&LOG_FORMAT, value::log_format)?.unwrap_or(LogFormat::Text),
        metrics_tenants: sources
            .read(&METRICS_TENANTS, |text| value::count(text, MOST_TENANTS))?
            .unwrap_or(DEFAULT_TENANTS),
        otlp_endpoint: sources.read(&OTLP_ENDPOINT, value::public_url)?,
        trace_percent: sources.read(&TRACE_PERCENT, value::percent)?.unwrap_or(100),
        secret_key: sources.read(&SECRET_KEY, value::secret)?,
        bootstrap_api_key: sources.read(&BOOTSTRAP_API_KEY, value::api_key)?,
        bootstrap_admin: sources.read(&BOOTSTRAP_ADMIN, value::bootstrap_admin)?,
    })
}
