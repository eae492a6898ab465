//! Workflows that run others, and what is done about failures; each told as the journals that it leaves.

use model::{Actor, ExecutionId, ExecutionStatus, Outcome, event::NewEvent};
use serde_json::{Value, json};
use store::execution::Started;
use testkit::sink::Sink;

use crate::{
    harness::{House, TENANT, event, lines, load, post},
    triggers::save,
};

fn story(started: &Started) -> String {
    let progress = &started.execution.progress;
    let rows = lines(&started.journal).split_off(1).join("\n");
    format!("{} error {:?}\n{rows}\n", progress.status, progress.error)
}

fn run(key: &str) -> Value {
    json!({"type": "run_workflow", "config": {"workflowId": key}})
}

fn hour() -> Value {
    json!({"type": "delay", "config": {"duration": "1h"}})
}

fn ticket(title: &str) -> Value {
    json!({"type": "create_ticket", "config": {"title": title}})
}

/// Every execution of the store, oldest first.
async fn all(engine: &engine::Engine) -> Vec<Started> {
    let mut connection = engine.store().read_any().await.unwrap();
    let rows = connection
        .query("SELECT id FROM workflow_executions WHERE tenant_id = 1 ORDER BY id", Vec::new())
        .await
        .unwrap();
    let ids: Vec<ExecutionId> = rows.into_iter().map(|row| row.first().unwrap()).collect();
    drop(connection);
    let mut found = Vec::new();
    for id in ids {
        found.push(load(engine, id).await.unwrap());
    }
    found
}

async fn titles(engine: &engine::Engine) -> Vec<String> {
    let mut connection = engine.store().read_any().await.unwrap();
    let rows =
        connection.query("SELECT title FROM tickets WHERE tenant_id = 1 ORDER BY id", Vec::new()).await;
    rows.unwrap().into_iter().map(|row| row.first().unwrap()).collect()
}

testkit::on_both! {
    async fn the_result_of_a_workflow_is_the_output_of_the_step_that_ran_it(place: Place) {
        let house = House::new(place);
        let mut named = run("{{callee}}");
        named["config"]["data"] = json!({"who": "{{contact.name}}"});
        let (engine, _, _) = house
            .furnish(json!({"name": "Caller", "actions": [named, ticket("{{steps.s1.output.status}} {{steps.s1.output.result.actionsExecuted}}")]}))
            .await;
        let callee = house.workflow(&engine, json!({"name": "Callee", "trigger_event": "manual", "actions": [hour(), ticket("for {{who}}")]})).await;
        let accepted = post(&engine, json!({"callee": callee, "contact": {"name": "Ada"}})).await;
        let caller = house.rest(&engine, accepted.executions[0].id).await.unwrap();
        assert_eq!(caller.execution.progress.status, ExecutionStatus::Waiting);
        house.run_all_to_end(&engine).await.unwrap();
        assert_eq!(titles(&engine).await, ["for Ada", "completed 2"]);
        let executions = all(&engine).await;
        assert_eq!(executions[1].execution.caused_by, Some(executions[0].execution.id));
        assert_eq!(executions[1].execution.trigger_event, "run_workflow");
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    async fn a_workflow_that_runs_itself_ends_at_the_depth_that_is_allowed(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(json!({"name": "Again", "actions": [run("again")]})).await;
        post(&engine, json!({})).await;
        house.run_all_to_end(&engine).await.unwrap();
        let executions = all(&engine).await;
        assert_eq!(executions.len(), 9);
        insta::assert_snapshot!("recursion", format!("{}\n{}", story(&executions[8]), story(&executions[0])));
        insta::assert_snapshot!("recursion_stack", executions[1].execution.progress.error_stack.clone().unwrap_or_default());
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    async fn an_installation_says_how_deep(place: Place) {
        let mut house = House::new(place);
        house.max_depth = 2;
        let (engine, _, _) = house.furnish(json!({"name": "Again", "actions": [run("again")]})).await;
        // Its own change starts it as well: by events it is as deep.
        let touches = json!({"type": "update_contact", "config": {"contactId": 1, "updates": {"visits": "{{contact.version}}"}}});
        save(&engine, json!({"name": "Round", "trigger_event": "contact_updated", "conditions": [], "actions": [touches]})).await;
        post(&engine, json!({})).await;
        let updated = NewEvent { name: "contact_updated".parse().unwrap(), ..event(None, json!({"contact": {"id": 1, "version": 0}})) };
        engine.accept(updated).await.unwrap();
        house.run_all_to_end(&engine).await.unwrap();
        let of = async |event: &str| all(&engine).await.iter().filter(|run| run.execution.trigger_event == event).count();
        assert_eq!((of("run_workflow").await, of("contact_updated").await), (2, 1 + 3), "the last one only says that it was stopped");
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    async fn what_is_called_ends_with_its_caller(place: Place) {
        let house = House::new(place);
        let lanes = json!({"type": "parallel", "config": {"join": "any", "branches": [
            {"name": "slow", "actions": [run("slow")]}, {"name": "fast", "actions": [hour()]}]}});
        let (engine, _, _) = house.furnish(json!({"name": "Loser", "actions": [lanes]})).await;
        house.workflow(&engine, json!({"name": "Slow", "trigger_event": "manual", "actions": [run("slowest")]})).await;
        house.workflow(&engine, json!({"name": "Slowest", "trigger_event": "manual", "actions": [{"type": "delay", "config": {"duration": "5h"}}]})).await;
        post(&engine, json!({})).await;
        house.run_all_to_end(&engine).await.unwrap();
        let mut told: Vec<String> = all(&engine).await.iter().map(story).collect();
        let accepted = post(&engine, json!({})).await;
        let caller = accepted.executions[0].id;
        house.rest(&engine, caller).await.unwrap();
        while all(&engine).await.len() < 6 {
            tokio::task::yield_now().await;
        }
        engine.cancel(TENANT, Actor::System, caller).await.unwrap();
        house.run_all_to_end(&engine).await.unwrap();
        told.extend(all(&engine).await[3..].iter().map(story));
        // Ids are of the store's blocks.
        let told = told.join("\n");
        let digits = |word: &str| word.trim_end_matches(',').parse::<i64>().is_ok_and(|number| number > 20);
        let told: Vec<&str> = told.split(' ').map(|word| if digits(word) { "N," } else { word }).collect();
        insta::assert_snapshot!("called_ends_with_caller", told.join(" "));
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    async fn what_cannot_be_run_fails_the_step_and_says_why(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house
            .furnish(json!({"name": "Caller", "actions": [
                {"type": "run_workflow", "critical": false, "config": {"workflowId": 99}},
                {"type": "run_workflow", "critical": false, "config": {"workflowId": "{{nothing}}"}},
                {"type": "run_workflow", "critical": false, "config": {"workflowId": "nobody", "data": {}, "wait": false}},
                {"type": "run_workflow", "critical": false, "config": {"workflowId": "callee"}},
                {"type": "run_workflow", "critical": false, "config": {"workflowId": "unmatched"}},
            ]}))
            .await;
        let error = json!([{"field": "a", "operator": "equals", "value": 1, "onMissing": "error"}]);
        house.workflow(&engine, json!({"name": "Callee", "trigger_event": "manual", "conditions": error, "actions": []})).await;
        let never = json!([{"field": "a", "operator": "equals", "value": 1}]);
        house.workflow(&engine, json!({"name": "Unmatched", "trigger_event": "manual", "logUnmatched": false, "conditions": never, "actions": []})).await;
        post(&engine, json!({})).await;
        house.run_all_to_end(&engine).await.unwrap();
        let executions = all(&engine).await;
        let told = story(&executions[0]).replace(&format!("execution {}", executions[1].execution.id), "execution N");
        insta::assert_snapshot!("cannot_be_run", told);
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    async fn a_failure_is_told_of_once_when_it_is_final(place: Place) {
        let house = House::new(place);
        let sink = Sink::start().await;
        let call = json!({"id": "call", "name": "Call", "type": "webhook", "critical": true, "config": {"url": sink.url("/status/503")}});
        let (engine, _, _) = house
            .furnish(json!({
                "name": "Fails",
                "actions": [{"type": "branch", "config": {"branches": [{"name": "no", "conditions": [{"field": "no", "operator": "is_not_empty"}], "actions": []}], "else": [call]}}],
                "onFailure": [
                    ticket("{{error.stepName}} ({{error.stepPath}}), attempt {{error.attempt}}: {{error.message}}"),
                    {"id": "inner", "type": "parallel", "critical": false, "config": {"join": "any", "branches": [{"name": "a", "actions": [hour()]}, {"name": "b", "actions": [ticket("b {{steps.s1.status}}")]}]}},
                    {"type": "stop", "config": {"status": "failed"}},
                    ticket("never"),
                ],
            }))
            .await;
        // It fails itself, and is told of nothing that it has caused.
        let watcher = json!({"name": "Watcher", "trigger_event": "execution_failed", "onFailure": [ticket("watched in vain")], "actions": [
            ticket("Watcher: {{failure.workflowName}} {{failure.triggerEvent}} {{failure.retryCount}}: {{failure.error}}"), {"type": "stop", "config": {"status": "failed"}}]});
        house.workflow(&engine, watcher).await;
        let accepted = post(&engine, json!({})).await;
        house.run_all_to_end(&engine).await.unwrap();
        let ended = load(&engine, accepted.executions[0].id).await.unwrap();
        let mut about = ended.execution.progress.result.clone().unwrap_or_default()["onFailure"].clone();
        about["actionResults"] = json!(about["actionResults"].as_array().map(Vec::len));
        about.sort_all_objects();
        let titles = titles(&engine).await.join("\n");
        insta::assert_snapshot!("told_once", format!("{}\n{about}\n{titles}\n{} executions", story(&ended), all(&engine).await.len()));
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    async fn conditions_that_cannot_be_decided_are_a_failure_too(place: Place) {
        let house = House::new(place);
        let conditions = json!([{"field": "a", "operator": "equals", "value": 1, "onMissing": "error"}]);
        let (engine, _, _) = house
            .furnish(json!({"name": "Undecided", "conditions": conditions, "actions": [ticket("never")], "onFailure": [ticket("{{error.step}}: {{error.message}}")]}))
            .await;
        let accepted = post(&engine, json!({})).await;
        house.run_all_to_end(&engine).await.unwrap();
        let ended = load(&engine, accepted.executions[0].id).await.unwrap();
        insta::assert_snapshot!("undecided", format!("{}{:?}", story(&ended), titles(&engine).await));
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    async fn what_goes_round_too_fast_is_stopped_with_the_chain_on_record(place: Place) {
        let house = House::new(place);
        let update = json!({"type": "update_contact", "config": {"contactId": 1, "updates": {"attributes": {"n": "{{item}}"}}}});
        let each = json!({"type": "for_each", "config": {"items": "{{items}}", "actions": [update]}});
        let (engine, first, _) = house.furnish(json!({"name": "Many changes", "actions": [each]})).await;
        house.workflow(&engine, json!({"name": "Each change", "trigger_event": "contact_updated", "actions": [{"type": "set", "config": {"variables": {"a": 1}}}]})).await;
        let items: Vec<i64> = (0..120).collect();
        post(&engine, json!({"items": items})).await;
        house.run_all_to_end(&engine).await.unwrap();
        let executions = all(&engine).await;
        let stopped: Vec<&Started> =
            executions.iter().filter(|one| one.execution.progress.outcome == Some(Outcome::Stopped)).collect();
        assert_eq!((executions.len(), stopped.len()), (121, 20));
        let result = stopped[0].execution.progress.result.clone().unwrap_or_default();
        assert_eq!(result["chain"], json!([{"executionId": executions[0].execution.id, "workflowId": first, "event": "submission_completed"}]));
        insta::assert_snapshot!("too_fast", story(stopped[0]) + result["stopped"].as_str().unwrap_or_default());
        // From outside there may be as many as come; and a minute later it goes on.
        for number in 0..102 {
            let outside = NewEvent { name: "contact_updated".parse().unwrap(), ..event(None, json!({"contact": {"id": 1}, "n": number})) };
            engine.accept(outside).await.unwrap();
        }
        house.clock.set("2026-02-14T10:32:00Z".parse().unwrap());
        post(&engine, json!({"items": [121]})).await;
        house.run_all_to_end(&engine).await.unwrap();
        let ran = all(&engine).await.iter().filter(|one| one.execution.progress.outcome == Some(Outcome::Matched)).count();
        assert_eq!(ran, 101 + 102 + 2);
        engine.stop(std::time::Duration::from_secs(5)).await;
    }
}
