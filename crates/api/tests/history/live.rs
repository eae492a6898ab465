//! The stream of changes.

use axum::{
    body::BodyDataStream,
    http::{HeaderMap, Request, header},
};
use futures_util::StreamExt;
use model::Period;
use serde_json::json;

use crate::house::House;

/// What the stream brings until `ends` has been in it.
async fn read(stream: &mut BodyDataStream, ends: &str) -> String {
    let mut text = String::new();
    while !text.contains(ends) {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), stream.next()).await.unwrap();
        text.push_str(std::str::from_utf8(&next.unwrap().unwrap()).unwrap());
    }
    text
}

#[tokio::test]
async fn changes_are_told_to_their_tenant_and_to_nobody_else() {
    let house = House::new().await;
    assert_eq!(house.open("", "GET /api/live", None).await.status(), 401);
    let answer = house.open("viewer", "GET /api/live", None).await;
    let header = |headers: &HeaderMap, name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header(answer.headers(), "content-type"), "text/event-stream");
    assert_eq!(header(answer.headers(), "x-accel-buffering"), "no");
    let mut stream = answer.into_body().into_data_stream();
    assert_eq!(read(&mut stream, "\n\n").await, "id: live\nretry: 2000\n\n");

    house.post(json!({"event": "theirs"})).await;
    house.post(json!({"event": "nap"})).await;
    let told = read(&mut stream, "waiting").await;
    assert!(told.starts_with("event: execution\ndata: {\"id\":2,\"workflowId\":2,\"status\":"), "{told}");
    assert!(told.contains("data: {\"id\":2,\"workflowId\":2,\"status\":\"waiting\"}"), "{told}");
    assert!(!told.contains("\"id\":1"), "{told}");

    // Nobody keeps listening with credentials of long ago.
    house.clock.advance(Period::minutes(15));
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn whoever_was_away_is_told_to_read_anew() {
    let house = House::new().await;
    let request = Request::builder()
        .uri("/api/live")
        .header(header::AUTHORIZATION, "Bearer viewer-key-viewer-key")
        .header("last-event-id", "live");
    let answer = house.request(request.body(axum::body::Body::empty()).unwrap()).await;
    let told = read(&mut answer.into_body().into_data_stream(), "reset").await;
    assert_eq!(told, "id: live\nretry: 2000\n\nevent: reset\ndata: {}\n\n");
}
