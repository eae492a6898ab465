//! `salesforce`: leads, contacts, opportunities and any other record, by a connected app (client credentials, JWT bearer or refresh token).
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/>. Errors are a list; a composite answers 200 whatever became of its parts, so each
//! part's status is read. Upserts by an external id may be repeated. What is made without one is looked for, after an attempt of unknown end, by what was sent
//! and when.

use std::sync::LazyLock;

use futures_util::{FutureExt, future::BoxFuture};
use model::{Period, Problem, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    action::{ActionError, ErrorKind},
    capability::{Connection, HttpResponse},
    input::{Flag, Headers, Optional, Text},
    ledger::Quota,
    provider::{
        Access, Answer, Authorization, Client, ClientAuthentication, FieldError, Grant, Operation, Provider, Registration, Request,
        Signer, body, config, text_at,
    },
    schema,
};

mod composite;
mod operations;

struct Salesforce;

inventory::submit!(Registration(&Salesforce));

/// How to reach the organisation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The consumer key of the connected app.
    #[schemars(extend("minLength" = 1))]
    client_id: Text,
    /// How the app signs in.
    #[serde(default)]
    #[schemars(extend("enum" = ["client_credentials", "jwt_bearer", "refresh_token"], "default" = "client_credentials"))]
    auth: Optional<Text>,
    /// The address of the organisation, such as `https://acme.my.salesforce.com`; client credentials need it.
    #[serde(default)]
    #[schemars(extend("format" = "uri"))]
    login_url: Optional<Text>,
    /// The organisation is a sandbox, so without an address of its own it signs in at test.salesforce.com.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    sandbox: Flag,
    /// The user in whose name `jwt_bearer` signs in.
    #[serde(default)]
    username: Optional<Text>,
    /// The version of the interface.
    #[serde(default)]
    #[schemars(extend("default" = "v62.0"))]
    api_version: Optional<Text>,
    /// The field by which upserts find a record, such as `VtxId__c`; it has to be marked as an external id.
    #[serde(default)]
    external_id_field: Optional<Text>,
    /// A text field of the objects that are made, such as `VtxKey__c`, in which they are marked. With it an attempt of unknown end finds what it has made by that
    /// alone; without it, by what was sent and when, and a namesake of the same minute could be taken for it.
    #[serde(default)]
    mark_field: Optional<Text>,
    /// Salesforce's names of fields for the names in payloads, such as `nps_score`: `NPS_Score__c`.
    #[serde(default)]
    field_names: Optional<Headers>,
}

/// What the chosen way of signing in needs.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// The consumer secret of the connected app.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    client_secret: Optional<Text>,
    /// The private key for `jwt_bearer`, in PEM.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    private_key: Optional<Text>,
    /// The refresh token for `refresh_token`.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    refresh_token: Optional<Text>,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(operations::all);

/// The day's calls are counted over 24 hours that roll: there is room again after a while.
const DAY_USED_UP: Period = Period::minutes(15);
/// How long an assertion is good, in seconds.
const ASSERTION_SECONDS: i64 = 180;

impl Config {
    fn of(connection: &Connection) -> Result<Self, ActionError> {
        config(connection)
    }

    fn login(&self) -> String {
        let standard =
            if self.sandbox.0 { "https://test.salesforce.com" } else { "https://login.salesforce.com" };
        let own = self.login_url.0.as_ref().and_then(|text| text.line(2_000));
        own.map_or_else(|| standard.to_owned(), |own| own.trim_end_matches('/').to_owned())
    }

    fn version(&self) -> String {
        let version = self.api_version.0.as_ref().and_then(|text| text.line(10));
        version.unwrap_or_else(|| "v62.0".to_owned())
    }

    /// A payload's fields under Salesforce's names.
    fn named(&self, fields: Map<String, Value>) -> Map<String, Value> {
        let names = self.field_names.0.as_ref().map(|names| names.0.as_slice()).unwrap_or_default();
        let named = |name: String| {
            let known = names.iter().find(|(own, _)| *own == name);
            known.map_or(name, |(_, theirs)| theirs.trim().to_owned())
        };
        fields.into_iter().map(|(name, value)| (named(name), value)).collect()
    }
}

impl Provider for Salesforce {
    fn name(&self) -> &'static str {
        "salesforce"
    }
    fn title(&self) -> &'static str {
        "Salesforce"
    }
    fn description(&self) -> &'static str {
        "Leads, contacts, opportunities and other records in Salesforce."
    }
    fn icon(&self) -> &'static str {
        "cloud"
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
        let text = |name: &str| config.get(name).and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let mut problems = Vec::new();
        let version = text("apiVersion");
        let is_version = version.strip_prefix('v').is_some_and(|number| number.parse::<f32>().is_ok());
        if !version.is_empty() && !is_version {
            problems.push(Problem::at("apiVersion", "must look like v62.0"));
        }
        if matches!(text("auth"), "" | "client_credentials") && text("loginUrl").is_empty() {
            let message = "client_credentials needs the organisation's own address, such as https://acme.my.salesforce.com";
            problems.push(Problem::at("loginUrl", message));
        }
        if text("auth") == "jwt_bearer" && text("username").is_empty() {
            problems.push(Problem::at("username", "jwt_bearer signs in in a user's name"));
        }
        problems
    }

    fn access(&self, _: &Connection) -> Result<Access, ActionError> {
        Ok(Access::Token)
    }

    fn grant(&self, connection: &Connection, refresh: Option<&str>, now: Timestamp) -> Result<Grant, ActionError> {
        let settings = Config::of(connection)?;
        let client_id = settings.client_id.0.trim().to_owned();
        let auth = settings.auth.0.as_ref().map_or("client_credentials", |auth| auth.0.trim());
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let (form, client) = match auth {
            "jwt_bearer" => {
                let key = connection.required_secret("privateKey")?;
                let signer = Signer::of_pem(key).map_err(|wrong| {
                    let message = format!("the connection {:?} is not set up well: privateKey {wrong}", connection.name);
                    ActionError::new(ErrorKind::InvalidConfig, message)
                })?;
                let user = settings.username.0.as_ref().and_then(|text| text.line(255));
                let user = user.ok_or_else(|| connection.lacks("username"))?;
                let audience =
                    if settings.sandbox.0 { "https://test.salesforce.com" } else { "https://login.salesforce.com" };
                let ends = now.as_millis().div_euclid(1_000) + ASSERTION_SECONDS;
                let assertion = signer.sign(&json!({"iss": client_id, "sub": user, "aud": audience, "exp": ends}))?;
                let form = vec![
                    pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
                    pair("assertion", assertion),
                ];
                (form, None)
            }
            "refresh_token" => {
                let refresh = match refresh {
                    Some(refresh) => refresh,
                    None => connection.required_secret("refreshToken")?,
                };
                let form = vec![pair("grant_type", "refresh_token".to_owned()), pair("refresh_token", refresh.to_owned())];
                // An app may be set to need no secret for this.
                (form, Some((client_id, connection.secret("clientSecret").unwrap_or_default().to_owned())))
            }
            _ => {
                let secret = connection.required_secret("clientSecret")?.to_owned();
                (vec![pair("grant_type", "client_credentials".to_owned())], Some((client_id, secret)))
            }
        };
        let url = format!("{}/services/oauth2/token", settings.login());
        Ok(Grant { url, form, client, authentication: ClientAuthentication::Form })
    }

    fn is_authorizable(&self) -> bool {
        true
    }

    fn authorization(&self, connection: &Connection) -> Result<Option<Authorization>, ActionError> {
        let settings = Config::of(connection)?;
        if settings.auth.0.as_ref().is_none_or(|auth| auth.0.trim() != "refresh_token") {
            let message = format!("the connection {:?} signs in by itself: set auth to refresh_token to authorise it in the browser", connection.name);
            return Err(ActionError::new(ErrorKind::InvalidConfig, message));
        }
        let login = settings.login();
        Ok(Some(Authorization {
            url: format!("{login}/services/oauth2/authorize"),
            token_url: format!("{login}/services/oauth2/token"),
            scope: "api refresh_token".to_owned(),
            client_id: settings.client_id.0.trim().to_owned(),
            client_secret: connection.secret("clientSecret").map(str::to_owned),
        }))
    }

    fn base(&self, connection: &Connection, instance: Option<&str>) -> Result<String, ActionError> {
        let settings = Config::of(connection)?;
        let instance = instance.map_or_else(|| settings.login(), |instance| instance.trim_end_matches('/').to_owned());
        Ok(format!("{instance}/services/data/{}", settings.version()))
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        read(response.status, &body(response), response, now)
    }

    fn quota(&self, response: &HttpResponse) -> Option<Quota> {
        // `api-usage=10018/100000`, perhaps with more after it.
        let usage = response.header("sforce-limit-info")?.split(&[',', ';', ' ']).find_map(|part| part.strip_prefix("api-usage="))?;
        let (used, limit) = usage.split_once('/')?;
        let (used, limit): (i64, i64) = (used.trim().parse().ok()?, limit.trim().parse().ok()?);
        Some(Quota { remaining: (limit - used).max(0), limit })
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let reply = client.send(Request::get("limits")).await?.done()?;
            Ok(json!({"dailyApiRequests": reply.body["DailyApiRequests"]}))
        }
        .boxed()
    }
}

/// Reads an answer, or a composite's part, by its status and body.
fn read(status: u16, answer: &Value, response: &HttpResponse, now: Timestamp) -> Answer {
    let first = answer.get(0).cloned().unwrap_or_default();
    let (code, why) = (text_at(&first, "/errorCode"), text_at(&first, "/message"));
    let why = if why.is_empty() { text_at(answer, "/error_description") } else { why };
    match (status, code.as_str()) {
        (200..=299, _) => Answer::Done(answer.clone()),
        (300, _) => {
            let why = "several records have this external id".to_owned();
            Answer::Permanent { why, fields: Vec::new() }
        }
        (403, "REQUEST_LIMIT_EXCEEDED") => Answer::Limited { why, pause: DAY_USED_UP },
        (_, "UNABLE_TO_LOCK_ROW" | "SERVER_UNAVAILABLE") => Answer::Failed { why, after: None },
        (_, "DUPLICATES_DETECTED") => {
            // Earlier versions of the interface spell it so.
            let found = ["/duplicateResult", "/duplicateResut"].iter().find_map(|at| {
                first.pointer(&format!("{at}/matchResults/0/matchRecords/0/record/Id"))?.as_str().map(str::to_owned)
            });
            Answer::Conflict { why, existing: found }
        }
        (401, _) => Answer::Authentication { why: if why.is_empty() { code } else { why } },
        _ => {
            let fields = fields(answer);
            Answer::of_status(&HttpResponse { status, ..response.clone() }, now, why, fields)
        }
    }
}

fn fields(errors: &Value) -> Vec<FieldError> {
    let errors = errors.as_array().into_iter().flatten();
    errors
        .flat_map(|error| {
            let message = text_at(error, "/message");
            let named = error.get("fields").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            named.map(move |field| FieldError::new(field, message.clone())).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests;
