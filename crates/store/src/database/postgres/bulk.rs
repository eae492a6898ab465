//! Many rows with one statement: as arrays, one for each column, or by COPY when there are many and they are only inserted. COPY fills a page before
//! it looks at the next one, and no executor passes the rows on.

use std::{error::Error, pin::pin, sync::Arc};

use bytes::{BufMut, BytesMut};
use tokio_postgres::{
    Client, Statement,
    binary_copy::BinaryCopyInWriter,
    types::{IsNull, Kind, ToSql, Type, to_sql_checked},
};

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

/// A statement for many rows that is prepared.
#[derive(Clone)]
pub(super) enum Rows {
    Arrays(Statement),
    Copy { statement: Statement, types: Arc<[Type]> },
}

impl Rows {
    pub(super) async fn copy(
        client: &Client,
        Target { table, columns }: Target<'_>,
    ) -> Result<Self, tokio_postgres::Error> {
        let described = client.prepare(&format!("SELECT {columns} FROM {table}")).await?;
        let types = described.columns().iter().map(|column| column.type_().clone()).collect();
        let statement =
            client.prepare(&format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)")).await?;
        Ok(Self::Copy { statement, types })
    }

    /// Whether each row has a value for each column.
    pub(super) fn fits(&self, rows: &[Vec<Value>]) -> bool {
        let columns = match self {
            Self::Arrays(statement) => statement.params().len(),
            Self::Copy { types, .. } => types.len(),
        };
        rows.iter().all(|row| row.len() == columns)
    }

    /// Writes rows that fit.
    pub(super) async fn run(
        &self,
        client: &Client,
        rows: &[Vec<Value>],
    ) -> Result<(), tokio_postgres::Error> {
        match self {
            Self::Arrays(statement) => {
                let columns: Vec<Column<'_>> =
                    (0..statement.params().len()).map(|index| Column { rows, index }).collect();
                let parameters: Vec<&(dyn ToSql + Sync)> =
                    columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
                client.execute(statement, &parameters).await.map(drop)
            }
            Self::Copy { statement, types } => {
                let mut writer = pin!(BinaryCopyInWriter::new(client.copy_in(statement).await?, types));
                for row in rows {
                    writer.as_mut().write_raw(row).await?;
                }
                writer.finish().await.map(drop)
            }
        }
    }
}

/// One column of many rows, sent as an array.
#[derive(Debug)]
struct Column<'a> {
    rows: &'a [Vec<Value>],
    index: usize,
}

impl ToSql for Column<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Array(member) = kind.kind() else { return Err(format!("{kind} is no array").into()) };
        let (one_dimension, may_hold_null, first_index) = (1, 1, 1);
        out.put_i32(one_dimension);
        out.put_i32(may_hold_null);
        out.put_u32(member.oid());
        out.put_i32(self.rows.len().try_into()?);
        out.put_i32(first_index);
        for row in self.rows {
            let value = row.get(self.index).ok_or("a row is too short")?;
            let start = out.len();
            out.put_i32(-1);
            if matches!(value.to_sql(member, out)?, IsNull::No) {
                let length: i32 = (out.len() - start - 4).try_into()?;
                out[start..start + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
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
