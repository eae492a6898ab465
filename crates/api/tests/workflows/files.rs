use axum::http::Method;
use serde_json::{Value, json};

use super::{House, small};

#[tokio::test]
async fn importing_an_export_again_changes_nothing() {
    let house = House::new().await;
    let mut made = small("Kept in a repository");
    made["is_active"] = json!(true);
    house.post("/api/workflows", made).await;
    let exported = house.ok(200, Method::GET, "/api/workflows/1/export", None).await;
    // PostgreSQL keeps a document's keys in an order of its own.
    insta::with_settings!({sort_maps => true}, { insta::assert_json_snapshot!("export", exported) });

    let import = async |body: Value| house.ok(200, Method::POST, "/api/workflows/import", Some(body)).await;
    let foreseen = async |body: Value| {
        house.ok(200, Method::POST, "/api/workflows/import?dryRun=true", Some(body)).await
    };
    let same = import(exported.clone()).await;
    assert_eq!(
        (&same["status"], &same["id"], &same["is_active"]),
        (&json!("unchanged"), &json!(1), &json!(true))
    );
    let enveloped = import(json!([{"success": true, "data": exported}, small("New")])).await;
    assert_eq!([&enveloped[0]["status"], &enveloped[1]["status"]], ["unchanged", "created"]);
    assert_eq!(enveloped[1]["is_active"], false);

    let mut changed = exported.clone();
    changed["description"] = json!("now with a reason");
    changed["is_active"] = json!(false);
    let both = json!([changed, small("New"), small("Newer")]);
    let would = foreseen(both).await;
    assert_eq!(house.get("/api/workflows?q=newer").await.1["pagination"]["total"], 0, "nothing was done");
    let words: Vec<&Value> =
        would[0]["changes"].as_array().unwrap().iter().map(|one| &one["message"]).collect();
    assert_eq!(words, ["description was added: \"now with a reason\"", "is_active was true and is false"]);
    let seen = |one: &Value| (one["status"].clone(), one["published_version"].clone(), one["id"].clone());
    assert_eq!(seen(&would[2]), (json!("created"), json!(1), Value::Null));
    let changed = import(json!([changed, small("New")])).await;
    assert_eq!((&changed[0], &changed[1]), (&would[0], &would[1]), "what was foreseen is what is done");
    assert_eq!([&changed[0]["status"], &changed[1]["status"]], ["updated", "unchanged"]);
    assert_eq!((&changed[0]["published_version"], &changed[0]["is_active"]), (&json!(2), &json!(false)));

    let bad =
        json!([small("Another"), {"name": "", "trigger_event": "x", "actions": 5}, {"schemaVersion": 9}]);
    let (status, refused) = house.post("/api/workflows/import", bad).await;
    assert_eq!((status, &refused["error"]["details"][0]["path"]), (422, &json!("[2].schemaVersion")));
    let bad = json!([small("Another"), {"name": "", "trigger_event": "x", "actions": 5}]);
    let (status, refused) = house.post("/api/workflows/import", bad).await;
    let paths: Vec<&Value> =
        refused["error"]["details"].as_array().unwrap().iter().map(|one| &one["path"]).collect();
    assert_eq!((status, paths), (422, vec![&json!("[1].name"), &json!("[1].actions")]));
    let (_, list) = house.get("/api/workflows?q=another").await;
    assert_eq!(list["pagination"]["total"], 0, "all or none");
    let twice = json!([small("Twice"), {"key": "twice", "name": "x", "trigger_event": "x", "actions": []}]);
    assert_eq!(house.refused(422, Method::POST, "/api/workflows/import", Some(twice)).await, "invalid");
}

#[tokio::test]
async fn a_file_of_the_first_format_is_the_same_workflow() {
    let house = House::new().await;
    let mut written = small("Old");
    written["conditions"] = json!([{"field": "score", "operator": "<=", "value": 6}]);
    house.post("/api/workflows", written.clone()).await;
    written["schemaVersion"] = json!(1);
    written["trigger_event"] = json!("submission.completed");
    let import = async |body: Value| house.ok(200, Method::POST, "/api/workflows/import", Some(body)).await;
    assert_eq!(import(written.clone()).await["status"], "unchanged");
    let exported = house.ok(200, Method::GET, "/api/workflows/1/export", None).await;
    assert_eq!(
        (&exported["schemaVersion"], &exported["conditions"][0]["operator"]),
        (&json!(2), &json!("less_than_or_equal"))
    );
    assert_eq!(import(exported).await["status"], "unchanged");
    written["name"] = json!("Old, renamed");
    written["key"] = json!("old");
    assert_eq!(import(written).await["published_version"], 2);
}

#[tokio::test]
async fn a_secret_stays_where_it_is() {
    let house = House::new().await;
    let hook = |authorization: &str| {
        json!({
            "name": "Hook", "trigger_event": "x",
            "actions": [{"type": "webhook", "config": {"url": "https://example.com/", "headers": {"Authorization": authorization}}}],
        })
    };
    let made = house.ok(201, Method::POST, "/api/workflows", Some(hook("Bearer geheim"))).await;
    let exported = house.ok(200, Method::GET, "/api/workflows/1/export", None).await;
    let version = house.ok(200, Method::GET, "/api/workflows/1/versions/1", None).await;
    for answer in [&made, &exported, &version] {
        assert!(!answer.to_string().contains("geheim"), "{answer}");
    }
    let saved = house.ok(200, Method::PUT, "/api/workflows/1", Some(made)).await;
    assert_eq!(saved["published_version"], 1, "the mask that came back stands for the secret");
    let imported = house.ok(200, Method::POST, "/api/workflows/import", Some(exported.clone())).await;
    assert_eq!(imported["status"], "unchanged");

    let mut elsewhere = exported;
    elsewhere["key"] = json!("elsewhere");
    let (status, refused) = house.post("/api/workflows/import", elsewhere).await;
    assert_eq!(
        (status, &refused["error"]["details"][0]["path"]),
        (422, &json!("actions[0].config.headers.Authorization"))
    );
}
