//! The `vtrustx` binary: configuration, the server, and the subcommands.
//!
//! - [`config`]: flag over environment over file
//! - [`command`]: one file for each subcommand; `serve` is the wiring of everything
//! - [`backend`]: how the other subcommands reach a tenant, through the API of a running server or of this process
//! - [`demo`]: a small company with a month of history

mod backend;
mod clock;
mod command;
mod config;
mod connections;
mod demo;
mod error;
mod logs;
mod opening;
mod output;
mod traces;
mod web;

use std::process::ExitCode;

use clap::Parser;

/// Every event makes some hundreds of small allocations that end on another thread, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    match command::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}
