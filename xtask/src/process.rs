//! Starting other programs: where, with which output, and what is said when one fails.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Nothing, or a sentence for the person at the terminal.
pub type Done = Result<(), String>;

/// The directory of the workspace's Cargo.toml.
pub fn workspace_root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// A program to be started in `directory`.
pub fn command(program: impl AsRef<OsStr>, arguments: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory);
    command
}

/// The cargo that runs this program: under rustup another one may belong to another toolchain.
pub fn cargo(arguments: &[&str], directory: &Path) -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments, directory)
}

/// Runs to the end with this terminal's output. Fails when the program does.
pub fn finish(command: &mut Command) -> Done {
    let status = command.status().map_err(|error| format!("`{}` does not start: {error}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", line(command))) }
}

/// Whether a program can be started and succeeds; its output is of no interest.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Becomes the other program, so that a signal to this process reaches it. Returns only when that fails.
#[cfg(unix)]
pub fn replace_by(command: &mut Command) -> Done {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(format!("`{}` does not start: {error}", line(command)))
}

/// Elsewhere a process cannot be replaced, and the console sends its signals to both anyway.
#[cfg(not(unix))]
pub fn replace_by(command: &mut Command) -> Done {
    finish(command)
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
