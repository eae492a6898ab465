//! `kill -9` under load, again and again, then the books: what was acknowledged ran, each effect inside happened once, each
//! effect outside once as far as its receiver can tell by the idempotency key.
//!
//! `VTRUSTX_KILL_ROUNDS=20` makes it the long one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::Sink;

use crate::process::{House, PATIENCE, Server};

const ROUNDS: u64 = 5;
const CLIENTS: u64 = 6;
/// How long each round is, in milliseconds: the crash comes at another moment each time.
const LOAD: [u64; 5] = [700, 350, 950, 510, 820];

/// Events that were sent, and those that the server said it has.
#[derive(Default)]
struct Ledger {
    sent: Mutex<BTreeSet<String>>,
    acknowledged: Mutex<BTreeSet<String>>,
}

impl Ledger {
    async fn post(&self, server: &Server, id: &str, contact: i64) -> bool {
        self.sent.lock().unwrap().insert(id.to_owned());
        let event = json!({"event": "load", "id": id, "data": {"name": id, "contactId": contact}});
        match server.try_call(Method::POST, "/api/events", Some(&event)).await {
            Ok((status, answer)) if status.is_success() => {
                assert_eq!(answer["data"]["executions"].as_array().map(Vec::len), Some(1), "{answer}");
                self.acknowledged.lock().unwrap().insert(id.to_owned());
                true
            }
            _ => false,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_is_done_twice() {
    let rounds =
        std::env::var("VTRUSTX_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let (house, sink) = (House::new(), Sink::start().await);
    let ledger = Arc::new(Ledger::default());
    let number = Arc::new(AtomicU64::new(0));
    let mut contact = 0;
    let mut done = BTreeMap::new();
    for round in 0..rounds {
        let server = Arc::new(house.serve(&["--allow-private-targets"]).await);
        if round == 0 {
            contact = furnish(&server, &sink).await;
        }
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (server, ledger, number) =
                    (Arc::clone(&server), Arc::clone(&ledger), Arc::clone(&number));
                tokio::spawn(async move {
                    // Until the server is gone.
                    while ledger
                        .post(&server, &format!("e{}", number.fetch_add(1, Ordering::Relaxed)), contact)
                        .await
                    {}
                })
            })
            .collect();
        let millis = LOAD[usize::try_from(round).unwrap() % LOAD.len()];
        tokio::time::sleep(Duration::from_millis(millis)).await;
        server.signal("-KILL");
        for client in clients {
            client.await.unwrap();
        }
        Arc::into_inner(server).expect("the clients are done").ended().await;
        for (event, calls) in calls_of_the_completed(&house, &sink).await {
            done.entry(event).or_insert(calls);
        }
    }

    let server = house.serve(&["--allow-private-targets"]).await;
    // A client whose request was cut off sends it again, under the same id.
    let unsure: Vec<String> = {
        let (sent, acknowledged) = (ledger.sent.lock().unwrap(), ledger.acknowledged.lock().unwrap());
        sent.difference(&acknowledged).cloned().collect()
    };
    for id in &unsure {
        assert!(ledger.post(&server, id, contact).await, "{id} is not taken");
    }
    let sent = ledger.sent.lock().unwrap().clone();
    assert!(sent.len() > 50, "only {} events: that is no load", sent.len());
    let settled = tokio::time::timeout(PATIENCE, async {
        for status in ["pending", "running", "retrying"] {
            let path = format!("/api/workflow-executions?status={status}&limit=1");
            server.until(&path, |list| list["pagination"]["total"] == 0).await;
        }
    });
    settled.await.expect("every execution ends");
    audit(&server, &sink, &sent, rounds).await;
    let at_last = calls_by_event(&sink);
    let again: Vec<_> =
        done.iter().filter(|(event, calls)| at_last.get(*event) != Some(calls)).take(5).collect();
    assert!(again.is_empty(), "called again after they had completed: {again:?}");
    server.stop().await;
}

/// How often the webhook was called for each event whose journal, found after a crash, says that this step is completed:
/// of executions that have ended, and of those that the crash stopped behind the step.
async fn calls_of_the_completed(house: &House, sink: &Sink) -> BTreeMap<String, usize> {
    let calls = calls_by_event(sink);
    let mut events = Vec::new();
    for execution in listed(house, "completed").await {
        events.push(execution["event_id"].clone());
    }
    for execution in listed(house, "running").await {
        let shown = answer(house, &["execution", "show", &execution["id"].to_string(), "--json"]).await;
        let logs = shown["logs"].as_array().expect("an execution is shown with its logs");
        if logs.iter().any(|log| log["step_id"] == "s2" && log["status"] == "completed") {
            events.push(execution["event_id"].clone());
        }
    }
    let of_one = |event: Value| {
        let event = event.as_str()?.to_owned();
        let calls = *calls.get(&event)?;
        Some((event, calls))
    };
    events.into_iter().filter_map(of_one).collect()
}

async fn listed(house: &House, status: &str) -> Vec<Value> {
    let list =
        answer(house, &["execution", "list", "--status", status, "--json", "--limit", "1000000"]).await;
    list.as_array().cloned().expect("a list")
}

async fn answer(house: &House, command: &[&str]) -> Value {
    let output = house.command(command).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn calls_by_event(sink: &Sink) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for request in sink.requests() {
        *calls.entry(request.json()["event"].as_str().unwrap_or("?").to_owned()).or_default() += 1;
    }
    calls
}

async fn furnish(server: &Server, sink: &Sink) -> i64 {
    let contact = server.post("/api/contacts", &json!({"name": "Ada", "email": "ada@example.com"})).await;
    let workflow = json!({
        "name": "Load", "trigger_event": "load", "is_active": true,
        "conditions": [{"field": "name", "operator": "is_not_empty"}],
        "actions": [
            {"type": "create_ticket", "config": {"title": "{{name}}"}, "critical": true},
            {"type": "webhook", "config": {"url": sink.url("/ok"), "method": "POST", "body": {"event": "{{name}}"}}, "critical": true},
            {"type": "send_email", "config": {"to": "care@example.com", "subject": "{{name}}", "body": "x"}},
        ],
    });
    server.post("/api/workflows", &workflow).await;
    contact["id"].as_i64().unwrap()
}

async fn audit(server: &Server, sink: &Sink, sent: &BTreeSet<String>, rounds: u64) {
    let once = |what: &str, found: Vec<String>| {
        let mut counts: BTreeMap<String, usize> = sent.iter().map(|id| (id.clone(), 0)).collect();
        for id in found {
            *counts.entry(id).or_default() += 1;
        }
        let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).take(5).collect();
        assert!(wrong.is_empty(), "{what}: not once: {wrong:?} of {}", sent.len());
    };
    let text = |rows: &[Value], field: &str| -> Vec<String> {
        rows.iter().map(|row| row[field].as_str().unwrap_or("?").to_owned()).collect()
    };
    let executions = server.all("/api/workflow-executions").await;
    once("executions", text(&executions, "event_id"));
    for execution in &executions {
        let result = &execution["result"];
        let ended = (&execution["status"], &result["actionsExecuted"], &result["actionsFailed"]);
        assert_eq!(ended, (&json!("completed"), &json!(3), &json!(0)), "{execution}");
    }
    once("tickets", text(&server.all("/api/tickets").await, "title"));
    once("mails", text(&server.all("/api/outbox").await, "subject"));

    // Outside: one logical effect for each event. Only calls that were in flight at a crash come twice, with the same key.
    let effects = sink.effects();
    let events = |requests: &[testkit::sink::Request]| -> BTreeSet<String> {
        requests.iter().filter_map(|request| request.json()["event"].as_str().map(str::to_owned)).collect()
    };
    let of_key: Vec<String> = effects
        .values()
        .map(|requests| {
            let events = events(requests);
            assert_eq!(events.len(), 1, "one key for {events:?}");
            events.into_iter().next().unwrap()
        })
        .collect();
    once("webhook calls by key", of_key);
    for requests in effects.values() {
        assert!(
            requests.len() as u64 <= rounds + 1,
            "one call was made {} times in {rounds} crashes",
            requests.len()
        );
    }
    let repeated = effects.values().filter(|requests| requests.len() > 1).count();
    // Each row of the journal is there once: a completed step was never performed again.
    for execution in executions.iter().rev().take(200) {
        let logs = server.get(&format!("/api/workflow-executions/{}/logs", execution["id"])).await;
        let steps: Vec<_> =
            logs["data"].as_array().unwrap().iter().map(|log| log["step_id"].clone()).collect();
        assert_eq!(json!(steps), json!(["conditions", "s1", "s2", "s3"]), "{logs}");
    }
    println!("{} events over {rounds} crashes, {repeated} calls came more than once", sent.len());
}
