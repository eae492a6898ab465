//! The workloads, one file each.

mod fan_out;
mod history;
mod house;
mod inside;
mod latency;
mod many_tenants;
mod memory;
mod outside;
mod overload;
mod rules;
mod throughput;
mod timers;
mod waiting;

use crate::{
    options::{Options, Workload},
    place::Place,
    report::Report,
};

/// Measures one of them.
///
/// # Errors
/// What kept it from being measured; a figure that is too low is none.
pub async fn run(
    workload: Workload,
    place: &Place,
    options: &Options,
    report: &mut Report,
) -> Result<(), String> {
    match workload {
        Workload::Outside => outside::run(place, options, report).await,
        Workload::Inside => inside::run(place, options, report).await,
        Workload::Latency => latency::run(place, options, report).await,
        Workload::FanOut => {
            fan_out::run(place, options, report).await?;
            many_tenants::run(place, options, report).await
        }
        Workload::Timers => timers::run(place, options, report).await,
        Workload::Waiting => waiting::run(place, options, report).await,
        Workload::History => history::run(place, options, report).await,
        Workload::Rules => rules::run(report),
        Workload::Memory => memory::run(place, options, report).await,
        Workload::Overload => overload::run(place, options, report).await,
    }
}
