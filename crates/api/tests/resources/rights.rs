//! Who may do what: every route of these resources, with every role, another tenant's key and none.

use insta::assert_snapshot;
use model::{Actor, ExecutionId, effect::Mail, event::Cause};
use serde_json::json;
use store::{change::Author, outbox::outbox_keep, ticket::ticket_create};

use crate::house::{House, ONE};

#[tokio::test]
async fn every_route_asks_for_its_role_and_knows_its_tenant() {
    let house = House::new().await;
    house.form().await;
    house.json("editor", "POST /api/contacts", json!({"name": "Grace"})).await.data();
    house.json("editor", "POST /api/tickets", json!({"title": "Call"})).await.data();
    house.json("editor", "POST /api/tags", json!({"name": "vip"})).await.data();
    house.json("editor", "POST /api/notifications", json!({"user_id": 1, "title": "Hello"})).await.data();
    house
        .json("editor", "POST /api/forms/1/submissions", json!({"data": {"q_nps": 1, "q_ok": true}}))
        .await
        .data();

    let mut table = String::new();
    let mut routes: Vec<String> = vec![
        "GET /api/forms/1/submissions".to_owned(),
        "POST /api/forms/1/submissions".to_owned(),
        "POST /api/notifications/1/read".to_owned(),
        "POST /api/notifications/read-all".to_owned(),
        "GET /api/submissions".to_owned(),
        "GET /api/outbox".to_owned(),
        "GET /api/outbox/1".to_owned(),
        "DELETE /api/outbox/1".to_owned(),
    ];
    for resource in ["forms", "contacts", "tickets", "tags", "notifications"] {
        routes.push(format!("GET /api/{resource}"));
        routes.push(format!("POST /api/{resource}"));
    }
    for resource in ["forms", "contacts", "tickets", "tags", "notifications", "submissions"] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            routes.push(format!("{method} /api/{resource}/1"));
        }
    }
    for route in routes {
        // What is not refused before gets a body that is: nothing changes while the table is filled.
        let body = json!({"no such field": true});
        let mut line = format!("{route:36}");
        for who in ["", "viewer", "other", "nobody"] {
            let answer = match route.split(' ').next() {
                Some("POST" | "PUT" | "PATCH") => house.json(who, &route, body.clone()).await,
                _ => house.send(who, &route, None).await,
            };
            line.push_str(&format!(" {who}={}", answer.status.as_u16()));
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    assert_snapshot!(table);
}

#[tokio::test]
async fn another_tenant_s_record_is_as_absent_as_none() {
    let house = House::new().await;
    house.form().await;
    house.json("editor", "POST /api/contacts", json!({"name": "Grace"})).await.data();
    house.json("editor", "POST /api/tickets", json!({"title": "Call"})).await.data();
    house.json("editor", "POST /api/tags", json!({"name": "vip"})).await.data();
    house.json("editor", "POST /api/notifications", json!({"user_id": 1, "title": "Hello"})).await.data();
    house
        .json("editor", "POST /api/forms/1/submissions", json!({"data": {"q_nps": 1, "q_ok": true}}))
        .await
        .data();
    for (resource, change) in [
        ("forms", json!({"name": "Theirs"})),
        ("contacts", json!({"name": "Theirs"})),
        ("tickets", json!({"title": "Theirs"})),
        ("tags", json!({"name": "theirs"})),
        ("notifications", json!({"title": "Theirs"})),
        ("submissions", json!({"data": {"q_nps": 1, "q_ok": true}})),
    ] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let mut answers = Vec::new();
            for id in ["1", "999"] {
                let line = format!("{method} /api/{resource}/{id}");
                let answer = match method {
                    "GET" | "DELETE" => house.send("other", &line, None).await,
                    _ => house.json("other", &line, change.clone()).await,
                };
                assert_eq!(answer.failure().0, 404, "{line}");
                answers.push(answer.text.replace(id, "ID"));
            }
            assert_eq!(answers[0], answers[1], "{method} {resource}");
        }
        assert_eq!(house.get("viewer", &format!("/api/{resource}/1")).await.data()["version"], 1);
        assert_eq!(house.get("other", &format!("/api/{resource}")).await.json()["pagination"]["total"], 0);
    }
}

#[tokio::test]
async fn a_viewer_reads_no_personal_answer_wherever_a_workflow_put_it() {
    let house = House::new().await;
    house.form().await;
    let data = json!({"q_nps": 1, "q_ok": true, "q_name": "Grace Hopper", "q_email": "grace@example.com"});
    let taken = house.json("editor", "POST /api/forms/1/submissions", json!({"data": data})).await.data();
    let execution = ExecutionId::new(taken["executions"][0]["id"].as_i64().unwrap());
    let mail = Mail {
        from: "cx@example.com".to_owned(),
        to: vec!["grace@example.com".to_owned()],
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: None,
        subject: "Sorry, Grace Hopper".to_owned(),
        text: None,
        html: None,
        message_id: "<1@example.com>".to_owned(),
        ..Mail::default()
    };
    let ticket = json!({"title": "Call Grace Hopper", "description": "at grace@example.com", "attributes": {"who": "Grace Hopper"}});
    house
        .store
        .write(move |tx| {
            Box::pin(async move {
                let cause = Some(Cause { execution, depth: 1, called: None });
                let author = Author { actor: Actor::Execution(execution), cause };
                ticket_create(tx, ONE, author, ticket.as_object().expect("an object")).await?;
                outbox_keep(tx, ONE, Some(execution), &mail).await
            })
        })
        .await
        .unwrap();
    for path in [
        "/api/tickets",
        "/api/tickets/1",
        "/api/outbox",
        "/api/outbox/1",
        "/api/submissions",
        "/api/submissions/1",
    ] {
        let (read, masked) = (house.get("editor", path).await.text, house.get("viewer", path).await.text);
        assert!(read.contains("Grace Hopper") && read.contains("grace@example.com"), "{read}");
        assert!(
            masked.contains("•••") && !masked.contains("Grace") && !masked.contains("grace@"),
            "{masked}"
        );
    }
    assert_eq!(house.get("viewer", "/api/outbox?q=grace").await.failure().0, 403);
    assert_eq!(house.get("viewer", "/api/tickets?q=grace").await.failure().0, 403);
    assert_eq!(house.get("editor", "/api/tickets?q=grace").await.json()["pagination"]["total"], 1);
    assert_eq!(house.get("viewer", "/api/submissions?q=grace").await.json()["pagination"]["total"], 0);
}
