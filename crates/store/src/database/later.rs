//! Rows that are written a little later, together with others of their kind: one statement for a whole batch.
//!
//! An operation that only adds what nobody reads before the commit says so ([`super::Connection::later`]) and goes on. The rows are written
//! before the commit, and before any statement that names one of their tables, so that nobody can tell.

use super::{Connection, Value};
use crate::StoreResult;

/// A statement for many rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Later {
    /// Statements of a lower place run first: a row before those that refer to it, an insertion before a change.
    pub(crate) place: u8,
    /// The table that it changes.
    pub(crate) table: &'static str,
    /// The text, with `{rows:…}`.
    pub(crate) sql: &'static str,
}

/// A statement with its rows, of which there is one at least.
#[derive(Debug)]
pub(super) struct Work<'s> {
    /// The table that it changes.
    pub(super) table: &'s str,
    pub(super) sql: &'s str,
    pub(super) rows: Vec<Vec<Value>>,
}

impl Work<'_> {
    /// How many values a row has: as many as the statement takes.
    pub(super) fn columns(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }
}

/// What is still to be written, in the order of the places.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<(Later, Vec<Vec<Value>>)>);

impl Pending {
    fn add(&mut self, statement: Later, row: Vec<Value>) {
        match self.0.binary_search_by_key(&statement.place, |(known, _)| known.place) {
            Ok(found) => self.0[found].1.push(row),
            Err(between) => self.0.insert(between, (statement, vec![row])),
        }
    }

    fn put(&mut self, statement: Later, row: Vec<Value>) {
        let known = self.0.binary_search_by_key(&statement.place, |(known, _)| known.place).ok();
        let earlier =
            known.and_then(|found| self.0[found].1.iter_mut().rfind(|earlier| earlier[0] == row[0]));
        match earlier {
            Some(earlier) => *earlier = row,
            None => self.add(statement, row),
        }
    }

    /// All; nothing is pending then.
    pub(super) fn take(&mut self) -> Vec<Work<'static>> {
        let pending = std::mem::take(&mut self.0);
        pending.into_iter().map(|(Later { table, sql, .. }, rows)| Work { table, sql, rows }).collect()
    }

    fn concerns(&self, sql: &str) -> bool {
        self.0.iter().any(|(statement, _)| sql.contains(statement.table))
    }
}

impl Connection {
    /// Writes a row with the next flush. Not for two changes of one row: whoever reads the row in between causes a flush.
    pub(crate) fn later(&mut self, statement: Later, row: Vec<Value>) {
        self.later.add(statement, row);
    }

    /// As [`Connection::later`], in the place of a row that is pending with the same first cell: two changes of one record are one.
    pub(crate) fn later_put(&mut self, statement: Later, row: Vec<Value>) {
        self.later.put(statement, row);
    }

    /// Writes what is pending.
    ///
    /// # Errors
    /// When the database refuses one of the rows: then none of its statement is written.
    pub(crate) async fn flush(&mut self) -> StoreResult<()> {
        let pending = self.later.take();
        self.execute_all(pending).await
    }

    /// Forgets what is pending.
    pub(crate) fn forget(&mut self) {
        self.later = Pending::default();
    }

    pub(super) async fn flush_for(&mut self, sql: &str) -> StoreResult<()> {
        if self.later.concerns(sql) { self.flush().await } else { Ok(()) }
    }
}
