//! The engine on a real store, with real receivers and a clock that is moved by hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alerts;
mod beside;
mod calling;
mod connections;
mod control;
mod entry;
mod everywhere;
mod hanging;
mod harness;
mod jobs;
mod journeys;
mod mailing;
mod moving;
mod nodes;
mod partitions;
mod patterns;
mod ready_made;
mod relative;
mod retention;
mod schedules;
mod service;
mod stretches;
mod triggers;
mod waiting;
