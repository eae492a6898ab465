//! Steps that are written with the event that starts them: how far they go, and that the rest is not lost. The engine that takes the event
//! runs nothing, so whatever is there came with the acceptance.

use std::{sync::Arc, time::Duration};

use engine::Engine;
use model::Actor;
use serde_json::json;
use store::StoreError;
use testkit::place::Place;

use crate::harness::{House, TENANT, event, final_state, load, post};

testkit::on_both! {
    async fn a_stretch_ends_at_what_is_impossible_and_before_what_asks_for_it(place: Place) {
        let house = House::new(place);
        let (engine, _, contact) = house
            .furnish(json!({
                "conditions": [],
                "actions": [
                    {"type": "create_ticket", "config": {"title": "With the event, for {{name}}"}},
                    {"type": "add_tag", "config": {"entity": "contact", "entityId": 999, "tag": "nobody"}},
                    {"type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": "first"}},
                    {"type": "update_contact", "config": {"contactId": 1, "updates": {"segment": "second"}}},
                    {"id": "asks", "type": "create_ticket", "config": {"title": "After {{steps.s1.output.ticket.title}} in {{execution.attempt}}"}},
                ],
            }))
            .await;
        engine.stop(Duration::from_secs(5)).await;

        let engine = house.at_rest().await;
        let id = post(&engine, json!({"name": "Ada"})).await.executions[0].id;
        let accepted = final_state(&engine, &load(&engine, id).await.unwrap(), contact).await;
        engine.stop(Duration::from_secs(5)).await;
        let engine = house.reopen(None).await.unwrap();
        let ended = house.rest(&engine, id).await.unwrap();
        let ended = final_state(&engine, &ended, contact).await;
        insta::assert_snapshot!("impossible_in_between", format!("{accepted:#?}\n{ended:#?}"));
    }

    async fn an_execution_that_needs_nothing_outside_is_over_with_its_event(place: Place) {
        let house = House::new(place);
        let (engine, _, contact) = house
            .furnish(json!({
                "conditions": [],
                "actions": [
                    {"type": "create_ticket", "config": {"title": "One"}},
                    {"type": "update_contact", "config": {"contactId": 1, "updates": {"segment": "seen"}}},
                    {"type": "branch", "config": {"branches": [{"name": "yes", "conditions": [{"field": "yes", "operator": "is_empty"}], "actions": [
                        {"type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": "seen"}},
                    ]}]}},
                ],
            }))
            .await;
        engine.stop(Duration::from_secs(5)).await;

        let engine = house.at_rest().await;
        let before = engine.store().commits();
        let id = post(&engine, json!({})).await.executions[0].id;
        let commits = engine.store().commits() - before;
        let ended = load(&engine, id).await.unwrap();
        let state = final_state(&engine, &ended, contact).await;
        insta::assert_snapshot!("over_with_its_event", format!("{commits} commit\n{state:#?}"));
    }
}

/// The names of new tags have ids of their own, counted one by one in the transaction: whoever waits for another's must not hold what that one needs to end.
#[tokio::test(flavor = "multi_thread")]
async fn lanes_that_make_new_names_at_once_do_not_stand_still() {
    let house = House::new(Place::postgres());
    let ticket = json!({"type": "create_ticket", "config": {"title": "Tagged", "tags": ["{{tag}}"]}});
    let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": [ticket]})).await;
    // Of different submissions and more than one lane takes, so that every lane has some.
    let posts = (1..=200).map(|number| {
        let data = json!({"submission": {"id": number}, "tag": format!("tag {number}")});
        engine.store().event_accept(event(None, data))
    });
    let refused: Vec<_> =
        futures_util::future::join_all(posts).await.into_iter().filter_map(Result::err).collect();
    assert!(refused.is_empty(), "{refused:?}");
    engine.stop(Duration::from_secs(5)).await;
}

/// Runs that name contacts by their addresses, in one order and in the other: what is locked by name is locked in the one order, too, and so are addresses that no
/// contact has yet. PostgreSQL would end one of two that wait for each other after a second.
#[tokio::test(flavor = "multi_thread")]
async fn lanes_that_name_contacts_by_their_addresses_do_not_wait_in_a_circle() {
    let place = Arc::new(Place::postgres());
    let house = House::new(Arc::clone(&place));
    let named = |who: &str| json!({"type": "update_contact", "config": {"email": format!("{{{{{who}}}}}@example.com"), "upsert": true, "updates": {"segment": "seen"}}});
    let (engine, _, _) =
        house.furnish(json!({"conditions": [], "actions": [named("one"), named("two")]})).await;
    let post = |number: i64, one: &str, two: &str| {
        engine
            .store()
            .event_accept(event(None, json!({"submission": {"id": number}, "one": one, "two": two})))
    };
    for round in 0..10 {
        // More than one lane takes.
        let posts = (0..40).map(|number| {
            let (one, two) = if number % 2 == 0 { ("ann", "bob") } else { ("bob", "ann") };
            post(round * 40 + number, one, two)
        });
        futures_util::future::join_all(posts).await.into_iter().for_each(|accepted| drop(accepted.unwrap()));
    }
    assert_eq!(deadlocks(&engine).await, 0);
    engine.stop(Duration::from_secs(5)).await;
}

/// A contact is made by hand and by a run at the same time, and a workflow with rules of entry listens to that: gates come before addresses, whoever makes it.
#[tokio::test(flavor = "multi_thread")]
async fn who_makes_a_contact_holds_the_gates_of_its_event_first() {
    let house = House::new(Place::postgres());
    let upsert = json!({"type": "update_contact", "config": {"email": "{{who}}@example.com", "upsert": true, "updates": {"segment": "seen"}}});
    let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": [upsert]})).await;
    let listens = json!({"trigger_event": "contact_created", "enrolment": {"policy": "once"}, "conditions": [], "actions": []});
    house.workflow(&engine, listens).await;
    let run = |submission: i64, who: String| {
        engine.store().event_accept(event(None, json!({"submission": {"id": submission}, "who": who})))
    };
    for round in 0..40 {
        // The lane of what people do has enough to do, so that the run goes through another.
        let others = (1..=24).map(|other| run(round * 100 + other, format!("other{other}")));
        let by_run = run(round * 100, format!("a{round}"));
        let by_hand = engine.store().write(move |tx| {
            Box::pin(async move {
                let fields = json!({"email": format!("a{round}@example.com")});
                let fields = fields.as_object().cloned().unwrap_or_default();
                store::contact::contact_create(tx, TENANT, Actor::System.into(), &fields).await
            })
        });
        let others = futures_util::future::join_all(others);
        let (_, by_run, by_hand) = futures_util::future::join3(others, by_run, by_hand).await;
        by_run.unwrap();
        assert!(matches!(by_hand, Ok(_) | Err(StoreError::Conflict { .. })), "{by_hand:?}");
    }
    assert_eq!(deadlocks(&engine).await, 0);
    engine.stop(Duration::from_secs(5)).await;
}

async fn deadlocks(engine: &Engine) -> i64 {
    engine.store().write(|_| Box::pin(async { Ok(()) })).await.unwrap();
    let mut reader = engine.store().read_any().await.unwrap();
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    reader.query_one(sql, Vec::new()).await.unwrap().first().unwrap()
}
