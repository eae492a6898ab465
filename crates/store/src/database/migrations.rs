//! Migrations: numbered SQL files, each applied once, each in a transaction of its own.
//!
//! On PostgreSQL other nodes run meanwhile, of this program and of older ones. So a migration only adds, and says which programs can
//! work with the store after it ([`Migration::works_with`]): an older program opens a newer store when all that it does not know says so.
//! A migration that takes something away from older programs waits while one of them is connected, and is applied at a later start. What comes
//! after it does not wait, so no migration may count on one that can wait; and this program works with the store before and after it.
//!
//! Two nodes that start at once take turns: each transaction begins with the same advisory lock. It is the transaction's and not the session's,
//! because a session that is lost is opened anew unnoticed, without its locks.

use std::collections::BTreeMap;

use model::Timestamp;

use super::{Connection, Inner, postgres, readers::Wall, sql::Dialect};
use crate::{StoreError, StoreResult, params};

struct Migration {
    number: i64,
    /// The newest migration that the oldest program which can work with the store after this one knows.
    works_with: i64,
    /// For every database.
    shared: &'static str,
    /// What one database says in its own way: triggers, defaults, row-level security.
    sqlite: &'static str,
    postgres: &'static str,
}

/// Every migration there is. A published one is never edited.
const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        works_with: 1,
        shared: include_str!("../migrations/0001_first.sql"),
        sqlite: include_str!("../migrations/0001_first.sqlite.sql"),
        postgres: include_str!("../migrations/0001_first.postgres.sql"),
    },
    Migration {
        number: 2,
        works_with: 1,
        shared: include_str!("../migrations/0002_side_by_side.sql"),
        sqlite: "",
        postgres: include_str!("../migrations/0002_side_by_side.postgres.sql"),
    },
    Migration {
        number: 3,
        works_with: 1,
        shared: include_str!("../migrations/0003_commit_marks.sql"),
        sqlite: "",
        postgres: include_str!("../migrations/0003_commit_marks.postgres.sql"),
    },
    Migration {
        number: 4,
        works_with: 4,
        shared: "",
        sqlite: "",
        postgres: include_str!("../migrations/0004_tags.postgres.sql"),
    },
    Migration {
        number: 5,
        works_with: 1,
        shared: include_str!("../migrations/0005_retention.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 6,
        works_with: 1,
        shared: include_str!("../migrations/0006_alerts.sql"),
        sqlite: include_str!("../migrations/0006_alerts.sqlite.sql"),
        postgres: include_str!("../migrations/0006_alerts.postgres.sql"),
    },
    Migration {
        number: 7,
        works_with: 1,
        shared: include_str!("../migrations/0007_summaries.sql"),
        sqlite: include_str!("../migrations/0007_summaries.sqlite.sql"),
        postgres: include_str!("../migrations/0007_summaries.postgres.sql"),
    },
    Migration {
        number: 8,
        works_with: 1,
        shared: include_str!("../migrations/0008_schedules.sql"),
        sqlite: "",
        postgres: include_str!("../migrations/0008_schedules.postgres.sql"),
    },
    Migration {
        number: 9,
        works_with: 1,
        shared: include_str!("../migrations/0009_waiting.sql"),
        sqlite: "",
        postgres: include_str!("../migrations/0009_waiting.postgres.sql"),
    },
    Migration {
        number: 10,
        works_with: 1,
        shared: "",
        sqlite: include_str!("../migrations/0010_calls.sqlite.sql"),
        postgres: include_str!("../migrations/0010_calls.postgres.sql"),
    },
    Migration {
        number: 11,
        works_with: 1,
        shared: include_str!("../migrations/0011_entry.sql"),
        sqlite: include_str!("../migrations/0011_entry.sqlite.sql"),
        postgres: include_str!("../migrations/0011_entry.postgres.sql"),
    },
    Migration {
        number: 12,
        works_with: 1,
        shared: include_str!("../migrations/0012_execution_moves.sql"),
        sqlite: "",
        postgres: include_str!("../migrations/0012_execution_moves.postgres.sql"),
    },
    Migration {
        number: 13,
        works_with: 1,
        shared: include_str!("../migrations/0013_connections.sql"),
        sqlite: "",
        postgres: include_str!("../migrations/0013_connections.postgres.sql"),
    },
    Migration {
        number: 14,
        works_with: 1,
        shared: include_str!("../migrations/0014_entry_index.sql"),
        sqlite: include_str!("../migrations/0014_entry_index.sqlite.sql"),
        postgres: include_str!("../migrations/0014_entry_index.postgres.sql"),
    },
    Migration {
        number: 15,
        works_with: 1,
        shared: include_str!("../migrations/0015_mailing.sql"),
        sqlite: "",
        postgres: include_str!("../migrations/0015_mailing.postgres.sql"),
    },
    Migration {
        number: 16,
        works_with: 1,
        shared: include_str!("../migrations/0016_service_levels.sql"),
        sqlite: include_str!("../migrations/0016_service_levels.sqlite.sql"),
        postgres: include_str!("../migrations/0016_service_levels.postgres.sql"),
    },
    Migration {
        number: 17,
        works_with: 1,
        shared: "",
        sqlite: "",
        postgres: include_str!("../migrations/0017_partitions.postgres.sql"),
    },
    Migration {
        number: 18,
        works_with: 1,
        shared: "",
        sqlite: include_str!("../migrations/0018_history.sqlite.sql"),
        postgres: include_str!("../migrations/0018_history.postgres.sql"),
    },
    Migration {
        number: 19,
        works_with: 1,
        shared: include_str!("../migrations/0019_summaries_index.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        number: 20,
        works_with: 1,
        shared: include_str!("../migrations/0020_days.sql"),
        sqlite: include_str!("../migrations/0020_days.sqlite.sql"),
        postgres: include_str!("../migrations/0020_days.postgres.sql"),
    },
    Migration {
        number: 21,
        works_with: 1,
        shared: "",
        sqlite: "",
        postgres: include_str!("../migrations/0021_contacts.postgres.sql"),
    },
    // On PostgreSQL what is rare in a workflow, and which events have a name of their own: indexes, made before.
    Migration {
        number: 22,
        works_with: 1,
        shared: "",
        sqlite: include_str!("../migrations/0022_rare.sqlite.sql"),
        postgres: "",
    },
    Migration {
        number: 23,
        works_with: 1,
        shared: "",
        sqlite: include_str!("../migrations/0023_workflow.sqlite.sql"),
        postgres: "",
    },
];

/// What is done on PostgreSQL before a migration, each in a transaction of its own: what takes long beside the nodes, so that the migration itself is short. May be
/// done again, and by a node that comes when the migration is done.
const PREPARATIONS: &[(i64, &str)] = &[
    (17, include_str!("../migrations/0017_partitions.bound.postgres.sql")),
    (17, include_str!("../migrations/0017_partitions.checked.postgres.sql")),
];

/// Indexes of tables in partitions that are made on PostgreSQL before a migration, as [`PREPARATIONS`] are.
const INDEXES: &[(i64, postgres::Index)] = &[
    (
        21,
        postgres::Index {
            table: "workflow_executions",
            name: "idx_workflow_executions_contact_status",
            columns: "(contact_id, id, tenant_id, status) WHERE contact_id IS NOT NULL",
        },
    ),
    (
        22,
        postgres::Index {
            table: "workflow_executions",
            name: "idx_workflow_executions_workflow_failures",
            columns: "(workflow_id, id, tenant_id) WHERE actions_failed > 0",
        },
    ),
    (
        22,
        postgres::Index {
            table: "workflow_executions",
            name: "idx_workflow_executions_workflow_outcome",
            columns: "(workflow_id, outcome, id) WHERE outcome <> 'matched'",
        },
    ),
    (
        22,
        postgres::Index {
            table: "events",
            name: "idx_events_named",
            columns: "(id, external_id) WHERE external_id IS NOT NULL",
        },
    ),
];

/// Tables of which a tenant reads lists, by indexes that have their order. From a migration on, the second wall only checks their rows: as a condition of its own it left, to
/// PostgreSQL's planner, one in a thousand of what an index has where there are a thousand tenants, on top of the tenant that the statement names, so that it sorted what
/// had an order (1.6 s where 0.4 ms are enough). Done before the migration, each in a transaction of its own: nobody waits for two.
const CHECKED: (i64, [&str; 10]) = (
    22,
    [
        "workflow_executions",
        "workflow_execution_logs",
        "events",
        "contacts",
        "tickets",
        "submissions",
        "outbox",
        "notifications",
        "decisions",
        "invitations",
    ],
);

/// Before it migrations did not say whom they work with.
const SAYS_WORKS_WITH: i64 = 2;

/// The newest migration that this program knows.
pub(super) fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}

/// Brings the store up to date, and tells whether the second wall between tenants stands.
pub(super) async fn apply(connection: &mut Connection, now: Timestamp) -> StoreResult<Wall> {
    apply_all(connection, now, MIGRATIONS).await?;
    match &mut connection.inner {
        Inner::Postgres(database) => database.raise_wall().await,
        Inner::SqliteHere(_) | Inner::SqliteThere(_) => Ok(Wall::Missing),
    }
}

async fn apply_all(connection: &mut Connection, now: Timestamp, all: &[Migration]) -> StoreResult<()> {
    let first =
        "CREATE TABLE IF NOT EXISTS schema_migrations (number {id} PRIMARY KEY, applied_at {time} NOT NULL);";
    transaction(connection, first).await?;
    let applied = applied(connection).await?;
    newer_check(&applied)?;
    for migration in all.iter().filter(|migration| !applied.contains_key(&migration.number)) {
        let number = migration.number;
        if migration.works_with > oldest_running(connection).await? {
            tracing::warn!(
                migration = number,
                "a node of an older program is connected, which could not work with this migration: it is applied at the first start without one, or by vtrustx migrate"
            );
            continue;
        }
        if connection.dialect() == Dialect::Postgres {
            for (_, preparation) in PREPARATIONS.iter().filter(|(of, _)| *of == number) {
                transaction(connection, preparation).await?;
            }
        }
        if let Inner::Postgres(database) = &mut connection.inner {
            for (_, index) in INDEXES.iter().filter(|(of, _)| *of == number) {
                database.index_make(*index).await?;
            }
            let (of, tables) = CHECKED;
            for table in tables.iter().filter(|_| of == number) {
                let check = format!(
                    "ALTER POLICY tenant ON {table} USING (
                        coalesce(tenant_id = (SELECT CAST(nullif(current_setting('vtrustx.tenant', true), '') AS BIGINT)), FALSE));"
                );
                database.change_schema(&check, postgres::ATTEMPTS).await?;
            }
        }
        transaction(connection, &migration.text(connection.dialect(), now)).await?;
        tracing::info!(migration = number, "migration applied");
    }
    Ok(())
}

/// The migrations that the store has; those that say it, with the oldest program they work with.
async fn applied(connection: &mut Connection) -> StoreResult<BTreeMap<i64, Option<i64>>> {
    let rows = connection.query("SELECT number FROM schema_migrations", Vec::new()).await?;
    let numbers = rows.into_iter().map(|row| Ok((row.first()?, None)));
    let mut applied: BTreeMap<i64, Option<i64>> = numbers.collect::<StoreResult<_>>()?;
    if applied.contains_key(&SAYS_WORKS_WITH) {
        let sql = "SELECT number, works_with FROM schema_migrations WHERE number >= ?1";
        for row in connection.query(sql, params![SAYS_WORKS_WITH]).await? {
            let mut row = row.cells();
            applied.insert(row.take()?, row.take()?);
        }
    }
    Ok(applied)
}

/// Whether this program can work with the migrations that it does not know.
fn newer_check(applied: &BTreeMap<i64, Option<i64>>) -> StoreResult<()> {
    let known = known();
    let mut newer = applied.range(known + 1..);
    if newer.any(|(_, works_with)| works_with.is_none_or(|oldest| oldest > known)) {
        let found = applied.keys().last().copied().unwrap_or_default();
        return Err(StoreError::Newer { found, known });
    }
    if let Some((found, _)) = applied.range(known + 1..).last() {
        tracing::warn!(
            found,
            known,
            "a newer program has migrated the store, in a way that this one can work with"
        );
    }
    Ok(())
}

/// The newest migration that the oldest program known to be connected knows: programs say it in their sessions' names, except the first.
async fn oldest_running(connection: &mut Connection) -> StoreResult<i64> {
    match connection.dialect() {
        Dialect::Sqlite => Ok(known()),
        Dialect::Postgres => {
            let sql = "SELECT coalesce(min(CASE WHEN application_name = 'vtrustx' THEN 1 ELSE CAST(substr(application_name, 9) AS BIGINT) END), ?1)
                         FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^vtrustx(/[0-9]{1,9})?$'";
            connection.query_one(sql, params![known()]).await?.first()
        }
    }
}

/// Runs a text as one transaction.
async fn transaction(connection: &mut Connection, text: &str) -> StoreResult<()> {
    match &mut connection.inner {
        Inner::Postgres(database) => database.change_schema(text, postgres::ATTEMPTS).await,
        Inner::SqliteHere(_) | Inner::SqliteThere(_) => {
            connection.batch(format!("BEGIN IMMEDIATE;\n{text}\nCOMMIT")).await
        }
    }
}

impl Migration {
    /// All of it, its row in `schema_migrations` first: of two nodes that come to it at once, the second stops there.
    fn text(&self, dialect: Dialect, now: Timestamp) -> String {
        let Self { number, works_with, shared, .. } = self;
        let (own, now) = match dialect {
            Dialect::Sqlite => (self.sqlite, now.as_millis().to_string()),
            Dialect::Postgres => (self.postgres, format!("to_timestamp({} / 1000.0)", now.as_millis())),
        };
        let says = if *number < SAYS_WORKS_WITH {
            String::new()
        } else {
            format!("UPDATE schema_migrations SET works_with = {works_with} WHERE number = {number};")
        };
        format!(
            "INSERT INTO schema_migrations (number, applied_at) VALUES ({number}, {now});\n{shared}\n{own}\n{says}"
        )
    }
}

#[cfg(test)]
mod tests;
