//! Carrying the write-ahead log into the file, beside the writer: everybody waits for the writer's thread, and copying pages is not its trade.
//!
//! This thread copies as soon as a few thousand pages have collected. A log begins anew only when all of it is copied, and under a load that does not pause
//! there is always a little more: so the writer itself copies that little once the log is long ([`WRITERS_PAGES`]).

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

use rusqlite::Connection;

/// Pages in the log that are worth a copy: 16 MiB. A page that was changed many times is copied once.
const PAGES: i64 = 4_096;
/// Pages in the log from which on the writer lends a hand: 64 MiB.
pub(super) const WRITERS_PAGES: i64 = 16_384;

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// None only while it ends.
    commits: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    pub(super) fn start(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // What is copied has to be on the disk before the log may be written over.
        connection.pragma_update(None, "synchronous", "FULL")?;
        let (commits, told) = sync_channel(1);
        let thread = Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || run(&connection, &told))
            .expect("the system can start a thread");
        Ok(Self { commits: Some(commits), thread: Some(thread) })
    }

    /// Something was committed: there may be enough by now. Does not wait.
    pub(super) fn committed(&self) {
        if let Some(commits) = &self.commits {
            // A full channel: the thread will look anyway.
            let _ = commits.try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.commits.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported where it happened.
            drop(thread.join());
        }
    }
}

fn run(connection: &Connection, told: &Receiver<()>) {
    while told.recv().is_ok() {
        if let Err(error) = copy_if_worth_it(connection) {
            tracing::debug!(%error, "a checkpoint was put off; the log grows until one is possible");
        }
    }
}

fn copy_if_worth_it(connection: &Connection) -> rusqlite::Result<()> {
    let (log, copied) = connection.query_row("PRAGMA wal_checkpoint(NOOP)", (), |row| {
        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    if log - copied >= PAGES {
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PAGES, copy_if_worth_it};

    #[test]
    fn a_log_that_is_long_enough_is_copied_and_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vtrustx.db");
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        writer.execute_batch("CREATE TABLE pages (page)").unwrap();
        let side = rusqlite::Connection::open(&path).unwrap();
        let fill = |pages: i64| {
            let sql = "INSERT INTO pages WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT zeroblob(4000) FROM n";
            writer.execute(sql, [pages]).unwrap();
        };
        let sizes = || {
            let sql = "PRAGMA wal_checkpoint(NOOP)";
            side.query_row(sql, (), |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))).unwrap()
        };
        fill(10);
        copy_if_worth_it(&side).unwrap();
        let (_, copied) = sizes();
        assert_eq!(copied, 0, "a few pages are not worth it");
        fill(PAGES);
        copy_if_worth_it(&side).unwrap();
        let (log, copied) = sizes();
        assert_eq!(log, copied);
        fill(1);
        assert!(sizes().0 < 100, "the log began anew");
    }
}
