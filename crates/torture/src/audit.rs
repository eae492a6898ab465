//! The audit: what the books of this process say against what the store, the API and the receiver say.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::Value;

use crate::{
    chaos::Tally,
    ledger::{Closed, Entry, Moment, Repeat, Step},
    load::Load,
    report::Report,
    scenario,
    store::Store,
    world::{Tenant, World},
};

/// What the running servers say, before they are stopped.
#[derive(Debug, Default)]
pub struct Told {
    tenants: Vec<HashMap<&'static str, i64>>,
    /// Totals that are no more than where counting stopped, by tenant and list.
    capped: HashSet<(i64, &'static str)>,
    errors: Vec<String>,
}

/// The lists whose totals must be the rows that there are, with their tables.
const LISTS: [(&str, &str); 4] = [
    ("/api/workflow-executions", "workflow_executions"),
    ("/api/events", "events"),
    ("/api/tickets", "tickets"),
    ("/api/contacts", "contacts"),
];
const STATISTICS: &str = "statistics";

/// Asks the servers for their statistics and totals.
pub async fn ask(world: &World) -> Told {
    let mut told = Told::default();
    let url = world.nodes.iter().find_map(|node| node.url()).unwrap_or_default();
    let http = reqwest::Client::new();
    let get = async |tenant: &Tenant, path: &str| -> Result<Value, String> {
        let sent = http.get(format!("{url}{path}")).bearer_auth(&tenant.key).send().await;
        let answer = sent.map_err(|error| error.to_string())?;
        answer.json().await.map_err(|error| error.to_string())
    };
    for tenant in &world.tenants {
        let mut figures = HashMap::new();
        match get(tenant, "/api/workflow-executions/stats/overview").await {
            Ok(answer) => {
                let shares = answer["data"]["statusBreakdown"].as_array().cloned().unwrap_or_default();
                let ever = shares.iter().filter_map(|share| share["count"].as_i64()).sum();
                figures.insert(STATISTICS, ever);
            }
            Err(error) => told.errors.push(error),
        }
        for (path, _) in LISTS {
            match get(tenant, &format!("{path}?limit=1")).await {
                Ok(answer) => {
                    let pagination = &answer["pagination"];
                    figures.insert(path, pagination["total"].as_i64().unwrap_or(-1));
                    if pagination["totalIsCapped"] == true {
                        told.capped.insert((tenant.id, path));
                    }
                }
                Err(error) => told.errors.push(error),
            }
        }
        told.tenants.push(figures);
    }
    told
}

/// Executions that have not ended; nothing while the store cannot be read.
async fn open_executions(world: &World) -> Option<i64> {
    let tenants: Vec<String> = world.tenants.iter().map(|tenant| tenant.id.to_string()).collect();
    // In the words of an index: this is asked again and again, beside the work.
    let sql = format!(
        "SELECT count(*) FROM workflow_executions WHERE tenant_id IN ({}) AND status IN ('pending', 'running', 'waiting', 'retrying')",
        tenants.join(", ")
    );
    world.store.number(&sql).await.ok()
}

/// What the run itself measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// How long there was load.
    pub loaded: Duration,
    /// From the end of the load until every execution had ended; none: they had not.
    pub drained: Option<Duration>,
}

/// What the store has of one event.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    executions: u8,
    tickets: u8,
    completed: u8,
    failed: u8,
    open: u8,
}

/// Makes up the table.
///
/// # Errors
/// When the store cannot be read.
pub async fn audit(
    world: &World,
    load: &Load,
    tally: &Tally,
    told: &Told,
    measured: Measured,
) -> Result<Report, String> {
    let books = world.ledger.closed();
    let mut report = Report::default();
    let found = found(&world.store, books.entries.len()).await?;
    accepted(&mut report, &books, load, measured);
    executions(&mut report, world, &books, &found, measured).await?;
    effects(&mut report, world, &books, &found).await?;
    calls(&mut report, world.seed, &books, &found);
    repeats(&mut report, &books);
    figures(&mut report, world, told, &books).await?;
    report.promise("Anything else that must not be", books.oddities.clone());
    faults(&mut report, world, tally);
    Ok(report)
}

fn accepted(report: &mut Report, books: &Closed, load: &Load, measured: Measured) {
    let acknowledged = books.entries.iter().filter(|entry| entry.acknowledged).count();
    let rate = acknowledged as f64 / measured.loaded.as_secs_f64().max(0.001);
    report.figure("Events offered", books.entries.len());
    report.figure("Events acknowledged", format!("{acknowledged} ({rate:.0} per second)"));
    let answers = &load.answers;
    let count = |counter: &std::sync::atomic::AtomicU32| counter.load(Ordering::Relaxed);
    report.figure(
        "  asked again after: no answer / busy / other",
        format!("{} / {} / {}", count(&answers.none), count(&answers.busy), count(&answers.others)),
    );
    report.figure("  found to be accepted before", count(&answers.duplicates));
}

async fn found(store: &Store, events: usize) -> Result<Vec<Found>, String> {
    let mut found = vec![Found::default(); events];
    let mut stray = 0_u64;
    let executions =
        "SELECT e.external_id, x.status FROM workflow_executions x JOIN events e ON e.id = x.event_id";
    store
        .each(executions, |cells| {
            let [name, status] = cells else { return };
            let Some(of_event) = of(&mut found, name) else {
                stray += 1;
                return;
            };
            of_event.executions = of_event.executions.saturating_add(1);
            let kind = match *status {
                "completed" => &mut of_event.completed,
                "failed" | "cancelled" => &mut of_event.failed,
                _ => &mut of_event.open,
            };
            *kind = kind.saturating_add(1);
        })
        .await?;
    store
        .each("SELECT title FROM tickets", |cells| {
            let [title] = cells else { return };
            match of(&mut found, title) {
                Some(of_event) => of_event.tickets = of_event.tickets.saturating_add(1),
                None => stray += 1,
            }
        })
        .await?;
    if stray > 0 {
        return Err(format!("{stray} executions and tickets belong to no event that was offered"));
    }
    Ok(found)
}

fn of<'a>(found: &'a mut [Found], name: &str) -> Option<&'a mut Found> {
    found.get_mut(usize::try_from(scenario::number(name)?).ok()?)
}

/// Every event with its number, plan, books and what the store has of it.
fn all<'a>(
    seed: u64,
    books: &'a Closed,
    found: &'a [Found],
) -> impl Iterator<Item = (u32, scenario::Planned, &'a Entry, &'a Found)> {
    (0..)
        .zip(books.entries.iter().zip(found))
        .map(move |(number, (entry, found))| (number, scenario::planned(seed, number), entry, found))
}

async fn executions(
    report: &mut Report,
    world: &World,
    books: &Closed,
    found: &[Found],
    measured: Measured,
) -> Result<(), String> {
    let seed = world.seed;
    let sum = |of: fn(&Found) -> u8| found.iter().map(|found| u64::from(of(found))).sum::<u64>();
    report.figure("Executions started", sum(|found| found.executions));
    report.figure("  ended", sum(|found| found.completed) + sum(|found| found.failed));
    let mut wrong = Vec::new();
    let (mut failed, mut lost) = (Vec::new(), Vec::new());
    for (number, planned, entry, found) in all(seed, books, found) {
        let name = scenario::name(number);
        let started = usize::from(found.executions);
        // What was never acknowledged may be there or not, but not halfway.
        if started != planned.executions() && (entry.acknowledged || started > 0) {
            wrong.push(format!("{name} has {started} executions instead of {}", planned.executions()));
        }
        if found.failed > 0 {
            failed.push(name.clone());
        }
        let is_over = usize::from(found.completed + found.failed) >= planned.executions();
        if entry.acknowledged && !is_over {
            lost.push(format!("{name} was acknowledged and has not ended"));
        } else if planned.matched
            && found.failed == 0
            && found.completed > 0
            && found.open == 0
            && entry.b.succeeded == 0
        {
            lost.push(format!("{name} is completed, but its last call never came"));
        }
    }
    report.promise("Events not exactly once in every workflow", wrong);
    report.promise("Executions that have not ended", unended(&world.store).await?);
    report.promise("Executions that failed", failed);
    report.promise("Lost: acknowledged and not done", lost);
    match measured.drained {
        Some(drained) => {
            report.figure("All ended after the end of the load", format!("{:.1} s", drained.as_secs_f64()));
        }
        None => report.promise("All ended within a minute of the end", vec!["they had not".to_owned()]),
    }
    Ok(())
}

/// Where each of them stands.
async fn unended(store: &Store) -> Result<Vec<String>, String> {
    let sql = "SELECT e.external_id, x.id, x.status, x.owner, x.created_at, x.wake_at, x.next_retry_at, x.retry_count, t.due_at
                 FROM workflow_executions x JOIN events e ON e.id = x.event_id LEFT JOIN timers t ON t.execution_id = x.id
                WHERE x.status NOT IN ('completed', 'failed', 'cancelled') ORDER BY x.id";
    let mut sentences = Vec::new();
    store
        .each(sql, |cells| {
            if let [event, execution, status, owner, created, wake, retry, count, due] = cells {
                sentences.push(format!(
                    "{event}: execution {execution} is {status}, owner {owner:?}, accepted {created}, wakes {wake:?}, next retry {retry:?} \
                     after {count}, timer {due:?}"
                ));
            }
        })
        .await?;
    Ok(sentences)
}

/// What is changed inside must be changed once.
async fn effects(report: &mut Report, world: &World, books: &Closed, found: &[Found]) -> Result<(), String> {
    let mut wrong = Vec::new();
    let (mut changes, mut under_way) = ([0_i64; scenario::TENANTS], [0_i64; scenario::TENANTS]);
    for (number, planned, _, found) in all(world.seed, books, found) {
        let tickets = if found.executions == 0 { 0 } else { planned.tickets() };
        if usize::from(found.tickets) != tickets && found.open == 0 {
            wrong.push(format!(
                "{} has {} tickets instead of {tickets}",
                scenario::name(number),
                found.tickets
            ));
        }
        if found.executions > 0 {
            changes[planned.tenant] += i64::try_from(planned.contact_changes()).unwrap_or(0);
            under_way[planned.tenant] += i64::from(found.open > 0);
        }
    }
    report.promise("Tickets not exactly once", wrong);
    let mut wrong = Vec::new();
    for (index, tenant) in world.tenants.iter().enumerate() {
        // Its tag is added to each contact, by whichever event comes first.
        let sql =
            format!("SELECT coalesce(sum(version - 1), 0) FROM contacts WHERE tenant_id = {}", tenant.id);
        let made = world.store.number(&sql).await?;
        // Those that have not ended may have changed theirs or not; they are named above.
        let least = changes[index] - under_way[index];
        if changes[index] > 0 && !(least..=changes[index]).contains(&made) {
            wrong.push(format!(
                "the contacts of tenant {} were changed {made} times instead of {}",
                tenant.id, changes[index]
            ));
        }
    }
    report.promise("Contacts not changed exactly once", wrong);
    report.promise("Steps with two completed rows", completed_twice(&world.store).await?);
    Ok(())
}

/// The rows of steps that were recorded as completed more than once.
async fn completed_twice(store: &Store) -> Result<Vec<String>, String> {
    let sql =
        "SELECT execution_id, step_path, count(*) FROM workflow_execution_logs WHERE status = 'completed'
                GROUP BY execution_id, step_path HAVING count(*) > 1 ORDER BY execution_id LIMIT 1000";
    let mut sentences = Vec::new();
    for row in store.rows(sql).await? {
        let [execution, path, count] = row.as_slice() else { continue };
        let rows = format!(
            "SELECT id, status, attempt, retry_count, started_at, completed_at FROM workflow_execution_logs
              WHERE execution_id = {execution} AND step_path = '{path}' ORDER BY id"
        );
        let rows = if sentences.len() < 10 { store.rows(&rows).await? } else { Vec::new() };
        let rows: Vec<String> = rows
            .iter()
            .filter_map(|row| match row.as_slice() {
                [id, status, attempt, run, from, until] => {
                    Some(format!("row {id}: {status}, attempt {attempt} of run {run} from {from} to {until}"))
                }
                _ => None,
            })
            .collect();
        sentences.push(format!("execution {execution}, step {path}, {count} times: {}", rows.join("; ")));
    }
    Ok(sentences)
}

fn calls(report: &mut Report, seed: u64, books: &Closed, found: &[Found]) {
    let mut keys = Vec::new();
    let mut missing = Vec::new();
    let (mut calls, mut again) = (0_u64, 0_u64);
    for (number, planned, entry, found) in all(seed, books, found) {
        for (step, of_step) in [("first", entry.a), ("last", entry.b)] {
            calls += u64::from(of_step.count);
            again += u64::from(of_step.succeeded.saturating_sub(1));
            if of_step.other_keys > 0 {
                keys.push(format!(
                    "the {step} call of {} came with two keys or none",
                    scenario::name(number)
                ));
            }
        }
        let is_completed = planned.matched && found.completed > 0 && found.failed == 0 && found.open == 0;
        if is_completed && entry.a.succeeded == 0 {
            missing.push(format!("{} is completed, but its first call never came", scenario::name(number)));
        }
        if !planned.matched && entry.a.count + entry.b.count > 0 {
            missing.push(format!("{} was called for, though its condition fails", scenario::name(number)));
        }
    }
    report.figure("Calls outside", calls);
    report.figure("  in flight at a fault and made again, with the same key", again);
    report.promise("Calls outside under two different keys", keys);
    report.promise("Calls outside that do not fit their execution", missing);
}

fn repeats(report: &mut Report, books: &Closed) {
    let mut excused: Vec<Repeat> = Vec::new();
    let mut broken = Vec::new();
    for repeat in &books.repeats {
        if books.was_in_flight(repeat, &excused) {
            excused.push(*repeat);
            continue;
        }
        let step = match repeat.step {
            Step::A => "first",
            Step::B => "last",
        };
        let before = &repeat.before;
        let why = if before.ended > 0 {
            format!(
                "its execution had been seen to have ended {} ms before",
                repeat.at.saturating_sub(before.ended)
            )
        } else {
            format!("its last call had come {} ms before", repeat.at.saturating_sub(before.b.first))
        };
        let pause = books
            .pauses
            .iter()
            .find(|pause| Some(pause.process) == repeat.caller && pause.until <= repeat.at);
        let by = match (repeat.caller, pause) {
            (Some(_), Some(pause)) => {
                format!(", by a node that had stood still until {} ms before", repeat.at - pause.until)
            }
            (Some(process), None) => format!(", by process {process}"),
            (None, _) => String::new(),
        };
        let name = scenario::name(repeat.event);
        let at = f64::from(repeat.at) / 1e3;
        broken.push(format!("the {step} call of {name} came again at {at:.1} s: {why}{by}"));
    }
    report.figure("  on the wire of a node that was stopped, sent when it went on", excused.len());
    report.promise("Calls repeated after completion", broken);
}

async fn figures(report: &mut Report, world: &World, told: &Told, books: &Closed) -> Result<(), String> {
    let mut wrong = told.errors.clone();
    let mut silent = [0_i64; scenario::TENANTS];
    for (number, entry) in (0..).zip(&books.entries) {
        let planned = scenario::planned(world.seed, number);
        silent[planned.tenant] += i64::from(entry.acknowledged && planned.executions() == 0);
    }
    for (index, (tenant, figures)) in world.tenants.iter().zip(&told.tenants).enumerate() {
        let rows = async |table: &str| {
            world.store.number(&format!("SELECT count(*) FROM {table} WHERE tenant_id = {}", tenant.id)).await
        };
        let ever = rows("workflow_executions").await? + silent[index];
        let counted = figures.get(STATISTICS).copied().unwrap_or(-1);
        if counted != ever {
            wrong.push(format!(
                "the statistics of tenant {} count {counted} executions, {ever} ran",
                tenant.id
            ));
        }
        for (path, table) in LISTS {
            let (total, rows) = (figures.get(path).copied().unwrap_or(-1), rows(table).await?);
            // Where counting stops, the answer says so.
            let is_capped = told.capped.contains(&(tenant.id, path)) && total <= rows;
            if total != rows && !is_capped {
                wrong.push(format!("{path} of tenant {} has a total of {total} and {rows} rows", tenant.id));
            }
        }
    }
    report.promise("Statistics and totals that are not what is there", wrong);
    Ok(())
}

fn faults(report: &mut Report, world: &World, tally: &Tally) {
    let injected: Vec<String> =
        tally.injected().into_iter().map(|(fault, times)| format!("{fault} {times}")).collect();
    report.figure("Faults", if injected.is_empty() { "none".to_owned() } else { injected.join(", ") });
    let skipped = tally.skipped();
    if !skipped.is_empty() {
        report.figure("  left out", skipped.join(", "));
    }
    let ended: u32 = world.nodes.iter().map(|node| node.ended_by_itself()).sum();
    report.figure("  nodes that ended by themselves and were started again", ended);
    let takeovers = tally.takeovers();
    for (label, disturbed) in [("Takeovers", false), ("  while the database was in trouble", true)] {
        let took: Vec<Moment> = takeovers
            .iter()
            .filter(|takeover| takeover.is_disturbed == disturbed)
            .map(|takeover| takeover.took)
            .collect();
        if let Some(slowest) = took.iter().max() {
            report.figure(
                label,
                format!("{}, the slowest after {:.1} s", took.len(), f64::from(*slowest) / 1e3),
            );
        }
    }
    report.figure("The store is on", world.volume.description());
}

/// Asks until all has ended, for at most a minute. Answers how long that took.
pub async fn drain(world: &Arc<World>) -> Option<Duration> {
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        if open_executions(world).await == Some(0) {
            return Some(begun.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    None
}
