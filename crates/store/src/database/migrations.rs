//! Migrations: numbered SQL files, each applied once, in order, in a transaction of its own.

use model::Timestamp;

use super::{Connection, sql::Dialect};
use crate::{StoreError, StoreResult, params};

struct Migration {
    number: i64,
    /// For every database.
    shared: &'static str,
    /// What one database says in its own way: triggers.
    sqlite: &'static str,
    postgres: &'static str,
}

/// Every migration there is. A published one is never edited.
const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    shared: include_str!("../migrations/0001_first.sql"),
    sqlite: include_str!("../migrations/0001_first.sqlite.sql"),
    postgres: include_str!("../migrations/0001_first.postgres.sql"),
}];

pub(super) async fn apply(connection: &mut Connection, now: Timestamp) -> StoreResult<()> {
    connection
        .batch("CREATE TABLE IF NOT EXISTS schema_migrations (number {id} PRIMARY KEY, applied_at {time} NOT NULL)")
        .await?;
    let found: i64 = connection
        .query_one("SELECT coalesce(max(number), 0) FROM schema_migrations", Vec::new())
        .await?
        .first()?;
    let known = newest();
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for migration in MIGRATIONS.iter().filter(|migration| migration.number > found) {
        let own = match connection.dialect() {
            Dialect::Sqlite => migration.sqlite,
            Dialect::Postgres => migration.postgres,
        };
        connection.begin(None).await?;
        connection.batch(migration.shared).await?;
        connection.batch(own).await?;
        connection
            .execute(
                "INSERT INTO schema_migrations (number, applied_at) VALUES (?1, ?2)",
                params![migration.number, now],
            )
            .await?;
        connection.commit().await?;
        tracing::info!(migration = migration.number, "migration applied");
    }
    Ok(())
}

/// The number of the newest migration that this program knows.
pub(super) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}
