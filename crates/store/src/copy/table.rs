//! One table as both stores have it: the statements that walk over it and fill it.

use std::fmt::Write;

use super::CopyError;
use crate::{
    Connection, StoreResult,
    database::{
        Cell, Row, Value,
        catalogue::{Kind, Table},
        sql::Dialect,
    },
};

/// What belongs to a database or to its running processes, and not to the store's content; and what the target's triggers add up themselves.
const OWN: [&str; 5] =
    ["commit_marks", "execution_days", "execution_summaries", "nodes", "schema_migrations"];
/// Bytes of a page that is aimed at: rows may hold a megabyte each.
const PAGE_BYTES: usize = 4 << 20;
/// Rows of the first page of a table, before it is known how large they are.
const FIRST_PAGE: usize = 100;

/// A table with the columns that both stores have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapped {
    name: String,
    columns: Vec<(String, Kind)>,
    /// Where the key's columns are among the columns.
    key: Vec<usize>,
}

/// The tables that both stores have, in the order of `to`. At the same migration, what only one side has is that database's own: a column that it
/// computes, a table for its sessions.
pub(super) fn map(from: &[Table], to: Vec<Table>) -> Result<Vec<Mapped>, CopyError> {
    to.into_iter()
        .filter(|table| !OWN.contains(&table.name.as_str()))
        .filter_map(|table| Some((from.iter().find(|other| other.name == table.name)?, table)))
        .map(|(from, to)| {
            let columns: Vec<(String, Kind)> = to
                .columns
                .into_iter()
                .filter_map(|(name, kind)| {
                    let (_, other) = from.columns.iter().find(|(other, _)| *other == name)?;
                    Some((name, kind.or_more_precise(*other)))
                })
                .collect();
            let place = |name: &String| columns.iter().position(|(column, _)| column == name);
            let key: Option<Vec<usize>> = to.key.iter().map(place).collect();
            match key.filter(|key| !key.is_empty() && to.key == from.key) {
                Some(key) => Ok(Mapped { name: to.name, columns, key }),
                None => Err(CopyError::Table(to.name)),
            }
        })
        .collect()
}

impl Mapped {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.columns.iter().map(|(_, kind)| *kind)
    }

    /// The primary key of a row of this table.
    pub(crate) fn key_of(&self, row: &Row) -> Vec<Cell> {
        self.key.iter().filter_map(|place| row.0.get(*place).cloned()).collect()
    }

    pub(crate) async fn count(&self, connection: &mut Connection) -> StoreResult<u64> {
        let sql = format!("SELECT count(*) FROM {}{}", self.name, predicate(&self.conditions()));
        let count: i64 = connection.query_one(sql, Vec::new()).await?.first()?;
        Ok(count.unsigned_abs())
    }

    /// Up to `limit` rows in the order of the key, after the row with the key `after`.
    pub(crate) async fn page(
        &self,
        connection: &mut Connection,
        after: Option<Vec<Cell>>,
        limit: usize,
    ) -> StoreResult<Vec<Row>> {
        let dialect = connection.dialect();
        let columns: Vec<String> =
            self.columns.iter().map(|(name, kind)| self.selected(name, *kind, dialect)).collect();
        let key: Vec<String> =
            self.key.iter().map(|place| format!("\"{}\"", self.columns[*place].0)).collect();
        let key = key.join(", ");
        let mut conditions = self.conditions();
        let mut parameters: Vec<Value> = Vec::new();
        if let Some(after) = after {
            let marks: Vec<String> = (1..=after.len()).map(|number| format!("?{number}")).collect();
            conditions.push(format!("({key}) > ({})", marks.join(", ")));
            parameters
                .extend(self.key.iter().zip(after).map(|(place, cell)| self.columns[*place].1.value(cell)));
        }
        parameters.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        let sql = format!(
            "SELECT {} FROM {}{} ORDER BY {key} LIMIT ?{}",
            columns.join(", "),
            self.name,
            predicate(&conditions),
            parameters.len()
        );
        connection.query(sql, parameters).await
    }

    /// A column as it is read: who has an execution in hand stays behind, for that is a process of the source.
    fn selected(&self, name: &str, kind: Kind, dialect: Dialect) -> String {
        match (self.name.as_str(), name, kind, dialect) {
            ("workflow_executions", "owner", ..) => "NULL".to_owned(),
            (.., Kind::Texts, Dialect::Postgres) => format!("to_jsonb(\"{name}\")"),
            _ => format!("\"{name}\""),
        }
    }

    /// The mark of the copy itself is no content.
    fn conditions(&self) -> Vec<String> {
        if self.name == "store_facts" { vec![format!("name <> '{}'", super::mark::FACT)] } else { Vec::new() }
    }

    /// The statement that adds rows of these columns.
    pub(crate) fn insert(&self, dialect: Dialect) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let names = names.join(", ");
        let mut sql = format!("INSERT INTO {} ({names}) ", self.name);
        let marks = 1..=self.columns.len();
        match dialect {
            Dialect::Sqlite => {
                let marks: Vec<String> = marks.map(|number| format!("?{number}")).collect();
                sql.push_str(&format!("VALUES ({})", marks.join(", ")));
            }
            Dialect::Postgres => {
                let given: Vec<String> = marks
                    .zip(self.kinds())
                    .map(|(number, kind)| format!("?{number}::{}[]", kind.postgres_type()))
                    .collect();
                let taken: Vec<String> = self
                    .columns
                    .iter()
                    .map(|(name, kind)| match kind {
                        Kind::Texts => format!(
                            "CASE WHEN \"{name}\" IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(\"{name}\")) END"
                        ),
                        _ => format!("\"{name}\""),
                    })
                    .collect();
                let (given, taken) = (given.join(", "), taken.join(", "));
                sql.push_str(&format!("SELECT {taken} FROM unnest({given}) AS given({names})"));
            }
        }
        sql
    }

    /// A row as the parameters of [`Mapped::insert`].
    pub(crate) fn values(&self, row: &Row) -> Vec<Value> {
        self.kinds().zip(&row.0).map(|(kind, cell)| kind.value(cell.clone())).collect()
    }
}

fn predicate(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

/// How many rows the next page has: as many as are about [`PAGE_BYTES`], judged by the page before.
#[derive(Debug)]
pub(crate) struct PageSize {
    rows: usize,
    most: usize,
}

impl PageSize {
    pub(crate) fn new(most: usize) -> Self {
        Self { rows: FIRST_PAGE.min(most), most }
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn learn(&mut self, page: &[Row]) {
        let bytes: usize = page.iter().flat_map(|row| &row.0).map(bytes_of).sum();
        let fitting = PAGE_BYTES / (bytes / page.len().max(1)).max(1);
        // A few small rows say little of those behind them.
        self.rows = fitting.min(self.rows * 4).clamp(1, self.most);
    }
}

fn bytes_of(cell: &Cell) -> usize {
    match cell {
        Cell::Null => 1,
        Cell::Integer(_) | Cell::Real(_) => 8,
        Cell::Text(text) => text.len(),
        Cell::Bytes(bytes) => bytes.len(),
    }
}

/// A key for people: `7, "vip"`.
pub(crate) fn shown(key: &[Cell]) -> String {
    let mut out = String::new();
    for cell in key {
        if !out.is_empty() {
            out.push_str(", ");
        }
        match cell {
            Cell::Null => out.push_str("null"),
            Cell::Integer(value) => out.push_str(&value.to_string()),
            Cell::Real(value) => out.push_str(&value.to_string()),
            Cell::Text(text) => out.push_str(&format!("{text:?}")),
            // Hashes of credentials are keys too: a few digits tell which.
            Cell::Bytes(bytes) => {
                for byte in bytes.iter().take(4) {
                    // A String takes whatever is written to it.
                    let _ = write!(out, "{byte:02x}");
                }
                out.push('…');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_of_two_databases() {
        let table = |columns: &[(&str, Kind)]| Table {
            name: "t".to_owned(),
            columns: columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
            key: vec!["b".to_owned(), "a".to_owned()],
        };
        let sqlite =
            table(&[("a", Kind::Integer), ("b", Kind::Text), ("tags", Kind::Text), ("own", Kind::Text)]);
        let postgres = table(&[("tags", Kind::Texts), ("a", Kind::Time), ("b", Kind::Text)]);
        let mapped = map(std::slice::from_ref(&sqlite), vec![postgres.clone()]).unwrap().remove(0);
        assert_eq!(mapped, {
            let columns = map(std::slice::from_ref(&postgres), vec![sqlite]).unwrap().remove(0).columns;
            let order = [2, 0, 1].map(|place: usize| columns[place].clone());
            Mapped { columns: order.into(), ..mapped.clone() }
        });
        assert_eq!(mapped.key, [2, 1]);
        assert_eq!(mapped.insert(Dialect::Sqlite), r#"INSERT INTO t ("tags", "a", "b") VALUES (?1, ?2, ?3)"#);
        assert_eq!(
            mapped.insert(Dialect::Postgres),
            r#"INSERT INTO t ("tags", "a", "b") SELECT CASE WHEN "tags" IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text("tags")) END, "a", "b" FROM unnest(?1::jsonb[], ?2::timestamptz[], ?3::text[]) AS given("tags", "a", "b")"#
        );
        let other = Table { key: vec!["a".to_owned()], ..postgres.clone() };
        assert_eq!(map(&[postgres], vec![other]), Err(CopyError::Table("t".to_owned())));
    }

    #[test]
    fn large_rows_make_small_pages() {
        let row = |bytes: usize| Row(vec![Cell::Text("x".repeat(bytes))]);
        let mut size = PageSize::new(1_000);
        let mut seen = vec![size.rows()];
        for bytes in [10, 10, 10, 1 << 20, 5 << 20, 100] {
            size.learn(&[row(bytes)]);
            seen.push(size.rows());
        }
        assert_eq!(seen, [100, 400, 1_000, 1_000, 4, 1, 4]);
    }
}
