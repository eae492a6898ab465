//! What an answer of another system means for the step: one of six things, whatever the system's way of saying it.

use model::{Period, Timestamp};
use serde_json::{Value, json};

use crate::{
    action::{ActionError, ErrorKind},
    answer,
    capability::HttpResponse,
};

/// How long a system is left alone that asks for a pause and does not say how long.
pub(crate) const PAUSE: Period = Period::seconds(30);

/// What an answer means.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It was done; the body.
    Done(Value),
    /// It was not done, because there were too many calls: nothing is lost, and it is no attempt.
    Limited {
        /// What the system says.
        why: String,
        /// How long it asks to be left alone.
        pause: Period,
    },
    /// It failed for now; whether it was done is not known.
    Failed {
        /// What the system says.
        why: String,
        /// How long it asks to be left alone.
        after: Option<Period>,
    },
    /// The caller is not let in.
    Authentication {
        /// What the system says.
        why: String,
    },
    /// It will not be done, however often it is asked for.
    Permanent {
        /// What the system says.
        why: String,
        /// What is wrong with which field.
        fields: Vec<FieldError>,
    },
    /// There is one already.
    Conflict {
        /// What the system says.
        why: String,
        /// Which one, where the system says so.
        existing: Option<String>,
    },
}

/// What is wrong with a field, named as the other system names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field over there.
    pub field: String,
    /// What the system says.
    pub message: String,
}

impl FieldError {
    /// One of them.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Answer {
    /// By the status alone, as most systems mean it; `why` and `fields` are read from the body by the provider.
    #[must_use]
    pub fn of_status(response: &HttpResponse, now: Timestamp, why: String, fields: Vec<FieldError>) -> Self {
        let after = answer::pause(response, now);
        match response.status {
            200..=299 => Self::Done(body(response)),
            429 => Self::Limited { why, pause: after.unwrap_or(PAUSE) },
            401 => Self::Authentication { why },
            408 | 423 | 425 | 500.. => Self::Failed { why, after },
            _ => Self::Permanent { why, fields },
        }
    }

    /// As the error of a step; `who` is the connection, for the sentence.
    pub(crate) fn error(self, who: &str, response: &HttpResponse) -> ActionError {
        let status = response.status;
        let said = |why: &str| if why.is_empty() { String::new() } else { format!(": {why}") };
        let mut error = match self {
            Self::Done(_) => ActionError::refused(format!("{who} gave an answer that was not expected")),
            Self::Limited { why, pause } => {
                ActionError::new(ErrorKind::Paced, format!("{who} asks for a pause{}", said(&why)))
                    .after(pause)
            }
            Self::Failed { why, after } => {
                let message = if status < 400 { "failed for now" } else { "answered with status" };
                let status_told = if status < 400 { String::new() } else { format!(" {status}") };
                // A status that no repetition mends was meant otherwise: the body says so.
                let kind = Some(ErrorKind::Status(status)).filter(|kind| kind.is_retryable());
                let kind = kind.unwrap_or(ErrorKind::Unavailable);
                // Of those who say that it was the caller's fault, only one may have begun: whoever lost patience.
                let perhaps_done = status == 408 || !(400..500).contains(&status);
                let message = format!("{who} {message}{status_told}{}", said(&why));
                ActionError { retry_after: after, perhaps_done, ..ActionError::new(kind, message) }
            }
            Self::Authentication { why } => {
                ActionError::new(ErrorKind::Parked, format!("{who} is not let in{}", said(&why)))
            }
            Self::Permanent { why, fields } => {
                let listed: Vec<_> =
                    fields.iter().map(|field| format!("{}: {}", field.field, field.message)).collect();
                let told = if listed.is_empty() { why } else { listed.join("; ") };
                let mut error = ActionError::refused(format!("{who} refused it{}", said(&told)));
                if !fields.is_empty() {
                    let fields: Vec<_> = fields
                        .iter()
                        .map(|field| json!({"field": field.field, "message": field.message}))
                        .collect();
                    error.output = Some(json!({"fields": fields}));
                }
                error
            }
            Self::Conflict { why, existing } => {
                let mut error = ActionError::refused(format!("{who} has one already{}", said(&why)));
                error.output = existing.map(|id| json!({"existing": id}));
                error
            }
        };
        let Value::Object(mut kept) = answer::output(response) else { return error };
        if let Some(Value::Object(own)) = error.output.take() {
            kept.extend(own);
        }
        error.output = Some(kept.into());
        error
    }
}

/// The body as JSON; text where it is none, null where there is nothing.
#[must_use]
pub fn body(response: &HttpResponse) -> Value {
    if response.body.is_empty() {
        return Value::Null;
    }
    let body = serde_json::from_slice(&response.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&response.body).trim().to_owned()));
    answer::storable(body)
}

/// A piece of text of the body, for a sentence: cut, because it was written over there.
#[must_use]
pub fn text_at(body: &Value, pointer: &str) -> String {
    const LONGEST: usize = 300;
    let text = body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_fields_and_keeps_the_answer() {
        let response = HttpResponse {
            status: 422,
            headers: vec![
                ("content-type".into(), "application/json".into()),
                ("set-cookie".into(), "s3cret".into()),
            ],
            body: r#"{"x":1}"#.into(),
            truncated: false,
            not_followed: None,
        };
        let fields = vec![FieldError::new("Email", "is no address")];
        let error = Answer::Permanent { why: "bad".into(), fields }.error("\"crm\"", &response);
        assert_eq!(error.message, "\"crm\" refused it: Email: is no address");
        let output = error.output.unwrap();
        assert_eq!(output["fields"], json!([{"field": "Email", "message": "is no address"}]));
        assert_eq!((&output["status"], &output["body"]), (&json!(422), &json!({"x": 1})));
        assert!(!output.to_string().contains("s3cret"));
    }
}
