//! Offered far more than it can do: what it takes it takes as fast as ever, the rest is told when to come back, nothing accepted is lost.

use std::time::Duration;

use super::{
    house::{self, House},
    inside::singles,
};
use crate::{
    load,
    options::Options,
    place::Place,
    report::{Figure, Floor, Report},
};

/// More than a tenant may have in the queue.
const CONNECTIONS: usize = 4_000;

/// 4,000 clients that each post again as soon as they are answered.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    let house = House::build("overload", place, options).await?;
    let first = house.contacts(10_000).await?;
    house.workflow(&house::inside()).await?;
    let next = load::lasting(Duration::from_secs(options.seconds), singles(first));
    let answers = load::closed(house.server.port, CONNECTIONS, next).await?.sound()?;
    if answers.accepted == 0 {
        return Err("overload: nothing was accepted".to_owned());
    }
    let memory = house.server.memory();
    house.quiet().await?;
    let completed = "SELECT count(*) FROM workflow_executions WHERE tenant_id = 1 AND status = 'completed'";
    let lost = answers.accepted as f64 - house.store.number(completed).await?;
    let p99 = answers.latencies.percentile(99.0);
    let rate = answers.accepted as f64 / answers.took.as_secs_f64();
    let busy = format!("{} told to come back, {} of them when", answers.busy, answers.busy_with_advice);
    let accepted = Figure::new("overload: accepted of 4,000 clients", rate, "events/s").note(busy);
    report.add(Figure { latency: Some((answers.latencies.percentile(50.0), p99)), ..accepted });
    report.add(
        Figure::new("overload: accepted but not completed", lost, "executions").floor(Floor::AtMost(0.0)),
    );
    report.add(Figure::new("overload: memory", memory, "MiB").floor(Floor::AtMost(300.0)));
    house.server.stop();
    Ok(())
}
