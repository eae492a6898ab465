//! The tenant's records: what they store, what they emit, and what another tenant sees of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod connections;
mod doctor;
mod ends;
mod forms;
mod lists;
mod mailing;
mod migrations;
mod moving;
mod nodes;
mod partitions;
mod people;
mod retention;
mod rotation;
mod seed;
mod seeding;
mod service;
mod submissions;
mod templates;
mod walls;
mod workflows;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use model::{
    Actor, ExecutionId, ExecutionStatus, LogId, Outcome, StepStatus, StepType, TenantId, Timestamp, UserId,
    WorkflowId,
    event::{EventName, NewEvent},
    execution::Progress,
    journal::Log,
};
use serde_json::{Map, Value, json};
use store::{
    Options, Store, StoreResult,
    database::{Row, row::FromCell},
    event::{Match, Matcher, Start},
    params,
    writer::{Listener, Notice},
};
use testkit::{SimulatedClock, place::Place};

const ONE: TenantId = TenantId::new(1);
const TWO: TenantId = TenantId::new(2);
const ADA: Actor = Actor::User(UserId::new(1));
const NOW: Timestamp = Timestamp::from_millis(1_771_065_000_123);

/// The title of a ticket of which the rules of entry of the one workflow are asked.
const GATED: &str = "gated";

/// Every event starts this many executions of the one workflow that there is.
#[derive(Debug, Default)]
struct Starts(AtomicUsize);

impl Matcher for Starts {
    fn hears(&self, _: TenantId, _: &EventName) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    fn gates(&self, _: TenantId, event: &str) -> Vec<WorkflowId> {
        if event == "ticket_created" { vec![WorkflowId::new(1)] } else { Vec::new() }
    }

    fn matches(&self, event: &NewEvent) -> Vec<Match> {
        let one = || Match {
            // The one that there is, unless an event asks for trouble.
            workflow: WorkflowId::new(event.data["workflow"].as_i64().unwrap_or(1)),
            version: 1,
            start: Start::Record {
                progress: Box::new(Progress::accepted(ExecutionStatus::Pending, Some(Outcome::Matched))),
                owned: true,
                log: Box::new(log(event)),
                ahead: None,
            },
            gate: (event.data["ticket"]["title"] == GATED).then(Box::default),
        };
        std::iter::repeat_with(one).take(self.0.load(Ordering::Relaxed)).collect()
    }
}

impl Listener for Starts {
    fn committed(&self, _: Vec<Notice>) {}
}

fn log(event: &NewEvent) -> Log {
    Log {
        id: LogId::new(0),
        tenant_id: event.tenant,
        execution_id: ExecutionId::new(0),
        step_number: 1,
        step_type: StepType::Condition,
        step_name: "conditions".to_owned(),
        step_id: "conditions".to_owned(),
        step_path: "conditions".to_owned(),
        attempt: 1,
        retry_count: 0,
        status: StepStatus::Completed,
        input_data: json!([]).into(),
        output_data: None,
        error: None,
        warnings: Vec::new(),
        retryable: false,
        resume_at: None,
        carried_from: None,
        started_at: Some(NOW),
        completed_at: Some(NOW),
        duration_ms: Some(0),
        created_at: NOW,
    }
}

/// A store of its own with two tenants, a user who is a member of the first, and one workflow.
struct Bench {
    store: Store,
    clock: SimulatedClock,
    starts: Arc<Starts>,
    place: Place,
}

impl Bench {
    async fn new(place: Place) -> Self {
        let clock = SimulatedClock::new(NOW);
        let store = open(&place, &clock).await;
        let starts = Arc::new(Starts(AtomicUsize::new(1)));
        store.connect(Arc::clone(&starts) as Arc<dyn Matcher>, Arc::clone(&starts) as Arc<dyn Listener>);
        let bench = Self { store, clock, starts, place };
        for statement in [
            "INSERT INTO tenants (id, name, settings, created_at, updated_at, version) VALUES (1, 'one', '{}', ?1, ?1, 1), (2, 'two', '{}', ?1, ?1, 1)",
            "INSERT INTO users (id, email, created_at, updated_at, version) VALUES (1, 'ada@example.com', ?1, ?1, 1)",
            "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES (1, 1, 'admin', ?1)",
            "INSERT INTO workflows (id, tenant_id, key, name, trigger_event, trigger_config, conditions, actions, log_unmatched, is_active,
                published_version, created_at, updated_at, version)
             VALUES (1, 1, 'all', 'all', 'any', '{}', '[]', '[]', TRUE, TRUE, 1, ?1, ?1, 1)",
        ] {
            bench
                .store
                .write(move |tx| Box::pin(async move { tx.execute(statement, params![Timestamp::EPOCH]).await }))
                .await
                .unwrap();
        }
        bench
    }

    /// Each event starts `count` executions from now on.
    fn starting(&self, count: usize) {
        self.starts.0.store(count, Ordering::Relaxed);
    }

    async fn rows(&self, sql: &'static str) -> Vec<Row> {
        self.store.read_any().await.unwrap().query(sql, params![]).await.unwrap()
    }

    /// The only number that a query gives.
    async fn number<T: FromCell>(&self, sql: &'static str) -> T {
        self.rows(sql).await.pop().unwrap().first().unwrap()
    }

    /// Every event that was stored, as `{name: data}`.
    async fn events(&self) -> Vec<Value> {
        let rows = self.rows("SELECT name, data FROM events ORDER BY id").await;
        rows.into_iter()
            .map(|row| {
                let mut row = row.cells();
                let (name, data) = (row.take::<String>().unwrap(), row.take::<Value>().unwrap());
                json!({name: data})
            })
            .collect()
    }
}

async fn open(place: &Place, clock: &SimulatedClock) -> Store {
    open_at(&place.address(), clock).await
}

async fn open_at(address: &str, clock: &SimulatedClock) -> Store {
    let address = address.parse().unwrap();
    Store::open(Options { address, clock: Arc::new(clock.clone()), faults: None }).await.unwrap()
}

fn posted(tenant: TenantId, external_id: Option<&str>, data: Value) -> NewEvent {
    NewEvent {
        tenant,
        name: EventName::system("submission_completed"),
        external_id: external_id.map(str::to_owned),
        source: None,
        data: data.into(),
        attributes: Map::new(),
        actor: ADA,
        cause: None,
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

/// The sentence of an error; empty when there is none.
fn sentence<T>(result: StoreResult<T>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

/// Runs one operation in a transaction of its own: `change!(bench, |tx| contact_get(tx, ONE, id))`.
macro_rules! change {
    ($bench:expr, |$tx:ident| $operation:expr) => {
        $bench.store.write(move |$tx| Box::pin(async move { $operation.await })).await
    };
}

/// Runs one query: `read!(bench, |connection| contact_get(connection, ONE, id))`.
macro_rules! read {
    ($bench:expr, |$connection:ident| $query:expr) => {{
        let mut reader = $bench.store.read_any().await.unwrap();
        let $connection = &mut *reader;
        $query.await
    }};
}

/// A snapshot that is the same on every database: PostgreSQL keeps a document's keys in an order of its own.
macro_rules! sorted_snapshot {
    ($name:literal, $value:expr $(,)?) => {{
        let value = $value;
        insta::with_settings!({sort_maps => true}, { insta::assert_json_snapshot!($name, value) });
    }};
}

use {change, read, sorted_snapshot};

#[tokio::test]
async fn a_store_that_was_closed_is_one_whole_file() {
    let bench = Bench::new(Place::sqlite()).await;
    assert_eq!(bench.number::<i64>("SELECT count(*) FROM tenants").await, 2);
    let address = bench.place.address();
    let log = format!("{}-wal", address.strip_prefix("sqlite:").unwrap());
    assert_ne!(std::fs::metadata(&log).unwrap().len(), 0);
    bench.store.close().await;
    assert_eq!(std::fs::metadata(&log).map_or(0, |file| file.len()), 0, "{log}");
}
