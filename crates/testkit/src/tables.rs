//! Every row of every table of a store, read past the store: what is really there, whatever the product says of it.
//!
//! The same on both databases: instants are milliseconds since 1970, truth is 0 or 1, bytes are hexadecimal, and JSON documents are
//! text with their keys in order.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OpenFlags, types::Value as Cell};
use serde_json::{Map, Value};

use crate::{place::Place, postgres::TestDatabase};

/// Rows by table, each list in an order of its own that is the same for the same rows.
pub type Tables = BTreeMap<String, Vec<Row>>;
/// Cells by column.
pub type Row = BTreeMap<String, Value>;

impl Place {
    /// Every row of every table.
    ///
    /// # Panics
    /// When the database cannot be read.
    #[must_use]
    pub fn tables(&self) -> Tables {
        let mut tables = match self {
            Self::Sqlite(folder) => of_file(&folder.path().join(crate::place::FILE)),
            Self::Postgres(database) => of_database(database),
        };
        for rows in tables.values_mut() {
            for cell in rows.iter_mut().flat_map(|row| row.values_mut()) {
                if let Some(document) = cell.as_str().and_then(document) {
                    *cell = document.into();
                }
            }
            rows.sort_by_cached_key(|row| format!("{row:?}"));
        }
        tables
    }
}

fn of_file(path: &Path) -> Tables {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the test's database can be opened");
    let read = |sql: &str| -> rusqlite::Result<Vec<Row>> {
        let mut statement = database.prepare(sql)?;
        let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let rows = statement.query_map([], |row| {
            let cell = |(at, name): (usize, &String)| Ok((name.clone(), value(row.get(at)?)));
            columns.iter().enumerate().map(cell).collect()
        })?;
        rows.collect()
    };
    let tables = read("SELECT name FROM sqlite_master WHERE type = 'table'").expect("a database has tables");
    let names = tables.iter().filter_map(|row| row["name"].as_str());
    names
        .map(|name| (name.to_owned(), read(&format!("SELECT * FROM {name}")).expect("a table can be read")))
        .collect()
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => number.into(),
        Cell::Real(number) => number.into(),
        Cell::Text(text) => text.into(),
        Cell::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}

fn of_database(database: &TestDatabase) -> Tables {
    let columns = database.lines(
        "SELECT row_to_json(c) FROM (SELECT table_name, column_name, data_type FROM information_schema.columns
          WHERE table_schema = 'public' AND NOT (SELECT relispartition FROM pg_class WHERE oid = to_regclass(table_name))
          ORDER BY table_name, ordinal_position) c",
    );
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for column in columns.iter().map(|line| parsed(line)) {
        let text = |name: &str| column[name].as_str().unwrap_or_default().to_owned();
        let name = format!("\"{}\"", text("column_name"));
        let cell = match text("data_type").as_str() {
            "timestamp with time zone" => format!("(extract(epoch FROM {name}) * 1000)::bigint AS {name}"),
            "boolean" => format!("{name}::int AS {name}"),
            "bytea" => format!("encode({name}, 'hex') AS {name}"),
            "jsonb" => format!("{name}::text AS {name}"),
            _ => name,
        };
        lists.entry(text("table_name")).or_default().push(cell);
    }
    let queries = lists.iter().map(|(table, cells)| {
        format!("SELECT '{table} ' || row_to_json(r)::text FROM (SELECT {} FROM {table}) r", cells.join(", "))
    });
    let mut tables: Tables = lists.keys().map(|table| (table.clone(), Vec::new())).collect();
    for line in database.lines(&queries.collect::<Vec<_>>().join(" UNION ALL ")) {
        let (table, row) = line.split_once(' ').expect("a table's name before each row");
        tables.entry(table.to_owned()).or_default().push(parsed(row).into_iter().collect());
    }
    tables
}

fn parsed(line: &str) -> Map<String, Value> {
    serde_json::from_str(line).expect("PostgreSQL writes JSON")
}

/// The canonical text of a JSON document; none for other texts.
fn document(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok().filter(|_| text.starts_with(['{', '[']))?;
    Some(sorted(value).to_string())
}

/// The same document with the keys of every object in order.
#[must_use]
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        Value::Object(map) => {
            let members: BTreeMap<String, Value> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(members.into_iter().collect())
        }
        value => value,
    }
}
