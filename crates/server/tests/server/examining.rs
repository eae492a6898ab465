//! `vtrustx doctor` beside a server at work, on both databases: on a healthy store it has nothing to say, and its exit code says so.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use testkit::place::Place;

use crate::process::{House, Server};

async fn examined(house: &House, url: &str, address: &str, thorough: bool) -> (Option<i32>, Value) {
    let mut arguments = vec!["doctor", "--json", "--url", url, "--database", address];
    arguments.extend(thorough.then_some("--thorough"));
    let output = house.command(&arguments).output().await.unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report)
}

/// The checks that were not good. The tests' PostgreSQL does without fsync, which the doctor sees each time.
fn complaints(report: &Value) -> Vec<Value> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|finding| finding["level"] != "ok" && finding["check"] != "durability").cloned().collect()
}

/// Events until told to stop: executions that run, that wait, and that end at once.
async fn load(server: Arc<Server>, stop: Arc<AtomicBool>) -> usize {
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let events: Vec<Value> =
            (0..20).map(|number| json!({"event": "load", "data": {"n": number}})).collect();
        server.post("/api/events", &json!(events)).await;
        sent += events.len();
    }
    sent
}

testkit::on_both! {
    async fn a_healthy_and_busy_store_has_nothing_to_be_told_of(place: Place) {
        let house = House::new();
        let (address, is_postgres) = (place.address(), matches!(place, Place::Postgres(_)));
        let server = Arc::new(house.serve(&["--database", &address]).await);
        let workflow = json!({
            "name": "Load", "trigger_event": "load", "is_active": true,
            "conditions": [{"field": "n", "operator": ">", "value": 4}],
            "actions": [
                {"type": "send_email", "config": {"to": "care@example.com", "subject": "{{n}}", "body": "x"}},
                {"type": "delay", "config": {"duration": "1s"}},
                {"type": "create_ticket", "config": {"title": "{{n}}"}},
                {"type": "delay", "config": {"duration": "7d"}},
            ],
        });
        server.post("/api/workflows", &workflow).await;
        let stop = Arc::new(AtomicBool::new(false));
        let load = tokio::spawn(load(Arc::clone(&server), Arc::clone(&stop)));
        server.until("/api/tickets?limit=1", |list| list["pagination"]["total"].as_i64() > Some(20)).await;
        for thorough in [false, true, false, true] {
            let (code, report) = examined(&house, &server.url, &address, thorough).await;
            assert_eq!(complaints(&report), Vec::<Value>::new());
            assert_eq!(code, Some(if is_postgres { 2 } else { 0 }), "{report}");
            assert_eq!(is_postgres, report["findings"].to_string().contains("fsync is off"), "{report}");
        }
        stop.store(true, Ordering::Relaxed);
        assert!(load.await.unwrap() > 0);

        let url = server.url.clone();
        Arc::into_inner(server).expect("the load is over").stop().await;
        let (_, report) = examined(&house, &url, &address, true).await;
        let checks: Vec<&str> = report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] != "ok").filter_map(|finding| finding["check"].as_str()).collect();
        let expected = ["up", "ready", "durability", "server"];
        assert_eq!(checks, expected.into_iter().filter(|check| is_postgres || *check != "durability").collect::<Vec<_>>(), "{report}");
    }
}
