//! One lane: takes operations from its queue, runs a batch of them in one transaction, commits, answers.

use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use model::Clock;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{Count, Faults, Message, Needs, holding::hold, job::Job};
use crate::{Hooks, StoreError, StoreResult, Tx};

/// Operations in one commit.
const BATCH: usize = 512;
/// A batch is closed after this long even when more is queued, so that nobody waits for a giant.
const BATCH_TIME: Duration = Duration::from_millis(50);

pub(super) struct Committer {
    pub(super) tx: Tx,
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) faults: Option<Arc<dyn Faults>>,
    pub(super) hooks: Arc<Hooks>,
    pub(super) count: Arc<Count>,
    /// One lane that dies takes the others along, as a process would.
    pub(super) died: CancellationToken,
    /// Transactions cannot begin: said once, not with each.
    pub(super) is_down: bool,
}

/// Why the committer ends.
enum End {
    Stopped(Option<oneshot::Sender<()>>),
    /// Whoever waits for a stop hears of this end as well.
    Died(Option<oneshot::Sender<()>>),
}

/// The operations of a transaction under way.
#[derive(Default)]
struct Batch {
    /// Done, each for itself.
    done: Vec<Box<dyn Job>>,
    /// Taken back, each for itself. They are answered with the others: whoever has his answer and goes on meets the next transaction, and its time.
    refused: Vec<(Box<dyn Job>, StoreError)>,
    /// To be done together, at the end.
    together: VecDeque<Box<dyn Job>>,
    needs: Needs,
    /// What is done is nothing but what was done together, and is written with the commit: it can be done again.
    is_unwritten: bool,
    stop: Option<oneshot::Sender<()>>,
}

impl Committer {
    pub(super) async fn run(mut self) {
        let end = self.serve().await;
        match end {
            End::Stopped(_) => {
                if let Err(error) = self.tx.settle().await {
                    tracing::debug!(%error, "something is left for the next start to tidy up");
                }
            }
            End::Died(_) => self.died.cancel(),
        }
        // The file is free for the next process before anyone hears that this one is done with it.
        let Self { tx, mut messages, .. } = self;
        drop(tx);
        messages.close();
        if let End::Stopped(Some(done)) | End::Died(Some(done)) = end {
            // Whoever asked may be gone.
            let _ = done.send(());
        }
        // What reaches a queue after its receiver is gone stays in it, and its sender would wait for the answer for ever: whoever was about to
        // submit something at this moment is let in, and hears that it is too late.
        while messages.recv().await.is_some() {}
    }

    async fn serve(&mut self) -> End {
        let died = self.died.clone();
        loop {
            // Where one lane has died, none does anything more.
            let message = tokio::select! {
                biased;
                () = died.cancelled() => return End::Died(None),
                message = self.messages.recv() => message,
            };
            let first = match message {
                Some(Message::Job(job)) => job,
                Some(Message::Stop(done)) => return End::Stopped(Some(done)),
                None => return End::Stopped(None),
            };
            if let Err(end) = self.batch(first).await {
                return end;
            }
        }
    }

    /// Runs what is queued in one transaction.
    async fn batch(&mut self, first: Box<dyn Job>) -> Result<(), End> {
        if let Err(error) = self.tx.begin(self.clock.now()).await {
            if !std::mem::replace(&mut self.is_down, true) {
                tracing::error!(%error, "a transaction could not begin; nothing is written until one can");
            }
            first.answer(Err(error));
            return Ok(());
        }
        let mut batch = Batch::default();
        let filled = self.fill(&mut batch, first).await;
        self.finish(batch, filled).await
    }

    /// Commits what a batch has done, and answers.
    async fn finish(&mut self, mut batch: Batch, mut filled: StoreResult<()>) -> Result<(), End> {
        while filled.is_ok() {
            let begun = Instant::now();
            let span = tracing::debug_span!("commit", operations = batch.done.len());
            let Some(committed) = self.commit().instrument(span).await else {
                return Err(End::Died(batch.stop));
            };
            match committed {
                Err(error) if batch.is_unwritten => {
                    tracing::debug!(%error, "a batch is done one by one");
                    filled = self.again(&mut batch).await;
                }
                committed => {
                    self.hooks.metrics.commit(batch.done.len(), begun.elapsed(), &committed);
                    if let Err(error) = &committed {
                        tracing::error!(%error, "a commit failed; its operations are refused");
                    } else if !batch.done.is_empty() && std::mem::replace(&mut self.is_down, false) {
                        tracing::info!("transactions can begin again");
                    }
                    for job in batch.done.drain(..) {
                        job.answer(committed.clone());
                    }
                    break;
                }
            }
        }
        if let Err(error) = filled {
            // The database took back more than the one operation (a full disk does that): nothing of the batch
            // is left, and nothing more may run in it.
            // That another node has taken over is said once: the first statement of each transaction learns it.
            if !(error == StoreError::Fenced && std::mem::replace(&mut self.is_down, true)) {
                tracing::error!(%error, "a transaction broke; its operations are refused");
            }
            self.tx.abandon().await;
            for job in batch.done.into_iter().chain(batch.together) {
                job.answer(Err(error.clone()));
            }
        }
        batch.refused.into_iter().for_each(|(job, error)| job.answer(Err(error)));
        match batch.stop {
            Some(done) => Err(End::Stopped(Some(done))),
            None => Ok(()),
        }
    }

    /// Does one by one, in a transaction of its own, what was to be written together and was refused with the commit.
    async fn again(&mut self, batch: &mut Batch) -> StoreResult<()> {
        batch.is_unwritten = false;
        batch.together.extend(batch.done.drain(..));
        self.tx.begin(self.clock.now()).await?;
        self.run_each(batch).await
    }

    /// Takes operations from the queue and runs them. An error says that the transaction is no more.
    async fn fill(&mut self, batch: &mut Batch, first: Box<dyn Job>) -> StoreResult<()> {
        let begun = Instant::now();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            self.take(batch, job).await?;
            let taken = batch.done.len() + batch.refused.len() + batch.together.len();
            if taken < BATCH && begun.elapsed() < BATCH_TIME {
                match self.messages.try_recv() {
                    Ok(Message::Job(job)) => next = Some(job),
                    Ok(Message::Stop(done)) => batch.stop = Some(done),
                    Err(_) => {}
                }
            }
        }
        self.run_together(batch).await
    }

    async fn take(&mut self, batch: &mut Batch, job: Box<dyn Job>) -> StoreResult<()> {
        let number = self.count.operations.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(error) = self.faults.as_ref().and_then(|faults| faults.operation(number)) {
            batch.refused.push((job, error));
        } else if job.together(&mut batch.needs) {
            batch.together.push_back(job);
        } else {
            self.run_alone(batch, job).await?;
        }
        Ok(())
    }

    async fn run_alone(&mut self, batch: &mut Batch, mut job: Box<dyn Job>) -> StoreResult<()> {
        match self.run_one(job.as_mut()).await {
            Ok(Ok(())) => batch.done.push(job),
            Ok(Err(error)) => batch.refused.push((job, error)),
            Err(error) => {
                batch.done.push(job);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Runs operations together; when anything of it fails, each for itself.
    async fn run_together(&mut self, batch: &mut Batch) -> StoreResult<()> {
        if batch.together.is_empty() {
            return Ok(());
        }
        // With nothing before it that could not be done again, what it writes goes out with the commit.
        let is_alone = self.tx.is_fresh();
        self.tx.operation_begin().await?;
        match self.try_together(batch, is_alone).await {
            Ok(()) => {
                batch.is_unwritten = is_alone;
                batch.done.extend(batch.together.drain(..));
                self.tx.operation_keep().await
            }
            Err(error @ StoreError::Fenced) => Err(error),
            Err(error) => {
                tracing::debug!(%error, "a batch is done one by one");
                self.tx.operation_undo().await?;
                self.run_each(batch).await
            }
        }
    }

    /// Runs one by one what would be run together.
    async fn run_each(&mut self, batch: &mut Batch) -> StoreResult<()> {
        let mut needs = Needs::default();
        for job in &batch.together {
            job.together(&mut needs);
        }
        self.hold_for_each(needs).await?;
        // Keys are taken by each for itself, in the one order.
        batch.together.make_contiguous().sort_by_cached_key(|job| {
            let mut needs = Needs::default();
            job.together(&mut needs);
            needs.event_keys.pop_first()
        });
        while let Some(job) = batch.together.pop_front() {
            self.run_alone(batch, job).await?;
        }
        Ok(())
    }

    /// Locks what a batch would before its operations run one by one: what each locks for itself, in the order in which they came, would be held to the commit.
    async fn hold_for_each(&mut self, mut needs: Needs) -> StoreResult<()> {
        if self.tx.blocks() {
            return Ok(());
        }
        needs.event_keys.clear();
        self.tx.operation_begin().await?;
        match hold(&mut self.tx, needs).await {
            Ok(()) => self.tx.operation_keep().await,
            // Each operation is told by itself what is wrong.
            Err(_) => self.tx.operation_undo().await,
        }
    }

    async fn try_together(&mut self, batch: &mut Batch, is_alone: bool) -> StoreResult<()> {
        hold(&mut self.tx, std::mem::take(&mut batch.needs)).await?;
        for job in &mut batch.together {
            attempt(&mut self.tx, job.as_mut()).await?;
        }
        if is_alone { Ok(()) } else { self.tx.flush().await }
    }

    /// The outer error says that the transaction is no more; the inner one is the operation's own.
    async fn run_one(&mut self, job: &mut dyn Job) -> StoreResult<StoreResult<()>> {
        let mut may_repeat = job.together(&mut Needs::default());
        loop {
            self.tx.operation_begin().await?;
            match self.try_one(job).await {
                Ok(()) => return self.tx.operation_keep().await.map(Ok),
                Err(error) => {
                    self.tx.operation_undo().await?;
                    // Somebody else was faster with a name: the second time it is seen.
                    if !error.is_taken() || !std::mem::take(&mut may_repeat) {
                        return Ok(Err(error));
                    }
                }
            }
        }
    }

    async fn try_one(&mut self, job: &mut dyn Job) -> StoreResult<()> {
        let mut needs = Needs::default();
        if job.together(&mut needs) {
            hold(&mut self.tx, needs).await?;
        }
        attempt(&mut self.tx, job).await?;
        self.tx.flush().await
    }

    /// None: a fault of a test has killed the process, as far as the store is concerned.
    async fn commit(&mut self) -> Option<StoreResult<()>> {
        let number = self.count.commits.fetch_add(1, Ordering::Relaxed) + 1;
        if self.faults.as_ref().is_some_and(|faults| faults.dies_before_commit(number)) {
            return None;
        }
        let committed = self.tx.commit().await;
        if self.faults.as_ref().is_some_and(|faults| faults.dies_after_commit(number)) {
            return None;
        }
        match committed {
            Ok(notices) => {
                if let Some(listener) = self.hooks.listener.get().filter(|_| !notices.is_empty()) {
                    listener.committed(notices);
                }
                Some(Ok(()))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// A fault of this program in one operation must not end the writer: the others go on.
async fn attempt(tx: &mut Tx, job: &mut dyn Job) -> StoreResult<()> {
    match AssertUnwindSafe(job.run(tx)).catch_unwind().await {
        Ok(done) => done,
        Err(_) => Err(StoreError::Corrupt("an operation of the store panicked".to_owned())),
    }
}
