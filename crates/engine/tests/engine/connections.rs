//! Connections to other systems: nothing is made twice wherever the engine stops, a connection that is not let in holds its executions until it is mended, and
//! many calls keep the pace that the other system allows.

use std::{collections::BTreeMap, sync::Arc, sync::atomic::Ordering, time::Duration};

use actions::{
    ErrorKind,
    address::AddressPolicy,
    hosts::Gate,
    http::HttpClient,
    provider::{self, Call},
};
use engine::{
    Engine,
    ledger::{TenantLedger, connection_of},
};
use futures_util::future::join_all;
use model::{Actor, Clock, ExecutionId, ExecutionStatus, IntegrationId, Period, StepStatus};
use serde_json::{Value, json};
use store::{
    integration::{self, integration_create, integration_get, integration_update, ledger::unpark},
    secret::SecretBox,
};
use testkit::{
    place::Place,
    systems::{Mock, hubspot::HubSpot},
};

use crate::{
    everywhere::Once,
    harness::{House, TENANT, event, lines, post},
};

fn secrets() -> SecretBox {
    SecretBox::of_key(&[7; 32])
}

async fn account(house: &House) -> Mock<HubSpot> {
    let hubspot = Mock::start(HubSpot::new()).await;
    hubspot.with(|hubspot| hubspot.now = house.clock.now().as_millis());
    hubspot
}

fn fields(hubspot: &Mock<HubSpot>, calls: i64, refresh: &str) -> integration::Fields {
    let object = |value: Value| value.as_object().cloned().unwrap();
    integration::Fields {
        name: "crm".to_owned(),
        provider: "hubspot".to_owned(),
        config: object(json!({"apiUrl": hubspot.url(), "clientId": "app", "callsPerTenSeconds": calls})),
        secrets: object(json!({"clientSecret": "canary-5ecret", "refreshToken": refresh})),
    }
}

/// A workflow that uses a connection to that account.
async fn furnish(
    house: &House,
    hubspot: &Mock<HubSpot>,
    calls: i64,
    actions: Value,
) -> (Engine, IntegrationId) {
    let (engine, _, _) =
        house.furnish(json!({"name": "Connected", "conditions": [], "actions": actions})).await;
    let new = fields(hubspot, calls, "refresh-0-canary");
    let made = engine.store().write(move |tx| {
        Box::pin(async move { integration_create(tx, TENANT, Actor::System, &new, &secrets()).await })
    });
    let id = made.await.unwrap().id;
    (engine, id)
}

fn step(action: &str, payload: Value) -> Value {
    json!({
        "type": "sync_integration", "critical": true, "retry": {"attempts": 3, "delays": ["10s"]},
        "config": {"integration": "crm", "action": action, "payload": payload},
    })
}

async fn standing(engine: &Engine, id: IntegrationId) -> (String, Option<String>) {
    let mut connection = engine.store().read(TENANT).await.unwrap();
    let found = integration_get(&mut connection, TENANT, id).await.unwrap();
    (found.status, found.last_error)
}

/// A run that dies or is hurt at one moment, and is finished by another process; answers what it left over there.
async fn trial(place: Place, faults: Once) -> (Vec<String>, Arc<Once>) {
    let house = House::new(place);
    let hubspot = account(&house).await;
    let actions = json!([
        step("upsert_contact", json!({"email": "ada@example.com"})),
        step(
            "create_deal",
            json!({"name": "Upsell", "stage": "new", "contactId": "{{steps.s1.output.result.id}}"})
        ),
        step("add_note", json!({"text": "NPS 9", "dealId": "{{steps.s2.output.result.id}}"})),
    ]);
    let (engine, _) = furnish(&house, &hubspot, 10_000, actions).await;
    engine.stop(Duration::from_secs(5)).await;
    let faults = Arc::new(faults);
    let only = || event(Some("the only one"), json!({}));
    if let Ok(engine) = house.reopen(Some(faults.clone())).await {
        if let Ok(accepted) = engine.accept(only()).await
            && let Some(execution) = accepted.executions.first()
        {
            // An error is the store's death: the point of the exercise.
            drop(house.run_to_end(&engine, execution.id).await);
        }
        engine.stop(Duration::from_secs(5)).await;
    }
    let engine = house.recover().await;
    let accepted = engine.accept(only()).await.unwrap();
    let ended = house.run_to_end(&engine, accepted.executions[0].id).await.unwrap();
    let mut left = vec![ended.execution.progress.status.to_string()];
    hubspot.with(|hubspot| {
        for kind in ["contacts", "deals", "notes"] {
            left.push(format!("{kind} {}", hubspot.count(kind)));
        }
    });
    assert_eq!(hubspot.violations(), Vec::<String>::new());
    engine.stop(Duration::from_secs(5)).await;
    (left, faults)
}

testkit::on_both! {
    async fn nothing_is_made_twice_wherever_it_stops(place: Place) {
        let expected = ["completed", "contacts 1", "deals 1", "notes 1"];
        let (left, counted) = trial(place.another(), Once::default()).await;
        assert_eq!(left, expected);
        for number in 1..=counted.commits.load(Ordering::Relaxed) {
            for (moment, faults) in [
                ("before", Once { before_commit: Some(number), ..Once::default() }),
                ("after", Once { after_commit: Some(number), ..Once::default() }),
            ] {
                let (left, _) = trial(place.another(), faults).await;
                assert_eq!(left, expected, "killed {moment} commit {number}");
            }
        }
        for number in 1..=counted.operations.load(Ordering::Relaxed) {
            let (left, _) = trial(place.another(), Once { operation: Some(number), ..Once::default() }).await;
            assert_eq!(left, expected, "operation {number} failed");
        }
    }

    async fn what_needs_a_connection_waits_until_it_is_mended(place: Place) {
        let house = House::new(place);
        let hubspot = account(&house).await;
        hubspot.with(|hubspot| hubspot.tokens.is_revoked = true);
        let actions = json!([step("upsert_contact", json!({"email": "{{submission.data.email}}"}))]);
        let (engine, id) = furnish(&house, &hubspot, 10_000, actions).await;
        let mut waiting = Vec::new();
        for number in 0..5 {
            let data = json!({"submission": {"data": {"email": format!("a{number}@example.com")}}});
            waiting.push(post(&engine, data).await.executions[0].id);
            let rested = house.rest(&engine, waiting[number]).await.unwrap();
            assert_eq!(rested.execution.progress.status, ExecutionStatus::Waiting, "{:?}", lines(&rested.journal));
            let row = rested.journal.last().unwrap();
            assert_eq!((row.status, row.attempt, row.output_data.as_ref().unwrap()["parked"].clone()), (StepStatus::Pending, 1, json!(true)));
        }
        let why = "invalid_grant (expired access/refresh token)";
        assert_eq!(standing(&engine, id).await, ("expired".to_owned(), Some(why.to_owned())));
        assert_eq!(hubspot.took(), ["POST /oauth/v1/token"], "once it is known, nobody asks");

        // They look by themselves, and wait on.
        let now = house.clock.now().plus(Period::minutes(30));
        house.clock.set(now);
        for id in &waiting {
            loop {
                let mut live = engine.live();
                let progress = crate::harness::load(&engine, *id).await.unwrap().execution.progress;
                if progress.wake_at.is_some_and(|at| at > now) {
                    assert_eq!(progress.status, ExecutionStatus::Waiting);
                    break;
                }
                drop(live.recv().await);
            }
        }

        // It is connected again, at an unchanged clock.
        hubspot.with(|hubspot| {
            hubspot.tokens.is_revoked = false;
            hubspot.tokens.refresh = "refresh-9-canary".to_owned();
        });
        let mended = fields(&hubspot, 10_000, "refresh-9-canary");
        let update = engine.store().write(move |tx| Box::pin(async move {
            integration_update(tx, TENANT, Actor::System, id, &mended, &secrets(), None).await?;
            unpark(tx, TENANT, id, 100).await
        }));
        assert!(!update.await.unwrap());
        // One gets the new token, the others wait a moment for it.
        for id in waiting {
            let ended = house.run_to_end(&engine, id).await.unwrap();
            assert_eq!(ended.execution.progress.status, ExecutionStatus::Completed, "{:?}", lines(&ended.journal));
        }
        assert!(house.clock.now() < now.plus(Period::minutes(1)));
        assert_eq!(hubspot.with(|hubspot| hubspot.count("contacts")), 5);
        assert_eq!(standing(&engine, id).await.0, "ok");
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn many_calls_keep_the_pace_and_none_is_lost(place: Place) {
        const CALLS: usize = 400;
        let house = House::new(place);
        let hubspot = account(&house).await;
        let clock = house.clock.clone();
        hubspot.allow(10.0, 10.0, move || clock.now().as_millis() as f64 / 1_000.0);
        let actions = json!([step("upsert_contact", json!({"email": "{{submission.data.email}}"}))]);
        let (engine, _) = furnish(&house, &hubspot, 100, actions).await;
        let mut waiting: BTreeMap<(model::Timestamp, ExecutionId), ()> = BTreeMap::new();
        let mut completed = 0;
        let mut begun = Vec::new();
        for number in 0..CALLS {
            let data = json!({"submission": {"data": {"email": format!("a{number}@example.com")}}});
            begun.push(post(&engine, data).await.executions[0].id);
        }
        let mut due = begun;
        let start = house.clock.now();
        loop {
            for id in due.drain(..) {
                let rested = house.rest(&engine, id).await.unwrap();
                match (rested.execution.progress.status, rested.execution.progress.wake_at) {
                    (ExecutionStatus::Completed, _) => completed += 1,
                    (_, Some(at)) => drop(waiting.insert((at, id), ())),
                    other => panic!("{other:?}: {:?}", lines(&rested.journal)),
                }
            }
            let Some(((at, _), ())) = waiting.first_key_value() else { break };
            // A little further, so that several come at once, as timers do.
            let now = at.plus(Period::from_millis(250).unwrap());
            house.clock.set(now.max(house.clock.now()));
            let later = waiting.split_off(&(now, ExecutionId::new(i64::MAX)));
            due = std::mem::replace(&mut waiting, later).into_keys().map(|(_, id)| id).collect();
            // Each is taken up by now.
            for id in &due {
                let mut live = engine.live();
                while crate::harness::load(&engine, *id).await.unwrap().execution.progress.wake_at.is_some_and(|wake| wake <= now) {
                    drop(live.recv().await);
                }
            }
        }
        assert_eq!(completed, CALLS);
        assert_eq!(hubspot.with(|hubspot| hubspot.count("contacts")), CALLS);
        let refused = hubspot.refused();
        assert!(usize::try_from(refused).unwrap() * 100 <= CALLS, "{refused} of {CALLS} calls were too many");
        let took = house.clock.now().millis_since(start);
        assert!(took < 1_300 * i64::try_from(CALLS).unwrap() / 10, "{took} ms for {CALLS} calls at ten a second");
        engine.stop(Duration::from_secs(5)).await;
    }

    /// Without the executions around them, which `many_calls_keep_the_pace_and_none_is_lost` has. Ten thousand on SQLite, which takes a minute or two, a tenth of that on PostgreSQL; `VTRUSTX_CALLS`
    /// makes it as many on either.
    async fn of_many_calls_in_trouble_none_is_lost_and_none_is_done_twice(place: Place) {
        let usual = if place.address().starts_with("sqlite:") { 10_000 } else { 1_000 };
        let calls_in_all: usize = std::env::var("VTRUSTX_CALLS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
        let house = House::new(place);
        let hubspot = account(&house).await;
        let clock = house.clock.clone();
        hubspot.allow(10.0, 10.0, move || clock.now().as_millis() as f64 / 1_000.0);
        let (engine, id) = furnish(&house, &hubspot, 100, json!([])).await;
        let ledger = TenantLedger::new(engine.store(), engine.secrets(), TENANT, None);
        let http = HttpClient::new(AddressPolicy::Any).bound([], Gate::Open);
        let start = house.clock.now();
        let mut due: BTreeMap<(model::Timestamp, usize), ()> = (0..calls_in_all).map(|number| ((start, number), ())).collect();
        let (mut round, mut troubles) = (0_u32, 0_usize);
        while let Some(((at, _), ())) = due.first_key_value() {
            round += 1;
            // A little further, so that several come at once, as timers do.
            house.clock.set(at.plus(Period::seconds(1)).max(house.clock.now()));
            let now = house.clock.now();
            hubspot.with(|hubspot| hubspot.now = now.as_millis());
            if round % 10 == 0 {
                hubspot.cut_next(1);
            }
            if round % 60 == 0 {
                hubspot.limit_next(1);
            }
            let later = due.split_off(&(now, usize::MAX));
            let numbers: Vec<usize> = std::mem::replace(&mut due, later).into_keys().map(|(_, number)| number).collect();
            let stored = integration_get(&mut engine.store().read(TENANT).await.unwrap(), TENANT, id).await.unwrap();
            let connection = connection_of(stored, engine.secrets()).unwrap();
            for some in numbers.chunks(200) {
                let calls = some.iter().map(async |number| {
                    let key = format!("vtx_{number}");
                    let call = Call { idempotency_key: &key, now, timeout: Duration::from_secs(20), http: &http, ledger: &ledger };
                    let (action, payload) = if number % 2 == 0 {
                        ("upsert_contact", json!({"email": format!("a{number}@example.com")}))
                    } else {
                        ("create_deal", json!({"name": format!("Deal {number}"), "stage": "new"}))
                    };
                    match provider::call(&connection, action, payload, &call).await {
                        Ok(_) => None,
                        Err(error) if error.kind == ErrorKind::Paced => Some((*number, error.retry_after.unwrap(), false)),
                        Err(error) if error.kind == ErrorKind::Connection => Some((*number, Period::seconds(5), true)),
                        Err(error) => panic!("{error:?}"),
                    }
                });
                for (number, pause, is_trouble) in join_all(calls).await.into_iter().flatten() {
                    troubles += usize::from(is_trouble);
                    due.insert((now.plus(pause), number), ());
                }
            }
        }
        let (contacts, deals) = hubspot.with(|hubspot| (hubspot.count("contacts"), hubspot.count("deals")));
        assert_eq!((contacts, deals), (calls_in_all / 2, calls_in_all / 2));
        let refused = hubspot.refused();
        assert!(usize::try_from(refused).unwrap() * 100 <= calls_in_all, "{refused} of {calls_in_all} calls were too many");
        assert!(troubles * 200 >= calls_in_all, "{troubles} calls were cut");
        let took = house.clock.now().millis_since(start);
        // What was cut is looked for before it is made again, which takes turns of its own; and all wait for the pauses.
        assert!(took < 1_800 * i64::try_from(calls_in_all).unwrap() / 10, "{took} ms for {calls_in_all} calls at ten a second");
        assert_eq!(hubspot.violations(), Vec::<String>::new());
        engine.stop(Duration::from_secs(5)).await;
    }
}
