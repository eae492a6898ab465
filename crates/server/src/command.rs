//! The subcommands, one file each.

pub mod api_key;
pub mod bench;
pub mod doctor;
pub mod execution;
pub mod migrate;
pub mod openapi;
pub mod ping;
pub mod secrets;
pub mod serve;
pub mod store;
pub mod tenant;
pub mod user;
pub mod workflow;

use std::{future::Future, process::ExitCode, thread::available_parallelism};

use tokio::runtime::Builder;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    backend::Target,
    config::{LogFormat, ServeArguments},
    error::{CommandError, Done},
    logs,
};

/// Customer-experience workflows: events go in, workflows match, actions run, every step is recorded.
#[derive(Debug, clap::Parser)]
#[command(name = "vtrustx", version, about, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serve the API and run workflows
    Serve(ServeArguments),
    /// Make the store, or bring it up to date
    Migrate(Target),
    /// Does the server answer? For health checks; says nothing when it does
    Ping(ping::Arguments),
    /// Print the API's description, OpenAPI 3.1
    Openapi,
    /// Workflows as files: list, apply, export, validate
    Workflow(workflow::Arguments),
    /// What ran: list, show, retry, cancel
    Execution(execution::Arguments),
    /// A store as a whole: copy it into another database
    Store(store::Arguments),
    /// The key that secrets are sealed with: replace it
    Secrets(secrets::Arguments),
    /// Fill a store for measuring
    Bench(bench::Arguments),
    /// Examine a store and its servers: what is wrong, and what to do
    Doctor(doctor::Arguments),
    /// Tenants of a store: list, create
    Tenant(tenant::Arguments),
    /// People: list, create, invite
    User(user::Arguments),
    /// Programs' keys: list, create, revoke
    ApiKey(api_key::Arguments),
}

/// Does what the command line says.
pub fn run(arguments: Arguments) -> Done<ExitCode> {
    let done = match arguments.command {
        // Its exit code is its answer.
        Command::Doctor(arguments) => return alone(doctor::run(arguments)),
        Command::Workflow(arguments) => return alone(workflow::run(arguments)),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Migrate(target) => alone(migrate::run(target)),
        Command::Ping(arguments) => alone(ping::run(arguments)),
        Command::Openapi => openapi::run(),
        Command::Execution(arguments) => alone(execution::run(arguments)),
        Command::Store(arguments) => alone(store::run(arguments)),
        Command::Secrets(arguments) => alone(secrets::run(arguments)),
        Command::Bench(arguments) => alone(bench::run(arguments)),
        Command::Tenant(arguments) => alone(tenant::run(arguments)),
        Command::User(arguments) => alone(user::run(arguments)),
        Command::ApiKey(arguments) => alone(api_key::run(arguments)),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// One command on one thread; only what is odd is logged.
fn alone<T>(work: impl Future<Output = Done<T>>) -> Done<T> {
    logs::start(LogFormat::Text, LevelFilter::WARN, None);
    runtime(Builder::new_current_thread())?.block_on(work)
}

/// A thread for each processor, and at least two: one slow computation must not keep everyone waiting.
fn many_threads() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(available_parallelism().map_or(2, usize::from).max(2)).thread_name("worker");
    builder
}

fn runtime(mut builder: Builder) -> Done<tokio::runtime::Runtime> {
    builder
        .enable_all()
        .build()
        .map_err(|error| CommandError::said(format!("no threads can be had: {error}")))
}
