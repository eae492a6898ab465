//! Whole definitions: the seed's examples compile, and everything wrong with a bad one is named.

use model::{Problem, workflow::Definition};
use rules::{ActionCatalog, Scope, compile, with_ids};
use serde_json::{Map, Value, json};

/// Actions with the shapes that the real ones have.
pub(crate) struct Catalog(Vec<(&'static str, Value)>);

impl Default for Catalog {
    fn default() -> Self {
        let object = |properties: Value, required: Value| {
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false,
            "$defs": {
                "Priority": {"type": "string", "enum": ["low", "normal", "high", "urgent"]},
                "Method": {"oneOf": [{"const": "GET", "description": "read"}, {"const": "POST", "description": "write"}]},
                "Id": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1}]}
            }})
        };
        Self(vec![
            (
                "send_email",
                object(
                    json!({
                        "to": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
                        "from": {"type": ["string", "null"]}, "subject": {"type": "string", "maxLength": 255},
                        "body": {"type": ["string", "null"]}, "html": {"type": ["string", "null"], "format": "html"}
                    }),
                    json!(["to", "subject"]),
                ),
            ),
            (
                "create_ticket",
                object(
                    json!({
                        "title": {"type": "string", "minLength": 1, "maxLength": 20}, "description": {"type": ["string", "null"]},
                        "priority": {"anyOf": [{"$ref": "#/$defs/Priority"}, {"type": "null"}]},
                        "assignee": {"anyOf": [{"$ref": "#/$defs/Id"}, {"type": "null"}]}
                    }),
                    json!(["title"]),
                ),
            ),
            (
                "update_contact",
                object(
                    json!({"contactId": {"$ref": "#/$defs/Id"}, "updates": {"type": "object", "additionalProperties": true}, "upsert": {"type": "boolean"}}),
                    json!(["updates"]),
                ),
            ),
            (
                "webhook",
                object(
                    json!({
                        "url": {"type": "string", "format": "uri"}, "method": {"$ref": "#/$defs/Method"},
                        "headers": {"type": "object", "additionalProperties": {"type": "string"}}, "body": true,
                        "retries": {"type": "integer", "minimum": 0, "maximum": 3}
                    }),
                    json!(["url"]),
                ),
            ),
            ("delay", object(json!({"duration": {"type": ["integer", "string"]}}), json!(["duration"]))),
        ])
    }
}

impl ActionCatalog for Catalog {
    fn schema(&self, action_type: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| *name == action_type).map(|(_, schema)| schema)
    }

    fn types(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }

    fn check(&self, action_type: &str, config: &Value) -> Vec<Problem> {
        let bad_url = config["url"].as_str().is_some_and(|url| url.starts_with("ftp:"));
        match action_type {
            "webhook" if bad_url => vec![Problem::at("url", "must start with http:// or https://")],
            "webhook" if config["url"].is_number() => {
                vec![Problem::at("url", "never seen beside the schema's problem")]
            }
            _ => Vec::new(),
        }
    }
}

fn definition(value: &Value) -> Definition {
    let empty = || json!([]);
    Definition {
        name: value["name"].as_str().unwrap_or("Some workflow").to_owned(),
        description: None,
        trigger_event: value["trigger_event"].as_str().unwrap_or("submission_completed").to_owned(),
        trigger_config: value.get("trigger_config").and_then(Value::as_object).cloned().unwrap_or_default(),
        conditions: value.get("conditions").cloned().unwrap_or_else(empty),
        actions: value.get("actions").cloned().unwrap_or_else(empty),
        log_unmatched: true,
        entry: model::workflow::EntryRules::default(),
        on_failure: Value::Null,
    }
}

fn problems(value: &Value) -> String {
    match compile(&definition(value), &Catalog::default()) {
        Ok(_) => "accepted".to_owned(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// Example 1 of the seed.
fn detractor() -> Value {
    json!({
        "name": "NPS Detractor Follow-up",
        "trigger_event": "submission_completed",
        "conditions": [
            {"logic": "AND"},
            {"field": "submission.data.q_nps", "operator": "<=", "value": 6}
        ],
        "actions": [
            {
                "type": "create_ticket",
                "config": {
                    "title": "NPS Detractor: {{submission.data.q_name}}",
                    "description": "Customer gave NPS score of {{submission.data.q_nps}}. Feedback: {{submission.data.q_feedback}}",
                    "priority": "high"
                },
                "critical": true
            },
            {
                "type": "send_email",
                "config": {
                    "to": "manager@company.com",
                    "subject": "NPS Alert: Detractor Response Received",
                    "body": "Detractor alert for {{submission.data.q_name}} (score: {{submission.data.q_nps}})"
                }
            },
            {
                "type": "update_contact",
                "config": {
                    "contactId": "{{submission.contactId}}",
                    "updates": {"segment": "detractor", "last_nps_score": "{{submission.data.q_nps}}"}
                }
            }
        ]
    })
}

/// Example 2 of the seed.
fn promoter() -> Value {
    json!({
        "name": "NPS Promoter Advocacy",
        "trigger_event": "submission_completed",
        "conditions": [
            {"logic": "AND"},
            {"field": "submission.data.q_nps", "operator": ">=", "value": 9}
        ],
        "actions": [
            {
                "type": "send_email",
                "config": {
                    "to": "{{submission.data.q_email}}",
                    "subject": "Thank you for being a valued customer!",
                    "body": "Hi {{submission.data.q_name}}, we're thrilled you rated us {{submission.data.q_nps}}/10! Would you consider leaving a review?"
                }
            },
            {"type": "delay", "config": {"duration": 86_400_000}},
            {
                "type": "webhook",
                "config": {
                    "url": "https://marketing-automation.com/api/trigger-campaign",
                    "method": "POST",
                    "body": {"email": "{{submission.data.q_email}}", "campaign": "referral_program"}
                }
            }
        ]
    })
}

#[test]
fn the_examples_of_the_seed_run() {
    let data = json!({"formId": 10, "submission": {"id": 5, "contactId": 7, "data": {
        "q_nps": 3, "q_name": "Ada", "q_email": "ada@example.org"
    }}});
    let scope = Scope::of_trigger(&data);
    let runs: Vec<Value> = [detractor(), promoter()]
        .iter()
        .map(|example| {
            let compiled = compile(&definition(example), &Catalog::default()).unwrap();
            let steps: Vec<Value> = compiled
                .steps
                .iter()
                .map(|step| {
                    let rendered = step.config.render(&scope).unwrap();
                    json!({"id": step.id, "type": step.action_type, "critical": step.critical, "hosts": step.literal_hosts,
                        "config": rendered.value, "warnings": rendered.warnings})
                })
                .collect();
            json!({"accepts": compiled.trigger.accepts(&data), "conditions": compiled.conditions.evaluate(&scope), "steps": steps})
        })
        .collect();
    insta::assert_json_snapshot!(runs);
}

#[test]
fn every_problem_of_a_definition_is_named() {
    let bad = json!({
        "name": "  ",
        "trigger_event": "Submission Completed",
        "trigger_config": {
            "formId": "10", "form": 1, "fields": "status",
            "conditions": [{"field": "steps.s1.output.x", "operator": ">", "value": 1}, {"field": "a"}]
        },
        "conditions": [{"field": "score", "operator": "below", "value": 6}],
        "actions": [
            {"type": "send_mail", "config": {"to": "{{"}},
            {"type": "branch", "config": {}},
            {"config": {}},
            "send_email",
            {"type": "send_email", "config": {"to": 7, "subjekt": "x", "body": 5, "html": ["x"]}},
            {"type": "send_email", "config": {"to": [], "subject": "x".repeat(256)}},
            {"type": "send_email", "config": []},
            {"type": "send_email"},
            {"type": "create_ticket", "config": {"title": "", "priority": "hihg", "assignee": 0}},
            {"type": "create_ticket", "config": {"title": "a title that is too long", "priority": 3, "assignee": true}},
            {"type": "update_contact", "config": {"contactId": {}, "updates": {"x": "{{a b}}"}, "upsert": "yes"}},
            {"type": "webhook", "config": {"url": 5, "method": "FETCH", "headers": {"X-Count": 1}, "retries": 4}},
            {"type": "webhook", "config": {"url": "ftp://x/", "retries": 1.5}},
            {"type": "delay", "config": {"duration": true}, "critical": "yes", "disabled": 1, "name": 5, "id": "a b"},
            {"type": "delay", "config": {"duration": "1h"}, "id": "wait", "skipIf": [], "onError": [], "configs": {}},
            {"type": "delay", "config": {"duration": "1h"}, "id": "wait", "timeoutMs": "soon", "retry": 3},
            {"type": "delay", "config": {"duration": "1h"}, "timeoutMs": "2h", "retry": {
                "attempts": 0, "delays": ["1x", "-1s"], "backoff": {"initial": "1h", "factor": 0, "jitter": 2, "maximum": 1},
                "on": ["6xx", "timeout"], "delay": 1
            }},
            {"type": "delay", "config": {"duration": "1h"}, "timeoutMs": 0, "retry": {"delays": [], "on": []}}
        ]
    });
    insta::assert_snapshot!(problems(&bad));
    insta::assert_snapshot!(
        [
            problems(&json!({"name": "x".repeat(256)})),
            problems(&json!({"actions": {"type": "delay"}})),
            problems(&json!({"conditions": "all"})),
            problems(&json!({"actions": vec![json!({"type": "delay", "config": {"duration": 1}}); 301]})),
        ]
        .join("\n")
    );
}

#[test]
fn a_step_sees_only_the_steps_before_it() {
    let ticket =
        |id: &str, title: &str| json!({"id": id, "type": "create_ticket", "config": {"title": title}});
    assert_eq!(
        problems(&json!({"actions": [ticket("one", "a"), ticket("two", "{{steps.one.output.ticketId}}")]})),
        "accepted"
    );
    insta::assert_snapshot!(problems(&json!({
        "conditions": [{"field": "a", "operator": "equals", "value": ["{{steps.one.output.ticketId}}"]}],
        "actions": [
            ticket("one", "{{steps.one.output}}"),
            ticket("two", "{{steps[\"three\"].output}} {{steps.on.output}}"),
            ticket("three", "{{steps.two.output}}"),
        ]
    })));
}

#[test]
fn templates_are_accepted_wherever_something_is_expected() {
    assert_eq!(
        problems(&json!({"actions": [
            {"type": "create_ticket", "config": {"title": "{{a}}", "priority": "{{b}}", "assignee": "{{c}}"}},
            {"type": "update_contact", "config": {"updates": "{{d}}", "upsert": "{{e}}"}, "config_note": null},
        ]})),
        "actions[1].config_note: a step has no \"config_note\"; there are type, config, critical, name, id, retry, timeoutMs, disabled, skipIf, onError, notes"
    );
}

#[test]
fn steps_get_ids_that_are_free() {
    let ids = |actions: Value| {
        let with = with_ids(&actions);
        with.as_array()
            .map(|steps| steps.iter().map(|step| step["id"].clone()).collect::<Vec<_>>())
            .unwrap_or_default()
    };
    assert_eq!(ids(json!([{}, {}, {}])), ["s1", "s2", "s3"]);
    assert_eq!(
        ids(json!([{}, {"id": "s7"}, {"id": null}, {"id": "mine"}])),
        [json!("s8"), json!("s7"), json!("s9"), json!("mine")]
    );
    assert_eq!(with_ids(&json!([{"type": "delay"}])), json!([{"type": "delay", "id": "s1"}]));
    for malformed in [json!(null), json!("x"), json!({"id": 1}), json!([1, null, "x"]), json!([{"id": 5}])] {
        assert_eq!(with_ids(&malformed), malformed);
    }
    let once = with_ids(&detractor()["actions"]);
    assert_eq!(with_ids(&once), once);
    let _: &Map<String, Value> = once[0].as_object().unwrap();
}
