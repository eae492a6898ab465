//! A call as the data of a run: `{"body","headers","query","method"}`. Pure.

use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use rules::hook::Auth;
use serde_json::{Map, Value, json};

use crate::{
    body::{self, Pairs},
    error::{ApiError, ApiResult},
};

/// Parts of the names of headers that let their bearer in.
const CREDENTIALS: [&str; 8] =
    ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "credential"];
/// Said by the connection, of nothing that the workflow is about.
const OF_THE_WAY: [&str; 5] = ["connection", "transfer-encoding", "te", "upgrade", "keep-alive"];

/// The trigger data of a call.
///
/// # Errors
/// 400 and 422 for a body that cannot be read, 415 for one of another kind.
pub(super) fn data(parts: &Parts, bytes: &[u8], auth: &Auth) -> ApiResult<Value> {
    Ok(json!({
        "body": content(&parts.headers, bytes)?,
        "headers": headers(&parts.headers, auth),
        "query": fields(Pairs::of(&parts.uri)?.all()),
        "method": parts.method.as_str(),
    }))
}

fn content(headers: &HeaderMap, bytes: &[u8]) -> ApiResult<Value> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let written =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/plain");
    let kind = written.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if body::is_json(&kind) {
        return body::document(bytes);
    }
    let is_text = kind.starts_with("text/") || kind == "application/xml" || kind.ends_with("+xml");
    let is_form = kind == "application/x-www-form-urlencoded";
    if !is_text && !is_form {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send JSON, a form (application/x-www-form-urlencoded) or text, with its Content-Type",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        ApiError::bad_request(format!("the body is not UTF-8 (at byte {})", error.valid_up_to() + 1))
    })?;
    let content = if is_form {
        fields(url::form_urlencoded::parse(text.as_bytes()).into_owned())
    } else {
        Value::from(text)
    };
    body::storable(content)
}

/// Names and values; a name that comes several times has a list.
fn fields(pairs: impl IntoIterator<Item = (String, String)>) -> Value {
    let mut fields = Map::new();
    for (name, value) in pairs {
        match fields.get_mut(&name) {
            None => drop(fields.insert(name, value.into())),
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    Value::Object(fields)
}

/// The headers without credentials, those that the workflow itself asks for included.
fn headers(headers: &HeaderMap, auth: &Auth) -> Value {
    let asked = match auth {
        Auth::Header { name, .. } => Some(name.as_str()),
        Auth::None | Auth::Basic { .. } | Auth::Hmac(_) | Auth::StandardWebhooks { .. } => None,
    };
    let kept = headers.iter().filter(|(name, _)| {
        let name = name.as_str();
        !CREDENTIALS.iter().any(|part| name.contains(part))
            && !OF_THE_WAY.contains(&name)
            && asked != Some(name)
    });
    fields(kept.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};

    use super::*;

    fn read(kind: Option<&str>, bytes: &[u8]) -> String {
        let mut request = Request::builder()
            .method("POST")
            .uri("/hooks/t?a=1&b=x&a=2")
            .header("X-One", "1")
            .header("Cookie", "c");
        request = request.header("Authorization", "Bearer b").header("X-Api-Key", "k").header("X-Door", "d");
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        let (parts, _) = request.body(Body::empty()).unwrap().into_parts();
        let config = json!({"auth": {"type": "header", "name": "X-Door", "value": "d"}});
        let definition = model::workflow::Definition {
            name: "n".to_owned(),
            description: None,
            trigger_event: "webhook".to_owned(),
            trigger_config: config.as_object().cloned().unwrap(),
            conditions: json!([]),
            actions: json!([]),
            log_unmatched: true,
            on_failure: Value::Null,
            entry: model::workflow::EntryRules::default(),
        };
        let trigger = rules::compile(&definition, actions::catalog()).unwrap().trigger;
        let rules::Start::Webhook(hook) = trigger.start else { panic!("no hook") };
        match data(&parts, bytes, &hook.auth) {
            Ok(data) => data.to_string(),
            Err(error) => format!("{} {}", error.status.as_u16(), error.message),
        }
    }

    #[test]
    fn json_forms_and_texts_become_data_without_credentials() {
        let told: Vec<String> = [
            (Some("application/json; charset=utf-8"), b"{\"a\":[1]}".as_slice()),
            (Some("application/x-www-form-urlencoded"), b"a=1&b=%C3%BC+x&a=2"),
            (Some("text/plain"), "grüße".as_bytes()),
            (None, b""),
            (Some("application/vnd.api+json"), b"{"),
            (Some("application/octet-stream"), b"\x00"),
            (Some("text/plain"), b"\xff"),
            (Some("text/plain"), b"a\x00"),
        ]
        .into_iter()
        .map(|(kind, bytes)| read(kind, bytes))
        .collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
