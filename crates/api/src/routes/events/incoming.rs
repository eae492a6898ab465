//! Events as they are sent: plain JSON or CloudEvents 1.0, one or a batch.

use axum::{
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use model::{
    Problem, Timestamp,
    event::{EventName, NewEvent},
    user::Identity,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    body,
    error::{ApiError, ApiResult},
};

use super::unsaid;

/// The most events of one batch.
const LARGEST_BATCH: usize = 1_000;
/// The longest `id` and `source`, in characters.
const LONGEST_NAME: usize = 255;

/// An event, or an array of 1 to 1000.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used: which of the two was sent is found in the document")]
pub enum EventsIn {
    /// One event.
    One(EventIn),
    /// A batch.
    Batch(Vec<EventIn>),
}

/// An event.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct EventIn {
    /// What happened: `[a-z0-9_.-]`, up to 100 characters. A dotted spelling of a system event becomes the canonical one.
    #[serde(default)]
    #[schema(
        required = true,
        example = "submission_completed",
        max_length = 100,
        pattern = "^[a-z0-9_.-]+$"
    )]
    event: String,
    /// The particulars: an object; what conditions and templates read.
    #[serde(default = "nothing")]
    #[schema(value_type = Object, required = false)]
    data: Value,
    /// Your id of the event: the same one again from the same source within 24 hours is the same event.
    #[schema(min_length = 1, max_length = 255)]
    id: Option<String>,
    /// Who says so.
    #[schema(min_length = 1, max_length = 255)]
    source: Option<String>,
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

/// An event as CloudEvents 1.0 has it, in structured mode. Extension attributes are kept with the event.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only its schema is used: attributes are read one by one, to name every fault")]
pub struct CloudEvent {
    /// `1.0`.
    #[schema(example = "1.0", pattern = "^1\\.0$")]
    pub specversion: String,
    /// What happened.
    #[schema(
        rename = "type",
        example = "submission_completed",
        max_length = 100,
        pattern = "^[a-z0-9_.-]+$"
    )]
    pub kind: String,
    /// Who says so.
    #[schema(min_length = 1, max_length = 255)]
    pub source: String,
    /// The same one again from the same source within 24 hours is the same event.
    #[schema(min_length = 1, max_length = 255)]
    pub id: String,
    /// What it is about.
    pub subject: Option<String>,
    /// When it happened.
    #[schema(format = DateTime)]
    pub time: Option<String>,
    /// JSON.
    pub datacontenttype: Option<String>,
    /// Where the data are described.
    pub dataschema: Option<String>,
    /// The particulars: an object.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Plain,
    CloudEvents,
    CloudEventsBatch,
}

/// An event that was sent, not looked at yet.
#[derive(Debug)]
pub struct Sent {
    format: Format,
    document: Value,
}

/// What was posted.
#[derive(Debug)]
pub enum Incoming {
    /// An event.
    One(Sent),
    /// Some.
    Batch(Vec<Sent>),
}

impl<S: Send + Sync> FromRequest<S> for Incoming {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let format = format(content_type.unwrap_or_default())?;
        let bytes = body::bytes(request).await?;
        shape(format, body::document(&bytes)?)
    }
}

fn format(content_type: &str) -> ApiResult<Format> {
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/cloudevents+json" => Ok(Format::CloudEvents),
        "application/cloudevents-batch+json" => Ok(Format::CloudEventsBatch),
        kind if kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json") => {
            Ok(Format::Plain)
        }
        _ => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send JSON, with the header Content-Type: application/json, application/cloudevents+json or application/cloudevents-batch+json",
        )),
    }
}

/// One or many, by the document's own shape.
fn shape(format: Format, document: Value) -> ApiResult<Incoming> {
    match document {
        Value::Array(items) if (1..=LARGEST_BATCH).contains(&items.len()) => {
            Ok(Incoming::Batch(items.into_iter().map(|document| Sent { format, document }).collect()))
        }
        Value::Array(items) => Err(ApiError::invalid(
            "",
            format!("a batch has 1 to {LARGEST_BATCH} events, this one has {}", items.len()),
        )),
        Value::Object(_) if format == Format::CloudEventsBatch => Err(ApiError::invalid(
            "",
            "a CloudEvents batch is an array: send one event as application/cloudevents+json",
        )),
        Value::Object(_) => Ok(Incoming::One(Sent { format, document })),
        _ => Err(ApiError::invalid("", "must be an event, which is an object, or an array of events")),
    }
}

impl Sent {
    /// The event, when it is one.
    ///
    /// # Errors
    /// 422 with what is wrong.
    pub fn event(self, identity: Identity) -> ApiResult<NewEvent> {
        match (self.format, self.document) {
            (Format::Plain, document) => plain(document, identity),
            (Format::CloudEvents | Format::CloudEventsBatch, Value::Object(fields)) => {
                cloud_event(fields, identity)
            }
            _ => Err(ApiError::invalid("", "must be an event, which is an object")),
        }
    }
}

fn plain(document: Value, identity: Identity) -> ApiResult<NewEvent> {
    if !document.is_object() {
        return Err(ApiError::invalid("", "must be an event, which is an object"));
    }
    let EventIn { event, data, id, source } = body::read(document)?;
    let mut problems = Vec::new();
    let name = name("event", &event, &mut problems);
    check_object(&data, &mut problems);
    check_length("id", id.as_deref(), &mut problems);
    check_length("source", source.as_deref(), &mut problems);
    match name {
        Some(name) if problems.is_empty() => {
            Ok(NewEvent { external_id: id, source, ..unsaid(identity, name, data) })
        }
        _ => Err(ApiError::unprocessable(problems)),
    }
}

/// CloudEvents 1.0, section 3: which attributes there are and what they hold; an attribute that is null is absent.
fn cloud_event(mut fields: Map<String, Value>, identity: Identity) -> ApiResult<NewEvent> {
    fields.retain(|_, value| !value.is_null());
    let mut problems = Vec::new();
    let mut required = |name: &'static str| match fields.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(_) => {
            problems.push(Problem::at(name, "must be text"));
            None
        }
        None => {
            problems.push(Problem::at(name, "is required in a CloudEvent"));
            None
        }
    };
    let (version, kind) = (required("specversion"), required("type"));
    let (id, source) = (required("id"), required("source"));
    if version.is_some_and(|version| version != "1.0") {
        problems.push(Problem::at("specversion", "must be \"1.0\": no other version is understood"));
    }
    let name = kind.and_then(|kind| name("type", &kind, &mut problems));
    check_length("id", id.as_deref(), &mut problems);
    check_length("source", source.as_deref(), &mut problems);
    if fields.shift_remove("data_base64").is_some() {
        problems.push(Problem::at("data_base64", "binary data are not accepted: send `data`, a JSON object"));
    }
    let data = fields.shift_remove("data").unwrap_or_else(nothing);
    check_object(&data, &mut problems);
    for (attribute, value) in &fields {
        problems.extend(attribute_fault(attribute, value).map(|fault| Problem::at(attribute, fault)));
    }
    match name {
        Some(name) if problems.is_empty() => {
            Ok(NewEvent { external_id: id, source, attributes: fields, ..unsaid(identity, name, data) })
        }
        _ => Err(ApiError::unprocessable(problems)),
    }
}

/// Why an optional or an extension attribute is none.
fn attribute_fault(attribute: &str, value: &Value) -> Option<&'static str> {
    match (attribute, value) {
        ("time", Value::String(text)) if text.parse::<Timestamp>().is_err() => {
            Some("is not a time: RFC 3339 is needed, such as 2026-02-14T10:30:00Z")
        }
        ("subject" | "time" | "datacontenttype" | "dataschema", Value::String(text)) if text.is_empty() => {
            Some("must not be empty")
        }
        ("subject" | "time" | "datacontenttype" | "dataschema", Value::String(_)) => None,
        ("subject" | "time" | "datacontenttype" | "dataschema", _) => Some("must be text"),
        (name, _) if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) => {
            Some("is no attribute of CloudEvents: the names of extensions are of a-z and 0-9")
        }
        (_, Value::String(_) | Value::Bool(_)) => None,
        (_, Value::Number(number)) if number.is_i64() => None,
        _ => Some("an extension attribute must be text, a whole number, or true or false"),
    }
}

fn name(path: &str, text: &str, problems: &mut Vec<Problem>) -> Option<EventName> {
    if text.is_empty() {
        problems
            .push(Problem::at(path, "is required: the name of what happened, such as submission_completed"));
        return None;
    }
    text.parse()
        .map_err(|error: model::event::NotAnEventName| problems.push(Problem::at(path, error.to_string())))
        .ok()
}

fn check_object(data: &Value, problems: &mut Vec<Problem>) {
    if !data.is_object() {
        problems.push(Problem::at("data", "must be an object: put what you have into a field of one"));
    }
}

fn check_length(path: &str, text: Option<&str>, problems: &mut Vec<Problem>) {
    if text.is_some_and(|text| !(1..=LONGEST_NAME).contains(&text.chars().count())) {
        problems.push(Problem::at(path, format!("must have 1 to {LONGEST_NAME} characters")));
    }
}
