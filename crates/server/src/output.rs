//! What commands print: tables for people, JSON for machines, progress for whoever waits at a terminal.

use std::{
    fmt::Display,
    io::{self, Write},
    time::Duration,
};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// Prints a line to stdout. Whoever reads it may have stopped reading (`vtrustx … | head`): then there is nothing to say.
pub fn say(line: impl Display) {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    drop(written);
}

/// Prints JSON to stdout, indented.
pub fn say_json(value: &Value) {
    say(format_args!("{value:#}"));
}

/// Prints a line to stderr: what is under way, for whoever watches.
pub fn note(line: impl Display) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// Prints an error to stderr.
pub fn complain(error: &dyn Display) {
    drop(writeln!(io::stderr().lock(), "error: {error}"));
}

/// Prints a table, or a sentence when it has no rows.
pub fn say_table(headings: &[&str], rows: Vec<Vec<String>>, when_empty: &str) {
    if rows.is_empty() {
        return say(when_empty);
    }
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.to_string().lines() {
        say(line.trim_end());
    }
}

/// A field of a JSON object as a cell: text without its quotes, nothing for null.
#[must_use]
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `2026-02-14 10:30:00` of `2026-02-14T10:30:00.123Z`.
#[must_use]
pub fn time_cell(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.get(..19).unwrap_or(text).replace('T', " ")
}

/// A bar on stderr, when that is a terminal and the work is long enough to look at.
pub fn progress(what: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(what);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

/// As [`progress`], for work whose size is not known.
pub fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
