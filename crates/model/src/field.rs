//! Changing single fields of a record by name: what the API's `PATCH`, `update_field` and `update_contact` share.
//!
//! A record says in [`Fields::set`] which names it has and what they accept; names that it does not have go to
//! its `attributes`. [`update`] applies a whole set or nothing; [`Fields::difference`] tells what changed, which is what the
//! `…_updated` events carry.

use serde_json::{Map, Value};

use crate::{Problem, Timestamp};

/// Why a value was not accepted for a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The record has no such field of its own.
    #[error("there is no such field")]
    Unknown,
    /// The field belongs to the server.
    #[error("cannot be set")]
    ReadOnly,
    /// The value is of the wrong kind.
    #[error("{0}")]
    Invalid(String),
}

/// A record whose fields can be set by name.
pub trait Fields {
    /// Sets one of the record's own fields; [`Refused::Unknown`] sends the value to [`Fields::attributes`].
    fn set(&mut self, field: &str, value: &Value) -> Result<(), Refused>;

    /// Where values of unknown names go; `None` when the record has no such place.
    fn attributes(&mut self) -> Option<&mut Map<String, Value>>;

    /// The fields that are different in `after`, with the values that they have here: of those that [`changing!`] names.
    fn difference(&self, after: &Self) -> Changes;
}

/// Compares the fields of a record that can change, and names the others too: a new field that is in neither list does not compile.
macro_rules! changing {
    ($($field:ident),+ ; not $($other:ident),+ $(,)?) => {
        fn difference(&self, after: &Self) -> $crate::field::Changes {
            let Self { $($field,)+ $($other: _),+ } = self;
            let mut previous = ::serde_json::Map::new();
            $(if *$field != after.$field {
                previous.insert(stringify!($field).to_owned(), ::serde_json::json!($field));
            })+
            $crate::field::Changes { previous }
        }
    };
}
pub(crate) use changing;

/// What an update changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// The values before, of the fields that changed.
    pub previous: Map<String, Value>,
}

impl Changes {
    /// Nothing is different from before.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.previous.is_empty()
    }

    /// The names of the fields that changed.
    #[must_use]
    pub fn changed(&self) -> Vec<&str> {
        self.previous.keys().map(String::as_str).collect()
    }
}

/// The record with `updates` applied: all or none.
///
/// # Errors
/// One problem for each field that was refused, at the field's name.
pub fn update<R: Fields>(mut record: R, updates: &Map<String, Value>) -> Result<R, Vec<Problem>> {
    let mut problems = Vec::new();
    for (field, value) in updates {
        match record.set(field, value) {
            Ok(()) => {}
            Err(Refused::Unknown) => match record.attributes() {
                Some(attributes) if value.is_null() => {
                    attributes.shift_remove(field);
                }
                Some(attributes) => {
                    attributes.insert(field.clone(), value.clone());
                }
                None => problems.push(Problem::at(field, Refused::Unknown.to_string())),
            },
            Err(refused) => problems.push(Problem::at(field, refused.to_string())),
        }
    }
    if problems.is_empty() { Ok(record) } else { Err(problems) }
}

/// Reads a value as text or nothing: null and the empty text clear the field, numbers and booleans are taken as
/// their text.
pub fn optional_text(value: &Value, longest: usize) -> Result<Option<String>, Refused> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(_) | Value::Object(_) => return Err(Refused::Invalid("must be text".to_owned())),
    };
    if text.chars().count() > longest {
        return Err(Refused::Invalid(format!("is longer than {longest} characters")));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// Reads a value as text that is not empty.
pub fn text(value: &Value, longest: usize) -> Result<String, Refused> {
    optional_text(value, longest)?.ok_or_else(|| Refused::Invalid("must not be empty".to_owned()))
}

/// Reads a value as an id or nothing; text that holds a number is taken as the number.
pub fn optional_id<T: TryFrom<i64, Error = crate::NotAnId>>(value: &Value) -> Result<Option<T>, Refused> {
    let invalid = || Refused::Invalid(crate::NotAnId.to_string());
    let number = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_i64().ok_or_else(invalid)?,
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse().map_err(|_| invalid())?,
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(invalid()),
    };
    T::try_from(number).map(Some).map_err(|_| invalid())
}

/// Reads a value as an instant or nothing.
pub fn optional_time(value: &Value) -> Result<Option<Timestamp>, Refused> {
    let text = optional_text(value, 64)?;
    let time = text.map(|text| text.parse().map_err(|error| Refused::Invalid(format!("{text:?} {error}"))));
    time.transpose()
}

/// Reads a value as one of a closed list of names.
pub fn name<T: std::str::FromStr<Err = crate::status::UnknownName>>(value: &Value) -> Result<T, Refused> {
    let text = value.as_str().ok_or_else(|| Refused::Invalid("must be text".to_owned()))?;
    text.parse().map_err(|unknown: crate::status::UnknownName| Refused::Invalid(unknown.to_string()))
}

/// Reads a value as an object.
pub fn object(value: &Value) -> Result<Map<String, Value>, Refused> {
    match value {
        Value::Object(fields) => Ok(fields.clone()),
        Value::Null => Ok(Map::new()),
        _ => Err(Refused::Invalid("must be an object".to_owned())),
    }
}

/// Reads a value as a list of tag names: trimmed, without repeats.
pub fn tags(value: &Value) -> Result<Vec<String>, Refused> {
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return Err(Refused::Invalid("must be a list of texts".to_owned())),
    };
    let mut tags: Vec<String> = Vec::with_capacity(list.len());
    for value in list {
        let tag = text(value, crate::entity::LONGEST_TAG)?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// Reads a value as an email address or nothing.
pub fn optional_email(value: &Value) -> Result<Option<String>, Refused> {
    match optional_text(value, 254)? {
        Some(text) if !looks_like_email(&text) => {
            Err(Refused::Invalid(format!("{text:?} is not an email address")))
        }
        text => Ok(text),
    }
}

/// A plain check: one `@` with something before it and a host after it, and no white space. Whether mail arrives only
/// the receiver knows.
#[must_use]
pub fn looks_like_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    !local.is_empty()
        && !host.is_empty()
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;\"()".contains(c))
        && !local.contains('@')
}
