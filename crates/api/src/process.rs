//! What the operating system says of this process, under the names that every Prometheus client uses. Read from `/proc`; elsewhere than on
//! Linux there is nothing.

use std::{fs, time::SystemTime};

use metrics::Exposition;

/// What the kernel counts processor time in, whatever its own clock (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// When the process began: near enough, the time at which it is asked for first.
#[derive(Debug)]
pub(crate) struct Process {
    begun: SystemTime,
}

impl Default for Process {
    fn default() -> Self {
        Self { begun: SystemTime::now() }
    }
}

impl Process {
    pub(crate) fn write(&self, out: &mut Exposition) {
        let begun = self.begun.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        out.gauge("process_start_time_seconds", "When the process began, in seconds since 1970.")
            .value(&[], begun.as_secs_f64());
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        if let Some(seconds) = cpu_seconds(&read("stat")) {
            out.counter("process_cpu_seconds_total", "Processor time of the process.").value(&[], seconds);
        }
        let status = read("status");
        if let Some(bytes) = status_bytes(&status, "VmRSS:") {
            out.gauge("process_resident_memory_bytes", "Memory that the process really uses.")
                .value(&[], bytes);
        }
        if let Some(bytes) = status_bytes(&status, "VmSize:") {
            out.gauge("process_virtual_memory_bytes", "Addresses that the process has reserved.")
                .value(&[], bytes);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them is the directory itself.
            out.gauge("process_open_fds", "Open files and connections.")
                .value(&[], files.count().saturating_sub(1));
        }
        if let Some(most) = most_files(&read("limits")) {
            out.gauge("process_max_fds", "Files and connections that may be open.").value(&[], most);
        }
    }
}

/// The 14th and 15th field; the second is the program's name in parentheses, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn most_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
