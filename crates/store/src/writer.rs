//! The writer: every change of the process, many in one commit.
//!
//! While one commit is on its way to the disk the next operations collect in the queue; then they all run in one
//! transaction and are answered when that one commit is durable. There is no timer: the
//! batch is as large as the disk is slow. An operation that fails takes back only itself.
//!
//! Where several transactions can be under way the writer has several lanes, each with a queue and a session of its own. Events about one contact are
//! done in their order, and so are the steps of one execution ([`lanes`]); what people do goes through the first lane. Two lanes meet as two nodes would: each locks what it changes, all in one order.

mod committer;
mod holding;
mod job;
mod lanes;
mod share;

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::BoxFuture;
use model::{
    ApprovalId, Clock, ExecutionId, ExecutionStatus, NotificationId, TenantId, Timestamp, UserId, WorkflowId,
    approval::ApprovalState,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{Hooks, StoreError, StoreResult, Tx, database::Connection, execution::Started, ids::Ids};

use committer::Committer;
use job::{Job, Once, Shared};
use lanes::Lanes;
use share::Shares;

pub(crate) use job::{Needs, Together};

/// Operations that may wait: enough for a few commits' worth of work. Beyond it callers are told to come back.
const QUEUE: usize = 8_192;
/// How many of them may be one tenant's events: a flood of one leaves room for the others, and is soon worked off.
const TENANT_SHARE: usize = QUEUE / 4;

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
    /// Something has come that a run waits for.
    Signalled,
    /// An approval was asked for, decided, or is over.
    ApprovalChanged {
        /// Whose it is.
        tenant: TenantId,
        /// Which one.
        approval: ApprovalId,
        /// Of which run.
        execution: ExecutionId,
        /// Where it stands now.
        state: ApprovalState,
    },
    /// There is a mail of an approval to be sent.
    ApprovalMail,
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

enum Message {
    Job(Box<dyn Job>),
    Stop(oneshot::Sender<()>),
}

/// The handle that submits operations.
pub(crate) struct Writer {
    queues: Vec<mpsc::Sender<Message>>,
    lanes: Lanes,
    shares: Shares,
    hooks: Arc<Hooks>,
    count: Arc<Count>,
}

/// What the lanes count together.
#[derive(Debug, Default)]
struct Count {
    operations: AtomicU64,
    commits: AtomicU64,
}

impl Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("depth", &self.depth()).finish_non_exhaustive()
    }
}

impl Writer {
    /// A lane for each connection.
    pub(crate) fn start(
        connections: Vec<Connection>,
        ids: &Ids,
        clock: &Arc<dyn Clock>,
        faults: Option<&Arc<dyn Faults>>,
    ) -> Self {
        let (hooks, count, died) =
            (Arc::<Hooks>::default(), Arc::<Count>::default(), CancellationToken::new());
        let start = |connection: Connection| {
            let (queue, messages) = mpsc::channel(QUEUE);
            let blocks = connection.blocks();
            let committer = Committer {
                tx: Tx::new(connection, Arc::clone(&hooks), ids.clone()),
                messages,
                clock: Arc::clone(clock),
                faults: faults.cloned(),
                hooks: Arc::clone(&hooks),
                count: Arc::clone(&count),
                died: died.clone(),
                is_down: false,
            };
            if blocks {
                std::thread::Builder::new()
                    .name("writer".to_owned())
                    .spawn(move || futures_executor::block_on(committer.run()))
                    .expect("the system can start a thread");
            } else {
                tokio::spawn(committer.run());
            }
            queue
        };
        let queues: Vec<_> = connections.into_iter().map(start).collect();
        let lanes = Lanes::new(queues.len());
        Self { queues, lanes, shares: Shares::default(), hooks, count }
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    pub(crate) fn depth(&self) -> usize {
        self.queues.iter().map(|queue| queue.max_capacity() - queue.capacity()).sum()
    }

    /// How many may wait.
    pub(crate) fn capacity(&self) -> usize {
        self.queues.iter().map(mpsc::Sender::max_capacity).sum()
    }

    /// Commits since the start.
    pub(crate) fn commits(&self) -> u64 {
        self.count.commits.load(Ordering::Relaxed)
    }

    /// Submits something that people do: one of its kind.
    pub(crate) async fn submit<T, F>(&self, work: F, when_full: WhenFull) -> StoreResult<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, StoreResult<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(0, Box::new(Once::new(work, reply)), when_full).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Submits what many do at once. A tenant that has its share of the queue already is told to come back, unless it may wait; what
    /// it would have submitted is then not even put together.
    pub(crate) async fn submit_together<O: Together>(
        &self,
        tenant: TenantId,
        operation: impl FnOnce() -> O,
        when_full: WhenFull,
    ) -> StoreResult<O::Answer> {
        let _share = match when_full {
            WhenFull::Refuse => Some(self.shares.take(tenant, TENANT_SHARE).ok_or(StoreError::QueueFull)?),
            WhenFull::Wait => None,
        };
        let operation = operation();
        let seat = self.lanes.take(tenant.get().wrapping_add(operation.subject()));
        let (lane, (reply, answer)) = (seat.lane, oneshot::channel());
        self.send(lane, Box::new(Shared::new(operation, seat, reply)), when_full).await?;
        let (answer, _operation) = answer.await.map_err(|_| StoreError::Closed)?;
        answer
    }

    async fn send(&self, lane: usize, job: Box<dyn Job>, when_full: WhenFull) -> StoreResult<()> {
        let queue = self.queues.get(lane).ok_or(StoreError::Closed)?;
        let job = Message::Job(job);
        match when_full {
            WhenFull::Wait => queue.send(job).await.map_err(|_| StoreError::Closed),
            WhenFull::Refuse => queue.try_send(job).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::QueueFull,
                mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
            }),
        }
    }

    /// Completes when the first lane has ended; when one dies, all end.
    pub(crate) async fn ended(&self) {
        if let Some(first) = self.queues.first() {
            first.closed().await;
        }
    }

    pub(crate) async fn stop(&self) {
        for queue in &self.queues {
            let (done, stopped) = oneshot::channel();
            if queue.send(Message::Stop(done)).await.is_ok() {
                // An error means that the lane has ended already.
                drop(stopped.await);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use testkit::clock::SimulatedClock;

    use super::*;
    use crate::{Options, Store};

    fn nothing(_: &mut Tx) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async { Ok(()) })
    }

    testkit::on_both! {
        async fn whoever_is_at_the_door_when_a_lane_ends_is_told(place: Place) {
            let clock = Arc::new(SimulatedClock::new(Timestamp::EPOCH));
            let address = place.address().parse().unwrap();
            let store = Store::open(Options { address, clock, faults: None }).await.unwrap();
            let doors = join_all(store.inner.writer.queues.iter().map(mpsc::Sender::reserve)).await;
            store.close().await;
            let answers = doors.into_iter().map(|door| {
                let (reply, answer) = oneshot::channel();
                door.unwrap().send(Message::Job(Box::new(Once::new(nothing, reply))));
                answer
            });
            let told = tokio::time::timeout(Duration::from_secs(20), join_all(answers));
            assert!(told.await.expect("everybody is told").iter().all(Result::is_err), "nothing was done");
        }
    }
}
