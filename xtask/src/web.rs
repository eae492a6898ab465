//! The web app, once there is one: its packages and its build, which the binary embeds.

use std::{fs, path::Path, time::SystemTime};

use crate::process::{Done, command, finish};

/// Whether the tree has a web app.
pub fn exists(root: &Path) -> bool {
    root.join("web/package.json").exists()
}

/// `npm ci` when the installed packages are older than the lock file, then the production build.
pub fn build(root: &Path) -> Done {
    let web = root.join("web");
    if is_stale(&web) {
        finish(&mut command("npm", &["ci", "--no-audit", "--no-fund"], &web))?;
    }
    finish(&mut command("npm", &["run", "build"], &web))
}

/// npm writes `node_modules/.package-lock.json` at the end of every installation.
fn is_stale(web: &Path) -> bool {
    let changed = |path: &str| -> Option<SystemTime> { fs::metadata(web.join(path)).ok()?.modified().ok() };
    match (changed("node_modules/.package-lock.json"), changed("package-lock.json")) {
        (Some(installed), Some(locked)) => installed < locked,
        _ => true,
    }
}
