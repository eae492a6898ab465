//! `rest`: any system with an HTTP interface. The connection names the actions: a method, a path and a body each.

use std::{collections::BTreeMap, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use model::Problem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rules::{Scope, Template};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    action::{ActionError, ErrorKind},
    answer,
    capability::{Connection, HttpRequest, Target},
    input::{Headers, Optional, Text},
    provider::{Call, Provider, Registration},
    schema,
};

struct Rest;

inventory::submit!(Registration(&Rest));

/// How to reach the system.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The address under which the actions' paths lie, such as `https://crm.example.com/api/v2`.
    #[schemars(extend("format" = "uri", "minLength" = 1))]
    base_url: Text,
    /// How to sign in: the secrets hold the password or the token.
    #[serde(default)]
    #[schemars(extend("enum" = ["none", "basic", "bearer", "header"], "default" = "none"))]
    auth: Optional<Text>,
    /// The user for `basic`.
    #[serde(default)]
    username: Optional<Text>,
    /// The header for `header`, such as `X-Api-Key`.
    #[serde(default)]
    header_name: Optional<Text>,
    /// Headers that every request has.
    #[serde(default)]
    headers: Optional<Headers>,
    /// What `action` of a step can name.
    #[serde(default)]
    actions: BTreeMap<String, RestAction>,
    /// A path that can be fetched to see whether the connection works.
    #[serde(default)]
    test_path: Optional<Text>,
}

/// One kind of request.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RestAction {
    /// The HTTP method.
    #[serde(default)]
    #[schemars(extend("default" = "POST", "examples" = ["POST", "PUT", "PATCH", "GET", "DELETE"]))]
    method: Optional<Text>,
    /// The path below the base address; `{{payload.…}}` is filled in, encoded for an address.
    #[schemars(extend("format" = "template-text"))]
    path: Text,
    /// The body; `{{payload.…}}` is filled in. Left empty, it is the payload, where the method has a body.
    #[serde(default)]
    #[schemars(extend("format" = "json"))]
    body: Value,
}

/// What must not be seen.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// The password for `basic`.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    password: Optional<Text>,
    /// The token for `bearer` and `header`.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    token: Optional<Text>,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);

impl Provider for Rest {
    fn name(&self) -> &'static str {
        "rest"
    }
    fn title(&self) -> &'static str {
        "HTTP interface"
    }
    fn description(&self) -> &'static str {
        "Any system with an HTTP interface that takes JSON."
    }
    fn config_schema(&self) -> &Value {
        &CONFIG
    }
    fn secrets_schema(&self) -> &Value {
        &SECRETS
    }

    fn check(&self, config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(text) = config.get("baseUrl").and_then(Value::as_str)
            && let Err(message) = base(text)
        {
            problems.push(Problem::at("baseUrl", message));
        }
        for (name, action) in config.get("actions").and_then(Value::as_object).into_iter().flatten() {
            for part in ["path", "body"] {
                let path = format!("actions.{name}.{part}");
                if let Some(Err(faults)) = action.get(part).map(|value| Template::compile(value, None, &path)) {
                    problems.extend(faults);
                }
            }
        }
        problems
    }

    fn actions(&self, config: &Value) -> Vec<String> {
        config.get("actions").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    fn call<'a>(
        &'a self,
        connection: &'a Connection,
        action: &'a str,
        payload: Value,
        cx: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let config = read(connection)?;
            let Some(chosen) = config.actions.get(action) else {
                let known: Vec<_> = config.actions.keys().map(String::as_str).collect();
                let message = format!(
                    "the connection {:?} has no action {action:?}; it has {}",
                    connection.name,
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") },
                );
                return Err(ActionError::refused(message));
            };
            let method = chosen.method.0.as_ref().map_or("POST", |text| text.0.trim()).to_ascii_uppercase();
            let path = render(&Value::from(chosen.path.0.as_str()), &encoded(&payload))?;
            let path = path.as_str().map_or_else(|| path.to_string(), str::to_owned);
            let body = match &chosen.body {
                Value::Null if matches!(method.as_str(), "GET" | "HEAD" | "DELETE" | "OPTIONS") => Value::Null,
                Value::Null => payload,
                Value::String(text) if text.is_empty() => Value::Null,
                body => render(body, &payload)?,
            };
            let request = request(&config, connection, cx, method, &path, body)?;
            let response = cx.http.send(request).await?;
            answer::outcome(&format!("{:?}", connection.name), &response, cx.now)
        }
        .boxed()
    }

    fn test<'a>(
        &'a self,
        connection: &'a Connection,
        cx: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let config = read(connection)?;
            let path = config.test_path.0.as_ref().map_or(String::new(), |text| text.0.clone());
            let named = config.test_path.0.is_some();
            let request = request(&config, connection, cx, "GET".to_owned(), &path, Value::Null)?;
            let response = cx.http.send(request).await?;
            // Without a path that is known to exist, a 404 still shows that the system answers.
            let works = match response.status {
                200..=299 => true,
                401 | 403 | 407 | 500.. => false,
                _ => !named,
            };
            if works {
                return Ok(json!({"status": response.status}));
            }
            answer::outcome(&format!("{:?}", connection.name), &response, cx.now)
        }
        .boxed()
    }
}

fn read(connection: &Connection) -> Result<Config, ActionError> {
    serde_path_to_error::deserialize(&connection.config).map_err(|error| {
        let message = format!("the connection {:?} is not set up well: {error}", connection.name);
        ActionError::new(ErrorKind::InvalidConfig, message)
    })
}

fn base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or a fragment".to_owned());
    }
    Ok(url)
}

fn render(template: &Value, payload: &Value) -> Result<Value, ActionError> {
    let scope = json!({"payload": payload});
    let invalid = |message: String| {
        ActionError::new(ErrorKind::InvalidConfig, format!("the action of the connection is not valid: {message}"))
    };
    let template = Template::compile(template, None, "").map_err(|problems| {
        invalid(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    template.render(&Scope::of_trigger(&scope)).map(|rendered| rendered.value).map_err(|error| invalid(error.to_string()))
}

/// All but what RFC 3986 calls unreserved.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The payload with every text encoded for an address, so that data cannot add a segment or a query.
fn encoded(payload: &Value) -> Value {
    match payload {
        Value::String(text) => utf8_percent_encode(text, IN_PATH).to_string().into(),
        Value::Array(values) => values.iter().map(encoded).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), encoded(value))).collect::<Map<_, _>>().into()
        }
        value => value.clone(),
    }
}

/// The address of a path below the base. A segment of dots would climb out of it, so it is refused.
fn address(base: &Url, path: &str) -> Result<Url, ActionError> {
    let (only_path, _) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
    let climbs = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if only_path.split(['/', '\\']).any(climbs) {
        return Err(ActionError::refused("the path of the action would leave the connection's base address"));
    }
    let text = match path {
        "" => base.to_string(),
        path if path.starts_with('?') => format!("{base}{path}"),
        path => format!("{}/{}", base.as_str().trim_end_matches('/'), path.trim_start_matches('/')),
    };
    Url::parse(&text).map_err(|error| ActionError::invalid("path", error))
}

fn request(
    config: &Config,
    connection: &Connection,
    cx: &Call<'_>,
    method: String,
    path: &str,
    body: Value,
) -> Result<HttpRequest, ActionError> {
    let base = base(&config.base_url.0).map_err(|message| ActionError::invalid("baseUrl", message))?;
    let url = address(&base, path)?.to_string();
    let mut headers = config.headers.0.clone().unwrap_or_default().0;
    let mut set = |name: &str, value: String| {
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value));
    };
    let secret = |name: &str| connection.secrets.get(name).and_then(Value::as_str).unwrap_or_default();
    match config.auth.0.as_ref().map_or("none", |text| text.0.as_str()) {
        "basic" => {
            let user = config.username.0.as_ref().map_or("", |text| text.0.as_str());
            let credentials = STANDARD.encode(format!("{user}:{}", secret("password")));
            set("Authorization", format!("Basic {credentials}"));
        }
        "bearer" => set("Authorization", format!("Bearer {}", secret("token"))),
        "header" => {
            let name = config.header_name.0.as_ref().map_or("X-Api-Key", |text| text.0.as_str());
            set(name, secret("token").to_owned());
        }
        "none" => {}
        other => return Err(ActionError::invalid("auth", format!("{other:?} is not known"))),
    }
    set("Idempotency-Key", cx.idempotency_key.to_owned());
    let body: Bytes = match body {
        Value::Null => Bytes::new(),
        Value::String(text) => text.into(),
        value => value.to_string().into(),
    };
    if !body.is_empty() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    Ok(HttpRequest { method, url, headers, body, timeout: cx.timeout, target: Target::Connection })
}

#[cfg(test)]
mod tests {
    use testkit::Sink;

    use super::*;
    use crate::workbench::{Workbench, connection};

    #[tokio::test]
    async fn an_action_is_a_method_a_path_and_a_body() {
        let sink = Sink::start().await;
        let bench = Workbench::new();
        let config = json!({
            "baseUrl": sink.url("/ok/"), "auth": "bearer", "headers": {"X-Source": "vtrustx"},
            "actions": {
                "find": {"method": "get", "path": "people/{{payload.name}}?score={{payload.score}}"},
                "note": {"path": "/notes", "body": {"text": "Score {{payload.score}}", "raw": "{{payload.score}}"}},
                "push": {"method": "PUT", "path": "/all"},
            },
        });
        let connection = connection("crm", "rest", config, json!({"token": "s3cret"}));
        let cx = bench.context();
        let call = Call::from(&cx);
        let payload = json!({"name": "a/../b?x=1#é", "score": 3});
        for action in ["find", "note", "push"] {
            Rest.call(&connection, action, payload.clone(), &call).await.unwrap();
        }
        let sent: Vec<_> = sink
            .requests()
            .iter()
            .map(|request| format!("{} {} {}", request.method, request.path, request.json()))
            .collect();
        assert_eq!(sent, [
            "GET /ok/people/a%2F..%2Fb%3Fx%3D1%23%C3%A9?score=3 null",
            r#"POST /ok/notes {"text":"Score 3","raw":3}"#,
            r#"PUT /ok/all {"name":"a/../b?x=1#é","score":3}"#,
        ]);
        assert_eq!(sink.requests()[0].header("authorization"), Some("Bearer s3cret"));
        let error = Rest.call(&connection, "drop", payload, &call).await.unwrap_err();
        assert_eq!(error.message, "the connection \"crm\" has no action \"drop\"; it has find, note, push");
        let error = Rest.call(&connection, "find", json!({"name": ".."}), &call).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        assert_eq!(sink.requests().len(), 3);
    }

    #[tokio::test]
    async fn signs_in_every_way_and_tells_no_secret() {
        let sink = Sink::start().await;
        let bench = Workbench::new();
        let cx = bench.context();
        let call = Call::from(&cx);
        for (auth, name, value) in [
            (json!({"auth": "basic", "username": "ann"}), "authorization", "Basic YW5uOnMzY3JldA=="),
            (json!({"auth": "header", "headerName": "X-Key"}), "x-key", "t0ken"),
            (json!({"auth": "header"}), "x-api-key", "t0ken"),
        ] {
            let mut config = json!({"baseUrl": sink.url("/status/401"), "testPath": "/"});
            config.as_object_mut().unwrap().extend(auth.as_object().cloned().unwrap());
            let connection = connection("crm", "rest", config, json!({"password": "s3cret", "token": "t0ken"}));
            let error = Rest.test(&connection, &call).await.unwrap_err();
            assert_eq!(error.message, "\"crm\" answered with status 401");
            assert_eq!(sink.requests().pop().unwrap().header(name), Some(value));
            let told = format!("{error:?} {connection:?}");
            assert!(!told.contains("s3cret") && !told.contains("t0ken"), "{told}");
        }
        let open = connection("crm", "rest", json!({"baseUrl": sink.url("/status/404")}), json!({}));
        assert_eq!(Rest.test(&open, &call).await, Ok(json!({"status": 404})));
    }

    #[test]
    fn faults_are_known_when_it_is_stored() {
        let config = json!({
            "baseUrl": "ftp://x", "auth": "magic", "colour": 1,
            "actions": {"a": {"path": "/{{payload.", "verb": "GET"}},
        });
        let problems = crate::provider::check(&Rest, &config, &json!({"pin": "1"}));
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, [
            "config.auth", "config.colour", "config.actions.a.verb", "config.baseUrl", "config.actions.a.path",
            "secrets.pin",
        ]);
    }
}
