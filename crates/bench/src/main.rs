//! `cargo xtask bench`: the real server under real load, every figure beside the limit that was measured in the same run.
//!
//! This process is the load: it posts events over HTTP, receives the webhooks and, when all is quiet, counts in the store what was
//! completed. The server is the release binary; it knows nothing of being measured. What the disk and the database could do at best is
//! measured right after, with the same rows (`limit`).

mod http;
mod latency;
mod limit;
mod load;
mod options;
mod place;
mod report;
mod server;
mod sink;
mod store;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use crate::{options::Options, report::Report};

/// The server's: the rules that are measured in this process are measured as they run there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome =
        runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(measure(&options)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers whether every floor was reached, where floors were asked for.
async fn measure(options: &Options) -> Result<bool, String> {
    let mut report = Report::new();
    for kind in options.databases() {
        let place = place::Place::make(kind)?;
        report.begin(&place).await?;
        for workload in options.workloads() {
            workload::run(workload, &place, options, &mut report).await?;
        }
    }
    report.end(options)
}
