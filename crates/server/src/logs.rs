//! Log lines on stderr, as text or as JSON; stdout is for what a command answers.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt, prelude::*};

use crate::{config::LogFormat, traces::Traces};

/// Begins to write log lines, and to send traces where there is somewhere to send them. `RUST_LOG` says which lines, in the usual syntax;
/// without it those from `level` on.
pub fn start(format: LogFormat, level: LevelFilter, traces: Option<&Traces>) {
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let lines = fmt::layer().with_writer(io::stderr);
    let layer = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).with_target(false).boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    };
    let spans = traces.map(Traces::layer);
    // A second call, in a test, finds the first one's: that is as good.
    drop(tracing_subscriber::registry().with(spans).with(layer.with_filter(filter)).try_init());
}
