//! A real SMTP server in a process of its own: a well-tested Python implementation and a small handler.
//!
//! The interpreter is the one that `VTRUSTX_TEST_PYTHON` names, else `target/test-tools/bin/python`; it must have
//! `aiosmtpd`. The process picks its own free port and ends with the test, also with one that is killed.

use std::{path::PathBuf, process::Stdio};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tls/server.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tls/server_key.pem");

/// A running server that accepts mail for every address, with the exceptions that `smtp_server.py` names.
#[derive(Debug)]
pub struct SmtpServer {
    port: u16,
    mails: tempfile::TempDir,
    _process: Child,
}

/// A mail as the server took it in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReceivedMail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's receivers, blind copies included.
    pub to: Vec<String>,
    /// The message with its headers.
    pub raw: String,
    /// The plain text part, decoded.
    pub text: Option<String>,
    /// The HTML part, decoded.
    pub html: Option<String>,
    /// Who signed in, if anyone did.
    pub user: Option<String>,
    headers: Vec<(String, String)>,
}

impl ReceivedMail {
    /// The first header of that name, decoded and unfolded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl SmtpServer {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Panics
    /// When the interpreter is missing or the server does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// One that insists on STARTTLS, before a password too, with a certificate of [`SmtpServer::authority`].
    ///
    /// # Panics
    /// As [`SmtpServer::start`].
    pub async fn start_with_starttls() -> Self {
        Self::start_with(&["starttls", CERTIFICATE, KEY]).await
    }

    /// One that speaks TLS from the first byte, with a certificate of [`SmtpServer::authority`].
    ///
    /// # Panics
    /// As [`SmtpServer::start`].
    pub async fn start_with_tls() -> Self {
        Self::start_with(&["tls", CERTIFICATE, KEY]).await
    }

    /// The file with the certificate of the authority that vouches for these servers as `localhost` and `127.0.0.1`.
    #[must_use]
    pub const fn authority() -> &'static str {
        concat!(env!("CARGO_MANIFEST_DIR"), "/src/tls/ca.pem")
    }

    async fn start_with(protection: &[&str]) -> Self {
        let python = interpreter();
        assert!(
            python.exists(),
            "no Python with aiosmtpd at {}: run `cargo xtask test` once, or set VTRUSTX_TEST_PYTHON",
            python.display()
        );
        let mails = tempfile::tempdir().expect("a directory for mails can be made");
        let mut process = Command::new(&python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/smtp_server.py"))
            .arg(mails.path())
            .args(protection)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the interpreter starts");
        let output = process.stdout.take().expect("stdout is piped");
        let line = BufReader::new(output).lines().next_line().await.expect("stdout is text");
        let port = line
            .and_then(|line| line.trim().parse().ok())
            .expect("the SMTP server prints its port: is aiosmtpd installed?");
        let server = Self { port, mails, _process: process };
        TcpStream::connect(("127.0.0.1", port)).await.expect("the SMTP server accepts connections");
        server
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `smtp://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The mails taken in so far, in their order. A mail is here before its sender has the server's answer.
    #[must_use]
    pub fn messages(&self) -> Vec<ReceivedMail> {
        let entries =
            std::fs::read_dir(self.mails.path()).expect("the directory exists while the server does");
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        paths.sort();
        let read = |path: &PathBuf| {
            let text = std::fs::read(path).expect("a kept mail can be read");
            serde_json::from_slice(&text).expect("the handler writes JSON")
        };
        paths.iter().map(read).collect()
    }
}

fn interpreter() -> PathBuf {
    if let Some(path) = std::env::var_os("VTRUSTX_TEST_PYTHON") {
        return path.into();
    }
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(workspace).join("target"), PathBuf::from);
    target.join("test-tools/bin/python")
}
