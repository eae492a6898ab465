//! `zendesk`: tickets, comments and users in Zendesk Support, by an agent's API token or an OAuth token.
//!
//! <https://developer.zendesk.com/api-reference/ticketing/introduction/>. Tickets are made under an idempotency key, users are made or updated by their address,
//! and a comment carries our key in its update's metadata, by which an earlier attempt's is found.

use std::sync::LazyLock;

use futures_util::{FutureExt, future::BoxFuture};
use model::{Problem, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::ActionError,
    answer::pause,
    capability::{Connection, HttpResponse},
    input::{Optional, Text, Whole},
    ledger::{Pace, Quota},
    provider::{
        Access, Answer, Client, FieldError, Operation, Provider, Registration, Request, body, config, endpoint,
        text_at,
    },
    schema,
};

mod operations;

struct Zendesk;

inventory::submit!(Registration(&Zendesk));

/// How to reach the account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The account's part of its address: `acme` for `acme.zendesk.com`.
    #[schemars(extend("minLength" = 1))]
    subdomain: Text,
    /// The agent to whom the API token belongs; an OAuth token needs none.
    #[serde(default)]
    #[schemars(extend("format" = "email"))]
    email: Optional<Text>,
    /// How many calls the account's plan allows in a minute.
    #[serde(default)]
    #[schemars(extend("default" = 400))]
    calls_per_minute: Optional<Whole>,
    /// The address of the account, where it is not at zendesk.com.
    #[serde(default)]
    #[schemars(extend("format" = "uri"))]
    api_url: Optional<Text>,
}

/// One of the two is needed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// An API token of the agent.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    api_token: Optional<Text>,
    /// An OAuth access token.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    access_token: Optional<Text>,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(operations::all);

fn address(connection: &Connection) -> Result<String, ActionError> {
    let settings: Config = config(connection)?;
    let subdomain = settings.subdomain.0.trim().to_lowercase();
    Ok(endpoint(settings.api_url, format!("https://{subdomain}.zendesk.com")))
}

impl Provider for Zendesk {
    fn name(&self) -> &'static str {
        "zendesk"
    }
    fn title(&self) -> &'static str {
        "Zendesk"
    }
    fn description(&self) -> &'static str {
        "Tickets, comments and users in Zendesk Support."
    }
    fn icon(&self) -> &'static str {
        "headset"
    }
    fn config_schema(&self) -> &Value {
        &CONFIG
    }
    fn secrets_schema(&self) -> &Value {
        &SECRETS
    }
    fn operations(&self) -> &[Operation] {
        &OPERATIONS
    }

    fn check(&self, config: &Value) -> Vec<Problem> {
        let subdomain = config.get("subdomain").and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let is_label = subdomain.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if is_label { Vec::new() } else { vec![Problem::at("subdomain", "is only the part before .zendesk.com")] }
    }

    fn access(&self, connection: &Connection) -> Result<Access, ActionError> {
        if let Some(token) = connection.secret("accessToken") {
            return Ok(Access::bearer(token));
        }
        let settings: Config = config(connection)?;
        let email = settings.email.0.and_then(|text| text.line(255)).ok_or_else(|| connection.lacks("email"))?;
        Ok(Access::basic(&format!("{email}/token"), connection.required_secret("apiToken")?))
    }

    fn base(&self, connection: &Connection, _: Option<&str>) -> Result<String, ActionError> {
        Ok(format!("{}/api/v2", address(connection)?))
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        read(response, now)
    }

    fn pace(&self, connection: &Connection) -> Option<Pace> {
        let settings: Config = config(connection).ok()?;
        let calls = settings.calls_per_minute.0.map_or(400, |calls| calls.0);
        Some(Pace::per(calls.clamp(1, 100_000), 60))
    }

    fn quota(&self, response: &HttpResponse) -> Option<Quota> {
        let number = |name| response.header(name)?.trim().parse().ok();
        Some(Quota { remaining: number("x-rate-limit-remaining")?, limit: number("x-rate-limit")? })
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let reply = client.send(Request::get("users/me.json")).await?.done()?;
            // An anonymous caller gets an answer, too: a user without an id.
            match reply.body["user"]["id"].as_i64() {
                Some(_) => Ok(json!({"role": reply.body["user"]["role"]})),
                None => Err(ActionError::refused(format!("{} does not know the caller", client.who()))),
            }
        }
        .boxed()
    }
}

fn read(response: &HttpResponse, now: Timestamp) -> Answer {
    let answer = body(response);
    let (error, described) = (text_at(&answer, "/error"), text_at(&answer, "/description"));
    let why = match (error.as_str(), described.as_str()) {
        ("", "") => text_at(&answer, "/error/title"),
        (error, "") => error.to_owned(),
        (_, described) => described.to_owned(),
    };
    let mut fields = Vec::new();
    let mut is_duplicate = false;
    for (name, wrong) in answer.get("details").and_then(Value::as_object).into_iter().flatten() {
        for one in wrong.as_array().into_iter().flatten() {
            is_duplicate |= one["error"] == "DuplicateValue";
            fields.push(FieldError::new(name.clone(), text_at(one, "/description")));
        }
    }
    if response.status == 409 {
        // Two changes at the same time, of which this one was not made: <https://developer.zendesk.com/api-reference/introduction/requests/#409>.
        return Answer::Failed { why, after: pause(response, now) };
    }
    if is_duplicate {
        let why = fields.first().map_or(why, |field| field.message.clone());
        return Answer::Conflict { why, existing: None };
    }
    Answer::of_status(response, now, why, fields)
}

#[cfg(test)]
mod tests;
