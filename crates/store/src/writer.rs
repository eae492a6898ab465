//! The writer: every change of the process, many in one commit.
//!
//! While one commit is on its way to the disk the next operations collect in the queue; then they all run in one
//! transaction, each in a savepoint of its own, and are answered when that one commit is durable. There is no timer: the
//! batch is as large as the disk is slow. An operation that fails takes back only itself.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use model::{Clock, ExecutionId, ExecutionStatus, NotificationId, TenantId, Timestamp, UserId, WorkflowId};
use tokio::sync::{mpsc, oneshot};

use crate::{Hooks, StoreError, StoreResult, Tx, database::Connection, execution::Started};

/// Operations that may wait: enough for a few commits' worth of work. Beyond it callers are told to come back.
const QUEUE: usize = 8_192;
/// Operations in one commit.
const BATCH: usize = 1_024;
/// A batch is closed after this long even when more is queued, so that nobody waits for a giant.
const BATCH_TIME: Duration = Duration::from_millis(50);

/// Told after each commit what it made durable.
pub trait Listener: Send + Sync + Debug + 'static {
    /// What the commit brought, in order. Must not block: the writer waits for it.
    fn committed(&self, notices: Vec<Notice>);
}

/// Something that others want to know once it is durable.
#[derive(Debug)]
pub enum Notice {
    /// An execution exists and is this node's to run.
    Started(Box<Started>),
    /// There is an execution that nobody has in hand.
    Unowned,
    /// An execution's state changed.
    ExecutionChanged {
        /// Whose it is.
        tenant: TenantId,
        /// Which one.
        execution: ExecutionId,
        /// Of which workflow.
        workflow: WorkflowId,
        /// Where it stands now.
        status: ExecutionStatus,
    },
    /// A timer was set that may be the next one due.
    TimerSet(Timestamp),
    /// A user has a new notification.
    Notified {
        /// Whose it is.
        tenant: TenantId,
        /// To whom.
        user: UserId,
        /// Which one.
        notification: NotificationId,
    },
}

/// Stops the writer at chosen moments, as a crash would: only in tests.
pub trait Faults: Send + Sync + Debug + 'static {
    /// Asked before operation `number` of the process (1, 2, 3 …) runs: an error to answer instead.
    fn operation(&self, number: u64) -> Option<StoreError>;
    /// Asked before commit `number`: true kills the writer, and nothing of the batch is kept.
    fn dies_before_commit(&self, number: u64) -> bool;
    /// Asked after commit `number`: true kills the writer before anyone is answered.
    fn dies_after_commit(&self, number: u64) -> bool;
}

/// What to do when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    Refuse,
    Wait,
}

trait Job: Send {
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, StoreResult<()>>;
    fn answer(self: Box<Self>, committed: StoreResult<()>);
}

struct Operation<T, F> {
    work: Option<F>,
    outcome: Option<T>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Job for Operation<T, F>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, StoreResult<T>> + Send + 'static,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, StoreResult<()>> {
        async move {
            let work = self.work.take().expect("an operation runs once");
            self.outcome = Some(work(tx).await?);
            Ok(())
        }
        .boxed()
    }

    fn answer(self: Box<Self>, committed: StoreResult<()>) {
        let Self { outcome, reply, .. } = *self;
        let answer = committed.and_then(|()| outcome.ok_or(StoreError::Closed));
        // Whoever asked may be gone: the change is durable all the same.
        drop(reply.send(answer));
    }
}

enum Message {
    Job(Box<dyn Job>),
    Stop(oneshot::Sender<()>),
}

/// The handle that submits operations.
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    hooks: Arc<Hooks>,
    commits: Arc<AtomicU64>,
}

impl Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("depth", &self.depth()).finish_non_exhaustive()
    }
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        clock: Arc<dyn Clock>,
        faults: Option<Arc<dyn Faults>>,
    ) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        let hooks = Arc::new(Hooks::default());
        let commits = Arc::new(AtomicU64::new(0));
        let blocks = connection.blocks();
        let tx = Tx::new(connection, Arc::clone(&hooks));
        let committer = Committer {
            tx,
            messages,
            clock,
            faults,
            hooks: Arc::clone(&hooks),
            commits: Arc::clone(&commits),
            operations: 0,
        };
        if blocks {
            std::thread::Builder::new()
                .name("writer".to_owned())
                .spawn(move || futures_executor::block_on(committer.run()))
                .expect("the system can start a thread");
        } else {
            tokio::spawn(committer.run());
        }
        Self { queue, hooks, commits }
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    pub(crate) fn depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Commits since the start.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(crate) async fn submit<T, F>(&self, work: F, when_full: WhenFull) -> StoreResult<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, StoreResult<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Message::Job(Box::new(Operation { work: Some(work), outcome: None, reply }));
        match when_full {
            WhenFull::Wait => self.queue.send(job).await.map_err(|_| StoreError::Closed)?,
            WhenFull::Refuse => self.queue.try_send(job).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::QueueFull,
                mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
            })?,
        }
        answer.await.map_err(|_| StoreError::Closed)?
    }

    pub(crate) async fn ended(&self) {
        self.queue.closed().await;
    }

    pub(crate) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.queue.send(Message::Stop(done)).await.is_ok() {
            // An error means that the thread has ended already.
            drop(stopped.await);
        }
    }
}

struct Committer {
    tx: Tx,
    messages: mpsc::Receiver<Message>,
    clock: Arc<dyn Clock>,
    faults: Option<Arc<dyn Faults>>,
    hooks: Arc<Hooks>,
    commits: Arc<AtomicU64>,
    operations: u64,
}

/// Why the committer ends.
enum End {
    Stopped(Option<oneshot::Sender<()>>),
    Died,
}

impl Committer {
    async fn run(mut self) {
        let end = self.serve().await;
        if matches!(end, End::Stopped(_))
            && let Err(error) = self.tx.settle().await
        {
            tracing::debug!(%error, "the write-ahead log stays beside the database for the next start");
        }
        // The file is free for the next process before anyone hears that this one is done with it: the connection is
        // dropped before the receiver, whose end closes the queue.
        drop(self);
        if let End::Stopped(Some(done)) = end {
            // Whoever asked may be gone.
            let _ = done.send(());
        }
    }

    async fn serve(&mut self) -> End {
        while let Some(message) = self.messages.recv().await {
            let first = match message {
                Message::Job(job) => job,
                Message::Stop(done) => return End::Stopped(Some(done)),
            };
            if let Err(end) = self.batch(first).await {
                return end;
            }
        }
        End::Stopped(None)
    }

    /// Runs what is queued in one transaction.
    async fn batch(&mut self, first: Box<dyn Job>) -> Result<(), End> {
        let begun = Instant::now();
        if let Err(error) = self.tx.begin(self.clock.now()).await {
            tracing::error!(%error, "a transaction could not begin");
            first.answer(Err(error));
            return Ok(());
        }
        let mut waiting: Vec<Box<dyn Job>> = Vec::new();
        let mut stop = None;
        let mut next = Some(first);
        while let Some(mut job) = next.take() {
            match self.run_one(job.as_mut()).await {
                Ok(Ok(())) => waiting.push(job),
                Ok(Err(error)) => job.answer(Err(error)),
                Err(error) => {
                    // The database took back more than the one operation (a full disk does that): nothing of the batch
                    // is left, and nothing more may run in it.
                    tracing::error!(%error, "a transaction broke; its operations are refused");
                    self.tx.abandon().await;
                    waiting.push(job);
                    for job in waiting {
                        job.answer(Err(error.clone()));
                    }
                    return Ok(());
                }
            }
            if waiting.len() < BATCH && begun.elapsed() < BATCH_TIME {
                match self.messages.try_recv() {
                    Ok(Message::Job(job)) => next = Some(job),
                    Ok(Message::Stop(done)) => stop = Some(done),
                    Err(_) => {}
                }
            }
        }
        let committed = self.commit().await?;
        for job in waiting {
            job.answer(committed.clone());
        }
        match stop {
            Some(done) => Err(End::Stopped(Some(done))),
            None => Ok(()),
        }
    }

    /// The outer error says that the transaction is no more; the inner one is the operation's own.
    async fn run_one(&mut self, job: &mut dyn Job) -> StoreResult<StoreResult<()>> {
        self.operations += 1;
        if let Some(error) = self.faults.as_ref().and_then(|faults| faults.operation(self.operations)) {
            return Ok(Err(error));
        }
        self.tx.operation_begin().await?;
        // A fault of this program in one operation must not end the writer: the others go on.
        let result = std::panic::AssertUnwindSafe(job.run(&mut self.tx)).catch_unwind().await;
        match result {
            Ok(Ok(())) => self.tx.operation_keep().await.map(Ok),
            Ok(Err(error)) => {
                self.tx.operation_undo().await?;
                Ok(Err(error))
            }
            Err(_) => {
                self.tx.operation_undo().await?;
                Ok(Err(StoreError::Corrupt("an operation of the store panicked".to_owned())))
            }
        }
    }

    async fn commit(&mut self) -> Result<StoreResult<()>, End> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        if self.faults.as_ref().is_some_and(|faults| faults.dies_before_commit(number)) {
            return Err(End::Died);
        }
        let committed = self.tx.commit().await;
        if self.faults.as_ref().is_some_and(|faults| faults.dies_after_commit(number)) {
            return Err(End::Died);
        }
        match committed {
            Ok(notices) => {
                if let Some(listener) = self.hooks.listener.get().filter(|_| !notices.is_empty()) {
                    listener.committed(notices);
                }
                Ok(Ok(()))
            }
            Err(error) => {
                tracing::error!(%error, "a commit failed; its operations are refused");
                Ok(Err(error))
            }
        }
    }
}
