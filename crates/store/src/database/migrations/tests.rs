//! A store of the first program, a node of which runs on while a newer one begins.

use std::time::{Duration, Instant};

use testkit::postgres::TestDatabase;

use super::*;
use crate::database::postgres::{self, Role};

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
        [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
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
    assert_eq!(numbers(&mut new).await, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
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
    assert_eq!(numbers(&mut old).await, [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
}
