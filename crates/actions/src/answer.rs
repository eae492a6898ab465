//! What an HTTP answer means for a step: what webhooks and REST connections share.

use model::{Period, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    action::{ActionError, ErrorKind},
    capability::{HttpResponse, LONGEST_BODY},
    schema,
};

/// The longest that another system can put off a retry (control-flow.md, `retry`).
const LONGEST_PAUSE: Period = Period::hours(1);

/// The answer as a step's output: `{"status","headers","body","truncated"}`. The body is JSON when it parses as such,
/// else text; of one that is longer than what is kept, it is the beginning. Headers that let their bearer in (cookies) are masked.
#[must_use]
pub fn output(response: &HttpResponse) -> Value {
    let mut headers = Map::new();
    for (name, value) in &response.headers {
        let value = if schema::carries_credentials(name) { schema::MASK } else { value };
        match headers.get_mut(name) {
            Some(Value::String(known)) => {
                known.push_str(", ");
                known.push_str(value);
            }
            _ => {
                headers.insert(name.clone(), value.into());
            }
        }
    }
    json!({
        "status": response.status,
        "headers": headers,
        "body": body(response),
        "truncated": is_cut(response),
    })
}

fn is_cut(response: &HttpResponse) -> bool {
    response.truncated || response.body.len() > LONGEST_BODY
}

fn body(response: &HttpResponse) -> Value {
    if response.body.is_empty() {
        return Value::Null;
    }
    let is_cut = is_cut(response);
    let is_json =
        response.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
    if is_json
        && !is_cut
        && let Ok(value) = serde_json::from_slice(&response.body)
    {
        return storable(value);
    }
    let text = String::from_utf8_lossy(&response.body[..response.body.len().min(LONGEST_BODY)]);
    // A cut may have split the last character.
    let text = if is_cut { text.trim_end_matches('\u{fffd}') } else { &text };
    storable(text.into())
}

/// U+0000 cannot be stored in every database. The parser bounds the depth.
pub(crate) fn storable(value: Value) -> Value {
    let text = |text: String| if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    match value {
        Value::String(string) => Value::String(text(string)),
        Value::Array(items) => items.into_iter().map(storable).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (text(name), storable(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// 2xx is success; everything else is an error that keeps the answer.
///
/// # Errors
/// [`ErrorKind::Status`] with the answer as its output.
pub fn outcome(who: &str, response: &HttpResponse, now: Timestamp) -> Result<Value, ActionError> {
    let output = output(response);
    if (200..300).contains(&response.status) {
        return Ok(output);
    }
    let mut message = format!("{who} answered with status {}", response.status);
    if let Some(why) = response.not_followed {
        message = format!("{message}: {why}");
    }
    Err(ActionError {
        retry_after: pause(response, now),
        output: Some(output),
        ..ActionError::new(ErrorKind::Status(response.status), message)
    })
}

/// How long an answer asks for a pause, by its `Retry-After`.
#[must_use]
pub fn pause(response: &HttpResponse, now: Timestamp) -> Option<Period> {
    retry_after(response.header("retry-after")?, now)
}

/// Reads `Retry-After`, seconds or an HTTP date, at most an hour; nonsense is as if it were absent.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Period> {
    let value = value.trim();
    let millis = if let Ok(seconds) = value.parse::<f64>() {
        if !(0.0..=f64::MAX).contains(&seconds) {
            return None;
        }
        (seconds * 1_000.0).min(LONGEST_PAUSE.as_millis() as f64) as i64
    } else {
        let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
        Timestamp::from(date).millis_since(now)
    };
    Period::from_millis(millis.min(LONGEST_PAUSE.as_millis())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_is_replaced_in_text_and_in_json() {
        let body_of = |kind: &str, sent: &'static [u8]| {
            body(&HttpResponse {
                status: 200,
                headers: vec![("content-type".to_owned(), kind.to_owned())],
                body: sent.into(),
                truncated: false,
                not_followed: None,
            })
        };
        assert_eq!(body_of("text/plain", b"a\0b"), json!("a\u{fffd}b"));
        assert_eq!(
            body_of("application/json", br#"{"a\u0000b":["\u0000",{"c":"d\u0000"},null]}"#),
            json!({"a\u{fffd}b": ["\u{fffd}", {"c": "d\u{fffd}"}, null]})
        );
    }

    #[test]
    fn reads_every_way_to_say_later() {
        let now: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        let millis = |value| retry_after(value, now).map(Period::as_millis);
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 1.5 ", Some(1_500)),
            ("86400", Some(3_600_000)),
            ("99999999999999999999999", Some(3_600_000)),
            ("Sat, 14 Feb 2026 10:31:00 GMT", Some(60_000)),
            ("Sat, 14 Feb 2026 09:00:00 GMT", Some(0)),
            ("Sat, 14 Feb 2099 09:00:00 GMT", Some(3_600_000)),
            ("-5", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(millis(value), expected, "{value:?}");
        }
    }
}
