//! A server process: started, started again whenever it ends, stopped, and told a wrong time.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::watch,
};

use crate::{
    ledger::{Ledger, Pause},
    process,
};

/// How soon a process that ended by itself is started again, as a service manager would.
const AT_ONCE: Duration = Duration::from_millis(500);

/// How the processes are started.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The binary.
    pub server: PathBuf,
    /// Its options after `serve`, without the address to listen on.
    pub arguments: Vec<String>,
    /// Its environment, besides the path.
    pub environment: Vec<(String, String)>,
    /// Where it works and logs.
    pub folder: PathBuf,
    /// The file from which it takes what is to be added to its clock, and the library that does so.
    pub clock: Option<(PathBuf, PathBuf)>,
}

/// One of the nodes.
#[derive(Debug)]
pub struct Node {
    /// From 1.
    pub number: usize,
    recipe: Recipe,
    /// The base of its address while it listens.
    url: watch::Sender<Option<String>>,
    /// 0: no process.
    process: AtomicU32,
    /// When the next process is started after this one ends.
    back_after: Mutex<Option<Duration>>,
    ended_by_itself: AtomicU32,
}

impl Node {
    /// It does not run yet.
    #[must_use]
    pub fn new(number: usize, recipe: Recipe) -> Self {
        Self {
            number,
            recipe,
            url: watch::Sender::new(None),
            process: AtomicU32::new(0),
            back_after: Mutex::new(None),
            ended_by_itself: AtomicU32::new(0),
        }
    }

    /// Each node listens on an address of its own, by which it is known in the table of nodes.
    #[must_use]
    pub fn name(&self) -> String {
        format!("127.0.1.{}:0", self.number)
    }

    /// The base of its address while it listens.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        self.url.borrow().clone()
    }

    /// How often its process ended without being killed.
    #[must_use]
    pub fn ended_by_itself(&self) -> u32 {
        self.ended_by_itself.load(Ordering::Relaxed)
    }

    /// Its process, when there is one.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        Some(self.process.load(Ordering::Acquire)).filter(|process| *process != 0)
    }

    /// Starts it, and again whenever it ends, until `stop`; then ends it in good order.
    pub async fn supervise(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Some(mut child) = self.start() {
                let ended = tokio::select! {
                    _ = child.wait() => true,
                    _ = stop.wait_for(|stop| *stop) => false,
                };
                if !ended {
                    if let Some(process) = self.process() {
                        process::signal(process, "-CONT").await;
                        process::signal(process, "-TERM").await;
                    }
                    drop(tokio::time::timeout(Duration::from_secs(40), child.wait()).await);
                    drop(child.kill().await);
                }
                if let Some(process) = self.process() {
                    forget_clock(process).await;
                }
                self.process.store(0, Ordering::Release);
                self.url.send_replace(None);
                if !ended {
                    return;
                }
            }
            let wait = self.back_after().take().unwrap_or_else(|| {
                self.ended_by_itself.fetch_add(1, Ordering::Relaxed);
                AT_ONCE
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    fn back_after(&self) -> MutexGuard<'_, Option<Duration>> {
        self.back_after.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>) -> Option<Child> {
        let recipe = &self.recipe;
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(recipe.folder.join(format!("node-{}.log", self.number)))
            .ok()?;
        let mut command = Command::new(&recipe.server);
        command
            .args(["serve", "--listen", &self.name()])
            .args(&recipe.arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(recipe.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&recipe.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        if let Some((file, library)) = &recipe.clock {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME_TIMESTAMP_FILE", file)
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let mut child = command.spawn().ok()?;
        self.process.store(child.id().unwrap_or(0), Ordering::Release);
        let stdout = child.stdout.take()?;
        let node = Arc::clone(self);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            // Read to the end, or a full pipe would hold the process up.
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(url) = line.strip_prefix("listening on ") {
                    node.url.send_replace(Some(url.to_owned()));
                }
            }
        });
        Some(child)
    }

    /// Waits until it listens.
    pub async fn listens(&self) {
        // The sender lives as long as this node.
        drop(self.url.subscribe().wait_for(Option::is_some).await);
    }

    /// `kill -9`; another process is started after `back_after`.
    pub async fn kill(&self, back_after: Duration) {
        let Some(process) = self.process() else { return };
        *self.back_after() = Some(back_after);
        process::signal(process, "-KILL").await;
    }

    /// Lets it stand still for as long as `meanwhile` takes.
    pub async fn pause(&self, ledger: &Ledger, meanwhile: impl Future<Output = ()>) {
        let Some(process) = self.process() else { return };
        let from = ledger.now();
        process::signal(process, "-STOP").await;
        meanwhile.await;
        // Written down first: its calls may come before the signal's sender has returned.
        ledger.paused(Pause { process, from, until: ledger.now() });
        process::signal(process, "-CONT").await;
    }

    /// Its clock can be moved.
    #[must_use]
    pub const fn has_clock(&self) -> bool {
        self.recipe.clock.is_some()
    }

    /// Adds seconds to its clock. False: its clock cannot be moved.
    pub async fn move_clock(&self, seconds: i64) -> bool {
        let Some((file, _)) = &self.recipe.clock else { return false };
        tokio::fs::write(file, format!("{seconds:+}")).await.is_ok()
    }
}

/// What the library leaves behind in shared memory when its process is killed.
async fn forget_clock(process: u32) {
    for name in [format!("faketime_shm_{process}"), format!("sem.faketime_sem_{process}")] {
        drop(tokio::fs::remove_file(PathBuf::from("/dev/shm").join(name)).await);
    }
}
