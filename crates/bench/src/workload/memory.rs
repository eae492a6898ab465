//! Memory under W1 for minutes: how much, and whether it grows.

use std::time::{Duration, Instant};

use super::house::{self, House};
use crate::{
    load,
    options::Options,
    place::Place,
    report::{Figure, Floor, Report},
};

/// W1 at 64 for five minutes; with `--small` for as long as a figure takes.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    let length = Duration::from_secs(if options.small { options.seconds } else { 300 });
    let house = House::build("memory", place, options).await?;
    house.workflow(&house::outside(&house.sink)).await?;
    let (begun, mut readings) = (Instant::now(), Vec::new());
    let load = load::closed(house.server.port, 64, load::lasting(length, || house::post(7)));
    let reading = async {
        while begun.elapsed() < length {
            tokio::time::sleep(Duration::from_millis(500)).await;
            readings.push(house.server.memory());
        }
    };
    let (answers, ()) = tokio::join!(load, reading);
    let answers = answers?.sound()?;
    let most = readings.iter().copied().fold(0.0, f64::max);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let (early, late) = (
        mean(&readings[readings.len() / 5..readings.len() * 2 / 5]),
        mean(&readings[readings.len() * 4 / 5..]),
    );
    let figure = Figure::new("memory under W1 at 64, most", most, "MiB").floor(Floor::AtMost(200.0));
    report.add(figure.note(format!(
        "{:.0} s, {} executions; second fifth {early:.0} MiB, last fifth {late:.0} MiB",
        length.as_secs_f64(),
        answers.accepted
    )));
    house.quiet().await?;
    house.server.stop();
    Ok(())
}
