//! Traces: what a receiver of OpenTelemetry is told of one event, and what it is not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use testkit::Sink;

use crate::process::House;

/// Every span that the receiver has: its name, and what it is said to be about.
fn spans(receiver: &Sink) -> Vec<(String, BTreeMap<String, Value>)> {
    let bodies = receiver.requests().into_iter().filter(|request| request.path == "/v1/traces");
    let spans = |body: Value| {
        let under = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let scopes = under(&body, "resourceSpans").into_iter().flat_map(move |it| under(&it, "scopeSpans"));
        scopes.flat_map(move |it| under(&it, "spans")).collect::<Vec<_>>()
    };
    let told = bodies.flat_map(|request| spans(request.json())).map(|span| {
        let attributes = span["attributes"].as_array().cloned().unwrap_or_default();
        let pairs = attributes.iter().map(|it| (it["key"].as_str().unwrap().to_owned(), it["value"].clone()));
        (span["name"].as_str().unwrap().to_owned(), pairs.collect())
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_of_requests_executions_steps_and_commits_by_ids_alone() {
    let (house, receiver) = (House::new(), Sink::start().await);
    let server = house.serve(&["--otlp-endpoint", &receiver.url("")]).await;
    let actions = json!([{"type": "create_ticket", "config": {"title": "Call {{name}}"}},
        {"type": "delay", "config": {"duration": 1}}, {"type": "send_notification", "config": {"userId": 1, "title": "{{name}}"}}]);
    let workflow =
        json!({"name": "Call back", "trigger_event": "asked", "is_active": true, "actions": actions});
    server.post("/api/workflows", &workflow).await;
    let event = json!({"event": "asked", "data": {"name": "Ada Lovelace", "email": "ada@example.com"}});
    let execution = server.post("/api/events", &event).await["executions"][0]["id"].clone();
    server
        .until(&format!("/api/workflow-executions/{execution}"), |it| it["data"]["status"] == "completed")
        .await;
    // The end sends what is left.
    server.stop().await;

    let told = spans(&receiver);
    let names: BTreeSet<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["commit", "execution", "request", "step"]));
    let values = |name: &str, key: &str| -> BTreeSet<String> {
        let of = told.iter().filter(|(own, _)| own == name).filter_map(|(_, about)| about.get(key));
        of.map(|value| value.as_object().unwrap().values().next().unwrap().to_string()).collect()
    };
    assert!(values("execution", "execution").contains(&format!("\"{execution}\"")), "{told:?}");
    assert!(values("step", "action").contains("\"send_notification\""), "{told:?}");
    assert!(values("request", "path").contains("\"/api/events\""), "{told:?}");
    let sent = receiver.requests().iter().map(|request| request.json().to_string()).collect::<String>();
    for personal in ["Ada", "example.com", "Call back", "key-of-the-tests"] {
        assert!(!sent.contains(personal), "{personal} was sent");
    }
}
