//! The facade over the databases: one SQL text for all.
//!
//! Texts are written with `?1`-style parameters and a handful of tokens for what differs ([`sql`]); values go in
//! as [`Value`]s, come out as [`Row`]s. Everything above this folder is unaware of which database it runs on.
//! SQLite runs in the process: its reads are sent to the blocking threads, its writes run on the writer's own thread.

pub(crate) mod catalogue;
mod later;
mod migrations;
pub(crate) mod outside;
pub mod page;
mod postgres;
pub mod readers;
pub mod row;
pub mod sql;
mod sqlite;
pub mod value;

use std::{borrow::Cow, path::PathBuf, str::FromStr};

pub(crate) use later::Later;
use later::Work;
pub use page::{Page, Paged};
pub(crate) use row::Cell;
pub use row::{Cells, Row};
pub use value::Value;

use model::{NodeId, Timestamp};
use sql::Dialect;
pub(crate) use sqlite::Prefetch;

use crate::{StoreError, StoreResult};

/// Where the data is.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A file, used by one process at a time.
    Sqlite(PathBuf),
    /// The address of a database on a server, with user and password.
    Postgres(String),
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            // The address holds a password.
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

impl FromStr for Address {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.trim_start_matches("//").is_empty() => {
                Ok(Self::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            _ => {
                Err("a database address is sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME".to_owned())
            }
        }
    }
}

pub(crate) struct Opened {
    /// One for each lane of the writer; a file has one.
    pub(crate) writers: Vec<Connection>,
    /// Where ids are reserved apart from the transactions that use them; none where the writer does it itself.
    pub(crate) ids: Option<Connection>,
    pub(crate) readers: readers::Readers,
}

/// Queries on their way at the same time.
const AT_ONCE: usize = 16;

/// Lanes of the writer where several transactions can be under way: no more than there are processors to feed them.
const MOST_LANES: usize = 4;

pub(crate) async fn open(address: &Address, now: Timestamp) -> StoreResult<Opened> {
    match address {
        Address::Sqlite(path) => {
            let path = path.clone();
            let open = move || {
                let mut writer = Connection::new(Inner::SqliteHere(sqlite::open(&path)?));
                let wall = futures_executor::block_on(migrations::apply(&mut writer, now))?;
                let prefetch = Prefetch::new(&path);
                let readers = readers::Readers::new(readers::Source::Sqlite(path, prefetch), wall);
                Ok(Opened { writers: vec![writer], ids: None, readers })
            };
            tokio::task::spawn_blocking(open)
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))?
        }
        Address::Postgres(url) => {
            let config = postgres::config(url)?;
            let open = async || {
                let database = postgres::Database::open(&config, postgres::Role::Writer).await?;
                StoreResult::Ok(Connection::new(Inner::Postgres(Box::new(database))))
            };
            let mut first = open().await?;
            let wall = migrations::apply(&mut first, now).await?;
            let mut writers = vec![first];
            let lanes = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_LANES);
            while writers.len() < lanes {
                writers.push(open().await?);
            }
            for writer in &mut writers {
                writer.become_lane()?;
            }
            let ids = Some(open().await?);
            let readers = readers::Readers::new(readers::Source::Postgres(Box::new(config)), wall);
            Ok(Opened { writers, ids, readers })
        }
    }
}

/// A text with its parameters.
pub(crate) type Question = (Cow<'static, str>, Vec<Value>);

/// A connection to whichever database is used.
#[derive(Debug)]
pub struct Connection {
    inner: Inner,
    /// Rows that are written with the next statement that could miss them, at the latest before the commit.
    later: later::Pending,
}

#[derive(Debug)]
enum Inner {
    /// Runs on the calling thread, which may block: the writer's.
    SqliteHere(sqlite::Database),
    /// Runs on the blocking threads: a reader's. Empty only while a query is under way.
    SqliteThere(Option<sqlite::Database>),
    /// A session with a server.
    Postgres(Box<postgres::Database>),
}

impl Connection {
    fn new(inner: Inner) -> Self {
        Self { inner, later: later::Pending::default() }
    }

    /// Runs a query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database refuses.
    pub async fn query(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        parameters: Vec<Value>,
    ) -> StoreResult<Vec<Row>> {
        let sql = sql.into();
        self.flush_for(&sql).await?;
        match &mut self.inner {
            Inner::Postgres(database) => database.query(&sql, &parameters).await,
            _ => self.run_sqlite(move |database| database.query(&sql, &parameters)).await,
        }
    }

    /// Runs several queries, none of which changes anything or needs the answer of another: where statements travel, all are on their way before the first is answered.
    ///
    /// # Errors
    /// As for [`Connection::query`].
    pub(crate) async fn query_all(&mut self, questions: Vec<Question>) -> StoreResult<Vec<Vec<Row>>> {
        for (sql, _) in &questions {
            self.flush_for(sql).await?;
        }
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        let Inner::Postgres(database) = &mut self.inner else {
            return self.run_sqlite(move |database| database.query_all(&questions)).await;
        };
        let mut answers = Vec::with_capacity(questions.len());
        for some in questions.chunks(AT_ONCE) {
            answers.extend(database.query_all(some).await?);
        }
        Ok(answers)
    }

    /// As [`Connection::query_all`], for questions that are known one by one: what is not asked has no rows.
    ///
    /// # Errors
    /// As for [`Connection::query`].
    pub(crate) async fn query_each<const N: usize>(
        &mut self,
        questions: [Option<Question>; N],
    ) -> StoreResult<[Vec<Row>; N]> {
        let is_asked = questions.each_ref().map(Option::is_some);
        let mut answers = self.query_all(questions.into_iter().flatten().collect()).await?.into_iter();
        Ok(is_asked.map(|is_asked| if is_asked { answers.next().unwrap_or_default() } else { Vec::new() }))
    }

    /// What brings rows into memory that lie in as many places, before they are read. Only for a file.
    pub(crate) fn prefetch(&self) -> Option<Prefetch> {
        match &self.inner {
            Inner::SqliteThere(Some(database)) => database.prefetch().cloned(),
            Inner::SqliteThere(None) | Inner::SqliteHere(_) | Inner::Postgres(_) => None,
        }
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
        let sql = sql.into();
        self.flush_for(&sql).await?;
        match &mut self.inner {
            Inner::Postgres(database) => database.execute(&sql, &parameters).await,
            _ => self.run_sqlite(move |database| database.execute(&sql, &parameters)).await,
        }
    }

    /// Runs one statement for many rows. The text names the rows' types where their values go: `{rows:bigint,text}`.
    ///
    /// # Errors
    /// As for [`Connection::query`].
    pub async fn execute_rows(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        rows: Vec<Vec<Value>>,
    ) -> StoreResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = sql.into();
        if let Inner::Postgres(database) = &mut self.inner {
            return database.execute_all(&[Work { table: "", sql: &sql, rows }]).await;
        }
        self.run_sqlite(move |database| database.execute_each(&sql, &rows)).await
    }

    /// As [`Connection::execute_rows`], for several statements: where they travel, all are on their way before the first is answered.
    async fn execute_all(&mut self, work: Vec<Work<'static>>) -> StoreResult<()> {
        if let Inner::Postgres(database) = &mut self.inner {
            return if work.is_empty() { Ok(()) } else { database.execute_all(&work).await };
        }
        for Work { sql, rows, .. } in work {
            self.execute_rows(sql, rows).await?;
        }
        Ok(())
    }

    /// Several statements at once, without parameters.
    pub(crate) async fn batch(&mut self, sql: impl Into<Cow<'static, str>>) -> StoreResult<()> {
        let sql = sql.into();
        match &mut self.inner {
            Inner::Postgres(database) => database.batch(&sql).await,
            _ => self.run_sqlite(move |database| database.batch(&sql)).await,
        }
    }

    /// Changes tables beside whoever works with them, as one transaction; gives way after one attempt. For a server: a file has nobody beside it.
    pub(crate) async fn change_schema(&mut self, text: &str) -> StoreResult<()> {
        match &mut self.inner {
            Inner::Postgres(database) => database.change_schema(text, 1).await,
            Inner::SqliteHere(_) | Inner::SqliteThere(_) => Ok(()),
        }
    }

    /// Only prepares a statement: whether the database understands it.
    ///
    /// # Errors
    /// As for [`Connection::query`].
    pub async fn prepare(&mut self, sql: String) -> StoreResult<()> {
        match &mut self.inner {
            Inner::Postgres(database) => database.prepare(&sql).await,
            _ => self.run_sqlite(move |database| database.prepare(&sql)).await,
        }
    }

    /// A statement of the transaction's own, without parameters. Where statements travel, it goes out with the next one.
    pub(crate) async fn command(&mut self, sql: &'static str) -> StoreResult<()> {
        match &mut self.inner {
            Inner::Postgres(database) => database.command(sql),
            _ => self.execute(sql, Vec::new()).await.map(drop),
        }
    }

    /// Whether statements block the thread that runs them.
    pub(crate) fn blocks(&self) -> bool {
        matches!(self.inner, Inner::SqliteHere(_))
    }

    /// Begins a transaction, of this node when one is given: where several may work, its row is locked to the end.
    pub(crate) async fn begin(&mut self, node: Option<NodeId>) -> StoreResult<()> {
        match &mut self.inner {
            Inner::Postgres(database) => database.begin(node).await,
            _ => self.command("BEGIN IMMEDIATE").await,
        }
    }

    fn become_lane(&mut self) -> StoreResult<()> {
        match &mut self.inner {
            Inner::Postgres(database) => database.become_lane(),
            _ => Ok(()),
        }
    }

    /// Writes what is pending and commits. After an error nothing of the transaction is left, and it may be begun anew.
    pub(crate) async fn commit(&mut self) -> StoreResult<()> {
        if let Inner::Postgres(database) = &mut self.inner {
            return database.commit(&self.later.take()).await;
        }
        self.flush().await?;
        if let Inner::SqliteHere(database) = &mut self.inner {
            return database.commit();
        }
        self.command("COMMIT").await
    }

    pub(crate) async fn rollback(&mut self) -> StoreResult<()> {
        match &mut self.inner {
            Inner::Postgres(database) => database.rollback().await,
            _ => self.command("ROLLBACK").await,
        }
    }

    /// Before the last connection closes: everything in its place, nothing of itself left on a server.
    pub(crate) async fn settle(&mut self) -> StoreResult<()> {
        match &mut self.inner {
            Inner::SqliteHere(database) => database.settle(),
            Inner::SqliteThere(_) => Ok(()),
            Inner::Postgres(database) => database.retire().await,
        }
    }

    /// Before transactions that change far more pages than a server's do: keeps them in memory to the commit. A server has its own.
    pub(crate) async fn enlarge_cache(&mut self) -> StoreResult<()> {
        match &mut self.inner {
            Inner::Postgres(_) => Ok(()),
            _ => self.batch("PRAGMA cache_size = -262144").await,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.inner {
            Inner::SqliteHere(_) | Inner::SqliteThere(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }

    async fn run_sqlite<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut sqlite::Database) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        match &mut self.inner {
            Inner::SqliteHere(database) => work(database),
            Inner::SqliteThere(slot) => {
                let mut database = slot.take().ok_or(StoreError::Closed)?;
                let (database, result) = tokio::task::spawn_blocking(move || {
                    let result = work(&mut database);
                    (database, result)
                })
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
                *slot = Some(database);
                result
            }
            Inner::Postgres(_) => Err(StoreError::Closed),
        }
    }

    fn is_whole(&self) -> bool {
        !matches!(self.inner, Inner::SqliteThere(None))
    }
}
