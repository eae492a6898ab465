//! What failed, read out of the output of cargo's tests: whoever sees only the end of a long log must learn the name and the reason.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use crate::process::{Done, line};

/// Of one failure: its message and where it is, not its backtrace.
const LINES_OF_ONE: usize = 12;
/// Of all: more are in the log itself.
const LINES_OF_ALL: usize = 60;
/// How long what a program has written is read after its end: a process that outlives it may hold its output open for ever.
const AFTER_THE_END: Duration = Duration::from_secs(5);

/// The failures of one stream of output, in the order of their telling.
#[derive(Debug, Default)]
struct Findings {
    lines: Vec<String>,
    /// How many of the next lines belong to the failure that was met last.
    wanted: usize,
}

impl Findings {
    fn read(&mut self, line: &str) {
        // The harness tells each failure so, Patience (testkit) a test that hangs, and cargo what did not build or ended by a signal.
        let begins = (line.starts_with("---- ") && line.ends_with(" stdout ----"))
            || line.contains(" hangs: given up after ")
            || line.starts_with("error");
        if begins {
            self.wanted = LINES_OF_ONE;
        } else if line == "failures:"
            || line == "stack backtrace:"
            || line.starts_with("test ")
            || line.trim_start().starts_with("Running ")
        {
            self.wanted = 0;
        }
        if self.wanted > 0 && self.lines.len() < LINES_OF_ALL && !line.trim().is_empty() {
            self.wanted -= 1;
            self.lines.push(line.to_owned());
        }
    }
}

/// Runs to the end with this terminal's output. Fails when the program does, with what it told of its failures.
pub fn finish_with_findings(command: &mut Command) -> Done {
    let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| format!("`{}` does not start: {error}", line(command)))?;
    let found = [
        child.stdout.take().map(|stream| read_beside(stream, std::io::stdout())),
        child.stderr.take().map(|stream| read_beside(stream, std::io::stderr())),
    ];
    let status = child.wait().map_err(|error| format!("`{}` is lost: {error}", line(command)))?;
    let found: Vec<String> = found.into_iter().flatten().flat_map(Reading::lines).collect();
    if status.success() {
        return Ok(());
    }
    Err(format!("`{}` failed ({status})\n  {}", line(command), found.join("\n  ")))
}

/// What another thread finds in a stream.
struct Reading {
    findings: Arc<Mutex<Findings>>,
    end: Receiver<()>,
}

impl Reading {
    fn lines(self) -> Vec<String> {
        if self.end.recv_timeout(AFTER_THE_END) == Err(RecvTimeoutError::Timeout) {
            eprintln!("something that outlived the tests holds their output open");
        }
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut findings.lines)
    }
}

fn read_beside(stream: impl Read + Send + 'static, terminal: impl Write + Send + 'static) -> Reading {
    let (until, end) = channel();
    let findings = Arc::new(Mutex::new(Findings::default()));
    let shared = Arc::clone(&findings);
    thread::spawn(move || {
        pass_on(stream, terminal, &shared);
        drop(until);
    });
    Reading { findings, end }
}

/// Each line as it comes, to the terminal and to the findings. Bytes that are no UTF-8 are passed on as they are.
fn pass_on(stream: impl Read, mut terminal: impl Write, findings: &Mutex<Findings>) {
    let (mut stream, mut bytes) = (BufReader::new(stream), Vec::new());
    while stream.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
        // A terminal that is gone is no reason to stop reading: the program would wait for ever.
        drop(terminal.write_all(&bytes).and_then(|()| terminal.flush()));
        let line = String::from_utf8_lossy(&bytes);
        findings.lock().unwrap_or_else(PoisonError::into_inner).read(line.trim_end_matches(['\r', '\n']));
        bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_by_name_and_message() {
        let output = "\
test one ... ok
test two ... FAILED

failures:

---- two stdout ----

thread 'two' (77) panicked at crates/a/src/b.rs:7:9:
assertion `left == right` failed
  left: 1
 right: 2
stack backtrace:
   0: rust_begin_unwind

failures:
    two

test result: FAILED. 1 passed; 1 failed
     Running tests/c.rs (target/debug/deps/c-0123456789abcdef)
three hangs: given up after 1500s
 pid | query
   7 | SELECT 1
error: test failed, to rerun pass `-p c --test c`
";
        let (mut terminal, findings) = (Vec::new(), Mutex::default());
        pass_on(output.as_bytes(), &mut terminal, &findings);
        let findings: Findings = findings.into_inner().unwrap();
        let told = "\
---- two stdout ----
thread 'two' (77) panicked at crates/a/src/b.rs:7:9:
assertion `left == right` failed
  left: 1
 right: 2
three hangs: given up after 1500s
 pid | query
   7 | SELECT 1
error: test failed, to rerun pass `-p c --test c`";
        assert_eq!((findings.lines.join("\n").as_str(), terminal.as_slice()), (told, output.as_bytes()));
    }
}
