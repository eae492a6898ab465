//! The roots that templates and conditions see besides the trigger data (contract section 7).

use model::{ExecutionId, StepStatus, TenantId, Timestamp, WorkflowId};
use serde_json::{Map, Value, json};

use crate::walk::{CONDITIONS, Journal};

/// What a run knows about its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The tenant and its name.
    pub tenant: (TenantId, &'a str),
    /// The workflow and its name.
    pub workflow: (WorkflowId, &'a str),
    /// The execution and which run of it this is, counting from 1; none before it exists.
    pub execution: Option<(ExecutionId, i64)>,
    /// The time of the step.
    pub now: Timestamp,
}

/// The roots `tenant`, `workflow`, `execution`, `now` and `steps`.
#[must_use]
pub fn locals(surroundings: Surroundings<'_>, journal: &Journal) -> Map<String, Value> {
    let Surroundings { tenant, workflow, execution, now } = surroundings;
    let mut steps = Map::new();
    for row in journal.rows().filter(|row| row.step_path != CONDITIONS) {
        let mut seen = json!({"status": row.status});
        if row.status == StepStatus::Completed {
            seen["output"] = row.output_data.clone().unwrap_or_default();
        }
        if let Some(error) = &row.error {
            seen["error"] = json!(error);
        }
        steps.insert(row.step_id.clone(), seen);
    }
    let mut roots = Map::new();
    roots.insert("tenant".to_owned(), json!({"id": tenant.0, "name": tenant.1}));
    roots.insert("workflow".to_owned(), json!({"id": workflow.0, "name": workflow.1}));
    if let Some((id, attempt)) = execution {
        roots.insert("execution".to_owned(), json!({"id": id, "attempt": attempt}));
    }
    roots.insert("now".to_owned(), json!(now));
    roots.insert("steps".to_owned(), Value::Object(steps));
    roots
}
