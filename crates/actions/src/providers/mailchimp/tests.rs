use serde_json::json;
use testkit::systems::{
    Mock,
    mailchimp::{KEY, Mailchimp},
};

use crate::{
    provider,
    workbench::{Workbench, connection},
};

#[tokio::test]
async fn members_are_made_once_stay_unsubscribed_and_every_no_is_understood() {
    let mailchimp = Mock::start(Mailchimp::default()).await;
    let bench = Workbench::new();
    let config = json!({"listId": "a1", "apiUrl": mailchimp.url()});
    let audience = connection("news", "mailchimp", config, json!({"apiKey": KEY}));
    assert_eq!(bench.tell(&audience, "k0", "test", json!({})).await, r#"{"health":"Everything's Chimpy!"}"#);
    let ann = || json!({"email": " Ann@Example.com ", "mergeFields": {"FNAME": "Ann"}, "tags": "promoter, vip"});
    // The MD5 of ann@example.com.
    let told = r#"{"id":"6e61f63ac67ed1a1dda5a9dec1c05f2b","created":false,"url":null}"#;
    mailchimp.cut_next(1);
    assert!(bench.tell(&audience, "k1", "upsert_member", ann()).await.starts_with("Connection: "));
    let made = bench.tell(&audience, "k1", "upsert_member", ann()).await;
    let hash = mailchimp.with(|mailchimp| mailchimp.members.keys().next().cloned()).unwrap();
    assert_eq!(made, told.replace("6e61f63ac67ed1a1dda5a9dec1c05f2b", &hash));
    let members = mailchimp.with(|mailchimp| mailchimp.members.clone());
    assert_eq!((members.len(), &members[&hash]["status"]), (1, &json!("pending")));
    assert_eq!(bench.tell(&audience, "k2", "unsubscribe_member", json!({"email": "ann@example.com"})).await, made);
    assert_eq!(bench.tell(&audience, "k3", "upsert_member", ann()).await, made);
    assert_eq!(mailchimp.with(|mailchimp| mailchimp.members[&hash]["status"].clone()), json!("unsubscribed"));
    let tags = json!({"email": "ann@example.com", "add": "detractor", "remove": "promoter"});
    assert_eq!(bench.tell(&audience, "k4", "tag_member", tags).await, made);
    assert_eq!(mailchimp.with(|mailchimp| mailchimp.tags[&hash].iter().cloned().collect::<Vec<_>>()), ["detractor", "vip"]);
    for (action, payload, told) in [
        ("upsert_member", json!({"email": "ann@nowhere"}), "Refused: \"news\" refused it: email_address: This value should be a valid email."),
        ("upsert_member", json!({"email": "x@y.com", "listId": "b2"}), "Refused: \"news\" refused it: The requested resource could not be found."),
        ("unsubscribe_member", json!({"email": "bob@example.com"}), "Refused: \"news\" refused it: The requested resource could not be found."),
    ] {
        assert_eq!(bench.tell(&audience, told, action, payload).await, told);
    }
    mailchimp.limit_next(1);
    let limited = bench.tell(&audience, "k5", "upsert_member", ann()).await;
    assert_eq!(limited, "Paced in 10 s: \"news\" asks for a pause: You have exceeded the limit of 10 simultaneous connections.");
    bench.mended();
    mailchimp.with(|mailchimp| mailchimp.is_revoked = true);
    let revoked = bench.tell(&audience, "k6", "upsert_member", ann()).await;
    assert!(revoked.starts_with("Parked: \"news\" is not let in: Your API key may be invalid"), "{revoked}");
    assert_eq!(mailchimp.violations(), Vec::<String>::new());
}

#[test]
fn the_data_centre_stands_in_the_key() {
    let base = |key: &str| {
        let audience = connection("news", "mailchimp", json!({}), json!({"apiKey": key}));
        provider::get("mailchimp").unwrap().base(&audience, None).map_err(|error| error.message)
    };
    assert_eq!(base(KEY).as_deref(), Ok("https://us21.api.mailchimp.com/3.0"));
    for key in ["canary", "canary-", "canary-evil.example/"] {
        let error = base(key).unwrap_err();
        assert!(error.contains("data centre") && !error.contains("canary"), "{error}");
    }
}
