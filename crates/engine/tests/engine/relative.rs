//! Workflows that the clock starts by a date of each record: each time once, where it is now, over restarts and crashes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::Engine;
use model::{Actor, Clock, ContactId, Timestamp};
use serde_json::{Value, json};
use store::{contact, database::Row, params};

use crate::{
    everywhere::Once,
    harness::{House, TENANT, settle},
    jobs::{answer, form},
    triggers::save,
};

fn by(relative_to: &str, more: &Value, title: &str) -> Value {
    let mut config = json!({"relativeTo": relative_to});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"trigger_event": "schedule", "trigger_config": config, "conditions": [],
        "actions": [{"type": "create_ticket", "config": {"title": title}}]})
}

fn renewal() -> Value {
    by(
        "contact.attributes.renewal_date",
        &json!({"offset": "-3d", "at": "09:00"}),
        "{{contact.name}} {{schedule.scheduledFor}}",
    )
}

fn never() -> Value {
    json!({"conditions": [], "actions": []})
}

async fn renews(engine: &Engine, name: &'static str, on: &'static str) -> ContactId {
    let fields = json!({"name": name, "renewal_date": on}).as_object().cloned().unwrap();
    let made = engine.store().write(move |tx| {
        Box::pin(async move { contact::contact_create(tx, TENANT, Actor::System.into(), &fields).await })
    });
    made.await.unwrap().id
}

async fn tickets(engine: &Engine) -> Vec<String> {
    let Ok(mut connection) = engine.store().read(TENANT).await else { return Vec::new() };
    let sql = "SELECT title FROM tickets WHERE tenant_id = ?1 ORDER BY title";
    let rows = connection.query(sql, params![TENANT]).await;
    rows.map_or_else(|_| Vec::new(), |rows| rows.into_iter().map(|row: Row| row.first().unwrap()).collect())
}

/// Nothing is due or runs any more.
async fn is_quiet(engine: &Engine, now: Timestamp) -> bool {
    let Ok(mut connection) = engine.store().read_any().await else { return false };
    let sql = "SELECT (SELECT count(*) FROM workflow_schedules WHERE due_at <= ?1) + (SELECT count(*) FROM jobs WHERE state = 'running')
        + (SELECT count(*) FROM workflow_executions WHERE status <> 'completed')";
    connection
        .query_one(sql, params![now])
        .await
        .is_ok_and(|row| row.first::<i64>().is_ok_and(|busy| busy == 0))
}

/// When a job goes on.
async fn next_slice(engine: &Engine) -> Option<Timestamp> {
    let mut connection = engine.store().read_any().await.ok()?;
    let row = connection.query_one("SELECT min(due_at) FROM jobs", Vec::new()).await.ok()?;
    row.first().ok()?
}

/// Lets it be this time, and waits until what has come is done; or until the store dies.
async fn at(house: &House, engine: &Engine, time: &str) -> Vec<String> {
    house.clock.set(time.parse().unwrap());
    settle(engine).await;
    let wait = async {
        while !is_quiet(engine, house.clock.now()).await {
            // The jobs pause between two slices, by the house's clock.
            let pause = next_slice(engine).await.filter(|due_at| *due_at > house.clock.now());
            pause.into_iter().for_each(|due_at| house.clock.set(due_at));
            tokio::select! {
                // Taken by a task of the engine: there is no call to wait for.
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
                () = engine.store().ended() => return,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the times are taken");
    tickets(engine).await
}

async fn stop(engine: Engine) {
    engine.stop(Duration::from_secs(5)).await;
}

testkit::on_both! {
    async fn a_date_counts_as_it_is_when_its_time_comes(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(never()).await;
        save(&engine, renewal()).await;
        renews(&engine, "Past", "2026-02-15").await;
        renews(&engine, "Soon", "2026-02-18").await;
        let moved = renews(&engine, "Moved", "2026-02-18").await;
        let gone = renews(&engine, "Gone", "2026-02-19T15:00:00Z").await;
        renews(&engine, "Nonsense", "next year").await;
        assert_eq!(at(&house, &engine, "2026-02-15T08:59:59Z").await, Vec::<String>::new());
        let later = json!({"renewal_date": "2026-02-20"}).as_object().cloned().unwrap();
        engine.store().write(move |tx| Box::pin(async move {
            contact::contact_archive(tx, TENANT, Actor::System, gone).await?;
            contact::contact_update(tx, TENANT, Actor::System.into(), moved, &later, None).await.map(drop)
        })).await.unwrap();
        let mut expected = vec!["Soon 2026-02-15T09:00:00.000Z"];
        assert_eq!(at(&house, &engine, "2026-02-15T09:00:00Z").await, expected);
        renews(&engine, "New", "2026-02-19").await;
        assert_eq!(at(&house, &engine, "2026-02-15T23:00:00Z").await, expected);
        stop(engine).await;
        // Nobody is there on the 16th; each of its times is made up for, once.
        house.clock.set("2026-02-17T08:00:00Z".parse().unwrap());
        let engine = house.reopen(None).await.unwrap();
        expected.insert(0, "New 2026-02-16T09:00:00.000Z");
        assert_eq!(at(&house, &engine, "2026-02-17T08:00:01Z").await, expected);
        expected.insert(0, "Moved 2026-02-17T09:00:00.000Z");
        assert_eq!(at(&house, &engine, "2026-02-17T09:00:00Z").await, expected);
        assert_eq!(at(&house, &engine, "2026-02-20T09:00:00Z").await, expected);
        stop(engine).await;
    }

    async fn answers_have_their_very_time(place: Place) {
        let house = House::new(place);
        let (engine, _, contact) = house.furnish(never()).await;
        save(&engine, by("submission.submittedAt", &json!({"offset": "2h"}), "{{submission.id}} of {{contact.name}} {{schedule.scheduledFor}}")).await;
        let form = engine.store().write(|tx| Box::pin(form(tx, "Ours"))).await.unwrap();
        for time in ["2026-02-14T10:40:00.007Z", "2026-02-14T10:50:00Z"] {
            house.clock.set(time.parse().unwrap());
            settle(&engine).await;
            engine.store().write(move |tx| Box::pin(answer(tx, form, contact, 5))).await.unwrap();
        }
        let first = "1 of Ada 2026-02-14T12:40:00.007Z";
        assert_eq!(at(&house, &engine, "2026-02-14T12:40:00Z").await, Vec::<String>::new());
        assert_eq!(at(&house, &engine, "2026-02-14T12:40:00.007Z").await, [first]);
        assert_eq!(at(&house, &engine, "2026-02-14T12:49:59.999Z").await, [first]);
        assert_eq!(at(&house, &engine, "2026-02-14T12:50:00Z").await, [first, "2 of Ada 2026-02-14T12:50:00.000Z"]);
        stop(engine).await;
    }

    async fn each_record_s_time_is_taken_once_wherever_the_process_dies(place: Place) {
        let die = async |faults: Once| {
            let house = House::new(place.another());
            let (engine, _, _) = house.furnish(never()).await;
            save(&engine, renewal()).await;
            for name in ["A", "B", "C"] {
                renews(&engine, name, "2026-02-18").await;
            }
            stop(engine).await;
            house.clock.set("2026-02-15T09:00:00Z".parse().unwrap());
            let faults = Arc::new(faults);
            if let Ok(engine) = house.reopen(Some(Arc::clone(&faults) as Arc<_>)).await {
                at(&house, &engine, "2026-02-15T09:00:01Z").await;
                stop(engine).await;
            }
            let engine = house.recover().await;
            let day = "2026-02-15T09:00:00.000Z";
            assert_eq!(at(&house, &engine, "2026-02-15T09:10:00Z").await, [format!("A {day}"), format!("B {day}"), format!("C {day}")], "{faults:?}");
            stop(engine).await;
            faults.commits.load(Ordering::Relaxed)
        };
        let commits = die(Once::default()).await;
        assert!(commits >= 3, "the look, the slice and the runs: {commits}");
        for commit in 1..=commits {
            die(Once { before_commit: Some(commit), ..Once::default() }).await;
            die(Once { after_commit: Some(commit), ..Once::default() }).await;
        }
    }
}
