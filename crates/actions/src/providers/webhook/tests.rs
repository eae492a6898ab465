use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use testkit::systems::{Mock, receiver::Receiver};

use crate::workbench::{Workbench, connection};

#[tokio::test]
async fn messages_are_signed_and_every_no_is_understood() {
    let receiver = Mock::start(Receiver { key: vec![7; 32], ..Receiver::default() }).await;
    let bench = Workbench::new();
    let secret = |byte: u8| format!("whsec_{}", STANDARD.encode([byte; 32]));
    let config = json!({"url": format!("{}/in?x=1", receiver.url())});
    let hook = connection("hook", "webhook", config.clone(), json!({"signingSecret": secret(7)}));
    let message = || json!({"type": "nps.detractor", "data": {"score": 3}});
    assert_eq!(bench.tell(&hook, "k0", "test", json!({})).await, r#"{"status":204}"#);
    // The line is cut after the work was done: the id makes it one message.
    receiver.cut_next(1);
    assert!(bench.tell(&hook, "k1", "send", message()).await.starts_with("Connection: "));
    assert_eq!(bench.tell(&hook, "k1", "send", message()).await, r#"{"id":"k1","created":true,"url":null}"#);
    let taken = receiver.with(|receiver| receiver.messages.clone());
    assert_eq!(taken["k1"], json!({"type": "nps.detractor", "timestamp": "2026-02-14T10:30:00.000Z", "data": {"score": 3}}));
    assert_eq!(taken.len(), 2);
    // While the secret is replaced, both sign.
    let both = connection("hook", "webhook", config.clone(), json!({"signingSecret": secret(8), "previousSecret": secret(7)}));
    assert!(bench.tell(&both, "k2", "send", message()).await.starts_with("{"));
    let refused = bench.tell(&hook, "k3", "send", json!({"type": "nps.unknown"})).await;
    assert_eq!(refused, "Refused: \"hook\" refused it: no such type");
    receiver.limit_next(1);
    assert_eq!(bench.tell(&hook, "k4", "send", message()).await, "Paced in 9 s: \"hook\" asks for a pause: slow down");
    bench.mended();
    let odd = connection("hook", "webhook", config.clone(), json!({"signingSecret": "canary"}));
    let told = bench.tell(&odd, "k5", "send", message()).await;
    assert!(told.contains("signingSecret must be whsec_") && !told.contains("canary"), "{told}");
    let other = connection("hook", "webhook", config, json!({"signingSecret": secret(9)}));
    let told = bench.tell(&other, "k6", "send", message()).await;
    assert_eq!(told, "Parked: \"hook\" is not let in: no signature fits: connect it again in the settings, then this goes on");
    bench.mended();
    receiver.with(|receiver| receiver.is_gone = true);
    let gone = bench.tell(&hook, "k7", "send", message()).await;
    assert_eq!(gone, "Parked: \"hook\" is not let in: the receiver wants no more messages (410): connect it again in the settings, then this goes on");
    assert_eq!(receiver.violations(), Vec::<String>::new());
}
