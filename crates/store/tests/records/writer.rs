//! What the writer promises: one bad operation fails alone, a flood of one tenant leaves room for another, and a commit whose answer was lost is
//! read back.

use futures_util::future::join_all;
use store::{StoreError, database::Row};
use testkit::proxy::{Cut, Proxy};

use super::*;

testkit::on_both! {
    /// They are done together, and the database refuses what one of them writes only when all is written.
    async fn one_bad_operation_fails_alone(place: Place) {
        let bench = Bench::new(place).await;
        let event = |number: i64| {
            let data = if number == 77 { json!({"workflow": 404}) } else { json!({}) };
            posted(ONE, Some(&format!("e{number}")), data)
        };
        let accepted = join_all((0..200).map(|number| bench.store.event_accept(event(number)))).await;
        let refused: Vec<usize> =
            accepted.iter().enumerate().filter(|(_, accepted)| accepted.is_err()).map(|(number, _)| number).collect();
        assert_eq!(refused, [77]);
        let counts = "SELECT count(*) FROM workflow_executions UNION ALL SELECT count(*) FROM workflow_execution_logs
            UNION ALL SELECT count(*) FROM events UNION ALL SELECT count(*) FROM event_keys UNION ALL SELECT sum(ever) FROM execution_rollups";
        let counts: Vec<i64> = bench.rows(counts).await.into_iter().map(|row| row.first().unwrap()).collect();
        assert_eq!(counts, [199; 5], "nothing of the refused one is left, and all of the others");
        // What comes afterwards is no worse for it.
        bench.store.event_accept(event(77_000)).await.unwrap();
    }

    async fn a_flood_of_one_tenant_leaves_room_in_the_queue(place: Place) {
        let bench = Bench::new(place).await;
        let flood = join_all((0..3_000).map(|_| bench.store.event_accept(posted(ONE, None, json!({})))));
        let drop = bench.store.event_accept(posted(TWO, None, json!({})));
        let (flood, drop) = tokio::join!(flood, drop);
        let full = flood.iter().filter(|accepted| matches!(accepted, Err(StoreError::QueueFull))).count();
        assert!(flood.iter().all(|accepted| matches!(accepted, Ok(_) | Err(StoreError::QueueFull))), "nothing else fails");
        assert!(full > 0, "a tenant has no more than its share");
        drop.unwrap();
        let stored: i64 = bench.number("SELECT count(*) FROM events WHERE tenant_id = 1").await;
        assert_eq!(stored, 3_000 - i64::try_from(full).unwrap(), "what is told to come back is not stored");
    }
}

/// The network breaks while a commit is under way: whether it happened is read back in a new session, never guessed.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_read_back() {
    let place = Place::postgres();
    let (proxy, url) = Proxy::start(&place.address()).await;
    let store = open_at(&url, &SimulatedClock::new(NOW)).await;
    let write = async |name: &'static str| {
        let insert = "INSERT INTO store_facts (name, value) VALUES (?1, 'x')";
        store.write(move |tx| Box::pin(async move { tx.execute(insert, params![name]).await })).await
    };
    write("before").await.unwrap();
    proxy.cut(Cut::AfterCommit);
    assert_eq!(write("done").await, Ok(1), "it was committed, only nobody said so");
    assert!(proxy.has_cut());
    proxy.cut(Cut::BeforeCommit);
    let lost = write("lost").await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    write("after").await.unwrap();
    let mut reader = store.read_any().await.unwrap();
    let sql = "SELECT name FROM store_facts WHERE value = 'x' ORDER BY name";
    let names: Vec<String> = reader
        .query(sql, params![])
        .await
        .unwrap()
        .into_iter()
        .map(|row: Row| row.first().unwrap())
        .collect();
    assert_eq!(names, ["after", "before", "done"]);
}

/// What is written with its commit is read back as well; what did not happen is done again in a new session, for it can be.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_commit_is_lost_is_accepted_once() {
    let bench = Bench::new(Place::postgres()).await;
    let (proxy, url) = Proxy::start(&bench.place.address()).await;
    let store = open_at(&url, &bench.clock).await;
    store.connect(
        Arc::clone(&bench.starts) as Arc<dyn Matcher>,
        Arc::clone(&bench.starts) as Arc<dyn Listener>,
    );
    for (name, cut) in [("after", Cut::AfterCommit), ("before", Cut::BeforeCommit)] {
        store.event_accept(posted(ONE, Some(&format!("{name}, first")), json!({}))).await.unwrap();
        proxy.cut(cut);
        let accepted = store.event_accept(posted(ONE, Some(name), json!({}))).await.unwrap();
        assert!(proxy.has_cut() && !accepted.duplicate, "{name}");
    }
    let counts = "SELECT count(*) FROM events UNION ALL SELECT count(*) FROM workflow_executions UNION ALL SELECT sum(ever) FROM execution_rollups";
    let counts: Vec<i64> = bench.rows(counts).await.into_iter().map(|row| row.first().unwrap()).collect();
    assert_eq!(counts, [4; 3]);
}

/// Callers that were not answered send the same events again, to another node and in another order. Nodes that took the keys as they come would wait for each other,
/// a second each time until PostgreSQL ends it, and with every caller coming again nothing would be accepted any more.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_events_at_two_nodes_are_accepted_once_and_nobody_waits_in_a_circle() {
    let bench = Bench::new(Place::postgres()).await;
    let other = open(&bench.place, &bench.clock).await;
    let event = |round: i64, number: i64| {
        // One that is refused makes its batch go one by one, which has to keep the order too.
        let data = if number == 50 { json!({"workflow": 404}) } else { json!({}) };
        posted(ONE, Some(&format!("e{round}-{number}")), data)
    };
    let mut duplicates = 0;
    for round in 0..5 {
        let here = join_all((0..100).map(|number| bench.store.event_accept(event(round, number))));
        let there = join_all((0..100).rev().map(|number| other.event_accept(event(round, number))));
        let (here, there) = tokio::join!(here, there);
        duplicates += here.iter().chain(&there).flatten().filter(|accepted| accepted.duplicate).count();
    }
    assert!(duplicates >= 5 * 99, "{duplicates}");
    let stored: i64 = bench.number("SELECT count(*) FROM events WHERE external_id NOT LIKE '%-50'").await;
    assert_eq!(stored, 5 * 99);
    let Bench { store, clock, place, .. } = bench;
    // Sessions tell what they counted when they end.
    other.close().await;
    store.close().await;
    let store = open(&place, &clock).await;
    let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let row = store.read_any().await.unwrap().query_one(counted, params![]).await.unwrap();
    let deadlocks: i64 = row.first().unwrap();
    assert_eq!(deadlocks, 0);
}
