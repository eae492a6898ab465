//! Workflows as stored: the definition is kept as the JSON that was saved; `rules` compiles it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Actor, TenantId, Timestamp, WorkflowId, named};

/// The part of a workflow that versions keep: what decides how it runs. Field names as in the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// What the team calls it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The event that starts it.
    pub trigger_event: String,
    /// Which of those events, such as `{"formId":10}`.
    pub trigger_config: Map<String, Value>,
    /// The list of conditions (contract section 5).
    pub conditions: Value,
    /// The list of steps.
    pub actions: Value,
    /// False: a run whose conditions fail is only counted.
    pub log_unmatched: bool,
    /// Who may enter, how often, and how many at once. What was stored before there were rules has none.
    #[serde(flatten, default)]
    pub entry: EntryRules,
    /// The list of steps that run once when a run has failed for good; null when there are none, as in what older programs have saved.
    #[serde(rename = "onFailure", default, skip_serializing_if = "Value::is_null")]
    pub on_failure: Value,
}

/// The rules of entry as they are written (control-flow.md, "Entry rules"): all may be left out, then every event enters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryRules {
    /// `{"policy":"every_time"|"once"|"once_per","period","key"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<Value>,
    /// `{"key","for"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debounce: Option<Value>,
    /// `{"limit","key","behavior":"queue"|"drop"|"cancel_running"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Value>,
    /// `{"limit","per"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Value>,
    /// `{"event","conditions"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Value>,
}

named! {
    /// What becomes of a run for which there is no room (`concurrency.behavior`).
    Behavior {
        /// It waits until there is.
        Queue = "queue",
        /// It is not run.
        Drop = "drop",
        /// The oldest that is under way is cancelled in its favour.
        CancelRunning = "cancel_running",
    }
}

impl EntryRules {
    /// The names of the rules, as they are written.
    pub const NAMES: [&str; 5] = ["enrolment", "debounce", "concurrency", "rateLimit", "goal"];

    /// Every rule with its name.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, &Option<Value>); 5] {
        let Self { enrolment, debounce, concurrency, rate_limit, goal } = self;
        let [a, b, c, d, e] = Self::NAMES;
        [(a, enrolment), (b, debounce), (c, concurrency), (d, rate_limit), (e, goal)]
    }

    /// The place of a rule.
    pub fn rule_mut(&mut self, name: &str) -> Option<&mut Option<Value>> {
        match name {
            "enrolment" => Some(&mut self.enrolment),
            "debounce" => Some(&mut self.debounce),
            "concurrency" => Some(&mut self.concurrency),
            "rateLimit" => Some(&mut self.rate_limit),
            "goal" => Some(&mut self.goal),
            _ => None,
        }
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A workflow with its published definition and its counters.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Unique over all tenants.
    pub id: WorkflowId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// The stable name by which import and `workflow apply` find it; unique within the tenant.
    pub key: String,
    /// What runs: the latest published version, or the draft of a workflow that was never published.
    pub definition: Definition,
    /// The number of the published version; 0 when there is none yet.
    pub published_version: i64,
    /// How often the address was replaced at which calls from outside start it.
    pub hook_generation: i64,
    /// Events start it.
    pub is_active: bool,
    /// An unfinished definition beside the published one.
    pub draft: Option<Value>,
    /// How many executions were ever started.
    pub execution_count: i64,
    /// How many completed with their conditions met.
    pub success_count: i64,
    /// How many failed.
    pub failure_count: i64,
    /// How many completed with their conditions not met.
    pub unmatched_count: i64,
    /// When the last one was started.
    pub last_executed_at: Option<Timestamp>,
    /// Mean working time of the ended ones that matched.
    pub average_duration_ms: Option<i64>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
    /// When it was deleted; history still refers to it.
    pub archived_at: Option<Timestamp>,
}

/// One immutable version.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowVersion {
    /// Whose it is.
    pub workflow_id: WorkflowId,
    /// 1, 2, 3 …
    pub number: i64,
    /// What was saved.
    pub definition: Definition,
    /// Why, in the author's words.
    pub note: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Option<Actor>,
}
