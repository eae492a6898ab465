//! What is measured, where and for how long.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::place::Kind;

/// Measures the server against its limit.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
pub struct Options {
    /// What to measure; everything when nothing is named.
    #[arg(value_enum)]
    pub names: Vec<Workload>,
    /// Which store; both when none is named.
    #[arg(long, value_enum)]
    pub database: Vec<Kind>,
    /// Seconds of load for each figure.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Few timers and tenants, a short history and a short look at memory, for a quick run.
    #[arg(long)]
    pub small: bool,
    /// Executions of the history: 10,000,000 unless told, 200,000 with --small.
    #[arg(long)]
    pub executions: Option<u32>,
    /// Reads a history that is there, at this address, instead of making one; its oldest month or partition is gone afterwards.
    #[arg(long, value_name = "URL")]
    pub history: Option<String>,
    /// Writes every figure there as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Fails when a floor of the table is missed.
    #[arg(long)]
    pub check: bool,
    /// The server's binary.
    #[arg(long, hide = true)]
    pub server: PathBuf,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// W1: an event, a condition, two webhooks.
    #[value(alias = "w1")]
    Outside,
    /// W2: an event, a condition, a ticket, a changed contact, a tag.
    #[value(alias = "w2")]
    Inside,
    /// How long an acknowledgement takes at 1,000 events a second, and the way to the first action on an idle system.
    Latency,
    /// W3: many workflows, few of which match; of one tenant and of a thousand.
    #[value(alias = "w3")]
    FanOut,
    /// W4: a million pending delays, 10,000 due within a minute.
    #[value(alias = "w4")]
    Timers,
    /// W6: 100,000 executions that wait for a time, an event or people; an event wakes its three.
    #[value(alias = "w6")]
    Waiting,
    /// W5: every read of a long history, while W2 runs at half its speed.
    #[value(alias = "w5")]
    History,
    /// R: conditions and templates beside datalogic-rs.
    #[value(alias = "r")]
    Rules,
    /// Memory under W1 for five minutes.
    Memory,
    /// Offered more than it can do.
    Overload,
}

impl Options {
    /// The stores in question.
    pub fn databases(&self) -> Vec<Kind> {
        if self.database.is_empty() { Kind::value_variants().to_vec() } else { self.database.clone() }
    }

    /// What to measure, in the order in which it is listed.
    pub fn workloads(&self) -> Vec<Workload> {
        let named = |workload: &Workload| self.names.is_empty() || self.names.contains(workload);
        Workload::value_variants().iter().copied().filter(named).collect()
    }
}
