//! W4: a million pending delays, ten thousand of which become due within one minute.
//!
//! All are made through the API, in batches. How late a delay ends is told by the journal: the next step begins so long after the delay's own
//! beginning and its length.

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
const DUE: u32 = 10_000;
/// The ten thousand are spread over so many milliseconds, and begin so many after they are asked for.
const SPREAD: u32 = 60_000;
const BEGIN: u32 = 15_000;
const FAR: &str = "30d";

/// Fills the store with delays, then watches those that are due.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    let pending = if options.small { 50_000 } else { 1_000_000 };
    let house = House::build("timers", place, options).await?;
    let definition = json!({"name": "Wait", "trigger_event": "wait", "is_active": true, "conditions": [], "actions": [
        {"type": "delay", "config": {"duration": "{{for}}"}}, {"type": "create_ticket", "config": {"title": "Due"}}]});
    house.workflow(&definition).await?;
    let far = || batch((0..BATCH).map(|_| FAR.to_owned()));
    load::closed(house.server.port, 4, load::times(pending / BATCH, far)).await?.sound()?;
    let mut number = 0;
    let near = move || {
        number += BATCH;
        batch((number - BATCH..number).map(|place| format!("{}ms", BEGIN + place * (SPREAD / DUE))))
    };
    load::closed(house.server.port, 1, load::times(DUE / BATCH, near)).await?.sound()?;
    let (begun, mut most) = (Instant::now(), 0.0_f64);
    let tickets = "SELECT count(*) FROM tickets WHERE tenant_id = 1";
    while house.store.number(tickets).await? < f64::from(DUE) {
        if begun.elapsed() > Duration::from_secs(180) {
            return Err("delays that were due did not end within three minutes".to_owned());
        }
        most = most.max(house.server.memory());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut lateness = Latencies::default();
    for millis in house.store.numbers(late_by(place.kind)).await? {
        lateness.add(Duration::from_secs_f64(millis.max(0.0) / 1000.0));
    }
    let both = (lateness.percentile(50.0), lateness.percentile(99.0));
    let name = format!("W4 lateness among {pending} pending delays, p99");
    report
        .add(Figure { latency: Some(both), ..Figure::new(name, both.1, "ms") }.floor(Floor::AtMost(1_000.0)));
    report.add(Figure::new("W4 memory", most, "MiB").floor(Floor::AtMost(100.0)));
    house.server.stop();
    Ok(())
}

fn batch(delays: impl Iterator<Item = String>) -> Vec<u8> {
    let events: Vec<Value> = delays.map(|delay| json!({"event": "wait", "data": {"for": delay}})).collect();
    request("POST", "/api/events", KEY, &Value::from(events).to_string())
}

/// In milliseconds, for each delay that has ended; its length stands in the event as so many `ms`.
const fn late_by(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => {
            "SELECT CAST(t.started_at - d.started_at - CAST(rtrim(e.trigger_data ->> 'for', 'ms') AS INTEGER) AS REAL)
               FROM workflow_execution_logs t
               JOIN workflow_execution_logs d ON d.execution_id = t.execution_id AND d.step_type = 'delay'
               JOIN workflow_executions e ON e.id = t.execution_id WHERE t.step_name = 'create_ticket'"
        }
        Kind::Postgres => {
            "SELECT extract(epoch FROM t.started_at - d.started_at) * 1000 - CAST(rtrim(e.trigger_data ->> 'for', 'ms') AS BIGINT)
               FROM workflow_execution_logs t
               JOIN workflow_execution_logs d ON d.execution_id = t.execution_id AND d.step_type = 'delay'
               JOIN workflow_executions e ON e.id = t.execution_id WHERE t.step_name = 'create_ticket'"
        }
    }
}
