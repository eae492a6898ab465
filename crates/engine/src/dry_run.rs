//! Trying a definition on data without any effect: every condition with both sides and its verdict, every action with its rendered
//! config (contract section 4).

use model::{Problem, TenantId, WorkflowId, workflow::Definition};
use rules::Scope;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Engine, EngineError,
    locals::{Surroundings, locals},
    program::Program,
    walk::{Journal, step_name},
};

/// What a definition would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// The trigger's own filter lets the data through.
    pub trigger_matches: bool,
    /// The conditions hold; none when they cannot be decided.
    pub conditions_passed: Option<bool>,
    /// Why they cannot be decided.
    pub error: Option<String>,
    /// Every condition with both sides, verdict and reason.
    pub conditions: Value,
    /// What conditions found odd.
    pub warnings: Vec<String>,
    /// Every action, also when the conditions do not hold.
    pub actions: Vec<DryAction>,
}

/// What one action would be given.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DryAction {
    /// The step's id.
    pub step_id: String,
    /// The action.
    #[serde(rename = "type")]
    pub action_type: String,
    /// What people read.
    pub name: String,
    /// It would run.
    pub would_run: bool,
    /// The rendered config without secrets.
    pub config: Value,
    /// Variables that are missing.
    pub warnings: Vec<String>,
    /// What the action would refuse.
    pub problems: Vec<Problem>,
}

impl Engine {
    /// Tries a definition. Outputs of earlier steps are not known, for nothing is done: templates that name them are
    /// missing and say so.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] with every problem of the definition.
    pub async fn dry_run(
        &self,
        tenant: TenantId,
        workflow: Option<WorkflowId>,
        definition: &Definition,
        trigger_data: &Value,
    ) -> Result<DryRun, EngineError> {
        let inner = &self.inner;
        let id = workflow.unwrap_or(WorkflowId::new(0));
        let program = Program::compile(id, 0, definition).map_err(EngineError::Invalid)?;
        let profile = inner.tenants.profile(&inner.store, &inner.secrets, tenant).await?;
        let surroundings = Surroundings {
            tenant: (tenant, &profile.name),
            workflow: (id, &program.name),
            execution: None,
            now: inner.store.now(),
        };
        let locals = locals(surroundings, &Journal::default());
        let scope = Scope { trigger: trigger_data, locals: &locals, time_zone: &profile.time_zone };
        let compiled = &program.compiled;
        let evaluation = compiled.conditions.evaluate(&scope);
        let conditions = evaluation.to_output().get("conditions").cloned().unwrap_or_else(|| json!([]));
        let conditions_passed = evaluation.result.as_ref().ok().copied();
        let actions = compiled
            .steps
            .iter()
            .map(|step| {
                let entry = actions::catalog().get(&step.action_type);
                let (config, warnings, problems) = match step.config.render(&scope) {
                    Ok(rendered) => {
                        let problems = entry.map_or_else(Vec::new, |entry| entry.check(&rendered.value));
                        let shown = entry.map_or(Value::Null, |entry| entry.redact(rendered.value));
                        (shown, rendered.warnings, problems)
                    }
                    Err(error) => (Value::Null, Vec::new(), vec![Problem::at("", error.to_string())]),
                };
                DryAction {
                    step_id: step.id.clone(),
                    action_type: step.action_type.clone(),
                    name: step_name(step),
                    would_run: conditions_passed == Some(true) && !step.disabled,
                    config,
                    warnings,
                    problems,
                }
            })
            .collect();
        Ok(DryRun {
            trigger_matches: compiled.trigger.accepts(trigger_data),
            conditions_passed,
            error: evaluation.result.as_ref().err().map(ToString::to_string),
            conditions,
            warnings: evaluation.warnings,
            actions,
        })
    }
}
