//! `hubspot`: contacts, deals, tickets and notes in HubSpot's CRM, by the token of a private app or by OAuth.
//!
//! Contacts are made or updated by their address in one call, which may be repeated. Deals, tickets and notes have no key of ours: an attempt that follows one
//! of unknown end first looks for what that one may have made. <https://developers.hubspot.com/docs/api/crm/contacts>

use std::sync::LazyLock;

use futures_util::{FutureExt, future::BoxFuture};
use model::{Period, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    action::ActionError,
    answer::pause,
    capability::{Connection, HttpResponse},
    input::{Optional, Text, Whole},
    ledger::{Pace, Quota},
    provider::{
        Access, Answer, Authorization, Client, ClientAuthentication, FieldError, Grant, Operation, Provider, Registration, Request,
        body, config, endpoint, text_at,
    },
    schema,
};

mod operations;

struct HubSpot;

inventory::submit!(Registration(&HubSpot));

/// How to reach the account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The client id of an OAuth app; a private app needs none.
    #[serde(default)]
    client_id: Optional<Text>,
    /// How many calls the account may make in ten seconds: 100 with Free and Starter, 190 with Professional and Enterprise.
    #[serde(default)]
    #[schemars(extend("default" = 100))]
    calls_per_ten_seconds: Optional<Whole>,
    /// A property of deals, tickets and notes, of the type "single-line text", in which what is made is marked. With it an attempt of unknown end finds what it
    /// has made by that alone; without it, by name and time, and a namesake of the same minute could be taken for it.
    #[serde(default)]
    #[schemars(extend("examples" = ["vtx_key"]))]
    mark_property: Optional<Text>,
    /// What an OAuth app asks for, with blanks between.
    #[serde(default)]
    #[schemars(extend("default" = "oauth crm.objects.contacts.read crm.objects.contacts.write"))]
    scope: Optional<Text>,
    /// The address of the interface, where it is not `https://api.hubapi.com`.
    #[serde(default)]
    #[schemars(extend("format" = "uri"))]
    api_url: Optional<Text>,
}

/// The token of a private app, or what an OAuth app needs.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// The access token of a private app (`pat-…`).
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    access_token: Optional<Text>,
    /// The client secret of an OAuth app.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    client_secret: Optional<Text>,
    /// The refresh token that the OAuth app was given.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    refresh_token: Optional<Text>,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(operations::all);

/// The property in which what is made is marked.
fn mark(connection: &Connection) -> Result<Option<String>, ActionError> {
    let settings: Config = config(connection)?;
    Ok(settings.mark_property.0.and_then(|text| text.line(100)))
}

fn address(connection: &Connection) -> Result<String, ActionError> {
    let settings: Config = config(connection)?;
    Ok(endpoint(settings.api_url, "https://api.hubapi.com"))
}

impl Provider for HubSpot {
    fn name(&self) -> &'static str {
        "hubspot"
    }
    fn title(&self) -> &'static str {
        "HubSpot"
    }
    fn description(&self) -> &'static str {
        "Contacts, deals, tickets and notes in HubSpot's CRM."
    }
    fn icon(&self) -> &'static str {
        "affiliate"
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

    fn access(&self, connection: &Connection) -> Result<Access, ActionError> {
        match connection.secret("accessToken") {
            Some(token) => Ok(Access::bearer(token)),
            None if connection.secret("refreshToken").is_some() => Ok(Access::Token),
            None => Err(connection.lacks("accessToken")),
        }
    }

    fn grant(&self, connection: &Connection, refresh: Option<&str>, _: Timestamp) -> Result<Grant, ActionError> {
        let settings: Config = config(connection)?;
        let client_id = settings.client_id.0.and_then(|text| text.line(255));
        let client_id = client_id.ok_or_else(|| connection.lacks("clientId"))?;
        let refresh = match refresh {
            Some(refresh) => refresh,
            None => connection.required_secret("refreshToken")?,
        };
        Ok(Grant {
            url: format!("{}/oauth/v1/token", address(connection)?),
            form: vec![
                ("grant_type".to_owned(), "refresh_token".to_owned()),
                ("refresh_token".to_owned(), refresh.to_owned()),
            ],
            client: Some((client_id, connection.required_secret("clientSecret")?.to_owned())),
            authentication: ClientAuthentication::Form,
        })
    }

    fn is_authorizable(&self) -> bool {
        true
    }

    fn authorization(&self, connection: &Connection) -> Result<Option<Authorization>, ActionError> {
        let settings: Config = config(connection)?;
        let text = |given: Optional<Text>| given.0.and_then(|text| text.line(2_000));
        let scope = "oauth crm.objects.contacts.read crm.objects.contacts.write";
        Ok(Some(Authorization {
            url: "https://app.hubspot.com/oauth/authorize".to_owned(),
            token_url: format!("{}/oauth/v1/token", address(connection)?),
            scope: text(settings.scope).unwrap_or_else(|| scope.to_owned()),
            client_id: text(settings.client_id).ok_or_else(|| connection.lacks("clientId"))?,
            client_secret: Some(connection.required_secret("clientSecret")?.to_owned()),
        }))
    }

    fn base(&self, connection: &Connection, _: Option<&str>) -> Result<String, ActionError> {
        address(connection)
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        read(response, now)
    }

    fn pace(&self, connection: &Connection) -> Option<Pace> {
        let settings: Config = config(connection).ok()?;
        let calls = settings.calls_per_ten_seconds.0.map_or(100, |calls| calls.0);
        Some(Pace::per(calls.clamp(1, 10_000), 10))
    }

    fn quota(&self, response: &HttpResponse) -> Option<Quota> {
        let number = |name| response.header(name)?.trim().parse().ok();
        Some(Quota {
            remaining: number("x-hubspot-ratelimit-daily-remaining")?,
            limit: number("x-hubspot-ratelimit-daily")?,
        })
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let reply = client.send(Request::get("account-info/v3/details")).await?.done()?;
            Ok(json!({"portalId": reply.body["portalId"], "timeZone": reply.body["timeZone"]}))
        }
        .boxed()
    }
}

/// A batch of one answers 207 when its one part failed: then the part's error is the answer.
fn read(response: &HttpResponse, now: Timestamp) -> Answer {
    let answer = body(response);
    if response.status == 207 {
        let failed = answer.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty());
        let part = answer.pointer("/errors/0").cloned().unwrap_or_default();
        return if failed { refusal(&part, 400) } else { Answer::Done(answer) };
    }
    match response.status {
        429 => {
            let policy = text_at(&answer, "/policyName");
            // The day's limit is over at midnight of the account's own time zone, which is looked for each hour.
            let untold = if policy == "DAILY" { Period::hours(1) } else { Period::seconds(10) };
            let pause = pause(response, now).unwrap_or(untold);
            Answer::Limited { why: text_at(&answer, "/message"), pause }
        }
        // Locked for a while, or on its way to another data centre.
        423 | 477 => Answer::Failed { why: text_at(&answer, "/message"), after: pause(response, now) },
        400 | 402..=407 | 409..=499 => refusal(&answer, response.status),
        _ => Answer::of_status(response, now, text_at(&answer, "/message"), Vec::new()),
    }
}

fn refusal(error: &Value, status: u16) -> Answer {
    let why = text_at(error, "/message");
    if status == 409 || text_at(error, "/category") == "CONFLICT" {
        let existing = why.rsplit_once("Existing ID: ").map(|(_, rest)| {
            rest.chars().take_while(char::is_ascii_digit).collect::<String>()
        });
        return Answer::Conflict { why, existing: existing.filter(|id| !id.is_empty()) };
    }
    Answer::Permanent { fields: fields(error), why }
}

/// What is wrong with properties stands as JSON within the sentence, or in `errors[].context.propertyName`.
fn fields(error: &Value) -> Vec<FieldError> {
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    let listed = message.split_once("not valid: ").and_then(|(_, list)| serde_json::from_str::<Value>(list).ok());
    let listed = listed.as_ref().and_then(Value::as_array).into_iter().flatten();
    let mut fields: Vec<FieldError> = listed
        .map(|wrong| FieldError::new(text_at(wrong, "/name"), text_at(wrong, "/message")))
        .filter(|wrong| !wrong.field.is_empty())
        .collect();
    for wrong in error.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let name = text_at(wrong, "/context/propertyName/0");
        if !name.is_empty() {
            fields.push(FieldError::new(name, text_at(wrong, "/message")));
        }
    }
    fields
}

/// Property values are texts; of a list HubSpot makes one with semicolons between.
fn properties(fields: Map<String, Value>) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name, Value::String(property(&value)?)))).collect()
}

/// `None` for null: the property is left as it is.
fn property(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => Some(values.iter().filter_map(property).collect::<Vec<_>>().join(";")),
        value => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests;
