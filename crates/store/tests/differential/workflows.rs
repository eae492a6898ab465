//! Workflows with their versions and drafts.

use model::workflow::Definition;
use serde_json::{Value, json};
use store::workflow::{
    Change, DraftChange, NewWorkflow, workflow_archive, workflow_counters_fold, workflow_create,
    workflow_publish, workflow_purge_begin, workflow_purge_end, workflow_purge_slice, workflow_update,
};

use crate::{
    pair::{ADA, Pair, change},
    random::Random,
};

/// What happens by itself in the operations, and what only [`crate::events`] sends.
pub const EVENTS: &[&str] = &[
    "order.placed",
    "order.placed",
    "order.placed",
    "ticket_created",
    "ticket_updated",
    "contact_created",
    "contact_updated",
    "submission_completed",
];

impl Pair {
    fn definition(&mut self) -> Definition {
        let random = &mut self.random;
        Definition {
            name: random.text(),
            description: random.sometimes(50, Random::text),
            trigger_event: (*random.pick(EVENTS)).to_owned(),
            trigger_config: random.object(),
            conditions: json!([random.document()]),
            actions: json!([{"type": "delay", "id": "s1", "config": random.document()}]),
            log_unmatched: random.percent(50),
            entry: model::workflow::EntryRules::default(),
            on_failure: if random.percent(30) {
                json!([{"id": "f1", "type": "delay", "config": {"duration": "1h"}}])
            } else {
                Value::Null
            },
        }
    }

    fn key(&mut self) -> Option<String> {
        self.random.sometimes(30, |random| {
            (*random.pick(&["follow-up", "größe", "nps", "key-4", "Not a key"])).to_owned()
        })
    }

    pub async fn workflow_create(&mut self) {
        let (tenant, definition, key) = (self.random.tenant(), self.definition(), self.key());
        let is_draft = self.random.percent(15);
        let is_active = self.random.percent(if is_draft { 10 } else { 90 });
        let new = NewWorkflow { key, definition, is_draft, is_active };
        drop(change!(self, ("workflow_create", tenant, &new), |tx| workflow_create(tx, tenant, ADA, new)));
        self.learn_workflows().await;
    }

    pub async fn workflow_update(&mut self) {
        let (tenant, id, version) = self.record("workflows").await;
        let (definition, draft, key) = (self.definition(), self.definition(), self.key());
        let random = &mut self.random;
        let change = Change {
            key,
            definition: random.sometimes(40, |_| definition),
            note: random.sometimes(30, Random::text),
            draft: match random.below(4) {
                0 => DraftChange::Drop,
                1 => DraftChange::Set(draft),
                _ => DraftChange::Keep,
            },
            is_active: random.sometimes(40, |random| random.percent(80)),
            version,
        };
        drop(change!(self, ("workflow_update", id, &change), |tx| workflow_update(
            tx, tenant, ADA, id, change
        )));
        self.learn_workflows().await;
    }

    pub async fn workflow_publish(&mut self) {
        let (tenant, id, version) = self.record("workflows").await;
        let definition = self.definition();
        let note = self.random.sometimes(30, Random::text);
        drop(change!(self, ("workflow_publish", id, &definition), |tx| {
            workflow_publish(tx, tenant, ADA, id, definition, note, version)
        }));
        self.learn_workflows().await;
    }

    pub async fn workflow_archive(&mut self) {
        let (tenant, id, version) = self.record("workflows").await;
        drop(change!(self, ("workflow_archive", id), |tx| workflow_archive(tx, tenant, ADA, id, version)));
        self.learn_workflows().await;
    }

    /// As far as it goes: one with live executions stays.
    pub async fn workflow_purge(&mut self) {
        let (tenant, id, _) = self.record("workflows").await;
        if change!(self, ("workflow_purge_begin", id), |tx| workflow_purge_begin(tx, tenant, ADA, id)).is_ok()
        {
            while change!(self, ("workflow_purge_slice", id), |tx| workflow_purge_slice(tx, tenant, id))
                .unwrap()
            {}
            change!(self, ("workflow_purge_end", id), |tx| workflow_purge_end(tx, tenant, id)).unwrap();
        }
        self.learn_workflows().await;
    }

    pub async fn counters_fold(&mut self) {
        change!(self, "workflow_counters_fold", |tx| workflow_counters_fold(tx)).unwrap();
    }
}
