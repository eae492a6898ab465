//! Plain types that every other crate speaks: identifiers, times, statuses, records and events.
//!
//! Nothing here does I/O or knows a database, a network or a runtime. A type lives here when two crates
//! need it; a rule about a single record (what may change in a contact) lives beside the record.

pub mod actor;
pub mod alert;
pub mod approval;
pub mod clock;
pub mod contact;
pub mod decision;
pub mod document;
pub mod effect;
pub mod entity;
pub mod event;
pub mod execution;
pub mod field;
pub mod form;
pub mod id;
pub mod invitation;
pub mod job;
pub mod journal;
pub mod mailing;
pub mod notification;
pub mod period;
pub mod problem;
pub mod settings;
pub mod status;
pub mod submission;
pub mod template;
pub mod ticket;
pub mod time;
pub mod user;
pub mod waiting;
pub mod workflow;

pub use actor::Actor;
pub use clock::Clock;
pub use document::Document;
pub use id::*;
pub use period::Period;
pub use problem::Problem;
pub use status::{ExecutionStatus, Outcome, StepStatus, StepType};
pub use time::Timestamp;
