//! Events, executions, statistics and live changes over HTTP, with a real engine on a real store.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod decisions;
mod events;
mod executions;
mod house;
mod live;
mod personal;
mod statistics;
