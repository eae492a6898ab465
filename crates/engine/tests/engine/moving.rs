//! Runs that wait are moved to a newer version: where they stand, what is passed over, and why some stay.

use std::{sync::Arc, time::Duration};

use engine::{Engine, MoveRequest, MoveSummary};
use model::{Actor, ExecutionId, WorkflowId, journal::Log};
use serde_json::{Value, json};
use store::{
    execution::{Started, execution_move_list},
    workflow::{Change, NewWorkflow, workflow_create, workflow_update},
};
use testkit::{place::Place, sink::Sink};

use crate::{
    everywhere::Once,
    harness::{House, TENANT, definition_of, post},
};

fn tag(id: &str, tag: &str) -> Value {
    json!({"id": id, "type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": tag}})
}

fn delay(id: &str, duration: &str) -> Value {
    json!({"id": id, "type": "delay", "config": {"duration": duration}})
}

fn branch(id: &str, name: &str, actions: Value) -> Value {
    json!({"id": id, "type": "branch", "config": {"branches": [{"name": name, "conditions": [], "actions": actions}]}})
}

fn parallel(id: &str, join: Value, lanes: &[(&str, Value)]) -> Value {
    let lanes: Value =
        lanes.iter().map(|(name, actions)| json!({"name": name, "actions": actions})).collect();
    json!({"id": id, "type": "parallel", "config": {"join": join, "losers": "finish", "branches": lanes}})
}

fn each(id: &str, actions: Value) -> Value {
    json!({"id": id, "type": "for_each", "config": {"items": [1, 2], "actions": actions}})
}

/// What is run, what it is moved to.
fn cases(sink: &Sink) -> Vec<(&'static str, Value, Value)> {
    let call = |path: &str| json!({"id": "call", "type": "webhook", "critical": true, "config": {"url": sink.url(path)}});
    let handled = |handler: Value| json!({"id": "call", "type": "webhook", "critical": true, "config": {"url": sink.url("/status/404")}, "onError": handler});
    let simple = || json!([tag("a", "a"), delay("d", "1h"), tag("b", "b")]);
    vec![
        (
            "what comes later is another",
            simple(),
            json!([tag("a", "a!"), delay("d", "9h"), tag("b", "b!"), tag("c", "c")]),
        ),
        (
            "steps in front are passed over, also one that holds others",
            simple(),
            json!([
                branch("x", "way", json!([tag("y", "y")])),
                tag("a", "a"),
                tag("z", "z"),
                delay("d", "1h"),
                tag("b", "b")
            ]),
        ),
        ("what is over is gone", simple(), json!([delay("d", "1h"), tag("b", "b")])),
        ("the wait is gone", simple(), json!([tag("a", "a"), tag("b", "b")])),
        ("the wait is something else", simple(), json!([tag("a", "a"), tag("d", "d"), tag("b", "b")])),
        ("what was behind is in front", simple(), json!([tag("a", "a"), tag("b", "b"), delay("d", "1h")])),
        (
            "what is over holds steps now",
            simple(),
            json!([branch("a", "way", json!([tag("y", "y")])), delay("d", "1h")]),
        ),
        (
            "inside of a branch",
            json!([branch("if", "low", simple())]),
            json!([
                branch("if", "low", json!([tag("z", "z"), tag("a", "a"), delay("d", "1h"), tag("b", "b!")])),
                tag("end", "end")
            ]),
        ),
        (
            "the branch has another name",
            json!([branch("if", "low", simple())]),
            json!([branch("if", "high", simple())]),
        ),
        (
            "a branch that is over stays so, and the other goes on",
            json!([parallel(
                "p",
                json!("all"),
                &[("one", json!([tag("a", "a")])), ("two", json!([delay("d", "1h")]))]
            )]),
            json!([parallel(
                "p",
                json!("all"),
                &[
                    ("one", json!([tag("a", "a"), tag("late", "late")])),
                    ("two", json!([delay("d", "1h"), tag("b", "b")]))
                ]
            )]),
        ),
        (
            "a branch more",
            json!([parallel("p", json!("all"), &[("one", json!([delay("d", "1h")]))])]),
            json!([parallel(
                "p",
                json!("all"),
                &[("one", json!([delay("d", "1h")])), ("two", json!([tag("a", "a")]))]
            )]),
        ),
        (
            "a branch that was left behind",
            json!([
                parallel(
                    "p",
                    json!("any"),
                    &[("quick", json!([tag("a", "a")])), ("slow", json!([delay("d", "2h"), tag("b", "b")]))]
                ),
                delay("e", "1h")
            ]),
            json!([
                parallel(
                    "p",
                    json!("any"),
                    &[("quick", json!([tag("a", "a")])), ("slow", json!([delay("d", "2h"), tag("b", "b!")]))]
                ),
                delay("e", "1h"),
                tag("end", "end")
            ]),
        ),
        (
            "a loop with other configs",
            json!([each("each", json!([delay("d", "1h"), tag("t", "{{item}}")]))]),
            json!([each("each", json!([delay("d", "2h"), tag("t", "no {{item}}")]))]),
        ),
        (
            "a loop with other steps",
            json!([each("each", json!([delay("d", "1h")]))]),
            json!([each("each", json!([delay("d", "1h"), tag("t", "{{item}}")]))]),
        ),
        (
            "a run that is tried again, with another address",
            json!([call("/fail-times/9")]),
            json!([tag("z", "z"), call("/ok"), tag("end", "end")]),
        ),
        ("what failed is gone", json!([call("/fail-times/9")]), json!([tag("end", "end")])),
        (
            "inside of a handler",
            json!([handled(json!([delay("d", "1h")]))]),
            json!([handled(json!([delay("d", "1h"), tag("sorry", "sorry")]))]),
        ),
        ("the handler is gone", json!([handled(json!([delay("d", "1h")]))]), json!([call("/ok")])),
    ]
}

fn definition(actions: &Value) -> model::workflow::Definition {
    definition_of(json!({"trigger_event": "manual", "conditions": [], "actions": actions}))
}

async fn publish(engine: &Engine, id: WorkflowId, actions: &Value) {
    let change = Change { definition: Some(definition(actions)), ..Change::default() };
    let written = engine.store().write(move |tx| {
        Box::pin(async move { workflow_update(tx, TENANT, Actor::System, id, change).await })
    });
    written.await.unwrap();
    engine.workflow_changed(TENANT, id).await.unwrap();
}

fn to(workflow: WorkflowId, to: i64) -> MoveRequest {
    MoveRequest { workflow, to, from: None, after: None, dry_run: false }
}

async fn moved(engine: &Engine, request: MoveRequest) -> MoveSummary {
    engine.executions_move(TENANT, Actor::System, request).await.unwrap()
}

fn story(started: &Started) -> String {
    let line = |log: &Log| {
        let reason =
            log.output_data.as_ref().and_then(|output| output["reason"].as_str()).unwrap_or_default();
        format!("  {} {} {} {reason}\n", log.step_number, log.step_path, log.status)
    };
    let rows: String = started.journal.iter().skip(1).map(line).collect();
    let execution = &started.execution;
    format!("version {}: {}\n{rows}", execution.workflow_version, execution.progress.status)
}

testkit::on_both! {
    async fn runs_go_on_with_the_newer_version_where_their_place_exists(place: Place) {
        let (house, sink) = (House::new(place), Sink::start().await);
        let (engine, _, contact) = house.furnish(json!({"conditions": [], "actions": []})).await;
        let mut stories = Vec::new();
        for (name, old, new) in cases(&sink) {
            let made = NewWorkflow { key: None, definition: definition(&old), is_draft: false, is_active: true };
            let write = engine.store().write(move |tx| Box::pin(async move { workflow_create(tx, TENANT, Actor::System, made).await }));
            let workflow = write.await.unwrap().id;
            engine.workflow_changed(TENANT, workflow).await.unwrap();
            let id = engine.run(TENANT, Actor::System, workflow, json!({}), None).await.unwrap().executions[0].id;
            house.rest(&engine, id).await.unwrap();
            publish(&engine, workflow, &new).await;
            let foreseen = moved(&engine, MoveRequest { dry_run: true, ..to(workflow, 2) }).await;
            let summary = moved(&engine, to(workflow, 2)).await;
            assert_eq!(summary, foreseen, "{name}: a dry run says what happens");
            assert_eq!((summary.moved + summary.unmoved, summary.next), (1, None), "{name}");
            let moves = execution_move_list(&mut engine.store().read(TENANT).await.unwrap(), TENANT, id).await.unwrap();
            assert_eq!(moves.len(), summary.moved, "{name}");
            let again = moved(&engine, to(workflow, 2)).await;
            assert_eq!((again.moved, again.unmoved), (0, summary.unmoved), "{name}: who was moved is there");
            let why: Vec<String> = summary.reasons.iter().map(|one| format!("stays: {}\n", one.reason)).collect();
            let ended = house.run_to_end(&engine, id).await.unwrap();
            stories.push(format!("## {name}\n{}{}", why.concat(), story(&ended)));
        }
        let mut connection = engine.store().read(TENANT).await.unwrap();
        let contact = store::contact::contact_get(&mut connection, TENANT, contact).await.unwrap();
        stories.push(format!("tags {:?}", contact.tags));
        insta::assert_snapshot!("moved_runs", stories.join("\n"));
        drop(connection);
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn only_the_named_versions_are_moved_and_never_back(place: Place) {
        let house = House::new(place);
        let version = |tag: &str| json!([delay("d", "1h"), self::tag("t", tag)]);
        let (engine, workflow, _) = house.furnish(json!({"conditions": [], "actions": version("one")})).await;
        let mut runs = Vec::new();
        for next in ["two", "three"] {
            runs.push(post(&engine, json!({})).await.executions[0].id);
            let change = Change {
                definition: Some(definition_of(json!({"conditions": [], "actions": version(next)}))),
                ..Change::default()
            };
            let write = engine.store().write(move |tx| Box::pin(async move { workflow_update(tx, TENANT, Actor::System, workflow, change).await }));
            write.await.unwrap();
            engine.workflow_changed(TENANT, workflow).await.unwrap();
        }
        for run in &runs {
            house.rest(&engine, *run).await.unwrap();
        }
        let versions = async || {
            let mut found = Vec::new();
            for run in &runs {
                found.push(crate::harness::load(&engine, *run).await.unwrap().execution.workflow_version);
            }
            found
        };
        let from = |versions: &[i64]| MoveRequest { from: Some(versions.to_vec()), ..to(workflow, 3) };
        assert_eq!(moved(&engine, from(&[2])).await.moved, 1);
        assert_eq!(versions().await, [1, 3]);
        assert_eq!(moved(&engine, MoveRequest { after: Some(runs[0]), ..to(workflow, 3) }).await.moved, 0);
        let refused = engine.executions_move(TENANT, Actor::System, from(&[1, 3])).await.unwrap_err();
        assert!(matches!(refused, engine::EngineError::Invalid(problems) if problems[0].path == "from[1]"));
        assert_eq!(moved(&engine, to(workflow, 2)).await.moved, 1);
        assert_eq!(moved(&engine, to(workflow, 1)).await, MoveSummary::default());
        assert_eq!(versions().await, [2, 3]);
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn a_run_that_has_failed_ends_on_its_version_and_that_is_said(place: Place) {
        let house = House::new(place);
        let fails = |tag: &str| json!({"actions": [{"id": "s", "type": "stop", "config": {"status": "failed"}}], "onFailure": [delay("d", "1h"), self::tag("t", tag)]});
        let (engine, workflow, _) = house.furnish(fails("one")).await;
        let run = post(&engine, json!({})).await.executions[0].id;
        house.rest(&engine, run).await.unwrap();
        let change = Change { definition: Some(definition_of(fails("two"))), ..Change::default() };
        let write = engine.store().write(move |tx| Box::pin(async move { workflow_update(tx, TENANT, Actor::System, workflow, change).await }));
        write.await.unwrap();
        engine.workflow_changed(TENANT, workflow).await.unwrap();
        let summary = moved(&engine, to(workflow, 2)).await;
        let reasons: Vec<&str> = summary.reasons.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(reasons, ["it has failed, and its onFailure is under way: that is done by the version that failed"]);
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn a_move_happens_wholly_or_not_at_all(place: Place) {
        let (expected, commits) = trial(place.another(), Once::default()).await;
        for number in 1..=commits {
            let before = Once { before_commit: Some(number), ..Once::default() };
            let after = Once { after_commit: Some(number), ..Once::default() };
            for (moment, faults) in [("before", before), ("after", after)] {
                let (seen, _) = trial(place.another(), faults).await;
                assert_eq!(seen, expected, "killed {moment} commit {number}");
            }
        }
    }
}

/// Moves a run under a fault, again without, and runs it to its end: what it leaves, and how many commits there were under the fault.
async fn trial(place: Place, faults: Once) -> (String, u64) {
    let house = House::new(place);
    let old = json!([tag("a", "a"), delay("d", "1h"), tag("b", "b")]);
    let new = json!([tag("z", "z"), tag("a", "a"), delay("d", "1h"), tag("b", "b!")]);
    let (engine, workflow, contact) = house.furnish(json!({"conditions": [], "actions": old})).await;
    let id: ExecutionId = post(&engine, json!({})).await.executions[0].id;
    house.rest(&engine, id).await.unwrap();
    publish(&engine, workflow, &new).await;
    engine.stop(Duration::from_secs(5)).await;

    let faults = Arc::new(faults);
    if let Ok(engine) = house.reopen(Some(Arc::<Once>::clone(&faults))).await {
        // An error is the store's death.
        drop(engine.executions_move(TENANT, Actor::System, to(workflow, 2)).await);
        engine.stop(Duration::from_secs(5)).await;
    }
    let engine = house.recover().await;
    moved(&engine, to(workflow, 2)).await;
    let ended = house.run_to_end(&engine, id).await.unwrap();
    let mut connection = engine.store().read(TENANT).await.unwrap();
    let moves = execution_move_list(&mut connection, TENANT, id).await.unwrap();
    let contact = store::contact::contact_get(&mut connection, TENANT, contact).await.unwrap();
    drop(connection);
    engine.stop(Duration::from_secs(5)).await;
    let seen = format!("{}moves {} tags {:?}", story(&ended), moves.len(), contact.tags);
    (seen, faults.commits.load(std::sync::atomic::Ordering::Relaxed))
}
