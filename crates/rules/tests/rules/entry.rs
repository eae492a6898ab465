//! Rules of entry: what is refused on save, and the keys of events.

use model::workflow::{Definition, EntryRules};
use rules::Scope;
use serde_json::{Map, Value, json};

use crate::definitions::Catalog;

fn definition(rules: &Value) -> Definition {
    Definition {
        name: "Some workflow".to_owned(),
        description: None,
        trigger_event: "submission_completed".to_owned(),
        trigger_config: Map::new(),
        conditions: json!([]),
        actions: json!([]),
        log_unmatched: true,
        on_failure: Value::Null,
        entry: serde_json::from_value::<EntryRules>(rules.clone()).unwrap(),
    }
}

#[test]
fn every_rule_refuses_what_makes_no_sense() {
    let rows = [
        json!({}),
        json!({"enrolment": null, "goal": null}),
        json!({"enrolment": {"policy": "once"}, "debounce": {"for": "30s"}, "concurrency": {"limit": 1}, "rateLimit": {"limit": 100, "per": "1m"},
            "goal": {"event": "order.placed"}}),
        json!({"enrolment": [], "debounce": "30s", "concurrency": 1, "rateLimit": true, "goal": "order.placed"}),
        json!({"enrolment": {}, "debounce": {}, "concurrency": {}, "rateLimit": {}, "goal": {}}),
        json!({"enrolment": {"policy": "twice", "kee": 1}}),
        json!({"enrolment": {"policy": "once", "period": "30d"}}),
        json!({"enrolment": {"policy": "once_per"}}),
        json!({"enrolment": {"policy": "once_per", "period": "soon"}}),
        json!({"enrolment": {"policy": "once", "key": "{{contact."}}),
        json!({"enrolment": {"policy": "once", "key": "{{steps.s1.output}}"}}),
        json!({"enrolment": {"policy": "once", "key": 5}}),
        json!({"debounce": {"for": "2d"}}),
        json!({"debounce": {"for": 0, "key": ""}}),
        json!({"concurrency": {"limit": 0, "behavior": "wait"}}),
        json!({"concurrency": {"limit": 1.5, "behaviour": "queue"}}),
        json!({"rateLimit": {"limit": "100", "per": "-1m"}}),
        json!({"goal": {"event": "schedule", "conditions": [{"field": "event.total", "operator": "above", "value": 1}]}}),
        json!({"goal": {"event": "Order Placed"}}),
    ];
    let told = rows.map(|rules| match rules::compile(&definition(&rules), &Catalog::default()) {
        Ok(_) => format!("{rules}\n  accepted"),
        Err(problems) => {
            format!("{rules}{}", problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>())
        }
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn an_event_has_the_keys_that_it_tells() {
    let key = |written: Option<&str>, data: Value| {
        let mut rules = json!({"enrolment": {"policy": "once"}, "concurrency": {"limit": 1}});
        if let Some(written) = written {
            rules["enrolment"]["key"] = json!(written);
        }
        let compiled = rules::compile(&definition(&rules), &Catalog::default()).unwrap();
        let scope = Scope::of_trigger(&data);
        // All runs of a workflow count together unless a key says otherwise.
        assert_eq!(compiled.entry.concurrency.unwrap().key(&scope).as_deref(), Some(""));
        compiled.entry.enrolment.unwrap().key(&scope)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(key(None, json!({"contact": {"id": 5}})), some("5"));
    assert_eq!(key(None, json!({"ticket": {"contact_id": 5}})), some("5"));
    assert_eq!(key(None, json!({"contact": null})), None);
    assert_eq!(key(Some("{{contact.id}}"), json!({"contact": {"id": 5}})), some("5"));
    assert_eq!(
        key(Some("{{contact.email | lower}}"), json!({"contact": {"email": " A@B.example "}})),
        some("a@b.example")
    );
    assert_eq!(key(Some("{{contact.id}}"), json!({})), None);
    assert_eq!(key(Some("{{contact}}"), json!({"contact": {}})), None);
    let long =
        |end: &str| key(Some("{{text}}"), json!({"text": format!("{}{end}", "x".repeat(600))})).unwrap();
    assert_eq!(long("a").chars().count(), 517);
    assert!(long("a") != long("b") && long("a") == long("a"));
}
