//! The transaction that an operation of the writer runs in.
//!
//! It dereferences to a [`Connection`] for statements, hands out ids, takes events ([`Tx::emit`]), counts for the
//! statistics and keeps what is to be told after the commit. What an operation did is taken back as a whole when it fails.

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use model::{NodeId, TenantId, Timestamp};

use crate::{Connection, Hooks, StoreResult, params, rollup::Deltas, writer::Notice};

/// Ids reserved with one write.
const BLOCK: i64 = 1_000;

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
    Outbox,
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
            Self::Outbox => ("outbox", BLOCK),
            Self::Event => ("event", BLOCK),
            Self::Execution => ("execution", BLOCK),
            Self::Log => ("log", BLOCK),
        }
    }
}

/// A transaction under way.
#[derive(Debug)]
pub struct Tx {
    connection: Connection,
    hooks: Arc<Hooks>,
    now: Timestamp,
    node: Option<NodeId>,
    /// Reserved and not yet used: next and end.
    ids: HashMap<IdKind, (i64, i64)>,
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
    pub(crate) fn new(connection: Connection, hooks: Arc<Hooks>) -> Self {
        Self {
            connection,
            hooks,
            now: Timestamp::EPOCH,
            node: None,
            ids: HashMap::new(),
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
        if let Some((next, end)) = self.ids.get_mut(&kind)
            && *next < *end
        {
            let id = *next;
            *next += 1;
            return Ok(id);
        }
        let (name, size) = kind.block();
        let row = self
            .query_one(
                "INSERT INTO id_blocks (kind, next_id) VALUES (?1, 1 + ?2)
                 ON CONFLICT (kind) DO UPDATE SET next_id = id_blocks.next_id + ?2 RETURNING next_id",
                params![name, size],
            )
            .await?;
        let end: i64 = row.first()?;
        self.ids.insert(kind, (end - size + 1, end));
        self.reserved.push(kind);
        Ok(end - size)
    }

    /// The node that this process is; none for commands that run nothing.
    #[must_use]
    pub const fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// Holds a record to the end of the transaction, so that what is read of it next cannot change under the change. Where one process
    /// writes, the transaction holds everything already.
    pub(crate) async fn hold(&mut self, table: &'static str, tenant: TenantId, id: i64) -> StoreResult<()> {
        if self.connection.blocks() {
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

    pub(crate) async fn begin(&mut self, now: Timestamp) -> StoreResult<()> {
        self.now = now;
        self.node = self.hooks.node();
        self.connection.begin(self.node).await
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
        for kind in self.reserved.drain(..) {
            self.ids.remove(&kind);
        }
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
        // Reservations of this batch are taken back with it; their ids must not be used.
        self.ids.clear();
        // The transaction may be gone already: then there is nothing to roll back.
        drop(self.connection.rollback().await);
    }
}
