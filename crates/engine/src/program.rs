//! Programs: compiled versions of workflows, and which of them the tenants' events start.
//!
//! Active workflows are held compiled, by tenant and event; an event is matched without reading the database.
//! Older versions, which running executions still need, are compiled when one asks and kept for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use actions::EffectKind;
use arc_swap::ArcSwap;
use model::{Problem, TenantId, WorkflowId, workflow::Definition};
use rules::{
    Compiled, Start, Step,
    index::{Entry, Index},
};
use store::{Connection, Store, StoreError, workflow};

use crate::EngineError;

/// One version of one workflow, ready to run.
#[derive(Debug)]
pub struct Program {
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// Which version.
    pub version: i64,
    /// The workflow's name in that version.
    pub name: String,
    /// What it says.
    pub compiled: Arc<Compiled>,
}

impl Program {
    /// Compiles a definition.
    ///
    /// # Errors
    /// Every problem, with its path.
    pub fn compile(
        workflow: WorkflowId,
        version: i64,
        definition: &Definition,
    ) -> Result<Self, Vec<Problem>> {
        let compiled = rules::compile(definition, actions::catalog())?;
        Ok(Self { workflow, version, name: definition.name.clone(), compiled: Arc::new(compiled) })
    }
}

impl Program {
    /// Where a step has its effect, control steps nowhere; none when this program does not know its action.
    #[must_use]
    pub fn effect_of(step: &Step) -> Option<EffectKind> {
        if step.construct.is_some() {
            return Some(EffectKind::Wait);
        }
        actions::catalog().get(&step.action_type).map(|entry| entry.metadata().effect)
    }
}

type Indexes = HashMap<TenantId, Arc<Index>>;

/// The programs in memory.
#[derive(Debug, Default)]
pub struct Programs {
    active: ArcSwap<Indexes>,
    /// Changes of `active` happen one at a time.
    changing: tokio::sync::Mutex<()>,
    compiled: Mutex<HashMap<(WorkflowId, i64), Arc<Program>>>,
}

/// Compiled versions kept beyond the active ones; when there are more, all are forgotten and compiled anew on demand.
const MOST_COMPILED: usize = 20_000;

impl Programs {
    /// Loads every active workflow of every tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn load(&self, store: &Store) -> Result<usize, EngineError> {
        let _changing = self.changing.lock().await;
        let mut connection = store.read_any().await?;
        let mut entries: HashMap<TenantId, Vec<Entry>> = HashMap::new();
        let mut count = 0;
        for found in workflow::workflow_active_list(&mut connection, None).await? {
            if let Some(entry) =
                self.entry(found.tenant_id, found.id, found.published_version, &found.definition)
            {
                entries.entry(found.tenant_id).or_default().push(entry);
                count += 1;
            }
        }
        let indexes =
            entries.into_iter().map(|(tenant, entries)| (tenant, Arc::new(Index::new(entries)))).collect();
        self.active.store(Arc::new(indexes));
        Ok(count)
    }

    /// Takes in what is stored of a workflow now: activated, changed, or gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn refresh(&self, store: &Store, tenant: TenantId, id: WorkflowId) -> Result<(), EngineError> {
        let _changing = self.changing.lock().await;
        let mut connection = store.read(tenant).await?;
        let found = match workflow::workflow_get(&mut connection, tenant, id).await {
            Ok(found) => Some(found),
            Err(StoreError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let entry = found
            .filter(|found| found.is_active && found.archived_at.is_none() && found.published_version > 0)
            .and_then(|found| self.entry(tenant, id, found.published_version, &found.definition));
        let mut indexes = Indexes::clone(&self.active.load());
        let index = indexes.entry(tenant).or_default();
        *index = Arc::new(match entry {
            Some(entry) => index.with(entry),
            None => index.without(id),
        });
        self.active.store(Arc::new(indexes));
        Ok(())
    }

    fn entry(
        &self,
        tenant: TenantId,
        id: WorkflowId,
        version: i64,
        definition: &Definition,
    ) -> Option<Entry> {
        match self.known_or_compile(id, version, definition) {
            Ok(program) => Some(Entry { workflow: id, version, compiled: Arc::clone(&program.compiled) }),
            Err(problems) => {
                // Saving validates; this is a definition that an older program accepted.
                tracing::error!(%tenant, workflow = %id, version, ?problems, "an active workflow does not compile; it is not run");
                None
            }
        }
    }

    /// The tenant's active workflows.
    #[must_use]
    pub fn index(&self, tenant: TenantId) -> Option<Arc<Index>> {
        self.active.load().get(&tenant).cloned()
    }

    /// Every active workflow that the clock starts, with its tenant.
    #[must_use]
    pub fn scheduled(&self) -> Vec<(TenantId, Entry)> {
        let by_clock = |entry: &&Entry| matches!(entry.compiled.trigger.start, Start::Schedule(_));
        let indexes = self.active.load();
        let of_tenant = |(tenant, index): (&TenantId, &Arc<Index>)| {
            index.entries().iter().filter(by_clock).map(|entry| (*tenant, entry.clone())).collect::<Vec<_>>()
        };
        indexes.iter().flat_map(of_tenant).collect()
    }

    /// A version that an execution is pinned to.
    ///
    /// # Errors
    /// When the store does not answer; when the version is gone or does not compile any more.
    pub async fn version(
        &self,
        connection: &mut Connection,
        tenant: TenantId,
        workflow: WorkflowId,
        version: i64,
    ) -> Result<Arc<Program>, EngineError> {
        let definition =
            workflow::workflow_version_get(connection, tenant, workflow, version).await?.definition;
        self.known_or_compile(workflow, version, &definition).map_err(EngineError::Invalid)
    }

    /// A version that is in memory already.
    #[must_use]
    pub fn known(&self, workflow: WorkflowId, version: i64) -> Option<Arc<Program>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&(workflow, version)).cloned()
    }

    /// A version with its definition, compiled when it is not in memory.
    ///
    /// # Errors
    /// Every problem of a definition that does not compile.
    pub(crate) fn known_or_compile(
        &self,
        workflow: WorkflowId,
        version: i64,
        definition: &Definition,
    ) -> Result<Arc<Program>, Vec<Problem>> {
        if let Some(program) = self.known(workflow, version) {
            return Ok(program);
        }
        let program = Arc::new(Program::compile(workflow, version, definition)?);
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() >= MOST_COMPILED {
            compiled.clear();
        }
        compiled.insert((workflow, version), Arc::clone(&program));
        Ok(program)
    }
}
