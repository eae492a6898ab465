//! What a database says of itself: its tables with their columns, keys and references.
//!
//! Whoever works on every table alike ([`crate::copy`]) asks here instead of repeating the migrations, so that a new table or column needs
//! nothing there. Every database has a catalogue of its own: the texts of this file are exceptions from "one text for all".

use std::collections::{BTreeMap, BTreeSet};

use super::{Cell, Connection, Row, Value, sql::Dialect};
use crate::{StoreError, StoreResult};

/// What a column holds, where the catalogue tells: SQLite knows only how a value is stored, so there instants, truth and documents
/// are [`Kind::Integer`] and [`Kind::Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Real,
    Bool,
    Time,
    Text,
    Json,
    /// A list of texts: an array on PostgreSQL, a document on SQLite.
    Texts,
    Bytes,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// Those that are written; what the database computes by itself is left out.
    pub(crate) columns: Vec<(String, Kind)>,
    /// The columns of the primary key, in its order.
    pub(crate) key: Vec<String>,
}

const SQLITE_COLUMNS: &str = r#"
    SELECT m.name, c.name, c.type, c.pk FROM sqlite_schema m, pragma_table_info(m.name) c
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid"#;
const SQLITE_REFERENCES: &str = r#"
    SELECT DISTINCT m.name, f."table" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'"#;

// The parts of a partitioned table are not listed: it is read and written as a whole. Nor is a part that was taken out and is about to go.
const POSTGRES_COLUMNS: &str = "
    SELECT c.relname, a.attname, t.typname, coalesce(array_position(CAST(i.indkey AS smallint[]), a.attnum) + 1, 0)
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname !~ '_from_[0-9]+(_gone)?$'
       AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
     ORDER BY c.relname, a.attnum";
// Some parts refer to each other: then so do the wholes.
const POSTGRES_REFERENCES: &str = "
    SELECT DISTINCT c.relname, r.relname FROM pg_constraint f
      JOIN pg_class c ON c.oid = coalesce((SELECT inhparent FROM pg_inherits WHERE inhrelid = f.conrelid), f.conrelid)
      JOIN pg_class r ON r.oid = coalesce((SELECT inhparent FROM pg_inherits WHERE inhrelid = f.confrelid), f.confrelid)
     WHERE f.contype = 'f' AND f.connamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";

/// Every table, each after those that it refers to.
///
/// # Errors
/// [`StoreError::Corrupt`] for a type that no migration uses; when the database refuses.
pub(crate) async fn tables(connection: &mut Connection) -> StoreResult<Vec<Table>> {
    let (columns, references) = match connection.dialect() {
        Dialect::Sqlite => (SQLITE_COLUMNS, SQLITE_REFERENCES),
        Dialect::Postgres => (POSTGRES_COLUMNS, POSTGRES_REFERENCES),
    };
    let mut found: BTreeMap<String, (Table, BTreeMap<i64, String>)> = BTreeMap::new();
    for row in connection.query(columns, Vec::new()).await? {
        let mut row = row.cells();
        let (name, column, kind): (String, String, String) = (row.take()?, row.take()?, row.take()?);
        let position: i64 = row.take()?;
        let kind = kind_of(&kind)
            .ok_or_else(|| StoreError::Corrupt(format!("{name}.{column} has the type {kind}")))?;
        let (table, key) = found
            .entry(name.clone())
            .or_insert_with(|| (Table { name, columns: Vec::new(), key: Vec::new() }, BTreeMap::new()));
        if position > 0 {
            key.insert(position, column.clone());
        }
        table.columns.push((column, kind));
    }
    let tables =
        found.into_values().map(|(table, key)| Table { key: key.into_values().collect(), ..table }).collect();
    let mut pairs = BTreeSet::new();
    for row in connection.query(references, Vec::new()).await? {
        let mut row = row.cells();
        pairs.insert((row.take()?, row.take()?));
    }
    Ok(in_order(tables, &pairs))
}

fn kind_of(name: &str) -> Option<Kind> {
    Some(match name.to_ascii_lowercase().as_str() {
        "integer" | "int8" | "int4" | "int2" => Kind::Integer,
        "real" | "float8" | "float4" => Kind::Real,
        "bool" => Kind::Bool,
        "timestamptz" => Kind::Time,
        "text" | "varchar" => Kind::Text,
        "jsonb" | "json" => Kind::Json,
        "_text" => Kind::Texts,
        "blob" | "bytea" => Kind::Bytes,
        _ => return None,
    })
}

/// Each table after those that it refers to; `references` are pairs of a table and one that it refers to.
fn in_order(mut tables: Vec<Table>, references: &BTreeSet<(String, String)>) -> Vec<Table> {
    let mut ordered: Vec<Table> = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let waits = |table: &Table| {
            tables.iter().any(|other| {
                other.name != table.name && references.contains(&(table.name.clone(), other.name.clone()))
            })
        };
        let (later, next): (Vec<Table>, Vec<Table>) = tables.clone().into_iter().partition(waits);
        if next.is_empty() {
            // Tables that refer to each other: no order is right, so the database has to say what it makes of this one.
            ordered.extend(later);
            break;
        }
        ordered.extend(next);
        tables = later;
    }
    ordered
}

impl Kind {
    /// The kind of a column that the two databases describe: the one that tells more.
    pub(crate) fn or_more_precise(self, other: Self) -> Self {
        if matches!(self, Self::Integer | Self::Text) { other } else { self }
    }

    /// What PostgreSQL's `unnest` is given for a column of this kind. A list of texts travels as a document: an array of arrays would be
    /// taken apart to its texts.
    pub(crate) const fn postgres_type(self) -> &'static str {
        match self {
            Self::Integer => "bigint",
            Self::Real => "float8",
            Self::Bool => "boolean",
            Self::Time => "timestamptz",
            Self::Text => "text",
            Self::Json | Self::Texts => "jsonb",
            Self::Bytes => "bytea",
        }
    }

    /// A cell as the parameter that every database takes for it.
    pub(crate) fn value(self, cell: Cell) -> Value {
        match (self, cell) {
            (_, Cell::Null) => Value::Null,
            (Self::Time, Cell::Integer(millis)) => Value::Time(model::Timestamp::from_millis(millis)),
            (Self::Bool, Cell::Integer(value)) => Value::Bool(value != 0),
            (_, Cell::Integer(value)) => Value::Integer(value),
            (_, Cell::Real(value)) => Value::Real(value),
            (Self::Json | Self::Texts, Cell::Text(text)) => Value::Json(text),
            (_, Cell::Text(text)) => Value::Text(text),
            (_, Cell::Bytes(bytes)) => Value::Bytes(bytes),
        }
    }
}

/// The number of the newest migration; none for a database that is no store.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn migration(connection: &mut Connection) -> StoreResult<Option<i64>> {
    let sql = match connection.dialect() {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'",
        Dialect::Postgres => "SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL",
    };
    if connection.query_optional(sql, Vec::new()).await?.is_none() {
        return Ok(None);
    }
    connection.query_one("SELECT max(number) FROM schema_migrations", Vec::new()).await.and_then(Row::first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        let table = |name: &str| Table { name: name.to_owned(), columns: Vec::new(), key: Vec::new() };
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let references =
            BTreeSet::from([pair("a", "b"), pair("b", "c"), pair("c", "c"), pair("x", "y"), pair("y", "x")]);
        let ordered = in_order(["a", "b", "c", "x", "y"].map(table).into(), &references);
        let names: Vec<&str> = ordered.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "a", "x", "y"]);
    }
}
