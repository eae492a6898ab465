//! The transaction that an operation of the writer runs in.
//!
//! It dereferences to a [`Connection`] for statements, hands out ids, takes events ([`Tx::emit`]), counts for the
//! statistics and keeps what is to be told after the commit. What an operation did is taken back as a whole when it fails.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::{Deref, DerefMut},
    sync::Arc,
};

use model::{
    ContactId, EventId, ExecutionId, LogId, NodeId, TenantId, Timestamp, WorkflowId, contact::Contact,
    settings::SlaRules,
};

use crate::{
    Connection, Hooks, StoreResult,
    causes::Origin,
    database::Value,
    event::EventKey,
    execution::Held,
    ids::{IdKind, Ids},
    params,
    rollup::Deltas,
    tenant::settings_get,
    waiting::{awaited_of, awaited_question},
    writer::Notice,
};

/// A tenant's members, among the locks.
pub(crate) const TEAM: &str = "memberships";

/// What rules of entry are decided under, among the locks.
const GATES: &str = "gates";

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
    /// Addresses whose contacts are made by nobody else, to the end of the transaction.
    addresses: HashSet<(TenantId, String)>,
    /// Contacts that were read and locked for them, as they are by now.
    contacts: HashMap<ContactId, Contact>,
    /// The names of the events that tenants wait for, of those that were asked about.
    awaited: HashMap<TenantId, HashSet<String>>,
    /// Keys of events that were taken for them: the event's id, or that an earlier event has the key.
    event_keys: HashMap<EventKey, Option<EventId>>,
    /// Executions that cause others before their own rows are written.
    origins: HashMap<ExecutionId, Origin>,
    /// Tags that are known to be kept.
    tags: HashSet<(TenantId, String)>,
    /// When tenants' tickets are due, of those that were asked about.
    sla: HashMap<TenantId, Arc<SlaRules>>,
    /// Kinds reserved in the present operation: given up when it is taken back, for the reservation is too.
    reserved: Vec<IdKind>,
    /// Nothing is done in the transaction yet: what the present operation does is taken back by beginning anew, and nothing has to be kept for that.
    is_fresh: bool,
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
            addresses: HashSet::new(),
            contacts: HashMap::new(),
            awaited: HashMap::new(),
            event_keys: HashMap::new(),
            origins: HashMap::new(),
            tags: HashSet::new(),
            sla: HashMap::new(),
            reserved: Vec::new(),
            is_fresh: false,
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

    /// Whether an execution that was taken up under one owner is another's by now, or nobody's: so it is for a process that was taken over meanwhile.
    pub(crate) fn is_of_another(&self, taken_up_by: Option<NodeId>, owner: Option<NodeId>) -> bool {
        taken_up_by != owner && self.hooks.is_fenced()
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

    /// Holds the gates of workflows: whoever decides on their rules of entry decides alone, to the end of his transaction. New executions of theirs, which only name them, do not
    /// wait for it.
    pub(crate) async fn gates_hold(&mut self, mut ids: BTreeSet<i64>) -> StoreResult<()> {
        ids.retain(|id| !self.locked.contains(&(GATES, *id)));
        if self.connection.blocks() || ids.is_empty() {
            return Ok(());
        }
        // Of several tenants at once; each decision reads its own rows with its tenant.
        let sql = "SELECT id FROM workflows WHERE id {among:?1} ORDER BY id {for_no_key_update}";
        self.query(sql, vec![Value::Ids(ids.iter().copied().collect())]).await?;
        self.locked.extend(ids.iter().map(|id| (GATES, *id)));
        Ok(())
    }

    /// As [`Tx::gates_hold`], of one workflow.
    pub(crate) async fn gate_hold(&mut self, tenant: TenantId, workflow: WorkflowId) -> StoreResult<()> {
        if self.connection.blocks() || self.locked.contains(&(GATES, workflow.get())) {
            return Ok(());
        }
        let sql = "SELECT 1 FROM workflows WHERE id = ?1 AND tenant_id = ?2 {for_no_key_update}";
        self.query_optional(sql, params![workflow, tenant]).await?;
        self.locked.insert((GATES, workflow.get()));
        Ok(())
    }

    /// Holds a tenant's team: whoever gives tickets in turn sees what was given before.
    pub(crate) async fn team_hold(&mut self, tenant: TenantId) -> StoreResult<()> {
        if self.connection.blocks() || self.locked.contains(&(TEAM, tenant.get())) {
            return Ok(());
        }
        let sql = "SELECT 1 FROM memberships WHERE tenant_id = ?1 ORDER BY user_id {for_no_key_update}";
        self.query(sql, params![tenant]).await?;
        self.locked.insert((TEAM, tenant.get()));
        Ok(())
    }

    /// Holds an address that no contact was found to have: of two that would make one, one waits. Whether he has to look again, for it was not held before.
    pub(crate) async fn address_hold(&mut self, tenant: TenantId, email: &str) -> StoreResult<bool> {
        let address = (tenant, email.to_lowercase());
        if self.connection.blocks() || self.addresses.contains(&address) {
            return Ok(false);
        }
        // The 1 is that of addresses, among the locks that are named by this program.
        let lock = "SELECT CAST(pg_advisory_xact_lock(1, hashtext(?1)) AS TEXT)";
        self.query(lock, params![format!("{tenant} {}", address.1)]).await?;
        self.addresses.insert(address);
        Ok(true)
    }

    /// The gates that an event of that name may ask.
    pub(crate) fn gates_of(&self, tenant: TenantId, event: &str) -> impl Iterator<Item = i64> + use<> {
        let gates = self.hooks.matcher.get().map(|matcher| matcher.gates(tenant, event));
        gates.into_iter().flatten().map(WorkflowId::get)
    }

    /// As [`Tx::gates_hold`], of those that an event of that name may ask, for whoever is about to hold something and then to make such an event: what is decided under a gate may
    /// need what he holds.
    pub(crate) async fn gates_hold_for(&mut self, tenant: TenantId, event: &str) -> StoreResult<()> {
        let gates = self.gates_of(tenant, event).collect();
        self.gates_hold(gates).await
    }

    /// Tells listeners after the commit.
    pub fn notice(&mut self, notice: Notice) {
        self.current.notices.push(notice);
    }

    /// The counts of the present operation.
    pub(crate) fn deltas(&mut self) -> &mut Deltas {
        &mut self.current.deltas
    }

    /// Remembers contacts that were read and locked, with the ids that were asked for.
    pub(crate) fn contacts_keep(&mut self, ids: &[i64], contacts: Vec<Contact>) {
        self.locked_keep("contacts", ids);
        self.contacts.extend(contacts.into_iter().map(|contact| (contact.id, contact)));
    }

    /// Remembers that records are held to the end of the transaction.
    pub(crate) fn locked_keep(&mut self, table: &'static str, ids: &[i64]) {
        self.locked.extend(ids.iter().map(|id| (table, *id)));
    }

    /// Remembers executions that were read and locked; [`Tx::held_take`] gives each away once.
    pub(crate) fn held_keep(&mut self, executions: impl IntoIterator<Item = Held>) {
        self.held.extend(executions.into_iter().map(|held| (held.id, held)));
    }

    pub(crate) fn held_take(&mut self, tenant: TenantId, id: ExecutionId) -> Option<Held> {
        self.held.remove(&id).filter(|held| held.tenant == tenant)
    }

    /// A contact that was read and locked beforehand.
    pub(crate) fn contact_held(&self, tenant: TenantId, id: ContactId) -> Option<&Contact> {
        self.contacts.get(&id).filter(|contact| contact.tenant_id == tenant)
    }

    /// Remembers what a contact that was held is like now. False: it was not.
    pub(crate) fn contact_keep(&mut self, contact: &Contact) -> bool {
        let held = self.contacts.get_mut(&contact.id);
        held.map(|held| held.clone_from(contact)).is_some()
    }

    /// Remembers an event's key that was taken beforehand.
    pub(crate) fn event_key_keep(&mut self, key: EventKey, taken: Option<EventId>) {
        self.event_keys.insert(key, taken);
    }

    /// The id that goes with a key taken beforehand, once: whoever comes with the same key next comes second.
    pub(crate) fn event_key_held(&mut self, key: &EventKey) -> Option<Option<EventId>> {
        self.event_keys.get_mut(key).map(Option::take)
    }

    /// Remembers an execution that is about to cause others, before its row is written.
    pub(crate) fn origin_note(&mut self, origin: Origin) {
        self.origins.insert(origin.execution, origin);
    }

    pub(crate) fn origin_noted(&self, tenant: TenantId, execution: ExecutionId) -> Option<&Origin> {
        self.origins.get(&execution).filter(|origin| origin.tenant == tenant)
    }

    /// Remembers that a tag is kept.
    pub(crate) fn tag_keep(&mut self, tenant: TenantId, name: String) {
        self.tags.insert((tenant, name));
    }

    /// Whether this is the first that the present operation hears of a tag.
    pub(crate) fn tag_is_news(&mut self, tenant: TenantId, name: &str) -> bool {
        self.tags.insert((tenant, name.to_owned()))
    }

    /// Remembers which events tenants wait for.
    pub(crate) fn awaited_keep(&mut self, awaited: HashMap<TenantId, HashSet<String>>) {
        self.awaited.extend(awaited);
    }

    /// Whether somebody waits for an event of that name. Asked anew for each operation that people do.
    pub(crate) async fn awaits(&mut self, tenant: TenantId, event: &str) -> StoreResult<bool> {
        if !self.awaited.contains_key(&tenant) {
            let tenants = vec![tenant.get()];
            let (sql, parameters) = awaited_question(tenants.clone());
            let rows = self.query(sql, parameters).await?;
            self.awaited_keep(awaited_of(&tenants, rows)?);
        }
        Ok(self.awaited.get(&tenant).is_some_and(|names| names.contains(event)))
    }

    /// From now on somebody does.
    pub(crate) fn awaited_add(&mut self, tenant: TenantId, event: &str) {
        // What was not asked about is asked when it matters.
        if let Some(names) = self.awaited.get_mut(&tenant) {
            names.insert(event.to_owned());
        }
    }

    /// When the tickets of a tenant are due: read once for a batch.
    pub(crate) async fn sla_rules(&mut self, tenant: TenantId) -> StoreResult<Arc<SlaRules>> {
        if let Some(known) = self.sla.get(&tenant) {
            return Ok(Arc::clone(known));
        }
        let rules = settings_get(&mut self.connection, tenant).await?.settings.sla;
        Ok(self.sla_keep(tenant, rules))
    }

    pub(crate) fn sla_keep(&mut self, tenant: TenantId, rules: SlaRules) -> Arc<SlaRules> {
        let rules = Arc::new(rules);
        self.sla.insert(tenant, Arc::clone(&rules));
        rules
    }

    /// Whether nothing is done in the transaction yet.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    fn let_go(&mut self) {
        self.held.clear();
        self.awaited.clear();
        self.locked.clear();
        self.addresses.clear();
        self.contacts.clear();
        self.event_keys.clear();
        self.origins.clear();
        self.tags.clear();
        self.sla.clear();
    }

    pub(crate) async fn begin(&mut self, now: Timestamp) -> StoreResult<()> {
        self.now = now;
        self.node = self.hooks.node();
        self.let_go();
        self.transaction_begin().await
    }

    async fn transaction_begin(&mut self) -> StoreResult<()> {
        self.is_fresh = true;
        self.connection.begin(self.node.filter(|_| self.hooks.is_fenced())).await
    }

    pub(crate) async fn operation_begin(&mut self) -> StoreResult<()> {
        self.reserved.clear();
        self.let_go();
        if self.is_fresh { Ok(()) } else { self.connection.command("SAVEPOINT operation").await }
    }

    pub(crate) async fn operation_keep(&mut self) -> StoreResult<()> {
        if !std::mem::take(&mut self.is_fresh) {
            self.connection.command("RELEASE operation").await?;
        }
        self.kept.notices.append(&mut self.current.notices);
        self.kept.deltas.merge(std::mem::take(&mut self.current.deltas));
        Ok(())
    }

    pub(crate) async fn operation_undo(&mut self) -> StoreResult<()> {
        self.current = Pending::default();
        self.connection.forget();
        self.let_go();
        self.ids.forget(self.reserved.drain(..)).await;
        if self.is_fresh {
            // The database may have taken it back already.
            drop(self.connection.rollback().await);
            return self.transaction_begin().await;
        }
        self.connection.command("ROLLBACK TO operation").await?;
        self.connection.command("RELEASE operation").await
    }

    /// Writes the statistics and commits.
    pub(crate) async fn commit(&mut self) -> StoreResult<Vec<Notice>> {
        let kept = std::mem::take(&mut self.kept);
        let tally = kept.deltas.tally();
        let result = async {
            kept.deltas.write(self);
            self.connection.commit().await
        }
        .await;
        match result {
            Ok(()) => {
                self.hooks.metrics.tally(&tally);
                Ok(kept.notices)
            }
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
