//! Places that wait for something from outside: what is kept of the wait when it begins, and what becomes of it when its time has come.

use model::{
    Period, Timestamp,
    approval::NewApproval,
    effect::Effect,
    execution::Execution,
    journal::Log,
    waiting::{Change, NewWait, Waiting},
};
use rules::{Approval, Construct, MAX_MESSAGE, MAX_TITLE, Scope, WaitForEvent, correlation};
use serde_json::{Value, json};

use super::Place;

/// In the input of an approval's row: when those who have not decided are asked again.
const REMIND_AT: &str = "remindAt";
/// In the input of such a row: until when it waits.
const TIMEOUT_AT: &str = "timeoutAt";
/// In the output of an approval's row: when they were asked again.
const REMINDED_AT: &str = "remindedAt";

/// The row of a wait for an event, and what the store keeps of it.
pub(super) fn for_event(
    place: &Place<'_>,
    wait: &WaitForEvent,
    log: Log,
    scope: &Scope<'_>,
    now: Timestamp,
) -> Result<(Log, Effect), String> {
    let timeout_at = now.plus(length(&log.input_data, "timeout")?.ok_or("timeout is missing")?);
    let correlation = wait.conditions.correlation(scope).map(|found| (found.path, found.key));
    let has_conditions = !wait.conditions.is_empty();
    let kept = if has_conditions { correlation::kept(&wait.conditions, scope) } else { Value::Null };
    let new = NewWait {
        event: wait.event.clone(),
        correlation,
        conditions: if has_conditions { wait.source.clone() } else { Value::Null },
        kept,
    };
    // The canonical name: a dotted spelling stands for it.
    let input_data =
        json!({"event": wait.event, "timeout": log.input_data.get("timeout"), "timeoutAt": timeout_at});
    let log = Log { input_data: input_data.into(), resume_at: Some(timeout_at), ..log };
    Ok((log, waiting(place, Change::Event(new))))
}

/// The row of an approval, and what the store asks for.
pub(super) fn approval(
    place: &Place<'_>,
    approval: &Approval,
    log: Log,
    execution: &Execution,
    now: Timestamp,
) -> Result<(Log, Effect), String> {
    let config = &log.input_data;
    let text = |key: &str, most: usize| {
        let text = match config.get(key) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        Some(text.trim().chars().take(most).collect::<String>()).filter(|text| !text.is_empty())
    };
    let title = text("title", MAX_TITLE).ok_or("title is empty: there is nothing to be decided")?;
    let approvers = rules::approvers(config.get("approvers").unwrap_or(&Value::Null))?;
    if approvers.is_empty() {
        return Err("approvers is empty: nobody could decide".to_owned());
    }
    let timeout = length(config, "timeout")?.unwrap_or(Period::YEAR);
    let reminder = length(config, "reminder")?.filter(|reminder| *reminder < timeout);
    let (remind_at, timeout_at) = (reminder.map(|reminder| now.plus(reminder)), now.plus(timeout));
    let new = NewApproval {
        title,
        message: text("message", MAX_MESSAGE),
        approvers,
        required: i64::try_from(approval.required).unwrap_or(i64::MAX),
        form: approval.form.clone(),
        allow_self: approval.allow_self,
        version: (execution.workflow_id, execution.workflow_version),
        started_by: execution.created_by,
        event: execution.event_id,
        caused_by: execution.caused_by,
        remind_at,
        timeout_at,
    };
    let mut input = Value::clone(config);
    input[TIMEOUT_AT] = json!(timeout_at);
    if let Some(remind_at) = remind_at {
        input[REMIND_AT] = json!(remind_at);
    }
    let resume_at = Some(remind_at.unwrap_or(timeout_at));
    Ok((Log { input_data: input.into(), resume_at, ..log }, waiting(place, Change::Ask(new))))
}

/// A wait whose time has come: a reminder, or its end.
pub(crate) fn woken(place: &Place<'_>, construct: &Construct, row: &Log, now: Timestamp) -> (Log, Effect) {
    let instant = |key: &str| {
        row.input_data.get(key).and_then(|at| serde_json::from_value::<Timestamp>(at.clone()).ok())
    };
    let was_reminded = row.output_data.as_ref().is_some_and(|output| output.get(REMINDED_AT).is_some());
    if let (Some(_), Some(timeout_at)) = (instant(REMIND_AT), instant(TIMEOUT_AT))
        && !was_reminded
        && now < timeout_at
    {
        let log = Log {
            output_data: Some(json!({REMINDED_AT: now}).into()),
            resume_at: Some(timeout_at),
            ..row.clone()
        };
        return (log, waiting(place, Change::Remind));
    }
    let output = match construct {
        Construct::Approval(_) => json!({"decision": "timed_out", "by": [], "comment": null, "form": {}}),
        _ => json!({"timedOut": true}),
    };
    let log = Log { output_data: Some(output.into()), resume_at: None, ..row.clone() };
    (log, waiting(place, Change::TimeOut))
}

fn waiting(place: &Place<'_>, change: Change) -> Effect {
    Effect::Wait(Box::new(Waiting { step_path: place.path.to_string(), change }))
}

/// A length of time in a rendered config; none when it says nothing.
fn length(config: &Value, key: &str) -> Result<Option<Period>, String> {
    let value = match config.get(key) {
        None | Some(Value::Null) => return Ok(None),
        // A template that led nowhere.
        Some(Value::String(text)) if text.trim().is_empty() => return Err(format!("{key} is empty")),
        Some(value) => value,
    };
    match serde_json::from_value::<Period>(value.clone()) {
        Ok(Period::ZERO) => Err(format!("{key} is nothing: more is needed")),
        Ok(period) => Ok(Some(period)),
        Err(error) => Err(format!("{key} is {value}: {error}")),
    }
}
