//! What is counted and measured, and its text for Prometheus.
//!
//! Each crate keeps its own metrics as a plain struct of these types and writes them itself ([`Exposition`]); there is no registry, no
//! global, and no macro. To count is one addition to an atomic, to measure two: no lock, no allocation, no search for labels by their text. So it costs
//! nothing that a path with ten thousand executions a second would notice. A library would be more code: the official one keeps a histogram
//! behind a lock that all share.

mod bounded;
mod counter;
mod exposition;
mod histogram;

pub use bounded::Bounded;
pub use counter::{Counter, Gauge};
pub use exposition::{Exposition, Family};
pub use histogram::{Histogram, LATENCIES, SIZES};
