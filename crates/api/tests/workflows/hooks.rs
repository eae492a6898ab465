//! Workflows that calls from outside start, and workflows that name others.

use axum::http::Method;
use serde_json::{Value, json};

use crate::House;

const JSON: (&str, &str) = ("content-type", "application/json");

fn hooked(config: &Value) -> Value {
    json!({
        "name": "Hooked", "trigger_event": "webhook", "trigger_config": config, "is_active": true,
        "actions": [{"type": "create_ticket", "config": {"title": "{{body.title}} {{query.q}} {{headers.x-request-id}}"}}],
    })
}

fn url(workflow: &Value) -> String {
    workflow["hook_url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_starts_the_workflow_that_has_its_address() {
    let house = House::new().await;
    let config = json!({"auth": {"type": "header", "name": "X-Door", "value": "open sesame"}, "dedupeHeader": "X-Request-Id"});
    let made = house.ok(201, Method::POST, "/api/workflows", Some(hooked(&config))).await;
    let (path, door) = (format!("{}?q=7", url(&made)), ("x-door", "open sesame"));
    assert_eq!(made["trigger_config"]["auth"]["value"], "•••");

    let (status, refused) = house.outside(&path, &[JSON], "{}").await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!("unauthenticated")));
    let call = [JSON, door, ("x-request-id", "r1"), ("authorization", "Bearer b")];
    let (status, first) = house.outside(&path, &call, r#"{"title":"T"}"#).await;
    assert_eq!((status, &first["data"]["duplicate"]), (202, &json!(false)), "{first}");
    let (_, again) = house.outside(&path, &call, r#"{"title":"T"}"#).await;
    assert_eq!(
        (&again["data"]["duplicate"], &again["data"]["executions"]),
        (&json!(true), &first["data"]["executions"])
    );
    let shown = house
        .ok(
            200,
            Method::GET,
            &format!("/api/workflow-executions/{}", first["data"]["executions"][0]["id"]),
            None,
        )
        .await;
    assert_eq!(
        shown["trigger_data"],
        json!({"body": {"title": "T"}, "headers": {"content-type": "application/json", "x-request-id": "r1"}, "query": {"q": "7"}, "method": "POST"})
    );
    assert_eq!(shown["result"]["actionResults"][0]["output"]["ticket"]["title"], "T 7 r1");

    // What was shown comes back as it is; the same again is no change; a viewer sees no address.
    let line = format!("/api/workflows/{}", made["id"]);
    let same = house.ok(200, Method::PUT, &line, Some(made.clone())).await;
    assert_eq!((&same["version"], &same["published_version"]), (&json!(1), &json!(1)));
    let mut file = hooked(&config);
    file["key"] = made["key"].clone();
    let imported = house.ok(200, Method::POST, "/api/workflows/import", Some(file.clone())).await;
    assert_eq!(imported["status"], "unchanged");
    let mut other = file.clone();
    other["trigger_config"]["auth"]["value"] = json!("open barley");
    let told = house.ok(200, Method::POST, "/api/workflows/import?dryRun=true", Some(other.clone())).await;
    assert_eq!(
        told["changes"][0]["message"],
        "trigger_config.auth.value was \"•••\" and is \"••• (another secret)\"",
        "{told}"
    );
    house.ok(200, Method::POST, "/api/workflows/import", Some(other)).await;
    assert_eq!(house.outside(&path, &[JSON, door], "{}").await.0, 401);
    house.ok(200, Method::POST, "/api/workflows/import", Some(file.clone())).await;
    let (_, viewed) = house.call("viewer", Method::GET, &line, None).await;
    assert_eq!(
        (&viewed["data"]["hook_url"], &viewed["data"]["trigger_config"]["auth"]["value"]),
        (&Value::Null, &json!("•••"))
    );
    let (status, _) = house.outside(&path, &[JSON, door], "{}").await;
    assert_eq!(status, 202);

    // Another address, none while it is inactive.
    let rotated = house.ok(200, Method::POST, &format!("{line}/rotate-hook"), None).await;
    assert_ne!(url(&rotated), url(&made));
    assert_eq!(house.outside(&path, &[JSON, door], "{}").await.0, 404);
    assert_eq!(house.outside(&url(&rotated), &[JSON, door], "{}").await.0, 202);
    house.ok(200, Method::POST, &format!("{line}/deactivate"), None).await;
    let (status, closed) = house.outside(&url(&rotated), &[JSON, door], "{}").await;
    let (_, unknown) = house.outside("/hooks/1-99-0", &[], "").await;
    assert_eq!((status, &closed), (404, &unknown));
    let other = house.ok(201, Method::POST, "/api/workflows", Some(crate::small("Other"))).await;
    assert_eq!(
        house.refused(409, Method::POST, &format!("/api/workflows/{}/rotate-hook", other["id"]), None).await,
        "no_hook"
    );
}

#[tokio::test]
async fn a_call_may_wait_for_the_result() {
    let house = House::new().await;
    let mut slow = hooked(&json!({"respond": "result", "timeout": "200ms"}));
    let quick = house.ok(201, Method::POST, "/api/workflows", Some(slow.clone())).await;
    let (status, answer) = house.outside(&url(&quick), &[JSON], r#"{"title":"T"}"#).await;
    assert_eq!(
        (status, &answer["data"]["status"], &answer["data"]["result"]["actionsExecuted"]),
        (200, &json!("completed"), &json!(1)),
        "{answer}"
    );
    slow["actions"] = json!([{"type": "delay", "config": {"duration": "1h"}}]);
    let slow = house.ok(201, Method::POST, "/api/workflows", Some(slow)).await;
    let (status, answer) = house.outside(&url(&slow), &[], "").await;
    assert_eq!((status, answer["data"]["executions"].as_array().map(Vec::len)), (202, Some(1)));
    let mut failing = hooked(&json!({"respond": "result"}));
    failing["actions"] = json!([{"type": "stop", "config": {"status": "failed", "message": "no"}}]);
    let failing = house.ok(201, Method::POST, "/api/workflows", Some(failing)).await;
    let (status, answer) = house.outside(&url(&failing), &[], "").await;
    assert_eq!(
        (status, &answer["data"]["status"], &answer["data"]["error"]),
        (200, &json!("failed"), &json!("stop: no"))
    );
}

#[tokio::test]
async fn what_a_trigger_and_a_call_cannot_say_is_refused_with_its_place() {
    let house = House::new().await;
    let mut told = Vec::new();
    for config in [
        json!({"auth": "none", "respond": "later", "timeout": "2m", "dedupeHeader": "a b", "formId": 1}),
        json!({"auth": {"type": "token"}}),
        json!({"auth": {"type": "basic", "user": "a"}}),
        json!({"auth": {"type": "header", "name": "X Door", "value": ""}}),
        json!({"auth": {"type": "hmac", "header": "X-Sig", "algorithm": "md5", "encoding": "octal", "prefix": 5}}),
        json!({"auth": {"type": "standard_webhooks", "secret": "abc"}}),
        json!({"auth": {"type": "header", "name": "X-Door", "value": "•••"}}),
    ] {
        let (status, answer) = house.post("/api/workflows", hooked(&config)).await;
        assert_eq!(status, 422, "{answer}");
        told.push(details(&answer));
    }
    let step = |workflow: Value| json!({"type": "run_workflow", "config": {"workflowId": workflow}});
    let draft =
        house.ok(201, Method::POST, "/api/workflows?draft=true", Some(json!({"name": "Draft"}))).await;
    let gone = house.ok(201, Method::POST, "/api/workflows", Some(crate::small("Gone"))).await;
    house.ok(200, Method::DELETE, &format!("/api/workflows/{}", gone["id"]), None).await;
    let (_, foreign) =
        house.call("other", Method::POST, "/api/workflows", Some(crate::small("Foreign"))).await;
    let mut caller = crate::small("Caller");
    caller["actions"] = json!([
        step(json!(99)),
        step(draft["id"].clone()),
        step(gone["id"].clone()),
        step(foreign["data"]["id"].clone()),
        step(json!("{{any}}"))
    ]);
    caller["onFailure"] = json!([step(json!("nobody")), step(json!("caller")), step(json!(true)), {"id": "onFailure", "type": "nothing"}]);
    let (status, answer) = house.post("/api/workflows", caller.clone()).await;
    assert_eq!(status, 422);
    told.push(details(&answer));
    caller["onFailure"] = json!([step(json!("nobody")), step(json!("caller"))]);
    let (_, answer) = house.post("/api/workflows", caller.clone()).await;
    told.push(details(&answer));
    let ids = [("DRAFT", &draft["id"]), ("GONE", &gone["id"]), ("FOREIGN", &foreign["data"]["id"])];
    let told = ids.iter().fold(told.join("\n\n"), |told, (name, id)| {
        told.replace(&format!("workflow {id}"), &format!("workflow {name}"))
    });
    insta::assert_snapshot!("refused", told);

    // By its key a workflow may name itself, and one that comes with it.
    let named = |name: &str, other: &str| json!({"name": name, "trigger_event": "manual", "actions": [step(json!(other))]});
    let imported = house
        .ok(
            200,
            Method::POST,
            "/api/workflows/import",
            Some(json!([named("First", "second"), named("Second", "second")])),
        )
        .await;
    assert_eq!(imported.as_array().map(Vec::len), Some(2));
    house.ok(201, Method::POST, "/api/workflows", Some(named("Third", "first"))).await;
}

#[tokio::test]
async fn the_tree_of_runs_is_seen_from_both_ends() {
    let house = House::new().await;
    let inner = json!({"name": "Inner", "trigger_event": "manual", "actions": [{"type": "delay", "config": {"duration": "1h"}}]});
    house.ok(201, Method::POST, "/api/workflows", Some(inner)).await;
    let run = |key: &str| json!({"type": "run_workflow", "config": {"workflowId": key}});
    let middle = json!({"name": "Middle", "trigger_event": "manual", "actions": [{"type": "parallel", "config": {"branches": [
        {"name": "a", "actions": [run("inner")]}, {"name": "b", "actions": [run("inner")]}]}}]});
    house.ok(201, Method::POST, "/api/workflows", Some(middle)).await;
    let outer = json!({"name": "Outer", "trigger_event": "manual", "actions": [run("middle")]});
    let outer = house.ok(201, Method::POST, "/api/workflows", Some(outer)).await;
    let started = house.ok(202, Method::POST, &format!("/api/workflows/{}/run", outer["id"]), None).await;
    let top = started["executions"][0]["id"].clone();
    let tree = loop {
        let tree = house.ok(200, Method::GET, &format!("/api/workflow-executions/{top}/tree"), None).await;
        if tree["children"][0]["children"][1]["status"] == "waiting" {
            break tree;
        }
        tokio::task::yield_now().await;
    };
    let middle = &tree["children"][0];
    let names: Vec<&Value> = [&tree, middle, &middle["children"][0], &middle["children"][1]]
        .iter()
        .map(|one| &one["workflow_name"])
        .collect();
    assert_eq!(names, ["Outer", "Middle", "Inner", "Inner"]);
    assert_eq!(middle["children"][1]["step_path"], "s1.branches[1].s3");
    let leaf = house
        .ok(200, Method::GET, &format!("/api/workflow-executions/{}", middle["children"][1]["id"]), None)
        .await;
    assert_eq!((&leaf["parent_id"], &leaf["trigger_event"]), (&middle["id"], &json!("run_workflow")));
}

fn details(answer: &Value) -> String {
    let details = answer["error"]["details"].as_array().unwrap().iter();
    details
        .map(|one| format!("{}: {}", one["path"].as_str().unwrap(), one["message"].as_str().unwrap()))
        .collect::<Vec<_>>()
        .join("\n")
}
