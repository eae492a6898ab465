//! `vtrustx bench`: fills a store with what is measured. `cargo xtask bench` uses it, and so can whoever wants to see a long history.

use std::{sync::Arc, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use store::{
    Store,
    seeding::{DAYS, Plan, history_seed},
};

use crate::{
    backend::Target,
    clock::SystemClock,
    error::{CommandError, Done},
    opening,
    output::{say, say_json},
};

/// What to fill it with.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a year of executions that never ran, with their events and logs, in a store that is empty otherwise
    SeedHistory {
        /// How many
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1_000_000_000))]
        executions: i64,

        /// Also in a store that has records
        #[arg(long)]
        force: bool,
    },
}

/// Runs the subcommand.
pub async fn run(arguments: Arguments) -> Done {
    let Arguments { action: Action::SeedHistory { executions, force }, target } = arguments;
    if target.is_remote() {
        return Err(CommandError::said(
            "history is made in the store itself: leave out --url (or unset VTRUSTX_URL), and stop the server first when the \
             store is an SQLite file",
        ));
    }
    let config = target.config()?;
    opening::must_exist(&config)?;
    let store = opening::open(&config, Arc::new(SystemClock::default())).await?;
    let begun = Instant::now();
    let plan = Plan { tenant: target.tenant()?, executions, is_forced: force };
    let done = fill(&store, plan).await;
    store.close().await;
    done?;
    let seconds = begun.elapsed().as_secs_f64();
    if target.json {
        say_json(&json!({"executions": executions, "seconds": seconds}));
    } else {
        let rate = executions as f64 / seconds;
        say(format_args!(
            "{executions} executions over {DAYS} days are there, in {seconds:.1} s ({rate:.0} a second)."
        ));
    }
    Ok(())
}

async fn fill(store: &Store, plan: Plan) -> Done {
    let bar = ProgressBar::new(plan.executions.unsigned_abs()).with_message("executions");
    let style = ProgressStyle::with_template("{msg:12} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    let mut progress = |done: i64| {
        bar.set_position(done.unsigned_abs());
        if done == plan.executions {
            bar.set_message("tidying up");
        }
    };
    let filled = history_seed(store, plan, &mut progress).await;
    bar.finish_and_clear();
    Ok(filled?)
}
