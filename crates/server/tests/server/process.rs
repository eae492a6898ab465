//! A running `vtrustx serve` on a folder that goes away, and a client for it.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use testkit::place::Place;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// An administrator's key in every store of these tests that has one.
pub const KEY: &str = "key-of-the-tests";
/// How long anything may take on a slow and busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder to work in, and a store: a file in the folder, unless `VTRUSTX_TEST_STORE` says PostgreSQL.
pub struct House {
    folder: TempDir,
    /// What `VTRUSTX_DATABASE` names; none: the store's own place, `./vtrustx-data/vtrustx.db`.
    database: Option<Place>,
}

impl House {
    pub fn new() -> Self {
        let database = Some(Place::chosen()).filter(|place| matches!(place, Place::Postgres(_)));
        Self { database, ..Self::on_file() }
    }

    /// On SQLite, whatever is chosen: for what is only there with a file.
    pub fn on_file() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: None }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with nothing of this process's environment that would configure it, in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vtrustx"));
        command.args(arguments).current_dir(self.path()).kill_on_drop(true);
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("VTRUSTX_") || name == "DATABASE_URL")
        {
            command.env_remove(name);
        }
        command.envs(self.database.iter().map(|place| ("VTRUSTX_DATABASE", place.address())));
        command
    }

    /// Starts a server and waits until it listens.
    pub async fn serve(&self, arguments: &[&str]) -> Server {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut command = self.command(&all);
        command.env("VTRUSTX_BOOTSTRAP_API_KEY", KEY);
        Server::start(command).await
    }
}

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    pub url: String,
    pub key: String,
    client: reqwest::Client,
    log: Arc<Mutex<String>>,
}

impl Server {
    pub async fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = timeout(PATIENCE, stdout.next_line()).await.expect("the server starts in time").unwrap();
        let Some(first) = first else {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
            panic!("the server ended: {said}");
        };
        let url = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("{first:?}")).to_owned();
        // Whatever it logs is read away, or a full pipe would stop it.
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                kept.lock().unwrap().extend([&line, "\n"]);
            }
        });
        Self { child, stdout, url, key: KEY.to_owned(), client: reqwest::Client::new(), log }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The next line on stdout.
    pub async fn line(&mut self) -> String {
        timeout(PATIENCE, self.stdout.next_line()).await.expect("a line in time").unwrap().unwrap_or_default()
    }

    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        Ok((response.status(), response.json().await?))
    }

    /// What `GET path` answers, which must be a success.
    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.try_call(Method::GET, path, None).await.unwrap();
        assert!(status.is_success(), "GET {path}: {status} {answer}");
        answer
    }

    /// The `data` of a successful POST.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_call(Method::POST, path, Some(body)).await.unwrap();
        assert!(status.is_success(), "POST {path}: {status} {answer}");
        answer["data"].clone()
    }

    /// Every element of a list.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{separator}limit=200{cursor}")).await;
            rows.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// Asks until `is_reached`, with some patience; answers what was there then.
    pub async fn until(&self, path: &str, is_reached: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            loop {
                let answer = self.get(path).await;
                if is_reached(&answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match timeout(PATIENCE, asking).await {
            Ok(answer) => answer,
            Err(_) => panic!("{path} never came to it: {}", self.get(path).await),
        }
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("the server runs").to_string();
        assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    pub async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("the server ends in time").unwrap()
    }

    /// Ends in an orderly way.
    pub async fn stop(mut self) {
        self.signal("-TERM");
        let status = self.ended().await;
        assert!(status.success(), "{status}");
    }
}
