//! `/metrics`: what Prometheus reads, compared with what was done; its names in the documents and in the rules for alerts.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::Sink;
use tokio::time::timeout;

use crate::process::{House, KEY, PATIENCE, Server};

async fn scrape(server: &Server, key: Option<&str>) -> (StatusCode, String) {
    let mut request = reqwest::Client::new().get(format!("{}/metrics", server.url));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

/// Each sample by its name with its labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

/// Every metric by its name.
fn families(text: &str) -> BTreeSet<String> {
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    names.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

fn promtool(arguments: &[&str], input: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().expect("promtool is there: `cargo xtask test` installs it");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

fn workflow(name: &str, event: &str, actions: Value) -> Value {
    json!({"name": name, "trigger_event": event, "is_active": true, "actions": actions})
}

/// What is the same in each run: not times, not how writes were batched.
fn is_telling(name: &str, value: f64) -> bool {
    let families = [
        "vtrustx_events_",
        "vtrustx_tenant_",
        "vtrustx_steps_total",
        "vtrustx_outbound_calls_total",
        "vtrustx_executions_retries_exhausted_total",
        "vtrustx_executions_reached_total{status=\"completed\"",
        "vtrustx_executions_reached_total{status=\"failed\"",
        "vtrustx_executions_reached_total{status=\"retrying\"",
        "vtrustx_execution_duration_seconds_count",
        "vtrustx_timer_lateness_seconds_count",
        "vtrustx_http_requests_total{path=\"/api/events\"",
    ];
    value > 0.0 && families.iter().any(|family| name.starts_with(family))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_tell_what_was_done_and_only_who_runs_the_installation_reads_them() {
    let (house, sink) = (House::new(), Sink::start().await);
    let theirs = key_of_another_tenant(&house).await;
    let server =
        house.serve(&["--allow-private-targets", "--retry-delays", "1s", "--metrics-tenants", "1"]).await;
    let call = |path: &str| json!({"type": "webhook", "config": {"url": sink.url(path), "method": "POST"}});
    let good = workflow(
        "Good",
        "go",
        json!([call("/ok"), {"type": "delay", "config": {"duration": "1s"}}, {"type": "create_ticket", "config": {"title": "x"}}]),
    );
    server.post("/api/workflows", &good).await;
    let bad = workflow(
        "Bad",
        "stop",
        json!([{"type": "webhook", "critical": true, "config": {"url": sink.url("/status/500"), "method": "POST"}}]),
    );
    server.post("/api/workflows", &bad).await;

    let once = json!({"event": "go", "data": {}, "id": "e1", "source": "test"});
    let first = server.post("/api/events", &once).await;
    server.post("/api/events", &once).await;
    let second = server.post("/api/events", &json!({"event": "stop", "data": {}})).await;
    let (status, _) =
        server.try_call(Method::POST, "/api/events", Some(&json!({"event": "Not a name"}))).await.unwrap();
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for (event, status) in [(first, "completed"), (second, "failed")] {
        let path = format!("/api/workflow-executions/{}", event["executions"][0]["id"]);
        server.until(&path, |execution| execution["data"]["status"] == status).await;
    }

    // One tenant has numbers of its own; the second one is among the others.
    let event = reqwest::Client::new().post(format!("{}/api/events", server.url)).bearer_auth(&theirs);
    let answer = event.json(&json!({"event": "go", "data": {}})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);

    // What a commit brought can be read a moment before it is counted.
    let text = timeout(PATIENCE, async {
        loop {
            let (status, text) = scrape(&server, Some(KEY)).await;
            assert_eq!(status, StatusCode::OK, "{text}");
            if text.contains("\nvtrustx_executions_retries_exhausted_total 1\n") {
                return text;
            }
        }
    });
    let text = text.await.expect("what was done is counted");
    promtool(&["check", "metrics"], &text);
    let samples = samples(&text);
    let told: Vec<String> = samples
        .iter()
        .filter(|(name, value)| is_telling(name, **value))
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let at_least_one = [
        "vtrustx_store_commits_total",
        "vtrustx_store_commit_operations_count",
        "vtrustx_store_commit_duration_seconds_count",
        "process_resident_memory_bytes",
        "vtrustx_nodes",
    ];
    for name in at_least_one {
        assert!(samples[name] >= 1.0, "{name} {}", samples[name]);
    }
    assert_eq!(samples["vtrustx_store_readers{state=\"idle\"}"], 4.0);
    assert_eq!(samples["vtrustx_workers{state=\"idle\"}"], 256.0);

    documented(&families(&text));
    assert_eq!(scrape(&server, None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(scrape(&server, Some(&theirs)).await.0, StatusCode::FORBIDDEN);
    server.stop().await;
}

/// An administrator of a tenant must see nothing of others.
async fn key_of_another_tenant(house: &House) -> String {
    let mut said = String::new();
    for line in ["migrate", "tenant create Acme", "api-key create --tenant 2 --role admin --name theirs"] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = house.command(&arguments).output().await.unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        said = String::from_utf8(output.stdout).unwrap();
    }
    said.split_whitespace().find(|word| word.starts_with("vtx_")).unwrap().to_owned()
}

/// docs/METRICS.md has a row for each metric, and the alerts speak only of metrics that are there.
fn documented(families: &BTreeSet<String>) {
    let document = read("docs/METRICS.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let rows: BTreeSet<String> = rows.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(&rows, families, "docs/METRICS.md (left) and /metrics (right) differ");

    let rules = read("deploy/prometheus-rules.yml");
    let is_of_name = |character: char| character.is_ascii_lowercase() || character == '_';
    let words = rules.split(|character| !is_of_name(character));
    let named: BTreeSet<&str> = words.filter(|word| word.starts_with("vtrustx_")).collect();
    let unknown = |word: &&&str| {
        let of_parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| word.strip_suffix(part));
        !of_parts.chain([**word]).any(|name| families.contains(name))
    };
    let unknown: Vec<_> = named.iter().filter(unknown).collect();
    assert!(named.len() > 10 && unknown.is_empty(), "alerts on metrics that are not there: {unknown:?}");
}

/// Prometheus reads the rules, and each of them fires at what it is for, and only then (`alerts.yml`).
#[test]
fn prometheus_accepts_the_alerts_and_they_fire() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    promtool(&["check", "rules", &here.join("../../deploy/prometheus-rules.yml").to_string_lossy()], "");
    promtool(&["test", "rules", &here.join("tests/server/alerts.yml").to_string_lossy()], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_about_an_execution_says_which_and_whose_it_is() {
    let (house, sink) = (House::new(), Sink::start().await);
    let mut command = house.command(&["serve", "--listen", "127.0.0.1:0", "--allow-private-targets"]);
    command.args(["--log-format", "json"]).env("RUST_LOG", "info,engine=debug");
    command.env("VTRUSTX_BOOTSTRAP_API_KEY", KEY);
    let server = Server::start(command).await;
    let call = json!({"type": "webhook", "config": {"url": sink.url("/ok"), "method": "POST"}});
    server.post("/api/workflows", &workflow("One", "go", json!([call]))).await;
    let event = server.post("/api/events", &json!({"event": "go", "data": {"secret": "hunter2"}})).await;
    let id = &event["executions"][0]["id"];
    server
        .until(&format!("/api/workflow-executions/{id}"), |found| found["data"]["status"] == "completed")
        .await;
    let performed = timeout(PATIENCE, async {
        loop {
            let log = server.log();
            let lines =
                log.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
            let found = lines.into_iter().find(|line| line["message"] == "a step was performed");
            if let Some(line) = found {
                return line;
            }
            tokio::task::yield_now().await;
        }
    });
    let line = performed.await.unwrap();
    assert_eq!(
        (&line["span"], &line["step"], &line["status"]),
        (
            &json!({"name": "execution", "tenant": "1", "execution": id.to_string()}),
            &json!("s1"),
            &json!("completed")
        )
    );
    assert!(!server.log().contains("hunter2"), "what an event holds is nobody's business");
    server.stop().await;
}
