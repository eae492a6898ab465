//! Two stores that are told the same, and what is compared.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use futures_util::future::BoxFuture;
use model::{
    Actor, ExecutionId, ExecutionStatus, LogId, NodeId, Outcome, Period, StepStatus, StepType, TenantId,
    Timestamp, UserId,
    event::{EventName, NewEvent},
    execution::Progress,
    journal::Log,
    workflow::Workflow,
};
use serde_json::{Value, json};
use store::{
    Connection, Options, Store, StoreError, StoreResult, Tx,
    event::{Match, Matcher, Start},
    execution::{Advance, Advanced},
    ids::IdKind,
    node::node_register,
    params,
    secret::SecretBox,
    token::Token,
    user::{Hashed, NewUser, password_hash, user_create},
    writer::{Listener, Notice},
};
use testkit::{SimulatedClock, place::Place};

use crate::random::{ONE, Random, TWO};

pub const ADA: Actor = Actor::User(UserId::new(1));
const START: Timestamp = Timestamp::from_millis(1_771_065_000_123);

/// A store with what belongs to it alone: tokens are another each time.
pub struct Side {
    pub store: Store,
    place: Place,
    plugs: Arc<Plugs>,
    pub sessions: Mutex<Vec<Token>>,
    pub links: Mutex<Vec<Token>>,
    /// A token that an operation under way has given.
    pub taken: Arc<Mutex<Option<Token>>>,
}

/// What the engine would be to the store.
#[derive(Debug, Default)]
struct Plugs {
    active: Mutex<Vec<Workflow>>,
    notices: Mutex<Vec<String>>,
}

impl Matcher for Plugs {
    fn hears(&self, tenant: TenantId, name: &EventName) -> bool {
        let active = self.active.lock().unwrap();
        active.iter().any(|workflow| {
            workflow.tenant_id == tenant && workflow.definition.trigger_event == name.as_str()
        })
    }

    fn matches(&self, event: &NewEvent) -> Vec<Match> {
        let mode = event.data["mode"].as_i64().unwrap_or_default();
        let active = self.active.lock().unwrap();
        let heard = active.iter().filter(|workflow| {
            workflow.tenant_id == event.tenant && workflow.definition.trigger_event == event.name.as_str()
        });
        let started = heard.map(|workflow| {
            let record = |status, outcome, owned| Start::Record {
                progress: Box::new(Progress::accepted(status, Some(outcome))),
                owned,
                log: Box::new(log(event.tenant, ExecutionId::new(0), "conditions", StepStatus::Completed)),
                ahead: None,
            };
            let start = match (workflow.id.get() + mode) % 5 {
                0 => Start::CountOnly,
                1 => record(ExecutionStatus::Completed, Outcome::Unmatched, false),
                2 => record(ExecutionStatus::Pending, Outcome::Matched, false),
                _ => record(ExecutionStatus::Pending, Outcome::Matched, true),
            };
            Match { workflow: workflow.id, version: workflow.published_version, start, gate: None }
        });
        started.collect()
    }
}

impl Listener for Plugs {
    fn committed(&self, notices: Vec<Notice>) {
        let told = notices.into_iter().map(|notice| match notice {
            // Documents differ in the order of their keys; they are compared as answers and as rows.
            Notice::Started(started) => {
                let logs: Vec<LogId> = started.journal.iter().map(|log| log.id).collect();
                format!("started {} {:?} {logs:?}", started.execution.id, started.execution.progress.status)
            }
            other => format!("{other:?}"),
        });
        self.notices.lock().unwrap().extend(told);
    }
}

pub fn log(tenant: TenantId, execution: ExecutionId, step: &str, status: StepStatus) -> Log {
    Log {
        id: LogId::new(0),
        tenant_id: tenant,
        execution_id: execution,
        step_number: 1,
        step_type: if step == "conditions" { StepType::Condition } else { StepType::Action },
        step_name: step.to_owned(),
        step_id: step.to_owned(),
        step_path: step.to_owned(),
        attempt: 1,
        retry_count: 0,
        status,
        input_data: json!({"b": 1, "a": [step]}).into(),
        output_data: None,
        error: None,
        warnings: Vec::new(),
        retryable: false,
        resume_at: None,
        carried_from: None,
        started_at: Some(START),
        completed_at: None,
        duration_ms: None,
        created_at: START,
    }
}

pub struct Pair {
    sides: [Side; 2],
    pub clock: SimulatedClock,
    pub random: Random,
    pub secrets: Arc<SecretBox>,
    pub password: Hashed,
    pub node: i64,
    seed: u64,
    step: usize,
}

impl Pair {
    /// Two tenants with a user each, and a node.
    pub async fn new(seed: u64) -> Self {
        let clock = SimulatedClock::new(START);
        let sides = [side(Place::sqlite(), &clock).await, side(Place::postgres(), &clock).await];
        let secrets = Arc::new(SecretBox::of_key(&[7; 32]));
        let password = password_hash("a password that is long".to_owned()).await.unwrap();
        let mut pair =
            Self { sides, clock, random: Random::new(seed), secrets, password, node: 0, seed, step: 0 };
        for (tenant, email) in [(ONE, "ada@example.com"), (TWO, "eve@example.com")] {
            let new = NewUser {
                email: email.to_owned(),
                name: None,
                role: model::user::Role::Admin,
                time_zone: None,
                password: None,
            };
            pair.change(("a tenant", tenant), move |tx| {
                Box::pin(async move {
                    let made = store::tenant::tenant_create(tx, Actor::System, "A tenant").await?;
                    user_create(tx, made.id, Actor::System, &new).await
                })
            })
            .await
            .unwrap();
        }
        pair.become_a_node().await;
        pair
    }

    /// Another node than before, with a lease for longer than any test.
    pub async fn become_a_node(&mut self) {
        self.work_as(None);
        self.node += 1;
        let node = NodeId::new(self.node);
        self.change(("node_register", node), move |tx| {
            Box::pin(async move { node_register(tx, node, "a node", 3_600_000).await })
        })
        .await
        .unwrap();
        self.work_as(Some(node));
    }

    pub fn work_as(&self, node: Option<NodeId>) {
        for side in &self.sides {
            side.store.node_set(node);
        }
    }

    pub fn now(&self) -> Timestamp {
        self.store().now()
    }

    pub fn time_goes_by(&mut self) {
        let longest = *self.random.pick(&[1, 1_000, 60_000, 3_600_000, 20 * 3_600_000]);
        let some = Period::from_millis(self.random.below(longest)).unwrap();
        self.clock.advance(some);
    }

    /// The side that is asked what there is to choose from.
    pub fn store(&self) -> &Store {
        &self.sides[0].store
    }

    /// A number that a query gives.
    pub async fn number(&self, sql: String) -> i64 {
        let mut reader = self.store().read_any().await.unwrap();
        reader.query_one(sql, params![]).await.unwrap().first().unwrap()
    }

    /// An id of a table, or one beyond.
    pub async fn id(&mut self, table: &str) -> i64 {
        let newest = self.number(format!("SELECT coalesce(max(id), 0) FROM {table}")).await;
        self.random.id(newest)
    }

    /// A record with its tenant, most often one that is in use; and perhaps the version that a change of it is made for.
    pub async fn record<I: TryFrom<i64>>(&mut self, table: &str) -> (TenantId, I, Option<i64>) {
        let has_archive = ["contacts", "forms", "submissions", "tickets", "workflows"].contains(&table);
        let in_use = if has_archive { "archived_at IS NULL" } else { "tenant_id IS NOT NULL" };
        let count = self.number(format!("SELECT count(*) FROM {table} WHERE {in_use}")).await;
        let id = if count > 0 && self.random.percent(88) {
            let at = self.random.below(count);
            self.number(format!("SELECT id FROM {table} WHERE {in_use} ORDER BY id LIMIT 1 OFFSET {at}"))
                .await
        } else {
            self.id(table).await
        };
        let of_record = format!("FROM {table} WHERE id = {id}");
        let owner = self.number(format!("SELECT coalesce(max(tenant_id), 1) {of_record}")).await;
        let current = self.number(format!("SELECT coalesce(max(version), 1) {of_record}")).await;
        let tenant = if self.random.percent(5) { self.random.tenant() } else { TenantId::new(owner) };
        let version = self.random.sometimes(20, |random| current + i64::from(random.percent(25)));
        (tenant, I::try_from(id).ok().unwrap(), version)
    }

    /// A record of this tenant, when it has one.
    pub async fn of_tenant(&mut self, table: &str, tenant: TenantId) -> i64 {
        let own = format!("FROM {table} WHERE tenant_id = {tenant}");
        let count = self.number(format!("SELECT count(*) {own}")).await;
        if count == 0 || self.random.percent(8) {
            return self.id(table).await;
        }
        let at = self.random.below(count);
        self.number(format!("SELECT id {own} ORDER BY id LIMIT 1 OFFSET {at}")).await
    }

    /// Somebody who belongs to the tenant.
    pub async fn member(&mut self, tenant: TenantId) -> UserId {
        let members = format!("FROM memberships WHERE tenant_id = {tenant}");
        let count = self.number(format!("SELECT count(*) {members}")).await;
        if count == 0 || self.random.percent(8) {
            return UserId::new(self.id("users").await);
        }
        let at = self.random.below(count);
        UserId::new(
            self.number(format!("SELECT user_id {members} ORDER BY user_id LIMIT 1 OFFSET {at}")).await,
        )
    }

    /// Makes a change on both sides; answers what both answered.
    pub async fn change<T, F>(&mut self, what: impl Debug, operation: F) -> StoreResult<T>
    where
        T: Send + PartialEq + Debug + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, StoreResult<T>> + Clone + Send + 'static,
    {
        self.step += 1;
        let mut answers = Vec::new();
        for side in &self.sides {
            answers.push(side.store.write(operation.clone()).await);
        }
        self.told_the_same(&what);
        self.agreed(&what, answers)
    }

    /// The same for a step forward, which takes the way of what many do at once.
    pub async fn advance(&mut self, what: impl Debug, advance: Advance) -> StoreResult<Advanced> {
        self.step += 1;
        let mut answers = Vec::new();
        for side in &self.sides {
            answers.push(side.store.execution_advance(advance.clone()).await);
        }
        self.told_the_same(&what);
        self.agreed(&what, answers)
    }

    fn told_the_same(&self, what: &impl Debug) {
        let told = self.sides.each_ref().map(|side| {
            let mut told = std::mem::take(&mut *side.plugs.notices.lock().unwrap());
            // Who hears them cannot tell the order within one commit.
            told.sort();
            told
        });
        self.compare(what, &told[0], &told[1]);
    }

    /// As [`Pair::change`], with something of each side's own.
    pub async fn change_each<T, O, F>(
        &mut self,
        what: impl Debug,
        own: impl Fn(&Side) -> O,
        operation: F,
    ) -> StoreResult<T>
    where
        T: Send + PartialEq + Debug + 'static,
        O: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx, O) -> BoxFuture<'a, StoreResult<T>> + Clone + Send + 'static,
    {
        self.step += 1;
        let mut answers = Vec::new();
        for side in &self.sides {
            let (own, operation) = (own(side), operation.clone());
            answers.push(side.store.write(move |tx| operation(tx, own)).await);
        }
        self.agreed(&what, answers)
    }

    /// Does something with each side that is not compared.
    pub fn each(&self, with: impl Fn(&Side)) {
        self.sides.iter().for_each(with);
    }

    /// Asks both sides; answers what both answered.
    pub async fn read<T, F>(&mut self, tenant: Option<TenantId>, what: impl Debug, query: F) -> StoreResult<T>
    where
        T: PartialEq + Debug,
        F: for<'a> FnOnce(&'a mut Connection) -> BoxFuture<'a, StoreResult<T>> + Clone,
    {
        let mut answers = Vec::new();
        for side in &self.sides {
            let mut reader = match tenant {
                Some(tenant) => side.store.read(tenant).await.unwrap(),
                None => side.store.read_any().await.unwrap(),
            };
            answers.push(query.clone()(&mut reader).await);
        }
        self.agreed(&what, answers)
    }

    fn agreed<T: PartialEq + Debug>(
        &self,
        what: &impl Debug,
        mut answers: Vec<StoreResult<T>>,
    ) -> StoreResult<T> {
        for answer in &answers {
            if let Err(
                StoreError::Unavailable(_) | StoreError::Corrupt(_) | StoreError::Fenced | StoreError::Closed,
            ) = answer
            {
                panic!(
                    "{} {what:?}\n  SQLite     {:?}\n  PostgreSQL {:?}",
                    self.place(),
                    answers[0],
                    answers[1]
                );
            }
        }
        self.compare(what, &answers[0], &answers[1]);
        answers.remove(0)
    }

    fn compare<T: PartialEq + Debug>(&self, what: &impl Debug, sqlite: &T, postgres: &T) {
        assert!(
            sqlite == postgres,
            "{} {what:?}\n  SQLite     {sqlite:?}\n  PostgreSQL {postgres:?}",
            self.place()
        );
    }

    fn place(&self) -> String {
        format!("seed {}, operation {}:", self.seed, self.step)
    }

    /// What both sides' events start from now on.
    pub async fn learn_workflows(&mut self) {
        for side in &self.sides {
            let mut reader = side.store.read_any().await.unwrap();
            let active = store::workflow::workflow_active_list(&mut reader, None).await.unwrap();
            *side.plugs.active.lock().unwrap() = active;
        }
    }

    /// Every row of every table.
    pub fn compare_tables(&self) {
        let [sqlite, mut postgres] = self.sides.each_ref().map(|side| side.place.tables());
        // What only a database with a network in between needs.
        postgres.remove("commit_marks");
        let names = |tables: &testkit::tables::Tables| tables.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&sqlite), names(&postgres));
        for (table, rows) in &sqlite {
            let [rows, others] = [rows, &postgres[table]].map(|rows| {
                rows.iter().map(|row| without_chance(table, row.clone())).collect::<BTreeSet<String>>()
            });
            let only_here: Vec<_> = rows.difference(&others).collect();
            let only_there: Vec<_> = others.difference(&rows).collect();
            assert!(
                only_here.is_empty() && only_there.is_empty(),
                "{} at the end, {table}\n  SQLite     {only_here:#?}\n  PostgreSQL {only_there:#?}",
                self.place()
            );
            assert_eq!(sqlite[table].len(), postgres[table].len(), "{table}");
        }
    }
}

/// A row without what is another on each side by nature: random tokens and nonces, and the database's own clock.
fn without_chance(table: &str, mut row: testkit::tables::Row) -> String {
    // Where one database has lists of texts, the other has their JSON.
    for cell in row.values_mut().filter(|cell| cell.is_array()) {
        *cell = Value::String(cell.to_string());
    }
    let by_chance: &[&str] = match table {
        "sessions" => &["token_hash"],
        "integrations" => &["secrets"],
        "tenants" => &["smtp_password"],
        "nodes" => &["lease_until"],
        "store_facts" if row["name"] == "installation" => &["value"],
        _ => &[],
    };
    for column in by_chance {
        let cell = row.get_mut(*column).unwrap();
        *cell = Value::Bool(!cell.is_null());
    }
    format!("{row:?}")
}

async fn side(place: Place, clock: &SimulatedClock) -> Side {
    let address = place.address().parse().unwrap();
    let store = Store::open(Options { address, clock: Arc::new(clock.clone()), faults: None }).await.unwrap();
    let plugs = Arc::new(Plugs::default());
    store.connect(Arc::clone(&plugs) as Arc<dyn Matcher>, Arc::clone(&plugs) as Arc<dyn Listener>);
    // PostgreSQL reserves blocks of ids apart from the operations that use them, SQLite takes a reservation back with its operation: the
    // first one of each kind is therefore made by an operation that does not fail.
    let reserve = store.write(|tx| {
        Box::pin(async move {
            for kind in BLOCKS {
                tx.id(kind).await?;
            }
            Ok(())
        })
    });
    reserve.await.unwrap();
    Side { store, place, plugs, sessions: Mutex::default(), links: Mutex::default(), taken: Arc::default() }
}

/// The kinds of which ids are reserved many at a time.
const BLOCKS: [IdKind; 9] = [
    IdKind::Contact,
    IdKind::Submission,
    IdKind::Ticket,
    IdKind::Invitation,
    IdKind::Notification,
    IdKind::Outbox,
    IdKind::Event,
    IdKind::Execution,
    IdKind::Log,
];

/// One operation on both: `change!(pair, "contact_get", |tx| contact_get(tx, tenant, id))`.
macro_rules! change {
    ($pair:expr, $what:expr, |$tx:ident| $operation:expr) => {{
        let what = format!("{:?}", $what);
        $pair.change(what, move |$tx| Box::pin(async move { $operation.await })).await
    }};
}

/// One query on both, for a tenant or for none.
macro_rules! read {
    ($pair:expr, $tenant:expr, $what:expr, |$connection:ident| $query:expr) => {{
        let what = format!("{:?}", $what);
        $pair.read($tenant, what, move |$connection| Box::pin(async move { $query.await })).await
    }};
}

pub(crate) use {change, read};
