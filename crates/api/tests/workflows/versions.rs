use axum::http::Method;
use serde_json::{Value, json};

use super::{House, small};

/// A workflow of a delay and a mail.
fn mail(subject: &str) -> Value {
    json!({
        "name": "Mail", "trigger_event": "submission_completed", "is_active": true,
        "actions": [
            {"id": "wait", "type": "delay", "config": {"duration": "1h"}},
            {"id": "mail", "type": "send_email", "config": {"to": "a@example.com", "subject": subject, "body": "Hi"}},
        ],
    })
}

fn messages(changes: &Value) -> Vec<String> {
    changes.as_array().unwrap().iter().map(|one| one["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn versions_and_the_draft_are_compared_and_restored() {
    let house = House::new().await;
    house.post("/api/workflows", mail("Hello")).await;
    house.ok(200, Method::PUT, "/api/workflows/1", Some(mail("Hello again"))).await;
    let diff = async |sides: &str| {
        house.ok(200, Method::GET, &format!("/api/workflows/1/versions/{sides}"), None).await
    };
    let compared = diff("1/diff/2").await;
    assert_eq!(
        messages(&compared["changes"]),
        ["step mail (send_email): config.subject was \"Hello\" and is \"Hello again\""]
    );
    assert_eq!((&compared["before"]["number"], &compared["after"]["number"]), (&json!(1), &json!(2)));
    assert!(compared["after"]["created_by"].is_string() && compared["after"]["created_at"].is_string());
    let (status, missing) = house.get("/api/workflows/1/versions/1/diff/draft").await;
    assert_eq!((status, &missing["error"]["message"]), (404, &json!("a draft of workflow 1 does not exist")));
    assert_eq!(house.get("/api/workflows/1/versions/1/diff/9").await.0, 404);

    let restored = house.ok(200, Method::POST, "/api/workflows/1/versions/1/restore", None).await;
    assert_eq!((&restored["published_version"], &restored["problems"]), (&json!(2), &json!([])));
    assert_eq!(restored["draft"]["actions"][1]["config"]["subject"], "Hello");
    assert_eq!(restored["actions"][1]["config"]["subject"], "Hello again", "what runs is as it was");
    assert_eq!(messages(&diff("1/diff/draft").await["changes"]), [""; 0]);
    assert_eq!(messages(&diff("draft/diff/2").await["changes"]).len(), 1);
    let note = json!({"note": "back to the first"});
    let published = house.ok(200, Method::POST, "/api/workflows/1/publish", Some(note)).await;
    assert_eq!(
        (&published["published_version"], &published["actions"][1]["config"]["subject"]),
        (&json!(3), &json!("Hello"))
    );
    let current = house.ok(200, Method::POST, "/api/workflows/1/versions/3/restore", None).await;
    assert_eq!(current["draft"], Value::Null, "what is published needs no draft");

    let stale = json!({"version": 1});
    let path = "/api/workflows/1/versions/2/restore";
    assert_eq!(house.refused(409, Method::POST, path, Some(stale)).await, "version_conflict");
    assert_eq!(
        house.refused(404, Method::POST, "/api/workflows/1/versions/9/restore", None).await,
        "not_found"
    );
    let (status, _) = house.call("viewer", Method::POST, path, None).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn another_secret_is_told_and_not_shown() {
    let house = House::new().await;
    let hook = |secret: &str| {
        json!({"name": "Hook", "trigger_event": "x", "actions": [
        {"id": "hook", "type": "webhook", "config": {"url": "https://example.com/", "headers": {"Authorization": secret}}}]})
    };
    house.post("/api/workflows", hook("Bearer geheim")).await;
    house.ok(200, Method::PUT, "/api/workflows/1", Some(hook("Bearer anders"))).await;
    let compared = house.ok(200, Method::GET, "/api/workflows/1/versions/1/diff/2", None).await;
    assert!(
        !compared.to_string().contains("geheim") && !compared.to_string().contains("anders"),
        "{compared}"
    );
    let changes = messages(&compared["changes"]);
    assert!(changes.len() == 1 && changes[0].ends_with("(another secret)\""), "{changes:?}");
}

#[tokio::test]
async fn whoever_comes_late_is_shown_both_sides() {
    let house = House::new().await;
    house.post("/api/workflows", small("First")).await;
    let save = |name: &str, version: i64| {
        let mut draft = small(name);
        draft["version"] = json!(version);
        draft
    };
    let draft = "/api/workflows/1?draft=true";
    house.ok(200, Method::PUT, draft, Some(save("Theirs", 1))).await;
    for (method, body) in
        [(Method::PUT, save("Mine", 1)), (Method::PATCH, json!({"name": "Mine", "version": 1}))]
    {
        let (status, refused) = house.call("editor", method, draft, Some(body)).await;
        assert_eq!((status, &refused["error"]["code"]), (409, &json!("version_conflict")));
        assert_eq!(refused["error"]["details"].as_array().unwrap().len(), 2, "both versions' numbers");
        let conflict = &refused["error"]["conflict"];
        assert_eq!(
            (&conflict["theirs"]["name"], &conflict["yours"]["name"], &conflict["version"]),
            (&json!("Theirs"), &json!("Mine"), &json!(2))
        );
        assert_eq!(messages(&conflict["changes"]), ["name was \"Theirs\" and is \"Mine\""]);
        assert!(conflict["updated_at"].is_string() && conflict["updated_by"].is_string(), "{conflict}");
    }
    let shown = house.ok(200, Method::GET, "/api/workflows/1", None).await;
    assert_eq!(shown["draft"]["name"], "Theirs");
}

#[tokio::test]
async fn runs_that_wait_are_moved_to_the_newer_version() {
    let house = House::new().await;
    house.post("/api/workflows", mail("Hello")).await;
    for _ in 0..3 {
        assert_eq!(house.event(json!({})).await, 1);
    }
    let waiting = async || {
        let (_, list) = house.get("/api/workflow-executions?status=waiting").await;
        list["pagination"]["total"].as_i64().unwrap()
    };
    assert_eq!(waiting().await, 3, "a delay is opened with the acceptance");
    house.ok(200, Method::PUT, "/api/workflows/1", Some(mail("Hello again"))).await;
    let path = "/api/workflows/1/versions/2/move";
    let dry = house.ok(200, Method::POST, path, Some(json!({"dryRun": true}))).await;
    let expected = |dry: bool, moved: i64| json!({"dryRun": dry, "movable": moved, "notMovable": 0, "reasons": [], "next": null});
    assert_eq!(dry, expected(true, 3));
    let id = house.get("/api/workflow-executions").await.1["data"][0]["id"].as_i64().unwrap();
    let show = async || house.ok(200, Method::GET, &format!("/api/workflow-executions/{id}"), None).await;
    assert_eq!((&show().await["moves"], &show().await["workflow_version"]), (&json!([]), &json!(1)));
    assert_eq!(house.ok(200, Method::POST, path, None).await, expected(false, 3));
    let moved = show().await;
    assert_eq!(moved["workflow_version"], 2);
    assert_eq!(
        (&moved["moves"][0]["from_version"], &moved["moves"][0]["to_version"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(moved["moves"][0]["moved_by"], "api_key:3");

    let mut without = mail("Hello");
    without["actions"].as_array_mut().unwrap().remove(0);
    house.ok(200, Method::PUT, "/api/workflows/1", Some(without)).await;
    let stay =
        house.ok(200, Method::POST, "/api/workflows/1/versions/3/move", Some(json!({"from": [2]}))).await;
    assert_eq!((&stay["movable"], &stay["notMovable"]), (&json!(0), &json!(3)));
    let reason = "it stands at step wait (delay), which version 3 does not have there";
    assert_eq!((&stay["reasons"][0]["reason"], &stay["reasons"][0]["count"]), (&json!(reason), &json!(3)));
    let back = json!({"from": [3]});
    let (status, refused) = house.post(path, back).await;
    assert_eq!((status, &refused["error"]["details"][0]["path"]), (422, &json!("from[0]")));
    assert_eq!(house.call("viewer", Method::POST, path, None).await.0, 403);
    assert_eq!(house.call("other", Method::POST, path, None).await.0, 404);
}
