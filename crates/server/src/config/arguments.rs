//! The command line of `vtrustx serve`.

use std::{fmt, path::PathBuf};

use super::setting::SETTINGS;

/// The options of `serve`. Each is optional, and text, for [`super::merge`] decides between the sources.
///
/// Given twice, the last one counts, so that a script can be called with more options after its own.
#[derive(Clone, Default, clap::Args)]
#[command(args_override_self = true)]
pub struct ServeArguments {
    /// Read this file instead of vtrustx.toml in the working directory
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Where to accept connections; port 0 picks a free one and prints it [env: VTRUSTX_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,

    /// Where to store everything: sqlite:PATH or postgres://… [env: VTRUSTX_DATABASE or DATABASE_URL] [default: sqlite:DATA-DIR/vtrustx.db]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,

    /// Holds the embedded database and the key file [env: VTRUSTX_DATA_DIR] [default: ./vtrustx-data]
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<String>,

    /// Seed demo data once [env: VTRUSTX_DEMO] [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub demo: Option<String>,

    /// Waits before the automatic retries of a failed execution; "" for none [env: VTRUSTX_RETRY_DELAYS] [default: 1m,5m,15m]
    #[arg(long, value_name = "PERIODS")]
    pub retry_delays: Option<String>,

    /// Let webhooks and integrations call private addresses [env: VTRUSTX_ALLOW_PRIVATE_TARGETS] [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_private_targets: Option<String>,

    /// The mail server for tenants without one of their own; none: mails stay in the outbox [env: VTRUSTX_SMTP_URL]
    #[arg(long, value_name = "URL")]
    pub smtp_url: Option<String>,

    /// How people reach this server, for links in mails [env: VTRUSTX_PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,

    /// Executions that run at once [env: VTRUSTX_WORKERS] [default: 256]
    #[arg(long, value_name = "N")]
    pub workers: Option<String>,

    /// How deep workflows may start one another before it counts as a loop and is stopped [env: VTRUSTX_MAX_DEPTH] [default: 8]
    #[arg(long, value_name = "N")]
    pub max_depth: Option<String>,

    /// How log lines are written: text or json [env: VTRUSTX_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// Tenants that have numbers of their own in /metrics [env: VTRUSTX_METRICS_TENANTS] [default: 100]
    #[arg(long, value_name = "N")]
    pub metrics_tenants: Option<String>,

    /// Send traces to this OpenTelemetry receiver, as OTLP over HTTP with JSON [env: VTRUSTX_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// The share of the traces that is sent, in percent [env: VTRUSTX_TRACE_PERCENT] [default: 100]
    #[arg(long, value_name = "PERCENT")]
    pub trace_percent: Option<String>,
}

/// Which options are given; an address may hold a password, so no values.
impl fmt::Debug for ServeArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = SETTINGS.iter().filter(|setting| (setting.flag)(self).is_some());
        f.write_str("ServeArguments ")?;
        f.debug_set().entries(given.map(|setting| setting.name)).finish()
    }
}
