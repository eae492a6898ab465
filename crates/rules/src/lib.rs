//! Pure functions: paths, operators, conditions, templates, definitions.
//!
//! What a workflow says is decided here and nowhere else. Everything is a function of its arguments: no clock,
//! no randomness, no I/O, so each rule of the contract can be tested as a table. Text that people wrote is
//! compiled once ([`definition::compile`]) and then only evaluated; what compiles cannot fail on any JSON other
//! than with an error that names the condition or the template.

pub mod blank;
mod compare;
pub mod condition;
pub mod decimal;
pub mod definition;
mod expression;
mod filter;
mod fold;
mod hosts;
pub mod index;
pub mod operator;
pub mod path;
mod pattern;
pub mod retry;
pub mod schema;
pub mod scope;
mod step;
pub mod suggest;
pub mod template;
pub mod trigger;
mod value;
pub mod verdict;

pub use condition::{ConditionError, Conditions};
pub use decimal::Decimal;
pub use definition::{ActionCatalog, Compiled, compile, with_ids};
pub use index::{Entry, Index};
pub use operator::{Operator, OperatorInfo, operators};
pub use path::{Path, PathError};
pub use retry::{Failure, Retry, RetryOn, Schedule};
pub use scope::Scope;
pub use step::Step;
pub use template::{RenderError, Rendered, Template};
pub use trigger::Trigger;
pub use value::Kind;
pub use verdict::{Evaluation, Verdict};
