//! `cargo xtask test`: what a change must pass, here and in continuous integration alike.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    findings::finish_with_findings,
    process::{Done, cargo, command, finish, workspace_root},
    setup::{self, Purpose},
    torture::{self, Profile},
    web,
};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    skip_lint: bool,
    filter: Option<String>,
}

/// The test binaries of what lies above the store, which run on the one that `VTRUSTX_TEST_STORE` names. The tests of the store and of
/// the engine run on both by themselves.
const ABOVE_THE_STORE: &[&str] =
    &["conformance", "foundation", "history", "resources", "workflows", "server"];

/// One line of the summary.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// System packages and the Python environment.
    Tools,
    /// The web app's build, which the binary embeds: before cargo.
    WebBuild,
    Cargo(Vec<String>),
    /// [`ABOVE_THE_STORE`] once more, with an optional filter: the run before had them on SQLite.
    OnPostgres(Option<String>),
    /// A script of web/package.json, if it has one of that name.
    Web(&'static str),
    /// The debug binaries that `cargo test` has built, against each other.
    Torture(&'static Torture),
}

/// A short torture.
#[derive(Debug, PartialEq, Eq)]
struct Torture {
    name: &'static str,
    options: &'static [&'static str],
}

/// One minute of load on each store with one of each fault that fits in; then the same without fences, which the audit must find out.
const TORTURES: [Torture; 3] = [
    Torture {
        name: "torture sqlite",
        options: &["--database", "sqlite", "--minutes", "1", "--faults", "kill,kill,stop,disk-full,clock"],
    },
    Torture {
        name: "torture postgres",
        options: &[
            "--database",
            "postgres",
            "--minutes",
            "1",
            "--faults",
            "kill,kill,stop,clock,restart,crash,terminate,drop,delay,black-hole,disk-full",
        ],
    },
    Torture {
        name: "torture unfenced",
        options: &[
            "--database",
            "postgres",
            "--nodes",
            "2",
            "--minutes",
            "0.5",
            "--rate",
            "60",
            "--faults",
            "stop",
            "--unfenced",
            "--expect-failure",
        ],
    },
];

struct Outcome {
    step: Step,
    result: Done,
    time: Duration,
}

/// Runs every step, also after one failed, and ends with a table of all.
///
/// Fails with what the steps that failed say of it, so that it stands at the very end of the log.
pub fn test(arguments: &[String]) -> Done {
    let options = Options::read(arguments)?;
    let root = workspace_root();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in plan(&options, web::exists(&root)) {
        println!("\n── {} ──", step.name());
        let start = Instant::now();
        let result = step.perform(&root);
        let stop = result.is_err() && step.is_needed_by_the_rest();
        if let Err(message) = &result {
            eprintln!("{message}");
        }
        outcomes.push(Outcome { step, result, time: start.elapsed() });
        if stop {
            break;
        }
    }
    println!("\n{}", summary(&outcomes));
    let failed: Vec<String> = outcomes.into_iter().filter_map(|outcome| outcome.result.err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self { skip_lint: false, filter: None };
        for argument in arguments {
            match argument.as_str() {
                "--skip-lint" => options.skip_lint = true,
                option if option.starts_with('-') => {
                    return Err(format!("`test` has no option `{option}`: write --skip-lint or a filter"));
                }
                filter if options.filter.is_none() => options.filter = Some(filter.to_owned()),
                second => return Err(format!("`test` takes one filter, `{second}` is a second one")),
            }
        }
        Ok(options)
    }
}

/// Cheap checks first; the web tests last, for they drive the binary that `cargo test` has built.
/// A filter names Rust tests, so the web app's and the tortures are left out with one.
fn plan(options: &Options, has_web: bool) -> Vec<Step> {
    let cargo = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut steps = vec![Step::Tools];
    if has_web {
        steps.push(Step::WebBuild);
    }
    if !options.skip_lint {
        steps.push(Step::Cargo(cargo("fmt --all --check")));
        steps.push(Step::Cargo(cargo("clippy --workspace --all-targets -- -D warnings")));
        if has_web {
            steps.push(Step::Web("check"));
        }
    }
    let mut test = cargo("test --workspace --no-fail-fast");
    test.extend(options.filter.clone());
    steps.push(Step::Cargo(test));
    steps.push(Step::OnPostgres(options.filter.clone()));
    if options.filter.is_none() {
        steps.extend(TORTURES.iter().map(Step::Torture));
    }
    if has_web && options.filter.is_none() {
        steps.push(Step::Web("test"));
    }
    steps
}

impl Step {
    fn name(&self) -> String {
        match self {
            Self::Tools => "set-up".to_owned(),
            Self::WebBuild => "web build".to_owned(),
            Self::Cargo(words) => format!("cargo {}", words.join(" ")),
            Self::OnPostgres(_) => "api and server on PostgreSQL".to_owned(),
            Self::Web(script) => format!("web {script}"),
            Self::Torture(torture) => torture.name.to_owned(),
        }
    }

    fn perform(&self, root: &Path) -> Done {
        match self {
            Self::Tools => {
                setup::tools(Purpose::Test, root)?;
                setup::test_tools(root)
            }
            Self::WebBuild => web::build(root),
            Self::Cargo(words) => finish_with_findings(cargo(&[], root).args(words)),
            Self::OnPostgres(filter) => {
                // Of the whole workspace, although it runs a few of its tests: of two packages alone cargo would build everything anew.
                let mut test = cargo(&["test", "--workspace", "--no-fail-fast"], root);
                test.args(ABOVE_THE_STORE.iter().flat_map(|name| ["--test", name])).args(filter);
                finish_with_findings(test.env("VTRUSTX_TEST_STORE", "postgres"))
            }
            Self::Web(script) => {
                finish(&mut command("npm", &["run", "--if-present", script], &root.join("web")))
            }
            Self::Torture(torture) => torture::run(Profile::Debug, torture.options, root),
        }
    }

    /// Without the tools and the embedded web app the other steps would only repeat the same failure.
    fn is_needed_by_the_rest(&self) -> bool {
        matches!(self, Self::Tools | Self::WebBuild)
    }
}

fn summary(outcomes: &[Outcome]) -> String {
    let width = outcomes.iter().map(|outcome| outcome.step.name().chars().count()).max().unwrap_or_default();
    let lines: Vec<String> = outcomes
        .iter()
        .map(|Outcome { step, result, time }| {
            let word = if result.is_ok() { "ok" } else { "FAILED" };
            format!("  {:width$}  {word:<6}  {:>7.1} s", step.name(), time.as_secs_f64())
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(arguments: &[&str], has_web: bool) -> Result<Vec<String>, String> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let steps = plan(&Options::read(&arguments)?, has_web);
        Ok(steps.iter().map(Step::name).collect())
    }

    #[test]
    fn the_command_line_decides_the_steps() {
        let (fmt, clippy) =
            ("cargo fmt --all --check", "cargo clippy --workspace --all-targets -- -D warnings");
        let all = "cargo test --workspace --no-fail-fast";
        let some = "cargo test --workspace --no-fail-fast period";
        let again = "api and server on PostgreSQL";
        let steps = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect());
        let (sqlite, postgres, unfenced) = ("torture sqlite", "torture postgres", "torture unfenced");
        assert_eq!(
            planned(&[], false),
            steps(&["set-up", fmt, clippy, all, again, sqlite, postgres, unfenced])
        );
        let (check, test) = ("web check", "web test");
        assert_eq!(
            planned(&[], true),
            steps(&["set-up", "web build", fmt, clippy, check, all, again, sqlite, postgres, unfenced, test])
        );
        assert_eq!(planned(&["--skip-lint", "period"], true), steps(&["set-up", "web build", some, again]));
        assert_eq!(
            planned(&["--fast"], false),
            Err("`test` has no option `--fast`: write --skip-lint or a filter".to_owned())
        );
        assert_eq!(
            planned(&["one", "two"], false),
            Err("`test` takes one filter, `two` is a second one".to_owned())
        );
    }

    #[test]
    fn every_test_binary_above_the_store_runs_on_postgresql_too() {
        let folders = ["crates/api/tests", "crates/server/tests"].map(|path| workspace_root().join(path));
        let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
        let mut found: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        found.sort_unstable();
        let mut known = ABOVE_THE_STORE.to_vec();
        known.sort_unstable();
        assert_eq!(found, known);
    }

    #[test]
    fn the_summary_names_the_failing_step() {
        let outcome = |step, result, tenths| Outcome { step, result, time: Duration::from_millis(tenths) };
        let outcomes = [
            outcome(Step::Tools, Ok(()), 400),
            outcome(Step::Web("check"), Err("`npm run check` failed".to_owned()), 12_340),
        ];
        assert_eq!(summary(&outcomes), "  set-up     ok          0.4 s\n  web check  FAILED     12.3 s");
    }
}
