//! What starts a workflow besides an event of its name: what an update changed, and people.

use engine::{Engine, EngineError};
use model::{Actor, ExecutionStatus, TenantId, WorkflowId, event::EventName, event::NewEvent};
use serde_json::{Value, json};
use store::{
    StoreError,
    contact::contact_update,
    workflow::{Change, NewWorkflow, workflow_create, workflow_update},
};

use crate::harness::{House, TENANT, definition_of, event, load};

fn ticket(more: &Value) -> Value {
    let mut workflow =
        json!({"conditions": [], "actions": [{"type": "create_ticket", "config": {"title": "Once"}}]});
    workflow.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    workflow
}

/// Saves a workflow beside the first, active.
pub async fn save(engine: &Engine, workflow: Value) -> WorkflowId {
    let new =
        NewWorkflow { key: None, definition: definition_of(workflow), is_draft: false, is_active: true };
    let made = engine
        .store()
        .write(move |tx| Box::pin(workflow_create(tx, TENANT, Actor::System, new)))
        .await
        .unwrap();
    engine.workflow_changed(TENANT, made.id).await.unwrap();
    made.id
}

pub async fn change(engine: &Engine, id: WorkflowId, change: Change) {
    let write =
        engine.store().write(move |tx| Box::pin(workflow_update(tx, TENANT, Actor::System, id, change)));
    write.await.unwrap();
    engine.workflow_changed(TENANT, id).await.unwrap();
}

/// Every execution as a line.
pub async fn runs(engine: &Engine) -> Vec<String> {
    let mut connection = engine.store().read(TENANT).await.unwrap();
    let sql = "SELECT workflow_id, workflow_version, trigger_event, trigger_data, status, outcome FROM workflow_executions WHERE tenant_id = ?1 ORDER BY id";
    let rows = connection.query(sql, store::params![TENANT]).await.unwrap();
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            let (workflow, version): (WorkflowId, i64) = (row.take().unwrap(), row.take().unwrap());
            let (event, data): (String, Value) = (row.take().unwrap(), row.take().unwrap());
            let (status, outcome): (String, Option<String>) = (row.take().unwrap(), row.take().unwrap());
            format!("{workflow}v{version} {event} {data} {status} {}", outcome.unwrap_or_default())
        })
        .collect()
}

testkit::on_both! {
    async fn an_update_starts_what_listens_to_that_change(place: Place) {
        let house = House::new(place);
        let (engine, _, contact) = house.furnish(ticket(&json!({}))).await;
        let listens = async |config: Value, conditions: Value| {
            save(&engine, ticket(&json!({"trigger_event": "contact_updated", "trigger_config": config, "conditions": conditions}))).await
        };
        let conditions = |operator: &str, value: &str| json!([{"field": "contact.segment", "operator": operator, "value": value}]);
        let by_name = listens(json!({"fields": ["name"]}), json!([])).await;
        let to_vip = listens(json!({"conditions": conditions("changed_to", "vip")}), json!([])).await;
        let from_vip = listens(json!({}), conditions("changed_from", "vip")).await;
        let spent_more = listens(json!({"conditions": [{"field": "contact.attributes.spent", "operator": "increased"}]}), json!([])).await;
        for fields in [json!({"segment": "vip", "spent": 10}), json!({"name": "Ada L."}), json!({"segment": "lost", "spent": 30})] {
            let fields = fields.as_object().unwrap().clone();
            engine.store().write(move |tx| Box::pin(async move {
                contact_update(tx, TENANT, Actor::System.into(), contact, &fields, None).await.map(drop)
            })).await.unwrap();
        }
        let started: Vec<_> = runs(&engine).await.into_iter().map(|line| {
            let (workflow, _) = line.split_once('v').unwrap();
            format!("{workflow} {}", line.rsplit_once(' ').unwrap().1)
        }).collect();
        // What the trigger turns away leaves nothing; what the conditions turn away is on record.
        assert_eq!(started, [
            format!("{to_vip} matched"), format!("{from_vip} unmatched"),
            format!("{by_name} matched"), format!("{from_vip} unmatched"),
            format!("{from_vip} matched"), format!("{spent_more} matched"),
        ]);
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    async fn any_workflow_is_run_by_hand_and_the_same_key_runs_it_once(place: Place) {
        let house = House::new(place);
        let (engine, event_driven, _) = house.furnish(ticket(&json!({}))).await;
        let picky = json!([{"field": "score", "operator": ">", "value": 5}]);
        let by_hand = save(&engine, ticket(&json!({"trigger_event": "manual", "conditions": picky, "logUnmatched": false}))).await;
        change(&engine, event_driven, Change { is_active: Some(false), ..Change::default() }).await;
        let run = async |workflow, data, key: Option<&str>| engine.run(TENANT, Actor::System, workflow, data, key.map(str::to_owned)).await;

        let first = run(event_driven, json!({"a": 1}), Some("k")).await.unwrap();
        let again = run(event_driven, json!({"a": 2}), Some("k")).await.unwrap();
        let other = run(by_hand, json!({"score": 9}), Some("k")).await.unwrap();
        run(by_hand, json!({"score": 1}), None).await.unwrap();
        assert_eq!((first.duplicate, again.duplicate, other.duplicate), (false, true, false));
        assert_eq!(first.executions, again.executions);
        for started in [&first, &other] {
            house.rest(&engine, started.executions[0].id).await.unwrap();
        }
        assert_eq!(runs(&engine).await, [
            format!("{event_driven}v1 manual {} completed matched", json!({"a": 1})),
            format!("{by_hand}v1 manual {} completed matched", json!({"score": 9})),
            format!("{by_hand}v1 manual {} completed unmatched", json!({"score": 1})),
        ]);
        assert_eq!(load(&engine, other.executions[0].id).await.unwrap().execution.progress.status, ExecutionStatus::Completed);

        // An event that happens to have the name starts nothing.
        for name in ["manual", "schedule"] {
            let named = NewEvent { name: name.parse::<EventName>().unwrap(), ..event(None, json!({"score": 9})) };
            assert_eq!(engine.accept(named).await.unwrap().executions, []);
        }
        let draft = NewWorkflow { key: None, definition: definition_of(ticket(&json!({}))), is_draft: true, is_active: false };
        let draft = engine.store().write(move |tx| Box::pin(workflow_create(tx, TENANT, Actor::System, draft))).await.unwrap();
        for (tenant, workflow, refusal) in [(TENANT, draft.id, "conflict"), (TenantId::new(2), by_hand, "missing"), (TENANT, WorkflowId::new(99), "missing")] {
            let refused = match engine.run(tenant, Actor::System, workflow, json!({}), None).await {
                Err(EngineError::Store(StoreError::Conflict { .. })) => "conflict",
                Err(EngineError::Store(StoreError::Missing(_))) => "missing",
                other => panic!("{other:?}"),
            };
            assert_eq!(refused, refusal);
        }
        engine.stop(std::time::Duration::from_secs(5)).await;
    }
}
