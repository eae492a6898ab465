//! `webhook`: a receiver of signed messages, as Standard Webhooks describes them.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>. The message's id is the step's key, the same on every attempt; while a
//! secret is being replaced, both sign. 410 says that the receiver wants no more.

use std::sync::LazyLock;

use futures_util::{FutureExt, future::BoxFuture};
use model::{Problem, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{ActionError, ErrorKind},
    capability::{Connection, HttpResponse},
    input::{Headers, Optional, Text, Whole},
    ledger::{Pace, Reference},
    provider::{
        Access, Answer, Client, Operate, Operation, Provider, Registration, Request, body, config, record,
    },
    schema,
    signature::SigningKey,
};

struct Webhook;

inventory::submit!(Registration(&Webhook));

/// Where messages go.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The receiver's address.
    #[schemars(extend("format" = "uri", "minLength" = 1))]
    url: Text,
    /// Headers that every message has.
    #[serde(default)]
    headers: Optional<Headers>,
    /// How many messages the receiver takes in a minute; left empty, it gets each as soon as it is there.
    #[serde(default)]
    calls_per_minute: Optional<Whole>,
}

/// What signs.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// The signing secret (`whsec_…`).
    #[schemars(extend("format" = "password", "writeOnly" = true))]
    signing_secret: Text,
    /// The secret before it, while the receiver does not know the new one yet.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    previous_secret: Optional<Text>,
    /// A token that goes with each message as `Authorization: Bearer`.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    bearer_token: Optional<Text>,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);
static OPERATIONS: LazyLock<[Operation; 1]> = LazyLock::new(|| [Operation::of::<Message>()]);

/// A message.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Message {
    /// What it is about, such as `nps.detractor`.
    #[serde(rename = "type")]
    #[schemars(extend("minLength" = 1))]
    kind: Text,
    /// What it says.
    #[serde(default)]
    #[schemars(extend("format" = "json"))]
    data: Value,
}

impl Operate for Message {
    const NAME: &'static str = "send";
    const TITLE: &'static str = "Send a message";
    const DESCRIPTION: &'static str =
        "Sends a signed message. Every attempt carries the same id, by which the receiver tells it from a new one.";

    fn sample() -> Value {
        json!({"type": "nps.detractor", "data": {"email": "{{contact.email}}", "score": "{{submission.data.q_nps}}"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let kind = self.kind.line(100).ok_or_else(|| ActionError::invalid("payload.type", "is empty"))?;
        client.send(signed(client, &kind, self.data)?).await?.done()?;
        Ok(record(&Reference::of(client.cx.idempotency_key), true))
    }
}

fn signed(client: &Client<'_>, kind: &str, data: Value) -> Result<Request, ActionError> {
    let (connection, cx) = (client.connection, client.cx);
    let message = json!({"type": kind, "timestamp": cx.now, "data": data}).to_string();
    let mut headers: Vec<(String, String)> = Vec::new();
    for name in ["signingSecret", "previousSecret"] {
        let secret = if name == "signingSecret" { Some(connection.required_secret(name)?) } else { connection.secret(name) };
        let Some(secret) = secret else { continue };
        let key: SigningKey = secret.parse().map_err(|error| {
            let message = format!("the connection {:?} is not set up well: {name} {error}", connection.name);
            ActionError::new(ErrorKind::InvalidConfig, message)
        })?;
        for (name, value) in key.headers(cx.idempotency_key, cx.now, message.as_bytes()) {
            match headers.iter_mut().find(|(known, _)| *known == name) {
                // Signatures stand side by side.
                Some((_, known)) if name == "webhook-signature" => *known = format!("{known} {value}"),
                Some(_) => {}
                None => headers.push((name, value)),
            }
        }
    }
    let settings: Config = client.config()?;
    let mut request = Request::post("", Value::String(message)).header("Content-Type", "application/json");
    for (name, value) in settings.headers.0.unwrap_or_default().0.into_iter().chain(headers) {
        request = request.header(&name, value);
    }
    Ok(request.header("Idempotency-Key", cx.idempotency_key))
}

impl Provider for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }
    fn title(&self) -> &'static str {
        "Signed webhook"
    }
    fn description(&self) -> &'static str {
        "A receiver of signed messages (Standard Webhooks)."
    }
    fn icon(&self) -> &'static str {
        "webhook"
    }
    fn config_schema(&self) -> &Value {
        &CONFIG
    }
    fn secrets_schema(&self) -> &Value {
        &SECRETS
    }
    fn operations(&self) -> &[Operation] {
        OPERATIONS.as_slice()
    }

    fn check(&self, config: &Value) -> Vec<Problem> {
        let url = config.get("url").and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let is_address = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if is_address { Vec::new() } else { vec![Problem::at("url", "must be an address such as https://example.com/hooks")] }
    }

    fn access(&self, connection: &Connection) -> Result<Access, ActionError> {
        Ok(connection.secret("bearerToken").map_or(Access::Address, Access::bearer))
    }

    fn base(&self, connection: &Connection, _: Option<&str>) -> Result<String, ActionError> {
        let settings: Config = config(connection)?;
        Ok(settings.url.0.trim().to_owned())
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        let said = body(response);
        let why: String = said.as_str().unwrap_or_default().chars().take(200).collect();
        match response.status {
            410 => Answer::Authentication { why: "the receiver wants no more messages (410)".to_owned() },
            401 if why.is_empty() => Answer::Authentication { why: "status 401".to_owned() },
            _ => Answer::of_status(response, now, why, Vec::new()),
        }
    }

    fn pace(&self, connection: &Connection) -> Option<Pace> {
        let settings: Config = config(connection).ok()?;
        let calls = settings.calls_per_minute.0?.0;
        (calls > 0).then(|| Pace::per(calls.min(1_000_000), 60))
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let reply = client.send(signed(client, "vtrustx.test", json!({}))?).await?.done()?;
            Ok(json!({"status": reply.status}))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
