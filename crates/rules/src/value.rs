//! JSON values as people read them: their text, their kind, and short forms for logs.

use std::{borrow::Cow, fmt::Write};

use serde::Serialize;
use serde_json::Value;

/// The longest side of a condition that a log keeps whole, in bytes.
const MAX_REPORTED: usize = 1_024;
/// The longest value inside a sentence, in characters.
const MAX_QUOTED: usize = 60;

/// What a value is, in the words of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A path that led nowhere, or JSON null.
    Missing,
    /// A JSON number.
    Number,
    /// Text, also when it is a number.
    Text,
    /// True or false.
    Boolean,
    /// An array.
    List,
    /// An object.
    Object,
}

impl Kind {
    pub(crate) const fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        }
    }

    /// With its article: `a list`.
    pub(crate) const fn article(self) -> &'static str {
        match self {
            Self::Missing => "null",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// What a text operator sees: text itself, numbers and booleans as their JSON text.
pub(crate) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What a template writes into text: nothing for null, JSON for lists and objects.
pub(crate) fn printed(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Array(_) | Value::Object(_) => Cow::Owned(value.to_string()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => text(value).unwrap_or_default(),
    }
}

/// Writes what [`printed`] answers, without a text of its own in between.
pub(crate) fn print(value: &Value, into: &mut String) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => into.push_str(if *flag { "true" } else { "false" }),
        Value::String(text) => into.push_str(text),
        // Most numbers are whole, and those need none of what formatting brings along.
        Value::Number(number) => match number.as_i64() {
            Some(whole) => into.push_str(itoa::Buffer::new().format(whole)),
            None => write!(into, "{number}").expect("writing to a String cannot fail"),
        },
        Value::Array(_) | Value::Object(_) => {
            write!(into, "{value}").expect("writing to a String cannot fail");
        }
    }
}

/// About how many bytes the value takes as JSON; walks without recursion and stops once past `limit`.
pub(crate) fn size(value: &Value, limit: usize) -> usize {
    match value {
        // Most values are no trees: nothing to keep a list for.
        Value::Null | Value::Bool(_) => return 5,
        Value::Number(_) => return 8,
        Value::String(text) => return text.len() + 3,
        Value::Array(_) | Value::Object(_) => {}
    }
    let mut total = 0_usize;
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        total += match value {
            Value::Null | Value::Bool(_) => 5,
            Value::Number(_) => 8,
            Value::String(text) => text.len() + 3,
            Value::Array(items) => {
                pending.extend(items);
                2
            }
            Value::Object(fields) => {
                pending.extend(fields.values());
                2 + fields.keys().map(|key| key.len() + 4).sum::<usize>()
            }
        };
        if total > limit {
            break;
        }
    }
    total
}

/// The value for a log: whole when it is small, else the beginning of its text.
pub(crate) fn reported(value: &Value) -> Value {
    if size(value, MAX_REPORTED) <= MAX_REPORTED {
        return value.clone();
    }
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.to_string()),
    };
    let mut end = MAX_REPORTED.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Value::String(format!("{}…", &text[..end]))
}

/// The value inside a sentence.
pub(crate) fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => match text.char_indices().nth(MAX_QUOTED) {
            Some((end, _)) => format!("\"{}…\"", &text[..end]),
            None => format!("\"{text}\""),
        },
        Value::Array(_) => "the list".to_owned(),
        Value::Object(_) => "the object".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
