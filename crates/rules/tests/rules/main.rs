//! The rules as their users meet them: one binary, so that they link once.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod conditions;
mod control;
mod definitions;
mod differences;
mod entry;
mod properties;
mod retry;
mod templates;
mod timetables;
mod triggers;
mod truth_table;
