//! Stopping: what runs is finished, what has not begun is left for the next start, and nothing runs twice.

use std::sync::Arc;

use axum::{Router, routing::post};
use serde_json::{Value, json};
use testkit::Sink;
use tokio::sync::Notify;

use crate::process::House;

/// A receiver that answers when it is told to.
struct SlowReceiver {
    url: String,
    arrived: Arc<Notify>,
    go: Arc<Notify>,
}

impl SlowReceiver {
    async fn start() -> Self {
        let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let told = (Arc::clone(&arrived), Arc::clone(&go));
        let answer = move || {
            let (arrived, go) = told.clone();
            async move {
                arrived.notify_one();
                go.notified().await;
                "done"
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/slow", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, Router::new().route("/slow", post(answer))).into_future());
        Self { url, arrived, go }
    }
}

fn two_calls(first: &str, second: &str) -> Value {
    json!({
        "name": "Two calls", "trigger_event": "go", "is_active": true,
        "actions": [
            {"type": "webhook", "config": {"url": first, "method": "POST"}},
            {"type": "webhook", "config": {"url": second, "method": "POST"}},
        ],
    })
}

#[tokio::test]
async fn a_running_step_is_finished_and_the_next_one_is_left_for_the_next_start() {
    let (house, sink, slow) = (House::new(), Sink::start().await, SlowReceiver::start().await);
    let mut server = house.serve(&["--allow-private-targets"]).await;
    server.post("/api/workflows", &two_calls(&slow.url, &sink.url("/ok"))).await;
    let event = server.post("/api/events", &json!({"event": "go", "data": {}})).await;
    let path = format!("/api/workflow-executions/{}", event["executions"][0]["id"]);
    slow.arrived.notified().await;

    server.signal("-TERM");
    // No more connections: the port is free before the step is done.
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    slow.go.notify_one();
    assert!(server.ended().await.success());
    assert_eq!(sink.requests().len(), 0, "a step began after the signal");

    let server = house.serve(&["--allow-private-targets"]).await;
    let done = server.until(&path, |execution| execution["data"]["status"] == "completed").await;
    assert_eq!(done["data"]["result"]["actionsExecuted"], 2);
    assert_eq!(sink.requests().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let (house, slow) = (House::new(), SlowReceiver::start().await);
    let mut server = house.serve(&["--allow-private-targets"]).await;
    server.post("/api/workflows", &two_calls(&slow.url, &slow.url)).await;
    server.post("/api/events", &json!({"event": "go", "data": {}})).await;
    slow.arrived.notified().await;
    server.signal("-INT");
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.signal("-INT");
    assert_eq!(server.ended().await.code(), Some(1));
}
