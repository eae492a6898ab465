//! Taking executions that wait to a newer version of their workflow, where the place at which they stand exists ([`position`]).
//!
//! Each is moved in a transaction of its own, which asks again under the execution's lock. A call moves a bounded number and says from where to
//! go on; a repeat finds what is left, so it may be broken off anywhere.

pub mod position;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::future::try_join_all;
use model::{Actor, ExecutionId, Problem, TenantId, WorkflowId};
use store::{
    StoreError, StoreResult,
    execution::{
        Candidate, Judge, Moved, execution_load, execution_move, execution_move_candidates, movable,
    },
    workflow::workflow_get,
};

use crate::{Engine, EngineError, program::Program};

/// Executions looked at by one call.
pub const MOST: usize = 10_000;
/// Executions of one look, and writes that are under way at once: as many as one commit bears.
const AT_ONCE: i64 = 64;
/// Executions that are named for each reason.
const NAMED: usize = 5;

/// Which executions are moved, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveRequest {
    /// Whose workflow.
    pub workflow: WorkflowId,
    /// The version to move to.
    pub to: i64,
    /// Only executions of these versions, each older; none: of every older one.
    pub from: Option<Vec<i64>>,
    /// Only those that came after this one.
    pub after: Option<ExecutionId>,
    /// Only to see what would become of them.
    pub dry_run: bool,
}

/// What became, or would become, of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoveSummary {
    /// How many were moved; in a dry run, could be.
    pub moved: usize,
    /// How many stay where they are.
    pub unmoved: usize,
    /// Why, the commonest reason first.
    pub reasons: Vec<Unmoved>,
    /// There may be more: go on after this one.
    pub next: Option<ExecutionId>,
}

/// A reason for which executions stay where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmoved {
    /// In a sentence.
    pub reason: String,
    /// How many.
    pub count: usize,
    /// The first of them.
    pub executions: Vec<ExecutionId>,
}

impl Engine {
    /// Moves executions that wait, or looks which could be moved.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for the workflow or the version; [`EngineError::Invalid`] when the version does not compile
    /// any more, or `from` names one that is not older.
    pub async fn executions_move(
        &self,
        tenant: TenantId,
        actor: Actor,
        request: MoveRequest,
    ) -> Result<MoveSummary, EngineError> {
        let inner = &self.inner;
        let from = request.from.iter().flatten().enumerate();
        let late = from.filter(|(_, version)| **version >= request.to || **version < 1);
        let problems: Vec<Problem> = late
            .map(|(at, version)| {
                let message =
                    format!("{version} is no version before {}: runs are moved to a newer one", request.to);
                Problem::at(format!("from[{at}]"), message)
            })
            .collect();
        if !problems.is_empty() {
            return Err(EngineError::Invalid(problems));
        }
        let mut connection = inner.store.read(tenant).await?;
        workflow_get(&mut connection, tenant, request.workflow).await?;
        let new = inner.programs.version(&mut connection, tenant, request.workflow, request.to).await?;
        drop(connection);
        let mut mover =
            Mover { engine: self, tenant, actor, new, old: HashMap::new(), dry_run: request.dry_run };
        let mut summary = MoveSummary::default();
        let mut reasons: BTreeMap<String, Unmoved> = BTreeMap::new();
        let (mut after, mut seen) = (request.after, 0);
        loop {
            let mut connection = inner.store.read(tenant).await?;
            let workflow = (tenant, request.workflow);
            let mut found =
                execution_move_candidates(&mut connection, workflow, request.to, after, AT_ONCE).await?;
            drop(connection);
            let is_last = i64::try_from(found.len()).is_ok_and(|count| count < AT_ONCE);
            after = found.last().map(|candidate| candidate.id).or(after);
            seen += found.len();
            if let Some(from) = &request.from {
                found.retain(|candidate| from.contains(&candidate.version));
            }
            for (id, moved) in mover.all(&found).await? {
                match moved {
                    Moved::Done => summary.moved += 1,
                    Moved::Not(reason) => {
                        summary.unmoved += 1;
                        let known = reasons.entry(reason.clone()).or_insert(Unmoved {
                            reason,
                            count: 0,
                            executions: Vec::new(),
                        });
                        known.count += 1;
                        if known.executions.len() < NAMED {
                            known.executions.push(id);
                        }
                    }
                }
            }
            if is_last || seen >= MOST {
                summary.next = after.filter(|_| !is_last);
                break;
            }
        }
        summary.reasons = reasons.into_values().collect();
        summary.reasons.sort_by_key(|known| std::cmp::Reverse(known.count));
        Ok(summary)
    }
}

struct Mover<'e> {
    engine: &'e Engine,
    tenant: TenantId,
    actor: Actor,
    new: Arc<Program>,
    /// What the executions run, by version; none: it does not compile any more.
    old: HashMap<i64, Option<Arc<Program>>>,
    dry_run: bool,
}

impl Mover<'_> {
    async fn all(&mut self, found: &[Candidate]) -> Result<Vec<(ExecutionId, Moved)>, EngineError> {
        for candidate in found {
            if !self.old.contains_key(&candidate.version) {
                let program = self.program(candidate.version).await?;
                self.old.insert(candidate.version, program);
            }
        }
        let each = found.iter().map(async |candidate| {
            let moved = match self.old.get(&candidate.version).cloned().flatten() {
                Some(old) => self.one(*candidate, old).await?,
                None => Moved::Not(format!("its version {} does not compile any more", candidate.version)),
            };
            Ok::<_, EngineError>((candidate.id, moved))
        });
        try_join_all(each).await
    }

    async fn program(&self, version: i64) -> Result<Option<Arc<Program>>, EngineError> {
        let inner = &self.engine.inner;
        let mut connection = inner.store.read(self.tenant).await?;
        match inner.programs.version(&mut connection, self.tenant, self.new.workflow, version).await {
            Ok(program) => Ok(Some(program)),
            Err(EngineError::Invalid(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn one(&self, candidate: Candidate, old: Arc<Program>) -> StoreResult<Moved> {
        let store = &self.engine.inner.store;
        let (tenant, actor, id) = (self.tenant, self.actor, candidate.id);
        let (from, to) = (candidate.version, self.new.version);
        let judge = judge(old, Arc::clone(&self.new));
        let gone = |error| match error {
            StoreError::Missing(_) => Ok(Moved::Not("it is not there any more".to_owned())),
            error => Err(error),
        };
        if self.dry_run {
            let started = match execution_load(&mut *store.read(tenant).await?, tenant, id).await {
                Ok(started) => started,
                Err(error) => return gone(error),
            };
            let status = started.execution.progress.status;
            let reason = movable(status, started.execution.owner.is_some());
            let judged = reason.map_or_else(|| judge(&started.execution, &started.journal, store.now()), Err);
            return Ok(judged.map_or_else(Moved::Not, |_| Moved::Done));
        }
        let moved = store.write_patiently(move |tx| {
            Box::pin(async move { execution_move(tx, (tenant, id), (from, to), actor, judge).await })
        });
        moved.await.or_else(gone)
    }
}

fn judge(old: Arc<Program>, new: Arc<Program>) -> Judge {
    Box::new(move |execution, journal, now| {
        let versions = position::Versions { old: &old.compiled, new: &new.compiled, number: new.version };
        position::moved(versions, execution, journal, now)
    })
}
