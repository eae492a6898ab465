//! `rest`: any system with an HTTP interface. The connection names the actions: a method, a path and a body each.

use std::{collections::BTreeMap, sync::LazyLock};

use futures_util::{FutureExt, future::BoxFuture};
use model::{Problem, Timestamp};
use percent_encoding::utf8_percent_encode;
use rules::{Scope, Template};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    action::{ActionError, ErrorKind},
    answer,
    capability::{Connection, HttpResponse, LONGEST_READ},
    input::{Headers, Optional, Text, Whole},
    ledger::Pace,
    provider::{
        Access, Answer, Client, ClientAuthentication, Grant, IN_PATH, Operation, Provider, Registration, Request, config,
    },
    schema,
};

mod paging;

use paging::Paging;

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
    #[schemars(extend("enum" = ["none", "basic", "bearer", "header", "oauth2"], "default" = "none"))]
    auth: Optional<Text>,
    /// The user for `basic`.
    #[serde(default)]
    username: Optional<Text>,
    /// The header for `header`, such as `X-Api-Key`.
    #[serde(default)]
    header_name: Optional<Text>,
    /// Where `oauth2` gets its token, by the client credentials grant.
    #[serde(default)]
    #[schemars(extend("format" = "uri"))]
    token_url: Optional<Text>,
    /// The client id for `oauth2`.
    #[serde(default)]
    client_id: Optional<Text>,
    /// The scopes for `oauth2`, with blanks between.
    #[serde(default)]
    scope: Optional<Text>,
    /// How `oauth2` shows the client id and secret.
    #[serde(default)]
    #[schemars(extend("enum" = ["header", "form"], "default" = "header"))]
    token_auth: Optional<Text>,
    /// How many calls the system takes in a minute; left empty, it is called as often as there is something to do.
    #[serde(default)]
    calls_per_minute: Optional<Whole>,
    /// Headers that every request has.
    #[serde(default)]
    headers: Optional<Headers>,
    /// What `action` of a step can name: a method, a path and perhaps a body each.
    #[serde(default)]
    #[schemars(extend("format" = "json"))]
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
    /// How to read on when the answer is a page of many; the step's output then has the items of all pages.
    #[serde(default)]
    paging: Optional<Paging>,
}

/// What must not be seen.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// The password for `basic`.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    password: Optional<Text>,
    /// The token for `bearer` and `header`.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    token: Optional<Text>,
    /// The client secret for `oauth2`.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    client_secret: Optional<Text>,
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

    fn operations(&self) -> &[Operation] {
        &[]
    }

    fn actions(&self, config: &Value) -> Vec<String> {
        config.get("actions").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    fn access(&self, connection: &Connection) -> Result<Access, ActionError> {
        let settings = config::<Config>(connection)?;
        let secret = |name: &str| connection.secret(name).unwrap_or_default();
        Ok(match settings.auth.0.as_ref().map_or("none", |text| text.0.as_str()) {
            "basic" => {
                let user = settings.username.0.as_ref().map_or("", |text| text.0.as_str());
                Access::basic(user, secret("password"))
            }
            "bearer" => Access::bearer(secret("token")),
            "header" => {
                let name = settings.header_name.0.map_or_else(|| "X-Api-Key".to_owned(), |text| text.0);
                Access::Headers(vec![(name, secret("token").to_owned())])
            }
            "oauth2" => Access::Token,
            "none" => Access::Headers(Vec::new()),
            other => return Err(ActionError::invalid("auth", format!("{other:?} is not known"))),
        })
    }

    fn grant(&self, connection: &Connection, _: Option<&str>, _: Timestamp) -> Result<Grant, ActionError> {
        let settings = config::<Config>(connection)?;
        let text = |given: Optional<Text>| given.0.and_then(|text| text.line(2_000));
        let url = text(settings.token_url).ok_or_else(|| connection.lacks("tokenUrl"))?;
        let client_id = text(settings.client_id).ok_or_else(|| connection.lacks("clientId"))?;
        let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        if let Some(scope) = text(settings.scope) {
            form.push(("scope".to_owned(), scope));
        }
        let authentication = match settings.token_auth.0 {
            Some(text) if text.0.trim() == "form" => ClientAuthentication::Form,
            _ => ClientAuthentication::Header,
        };
        let client = Some((client_id, connection.required_secret("clientSecret")?.to_owned()));
        Ok(Grant { url, form, client, authentication })
    }

    fn base(&self, connection: &Connection, _: Option<&str>) -> Result<String, ActionError> {
        let settings = config::<Config>(connection)?;
        let base = base(&settings.base_url.0).map_err(|message| ActionError::invalid("baseUrl", message))?;
        Ok(base.to_string())
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        Answer::of_status(response, now, format!("status {}", response.status), Vec::new())
    }

    fn pace(&self, connection: &Connection) -> Option<Pace> {
        let settings = config::<Config>(connection).ok()?;
        let calls = settings.calls_per_minute.0?.0;
        (calls > 0).then(|| Pace::per(calls.min(1_000_000), 60))
    }

    fn call<'a>(
        &'a self,
        client: &'a Client<'a>,
        action: &'a str,
        payload: Value,
    ) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let settings: Config = client.config()?;
            let Some(chosen) = settings.actions.get(action) else {
                let known: Vec<_> = settings.actions.keys().map(String::as_str).collect();
                let message = format!(
                    "the connection {:?} has no action {action:?}; it has {}",
                    client.connection.name,
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
            let send = |path: String| {
                let request = request(&settings, client, method.clone(), &path, body.clone());
                async move {
                    let (response, _) = client.exchange(&request?).await?;
                    answer::outcome(&client.who(), &response, client.cx.now).map(|output| (response, output))
                }
            };
            let Some(paging) = &chosen.paging.0 else { return send(path).await.map(|(_, output)| output) };
            let base = base(&settings.base_url.0).map_err(|message| ActionError::invalid("baseUrl", message))?;
            let mut pages = paging.begin(path);
            while let Some((number, path)) = pages.next_page() {
                if number > 1 {
                    client.another_turn(number).await?;
                }
                let (response, output) = send(path).await?;
                if response.truncated {
                    let message = format!("page {number} of {} is too long to be read ({LONGEST_READ} bytes): ask for smaller ones", client.who());
                    return Err(ActionError::refused(message));
                }
                pages.take(&response, output, &base);
            }
            Ok(pages.output())
        }
        .boxed()
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let settings: Config = client.config()?;
            let path = settings.test_path.0.as_ref().map_or(String::new(), |text| text.0.clone());
            let named = settings.test_path.0.is_some();
            let request = request(&settings, client, "GET".to_owned(), &path, Value::Null)?;
            let (response, _) = client.exchange(&request).await?;
            // Without a path that is known to exist, a 404 still shows that the system answers.
            let works = match response.status {
                200..=299 => true,
                401 | 403 | 407 | 500.. => false,
                _ => !named,
            };
            if works {
                return Ok(json!({"status": response.status}));
            }
            answer::outcome(&client.who(), &response, client.cx.now)
        }
        .boxed()
    }
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

/// A path below the base. A segment of dots would climb out of it, so it is refused.
fn below(path: &str) -> Result<&str, ActionError> {
    let (only_path, _) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
    let climbs = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if only_path.split(['/', '\\']).any(climbs) {
        return Err(ActionError::refused("the path of the action would leave the connection's base address"));
    }
    Ok(path)
}

fn request(
    settings: &Config,
    client: &Client<'_>,
    method: String,
    path: &str,
    body: Value,
) -> Result<Request, ActionError> {
    let mut request = Request::of(method, below(path)?, body);
    for (name, value) in settings.headers.0.clone().unwrap_or_default().0 {
        request = request.header(&name, value);
    }
    Ok(request.header("Idempotency-Key", client.cx.idempotency_key))
}

#[cfg(test)]
mod tests {
    use testkit::{
        Sink,
        systems::{Mock, oauth::Tokens, shop::Shop},
    };

    use super::*;
    use crate::provider::{self, Call};
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
            provider::call(&connection, action, payload.clone(), &call).await.unwrap();
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
        let error = provider::call(&connection, "drop", payload, &call).await.unwrap_err();
        assert_eq!(error.message, "the connection \"crm\" has no action \"drop\"; it has find, note, push");
        let error = provider::call(&connection, "find", json!({"name": ".."}), &call).await.unwrap_err();
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
            let error = provider::test(&connection, &call).await.unwrap_err();
            let message = "\"crm\" is not let in: status 401: connect it again in the settings, then this goes on";
            assert_eq!(error.message, message);
            assert_eq!(sink.requests().pop().unwrap().header(name), Some(value));
            let told = format!("{error:?} {connection:?}");
            assert!(!told.contains("s3cret") && !told.contains("t0ken"), "{told}");
        }
        let open = connection("crm", "rest", json!({"baseUrl": sink.url("/status/404")}), json!({}));
        assert_eq!(provider::test(&open, &call).await, Ok(json!({"status": 404})));
    }

    #[tokio::test]
    async fn signs_in_by_client_credentials_and_reads_all_pages() {
        let tokens = Tokens { client_id: "a b".into(), client_secret: "canary:5ecret".into(), lifetime: Some(60), ..Tokens::default() };
        let shop = Mock::start(Shop { tokens }).await;
        let bench = Workbench::new();
        let paging = |kind: &str, own: Value| {
            let mut paging = json!({"kind": kind, "items": "data.orders"});
            paging.as_object_mut().unwrap().extend(own.as_object().cloned().unwrap());
            json!({"method": "GET", "path": format!("by-{kind}"), "paging": paging})
        };
        let config = |token_auth: &str| {
            json!({
                "baseUrl": format!("{}/api", shop.url()), "auth": "oauth2", "tokenUrl": format!("{}/token", shop.url()), "clientId": "a b",
                "tokenAuth": token_auth, "callsPerMinute": 600, "actions": {
                    "cursor": paging("cursor", json!({"cursor": "next.after", "parameter": "after"})),
                    "page": paging("page", json!({})),
                    "link": paging("link", json!({})),
                    "some": paging("page", json!({"mostPages": 2})),
                    "all": paging("cursor", json!({"cursor": "next.after", "parameter": "after", "mostPages": 3})),
                },
            })
        };
        let secrets = json!({"clientSecret": "canary:5ecret"});
        let api = connection("shop", "rest", config("header"), secrets.clone());
        for (action, count, pages) in [("cursor", 7, 3), ("page", 7, 4), ("link", 7, 3), ("some", 6, 2), ("all", 7, 3)] {
            let told: Value = serde_json::from_str(&bench.tell(&api, action, action, json!({})).await).unwrap();
            let ids: Vec<_> = told["body"].as_array().unwrap().iter().map(|order| order["id"].clone()).collect();
            assert_eq!(ids, (1..=count).map(Value::from).collect::<Vec<_>>(), "{action}");
            assert_eq!((&told["pages"], &told["more"]), (&json!(pages), &json!(action == "some")), "{action}");
            // Each page is a call of the pace: 111 ms.
            let reserved = bench.ledger.of.lock().unwrap().reserved_until.millis_since(bench.now);
            assert!(reserved >= pages * 111, "{action}: {reserved} ms");
        }
        assert_eq!(shop.with(|shop| shop.tokens.given), 1);
        shop.with(|shop| shop.tokens.expire());
        let api = connection("shop", "rest", config("form"), secrets);
        assert!(bench.tell(&api, "again", "page", json!({})).await.contains("\"pages\":4"));
        shop.limit_next(1);
        assert_eq!(bench.tell(&api, "limited", "page", json!({})).await, "Paced in 11 s: \"shop\" asks for a pause: status 429");
    }

    #[test]
    fn faults_are_known_when_it_is_stored() {
        let config = json!({
            "baseUrl": "ftp://x", "auth": "magic", "colour": 1,
            "actions": {"a": {"path": "/{{payload.", "verb": "GET"}},
        });
        let problems = provider::check(&Rest, &config, &json!({"pin": "1"}));
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, [
            "config.auth", "config.colour", "config.actions.a.verb", "config.baseUrl", "config.actions.a.path",
            "secrets.pin",
        ]);
    }
}
