//! W3 over a thousand tenants, each with a hundred active workflows on one event, one of which matches: how long a server with all of them takes to
//! start, what memory they need, and how it does when events of all tenants come in turn.

use std::{cell::Cell, path::Path, rc::Rc, time::Instant};

use super::{
    fan_out,
    house::{self, House},
    throughput::Load,
};
use crate::{
    http::request,
    load,
    options::Options,
    place::{Database, Place},
    report::{Figure, Report},
    server,
};

const WORKFLOWS: u32 = 100;
const CONNECTIONS: usize = 16;

/// Makes the tenants and their workflows, starts anew, and lets events come.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    let tenants = if options.small { 50 } else { 1_000 };
    let database = place.database("many_tenants")?;
    let keys = Rc::new(keys(&options.server, &database, tenants)?);
    let house = House::open(database, place, options).await?;
    let all = tenants * WORKFLOWS;
    let save = each(&keys, WORKFLOWS, |key, number| {
        request("POST", "/api/workflows", key, &fan_out::definition(i64::from(number)).to_string())
    });
    load::closed(house.server.port, CONNECTIONS, load::times(all, save)).await?.sound()?;
    let database = house.database.clone();
    house.server.stop();
    let begun = Instant::now();
    let house = House::open(database, place, options).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let of_all = format!("{all} workflows of {tenants} tenants");
    report.add(Figure::new(format!("W3 start with {of_all}"), seconds, "s"));
    let load = Load {
        name: &format!("W3 events of {of_all}, 1 in 100 matches"),
        connections: CONNECTIONS,
        executions: 1.0,
        floor: None,
    };
    let body = house::event(7).to_string();
    let post = each(&keys, 1, move |key, _| request("POST", "/api/events", key, &body));
    report.add(house.throughput(&load, place, options, post).await?);
    report.add(Figure::new(format!("W3 memory with {of_all}"), house.server.memory(), "MiB"));
    house.server.stop();
    Ok(())
}

/// A request of one tenant after the other, each so often in a row, round and round.
fn each(
    keys: &Rc<Vec<String>>,
    times: u32,
    make: impl Fn(&str, u32) -> Vec<u8> + 'static,
) -> impl FnMut() -> Vec<u8> + 'static {
    let (keys, next) = (Rc::clone(keys), Cell::new(0_u32));
    move || {
        let number = next.replace(next.get().wrapping_add(1));
        let tenant = usize::try_from(number / times).unwrap_or(0) % keys.len();
        make(&keys[tenant], number % times)
    }
}

/// Makes tenants at the command line; answers an editor's key of each.
fn keys(binary: &Path, database: &Database, tenants: u32) -> Result<Vec<String>, String> {
    server::run(binary, database, &["migrate"])?;
    let key = |number: u32| {
        let tenant = server::run(binary, database, &["tenant", "create", &format!("Tenant {number}")])?;
        let id = tenant["id"].to_string();
        let made =
            server::run(binary, database, &["api-key", "create", "--role", "editor", "--tenant", &id])?;
        made["key"].as_str().map(str::to_owned).ok_or_else(|| "an API key that is not shown".to_owned())
    };
    (1..=tenants).map(key).collect()
}
