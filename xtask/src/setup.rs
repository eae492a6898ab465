//! What must be on the machine before a command can do its work, as one table.
//!
//! Only what the tree at hand needs is asked for: a row's condition looks at the files. So PostgreSQL is
//! not installed before a crate speaks to it, nor a browser before a web test drives one.
//!
//! The compiler's row speaks only where cargo links with something else than `cc`: without any linker cargo
//! cannot build this program at all. That is why `.ci/run` looks for `cc` before it calls cargo.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::{Done, command, finish, succeeds};

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Run,
    Test,
}

/// A program that must be there, and the Debian packages that bring it.
struct Tool {
    name: &'static str,
    packages: &'static [&'static str],
    why: &'static str,
    purposes: &'static [Purpose],
    needed: Needed,
    present: Probe,
}

/// When a row counts. Paths are relative to the workspace.
enum Needed {
    Always,
    Exists(&'static str),
    Mentions { file: &'static str, text: &'static str },
}

/// How to tell that it is there.
enum Probe {
    /// The program starts and succeeds with these arguments.
    Runs(&'static str, &'static [&'static str]),
    /// One of the programs starts.
    AnyRuns(&'static [&'static str]),
    /// `DIRECTORY/*/PROGRAM`: Debian keeps PostgreSQL's server outside of PATH, by major version, and libraries by architecture.
    Versioned { directory: &'static str, program: &'static str },
}

/// What the build tool (Vite) asks for; web/package.json says the same.
const NODE_IS_NEW_ENOUGH: &str = "const [major, minor] = process.versions.node.split('.').map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)";

const TOOLS: &[Tool] = &[
    Tool {
        name: "cc",
        packages: &["gcc", "libc6-dev"],
        why: "SQLite and the TLS library contain C code",
        purposes: &[Purpose::Run, Purpose::Test],
        needed: Needed::Always,
        present: Probe::Runs("cc", &["--version"]),
    },
    Tool {
        name: "node",
        packages: &["nodejs"],
        why: "the web app is built with it; it needs version 20.19 or newer",
        purposes: &[Purpose::Run, Purpose::Test],
        needed: Needed::Exists("web/package.json"),
        present: Probe::Runs("node", &["--eval", NODE_IS_NEW_ENOUGH]),
    },
    Tool {
        name: "npm",
        packages: &["npm"],
        why: "it installs the web app's packages",
        purposes: &[Purpose::Run, Purpose::Test],
        needed: Needed::Exists("web/package.json"),
        present: Probe::Runs("npm", &["--version"]),
    },
    Tool {
        name: "python3 with venv",
        packages: &["python3", "python3-venv"],
        why: "the tests send mail to a real SMTP server written in Python",
        purposes: &[Purpose::Test],
        needed: Needed::Always,
        present: Probe::Runs("python3", &["-c", "import ensurepip, venv"]),
    },
    Tool {
        name: "curl",
        packages: &["curl"],
        why: "the README's tour is run word for word",
        purposes: &[Purpose::Test],
        needed: Needed::Always,
        present: Probe::Runs("curl", &["--version"]),
    },
    Tool {
        name: "PostgreSQL",
        packages: &["postgresql"],
        why: "every store test runs on both databases; the tests start a server of their own",
        purposes: &[Purpose::Test],
        needed: Needed::Mentions { file: "Cargo.lock", text: "name = \"tokio-postgres\"" },
        present: Probe::Versioned { directory: "/usr/lib/postgresql", program: "bin/initdb" },
    },
    Tool {
        name: "libfaketime",
        packages: &["libfaketime"],
        why: "the torture sets the clock of a single process",
        purposes: &[Purpose::Test],
        needed: Needed::Exists("crates/torture"),
        present: Probe::Versioned { directory: "/usr/lib", program: "faketime/libfaketimeMT.so.1" },
    },
    Tool {
        name: "promtool",
        packages: &["prometheus"],
        why: "Prometheus itself says whether the metrics and the alerts are valid",
        purposes: &[Purpose::Test],
        needed: Needed::Exists("deploy/prometheus-rules.yml"),
        present: Probe::Runs("promtool", &["--version"]),
    },
    Tool {
        name: "Chromium",
        packages: &["chromium"],
        why: "the web tests drive a real browser",
        purposes: &[Purpose::Test],
        needed: Needed::Mentions { file: "web/package.json", text: "playwright" },
        present: Probe::AnyRuns(&["chromium", "chromium-browser", "google-chrome"]),
    },
];

/// A real SMTP server of someone else's making: it finds what two halves of our own would agree on.
const TEST_TOOLS: &str = "aiosmtpd==1.4.6\n";

/// Makes sure that every tool of the purpose is there: installs the missing ones as root on Debian, else
/// fails with the line that installs them.
pub fn tools(purpose: Purpose, root: &Path) -> Done {
    let missing = missing(purpose, root);
    if missing.is_empty() {
        return Ok(());
    }
    println!("{}", explain(&missing));
    if !Path::new("/etc/debian_version").exists() {
        return Err("install what is listed above with this system's package manager, then try again".into());
    }
    let install = install_line(&missing);
    if !is_root() {
        return Err(format!(
            "install what is missing, then try again:\n  sudo apt-get update && sudo {install}"
        ));
    }
    println!("apt-get update && {install}");
    finish(&mut apt_get(&["update", "--quiet"], root))?;
    let words: Vec<&str> = install.split(' ').skip(1).collect();
    finish(&mut apt_get(&words, root))?;
    match self::missing(purpose, root).as_slice() {
        [] => Ok(()),
        still => Err(format!(
            "{}\nThe packages are installed, yet another program of that name may come first in PATH.",
            explain(still)
        )),
    }
}

/// `target/test-tools`: a Python environment of this checkout with what the tests start.
pub fn test_tools(root: &Path) -> Done {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let environment = root.join(target).join("test-tools");
    // Written last, so that an interrupted installation is done again.
    let installed = environment.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == TEST_TOOLS) {
        return Ok(());
    }
    let to_text = |path: &Path| path.to_string_lossy().into_owned();
    finish(&mut command("python3", &["-m", "venv", "--clear", &to_text(&environment)], root))?;
    let python = environment.join("bin/python");
    let mut pip = command(
        python,
        &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"],
        root,
    );
    finish(pip.args(TEST_TOOLS.lines()))?;
    fs::write(&installed, TEST_TOOLS)
        .map_err(|error| format!("cannot write {}: {error}", installed.display()))
}

fn missing(purpose: Purpose, root: &Path) -> Vec<&'static Tool> {
    needed(purpose, root).filter(|tool| !tool.present.holds(root)).collect()
}

fn needed(purpose: Purpose, root: &Path) -> impl Iterator<Item = &'static Tool> {
    TOOLS.iter().filter(move |tool| tool.purposes.contains(&purpose) && tool.needed.holds(root))
}

fn explain(missing: &[&Tool]) -> String {
    let lines: Vec<String> = missing.iter().map(|tool| format!("  {}: {}", tool.name, tool.why)).collect();
    format!("This machine lacks:\n{}", lines.join("\n"))
}

fn install_line(missing: &[&Tool]) -> String {
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    format!("apt-get install --yes --no-install-recommends {}", packages.join(" "))
}

/// Never asks a question: there may be nobody at the terminal.
fn apt_get(arguments: &[&str], root: &Path) -> Command {
    let mut apt_get = command("apt-get", arguments, root);
    apt_get.env("DEBIAN_FRONTEND", "noninteractive");
    apt_get
}

/// The standard library cannot tell the effective user.
fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

impl Needed {
    fn holds(&self, root: &Path) -> bool {
        match self {
            Self::Always => true,
            Self::Exists(path) => root.join(path).exists(),
            Self::Mentions { file, text } => {
                fs::read_to_string(root.join(file)).is_ok_and(|content| content.contains(text))
            }
        }
    }
}

impl Probe {
    fn holds(&self, root: &Path) -> bool {
        match self {
            Self::Runs(program, arguments) => succeeds(&mut command(program, arguments, root)),
            Self::AnyRuns(programs) => {
                programs.iter().any(|program| succeeds(&mut command(program, &["--version"], root)))
            }
            Self::Versioned { directory, program } => {
                versions(Path::new(directory)).iter().any(|version| version.join(program).exists())
            }
        }
    }
}

fn versions(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(purpose: Purpose, root: &Path) -> Vec<&'static str> {
        needed(purpose, root).map(|tool| tool.name).collect()
    }

    #[test]
    fn a_tree_asks_only_for_what_it_uses() {
        let root = env::temp_dir().join(format!("xtask-setup-{}", std::process::id()));
        fs::create_dir_all(root.join("web")).unwrap();
        assert_eq!(names(Purpose::Run, &root), ["cc"]);
        assert_eq!(names(Purpose::Test, &root), ["cc", "python3 with venv", "curl"]);
        fs::write(root.join("web/package.json"), "{}").unwrap();
        assert_eq!(names(Purpose::Run, &root), ["cc", "node", "npm"]);
        fs::write(root.join("web/package.json"), r#"{"devDependencies":{"@playwright/test":"1"}}"#).unwrap();
        fs::write(root.join("Cargo.lock"), "[[package]]\nname = \"tokio-postgres\"\n").unwrap();
        assert_eq!(
            names(Purpose::Test, &root),
            ["cc", "node", "npm", "python3 with venv", "curl", "PostgreSQL", "Chromium"]
        );
        assert_eq!(names(Purpose::Run, &root), ["cc", "node", "npm"]);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn what_is_missing_is_named_with_its_reason_and_one_line_that_installs_it() {
        let missing: Vec<&Tool> =
            TOOLS.iter().filter(|tool| ["cc", "python3 with venv"].contains(&tool.name)).collect();
        assert_eq!(
            explain(&missing),
            "This machine lacks:\n  cc: SQLite and the TLS library contain C code\n  \
             python3 with venv: the tests send mail to a real SMTP server written in Python"
        );
        assert_eq!(
            install_line(&missing),
            "apt-get install --yes --no-install-recommends gcc libc6-dev python3 python3-venv"
        );
    }
}
