//! What the command line asks for.

use std::path::PathBuf;

use crate::fault::Fault;

/// Runs real servers under load, breaks everything around them, and audits what came of it.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "torture", version)]
pub struct Options {
    /// The `vtrustx` binary that is tortured
    #[arg(long, value_name = "FILE")]
    pub server: PathBuf,

    /// The store
    #[arg(long)]
    pub database: Database,

    /// Processes that serve it [default: 3; 1 on SQLite]
    #[arg(long, value_name = "N")]
    nodes: Option<usize>,

    /// How long there is load and trouble, in minutes; fractions are allowed
    #[arg(long, default_value_t = 5.0, value_name = "M")]
    pub minutes: f64,

    /// Offer at most this many events
    #[arg(long, value_name = "N")]
    pub events: Option<u32>,

    /// Offer at most this many events per second
    #[arg(long, value_name = "N")]
    pub rate: Option<u32>,

    /// Decides the events and the order, moments and lengths of the faults [default: random, printed]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Only these faults; one that is named twice comes twice as often, `none` is none [default: all that the store knows]
    #[arg(long, value_delimiter = ',', value_name = "FAULT,…")]
    faults: Vec<FaultChoice>,

    /// The size of the store's own file system in GiB [default: by the length of the run]
    #[arg(long, value_name = "GIB")]
    pub volume: Option<u64>,

    /// Switches the fences of the nodes off, which a debug build of the server allows: the first stop of a node does harm then
    #[arg(long)]
    pub unfenced: bool,

    /// Keeps the nodes' logs also when all went well
    #[arg(long)]
    pub keep: bool,

    /// Succeeds only if the audit finds a broken promise: the audit is known to see
    #[arg(long)]
    pub expect_failure: bool,
}

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Database {
    /// A file.
    Sqlite,
    /// A server of its own, with fsync.
    Postgres,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultChoice {
    None,
    One(Fault),
}

impl std::str::FromStr for FaultChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::One) }
    }
}

impl Options {
    /// How many processes.
    ///
    /// # Errors
    /// When the store does not allow so many.
    pub fn nodes(&self) -> Result<usize, String> {
        match (self.database, self.nodes) {
            (_, Some(0)) => Err("--nodes 0: somebody has to serve".to_owned()),
            (Database::Sqlite, Some(nodes)) if nodes > 1 => {
                Err("an SQLite file is for one process: --nodes 1".to_owned())
            }
            (Database::Sqlite, _) => Ok(1),
            (Database::Postgres, nodes) => Ok(nodes.unwrap_or(3)),
        }
    }

    /// What may happen; faults that the store cannot suffer are left out.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let chosen: Vec<Fault> = if self.faults.is_empty() {
            Fault::ALL.to_vec()
        } else {
            let one = |choice: &FaultChoice| match choice {
                FaultChoice::None => None,
                FaultChoice::One(fault) => Some(*fault),
            };
            self.faults.iter().filter_map(one).collect()
        };
        chosen.into_iter().filter(|fault| fault.concerns(self.database)).collect()
    }
}
