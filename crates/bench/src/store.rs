//! Looking into the store with its own library, past the server: what is there, and as rows that a bare program can write again.

use rusqlite::{OpenFlags, types};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::place::{Database, Kind};

/// A way to read.
#[derive(Debug)]
pub enum Store {
    /// The file.
    Sqlite(rusqlite::Connection),
    /// A session.
    Postgres(tokio_postgres::Client),
}

impl Store {
    /// Opens it beside the server.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn open(database: &Database) -> Result<Self, String> {
        match database.kind {
            Kind::Sqlite => {
                let path = database.address.trim_start_matches("sqlite:");
                let opened = rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
                let connection = opened.map_err(|error| error.to_string())?;
                connection
                    .busy_timeout(std::time::Duration::from_secs(10))
                    .map_err(|error| error.to_string())?;
                Ok(Self::Sqlite(connection))
            }
            Kind::Postgres => session(&database.address).await.map(Self::Postgres),
        }
    }

    /// The number that a query gives; nothing counts as 0.
    ///
    /// # Errors
    /// What the database said.
    pub async fn number(&self, sql: &str) -> Result<f64, String> {
        match self {
            Self::Sqlite(connection) => {
                let value: types::Value = connection
                    .query_row(sql, [], |row| row.get(0))
                    .map_err(|error| format!("{sql}: {error}"))?;
                Ok(match value {
                    types::Value::Integer(number) => number as f64,
                    types::Value::Real(number) => number,
                    types::Value::Null | types::Value::Text(_) | types::Value::Blob(_) => 0.0,
                })
            }
            Self::Postgres(client) => {
                let messages = client.simple_query(sql).await.map_err(|error| format!("{sql}: {error:?}"))?;
                let cell = messages.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0),
                    _ => None,
                });
                Ok(cell.and_then(|cell| cell.parse().ok()).unwrap_or(0.0))
            }
        }
    }

    /// Every number that a query of one column gives.
    ///
    /// # Errors
    /// What the database said.
    pub async fn numbers(&self, sql: &str) -> Result<Vec<f64>, String> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(sql).map_err(|error| format!("{sql}: {error}"))?;
                let numbers = statement.query_map([], |row| row.get(0)).map_err(|error| error.to_string())?;
                numbers.collect::<Result<_, _>>().map_err(|error| format!("{sql}: {error}"))
            }
            Self::Postgres(client) => {
                let messages = client.simple_query(sql).await.map_err(|error| format!("{sql}: {error:?}"))?;
                let cells = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
                    _ => None,
                });
                Ok(cells.collect())
            }
        }
    }

    /// The names of the tables that hold rows of the product.
    ///
    /// # Errors
    /// What the database said.
    pub async fn tables(&self) -> Result<Vec<String>, String> {
        match self {
            Self::Sqlite(connection) => {
                let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
                let mut statement = connection.prepare(sql).map_err(|error| error.to_string())?;
                let names = statement.query_map([], |row| row.get(0)).map_err(|error| error.to_string())?;
                names.collect::<Result<_, _>>().map_err(|error| error.to_string())
            }
            Self::Postgres(client) => {
                let sql = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
                              AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname";
                let rows = client.query(sql, &[]).await.map_err(|error| error.to_string())?;
                Ok(rows.iter().map(|row| row.get(0)).collect())
            }
        }
    }

    /// How many rows each table has.
    ///
    /// # Errors
    /// What the database said.
    pub async fn counts(&self) -> Result<Vec<(String, f64)>, String> {
        let mut counts = Vec::new();
        for table in self.tables().await? {
            let count = self.number(&format!("SELECT count(*) FROM {table}")).await?;
            counts.push((table, count));
        }
        Ok(counts)
    }

    /// Bytes of the write-ahead log so far, which is what PostgreSQL writes before it acknowledges; 0 for SQLite.
    ///
    /// # Errors
    /// What the database said.
    pub async fn log_bytes(&self) -> Result<f64, String> {
        match self {
            Self::Sqlite(_) => Ok(0.0),
            Self::Postgres(_) => self.number("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").await,
        }
    }
}

/// A session of PostgreSQL.
///
/// # Errors
/// When it cannot be had.
pub async fn session(address: &str) -> Result<tokio_postgres::Client, String> {
    let connected = tokio_postgres::connect(address, NoTls).await;
    let (client, connection) = connected.map_err(|error| format!("PostgreSQL: {error}"))?;
    tokio::spawn(connection);
    Ok(client)
}
