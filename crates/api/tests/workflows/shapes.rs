use axum::http::Method;
use serde_json::json;

use super::{House, detractor, small};

#[tokio::test]
async fn the_seeds_example_is_accepted_as_printed() {
    let house = House::new().await;
    let (status, made) = house.post("/api/workflows", detractor()).await;
    assert_eq!(status, 201);
    insta::assert_json_snapshot!("example_1", made);
    assert_eq!(house.event(json!({"submission": {"data": {"q_nps": 3}}})).await, 1, "it is active at once");

    let (status, list) =
        house.get("/api/workflows?q=detractor&active=true&triggerEvent=submission.completed").await;
    assert_eq!((status, &list["pagination"]["total"]), (200, &json!(1)));
    let (status, again) =
        house.call("editor", Method::PUT, "/api/workflows/1", Some(made["data"].clone())).await;
    let (before, after) = (&made["data"], &again["data"]);
    assert_eq!((status, &after["published_version"], &after["version"]), (200, &json!(1), &json!(1)));
    assert_eq!(after["actions"], before["actions"], "what came out goes in again and is the same");
}

#[tokio::test]
async fn every_problem_is_named_by_its_path() {
    let house = House::new().await;
    let bad = json!({
        "name": "",
        "trigger_event": "Submission Completed",
        "trigger_config": {"formId": "ten"},
        "conditions": [{"field": "a", "operator": "above", "value": 1}, {"field": "b", "operator": "matches_regex", "value": "("}],
        "actions": [
            {"type": "send_mail", "config": {}},
            {"type": "send_email", "config": {"to": "nobody", "subject": "{{name", "body": "x"}},
            {"type": "webhook", "config": {"url": "ftp://x", "verb": "GET"}},
        ],
    });
    let (status, refused) = house.post("/api/workflows", bad.clone()).await;
    assert_eq!(status, 422);
    insta::assert_json_snapshot!("bad_definition", refused);
    let (status, unknown) = house
        .post("/api/workflows", json!({"name": 1, "trigger": "x", "actions": [], "colour": "red"}))
        .await;
    assert_eq!(status, 422);
    insta::assert_json_snapshot!("unknown_fields", unknown);

    let (status, checked) = house.call("viewer", Method::POST, "/api/workflows/validate", Some(bad)).await;
    assert_eq!((status, &checked["data"]["valid"]), (200, &json!(false)));
    assert_eq!(checked["data"]["problems"], refused["error"]["details"]);
    let (_, checked) = house.post("/api/workflows/validate", small("Good")).await;
    assert_eq!(checked["data"], json!({"valid": true, "problems": []}));
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_done() {
    let house = House::new().await;
    house.post("/api/workflows", detractor()).await;
    let body =
        json!({"triggerData": {"submission": {"contactId": 7, "data": {"q_nps": "3", "q_name": "Ada"}}}});
    let (status, tried) = house.call("viewer", Method::POST, "/api/workflows/1/test", Some(body)).await;
    assert_eq!(status, 200);
    // PostgreSQL keeps a document's keys in an order of its own.
    insta::with_settings!({sort_maps => true}, { insta::assert_json_snapshot!("dry_run", tried) });

    let other = json!({"triggerData": {}, "definition": {"name": "x", "trigger_event": "x", "actions": [{"type": "x"}]}});
    let (status, refused) = house.post("/api/workflows/1/test", other).await;
    assert_eq!((status, &refused["error"]["details"][0]["path"]), (422, &json!("actions[0].type")));
    assert_eq!(house.refused(422, Method::POST, "/api/workflows/1/test", Some(json!({}))).await, "invalid");
}

#[tokio::test]
async fn tenants_and_roles_are_kept_apart() {
    let house = House::new().await;
    house.post("/api/workflows", small("Mine")).await;
    for (method, path) in [
        (Method::GET, "/api/workflows/1"),
        (Method::DELETE, "/api/workflows/1?purge=true"),
        (Method::POST, "/api/workflows/1/activate"),
        (Method::GET, "/api/workflows/1/export"),
        (Method::GET, "/api/workflows/1/versions"),
        (Method::GET, "/api/workflows/1/versions/1"),
        (Method::DELETE, "/api/workflows/1/draft"),
    ] {
        let (theirs, body) = house.call("other", method.clone(), path, None).await;
        let (none, same) = house.call("other", method.clone(), &path.replace("/1", "/99"), None).await;
        assert_eq!((theirs, none), (404, 404), "{method} {path}: {body} {same}");
        if method != Method::GET {
            let (status, _) = house.call("viewer", method, path, None).await;
            assert_eq!(status, 403, "{path}");
        }
    }
    let (status, list) = house.call("other", Method::GET, "/api/workflows", None).await;
    assert_eq!((status, &list["data"]), (200, &json!([])));
    assert_eq!(house.refused(403, Method::DELETE, "/api/workflows/1?purge=true", None).await, "forbidden");
    assert_eq!(house.get("/api/workflows/x").await.0, 404);
    assert_eq!(house.get("/api/workflows/1/versions/x").await.0, 404);
    assert_eq!(house.refused(400, Method::GET, "/api/workflows?state=on", None).await, "invalid_parameter");
}
