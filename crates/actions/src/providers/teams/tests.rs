use serde_json::json;
use testkit::systems::{
    Answer, Mock,
    teams::{Teams, WEBHOOK},
};

use crate::workbench::{Workbench, connection};

#[tokio::test]
async fn a_card_is_posted_and_every_no_is_understood() {
    let teams = Mock::start(Teams::default()).await;
    let bench = Workbench::new();
    let channel = connection("teams", "teams", json!({}), json!({"webhookUrl": format!("{}{WEBHOOK}", teams.url())}));
    let hello = || json!({"title": "New detractor", "text": "Slow", "facts": {"Score": 3}, "link": "https://example.com/t/1"});
    let told = bench.tell(&channel, "k0", "test", json!({})).await;
    assert!(told.contains("the address answers"), "{told}");
    assert_eq!(bench.tell(&channel, "k1", "send_message", hello()).await, r#"{"id":"posted","created":true,"url":null}"#);
    assert_eq!(teams.with(|teams| teams.cards.clone()), [json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": "New detractor", "weight": "Bolder", "size": "Medium", "wrap": true},
            {"type": "TextBlock", "text": "Slow", "wrap": true},
            {"type": "FactSet", "facts": [{"title": "Score", "value": "3"}]},
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": "https://example.com/t/1"}],
    })]);
    let error = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error";
    for (answer, told) in [
        (Answer::new(200, format!("{error} 413 with ContextId x").into()), "Refused: \"teams\" refused it: card: is larger than Teams takes".to_owned()),
        (Answer::new(200, format!("{error} 400 with ContextId x").into()), format!("Refused: \"teams\" refused it: {error} 400 with ContextId x")),
        (Answer::new(429, json!({})).header("retry-after", "3"), "Paced in 3 s: \"teams\" asks for a pause".to_owned()),
    ] {
        teams.with(|teams| teams.says = Some(answer));
        assert_eq!(bench.tell(&channel, "k2", "send_message", hello()).await, told);
        bench.mended();
        bench.ledger.of.lock().unwrap().made.clear();
    }
    teams.limit_next(1);
    let limited = bench.tell(&channel, "k3", "send_message", hello()).await;
    assert_eq!(limited, format!("Paced in 2 s: \"teams\" asks for a pause: {error} 429 with ContextId x"));
    bench.mended();
    let large = bench.tell(&channel, "k4", "send_message", json!({"text": "é".repeat(20_000)})).await;
    assert!(large.starts_with("InvalidConfig: ") && large.contains("Teams takes 28672 at most"), "{large}");
    teams.cut_next(1);
    let cut = bench.tell(&channel, "k5", "send_message", hello()).await;
    assert!(cut.ends_with("it may have been done all the same, so it is not tried again"), "{cut}");
    teams.with(|teams| teams.is_off = true);
    let off = bench.tell(&channel, "k6", "send_message", hello()).await;
    assert_eq!(
        off,
        "Parked: \"teams\" is not let in: WorkflowNotFound The workflow was not found.: connect it again in the settings, then this goes on"
    );
    assert_eq!(teams.violations(), Vec::<String>::new());
}
