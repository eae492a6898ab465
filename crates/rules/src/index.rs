//! Which workflows an event starts, for one tenant.
//!
//! Events are the hot path: a tenant with a survey per shop has thousands of workflows on `submission_completed`,
//! all but a few for another form. Workflows that name a form are therefore found by the form. The rest of a
//! trigger is then evaluated one by one. The index is immutable: a change makes a new one.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use model::WorkflowId;
use serde_json::Value;

use crate::{Compiled, Scope, Start, trigger::form_id};

/// An active workflow.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The version that is published.
    pub version: i64,
    /// What that version says.
    pub compiled: Arc<Compiled>,
}

/// The active workflows of a tenant by what starts them.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// By id, one for each workflow.
    entries: Vec<Entry>,
    by_event: HashMap<String, Places>,
    /// Positions in `entries` of the workflows with a goal, by its event.
    by_goal: HashMap<String, Vec<usize>>,
    /// The workflows with rules of entry, or with a goal, by the event that these ask about.
    gated: HashMap<String, BTreeSet<WorkflowId>>,
}

/// Positions in `entries`, ascending.
#[derive(Debug, Clone, Default)]
struct Places {
    any_form: Vec<usize>,
    by_form: HashMap<i64, Vec<usize>>,
}

impl Index {
    /// Of these workflows. When one is given twice, the last counts.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut entries: Vec<Entry> = entries.into_iter().collect();
        entries.reverse();
        entries.sort_by_key(|entry| entry.workflow);
        entries.dedup_by_key(|entry| entry.workflow);
        let mut by_event: HashMap<String, Places> = HashMap::new();
        let mut by_goal: HashMap<String, Vec<usize>> = HashMap::new();
        let mut gated: HashMap<String, BTreeSet<WorkflowId>> = HashMap::new();
        for (at, entry) in entries.iter().enumerate() {
            if let Some(goal) = &entry.compiled.entry.goal {
                by_goal.entry(goal.event.to_string()).or_default().push(at);
                gated.entry(goal.event.to_string()).or_default().insert(entry.workflow);
            }
            let trigger = &entry.compiled.trigger;
            // The others are started by name, and by no event that happens to have theirs.
            if trigger.start != Start::Event {
                continue;
            }
            if !entry.compiled.entry.admits_everything() {
                gated.entry(trigger.event.to_string()).or_default().insert(entry.workflow);
            }
            let places = by_event.entry(trigger.event.to_string()).or_default();
            match trigger.form_id {
                None => places.any_form.push(at),
                Some(form) => places.by_form.entry(form).or_default().push(at),
            }
        }
        Self { entries, by_event, by_goal, gated }
    }

    /// Whether any workflow listens to an event of that canonical name.
    #[must_use]
    pub fn hears(&self, event: &str) -> bool {
        self.by_event.contains_key(event)
    }

    /// Whether an event of that canonical name may meet a workflow's goal.
    #[must_use]
    pub fn aims_at(&self, event: &str) -> bool {
        self.by_goal.contains_key(event)
    }

    /// The workflows whose rules of entry, or whose goal, an event of that canonical name may ask about, whatever it says; by ascending id.
    pub fn gated(&self, event: &str) -> impl Iterator<Item = WorkflowId> {
        self.gated.get(event).into_iter().flatten().copied()
    }

    /// The workflows whose goal an event meets, by ascending id. A goal that cannot be decided is not met.
    pub fn met<'a>(&'a self, event: &str, scope: &'a Scope<'_>) -> impl Iterator<Item = &'a Entry> + 'a {
        let places = self.by_goal.get(event).into_iter().flatten();
        places.filter_map(|at| self.entries.get(*at)).filter(|entry| {
            let goal = entry.compiled.entry.goal.as_ref();
            goal.is_some_and(|goal| goal.conditions.matches(scope) == Ok(true))
        })
    }

    /// The workflows that an event starts, by ascending id. `event` is a canonical name.
    pub fn matching<'a>(&'a self, event: &str, data: &'a Value) -> impl Iterator<Item = &'a Entry> + 'a {
        let mut places = Vec::new();
        if let Some(found) = self.by_event.get(event) {
            places.extend_from_slice(&found.any_form);
            if !found.by_form.is_empty()
                && let Some(of_form) = form_id(data).and_then(|form| found.by_form.get(&form))
            {
                places.extend_from_slice(of_form);
                places.sort_unstable();
            }
        }
        places
            .into_iter()
            .filter_map(|at| self.entries.get(at))
            .filter(|entry| entry.compiled.trigger.accepts(data))
    }

    /// With one more workflow, or another version of one.
    #[must_use]
    pub fn with(&self, entry: Entry) -> Self {
        Self::new(self.entries.iter().cloned().chain([entry]))
    }

    /// Without a workflow.
    #[must_use]
    pub fn without(&self, workflow: WorkflowId) -> Self {
        Self::new(self.entries.iter().filter(|entry| entry.workflow != workflow).cloned())
    }

    /// One workflow.
    #[must_use]
    pub fn get(&self, workflow: WorkflowId) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(&workflow, |entry| entry.workflow).ok()?;
        self.entries.get(at)
    }

    /// All workflows, by ascending id.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
