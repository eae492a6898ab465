//! A few connections for reading, handed out one at a time.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use model::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Connection, Inner, postgres, sqlite};
use crate::{StoreError, StoreResult};

/// More would only contend for two cores and keep more pages in memory.
pub(crate) const READERS: usize = 4;

/// Where new connections come from.
#[derive(Clone)]
pub(crate) enum Source {
    Sqlite(PathBuf),
    Postgres(Box<tokio_postgres::Config>),
}

/// The pool.
#[derive(Clone)]
pub(crate) struct Readers {
    source: Source,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}

impl Readers {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    pub(crate) const fn is_alone(&self) -> bool {
        matches!(self.source, Source::Sqlite(_))
    }

    /// A session of its own that may write.
    pub(crate) async fn lease(&self) -> StoreResult<Option<Connection>> {
        match &self.source {
            Source::Sqlite(_) => Ok(None),
            Source::Postgres(config) => {
                let database = postgres::Database::open(config, postgres::Role::Writer).await?;
                Ok(Some(Connection::new(Inner::Postgres(Box::new(database)))))
            }
        }
    }

    /// `tenant` restricts what can be seen where the database can do that.
    pub(crate) async fn take(&self, _tenant: Option<TenantId>) -> StoreResult<Reader> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => match &self.source {
                Source::Sqlite(path) => {
                    let path = path.clone();
                    let database = tokio::task::spawn_blocking(move || sqlite::open_reader(&path))
                        .await
                        .map_err(|error| StoreError::Unavailable(error.to_string()))??;
                    Connection::new(Inner::SqliteThere(Some(database)))
                }
                Source::Postgres(config) => {
                    let database = postgres::Database::open(config, postgres::Role::Reader).await?;
                    Connection::new(Inner::Postgres(Box::new(database)))
                }
            },
        };
        Ok(Reader { connection: Some(connection), idle: Arc::clone(&self.idle), _permit: permit })
    }
}

/// A connection for reading; goes back to the pool when it is dropped.
pub struct Reader {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    _permit: OwnedSemaphorePermit,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl Deref for Reader {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("held until the drop")
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("held until the drop")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A connection that was left in the middle of a query (its future was dropped) does not come back.
        if let Some(connection) = self.connection.take().filter(Connection::is_whole) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}
