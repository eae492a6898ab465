use serde_json::json;
use testkit::systems::{
    Mock,
    brevo::{Brevo, KEY},
};

use crate::workbench::{Workbench, connection};

#[tokio::test]
async fn contacts_are_made_once_and_every_no_is_understood() {
    let brevo = Mock::start(Brevo::default()).await;
    let bench = Workbench::new();
    let account = connection("brevo", "brevo", json!({"apiUrl": brevo.url()}), json!({"apiKey": KEY}));
    assert_eq!(bench.tell(&account, "k0", "test", json!({})).await, r#"{"company":"Acme"}"#);
    let ann = || json!({"email": "Ann@example.com", "attributes": {"FIRSTNAME": "Ann", "NPS": 3, "GONE": null}, "lists": "7, 8"});
    brevo.cut_next(1);
    assert!(bench.tell(&account, "k1", "upsert_contact", ann()).await.starts_with("Connection: "));
    let again = bench.tell(&account, "k1", "upsert_contact", ann()).await;
    assert_eq!(again, r#"{"id":"ann@example.com","created":false,"url":null}"#);
    let stored = brevo.with(|brevo| brevo.contacts.clone());
    assert_eq!((stored.len(), &stored["ann@example.com"]["listIds"]), (1, &json!([7, 8])));
    assert_eq!(bench.tell(&account, "k2", "upsert_contact", json!({"email": "bob@example.com"})).await, r#"{"id":"2","created":true,"url":null}"#);
    assert!(bench.tell(&account, "k3", "unsubscribe_contact", json!({"email": "bob@example.com"})).await.starts_with("{"));
    assert_eq!(brevo.with(|brevo| brevo.contacts["bob@example.com"]["emailBlacklisted"].clone()), json!(true));
    for (action, payload, told) in [
        ("upsert_contact", json!({"email": "x@y.z", "lists": 99}), "Refused: \"brevo\" refused it: List ID 99 does not exist"),
        ("upsert_contact", json!({"email": "x@y.z", "lists": "news"}), "InvalidConfig: the config is not valid: payload.lists: \"news\" is no list's number"),
        ("unsubscribe_contact", json!({"email": "a/../b@y.z"}), "Refused: \"brevo\" refused it: Contact does not exist"),
    ] {
        assert_eq!(bench.tell(&account, told, action, payload).await, told);
    }
    brevo.limit_next(1);
    assert_eq!(bench.tell(&account, "k4", "upsert_contact", ann()).await, "Paced in 6 s: \"brevo\" asks for a pause: Rate limit exceeded");
    bench.mended();
    brevo.with(|brevo| brevo.is_revoked = true);
    let revoked = bench.tell(&account, "k5", "upsert_contact", ann()).await;
    assert_eq!(revoked, "Parked: \"brevo\" is not let in: Key not found: connect it again in the settings, then this goes on");
    assert_eq!(brevo.violations(), Vec::<String>::new());
}
