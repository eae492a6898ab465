//! What ran, as the seed prints it; who may see and do what.

use axum::http::StatusCode;
use insta::{assert_json_snapshot, assert_snapshot, with_settings};
use serde_json::{Value, json};

use crate::house::{House, ONE, detractor};

const LIST: &str = "/api/workflow-executions";

#[tokio::test]
async fn an_execution_has_the_seed_s_shape() {
    let house = House::new().await;
    let id = house.post(detractor(3)).await[0];
    let list = house.get("viewer", LIST).await.json();
    let one = house.get("editor", &format!("{LIST}/{id}")).await.json();
    // PostgreSQL keeps a document's keys in an order of its own.
    with_settings!({sort_maps => true}, {
        assert_json_snapshot!("list", list);
        assert_json_snapshot!("one", one);
    });
    let logs = house.get("editor", &format!("{LIST}/{id}/logs")).await.json();
    assert_eq!((&logs["data"], &logs["nextCursor"]), (&one["data"]["logs"], &Value::Null));
}

#[tokio::test]
async fn viewers_do_not_read_personal_answers() {
    let house = House::new().await;
    let id = house.post(detractor(3)).await[0];
    for path in [LIST.to_owned(), format!("{LIST}/{id}"), format!("{LIST}/{id}/logs")] {
        let (editor, viewer) = (house.get("editor", &path).await, house.get("viewer", &path).await);
        assert!(editor.text.contains("Ohm") && !viewer.text.contains("Ohm"), "{}", viewer.text);
    }
    let one = house.get("viewer", &format!("{LIST}/{id}")).await.json();
    assert_eq!(
        (&one["data"]["trigger_data"]["submission"]["data"], &one["data"]["logs"][1]["input_data"]["title"]),
        (&json!({"q_nps": 3, "q_name": "•••", "q_why": "slow"}), &json!("Call •••"))
    );
    assert_eq!(house.get("editor", &format!("{LIST}?q=ohm")).await.ids(), [id]);
    assert_eq!(house.get("viewer", &format!("{LIST}?q=ohm")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn retry_cancel_delete() {
    let house = House::new().await;
    let nap = house.post(json!({"event": "nap"})).await[0];
    let stumble = house.post(json!({"event": "stumble", "id": "s-1"})).await[0];
    let unmatched = house.post(detractor(10)).await[0];
    let theirs = house.post(json!({"event": "theirs"})).await[0];
    assert_eq!((nap, stumble, unmatched, theirs), (1, 2, 3, 4));
    let requests = vec![
        ("viewer", "POST /api/workflow-executions/2/retry", Value::Null),
        ("editor", "POST /api/workflow-executions/2/retry", Value::Null),
    ];
    let mut text = house.transcript(requests).await;
    house.rest(ONE, 5).await;
    let requests = vec![
        (
            "editor",
            "POST /api/workflow-executions/2/retry",
            json!({"from": "start", "definition": "current"}),
        ),
        ("editor", "POST /api/workflow-executions/2/retry", json!({"from": "middle"})),
        ("editor", "POST /api/workflow-executions/2/retry", json!({"form": "start"})),
        ("editor", "POST /api/workflow-executions/3/retry", json!({})),
        ("editor", "POST /api/workflow-executions/1/retry", Value::Null),
        ("editor", "POST /api/workflow-executions/4/retry", Value::Null),
        ("editor", "POST /api/workflow-executions/99/retry", Value::Null),
        ("viewer", "POST /api/workflow-executions/1/cancel", Value::Null),
        ("editor", "DELETE /api/workflow-executions/1", Value::Null),
        ("admin", "DELETE /api/workflow-executions/1", Value::Null),
        ("editor", "POST /api/workflow-executions/1/cancel", Value::Null),
        ("editor", "POST /api/workflow-executions/1/cancel", Value::Null),
        ("admin", "DELETE /api/workflow-executions/1", Value::Null),
        ("admin", "GET /api/workflow-executions/1", Value::Null),
        ("admin", "GET /api/workflow-executions/1/logs", Value::Null),
        ("admin", "GET /api/workflow-executions/4", Value::Null),
        ("admin", "GET /api/workflow-executions/one", Value::Null),
    ];
    text.push_str(&house.transcript(requests).await);
    assert_snapshot!(text);
    house.rest(ONE, 6).await;
    let retries = house.get("viewer", "/api/workflow-executions/2").await.json()["data"]["retries"].clone();
    assert_eq!(retries, json!([5, 6]));
}

/// 1: unmatched, on the 13th; 2: waiting, 3: failed, 4: completed with a failure, on the 14th at 10:30; 5: retries 3, at 11:00.
async fn history() -> House {
    let house = House::new().await;
    house.travel("2026-02-13T23:59:59.999Z").await;
    house.post(detractor(10)).await;
    house.travel("2026-02-14T10:30:00Z").await;
    house.post(json!({"event": "nap", "data": {"note": "Größe \"42\""}})).await;
    house.post(json!({"event": "stumble", "id": "s-1", "data": {"contactId": 8}})).await;
    house.post(detractor(3)).await;
    house.post(json!({"event": "theirs"})).await;
    house.travel("2026-02-14T11:00:00Z").await;
    let answer = house.send("editor", "POST /api/workflow-executions/3/retry", None).await;
    house.rest(ONE, answer.json()["data"]["newExecutionId"].as_i64().unwrap()).await;
    house
}

#[tokio::test]
async fn filters() {
    let house = history().await;
    let table: &[(&str, &[i64])] = &[
        ("", &[6, 4, 3, 2, 1]),
        ("workflowId=1", &[4, 1]),
        ("workflowId=4", &[]),
        ("status=failed", &[6, 3]),
        ("status=waiting", &[2]),
        ("workflowId=1&status=completed", &[4, 1]),
        ("status=pending", &[]),
        ("status=", &[6, 4, 3, 2, 1]),
        ("outcome=unmatched", &[1]),
        ("outcome=matched&status=completed", &[4]),
        ("hasFailures=true&status=completed", &[4]),
        ("hasFailures=false&workflowId=1", &[1]),
        ("contactId=1", &[4, 1]),
        ("contactId=8", &[6, 3]),
        ("submissionId=1", &[4, 1]),
        ("eventId=s-1", &[6, 3]),
        ("eventId=evt_2", &[2]),
        ("eventId=evt_5", &[]),
        ("eventId=unknown", &[]),
        ("retryOf=3", &[6]),
        ("q=SLOW", &[4, 1]),
        ("q=gr%C3%B6%C3%9Fe%20%2242", &[2]),
        ("startDate=2026-02-14", &[6, 4, 3, 2]),
        ("endDate=2026-02-13", &[1]),
        ("endDate=2026-02-14", &[6, 4, 3, 2, 1]),
        ("startDate=2026-02-13&endDate=2026-02-13", &[1]),
        ("startDate=2026-02-14T10:30:00Z", &[6, 4, 3, 2]),
        ("startDate=2026-02-14T10:30:00.001Z", &[6]),
        ("endDate=2026-02-14T10:30:00Z", &[1]),
        ("endDate=2026-02-14T10:30:00.001Z", &[4, 3, 2, 1]),
        ("startDate=2026-02-14T12:00:00%2B01:00", &[6]),
        ("endDate=2026-02-14T11:00:00Z", &[4, 3, 2, 1]),
        ("endDate=2026-02-14T00:00:00Z", &[1]),
        ("limit=2&offset=1", &[4, 3]),
    ];
    for (query, expected) in table {
        let answer = house.get("editor", &format!("{LIST}?{query}")).await;
        let pagination = answer.json()["pagination"].clone();
        let total = if query.contains("limit") { 5 } else { expected.len() };
        assert_eq!((answer.ids(), &pagination["total"]), (expected.to_vec(), &json!(total)), "{query}");
        assert_eq!(pagination["totalIsCapped"], Value::Null, "{query}");
    }
    assert_eq!(house.get("other", LIST).await.ids(), [5]);
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_named() {
    let house = House::new().await;
    let mut text = String::new();
    for query in [
        "status=done",
        "outcome=lost",
        "workflowId=one",
        "workflowId=-1",
        "hasFailures=maybe",
        "startDate=yesterday",
        "endDate=2026-02-30",
        "limit=0",
        "limit=201",
        "offset=-1",
        "cursor=!",
        "workflow_id=1",
    ] {
        let answer = house.get("viewer", &format!("{LIST}?{query}")).await;
        text.push_str(&format!(
            "{query}\n  {} {}\n",
            answer.status.as_u16(),
            answer.json()["error"]["message"]
        ));
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn a_cursor_walks_the_whole_list_while_it_grows() {
    let house = House::new().await;
    let mut posted = Vec::new();
    for _ in 0..23 {
        posted.extend(house.post(json!({"event": "nap"})).await);
    }
    posted.reverse();
    let mut walked = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = house.get("viewer", &format!("{LIST}?limit=5{cursor}")).await;
        walked.extend(page.ids());
        house.post(json!({"event": "nap"})).await;
        let page = page.json();
        assert_eq!(page["pagination"]["hasMore"], json!(!page["nextCursor"].is_null()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(walked, posted);
}

#[tokio::test]
async fn a_long_log_is_read_page_by_page() {
    let house = House::new().await;
    let id = house.post(detractor(3)).await[0];
    let mut steps = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = house.get("viewer", &format!("{LIST}/{id}/logs?limit=1{cursor}")).await.json();
        steps.extend(page["data"].as_array().unwrap().iter().map(|log| log["step_number"].as_i64().unwrap()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(steps, [1, 2, 3]);
}
