//! What a person sees meanwhile: a line for each fault, and how far it is: a bar on a terminal, else a line every ten seconds.

use std::{
    io::IsTerminal,
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::ledger::Ledger;

/// How often there is a line where there is no terminal.
const SELDOM: Duration = Duration::from_secs(10);

/// Tells it.
#[derive(Debug)]
pub struct Story {
    ledger: Arc<Ledger>,
    bar: Option<ProgressBar>,
}

impl Story {
    /// Begins; `length` is how long the load is planned to last.
    #[must_use]
    pub fn begin(ledger: Arc<Ledger>, length: Duration) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{elapsed:>4} {wide_bar} {msg}");
            let bar = ProgressBar::new(length.as_secs());
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { ledger, bar }
    }

    /// A line with the time of the run.
    pub fn say(&self, text: impl std::fmt::Display) {
        let line = format!("{:7.1} s  {text}", f64::from(self.ledger.now()) / 1e3);
        match &self.bar {
            Some(bar) => bar.println(line),
            None => println!("{line}"),
        }
    }

    /// Tells how far it is, until it is dropped.
    pub async fn progress(&self) {
        let begun = Instant::now();
        let (mut last, mut next_line) = (0, Instant::now() + SELDOM);
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let sums = self.ledger.sums();
            let state = format!(
                "{} events accepted ({}/s), {} under way",
                sums.acknowledged,
                sums.acknowledged - last,
                sums.unfinished
            );
            match &self.bar {
                Some(bar) => {
                    bar.set_position(begun.elapsed().as_secs());
                    bar.set_message(state);
                    last = sums.acknowledged;
                }
                None if Instant::now() >= next_line => {
                    let average = f64::from(sums.acknowledged - last) / SELDOM.as_secs_f64();
                    self.say(format_args!(
                        "{} events accepted ({average:.0}/s), {} under way, {} calls",
                        sums.acknowledged, sums.unfinished, sums.calls
                    ));
                    (last, next_line) = (sums.acknowledged, next_line + SELDOM);
                }
                None => {}
            }
        }
    }

    /// No bar any more.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
