//! A few connections for reading, handed out one at a time.
//!
//! Where the second wall between tenants stands, a connection that is handed out for a tenant sees nothing else. The one that needs the least
//! change is taken; the change is one round trip, and none when the connection was the tenant's before.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use metrics::Gauge;
use model::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Connection, Inner,
    postgres::{self, Nearness, View},
    sqlite,
};
use crate::{StoreError, StoreResult};

/// More would only contend for two cores and keep more pages in memory.
pub(crate) const READERS: usize = 4;

/// Where new connections come from.
#[derive(Clone)]
pub(crate) enum Source {
    Sqlite(PathBuf, sqlite::Prefetch),
    Postgres(Box<tokio_postgres::Config>),
}

/// Whether the database itself keeps tenants apart in what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wall {
    Stands,
    /// Not on SQLite, and not where the user may not take on the role that it needs.
    Missing,
}

/// The pool.
#[derive(Clone)]
pub(crate) struct Readers {
    source: Source,
    wall: Wall,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}

impl Readers {
    pub(crate) fn new(source: Source, wall: Wall) -> Self {
        Self { source, wall, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    pub(crate) const fn is_alone(&self) -> bool {
        matches!(self.source, Source::Sqlite(..))
    }

    pub(crate) const fn wall(&self) -> Wall {
        self.wall
    }

    /// How many are in nobody's hands.
    pub(crate) fn idle(&self) -> usize {
        self.permits.available_permits()
    }

    /// A session of its own that may write.
    pub(crate) async fn lease(&self) -> StoreResult<Option<Connection>> {
        match &self.source {
            Source::Sqlite(..) => Ok(None),
            Source::Postgres(config) => {
                let database = postgres::Database::open(config, postgres::Role::Writer).await?;
                Ok(Some(Connection::new(Inner::Postgres(Box::new(database)))))
            }
        }
    }

    /// `tenant` restricts what can be seen where the database can do that.
    pub(crate) async fn take(&self, tenant: Option<TenantId>, waiting: &Gauge) -> StoreResult<Reader> {
        let waits = waiting.hold();
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        drop(waits);
        let view = match (self.wall, tenant) {
            (Wall::Stands, Some(tenant)) => View::Tenant(tenant),
            (Wall::Missing, _) | (Wall::Stands, None) => View::Everything,
        };
        let connection = match self.nearest(view) {
            Some(connection) => connection,
            None => match &self.source {
                Source::Sqlite(path, prefetch) => {
                    let (path, prefetch) = (path.clone(), prefetch.clone());
                    let database = tokio::task::spawn_blocking(move || sqlite::open_reader(&path, prefetch))
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
        let mut reader =
            Reader { connection: Some(connection), idle: Arc::clone(&self.idle), _permit: permit };
        if let Inner::Postgres(database) = &mut reader.inner {
            database.look(view).await?;
        }
        Ok(reader)
    }

    /// The idle connection that needs the least change; of several the one used last. None when a new one is better: sessions change between
    /// tenants at little cost, but one that changes between a tenant and all of them has its statements planned anew.
    fn nearest(&self, view: View) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let nearness = |connection: &Connection| match &connection.inner {
            Inner::Postgres(database) => database.view().nearness(view),
            Inner::SqliteHere(_) | Inner::SqliteThere(_) => Nearness::Same,
        };
        let (index, nearest) = idle.iter().map(nearness).enumerate().max_by_key(|(_, nearness)| *nearness)?;
        // Of the permits that are left and the caller's own, some have no connection yet.
        let has_room = idle.len() <= self.permits.available_permits();
        let is_good = nearest > Nearness::Far || !has_room;
        is_good.then(|| idle.remove(index))
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
