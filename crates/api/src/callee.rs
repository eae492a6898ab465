//! The workflows that a definition's `run_workflow` steps name: they must be there when it is saved. What a template names is seen when it runs.
//!
//! A workflow may name itself, and a workflow of the same import by its key: neither needs to be there before.

use model::{
    Problem, TenantId, WorkflowId,
    effect::WorkflowName,
    workflow::{Definition, Workflow},
};
use rules::{
    definition::ON_FAILURE,
    step::{run_workflow::RUN_WORKFLOW, tree},
};
use serde_json::Value;
use store::{
    Connection, StoreError, StoreResult,
    workflow::{workflow_find, workflow_recall},
};

/// What is saved, for steps that name it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Saved<'a> {
    /// Its id, when it has one already.
    pub id: Option<WorkflowId>,
    /// Its key and those of what is saved with it.
    pub keys: &'a [String],
}

/// Every step that names a workflow which cannot be run, with its place.
///
/// # Errors
/// When the database refuses.
pub async fn problems(
    connection: &mut Connection,
    tenant: TenantId,
    definition: &Definition,
    saved: Saved<'_>,
) -> StoreResult<Vec<Problem>> {
    let mut problems = Vec::new();
    for (place, name) in named(definition) {
        let message = match &name {
            WorkflowName::Id(id) if saved.id == Some(*id) => continue,
            WorkflowName::Key(key) if saved.keys.contains(key) => continue,
            WorkflowName::Id(id) => match workflow_recall(connection, tenant, *id).await {
                Ok(found) if found.archived_at.is_some() => {
                    format!("workflow {id} was deleted: name another one")
                }
                Ok(found) => match unpublished(&found) {
                    Some(message) => message,
                    None => continue,
                },
                Err(StoreError::Missing(_)) => {
                    format!("there is no workflow {id}: name one of this tenant by its id or its key")
                }
                Err(error) => return Err(error),
            },
            WorkflowName::Key(key) => match workflow_find(connection, tenant, key).await? {
                Some(found) => match unpublished(&found) {
                    Some(message) => message,
                    None => continue,
                },
                None => format!(
                    "there is no workflow with the key {}: save that one first, or name one of this tenant by its id or its key",
                    Value::from(key.as_str())
                ),
            },
        };
        problems.push(Problem::at(place, message));
    }
    Ok(problems)
}

fn unpublished(found: &Workflow) -> Option<String> {
    (found.published_version == 0)
        .then(|| format!("workflow {} is only a draft: publish it before another one runs it", found.id))
}

/// The workflows that a definition names outright, as it stands in a file or an answer.
#[must_use]
pub fn names(definition: &Value) -> Vec<WorkflowName> {
    let steps = |name: &str| definition.get(name).unwrap_or(&Value::Null);
    within(steps("actions"), steps(ON_FAILURE)).into_iter().map(|(_, name)| name).collect()
}

fn named(definition: &Definition) -> Vec<(String, WorkflowName)> {
    within(&definition.actions, &definition.on_failure)
}

/// With the places.
fn within(actions: &Value, on_failure: &Value) -> Vec<(String, WorkflowName)> {
    let mut found = Vec::new();
    for (path, steps) in [("actions", actions), (ON_FAILURE, on_failure)] {
        tree::visit(steps, path, &mut |path, step| {
            if step.get("type").and_then(Value::as_str) != Some(RUN_WORKFLOW) {
                return;
            }
            let Some(value) = step.pointer("/config/workflowId") else { return };
            let is_template = value.as_str().is_some_and(|text| text.contains("{{"));
            if let Some(name) = WorkflowName::of(value).filter(|_| !is_template) {
                found.push((format!("{path}.config.workflowId"), name));
            }
        });
    }
    found
}
