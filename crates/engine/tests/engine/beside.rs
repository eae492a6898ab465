//! Calls of one run at the same time. A receiver that answers only when all have come (`/meet/{n}`) shows it, and no clock.

use std::time::Duration;

use model::{Actor, ExecutionStatus, Period, StepStatus};
use serde_json::{Value, json};
use store::execution::Started;
use testkit::sink::Sink;

use crate::{
    control::story,
    harness::{House, TENANT, calls, load, post},
};

fn call(id: &str, url: String) -> Value {
    json!({"id": id, "type": "webhook", "critical": true, "config": {"url": url}})
}

fn tag(id: &str, tag: &str) -> Value {
    json!({"id": id, "type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": tag}})
}

fn parallel(id: &str, join: &str, lanes: &[(&str, Value)]) -> Value {
    let lanes: Value =
        lanes.iter().map(|(name, actions)| json!({"name": name, "actions": actions})).collect();
    json!({"id": id, "type": "parallel", "config": {"join": join, "branches": lanes}})
}

fn told(started: &Started, sink: &Sink) -> String {
    let told = story(started).replace(&sink.url(""), "http://sink/");
    // The results of a loop are what the receiver answered, with its time.
    let lines = told.lines().map(|line| line.split_once(",\"results\"").map_or(line, |(before, _)| before));
    lines.collect::<Vec<_>>().join("\n")
}

/// A house whose host's share has room for several calls.
fn roomy(place: testkit::place::Place) -> House {
    let mut house = House::new(place);
    house.workers = 64;
    house
}

testkit::on_both! {
    async fn calls_of_branches_and_of_items_are_under_way_together(place: Place) {
        let (house, sink) = (roomy(place), Sink::start().await);
        let actions = json!([
            parallel("both", "all", &[
                // Its call ends only when the other branch has made a second one: a slow call holds up no quick one.
                ("slow", json!([call("a", sink.url("/meet/2")), {"id": "s", "type": "set", "config": {"variables": {"last": "slow"}}}])),
                ("quick", json!([call("b", sink.url("/ok")), tag("t", "quick"), call("c", sink.url("/meet/2"))])),
            ]),
            {"id": "each", "type": "for_each", "config": {"items": ["one", "two", "three", "four", "five"], "concurrency": 5, "actions": [
                call("d", sink.url("/meet/5/items?{{item}}")),
            ]}},
            tag("end", "{{vars.last}} {{steps.each.output.count}}"),
        ]);
        let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": actions})).await;
        let id = post(&engine, json!({})).await.executions[0].id;
        let ended = house.run_to_end(&engine, id).await.unwrap();
        insta::assert_snapshot!("together", told(&ended, &sink));
        assert_eq!(calls(&sink).len(), 8);
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn of_interleaved_branches_one_has_a_call_at_a_time(place: Place) {
        let (house, sink) = (roomy(place), Sink::start().await);
        let mut actions = json!([parallel("each", "all", &[
            ("a", json!([call("a1", sink.url("/alone")), call("a2", sink.url("/alone"))])),
            ("b", json!([call("b1", sink.url("/alone"))])),
            ("c", json!([call("c1", sink.url("/alone"))])),
        ])]);
        actions[0]["config"]["interleaved"] = json!(true);
        // Those that are left behind when one has won, too.
        actions.as_array_mut().unwrap().push(parallel("first", "any", &[
            ("a", json!([tag("won", "won")])),
            ("b", json!([call("b2", sink.url("/alone"))])),
            ("c", json!([call("c2", sink.url("/alone"))])),
        ]));
        actions[1]["config"].as_object_mut().unwrap().extend([("interleaved".to_owned(), json!(true)), ("losers".to_owned(), json!("finish"))]);
        let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": actions})).await;
        let id = post(&engine, json!({})).await.executions[0].id;
        let ended = house.run_to_end(&engine, id).await.unwrap();
        assert_eq!(ended.execution.progress.status, ExecutionStatus::Completed, "{}", told(&ended, &sink));
        assert_eq!(calls(&sink).len(), 6);
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn who_loses_while_his_call_is_under_way_is_given_up(place: Place) {
        let (house, sink) = (roomy(place), Sink::start().await);
        let race = |id: &str, winner: Value| parallel(id, "any", &[("hangs", json!([call(&format!("{id}h"), sink.url("/hang"))])), ("wins", winner)]);
        let wait = json!({"id": "w", "type": "wait_for_event", "config": {"event": "contact_updated", "timeout": "5d", "actions": [tag("t", "came")]}});
        let actions = json!([
            race("call", json!([call("ok", sink.url("/ok"))])),
            race("time", json!([{"id": "d", "type": "delay", "config": {"duration": "1h"}}])),
            // What is waited for comes while the call is under way.
            race("event", json!([wait])),
            tag("end", "end"),
        ]);
        let (engine, _, contact) = house.furnish(json!({"conditions": [], "actions": actions})).await;
        let id = post(&engine, json!({})).await.executions[0].id;
        // Of the first race, the call of the loser may not have gone out before it is lost.
        let hanging = async |count: usize| loop {
            let journal = load(&engine, id).await.unwrap().journal;
            let hangs = |row: &&model::journal::Log| row.step_path.contains("branches[0]");
            if journal.iter().filter(hangs).count() == count && journal.iter().any(model::journal::Log::is_under_way) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        hanging(2).await;
        house.clock.advance(Period::hours(1));
        hanging(3).await;
        let others = engine.store().write(move |tx| Box::pin(async move {
            let fields = json!({"segment": "vip"}).as_object().cloned().unwrap_or_default();
            let change = store::contact::contact_update(tx, TENANT, Actor::System.into(), contact, &fields, None);
            change.await.map(drop)
        }));
        others.await.unwrap();
        let ended = house.run_to_end(&engine, id).await.unwrap();
        insta::assert_snapshot!("losers", told(&ended, &sink));
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn what_is_under_way_when_an_item_fails_is_let_come_to_its_end(place: Place) {
        let (house, sink) = (roomy(place), Sink::start().await);
        let actions = json!([
            {"id": "each", "type": "for_each", "config": {"items": ["status/404", "meet/2", "ok"], "concurrency": 2, "actions": [
                call("c", sink.url("/{{item}}")), tag("t", "{{item}}"),
            ]}},
            tag("never", "never"),
        ]);
        let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": actions})).await;
        let id = post(&engine, json!({})).await.executions[0].id;
        loop {
            let journal = load(&engine, id).await.unwrap().journal;
            if journal.iter().any(|row| row.status == StepStatus::Failed) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(load(&engine, id).await.unwrap().execution.progress.status, ExecutionStatus::Running);
        sink.come("/meet/2", "somebody else");
        let ended = house.run_to_end(&engine, id).await.unwrap();
        insta::assert_snapshot!("failed_beside", told(&ended, &sink));
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn cancelling_a_run_puts_down_every_call_that_was_under_way(place: Place) {
        let (house, sink) = (roomy(place), Sink::start().await);
        let actions = json!([parallel("both", "all", &[
            ("a", json!([call("a", sink.url("/hang?a"))])), ("b", json!([call("b", sink.url("/hang?b"))])),
        ]), tag("never", "never")]);
        let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": actions})).await;
        let id = post(&engine, json!({})).await.executions[0].id;
        sink.received(2).await;
        engine.cancel(TENANT, Actor::System, id).await.unwrap();
        let ended = house.run_to_end(&engine, id).await.unwrap();
        insta::assert_snapshot!("cancelled_beside", told(&ended, &sink));
        engine.stop(Duration::from_secs(5)).await;
    }
}
