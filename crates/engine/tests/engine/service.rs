//! Tickets that are due, by the clock: each deadline told once over restarts and nodes; and tickets that go to whoever is there.

use std::time::Duration;

use engine::Engine;
use model::{Actor, Clock, Period, Timestamp, UserId};
use serde_json::{Map, Value, json};
use store::{
    params,
    ticket::{ticket_create, ticket_update},
    user::{Changes, NewAway, user_update},
};
use testkit::place::Place;

use crate::{
    harness::{House, TENANT, load, post},
    triggers::runs,
};

fn nothing() -> Value {
    json!({"trigger_event": "custom.nothing", "conditions": [], "actions": []})
}

fn listener(event: &str) -> Value {
    json!({"trigger_event": event, "conditions": [], "actions": [{"type": "add_tag", "config": {"entity": "ticket", "entityId": "{{ticket.id}}", "tag": event}}]})
}

/// Tickets that are due at these times.
async fn tickets(engine: &Engine, due: Vec<Timestamp>) {
    let write = engine.store().write(move |tx| {
        Box::pin(async move {
            for due_at in due {
                let fields = json!({"title": "Late", "due_at": due_at});
                ticket_create(tx, TENANT, Actor::System.into(), fields.as_object().unwrap()).await?;
            }
            Ok(())
        })
    });
    write.await.unwrap();
}

/// Waits until so many runs have ended, and a moment longer: there must be no more.
async fn ended(engine: &Engine, count: usize) -> Vec<String> {
    let wait = async {
        loop {
            let runs = runs(engine).await;
            if runs.len() >= count && runs.iter().all(|run| run.contains("completed")) {
                break;
            }
            // Started by a task of the engine, or by another node: there is no call to wait for.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the deadlines are told");
    tokio::time::sleep(Duration::from_millis(200)).await;
    runs(engine).await
}

async fn tags(engine: &Engine) -> Vec<String> {
    let mut connection = engine.store().read(TENANT).await.unwrap();
    let sql = "SELECT tags FROM tickets WHERE tenant_id = ?1 ORDER BY id";
    let rows = connection.query(sql, params![TENANT]).await.unwrap();
    rows.into_iter().map(|row| row.first::<Vec<String>>().unwrap().join(" ")).collect()
}

testkit::on_both! {
    async fn a_deadline_is_told_once_and_not_of_an_answered_ticket(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(nothing()).await;
        for event in ["ticket_sla_warning", "ticket.sla_breached"] {
            house.workflow(&engine, listener(event)).await;
        }
        let hours = |hours| house.clock.now().plus(Period::hours(hours));
        tickets(&engine, vec![hours(4), hours(4), hours(40)]).await;
        house.clock.set(hours(3));
        assert_eq!(ended(&engine, 2).await.len(), 2);
        let answered = engine.store().write(|tx| {
            Box::pin(async move {
                let fields = Map::from_iter([("status".to_owned(), json!("pending"))]);
                ticket_update(tx, TENANT, Actor::System.into(), model::TicketId::new(2), &fields, None).await
            })
        });
        answered.await.unwrap();
        engine.stop(Duration::from_secs(5)).await;

        // Nobody was there when it came.
        house.clock.set(hours(2));
        let engine = house.reopen(None).await.unwrap();
        assert_eq!(ended(&engine, 3).await.len(), 3);
        assert_eq!(tags(&engine).await, ["ticket_sla_warning ticket.sla_breached", "ticket_sla_warning", ""]);
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn a_ticket_goes_to_whoever_is_there(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(nothing()).await;
        let people = engine.store().write(|tx| {
            Box::pin(async move {
                let now = tx.now();
                for statement in [
                    "INSERT INTO users (id, email, created_at, updated_at, version)
                     VALUES (1, 'ann@example.com', ?1, ?1, 1), (2, 'bob@example.com', ?1, ?1, 1), (3, 'lead@example.com', ?1, ?1, 1)",
                    "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES (1, 1, 'editor', ?1), (1, 2, 'editor', ?1), (1, 3, 'admin', ?1)",
                ] {
                    tx.execute(statement, params![now]).await?;
                }
                Ok(())
            })
        });
        people.await.unwrap();
        let steps = |more: Value| {
            let mut config = json!({"ticketId": "{{steps.s1.output.ticketId}}", "role": "editor"});
            config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"name": "In turn", "trigger_event": "submission_completed", "conditions": [], "actions": [
                {"type": "create_ticket", "config": {"title": "New"}},
                {"type": "assign_ticket", "config": config},
            ]})
        };
        house.workflow(&engine, steps(json!({}))).await;
        house.workflow(&engine, steps(json!({"standIn": 3}))).await;
        let away = async |user: i64, away: Option<NewAway>| {
            let changes = Changes { away: Some(away), ..Changes::default() };
            let write = engine.store().write(move |tx| {
                Box::pin(async move { user_update(tx, TENANT, Actor::System, UserId::new(user), &changes, None).await })
            });
            write.await.unwrap();
        };
        let given = async || {
            let mut outputs = Vec::new();
            for started in post(&engine, json!({})).await.executions {
                let ended = house.run_to_end(&engine, started.id).await.unwrap();
                assert_eq!(ended.execution.progress.status, model::ExecutionStatus::Completed);
                let output = load(&engine, started.id).await.unwrap().journal.last().unwrap().output_data.clone().unwrap();
                outputs.push(format!("{} {}", output["assigneeId"], output["away"]));
            }
            outputs
        };
        // The two run at the same time: whichever comes second goes to the other.
        let mut first = given().await;
        first.sort();
        assert_eq!(first, ["1 0", "2 0"]);
        let now = house.clock.now();
        // Who will be away is there; who is back, too.
        away(1, Some(NewAway { from: None, until: Some(now.plus(Period::days(7))) })).await;
        away(2, Some(NewAway { from: Some(now.plus(Period::days(1))), until: None })).await;
        assert_eq!(given().await, ["2 1", "2 1"]);
        house.clock.set(now.plus(Period::days(2)));
        crate::harness::settle(&engine).await;
        assert_eq!(given().await, ["null 2", "3 2"], "nobody of the team is there");
        house.clock.set(now.plus(Period::days(8)));
        crate::harness::settle(&engine).await;
        assert_eq!(given().await, ["1 1", "1 1"]);
        engine.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_tells_each_deadline() {
    let house = House::new(Place::postgres());
    let (engine, _, _) = house.furnish(nothing()).await;
    for event in ["ticket_sla_warning", "ticket_sla_breached"] {
        house.workflow(&engine, listener(event)).await;
    }
    let second = house.reopen(None).await.unwrap();
    let due = house.clock.now().plus(Period::hours(4));
    tickets(&engine, vec![due; 20]).await;
    for (time, runs) in [(due.minus(Period::minutes(30)), 20), (due, 40)] {
        house.clock.set(time);
        assert_eq!(ended(&engine, runs).await.len(), runs);
    }
    second.stop(Duration::from_secs(5)).await;
    engine.stop(Duration::from_secs(5)).await;
}
