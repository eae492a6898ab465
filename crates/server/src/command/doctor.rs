//! `vtrustx doctor`: what is wrong with a store and its servers, and what to do about it.
//!
//! The examination of the store is the store's own ([`store::doctor`]); here it is told what this machine has: the key, the clock, the disk, and a server's address.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use store::{
    database::Address,
    doctor::{Examination, Finding, Level, store_examine},
};

use crate::{
    clock::SystemClock,
    config::{Config, Secret, ServeArguments},
    error::Done,
    opening,
    output::{say, say_json},
};

/// Below this a store that takes a few thousand executions an hour has days left.
const SPACE_WARNING: u64 = 2 << 30;
/// Below this the next large transaction may not fit.
const SPACE_PROBLEM: u64 = 200 << 20;
/// How long a server may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to examine.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Ask this running server too: is it up, and ready?
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Look at every row and page where else a sample is looked at; may take minutes
    #[arg(long)]
    thorough: bool,

    /// Read this file instead of vtrustx.toml in the working directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The store, as for `serve` [env: VTRUSTX_DATABASE or DATABASE_URL]
    #[arg(long, value_name = "URL")]
    database: Option<String>,

    /// The directory of the store and the key file, as for `serve` [env: VTRUSTX_DATA_DIR]
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<String>,

    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand. The exit code is 0 when all is well, 1 when something should be looked at, 2 when something is wrong.
pub async fn run(arguments: Arguments) -> Done<ExitCode> {
    let config = Config::load(&ServeArguments {
        config: arguments.config,
        database: arguments.database,
        data_dir: arguments.data_dir,
        ..ServeArguments::default()
    })?;
    let address = opening::address(&config)?;
    let mut findings = Vec::new();
    if let Some(url) = &arguments.url {
        findings.extend(server(url).await);
    }
    if let Address::Sqlite(path) = &address {
        findings.extend(space(path));
    }
    let examination = Examination {
        address,
        secret_key: config.secret_key.as_ref().map(Secret::expose).map(str::to_owned),
        data_directory: config.data_dir,
        is_thorough: arguments.thorough,
        clock: Arc::new(SystemClock::default()),
    };
    findings.extend(store_examine(&examination).await);
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    if arguments.json {
        say_json(&json!({"level": worst, "findings": findings}));
    } else {
        tell(&findings, worst);
    }
    Ok(ExitCode::from(match worst {
        Level::Ok => 0,
        Level::Warning => 1,
        Level::Problem => 2,
    }))
}

fn tell(findings: &[Finding], worst: Level) {
    let word = |level: Level| match level {
        Level::Ok => "ok",
        Level::Warning => "WARNING",
        Level::Problem => "PROBLEM",
    };
    for finding in findings {
        say(format_args!("{:<8} {:<11} {}", word(finding.level), finding.check, finding.found));
        if let Some(fix) = &finding.fix {
            say(format_args!("{:<20} → {fix}", ""));
        }
    }
    let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    say(match worst {
        Level::Ok => "\nall is well".to_owned(),
        _ => format!("\nproblems: {}, warnings: {}", count(Level::Problem), count(Level::Warning)),
    });
}

/// What a running server says of itself.
async fn server(url: &str) -> Vec<Finding> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    let base = url.trim_end_matches('/');
    let mut findings = Vec::new();
    for (check, path, fix) in [
        ("up", "/healthz", "is the address right, and does the process run? Look at its log"),
        (
            "ready",
            "/readyz",
            "the server cannot reach its store, or is starting or stopping: look at its log",
        ),
    ] {
        let begun = Instant::now();
        let answer = match &client {
            Ok(client) => client.get(format!("{base}{path}")).send().await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        findings.push(match answer {
            Ok(answer) if answer.status().is_success() => Finding::good(
                check,
                format!("{base}{path} answered within {} ms", begun.elapsed().as_millis()),
            ),
            Ok(answer) => Finding::problem(check, format!("{base}{path} answered {}", answer.status()), fix),
            Err(error) => Finding::problem(check, error, fix),
        });
    }
    findings
}

/// What is left on the disk of an SQLite file. The standard library cannot tell; `df` is in every base system, and without it there is no finding.
fn space(path: &Path) -> Option<Finding> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let output = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let free = free_of(&String::from_utf8_lossy(&output.stdout))?;
    let found = format!("{:.1} GiB free in {}", free as f64 / f64::from(1 << 30), folder.display());
    let fix = "make room or move the store: a full disk refuses events until there is room again, and loses nothing";
    Some(match free {
        SPACE_WARNING.. => Finding::good("disk", found),
        SPACE_PROBLEM.. => Finding::warning("disk", found, fix),
        _ => Finding::problem("disk", found, fix),
    })
}

/// Free bytes, of the answer of `df -Pk`: a heading, then one line whose fourth word is kilobytes.
fn free_of(answer: &str) -> Option<u64> {
    let kilobytes: u64 = answer.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::free_of;

    #[test]
    fn free_space_is_read_from_df() {
        let answer = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n/dev/sda1         10000000   9000000    999424      91% /\n";
        assert_eq!(free_of(answer), Some(999_424 << 10));
        assert_eq!(free_of("df: /none: No such file or directory"), None);
    }
}
