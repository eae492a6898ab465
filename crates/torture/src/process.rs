//! Other processes: signals to them, and which of them has a connection.

use std::{net::SocketAddr, path::Path, process::Stdio};

use tokio::process::Command;

/// Sends a signal, `-KILL` or the like. A process that is gone does not matter.
pub async fn signal(process: u32, name: &str) {
    let mut kill = Command::new("kill");
    kill.args([name, &process.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    drop(kill.status().await);
}

/// Runs a program to its end; what it says is of interest only when it fails.
///
/// # Errors
/// A sentence with what it said.
pub async fn run(command: &mut Command) -> Result<String, String> {
    let shown = format!("{:?}", command.as_std().get_program());
    let output = command
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| format!("{shown} does not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{shown} failed ({}): {}", output.status, said.trim()))
}

/// The process at the other end of a connection within this machine, as Linux tells it.
pub async fn owner_of(peer: SocketAddr) -> Option<u32> {
    tokio::task::spawn_blocking(move || {
        let inode = inode_of(peer)?;
        let wanted = format!("socket:[{inode}]");
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|process| {
            let is_vtrustx = std::fs::read_to_string(format!("/proc/{process}/comm"))
                .is_ok_and(|name| name.trim() == "vtrustx");
            is_vtrustx && holds(Path::new(&format!("/proc/{process}/fd")), &wanted)
        })
    })
    .await
    .ok()?
}

fn holds(descriptors: &Path, wanted: &str) -> bool {
    std::fs::read_dir(descriptors)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == wanted))
}

/// The kernel's number of the socket whose own port is the peer's.
fn inode_of(peer: SocketAddr) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let ending = format!(":{:04X}", peer.port());
    table.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace();
        let is_it = words.nth(1)?.ends_with(&ending);
        is_it.then(|| words.nth(7)?.parse().ok())?
    })
}
