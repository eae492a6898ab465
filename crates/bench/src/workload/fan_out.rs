//! W3: one event and a thousand active workflows that listen to it, ten of which match.
//!
//! Matching is measured in this process, on one thread, with the server's own rules: how long it takes to go through the thousand. Then the
//! server does the same, with everything that follows from the ten.

use std::time::{Duration, Instant};

use rules::{Conditions, Scope};
use serde_json::{Value, json};

use super::{
    house::{self, House},
    throughput::Load,
};
use crate::{
    latency::Latencies,
    options::Options,
    place::Place,
    report::{Figure, Floor, Report},
};

const WORKFLOWS: i64 = 1_000;
const MATCHING: i64 = 10;

/// Matching alone, then the whole way.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    report.add(matching()?);
    let house = House::build("fan_out", place, options).await?;
    for number in 0..WORKFLOWS {
        house.workflow(&definition(number)).await?;
    }
    let load = Load {
        name: "W3 events of 1,000 workflows, 10 match",
        connections: 16,
        executions: MATCHING as f64,
        floor: None,
    };
    report.add(house.throughput(&load, place, options, || house::post(7)).await?);
    house.server.stop();
    Ok(())
}

/// Of a hundred one matches.
pub fn definition(number: i64) -> Value {
    let score = if number % (WORKFLOWS / MATCHING) == 0 { 6 } else { 2 };
    json!({
        "name": format!("Workflow {number}"), "trigger_event": "submission_completed", "is_active": true, "logUnmatched": false,
        "conditions": [
            {"field": "submission.data.q_name", "operator": "equals", "value": "Ada"},
            {"field": "submission.data.q_nps", "operator": "<=", "value": score},
        ],
        "actions": [{"type": "create_ticket", "config": {"title": "{{submission.data.q_name}}"}}],
    })
}

fn matching() -> Result<Figure, String> {
    let compiled = (0..WORKFLOWS).map(|number| {
        let conditions = &definition(number)["conditions"];
        Conditions::compile(conditions, "conditions").map_err(|problems| format!("{problems:?}"))
    });
    let compiled = compiled.collect::<Result<Vec<_>, _>>()?;
    let data = house::event(7)["data"].clone();
    let scope = Scope::of_trigger(&data);
    let (begun, mut latencies) = (Instant::now(), Latencies::default());
    while begun.elapsed() < Duration::from_secs(2) {
        let once = Instant::now();
        let matching = compiled.iter().filter(|conditions| conditions.matches(&scope) == Ok(true)).count();
        latencies.add(once.elapsed());
        if i64::try_from(matching) != Ok(MATCHING) {
            return Err(format!("{matching} workflows match"));
        }
    }
    let (median, slow) = (latencies.percentile(50.0), latencies.percentile(99.0));
    let figure =
        Figure::new("W3 matching of 1,000 workflows", median * 1000.0, "µs").floor(Floor::AtMost(200.0));
    Ok(Figure { latency: Some((median, slow)), ..figure })
}
