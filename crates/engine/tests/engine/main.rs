//! The engine on a real store, with real receivers and a clock that is moved by hand.

mod everywhere;
mod harness;
mod journeys;
