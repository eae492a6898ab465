//! W2: an event, a condition, a ticket, a changed contact, a tag: all effects are in the store. Over 10,000 contacts.

use serde_json::Value;

use super::{
    house::{self, House},
    throughput::Load,
};
use crate::{
    http::request,
    load,
    options::Options,
    place::{Kind, Place},
    report::Report,
    server::KEY,
};

const CONTACTS: i64 = 10_000;
const BATCH: i64 = 100;

/// One by one at 1, 16 and 64 connections, and batches of 100 at 16.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    let house = House::build("inside", place, options).await?;
    let first = house.contacts(CONTACTS as u32).await?;
    house.workflow(&house::inside()).await?;
    load::closed(house.server.port, 16, load::times(500, move || house::post(first))).await?.sound()?;
    house.quiet().await?;
    for connections in [1, 16, 64] {
        let floor = match place.kind {
            Kind::Sqlite => 5_000.0,
            Kind::Postgres => 3_000.0,
        };
        let name = format!("W2 inside effects, {connections} at a time");
        let load =
            Load { name: &name, connections, executions: 1.0, floor: (connections == 64).then_some(floor) };
        report.add(house.throughput(&load, place, options, singles(first)).await?);
    }
    let floor = match place.kind {
        Kind::Sqlite => 12_000.0,
        Kind::Postgres => 8_000.0,
    };
    let load =
        Load { name: "W2 batches of 100", connections: 16, executions: BATCH as f64, floor: Some(floor) };
    report.add(house.throughput(&load, place, options, batches(first)).await?);
    house.server.stop();
    Ok(())
}

/// One event after another, over the contacts in an order that has no neighbours in it.
pub fn singles(first: i64) -> impl FnMut() -> Vec<u8> {
    let mut number = 0;
    move || {
        number += 1;
        house::post(contact(first, number))
    }
}

fn batches(first: i64) -> impl FnMut() -> Vec<u8> {
    let mut number = 0;
    move || {
        let events: Vec<Value> =
            (0..BATCH).map(|place| house::event(contact(first, number + place))).collect();
        number += BATCH;
        request("POST", "/api/events", KEY, &Value::from(events).to_string())
    }
}

const fn contact(first: i64, number: i64) -> i64 {
    first + number * 7919 % CONTACTS
}
