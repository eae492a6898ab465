//! The real binary, as its users meet it: a process, a port, signals, commands.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commands;
mod crash;
mod demo;
mod deploying;
mod examining;
mod idle;
mod measuring;
mod moving;
mod openapi;
mod process;
mod starting;
mod stopping;
mod tour;
mod tracing;
