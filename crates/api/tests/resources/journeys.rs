//! What each resource takes and answers, as a transcript.

use std::fmt::Write;

use insta::assert_snapshot;
use serde_json::{Value, json};
use store::outbox::outbox_keep;

use crate::house::{House, ONE};

/// Plays the requests and writes down what was answered.
async fn transcript(house: &House, requests: Vec<(&str, &str, Value)>) -> String {
    let mut text = String::new();
    for (who, line, body) in requests {
        let answer = match &body {
            Value::Null => house.send(who, line, None).await,
            body => house.json(who, line, body.clone()).await,
        };
        let who = if who == "editor" { String::new() } else { format!(" ({who})") };
        let sent = if body.is_null() { String::new() } else { format!(" {body}") };
        writeln!(text, "{line}{who}{sent}\n  {} {}", answer.status.as_u16(), answer.text).unwrap();
    }
    text
}

#[tokio::test]
async fn contacts() {
    let house = House::new().await;
    let contact = json!({
        "email": "grace@example.com", "name": "Grace", "phone": "+49 30 1", "external_id": "c-1", "company": "Navy", "segment": "vip",
        "time_zone": "Europe/Berlin", "language": "en", "owner_id": 1, "tags": ["north"], "consents": {"marketing": {"status": "granted"}},
        "attributes": {"plan": "gold"},
    });
    let requests = vec![
        ("editor", "POST /api/contacts", contact),
        ("editor", "POST /api/contacts", json!({"email": "GRACE@example.com"})),
        ("editor", "POST /api/contacts", json!({"email": "x", "colour": "red"})),
        ("editor", "POST /api/contacts", json!({"email": "x", "time_zone": "Mars", "owner_id": 1.5})),
        ("editor", "POST /api/contacts", json!({"email": "x", "time_zone": "Mars"})),
        ("editor", "PATCH /api/contacts/1", json!({"segment": null, "version": 1})),
        ("editor", "PATCH /api/contacts/1", json!({"segment": "new", "version": 1})),
        (
            "editor",
            "PUT /api/contacts/1",
            json!({"id": 7, "name": "Grace H.", "created_at": "x", "version": 2}),
        ),
        ("viewer", "GET /api/contacts/1", Value::Null),
        ("viewer", "GET /api/contacts?q=GRACE&limit=1", Value::Null),
        ("viewer", "GET /api/contacts?colour=red", Value::Null),
        ("editor", "DELETE /api/contacts/1", Value::Null),
        ("editor", "GET /api/contacts/1", Value::Null),
    ];
    assert_snapshot!(transcript(&house, requests).await);
}

#[tokio::test]
async fn tickets() {
    let house = House::new().await;
    let ticket = json!({
        "title": "Call back", "description": "soon", "status": "pending", "priority": "high", "assignee_id": 1, "tags": ["north"],
        "attributes": {"sla": 4},
    });
    let requests = vec![
        ("editor", "POST /api/tickets", ticket),
        ("editor", "POST /api/tickets", json!({"description": "no title"})),
        ("editor", "POST /api/tickets", json!({"title": "t", "status": "done", "priority": 1})),
        ("editor", "POST /api/tickets", json!({"title": "t", "status": "done"})),
        ("editor", "POST /api/tickets", json!({"title": "t", "contact_id": 9})),
        ("editor", "PATCH /api/tickets/1", json!({"status": "solved", "assignee_id": null})),
        ("editor", "PUT /api/tickets/1", json!({"title": "Call back"})),
        ("viewer", "GET /api/tickets?status=open&priority=normal", Value::Null),
        ("viewer", "GET /api/tickets?status=done", Value::Null),
        ("viewer", "GET /api/tickets?assigneeId=x", Value::Null),
        ("editor", "DELETE /api/tickets/1", Value::Null),
        ("editor", "PATCH /api/tickets/1", json!({"status": "open"})),
    ];
    assert_snapshot!(transcript(&house, requests).await);
}

#[tokio::test]
async fn forms() {
    let house = House::new().await;
    let questions = json!([
        {"key": "q_nps", "type": "nps", "label": "How likely?", "required": true},
        {"key": "q_how", "type": "single_choice", "label": "How?", "options": ["web", "shop"], "personal": true},
    ]);
    let requests = vec![
        (
            "editor",
            "POST /api/forms",
            json!({"name": "Après-vente", "questions": questions, "tags": ["north"]}),
        ),
        ("editor", "POST /api/forms", json!({"name": "Another", "slug": "apr-s-vente"})),
        (
            "editor",
            "POST /api/forms",
            json!({"name": "x", "questions": [{"key": "a", "type": "stars", "label": "?"}]}),
        ),
        (
            "editor",
            "POST /api/forms",
            json!({"name": "x", "questions": [{"key": "a", "type": "nps", "label": "?", "hint": 1}]}),
        ),
        (
            "editor",
            "POST /api/forms",
            json!({"name": "x", "questions": [{"key": "a b", "type": "nps", "label": ""}]}),
        ),
        ("editor", "PATCH /api/forms/1", json!({"is_active": false, "description": "Hello"})),
        ("editor", "PUT /api/forms/1", json!({"name": "Aftercare", "version": 2})),
        ("viewer", "GET /api/forms?isActive=false", Value::Null),
        ("viewer", "GET /api/forms?isActive=maybe", Value::Null),
        ("editor", "DELETE /api/forms/1", Value::Null),
        ("editor", "GET /api/forms/1/submissions", Value::Null),
    ];
    assert_snapshot!(transcript(&house, requests).await);
}

#[tokio::test]
async fn submissions() {
    let house = House::new().await;
    let form = json!({"name": "NPS", "questions": [
        {"key": "q_nps", "type": "nps", "label": "How likely?", "required": true},
        {"key": "q_name", "type": "text", "label": "Name", "personal": true},
    ]});
    let sent = json!({"id": "order-7", "contactId": 1, "data": {"q_nps": "3", "q_name": "Grace"}, "language": "en", "tags": ["web"]});
    let requests = vec![
        ("editor", "POST /api/forms", form),
        ("editor", "POST /api/contacts", json!({"name": "Grace"})),
        ("editor", "POST /api/forms/1/submissions", sent.clone()),
        ("editor", "POST /api/forms/1/submissions", sent),
        ("editor", "POST /api/forms/1/submissions", json!({"data": {"q_nps": "many", "x": 1}})),
        ("editor", "POST /api/forms/1/submissions", json!({"contactId": 9, "data": {"q_nps": 3}})),
        ("editor", "POST /api/forms/1/submissions", json!({"answers": {}})),
        ("editor", "POST /api/forms/1/submissions", json!({})),
        ("editor", "POST /api/forms/9/submissions", json!({"data": {}})),
        ("viewer", "GET /api/submissions/1", Value::Null),
        ("viewer", "GET /api/submissions?q=grace", Value::Null),
        ("editor", "GET /api/forms/1/submissions?q=grace&status=completed&contactId=1", Value::Null),
        ("editor", "POST /api/forms/1/submissions", json!({"data": {"q_name": "Bob"}, "status": "partial"})),
        ("editor", "PATCH /api/submissions/2", json!({"status": "completed"})),
        (
            "editor",
            "PATCH /api/submissions/2",
            json!({"status": "completed", "data": {"q_nps": 9}, "contact_id": 1}),
        ),
        ("editor", "PATCH /api/submissions/2", json!({"status": "partial"})),
        (
            "editor",
            "PUT /api/submissions/2",
            json!({"form_id": 7, "data": {"q_nps": 8}, "contactId": null, "submitted_at": null}),
        ),
        ("editor", "PUT /api/submissions/2", json!({})),
        ("editor", "DELETE /api/submissions/2", Value::Null),
        ("editor", "GET /api/submissions/2", Value::Null),
    ];
    assert_snapshot!(transcript(&house, requests).await);
    assert_eq!(house.number("SELECT count(*) FROM events WHERE name = 'submission_completed'").await, 2);
}

#[tokio::test]
async fn public_submissions() {
    let house = House::new().await;
    let form = json!({"name": "NPS", "slug": "nps", "questions": [{"key": "q", "type": "nps", "label": "?", "required": true}]});
    let address = "POST /public/forms/nps/submissions";
    let requests = vec![
        ("editor", "POST /api/forms", form),
        ("editor", "POST /api/forms/1/submissions", json!({"id": "a", "data": {"q": 1}})),
        ("", address, json!({"id": "a", "data": {"q": 10}})),
        ("", address, json!({"id": "a", "data": {"q": 10}})),
        ("", address, json!({"data": {"q": 11}})),
        ("", address, json!({"data": {"q": 1}, "contactId": 1})),
        ("", "POST /public/forms/none/submissions", json!({"data": {"q": 1}})),
        ("editor", "GET /api/submissions/2", Value::Null),
        ("editor", "PATCH /api/forms/1", json!({"is_active": false})),
        ("", address, json!({"data": {"q": 1}})),
        ("editor", "POST /api/forms/1/submissions", json!({"data": {"q": 1}})),
    ];
    assert_snapshot!(transcript(&house, requests).await);

    let mut answer = house.json("", address, json!({})).await;
    for _ in 0..60 {
        answer = house.json("", address, json!({})).await;
    }
    assert_eq!(answer.failure().0, 429);
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn notifications() {
    let house = House::new().await;
    let to =
        |user: i64| json!({"user_id": user, "title": "A detractor", "message": "Call", "type": "warning"});
    let requests = vec![
        ("editor", "POST /api/notifications", to(1)),
        ("editor", "POST /api/notifications", to(2)),
        ("editor", "POST /api/notifications", to(9)),
        ("editor", "POST /api/notifications", json!({"user_id": 1, "title": "x", "type": "shout"})),
        ("editor", "POST /api/notifications", json!({"user_id": 1})),
        ("user", "GET /api/notifications", Value::Null),
        ("user", "GET /api/notifications?userId=2", Value::Null),
        ("user", "GET /api/notifications/2", Value::Null),
        ("user", "POST /api/notifications/2/read", Value::Null),
        ("user", "POST /api/notifications/1/read", Value::Null),
        ("user", "PATCH /api/notifications/1", json!({"read_at": null})),
        ("user", "PATCH /api/notifications/1", json!({"title": "Mine"})),
        ("user", "POST /api/notifications/read-all", Value::Null),
        ("user", "GET /api/notifications?unread=true", Value::Null),
        ("admin", "GET /api/notifications?userId=2&unread=true", Value::Null),
        ("editor", "PUT /api/notifications/2", json!({"title": "Done", "read_at": "2026-02-14T10:30:00Z"})),
        ("user", "DELETE /api/notifications/1", Value::Null),
        ("user", "DELETE /api/notifications/2", Value::Null),
    ];
    assert_snapshot!(transcript(&house, requests).await);
}

#[tokio::test]
async fn tags_and_the_outbox() {
    let house = House::new().await;
    let mail = model::effect::Mail {
        from: "cx@example.com".to_owned(),
        to: vec!["grace@example.com".to_owned()],
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: None,
        subject: "Sorry".to_owned(),
        text: Some("We call you back.".to_owned()),
        html: None,
        message_id: "<1@example.com>".to_owned(),
        ..model::effect::Mail::default()
    };
    house
        .store
        .write(move |tx| Box::pin(async move { outbox_keep(tx, ONE, None, &mail).await }))
        .await
        .unwrap();
    let requests = vec![
        ("editor", "POST /api/tags", json!({"name": " vip ", "color": "#0b7285"})),
        ("editor", "POST /api/tags", json!({"name": "vip"})),
        ("editor", "POST /api/tags", json!({"name": "x", "color": "red"})),
        ("editor", "POST /api/tags", json!({"color": "#0b7285"})),
        ("editor", "PATCH /api/tags/1", json!({"name": "gold"})),
        ("editor", "PUT /api/tags/1", json!({"name": "gold", "version": 1})),
        ("editor", "PUT /api/tags/1", json!({"name": "gold"})),
        ("viewer", "GET /api/tags?q=GOL", Value::Null),
        ("editor", "DELETE /api/tags/1", Value::Null),
        ("editor", "GET /api/tags/x", Value::Null),
        ("editor", "GET /api/outbox?q=call", Value::Null),
        ("editor", "GET /api/outbox/1", Value::Null),
        ("editor", "DELETE /api/outbox/1", Value::Null),
        ("editor", "GET /api/outbox/1", Value::Null),
    ];
    assert_snapshot!(transcript(&house, requests).await);
}
