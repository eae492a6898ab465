//! The store: the only place with SQL.
//!
//! - `database/` is the facade: one SQL text for every database, values in, rows out. See [`database`].
//! - [`writer`] commits: all changes of the process go through it, many in one commit.
//! - reads have connections of their own ([`Store::read`]) and never wait for the writer.
//! - the other files hold one aggregate each: plain functions whose first parameter is the connection or the
//!   transaction, and whose second is the tenant. The SQL text stands directly above the function that runs it,
//!   or inside it.

pub mod api_key;
pub mod change;
pub mod contact;
pub mod copy;
pub mod database;
pub mod demo;
pub mod doctor;
pub mod effect;
pub mod error;
pub mod event;
pub mod execution;
pub mod form;
pub mod history;
pub mod installation;
pub mod integration;
pub mod journal;
pub mod node;
pub mod notification;
pub mod outbox;
pub mod rollup;
pub mod secret;
pub mod session;
pub mod submission;
pub mod tag;
pub mod template;
pub mod tenant;
pub mod ticket;
pub mod timer;
pub mod token;
pub mod tx;
pub mod user;
pub mod workflow;
pub mod writer;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicI64, Ordering},
};

use futures_util::future::BoxFuture;
use model::{Clock, NodeId, TenantId, Timestamp};

pub use database::{Connection, Page, Paged};
pub use error::{StoreError, StoreResult};
pub use tx::Tx;

use database::{Address, readers::Readers};
use event::Matcher;
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
    pub(crate) matcher: OnceLock<Arc<dyn Matcher>>,
    pub(crate) listener: OnceLock<Arc<dyn Listener>>,
}

impl Hooks {
    pub(crate) fn node(&self) -> Option<NodeId> {
        NodeId::try_from(self.node.load(Ordering::Relaxed)).ok()
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
        copy::refuse_half_copied(&mut opened.writer).await?;
        let clock = Arc::clone(&options.clock);
        let writer = Writer::start(opened.writer, Arc::clone(&clock), options.faults);
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
        self.inner.readers.take(Some(tenant)).await
    }

    /// A connection for reads that belong to no tenant: signing in, background tasks, recovery.
    ///
    /// # Errors
    /// As for [`Store::read`].
    pub async fn read_any(&self) -> StoreResult<database::readers::Reader> {
        self.inner.readers.take(None).await
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

    /// Says which node this process is from the next transaction on.
    pub fn node_set(&self, node: Option<NodeId>) {
        self.inner.writer.hooks().node.store(node.map_or(0, NodeId::get), Ordering::Relaxed);
    }

    /// No other process can have this store open.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.inner.readers.is_alone()
    }

    /// A connection of its own for keeping a lease; none where only one process can have the store open.
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

    /// Completes when the writer has ended, however it did.
    pub async fn ended(&self) {
        self.inner.writer.ended().await;
    }

    /// Commits what is queued and closes the store; later writes are refused.
    pub async fn close(&self) {
        self.inner.writer.stop().await;
    }
}
