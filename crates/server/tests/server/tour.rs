//! The tour of the README, word for word: its `bash` blocks are run one after the other in one shell, against the server that
//! `cargo xtask run` starts, and each answer must fit the `text` block that follows it, where `…` stands for anything.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout, Command},
    time::{Instant, timeout},
};

use crate::process::{House, PATIENCE};

const MARK: &str = "--- the end of this block ---";

/// What is typed, and what the README says comes of it.
#[derive(Debug)]
struct Stop {
    typed: String,
    expected: Option<String>,
}

#[tokio::test]
async fn the_tour_works_word_for_word() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let stops = stops(&readme);
    assert!(stops.iter().filter(|stop| stop.expected.is_some()).count() >= 6, "{stops:?}");
    // What the README shows is the store that a newcomer has: PostgreSQL keeps a document's keys in an order of its own.
    let house = House::on_file();
    let server = house.serve(&["--demo"]).await;
    let mut shell = Shell::start(&house);
    for stop in &stops {
        let begun = Instant::now();
        loop {
            let said = shell.run(&stop.typed).await;
            let Some(expected) = &stop.expected else { break };
            if fits(&said, expected) {
                break;
            }
            // Workflows run by themselves: who only looks may look again. Whoever sends something may not.
            let only_looks = !stop.typed.contains(" -d ");
            assert!(
                only_looks && begun.elapsed() < Duration::from_secs(20),
                "typed:\n{}\nexpected:\n{expected}\ngot:\n{said}",
                stop.typed
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    server.stop().await;
}

/// The blocks of the section with the tour.
fn stops(readme: &str) -> Vec<Stop> {
    let section =
        readme.split("\n## ").find(|section| section.starts_with("A tour")).expect("the README has a tour");
    let mut stops: Vec<Stop> = Vec::new();
    for block in section.split("\n```").skip(1).step_by(2) {
        let (kind, text) = block.split_once('\n').unwrap_or((block, ""));
        match kind {
            "bash" => stops.push(Stop { typed: text.to_owned(), expected: None }),
            "text" => stops.last_mut().expect("something was typed").expected = Some(text.to_owned()),
            other => panic!("a block of the kind {other:?} in the tour"),
        }
    }
    stops
}

/// Everything between the `…` is there, in this order; white space at line ends does not count.
fn fits(said: &str, expected: &str) -> bool {
    let parts: Vec<&str> = expected.trim().split('…').map(str::trim).collect();
    let mut rest = said.trim();
    for (at, part) in parts.iter().enumerate() {
        let Some(found) = rest.find(part) else { return false };
        if at == 0 && found != 0 {
            return false;
        }
        rest = &rest[found + part.len()..];
    }
    rest.is_empty() || expected.trim().ends_with('…')
}

#[test]
fn what_fits() {
    assert!(fits("abc def\n", "a…d…f") && fits("abc", "abc") && fits("abc…", "ab…"));
    assert!(!fits("abc", "ab") && !fits("xabc", "a…c") && !fits("abc", "a…x"));
}

struct Shell {
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    _child: tokio::process::Child,
}

impl Shell {
    fn start(house: &House) -> Self {
        let binary = std::path::Path::new(env!("CARGO_BIN_EXE_vtrustx"));
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command
            .current_dir(house.path())
            .env("PATH", format!("{}:{path}", binary.parent().unwrap().display()))
            .kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { stdin, stdout: BufReader::new(stdout).lines(), _child: child }
    }

    async fn run(&mut self, typed: &str) -> String {
        self.stdin.write_all(format!("{typed}\necho\necho '{MARK}'\n").as_bytes()).await.unwrap();
        let mut said = String::new();
        loop {
            let line = timeout(PATIENCE, self.stdout.next_line()).await.expect("an answer in time").unwrap();
            match line.as_deref() {
                Some(MARK) => return said,
                Some(line) => {
                    said.push_str(line);
                    said.push('\n');
                }
                None => panic!("the shell ended after:\n{typed}\n{said}"),
            }
        }
    }
}
