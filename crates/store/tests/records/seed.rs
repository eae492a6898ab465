//! The seed's own SQL (its sections "Database Schema", "Execution Cleanup", "Troubleshooting"), as printed there.

use model::Period;
use store::{
    Page,
    event::event_accept,
    execution::execution_set_progress,
    history::{Filter, Patience, execution_list},
    rollup::{Span, StatusCount, statistics},
};
use testkit::postgres::psql;

use super::*;

const TABLES: &str = include_str!("seed.sql");

/// Types that stand for others: every id and count has room to grow, every time knows its zone, and the widths of texts are checked at the door.
const DIFFERENCES: &str = "
    WITH columns AS (
        SELECT table_schema AS schema, table_name || '.' || column_name AS name,
               CASE udt_name WHEN 'int4' THEN 'int8' WHEN 'varchar' THEN 'text' WHEN 'timestamp' THEN 'timestamptz' ELSE udt_name END
               || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
               || coalesce(' default ' || replace(replace(column_default, '::character varying', '::text'), 'seed.', ''), '') AS says
          FROM information_schema.columns),
    indexes AS (
        SELECT schemaname AS schema, indexname AS name, replace(regexp_replace(indexdef, '.* USING ', ''), '::text', '') AS says
          FROM pg_indexes),
    both_kinds AS (SELECT * FROM columns UNION ALL SELECT * FROM indexes)
    SELECT seed.name || ': ' || seed.says || ' -> ' || coalesce(ours.says, 'none')
      FROM both_kinds seed LEFT JOIN both_kinds ours ON ours.name = seed.name AND ours.schema = 'public'
     WHERE seed.schema = 'seed' AND ours.says IS DISTINCT FROM seed.says ORDER BY 1";

/// Every difference is in the snapshot, and is there for a reason:
/// - ids come from reserved blocks, so they have no default, and the logs' key begins with the execution;
/// - indexes of executions begin with what every query names, the tenant, and end with the id, by which lists run;
/// - the logs' primary key has the name of the index that it makes superfluous (`_execution`); `_execution_step` would cost a write with every step.
#[tokio::test]
async fn the_tables_are_the_seeds() {
    let place = Place::postgres();
    let store = open(&place, &SimulatedClock::new(NOW)).await;
    psql(&place.address(), TABLES).unwrap();
    let differences = psql(&place.address(), DIFFERENCES).unwrap();
    insta::assert_snapshot!("differences_from_the_seed", differences);
    drop(store);
}

const RETENTION: &str = "-- Archive executions older than 90 days
DELETE FROM workflow_executions
WHERE created_at < NOW() - INTERVAL '90 days'
AND status IN ('completed', 'failed');";
/// The same where times are milliseconds.
const RETENTION_ON_SQLITE: &str = "DELETE FROM workflow_executions
WHERE created_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 90 * 86400000
AND status IN ('completed', 'failed')";

const AGES: [u32; 4] = [1, 89, 91, 200];
const STATUSES: [ExecutionStatus; 6] = [
    ExecutionStatus::Completed,
    ExecutionStatus::Failed,
    ExecutionStatus::Running,
    ExecutionStatus::Retrying,
    ExecutionStatus::Waiting,
    ExecutionStatus::Cancelled,
];

/// An execution that was accepted that many days ago and stands there now.
async fn execution(bench: &Bench, days: u32, status: ExecutionStatus) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_millis(now.as_millis().try_into().unwrap());
    let waits = matches!(status, ExecutionStatus::Retrying | ExecutionStatus::Waiting);
    let wake_at = waits.then(|| now.plus(Period::hours(1)));
    let progress = Progress {
        wake_at,
        next_retry_at: wake_at.filter(|_| status == ExecutionStatus::Retrying),
        duration_ms: Some(40),
        ..Progress::accepted(status, Some(Outcome::Matched))
    };
    let event = posted(ONE, None, json!({}));
    let accept = bench.store.write(move |tx| {
        Box::pin(async move {
            let present = tx.now();
            tx.travel(now.minus(Period::hours(24 * days)));
            let accepted = event_accept(tx, &event).await?;
            execution_set_progress(tx, ONE, accepted.executions[0].id, &progress).await?;
            tx.travel(present);
            Ok(())
        })
    });
    accept.await.unwrap();
}

/// What the lists say: `[everything, completed, of the last 90 days, timers, log rows]`.
async fn totals(bench: &Bench) -> [i64; 5] {
    let total = async |filter: Filter| {
        let page = Page { offset: 2, ..Page::first(3) };
        let list =
            read!(bench, |connection| execution_list(connection, ONE, &filter, page, Patience::ENDLESS))
                .unwrap();
        assert!(!list.total_is_capped);
        assert_eq!(list.has_more, list.total > 5, "{filter:?}");
        list.total
    };
    // A whole hour at an age of 90 days.
    let hour = bench.number::<Timestamp>("SELECT max(created_at) FROM workflow_executions").await.hour();
    let from = Some(hour.minus(Period::hours(24 * 89)));
    [
        total(Filter::default()).await,
        total(Filter { status: Some(ExecutionStatus::Completed), ..Filter::default() }).await,
        total(Filter { from, ..Filter::default() }).await,
        bench.number("SELECT count(*) FROM timers").await,
        bench.number("SELECT count(*) FROM workflow_execution_logs").await,
    ]
}

async fn ever(bench: &Bench) -> Vec<StatusCount> {
    read!(bench, |connection| statistics(connection, ONE, Span::default(), 1)).unwrap().statuses
}

testkit::on_both! {
    async fn retention_by_hand_leaves_everything_right(place: Place) {
        let bench = Bench::new(place).await;
        // The oldest first: ids grow with time.
        for days in AGES.into_iter().rev() {
            for status in STATUSES {
                execution(&bench, days, status).await;
            }
        }
        assert_eq!(totals(&bench).await, [24, 4, 12, 8, 24]);
        let before = ever(&bench).await;
        assert_eq!(before.iter().map(|count| count.count).sum::<i64>(), 24);

        let run = async |printed: &'static str, on_sqlite: &'static str| match &bench.place {
            Place::Sqlite(_) => drop(change!(bench, |tx| tx.execute(on_sqlite, params![])).unwrap()),
            Place::Postgres(database) => drop(psql(&database.url(), printed).unwrap()),
        };
        run(RETENTION, RETENTION_ON_SQLITE).await;
        assert_eq!(totals(&bench).await, [20, 2, 12, 8, 20]);
        assert_eq!(bench.number::<i64>("SELECT count(*) FROM workflow_executions").await, 20);
        let waiting = "DELETE FROM workflow_executions WHERE status IN ('waiting', 'retrying')";
        run(waiting, waiting).await;
        assert_eq!(totals(&bench).await, [12, 2, 8, 0, 12]);
        assert_eq!(ever(&bench).await, before, "what ran stays counted");
    }
}

#[tokio::test]
async fn the_troubleshooting_queries_answer() {
    let bench = Bench::new(Place::postgres()).await;
    execution(&bench, 1, ExecutionStatus::Retrying).await;
    let ask = |printed: &str| psql(&bench.place.address(), &printed.replace('?', "1")).unwrap();
    assert_eq!(ask("SELECT is_active FROM workflows WHERE id = ?"), "t");
    let retry = ask("SELECT retry_count, next_retry_at FROM workflow_executions WHERE id = ?");
    assert!(retry.starts_with("0|20"), "{retry}");
}
