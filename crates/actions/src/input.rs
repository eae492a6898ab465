//! The types of config fields: what is meant, and what rendering a template may give instead.
//!
//! `"{{contact.id}}"` renders to a number or to text, `"{{score}}"` as a title renders to a number, a missing value
//! renders to empty text. So an id takes numeric text, text takes a number, and an optional field takes empty text
//! as absence. Each type also says how the web form draws it, by its JSON Schema.

use std::borrow::Cow;

use model::{
    Period,
    entity::EntityKind,
    mailing::Purpose,
    notification::NotificationType,
    ticket::{TicketPriority, TicketStatus},
    user::Role,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

/// A type of config field.
trait Input: Sized {
    const NAME: &'static str;
    fn read(value: Value) -> Result<Self, String>;
    fn schema() -> Schema;
}

macro_rules! inputs {
    ($([$($generic:ident: $bound:ident)?] $name:ty),* $(,)?) => {$(
        impl<'de $(, $generic: $bound)?> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::read(Value::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }

        impl<$($generic: $bound)?> JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                Self::NAME.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                Self::schema()
            }
        }
    )*};
}

inputs!([] Text, [T: IdType] Id<T>, [T: Named] Choice<T>, [] Span, [] Flag, [] Whole, [] List, [] Fields, [] Headers);

/// Text; numbers and booleans as they print, lists and objects as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(pub String);

impl Input for Text {
    const NAME: &'static str = "Text";

    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(Self(text)),
            Value::Null => Ok(Self::default()),
            other => Ok(Self(other.to_string())),
        }
    }

    fn schema() -> Schema {
        json_schema!({"type": "string"})
    }
}

impl Text {
    /// One line of at most `longest` characters: white space is folded, the rest is cut, because what a customer
    /// wrote must not make a step fail by its length. `None` when nothing is left.
    #[must_use]
    pub fn line(&self, longest: usize) -> Option<String> {
        let folded = self.0.split_whitespace().collect::<Vec<_>>().join(" ");
        (!folded.is_empty()).then(|| cut(&folded, longest))
    }

    /// The text, cut at `longest` characters; `None` when it is blank.
    #[must_use]
    pub fn block(&self, longest: usize) -> Option<String> {
        let text = self.0.trim();
        (!text.is_empty()).then(|| cut(text, longest))
    }
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => text.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// An id of one of the model's tables.
pub trait IdType: TryFrom<i64, Error = model::NotAnId> {}
impl<T: TryFrom<i64, Error = model::NotAnId>> IdType for T {}

/// An id: a number, or text that holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id<T>(pub T);

impl<T: IdType> Input for Id<T> {
    const NAME: &'static str = "Id";

    fn read(value: Value) -> Result<Self, String> {
        let shown = value.to_string();
        match model::field::optional_id(&whole_number(value)) {
            Ok(Some(id)) => Ok(Self(id)),
            Ok(None) => Err("is empty, but an id is needed".to_owned()),
            Err(refused) => Err(format!("{} {refused}", cut(&shown, 80))),
        }
    }

    fn schema() -> Schema {
        json_schema!({"type": ["integer", "string"]})
    }
}

/// An id of a record whose kind another field names.
pub type RecordId = Id<AnyId>;

/// A number that can be an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyId(pub i64);

impl TryFrom<i64> for AnyId {
    type Error = model::NotAnId;
    fn try_from(number: i64) -> Result<Self, model::NotAnId> {
        model::ContactId::try_from(number).map(|id| Self(id.get()))
    }
}

/// `7.0` as `7`: arithmetic in other systems makes such numbers.
fn whole_number(value: Value) -> Value {
    match value.as_f64() {
        Some(number) if !value.is_i64() && number.fract() == 0.0 && number.abs() < 9e15 => {
            Value::from(number as i64)
        }
        _ => value,
    }
}

/// A closed list of names.
pub trait Named: std::str::FromStr<Err = model::status::UnknownName> + 'static {
    /// All of them.
    fn names() -> Vec<&'static str>;
}

macro_rules! named {
    ($($name:ty),*) => {$(
        impl Named for $name {
            fn names() -> Vec<&'static str> {
                Self::ALL.iter().map(|value| value.as_str()).collect()
            }
        }
    )*};
}

named!(EntityKind, NotificationType, Purpose, Role, TicketPriority, TicketStatus);

/// One of a closed list of names; case and surrounding space do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice<T>(pub T);

impl<T: Named> Input for Choice<T> {
    const NAME: &'static str = "Choice";

    fn read(value: Value) -> Result<Self, String> {
        let text = Text::read(value)?.0;
        text.trim()
            .to_ascii_lowercase()
            .parse()
            .map(Self)
            .map_err(|unknown: model::status::UnknownName| format!("{:?} {unknown}", cut(&text, 80)))
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "enum": T::names()})
    }
}

/// A length of time: milliseconds, or text such as `"24h"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Period);

impl Input for Span {
    const NAME: &'static str = "Duration";

    fn read(value: Value) -> Result<Self, String> {
        let shown = value.to_string();
        let period = match whole_number(value) {
            Value::Number(number) => {
                number.as_i64().ok_or(model::period::NotAPeriod::Malformed).and_then(Period::from_millis)
            }
            Value::String(text) => text.parse(),
            _ => Err(model::period::NotAPeriod::Malformed),
        };
        period.map(Self).map_err(|refused| format!("{} {refused}", cut(&shown, 80)))
    }

    fn schema() -> Schema {
        json_schema!({"type": ["integer", "string"], "format": "duration"})
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flag(pub bool);

impl Input for Flag {
    const NAME: &'static str = "Flag";

    fn read(value: Value) -> Result<Self, String> {
        match &value {
            Value::Bool(flag) => Ok(Self(*flag)),
            Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Ok(Self(true)),
            Value::String(text) if ["false", ""].contains(&text.trim().to_ascii_lowercase().as_str()) => {
                Ok(Self(false))
            }
            Value::Null => Ok(Self(false)),
            other => Err(format!("{} is neither true nor false", cut(&other.to_string(), 80))),
        }
    }

    fn schema() -> Schema {
        json_schema!({"type": "boolean"})
    }
}

/// A whole number, or text that holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub i64);

impl Input for Whole {
    const NAME: &'static str = "Whole";

    fn read(value: Value) -> Result<Self, String> {
        let shown = value.to_string();
        let number = match whole_number(value) {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Self).ok_or_else(|| format!("{} is not a whole number", cut(&shown, 80)))
    }

    fn schema() -> Schema {
        json_schema!({"type": "integer"})
    }
}

/// Texts: a list, or one text with commas between. Empty ones are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List(pub Vec<String>);

impl Input for List {
    const NAME: &'static str = "List";

    fn read(value: Value) -> Result<Self, String> {
        let texts = match value {
            Value::Null => Vec::new(),
            Value::Array(values) => values
                .into_iter()
                .filter(|value| !value.is_null())
                .map(|value| match value {
                    Value::Array(_) | Value::Object(_) => Err("must hold texts only".to_owned()),
                    value => Text::read(value),
                })
                .collect::<Result<_, _>>()?,
            Value::Object(_) => return Err("must be text or a list of texts".to_owned()),
            other => vec![Text::read(other)?],
        };
        Ok(Self(texts.iter().flat_map(|text| split(&text.0)).collect()))
    }

    fn schema() -> Schema {
        json_schema!({"type": ["string", "array"], "items": {"type": "string"}})
    }
}

/// Splits at commas and semicolons that are neither in quotes nor in angle brackets.
fn split(text: &str) -> Vec<String> {
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' | ';' if !quoted && !bracketed => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is always one").push(c);
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Values of any kind by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields(pub Map<String, Value>);

impl Input for Fields {
    const NAME: &'static str = "Fields";

    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            other => Err(format!("{} is not an object", cut(&other.to_string(), 80))),
        }
    }

    fn schema() -> Schema {
        json_schema!({"type": "object", "additionalProperties": true})
    }
}

/// Texts by name, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(pub Vec<(String, String)>);

impl Input for Headers {
    const NAME: &'static str = "Headers";

    fn read(value: Value) -> Result<Self, String> {
        let fields = Fields::read(value)?.0;
        let read = |(name, value)| Ok((name, Text::read(value)?.0));
        fields.into_iter().map(read).collect::<Result<_, String>>().map(Self)
    }

    fn schema() -> Schema {
        json_schema!({"type": "object", "additionalProperties": {"type": "string"}, "format": "headers"})
    }
}

/// A field that may be absent, null or empty text: all three mean the same. Use with `#[serde(default)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optional<T>(pub Option<T>);

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: de::DeserializeOwned> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self(None)),
            Value::String(text) if text.trim().is_empty() => Ok(Self(None)),
            value => T::deserialize(value).map(|value| Self(Some(value))).map_err(de::Error::custom),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Optional<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        match schema.get_mut("type") {
            Some(Value::Array(types)) => types.push("null".into()),
            Some(kind) => *kind = Value::Array(vec![kind.take(), "null".into()]),
            None => {}
        }
        if let Some(Value::Array(names)) = schema.get_mut("enum") {
            names.push(Value::Null);
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn takes_what_rendering_may_give() {
        let id = |value| Id::<model::UserId>::read(value).map(|id| id.0.get());
        assert_eq!(id(json!(5)), Ok(5));
        assert_eq!(id(json!(" 5 ")), Ok(5));
        assert_eq!(id(json!(5.0)), Ok(5));
        for value in [json!(0), json!(-1), json!(1.5), json!("five"), json!(""), json!([5]), json!(1e300)] {
            assert!(id(value.clone()).is_err(), "{value}");
        }
        assert_eq!(Text::read(json!(9.5)).unwrap().0, "9.5");
        assert_eq!(Text::read(json!({"a": 1})).unwrap().0, r#"{"a":1}"#);
        assert_eq!(Span::read(json!("3600000")).unwrap(), Span(Period::hours(1)));
        assert_eq!(Span::read(json!(3_600_000.0)).unwrap(), Span(Period::hours(1)));
        assert_eq!(Choice::<TicketPriority>::read(json!(" High")).unwrap().0, TicketPriority::High);
        assert_eq!(
            Choice::<TicketPriority>::read(json!("medium")).unwrap_err(),
            "\"medium\" is not one of low, normal, high, urgent"
        );
        assert_eq!(
            List::read(json!(["a@x.io, \"Doe, J.\" <b@x.io>", null, "", 7])).unwrap().0,
            ["a@x.io", "\"Doe, J.\" <b@x.io>", "7"]
        );
        let optional = |value| Optional::<Id<model::UserId>>::deserialize(value).map(|id| id.0.is_some());
        assert!(!optional(json!(" ")).unwrap() && !optional(Value::Null).unwrap());
        assert!(optional(json!("7")).unwrap() && optional(json!("x")).is_err());
    }

    #[test]
    fn long_text_is_cut_not_refused() {
        let text = Text(format!("  Très\r\nlong {}", "é".repeat(300)));
        let line = text.line(20).unwrap();
        assert_eq!(line, "Très long ééééééééé…");
        assert_eq!(line.chars().count(), 20);
        assert_eq!(Text(" \n".into()).line(20), None);
    }
}
