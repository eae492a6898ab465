//! Background tasks. Each finds its own work and takes no input, so that its restart path is its normal path, and each can
//! be called by hand in a test.

pub mod recovery;
pub mod timers;
pub mod upkeep;
