//! Rows that are about to be read, brought into the system's memory by several connections at once.
//!
//! What a list shows of one person lies in as many places as it has rows, and SQLite asks the disk for one page after the other. A disk answers four
//! requests in little more time than one.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::join_all;
use model::TenantId;

use super::read_only;
use crate::{
    StoreError, StoreResult,
    database::{sql::Dialect, value::Value},
    params,
};

/// Requests that the disk has at once.
const AT_ONCE: usize = 4;
/// Rows that are not worth a thread of their own.
const FEW: usize = 4;
/// KiB of a connection: what is read is kept by the system.
const CACHE: i64 = 128;

/// The connections that do it, shared by all that read the same file.
#[derive(Debug, Clone)]
pub(crate) struct Prefetch {
    path: PathBuf,
    idle: Arc<Mutex<Vec<rusqlite::Connection>>>,
}

impl Prefetch {
    pub(in crate::database) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Arc::default() }
    }

    /// How many connections it has made and kept.
    #[cfg(test)]
    pub(crate) fn connections(&self) -> usize {
        self.idle.lock().unwrap().len()
    }

    /// Reads the rows with these ids and forgets them. `rows` is a statement that looks at them, `?1` being the ids and `?2` the tenant.
    pub(crate) async fn read(&self, rows: &'static str, tenant: TenantId, ids: &[i64]) -> StoreResult<()> {
        let parts = ids.chunks(ids.len().div_ceil(AT_ONCE).max(FEW)).map(|part| {
            let (prefetch, parameters) = (self.clone(), params![Value::Ids(part.to_vec()), tenant]);
            tokio::task::spawn_blocking(move || prefetch.read_part(rows, &parameters))
        });
        for part in join_all(parts).await {
            part.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        }
        Ok(())
    }

    fn read_part(&self, rows: &str, parameters: &[Value]) -> StoreResult<()> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| read_only(&self.path, CACHE), Ok)?;
        let mut statement = connection.prepare_cached(&Dialect::Sqlite.text(rows))?;
        statement.query_row(rusqlite::params_from_iter(parameters), |_| Ok(()))?;
        drop(statement);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < AT_ONCE {
            idle.push(connection);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "SELECT count(*) FROM things WHERE id {among:?1} AND tenant_id = ?2";

    #[tokio::test]
    async fn connections_are_kept_and_no_more_than_are_needed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vtrustx.db");
        let mut writer = super::super::open(&path).unwrap();
        writer.batch("CREATE TABLE things (id INTEGER PRIMARY KEY, tenant_id INTEGER)").unwrap();
        let prefetch = Prefetch::new(&path);
        let kept = async |rows| {
            let ids = (1..=rows).collect::<Vec<_>>();
            prefetch.read(ROWS, TenantId::new(1), &ids).await.map(|()| prefetch.connections())
        };
        assert_eq!((kept(0).await, kept(3).await), (Ok(0), Ok(1)));
        for _ in 0..3 {
            assert!((1..=AT_ONCE).contains(&kept(51).await.unwrap()));
        }
        writer.batch("DROP TABLE things").unwrap();
        assert!(kept(51).await.is_err(), "what cannot be read is said");
    }
}
