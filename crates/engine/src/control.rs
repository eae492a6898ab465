//! Control steps: what is decided when one opens, after a round, when a wait is over, and when it closes. Pure: rows in, rows out.

mod awaited;
mod window;

use model::{
    Period, StepStatus, Timestamp, effect::Effect, event::Called, execution::Execution, journal::Log,
};
use rules::{Branch, Conditions, Construct, Ending, Scope, Until, Wait, Zone, step::for_each::MAX_ITEMS};
use serde_json::{Map, Value, json};
use store::execution::PERHAPS_DONE;

use crate::{
    again, calls,
    tenants::Profile,
    walk::{
        Closing, FAILED_AT, HANDLED, Journal, OVERDUE, Place, STOPPED_AT, TRY, is_below, is_overdue, results,
        try_of,
    },
};

/// Rows of one execution beyond which no further control step opens in it.
const MAX_ROWS: usize = 50_000;

pub(crate) use awaited::woken as awaited_woken;

/// Opens a control step, or does at once what it does; one that cannot has failed. `log` is its row as begun, with the rendered config as
/// its input. One that waits for something from outside says so to the store.
pub(crate) fn open(
    place: &Place<'_>,
    construct: &Construct,
    log: Log,
    (journal, execution): (&Journal, &Execution),
    (scope, profile): (&Scope<'_>, &Profile),
    now: Timestamp,
) -> (Log, Option<Effect>) {
    let before = journal.last(&place.path);
    let is_new = !before.is_some_and(has_decided);
    let opened = match construct {
        Construct::WaitForEvent(wait) if is_new => awaited::for_event(place, wait, log.clone(), scope, now),
        Construct::Approval(approval) if is_new => {
            awaited::approval(place, approval, log.clone(), execution, now)
        }
        _ => {
            let log = decided(place, construct, log, journal, (scope, profile), now);
            return (if is_new { tried(construct, log, before) } else { log }, None);
        }
    };
    match opened {
        Ok((log, effect)) => (tried(construct, log, before), Some(effect)),
        Err(message) => (failed(log, message, now), None),
    }
}

/// The row of a step that is begun from its beginning: one that holds steps says which try it is, if it is not the first.
fn tried(construct: &Construct, mut log: Log, before: Option<&Log>) -> Log {
    if let (Some(before), Value::Object(input)) = (before, &*log.input_data)
        && construct.lists().next().is_some()
    {
        let mut input = input.clone();
        input.insert(TRY.to_owned(), json!(try_of(before) + 1));
        log.input_data = Value::Object(input).into();
    }
    log
}

/// Opens a step that waits for nothing from outside, or for nothing any more.
fn decided(
    place: &Place<'_>,
    construct: &Construct,
    mut log: Log,
    journal: &Journal,
    (scope, profile): (&Scope<'_>, &Profile),
    now: Timestamp,
) -> Log {
    if journal.rows().count() > MAX_ROWS {
        let message =
            format!("this execution has more than {MAX_ROWS} steps: split its loops over several executions");
        return failed(log, message, now);
    }
    // Tried again after a step in it has failed: what was decided stays decided.
    if let Some(before) = journal.last(&place.path).filter(|row| has_decided(row)) {
        let output_data = Some(Value::Object(what_was_decided(before)).into());
        return Log { input_data: before.input_data.clone(), output_data, ..log };
    }
    let opened = match construct {
        Construct::Branch(branch) => decide(branch, scope, &mut log),
        Construct::ForEach(_) => items(&mut log),
        Construct::Repeat(_) => Ok(json!({"iterations": 0, "satisfied": false})),
        Construct::Parallel(_) => Ok(json!({"finished": [], "cancelled": []})),
        Construct::Set => {
            let variables = log.input_data.get("variables").cloned().unwrap_or_default();
            return done(log, variables, now);
        }
        Construct::Stop(ending) => {
            let message = log.input_data.get("message").cloned().unwrap_or_default();
            let status = match ending {
                Ending::Completed => "completed",
                Ending::Failed => "failed",
            };
            return done(log, json!({"status": status, "message": message}), now);
        }
        Construct::RunWorkflow(called) => match calls::wanted(&log.input_data, *called) {
            // What comes of it is seen when the store makes the execution.
            Ok(_) => {
                let resume_at = place.step.timeout.filter(|_| *called == Called::Waits);
                return Log { resume_at: resume_at.map(|timeout| now.plus(timeout)), ..log };
            }
            Err(message) => Err(message),
        },
        Construct::Filter(conditions) => match verdict(conditions, scope, &mut log.warnings) {
            Ok((passed, story)) => {
                log.input_data = json!({"conditions": story}).into();
                return done(log, json!({"passed": passed}), now);
            }
            Err(message) => Err(message),
        },
        // What has come was carried over above.
        Construct::WaitForEvent(_) | Construct::Approval(_) => {
            Err("nothing has come for this step".to_owned())
        }
        Construct::Wait(wait) => match until(wait, &log.input_data, scope, profile, now) {
            Ok(at) if at > now => return Log { resume_at: Some(at), ..log },
            Ok(_) => return woken(wait, &log, scope, now),
            Err(message) => Err(message),
        },
    };
    match opened {
        Ok(output) => Log { output_data: Some(output.into()), ..log },
        Err(message) => failed(log, message, now),
    }
}

/// Its row says what was decided: it was open when a step in it failed, or is carried over from another execution. What its own `retry` begins anew is
/// decided anew.
fn has_decided(row: &Log) -> bool {
    let failed_inside = row.output_data.as_ref().is_some_and(|output| output.get(FAILED_AT).is_some());
    row.status == StepStatus::Failed && failed_inside && row.resume_at.is_none()
}

fn done(log: Log, output: Value, now: Timestamp) -> Log {
    let duration_ms = log.started_at.map(|started| now.millis_since(started));
    Log {
        status: StepStatus::Completed,
        output_data: Some(output.into()),
        resume_at: None,
        completed_at: Some(now),
        duration_ms,
        ..log
    }
}

/// The verdict, and every condition with both sides for the log.
pub(crate) fn verdict(
    conditions: &Conditions,
    scope: &Scope<'_>,
    warnings: &mut Vec<String>,
) -> Result<(bool, Value), String> {
    let evaluation = conditions.evaluate(scope);
    let story = serde_json::to_value(&evaluation.conditions).unwrap_or_default();
    warnings.extend(evaluation.warnings);
    match evaluation.result {
        Ok(holds) => Ok((holds, story)),
        Err(error) => Err(error.to_string()),
    }
}

fn decide(branch: &Branch, scope: &Scope<'_>, log: &mut Log) -> Result<Value, String> {
    let (mut taken, mut asked) = (Vec::new(), Vec::new());
    for arm in &branch.branches {
        let (holds, story) = verdict(&arm.conditions, scope, &mut log.warnings)
            .map_err(|error| format!("branch \"{}\": {error}", arm.name))?;
        asked.push(json!({"name": arm.name, "result": holds, "conditions": story}));
        if holds {
            taken.push(arm.name.as_str());
            if !branch.all {
                break;
            }
        }
    }
    if taken.is_empty() {
        taken.push("else");
    }
    log.input_data = json!({"branches": asked}).into();
    Ok(json!({"taken": taken}))
}

fn items(log: &mut Log) -> Result<Value, String> {
    let items = log.input_data.get("items").cloned().unwrap_or_default();
    let list = match items {
        Value::Array(list) => list,
        // A list that is not there, such as the answer to a skipped question, is an empty one; the row has a warning.
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        other => {
            let shown: String = other.to_string().chars().take(60).collect();
            return Err(format!("items is not a list but {shown}"));
        }
    };
    let count = list.len();
    if count > MAX_ITEMS {
        return Err(format!("there are {count} items, at most {MAX_ITEMS} are accepted"));
    }
    log.input_data = json!({"items": list}).into();
    Ok(json!({"count": count}))
}

fn until(
    wait: &Wait,
    config: &Value,
    scope: &Scope<'_>,
    profile: &Profile,
    now: Timestamp,
) -> Result<Timestamp, String> {
    let zone = |zone: &Zone| match zone {
        Zone::Tenant => profile.time_zone.clone(),
        Zone::Named(zone) => zone.clone(),
        Zone::Contact => {
            let name = scope.trigger.pointer("/contact/time_zone").and_then(Value::as_str);
            let zone = name.and_then(|name| jiff::tz::TimeZone::get(name).ok());
            zone.unwrap_or_else(|| profile.time_zone.clone())
        }
    };
    match &wait.until {
        Until::Passed => {
            let value = config.get("for").cloned().unwrap_or_default();
            let period = serde_json::from_value::<Period>(value.clone());
            Ok(now.plus(period.map_err(|error| format!("for is {value}: {error}"))?))
        }
        Until::Date { offset_ms, zone: of } => {
            let written = config.get("until").and_then(Value::as_str).unwrap_or_default();
            if written.trim().is_empty() {
                return Err("until is empty: there is no date to wait for".to_owned());
            }
            let instant = rules::step::wait::instant(written, &zone(of)).ok_or_else(|| {
                format!("until is {written:?}: a time such as 2026-03-01T09:00:00Z or a date is needed")
            })?;
            let at = Timestamp::from_millis(instant.as_millisecond().saturating_add(*offset_ms));
            if at > now.plus(Period::YEAR) {
                return Err(format!("{at} is more than a year away, the longest wait there is"));
            }
            Ok(at)
        }
        Until::BusinessHours(of) => window::business(&profile.settings.calendar, &zone(of), now)
            .ok_or_else(|| "the calendar in the settings has no hours of business".to_owned()),
        Until::OutsideQuietHours(of) => Ok(profile
            .settings
            .quiet_hours
            .as_ref()
            .map_or(now, |quiet| window::after_quiet(quiet, &zone(of), now))),
    }
}

/// A wait that is over: whether what it waited for still matters.
pub(crate) fn woken(wait: &Wait, row: &Log, scope: &Scope<'_>, now: Timestamp) -> Log {
    let mut log = row.clone();
    let output = match &wait.recheck {
        None => json!({"wokeAt": now, "rechecked": false}),
        Some(conditions) => match verdict(conditions, scope, &mut log.warnings) {
            Ok((passed, story)) => {
                json!({"wokeAt": now, "rechecked": true, "passed": passed, "conditions": story})
            }
            Err(message) => return failed(log, message, now),
        },
    };
    // Working time: a wait has none.
    Log { duration_ms: Some(0), ..done(log, output, now) }
}

/// A round that is over: whether another follows, and when.
pub(crate) fn round(repeat: &rules::Repeat, row: &Log, scope: &Scope<'_>, now: Timestamp) -> Log {
    let mut log = row.clone();
    let rounds = rounds(row) + 1;
    match verdict(&repeat.until, scope, &mut log.warnings) {
        Ok((satisfied, story)) => {
            let goes_on = !satisfied && rounds < repeat.rounds;
            let output = json!({"iterations": rounds, "satisfied": satisfied, "conditions": story});
            log.output_data = Some(output.into());
            log.resume_at = (goes_on && repeat.pause > Period::ZERO).then(|| now.plus(repeat.pause));
            log
        }
        Err(message) => failed(log, message, now),
    }
}

/// Rounds of a `repeat` that are over.
pub(crate) fn rounds(row: &Log) -> usize {
    let number = row.output_data.as_ref().and_then(|output| output.get("iterations")).and_then(Value::as_u64);
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

/// A row that cannot be decided any further.
pub(crate) fn failed(log: Log, message: String, now: Timestamp) -> Log {
    Log {
        status: StepStatus::Failed,
        error: Some(message),
        retryable: false,
        resume_at: None,
        completed_at: Some(now),
        duration_ms: Some(0),
        ..log
    }
}

/// A control step that is over: its row, and those of what was not waited for.
pub(crate) fn close(
    place: &Place<'_>,
    row: &Log,
    closing: &Closing<'_>,
    journal: &Journal,
    now: Timestamp,
) -> Vec<Log> {
    // Working time is that of the steps in it.
    let over = |output| Log { duration_ms: Some(0), ..done(row.clone(), output, now) };
    let put_away = |why: &str| {
        let open = journal.rows().filter(|row| row.is_open() && is_below(&row.step_path, &place.path));
        open.map(|row| swept(row, why, now)).collect::<Vec<_>>()
    };
    let mut rows = Vec::new();
    let mut own = match (closing, place.step.construct.as_deref()) {
        (Closing::Items(failures), Some(Construct::ForEach(each))) => {
            let failed = failures.iter().flatten().count();
            let results = results(each, journal, &place.path, row);
            over(json!({"count": failures.len(), "failed": failed, "results": results}))
        }
        (Closing::Joined(finished, failed), Some(Construct::Parallel(parallel))) => {
            let names = |keep: &dyn Fn(usize) -> bool| {
                let lanes = parallel.branches.iter().enumerate().filter(|(at, _)| keep(*at));
                lanes.map(|(_, lane)| lane.name.as_str()).collect::<Vec<_>>()
            };
            let is_left = |at| !finished.contains(&at) && !failed.contains(&at);
            let cancelled = if parallel.losers_finish { Vec::new() } else { names(&is_left) };
            let mut output = json!({"finished": names(&|at| finished.contains(&at)), "cancelled": cancelled});
            if !failed.is_empty() {
                output["failed"] = json!(names(&|at| failed.contains(&at)));
            }
            if !parallel.losers_finish {
                rows.extend(put_away("cancelled: the branches were joined without it"));
            }
            over(output)
        }
        (Closing::Failed(inner), _) => {
            let mut output = so_far(row);
            let error = inner.error.as_deref().unwrap_or("failed");
            let mut causes = vec![json!(format!(
                "step {} ({}), attempt {}: {error}",
                inner.step_path, inner.step_name, inner.attempt
            ))];
            let below =
                inner.output_data.as_ref().and_then(|output| output.get("causes")).and_then(Value::as_array);
            causes.extend(below.into_iter().flatten().cloned());
            output.insert(FAILED_AT.to_owned(), json!(inner.step_path));
            if is_overdue(inner) {
                output.insert(OVERDUE.to_owned(), Value::Bool(true));
            }
            output.insert("causes".to_owned(), Value::Array(causes));
            Log {
                status: StepStatus::Failed,
                error: Some(format!("{}: {error}", inner.step_name)),
                retryable: inner.retryable,
                ..over(Value::Object(output))
            }
        }
        (Closing::Overdue, _) => {
            let mut output = so_far(row);
            output.insert(OVERDUE.to_owned(), Value::Bool(true));
            rows.extend(put_away(&format!("cancelled: the time of step {} was over", place.path)));
            let longest = place.step.timeout.unwrap_or(Period::ZERO);
            let error = format!("it has not ended within {longest}");
            Log {
                duration_ms: Some(0),
                output_data: Some(Value::Object(output).into()),
                ..failed(row.clone(), error, now)
            }
        }
        (Closing::Stopped(by), _) => {
            let mut output = so_far(row);
            output.insert(STOPPED_AT.to_owned(), json!(by.step_path));
            over(Value::Object(output))
        }
        (Closing::Done | Closing::Items(_) | Closing::Joined(..), _) => over(Value::Object(so_far(row))),
    };
    if own.status == StepStatus::Failed {
        own.resume_at = again::at(place.step, &own, journal, Period::ZERO, now);
        let why = match own.resume_at {
            Some(_) => Some("is tried again from its beginning"),
            // The run goes on behind it, and never again in it.
            None if !place.step.critical => Some("failed without it"),
            // Whether the run is tried again is not known here.
            None => None,
        };
        if let Some(why) = why.filter(|_| rows.is_empty()) {
            rows = put_away(&format!("cancelled: step {} {why}", place.path));
        }
    }
    rows.push(own);
    rows
}

/// A step that is open and will not be gone on with.
pub(crate) fn swept(row: &Log, why: &str, now: Timestamp) -> Log {
    let perhaps_done = if row.is_under_way() { PERHAPS_DONE } else { "" };
    Log {
        status: StepStatus::Skipped,
        error: Some(format!("{why}{perhaps_done}")),
        resume_at: None,
        completed_at: Some(now),
        duration_ms: Some(0),
        ..row.clone()
    }
}

/// A failed step whose handler ran to its end.
pub(crate) fn handled(row: &Log) -> Log {
    let mut output = so_far(row);
    output.insert(HANDLED.to_owned(), Value::Bool(true));
    Log { output_data: Some(Value::Object(output).into()), ..row.clone() }
}

/// What a row says by now.
fn so_far(row: &Log) -> Map<String, Value> {
    row.output_data.as_deref().and_then(Value::as_object).cloned().unwrap_or_default()
}

/// What a row has decided, without how it ended.
pub(crate) fn what_was_decided(row: &Log) -> Map<String, Value> {
    let mut fields = so_far(row);
    fields.retain(|key, _| ![FAILED_AT, OVERDUE, "causes"].contains(&key.as_str()));
    fields
}
