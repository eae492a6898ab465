//! Values on their way to the server and back, in the binary format.

use bytes::{BufMut, BytesMut};
use model::Timestamp;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::unavailable;
use crate::{
    StoreError, StoreResult,
    database::{
        row::{Cell, Row},
        value::Value,
    },
};

/// Microseconds from 1970 to 2000, where PostgreSQL's time begins.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

pub(super) fn row(row: &tokio_postgres::Row) -> StoreResult<Row> {
    let cells = row.columns().iter().enumerate().map(|(index, column)| {
        let raw = row.try_get::<_, Option<Raw<'_>>>(index).map_err(unavailable)?;
        match raw {
            None => Ok(Cell::Null),
            Some(Raw(bytes)) => cell(column.type_(), bytes).ok_or_else(|| {
                StoreError::Corrupt(format!("column {} of type {}", column.name(), column.type_()))
            }),
        }
    });
    cells.collect::<StoreResult<_>>().map(Row)
}

/// A value as it came, whatever its type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}

fn cell(kind: &Type, bytes: &[u8]) -> Option<Cell> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok().map(Cell::Text);
    match *kind {
        Type::BOOL => Some(Cell::Integer(i64::from(*bytes.first()? != 0))),
        Type::INT2 => Some(Cell::Integer(i16::from_be_bytes(bytes.try_into().ok()?).into())),
        Type::INT4 => Some(Cell::Integer(i32::from_be_bytes(bytes.try_into().ok()?).into())),
        Type::INT8 => Some(Cell::Integer(i64::from_be_bytes(bytes.try_into().ok()?))),
        Type::FLOAT4 => Some(Cell::Real(f32::from_be_bytes(bytes.try_into().ok()?).into())),
        Type::FLOAT8 => Some(Cell::Real(f64::from_be_bytes(bytes.try_into().ok()?))),
        Type::NUMERIC => numeric(bytes),
        Type::TIMESTAMPTZ | Type::TIMESTAMP => {
            let micros = i64::from_be_bytes(bytes.try_into().ok()?).checked_add(EPOCH_MICROS)?;
            Some(Cell::Integer(micros.div_euclid(1_000)))
        }
        Type::BYTEA => Some(Cell::Bytes(bytes.to_vec())),
        // The first byte is the format's version.
        Type::JSONB => text(bytes.get(1..)?),
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::JSON | Type::BPCHAR | Type::UNKNOWN => text(bytes),
        // A list of texts is a JSON document to the code.
        Type::TEXT_ARRAY => {
            let texts = <Vec<&str> as FromSql>::from_sql(kind, bytes).ok()?;
            serde_json::to_string(&texts).ok().map(Cell::Text)
        }
        _ => None,
    }
}

/// The sum of whole numbers is a `numeric`: base 10,000 digits with a weight.
fn numeric(bytes: &[u8]) -> Option<Cell> {
    let word = |index: usize| -> Option<i16> {
        Some(i16::from_be_bytes(bytes.get(index * 2..index * 2 + 2)?.try_into().ok()?))
    };
    let (digits, weight, sign) = (word(0)?, i32::from(word(1)?), word(2)?);
    let mut value = 0_f64;
    let mut whole = Some(0_i64);
    for index in 0..i32::from(digits) {
        let digit = word(4 + usize::try_from(index).ok()?)?;
        let power = weight - index;
        value += f64::from(digit) * 10_000_f64.powi(power);
        whole = match u32::try_from(power) {
            Ok(power) => whole
                .zip(10_000_i64.checked_pow(power).and_then(|factor| factor.checked_mul(digit.into())))
                .and_then(|(sum, part)| sum.checked_add(part)),
            Err(_) => whole.filter(|_| digit == 0),
        };
    }
    let is_negative = sign == 0x4000;
    Some(match whole {
        Some(whole) => Cell::Integer(if is_negative { -whole } else { whole }),
        None => Cell::Real(if is_negative { -value } else { value }),
    })
}

type Sent = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Sent {
        match (self, kind) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::Integer(value), &Type::INT8) => out.put_i64(*value),
            (Self::Integer(value), &Type::INT4) => out.put_i32((*value).try_into()?),
            (Self::Integer(value), &Type::INT2) => out.put_i16((*value).try_into()?),
            (Self::Integer(value), &Type::FLOAT8) => out.put_f64(*value as f64),
            (Self::Real(value), &Type::FLOAT8) => out.put_f64(*value),
            (Self::Real(value), &Type::FLOAT4) => out.put_f32(*value as f32),
            (Self::Bool(value), &Type::BOOL) => out.put_u8((*value).into()),
            (Self::Time(time), &Type::TIMESTAMPTZ) => out.put_i64(micros(*time)),
            (Self::Bytes(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (Self::Ids(ids), &Type::INT8) if ids.len() == 1 => out.put_i64(ids[0]),
            (Self::Ids(ids), &Type::INT8_ARRAY) => return ids.to_sql(kind, out),
            (Self::Json(text) | Self::Text(text), &Type::JSONB) => {
                out.put_u8(1);
                out.put_slice(text.as_bytes());
            }
            (
                Self::Json(text) | Self::Text(text),
                &Type::TEXT | &Type::VARCHAR | &Type::JSON | &Type::NAME,
            ) => {
                out.put_slice(text.as_bytes());
            }
            (Self::Json(text) | Self::Text(text), &Type::TEXT_ARRAY) => {
                return serde_json::from_str::<Vec<String>>(text)?.to_sql(kind, out);
            }
            (value, kind) => return Err(format!("a parameter of type {kind} cannot take {value:?}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn micros(time: Timestamp) -> i64 {
    time.as_millis().saturating_mul(1_000).saturating_sub(EPOCH_MICROS)
}

/// One column of many rows, sent as an array.
#[derive(Debug)]
pub(super) struct Column<'a> {
    pub(super) rows: &'a [Vec<Value>],
    pub(super) index: usize,
}

impl Column<'_> {
    /// As a statement takes them.
    pub(super) fn parameters(columns: &[Self]) -> Vec<&(dyn ToSql + Sync)> {
        columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect()
    }
}

impl ToSql for Column<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Sent {
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
    fn sums_are_read_as_whole_numbers() {
        // 1,234,567: digits 123, 4567; weight 1.
        let words: [i16; 6] = [2, 1, 0, 0, 123, 4567];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        assert_eq!(numeric(&bytes), Some(Cell::Integer(1_234_567)));
        let words: [i16; 5] = [1, -1, 0x4000, 1, 5000];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        assert_eq!(numeric(&bytes), Some(Cell::Real(-0.5)));
    }
}
