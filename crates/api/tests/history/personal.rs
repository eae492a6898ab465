//! What people have told a run is hidden from viewers wherever it has got to, also what came after its beginning.

use std::time::Duration;

use engine::Live;
use model::ExecutionStatus;
use serde_json::{Value, json};

use crate::house::{Answer, House, detractor};

/// Does something, after which an execution of the workflow ends; answers which.
async fn until_one_ends(house: &House, workflow: i64, act: impl Future<Output = Answer>) -> i64 {
    let mut live = house.engine.live();
    let answer = act.await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let ended = async {
        loop {
            if let Live::Execution { id, workflow: of, status: ExecutionStatus::Completed, .. } =
                live.recv().await.unwrap()
                && of.get() == workflow
            {
                return id.get();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap()
}

async fn saved(house: &House, name: &str, event: &str, actions: Value) -> i64 {
    let workflow = json!({"name": name, "trigger_event": event, "conditions": [], "actions": actions, "is_active": true});
    let answer = house.json("editor", "POST /api/workflows", workflow).await;
    answer.json()["data"]["id"].as_i64().unwrap_or_else(|| panic!("{}", answer.text))
}

#[tokio::test]
async fn viewers_do_not_read_what_came_while_a_run_waited() {
    let house = House::new().await;
    let asks = saved(
        &house,
        "Asks",
        "begun",
        json!([
            {"id": "w", "type": "wait_for_event", "config": {"event": "submission_completed", "timeout": "1d"}},
            {"id": "a", "type": "approval", "config": {"title": "For {{steps.w.output.event.submission.data.q_name}}?", "approvers": [{"role": "editor"}], "allowSelf": true,
                "form": [{"key": "age", "type": "number", "label": "Age", "personal": true}, {"key": "who", "type": "text", "label": "Who", "personal": true}]}},
            {"id": "t", "type": "create_ticket", "config": {"title": "{{steps.w.output.event.submission.data.q_name}} and {{steps.a.output.form.who}}"}},
            {"id": "b", "type": "branch", "config": {"branches": [{"name": "old", "conditions": [{"field": "steps.a.output.form.age", "operator": ">", "value": 40}], "actions": []}]}},
        ]),
    )
    .await;
    let hears = saved(
        &house,
        "Hears",
        "ticket_created",
        json!([{"id": "n", "type": "set", "config": {"variables": {"title": "{{ticket.title}}"}}}]),
    )
    .await;
    house.post(json!({"event": "begun"})).await;
    // One of the workflows of the house listens, too; what waited goes on after it.
    let mut live = house.engine.live();
    house.post(detractor(3)).await;
    let open = async {
        loop {
            if let Live::Approval { id, .. } = live.recv().await.unwrap() {
                return id.get();
            }
        }
    };
    let approval = tokio::time::timeout(Duration::from_secs(20), open).await.unwrap();
    let ruling = json!({"decision": "approved", "form": {"age": 42, "who": "Bob Amp"}});
    let decide = format!("POST /api/approvals/{approval}/decide");
    let heard = until_one_ends(&house, hears, house.json("editor", &decide, ruling)).await;
    let asked = house.get("editor", &format!("/api/workflow-executions?workflowId={asks}")).await.ids()[0];
    house.rest(crate::house::ONE, asked).await;

    for path in [
        "/api/workflow-executions".to_owned(),
        format!("/api/workflow-executions/{asked}"),
        format!("/api/workflow-executions/{asked}/logs"),
        format!("/api/workflow-executions/{heard}"),
        format!("/api/workflows/{asks}/decisions?eventId=x"),
        "/api/approvals".to_owned(),
        "/api/events".to_owned(),
        "/api/tickets".to_owned(),
    ] {
        let viewer = house.get("viewer", &path).await;
        assert!(viewer.status.is_success(), "{path}: {}", viewer.text);
        for personal in ["Ohm", "Amp", ":42", "42 is"] {
            assert!(!viewer.text.contains(personal), "{path} shows {personal}: {}", viewer.text);
        }
    }
    let editor = house.get("editor", &format!("/api/workflow-executions/{asked}")).await.text;
    assert!(["Ohm", "Amp", ":42"].iter().all(|personal| editor.contains(personal)), "{editor}");
}
