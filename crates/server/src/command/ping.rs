//! `vtrustx ping`: does the server on this machine answer? For whatever starts and watches it and has no HTTP client, such as a container's health check.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use crate::{
    config::{Config, ServeArguments},
    error::{CommandError, Done},
};

const PATIENCE: Duration = Duration::from_secs(4);

/// Which server, and what of it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Ask the server at this address [default: where the configuration says that this machine's server listens]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Ask whether it can work (/readyz), and not only whether it is up (/healthz)
    #[arg(long)]
    ready: bool,

    /// Read this file instead of vtrustx.toml in the working directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Says nothing when it answers; fails when it does not.
pub async fn run(arguments: Arguments) -> Done {
    let base = match arguments.url {
        Some(url) => url,
        None => {
            let config = Config::load(&ServeArguments { config: arguments.config, ..Default::default() })?;
            here(config.listen)
        }
    };
    let path = if arguments.ready { "/readyz" } else { "/healthz" };
    let failed = |problem: String| CommandError::Unreachable(format!("{base}{path}: {problem}"));
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build();
    let client = client.map_err(|error| failed(error.to_string()))?;
    let answer = client.get(format!("{}{path}", base.trim_end_matches('/'))).send().await;
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(failed(format!("answered {}", answer.status()))),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// A server that listens everywhere is reached on the loopback address.
fn here(mut listen: std::net::SocketAddr) -> String {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(std::net::Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{listen}")
}
