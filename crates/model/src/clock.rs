//! Time as an input: production code asks a clock, tests hold one that they move by hand.

use std::{fmt::Debug, future::Future, pin::Pin};

use crate::Timestamp;

/// What tells the time and waits for it.
pub trait Clock: Send + Sync + Debug + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// Takes over the time of a database that several machines share, where the clock can.
    fn follow(&self, shared: Timestamp) {
        let _ = shared;
    }

    /// Completes when the clock has reached `instant`; at once when it already has.
    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>>;
}
