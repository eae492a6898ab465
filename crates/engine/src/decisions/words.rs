//! Decisions in sentences for whoever misses a mail. Pure.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use model::{
    ExecutionStatus, Timestamp,
    decision::{Reason, Refused},
    event::{MANUAL, SCHEDULE},
    execution::Progress,
};
use serde_json::Value;

/// Conditions that a sentence names at most.
const MOST_REASONS: usize = 3;

/// A time as people in the tenant's zone say it.
fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%-d %B %Y, %H:%M").to_string()
}

pub(super) fn of_execution(
    reason: Reason,
    progress: &Progress,
    conditions: Option<&Value>,
    zone: &TimeZone,
) -> String {
    let stopped = progress.result.as_ref().and_then(|result| result.get("stopped")?.as_str());
    let error = progress.error.as_deref().unwrap_or("no reason is known");
    match (reason, progress.status) {
        (Reason::ConditionsNotMet, _) => conditions_not_met(conditions),
        (Reason::ConditionsUndecided, _) => undecided(error),
        (Reason::LoopStopped, _) => format!("It was {}.", stopped.unwrap_or("stopped by the loop guard")),
        (_, ExecutionStatus::Completed) => match (stopped, progress.actions_failed) {
            (Some(stopped), _) => format!("It ran and ended early, {stopped}."),
            (None, 0) => "It ran and completed.".to_owned(),
            (None, 1) => "It ran and completed; one of its steps failed.".to_owned(),
            (None, failed) => format!("It ran and completed; {failed} of its steps failed."),
        },
        (_, ExecutionStatus::Failed) => format!("It ran and failed: {error}"),
        (_, ExecutionStatus::Cancelled) => format!("It began and was ended: {error}"),
        (_, ExecutionStatus::Retrying) => match progress.next_retry_at {
            Some(at) => format!("It failed and is tried again on {}: {error}", time(at, zone)),
            None => format!("It failed and is tried again: {error}"),
        },
        (_, ExecutionStatus::Waiting) => match progress.wake_at {
            Some(at) => format!("It is under way and waits, until {} at the latest.", time(at, zone)),
            None => "It is under way and waits.".to_owned(),
        },
        (_, ExecutionStatus::Pending | ExecutionStatus::Running) => "It is running.".to_owned(),
    }
}

pub(super) fn conditions_not_met(conditions: Option<&Value>) -> String {
    format!("Its conditions are not met{}", because(conditions))
}

pub(super) fn filter_not_met(conditions: &Value) -> String {
    format!("The conditions of its trigger are not met{}", because(Some(conditions)))
}

pub(super) fn undecided(error: &str) -> String {
    format!("Its conditions could not be decided: {error}.")
}

/// What in the conditions decided, as far as a sentence holds it.
fn because(conditions: Option<&Value>) -> String {
    let mut reasons = Vec::new();
    collect(conditions.unwrap_or(&Value::Null), false, &mut reasons);
    let more = reasons.len().saturating_sub(MOST_REASONS);
    reasons.truncate(MOST_REASONS);
    match (reasons.is_empty(), more) {
        (true, _) => ".".to_owned(),
        (false, 0) => format!(": {}.", reasons.join("; ")),
        (false, more) => format!(": {}; and {more} more.", reasons.join("; ")),
    }
}

/// The conditions of a report whose verdict is `wanted`.
fn collect(list: &Value, wanted: bool, reasons: &mut Vec<String>) {
    for verdict in list.as_array().into_iter().flatten() {
        if let Some(inner) = verdict.get("conditions") {
            if verdict.get("result") == Some(&Value::Bool(wanted)) {
                let negates = verdict.get("logic").and_then(Value::as_str) == Some("NOT");
                collect(inner, wanted != negates, reasons);
            }
        } else if verdict.get("result") == Some(&Value::Bool(wanted)) {
            let text = |key: &str| verdict.get(key).and_then(Value::as_str).unwrap_or_default();
            reasons.push(format!("{}: {}", text("field"), text("reason")));
        }
    }
}

pub(super) fn not_created(created: Timestamp, zone: &TimeZone) -> String {
    format!("The workflow did not exist yet: it was made on {}.", time(created, zone))
}

pub(super) fn deleted(archived: Timestamp, zone: &TimeZone) -> String {
    format!("The workflow had been deleted on {}.", time(archived, zone))
}

pub(super) fn not_published() -> String {
    "The workflow was not published at that time: there was only a draft.".to_owned()
}

pub(super) fn inactive(is_active: bool) -> String {
    let now = if is_active { "it is active now" } else { "it still is" };
    format!("The workflow was switched off at that time; {now}.")
}

pub(super) fn other_trigger(listens: &str, came: Option<&str>) -> String {
    let listens = match listens {
        SCHEDULE => "It is started by the clock".to_owned(),
        MANUAL => "It is only started by hand".to_owned(),
        event => format!("It is started by {event}"),
    };
    match came {
        Some(came) => format!("{listens}, not by {came}."),
        None => format!("{listens}, not by answers."),
    }
}

pub(super) fn other_form(wanted: i64, found: Option<i64>, names: &HashMap<i64, String>) -> String {
    let name = |id: i64| match names.get(&id) {
        Some(name) => format!("the form \"{name}\" ({id})"),
        None => format!("form {id}"),
    };
    match found {
        Some(found) => format!("It listens to {} only, and this was {}.", name(wanted), name(found)),
        None => format!("It listens to {} only, and this was about no form.", name(wanted)),
    }
}

pub(super) fn fields_unchanged(watched: &[String], data: &Value) -> String {
    let changed: Vec<&str> = data
        .get("changed")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let changed = if changed.is_empty() { "nothing".to_owned() } else { changed.join(", ") };
    format!("It runs only when {} changes; this time {changed} did.", watched.join(" or "))
}

pub(super) fn not_completed() -> String {
    "The answers are not complete: it runs when the person has finished.".to_owned()
}

pub(super) fn quieting(due_at: Timestamp, zone: &TimeZone) -> String {
    format!("It runs on {} unless something newer comes.", time(due_at, zone))
}

pub(super) fn removed() -> String {
    "It should have run, and there is no execution any more: somebody deleted it, or it is older than history is kept.".to_owned()
}

pub(super) fn nothing_about(exists: bool, subject: &str, event: &str) -> String {
    if exists {
        format!(
            "Nothing is known that could have started it: it waits for {event}, and none is kept about {subject}."
        )
    } else {
        format!("There is no {subject}, and nothing is known about it.")
    }
}

/// What a rule of entry refused.
pub(super) fn refused(refused: &Refused, zone: &TimeZone) -> String {
    let text = |key: &str| refused.details.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    let number = |key: &str| refused.details.get(key).and_then(Value::as_i64).unwrap_or_default();
    let at = |key: &str| {
        text(key).parse::<Timestamp>().map_or_else(|_| "some time ago".to_owned(), |at| time(at, zone))
    };
    match refused.reason {
        Reason::AlreadyEnrolled if refused.details.contains_key("until") => format!(
            "It takes each one once in {}, and took this one on {}: again from {}.",
            text("period"),
            at("since"),
            at("until")
        ),
        Reason::AlreadyEnrolled => {
            format!("It takes each one once, and took this one on {}.", at("since"))
        }
        Reason::Debounced => {
            format!("Something newer came within {}: only the last one counts.", text("for"))
        }
        Reason::RateLimited => format!(
            "It runs {} times in {} at most, and has done so since {}.",
            number("limit"),
            text("per"),
            at("since")
        ),
        Reason::ConcurrencyLimit => {
            format!("It runs {} at a time at most, and that many were under way.", number("limit"))
        }
        Reason::Inactive => "The workflow had been switched off when its turn came.".to_owned(),
        other => format!("It was not run: {other}."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sentence_names_what_decided() {
        let verdict = |field: &str, result: bool| json!({"field": field, "result": result, "reason": "so"});
        let rows = [
            (json!([verdict("a", true), verdict("b", false)]), ": b: so."),
            (
                json!([{"logic": "OR", "result": false, "conditions": [verdict("a", false), verdict("b", false)]}]),
                ": a: so; b: so.",
            ),
            (json!([{"logic": "NOT", "result": false, "conditions": [verdict("a", true)]}]), ": a: so."),
            (
                json!([{"logic": "OR", "result": true, "conditions": [verdict("a", false), verdict("b", true)]}, verdict("c", false)]),
                ": c: so.",
            ),
            (json!(vec![verdict("a", false); 5]), ": a: so; a: so; a: so; and 2 more."),
            (json!([]), "."),
            (Value::Null, "."),
        ];
        for (conditions, expected) in rows {
            assert_eq!(because(Some(&conditions)), expected, "{conditions}");
        }
    }
}
