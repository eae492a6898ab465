//! Pure functions: paths, operators, conditions, templates, definitions.
//!
//! What a workflow says is decided here and nowhere else. Everything is a function of its arguments: no clock,
//! no randomness, no I/O, so each rule of the contract can be tested as a table. Text that people wrote is
//! compiled once ([`definition::compile`]) and then only evaluated; what compiles cannot fail on any JSON other
//! than with an error that names the condition or the template.

pub mod blank;
mod compare;
pub mod condition;
pub mod correlation;
pub mod cron;
pub mod decimal;
pub mod definition;
pub mod difference;
pub mod entry;
mod expression;
mod filter;
mod fold;
pub mod hook;
mod hosts;
pub mod index;
pub mod operator;
pub mod path;
mod pattern;
pub mod retry;
pub mod schema;
pub mod scope;
pub mod step;
pub mod suggest;
pub mod template;
pub mod timetable;
pub mod trigger;
mod value;
pub mod verdict;

pub use condition::{ConditionError, Conditions};
pub use correlation::Correlation;
pub use decimal::Decimal;
pub use definition::{ActionCatalog, Compiled, compile, with_ids};
pub use difference::{Difference, DifferenceKind, differences};
pub use entry::EntryRules;
pub use index::{Entry, Index};
pub use operator::{Operator, OperatorInfo, operators};
pub use path::{Path, PathError};
pub use retry::{Failure, Retry, RetryOn, Schedule};
pub use scope::Scope;
pub use step::{
    Reads, Step,
    approval::{Approval, MAX_MESSAGE, MAX_TITLE, approvers},
    branch::Branch,
    construct::{Construct, ControlInfo, control_step, control_steps},
    for_each::ForEach,
    parallel::Parallel,
    repeat::Repeat,
    stop::Ending,
    wait::{Until, Wait, Zone},
    wait_for_event::WaitForEvent,
};
pub use template::{RenderError, Rendered, Template};
pub use timetable::Timetable;
pub use trigger::{Missed, Start, Trigger};
pub use value::Kind;
pub use verdict::{Evaluation, Verdict};
