//! `jira`: issues, comments and transitions in Jira Cloud, by an API token.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/>. Jira has no idempotency key, so an issue carries our key as a label and a comment as a property:
//! an attempt that follows one of unknown end looks for it first.

use std::sync::LazyLock;

use futures_util::{FutureExt, future::BoxFuture};
use model::{Period, Problem, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::ActionError,
    answer::pause,
    capability::{Connection, HttpResponse},
    input::Text,
    ledger::Pace,
    provider::{
        Access, Answer, Client, FieldError, Operation, Provider, Registration, Request, body, config, text_at,
    },
    schema,
};

mod operations;

struct Jira;

inventory::submit!(Registration(&Jira));

/// How to reach the site.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The site's address, such as `https://acme.atlassian.net`.
    #[schemars(extend("format" = "uri", "minLength" = 1))]
    site_url: Text,
    /// The address of the account to whom the token belongs.
    #[schemars(extend("format" = "email", "minLength" = 1))]
    email: Text,
}

/// What lets the account in.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// An API token of the account.
    #[schemars(extend("format" = "password", "writeOnly" = true))]
    api_token: Text,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(operations::all);

fn site(connection: &Connection) -> Result<String, ActionError> {
    let settings: Config = config(connection)?;
    Ok(settings.site_url.0.trim().trim_end_matches('/').to_owned())
}

impl Provider for Jira {
    fn name(&self) -> &'static str {
        "jira"
    }
    fn title(&self) -> &'static str {
        "Jira"
    }
    fn description(&self) -> &'static str {
        "Issues, comments and transitions in Jira Cloud."
    }
    fn icon(&self) -> &'static str {
        "subtask"
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
        let site = config.get("siteUrl").and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let is_address = url::Url::parse(site).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if is_address { Vec::new() } else { vec![Problem::at("siteUrl", "must be an address such as https://acme.atlassian.net")] }
    }

    fn access(&self, connection: &Connection) -> Result<Access, ActionError> {
        let settings: Config = config(connection)?;
        Ok(Access::basic(settings.email.0.trim(), connection.required_secret("apiToken")?))
    }

    fn base(&self, connection: &Connection, _: Option<&str>) -> Result<String, ActionError> {
        Ok(format!("{}/rest/api/3", site(connection)?))
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        read(response, now)
    }

    fn pace(&self, _: &Connection) -> Option<Pace> {
        // The limits are a budget of points that nobody is told; this many calls stay well within it.
        Some(Pace { interval: 110, burst: 10 })
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let reply = client.send(Request::get("myself")).await?.done()?;
            Ok(json!({"accountId": reply.body["accountId"], "active": reply.body["active"]}))
        }
        .boxed()
    }
}

fn read(response: &HttpResponse, now: Timestamp) -> Answer {
    let answer = body(response);
    let said = answer.get("errorMessages").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let why = said.map(|text| text.chars().take(300).collect::<String>()).collect::<Vec<_>>().join("; ");
    let why = if why.is_empty() { text_at(&answer, "/message") } else { why };
    if response.status == 429 {
        let reset = || {
            let at: Timestamp = response.header("x-ratelimit-reset")?.trim().parse().ok()?;
            Period::from_millis(at.millis_since(now)).ok()
        };
        let reason = response.header("ratelimit-reason").unwrap_or("too many requests").to_owned();
        let pause = pause(response, now).or_else(reset).unwrap_or(Period::seconds(5));
        return Answer::Limited { why: if why.is_empty() { reason } else { why }, pause };
    }
    let errors = answer.get("errors").and_then(Value::as_object).into_iter().flatten();
    let fields = errors.map(|(field, _)| FieldError::new(field.clone(), text_at(&answer["errors"], &format!("/{field}"))));
    let fields = fields.collect();
    Answer::of_status(response, now, why, fields)
}

#[cfg(test)]
mod tests;
