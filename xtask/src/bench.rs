//! `cargo xtask bench`: builds the release binary and what measures it (crates/bench), and lets the one loose on the other.

use std::{env, path::PathBuf};

use crate::{
    process::{Done, cargo, command, finish, workspace_root},
    setup::{self, Purpose},
    web,
};

/// Builds and runs; `arguments` are those of the benchmark.
pub fn bench(arguments: &[String]) -> Done {
    let root = workspace_root();
    setup::tools(Purpose::Test, &root)?;
    if web::exists(&root) {
        web::build(&root)?;
    }
    finish(&mut cargo(&["build", "--release", "--package", "server", "--package", "bench"], &root))?;
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = root.join(target).join("release");
    let binary = |name: &str| -> PathBuf { folder.join(name).with_extension(env::consts::EXE_EXTENSION) };
    let options: Vec<&str> = arguments.iter().map(String::as_str).collect();
    finish(command(binary("bench"), &options, &root).arg("--server").arg(binary("vtrustx")))
}
