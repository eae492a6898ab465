//! Places that wait for something from outside: an event, a decision. Their row stays open from the beginning of the wait to the end of the steps that follow from
//! what came; what came stands in its output, and whoever brings it there writes nothing else ([`store::execution::signals_deliver`]).

use model::{StepType, journal::Log};
use rules::{Construct, Step};
use serde_json::Value;

/// The row is of a place that waits, or waited, for something from outside.
pub(crate) fn is_awaited(row: &Log) -> bool {
    match row.step_type {
        StepType::Approval => true,
        // A wait for a time names no event.
        StepType::Wait => row.input_data.get("event").is_some(),
        _ => false,
    }
}

/// What was waited for has come, or its time was over.
pub(crate) fn has_come(row: &Log) -> bool {
    let output = row.output_data.as_ref();
    output.is_some_and(|output| output.get("timedOut").is_some() || output.get("decision").is_some())
}

/// The row is open, and nothing has come yet.
pub(crate) fn awaits(row: &Log) -> bool {
    row.is_open() && is_awaited(row) && !has_come(row)
}

/// The steps that follow from what came, with the name of their list in a step's path.
pub(super) fn following<'a>(construct: &'a Construct, row: &Log) -> Option<(&'static str, &'a [Step])> {
    let output = row.output_data.as_ref()?;
    match construct {
        Construct::WaitForEvent(wait) => Some(match output.get("timedOut")? {
            Value::Bool(true) => ("onTimeout", wait.on_timeout.as_slice()),
            _ => ("actions", wait.actions.as_slice()),
        }),
        Construct::Approval(approval) => Some(match output.get("decision")?.as_str()? {
            "approved" => ("onApproved", approval.on_approved.as_slice()),
            "rejected" => ("onRejected", approval.on_rejected.as_slice()),
            _ => ("onTimeout", approval.on_timeout.as_slice()),
        }),
        _ => None,
    }
}
