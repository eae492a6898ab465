//! The project's own commands: `cargo xtask run | test | torture | bench | generate`.
//!
//! Standard library only, so that the first `cargo xtask` on a fresh machine compiles in seconds.

mod bench;
mod findings;
mod generate;
mod process;
mod run;
mod setup;
mod test;
mod torture;
mod web;

use std::{env, process::ExitCode};

const HELP: &str = "\
The project's own commands.

  cargo xtask run [-- OPTIONS]       build everything (web app included) and serve it with demo data;
                                     OPTIONS go to `vtrustx serve`, for instance -- --listen 127.0.0.1:9000
  cargo xtask test [--skip-lint] [FILTER]
                                     install what the tests need, then format check, clippy, all tests;
                                     and short tortures; FILTER runs only the tests whose name contains it
  cargo xtask torture --database sqlite|postgres [--nodes 3] [--minutes 5] [--events N] [--rate N]
                      [--seed S] [--faults kill,stop,…] [--unfenced] [--expect-failure] [--debug]
                                     real servers under load while everything around them breaks, and an audit
                                     (docs/TORTURE.md); --help says more
  cargo xtask bench [NAME…] [--database sqlite|postgres] [--seconds 10] [--small] [--json FILE] [--check]
                                     measures the release binary beside the limit of this machine
                                     (docs/PERFORMANCE.md); --help says more
  cargo xtask generate               rewrite the files that tests compare with: openapi.json and the snapshots
  cargo xtask help                   this text

A missing system package is named with the line that installs it; root on Debian gets it installed.";

fn main() -> ExitCode {
    let arguments: Vec<String> =
        env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> process::Done {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(format!("which command?\n\n{HELP}"));
    };
    match command.as_str() {
        "run" => run::run(rest),
        "test" => test::test(rest),
        "bench" => bench::bench(rest),
        "torture" => torture::torture(rest),
        "generate" => generate::generate(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        unknown => Err(format!("there is no command `{unknown}`\n\n{HELP}")),
    }
}
