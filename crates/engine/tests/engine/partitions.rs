//! History in partitions, on PostgreSQL: what is too old goes with its partition, and nothing that lives goes with it.

use std::time::Duration;

use engine::{Engine, Removed};
use model::{ExecutionId, Period};
use serde_json::json;
use store::{
    params,
    partition::{Series, partitions},
    rollup::{self, Span},
};
use testkit::place::Place;

use crate::harness::{House, TENANT, load, post};

const STOP: Duration = Duration::from_secs(5);
/// Keeps its history for a long time.
const OTHER: &str = "INSERT INTO tenants (id, name, settings, created_at, updated_at, version)
    VALUES (2, 'Other', '{\"retention_days\": 400}', ?1, ?1, 1)";
const OTHERS_EVENT: &str =
    "INSERT INTO events (id, tenant_id, name, data, created_at) VALUES (4001900, 2, 'x', '{}', ?1)";

async fn score(engine: &Engine, score: u8) -> ExecutionId {
    post(engine, json!({"submission": {"data": {"q_nps": score}}})).await.executions[0].id
}

async fn number(engine: &Engine, sql: &'static str) -> i64 {
    engine.store().read_any().await.unwrap().query_one(sql, params![]).await.unwrap().first().unwrap()
}

async fn run(engine: &Engine, sql: &'static str) {
    let write = engine.store().write(move |tx| {
        Box::pin(async move {
            let now = tx.now();
            let parameters = if sql.contains("?1") { params![now] } else { params![] };
            tx.execute(sql, parameters).await
        })
    });
    write.await.unwrap();
}

/// Ids that somebody could have used up, up to the end of a partition; seen by the next start.
async fn used_up(engine: Engine, house: &House, to: i64) -> Engine {
    let write = engine.store().write(move |tx| {
        Box::pin(async move {
            let sql = "UPDATE id_blocks SET next_id = ?1 WHERE kind IN ('execution', 'event')";
            tx.execute(sql, params![to]).await
        })
    });
    write.await.unwrap();
    engine.stop(STOP).await;
    house.at_rest().await
}

/// Where the partitions begin that there are.
async fn begins(engine: &Engine, series: Series) -> Vec<i64> {
    let mut reader = engine.store().read_any().await.unwrap();
    partitions(&mut reader, series).await.unwrap().into_iter().map(|partition| partition.from).collect()
}

/// What statistics say of all time.
async fn statistics(engine: &Engine) -> String {
    let mut reader = engine.store().read_any().await.unwrap();
    format!("{:#?}", rollup::statistics(&mut reader, TENANT, Span::default(), 4).await.unwrap())
}

/// Counts are those of the rows, and nothing refers to what is not there.
async fn all_is_right(engine: &Engine) {
    let executions = number(engine, "SELECT count(*) FROM workflow_executions").await;
    assert_eq!(
        number(engine, "SELECT CAST(sum(existing) AS BIGINT) FROM execution_rollups").await,
        executions
    );
    assert_eq!(
        number(engine, "SELECT CAST(sum(existing) AS BIGINT) FROM execution_summaries WHERE period = 'day'")
            .await,
        executions
    );
    let orphans = "SELECT count(*) FROM (
        SELECT execution_id AS id FROM workflow_execution_logs UNION ALL SELECT execution_id FROM execution_moves
        UNION ALL SELECT execution_id FROM timers UNION ALL SELECT execution_id FROM execution_waits) AS refers
        WHERE id NOT IN (SELECT id FROM workflow_executions)";
    assert_eq!(number(engine, orphans).await, 0);
    let orphans = "SELECT count(*) FROM event_subjects WHERE event_id NOT IN (SELECT id FROM events)";
    assert_eq!(number(engine, orphans).await, 0);
    assert_eq!(
        number(engine, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE '%_gone'").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_goes_with_its_partition() {
    let house = House::new(Place::postgres());
    let (engine, _, _) = house
        .furnish(json!({
            "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
            "actions": [{"type": "delay", "config": {"duration": "300d"}}, {"type": "create_ticket", "config": {"title": "At last"}}],
        }))
        .await;
    run(&engine, OTHER).await;
    for _ in 0..5 {
        score(&engine, 9).await;
    }
    engine.stop(STOP).await;
    let engine = used_up(house.at_rest().await, &house, 2_000_001).await;
    engine.stop(STOP).await;
    let engine = house.reopen(None).await.unwrap();
    let waiting = score(&engine, 3).await;
    assert!(waiting.get() > 2_000_000);
    house.rest(&engine, waiting).await.unwrap();
    for _ in 0..5 {
        score(&engine, 9).await;
    }
    engine.stop(STOP).await;
    let engine = used_up(house.at_rest().await, &house, 4_000_001).await;
    for _ in 0..5 {
        score(&engine, 9).await;
    }
    run(&engine, OTHERS_EVENT).await;
    // What refers to them: of the first partition, of the second, whose run lives, and of the third.
    run(
        &engine,
        "INSERT INTO execution_moves (execution_id, to_version, tenant_id, from_version, moved_at)
         SELECT id, 2, tenant_id, 1, created_at FROM workflow_executions",
    )
    .await;
    run(
        &engine,
        "INSERT INTO event_subjects (event_id, tenant_id, contact_id) SELECT id, tenant_id, 1 FROM events",
    )
    .await;
    let engine = used_up(engine, &house, 6_000_001).await;
    assert_eq!(begins(&engine, Series::Executions).await, [0, 2_000_001, 4_000_001]);

    house.clock.advance(Period::days(91));
    score(&engine, 9).await;
    assert_eq!(
        begins(&engine, Series::Executions).await,
        [0, 2_000_001, 4_000_001, 6_000_001],
        "made with the block"
    );
    all_is_right(&engine).await;
    house.clock.advance(Period::days(4));
    score(&engine, 9).await;
    let (counted, journal) = (statistics(&engine).await, load(&engine, waiting).await.unwrap());
    let removed = engine.retain().await.unwrap();
    assert_eq!(removed, Removed { executions: 15, events: 15, ..Removed::default() });
    assert_eq!(begins(&engine, Series::Executions).await, [2_000_001, 6_000_001]);
    assert_eq!(
        begins(&engine, Series::Events).await,
        [2_000_001, 4_000_001, 6_000_001],
        "the other tenant's event is kept"
    );
    assert_eq!(statistics(&engine).await, counted);
    assert_eq!(load(&engine, waiting).await.unwrap(), journal);
    assert_eq!(number(&engine, "SELECT count(*) FROM execution_moves").await, 1);
    assert_eq!(number(&engine, "SELECT count(*) FROM event_subjects").await, 2);
    all_is_right(&engine).await;
    assert_eq!(engine.retain().await.unwrap(), Removed::default(), "the second time there is nothing to do");

    // A partition that will be over soon is not taken apart before.
    let engine = used_up(engine, &house, 8_000_001).await;
    house.clock.advance(Period::days(5));
    score(&engine, 9).await;
    house.clock.advance(Period::days(83));
    let engine = used_up(engine, &house, 8_001_001).await;
    assert_eq!(
        engine.retain().await.unwrap(),
        Removed::default(),
        "one of two is over, the other in two days"
    );
    house.clock.advance(Period::days(3));
    let removed = engine.retain().await.unwrap();
    assert_eq!(removed, Removed { executions: 2, events: 2, ..Removed::default() });
    assert_eq!(begins(&engine, Series::Executions).await, [2_000_001, 8_000_001]);
    all_is_right(&engine).await;
    engine.stop(STOP).await;

    // Who lived goes on.
    house.clock.advance(Period::days(120));
    let engine = house.reopen(None).await.unwrap();
    let ended = house.run_to_end(&engine, waiting).await.unwrap();
    assert_eq!(ended.execution.progress.status.to_string(), "completed");
    engine.stop(STOP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_out_is_settled_by_the_next_round() {
    let house = House::new(Place::postgres());
    let (engine, _, _) = house
        .furnish(json!({
            "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
            "actions": [{"type": "create_ticket", "config": {"title": "x"}}],
        }))
        .await;
    for _ in 0..3 {
        score(&engine, 9).await;
    }
    engine.stop(STOP).await;
    let engine = used_up(house.at_rest().await, &house, 2_000_001).await;
    score(&engine, 9).await;
    let mut own = engine.store().lease_connection().await.unwrap().unwrap();
    let first = partitions(&mut own, Series::Executions).await.unwrap().remove(0);
    store::partition::partition_retire(&mut own, first).await.unwrap();
    assert_eq!(number(&engine, "SELECT count(*) FROM workflow_executions").await, 1);
    assert_eq!(number(&engine, "SELECT CAST(sum(existing) AS BIGINT) FROM execution_rollups").await, 4);
    engine.retain().await.unwrap();
    all_is_right(&engine).await;
    engine.stop(STOP).await;
}
