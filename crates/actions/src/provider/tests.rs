//! What holds for every provider, shown with one of them each.

use model::{Period, Timestamp};
use serde_json::{Map, Value, json};
use testkit::systems::{
    Answer, Mock,
    hubspot::{HubSpot, TOKEN},
    salesforce::Salesforce,
    slack::{self, Slack},
};

use crate::{
    capability::Connection,
    ledger::Standing,
    workbench::{Workbench, connection},
};

async fn hubspot() -> (Mock<HubSpot>, Workbench, Connection) {
    let hubspot = Mock::start(HubSpot::new()).await;
    let bench = Workbench::new();
    hubspot.with(|hubspot| hubspot.now = bench.now.as_millis());
    let config = json!({"apiUrl": hubspot.url(), "callsPerTenSeconds": 10_000});
    (hubspot, bench, connection("hub", "hubspot", config, json!({"accessToken": TOKEN})))
}

async fn salesforce() -> (Mock<Salesforce>, Workbench, Connection) {
    let salesforce = Mock::start(Salesforce::new()).await;
    let url = salesforce.url();
    salesforce.with(|salesforce| salesforce.lives_at(&url));
    let config = json!({"clientId": "app", "loginUrl": url});
    let sf = connection("sf", "salesforce", config, json!({"clientSecret": "canary-5ecret"}));
    (salesforce, Workbench::new(), sf)
}

async fn bot() -> (Mock<Slack>, Workbench, Connection) {
    let slack = Mock::start(Slack::default()).await;
    let config = json!({"apiUrl": format!("{}/api", slack.url()), "channel": "#care"});
    (slack, Workbench::new(), connection("slack", "slack", config, json!({"botToken": slack::TOKEN})))
}

/// A deal that looks like ours and is somebody else's.
fn strangers(hubspot: &Mock<HubSpot>, id: u64, now: Timestamp) {
    let properties = json!({"dealname": "Upsell", "createdate": now.as_millis().to_string()});
    let record = json!({"id": id.to_string(), "properties": properties});
    hubspot.with(|hubspot| hubspot.records.insert(("deals".to_owned(), id), record));
}

fn deal(amount: &str) -> Value {
    json!({"name": "Upsell", "stage": "new", "amount": amount})
}

#[tokio::test]
async fn after_an_attempt_that_surely_made_nothing_nothing_of_somebody_else_is_taken_for_ours() {
    let (hubspot, mut bench, hub) = hubspot().await;
    let mut nobody = hub.clone();
    nobody.config["apiUrl"] = "http://127.0.0.1:1".into();
    for (key, first, told) in [
        ("nobody", &nobody, "Connection: "),
        ("refused", &hub, "Refused: \"hub\" refused it: amount: "),
        ("limited", &hub, "Paced in 10 s: "),
    ] {
        if key == "limited" {
            hubspot.limit_next(1);
        }
        let amount = if key == "refused" { "much" } else { "9" };
        let answer = bench.tell(first, key, "create_deal", deal(amount)).await;
        assert!(answer.starts_with(told), "{answer}");
        bench.mended();
        strangers(&hubspot, 900, bench.now);
        hubspot.took();
        bench.now = bench.now.plus(Period::minutes(5));
        let answer = bench.tell(&hub, key, "create_deal", deal("9")).await;
        assert!(answer.contains("\"created\":true") && !answer.contains("900"), "{key}: {answer}");
        assert_eq!(hubspot.took(), ["POST /crm/v3/objects/deals"], "{key}: nothing is looked for");
    }
}

#[tokio::test]
async fn an_attempt_of_unknown_end_is_settled_before_another_one_is_made() {
    let (hubspot, mut bench, hub) = hubspot().await;
    let take = || hubspot.with(|hubspot| std::mem::take(&mut hubspot.records));
    // It was done, and the search does not know it yet; then it does.
    hubspot.cut_next(1);
    assert!(bench.tell(&hub, "slow", "create_deal", deal("9")).await.starts_with("Connection: "));
    let made = take();
    bench.now = bench.now.plus(Period::seconds(20));
    let early = bench.tell(&hub, "slow", "create_deal", deal("9")).await;
    assert_eq!(early, "Paced in 40 s: \"hub\" is asked a little later what an earlier attempt has done");
    hubspot.with(|hubspot| hubspot.records = made);
    let found = bench.tell(&hub, "slow", "create_deal", deal("9")).await;
    assert_eq!(found, r#"{"id":"101","created":false,"url":null}"#);
    // It was not done, which is believed after a while; what comes of the attempt after that counts alone.
    hubspot.cut_next(1);
    assert!(bench.tell(&hub, "lost", "create_deal", deal("9")).await.starts_with("Connection: "));
    take();
    bench.now = bench.now.plus(Period::minutes(1));
    assert!(bench.tell(&hub, "lost", "create_deal", deal("much")).await.starts_with("Refused: "));
    strangers(&hubspot, 900, bench.now);
    hubspot.took();
    assert!(bench.tell(&hub, "lost", "create_deal", deal("9")).await.contains("\"created\":true"));
    assert_eq!(hubspot.took(), ["POST /crm/v3/objects/deals"], "nothing is looked for");
    // Of several, none is taken for ours.
    take();
    hubspot.with(|hubspot| hubspot.now = bench.now.as_millis());
    hubspot.cut_next(1);
    assert!(bench.tell(&hub, "several", "create_deal", deal("9")).await.starts_with("Connection: "));
    strangers(&hubspot, 900, bench.now);
    let several = bench.tell(&hub, "several", "create_deal", deal("9")).await;
    let told = "Refused: an earlier attempt may have done this through \"hub\": several records there fit; it is not done again, so look there";
    assert_eq!(several, told);
    // What nothing was sent of by which it could be found is not looked for by its time alone.
    let (salesforce, bench, sf) = salesforce().await;
    let case = json!({"object": "Case", "fields": {"Description": "x", "Priority__c": 1}});
    assert!(bench.tell(&sf, "k0", "test", json!({})).await.starts_with("{"));
    salesforce.cut_next(1);
    assert!(bench.tell(&sf, "k", "create_record", case.clone()).await.starts_with("Connection: "));
    salesforce.with(|salesforce| salesforce.insert("Case", Map::new()));
    let told = "Refused: an earlier attempt may have done this through \"sf\": nothing of it can be searched for; it is not done again, so look there";
    assert_eq!(bench.tell(&sf, "k", "create_record", case).await, told);
    assert_eq!(salesforce.with(|salesforce| salesforce.count("Case")), 2);
}

#[tokio::test]
async fn whoever_was_overtaken_renewing_a_token_shuts_nobody_out() {
    let (hubspot, bench, mut hub) = hubspot().await;
    hub.config["clientId"] = "app".into();
    hub.secrets = Map::from_iter([
        ("clientSecret".to_owned(), json!("canary-5ecret")),
        ("refreshToken".to_owned(), json!("refresh-0-canary")),
    ]);
    hubspot.with(|hubspot| hubspot.tokens.is_revoked = true);
    bench.ledger.of.lock().unwrap().overtaken = true;
    let ann = || json!({"email": "ann@example.com"});
    let told = bench.tell(&hub, "k1", "upsert_contact", ann()).await;
    assert_eq!(told, "Paced in 1 s: \"hub\" is getting a new token");
    assert_eq!(bench.ledger.of.lock().unwrap().standing, None);
    assert!(bench.tell(&hub, "k1", "upsert_contact", ann()).await.starts_with("Parked: "));
    let standing = bench.ledger.of.lock().unwrap().standing.clone();
    assert_eq!(standing.map(|(standing, _)| standing), Some(Standing::Expired));
}

#[tokio::test]
async fn what_cannot_be_noted_of_an_answer_does_not_undo_the_call() {
    let (_hubspot, bench, hub) = hubspot().await;
    bench.ledger.of.lock().unwrap().forgets = true;
    assert!(bench.tell(&hub, "k1", "create_deal", deal("9")).await.contains("\"created\":true"));
}

#[tokio::test]
async fn long_answers_are_read_whole_or_not_at_all() {
    let (slack, bench, bot) = bot().await;
    let says = |kilobytes: usize| {
        let answer = json!({"ok": true, "pad": "x".repeat(kilobytes * 1024), "ts": "17.1"});
        slack.with(|slack| slack.says = Some(Answer::new(200, answer)));
    };
    says(300);
    let told = bench.tell(&bot, "k1", "send_message", json!({"text": "x"})).await;
    assert_eq!(told, r#"{"id":"17.1","created":true,"url":null}"#);
    says(3_000);
    let told = bench.tell(&bot, "k2", "send_message", json!({"text": "x"})).await;
    assert_eq!(told, "Refused: \"slack\" gave an answer that is too long to be read (2097152 bytes)");
    assert!(bench.ledger.of.lock().unwrap().made.contains_key("k2"), "it may have been done");
}

#[tokio::test]
async fn what_is_locked_for_a_moment_is_tried_again() {
    let (salesforce, bench, sf) = salesforce().await;
    let requests =
        json!({"requests": [{"name": "task", "path": "sobjects/Task", "body": {"Subject": "Hello"}}]});
    for (action, payload, who) in [
        ("composite", requests, "\"sf\", request \"task\","),
        ("create_record", json!({"object": "Task", "fields": {"Subject": "Hello"}}), "\"sf\""),
    ] {
        salesforce.with(|salesforce| salesforce.locks_next = 1);
        let locked = bench.tell(&sf, action, action, payload.clone()).await;
        let told = "answered with status 400: unable to obtain exclusive access to this record";
        assert_eq!(locked, format!("Unavailable: {who} {told}"));
        salesforce.took();
        assert!(bench.tell(&sf, action, action, payload).await.contains("\"created\":true"));
        assert_eq!(salesforce.took().len(), 1, "nothing is looked for");
    }
}

#[tokio::test]
async fn a_pause_is_never_none_and_after_it_calls_come_one_by_one() {
    let (slack, bench, bot) = bot().await;
    let no_time = Answer::new(429, json!({"ok": false, "error": "ratelimited"})).header("retry-after", "0");
    slack.with(|slack| slack.says = Some(no_time));
    let told = bench.tell(&bot, "k1", "send_message", json!({"text": "x"})).await;
    assert_eq!(told, "Paced in 1 s: \"slack\" asks for a pause: ratelimited");
    // Nobody knows how fast Salesforce may be called.
    let (salesforce, mut bench, sf) = salesforce().await;
    let ann = || json!({"externalId": "7", "externalIdField": "VtxId__c", "LastName": "Ann"});
    assert!(bench.tell(&sf, "k", "upsert_contact", ann()).await.contains("\"created\":true"));
    salesforce.limit_next(1);
    let told = bench.tell(&sf, "k0", "upsert_contact", ann()).await;
    assert!(told.starts_with("Paced in 900 s"), "{told}");
    for key in ["k1", "k2", "k3"] {
        let told = bench.tell(&sf, key, "upsert_contact", ann()).await;
        assert!(told.starts_with("Paced in 900 s"), "{told}");
    }
    let turns: Vec<i64> =
        bench.ledger.of.lock().unwrap().turns.values().map(|at| at.millis_since(bench.now)).collect();
    assert_eq!(turns, [900_000, 900_100, 900_200]);
    bench.now = bench.now.plus(Period::minutes(15));
    assert!(bench.tell(&sf, "k1", "upsert_contact", ann()).await.contains("\"created\":false"));
}

#[tokio::test]
async fn a_trial_takes_no_turn_of_others() {
    let (_slack, bench, bot) = bot().await;
    assert!(bench.tell(&bot, "k", "test", json!({})).await.contains("Acme"));
    assert_eq!(bench.ledger.of.lock().unwrap().reserved_until, Timestamp::EPOCH);
}
