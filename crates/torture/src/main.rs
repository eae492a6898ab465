//! `cargo xtask torture`: real servers under load while everything around them breaks, and an audit of what came of it.
//!
//! Nothing of the product's code is in here, and its books are its own: the events that were offered and acknowledged, the calls
//! that came in, and at the end a look into the store with the database's own tools. docs/TORTURE.md says how to read the table.

mod audit;
mod chaos;
mod fault;
mod ledger;
mod load;
mod node;
mod options;
mod process;
mod proxy;
mod random;
mod receiver;
mod report;
mod scenario;
mod store;
mod story;
mod volume;
mod world;

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use tempfile::TempDir;

use crate::{audit::Measured, chaos::Tally, load::Load, options::Options, report::Report, world::World};

/// How long clients may go on asking for what has not been acknowledged, after the last fault.
const LAST_ANSWERS: Duration = Duration::from_secs(60);
/// What comes so long after the last execution has ended is still seen.
const AFTERWARDS: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let options = Options::parse();
    let (expect_failure, keep) = (options.expect_failure, options.keep);
    let started = tempfile::Builder::new().prefix("vtrustx-torture-").tempdir().and_then(|work| {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map(|runtime| (work, runtime))
    });
    let (work, runtime) = match started {
        Ok(started) => started,
        Err(error) => {
            eprintln!("torture: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let told = runtime.block_on(async {
        tokio::select! {
            told = torture(options, &work) => told,
            _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
        }
    });
    // With the last task the world goes, and with it the database and its file system, before their folder does.
    drop(runtime);
    match told {
        Ok(report) => {
            println!("\n{report}");
            let is_as_expected = report.is_good() != expect_failure;
            match (report.is_good(), expect_failure) {
                (true, false) => println!("\nEvery promise was kept."),
                (false, true) => println!("\nThe audit sees what the broken variant does, as it should."),
                (true, true) => println!("\nThe broken variant was not found out: the audit is blind."),
                (false, false) => println!("\nA promise was broken."),
            }
            if keep || !is_as_expected {
                println!("The nodes' logs are in {}", work.keep().display());
            }
            if is_as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("torture: {error}\nThe nodes' logs are in {}", work.keep().display());
            ExitCode::FAILURE
        }
    }
}

async fn torture(mut options: Options, work: &TempDir) -> Result<Report, String> {
    options.nodes()?;
    // The nodes work in another folder.
    options.server = std::fs::canonicalize(&options.server)
        .map_err(|error| format!("there is no server at {}: {error}", options.server.display()))?;
    let seed = match options.seed {
        Some(seed) => seed,
        // Short, because people type it.
        None => getrandom::u64().map_err(|error| error.to_string())? % 1_000_000,
    };
    println!("seed {seed}; the nodes' logs: {}", work.path().display());
    let length = Duration::from_secs_f64(options.minutes * 60.0);
    let world = Arc::new(World::build(options, seed, work.path()).await?);
    let (load, tally) = (Load::new(Arc::clone(&world)), Arc::new(Tally::default()));
    let begun = Instant::now();
    let telling = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.story.progress().await })
    };
    let looking = tokio::spawn(chaos::keep_looking(Arc::clone(&world)));
    let mut loading = tokio::spawn(Arc::clone(&load).run());
    let mut trouble = tokio::spawn(chaos::rage(Arc::clone(&world), Arc::clone(&tally), begun + length));

    // With a number of events the load may end before its time.
    drop(tokio::time::timeout(length, &mut loading).await);
    if !loading.is_finished() {
        drop((&mut trouble).await);
    }
    trouble.abort();
    load.close();
    world.heal().await;
    world.story.say("the faults are over");
    world.healthy().await?;
    let loaded = begun.elapsed();
    if !loading.is_finished() {
        drop(tokio::time::timeout(LAST_ANSWERS, &mut loading).await);
        loading.abort();
    }
    let drained = audit::drain(&world).await;
    chaos::look(&world, u32::MAX).await;
    tokio::time::sleep(AFTERWARDS).await;
    let told = audit::ask(&world).await;
    telling.abort();
    looking.abort();
    drop((telling.await, looking.await));
    world.story.say("the audit begins");
    world.stop_nodes().await;
    audit::audit(&world, &load, &tally, &told, Measured { loaded, drained }).await
}
