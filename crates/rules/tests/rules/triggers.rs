//! Which events start which workflows.

use std::sync::Arc;

use model::{WorkflowId, workflow::Definition};
use rules::{Compiled, Entry, Index};
use serde_json::{Value, json};

use crate::definitions::Catalog;

pub(crate) fn compiled(event: &str, trigger_config: &Value) -> Compiled {
    let definition = Definition {
        name: "Some workflow".to_owned(),
        description: None,
        trigger_event: event.to_owned(),
        trigger_config: trigger_config.as_object().unwrap().clone(),
        conditions: json!([]),
        actions: json!([]),
        log_unmatched: true,
        entry: model::workflow::EntryRules::default(),
        on_failure: Value::Null,
    };
    rules::compile(&definition, &Catalog::default()).unwrap()
}

#[test]
fn a_trigger_narrows_its_event_down() {
    #[rustfmt::skip]
    let rows = [
        (json!({}), json!({"anything": 1}), true),
        (json!({}), json!(null), true),
        (json!({"formId": 10}), json!({"formId": 10}), true),
        (json!({"formId": 10}), json!({"formId": "10"}), true),
        (json!({"formId": 10}), json!({"submission": {"formId": 10}}), true),
        (json!({"formId": 10}), json!({"submission": {"form_id": 10}}), true),
        (json!({"formId": 10}), json!({"formId": 11, "submission": {"formId": 10}}), false),
        (json!({"formId": 10}), json!({"formId": "ten"}), false),
        (json!({"formId": 10}), json!({}), false),
        (json!({"formId": null}), json!({}), true),
        (json!({"fields": ["status", "priority"]}), json!({"changed": ["title", "status"]}), true),
        (json!({"fields": ["status"]}), json!({"changed": ["title"]}), false),
        (json!({"fields": ["status"]}), json!({}), false),
        (json!({"fields": []}), json!({}), true),
        (json!({"conditions": [{"field": "ticket.status", "operator": "==", "value": "closed"}]}), json!({"ticket": {"status": "closed"}}), true),
        (json!({"conditions": [{"field": "ticket.status", "operator": "==", "value": "closed"}]}), json!({"ticket": {"status": "open"}}), false),
        (json!({"conditions": [{"field": "x", "operator": ">", "value": 1, "onMissing": "error"}]}), json!({}), false),
    ];
    for (config, data, expected) in rows {
        assert_eq!(compiled("ticket_updated", &config).trigger.accepts(&data), expected, "{config} {data}");
    }
}

#[test]
fn the_index_finds_what_a_search_through_all_would() {
    let configs = [json!({}), json!({"formId": 10}), json!({"formId": 11}), json!({"fields": ["status"]})];
    let mut entries = Vec::new();
    for id in 1..=40 {
        let event = if id % 3 == 0 { "ticket.updated" } else { "submission_completed" };
        let config = &configs[id as usize % configs.len()];
        entries.push(Entry {
            workflow: WorkflowId::new(41 - id),
            version: 1,
            compiled: Arc::new(compiled(event, config)),
        });
    }
    let index = Index::new(entries.clone());
    let found = |index: &Index, event: &str, data: &Value| {
        index.matching(event, data).map(|entry| (entry.workflow.get(), entry.version)).collect::<Vec<_>>()
    };
    for event in ["submission_completed", "ticket_updated", "unknown"] {
        for data in [json!({}), json!({"formId": 10}), json!({"formId": "11", "changed": ["status"]})] {
            let mut expected: Vec<_> = entries
                .iter()
                .filter(|entry| {
                    entry.compiled.trigger.event.as_str() == event && entry.compiled.trigger.accepts(&data)
                })
                .map(|entry| (entry.workflow.get(), entry.version))
                .collect();
            expected.sort_unstable();
            assert_eq!(found(&index, event, &data), expected, "{event} {data}");
        }
    }

    let data = json!({"formId": 10});
    let newer = Entry {
        workflow: WorkflowId::new(40),
        version: 2,
        compiled: Arc::new(compiled("vip_called", &json!({}))),
    };
    let changed = index.with(newer);
    assert_eq!(found(&changed, "vip_called", &data), [(40, 2)]);
    assert!(!found(&changed, "submission_completed", &data).iter().any(|(id, _)| *id == 40));
    let removed = changed.without(WorkflowId::new(40));
    assert_eq!((found(&removed, "vip_called", &data), removed.entries().len()), (vec![], 39));
    assert!(removed.get(WorkflowId::new(40)).is_none() && removed.get(WorkflowId::new(39)).is_some());
}
