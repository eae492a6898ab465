//! Background tasks. Each finds its own work and takes no input, so that its restart path is its normal path, and each can
//! be called by hand in a test.

pub mod alerts;
pub mod approvals;
pub mod backlog;
pub mod claim;
pub mod deadlines;
pub mod debounces;
pub mod definitions;
pub mod jobs;
pub mod lease;
pub mod partitions;
pub mod planner;
pub mod pulse;
pub mod queues;
pub mod retention;
pub mod schedules;
pub mod signals;
pub mod timers;
pub mod upkeep;
