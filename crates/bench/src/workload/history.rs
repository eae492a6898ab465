//! W5: a year of history, made by `vtrustx bench seed-history`, and every way to read it while W2 runs at half its speed. In the end the oldest month goes.
//!
//! Reads go one after another over one connection, each kind with other parameters each time.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{
    house::{self, House},
    inside::singles,
};
use crate::{
    http::{Connection, request},
    latency::Latencies,
    load,
    options::Options,
    place::{Database, Kind, Place},
    report::{Figure, Floor, Report},
    server::{self, KEY},
};

const LARGE: u32 = 10_000_000;
const SMALL: u32 = 200_000;
/// Reads of each kind: enough that the slowest of a hundred is not the one for which a session prepared its statement.
const TIMES: i64 = 300;
/// The floor of every read, and of reads beside retention, in milliseconds.
const READ: f64 = 20.0;
const MEANWHILE: f64 = 100.0;
/// A round of retention that found nothing may have been just before: the next one comes ten minutes after it.
const ROUND: Duration = Duration::from_secs(720);
const EXECUTIONS: &str = "/api/workflow-executions";
/// Whether there is a partition behind the oldest; when all of the oldest is that many days old; and how many are in it.
const OLDEST_PARTITION: &str = "SELECT min(id) FROM workflow_executions WHERE id > 2000000";
const ITS_DAYS: &str = "SELECT floor(extract(epoch FROM now() - max(created_at)) / 86400) FROM workflow_executions WHERE id <= 2000000";
/// It is taken out at once, and dropped when its counts are settled.
const DROPPED: &str = "SELECT count(*) FROM pg_class WHERE relname = 'workflow_executions_from_0_gone' OR relname = 'workflow_executions_from_0'";

/// Makes the history, reads it, removes a month of it.
pub async fn run(place: &Place, options: &Options, report: &mut Report) -> Result<(), String> {
    let house = match &options.history {
        Some(address) => {
            let there = Database { address: address.clone(), ..place.database("reader")? };
            House::open(there, place, options).await?
        }
        None => make(place, options, report).await?,
    };
    let executions = house.store.number("SELECT count(*) FROM workflow_executions").await? as i64;
    let known = Known::of(&house, executions).await?;
    house.workflow(&house::inside()).await?;
    let contact = known.contact;
    let full = load::lasting(Duration::from_secs(options.seconds.min(5)), singles(contact));
    let full = load::closed(house.server.port, 64, full).await?.sound()?;
    let rate = (full.accepted as f64 / full.took.as_secs_f64() / 2.0) as u32;
    let note = format!("W2 at {rate}/s meanwhile");
    house.quiet().await?;
    let reads = async { read_all(&house, &known, report, &note).await };
    beside(&house, rate, contact, reads).await?;
    house.quiet().await?;
    retry(&house, report).await?;
    retention(house, &known, place, options, report).await
}

async fn make(place: &Place, options: &Options, report: &mut Report) -> Result<House, String> {
    let executions = options.executions.unwrap_or(if options.small { SMALL } else { LARGE });
    let database = place.database("history")?;
    server::run(&options.server, &database, &["migrate"])?;
    let begun = Instant::now();
    let count = executions.to_string();
    server::run(&options.server, &database, &["bench", "seed-history", "--executions", &count])?;
    let made = f64::from(executions) / begun.elapsed().as_secs_f64();
    place.settle()?;
    report.add(Figure::new(format!("W5 seed-history, {executions} executions"), made, "executions/s"));
    House::open(database, place, options).await
}

/// Does something while W2 runs at a rate.
async fn beside<T>(
    house: &House,
    rate: u32,
    contact: i64,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let is_over = Rc::new(Cell::new(false));
    let mut next = singles(contact);
    let going_on = Rc::clone(&is_over);
    let load = load::open(house.server.port, rate, move || (!going_on.get()).then(&mut next));
    let work = async {
        let done = work.await;
        is_over.set(true);
        done
    };
    let (answers, done) = futures_util::future::join(load, work).await;
    answers?.sound()?;
    done
}

/// What the paths name.
struct Known {
    executions: i64,
    execution: i64,
    workflow: i64,
    workflows: i64,
    contact: i64,
    /// The cursor of page 1,000.
    deep: String,
    now: Timestamp,
}

impl Known {
    async fn of(house: &House, executions: i64) -> Result<Self, String> {
        let number = async |sql: &str| house.store.number(sql).await.map(|number| number as i64);
        let mut cursor = String::new();
        // The same place as after 999 pages of 50.
        for _ in 0..249 {
            let path = format!("{EXECUTIONS}?limit=200{cursor}");
            let page = house.server.call("GET", &path, &Value::Null).await?;
            let Some(next) = page["nextCursor"].as_str() else {
                return Err("the history has no page 1,000".to_owned());
            };
            cursor = format!("&cursor={next}");
        }
        Ok(Self {
            executions,
            execution: number("SELECT min(id) FROM workflow_executions").await?,
            workflow: number("SELECT min(id) FROM workflows").await?,
            workflows: number("SELECT count(*) FROM workflows").await?,
            contact: number("SELECT min(id) FROM contacts").await?,
            deep: cursor,
            now: Timestamp::now(),
        })
    }

    /// Some execution, another each time. The newest of a history that was read before have gaps: ids that a server took with it.
    const fn some(&self, time: i64) -> i64 {
        self.execution + (time * 7_919 + 13) * 104_729 % (self.executions / 10 * 9)
    }

    fn days_ago(&self, days: i64) -> String {
        self.now.checked_sub((days * 24).hours()).map(|at| format!("{at:.0}")).unwrap_or_default()
    }

    /// What is read, by name, for the n-th time.
    fn reads(&self, time: i64) -> Vec<(&'static str, String)> {
        let list = |filter: String| format!("{EXECUTIONS}?limit=50{filter}");
        let workflow = self.workflow + time % self.workflows;
        let contact = self.contact + time * 97 % 10_000.min(self.executions);
        let (ago, then) = (self.days_ago(60 + time % 290), self.days_ago(30 + time % 290));
        let day = |days: i64| self.days_ago(days)[..10].to_owned();
        let word = ["ingrid", "The delivery was slow", "Lovelace", "refund", "yuki"][(time % 5) as usize];
        vec![
            ("list", list(String::new())),
            ("list, page 1,000 by cursor", list(self.deep.clone())),
            ("list, offset 10,000", list("&offset=10000".to_owned())),
            ("list, status", list("&status=failed".to_owned())),
            ("list, workflow", list(format!("&workflowId={workflow}"))),
            ("list, workflow and status", list(format!("&workflowId={workflow}&status=failed"))),
            ("list, outcome", list("&outcome=unmatched".to_owned())),
            ("list, workflow and outcome", list(format!("&workflowId={workflow}&outcome=stopped"))),
            ("list, status and outcome", list("&status=completed&outcome=stopped".to_owned())),
            ("list, status and outcome, nothing", list("&status=failed&outcome=unmatched".to_owned())),
            ("list, hasFailures", list("&hasFailures=true".to_owned())),
            ("list, no failures", list("&hasFailures=false".to_owned())),
            ("list, workflow and hasFailures", list(format!("&workflowId={workflow}&hasFailures=true"))),
            ("list, contact", list(format!("&contactId={contact}"))),
            ("list, contact and status", list(format!("&contactId={contact}&status=failed"))),
            ("list, submission", list(format!("&submissionId={}", self.some(time)))),
            (
                "list, days",
                list(format!("&startDate={}&endDate={}", day(60 + time % 290), day(30 + time % 290))),
            ),
            ("list, times", list(format!("&startDate={ago}&endDate={then}"))),
            (
                "list, times, workflow and outcome",
                list(format!("&startDate={ago}&endDate={then}&workflowId={workflow}&outcome=unmatched")),
            ),
            ("search, many", list(format!("&q={}", word.replace(' ', "%20")))),
            ("search, few", list(format!("&q=A-{:07}", time * 7919))),
            ("search, workflow", list(format!("&workflowId={workflow}&q=broken"))),
            ("search, contact", list(format!("&contactId={contact}&q=broken"))),
            ("one execution with its log", format!("{EXECUTIONS}/{}", self.some(time))),
            ("one log", format!("{EXECUTIONS}/{}/logs", self.some(time))),
            ("statistics of 7 days", format!("{EXECUTIONS}/stats/overview?startDate={}", self.days_ago(7))),
            ("statistics of 30 days", format!("{EXECUTIONS}/stats/overview?startDate={}", self.days_ago(30))),
            (
                "statistics of 365 days",
                format!("{EXECUTIONS}/stats/overview?startDate={}", self.days_ago(365)),
            ),
            (
                "statistics of a workflow, 365 days",
                format!("{EXECUTIONS}/stats/overview?workflowId={workflow}&startDate={}", self.days_ago(365)),
            ),
        ]
    }
}

/// A read that is measured.
async fn timed(connection: &mut Connection, method: &str, path: &str) -> Result<Duration, String> {
    let call = request(method, path, KEY, "");
    let begun = Instant::now();
    let answer = connection.exchange(&call).await?;
    let took = begun.elapsed();
    if (200..300).contains(&answer.status) {
        return Ok(took);
    }
    Err(format!("{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)))
}

fn figure(name: &str, latencies: &Latencies, floor: f64, note: &str) -> Figure {
    let [median, slow, slowest] = [50.0, 99.0, 100.0].map(|percent| latencies.percentile(percent));
    let figure = Figure::new(format!("W5 {name}, p99"), slow, "ms").floor(Floor::AtMost(floor));
    Figure { latency: Some((median, slow)), ..figure }.note(format!("slowest {slowest:.1} ms{note}"))
}

async fn read_all(house: &House, known: &Known, report: &mut Report, note: &str) -> Result<(), String> {
    let mut connection = Connection::open(house.server.port).await?;
    let mut all: Vec<(&'static str, Latencies)> =
        known.reads(0).into_iter().map(|(name, _)| (name, Latencies::default())).collect();
    for time in 0..TIMES {
        for ((_, latencies), (_, path)) in all.iter_mut().zip(known.reads(time)) {
            latencies.add(timed(&mut connection, "GET", &path).await?);
        }
    }
    let mut note = format!("; {note}");
    for (name, latencies) in all {
        report.add(figure(name, &latencies, READ, &note));
        note.clear();
    }
    Ok(())
}

/// Retries failed executions by hand. Their webhooks find nobody.
async fn retry(house: &House, report: &mut Report) -> Result<(), String> {
    let path = format!(
        "{EXECUTIONS}?status=failed&limit=100&endDate={}",
        Timestamp::now().checked_sub(24.hours()).map_err(|error| error.to_string())?
    );
    let failed = house.server.call("GET", &path, &Value::Null).await?;
    let mut connection = Connection::open(house.server.port).await?;
    let mut latencies = Latencies::default();
    for execution in failed["data"].as_array().into_iter().flatten() {
        let path = format!("{EXECUTIONS}/{}/retry", execution["id"]);
        latencies.add(timed(&mut connection, "POST", &path).await?);
    }
    report.add(figure("retry of one", &latencies, READ, ""));
    Ok(())
}

/// Lets the oldest go: a month, or the oldest partition where there are several. A server's first round is a minute after its start. Reads go on meanwhile.
async fn retention(
    house: House,
    known: &Known,
    place: &Place,
    options: &Options,
    report: &mut Report,
) -> Result<(), String> {
    let is_partition = place.kind == Kind::Postgres && house.store.number(OLDEST_PARTITION).await? > 0.0;
    let days = if is_partition { house.store.number(ITS_DAYS).await? } else { 335.0 };
    house.server.call("PATCH", "/api/settings", &json!({"retention_days": days as i64})).await?;
    let database = house.database.clone();
    house.server.stop();
    let house = House::open(database, place, options).await?;
    let oldest = async || house.store.number("SELECT min(id) FROM workflow_executions").await;
    let (first, begun) = (oldest().await?, Instant::now());
    while oldest().await? <= first {
        if begun.elapsed() > ROUND {
            return Err("twelve minutes after the start nothing is removed".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let begun = Instant::now();
    let month = known.executions as f64 * 29.0 / 365.0;
    let is_over = async || {
        Ok::<_, String>(if is_partition {
            house.store.number(DROPPED).await? == 0.0
        } else {
            oldest().await? >= first + month
        })
    };
    let mut connection = Connection::open(house.server.port).await?;
    let (mut latencies, mut time) = (Latencies::default(), 0);
    while !is_over().await? && begun.elapsed() < Duration::from_secs(900) {
        for (_, path) in known.reads(time) {
            // What is gone is not found.
            if !path.starts_with(&format!("{EXECUTIONS}/{}", known.some(time))) {
                latencies.add(timed(&mut connection, "GET", &path).await?);
            }
        }
        time += 1;
    }
    let removed = oldest().await? - first;
    let slowest = latencies.percentile(100.0);
    let both = (latencies.percentile(50.0), latencies.percentile(99.0));
    let what = if is_partition { "the oldest partition" } else { "a month" };
    let figure = Figure::new(format!("W5 slowest read while {what} is removed"), slowest, "ms")
        .floor(Floor::AtMost(MEANWHILE));
    report.add(Figure { latency: Some(both), ..figure });
    let rate = removed / begun.elapsed().as_secs_f64();
    report.add(Figure::new("W5 removed", rate, "executions/s").note(format!("{removed:.0} of them")));
    house.server.stop();
    Ok(())
}
