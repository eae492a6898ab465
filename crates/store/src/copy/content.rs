//! What a table holds, as one number that does not depend on the order of its rows.
//!
//! Every row is hashed in a form that is the same on every database: a document by its values (PostgreSQL keeps no order of keys and writes numbers in its own
//! way), an instant as its milliseconds. The hashes are added up.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::table::{Mapped, PageSize};
use crate::{
    Connection, StoreError, StoreResult,
    database::{Cell, Row, catalogue::Kind},
};

/// A table's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) rows: u64,
    hashes: u64,
}

/// The number of rows alone.
pub(super) async fn count(table: &Mapped, connection: &mut Connection) -> StoreResult<Sum> {
    Ok(Sum { rows: table.count(connection).await?, hashes: 0 })
}

/// Reads the whole table.
pub(super) async fn sum(table: &Mapped, connection: &mut Connection) -> StoreResult<Sum> {
    let mut sum = Sum::default();
    let mut size = PageSize::new(super::PAGE);
    let mut after = None;
    loop {
        let page = table.page(connection, after, size.rows()).await?;
        let Some(last) = page.last() else { return Ok(sum) };
        size.learn(&page);
        after = Some(table.key_of(last));
        for row in &page {
            sum.rows += 1;
            sum.hashes = sum.hashes.wrapping_add(row_hash(table, row)?);
        }
    }
}

fn row_hash(table: &Mapped, row: &Row) -> StoreResult<u64> {
    let mut hasher = DefaultHasher::new();
    for (kind, cell) in table.kinds().zip(&row.0) {
        match (kind, cell) {
            (_, Cell::Null) => 0_u8.hash(&mut hasher),
            (Kind::Json | Kind::Texts, Cell::Text(text)) => {
                let document: Value = serde_json::from_str(text).map_err(|error| {
                    StoreError::Corrupt(format!("a document of {}: {error}", table.name()))
                })?;
                document_hash(&document).hash(&mut hasher);
            }
            (_, Cell::Integer(value)) => value.hash(&mut hasher),
            (_, Cell::Real(value)) => value.to_bits().hash(&mut hasher),
            (_, Cell::Text(text)) => text.hash(&mut hasher),
            (_, Cell::Bytes(bytes)) => bytes.hash(&mut hasher),
        }
    }
    Ok(hasher.finish())
}

/// The same for `{"a":1,"b":2.0}` and `{"b":2,"a":1.0}`.
fn document_hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Null => 0_u8.hash(&mut hasher),
        Value::Bool(value) => (1_u8, value).hash(&mut hasher),
        Value::Number(number) => {
            // A number is what it counts: 1, 1.0 and 1e0 are one.
            let whole = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 9e15);
            match (number.as_i64(), number.as_u64(), whole) {
                (Some(value), ..) => (2_u8, value).hash(&mut hasher),
                (None, Some(value), _) => (3_u8, value).hash(&mut hasher),
                // Below 2^53 and without a fraction: nothing is cut off.
                (None, None, Some(value)) => (2_u8, value as i64).hash(&mut hasher),
                (None, None, None) => {
                    (4_u8, number.as_f64().unwrap_or_default().to_bits()).hash(&mut hasher);
                }
            }
        }
        Value::String(text) => (5_u8, text).hash(&mut hasher),
        Value::Array(items) => {
            6_u8.hash(&mut hasher);
            items.iter().for_each(|item| document_hash(item).hash(&mut hasher));
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let mut hasher = DefaultHasher::new();
                (key, document_hash(value)).hash(&mut hasher);
                hasher.finish()
            });
            (7_u8, entries.fold(0, u64::wrapping_add)).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::document_hash;

    #[test]
    fn a_document_is_its_values() {
        let parsed = |text: &str| document_hash(&serde_json::from_str(text).unwrap());
        let same = [
            (r#"{"a":1,"b":[2.0,"x"]}"#, r#"{"b":[2,"x"],"a":1.0}"#),
            ("1e2", "100"),
            ("-0.0", "0"),
            ("1.50", "1.5"),
        ];
        for (one, other) in same {
            assert_eq!(parsed(one), parsed(other), "{one} {other}");
        }
        let different = [
            json!({"a": 1, "b": 2}),
            json!({"a": 2, "b": 1}),
            json!({"a": "1", "b": 2}),
            json!([1, 2]),
            json!([2, 1]),
            json!([[1], 2]),
            json!(null),
            json!([]),
            json!({}),
            json!(0),
            json!(false),
            json!(""),
            json!(1.5),
            json!(u64::MAX),
        ];
        let hashes: std::collections::BTreeSet<u64> = different.iter().map(document_hash).collect();
        assert_eq!(hashes.len(), different.len());
    }
}
