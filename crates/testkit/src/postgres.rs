//! A real PostgreSQL: one cluster for all tests of this machine, one database for each test.
//!
//! The cluster is made when the first test asks, in a folder of its own, listens on the loopback address only and is left running, so
//! that the next test finds it; `VTRUSTX_TEST_POSTGRES` names another server instead. Nothing in it is worth
//! keeping: it does without fsync, which makes tests quick and changes nothing that killing a process could show. Who needs a server of their own
//! makes a [`Cluster`].

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::patience::Patience;

/// A database that goes away with its test.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
    _patience: Patience,
}

impl TestDatabase {
    /// Makes an empty database.
    ///
    /// # Panics
    /// When there is no PostgreSQL on this machine: `cargo xtask test` installs it.
    #[must_use]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("VTRUSTX_TEST_POSTGRES").unwrap_or_else(|_| cluster());
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let patience = Patience::begin();
        sql(&server, &format!("CREATE DATABASE {name}"));
        Self { server, name, _patience: patience }
    }

    /// `postgres://…/name`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// What a query of one column gives, a line for each row: as `psql` prints it.
    pub(crate) fn lines(&self, query: &str) -> Vec<String> {
        let printed = psql(&self.url(), query).unwrap_or_else(|complaint| panic!("{query}: {complaint}"));
        printed.lines().map(str::to_owned).collect()
    }
}

impl Default for TestDatabase {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        sql(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn sql(server: &str, statement: &str) {
    if let Err(complaint) = psql(&format!("{server}/postgres"), statement) {
        panic!("{statement}: {complaint}");
    }
}

/// What the real `psql` prints for a text, without headers and frames.
///
/// # Errors
/// What it complains about.
///
/// # Panics
/// When there is no psql on this machine.
pub fn psql(url: &str, text: &str) -> Result<String, String> {
    let output = Command::new(program("psql"))
        .args([
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
            text,
        ])
        .arg(url)
        // Who waits for a table that somebody keeps is told so.
        .env("PGOPTIONS", "-c lock_timeout=120s")
        .output()
        .expect("psql can be started");
    let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() { Ok(printed(&output.stdout)) } else { Err(printed(&output.stderr)) }
}

/// What the sessions of the tests' server are doing, a line for each.
pub(crate) fn activity() -> String {
    let server = std::env::var("VTRUSTX_TEST_POSTGRES").unwrap_or_else(|_| cluster());
    let sessions = "SELECT datname, pid, state, wait_event, pg_blocking_pids(pid), left(query, 200) FROM pg_stat_activity WHERE datname LIKE 'test_%'";
    psql(&format!("{server}/postgres"), sessions).unwrap_or_else(|complaint| complaint)
}

/// The address of the tests' cluster, which is started when it does not run.
fn cluster() -> String {
    let folder = std::env::temp_dir().join("vtrustx-test-postgres");
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let lock = File::create(folder.join("lock")).expect("the lock file can be made");
    lock.lock().expect("the lock can be had");
    let port_file = folder.join("port");
    if let Ok(port) = std::fs::read_to_string(&port_file)
        && let Ok(port) = port.trim().parse()
        && let found = (Cluster { folder: folder.clone(), port })
        && found.answers()
    {
        return found.address();
    }
    // Nobody else starts it, for the lock is held here. What a killed server left names a process that may be another's by now, and would keep this one from
    // starting.
    drop(std::fs::remove_file(folder.join("data/postmaster.pid")));
    let port = free_port();
    let made = Cluster::create(&folder, port, Durability::None);
    made.start(&["fsync=off", "max_connections=400", "shared_buffers=64MB", "autovacuum_naptime=5"])
        .unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(&port_file, port.to_string()).expect("the temporary folder can be written");
    made.address()
}

/// A port that nobody listens at now.
///
/// # Panics
/// When the machine has none left.
#[must_use]
pub fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    socket.expect("a port is free").port()
}

/// What a new cluster is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut may take it.
    None,
    /// It is on the disk before anyone uses it.
    Full,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Sessions are ended, everything is written down.
    Fast,
    /// As if the power failed: the next start recovers.
    Immediate,
}

impl Shutdown {
    const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        }
    }
}

/// A PostgreSQL server in a folder, on the loopback address, with a superuser `vtrustx` that needs no password.
#[derive(Debug, Clone)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes the cluster in `folder`/data when it is not there. It does not run yet.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or the folder cannot be written.
    #[must_use]
    pub fn create(folder: &Path, port: u16, durability: Durability) -> Self {
        let made = Self { folder: folder.to_owned(), port };
        if !made.data().join("PG_VERSION").exists() {
            own(folder);
            let mut options =
                vec!["--auth=trust", "--username=vtrustx", "--encoding=UTF8", "--locale=C.UTF-8"];
            match durability {
                Durability::None => options.push("--no-sync"),
                Durability::Full => {}
            }
            options.push("--pgdata");
            assert!(made.run("initdb", &options), "initdb failed in {}", folder.display());
        }
        made
    }

    /// Starts the server and waits until it answers; `settings` are as in its configuration file.
    ///
    /// # Errors
    /// A sentence that names the log.
    pub fn start(&self, settings: &[&str]) -> Result<(), String> {
        let mut line = format!("-p {} -h 127.0.0.1 -k {}", self.port, self.folder.display());
        for setting in settings {
            line.push_str(" -c ");
            line.push_str(setting);
        }
        let log = self.folder.join("log").display().to_string();
        let options =
            ["start", "--wait", "--silent", "--options", line.as_str(), "--log", log.as_str(), "--pgdata"];
        if self.run("pg_ctl", &options) {
            Ok(())
        } else {
            Err(format!("PostgreSQL does not start; see {log}"))
        }
    }

    /// Stops the server and waits until it has ended. False: it did not run, or does not end.
    pub fn stop(&self, how: Shutdown) -> bool {
        self.run("pg_ctl", &["stop", "--wait", "--silent", "--mode", how.name(), "--pgdata"])
    }

    /// It takes connections, or does so within half a minute. Whether a process of its number runs says less: that may be another by now.
    fn answers(&self) -> bool {
        let mut ask = Command::new(program("pg_isready"));
        // By its own socket: another server may have the port by now.
        ask.args(["--quiet", "--host"]).arg(&self.folder).arg(format!("--port={}", self.port));
        for _ in 0..300 {
            match ask.status().ok().and_then(|status| status.code()) {
                Some(0) => return true,
                // It is about to.
                Some(1) => std::thread::sleep(Duration::from_millis(100)),
                _ => return false,
            }
        }
        false
    }

    /// The server runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.run("pg_ctl", &["status", "--pgdata"])
    }

    /// `postgres://…`, without a database.
    #[must_use]
    pub fn address(&self) -> String {
        format!("postgres://vtrustx@127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Runs a program of PostgreSQL, which refuses to run as root, as its own user.
    fn run(&self, name: &str, options: &[&str]) -> bool {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program(name));
            command
        } else {
            Command::new(program(name))
        };
        command
            .args(options)
            .arg(self.data())
            .current_dir(&self.folder)
            // As docs/OPERATIONS.md tells: else each statement gives its memory back to the system and takes it again.
            .env("MALLOC_TRIM_THRESHOLD_", "67108864")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

fn own(folder: &Path) {
    if is_root() {
        let status = Command::new("chown").args(["-R", "postgres"]).arg(folder).status();
        assert!(status.is_ok_and(|status| status.success()), "the folder cannot be given to postgres");
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A program of PostgreSQL in the search path, or where Debian puts it.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let in_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = in_path
        .chain(debian.map(|version| version.path().join("bin")))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is not installed: run `cargo xtask test`, or apt-get install postgresql")
    })
}
