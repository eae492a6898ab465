//! The store: the only place with SQL.
//!
//! - `database/` is the facade: one SQL text for every database, values in, rows out. See [`database`].
//! - [`writer`] commits: all changes of the process go through it, many in one commit.
//! - reads have connections of their own ([`Store::read`]) and never wait for the writer.
//! - the other files hold one aggregate each: plain functions whose first parameter is the connection or the
//!   transaction, and whose second is the tenant. The SQL text stands directly above the function that runs it,
//!   or inside it.

pub mod alert;
pub mod api_key;
pub mod approval;
mod assignment;
pub mod backlog;
pub mod call;
mod causes;
pub mod change;
pub mod contact;
pub mod copy;
pub mod database;
pub mod deadline;
pub mod decision;
pub mod demo;
pub mod doctor;
pub mod effect;
pub mod entry;
mod erasure;
pub mod error;
pub mod event;
pub mod execution;
pub mod form;
pub mod guard;
pub mod history;
pub mod hook;
pub mod ids;
pub mod installation;
pub mod integration;
pub mod invitation;
pub mod job;
pub mod journal;
pub mod mailing;
pub mod metrics;
pub mod node;
pub mod notification;
pub mod outbox;
pub mod partition;
pub mod planner;
pub mod pulse;
pub mod retention;
pub mod rollup;
pub mod schedule;
mod scores;
pub mod secret;
pub mod seeding;
pub mod session;
pub mod submission;
pub mod suppression;
pub mod tag;
pub mod template;
pub mod tenant;
pub mod ticket;
pub mod timer;
pub mod token;
pub mod tx;
pub mod user;
pub mod waiting;
pub mod workflow;
pub mod writer;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use ::metrics::{Exposition, Gauge};
use futures_util::future::BoxFuture;
use model::{
    Clock, NodeId, TenantId, Timestamp,
    event::{Accepted, NewEvent},
};

pub use database::{Connection, Page, Paged};
pub use error::{StoreError, StoreResult};
pub use metrics::Metrics;
pub use tx::Tx;

use database::{Address, readers::Readers};
use event::{Acceptance, Match, Matcher};
use execution::{Advance, Advanced};
use ids::Ids;
use writer::{Faults, Listener, Writer};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the data is.
    pub address: Address,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// Stops the writer at chosen moments; only in tests.
    pub faults: Option<Arc<dyn Faults>>,
}

/// An open store. Cheap to clone; the last clone closes it.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    readers: Readers,
    writer: Writer,
    clock: Arc<dyn Clock>,
}

/// What the engine plugs into the store: known only after the store is open.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    /// 0: none.
    node: AtomicI64,
    /// Other nodes hand out ids too.
    others: AtomicBool,
    unfenced: AtomicBool,
    pub(crate) metrics: Metrics,
    pub(crate) matcher: OnceLock<Arc<dyn Matcher>>,
    pub(crate) listener: OnceLock<Arc<dyn Listener>>,
}

impl Hooks {
    pub(crate) fn node(&self) -> Option<NodeId> {
        NodeId::try_from(self.node.load(Ordering::Relaxed)).ok()
    }

    pub(crate) fn has_others(&self) -> bool {
        self.others.load(Ordering::Relaxed)
    }

    pub(crate) fn is_fenced(&self) -> bool {
        !self.unfenced.load(Ordering::Relaxed)
    }
}

impl Store {
    /// Opens the store, making it when it is new, and applies the migrations that are missing.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has the same SQLite file open; [`StoreError::Unavailable`] when
    /// the file or server cannot be reached; [`StoreError::Newer`] when a newer program has written it; [`StoreError::HalfCopied`].
    pub async fn open(options: Options) -> StoreResult<Self> {
        let mut opened = database::open(&options.address, options.clock.now()).await?;
        if let Some(first) = opened.writers.first_mut() {
            copy::refuse_half_copied(first).await?;
        }
        let clock = Arc::clone(&options.clock);
        if !opened.readers.is_alone() {
            let mut reader = opened.readers.take(None, &Gauge::default()).await?;
            clock.follow(reader.query_one("SELECT {now_plus:0}", Vec::new()).await?.first()?);
        }
        let ids = Ids::new(opened.ids);
        let writer = Writer::start(opened.writers, &ids, &clock, options.faults.as_ref());
        Ok(Self { inner: Arc::new(Inner { readers: opened.readers, writer, clock }) })
    }

    /// Connects what decides which executions an event starts, and what is told after each commit.
    pub fn connect(&self, matcher: Arc<dyn Matcher>, listener: Arc<dyn Listener>) {
        let hooks = self.inner.writer.hooks();
        let first = hooks.matcher.set(matcher).is_ok() && hooks.listener.set(listener).is_ok();
        debug_assert!(first, "a store serves one engine");
    }

    /// A connection for reading what belongs to `tenant`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had.
    pub async fn read(&self, tenant: TenantId) -> StoreResult<database::readers::Reader> {
        self.inner.readers.take(Some(tenant), &self.metrics().waiting_readers).await
    }

    /// A connection for reads that belong to no tenant: signing in, background tasks, recovery.
    ///
    /// # Errors
    /// As for [`Store::read`].
    pub async fn read_any(&self) -> StoreResult<database::readers::Reader> {
        self.inner.readers.take(None, &self.metrics().waiting_readers).await
    }

    /// Runs `operation` in a transaction and answers when it is durable. Refuses at once when the queue is full.
    ///
    /// # Errors
    /// What the operation itself answers; [`StoreError::QueueFull`]; [`StoreError::Unavailable`] when the commit
    /// failed: then nothing of it happened.
    pub async fn write<T, F>(&self, operation: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, StoreResult<T>> + Send + 'static,
    {
        self.inner.writer.submit(operation, writer::WhenFull::Refuse).await
    }

    /// As [`Store::write`], but waits for room in the queue: for work that was accepted already.
    ///
    /// # Errors
    /// As for [`Store::write`], without [`StoreError::QueueFull`].
    pub async fn write_patiently<T, F>(&self, operation: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, StoreResult<T>> + Send + 'static,
    {
        self.inner.writer.submit(operation, writer::WhenFull::Wait).await
    }

    /// Accepts an event. When this answers, the event and its executions are durable. Refuses at once when the queue is full, or holds enough of
    /// this tenant's events already.
    ///
    /// # Errors
    /// [`StoreError::TooManyExecutions`]; as for [`Store::write`].
    pub async fn event_accept(&self, event: NewEvent) -> StoreResult<Accepted> {
        let (tenant, hooks) = (event.tenant, self.inner.writer.hooks());
        let acceptance = || Acceptance::new(event, hooks.matcher.get().map(AsRef::as_ref));
        let answer = self.inner.writer.submit_together(tenant, acceptance, writer::WhenFull::Refuse).await;
        hooks.metrics.event(tenant, &answer);
        answer
    }

    /// Accepts an event that starts these and nothing else, whoever listens to events of its name.
    ///
    /// # Errors
    /// As for [`Store::event_accept`].
    pub async fn event_accept_for(&self, event: NewEvent, matches: Vec<Match>) -> StoreResult<Accepted> {
        let (tenant, hooks) = (event.tenant, self.inner.writer.hooks());
        let acceptance = || Acceptance::of(event, matches);
        let answer = self.inner.writer.submit_together(tenant, acceptance, writer::WhenFull::Refuse).await;
        hooks.metrics.event(tenant, &answer);
        answer
    }

    /// Writes a step forward; waits for room in the queue.
    ///
    /// # Errors
    /// As for [`Store::write_patiently`].
    pub async fn execution_advance(&self, advance: Advance) -> StoreResult<Advanced> {
        // Here, for the writer has enough to do.
        advance.steps.iter().for_each(|step| step.log.prepare());
        self.inner.writer.submit_together(advance.tenant, || advance, writer::WhenFull::Wait).await
    }

    /// Switches off what keeps a node that was taken over from writing. Only for the test that shows what then happens.
    pub fn unfence(&self) {
        self.inner.writer.hooks().unfenced.store(true, Ordering::Relaxed);
    }

    /// Nodes are kept from writing what is not theirs (any more).
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.inner.writer.hooks().is_fenced()
    }

    /// Says which node this process is from the next transaction on.
    pub fn node_set(&self, node: Option<NodeId>) {
        self.inner.writer.hooks().node.store(node.map_or(0, NodeId::get), Ordering::Relaxed);
    }

    /// Says whether other nodes work on the store: ids are then handed out in smaller portions of time.
    pub fn others_set(&self, others: bool) {
        self.inner.writer.hooks().others.store(others, Ordering::Relaxed);
    }

    /// Whether other nodes work on the store, as they were last seen.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.inner.writer.hooks().others.load(Ordering::Relaxed)
    }

    /// No other process can have this store open.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.inner.readers.is_alone()
    }

    /// Whether the database itself keeps tenants apart in what [`Store::read`] gives (PostgreSQL's row-level security). False on SQLite, and
    /// where the server's user may not take on the role that it needs: docs/OPERATIONS.md says how to make it.
    #[must_use]
    pub fn has_second_wall(&self) -> bool {
        self.inner.readers.wall() == database::readers::Wall::Stands
    }

    /// A connection of its own, for keeping a lease and for changing tables; none where only one process can have the store open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had.
    pub async fn lease_connection(&self) -> StoreResult<Option<Connection>> {
        self.inner.readers.lease().await
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The clock, for whoever waits.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// How many writes wait for their commit.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        self.inner.writer.depth()
    }

    /// How many commits there were since the store was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.inner.writer.commits()
    }

    /// What is counted and measured here.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.writer.hooks().metrics
    }

    /// Writes down what was counted and measured, with how things stand.
    pub fn metrics_write(&self, out: &mut Exposition) {
        let Inner { readers, writer, .. } = &*self.inner;
        let standing = metrics::Standing {
            queue_depth: writer.depth(),
            queue_capacity: writer.capacity(),
            readers: database::readers::READERS,
            idle_readers: readers.idle(),
        };
        self.metrics().write(standing, out);
    }

    /// Completes when the writer has ended, however it did.
    pub async fn ended(&self) {
        self.inner.writer.ended().await;
    }

    /// Commits what is queued and closes the store; later writes are refused.
    pub async fn close(&self) {
        self.inner.writer.stop().await;
    }
}
