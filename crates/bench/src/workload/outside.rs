//! W1: an event, a condition, two webhooks with templated bodies to a receiver that answers at once.

use super::{
    house::{self, House},
    throughput::Load,
};
use crate::{
    load,
    options::Options,
    place::{Kind, Place},
    report::Report,
};

/// At 1, 16 and 64 connections.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    let house = House::build("outside", place, options).await?;
    house.workflow(&house::outside(&house.sink)).await?;
    load::closed(house.server.port, 16, load::times(500, || house::post(7))).await?.sound()?;
    house.quiet().await?;
    for connections in [1, 16, 64] {
        let floor = match place.kind {
            Kind::Sqlite => 4_000.0,
            Kind::Postgres => 2_500.0,
        };
        let name = format!("W1 two webhooks, {connections} at a time");
        let load =
            Load { name: &name, connections, executions: 1.0, floor: (connections == 64).then_some(floor) };
        let calls = house.sink.calls();
        let figure = house.throughput(&load, place, options, || house::post(7)).await?;
        let calls = house.sink.calls() - calls;
        report.add(figure.note(format!("{calls} calls")));
    }
    house.server.stop();
    Ok(())
}
