//! The facade over the databases: one SQL text for all.
//!
//! Texts are written with `?1`-style parameters and a handful of tokens for what differs ([`sql`]); values go in
//! as [`Value`]s, come out as [`Row`]s. Everything above this folder is unaware of which database it runs on.
//! SQLite runs in the process: its reads are sent to the blocking threads, its writes run on the writer's own thread.

mod migrations;
pub mod page;
pub mod readers;
pub mod row;
pub mod sql;
mod sqlite;
pub mod value;

use std::{borrow::Cow, path::PathBuf, str::FromStr};

pub use page::{Page, Paged};
pub use row::{Cells, Row};
pub use value::Value;

use crate::{StoreError, StoreResult};

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A file, used by one process at a time.
    Sqlite(PathBuf),
}

impl FromStr for Address {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.trim_start_matches("//").is_empty() => {
                Ok(Self::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            _ => Err(format!("{text:?} is not a database address: sqlite:PATH is needed")),
        }
    }
}

pub(crate) struct Opened {
    pub(crate) writer: Connection,
    pub(crate) readers: readers::Readers,
}

pub(crate) async fn open(address: &Address) -> StoreResult<Opened> {
    match address {
        Address::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || sqlite::open(&path))
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))?
        }
    }
}

/// A connection to whichever database is used.
#[derive(Debug)]
pub struct Connection {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    /// Runs on the calling thread, which may block: the writer's.
    SqliteHere(sqlite::Database),
    /// Runs on the blocking threads: a reader's. Empty only while a query is under way.
    SqliteThere(Option<sqlite::Database>),
}

impl Connection {
    /// Runs a query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database refuses.
    pub async fn query(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        parameters: Vec<Value>,
    ) -> StoreResult<Vec<Row>> {
        self.run(sql.into(), parameters, sqlite::Database::query).await
    }

    /// Runs a query that gives one row or none.
    ///
    /// # Errors
    /// As for [`Connection::query`].
    pub async fn query_optional(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        parameters: Vec<Value>,
    ) -> StoreResult<Option<Row>> {
        Ok(self.query(sql, parameters).await?.into_iter().next())
    }

    /// Runs a query that gives one row.
    ///
    /// # Errors
    /// As for [`Connection::query`]; [`StoreError::Corrupt`] when there is no row.
    pub async fn query_one(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        parameters: Vec<Value>,
    ) -> StoreResult<Row> {
        let sql = sql.into();
        let row = self.query_optional(sql.clone(), parameters).await?;
        row.ok_or_else(|| StoreError::Corrupt(format!("no row for: {sql}")))
    }

    /// Runs a statement and tells how many rows it changed.
    ///
    /// # Errors
    /// As for [`Connection::query`].
    pub async fn execute(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        parameters: Vec<Value>,
    ) -> StoreResult<u64> {
        self.run(sql.into(), parameters, sqlite::Database::execute).await
    }

    /// Runs one statement for many rows. The text names the rows' types where their values go: `{rows:bigint,text}`.
    ///
    /// # Errors
    /// As for [`Connection::query`].
    pub async fn execute_rows(&mut self, sql: &'static str, rows: Vec<Vec<Value>>) -> StoreResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.run(Cow::Borrowed(sql), rows, |database, sql, rows| {
            rows.iter().try_for_each(|row| database.execute(sql, row).map(drop))
        })
        .await
    }

    async fn run<P: Send + 'static, T: Send + 'static>(
        &mut self,
        sql: Cow<'static, str>,
        parameters: P,
        work: impl FnOnce(&mut sqlite::Database, &str, &P) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        match &mut self.inner {
            Inner::SqliteHere(database) => work(database, &sql::for_sqlite(&sql), &parameters),
            Inner::SqliteThere(slot) => {
                let mut database = slot.take().ok_or(StoreError::Closed)?;
                let (database, result) = tokio::task::spawn_blocking(move || {
                    let result = work(&mut database, &sql::for_sqlite(&sql), &parameters);
                    (database, result)
                })
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
                *slot = Some(database);
                result
            }
        }
    }

    fn is_whole(&self) -> bool {
        !matches!(self.inner, Inner::SqliteThere(None))
    }
}
