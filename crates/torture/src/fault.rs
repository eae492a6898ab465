//! What can go wrong around a server, as one list.

use std::{fmt, str::FromStr};

use crate::options::Database;

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// `kill -9` of a node; it is started again after a while.
    Kill,
    /// SIGSTOP of a node for longer than its lease, then SIGCONT.
    Stop,
    /// The wall clock of a node is wrong for some seconds.
    Clock,
    /// The store's file system is full for some seconds.
    DiskFull,
    /// PostgreSQL is restarted in good order.
    Restart,
    /// PostgreSQL ends as if the power had failed, and is started again.
    Crash,
    /// Every session of PostgreSQL is terminated.
    Terminate,
    /// The connections between a node and PostgreSQL are cut.
    Drop,
    /// What a node and PostgreSQL say to each other is late.
    Delay,
    /// What a node and PostgreSQL say to each other is held back for some seconds.
    BlackHole,
}

/// Whom a fault hits. One of each can go on at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// One process of the product.
    Node,
    /// What all of them stand on.
    Surroundings,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Kill,
        Self::Stop,
        Self::Clock,
        Self::DiskFull,
        Self::Restart,
        Self::Crash,
        Self::Terminate,
        Self::Drop,
        Self::Delay,
        Self::BlackHole,
    ];

    /// As it is written at the command line and in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Clock => "clock",
            Self::DiskFull => "disk-full",
            Self::Restart => "restart",
            Self::Crash => "crash",
            Self::Terminate => "terminate",
            Self::Drop => "drop",
            Self::Delay => "delay",
            Self::BlackHole => "black-hole",
        }
    }

    /// A store of this kind can suffer it.
    #[must_use]
    pub fn concerns(self, database: Database) -> bool {
        match self {
            Self::Kill | Self::Stop | Self::Clock | Self::DiskFull => true,
            Self::Restart | Self::Crash | Self::Terminate | Self::Drop | Self::Delay | Self::BlackHole => {
                database == Database::Postgres
            }
        }
    }

    /// Whom it hits.
    #[must_use]
    pub const fn victim(self) -> Victim {
        match self {
            Self::Kill | Self::Stop | Self::Clock => Victim::Node,
            Self::DiskFull
            | Self::Restart
            | Self::Crash
            | Self::Terminate
            | Self::Drop
            | Self::Delay
            | Self::BlackHole => Victim::Surroundings,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|fault| fault.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|fault| fault.name()).collect();
            format!("there is no fault {text:?}; there are {} and none", names.join(", "))
        })
    }
}
