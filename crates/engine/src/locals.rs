//! The roots that templates and conditions see besides the trigger data (contract section 7): from a place in the tree of steps, the
//! steps before it in its own list and in those around it, the variables, and what the loops around it are at.

use std::collections::HashMap;

use model::{ExecutionId, StepStatus, TenantId, Timestamp, WorkflowId, journal::Log};
use rules::{Compiled, Construct, Step, definition::ON_FAILURE};
use serde_json::{Map, Value, json};

use crate::walk::{CONDITIONS, FAILED_AT, Frame, Inside, Journal, Place, is_below, results};

/// What a run knows about its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The tenant and its name.
    pub tenant: (TenantId, &'a str),
    /// The workflow and its name.
    pub workflow: (WorkflowId, &'a str),
    /// The execution and which run of it this is, counting from 1; none before it exists.
    pub execution: Option<(ExecutionId, i64)>,
    /// The time of the step.
    pub now: Timestamp,
}

/// The roots `tenant`, `workflow`, `execution`, `now` and `steps`, as seen from the top.
#[must_use]
pub fn locals(surroundings: Surroundings<'_>, journal: &Journal) -> Map<String, Value> {
    let Surroundings { tenant, workflow, execution, now } = surroundings;
    let mut steps = Map::new();
    // At the top a step's path is its id.
    for row in journal.rows().filter(|row| row.step_path != CONDITIONS && row.step_path == row.step_id) {
        steps.insert(row.step_id.clone(), seen(row));
    }
    let mut roots = Map::new();
    roots.insert("tenant".to_owned(), json!({"id": tenant.0, "name": tenant.1}));
    roots.insert("workflow".to_owned(), json!({"id": workflow.0, "name": workflow.1}));
    if let Some((id, attempt)) = execution {
        roots.insert("execution".to_owned(), json!({"id": id, "attempt": attempt}));
    }
    roots.insert("now".to_owned(), json!(now));
    roots.insert("steps".to_owned(), Value::Object(steps));
    roots
}

fn seen(row: &Log) -> Value {
    let mut seen = json!({"status": row.status});
    if row.status == StepStatus::Completed {
        seen["output"] = row.output();
    }
    if let Some(error) = &row.error {
        seen["error"] = json!(error);
    }
    seen
}

/// The roots as seen from a place.
#[must_use]
pub fn locals_at(
    surroundings: Surroundings<'_>,
    journal: &Journal,
    compiled: &Compiled,
    place: &Place<'_>,
) -> Map<String, Value> {
    let mut roots = locals(surroundings, journal);
    if !place.frames.is_empty() {
        inside(&mut roots, journal, place);
    }
    if !compiled.sets.is_empty() {
        roots.insert("vars".to_owned(), Value::Object(variables(compiled, journal, place)));
    }
    roots
}

fn inside(roots: &mut Map<String, Value>, journal: &Journal, place: &Place<'_>) {
    let mut found = Vec::new();
    for row in journal.rows().filter(|row| row.step_path != row.step_id) {
        let list = row.step_path.strip_suffix(row.step_id.as_str()).and_then(|list| list.strip_suffix('.'));
        if place.frames.iter().any(|frame| list == Some(frame.list.as_str())) {
            found.push((row.step_id.clone(), seen(row)));
        }
    }
    for frame in &place.frames {
        let Some(row) = journal.last(&frame.path) else { continue };
        match (frame.inside, construct_of(frame)) {
            (Inside::Handler, _) => {
                roots.insert("error".to_owned(), json!(row.error));
                continue;
            }
            (Inside::Failure, _) => {
                roots.insert("error".to_owned(), failure(row, journal));
                continue;
            }
            (Inside::Round(round), Some(Construct::ForEach(each))) => {
                let item = row.input_data.get("items").and_then(|items| items.get(round)).cloned();
                roots.insert(each.variable.clone(), item.unwrap_or_default());
                roots.insert("index".to_owned(), json!(round));
            }
            (Inside::Round(round), _) => {
                roots.insert("iteration".to_owned(), json!(round + 1));
            }
            (Inside::Branch, _) => {}
        }
        if let Some(step) = frame.step {
            found.push((step.id.clone(), so_far(place, frame, row, journal)));
        }
    }
    if let Some(Value::Object(steps)) = roots.get_mut("steps") {
        steps.extend(found);
    }
}

fn construct_of<'a>(frame: &Frame<'a>) -> Option<&'a Construct> {
    frame.step?.construct.as_deref()
}

/// What `onFailure` sees of the failure: of the step that failed first, not of those that failed because it is inside of them.
fn failure(row: &Log, journal: &Journal) -> Value {
    let inner = |row: &Log| row.output_data.as_ref()?.get(FAILED_AT)?.as_str().map(str::to_owned);
    let mut row = row;
    // A path leads down the tree, so this ends.
    while let Some(deeper) = inner(row).and_then(|path| journal.last(&path)) {
        row = deeper;
    }
    let said = row.output_data.as_ref().and_then(|output| output.get("message")).and_then(Value::as_str);
    let message = row.error.as_deref().or(said).unwrap_or("failed");
    json!({"message": message, "step": row.step_id, "stepPath": row.step_path, "stepName": row.step_name, "attempt": row.attempt})
}

/// An open step's own output so far. Results are put together only for whoever reads them.
fn so_far(place: &Place<'_>, frame: &Frame<'_>, row: &Log, journal: &Journal) -> Value {
    let mut output = row.output();
    if let Some(Construct::ForEach(each)) = construct_of(frame)
        && frame.step.is_some_and(|step| place.step.reads.steps.contains(&step.id))
    {
        let results = results(each, journal, &frame.path, row);
        output["failed"] = json!(results.iter().filter(|result| result.get("error").is_some()).count());
        output["results"] = Value::Array(results);
    }
    json!({"status": row.status, "output": output})
}

/// The variables as seen from a place: what ran at the same time in another branch or for another item is not seen from within, and counts
/// afterwards in the order in which branches are written and items come. What an earlier try of a step has set counts no more.
fn variables(compiled: &Compiled, journal: &Journal, place: &Place<'_>) -> Map<String, Value> {
    let is_set = |row: &&Log| row.status == StepStatus::Completed && compiled.sets.contains(&row.step_id);
    let tries = journal.tries();
    let mut rows: Vec<&Log> =
        journal.rows().filter(is_set).filter(|row| is_seen(row, place) && tries.have(row)).collect();
    let mut order = HashMap::new();
    number(&compiled.steps, &mut order);
    order.insert(ON_FAILURE, order.len());
    number(&compiled.on_failure, &mut order);
    rows.sort_by_cached_key(|row| written_order(&row.step_path, &order));
    let mut variables = Map::new();
    for row in rows {
        if let Some(Value::Object(set)) = row.output_data.as_deref() {
            variables.extend(set.clone());
        }
    }
    variables
}

fn is_seen(row: &Log, place: &Place<'_>) -> bool {
    let path = row.step_path.as_str();
    place.frames.iter().all(|frame| {
        let is_in_list = || path.strip_prefix(frame.list.as_str()).is_some_and(|rest| rest.starts_with('.'));
        !frame.splits() || !is_below(path, &frame.path) || is_in_list()
    })
}

/// Numbers the steps as they are written, those inside of others included.
fn number<'c>(steps: &'c [Step], order: &mut HashMap<&'c str, usize>) {
    for step in steps {
        order.insert(&step.id, order.len());
        for (_, steps) in step.construct.iter().flat_map(|construct| construct.lists()) {
            number(steps, order);
        }
        number(&step.on_error, order);
    }
}

/// Where a path is written: by the steps, branches and rounds that lead to it.
fn written_order(path: &str, order: &HashMap<&str, usize>) -> Vec<(usize, usize)> {
    let part = |part: &str| {
        let (name, round) =
            part.strip_suffix(']').and_then(|part| part.split_once('[')).unwrap_or((part, "0"));
        let name = name.split_once('~').map_or(name, |(name, _)| name);
        // `branches`, `else`, `onError` are no steps: what is in them is ordered by the number, or by its own steps.
        (order.get(name).map_or(0, |at| at + 1), round.parse().unwrap_or(0))
    };
    path.split('.').map(part).collect()
}
