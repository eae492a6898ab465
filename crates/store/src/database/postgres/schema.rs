//! Changes of tables while other nodes work with them.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::{Database, describe, ended_session, unavailable};
use crate::{StoreResult, database::sql::Dialect};

/// Taken by every change of the schema: "vtrustx" in ASCII.
const LOCK: i64 = 0x0076_7472_7573_7478;
/// How often a change is tried that does not get its locks, and how long the others have the tables to themselves in between.
pub(in crate::database) const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_secs(2);

impl Database {
    /// Runs a text as one transaction, alone among those that change the schema. Done already by another node: nothing to do.
    ///
    /// Whoever waits for a table holds up everyone who comes after. So no wait is longer than 0.9 seconds, less than it takes PostgreSQL to look for a deadlock
    /// (then it is this transaction that gives way, never a node's), and the change is tried again, as often as is said: a backup or a long query may hold a
    /// table for minutes.
    pub(in crate::database) async fn change_schema(&mut self, text: &str, attempts: u32) -> StoreResult<()> {
        let text = format!(
            "BEGIN; SET LOCAL client_min_messages = warning; SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock({LOCK}); SET LOCAL lock_timeout = '900ms';\n{text}\nCOMMIT"
        );
        let text = Dialect::Postgres.text(&text).into_owned();
        let mut attempt = 1;
        loop {
            let client = &self.session().await?.client;
            let Err(error) = client.batch_execute(&text).await else { return Ok(()) };
            // A session that is lost has nothing to take back.
            drop(client.batch_execute("ROLLBACK").await);
            if error.as_db_error().and_then(|error| error.constraint()) == Some("schema_migrations_pkey") {
                return Ok(());
            }
            if attempt >= attempts || !passes(&error) {
                return Err(unavailable(error));
            }
            tracing::info!(attempt, error = %describe(&error), "a change of the schema gives way and is tried again");
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Nothing is wrong with the change: others were in the way, or the server was.
fn passes(error: &tokio_postgres::Error) -> bool {
    let others = [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED, SqlState::T_R_DEADLOCK_DETECTED];
    error.is_closed()
        || error.as_db_error().is_some_and(|error| others.contains(error.code()) || ended_session(error))
}
