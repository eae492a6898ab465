//! A store that outgrows its file: copied to PostgreSQL by the real binary, killed in the middle, and the same API afterwards.

use std::process::Stdio;

use serde_json::Value;
use testkit::place::Place;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

use crate::process::{House, PATIENCE, Server};

/// What both stores are asked. Times of asking are in none of the answers.
const QUESTIONS: [&str; 14] = [
    "/api/workflow-executions?limit=200",
    "/api/workflow-executions?status=waiting",
    "/api/workflow-executions?status=completed&outcome=matched&offset=20",
    "/api/workflow-executions?workflowId=1&hasFailures=true",
    "/api/workflow-executions?q=ingrid",
    "/api/workflow-executions/stats/overview",
    "/api/workflows",
    "/api/contacts?limit=200",
    "/api/contacts?q=son",
    "/api/tickets?status=open",
    "/api/submissions?limit=100",
    "/api/outbox?limit=20",
    "/api/notifications",
    "/api/workflow-templates",
];

/// The demo's company, on a server that goes on with nothing: its timers are hours away.
async fn demo(house: &House, arguments: &[&str]) -> Server {
    let mut server = house.serve(arguments).await;
    let login = std::fs::read_to_string(house.path().join("vtrustx-data/demo.env")).unwrap();
    let key = login.lines().find_map(|line| line.strip_prefix("export VTRUSTX_API_KEY='")).unwrap();
    server.key = key.trim_end_matches('\'').to_owned();
    server
}

async fn answers(server: &Server) -> Vec<(String, Value)> {
    let mut answers = Vec::new();
    for question in QUESTIONS {
        answers.push((question.to_owned(), server.get(question).await));
    }
    for execution in server.all("/api/workflow-executions").await.iter().step_by(50) {
        for part in ["", "/logs"] {
            let question = format!("/api/workflow-executions/{}{part}", execution["id"]);
            answers.push((question.clone(), server.get(&question).await));
        }
    }
    answers
}

async fn run(mut command: Command) -> (bool, String, String) {
    let output = timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_store_moves_to_postgresql_and_answers_the_same() {
    let (house, place) = (House::on_file(), Place::postgres());
    let url = place.address();
    let server = demo(&house, &["--demo"]).await;
    let copy = ["store", "copy", "--from", "sqlite:vtrustx-data/vtrustx.db", "--to", &url];
    let (_, _, said) = run(house.command(&copy)).await;
    assert!(said.contains("is in use by another vtrustx process"), "{said}");
    server.stop().await;
    let server = demo(&house, &[]).await;
    let before = answers(&server).await;
    server.stop().await;

    // Killed when the first table is there.
    let mut child = house.command(&copy).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap() {
        if line.starts_with("events: 414 rows") {
            break;
        }
    }
    child.kill().await.unwrap();
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["tenant", "list"]] {
        let mut command = house.command(arguments);
        command.env("VTRUSTX_DATABASE", &url);
        let (good, _, said) = run(command).await;
        assert!(
            !good
                && said
                    .contains("this store is an interrupted copy: run the same `vtrustx store copy` again"),
            "{said}"
        );
    }

    let (good, said, _) = run(house.command(&[&copy[..], &["--json"]].concat())).await;
    let report: Value = serde_json::from_str(&said).unwrap();
    assert!(
        good && report["same"] == true && report["resumed"] == true && report["contentWasChecked"] == true,
        "{report}"
    );
    let (good, _, said) = run(house.command(&copy)).await;
    assert!(!good && said.contains("the target is not empty: alert_samples has rows"), "{said}");

    let server = demo(&house, &["--database", &url]).await;
    let after = answers(&server).await;
    for ((question, before), (_, after)) in before.iter().zip(&after) {
        assert_eq!(sorted(before), sorted(after), "{question}");
    }
    assert_eq!(before.len(), after.len());
    server.stop().await;
}

/// PostgreSQL keeps a document's keys in an order of its own.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(entries) => {
            let mut entries: Vec<_> =
                entries.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect())
        }
        other => other.clone(),
    }
}
