use model::Timestamp;
use serde_json::{Value, json};
use testkit::systems::{
    Mock,
    hubspot::{HubSpot, TOKEN},
};

use crate::{
    capability::Connection,
    workbench::{Workbench, connection},
};

async fn account(secrets: Value) -> (Mock<HubSpot>, Workbench, Connection) {
    let hubspot = Mock::start(HubSpot::new()).await;
    let bench = Workbench::new();
    hubspot.with(|hubspot| hubspot.now = bench.now.as_millis());
    let config = json!({"apiUrl": hubspot.url(), "clientId": "app", "callsPerTenSeconds": 10_000});
    (hubspot, bench, connection("hub", "hubspot", config, secrets))
}

#[tokio::test]
async fn contacts_deals_and_notes_are_made_once_and_every_no_is_understood() {
    let (hubspot, bench, hub) = account(json!({"accessToken": TOKEN})).await;
    assert_eq!(bench.tell(&hub, "k0", "test", json!({})).await, r#"{"portalId":7,"timeZone":"Europe/Paris"}"#);
    assert_eq!(bench.ledger.of.lock().unwrap().quota.map(|quota| quota.remaining), Some(249_000));

    let ann = || json!({"email": " Ann@Example.com", "firstname": "Ann", "properties": {"nps_score": 3, "topics": ["price", "speed"]}});
    assert_eq!(bench.tell(&hub, "k1", "upsert_contact", ann()).await, r#"{"id":"101","created":true,"url":null}"#);
    // A duplicate is the same contact.
    assert_eq!(bench.tell(&hub, "k2", "upsert_contact", ann()).await, r#"{"id":"101","created":false,"url":null}"#);
    let stored = hubspot.with(|hubspot| hubspot.records.values().next().unwrap()["properties"].clone());
    assert_eq!((&stored["nps_score"], &stored["topics"], &stored["email"]), (&json!("3"), &json!("price;speed"), &json!("ann@example.com")));
    // 207: the batch went well, its one part did not.
    let bad = bench.tell(&hub, "k3", "upsert_contact", json!({"email": "ann@example.com", "colour": "red"})).await;
    assert_eq!(bad, "Refused: \"hub\" refused it: colour: Property \"colour\" does not exist");
    let missing = bench.tell(&hub, "k4", "update_contact", json!({"contact": "bob@example.com", "firstname": "Bob"})).await;
    assert_eq!(missing, "Refused: \"hub\" refused it: resource not found");

    let deal = || json!({"name": "Upsell", "stage": "appointmentscheduled", "amount": 900, "contactId": "101"});
    assert_eq!(bench.tell(&hub, "k5", "create_deal", deal()).await, r#"{"id":"102","created":true,"url":null}"#);
    let wrong = bench.tell(&hub, "k6", "create_deal", json!({"name": "x", "stage": "y", "amount": "much"})).await;
    assert_eq!(wrong, "Refused: \"hub\" refused it: amount: much was not a valid number.");
    // The line is cut after the work was done: the next attempt finds what was made.
    for (action, payload, kind) in [
        ("create_deal", deal(), "deals"),
        ("create_ticket", json!({"subject": "Help", "content": "Slow", "priority": "high"}), "tickets"),
        ("add_note", json!({"text": "NPS 3", "contactId": "101"}), "notes"),
    ] {
        let key = format!("cut {action}");
        hubspot.with(|hubspot| hubspot.records.retain(|(of, _), _| of != kind));
        hubspot.cut_next(1);
        let cut = bench.tell(&hub, &key, action, payload.clone()).await;
        assert!(cut.starts_with("Connection: "), "{cut}");
        let again = bench.tell(&hub, &key, action, payload.clone()).await;
        assert!(again.contains("\"created\":false"), "{action}: {again}");
        assert_eq!(bench.tell(&hub, &key, action, payload).await, again);
        assert_eq!(hubspot.with(|hubspot| hubspot.count(kind)), 1, "{action}");
    }
    let linked = bench.tell(&hub, "k7", "associate", json!({"fromType": "contacts", "fromId": 101, "toType": "contacts", "toId": 101})).await;
    assert!(linked.starts_with("{"), "{linked}");
    let found = bench.tell(&hub, "k8", "find", json!({"object": "contacts", "property": "email", "value": "ann@example.com"})).await;
    assert!(found.starts_with(r#"{"found":true,"id":"101""#), "{found}");

    hubspot.limit_next(1);
    let limited = bench.tell(&hub, "k9", "upsert_contact", ann()).await;
    assert_eq!(limited, "Paced in 10 s: \"hub\" asks for a pause: You have reached your ten_secondly_rolling limit.");
    // Others do not even ask, until it is over.
    hubspot.took();
    let waiting = bench.tell(&hub, "k10", "upsert_contact", ann()).await;
    assert_eq!((waiting.as_str(), hubspot.took().len()), ("Paced in 10 s: \"hub\" is called no faster than it allows", 0));
    bench.mended();
    hubspot.with(|hubspot| hubspot.is_revoked = true);
    let revoked = bench.tell(&hub, "k11", "upsert_contact", ann()).await;
    assert_eq!(
        revoked,
        "Parked: \"hub\" is not let in: Authentication credentials not found.: connect it again in the settings, then this goes on"
    );
    assert_eq!(hubspot.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mark_tells_what_was_made_from_its_namesakes() {
    let (hubspot, mut bench, mut hub) = account(json!({"accessToken": TOKEN})).await;
    let deal = || json!({"name": "Upsell", "stage": "appointmentscheduled"});
    let someone_elses = json!({"name": "Upsell", "stage": "appointmentscheduled"});
    assert!(bench.tell(&hub, "someone", "create_deal", someone_elses).await.contains("\"id\":\"101\""));
    hubspot.cut_next(1);
    assert!(bench.tell(&hub, "k1", "create_deal", deal()).await.starts_with("Connection: "));
    let told = bench.tell(&hub, "k1", "create_deal", deal()).await;
    assert!(told.contains("several records there fit"), "{told}");

    hub.config["markProperty"] = json!("vtx_key");
    hubspot.cut_next(1);
    assert!(bench.tell(&hub, "k2", "create_deal", deal()).await.starts_with("Connection: "));
    let told = bench.tell(&hub, "k2", "create_deal", deal()).await;
    assert_eq!(told, r#"{"id":"103","created":false,"url":null}"#);
    // Of an attempt that made nothing nothing is found, whoever has made one of the same name meanwhile.
    bench.ledger.of.lock().unwrap().made.insert("k3".to_owned(), (bench.now, None));
    assert!(bench.tell(&hub, "k3", "create_deal", deal()).await.starts_with("Paced in 60 s: "));
    bench.now = bench.now.plus(model::Period::minutes(1));
    assert_eq!(bench.tell(&hub, "k3", "create_deal", deal()).await, r#"{"id":"104","created":true,"url":null}"#);
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_after_it_was_taken_back_and_not_when_that_is_refused() {
    let (hubspot, mut bench, hub) = account(json!({"clientSecret": "canary-5ecret", "refreshToken": "refresh-0-canary"})).await;
    hubspot.with(|hubspot| hubspot.tokens.rotates = true);
    let ann = || json!({"email": "ann@example.com"});
    let token = "POST /oauth/v1/token";
    let upsert = "POST /crm/v3/objects/contacts/batch/upsert";
    let after = |now: Timestamp, minutes| now.plus(model::Period::minutes(minutes));
    let start = bench.now;
    for (minutes, expires, sent) in [
        (0, false, vec![token, upsert]),
        (1, false, vec![upsert]),
        // Ahead of its end, with the refresh token that came last.
        (28, false, vec![token, upsert]),
        // Taken back before its time: once more with a new one.
        (29, true, vec![upsert, token, upsert]),
    ] {
        bench.now = after(start, minutes);
        if expires {
            hubspot.with(|hubspot| hubspot.tokens.expire());
        }
        let told = bench.tell(&hub, &format!("k{minutes}"), "upsert_contact", ann()).await;
        assert!(told.starts_with("{"), "{minutes}: {told}");
        assert_eq!(hubspot.took(), sent, "{minutes}");
    }
    // Somebody else renews: the old one is good to its end, and after that the call waits.
    bench.ledger.of.lock().unwrap().renewing = true;
    bench.now = after(start, 58);
    assert!(bench.tell(&hub, "k58", "upsert_contact", ann()).await.starts_with("{"));
    bench.now = after(start, 60);
    assert_eq!(bench.tell(&hub, "k60", "upsert_contact", ann()).await, "Paced in 1 s: \"hub\" is getting a new token");
    bench.ledger.of.lock().unwrap().renewing = false;
    // The token endpoint is down: that is a matter of time.
    hubspot.limit_next(1);
    hubspot.took();
    let told = bench.tell(&hub, "k61", "upsert_contact", ann()).await;
    assert_eq!(told, "Unavailable: no token is given now: the token endpoint answered with status 429");
    hubspot.with(|hubspot| hubspot.tokens.is_revoked = true);
    let told = bench.tell(&hub, "k62", "upsert_contact", ann()).await;
    assert_eq!(
        told,
        "Parked: \"hub\" is not given a token: invalid_grant (expired access/refresh token): connect it again in the settings, then this goes on"
    );
    let kept = bench.ledger.of.lock().unwrap();
    assert_eq!(kept.standing.as_ref().map(|(standing, _)| standing.as_str()), Some("expired"));
    assert!(!format!("{told}{kept:?}").contains("canary"));
}
