//! What holds for every action.

use serde_json::{Value, json};

use crate::{ErrorKind, catalog, provider, workbench::Workbench};

/// The configs of the seed's section "Action Types" and of its examples.
fn seed() -> Vec<(&'static str, Value)> {
    vec![
        (
            "send_email",
            json!({
                "to": "{{email}}", "subject": "Thank you for your feedback!",
                "body": "Hi {{firstName}}, thank you for rating us {{score}}/10.", "from": "support@company.com"
            }),
        ),
        (
            "create_ticket",
            json!({
                "title": "Negative feedback from {{customerName}}",
                "description": "Customer gave NPS score of {{nps_score}}. Response: {{feedback}}",
                "priority": "high", "assignee": 5
            }),
        ),
        (
            "update_field",
            json!({
                "entity": "contact", "entityId": "{{contactId}}", "field": "status", "value": "vip"
            }),
        ),
        (
            "send_notification",
            json!({
                "userId": 10, "title": "New negative feedback alert",
                "message": "Customer {{customerName}} gave low rating", "type": "warning"
            }),
        ),
        (
            "webhook",
            json!({
                "url": "https://api.slack.com/webhooks/abc123", "method": "POST",
                "headers": {"Content-Type": "application/json"},
                "body": {"text": "New NPS detractor: {{customerName}} - Score: {{nps_score}}"}
            }),
        ),
        (
            "update_contact",
            json!({
                "contactId": "{{contactId}}",
                "updates": {
                    "last_nps_score": "{{nps_score}}", "last_survey_date": "{{submittedAt}}", "segment": "detractor"
                }
            }),
        ),
        ("add_tag", json!({"entity": "contact", "entityId": "{{contactId}}", "tag": "nps_detractor"})),
        ("delay", json!({"duration": 3_600_000})),
        (
            "sync_integration",
            json!({
                "integration": "salesforce", "action": "update_lead",
                "payload": {
                    "leadId": "{{salesforceLeadId}}", "nps_score": "{{nps_score}}", "last_survey_date": "{{submittedAt}}"
                }
            }),
        ),
        (
            "send_email",
            json!({
                "to": "manager@company.com", "subject": "NPS Alert: Detractor Response Received",
                "body": "Detractor alert for {{submission.data.q_name}} (score: {{submission.data.q_nps}})"
            }),
        ),
        (
            "webhook",
            json!({
                "url": "https://marketing-automation.com/api/trigger-campaign", "method": "POST",
                "body": {"email": "{{submission.data.q_email}}", "campaign": "referral_program"}
            }),
        ),
    ]
}

/// Every template replaced by a number, which is what rendering gives for an id.
fn rendered(mut config: Value) -> Value {
    match &mut config {
        Value::String(text) if text.contains("{{") => {
            if text.contains("mail") {
                json!("ann@example.com")
            } else {
                json!("7")
            }
        }
        Value::Object(fields) => {
            for value in fields.values_mut() {
                *value = rendered(value.take());
            }
            config
        }
        _ => config,
    }
}

#[tokio::test]
async fn the_seeds_configs_are_accepted() {
    let bench = Workbench::new();
    let samples = catalog().entries().iter().map(|entry| (entry.metadata().name, entry.sample()));
    for (name, config) in seed().into_iter().chain(samples) {
        let entry = catalog().get(name).unwrap();
        assert_eq!(entry.check(&config), [], "{name}");
        // No receiver is reachable from here; what matters is that the config is not what fails.
        if !matches!(name, "webhook" | "sync_integration" | "slack_message" | "teams_message") {
            bench.run(name, rendered(config)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn the_catalogue_is_what_it_was() {
    let entries: Vec<Value> = catalog()
        .entries()
        .iter()
        .map(|entry| {
            let mut shown = serde_json::to_value(entry.metadata()).unwrap();
            shown["schema"] = entry.schema().clone();
            shown["sample"] = entry.sample();
            shown
        })
        .collect();
    let providers: Vec<Value> = provider::all()
        .map(|provider| {
            json!({
                "name": provider.name(), "title": provider.title(), "description": provider.description(),
                "config": provider.config_schema(), "secrets": provider.secrets_schema(),
                "operations": provider.operations().iter().map(|operation| json!({
                    "name": operation.name, "title": operation.title, "description": operation.description,
                    "schema": operation.schema, "sample": operation.sample,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    insta::assert_json_snapshot!(json!({"actions": entries, "providers": providers}));
}

/// The web form draws objects, lists, texts, numbers, flags and choices, and knows these formats.
#[test]
fn every_schema_can_be_drawn() {
    const KEYWORDS: &[&str] = &[
        "type",
        "description",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "default",
        "examples",
        "format",
        "minLength",
        "writeOnly",
    ];
    const FORMATS: &[&str] = &[
        "email",
        "html",
        "uri",
        "duration",
        "multiline",
        "template-text",
        "json",
        "headers",
        "password",
        "user-id",
        "contact-id",
        "submission-id",
        "record-id",
        "connection",
        "connection-action",
    ];
    fn drawable(schema: &Value, path: &str) {
        let Value::Object(schema) = schema else { return assert!(schema.is_boolean(), "{path}") };
        for keyword in schema.keys() {
            assert!(KEYWORDS.contains(&keyword.as_str()), "{path}: {keyword}");
        }
        if let Some(format) = schema.get("format") {
            assert!(FORMATS.contains(&format.as_str().unwrap()), "{path}: {format}");
        }
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            assert!(
                property["description"].as_str().is_some_and(|text| text.ends_with('.')),
                "{path}.{name}"
            );
            drawable(property, &format!("{path}.{name}"));
        }
        for part in ["items", "additionalProperties"] {
            if let Some(below) = schema.get(part) {
                drawable(below, &format!("{path}.{part}"));
            }
        }
    }
    for entry in catalog().entries() {
        drawable(entry.schema(), entry.metadata().name);
        assert_eq!(entry.schema()["additionalProperties"], json!(false));
    }
    for provider in provider::all() {
        drawable(provider.config_schema(), provider.name());
        drawable(provider.secrets_schema(), provider.name());
        for operation in provider.operations() {
            drawable(&operation.schema, &format!("{}.{}", provider.name(), operation.name));
            let faults = rules::schema::check(&operation.schema, &operation.sample, "");
            assert_eq!(faults, [], "{}.{}", provider.name(), operation.name);
        }
    }
}

/// Whatever a config holds, an action answers with a sentence.
#[tokio::test]
async fn odd_configs_are_errors_not_panics() {
    let bench = Workbench::new();
    let odd = [
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!(" "),
        json!("\u{0}\r\n\u{202e}"),
        json!("é".repeat(70_000)),
        json!("{{"),
        json!("999999999999999999999"),
        json!([]),
        json!([[]]),
        json!([null, {}, 1]),
        json!({}),
        json!({"": null}),
        json!({"a\r\nb": {"c": [1]}}),
        json!("http://[::1"),
        json!("https://\u{0}/"),
        json!("@"),
        json!("a@b"),
        json!("<>,\"\\"),
        json!("NaN"),
        json!("1e99d"),
    ];
    for entry in catalog().entries() {
        let name = entry.metadata().name;
        let properties: Vec<&String> = entry.schema()["properties"].as_object().unwrap().keys().collect();
        let base = rendered(entry.sample());
        let mut configs = odd.to_vec();
        for property in properties {
            for value in &odd {
                let mut config = base.clone();
                config[property.as_str()] = value.clone();
                // Nothing leaves this machine.
                if name == "webhook" && property != "url" {
                    config["url"] = json!("http://127.0.0.1:1/");
                }
                configs.push(config);
            }
        }
        for config in configs {
            let _ = entry.check(&config);
            let _ = entry.redact(config.clone());
            let _ = entry.literal_hosts(&config);
            if let Err(error) = bench.run(name, config.clone()).await {
                assert_ne!(error.kind, ErrorKind::Panicked, "{name}: {config}");
                assert!(!error.message.is_empty() && error.message.chars().count() <= 501, "{name}: {error}");
            }
        }
    }
}
