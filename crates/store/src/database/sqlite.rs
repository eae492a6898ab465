//! SQLite in this process: opening the file, and running statements on a thread that may block.

mod checkpoint;
mod prefetch;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{OpenFlags, functions::FunctionFlags, types::ValueRef};

use self::checkpoint::Checkpoints;
pub(crate) use self::prefetch::Prefetch;
use super::{
    Question,
    row::{Cell, Row},
    sql::Dialect,
    value::Value,
};
use crate::{StoreError, StoreResult};

/// The oldest version without the WAL-reset corruption bug.
const OLDEST_VERSION: i32 = 3_051_003;

/// How long another holder of the file is waited for: one that is about to end, or a child of the one that has ended, which shares its files until it
/// runs a program of its own.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// One connection.
#[derive(Debug)]
pub(crate) struct Database {
    /// Beside the one that writes.
    checkpoints: Option<Checkpoints>,
    /// Beside one that reads.
    prefetch: Option<Prefetch>,
    connection: rusqlite::Connection,
    /// Held as long as the writer lives: one process at a time.
    _lock: Option<File>,
}

pub(crate) fn open(path: &Path) -> StoreResult<Database> {
    if rusqlite::version_number() < OLDEST_VERSION {
        return Err(StoreError::Unavailable(format!("SQLite {} can corrupt its file", rusqlite::version())));
    }
    let unavailable = |what: &str, error: std::io::Error| {
        StoreError::Unavailable(format!("{what} {}: {error}", path.display()))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder).map_err(|error| unavailable("cannot make the folder of", error))?;
    }
    let lock = lock(path)?;
    make_file(path).map_err(|error| unavailable("cannot make", error))?;
    let connection = rusqlite::Connection::open(path)?;
    // Before the first table is made: pages of deleted history can then be given back to the disk.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "wal_autocheckpoint", checkpoint::WRITERS_PAGES)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    // Savepoints keep what they may have to take back: in memory, not in a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(256);
    connection.busy_timeout(Duration::from_secs(5))?;
    add_fold(&connection)?;
    let checkpoints = Some(Checkpoints::start(path)?);
    Ok(Database { checkpoints, prefetch: None, connection, _lock: Some(lock) })
}

/// The folder, and those above it that are missing, for nobody but their owner. What is there already keeps its mode: somebody chose it.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// SQLite would make the file for everybody to read; its log takes over the mode of the file.
fn make_file(path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    lock_path.into()
}

/// Whether a process has the file as its store. Makes nothing.
pub(crate) fn is_locked(path: &Path) -> bool {
    let file = File::options().write(true).open(lock_path(path));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// SQLite would let a second process in; two engines would then run every execution twice. Blocks for [`LOCK_PATIENCE`].
fn lock(path: &Path) -> StoreResult<File> {
    let lock_path = lock_path(path);
    let file =
        File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(|error| {
            StoreError::Unavailable(format!("cannot open {}: {error}", lock_path.display()))
        })?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse(format!(
                    "{} is in use by another vtrustx process; an SQLite store admits one. Stop the other process, or talk to it with --url and --api-key",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => {
                return Err(StoreError::Unavailable(format!("cannot lock {}: {error}", lock_path.display())));
            }
        }
    }
}

/// `fold(text)`: in lower case, whatever the script. Not named `lower`, which indexes of the file are made with.
fn add_fold(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("fold", 1, flags, |context| {
        let text = context.get_raw(0).as_str_or_null()?;
        Ok(text.map(str::to_lowercase))
    })
}

/// A connection that only reads, with so many KiB for pages of its own.
fn read_only(path: &Path, cache: i64) -> rusqlite::Result<rusqlite::Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", -cache)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

pub(crate) fn open_reader(path: &Path, prefetch: Prefetch) -> StoreResult<Database> {
    let connection = read_only(path, 1_024)?;
    connection.set_prepared_statement_cache_capacity(64);
    add_fold(&connection)?;
    Ok(Database { checkpoints: None, prefetch: Some(prefetch), connection, _lock: None })
}

impl Database {
    pub(super) const fn prefetch(&self) -> Option<&Prefetch> {
        self.prefetch.as_ref()
    }

    pub(crate) fn commit(&mut self) -> StoreResult<()> {
        self.connection.prepare_cached("COMMIT")?.execute(())?;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.committed();
        }
        Ok(())
    }

    /// Before the connection closes: everything into the one file that people copy.
    pub(crate) fn settle(&mut self) -> StoreResult<()> {
        self.checkpoints = None;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
        Ok(())
    }

    pub(crate) fn batch(&mut self, sql: &str) -> StoreResult<()> {
        Ok(self.connection.execute_batch(&Dialect::Sqlite.text(sql))?)
    }

    pub(crate) fn prepare(&mut self, sql: &str) -> StoreResult<()> {
        self.connection.prepare_cached(&Dialect::Sqlite.text(sql))?;
        Ok(())
    }

    pub(crate) fn query(&mut self, sql: &str, parameters: &Vec<Value>) -> StoreResult<Vec<Row>> {
        let mut statement = self.connection.prepare_cached(&Dialect::Sqlite.text(sql))?;
        let columns = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let mut cells = Vec::with_capacity(columns);
            for column in 0..columns {
                cells.push(match row.get_ref(column)? {
                    ValueRef::Null => Cell::Null,
                    ValueRef::Integer(value) => Cell::Integer(value),
                    ValueRef::Real(value) => Cell::Real(value),
                    ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
                });
            }
            out.push(Row(cells));
        }
        Ok(out)
    }

    pub(crate) fn query_all(&mut self, questions: &[Question]) -> StoreResult<Vec<Vec<Row>>> {
        questions.iter().map(|(sql, parameters)| self.query(sql, parameters)).collect()
    }

    pub(crate) fn execute(&mut self, sql: &str, parameters: &Vec<Value>) -> StoreResult<u64> {
        let mut statement = self.connection.prepare_cached(&Dialect::Sqlite.text(sql))?;
        Ok(statement.execute(rusqlite::params_from_iter(parameters))? as u64)
    }

    /// The same statement for each of the rows.
    pub(crate) fn execute_each(&mut self, sql: &str, rows: &[Vec<Value>]) -> StoreResult<()> {
        let mut statement = self.connection.prepare_cached(&Dialect::Sqlite.text(sql))?;
        for row in rows {
            statement.execute(rusqlite::params_from_iter(row))?;
        }
        Ok(())
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ToSqlOutput::{Borrowed, Owned};
        Ok(Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Self::Text(text) | Self::Json(text) => ValueRef::Text(text.as_bytes()),
            Self::Time(time) => ValueRef::Integer(time.as_millis()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Ids(ids) => {
                let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                return Ok(Owned(rusqlite::types::Value::Text(format!("[{list}]"))));
            }
        }))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_new_is_for_the_owner_alone_and_what_was_there_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let path = folder.path().join("data/store/vtrustx.db");
        let open = || {
            let mut database = super::open(&path).unwrap();
            database.batch("CREATE TABLE IF NOT EXISTS x (y)").unwrap();
            let log = mode(&path.with_extension("db-wal"));
            (mode(path.parent().unwrap().parent().unwrap()), mode(path.parent().unwrap()), mode(&path), log)
        };
        assert_eq!(open(), (0o700, 0o700, 0o600, 0o600));

        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let (above, own, file, _) = open();
        assert_eq!((above, own, file, mode(folder.path())), (0o700, 0o755, 0o640, 0o750));
    }
}
