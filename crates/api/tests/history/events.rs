//! What goes in, and what is said of what does not.

use axum::http::StatusCode;
use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::tables::sorted;

use crate::house::{House, detractor};

const CLOUD: &str = "application/cloudevents+json";

#[tokio::test]
async fn events_one_at_a_time() {
    let house = House::new().await;
    let post = "POST /api/events";
    let requests = vec![
        ("editor", post, json!({"event": "nap"})),
        ("editor", post, json!({"event": "nap", "id": "n-1", "source": "crm", "data": {"a": 1}})),
        ("admin", post, json!({"event": "nap", "id": "n-1", "source": "crm", "data": {"a": 2}})),
        ("editor", post, json!({"event": "nap", "id": "n-1", "source": "web"})),
        (
            "editor",
            post,
            json!({"event": "submission.completed", "data": {"submission": {"data": {"q_nps": "10"}}}}),
        ),
        ("editor", post, json!({"event": "nobody.listens"})),
        ("editor", post, json!({"data": {}})),
        ("editor", post, json!({"event": "No Name", "data": [1], "id": "", "source": "s".repeat(256)})),
        ("editor", post, json!({"event": "nap", "data": null})),
        ("editor", post, json!({"event": "nap", "id": 5})),
        ("editor", post, json!({"event": "nap", "payload": {}})),
        ("editor", post, json!({"event": "nap", "data": {"deep": [{"text": "a\0b"}]}})),
        ("editor", post, json!("nap")),
        ("viewer", post, json!({"event": "nap"})),
        ("", post, json!({"event": "nap"})),
        ("viewer", "GET /api/events?event=nap&limit=2", Value::Null),
        ("viewer", "GET /api/events?eventId=n-1", Value::Null),
        ("viewer", "GET /api/events?eventId=unknown", Value::Null),
        ("viewer", "GET /api/events?event=No", Value::Null),
        ("viewer", "GET /api/events/evt_1", Value::Null),
        ("viewer", "GET /api/events/n-1", Value::Null),
        ("other", "GET /api/events/n-1", Value::Null),
        ("other", "GET /api/events/evt_1", Value::Null),
    ];
    assert_snapshot!(house.transcript(requests).await);
}

#[tokio::test]
async fn an_item_of_a_batch_is_refused_in_its_place() {
    let house = House::new().await;
    let batch = json!([
        {"event": "nap", "id": "b-1"},
        {"event": "nap", "data": "text"},
        {"event": "nap", "id": "b-1"},
        7,
        {"event": "nap", "id": "b-2"},
    ]);
    let requests = vec![
        ("editor", "POST /api/events", batch),
        ("editor", "POST /api/events", json!([])),
        ("editor", "POST /api/events", json!(vec![json!({"event": "nap"}); 1_001])),
        ("viewer", "POST /api/events", json!([])),
    ];
    let mut transcript = house.transcript(requests).await;
    // The long one is not worth printing.
    let long = json!(vec![json!({"event": "nap"}); 1_001]).to_string();
    transcript = transcript.replace(&long, "[… 1001 …]");
    assert_snapshot!(transcript);
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order() {
    let house = House::new().await;
    let batch: Vec<Value> =
        (0..1_000).map(|number| json!({"event": "quiet", "id": format!("q-{}", number / 2)})).collect();
    let before = house.engine.store().commits();
    let answer = house.json("editor", "POST /api/events", json!(batch)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let answers = answer.json()["data"].clone();
    let answers: Vec<(&str, bool)> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (answer["eventId"].as_str().unwrap(), answer["duplicate"].as_bool().unwrap()))
        .collect();
    let expected: Vec<String> = (0..1_000).map(|number| format!("q-{}", number / 2)).collect();
    let expected: Vec<(&str, bool)> =
        expected.iter().enumerate().map(|(at, id)| (id.as_str(), at % 2 == 1)).collect();
    assert_eq!(answers, expected);
    let commits = house.engine.store().commits() - before;
    assert!(commits < 200, "1000 events took {commits} commits");
}

#[tokio::test]
async fn cloud_events() {
    let house = House::new().await;
    let batch = "application/cloudevents-batch+json";
    let whole = json!({
        "specversion": "1.0", "type": "nap", "source": "/crm/7", "id": "c-1", "time": "2026-02-14T10:00:00Z", "subject": "ticket 3",
        "datacontenttype": "application/json", "dataschema": "https://example.com/nap", "traceparent": "00-1", "sequence": 5,
        "unset": null, "data": {"a": 1},
    });
    let changed = |name: &str, value: Value| {
        let mut event = whole.clone();
        event[name] = value;
        event
    };
    let bare = json!({"specversion": "1.0", "type": "nap", "source": "/crm/7", "id": "c-2"});
    let mut text = String::new();
    for (kind, sent) in [
        (CLOUD, whole.clone()),
        (CLOUD, whole.clone()),
        (CLOUD, bare.clone()),
        (CLOUD, json!({"type": 5, "source": ""})),
        (CLOUD, changed("specversion", json!("0.3"))),
        (CLOUD, changed("data_base64", json!("AA=="))),
        (CLOUD, changed("time", json!("noon"))),
        (CLOUD, changed("Big_Name", json!("x"))),
        (CLOUD, changed("nested", json!({"a": 1}))),
        (CLOUD, changed("data", json!("text"))),
        (batch, json!([bare, {"id": "c-3"}])),
        (batch, bare.clone()),
        ("text/plain", bare.clone()),
        ("application/json", bare),
    ] {
        let answer = house.send("editor", "POST /api/events", Some((kind, sent.to_string()))).await;
        text.push_str(&format!("{kind} {sent}\n  {} {}\n", answer.status.as_u16(), answer.text));
    }
    // PostgreSQL keeps a document's keys in an order of its own.
    let stored = sorted(house.get("viewer", "/api/events/c-1").await.json());
    text.push_str(&format!("GET /api/events/c-1 (viewer)\n  {stored}\n"));
    assert_snapshot!(text);
}

#[tokio::test]
async fn viewers_do_not_read_personal_answers_in_events() {
    let house = House::new().await;
    house.post(detractor(3)).await;
    let name = |answer: Value| answer["data"]["data"]["submission"]["data"]["q_name"].clone();
    assert_eq!(name(house.get("editor", "/api/events/evt_1").await.json()), "Zoë Ohm");
    assert_eq!(name(house.get("viewer", "/api/events/evt_1").await.json()), "•••");
    assert!(!house.get("viewer", "/api/events").await.text.contains("Ohm"));
}
