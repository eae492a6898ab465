//! Migrations: numbered SQL files, each applied once, in order, in a transaction of its own.

use crate::{StoreError, StoreResult};

use super::sql;

/// Every migration there is: number and text. A published one is never edited.
const MIGRATIONS: &[(i64, &str)] = &[(1, include_str!("../migrations/0001_first.sql"))];

pub(super) fn apply(connection: &mut rusqlite::Connection) -> StoreResult<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)",
    )?;
    let found: i64 =
        connection
            .query_row("SELECT coalesce(max(number), 0) FROM schema_migrations", [], |row| row.get(0))?;
    let known = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (number, text) in MIGRATIONS.iter().filter(|(number, _)| *number > found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(&sql::for_sqlite(text))?;
        transaction.execute(
            "INSERT INTO schema_migrations (number, applied_at) VALUES (?1, unixepoch() * 1000)",
            [number],
        )?;
        transaction.commit()?;
        tracing::info!(migration = number, "migration applied");
    }
    Ok(())
}
