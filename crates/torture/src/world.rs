//! Everything that runs: the store on its own file system, the wires to it, the nodes, the receiver.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use testkit::postgres::{self, Cluster, Durability, Shutdown};
use tokio::{process::Command, sync::watch, task::JoinHandle};

use crate::{
    fault::Fault,
    ledger::Ledger,
    node::{Node, Recipe},
    options::{Database, Options},
    process,
    proxy::{Proxy, Wire},
    receiver::Receiver,
    scenario,
    store::Store,
    story::Story,
    volume::Volume,
};

/// The same for all nodes; it protects nothing here.
const SECRET_KEY: &str = "a-key-for-the-torture-alone";
/// Where Debian and its relatives put libfaketime.
const LIBRARIES: [&str; 3] =
    ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib64/faketime"];
/// Runs that fail end soon.
const RETRY_DELAYS: &str = "1s,2s,3s";
/// A quarter of them may call the one receiver at once: as many as all had without shares, so that the fences are what is tried.
const WORKERS: &str = "1024";
/// How long starting may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of PostgreSQL: fsync and all else that makes a commit durable are on by default.
const SETTINGS: [&str; 4] =
    ["max_connections=200", "shared_buffers=256MB", "max_wal_size=1GB", "checkpoint_timeout=60s"];

/// The world of one run.
#[derive(Debug)]
pub struct World {
    /// As given.
    pub options: Options,
    /// Decides everything random.
    pub seed: u64,
    /// The books.
    pub ledger: Arc<Ledger>,
    /// Whom the workflows call.
    pub receiver: Receiver,
    /// The servers.
    pub nodes: Vec<Arc<Node>>,
    /// One for each node on PostgreSQL.
    pub proxies: Vec<Proxy>,
    /// PostgreSQL, if it is the store.
    pub cluster: Option<Cluster>,
    /// Where the store is.
    pub volume: Volume,
    /// A look into it.
    pub store: Store,
    /// What is told meanwhile.
    pub story: Story,
    /// Each tenant's id and an administrator's key.
    pub tenants: Vec<Tenant>,
    stop: watch::Sender<bool>,
    supervisors: Mutex<Vec<JoinHandle<()>>>,
}

/// A tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// As the store has it.
    pub id: i64,
    /// An administrator's API key.
    pub key: String,
    /// The ids of its contacts.
    pub contacts: Vec<i64>,
}

impl World {
    /// Builds it below `work`.
    ///
    /// # Errors
    /// What is missing or does not start.
    pub async fn build(options: Options, seed: u64, work: &Path) -> Result<Self, String> {
        let ledger = Arc::new(Ledger::default());
        let receiver = Receiver::start(Arc::clone(&ledger), seed)?;
        let length = Duration::from_secs_f64(options.minutes * 60.0);
        let size = options.volume.unwrap_or(if options.minutes <= 2.0 { 3 } else { 40 });
        let volume = Volume::create(work, size).await?;
        let story = Story::begin(Arc::clone(&ledger), length);
        let (cluster, store, address) = open_store(&options, &volume).await?;
        let nodes = options.nodes()?;
        let mut proxies = Vec::new();
        if let Some(cluster) = &cluster {
            for _ in 0..nodes {
                proxies.push(Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, cluster.port()))).await?);
            }
        }
        let folder = work.to_path_buf();
        let mut environment = vec![("VTRUSTX_SECRET_KEY".to_owned(), SECRET_KEY.to_owned())];
        let command = Recipe {
            server: options.server.clone(),
            arguments: vec![
                "--database".to_owned(),
                address.clone(),
                "--data-dir".to_owned(),
                folder.display().to_string(),
            ],
            environment: environment.clone(),
            folder: folder.clone(),
            clock: None,
        };
        let tenants = make_tenants(&command).await?;
        // Otherwise the first node would print a link to sign in with.
        environment.push(("VTRUSTX_BOOTSTRAP_API_KEY".to_owned(), "a-key-of-the-first-tenant".to_owned()));
        if options.unfenced {
            environment.push(("VTRUSTX_TEST_UNFENCED".to_owned(), "1".to_owned()));
        }
        let library = LIBRARIES.iter().map(|folder| Path::new(folder).join("libfaketimeMT.so.1"));
        let library = library.filter(|_| options.faults().contains(&Fault::Clock)).find(|file| file.exists());
        let mut made = Vec::new();
        for number in 1..=nodes {
            let clock = library.clone().map(|library| (folder.join(format!("clock-{number}")), library));
            if let Some((file, _)) = &clock {
                std::fs::write(file, "+0").map_err(|error| error.to_string())?;
            }
            let address = match proxies.get(number - 1) {
                Some(proxy) => format!("postgres://vtrustx@127.0.0.1:{}/vtrustx", proxy.port()),
                None => address.clone(),
            };
            let arguments = [
                ["--database", &address],
                ["--data-dir", &folder.display().to_string()],
                ["--retry-delays", RETRY_DELAYS],
                ["--workers", WORKERS],
            ];
            let mut arguments: Vec<String> = arguments.concat().into_iter().map(str::to_owned).collect();
            arguments.push("--allow-private-targets".to_owned());
            let recipe = Recipe { arguments, environment: environment.clone(), clock, ..command.clone() };
            made.push(Arc::new(Node::new(number, recipe)));
        }
        let (stop, stopping) = watch::channel(false);
        let supervisors = made.iter().map(|node| tokio::spawn(Arc::clone(node).supervise(stopping.clone())));
        let supervisors = Mutex::new(supervisors.collect());
        let mut world = Self {
            options,
            seed,
            ledger,
            receiver,
            nodes: made,
            proxies,
            cluster,
            volume,
            store,
            story,
            tenants,
            stop,
            supervisors,
        };
        world.healthy().await?;
        world.furnish().await?;
        Ok(world)
    }

    /// Makes every tenant's contacts and workflows.
    async fn furnish(&mut self) -> Result<(), String> {
        let url = self.nodes[0].url().unwrap_or_default();
        let http = reqwest::Client::new();
        for (index, tenant) in self.tenants.iter_mut().enumerate() {
            let post = async |path: &str, body: serde_json::Value| {
                let sent = http.post(format!("{url}{path}")).bearer_auth(&tenant.key).json(&body);
                let answer = sent.send().await.map_err(|error| error.to_string())?;
                let status = answer.status();
                let answer: serde_json::Value = answer.json().await.map_err(|error| error.to_string())?;
                if status.is_success() { Ok(answer) } else { Err(format!("POST {path}: {status} {answer}")) }
            };
            let mut contacts = Vec::new();
            for number in 0..scenario::CONTACTS {
                let email = format!("contact{number}@example.com");
                let body = serde_json::json!({"name": format!("Contact {number}"), "email": email});
                contacts.push(post("/api/contacts", body).await?["data"]["id"].as_i64().unwrap_or_default());
            }
            for definition in scenario::definitions(index, &self.receiver.url()) {
                post("/api/workflows", definition).await?;
            }
            tenant.contacts = contacts;
        }
        // Changes of workflows reach every node within a second.
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(())
    }

    /// Waits until every node listens and can reach its store.
    ///
    /// # Errors
    /// Which one does not.
    pub async fn healthy(&self) -> Result<(), String> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build();
        let http = http.map_err(|error| error.to_string())?;
        for node in &self.nodes {
            let ready = async {
                loop {
                    node.listens().await;
                    let url = node.url().unwrap_or_default();
                    if http
                        .get(format!("{url}/readyz"))
                        .send()
                        .await
                        .is_ok_and(|answer| answer.status().is_success())
                    {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            };
            tokio::time::timeout(PATIENCE, ready)
                .await
                .map_err(|_| format!("node {} does not get ready; see its log", node.number))?;
        }
        Ok(())
    }

    /// Ends every fault.
    pub async fn heal(&self) {
        for proxy in &self.proxies {
            proxy.become_(Wire::Good);
        }
        self.volume.relieve().await;
        self.revive_postgres().await;
        for node in &self.nodes {
            node.move_clock(0).await;
            if let Some(process) = node.process() {
                process::signal(process, "-CONT").await;
            }
        }
    }

    /// Starts PostgreSQL again if it has ended.
    pub async fn revive_postgres(&self) {
        let Some(cluster) = self.cluster.clone() else { return };
        let revived = tokio::task::spawn_blocking(move || {
            (0..20).any(|_| cluster.runs() || cluster.start(&SETTINGS).is_ok())
        });
        if !revived.await.unwrap_or(false) {
            self.ledger.odd("PostgreSQL could not be started again".to_owned());
        }
    }

    /// Stops PostgreSQL and starts it again.
    pub async fn restart_postgres(&self, how: Shutdown) {
        let Some(cluster) = self.cluster.clone() else { return };
        let stopped = tokio::task::spawn_blocking(move || cluster.stop(how));
        drop(stopped.await);
        self.revive_postgres().await;
    }

    /// Ends the nodes in good order.
    pub async fn stop_nodes(&self) {
        self.stop.send_replace(true);
        let supervisors =
            std::mem::take(&mut *self.supervisors.lock().unwrap_or_else(PoisonError::into_inner));
        for supervisor in supervisors {
            drop(supervisor.await);
        }
        self.story.end();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            cluster.stop(Shutdown::Immediate);
        }
    }
}

type Opened = (Option<Cluster>, Store, String);

async fn open_store(options: &Options, volume: &Volume) -> Result<Opened, String> {
    match options.database {
        Database::Sqlite => {
            let path = volume.path().join("vtrustx.db");
            let address = format!("sqlite:{}", path.display());
            Ok((None, Store::Sqlite(path), address))
        }
        Database::Postgres => {
            let (folder, port) = (volume.path().to_owned(), postgres::free_port());
            let cluster = tokio::task::spawn_blocking(move || {
                let cluster = Cluster::create(&folder, port, Durability::Full);
                cluster.start(&SETTINGS).map(|()| cluster)
            });
            let cluster = cluster.await.map_err(|error| error.to_string())??;
            let psql = postgres::program("psql");
            let mut create = Command::new(&psql);
            create.args(["--no-psqlrc", "--quiet", "--command", "CREATE DATABASE vtrustx"]);
            process::run(create.arg(format!("{}/postgres", cluster.address()))).await?;
            let address = format!("{}/vtrustx", cluster.address());
            Ok((Some(cluster), Store::Postgres { psql, url: address.clone() }, address))
        }
    }
}

/// Made at the command line, before any node runs.
async fn make_tenants(recipe: &Recipe) -> Result<Vec<Tenant>, String> {
    let vtrustx = async |arguments: &[&str]| {
        let mut command = Command::new(&recipe.server);
        command
            .args(arguments)
            .args(&recipe.arguments)
            .env_clear()
            .envs(recipe.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&recipe.folder);
        let said = process::run(command.arg("--json")).await?;
        serde_json::from_str::<serde_json::Value>(&said).map_err(|error| format!("{error}: {said}"))
    };
    vtrustx(&["migrate"]).await?;
    let mut tenants = Vec::new();
    for number in 1..=scenario::TENANTS {
        let made = vtrustx(&["tenant", "create", &format!("Tenant {number}")]).await?;
        let id = made["id"].as_i64().ok_or("a tenant without an id")?;
        let key = vtrustx(&["api-key", "create", "--role", "admin", "--tenant", &id.to_string()]).await?;
        let key = key["key"].as_str().ok_or("an API key that is not shown")?.to_owned();
        tenants.push(Tenant { id, key, contacts: Vec::new() });
    }
    Ok(tenants)
}
