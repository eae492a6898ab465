//! `cargo xtask generate`: rewrites the files that the tests compare with. Read the difference before committing.

use std::{fs, process::Stdio};

use crate::process::{Done, cargo, finish, line, workspace_root};

/// Writes `openapi.json`, then accepts every insta snapshot that is kept in a file.
///
/// Fails when a test fails for another reason than its snapshot.
pub fn generate(arguments: &[String]) -> Done {
    if let Some(argument) = arguments.first() {
        return Err(format!("`generate` takes no argument, got `{argument}`"));
    }
    let root = workspace_root();
    let mut command =
        cargo(&["run", "--quiet", "--package", "server", "--bin", "vtrustx", "--", "openapi"], &root);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{}` does not start: {error}", line(&command)))?;
    let text = output.stdout.trim_ascii_end();
    // A good file is not replaced by the output of a binary that failed.
    if !output.status.success() || text.is_empty() {
        return Err(format!(
            "`{}` printed no specification ({}); openapi.json is left as it was",
            line(&command),
            output.status
        ));
    }
    let path = root.join("openapi.json");
    fs::write(&path, [text, b"\n"].concat())
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;

    // Forced to pass, so that one run reaches the second snapshot of a test; other assertions still fail.
    finish(
        cargo(&["test", "--workspace", "--no-fail-fast"], &root)
            .env("INSTA_UPDATE", "always")
            .env("INSTA_FORCE_PASS", "1"),
    )
}
