//! The description of the API that is committed is the one that this binary prints and serves.

use serde_json::Value;

use crate::process::House;

#[tokio::test]
async fn the_committed_description_is_the_printed_and_the_served_one() {
    let house = House::new();
    let printed = house.command(&["openapi"]).output().await.unwrap();
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");
    let committed = std::fs::read_to_string(committed).unwrap_or_default();
    assert!(committed == printed, "openapi.json is not what the API is: run `cargo xtask generate`");
    let server = house.serve(&[]).await;
    let served: Value = server.get("/api/openapi.json").await;
    assert_eq!(served, serde_json::from_str::<Value>(&printed).unwrap());
}
