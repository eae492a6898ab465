//! Why a workflow ran or did not run.

use axum::http::StatusCode;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::house::{House, detractor};

/// What is told, one line for each decision.
async fn told(house: &House, who: &str, path: &str) -> String {
    let answer = house.get(who, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer = answer.json();
    let lines = answer["data"].as_array().unwrap().iter().map(|decision| {
        let time = &decision["at"].as_str().unwrap()[11..16];
        let fields = ["reason", "message", "executionId", "eventId"].map(|name| decision[name].to_string());
        let conditions: Vec<String> = decision["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|condition| {
                format!("\n    {} {} {}", condition["field"], condition["left"], condition["result"])
            })
            .collect();
        format!("{time} {}{}\n", fields.join(" "), conditions.concat())
    });
    format!("{path} ({who})\n{}", lines.collect::<String>())
}

async fn change(house: &House, at: &str, line: &str, body: Value) -> Value {
    house.travel(&format!("2026-02-14T{at}:00Z")).await;
    let answer = match &body {
        Value::Null => house.send("editor", line, None).await,
        body => house.json("editor", line, body.clone()).await,
    };
    assert!(answer.status.is_success(), "{line}: {}", answer.text);
    answer.json()["data"].clone()
}

async fn post(house: &House, at: &str, mut event: Value) {
    house.travel(&format!("2026-02-14T{at}:00Z")).await;
    event["id"] = json!(format!("at {at}"));
    house.post(event).await;
}

#[tokio::test]
async fn every_ordinary_reason_is_told_for_answers() {
    let house = House::new().await;
    let workflow = "/api/workflows/1";
    post(&house, "11:00", detractor(3)).await;
    post(&house, "11:01", detractor(10)).await;
    let narrow = json!({"trigger_config": {"formId": 1, "conditions": [{"field": "submission.data.q_name", "operator": "equals", "value": "Zoë Ohm"}]}});
    change(&house, "11:10", &format!("PATCH {workflow}"), narrow).await;
    let mut other_form = detractor(3);
    other_form["data"]["formId"] = json!(77);
    post(&house, "11:11", other_form).await;
    let mut other_name = detractor(3);
    other_name["data"]["submission"]["data"]["q_name"] = json!("Al");
    post(&house, "11:12", other_name).await;
    change(&house, "11:20", &format!("POST {workflow}/deactivate"), Value::Null).await;
    post(&house, "11:21", detractor(3)).await;
    change(&house, "11:30", &format!("POST {workflow}/activate"), Value::Null).await;
    let quiet = json!({"logUnmatched": false, "conditions": [{"logic": "OR"},
        {"field": "submission.data.q_nps", "operator": "<=", "value": 6}, {"field": "submission.data.q_nps", "operator": ">", "value": 10}]});
    change(&house, "11:40", &format!("PATCH {workflow}"), quiet).await;
    post(&house, "11:41", detractor(9)).await;
    let fields = json!({"name": "Watching", "trigger_event": "contact_updated", "trigger_config": {"fields": ["segment", "owner_id"]},
        "actions": [{"type": "create_ticket", "config": {"title": "T"}}]});
    let watching = change(&house, "11:50", "POST /api/workflows", fields).await["id"].clone();
    change(&house, "11:51", &format!("POST /api/workflows/{watching}/activate"), Value::Null).await;
    post(
        &house,
        "11:52",
        json!({"event": "contact_updated", "data": {"contact": {"id": 1}, "changed": ["phone"]}}),
    )
    .await;
    let draft = change(
        &house,
        "11:53",
        "POST /api/workflows?draft=true",
        json!({"name": "Unfinished", "trigger_event": "submission_completed"}),
    )
    .await["id"]
        .clone();
    post(&house, "11:54", detractor(3)).await;

    let mut text = told(&house, "editor", &format!("{workflow}/decisions?submissionId=1")).await;
    for (who, path) in [
        ("viewer", format!("{workflow}/decisions?eventId=at 11:12")),
        ("editor", format!("{workflow}/decisions?eventId=at 11:52")),
        ("editor", format!("{workflow}/decisions?eventId=nobody")),
        ("editor", format!("{workflow}/decisions?submissionId=99")),
        ("editor", format!("/api/workflows/{watching}/decisions?contactId=1")),
        ("editor", format!("/api/workflows/{watching}/decisions?contactId=2")),
        ("editor", format!("/api/workflows/{watching}/decisions?submissionId=1")),
        ("editor", format!("/api/workflows/{draft}/decisions?eventId=at 11:54")),
        ("editor", format!("/api/workflows/{draft}/decisions?eventId=at 11:00")),
        ("editor", format!("{workflow}/decisions")),
    ] {
        text.push_str(&told(&house, who, &path.replace(' ', "%20")).await);
    }
    assert_snapshot!(text);
    let both = house.get("editor", &format!("{workflow}/decisions?submissionId=1&contactId=1")).await;
    assert_eq!(both.status, StatusCode::BAD_REQUEST, "{}", both.text);
    assert_eq!(house.get("other", &format!("{workflow}/decisions")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn answers_that_nobody_listened_to_are_looked_at_again() {
    let house = House::new().await;
    change(&house, "11:00", "POST /api/workflows/1/deactivate", Value::Null).await;
    let answers = json!({"data": {"q_nps": 2}, "status": "partial", "id": "one"});
    let partial = change(&house, "11:10", "POST /api/forms/1/submissions", answers).await["id"].clone();
    let path = format!("/api/workflows/1/decisions?submissionId={partial}");
    let before = told(&house, "editor", &path).await;
    change(&house, "11:20", &format!("PATCH /api/submissions/{partial}"), json!({"status": "completed"}))
        .await;
    change(&house, "11:30", "POST /api/workflows/1/activate", Value::Null).await;
    assert_snapshot!(format!("{before}{}", told(&house, "editor", &path).await));
}
