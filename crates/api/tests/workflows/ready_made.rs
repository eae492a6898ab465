use api::definition::{self, Sent};
use axum::http::Method;
use rules::{Scope, Template, blank, compile, step::tree};
use serde_json::{Value, json};
use store::template::templates_built_in;

use super::House;

#[test]
fn every_built_in_template_makes_a_workflow_that_its_sample_starts() {
    for (key, content) in templates_built_in().unwrap() {
        let wrong = blank::check(&content.workflow_definition, &content.variables);
        assert_eq!(wrong, [], "{key}");
        let samples = blank::samples(&content.variables);
        let filled = blank::fill(&content.workflow_definition, &content.variables, &samples).unwrap();
        assert!(!filled.to_string().contains("[["), "{key} has a blank that stays");
        let definition = Sent::read(filled).unwrap().whole();
        assert_eq!(definition::problems(&definition), [], "{key}");

        let compiled = compile(&definition, actions::catalog()).unwrap();
        let data = content.sample_data.unwrap();
        assert!(compiled.trigger.accepts(&data), "{key}: the sample does not suit the trigger");
        let scope = Scope::of_trigger(&data);
        let evaluation = compiled.conditions.evaluate(&scope);
        assert_eq!(evaluation.result, Ok(true), "{key}: {:#}", evaluation.to_output());
        assert_eq!(evaluation.warnings, [""; 0], "{key}");
        tree::visit(&definition.actions, "actions", &mut |path, written| {
            let Some(entry) = written["type"].as_str().and_then(|kind| actions::catalog().get(kind)) else {
                return;
            };
            let is_outside = entry.metadata().suggested_retry.is_some();
            assert_eq!(is_outside, written.get("retry").is_some(), "{key}: {path} and its retry");
            let rendered = Template::compile(&written["config"], None, "").unwrap().render(&scope).unwrap();
            // What earlier steps will have made is not known yet.
            let missing = rendered.warnings.iter().filter(|warning| !warning.contains("steps."));
            assert_eq!(missing.collect::<Vec<_>>(), [""; 0], "{key}: {path}");
        });
        // Filling in only what must be filled in does, too: what is optional may be left out.
        let required: serde_json::Map<String, Value> = content
            .variables
            .iter()
            .filter(|variable| variable.required && variable.default.is_none())
            .map(|variable| (variable.key.clone(), samples[&variable.key].clone()))
            .collect();
        let least = blank::fill(&content.workflow_definition, &content.variables, &required).unwrap();
        assert_eq!(definition::problems(&Sent::read(least).unwrap().whole()), [], "{key}");
    }
}

#[tokio::test]
async fn a_template_is_used_and_counted() {
    let house = House::new().await;
    let (status, found) =
        house.get("/api/workflow-templates?q=close%20the%20loop&category=customer_service&tag=nps").await;
    assert_eq!((status, &found["pagination"]["total"]), (200, &json!(1)));
    insta::assert_json_snapshot!("template", found["data"][0], {".workflow_definition" => "(the file's)", ".sample_data" => "(the file's)"});
    let path = format!("/api/workflow-templates/{}", found["data"][0]["id"]);

    let (status, refused) =
        house.post(&format!("{path}/use"), json!({"variables": {"owner": "me", "form_id": 1}})).await;
    assert_eq!(status, 422);
    insta::assert_json_snapshot!("use_refused", refused);
    let filling = json!({"variables": {"form": 10, "owner": 3, "nps_question": "score"}, "name": "Ours", "key": "ours"});
    let made = house.ok(201, Method::POST, &format!("{path}/use"), Some(filling)).await;
    assert_eq!(
        [
            &made["name"],
            &made["key"],
            &made["is_active"],
            &made["published_version"],
            &made["trigger_config"]
        ],
        [&json!("Ours"), &json!("ours"), &json!(false), &json!(1), &json!({"formId": 10})]
    );
    assert_eq!(
        made["conditions"][1],
        json!({"field": "submission.data.score", "operator": "<=", "value": 6})
    );
    assert_eq!(made["actions"][0]["config"]["assignee"], 3);
    let (_, used) = house.get(&path).await;
    assert_eq!((&used["data"]["usage_count"], &used["data"]["version"]), (&json!(1), &json!(1)));

    for (method, body) in [
        (Method::PUT, json!({"name": "x", "workflow_definition": {}})),
        (Method::PATCH, json!({"name": "x"})),
    ] {
        assert_eq!(house.refused(403, method, &path, Some(body)).await, "forbidden");
    }
    assert_eq!(house.refused(403, Method::DELETE, &path, None).await, "forbidden");
}

#[tokio::test]
async fn a_tenant_has_templates_of_its_own() {
    let house = House::new().await;
    let own = json!({
        "name": "Own", "category": "operations", "tags": ["mine"],
        "variables": [{"key": "wait", "label": "How long", "type": "text", "required": true}],
        "workflow_definition": {"name": "Own", "trigger_event": "x", "actions": [{"type": "delay", "config": {"duration": "[[wait]]"}}]},
    });
    let (status, refused) = house.post("/api/workflow-templates", own.clone()).await;
    assert_eq!(
        (status, &refused["error"]["details"][0]["path"]),
        (422, &json!("workflow_definition.actions[0].config.duration")),
        "a sample text is no duration: the variable needs a default"
    );
    let mut own = own;
    own["variables"][0]["default"] = json!("1h");
    let made = house.ok(201, Method::POST, "/api/workflow-templates", Some(own)).await;
    assert_eq!((&made["is_public"], &made["tenant_id"]), (&json!(false), &json!(1)));
    let path = format!("/api/workflow-templates/{}", made["id"]);
    assert_eq!(house.call("other", Method::GET, &path, None).await.0, 404);

    let same = house.ok(200, Method::PUT, &path, Some(made.clone())).await;
    assert_eq!(same, made);
    let change = json!({"use_case": "When it has to wait", "category": null, "version": 1});
    let changed = house.ok(200, Method::PATCH, &path, Some(change.clone())).await;
    assert_eq!(
        [&changed["use_case"], &changed["category"], &changed["version"], &changed["tags"]],
        [&json!("When it has to wait"), &Value::Null, &json!(2), &json!(["mine"])]
    );
    assert_eq!(house.refused(409, Method::PATCH, &path, Some(change)).await, "version_conflict");
    let unknown = json!({"name": "x", "category": "fun", "workflow_definition": {"name": "[[who]]"}});
    assert_eq!(house.refused(422, Method::POST, "/api/workflow-templates", Some(unknown)).await, "invalid");
    house.ok(200, Method::DELETE, &path, None).await;
    assert_eq!(house.get(&path).await.0, 404);
}

#[tokio::test]
async fn a_workflow_is_saved_as_a_template_without_what_is_its_tenants() {
    let house = House::new().await;
    let workflow = json!({
        "name": "Ours", "trigger_event": "submission_completed", "trigger_config": {"formId": 10}, "conditions": [],
        "actions": [
            {"type": "create_ticket", "config": {"title": "Call {{contact.name}}", "assignee": 3}},
            {"type": "webhook", "config": {"url": "https://example.com/hook", "secret": "whsec_Y2FuYXJ5LXNlY3JldC1vZi1hLXdlYmhvb2s"}},
        ],
    });
    let made = house.ok(201, Method::POST, "/api/workflows", Some(workflow)).await;
    let path = format!("/api/workflows/{}/template", made["id"]);
    let saved = house.ok(201, Method::POST, &path, Some(json!({"name": "Saved", "category": "sales"}))).await;
    let keys: Vec<&Value> =
        saved["variables"].as_array().unwrap().iter().map(|variable| &variable["key"]).collect();
    assert_eq!(
        (&saved["name"], &saved["is_public"], keys),
        (&json!("Saved"), &json!(false), vec![&json!("form"), &json!("user"), &json!("secret_1")])
    );
    assert!(!saved.to_string().contains("Y2FuYXJ5"), "{saved}");
    let (_, listed) = house.get("/api/workflow-templates?q=Saved").await;
    assert_eq!(listed["pagination"]["total"], 1);
    // And a workflow again, of another form.
    let filling = json!({"variables": {"form": 11, "user": 4, "secret_1": "whsec_YW5vdGhlci1zZWNyZXQtb2YtYS13ZWJob29r"}, "key": "again"});
    let again = house
        .ok(201, Method::POST, &format!("/api/workflow-templates/{}/use", saved["id"]), Some(filling))
        .await;
    assert_eq!(
        (&again["trigger_config"]["formId"], &again["actions"][0]["config"]["assignee"]),
        (&json!(11), &json!(4))
    );
    assert_eq!(house.call("other", Method::POST, &path, None).await.0, 404);
}
