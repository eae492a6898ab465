//! The engine: takes events in, runs the executions that they start, and brings every one of them to its end.
//!
//! - [`matching`]: an event, the workflows that it starts, and what their conditions say
//! - [`walk`] and [`progress`]: pure functions: what is next, and what follows from it
//! - [`control`]: what control steps decide; [`calls`]: those that run another workflow
//! - [`runner`] and [`perform`]: doing it; [`under_way`]: several calls at the same time
//! - [`node`] and [`tasks`]: what happens by itself: the lease, timers, taking up what nobody has in hand, upkeep, retention
//! - [`decisions`]: why something ran, or did not
//! - [`jobs`]: running a workflow for many records
//! - [`manual`]: what people do: retry, cancel; [`moving`]: taking runs that wait to a newer version; [`dry_run`]: trying a workflow without any effect

mod again;
mod alert;
mod audience;
mod calls;
mod control;
pub mod decisions;
pub mod dry_run;
pub mod jobs;
pub mod ledger;
pub mod listening;
pub mod locals;
pub mod manual;
pub mod matching;
mod metrics;
pub mod moving;
pub mod node;
mod patience;
pub mod perform;
mod ports;
pub mod program;
pub mod progress;
mod put_off;
pub mod rows;
mod runner;
mod stretch;
mod tasks;
pub mod tenants;
mod under_way;
pub mod walk;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actions::{
    address::AddressPolicy,
    hosts::Hosts,
    http::HttpClient,
    mail::{SmtpClient, SmtpServer},
};
use futures_util::future::join_all;
use model::{
    ExecutionId, NodeId, Problem, TenantId, WorkflowId,
    event::{Accepted, NewEvent},
};
use store::{Store, StoreError, installation::installation_id, secret::SecretBox};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use dry_run::DryRun;
pub use listening::Live;
pub use manual::{RetryDefinition, RetryFrom, RetryRequest};
pub use matching::{DEEPEST, MOST_DEEP};
pub use moving::{MoveRequest, MoveSummary, Unmoved};
pub use node::Lease;
pub use progress::RetryPolicy;
pub use tasks::retention::Removed;

use node::Node;
use program::Programs;
use runner::Queue;
use tasks::{claim::Call, timers::Bell};
use tenants::Tenants;

/// How an engine works.
#[derive(Debug, Clone)]
pub struct Options {
    /// When failed executions are tried again.
    pub retry: RetryPolicy,
    /// Executions that run at once; a quarter of them at most call the same host outside, and three quarters are of one tenant there.
    pub workers: usize,
    /// Which addresses webhooks, integrations and the tenants' mail servers may be at.
    pub addresses: AddressPolicy,
    /// The installation's mail server.
    pub smtp: Option<SmtpServer>,
    /// How long this process is believed to live without a sign of it; only where several may work on one store.
    pub lease: Lease,
    /// What operators call this process.
    pub name: String,
    /// How people reach the server, without a slash at its end: for links in mails.
    pub public_url: Option<String>,
    /// How deep workflows may start one another, by their events or calls, before it counts as a loop: 1 to [`MOST_DEEP`].
    pub max_depth: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            workers: 256,
            addresses: AddressPolicy::Public,
            smtp: None,
            lease: Lease::default(),
            name: "vtrustx".to_owned(),
            public_url: None,
            max_depth: DEEPEST,
        }
    }
}

/// Why the engine did not do something.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store's reason.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A definition that does not compile.
    #[error("the definition is not valid")]
    Invalid(Vec<Problem>),
    /// A walk without a next step or an end: a fault of this program.
    #[error("execution {0} has neither a next step nor an end")]
    Stuck(ExecutionId),
    /// A panic outside of any action: a fault of this program.
    #[error("a fault of this program stopped it")]
    Panicked,
}

impl EngineError {
    /// The store takes nothing for now, or nothing from this node: what else is due would fail as well.
    pub(crate) const fn stops_all(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unavailable(_) | StoreError::Closed | StoreError::Fenced))
    }
}

/// A running engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

pub(crate) struct EngineInner {
    pub(crate) store: Store,
    pub(crate) secrets: Arc<SecretBox>,
    pub(crate) programs: Programs,
    pub(crate) tenants: Tenants,
    pub(crate) hosts: Hosts,
    pub(crate) http: HttpClient,
    pub(crate) mail: SmtpClient,
    pub(crate) policy: RetryPolicy,
    pub(crate) queue: Queue,
    /// What tells this installation's idempotency keys from another's.
    pub(crate) installation: String,
    pub(crate) node: Node,
    pub(crate) lease: Lease,
    pub(crate) name: String,
    pub(crate) public_url: Option<String>,
    /// How deep workflows may start one another.
    pub(crate) max_depth: u32,
    pub(crate) call: Call,
    pub(crate) timers: Bell,
    pub(crate) queues: tasks::queues::Turns,
    /// Something has come that a run waits for.
    pub(crate) signals: Notify,
    /// A mail of an approval is due.
    pub(crate) approval_mails: Notify,
    pub(crate) live: broadcast::Sender<Live>,
    pub(crate) workers: Arc<Semaphore>,
    pub(crate) metrics: metrics::Metrics,
    pub(crate) runs: TaskTracker,
    /// The lease is kept while the last runs end.
    leases: TaskTracker,
    /// Executions that run or wait for a worker, to stop one that is cancelled.
    pub(crate) in_hand: Mutex<HashMap<ExecutionId, CancellationToken>>,
    /// How many wait for a worker.
    pub(crate) waiting: AtomicUsize,
    /// No new work.
    pub(crate) draining: CancellationToken,
    /// No work at all.
    pub(crate) ended: CancellationToken,
    commits_seen: AtomicU64,
}

impl std::fmt::Debug for EngineInner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

/// Executions in hand that wait for a worker, where nobody else could take them: about a second's worth.
const QUEUE_ALONE: usize = 2_000;
/// The same where others could.
const QUEUE_SHARED: usize = 256;

/// Changes that a slow watcher may lag behind before it has to read anew.
const LIVE_BUFFER: usize = 1_024;

impl Engine {
    /// Starts the engine: loads the active workflows, takes up what the last process left, and begins to work.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(store: Store, secrets: Arc<SecretBox>, options: Options) -> Result<Self, EngineError> {
        let (engine, ready) = Self::build(store, secrets, options).await?;
        let inner = &engine.inner;
        tasks::lease::join(inner).await?;
        tasks::schedules::adopt(inner).await?;
        inner.runs.spawn(runner::dispatch(Arc::clone(inner), ready));
        inner.leases.spawn(tasks::lease::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::lease::watch(Arc::clone(inner)));
        inner.runs.spawn(tasks::claim::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::pulse::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::planner::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::partitions::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::timers::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::queues::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::signals::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::approvals::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::upkeep::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::backlog::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::retention::run(Arc::clone(inner)));
        inner.runs.spawn(tasks::alerts::run(Arc::clone(inner)));
        Ok(engine)
    }

    /// An engine that takes events and orders but runs nothing beyond what is done with an acceptance: for a command on a store that no server has
    /// open. What it takes in is run by the next start.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn at_rest(
        store: Store,
        secrets: Arc<SecretBox>,
        options: Options,
    ) -> Result<Self, EngineError> {
        let (engine, _) = Self::build(store, secrets, options).await?;
        Ok(engine)
    }

    async fn build(
        store: Store,
        secrets: Arc<SecretBox>,
        options: Options,
    ) -> Result<(Self, mpsc::UnboundedReceiver<runner::Item>), EngineError> {
        let (queue, ready) = Queue::new();
        let installation = installation_id(&store).await?;
        let inner = Arc::new(EngineInner {
            hosts: Hosts::new(options.workers),
            http: HttpClient::new(options.addresses),
            mail: SmtpClient::new(options.smtp, options.addresses),
            store,
            secrets,
            programs: Programs::default(),
            tenants: Tenants::default(),
            policy: options.retry,
            queue,
            installation,
            node: Node::nobody(),
            lease: options.lease,
            name: options.name,
            public_url: options.public_url,
            max_depth: options.max_depth.clamp(1, MOST_DEEP),
            call: Call::default(),
            timers: Bell::new(),
            queues: tasks::queues::Turns::default(),
            signals: Notify::new(),
            approval_mails: Notify::new(),
            live: broadcast::Sender::new(LIVE_BUFFER),
            workers: Arc::new(Semaphore::new(options.workers.max(1))),
            metrics: metrics::Metrics::new(options.workers.max(1)),
            runs: TaskTracker::new(),
            leases: TaskTracker::new(),
            in_hand: Mutex::default(),
            waiting: AtomicUsize::new(0),
            draining: CancellationToken::new(),
            ended: CancellationToken::new(),
            commits_seen: AtomicU64::new(0),
        });
        let matcher = matching::Matching { engine: Arc::downgrade(&inner) };
        let listener = listening::Listening { engine: Arc::downgrade(&inner) };
        inner.store.connect(Arc::new(matcher), Arc::new(listener));
        let workflows = inner.programs.load(&inner.store).await?;
        tracing::debug!(workflows, "workflows are loaded");
        Ok((Self { inner }, ready))
    }

    /// Accepts an event. When this answers, the event and its executions are durable.
    ///
    /// # Errors
    /// [`StoreError::TooManyExecutions`], [`StoreError::QueueFull`], or the store's reason.
    pub async fn accept(&self, event: NewEvent) -> Result<Accepted, EngineError> {
        self.prepare(event.tenant).await?;
        Ok(self.inner.store.event_accept(event).await?)
    }

    /// Accepts several events of one tenant, each for itself, in order and in as few commits as possible.
    ///
    /// # Errors
    /// When the tenant cannot be read; each event has an answer of its own.
    pub async fn accept_all(
        &self,
        tenant: TenantId,
        events: Vec<NewEvent>,
    ) -> Result<Vec<Result<Accepted, EngineError>>, EngineError> {
        self.prepare(tenant).await?;
        Ok(join_all(events.into_iter().map(|event| self.accept(event))).await)
    }

    /// Makes sure that conditions can see the tenant's name and zone.
    async fn prepare(&self, tenant: TenantId) -> Result<(), EngineError> {
        self.inner.tenants.profile(&self.inner.store, &self.inner.secrets, tenant).await?;
        Ok(())
    }

    /// Takes in a change of a workflow; when this answers, the next event meets the new state.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn workflow_changed(&self, tenant: TenantId, workflow: WorkflowId) -> Result<(), EngineError> {
        self.prepare(tenant).await?;
        self.inner.programs.refresh(&self.inner.store, tenant, workflow).await
    }

    /// Takes in a change of a tenant's settings.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tenant_changed(&self, tenant: TenantId) -> Result<(), EngineError> {
        self.inner.tenants.forget(tenant);
        self.prepare(tenant).await
    }

    /// Removes now what is older than its tenant keeps it. The engine does the same by itself every ten minutes.
    ///
    /// # Errors
    /// When the store does not answer for long.
    pub async fn retain(&self) -> Result<Removed, EngineError> {
        tasks::retention::retain(&self.inner).await
    }

    /// Looks at the tenants' alerts, unless that was done in this minute, and sends what is due. It happens by itself where the engine runs.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn alerts(&self) -> Result<(), EngineError> {
        tasks::alerts::round(&self.inner).await
    }

    /// Changes as they become durable, of all tenants: whoever passes them on filters by tenant.
    #[must_use]
    pub fn live(&self) -> broadcast::Receiver<Live> {
        self.inner.live.subscribe()
    }

    /// The store beneath.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Writes down what was counted and measured since the process began, of the store too, and how things stand.
    pub fn metrics_write(&self, out: &mut ::metrics::Exposition) {
        self.inner.store.metrics_write(out);
        self.inner.metrics_write(out);
    }

    /// The key of the stored secrets.
    #[must_use]
    pub fn secrets(&self) -> &Arc<SecretBox> {
        &self.inner.secrets
    }

    /// The client for targets outside.
    #[must_use]
    pub fn http(&self) -> &HttpClient {
        &self.inner.http
    }

    /// Ends: no new work, running steps get `grace`, then their executions are left for the next start, and the store is closed.
    pub async fn stop(&self, grace: Duration) {
        let inner = &self.inner;
        inner.draining.cancel();
        inner.runs.close();
        if tokio::time::timeout(grace, inner.runs.wait()).await.is_err() {
            tracing::warn!("steps are still running; their executions are taken up again at the next start");
        }
        let tokens: Vec<_> = inner
            .in_hand
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .values()
            .cloned()
            .collect();
        tokens.iter().for_each(CancellationToken::cancel);
        tasks::lease::leave(inner).await;
        inner.ended.cancel();
        inner.leases.close();
        inner.leases.wait().await;
        inner.store.close().await;
    }
}

impl EngineInner {
    /// A worker is free for an execution that starts now.
    pub(crate) fn has_worker(&self) -> bool {
        self.is_idle() && self.workers.available_permits() > 0
    }

    /// An execution is no longer in this node's hands: nothing is there to be stopped.
    pub(crate) fn let_go(&self, id: ExecutionId) {
        self.in_hand.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&id);
    }

    /// Stops a run that was cancelled, when it is in hand here: what is in flight is abandoned.
    pub(crate) fn abandon(&self, id: ExecutionId) {
        let in_hand = self.in_hand.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(run) = in_hand.get(&id) {
            run.cancel();
        }
    }

    /// Whether something that was taken in hand by `owner` may still be acted upon outside.
    pub(crate) async fn may_act_for(&self, owner: Option<NodeId>) -> bool {
        !self.store.is_fenced() || self.node.may_act_for(owner).await
    }

    /// Nothing waits for a worker.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// How many more executions this node takes in hand: a short queue keeps the workers busy, and what is beyond it is left for nodes
    /// that have room, and to fairness between tenants.
    pub(crate) fn room(&self) -> i64 {
        let queue = if self.store.is_alone() { QUEUE_ALONE } else { QUEUE_SHARED };
        let room =
            (queue + self.workers.available_permits()).saturating_sub(self.waiting.load(Ordering::Relaxed));
        i64::try_from(room).unwrap_or(i64::MAX)
    }

    /// Something was committed since the last call, other than by the caller itself.
    pub(crate) fn counters_changed(&self) -> bool {
        let commits = self.store.commits();
        // The fold that follows is a commit too.
        self.commits_seen.swap(commits + 1, Ordering::Relaxed) < commits
    }

    /// What [`EngineInner::counters_changed`] has told of is left for the next round.
    pub(crate) fn counters_left(&self) {
        self.commits_seen.store(0, Ordering::Relaxed);
    }
}
