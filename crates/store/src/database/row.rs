//! Rows that a query gives: read column by column, in the order of the `SELECT`.

use model::{Actor, Timestamp};

use crate::StoreError;

/// One value of a row, as the database gave it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A whole number; instants are milliseconds since 1970.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text or a JSON document.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A cell that does not hold what the code expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch(pub &'static str);

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub(crate) Vec<Cell>);

impl Row {
    /// The columns from the first to the last.
    #[must_use]
    pub fn cells(self) -> Cells {
        Cells { cells: self.0.into_iter(), column: 0 }
    }

    /// The only or first column.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the column holds something else.
    pub fn first<T: FromCell>(self) -> Result<T, StoreError> {
        self.cells().take()
    }
}

/// The columns of a row, taken one after the other.
#[derive(Debug)]
pub struct Cells {
    cells: std::vec::IntoIter<Cell>,
    column: usize,
}

impl Cells {
    /// The next column.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the column holds something else.
    pub fn take<T: FromCell>(&mut self) -> Result<T, StoreError> {
        self.column += 1;
        let cell =
            self.cells.next().ok_or_else(|| StoreError::Corrupt(format!("no column {}", self.column)))?;
        T::from_cell(cell)
            .map_err(|Mismatch(wanted)| StoreError::Corrupt(format!("column {} is no {wanted}", self.column)))
    }

    /// The next column, which is a JSON document.
    ///
    /// # Errors
    /// As for [`Cells::take`].
    pub fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text: String = self.take()?;
        serde_json::from_str(&text)
            .map_err(|error| StoreError::Corrupt(format!("column {}: {error}", self.column)))
    }
}

/// What a cell can be read as.
pub trait FromCell: Sized {
    /// Reads the cell.
    fn from_cell(cell: Cell) -> Result<Self, Mismatch>;
}

impl FromCell for i64 {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match cell {
            Cell::Integer(value) => Ok(value),
            _ => Err(Mismatch("whole number")),
        }
    }
}

impl FromCell for u32 {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        i64::from_cell(cell)?.try_into().map_err(|_| Mismatch("small whole number"))
    }
}

impl FromCell for f64 {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match cell {
            Cell::Real(value) => Ok(value),
            Cell::Integer(value) => Ok(value as f64),
            _ => Err(Mismatch("number")),
        }
    }
}

impl FromCell for bool {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        i64::from_cell(cell).map(|value| value != 0)
    }
}

impl FromCell for String {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match cell {
            Cell::Text(text) => Ok(text),
            _ => Err(Mismatch("text")),
        }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match cell {
            Cell::Bytes(bytes) => Ok(bytes),
            _ => Err(Mismatch("bytes")),
        }
    }
}

impl FromCell for Timestamp {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        i64::from_cell(cell).map(Self::from_millis).map_err(|_| Mismatch("instant"))
    }
}

impl FromCell for Actor {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        String::from_cell(cell)?.parse().map_err(|_| Mismatch("actor"))
    }
}

impl FromCell for model::event::EventName {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        String::from_cell(cell)?.parse().map_err(|_| Mismatch("event name"))
    }
}

impl FromCell for serde_json::Value {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        serde_json::from_str(&String::from_cell(cell)?).map_err(|_| Mismatch("JSON document"))
    }
}

impl FromCell for model::Document {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        serde_json::Value::from_cell(cell).map(Into::into)
    }
}

impl FromCell for serde_json::Map<String, serde_json::Value> {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        serde_json::from_str(&String::from_cell(cell)?).map_err(|_| Mismatch("JSON object"))
    }
}

impl FromCell for Vec<String> {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        serde_json::from_str(&String::from_cell(cell)?).map_err(|_| Mismatch("list of texts"))
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell) -> Result<Self, Mismatch> {
        match cell {
            Cell::Null => Ok(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}
