//! Connections for whoever works on a store from outside of it, without opening it as a server does: to copy and to examine it.

use std::path::Path;

use model::Timestamp;

use super::{Address, Connection, Inner, migrations, postgres, sqlite};
use crate::{StoreError, StoreResult};

/// A connection to a store as it is, which nothing is made or migrated for. Holds the lock of an SQLite file: no server can have it meanwhile.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such file; [`StoreError::InUse`]; [`StoreError::Unavailable`].
pub(crate) async fn hold(address: &Address) -> StoreResult<Connection> {
    if let Address::Sqlite(path) = address {
        must_exist(path)?;
    }
    open(address).await
}

/// A connection to a store that is made when it is new, and migrated. Holds the lock of an SQLite file.
///
/// # Errors
/// [`StoreError::InUse`]; [`StoreError::Newer`]; [`StoreError::Unavailable`].
pub(crate) async fn make(address: &Address, now: Timestamp) -> StoreResult<Connection> {
    let mut connection = open(address).await?;
    migrations::apply(&mut connection, now).await?;
    Ok(connection)
}

/// A connection that can only read, beside whatever server has the store.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such file; [`StoreError::Unavailable`].
pub(crate) async fn look(address: &Address) -> StoreResult<Connection> {
    match address {
        Address::Sqlite(path) => {
            must_exist(path)?;
            let path = path.clone();
            sqlite_there(move || sqlite::open_reader(&path, sqlite::Prefetch::new(&path))).await
        }
        Address::Postgres(_) => {
            // As the owner, who sees every tenant.
            let mut connection = open(address).await?;
            connection.batch("SET default_transaction_read_only = on").await?;
            Ok(connection)
        }
    }
}

/// Whether a process has the SQLite file open as its store. Never so on PostgreSQL: its nodes are in a table.
pub(crate) fn is_held(address: &Address) -> bool {
    match address {
        Address::Sqlite(path) => sqlite::is_locked(path),
        Address::Postgres(_) => false,
    }
}

/// The newest migration that this program knows.
pub(crate) fn newest_migration() -> i64 {
    migrations::known()
}

async fn open(address: &Address) -> StoreResult<Connection> {
    match address {
        Address::Sqlite(path) => {
            let path = path.clone();
            sqlite_there(move || sqlite::open(&path)).await
        }
        Address::Postgres(url) => {
            let database = postgres::Database::open(&postgres::config(url)?, postgres::Role::Writer).await?;
            Ok(Connection::new(Inner::Postgres(Box::new(database))))
        }
    }
}

/// Its statements run on the blocking threads, so that two stores work at the same time.
async fn sqlite_there(
    open: impl FnOnce() -> StoreResult<sqlite::Database> + Send + 'static,
) -> StoreResult<Connection> {
    let database = tokio::task::spawn_blocking(open)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))??;
    Ok(Connection::new(Inner::SqliteThere(Some(database))))
}

fn must_exist(path: &Path) -> StoreResult<()> {
    if path.exists() { Ok(()) } else { Err(StoreError::missing(format!("the store {}", path.display()))) }
}

impl Connection {
    /// Several processes may work on the database at once.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_))
    }
}
