//! The transaction that an operation of the writer runs in.
//!
//! It dereferences to a [`Connection`] for statements, hands out ids, takes events ([`Tx::emit`]), counts for the
//! statistics and keeps what is to be told after the commit. What an operation did is taken back as a whole when it fails.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::{Deref, DerefMut},
    sync::Arc,
};

use model::{ExecutionId, LogId, NodeId, TenantId, Timestamp};

use crate::{
    Connection, Hooks, StoreResult,
    database::Value,
    execution::Held,
    ids::{IdKind, Ids},
    params,
    rollup::Deltas,
    writer::Notice,
};

/// How the records that steps change are locked. Of several tenants at once; each operation reads its own again with its tenant.
const LOCKS: [(&str, &str); 4] = [
    ("contacts", "SELECT id FROM contacts WHERE id {among:?1} ORDER BY id {for_update}"),
    ("tickets", "SELECT id FROM tickets WHERE id {among:?1} ORDER BY id {for_update}"),
    ("submissions", "SELECT id FROM submissions WHERE id {among:?1} ORDER BY id {for_update}"),
    ("forms", "SELECT id FROM forms WHERE id {among:?1} ORDER BY id {for_update}"),
];

/// A transaction under way.
#[derive(Debug)]
pub struct Tx {
    connection: Connection,
    hooks: Arc<Hooks>,
    now: Timestamp,
    node: Option<NodeId>,
    ids: Ids,
    /// Executions that were read and locked for the operations to come, all at once.
    held: HashMap<ExecutionId, Held>,
    /// Records that were locked for them.
    locked: HashSet<(&'static str, i64)>,
    /// Kinds reserved in the present operation: given up when it is taken back, for the reservation is too.
    reserved: Vec<IdKind>,
    /// Of the whole batch.
    kept: Pending,
    /// Of the present operation.
    current: Pending,
}

#[derive(Debug, Default)]
struct Pending {
    notices: Vec<Notice>,
    deltas: Deltas,
}

impl Deref for Tx {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Tx {
    pub(crate) fn new(connection: Connection, hooks: Arc<Hooks>, ids: Ids) -> Self {
        Self {
            connection,
            hooks,
            now: Timestamp::EPOCH,
            node: None,
            ids,
            held: HashMap::new(),
            locked: HashSet::new(),
            reserved: Vec::new(),
            kept: Pending::default(),
            current: Pending::default(),
        }
    }

    /// When the transaction began: the time of everything in it.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets what follows in the present operation happen at another time: for data that tells of the past. Whoever travels
    /// comes back before the operation ends.
    pub const fn travel(&mut self, now: Timestamp) {
        self.now = now;
    }

    pub(crate) fn hooks(&self) -> Arc<Hooks> {
        Arc::clone(&self.hooks)
    }

    /// The next id of a kind.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn id(&mut self, kind: IdKind) -> StoreResult<i64> {
        self.id_above(kind, 0).await
    }

    /// The id of the next row of a journal whose last one has the id `last`: also when another node wrote that, a journal's ids grow.
    pub(crate) async fn log_id(&mut self, last: LogId) -> StoreResult<LogId> {
        self.id_above(IdKind::Log, last.get()).await.map(LogId::new)
    }

    async fn id_above(&mut self, kind: IdKind, floor: i64) -> StoreResult<i64> {
        let others = self.hooks.has_others();
        let (id, is_reserved_here) = self.ids.next(&mut self.connection, kind, floor, others).await?;
        if is_reserved_here {
            self.reserved.push(kind);
        }
        Ok(id)
    }

    /// The node that this process is; none for commands that run nothing.
    #[must_use]
    pub const fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// Whether an execution of this owner is for this process to change.
    pub(crate) fn owns(&self, owner: Option<NodeId>) -> bool {
        owner == self.node || !self.hooks.is_fenced()
    }

    /// Holds a record to the end of the transaction, so that what is read of it next cannot change under the change. Where one process
    /// writes, the transaction holds everything already.
    pub(crate) async fn hold(&mut self, table: &'static str, tenant: TenantId, id: i64) -> StoreResult<()> {
        if self.connection.blocks() || self.locked.contains(&(table, id)) {
            return Ok(());
        }
        let sql = format!("SELECT 1 FROM {table} WHERE id = ?1 AND tenant_id = ?2 {{for_update}}");
        self.query_optional(sql, params![id, tenant]).await.map(drop)
    }

    /// Tells listeners after the commit.
    pub fn notice(&mut self, notice: Notice) {
        self.current.notices.push(notice);
    }

    /// The counts of the present operation.
    pub(crate) fn deltas(&mut self) -> &mut Deltas {
        &mut self.current.deltas
    }

    /// As [`Tx::hold`], for all records that a batch is going to change: in one order, so that no two batches wait for each other.
    pub(crate) async fn hold_all(
        &mut self,
        records: &BTreeMap<&'static str, BTreeSet<i64>>,
    ) -> StoreResult<()> {
        if self.connection.blocks() {
            return Ok(());
        }
        for (table, lock) in LOCKS {
            let Some(ids) = records.get(table) else { continue };
            self.query(lock, vec![Value::Ids(ids.iter().copied().collect())]).await?;
            self.locked.extend(ids.iter().map(|id| (table, *id)));
        }
        Ok(())
    }

    /// Remembers executions that were read and locked; [`Tx::held_take`] gives each away once.
    pub(crate) fn held_keep(&mut self, executions: impl IntoIterator<Item = Held>) {
        self.held.extend(executions.into_iter().map(|held| (held.id, held)));
    }

    pub(crate) fn held_take(&mut self, tenant: TenantId, id: ExecutionId) -> Option<Held> {
        self.held.remove(&id).filter(|held| held.tenant == tenant)
    }

    pub(crate) async fn begin(&mut self, now: Timestamp) -> StoreResult<()> {
        self.now = now;
        self.node = self.hooks.node();
        self.held.clear();
        self.locked.clear();
        self.connection.begin(self.node.filter(|_| self.hooks.is_fenced())).await
    }

    pub(crate) async fn operation_begin(&mut self) -> StoreResult<()> {
        self.reserved.clear();
        self.connection.command("SAVEPOINT operation").await
    }

    pub(crate) async fn operation_keep(&mut self) -> StoreResult<()> {
        self.connection.command("RELEASE operation").await?;
        self.kept.notices.append(&mut self.current.notices);
        self.kept.deltas.merge(std::mem::take(&mut self.current.deltas));
        Ok(())
    }

    pub(crate) async fn operation_undo(&mut self) -> StoreResult<()> {
        self.current = Pending::default();
        self.connection.forget();
        self.held.clear();
        self.locked.clear();
        self.ids.forget(self.reserved.drain(..)).await;
        self.connection.command("ROLLBACK TO operation").await?;
        self.connection.command("RELEASE operation").await
    }

    /// Writes the statistics and commits.
    pub(crate) async fn commit(&mut self) -> StoreResult<Vec<Notice>> {
        let kept = std::mem::take(&mut self.kept);
        let result = async {
            kept.deltas.write(self).await?;
            self.connection.commit().await
        }
        .await;
        match result {
            Ok(()) => Ok(kept.notices),
            Err(error) => {
                self.abandon().await;
                Err(error)
            }
        }
    }

    /// Takes back the whole transaction.
    pub(crate) async fn abandon(&mut self) {
        self.kept = Pending::default();
        self.current = Pending::default();
        self.connection.forget();
        // Reservations of this batch are taken back with it; their ids must not be used.
        self.ids.forget_own().await;
        // The transaction may be gone already: then there is nothing to roll back.
        drop(self.connection.rollback().await);
    }
}
