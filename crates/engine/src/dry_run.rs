//! Trying a definition on data without any effect: every condition with both sides and its verdict, every action with its rendered
//! config (contract section 4).

use model::{Problem, TenantId, Timestamp, WorkflowId, workflow::Definition};
use rules::{Construct, Scope, Step, Timetable, definition::ON_FAILURE};
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
    /// Where it stands in the definition; left out at the top: `s3.branches[0]` for a step in the first branch of `s3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
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
    /// The next times at which the clock would start a workflow, `count` at most; none for what something else starts, or what is not sound.
    ///
    /// # Errors
    /// [`EngineError`] when the tenant's time zone cannot be read.
    pub async fn next_times(
        &self,
        tenant: TenantId,
        definition: &Definition,
        count: usize,
    ) -> Result<Vec<Timestamp>, EngineError> {
        let Some(timetable) = Timetable::of(definition) else { return Ok(Vec::new()) };
        let inner = &self.inner;
        let profile = inner.tenants.profile(&inner.store, &inner.secrets, tenant).await?;
        let next = |after: &Timestamp| timetable.next(*after, &profile.time_zone);
        Ok(std::iter::successors(next(&inner.store.now()), next).take(count).collect())
    }

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
        let mut actions = Vec::new();
        tried(&compiled.steps, (None, conditions_passed == Some(true)), &scope, &mut actions);
        tried(&compiled.on_failure, (Some(ON_FAILURE), false), &scope, &mut actions);
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

/// What the steps of a list would be given, and those inside of them. Which branch is taken is known as far as the data says it; what runs
/// when something fails does not run here.
fn tried(
    steps: &[Step],
    (inside, would_run): (Option<&str>, bool),
    scope: &Scope<'_>,
    found: &mut Vec<DryAction>,
) {
    for step in steps {
        let entry = actions::catalog().get(&step.action_type);
        let (config, warnings, problems) = match step.config.render(scope) {
            Ok(rendered) => {
                let problems = entry.map_or_else(Vec::new, |entry| entry.check(&rendered.value));
                let shown = match (entry, &step.construct) {
                    (Some(entry), _) => entry.redact(rendered.value),
                    (None, Some(_)) => rendered.value,
                    (None, None) => Value::Null,
                };
                (shown, rendered.warnings, problems)
            }
            Err(error) => (Value::Null, Vec::new(), vec![Problem::at("", error.to_string())]),
        };
        let skips = step.skip_if.as_ref().is_some_and(|conditions| conditions.matches(scope) == Ok(true));
        let would_run = would_run && !step.disabled && !skips;
        found.push(DryAction {
            step_id: step.id.clone(),
            inside: inside.map(str::to_owned),
            action_type: step.action_type.clone(),
            name: step_name(step),
            would_run,
            config,
            warnings,
            problems,
        });
        let path = inside.map_or_else(|| step.id.clone(), |inside| format!("{inside}.{}", step.id));
        if let Some(construct) = step.construct.as_deref() {
            let taken = match construct {
                Construct::Branch(branch) => Some(branch.taken(scope)),
                _ => None,
            };
            for (name, steps) in construct.lists() {
                let is_taken = taken.as_ref().is_none_or(|taken| taken.contains(&name));
                let list = if name.is_empty() { format!("{path}[0]") } else { format!("{path}.{name}") };
                tried(steps, (Some(&list), would_run && is_taken), scope, found);
            }
        }
        tried(&step.on_error, (Some(&format!("{path}.onError")), false), scope, found);
    }
}
