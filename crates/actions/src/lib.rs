//! What an action is, the capabilities it may use, and the catalogue.
//!
//! An action is one file in `catalog/`: a typed config whose doc comments and JSON Schema are the reference, the
//! validation and the web form; its metadata; and a function that runs it. Adding the file registers it. What an
//! action may do beyond thinking it gets as a capability ([`capability`]): sending a mail, an HTTP request, finding
//! a stored connection. Capabilities come bound to one tenant, so an action cannot reach another.
//!
//! Actions that change the tenant's own records do not write: they return a [`model::effect::Effect`], which the
//! store applies in the transaction that records the step (exactly once). Actions that act outside are at least
//! once and carry an idempotency key that is the same on every attempt ([`idempotency`]).

pub mod action;
pub mod address;
pub mod answer;
pub mod capability;
pub mod catalog;
pub mod hosts;
pub mod http;
pub mod idempotency;
pub mod input;
pub mod ledger;
pub mod mail;
pub mod provider;
mod providers;
pub mod schema;
pub mod signature;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod workbench;

pub use action::{Action, ActionError, Context, EffectKind, ErrorKind, Metadata, Outcome, SuggestedRetry};
pub use catalog::{Catalog, Entry, catalog};
pub use idempotency::{alert_key, approval_key, idempotency_key};
