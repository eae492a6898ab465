//! Which steps take longest, in the newest executions. The times of steps are not folded as they happen, so this reads their rows; of so few that it costs
//! the same at any length of history.

use model::{TenantId, Timestamp, WorkflowId};

use crate::{Connection, StoreResult, database::Value, params};

/// So many executions are looked at, the newest.
pub const LOOKED_AT: i64 = 1_000;

/// A step of a workflow, over its executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTimes {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Its name today.
    pub workflow_name: String,
    /// The step's id in the definition.
    pub step_id: String,
    /// What it is called.
    pub step_name: String,
    /// Attempts that ended.
    pub attempts: i64,
    /// Those that failed.
    pub failures: i64,
    /// The mean time of an attempt, in milliseconds.
    pub average_ms: i64,
    /// The longest.
    pub longest_ms: i64,
}

/// The actions that took longest on average, the slowest first: of the newest [`LOOKED_AT`] executions, those accepted since `from`.
///
/// # Errors
/// When the database refuses.
pub async fn steps_slowest(
    connection: &mut Connection,
    tenant: TenantId,
    workflow: Option<WorkflowId>,
    from: Option<Timestamp>,
    limit: i64,
) -> StoreResult<Vec<StepTimes>> {
    let mut parameters: Vec<Value> = params![tenant, from, limit, LOOKED_AT];
    let of_workflow = match workflow {
        None => "",
        Some(workflow) => {
            parameters.push(workflow.into());
            "AND workflow_id = ?5"
        }
    };
    let sql = format!(
        "SELECT e.workflow_id, w.name, l.step_id, max(l.step_name), count(*), sum(CASE WHEN l.status = 'failed' THEN 1 ELSE 0 END),
                CAST(sum(l.duration_ms) AS BIGINT) / count(*) AS average, max(l.duration_ms)
           FROM (SELECT id, workflow_id, created_at FROM workflow_executions WHERE tenant_id = ?1 {of_workflow} ORDER BY id DESC LIMIT ?4) e
           JOIN workflow_execution_logs l ON l.execution_id = e.id AND l.tenant_id = ?1
           JOIN workflows w ON w.id = e.workflow_id AND w.tenant_id = ?1
          WHERE (CAST(?2 AS {{time}}) IS NULL OR e.created_at >= ?2) AND l.step_type = 'action' AND l.duration_ms IS NOT NULL
          GROUP BY e.workflow_id, w.name, l.step_id ORDER BY average DESC, e.workflow_id, l.step_id LIMIT ?3"
    );
    let rows = connection.query(sql, parameters).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(StepTimes {
                workflow: row.take()?,
                workflow_name: row.take()?,
                step_id: row.take()?,
                step_name: row.take()?,
                attempts: row.take()?,
                failures: row.take()?,
                average_ms: row.take()?,
                longest_ms: row.take()?,
            })
        })
        .collect()
}
