use serde_json::json;
use testkit::systems::{
    Mock,
    zendesk::{EMAIL, TOKEN, Zendesk},
};

use crate::workbench::{Workbench, connection};

#[tokio::test]
async fn tickets_comments_and_users_are_made_once_and_every_no_is_understood() {
    let zendesk = Mock::start(Zendesk::default()).await;
    let bench = Workbench::new();
    let config = json!({"subdomain": "acme", "email": EMAIL, "apiUrl": zendesk.url(), "callsPerMinute": 60_000});
    let account = connection("desk", "zendesk", config, json!({"apiToken": TOKEN}));
    assert_eq!(bench.tell(&account, "k0", "test", json!({})).await, r#"{"role":"agent"}"#);

    let ticket = || {
        json!({
            "subject": "Detractor", "body": "Slow", "priority": "High", "requesterEmail": "ann@example.com", "tags": ["NPS detractor"],
            "externalId": "70", "customFields": {"4711": 3},
        })
    };
    // The line is cut after the work was done: the key makes it one ticket.
    zendesk.cut_next(1);
    let cut = bench.tell(&account, "k1", "create_ticket", ticket()).await;
    assert!(cut.starts_with("Connection: "), "{cut}");
    let made = bench.tell(&account, "k1", "create_ticket", ticket()).await;
    assert_eq!(made, format!(r#"{{"id":"1","created":true,"url":"{}/agent/tickets/1"}}"#, zendesk.url()));
    let stored = zendesk.with(|zendesk| zendesk.tickets.clone());
    assert_eq!((stored.len(), &stored[&1]["tags"], &stored[&1]["custom_fields"]), (1, &json!(["nps_detractor"]), &json!([{"id": 4711, "value": 3}])));

    let note = || json!({"ticketId": 1, "body": "Still slow"});
    zendesk.cut_next(1);
    let cut = bench.tell(&account, "k2", "add_comment", note()).await;
    assert!(cut.starts_with("Connection: "), "{cut}");
    assert_eq!(bench.tell(&account, "k2", "add_comment", note()).await, r#"{"id":"1","created":false,"url":null}"#);
    assert_eq!(bench.tell(&account, "k3", "add_comment", note()).await, r#"{"id":"1","created":true,"url":null}"#);
    assert_eq!(zendesk.with(|zendesk| zendesk.tickets[&1]["comments"].as_array().unwrap().len()), 3);

    let ann = || json!({"email": "ann@example.com", "name": "Ann", "userFields": {"nps": 3}});
    assert_eq!(bench.tell(&account, "k4", "upsert_user", ann()).await, r#"{"id":"2","created":true,"url":null}"#);
    assert_eq!(bench.tell(&account, "k5", "upsert_user", ann()).await, r#"{"id":"2","created":false,"url":null}"#);
    let found = bench.tell(&account, "k6", "find_ticket", json!({"externalId": 70})).await;
    assert!(found.starts_with(r#"{"found":true,"id":"1""#), "{found}");
    assert!(bench.tell(&account, "k7", "update_ticket", json!({"ticketId": 1, "status": "solved"})).await.starts_with("{"));

    for (action, payload, told) in [
        ("create_ticket", json!({"subject": "x", "body": "y", "priority": "huge"}), "Refused: \"desk\" refused it: priority: Priority: huge is not valid"),
        ("upsert_user", json!({"email": "none", "name": "x"}), "Refused: \"desk\" refused it: email: Email: none is not properly formatted"),
        ("update_ticket", json!({"ticketId": 99, "status": "open"}), "Refused: \"desk\" refused it: Not found"),
        ("update_ticket", json!({"ticketId": "..", "status": "open"}), "InvalidConfig: the config is not valid: payload.ticketId: cannot be dots alone"),
        ("fly", json!({}), "Refused: the connection \"desk\" has no action \"fly\"; it has create_ticket, update_ticket, add_comment, upsert_user, find_ticket"),
        ("create_ticket", json!({"subject": "x", "body": "y", "colour": 1}), "InvalidConfig: the config is not valid: payload"),
    ] {
        let answer = bench.tell(&account, told, action, payload).await;
        assert!(answer.starts_with(told), "{answer}");
    }
    zendesk.limit_next(1);
    let limited = bench.tell(&account, "k8", "upsert_user", ann()).await;
    assert_eq!(limited, "Paced in 17 s: \"desk\" asks for a pause: Number of allowed API requests per minute exceeded");
    bench.mended();
    zendesk.with(|zendesk| zendesk.is_revoked = true);
    let revoked = bench.tell(&account, "k9", "upsert_user", ann()).await;
    assert_eq!(revoked, "Parked: \"desk\" is not let in: Couldn't authenticate you: connect it again in the settings, then this goes on");
    assert_eq!(zendesk.violations(), Vec::<String>::new());
}
