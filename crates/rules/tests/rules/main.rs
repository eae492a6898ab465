//! The rules as their users meet them: one binary, so that they link once.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod conditions;
mod definitions;
mod properties;
mod retry;
mod templates;
mod triggers;
mod truth_table;
