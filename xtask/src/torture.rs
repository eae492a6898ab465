//! `cargo xtask torture`: builds the server and what tortures it (crates/torture), and lets the one loose on the other.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    process::{Done, cargo, command, finish, workspace_root},
    setup::{self, Purpose},
    web,
};

/// How the binaries are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it is used.
    Release,
    /// As the tests build it; only this one can do without fences.
    Debug,
}

/// Builds and runs; `arguments` are those of the torture, and `--release` or `--debug`.
pub fn torture(arguments: &[String]) -> Done {
    let root = workspace_root();
    let (profile, options) = read(arguments);
    setup::tools(Purpose::Test, &root)?;
    if web::exists(&root) {
        web::build(&root)?;
    }
    let mut build = cargo(&["build", "--package", "server", "--package", "torture"], &root);
    match profile {
        Profile::Release => finish(build.arg("--release"))?,
        Profile::Debug => finish(&mut build)?,
    }
    run(profile, &options, &root)
}

/// Runs what has been built.
pub fn run(profile: Profile, options: &[&str], root: &Path) -> Done {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = root.join(target).join(match profile {
        Profile::Release => "release",
        Profile::Debug => "debug",
    });
    let binary = |name: &str| -> PathBuf { folder.join(name).with_extension(env::consts::EXE_EXTENSION) };
    finish(command(binary("torture"), options, root).arg("--server").arg(binary("vtrustx")))
}

/// The release build unless told; the switch for the fences is in the other one only.
fn read(arguments: &[String]) -> (Profile, Vec<&str>) {
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let profile = if has("--debug") || has("--unfenced") { Profile::Debug } else { Profile::Release };
    let options = arguments.iter().map(String::as_str);
    (profile, options.filter(|option| !matches!(*option, "--debug" | "--release")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_build_is_tortured_unless_told() {
        let given = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(read(&given("--database sqlite")), (Profile::Release, vec!["--database", "sqlite"]));
        assert_eq!(read(&given("--debug --seed 7")), (Profile::Debug, vec!["--seed", "7"]));
        assert_eq!(read(&given("--unfenced --release")), (Profile::Debug, vec!["--unfenced"]));
    }
}
