//! A store of the first program, a node of which runs on while a newer one begins.

use std::time::{Duration, Instant};

use model::Period;
use testkit::postgres::TestDatabase;

use super::*;
use crate::database::{
    Address,
    postgres::{self, Role},
    sqlite,
};

const NOW: Timestamp = Timestamp::from_millis(1_771_065_000_123);

async fn connect(database: &TestDatabase, role: Role, name: Option<&str>) -> Connection {
    let mut config = postgres::config(&database.url()).unwrap();
    if let Some(name) = name {
        config.application_name(name);
    }
    let database = postgres::Database::open(&config, role).await.unwrap();
    Connection::new(Inner::Postgres(Box::new(database)))
}

async fn batch(connection: &mut Connection, sql: &str) {
    let Inner::Postgres(database) = &mut connection.inner else { panic!("a session with a server") };
    database.batch(sql).await.unwrap();
}

/// The first program, with its store.
async fn first_program(database: &TestDatabase) -> Connection {
    let mut old = connect(database, Role::Writer, Some("vtrustx")).await;
    apply_all(&mut old, NOW, &MIGRATIONS[..1]).await.unwrap();
    old
}

async fn numbers(connection: &mut Connection) -> Vec<i64> {
    applied(connection).await.unwrap().into_keys().collect()
}

const INSERT: &str = "INSERT INTO workflow_templates (id, name, workflow_definition, tags, variables, is_public, created_at, updated_at, version)
    VALUES (?1, 'x', '{}', ?2, '[]', TRUE, ?3, ?3, 1)";

async fn insert(connection: &mut Connection, id: i64) -> StoreResult<u64> {
    connection.execute(INSERT, params![id, &vec!["a".to_owned(), format!("b \"{id}\"")], NOW]).await
}

async fn tags(connection: &mut Connection) -> Vec<Vec<String>> {
    let rows = connection.query("SELECT tags FROM workflow_templates ORDER BY id", Vec::new()).await.unwrap();
    rows.into_iter().map(|row| row.first().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_node_works_on_until_it_ends() {
    let database = TestDatabase::new();
    let mut old = first_program(&database).await;
    insert(&mut old, 1).await.unwrap();
    assert_eq!(tags(&mut old).await.len(), 1);

    let mut new = connect(&database, Role::Writer, None).await;
    apply(&mut new, NOW).await.unwrap();
    assert_eq!(
        numbers(&mut new).await,
        [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
        "what an older program could not work with waits"
    );
    insert(&mut old, 2).await.unwrap();
    insert(&mut new, 3).await.unwrap();
    let mut reader = connect(&database, Role::Reader, None).await;
    assert_eq!(tags(&mut old).await, tags(&mut reader).await);

    drop(old);
    while oldest_running(&mut new).await.unwrap() < known() {
        tokio::task::yield_now().await;
    }
    apply(&mut connect(&database, Role::Writer, None).await, NOW).await.unwrap();
    assert_eq!(
        numbers(&mut new).await,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
    );
    // Prepared before the type changed: reads are done, one change is refused and the next is done.
    assert_eq!(tags(&mut reader).await, [1, 2, 3].map(|id| vec!["a".to_owned(), format!("b \"{id}\"")]));
    assert!(insert(&mut new, 4).await.is_err());
    insert(&mut new, 4).await.unwrap();
    assert_eq!(tags(&mut new).await, tags(&mut reader).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_waits_for_a_lock_holds_nobody_up_for_long() {
    let database = TestDatabase::new();
    let mut old = first_program(&database).await;
    // A backup reads a table for minutes.
    let mut backup = connect(&database, Role::Reader, Some("pg_dump")).await;
    batch(&mut backup, "BEGIN; LOCK TABLE workflow_counters IN ACCESS SHARE MODE").await;
    let migrating = tokio::spawn({
        let mut new = connect(&database, Role::Writer, None).await;
        async move { apply(&mut new, NOW).await }
    });
    let (mut longest, mut held_up) = (Duration::ZERO, 0);
    let mut id = 0_i64;
    while held_up < 2 {
        assert!(!migrating.is_finished(), "the backup still has its lock");
        id += 1;
        let sql = "INSERT INTO events (id, tenant_id, name, data, created_at) VALUES (?1, 1, 'x', '{}', ?2)";
        let begun = Instant::now();
        old.execute(sql, params![id, NOW]).await.unwrap();
        let taken = begun.elapsed();
        longest = longest.max(taken);
        held_up += u32::from(taken > Duration::from_millis(300));
    }
    assert!(longest < Duration::from_millis(1_500), "{longest:?}");
    batch(&mut backup, "ROLLBACK").await;
    migrating.await.unwrap().unwrap();
    assert_eq!(
        numbers(&mut old).await,
        [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
    );
}

/// What a store has before its history is in partitions.
const HISTORY: &str = "BEGIN;
    INSERT INTO tenants (id, name, settings, created_at, updated_at, version) VALUES (1, 'one', '{}', now(), now(), 1);
    INSERT INTO workflows (id, tenant_id, key, name, trigger_event, trigger_config, conditions, actions, log_unmatched, is_active,
        published_version, created_at, updated_at, version)
      SELECT id, 1, 'w' || id, 'w', 'any', '{}', '[]', '[]', TRUE, TRUE, 1, now(), now(), 1 FROM generate_series(1, 2) AS id;
    INSERT INTO id_blocks VALUES ('event', 3000), ('execution', 2999000);
    INSERT INTO events (id, tenant_id, name, data, created_at) SELECT id, 1, 'x', '{}', now() FROM generate_series(1, 2000) AS id;
    INSERT INTO event_subjects (event_id, tenant_id, contact_id) VALUES (7, 1, 1), (8, 1, 1);
    INSERT INTO workflow_executions (id, tenant_id, workflow_id, workflow_version, trigger_event, status, key_execution_id, created_at, updated_at)
      SELECT id, 1, 1 + id % 2, 1, 'x', 'completed', id, now(), now() FROM generate_series(2990001, 2992000) AS id;
    INSERT INTO workflow_execution_logs (id, tenant_id, execution_id, step_number, step_type, step_id, step_path, attempt, retry_count, status, retryable, created_at)
      SELECT id, 1, id, 1, 'action', 's1', 's1', 1, 0, 'completed', FALSE, now() FROM generate_series(2990001, 2992000) AS id;
    INSERT INTO execution_moves (execution_id, to_version, tenant_id, from_version, moved_at) VALUES (2990001, 2, 1, 1, now()), (2990002, 2, 1, 1, now());
    CREATE INDEX by_hand ON events (name);
    COMMIT";

/// Of the tables that are in partitions: how many rows, and whose names the indexes have.
const WHAT_IS_THERE: &str = "
    SELECT CAST(count(*) AS TEXT) FROM events UNION ALL SELECT CAST(count(*) AS TEXT) FROM workflow_executions
    UNION ALL SELECT CAST(count(*) AS TEXT) FROM workflow_execution_logs UNION ALL SELECT CAST(count(*) AS TEXT) FROM execution_moves
    UNION ALL SELECT CAST(count(*) AS TEXT) FROM event_subjects";

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_partitions_is_made_beside_whoever_writes() {
    let database = TestDatabase::new();
    let mut old = connect(&database, Role::Writer, Some("vtrustx/15")).await;
    apply_all(&mut old, NOW, &MIGRATIONS[..15]).await.unwrap();
    batch(&mut old, HISTORY).await;
    apply_all(&mut old, NOW, &MIGRATIONS[..20]).await.unwrap();
    // What an attempt that was interrupted leaves: the whole, and of a part what has the name and is of no use.
    batch(&mut old, "CREATE INDEX idx_workflow_executions_contact_status ON ONLY workflow_executions (contact_id, id, tenant_id, status) WHERE contact_id IS NOT NULL").await;
    batch(
        &mut old,
        "CREATE INDEX idx_workflow_executions_contact_status_from_0 ON workflow_executions_from_0 (id)",
    )
    .await;
    let change = "UPDATE workflow_executions SET contact_id = 7 WHERE id = ?1";
    batch(&mut old, "BEGIN").await;
    old.execute(change, params![2_990_001_i64]).await.unwrap();

    let migrating = tokio::spawn({
        let mut new = connect(&database, Role::Writer, None).await;
        async move { apply(&mut new, NOW).await }
    });
    let mut other = connect(&database, Role::Writer, Some("vtrustx/15")).await;
    let waits = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '% INDEX CONCURRENTLY %' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()";
    while other.query(waits, Vec::new()).await.unwrap().is_empty() {
        assert!(!migrating.is_finished(), "what was changed before is waited for");
    }
    // While it waits for one, the others go on.
    other.execute(change, params![2_990_002_i64]).await.unwrap();
    batch(&mut old, "COMMIT").await;
    migrating.await.unwrap().unwrap();

    let indexes = "SELECT c.relname || ' ' || x.indisvalid || ' ' || pg_get_indexdef(x.indexrelid, 4, TRUE) FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
        WHERE c.relname LIKE '%executions_contact%' ORDER BY 1";
    let rows = other.query(indexes, Vec::new()).await.unwrap();
    let indexes: Vec<String> = rows.into_iter().map(|row| row.first().unwrap()).collect();
    assert_eq!(
        indexes,
        [
            "idx_workflow_executions_contact_status true status",
            "idx_workflow_executions_contact_status_from_0 true status"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_before_become_the_first_partition_beside_a_node() {
    let database = TestDatabase::new();
    let mut old = connect(&database, Role::Writer, Some("vtrustx/15")).await;
    apply_all(&mut old, NOW, &MIGRATIONS[..15]).await.unwrap();
    batch(&mut old, HISTORY).await;
    let mut reader = connect(&database, Role::Reader, Some("vtrustx/15")).await;
    let texts = async |connection: &mut Connection, sql: &'static str| -> Vec<String> {
        let rows = connection.query(sql, Vec::new()).await.unwrap();
        rows.into_iter().map(|row| row.first().unwrap()).collect()
    };
    let indexes =
        "SELECT indexname || replace(replace(indexdef, ' ONLY ', ' '), 'CREATE ', '') FROM pg_indexes
        WHERE tablename IN ('events', 'workflow_executions', 'workflow_execution_logs') ORDER BY 1";
    let known = texts(&mut reader, indexes).await;
    assert_eq!(texts(&mut reader, WHAT_IS_THERE).await, ["2000", "2000", "2000", "2", "2"]);
    let insert = "INSERT INTO workflow_executions (id, tenant_id, workflow_id, workflow_version, trigger_event, status, key_execution_id, created_at, updated_at)
        VALUES (?1, 1, 1, 1, 'x', 'running', ?1, ?2, ?2)";
    assert_eq!(old.execute(insert, params![2_999_000_i64, NOW]).await, Ok(1));

    let mut new = connect(&database, Role::Writer, None).await;
    // Stopped between the preparations: the next start goes on.
    for (_, preparation) in PREPARATIONS {
        transaction(&mut new, preparation).await.unwrap();
    }
    apply_all(&mut new, NOW, &MIGRATIONS[..17]).await.unwrap();
    for (_, preparation) in PREPARATIONS {
        transaction(&mut new, preparation).await.unwrap();
    }

    // The statements that the old node has prepared.
    assert_eq!(texts(&mut reader, WHAT_IS_THERE).await, ["2000", "2001", "2000", "2", "2"]);
    assert_eq!(old.execute(insert, params![3_999_000_i64, NOW]).await, Ok(1));
    assert_eq!(texts(&mut reader, indexes).await, known);
    apply(&mut new, NOW).await.unwrap();
    let parts = "SELECT c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) FROM pg_class c WHERE c.relispartition AND c.relkind = 'r'
        AND NOT has_table_privilege('vtrustx_tenant', c.oid, 'SELECT') AND NOT c.relrowsecurity ORDER BY 1";
    assert_eq!(
        texts(&mut new, parts).await,
        [
            "events_from_0 FOR VALUES FROM (MINVALUE) TO ('2000001')",
            "workflow_execution_logs_from_0 FOR VALUES FROM (MINVALUE) TO ('4000001')",
            "workflow_executions_from_0 FOR VALUES FROM (MINVALUE) TO ('4000001')",
        ]
    );
    let wall = "SELECT relname::text FROM pg_class WHERE relkind = 'p' AND relrowsecurity AND has_table_privilege('vtrustx_tenant', oid, 'SELECT') ORDER BY 1";
    assert_eq!(texts(&mut new, wall).await, ["events", "workflow_execution_logs", "workflow_executions"]);

    // What goes with what.
    batch(&mut old, "DELETE FROM workflow_executions WHERE id = 2990001").await;
    batch(&mut old, "DELETE FROM events WHERE id = 7").await;
    assert_eq!(texts(&mut reader, WHAT_IS_THERE).await, ["1999", "2001", "1999", "1", "1"]);
    batch(&mut old, "DELETE FROM workflows WHERE id = 1").await;
    assert_eq!(
        texts(&mut reader, WHAT_IS_THERE).await,
        ["1999", "999", "999", "0", "1"],
        "with a workflow go its runs"
    );
}

testkit::on_both! {
    /// What was counted before is added up, and what changes from then on is followed.
    async fn days_of_before_are_days_of_all(place: Place) {
        let mut store = match place.address().parse().unwrap() {
            Address::Sqlite(path) => Connection::new(Inner::SqliteHere(sqlite::open(&path).unwrap())),
            Address::Postgres(url) => {
                let database = postgres::Database::open(&postgres::config(&url).unwrap(), Role::Writer).await.unwrap();
                Connection::new(Inner::Postgres(Box::new(database)))
            }
        };
        apply_all(&mut store, NOW, &MIGRATIONS[..19]).await.unwrap();
        let count = "INSERT INTO execution_rollups (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms) VALUES (?1, ?2, ?3, 'completed', 'matched', 1, 2, 3)";
        let (today, before) = (NOW.day(), NOW.day().minus(Period::days(1)));
        let hour = Period::hours(1);
        for (tenant, workflow, at) in [(1_i64, 1_i64, today), (1, 2, today.plus(hour)), (1, 2, before), (2, 3, today)] {
            store.execute(count, params![tenant, workflow, at]).await.unwrap();
        }
        apply_all(&mut store, NOW, MIGRATIONS).await.unwrap();
        store.execute(count, params![1_i64, 1_i64, today.plus(hour)]).await.unwrap();
        let change = "UPDATE execution_rollups SET existing = 0, duration_ms = 10 WHERE tenant_id = 1 AND workflow_id = 1 AND hour = ?1";
        store.execute(change, params![today]).await.unwrap();
        store.execute("DELETE FROM execution_rollups WHERE tenant_id = 2", Vec::new()).await.unwrap();
        let days = "SELECT tenant_id, day, existing, ever, duration_ms FROM execution_days WHERE status = 'completed' AND outcome = 'matched' ORDER BY tenant_id, day";
        let mut found = Vec::new();
        for row in store.query(days, Vec::new()).await.unwrap() {
            let mut row = row.cells();
            let (tenant, day): (i64, Timestamp) = (row.take().unwrap(), row.take().unwrap());
            let counts: [i64; 3] = [row.take().unwrap(), row.take().unwrap(), row.take().unwrap()];
            found.push((tenant, day, counts));
        }
        assert_eq!(found, [(1, before, [1, 2, 3]), (1, today, [2, 6, 16]), (2, today, [0, 0, 0])]);
    }
}
