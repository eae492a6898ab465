//! The engine on a real store, with real receivers and a clock that is moved by hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod everywhere;
mod harness;
mod journeys;
mod nodes;
