use serde_json::{Map, Value, json};
use testkit::systems::{
    Mock,
    salesforce::{PRIVATE_KEY, Salesforce},
};

use crate::{
    capability::Connection,
    workbench::{Workbench, connection},
};

async fn organisation(auth: &str, secrets: Value) -> (Mock<Salesforce>, Workbench, Connection) {
    let salesforce = Mock::start(Salesforce::new()).await;
    let url = salesforce.url();
    salesforce.with(|salesforce| salesforce.lives_at(&url));
    let config = json!({
        "clientId": "app", "auth": auth, "loginUrl": url, "username": "vtrustx@acme.example", "externalIdField": "VtxId__c",
        "fieldNames": {"nps_score": "NPS_Score__c", "last_survey_date": "Last_Survey__c"},
    });
    (salesforce, Workbench::new(), connection("sf", "salesforce", config, secrets))
}

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[tokio::test]
async fn leads_contacts_and_deals_are_made_once_and_every_no_is_understood() {
    let (salesforce, bench, sf) = organisation("client_credentials", json!({"clientSecret": "canary-5ecret"})).await;
    let told = bench.tell(&sf, "k0", "test", json!({})).await;
    assert_eq!(told, r#"{"dailyApiRequests":{"Max":100000,"Remaining":89982}}"#);
    assert_eq!(bench.ledger.of.lock().unwrap().quota.map(|quota| quota.remaining), Some(89_982));

    // The seed's own example.
    let lead = salesforce.with(|salesforce| salesforce.insert("Lead", Map::new()));
    let payload = json!({"leadId": lead, "nps_score": 3, "last_survey_date": "2026-02-14"});
    assert!(bench.tell(&sf, "k1", "update_lead", payload).await.contains("\"created\":false"));
    let stored = salesforce.with(|salesforce| salesforce.records[&("Lead".to_owned(), lead.clone())].clone());
    assert_eq!((&stored["NPS_Score__c"], &stored["Last_Survey__c"]), (&json!(3), &json!("2026-02-14")));
    let missing = bench.tell(&sf, "k2", "update_lead", json!({"leadId": "00Q/../x", "fields": {"Rating": "Hot"}})).await;
    assert_eq!(missing, "Refused: \"sf\" refused it: The requested resource does not exist");

    let ann = || json!({"externalId": "c/7", "LastName": "Ann", "fields": {"Email": "ann@example.com", "VtxId__c": "not in the body"}});
    let made = bench.tell(&sf, "k3", "upsert_contact", ann()).await;
    assert!(made.contains("\"created\":true") && made.contains(r#""externalId":"c/7""#), "{made}");
    assert!(bench.tell(&sf, "k4", "upsert_contact", ann()).await.contains("\"created\":false"));
    salesforce.with(|salesforce| salesforce.insert("Contact", fields(json!({"VtxId__c": "c/7"}))));
    let several = bench.tell(&sf, "k5", "upsert_contact", ann()).await;
    assert_eq!(several, "Refused: \"sf\" refused it: several records have this external id");
    let bad = bench.tell(&sf, "k6", "upsert_contact", json!({"externalId": "8", "fields": {"LastName": "B", "Email": "none"}})).await;
    assert_eq!(bad, "Refused: \"sf\" refused it: Email: Email: invalid email address: none");
    let odd = bench.tell(&sf, "k7", "upsert_contact", json!({"externalId": "8", "externalIdField": "Nope", "LastName": "B"})).await;
    assert_eq!(odd, "Refused: \"sf\" refused it: Provided external ID field does not exist or is not accessible: Nope");

    // A duplicate rule names the record that is there.
    let twin = json!({"object": "Contact", "fields": {"LastName": "Ann", "Email": "ann@example.com"}});
    assert!(bench.tell(&sf, "k8", "create_record", twin).await.contains("\"created\":false"));
    // The line is cut after the work was done: the next attempt finds what was made.
    for (action, payload, object) in [
        ("create_deal", json!({"name": "O'Neill's \\ upsell", "stage": "Prospecting", "closeDate": "2026-03-31", "amount": "9.5"}), "Opportunity"),
        ("add_note", json!({"subject": "NPS 3", "text": "Slow", "whoId": lead}), "Task"),
    ] {
        let key = format!("cut {action}");
        salesforce.cut_next(1);
        let cut = bench.tell(&sf, &key, action, payload.clone()).await;
        assert!(cut.starts_with("Connection: "), "{cut}");
        let again = bench.tell(&sf, &key, action, payload.clone()).await;
        assert!(again.contains("\"created\":false"), "{action}: {again}");
        assert_eq!(bench.tell(&sf, &key, action, payload).await, again);
        assert_eq!(salesforce.with(|salesforce| salesforce.count(object)), 1, "{action}");
    }
    let found = bench.tell(&sf, "k9", "find", json!({"object": "Task", "field": "Subject", "value": "NPS 3", "read": "Description"})).await;
    assert!(found.contains(r#""Description":"Slow""#), "{found}");
    let injected = bench.tell(&sf, "k9", "find", json!({"object": "Task WHERE", "field": "x", "value": "y"})).await;
    assert!(injected.starts_with("InvalidConfig: "), "{injected}");

    salesforce.limit_next(1);
    let limited = bench.tell(&sf, "k10", "upsert_contact", ann()).await;
    assert_eq!(limited, "Paced in 900 s: \"sf\" asks for a pause: TotalRequests Limit exceeded.");
    assert_eq!(salesforce.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mark_tells_what_was_made_from_its_namesakes() {
    let (salesforce, bench, mut sf) = organisation("client_credentials", json!({"clientSecret": "canary-5ecret"})).await;
    sf.config["markField"] = json!("VtxKey__c");
    let deal = || json!({"name": "Upsell", "stage": "Prospecting", "closeDate": "2026-03-31"});
    let other = bench.tell(&sf, "k1", "create_deal", deal()).await;
    salesforce.cut_next(1);
    assert!(bench.tell(&sf, "k2", "create_deal", deal()).await.starts_with("Connection: "));
    let own = bench.tell(&sf, "k2", "create_deal", deal()).await;
    let id = |told: &str| serde_json::from_str::<Value>(told).unwrap()["id"].clone();
    assert!(own.contains("\"created\":false") && id(&own) != id(&other), "{own} {other}");
    assert_eq!(salesforce.with(|salesforce| salesforce.count("Opportunity")), 2);
}

#[tokio::test]
async fn a_composite_with_a_failing_part_is_a_failure() {
    let (salesforce, bench, sf) = organisation("client_credentials", json!({"clientSecret": "canary-5ecret"})).await;
    let requests = |email: &str| {
        json!({"requests": [
            {"name": "contact", "path": "sobjects/Contact", "body": {"LastName": "Ann", "Email": email}},
            {"name": "task", "path": "sobjects/Task", "body": {"Subject": "Hello", "WhoId": "@{contact.id}"}},
        ]})
    };
    let bad = bench.tell(&sf, "k1", "composite", requests("none")).await;
    assert_eq!(bad, "Refused: \"sf\", request \"contact\", refused it: Email: Email: invalid email address: none");
    assert_eq!(salesforce.with(|salesforce| salesforce.records.len()), 0);
    // None of it was kept, so a mended one may run under the same key.
    let good = bench.tell(&sf, "k1", "composite", requests("ann@example.com")).await;
    assert!(good.contains(r#""name":"task","status":201"#), "{good}");
    let who = salesforce.with(|salesforce| salesforce.records.iter().find(|((of, _), _)| of == "Task").unwrap().1["WhoId"].clone());
    assert!(who.as_str().unwrap().starts_with("003"), "{who}");
    salesforce.cut_next(1);
    let cut = bench.tell(&sf, "k2", "composite", requests("bob@example.com")).await;
    assert!(cut.ends_with("it may have been done all the same, so it is not tried again"), "{cut}");
}

#[tokio::test]
async fn signs_in_in_three_ways_and_once_more_when_the_token_is_taken_back() {
    for (auth, secrets) in [
        ("client_credentials", json!({"clientSecret": "canary-5ecret"})),
        ("jwt_bearer", json!({"privateKey": PRIVATE_KEY})),
        ("refresh_token", json!({"clientSecret": "canary-5ecret", "refreshToken": "refresh-0-canary"})),
    ] {
        let (salesforce, bench, sf) = organisation(auth, secrets).await;
        let upsert = || json!({"externalId": "7", "LastName": "Ann"});
        let told = bench.tell(&sf, "k1", "upsert_contact", upsert()).await;
        assert!(told.contains("\"created\":true"), "{auth}: {told}");
        salesforce.with(|salesforce| salesforce.tokens.expire());
        salesforce.took();
        let told = bench.tell(&sf, "k2", "upsert_contact", upsert()).await;
        assert!(told.contains("\"created\":false"), "{auth}: {told}");
        let path = "PATCH /services/data/v62.0/sobjects/Contact/VtxId__c/7";
        assert_eq!(salesforce.took(), [path, "POST /services/oauth2/token", path]);
        // The same words stand for a bar by address or by right: a new token does not help, and is not asked for again and again.
        salesforce.with(|salesforce| salesforce.is_barred = true);
        let barred = bench.tell(&sf, "k3", "upsert_contact", upsert()).await;
        assert_eq!(barred, "Parked: \"sf\" is not let in: Session expired or invalid: connect it again in the settings, then this goes on");
        assert_eq!(salesforce.took(), [path, "POST /services/oauth2/token", path]);
        assert_eq!(salesforce.violations(), Vec::<String>::new());
    }
    let (_salesforce, bench, sf) = organisation("client_credentials", json!({"clientSecret": "wrong"})).await;
    let refused = bench.tell(&sf, "k1", "upsert_contact", json!({"externalId": "7", "LastName": "Ann"})).await;
    assert_eq!(
        refused,
        "Parked: \"sf\" is not given a token: invalid_client (invalid client credentials): connect it again in the settings, then this goes on"
    );
}
