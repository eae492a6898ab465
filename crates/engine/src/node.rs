//! This process as a node: a random id, a lease, and what it may do without one.
//!
//! Time is the process's own monotonic clock here: a node that could not renew stops acting outside before the database's clock
//! lets anyone take its work over.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use model::NodeId;

/// How long a node is believed to live without a sign of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// A lease lapses after this time.
    pub ttl: Duration,
    /// It is renewed this often.
    pub renew: Duration,
}

impl Default for Lease {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(10), renew: Duration::from_secs(2) }
    }
}

impl Lease {
    /// The time to live as the store takes it.
    pub(crate) fn ttl_ms(self) -> i64 {
        i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX)
    }
}

/// How often to look whether a late renewal has come.
const LATE: Duration = Duration::from_millis(20);

/// What this process is at present.
#[derive(Debug)]
pub(crate) struct Node {
    /// 0: no node (yet, or any more).
    id: AtomicI64,
    /// Until when it may act; none: for ever, because nobody else can have the store open.
    until: Mutex<Option<Instant>>,
    /// Its renewals so far, without a break.
    renewals: AtomicU32,
}

/// So many renewals in a row show that the store is well. After an outage every lease has lapsed, also those of nodes that are about to renew theirs.
const STEADY: u32 = 3;

impl Node {
    pub(crate) const fn nobody() -> Self {
        Self { id: AtomicI64::new(0), until: Mutex::new(None), renewals: AtomicU32::new(0) }
    }

    /// The present id.
    pub(crate) fn id(&self) -> Option<NodeId> {
        NodeId::try_from(self.id.load(Ordering::Acquire)).ok()
    }

    pub(crate) fn become_node(&self, id: Option<NodeId>, until: Option<Instant>) {
        self.missed();
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        self.id.store(id.map_or(0, NodeId::get), Ordering::Release);
    }

    /// A renewal did not succeed.
    pub(crate) fn missed(&self) {
        self.renewals.store(0, Ordering::Relaxed);
    }

    /// It has renewed its lease for a while: a lease that has lapsed meanwhile is that of a node that is gone.
    pub(crate) fn is_steady(&self) -> bool {
        self.renewals.load(Ordering::Relaxed) >= STEADY
    }

    pub(crate) fn renewed(&self, until: Instant) {
        self.renewals.fetch_add(1, Ordering::Relaxed);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Whether something that was taken in hand by `owner` may still be acted upon. A lease whose renewal is late is waited for: it is
    /// renewed, and all goes on, or it is lost, and the work is somebody else's.
    pub(crate) async fn may_act_for(&self, owner: Option<NodeId>) -> bool {
        loop {
            if self.id() != owner {
                return false;
            }
            let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
            if until.is_none_or(|until| Instant::now() < until) {
                return true;
            }
            tokio::time::sleep(LATE).await;
        }
    }
}

/// A new random id.
///
/// # Errors
/// When the system gives no randomness.
pub(crate) fn random_id() -> Result<NodeId, getrandom::Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    // 53 bits, and never 0.
    let number = (i64::from_le_bytes(bytes) & model::id::MAX_ID).max(1);
    Ok(NodeId::new(number))
}
