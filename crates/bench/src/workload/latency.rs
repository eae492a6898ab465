//! How long one waits: for the acknowledgement at 1,000 events a second, and on an idle system until the first action is under way.

use std::time::{Duration, Instant};

use super::{
    house::{self, House},
    inside::singles,
};
use crate::{
    http::Connection,
    latency::Latencies,
    limit, load,
    options::Options,
    place::Place,
    report::{Figure, Floor, Report},
};

const RATE: u32 = 1_000;

/// Both.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    let house = House::build("latency", place, options).await?;
    let first = house.contacts(10_000).await?;
    let inside = house.workflow(&house::inside()).await?;
    // A second before, in which statements are prepared and tables get their first rows.
    load::open(house.server.port, RATE, load::times(RATE, singles(first))).await?.sound()?;
    let next = load::times(RATE * u32::try_from(options.seconds).unwrap_or(10), singles(first));
    let answers = load::open(house.server.port, RATE, next).await?.sound()?;
    house.quiet().await?;
    let commits = 3.0 * report.commit();
    let bare = limit::commit_latencies(&place.database("bare")?, RATE).await?.percentile(99.0);
    let accept = figure("accept at 1,000 events/s (W2), p99", &answers.latencies, 5.0 + commits);
    report.add(Figure { limit: Some(bare), ..accept }.note("limit: a row and its commit at the same rate"));
    house.server.call("DELETE", &format!("/api/workflows/{inside}"), &serde_json::Value::Null).await?;
    house.workflow(&house::outside(&house.sink)).await?;
    let mut connection = Connection::open(house.server.port).await?;
    let mut latencies = Latencies::default();
    for _ in 0..200 {
        let (calls, begun) = (house.sink.calls(), Instant::now());
        connection.exchange(&house::post(7)).await?;
        while house.sink.calls() == calls {
            tokio::task::yield_now().await;
        }
        latencies.add(begun.elapsed());
        while house.sink.calls() < calls + 2 {
            tokio::task::yield_now().await;
        }
        // Idle means that nothing of the one before is left, its last commit neither.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    report.add(figure("event to first webhook, idle system, p99", &latencies, 10.0 + commits));
    house.server.stop();
    Ok(())
}

fn figure(name: &str, latencies: &Latencies, floor: f64) -> Figure {
    let both = (latencies.percentile(50.0), latencies.percentile(99.0));
    Figure { latency: Some(both), ..Figure::new(name, both.1, "ms") }.floor(Floor::AtMost(floor))
}
