//! `vtrustx store copy`: moves a store from one database to another, such as from the file of the beginning to PostgreSQL.

use std::{sync::Arc, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use store::{
    copy::{Order, PAGE, Progress, Report, store_copy},
    database::Address,
};

use crate::{
    clock::SystemClock,
    error::{CommandError, Done},
    output::{say, say_json, say_table},
};

/// What to do with a store as a whole.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Copy a store that no server has into an empty database; run again, it goes on where it was interrupted
    Copy(CopyArguments),
}

#[derive(Debug, clap::Args)]
struct CopyArguments {
    /// The store to read: sqlite:PATH or postgres://…
    #[arg(long, value_name = "URL", env = "VTRUSTX_COPY_FROM", hide_env_values = true)]
    from: Address,

    /// The store to make: sqlite:PATH or postgres://…
    #[arg(long, value_name = "URL", env = "VTRUSTX_COPY_TO", hide_env_values = true)]
    to: Address,

    /// At the end compare the numbers of rows only, and not what is in them
    #[arg(long)]
    skip_content_check: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub async fn run(arguments: Arguments) -> Done {
    let Action::Copy(arguments) = arguments.action;
    let begun = Instant::now();
    let mut display = Display::new();
    let order = Order {
        from: arguments.from,
        to: arguments.to,
        check_content: !arguments.skip_content_check,
        page: PAGE,
        clock: Arc::new(SystemClock::default()),
    };
    let copied = store_copy(order, &mut |progress| display.show(&progress)).await;
    display.bar.finish_and_clear();
    let report = copied?;
    if arguments.json {
        say_json(&as_json(&report, begun.elapsed().as_secs_f64()));
    } else {
        tell(&report, begun.elapsed().as_secs_f64());
    }
    if report.is_good() {
        return Ok(());
    }
    Err(CommandError::said(
        "the target differs from the source, and no server will open it. Was the source written to after the copy had begun? \
         Stop whatever writes to it, empty the target (a new database, or delete the file) and copy again",
    ))
}

fn tell(report: &Report, seconds: f64) {
    let word = |same: bool| match (same, report.content_was_checked) {
        (true, true) => "same content",
        (true, false) => "same number",
        (false, _) => "DIFFERENT",
    };
    let row = |table: &store::copy::Compared| {
        vec![table.table.clone(), table.from.to_string(), table.to.to_string(), word(table.same).to_owned()]
    };
    say_table(
        &["TABLE", "SOURCE", "TARGET", "COMPARED"],
        report.tables.iter().map(row).collect(),
        "There are no tables.",
    );
    if report.is_good() {
        let rows: u64 = report.tables.iter().map(|table| table.to).sum();
        say(format_args!("\n{rows} rows are there, in {seconds:.1} s."));
        say(
            "The key of the secrets is in neither store: take `secret.key` along into the data directory of whoever serves the \
             target, or set the same VTRUSTX_SECRET_KEY there. The source is as it was; do not serve both.",
        );
    }
}

fn as_json(report: &Report, seconds: f64) -> serde_json::Value {
    let tables = report.tables.iter().map(
        |table| json!({"table": table.table, "source": table.from, "target": table.to, "same": table.same}),
    );
    json!({
        "same": report.is_good(), "resumed": report.resumed, "contentWasChecked": report.content_was_checked,
        "seconds": seconds, "tables": tables.collect::<Vec<_>>(),
    })
}

/// A bar for whoever sits at a terminal, else a line on stderr for each table.
struct Display {
    bar: ProgressBar,
    rows: u64,
}

impl Display {
    fn new() -> Self {
        let bar = ProgressBar::new(0).with_message("reading");
        let style =
            ProgressStyle::with_template("{msg:28} {wide_bar} {human_pos}/{human_len} rows {per_sec} {eta}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, rows: 0 }
    }

    fn show(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Begun { rows, copied } => {
                self.rows = *rows;
                self.bar.set_length(*rows);
                self.bar.set_position(*copied);
                self.bar.reset_eta();
                if *copied > 0 {
                    self.line(&format!("going on after {copied} of {rows} rows"));
                }
            }
            Progress::Copied { table, rows } => {
                self.bar.set_message((*table).to_owned());
                self.bar.inc(*rows);
            }
            Progress::Finished { table, rows } => self.line(&format!("{table}: {rows} rows")),
            Progress::Checking => {
                self.bar.reset();
                self.bar.set_length(self.rows);
                self.line("comparing both stores");
            }
            Progress::Checked { table, rows } => {
                self.bar.set_message(format!("comparing {table}"));
                self.bar.inc(*rows);
            }
        }
    }

    fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            crate::output::note(text);
        }
    }
}
