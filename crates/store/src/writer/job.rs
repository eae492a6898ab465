//! What waits in the queue: operations of two kinds.
//!
//! Most run once, each in a savepoint of its own. The few that many do at once (an event comes in, a step is done) run together: in one
//! savepoint, what they need locked with one statement, their rows written with one statement for each table. Should anything of that fail, they run again, each
//! for itself, so that a bad one fails alone; that is why they can be run twice.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{FutureExt, future::BoxFuture};
use model::{ExecutionId, StepStatus, TenantId, event::EXECUTION_FAILED};
use tokio::sync::oneshot;

use super::lanes::Seat;
use crate::{
    StoreError, StoreResult, Tx,
    effect::{effect_emits, effect_needs},
    event::EventKey,
    execution::Performed,
};

/// An operation that many do at once.
pub(crate) trait Together: Send + Sync + 'static {
    type Answer: Send + 'static;

    /// What it is about: operations of a tenant about the same are done in their order, by one lane; so lanes seldom wait for each other's locks.
    fn subject(&self) -> i64;

    /// Says what the operation is going to lock.
    fn needs(&self, needs: &mut Needs);

    /// Does it. May be asked again, after what was done the first time has been taken back.
    fn run<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, StoreResult<Self::Answer>>;
}

/// What a batch is going to lock.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    pub(crate) executions: Vec<ExecutionId>,
    /// Workflows whose rules of entry are decided.
    pub(crate) gates: BTreeSet<i64>,
    /// Events that may be made, which workflows with rules of entry may listen to.
    pub(crate) emits: BTreeSet<(TenantId, &'static str)>,
    /// By table.
    pub(crate) records: BTreeMap<&'static str, BTreeSet<i64>>,
    /// Contacts that are named by their addresses, in small letters.
    pub(crate) emails: BTreeSet<(TenantId, String)>,
    /// Whose events there may be.
    pub(crate) tenants: BTreeSet<i64>,
    pub(crate) event_keys: BTreeSet<EventKey>,
    /// Who makes tickets, which are due some time.
    pub(crate) sla: BTreeSet<TenantId>,
    /// Tags that records are going to carry.
    pub(crate) tags: BTreeSet<(TenantId, String)>,
}

impl Needs {
    pub(crate) fn record(&mut self, table: &'static str, id: i64) {
        self.records.entry(table).or_default().insert(id);
    }

    /// What steps are going to change or to name, and which events that makes.
    pub(crate) fn effects(&mut self, tenant: TenantId, steps: &[Performed]) {
        for effect in steps.iter().filter_map(|step| step.effect.as_ref()) {
            self.emits.extend(effect_emits(effect).iter().map(|event| (tenant, *event)));
            effect_needs(effect, tenant, self);
        }
        if steps.iter().any(|step| step.log.status == StepStatus::Failed) {
            // The run may fail with it.
            self.emits.insert((tenant, EXECUTION_FAILED));
        }
    }
}

/// An operation with its caller.
pub(super) trait Job: Send {
    /// What it needs, when it can run together with others.
    fn together(&self, needs: &mut Needs) -> bool;
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, StoreResult<()>>;
    fn answer(self: Box<Self>, committed: StoreResult<()>);
}

/// Runs once.
pub(super) struct Once<T, F> {
    work: Option<F>,
    outcome: Option<T>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Once<T, F> {
    pub(super) const fn new(work: F, reply: oneshot::Sender<StoreResult<T>>) -> Self {
        Self { work: Some(work), outcome: None, reply }
    }
}

impl<T, F> Job for Once<T, F>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, StoreResult<T>> + Send + 'static,
{
    fn together(&self, _: &mut Needs) -> bool {
        false
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, StoreResult<()>> {
        async move {
            let work = self.work.take().expect("an operation of this kind runs once");
            self.outcome = Some(work(tx).await?);
            Ok(())
        }
        .boxed()
    }

    fn answer(self: Box<Self>, committed: StoreResult<()>) {
        // Whoever asked may be gone: the change is durable all the same.
        drop(self.reply.send(answer(self.outcome, committed)));
    }
}

/// Runs together with others.
pub(super) struct Shared<O: Together> {
    operation: O,
    outcome: Option<O::Answer>,
    /// Kept to the answer, also when nobody waits for that any more.
    _seat: Seat,
    reply: oneshot::Sender<Returned<O>>,
}

/// The answer, with the operation: whoever asked takes it apart, for the writer's thread is the one that everybody waits for.
pub(super) type Returned<O> = (StoreResult<<O as Together>::Answer>, O);

impl<O: Together> Shared<O> {
    pub(super) const fn new(operation: O, seat: Seat, reply: oneshot::Sender<Returned<O>>) -> Self {
        Self { operation, outcome: None, _seat: seat, reply }
    }
}

impl<O: Together> Job for Shared<O> {
    fn together(&self, needs: &mut Needs) -> bool {
        self.operation.needs(needs);
        true
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, StoreResult<()>> {
        async move {
            self.outcome = Some(self.operation.run(tx).await?);
            Ok(())
        }
        .boxed()
    }

    fn answer(self: Box<Self>, committed: StoreResult<()>) {
        drop(self.reply.send((answer(self.outcome, committed), self.operation)));
    }
}

fn answer<T>(outcome: Option<T>, committed: StoreResult<()>) -> StoreResult<T> {
    committed.and_then(|()| outcome.ok_or(StoreError::Closed))
}
