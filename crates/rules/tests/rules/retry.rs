//! A step's own retry.

use model::Period;
use rules::{Failure, Retry};
use serde_json::json;

#[test]
fn delays_follow_the_schedule() {
    let waits = |retry: &Retry| {
        (1..8).map_while(|failed| retry.delay(failed, 7)).map(|wait| wait.to_string()).collect::<Vec<_>>()
    };
    let compile = |value| Retry::compile(&value, "retry").unwrap();
    assert_eq!(
        waits(&compile(json!({"attempts": 5, "delays": ["1s", "5s", 30_000]}))),
        ["1s", "5s", "30s", "30s"]
    );
    assert_eq!(waits(&compile(json!({"delays": ["1s", "5s"]}))), ["1s", "5s"]);
    assert_eq!(waits(&compile(json!({"attempts": 1, "delays": ["1s"]}))), [""; 0]);
    let backoff = compile(json!({"attempts": 5, "backoff": {"initial": "1s", "factor": 3, "max": "10s"}}));
    assert_eq!(waits(&backoff), ["1s", "3s", "9s", "10s"]);
    assert_eq!(backoff.delay(0, 7), None);

    let jittered =
        compile(json!({"attempts": 50, "backoff": {"initial": "10s", "factor": 1, "jitter": 0.5}}));
    let waits: Vec<Period> = (0..200).filter_map(|seed| jittered.delay(1, seed)).collect();
    assert_eq!(waits.len(), 200);
    assert!(waits.iter().all(|wait| (10_000..=15_000).contains(&wait.as_millis())), "{waits:?}");
    assert!(
        waits.iter().any(|wait| wait.as_millis() > 14_000)
            && waits.iter().any(|wait| wait.as_millis() < 11_000)
    );
    assert_eq!(jittered.delay(1, 3), jittered.delay(1, 3));
    assert_ne!(jittered.delay(1, 3), jittered.delay(2, 3));
}

#[test]
fn only_the_named_failures_are_tried_again() {
    let retry =
        Retry::compile(&json!({"attempts": 2, "on": ["timeout", "5xx", "429", 408]}), "retry").unwrap();
    let failures = [
        Failure::Timeout,
        Failure::Connection,
        Failure::Other,
        Failure::Status(500),
        Failure::Status(599),
        Failure::Status(429),
        Failure::Status(408),
        Failure::Status(404),
    ];
    assert_eq!(
        failures.map(|failure| retry.applies(failure)),
        [true, false, false, true, true, true, true, false]
    );
    let any = Retry::compile(&json!({"attempts": 2}), "retry").unwrap();
    assert!(failures.iter().all(|failure| any.applies(*failure)));
}
