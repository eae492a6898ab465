//! The server under test: the release binary as a process, what it costs, and calls to its API.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{
    http::{Connection, request},
    place::{Database, Place},
};

/// The administrator's key of every server under test.
pub const KEY: &str = "the-key-of-the-benchmark";
const SECRET_KEY: &str = "the-secret-key-of-the-benchmark!";

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub port: u16,
    postmaster: Option<u32>,
}

/// What was used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Processor time of the server, in microseconds.
    pub server: f64,
    /// Processor time of PostgreSQL, in microseconds.
    pub database: f64,
    /// Bytes that the server wrote to the disk.
    pub written: f64,
}

impl Server {
    /// Starts the binary and waits until it is ready.
    ///
    /// # Errors
    /// What it said.
    pub async fn start(
        binary: &Path,
        place: &Place,
        database: &Database,
        options: &[&str],
    ) -> Result<Self, String> {
        let log = database.folder.join("server.log");
        let failed = |error: std::io::Error| format!("the server does not start: {error}");
        let mut child = command(binary, database)
            .args(["--listen", "127.0.0.1:0", "--allow-private-targets"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        let lines = BufReader::new(child.stdout.take().ok_or("the server has no output")?).lines();
        let (told, telling) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut told = Some(told);
            for line in lines.map_while(Result::ok) {
                if let Some(port) =
                    line.strip_prefix("listening on ").and_then(|url| url.rsplit(':').next()?.parse().ok())
                    && let Some(told) = told.take()
                {
                    told.send(port).ok();
                }
            }
        });
        let port =
            telling.await.map_err(|_| format!("the server ended at its start; see {}", log.display()))?;
        let server = Self { child, port, postmaster: place.postmaster() };
        while server.call("GET", "/readyz", &Value::Null).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Calls its API and answers what it said.
    ///
    /// # Errors
    /// Anything but success.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = Connection::open(self.port).await?.exchange(&request(method, path, KEY, &text)).await?;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        if !(200..300).contains(&answer.status) {
            return Err(format!("{method} {path}: {} {said}", answer.status));
        }
        Ok(serde_json::from_str(&said).unwrap_or(Value::String(said)))
    }

    /// What it and its database have used.
    pub fn usage(&self) -> Usage {
        let process = self.child.id();
        let written = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
        let written = written.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok());
        Usage {
            server: own_time(process),
            database: self.postmaster.map_or(0.0, family_time),
            written: written.unwrap_or_default(),
        }
    }

    /// Its resident memory, in MiB.
    pub fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kib.unwrap_or_default() / 1024.0
    }

    /// The value of one of its metrics, summed over its labels.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let Ok(Value::String(text)) = self.call("GET", "/metrics", &Value::Null).await else { return None };
        let values = text.lines().filter_map(|line| {
            let (found, value) = line.rsplit_once(' ')?;
            let is_it = found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
            is_it.then(|| value.parse::<f64>().ok()).flatten()
        });
        values.reduce(|sum, value| sum + value)
    }

    /// Ends it in good order.
    pub fn stop(mut self) {
        let process = self.child.id().to_string();
        if Command::new("kill").args(["-TERM", &process]).status().is_ok_and(|status| status.success()) {
            drop(self.child.wait());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary with its database and its keys; a subcommand comes first.
fn command(binary: &Path, database: &Database) -> Command {
    let mut command = Command::new(binary);
    command
        .args(["serve", "--database", &database.address])
        .arg("--data-dir")
        .arg(&database.folder)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("VTRUSTX_SECRET_KEY", SECRET_KEY)
        .env("VTRUSTX_BOOTSTRAP_API_KEY", KEY)
        .env("RUST_LOG", "warn");
    command
}

/// Runs another subcommand of the binary to its end; answers what it said.
///
/// # Errors
/// When it failed.
pub fn run(binary: &Path, database: &Database, arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(binary)
        .args(arguments)
        .args(["--database", &database.address])
        .arg("--data-dir")
        .arg(&database.folder)
        .arg("--json")
        .env("VTRUSTX_SECRET_KEY", SECRET_KEY)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("vtrustx {} failed", arguments.join(" ")));
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

/// A tick is 10 ms on every Linux that counts.
const TICK: f64 = 10_000.0;

/// User and system time of a process, without or with that of its children that have ended.
fn times(process: u32) -> Option<(u32, f64, f64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    let parent = fields.get(1)?.parse().ok()?;
    Some((parent, (ticks(11) + ticks(12)) * TICK, (ticks(13) + ticks(14)) * TICK))
}

fn own_time(process: u32) -> f64 {
    times(process).map_or(0.0, |(_, own, _)| own)
}

/// Of a process, the children that have ended, and those that live.
fn family_time(process: u32) -> f64 {
    let living = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let (parent, own, _) = times(entry.file_name().to_str()?.parse().ok()?)?;
        (parent == process).then_some(own)
    });
    times(process).map_or(0.0, |(_, own, ended)| own + ended) + living.sum::<f64>()
}
