//! Where the store under test is: a folder on the disk of this checkout, with a PostgreSQL server of its own where that is asked for.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tempfile::TempDir;
use testkit::postgres::{Cluster, Durability, Shutdown, free_port, psql};

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// In the process.
    Sqlite,
    /// A server beside it, as Debian installs it, with the settings of [`SETTINGS`].
    Postgres,
}

impl Kind {
    /// As in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What docs/OPERATIONS.md tells an operator of a small machine to set; everything durable.
const SETTINGS: [&str; 5] = [
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    "min_wal_size=1GB",
    "max_connections=100",
    "wal_compression=lz4",
];
/// As of a server that has been at work: it writes into files of its log that it has used before. A new one makes each file first, and whoever commits then waits for
/// its 16 MB, 20 ms.
const USED: &str = "DO $$ BEGIN FOR file IN 1..60 LOOP PERFORM pg_create_restore_point('used'); PERFORM pg_switch_wal(); END LOOP; END $$";

/// The folder and, with PostgreSQL, the server in it. Both go away with it.
#[derive(Debug)]
pub struct Place {
    /// Which store.
    pub kind: Kind,
    folder: TempDir,
    cluster: Option<Cluster>,
}

impl Place {
    /// Makes the folder below `target/`, which is on a real disk where the temporary folder often is none, and starts the server.
    ///
    /// # Errors
    /// What does not start.
    pub fn make(kind: Kind) -> Result<Self, String> {
        let below = Path::new("target").join("bench");
        std::fs::create_dir_all(&below).map_err(|error| format!("{}: {error}", below.display()))?;
        let below = below.canonicalize().map_err(|error| error.to_string())?;
        let folder = TempDir::new_in(&below).map_err(|error| error.to_string())?;
        let cluster = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => {
                let inside = folder.path().join("postgres");
                std::fs::create_dir(&inside).map_err(|error| error.to_string())?;
                // The server's own user has to get to its folder.
                open_to_all(folder.path())?;
                let cluster = Cluster::create(&inside, free_port(), Durability::Full);
                cluster.start(&SETTINGS)?;
                psql(&format!("{}/postgres", cluster.address()), USED)?;
                Some(cluster)
            }
        };
        let place = Self { kind, folder, cluster };
        place.settle()?;
        Ok(place)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new, empty database: its address, and a folder for the server beside it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn database(&self, name: &str) -> Result<Database, String> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let address = match &self.cluster {
            None => format!("sqlite:{}", folder.join("vtrustx.db").display()),
            Some(cluster) => {
                psql(&format!("{}/postgres", cluster.address()), &format!("CREATE DATABASE {name}"))?;
                // By its socket, as one connects to a server of the same machine.
                let socket = self.folder.path().join("postgres");
                format!("postgres://vtrustx@/{name}?host={}&port={}", socket.display(), cluster.port())
            }
        };
        Ok(Database { kind: self.kind, address, folder })
    }

    /// Has all that was written on the disk, so that what is measured next does not wait for it.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn settle(&self) -> Result<(), String> {
        match &self.cluster {
            None => Ok(()),
            Some(cluster) => psql(&format!("{}/postgres", cluster.address()), "CHECKPOINT").map(drop),
        }
    }

    /// The main process of PostgreSQL.
    pub fn postmaster(&self) -> Option<u32> {
        self.cluster.as_ref()?;
        let file = self.folder.path().join("postgres/data/postmaster.pid");
        std::fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            cluster.stop(Shutdown::Immediate);
        }
    }
}

/// One database.
#[derive(Debug, Clone)]
pub struct Database {
    /// Which store.
    pub kind: Kind,
    /// `sqlite:…` or `postgres://…`.
    pub address: String,
    /// Where its server works.
    pub folder: PathBuf,
}

#[cfg(unix)]
fn open_to_all(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, mode).map_err(|error| error.to_string())
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) -> Result<(), String> {
    Ok(())
}
