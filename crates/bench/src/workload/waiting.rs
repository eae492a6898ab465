//! W6: a hundred thousand executions that wait, for a time, an event or people; after a restart, an event wakes its three.
//!
//! How long the event takes to wake them is told by the journal: the step behind the wait begins so long after the event was accepted.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::house::House;
use crate::{
    http::request,
    latency::Latencies,
    load,
    options::Options,
    place::{Kind, Place},
    report::{Figure, Floor, Report},
    server::KEY,
};

const BATCH: u32 = 1_000;
/// Events that each wake three.
const EVENTS: u32 = 100;

/// Fills the store with executions that wait, then wakes some of them.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    let pending = if options.small { 9_000 } else { 99_000 };
    let house = House::build("waiting", place, options).await?;
    let waits = [
        json!({"type": "delay", "config": {"duration": "30d"}}),
        json!({"type": "wait_for_event", "config": {"event": "paid", "timeout": "30d",
            "conditions": [{"field": "event.order", "operator": "equals", "value": "{{order}}"}],
            "actions": [{"type": "create_ticket", "config": {"title": "Paid"}}]}}),
        json!({"type": "approval", "config": {"title": "Well?", "approvers": [{"role": "admin"}], "timeout": "30d"}}),
    ];
    for (event, step) in ["delay", "event", "approval"].into_iter().zip(waits) {
        let definition = json!({"name": event, "trigger_event": format!("wait.{event}"), "is_active": true, "conditions": [], "actions": [step]});
        house.workflow(&definition).await?;
    }
    for event in ["delay", "event", "approval"] {
        let mut number = 0;
        let batch = move || {
            number += BATCH;
            batch(event, number - BATCH)
        };
        load::closed(house.server.port, 1, load::times(pending / 3 / BATCH, batch)).await?.sound()?;
    }
    let House { database, server, .. } = house;
    server.stop();
    let house = House::open(database, place, options).await?;
    let memory = house.server.memory();
    let events = (0..EVENTS).map(|order| {
        request("POST", "/api/events", KEY, &json!({"event": "paid", "data": {"order": order}}).to_string())
    });
    let mut events: Vec<Vec<u8>> = events.collect();
    let next = move || events.pop().unwrap_or_default();
    load::closed(house.server.port, 1, load::times(EVENTS, next)).await?.sound()?;
    let (begun, mut most) = (Instant::now(), memory);
    let woken = "SELECT count(*) FROM tickets WHERE tenant_id = 1";
    while house.store.number(woken).await? < f64::from(3 * EVENTS) {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err("events did not wake what waits for them within a minute".to_owned());
        }
        most = most.max(house.server.memory());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut lateness = Latencies::default();
    for millis in house.store.numbers(late_by(place.kind)).await? {
        lateness.add(Duration::from_secs_f64(millis.max(0.0) / 1000.0));
    }
    let both = (lateness.percentile(50.0), lateness.percentile(99.0));
    let name = format!("W6 an event wakes its three among {pending}, p99");
    report.add(Figure { latency: Some(both), ..Figure::new(name, both.1, "ms") }.floor(Floor::AtMost(50.0)));
    report.add(Figure::new("W6 memory after a restart", most, "MiB").floor(Floor::AtMost(50.0)));
    house.server.stop();
    Ok(())
}

/// Three in a row wait for the same.
fn batch(event: &str, first: u32) -> Vec<u8> {
    let events: Vec<Value> = (first..first + BATCH)
        .map(|number| json!({"event": format!("wait.{event}"), "data": {"order": number / 3}}))
        .collect();
    request("POST", "/api/events", KEY, &Value::from(events).to_string())
}

/// In milliseconds, for each execution that an event has woken: from the event to the step that follows.
const fn late_by(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => {
            "SELECT CAST(t.started_at - v.created_at AS REAL)
               FROM workflow_execution_logs t
               JOIN workflow_executions e ON e.id = t.execution_id
               JOIN events v ON v.name = 'paid' AND v.data ->> 'order' = e.trigger_data ->> 'order'
              WHERE t.step_name = 'create_ticket'"
        }
        Kind::Postgres => {
            "SELECT CAST(extract(epoch FROM t.started_at - v.created_at) * 1000 AS FLOAT8)
               FROM workflow_execution_logs t
               JOIN workflow_executions e ON e.id = t.execution_id
               JOIN events v ON v.name = 'paid' AND v.data ->> 'order' = e.trigger_data ->> 'order'
              WHERE t.step_name = 'create_ticket'"
        }
    }
}
