//! What people are asked to decide: by API, and by the link in a mail.

use model::{ApprovalId, TenantId};
use serde_json::{Value, json};
use store::{approval::link, secret::SecretBox};

use crate::house::{Answer, House};

/// A workflow that asks, and a run of it; answers the approval as the editor reads it.
async fn asked(house: &House, config: Value) -> Value {
    let workflow = json!({"name": "Refunds", "trigger_event": "custom.refund", "conditions": [], "is_active": true,
        "actions": [{"id": "ask", "type": "approval", "config": config}]});
    house.json("admin", "POST /api/workflows", workflow).await.data();
    house
        .json("admin", "POST /api/events", json!({"event": "custom.refund", "data": {"amount": 5}}))
        .await
        .data();
    house.get("editor", "/api/approvals?status=open").await.data()[0].clone()
}

/// The path of the page for an address.
fn page(approval: &Value, address: &str) -> String {
    let id = ApprovalId::new(approval["id"].as_i64().unwrap());
    let token = link::seal(&SecretBox::of_key(&[7; 32]), TenantId::new(1), id, address).unwrap();
    format!("{}{token}", link::PATH)
}

async fn post(house: &House, path: &str, fields: &str) -> Answer {
    let body = ("application/x-www-form-urlencoded", fields.to_owned());
    house.send("", &format!("POST {path}"), Some(body)).await
}

/// What a page says, in one line.
fn heading(answer: &Answer) -> (u16, String) {
    let text =
        answer.text.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap_or_default();
    (answer.status.as_u16(), text.to_owned())
}

#[tokio::test]
async fn an_approval_is_read_decided_once_and_by_those_whom_it_asks() {
    let house = House::new().await;
    let approval = asked(
        &house,
        json!({"title": "Refund {{amount}}", "approvers": [{"role": "editor"}], "timeout": "2d",
            "form": [{"key": "limit", "type": "number", "label": "Up to?", "required": true}, {"key": "who", "type": "text", "label": "For whom?", "personal": true}]}),
    )
    .await;
    let path = format!("/api/approvals/{}", approval["id"]);
    assert_eq!(
        (&approval["title"], &approval["status"], &approval["may_decide"]),
        (&json!("Refund 5"), &json!("open"), &json!(true))
    );
    let mine =
        async |who: &str| house.get(who, "/api/approvals?mine=true").await.data().as_array().unwrap().len();
    // The administrator's key posted the event and published the version; a viewer is not asked.
    assert_eq!((mine("editor").await, mine("viewer").await, mine("admin").await), (1, 0, 0));
    let decide = async |who: &str, body: Value| house.json(who, &format!("POST {path}/decide"), body).await;
    let yes = || json!({"decision": "approved", "comment": "Fine", "form": {"limit": 9, "who": "Ada"}});
    let refused = [
        decide("viewer", yes()).await.failure().1,
        decide("admin", yes()).await.failure().1,
        decide("editor", json!({"decision": "approved", "form": {"limit": "many", "more": 1}})).await.text,
        decide("editor", json!({"decision": "perhaps"})).await.failure().1,
    ];
    insta::assert_snapshot!(refused.join("\n"));
    let decided = decide("editor", yes()).await.data();
    assert_eq!(
        (&decided["status"], &decided["may_decide"], &decided["decisions"][0]["form"]),
        (&json!("approved"), &json!(false), &json!({"limit": 9, "who": "Ada"}))
    );
    let again = decide("editor", yes()).await.failure();
    assert_eq!((again.0, again.1.split(':').next()), (409, Some("approval_decided")));
    let masked = house.get("viewer", &path).await.data();
    assert_eq!(masked["decisions"][0]["form"], json!({"limit": 9, "who": "•••"}));
    assert_eq!(house.number("SELECT count(*) FROM execution_signals").await, 1, "the run is told, once");
}

#[tokio::test]
async fn a_link_shows_a_page_and_only_its_form_decides() {
    let house = House::new().await;
    let approval = asked(
        &house,
        json!({"title": "Refund <{{amount}}>", "message": "Really?", "approvers": [{"email": "boss@example.com"}, {"email": "cto@example.com"}], "required": 2, "timeout": "2d",
            "form": [{"key": "limit", "type": "number", "label": "Up to?", "required": true}]}),
    )
    .await;
    let path = page(&approval, "boss@example.com");
    for _ in 0..2 {
        let shown = house.get("", &path).await;
        assert_eq!(heading(&shown), (200, "Refund &lt;5&gt;".to_owned()));
        assert!(!shown.text.contains("<script"), "it works without");
        let policy = shown.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert_eq!(
            (&shown.headers["cache-control"], &shown.headers["referrer-policy"]),
            (&"no-store".parse().unwrap(), &"no-referrer".parse().unwrap())
        );
    }
    assert_eq!(house.number("SELECT count(*) FROM approval_decisions").await, 0, "looking decides nothing");
    // What does not fit comes back with what was typed.
    let wrong = post(&house, &path, "limit=many&.comment=Well&.decision=approved").await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text.contains("This must be a number.")
            && wrong.text.contains("many")
            && wrong.text.contains("Well"),
        "{}",
        wrong.text
    );
    assert_eq!(post(&house, &path, "limit=5").await.status, 422, "neither of the two");
    let done = post(&house, &path, "limit=5&.decision=approved").await;
    assert_eq!((done.status.as_u16(), &done.headers["location"]), (303, &"?decided".parse().unwrap()));
    assert_eq!(heading(&house.get("", &path).await), (200, "Thank you".to_owned()));
    assert_eq!(post(&house, &path, "limit=5&.decision=rejected").await.status, 200, "once");
    let other = page(&approval, "cto@example.com");
    post(&house, &other, ".decision=rejected").await;
    for dead in [&path, &other] {
        assert_eq!(heading(&house.get("", dead).await), (200, "This was rejected".to_owned()));
    }
    assert_eq!(house.number("SELECT count(*) FROM approval_decisions").await, 2);
    // Links of others, and what is no link.
    let foreign = page(&approval, "else@example.com");
    for nothing in [foreign.as_str(), "/approve/1.AAAA", "/approve/x", "/approve/%FF"] {
        assert_eq!(
            heading(&house.get("", nothing).await),
            (404, "There is nothing to decide here".to_owned()),
            "{nothing}"
        );
    }
}
