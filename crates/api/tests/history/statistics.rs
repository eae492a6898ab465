//! The overview, against what ran.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::house::{House, detractor};

const OVERVIEW: &str = "/api/workflow-executions/stats/overview";

#[tokio::test]
async fn the_overview_has_the_seed_s_shape() {
    let house = House::new().await;
    let empty = house.get("viewer", OVERVIEW).await.json();
    house.travel("2026-02-11T23:10:00Z").await;
    house.post(detractor(10)).await;
    house.travel("2026-02-14T10:30:00Z").await;
    house.post(detractor(3)).await;
    house.post(json!({"event": "stumble"})).await;
    house.post(json!({"event": "nap"})).await;
    house.post(json!({"event": "theirs"})).await;
    assert_json_snapshot!("overview", house.get("viewer", OVERVIEW).await.json());

    let range = "?workflowId=1&startDate=2026-02-12&endDate=2026-02-14";
    let narrow = house.get("viewer", &format!("{OVERVIEW}{range}")).await.json()["data"].clone();
    assert_eq!(narrow["statusBreakdown"], json!([{"status": "completed", "count": 1, "avg_duration": 0}]));
    assert_eq!(narrow["dailyTrend"].as_array().map(Vec::len), Some(1));
    assert_eq!(empty["data"]["dailyTrend"], json!([]));
    assert_eq!(empty["data"]["successRate"], Value::Null);

    // What was removed has happened all the same.
    assert!(house.send("admin", "DELETE /api/workflow-executions/2", None).await.status.is_success());
    let after = house.get("viewer", &format!("{OVERVIEW}{range}")).await.json()["data"].clone();
    assert_eq!(after, narrow);
}

#[tokio::test]
async fn the_slowest_steps_are_those_of_the_newest_executions() {
    let house = House::new().await;
    house.travel("2026-02-11T23:10:00Z").await;
    house.post(detractor(10)).await;
    house.travel("2026-02-14T10:30:00Z").await;
    for _ in 0..2 {
        house.post(detractor(3)).await;
    }
    house.post(json!({"event": "stumble"})).await;
    house.post(json!({"event": "theirs"})).await;
    let steps = async |query: &str| {
        house.get("viewer", &format!("/api/workflow-executions/stats/steps{query}")).await.json()["data"]
            .clone()
    };
    assert_json_snapshot!("slowest_steps", steps("").await);
    let of_one = steps("?workflowId=1&startDate=2026-02-14").await;
    let workflows: Vec<&Value> =
        of_one["steps"].as_array().unwrap().iter().map(|step| &step["workflow_id"]).collect();
    assert!(!workflows.is_empty() && workflows.iter().all(|id| **id == json!(1)), "{of_one}");
    assert_eq!(steps("?startDate=2026-02-15").await["steps"], json!([]));
}
