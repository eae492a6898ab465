//! Removes history that is older than its tenant keeps it, and gives the disk its space back.
//!
//! One node does it at a time, every ten minutes, in slices: each is a write of its own that takes the database a few milliseconds, and after each
//! the task leaves the store to others for twice as long. What is interrupted goes on with the next round. Nothing is remembered but who has
//! it in hand: what is too old is found by index each time.
//!
//! On PostgreSQL partitions that are too old as a whole go first, at once (`store::partition`). What is about to go with its partition is left to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use model::{Period, TenantId, Timestamp};
use store::{
    Connection, StoreResult, Tx,
    partition::{
        Held, Series, Standing, partition_retire, partition_standing, partitions_filled, partitions_settle,
    },
    retention::{
        Cursor, Due, Expired, Kind, pages, pages_give_back, retention_claim, retention_due,
        retention_expired, retention_keeps, retention_prolong, retention_remove,
    },
};

use crate::{EngineError, EngineInner, patience::patiently};

/// What cannot be settled now is with the next round, and keeps no other partition from going.
async fn settle(connection: &mut Connection) {
    if let Err(error) = partitions_settle(connection).await {
        tracing::warn!(%error, "a partition that was taken out is not dropped yet; it is tried again");
    }
}

/// Between two rounds, of all nodes together.
const EVERY: Period = Period::minutes(10);
/// Before the first: what a start has to do goes first.
const FIRST: Period = Period::minutes(1);
/// What a slice should take with its commit: others wait little longer for it than for one another's commits.
const AIM: Duration = Duration::from_millis(8);

/// What a round removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Ended executions, with their logs.
    pub executions: u64,
    /// Events.
    pub events: u64,
    /// Mails in the outbox.
    pub mails: u64,
    /// Notifications.
    pub notifications: u64,
    /// What rules of entry refused.
    pub decisions: u64,
    /// Pages that the store's file became shorter by; SQLite only.
    pub pages: u64,
}

impl Removed {
    const fn count(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Execution => &mut self.executions,
            Kind::Event => &mut self.events,
            Kind::Mail => &mut self.mails,
            Kind::Notification => &mut self.notifications,
            Kind::Decision => &mut self.decisions,
        }
    }
}

/// How much one write removes: as much as the aim allows on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice(usize);

impl Slice {
    const FIRST: Self = Self(64);
    const SMALLEST: usize = 32;
    const LARGEST: usize = 1_024;

    /// The next slice, after one that took this long.
    fn after(self, took: Duration) -> Self {
        if took > AIM {
            Self((self.0 / 2).max(Self::SMALLEST))
        } else if took < AIM / 2 {
            Self((self.0 * 2).min(Self::LARGEST))
        } else {
            self
        }
    }
}

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = engine.store.clock().sleep_until(engine.store.now().plus(wait)) => {}
            () = engine.draining.cancelled() => return,
        }
        wait = EVERY;
        let done = async {
            let until = engine.store.now().plus(EVERY);
            let mine = engine.store.write_patiently(move |tx| Box::pin(retention_claim(tx, until))).await?;
            if mine { retain(&engine).await } else { Ok(Removed::default()) }
        };
        match done.await {
            Ok(removed) if removed == Removed::default() => {}
            Ok(Removed { executions, events, mails, notifications, decisions, pages }) => {
                tracing::info!(
                    executions,
                    events,
                    mails,
                    notifications,
                    decisions,
                    pages,
                    "history older than its tenants keep it is removed"
                );
            }
            Err(error) => tracing::warn!(%error, "retention was interrupted; it goes on with the next round"),
        }
    }
}

/// One round. Ends early when the engine drains.
///
/// # Errors
/// When the store does not answer for long.
pub(crate) async fn retain(engine: &EngineInner) -> Result<Removed, EngineError> {
    let mut round = Round { engine, slice: Slice::FIRST, removed: Removed::default(), held: Vec::new() };
    if !engine.store.is_alone()
        && let Err(error) = round.drop_partitions().await
    {
        tracing::warn!(%error, "partitions could not be looked at; what is too old goes row by row");
    }
    let due = retention_due(&mut *engine.store.read_any().await?, engine.store.now()).await?;
    for due in due {
        for kind in Kind::ALL {
            round.remove(kind, due).await?;
        }
    }
    round.slice = Slice::FIRST;
    round.give_back().await?;
    Ok(round.removed)
}

struct Round<'a> {
    engine: &'a EngineInner,
    slice: Slice,
    removed: Removed,
    /// What will go with its partition.
    held: Vec<(Series, Held)>,
}

impl Round<'_> {
    /// Whole partitions, and what an earlier round has left of some.
    async fn drop_partitions(&mut self) -> Result<(), EngineError> {
        let store = &self.engine.store;
        let Some(mut connection) = store.lease_connection().await? else { return Ok(()) };
        settle(&mut connection).await;
        let now = store.now();
        let keeps = retention_keeps(&mut connection, now).await?;
        for series in Series::ALL {
            for partition in partitions_filled(&mut connection, series, now).await? {
                if self.engine.draining.is_cancelled() {
                    return Ok(());
                }
                match partition_standing(&mut connection, partition, &keeps).await? {
                    Standing::Young => break,
                    Standing::Kept => {}
                    Standing::Soon(held) => self.held.push((series, held)),
                    Standing::Over { rows } => {
                        let until = store.now().plus(EVERY);
                        store.write_patiently(move |tx| retention_prolong(tx, until).boxed()).await?;
                        if let Err(error) = partition_retire(&mut connection, partition).await {
                            tracing::info!(%error, "a partition that is too old could not be taken out; its rows go one by one");
                            continue;
                        }
                        settle(&mut connection).await;
                        match series {
                            Series::Executions => self.removed.executions += rows,
                            Series::Events => self.removed.events += rows,
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What a look found, without what is left to its partition.
    fn without_held(&self, kind: Kind, found: Expired) -> Expired {
        let held = self.held.iter().filter(|(series, _)| kind.series() == Some(*series));
        held.fold(found, |found, (_, held)| found.without(*held))
    }

    async fn remove(&mut self, kind: Kind, due: Due) -> Result<(), EngineError> {
        let mut next = Some(Cursor::START);
        while let Some(after) = next {
            let found = {
                let mut connection = self.engine.store.read_any().await?;
                self.without_held(kind, retention_expired(&mut connection, kind, due, after).await?)
            };
            next = found.next;
            let mut rest = found.ids.as_slice();
            while !rest.is_empty() {
                if self.engine.draining.is_cancelled() {
                    return Ok(());
                }
                let (slice, others) = rest.split_at(self.slice.0.min(rest.len()));
                rest = others;
                let removed = patiently!(self.engine, {
                    let (until, ids) = (self.engine.store.now().plus(EVERY), slice.to_vec());
                    self.write(move |tx| retention_slice(tx, until, kind, due.tenant, ids).boxed()).await
                })?;
                *self.removed.count(kind) += removed;
            }
        }
        Ok(())
    }

    /// Makes the file shorter, where there is one, until only so much is free that what comes next finds room.
    async fn give_back(&mut self) -> Result<(), EngineError> {
        let mut now = pages(&mut *self.engine.store.read_any().await?).await?;
        while let Some(before) = now.filter(|pages| pages.surplus() > 0)
            && !self.engine.draining.is_cancelled()
        {
            let count = before.surplus().min(i64::try_from(self.slice.0).unwrap_or(i64::MAX));
            now = self.write(move |tx| pages_give_back(tx, count).boxed()).await?;
            let shorter = now.map_or(0, |after| before.all - after.all);
            if shorter <= 0 {
                // A file that cannot become shorter: not made by this program.
                break;
            }
            self.removed.pages += shorter.unsigned_abs();
        }
        Ok(())
    }

    /// One slice, and the pause after it.
    async fn write<T: Send + 'static>(
        &mut self,
        operation: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, StoreResult<T>> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (done, begun) = self
            .engine
            .store
            .write_patiently(move |tx| {
                Box::pin(async move {
                    let begun = Instant::now();
                    let done = operation(tx).await?;
                    Ok((done, begun))
                })
            })
            .await?;
        // With its commit, which is the greater part: that is what others wait for.
        let took = begun.elapsed();
        self.slice = self.slice.after(took);
        tokio::time::sleep(took * 2).await;
        Ok(done)
    }
}

async fn retention_slice(
    tx: &mut Tx,
    until: Timestamp,
    kind: Kind,
    tenant: TenantId,
    ids: Vec<i64>,
) -> StoreResult<u64> {
    retention_prolong(tx, until).await?;
    retention_remove(tx, kind, tenant, ids).await
}
