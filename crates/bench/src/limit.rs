//! The limit: what the disk and the database can do when nothing but the rows has to be written.
//!
//! A bare program writes the same rows, with the same tables and indexes, in transactions of the same size as the server's were,
//! from one session, with its statements prepared. It has no HTTP, no conditions, no templates, no queue; it does not read before it writes, and each
//! row is written once, in its final form, where the server changes an execution as it goes on. On PostgreSQL it uses COPY, which no
//! statement beats. So a ratio of 100 % cannot be reached.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};
use rusqlite::types::Value;

use crate::{
    latency::Latencies,
    place::{Database, Kind, Place},
    server,
    store::session,
};

const LONG_ENOUGH: Duration = Duration::from_secs(1);
/// So many executions' rows are written again at most.
const SAMPLE: f64 = 20_000.0;

/// How often a second the disk makes 4 KiB durable.
///
/// # Errors
/// When the folder cannot be written.
pub fn disk_commits(folder: &Path) -> Result<f64, String> {
    let failed = |error: std::io::Error| error.to_string();
    let path = folder.join("disk");
    let mut file = File::create(&path).map_err(failed)?;
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < LONG_ENOUGH {
        file.seek(SeekFrom::Start(u64::from(count % 1024) * 4096)).map_err(failed)?;
        file.write_all(&[7; 4096]).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        count += 1;
    }
    std::fs::remove_file(path).map_err(failed)?;
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

/// How many transactions of one small row the database commits a second, one by one.
///
/// # Errors
/// What it said.
pub async fn database_commits(database: &Database) -> Result<f64, String> {
    let mut bare = Bare::open(database).await?;
    bare.run("CREATE TABLE limit_commits (id BIGINT PRIMARY KEY, text TEXT)").await?;
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < LONG_ENOUGH {
        bare.run(&format!("INSERT INTO limit_commits VALUES ({count}, 'committed')")).await?;
        count += 1;
    }
    let took = begun.elapsed();
    bare.run("DROP TABLE limit_commits").await?;
    Ok(f64::from(count) / took.as_secs_f64())
}

/// A database with nothing around it.
enum Bare {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl Bare {
    async fn open(database: &Database) -> Result<Self, String> {
        match database.kind {
            Kind::Sqlite => sqlite(&database.folder.join("limit.db")).map(Self::Sqlite),
            Kind::Postgres => session(&database.address).await.map(Self::Postgres),
        }
    }

    async fn run(&mut self, sql: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql).map_err(|error| error.to_string()),
            Self::Postgres(client) => client.batch_execute(sql).await.map_err(|error| error.to_string()),
        }
    }
}

/// How long one waits for the commit of one small row, from when it is due, when so many a second are due and nothing else is done.
///
/// # Errors
/// What the database said.
pub async fn commit_latencies(database: &Database, rate: u32) -> Result<Latencies, String> {
    let gap = Duration::from_secs(1) / rate.max(1);
    let mut bare = Bare::open(database).await?;
    bare.run("CREATE TABLE limit_latencies (id BIGINT PRIMARY KEY, text TEXT)").await?;
    let (mut latencies, mut due) = (Latencies::default(), Instant::now());
    for id in 0..rate * 2 {
        due += gap;
        // Nothing else waits for this thread.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        bare.run(&format!("INSERT INTO limit_latencies VALUES ({id}, 'committed')")).await?;
        latencies.add(due.elapsed());
    }
    bare.run("DROP TABLE limit_latencies").await?;
    Ok(latencies)
}

/// How much of its time a processor does not give to a program that wants nothing but to run: to others on the same machine, or of the same host, which no counter here tells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standstill {
    /// Milliseconds of each second, on average of all processors, in pieces of more than half a millisecond.
    pub of_a_second: f64,
    /// The longest piece, in milliseconds.
    pub longest: f64,
}

/// Looks at the time on all processors for two seconds.
pub fn standstill() -> Standstill {
    const PIECE: Duration = Duration::from_micros(500);
    let look = || {
        let (begun, mut last) = (Instant::now(), Instant::now());
        let (mut all, mut longest) = (Duration::ZERO, Duration::ZERO);
        while begun.elapsed() < 2 * LONG_ENOUGH {
            let gap = last.elapsed();
            last += gap;
            if gap > PIECE {
                all += gap;
                longest = longest.max(gap);
            }
        }
        (all.as_secs_f64() * 1000.0 / begun.elapsed().as_secs_f64(), longest.as_secs_f64() * 1000.0)
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(look)).collect();
        let looked = threads.into_iter().map(|thread| thread.join().unwrap_or_default());
        looked.fold(Standstill::default(), |sum, (of_a_second, longest)| Standstill {
            of_a_second: sum.of_a_second + of_a_second / processors as f64,
            longest: sum.longest.max(longest),
        })
    })
}

/// The rows that a run added.
#[derive(Debug, Clone)]
pub struct Added {
    /// Executions.
    pub executions: f64,
    /// Rows by table, those that grew.
    pub tables: Vec<(String, f64)>,
    /// Executions in one commit, on average.
    pub batch: f64,
}

/// How many executions a second the bare program writes.
///
/// # Errors
/// What the database said.
pub async fn executions_per_second(
    binary: &Path,
    place: &Place,
    measured: &Database,
    added: &Added,
) -> Result<f64, String> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let target = place.database(&format!("limit_{}", NUMBER.fetch_add(1, Ordering::Relaxed)))?;
    server::run(binary, &target, &["migrate"])?;
    let share = (SAMPLE / added.executions).min(1.0);
    let executions = (added.executions * share).floor().max(1.0);
    let batches = (executions / added.batch.max(1.0)).ceil().max(1.0) as usize;
    let takes: Vec<(&str, usize)> = added
        .tables
        .iter()
        .map(|(table, count)| (table.as_str(), (count * share) as usize))
        .filter(|(_, count)| *count > 0)
        .collect();
    let took = match measured.kind {
        Kind::Sqlite => write_sqlite(measured, &target, &takes, batches)?,
        Kind::Postgres => write_postgres(measured, &target, &takes, batches).await?,
    };
    Ok(executions / took.as_secs_f64())
}

fn sqlite(path: &Path) -> Result<rusqlite::Connection, String> {
    let connection = rusqlite::Connection::open(path).map_err(|error| error.to_string())?;
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536")
        .map_err(|error| error.to_string())?;
    Ok(connection)
}

fn write_sqlite(
    from: &Database,
    to: &Database,
    takes: &[(&str, usize)],
    batches: usize,
) -> Result<Duration, String> {
    let failed = |error: rusqlite::Error| format!("the limit: {error}");
    let path = |database: &Database| database.address.trim_start_matches("sqlite:").to_owned();
    let source = rusqlite::Connection::open(path(from)).map_err(failed)?;
    let mut rows: Vec<(String, Vec<Vec<Value>>)> = Vec::new();
    for (table, count) in takes {
        let mut statement =
            source.prepare(&format!("SELECT * FROM {table} LIMIT {count}")).map_err(failed)?;
        let columns = statement.column_count();
        let read = statement
            .query_map([], |row| (0..columns).map(|column| row.get(column)).collect())
            .map_err(failed)?
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let marks = vec!["?"; columns].join(", ");
        rows.push((format!("INSERT OR REPLACE INTO {table} VALUES ({marks})"), read));
    }
    let target = sqlite(Path::new(&path(to)))?;
    let begun = Instant::now();
    for batch in 0..batches {
        let transaction = target.unchecked_transaction().map_err(failed)?;
        for (insert, rows) in &rows {
            let mut statement = transaction.prepare_cached(insert).map_err(failed)?;
            for row in part(rows, batch, batches) {
                statement.execute(rusqlite::params_from_iter(row)).map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)?;
    }
    Ok(begun.elapsed())
}

async fn write_postgres(
    from: &Database,
    to: &Database,
    takes: &[(&str, usize)],
    batches: usize,
) -> Result<Duration, String> {
    let failed = |error: tokio_postgres::Error| format!("the limit: {error:?}");
    let source = session(&from.address).await?;
    let mut rows: Vec<(String, Vec<Bytes>)> = Vec::new();
    for (table, count) in takes {
        let copied = source
            .copy_out(&format!("COPY (SELECT * FROM {table} LIMIT {count}) TO STDOUT"))
            .await
            .map_err(failed)?;
        let chunks: Vec<Bytes> = copied.try_collect().await.map_err(failed)?;
        let lines =
            chunks.concat().split_inclusive(|byte| *byte == b'\n').map(Bytes::copy_from_slice).collect();
        rows.push((format!("COPY {table} FROM STDIN"), lines));
    }
    let mut target = session(&to.address).await?;
    // What the new database has of itself (its first tenant) would be there twice; foreign keys are not looked at.
    let mut empty = "SET session_replication_role = replica;".to_owned();
    for (table, _) in takes {
        empty.push_str(&format!("DELETE FROM {table};"));
    }
    target.batch_execute(&empty).await.map_err(failed)?;
    let begun = Instant::now();
    for batch in 0..batches {
        let transaction = target.transaction().await.map_err(failed)?;
        for (copy, lines) in &rows {
            let lines = part(lines, batch, batches);
            if lines.is_empty() {
                continue;
            }
            let sink = transaction.copy_in::<_, Bytes>(copy).await.map_err(failed)?;
            let mut sink = std::pin::pin!(sink);
            sink.send(Bytes::from(lines.concat())).await.map_err(failed)?;
            sink.close().await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
    }
    Ok(begun.elapsed())
}

/// The `batch`th of `batches` equal parts.
fn part<T>(rows: &[T], batch: usize, batches: usize) -> &[T] {
    &rows[rows.len() * batch / batches..rows.len() * (batch + 1) / batches]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_the_whole() {
        let rows: Vec<u32> = (0..10).collect();
        let parts: Vec<&[u32]> = (0..4).map(|batch| part(&rows, batch, 4)).collect();
        assert_eq!(parts, [&rows[0..2], &rows[2..5], &rows[5..7], &rows[7..10]]);
    }
}
