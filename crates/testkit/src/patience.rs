//! A test that hangs is a failure with a name. Without, the harness waits for ever, and whoever runs it is told nothing.

use std::{
    io::Write,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use crate::postgres;

/// The longest test takes five minutes on two processors that others use, too.
const LONGEST: Duration = Duration::from_mins(25);

/// While it lives, a test may take [`LONGEST`]; then the process ends, and says which test it was and what PostgreSQL was doing.
#[derive(Debug)]
#[must_use = "it ends with the test"]
pub struct Patience {
    _until: Sender<()>,
}

impl Patience {
    /// With the test whose thread this is.
    ///
    /// # Panics
    /// When the system has no thread left.
    pub fn begin() -> Self {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let (until, ended) = channel();
        let watch = move || {
            if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                // Not by a macro: what those print is kept for the test's own end.
                let activity = postgres::activity();
                drop(writeln!(std::io::stderr(), "{test} hangs: given up after {LONGEST:?}\n{activity}"));
                std::process::exit(101);
            }
        };
        thread::Builder::new().name("patience".to_owned()).spawn(watch).expect("a thread can be started");
        Self { _until: until }
    }
}
