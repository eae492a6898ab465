//! What comes in: JSON bodies, query strings, ids in paths. Everything that can be wrong with them is found here, before a
//! handler runs, and named by its path.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request},
    http::{StatusCode, Uri, header, request::Parts},
};
use futures_util::StreamExt;
use model::Problem;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IntoDeserializer, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};
use serde_json::Value;

use crate::error::{ApiError, ApiResult};

/// The longest body, in bytes.
pub const LONGEST_BODY: usize = 1 << 20;
/// How much of a body that is too long is read before the connection is closed on it.
const LONGEST_THROWN_AWAY: usize = 32 << 20;
/// How long a body may take to arrive.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What every record carries and nobody sends: ignored when it comes back (contract section 3).
const READ_ONLY: &[&str] = &[
    "id",
    "tenant_id",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
    "archived_at",
    "execution_count",
    "success_count",
    "failure_count",
    "unmatched_count",
    "last_executed_at",
    "average_duration_ms",
    "published_version",
    "usage_count",
    "submission_count",
    "last_used_at",
];

/// A JSON body. An unknown field is refused by name; `version` and other fields that the record takes are the
/// struct's own; read-only fields that every record has are ignored.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send JSON, with the header Content-Type: application/json",
            ));
        }
        let bytes = bytes(request).await?;
        read(document(&bytes)?).map(Self)
    }
}

/// A body that may be left out; one that is there is as for [`Body`].
#[derive(Debug)]
pub struct Perhaps<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Perhaps<T> {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &S) -> ApiResult<Self> {
        let mut again = Request::default();
        if let Some(content_type) = request.headers_mut().remove(header::CONTENT_TYPE) {
            again.headers_mut().insert(header::CONTENT_TYPE, content_type);
        }
        let bytes = bytes(request).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        *again.body_mut() = bytes.into();
        let Body(body) = Body::from_request(again, state).await?;
        Ok(Self(body))
    }
}

/// The bytes of a body of any kind, when it is not too long. A body that is too long is read to its end and thrown away as
/// far as is bearable: a caller that is still sending when the connection closes never sees the answer.
///
/// # Errors
/// 413; 408 when it takes too long; 400 when the connection breaks.
pub async fn bytes(request: Request) -> ApiResult<Bytes> {
    let mut chunks = request.into_body().into_data_stream();
    let read = async {
        let (mut kept, mut length) = (Vec::new(), 0_usize);
        while let Some(chunk) = chunks.next().await {
            let chunk =
                chunk.map_err(|_| ApiError::bad_request("the body did not arrive whole: send it again"))?;
            length = length.saturating_add(chunk.len());
            if length <= LONGEST_BODY {
                kept.extend_from_slice(&chunk);
            } else if length > LONGEST_THROWN_AWAY {
                break;
            }
        }
        if length <= LONGEST_BODY { Ok(Bytes::from(kept)) } else { Err(too_long()) }
    };
    tokio::time::timeout(LONGEST_WAIT, read).await.unwrap_or_else(|_| {
        Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "the body took too long to arrive: send it again",
        ))
    })
}

fn too_long() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        "the body is longer than 1 MiB: send less at once",
    )
}

/// The JSON document that a body holds.
///
/// # Errors
/// 400 for what is no JSON, with the position; 422 for text with the character U+0000, which databases cannot keep.
pub fn document(bytes: &[u8]) -> ApiResult<Value> {
    let malformed = |message: String| ApiError::new(StatusCode::BAD_REQUEST, "malformed_json", message);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| malformed(format!("the body is not UTF-8 (at byte {})", error.valid_up_to() + 1)))?;
    if text.trim().is_empty() {
        return Err(malformed("the body is empty: a JSON document is needed".to_owned()));
    }
    let document: Value = serde_json::from_str(text).map_err(|error| {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        let what = if what == "recursion limit exceeded" { "nested too deeply" } else { what };
        malformed(format!("the body is not JSON: {what}, at line {} column {}", error.line(), error.column()))
    })?;
    storable(document)
}

/// A value as it came in, when it can be kept.
///
/// # Errors
/// 422 for text with the character U+0000, which databases cannot keep.
pub(crate) fn storable(value: Value) -> ApiResult<Value> {
    let mut problems = Vec::new();
    nul_check(&value, &mut String::new(), &mut problems);
    if problems.is_empty() { Ok(value) } else { Err(ApiError::unprocessable(problems)) }
}

/// A document as a `T`.
///
/// # Errors
/// 422 that names what does not fit by its path.
pub fn read<T: DeserializeOwned>(mut document: Value) -> ApiResult<T> {
    if let Some(known) = fields_of::<T>() {
        let Some(fields) = document.as_object_mut() else {
            return Err(ApiError::invalid("", "the body must be an object"));
        };
        fields.retain(|name, _| known.contains(&name.as_str()) || !READ_ONLY.contains(&name.as_str()));
        let problems: Vec<Problem> = fields
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| Problem::at(name, format!("there is no such field; there are {}", known.join(", "))))
            .collect();
        if !problems.is_empty() {
            return Err(ApiError::unprocessable(problems));
        }
    }
    serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        let (path, message) = told(path, &error.into_inner().to_string());
        ApiError::invalid(path, message)
    })
}

/// What serde says, in words for someone who does not know how this program is written.
fn told(path: String, message: &str) -> (String, String) {
    if let Some(field) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let path = if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
        return (path, "is required".to_owned());
    }
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return (path, message.to_owned());
    };
    // Text in the place of something else may be a secret: that it is text is told, and not what it says.
    let found = if found.starts_with("invalid type: string ") { "invalid type: text" } else { found };
    let expected = match expected {
        "i64" | "i32" => "a whole number",
        "u64" | "u32" | "u16" | "u8" | "usize" => "a whole number that is not negative",
        "f64" => "a number",
        "a map" => "an object",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a string" => "text",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    (path, format!("{found}, expected {expected}"))
}

/// For a field of a change: none when it was not sent, `Some(None)` when it was sent as null. With
/// `#[serde(default, deserialize_with = "sent")]`.
///
/// # Errors
/// As the field's own type.
pub fn sent<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

pub(crate) fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Names each text that contains U+0000. At most a few: one is enough to refuse.
fn nul_check(value: &Value, path: &mut String, problems: &mut Vec<Problem>) {
    const MANY: usize = 20;
    let length = path.len();
    match value {
        _ if problems.len() >= MANY => {}
        Value::String(text) if text.contains('\0') => {
            problems.push(Problem::at(
                path.as_str(),
                "contains the character U+0000, which cannot be stored: leave it out",
            ));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                nul_check(item, path, problems);
                path.truncate(length);
            }
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(&name.replace('\0', "\u{fffd}"));
                if name.contains('\0') {
                    problems.push(Problem::at(
                        path.as_str(),
                        "the name contains the character U+0000: leave it out",
                    ));
                }
                nul_check(item, path, problems);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// A query string. An unknown parameter is refused by name; an empty value counts as none.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        Pairs::of(&parts.uri)?.read().map(Self)
    }
}

/// A query string, decoded.
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn of(uri: &Uri) -> ApiResult<Self> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| ApiError::bad_request("the query string cannot be read"))?;
        if let Some((name, _)) =
            pairs.iter().find(|(name, value)| name.contains('\0') || value.contains('\0'))
        {
            return Err(ApiError::parameter(
                &name.replace('\0', "\u{fffd}"),
                "must not contain the character U+0000",
            ));
        }
        Ok(Self(pairs))
    }

    pub(crate) fn all(self) -> Vec<(String, String)> {
        self.0
    }

    /// Those of these names, and the others.
    pub(crate) fn divide(self, names: &[&str]) -> (Self, Self) {
        let (inside, outside) = self.0.into_iter().partition(|(name, _)| names.contains(&name.as_str()));
        (Self(inside), Self(outside))
    }

    pub(crate) fn read<T: DeserializeOwned>(self) -> ApiResult<T> {
        self.read_beside(&[])
    }

    /// `also` are names that are read elsewhere: the message about an unknown one tells them.
    pub(crate) fn read_beside<T: DeserializeOwned>(self, also: &[&str]) -> ApiResult<T> {
        if let Some(known) = fields_of::<T>()
            && let Some((name, _)) = self.0.iter().find(|(name, _)| !known.contains(&name.as_str()))
        {
            let all: Vec<&str> = known.iter().chain(also).copied().collect();
            let message = if all.is_empty() {
                "there is no such parameter: this address takes none".to_owned()
            } else {
                format!("there is no such parameter; there are {}", all.join(", "))
            };
            return Err(ApiError::parameter(name, message));
        }
        let pairs = self.0.into_iter().filter(|(_, value)| !value.is_empty());
        let pairs = pairs.map(|(name, value)| (name, Text(value)));
        let deserializer = MapDeserializer::<_, serde::de::value::Error>::new(pairs);
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let (path, message) = (error.path().to_string(), error.inner().to_string());
            if path == "." { ApiError::bad_request(message) } else { ApiError::parameter(&path, message) }
        })
    }
}

/// The text of a parameter, which may stand for a number or a switch.
struct Text(String);

impl<'de> IntoDeserializer<'de> for Text {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($method:ident => $visit:ident: $expected:literal),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(serde::de::Error::custom(concat!("must be ", $expected))),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Text {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    parsed! {
        deserialize_bool => visit_bool: "true or false",
        deserialize_i64 => visit_i64: "a whole number",
        deserialize_i32 => visit_i32: "a whole number",
        deserialize_u64 => visit_u64: "a whole number, not negative",
        deserialize_u32 => visit_u32: "a whole number, not negative",
        deserialize_u16 => visit_u16: "a whole number, not negative",
        deserialize_f64 => visit_f64: "a number",
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// An id in the path. Something that is no id is answered like an id that does not exist.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: std::str::FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let kind = kind_of::<T>();
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::not_found(format!("{kind} of this id")))?;
        let mut texts = parameters.iter();
        let named = parameters.iter().find(|(name, _)| *name == "id");
        let Some((_, text)) = named.or_else(|| texts.next()) else {
            return Err(ApiError::internal("a route without an id asks for one"));
        };
        if text.contains('\0') {
            // No database keeps such a text as a name, and PostgreSQL does not even look for one.
            return Err(ApiError::not_found(format!("{kind} of this id")));
        }
        text.parse().map(Self).map_err(|_| ApiError::not_found(format!("{kind} {text}")))
    }
}

/// `contact` for `model::ContactId`: the word that the store uses for the record.
fn kind_of<T>() -> String {
    let name = std::any::type_name::<T>();
    let name = name.rsplit("::").next().unwrap_or(name).trim_end_matches("Id");
    let mut kind = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !kind.is_empty() {
            kind.push(' ');
        }
        kind.extend(letter.to_lowercase());
    }
    kind
}

/// The names of a struct's fields as serde knows them; none for what is no plain struct.
pub(crate) fn fields_of<'de, T: Deserialize<'de>>() -> Option<&'static [&'static str]> {
    let mut fields = None;
    // The probe never gives a value: what it answers is not looked at.
    drop(T::deserialize(Probe(&mut fields)));
    fields
}

struct Probe<'a>(&'a mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("a probe has no value"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Some(fields);
        Err(serde::de::Error::custom("a probe has no value"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
