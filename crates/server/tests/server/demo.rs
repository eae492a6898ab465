//! The demo: a company with a month behind it, whose statistics are those of its rows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::process::House;

#[tokio::test]
async fn a_newcomer_meets_a_living_system() {
    let house = House::new();
    let mut server = house.serve(&["--demo"]).await;
    let login = server.line().await;
    assert!(
        login.starts_with("the demo company: sign in as maya@northwind-care.example with the password "),
        "{login}"
    );
    assert_eq!(server.line().await, "for curl and the command line: . ./vtrustx-data/demo.env");

    let total = async |path: &str| server.get(path).await["pagination"]["total"].clone();
    assert_eq!(server.get("/api/session").await["data"]["tenant"]["name"], "Northwind Care");
    assert_eq!(total("/api/forms").await, 3);
    assert_eq!(total("/api/contacts").await, 50);
    assert_eq!(total("/api/users").await, 3);
    assert_eq!(total("/api/workflows?active=true").await, 3);
    assert_eq!(total("/api/submissions").await, 414);
    assert!(total("/api/workflow-templates").await.as_i64() >= Some(12));

    // Rows and statistics are two counts of the same.
    let executions = server.all("/api/workflow-executions").await;
    assert_eq!(executions.len(), 600);
    let statistics = server.get("/api/workflow-executions/stats/overview").await["data"].clone();
    let by = |field: &str| counts(&executions, |row| text(&row[field]));
    let stated = |list: &Value, name: &str, count: &str| -> BTreeMap<String, i64> {
        list.as_array().unwrap().iter().map(|row| (text(&row[name]), row[count].as_i64().unwrap())).collect()
    };
    assert_eq!(by("status"), stated(&statistics["statusBreakdown"], "status", "count"));
    assert_eq!(by("workflow_name"), stated(&statistics["topWorkflows"], "name", "execution_count"));
    let days = counts(&executions, |row| text(&row["created_at"])[..10].to_owned());
    assert_eq!(days, stated(&statistics["dailyTrend"], "date", "total"));
    assert!(days.len() >= 28, "{} days", days.len());
    for workflow in server.all("/api/workflows?active=true").await {
        let of = |status: &str, outcome: &str| {
            let same = |row: &&Value| {
                row["workflow_id"] == workflow["id"] && row["status"] == status && row["outcome"] == outcome
            };
            json!(executions.iter().filter(same).count())
        };
        assert_eq!(workflow["success_count"], of("completed", "matched"), "{}", workflow["key"]);
        assert_eq!(workflow["failure_count"], of("failed", "matched"), "{}", workflow["key"]);
        assert_eq!(workflow["unmatched_count"], of("completed", "unmatched"), "{}", workflow["key"]);
    }

    // Something of everything.
    let statuses = by("status");
    assert_eq!((statuses["retrying"], statuses["cancelled"]), (1, 1));
    // Four are planned; the month before today may put more into the outage.
    assert!(statuses["failed"] >= 4, "{statuses:?}");
    assert!(statuses["waiting"] > 0 && by("outcome")["unmatched"] > 200, "{statuses:?}");
    assert!(
        executions.iter().any(|row| row["status"] == "completed" && row["retry_count"].as_i64() > Some(0))
    );
    assert!(
        executions.iter().any(|row| row["status"] == "completed" && row["actions_failed"].as_i64() > Some(0))
    );
    let fault = |row: &&Value| row.to_string().contains("a fault of this software");
    assert_eq!(executions.iter().find(fault), None);

    // Each ticket and each mail was made by a step of the history.
    let steps = |action: &str| {
        let of_row = |row: &Value| {
            let results = row["result"]["actionResults"].as_array().cloned().unwrap_or_default();
            results.iter().filter(|step| step["type"] == action && step["status"] == "completed").count()
        };
        executions.iter().map(of_row).sum::<usize>()
    };
    assert_eq!(total("/api/tickets").await, steps("create_ticket"));
    assert!(total("/api/outbox").await.as_u64() >= Some(steps("send_email") as u64));
    assert!(total("/api/tickets?status=solved").await.as_i64() > Some(20));

    // Once: the next start adds nothing.
    server.stop().await;
    let server = house.serve(&["--demo"]).await;
    assert_eq!(server.get("/api/contacts").await["pagination"]["total"], 50);
    assert!(reqwest::get(format!("{}/f/northwind-nps", server.url)).await.unwrap().status().is_success());
    server.stop().await;
}

#[tokio::test]
async fn a_store_in_use_keeps_its_tenant() {
    let house = House::new();
    let server = house.serve(&[]).await;
    server.post("/api/contacts", &json!({"email": "ada@example.com"})).await;
    server.stop().await;
    let server = house.serve(&["--demo"]).await;
    assert_eq!(server.get("/api/session").await["data"]["tenant"]["name"], "default");
    assert_eq!(server.get("/api/contacts").await["pagination"]["total"], 1);
    server.stop().await;
    let tenants = house.command(&["tenant", "list", "--json"]).output().await.unwrap();
    let tenants: Value = serde_json::from_slice(&tenants.stdout).unwrap();
    assert_eq!((&tenants[0]["name"], &tenants[1]["name"]), (&json!("default"), &json!("Northwind Care")));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_owned()
}

fn counts(rows: &[Value], of: impl Fn(&Value) -> String) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(of(row)).or_default() += 1;
    }
    counts
}
