//! `brevo`: contacts and their lists.
//!
//! <https://developers.brevo.com/reference/createcontact>. With `updateEnabled` a contact is made or updated by the address in one call, which may be repeated. Brevo tells
//! the end of a pause in a header of its own.

use std::sync::LazyLock;

use futures_util::{FutureExt, future::BoxFuture};
use model::{Period, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::ActionError,
    answer::{pause, retry_after},
    capability::{Connection, HttpResponse},
    input::{Fields, List, Optional, Text},
    ledger::{Pace, Quota, Reference},
    provider::{
        Access, Answer, Client, Operate, Operation, Provider, Registration, Request, body, config, email, endpoint,
        record, segment, text_at,
    },
    schema,
};

struct Brevo;

inventory::submit!(Registration(&Brevo));

/// How to reach the account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The address of the interface, where it is not `https://api.brevo.com`.
    #[serde(default)]
    #[schemars(extend("format" = "uri"))]
    api_url: Optional<Text>,
}

/// What lets calls in.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// An API key (`xkeysib-…`).
    #[schemars(extend("format" = "password", "writeOnly" = true))]
    api_key: Text,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);
static OPERATIONS: LazyLock<Vec<Operation>> =
    LazyLock::new(|| vec![Operation::of::<UpsertContact>(), Operation::of::<UnsubscribeContact>()]);

/// A contact by the address.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpsertContact {
    /// The address by which the contact is found.
    #[schemars(extend("format" = "email", "minLength" = 1))]
    email: Text,
    /// Attributes by their names, such as `FIRSTNAME`.
    #[serde(default)]
    attributes: Optional<Fields>,
    /// The numbers of the lists that the contact is put on.
    #[serde(default)]
    lists: List,
    /// The numbers of the lists that the contact is taken off.
    #[serde(default)]
    unlink_lists: List,
}

impl Operate for UpsertContact {
    const NAME: &'static str = "upsert_contact";
    const TITLE: &'static str = "Create or update a contact";
    const DESCRIPTION: &'static str =
        "Finds the contact by the address, and makes one when there is none. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"email": "{{contact.email}}", "attributes": {"FIRSTNAME": "{{contact.name}}", "NPS": "{{submission.data.q_nps}}"}, "lists": "7"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let email = email(&self.email)?;
        let mut contact = json!({"email": email, "updateEnabled": true});
        if let Some(attributes) = self.attributes.0 {
            // Null would be taken for a fault.
            let known = attributes.0.into_iter().filter(|(_, value)| !value.is_null());
            contact["attributes"] = known.collect::<serde_json::Map<_, _>>().into();
        }
        for (name, lists) in [("listIds", &self.lists), ("unlinkListIds", &self.unlink_lists)] {
            if !lists.0.is_empty() {
                contact[name] = numbers(lists)?;
            }
        }
        let reply = client.send(Request::post("contacts", contact)).await?.done()?;
        let id = reply.body["id"].as_i64().map_or(email, |id| id.to_string());
        Ok(record(&Reference::of(id), reply.status == 201))
    }
}

/// A contact who wants no more mails.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UnsubscribeContact {
    /// The contact's address.
    #[schemars(extend("format" = "email", "minLength" = 1))]
    email: Text,
}

impl Operate for UnsubscribeContact {
    const NAME: &'static str = "unsubscribe_contact";
    const TITLE: &'static str = "Unsubscribe a contact";
    const DESCRIPTION: &'static str = "No campaign is sent to the contact any more. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"email": "{{contact.email}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let email = email(&self.email)?;
        let path = format!("contacts/{}", segment("email", &email)?);
        client.send(Request::json("PUT", path, json!({"emailBlacklisted": true}))).await?.done()?;
        Ok(record(&Reference::of(email), false))
    }
}

fn numbers(lists: &List) -> Result<Value, ActionError> {
    let number = |text: &String| {
        text.parse::<u32>().map(Value::from).map_err(|_| ActionError::invalid("payload.lists", format!("{text:?} is no list's number")))
    };
    lists.0.iter().map(number).collect()
}

impl Provider for Brevo {
    fn name(&self) -> &'static str {
        "brevo"
    }
    fn title(&self) -> &'static str {
        "Brevo"
    }
    fn description(&self) -> &'static str {
        "Contacts and their lists in Brevo."
    }
    fn icon(&self) -> &'static str {
        "mail-share"
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
        Ok(Access::Headers(vec![("api-key".to_owned(), connection.required_secret("apiKey")?.to_owned())]))
    }

    fn base(&self, connection: &Connection, _: Option<&str>) -> Result<String, ActionError> {
        let settings: Config = config(connection)?;
        Ok(format!("{}/v3", endpoint(settings.api_url, "https://api.brevo.com")))
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        read(response, now)
    }

    fn pace(&self, _: &Connection) -> Option<Pace> {
        // Ten calls of `/contacts` a second.
        Some(Pace::per(10, 1))
    }

    fn quota(&self, response: &HttpResponse) -> Option<Quota> {
        let number = |name| response.header(name)?.trim().parse().ok();
        Some(Quota { remaining: number("x-sib-ratelimit-remaining")?, limit: number("x-sib-ratelimit-limit")? })
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let reply = client.send(Request::get("account")).await?.done()?;
            Ok(json!({"company": reply.body["companyName"]}))
        }
        .boxed()
    }
}

fn read(response: &HttpResponse, now: Timestamp) -> Answer {
    let answer = body(response);
    let (code, why) = (text_at(&answer, "/code"), text_at(&answer, "/message"));
    match (response.status, code.as_str()) {
        (429, _) => {
            let reset = || retry_after(response.header("x-sib-ratelimit-reset")?, now);
            Answer::Limited { why, pause: pause(response, now).or_else(reset).unwrap_or(Period::seconds(10)) }
        }
        (_, "duplicate_parameter") => Answer::Conflict { why, existing: None },
        _ => Answer::of_status(response, now, why, Vec::new()),
    }
}

#[cfg(test)]
mod tests;
