//! Background tasks. Each finds its own work and takes no input, so that its restart path is its normal path, and each can
//! be called by hand in a test.

pub mod claim;
pub mod definitions;
pub mod lease;
pub mod pulse;
pub mod timers;
pub mod upkeep;
