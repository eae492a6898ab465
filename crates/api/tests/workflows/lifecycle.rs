use axum::http::Method;
use serde_json::{Value, json};

use super::{House, small};

#[tokio::test]
async fn a_draft_becomes_live_by_publishing() {
    let house = House::new().await;
    let unfinished =
        json!({"actions": [{"type": "send_email", "config": {}}], "trigger_event": "submission.completed"});
    let draft = house.ok(201, Method::POST, "/api/workflows?draft=true", Some(unfinished)).await;
    assert_eq!(
        [&draft["name"], &draft["published_version"], &draft["has_draft"], &draft["is_active"]],
        [&json!("Untitled workflow"), &json!(0), &json!(true), &json!(false)]
    );
    let paths: Vec<&Value> =
        draft["problems"].as_array().unwrap().iter().map(|problem| &problem["path"]).collect();
    assert!(paths.contains(&&json!("actions[0].config.to")), "{paths:?}");

    assert_eq!(house.refused(409, Method::POST, "/api/workflows/1/activate", None).await, "not_published");
    assert_eq!(house.refused(422, Method::POST, "/api/workflows/1/publish", None).await, "invalid");
    assert_eq!(house.refused(409, Method::DELETE, "/api/workflows/1/draft", None).await, "not_published");

    let finished = house.ok(200, Method::PUT, "/api/workflows/1?draft=true", Some(small("Ready"))).await;
    assert_eq!((&finished["problems"], &finished["published_version"]), (&json!([]), &json!(0)));
    let note = json!({"note": "first", "version": finished["version"]});
    let live = house.ok(200, Method::POST, "/api/workflows/1/publish", Some(note)).await;
    assert_eq!((&live["published_version"], &live["has_draft"]), (&json!(1), &json!(false)));
    assert_eq!(
        house.refused(409, Method::POST, "/api/workflows/1/publish", Some(json!({}))).await,
        "no_draft"
    );
    assert_eq!(house.event(json!({})).await, 0, "published is not active");
    house.ok(200, Method::POST, "/api/workflows/1/activate", None).await;
    assert_eq!(house.event(json!({})).await, 1);

    let beside = json!({"conditions": [{"field": "x", "operator": "never"}]});
    let beside = house.ok(200, Method::PATCH, "/api/workflows/1?draft=true", Some(beside)).await;
    assert_eq!(beside["problems"][0]["path"], "conditions[0].operator");
    assert_eq!((&beside["conditions"], &beside["draft"]["name"]), (&json!([]), &json!("Ready")));
    assert_eq!(house.event(json!({})).await, 1, "a draft does not run");

    let renamed = house.ok(200, Method::PATCH, "/api/workflows/1", Some(json!({"name": "Renamed"}))).await;
    assert_eq!([&renamed["name"], &renamed["draft"]["name"]], ["Renamed", "Renamed"]);
    assert_eq!(renamed["is_active"], true);
    let kept = house.ok(200, Method::DELETE, "/api/workflows/1/draft", None).await;
    assert_eq!((&kept["draft"], &kept["published_version"]), (&Value::Null, &json!(2)));

    let versions = house.ok(200, Method::GET, "/api/workflows/1/versions", None).await;
    insta::assert_json_snapshot!("versions", versions);
    let first = house.ok(200, Method::GET, "/api/workflows/1/versions/1", None).await;
    assert_eq!((&first["definition"]["name"], &first["is_published"]), (&json!("Ready"), &json!(false)));
}

#[tokio::test]
async fn a_change_for_another_version_is_refused() {
    let house = House::new().await;
    house.post("/api/workflows", small("First")).await;
    let change = json!({"name": "Second", "version": 1});
    let changed = house.ok(200, Method::PATCH, "/api/workflows/1", Some(change.clone())).await;
    assert_eq!((&changed["version"], &changed["published_version"]), (&json!(2), &json!(2)));
    assert_eq!(house.refused(409, Method::PATCH, "/api/workflows/1", Some(change)).await, "version_conflict");
    assert_eq!(
        house
            .refused(
                409,
                Method::POST,
                "/api/workflows",
                Some(json!({"key": "first", "name": "x", "trigger_event": "x", "actions": []}))
            )
            .await,
        "key_taken"
    );
}

#[tokio::test]
async fn saving_keeps_what_is_not_sent() {
    let house = House::new().await;
    let mut whole = small("Whole");
    whole["description"] = json!("why");
    whole["is_active"] = json!(true);
    whole["key"] = json!("stable");
    house.post("/api/workflows", whole).await;
    let replaced = house.ok(200, Method::PUT, "/api/workflows/1", Some(small("Replaced"))).await;
    assert_eq!(
        [&replaced["key"], &replaced["description"], &replaced["is_active"]],
        [&json!("stable"), &Value::Null, &json!(true)]
    );
    let off = house.ok(200, Method::POST, "/api/workflows/1/deactivate", None).await;
    assert_eq!((&off["is_active"], &off["published_version"]), (&json!(false), &json!(2)));
    assert_eq!(house.event(json!({})).await, 0);
}

#[tokio::test]
async fn deleting_keeps_history_and_purging_does_not() {
    let house = House::new().await;
    let mut active = small("Gone");
    active["is_active"] = json!(true);
    house.post("/api/workflows", active).await;
    assert_eq!(house.event(json!({})).await, 1);
    let gone = house.ok(200, Method::DELETE, "/api/workflows/1", None).await;
    assert_eq!(gone, json!({"id": 1, "deleted": true}));
    assert_eq!(house.event(json!({})).await, 0);
    assert_eq!(house.get("/api/workflows/1").await.0, 404);
    let archived = house.ok(200, Method::GET, "/api/workflows?archived=true", None).await;
    assert_eq!((&archived[0]["id"], &archived[0]["is_active"]), (&json!(1), &json!(false)));
    assert!(
        house.ok(200, Method::GET, "/api/workflows/1?archived=true", None).await["archived_at"].is_string()
    );

    let (status, refused) = house.call("admin", Method::DELETE, "/api/workflows/1?purge=true", None).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("executions_live")), "it waits for an hour");
    let store = house.engine.store();
    let tenant = model::TenantId::new(1);
    let filter = store::history::Filter::default();
    let mut connection = store.read(tenant).await.unwrap();
    let listed = store::history::execution_list(
        &mut connection,
        tenant,
        &filter,
        store::Page::first(1),
        store::history::Patience::ENDLESS,
    )
    .await
    .unwrap();
    let id = listed.rows[0].execution.id;
    store
        .write(move |tx| {
            Box::pin(store::execution::execution_cancel(
                tx,
                tenant,
                id,
                "enough",
                Box::new(|_, _, _| (None, Value::Null)),
            ))
        })
        .await
        .unwrap();
    house.ok(200, Method::DELETE, "/api/workflows/1?purge=true", None).await;
    assert_eq!(house.get("/api/workflows/1?archived=true").await.0, 404);
}
