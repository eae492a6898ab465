//! Many new rows at once, by COPY: no executor passes them on one by one, and a page is filled before the next one is looked at.
//!
//! Only for statements that insert and do nothing else. An array for each column, which is what the others are given, is first taken apart into as many lists as there are
//! columns; of a batch of W2 that was a third of the server's time.

use std::pin::pin;

use tokio_postgres::{Client, Statement, binary_copy::BinaryCopyInWriter, types::Type};

use super::Value;

/// Fewer rows are sent with one message less by a statement.
pub(super) const ENOUGH: usize = 16;

/// What a statement inserts into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target<'a> {
    table: &'a str,
    columns: &'a str,
}

impl<'a> Target<'a> {
    /// Of `INSERT INTO table (columns) {rows:…}`, and of nothing that says more.
    pub(super) fn of(sql: &'a str) -> Option<Self> {
        let (before, rows) = sql.split_once("{rows:")?;
        let (table, columns) = before.strip_prefix("INSERT INTO ")?.split_once('(')?;
        let (columns, rest) = columns.split_once(')')?;
        let (_, after) = rows.split_once('}')?;
        (rest.trim().is_empty() && after.trim().is_empty()).then_some(Self { table: table.trim(), columns })
    }
}

/// A COPY that is prepared.
#[derive(Clone)]
pub(super) struct Copy {
    statement: Statement,
    types: Vec<Type>,
}

impl Copy {
    pub(super) async fn prepare(
        client: &Client,
        Target { table, columns }: Target<'_>,
    ) -> Result<Self, tokio_postgres::Error> {
        let described = client.prepare(&format!("SELECT {columns} FROM {table}")).await?;
        let types = described.columns().iter().map(|column| column.type_().clone()).collect();
        let statement =
            client.prepare(&format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)")).await?;
        Ok(Self { statement, types })
    }

    /// Whether each row has a value for each column: the library would panic over one that has not.
    pub(super) fn fits(&self, rows: &[Vec<Value>]) -> bool {
        rows.iter().all(|row| row.len() == self.types.len())
    }

    pub(super) async fn run(
        &self,
        client: &Client,
        rows: &[Vec<Value>],
    ) -> Result<(), tokio_postgres::Error> {
        let sink = client.copy_in(&self.statement).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &self.types));
        for row in rows {
            writer.as_mut().write_raw(row).await?;
        }
        writer.finish().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_inserts_and_does_nothing_else_is_copied() {
        let target = Target { table: "t", columns: "a, b" };
        assert_eq!(Target::of("INSERT INTO t (a, b)\n  {rows:bigint,json}"), Some(target));
        for other in [
            "INSERT INTO t (a, b) {rows:bigint,json} ON CONFLICT DO NOTHING",
            "WITH gone (a) AS ({rows:bigint}) DELETE FROM t USING gone WHERE t.a = gone.a",
            "INSERT INTO t (a, b) SELECT a, 1 FROM ({rows:bigint}) AS given (a)",
            "INSERT INTO t (a, b) VALUES (?1, ?2)",
        ] {
            assert_eq!(Target::of(other), None, "{other}");
        }
    }
}
