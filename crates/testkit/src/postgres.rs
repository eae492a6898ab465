//! A real PostgreSQL: one cluster for all tests of this machine, one database for each test.
//!
//! The cluster is made when the first test asks, in a folder of its own, listens on the loopback address only and is left running, so
//! that the next test finds it; `VTRUSTX_TEST_POSTGRES` names another server instead. Nothing in it is worth
//! keeping: it does without fsync, which makes tests quick and changes nothing that killing a process could show.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// A database that goes away with its test.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
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
        sql(&server, &format!("CREATE DATABASE {name}"));
        Self { server, name }
    }

    /// `postgres://…/name`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// What a query of one column gives, a line for each row: as `psql` prints it.
    pub(crate) fn lines(&self, query: &str) -> Vec<String> {
        psql(&self.url(), query).lines().map(str::to_owned).collect()
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
    psql(&format!("{server}/postgres"), statement);
}

fn psql(address: &str, statement: &str) -> String {
    let output = Command::new(program("psql"))
        .args([
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
            statement,
        ])
        .arg(address)
        .output()
        .expect("psql can be started");
    assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the database is in UTF-8")
}

/// The address of the cluster, which is started when it does not run.
fn cluster() -> String {
    let folder = std::env::temp_dir().join("vtrustx-test-postgres");
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let lock = File::create(folder.join("lock")).expect("the lock file can be made");
    lock.lock().expect("the lock can be had");
    let (data, port_file) = (folder.join("data"), folder.join("port"));
    if let Ok(port) = std::fs::read_to_string(&port_file)
        && as_owner(&folder, "pg_ctl", &["status", "--pgdata"], &data)
    {
        return address(port.trim());
    }
    if !data.join("PG_VERSION").exists() {
        own(&folder);
        let options = [
            "--auth=trust",
            "--username=vtrustx",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--pgdata",
        ];
        assert!(as_owner(&folder, "initdb", &options, &data), "initdb failed in {}", folder.display());
    }
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port is free")
        .port();
    let settings = format!(
        "-p {port} -h 127.0.0.1 -k {} -c fsync=off -c max_connections=400 -c shared_buffers=64MB -c autovacuum_naptime=5",
        folder.display()
    );
    let log = folder.join("log");
    let options = [
        "start",
        "--wait",
        "--silent",
        "--options",
        &settings,
        "--log",
        &log.display().to_string(),
        "--pgdata",
    ];
    assert!(as_owner(&folder, "pg_ctl", &options, &data), "PostgreSQL does not start; see {}", log.display());
    std::fs::write(&port_file, port.to_string()).expect("the temporary folder can be written");
    address(&port.to_string())
}

fn address(port: &str) -> String {
    format!("postgres://vtrustx@127.0.0.1:{port}")
}

/// Runs a program of PostgreSQL, which refuses to run as root, as its own user.
fn as_owner(folder: &Path, name: &str, options: &[&str], data: &Path) -> bool {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program(name));
        command
    } else {
        Command::new(program(name))
    };
    command
        .args(options)
        .arg(data)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
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

/// A program in the search path, or where Debian puts it.
fn program(name: &str) -> PathBuf {
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
