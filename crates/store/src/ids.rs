//! Ids: reserved in blocks, known before the commit, growing with time.
//!
//! A node that reserves one block for a long while would hand out small ids long after others have handed out great ones, and its newest rows
//! would lie deep in the lists. So where there are other nodes a block is given up after [`KEPT`].
//!
//! Where history is in partitions ([`crate::partition`]) no block is handed out before there are partitions for all of it, and none is used for longer than
//! [`KEPT_ALONE`]: no row comes into a partition that was filled long ago.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::{
    Connection, StoreResult, params,
    partition::{Series, partitions_make},
};

/// Ids reserved with one write.
const BLOCK: i64 = 1_000;
/// How long a block is used where others hand out ids too.
const KEPT: Duration = Duration::from_secs(10);
/// How long it is used at all.
const KEPT_ALONE: Duration = Duration::from_secs(3_600);

/// What ids are handed out for: each kind counts for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the table of its name")]
pub enum IdKind {
    Tenant,
    User,
    ApiKey,
    Integration,
    Form,
    Contact,
    Submission,
    Ticket,
    Notification,
    Tag,
    Suppression,
    Invitation,
    Outbox,
    Alert,
    Decision,
    Job,
    Approval,
    Workflow,
    Template,
    Event,
    Execution,
    Log,
}

impl IdKind {
    /// The name in the table, and how many ids one reservation takes: rarely made records take one at a time,
    /// so that people see 1, 2, 3.
    const fn block(self) -> (&'static str, i64) {
        match self {
            Self::Tenant => ("tenant", 1),
            Self::User => ("user", 1),
            Self::ApiKey => ("api_key", 1),
            Self::Integration => ("integration", 1),
            Self::Form => ("form", 1),
            Self::Tag => ("tag", 1),
            Self::Workflow => ("workflow", 1),
            Self::Template => ("template", 1),
            Self::Contact => ("contact", BLOCK),
            Self::Submission => ("submission", BLOCK),
            Self::Ticket => ("ticket", BLOCK),
            Self::Notification => ("notification", BLOCK),
            Self::Suppression => ("suppression", BLOCK),
            Self::Invitation => ("invitation", BLOCK),
            Self::Outbox => ("outbox", BLOCK),
            Self::Alert => ("alert", 1),
            Self::Decision => ("decision", BLOCK),
            Self::Job => ("job", 1),
            Self::Approval => ("approval", BLOCK),
            Self::Event => ("event", BLOCK),
            Self::Execution => ("execution", BLOCK),
            Self::Log => ("log", BLOCK),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Block {
    next: i64,
    end: i64,
    reserved_at: Instant,
}

#[derive(Debug, Default)]
struct Blocks {
    of: HashMap<IdKind, Block>,
    /// Up to which id there are partitions, as was last seen.
    partitioned: HashMap<Series, i64>,
}

/// What a process has reserved; its writer's lanes share it.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    blocks: Arc<Mutex<Blocks>>,
    /// Reserves apart from the transactions that use the ids, so that no transaction holds the counters to its end. None where there is one
    /// transaction at a time: it reserves itself, and gives up what it reserved when it is taken back.
    apart: Option<Arc<Mutex<Connection>>>,
}

impl Ids {
    pub(crate) fn new(apart: Option<Connection>) -> Self {
        Self { blocks: Arc::default(), apart: apart.map(|connection| Arc::new(Mutex::new(connection))) }
    }

    /// The next id that is greater than `floor`. True: it comes from a block reserved just now in this transaction.
    pub(crate) async fn next(
        &self,
        transaction: &mut Connection,
        kind: IdKind,
        floor: i64,
        others: bool,
    ) -> StoreResult<(i64, bool)> {
        let (name, size) = kind.block();
        if size == 1 {
            // One at a time is not worth going apart for: what is taken back leaves no gap. Nor does it keep the others from their blocks while it waits for
            // another lane's transaction, which may need one of them to come to its end.
            return Ok((reserve(transaction, name, size).await?, true));
        }
        let mut blocks = self.blocks.lock().await;
        if let Some(block) = blocks.of.get_mut(&kind)
            && block.next < block.end
            && block.next > floor
            && block.reserved_at.elapsed() <= if others { KEPT } else { KEPT_ALONE }
        {
            block.next += 1;
            return Ok((block.next - 1, false));
        }
        let first = match &self.apart {
            Some(apart) => {
                let mut apart = apart.lock().await;
                let first = reserve(&mut apart, name, size).await?;
                if let Some(series) = Series::of(kind)
                    && blocks.partitioned.get(&series).is_none_or(|until| *until < first + size)
                {
                    let until = partitions_make(&mut apart, series, first + size).await?;
                    blocks.partitioned.insert(series, until);
                }
                first
            }
            None => reserve(transaction, name, size).await?,
        };
        blocks.of.insert(kind, Block { next: first + 1, end: first + size, reserved_at: Instant::now() });
        Ok((first, self.apart.is_none()))
    }

    /// Gives up blocks whose reservation was taken back.
    pub(crate) async fn forget(&self, kinds: impl IntoIterator<Item = IdKind>) {
        let mut blocks = self.blocks.lock().await;
        for kind in kinds {
            blocks.of.remove(&kind);
        }
    }

    /// Gives up every block, where reservations are taken back with the transaction.
    pub(crate) async fn forget_own(&self) {
        if self.apart.is_none() {
            self.blocks.lock().await.of.clear();
        }
    }
}

/// Reserves so many ids and answers the first.
async fn reserve(connection: &mut Connection, name: &str, size: i64) -> StoreResult<i64> {
    let sql = "INSERT INTO id_blocks (kind, next_id) VALUES (?1, 1 + ?2)
             ON CONFLICT (kind) DO UPDATE SET next_id = id_blocks.next_id + ?2 RETURNING next_id";
    let end: i64 = connection.query_one(sql, params![name, size]).await?.first()?;
    Ok(end - size)
}
