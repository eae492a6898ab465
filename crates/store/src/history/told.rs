//! What people have told executions: the data of the events that started them or that they waited for, and the answers of those who approved.
//!
//! It travels: what a run calls gets its data, what its changes start gets them too, and a caller gets what came of the called run. So what an
//! execution was told is what all of those were told that are bound together in this way.

use std::collections::{BTreeSet, HashMap};

use model::{ExecutionId, StepType, TenantId};
use serde_json::{Map, Value as Json};

use crate::{Connection, StoreResult, database::Value, params};

/// Executions that are looked at at most. The guard of loops stops chains sooner, and a run that calls more is not read by people.
const MOST: usize = 5_000;

/// What one execution was told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// The data of events.
    pub events: Vec<Json>,
    /// The questions of approvals, and the answers of each who decided.
    pub answers: Vec<(Json, Map<String, Json>)>,
}

#[derive(Default)]
struct Node {
    told: Told,
    bound: Vec<ExecutionId>,
}

/// What these executions were told, and those that they are bound together with. One that is not there any more was told nothing.
///
/// # Errors
/// When the database refuses.
pub async fn told(
    connection: &mut Connection,
    tenant: TenantId,
    executions: impl Iterator<Item = ExecutionId>,
) -> StoreResult<HashMap<ExecutionId, Vec<Told>>> {
    let wanted: BTreeSet<ExecutionId> = executions.collect();
    let mut nodes: HashMap<ExecutionId, Node> = HashMap::new();
    let mut pending = wanted.clone();
    while !pending.is_empty() && nodes.len() < MOST {
        let found = read(connection, tenant, &pending).await?;
        pending = found.values().flat_map(|node| node.bound.iter().copied()).collect();
        nodes.extend(found);
        pending.retain(|id| !nodes.contains_key(id));
    }
    Ok(wanted.into_iter().map(|id| (id, together(id, &nodes))).collect())
}

fn together(id: ExecutionId, nodes: &HashMap<ExecutionId, Node>) -> Vec<Told> {
    let (mut seen, mut pending, mut told) = (BTreeSet::from([id]), vec![id], Vec::new());
    while let Some(node) = pending.pop().and_then(|id| nodes.get(&id)) {
        told.push(node.told.clone());
        pending.extend(node.bound.iter().copied().filter(|id| nodes.contains_key(id) && seen.insert(*id)));
    }
    told
}

async fn read(
    connection: &mut Connection,
    tenant: TenantId,
    executions: &BTreeSet<ExecutionId>,
) -> StoreResult<HashMap<ExecutionId, Node>> {
    let ids = || Value::Ids(executions.iter().map(|id| id.get()).collect());
    // Also of those that are gone: nobody asks for them again.
    let mut nodes: HashMap<ExecutionId, Node> = executions.iter().map(|id| (*id, Node::default())).collect();
    let sql = "SELECT id, trigger_data, caused_by, retry_of FROM workflow_executions WHERE id {among:?1} AND tenant_id = ?2";
    for row in connection.query(sql, vec![ids(), tenant.into()]).await? {
        let mut row = row.cells();
        let node = nodes.entry(row.take()?).or_default();
        node.told.events.push(row.take()?);
        node.bound.extend(row.take::<Option<ExecutionId>>()?);
        // What a retry carries over its original was told.
        node.bound.extend(row.take::<Option<ExecutionId>>()?);
    }
    let rows = connection
        .query(
            "SELECT a.execution_id, a.form, d.form FROM approvals a JOIN approval_decisions d ON d.approval_id = a.id
              WHERE a.execution_id {among:?1} AND a.tenant_id = ?2 AND d.tenant_id = ?2",
            vec![ids(), tenant.into()],
        )
        .await?;
    for row in rows {
        let mut row = row.cells();
        let node = nodes.entry(row.take()?).or_default();
        node.told.answers.push((row.take()?, row.take()?));
    }
    let mut parameters = vec![ids()];
    parameters.extend(params![tenant, StepType::Wait, StepType::Workflow]);
    let rows = connection
        .query(
            "SELECT execution_id, step_type, output_data FROM workflow_execution_logs
              WHERE execution_id {among:?1} AND tenant_id = ?2 AND step_type IN (?3, ?4) AND output_data IS NOT NULL",
            parameters,
        )
        .await?;
    for row in rows {
        let mut row = row.cells();
        let node = nodes.entry(row.take()?).or_default();
        let (kind, output): (StepType, Json) = (row.take()?, row.take()?);
        if kind == StepType::Wait {
            node.told.events.extend(output.get("event").cloned());
        } else {
            let called = output.get("executionId").and_then(Json::as_i64);
            node.bound.extend(called.and_then(|id| ExecutionId::try_from(id).ok()));
        }
    }
    Ok(nodes)
}
