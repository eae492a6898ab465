//! Workflows that the clock starts: each time once, over restarts, crashes and nodes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::Engine;
use model::{Timestamp, WorkflowId};
use serde_json::{Value, json};
use store::{params, workflow::Change};
use testkit::place::Place;

use crate::{
    everywhere::Once,
    harness::{House, TENANT, definition_of},
    triggers::{change, runs, save},
};

fn hourly(more: &Value) -> Value {
    let mut config = json!({"cron": "0 * * * *"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"trigger_event": "schedule", "trigger_config": config, "conditions": [],
        "actions": [{"type": "create_ticket", "config": {"title": "{{schedule.scheduledFor}}"}}]})
}

fn never() -> Value {
    json!({"conditions": [], "actions": []})
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// For which times the workflows ran, once so many have ended.
async fn ran(engine: &Engine, count: usize) -> Vec<String> {
    let wait = async {
        loop {
            let runs = runs(engine).await;
            if runs.len() >= count && runs.iter().all(|run| run.contains("completed")) {
                return runs;
            }
            // Started by a task of the engine, or by another node: there is no call to wait for.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let runs =
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the clock starts the workflow");
    runs.iter()
        .map(|run| {
            let (workflow, rest) = run.split_once(' ').unwrap();
            let scheduled = rest.split("\"scheduledFor\":\"").nth(1).unwrap();
            format!("{workflow} {}", &scheduled[11..16])
        })
        .collect()
}

/// The clock has started a workflow, and it has ended; false also when the store is dead.
async fn has_run(engine: &Engine) -> bool {
    let Ok(mut connection) = engine.store().read(TENANT).await else { return false };
    let sql = "SELECT count(*) FROM workflow_executions WHERE tenant_id = ?1 AND status = 'completed'";
    let count = connection.query_one(sql, params![TENANT]).await.and_then(store::database::Row::first::<i64>);
    count.is_ok_and(|count| count > 0)
}

/// When it starts workflows next.
async fn due(engine: &Engine) -> Vec<(WorkflowId, i64, String)> {
    let mut connection = engine.store().read(TENANT).await.unwrap();
    let sql = "SELECT workflow_id, version, due_at FROM workflow_schedules WHERE tenant_id = ?1 ORDER BY workflow_id";
    let rows = connection.query(sql, params![TENANT]).await.unwrap();
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            let (workflow, version, due_at): (WorkflowId, i64, Timestamp) =
                (row.take().unwrap(), row.take().unwrap(), row.take().unwrap());
            (workflow, version, due_at.to_string()[11..16].to_owned())
        })
        .collect()
}

async fn stop(engine: Engine) {
    engine.stop(Duration::from_secs(5)).await;
}

testkit::on_both! {
    async fn each_time_is_taken_and_missed_ones_as_the_schedule_says(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(never()).await;
        let all = save(&engine, hourly(&json!({"misfire": "all"}))).await;
        let once = save(&engine, hourly(&json!({"misfire": "once"}))).await;
        let skip = save(&engine, hourly(&json!({"misfire": "skip", "endAt": "2026-02-14T12:00:00Z"}))).await;
        let at = |workflow: WorkflowId, due: &str| (workflow, 1, due.to_owned());
        assert_eq!(due(&engine).await, [at(all, "11:00"), at(once, "11:00"), at(skip, "11:00")]);
        house.clock.set(time("2026-02-14T11:00:00Z"));
        let mut first = ran(&engine, 3).await;
        first.sort();
        assert_eq!(first, [format!("{all}v1 11:00"), format!("{once}v1 11:00"), format!("{skip}v1 11:00")]);
        let run = runs(&engine).await.remove(0);
        let (from, to) = (run.find('{').unwrap(), run.rfind('}').unwrap());
        // As JSON: PostgreSQL has an order of its own for the names in it.
        let data: Value = serde_json::from_str(&run[from..=to]).unwrap();
        let at_eleven = "2026-02-14T11:00:00.000Z";
        assert_eq!(data, json!({"schedule": {"scheduledFor": at_eleven, "firedAt": at_eleven}}));
        stop(engine).await;

        // Nobody was there at 12:00, 13:00 and 14:00.
        house.clock.set(time("2026-02-14T14:30:00Z"));
        let engine = house.reopen(None).await.unwrap();
        let mut later = ran(&engine, 7).await.split_off(3);
        later.sort();
        assert_eq!(later, [
            format!("{all}v1 12:00"), format!("{all}v1 13:00"), format!("{all}v1 14:00"), format!("{once}v1 14:00"),
        ]);
        assert_eq!(due(&engine).await, [at(all, "15:00"), at(once, "15:00")], "the last time of the third is over");
        stop(engine).await;
    }

    async fn a_workflow_that_changes_keeps_the_right_next_time(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(never()).await;
        let id = save(&engine, hourly(&json!({}))).await;
        let mut story = Vec::new();
        let mut tell = async |what: &str| story.push(format!("{what}: {:?}", due(&engine).await.iter().map(|(_, version, due)| format!("v{version} {due}")).collect::<Vec<_>>()));
        let definition = |workflow: Value| Change { definition: Some(definition_of(workflow)), ..Change::default() };
        tell("saved at 10:30").await;
        let mut renamed = hourly(&json!({}));
        renamed["name"] = json!("Renamed");
        change(&engine, id, definition(renamed)).await;
        tell("a new version with the same schedule").await;
        change(&engine, id, definition(hourly(&json!({"cron": "45 * * * *"})))).await;
        tell("another schedule").await;
        change(&engine, id, Change { is_active: Some(false), ..Change::default() }).await;
        tell("deactivated").await;
        house.clock.set(time("2026-02-14T12:50:00Z"));
        // A transaction that is under way has the time at which it began, and takes in what comes meanwhile: the next one has the new time.
        engine.store().write(|_| Box::pin(async { Ok(()) })).await.unwrap();
        change(&engine, id, Change { is_active: Some(true), ..Change::default() }).await;
        tell("activated at 12:50").await;
        let paris = json!({"cron": "0 9 * * *", "timeZone": "Europe/Paris"});
        change(&engine, id, definition(hourly(&paris))).await;
        tell("at nine in Paris").await;
        change(&engine, id, definition(never())).await;
        tell("by events").await;
        change(&engine, id, definition(hourly(&json!({})))).await;
        tell("by the clock").await;
        engine.store().write(move |tx| Box::pin(store::workflow::workflow_archive(tx, TENANT, model::Actor::System, id, None))).await.unwrap();
        tell("archived").await;
        assert_eq!(runs(&engine).await, Vec::<String>::new());
        insta::assert_snapshot!("next_times", story.join("\n"));
        stop(engine).await;
    }

    async fn a_time_is_taken_once_wherever_the_process_dies(place: Place) {
        let die = async |faults: Once| {
            let house = House::new(place.another());
            let (engine, _, _) = house.furnish(never()).await;
            save(&engine, hourly(&json!({}))).await;
            stop(engine).await;
            house.clock.set(time("2026-02-14T11:00:00Z"));
            let faults = Arc::new(faults);
            if let Ok(engine) = house.reopen(Some(Arc::clone(&faults) as Arc<_>)).await {
                // No read is given up in the middle: it would hold the file of a dead store a little longer.
                while !has_run(&engine).await {
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(5)) => {}
                        () = engine.store().ended() => break,
                    }
                }
                stop(engine).await;
            }
            let engine = house.recover().await;
            let ran = ran(&engine, 1).await;
            let mut connection = engine.store().read(TENANT).await.unwrap();
            let tickets: i64 = connection.query_one("SELECT count(*) FROM tickets WHERE tenant_id = ?1", params![TENANT]).await.unwrap().first().unwrap();
            drop(connection);
            assert_eq!((ran.len(), tickets), (1, 1), "{faults:?}");
            assert_eq!(due(&engine).await[0].2, "12:00");
            stop(engine).await;
            faults.commits.load(Ordering::Relaxed)
        };
        let commits = die(Once::default()).await;
        assert!(commits >= 2, "taking the time and running it: {commits}");
        for commit in 1..=commits {
            die(Once { before_commit: Some(commit), ..Once::default() }).await;
            die(Once { after_commit: Some(commit), ..Once::default() }).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_takes_each_time() {
    let house = House::new(Place::postgres());
    let (engine, _, _) = house.furnish(never()).await;
    let workflows = [save(&engine, hourly(&json!({}))).await, save(&engine, hourly(&json!({}))).await];
    let other = house.reopen(None).await.unwrap();
    let mut expected = Vec::new();
    for hour in 11..=20 {
        house.clock.set(time(&format!("2026-02-14T{hour}:00:00Z")));
        expected.extend(workflows.map(|workflow| format!("{workflow}v1 {hour}:00")));
        let mut ran = ran(&engine, expected.len()).await;
        ran.sort();
        let mut sorted = expected.clone();
        sorted.sort();
        assert_eq!(ran, sorted);
    }
    stop(other).await;
    stop(engine).await;
}
