//! The filters of templates (contract section 7).
//!
//! A filter that does not suit its value leaves the value as it is and says so in a warning: an email with an
//! unformatted date is better than no email. What is missing stays missing through every filter until `default`
//! (which also replaces null and blank text, as a person who skipped a question leaves either) or `json` (which
//! writes `null`, because a hole would break the document around it).

use std::borrow::Cow;

use jiff::{Timestamp, Zoned, civil::DateTime, fmt::strtime, tz::TimeZone};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{Decimal, expression::Argument, suggest::among, value::printed};

/// The longest date format, in characters.
const MAX_FORMAT: usize = 200;
/// The most digits that `number` writes after the point.
const MAX_PLACES: i64 = 20;
/// All but the characters that RFC 3986 calls unreserved.
const URL_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const NAMES: [&str; 12] = [
    "default",
    "upper",
    "lower",
    "trim",
    "title",
    "date",
    "number",
    "json",
    "url_encode",
    "escape",
    "truncate",
    "join",
];

/// One filter with its arguments.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    Default(Value),
    Upper,
    Lower,
    Trim,
    Title,
    Date { format: String, zone: Option<TimeZone> },
    Number(Option<usize>),
    Json,
    UrlEncode,
    Escape,
    Truncate(usize),
    Join(String),
}

impl Filter {
    /// All names, for messages.
    pub(crate) fn names() -> String {
        NAMES.join(", ")
    }

    /// The filter of this name; the error says what it takes.
    pub(crate) fn new(name: &str, arguments: Vec<Argument>) -> Result<Self, String> {
        let plain = |filter: Self| match arguments.is_empty() {
            true => Ok(filter),
            false => Err(format!("{name} takes no arguments")),
        };
        match name {
            "upper" => plain(Self::Upper),
            "lower" => plain(Self::Lower),
            "trim" => plain(Self::Trim),
            "title" => plain(Self::Title),
            "json" => plain(Self::Json),
            "url_encode" => plain(Self::UrlEncode),
            "escape" => plain(Self::Escape),
            "default" => match arguments.as_slice() {
                [Argument::Text(text)] => Ok(Self::Default(Value::String(text.clone()))),
                [Argument::Number(number)] => Ok(Self::Default(Value::from(*number))),
                _ => Err("default takes the text to use instead, as in default(\"there\")".to_owned()),
            },
            "date" => match arguments.as_slice() {
                [Argument::Text(format)] => date(format, None),
                [Argument::Text(format), Argument::Text(zone)] => date(format, Some(zone)),
                _ => Err(
                    "date takes a format and optionally a zone, as in date(\"%Y-%m-%d\", \"Europe/Paris\")"
                        .to_owned(),
                ),
            },
            "number" => match arguments.as_slice() {
                [] => Ok(Self::Number(None)),
                [Argument::Number(places @ 0..=MAX_PLACES)] => {
                    Ok(Self::Number(usize::try_from(*places).ok()))
                }
                _ => Err(format!(
                    "number takes the digits after the point, 0 to {MAX_PLACES}, as in number(2)"
                )),
            },
            "truncate" => match arguments.as_slice() {
                [Argument::Number(length)] => usize::try_from(*length).ok(),
                _ => None,
            }
            .map(Self::Truncate)
            .ok_or_else(|| "truncate takes the longest length in characters, as in truncate(80)".to_owned()),
            "join" => match arguments.as_slice() {
                [] => Ok(Self::Join(", ".to_owned())),
                [Argument::Text(separator)] => Ok(Self::Join(separator.clone())),
                _ => Err("join takes the text between elements, as in join(\", \")".to_owned()),
            },
            unknown => Err(format!("there is no filter \"{unknown}\"{}", among(unknown, NAMES))),
        }
    }

    /// The filtered value; `None` stands for missing. The error is a complaint about a value that does not suit,
    /// which is then left as it is.
    pub(crate) fn apply<'v>(
        &self,
        value: Option<&Cow<'v, Value>>,
        time_zone: &TimeZone,
    ) -> Result<Option<Cow<'v, Value>>, String> {
        if let Self::Default(default) = self {
            let blank = match value.map(AsRef::as_ref) {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.trim().is_empty(),
                Some(_) => false,
            };
            return Ok(if blank { Some(Cow::Owned(default.clone())) } else { value.cloned() });
        }
        let Some(value) = value else {
            let null = || Cow::Owned(Value::String("null".to_owned()));
            return Ok(matches!(self, Self::Json).then(null));
        };
        if value.is_null() && !matches!(self, Self::Json) {
            return Ok(Some(value.clone()));
        }
        let text = match self {
            Self::Default(_) => return Ok(Some(value.clone())),
            Self::Upper => printed(value).to_uppercase(),
            Self::Lower => printed(value).to_lowercase(),
            Self::Trim => printed(value).trim().to_owned(),
            Self::Title => title(&printed(value)),
            Self::Date { format, zone } => write_date(value, format, zone.as_ref().unwrap_or(time_zone))?,
            Self::Number(None) => return number(value).map(|number| Some(Cow::Owned(number))),
            Self::Number(Some(places)) => Decimal::of(value)
                .and_then(|decimal| decimal.to_fixed(*places))
                .ok_or("this is not a number that can be written out")?,
            Self::Json => value.to_string(),
            Self::UrlEncode => utf8_percent_encode(&printed(value), URL_COMPONENT).to_string(),
            Self::Escape => escape(&printed(value)),
            Self::Truncate(length) => truncate(&printed(value), *length),
            Self::Join(separator) => match value.as_ref() {
                Value::Array(items) => {
                    let present = items.iter().filter(|item| !item.is_null());
                    present.map(printed).collect::<Vec<_>>().join(separator)
                }
                other => printed(other).into_owned(),
            },
        };
        Ok(Some(Cow::Owned(Value::String(text))))
    }
}

/// The five characters that mean something in HTML, in text and in attribute values alike.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Each word with a capital first and small letters after; words are parted by anything but letters, digits and
/// apostrophes.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for character in text.chars() {
        if inside {
            titled.extend(character.to_lowercase());
        } else {
            titled.extend(character.to_uppercase());
        }
        inside = character.is_alphanumeric() || (inside && matches!(character, '\'' | '’'));
    }
    titled
}

/// At most `length` characters, the last of them `…` when something was cut.
fn truncate(text: &str, length: usize) -> String {
    if length == 0 {
        return String::new();
    }
    if text.char_indices().nth(length).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(length - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Numeric text as a JSON number. What a JSON number cannot hold exactly stays text.
fn number(value: &Value) -> Result<Value, String> {
    let decimal = Decimal::of(value).ok_or("this is not a number")?;
    if value.is_number() {
        return Ok(value.clone());
    }
    if let Some(whole) = decimal.to_i64() {
        return Ok(Value::from(whole));
    }
    let float = value.as_str().and_then(|text| text.trim().parse::<f64>().ok());
    match float.and_then(serde_json::Number::from_f64) {
        Some(number) if Decimal::of_number(&number) == decimal => Ok(Value::Number(number)),
        _ => Err("this number has too many digits".to_owned()),
    }
}

fn date(format: &str, zone: Option<&str>) -> Result<Filter, String> {
    if format.chars().count() > MAX_FORMAT {
        return Err(format!("a date format has at most {MAX_FORMAT} characters"));
    }
    strtime::format(format, &Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC))
        .map_err(|_| format!("\"{format}\" is not a date format: write %Y, %m, %d, %H, %M and the like"))?;
    let zone = zone
        .map(|name| {
            TimeZone::get(name).map_err(|_| {
                format!("\"{name}\" is not a time zone: an IANA name such as Europe/Paris is needed")
            })
        })
        .transpose()?;
    Ok(Filter::Date { format: format.to_owned(), zone })
}

/// Instants are moved to the zone; dates and times without an offset are already meant there.
fn write_date(value: &Value, format: &str, zone: &TimeZone) -> Result<String, String> {
    const NOT_A_DATE: &str = "this is not a date: 2026-02-14, 2026-02-14T10:30:00Z or milliseconds are";
    let zoned = match value {
        Value::Number(number) => number
            .as_i64()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .map(|instant| instant.to_zoned(zone.clone())),
        Value::String(text) => {
            let text = text.trim();
            match text.parse::<Timestamp>() {
                Ok(instant) => Some(instant.to_zoned(zone.clone())),
                Err(_) => text.parse::<DateTime>().ok().and_then(|local| local.to_zoned(zone.clone()).ok()),
            }
        }
        _ => None,
    }
    .ok_or(NOT_A_DATE)?;
    strtime::format(format, &zoned).map_err(|_| NOT_A_DATE.to_owned())
}
