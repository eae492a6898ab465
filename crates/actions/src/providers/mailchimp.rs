//! `mailchimp`: members of an audience and their tags.
//!
//! <https://mailchimp.com/developer/marketing/api/list-members/>. A member is named by the MD5 of the address, so whatever is done to one may be done again. A status is
//! only given to new members: who has unsubscribed stays unsubscribed.

use std::sync::LazyLock;

use futures_util::{FutureExt, future::BoxFuture};
use md5::{Digest, Md5};
use model::{Period, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{ActionError, ErrorKind},
    answer::pause,
    capability::{Connection, HttpResponse},
    input::{Fields, List, Optional, Text},
    ledger::{Pace, Reference},
    provider::{
        Access, Answer, Client, FieldError, Operate, Operation, Provider, Registration, Request, body, config, email, endpoint,
        record, segment, text_at,
    },
    schema,
};

struct Mailchimp;

inventory::submit!(Registration(&Mailchimp));

/// How to reach the account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The id of the audience that is meant where a step names none.
    #[serde(default)]
    list_id: Optional<Text>,
    /// The address of the interface, where it is not that of the key's data centre.
    #[serde(default)]
    #[schemars(extend("format" = "uri"))]
    api_url: Optional<Text>,
}

/// What lets calls in.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// An API key, with the data centre at its end (`…-us21`).
    #[schemars(extend("format" = "password", "writeOnly" = true))]
    api_key: Text,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    vec![Operation::of::<UpsertMember>(), Operation::of::<TagMember>(), Operation::of::<UnsubscribeMember>()]
});

/// A member by the address.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpsertMember {
    /// The address by which the member is found.
    #[schemars(extend("format" = "email", "minLength" = 1))]
    email: Text,
    /// The audience's id, where it is not the connection's.
    #[serde(default)]
    list_id: Optional<Text>,
    /// The status of somebody new: `pending` is asked for consent by Mailchimp first. Whoever is there keeps the status.
    #[serde(default)]
    #[schemars(extend("enum" = ["pending", "subscribed", "transactional", null], "default" = "pending"))]
    status_if_new: Optional<Text>,
    /// Merge fields by their tags, such as `FNAME`.
    #[serde(default)]
    merge_fields: Optional<Fields>,
    /// Tags that are put on the member.
    #[serde(default)]
    tags: List,
}

impl Operate for UpsertMember {
    const NAME: &'static str = "upsert_member";
    const TITLE: &'static str = "Create or update a member";
    const DESCRIPTION: &'static str =
        "Finds the member by the address, and adds one when there is none. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"email": "{{contact.email}}", "mergeFields": {"FNAME": "{{contact.name}}"}, "tags": "promoter"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let (id, path) = member(client, &self.email, self.list_id)?;
        let status = self.status_if_new.0.and_then(|text| text.line(40)).unwrap_or_else(|| "pending".to_owned());
        let mut body = json!({"email_address": self.email.0.trim(), "status_if_new": status});
        if let Some(fields) = self.merge_fields.0 {
            body["merge_fields"] = fields.0.into();
        }
        client.send(Request::json("PUT", &path, body)).await?.done()?;
        tag(client, &path, &self.tags, "active").await?;
        Ok(record(&Reference::of(id), false))
    }
}

/// Tags of a member.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TagMember {
    /// The member's address.
    #[schemars(extend("format" = "email", "minLength" = 1))]
    email: Text,
    /// The audience's id, where it is not the connection's.
    #[serde(default)]
    list_id: Optional<Text>,
    /// Tags that are put on.
    #[serde(default)]
    add: List,
    /// Tags that are taken off.
    #[serde(default)]
    remove: List,
}

impl Operate for TagMember {
    const NAME: &'static str = "tag_member";
    const TITLE: &'static str = "Tag a member";
    const DESCRIPTION: &'static str = "Puts tags on a member, or takes them off. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"email": "{{contact.email}}", "add": "promoter", "remove": "detractor"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let (id, path) = member(client, &self.email, self.list_id)?;
        tag(client, &path, &self.add, "active").await?;
        tag(client, &path, &self.remove, "inactive").await?;
        Ok(record(&Reference::of(id), false))
    }
}

/// A member who wants no more mails.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UnsubscribeMember {
    /// The member's address.
    #[schemars(extend("format" = "email", "minLength" = 1))]
    email: Text,
    /// The audience's id, where it is not the connection's.
    #[serde(default)]
    list_id: Optional<Text>,
}

impl Operate for UnsubscribeMember {
    const NAME: &'static str = "unsubscribe_member";
    const TITLE: &'static str = "Unsubscribe a member";
    const DESCRIPTION: &'static str = "Ends a member's subscription. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"email": "{{contact.email}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let (id, path) = member(client, &self.email, self.list_id)?;
        client.send(Request::json("PATCH", path, json!({"status": "unsubscribed"}))).await?.done()?;
        Ok(record(&Reference::of(id), false))
    }
}

/// The member's id, and the path.
fn member(client: &Client<'_>, email: &Text, list: Optional<Text>) -> Result<(String, String), ActionError> {
    let settings: Config = client.config()?;
    let email = self::email(email)?;
    let list = list.0.or(settings.list_id.0).map(|text| text.0).unwrap_or_default();
    let list = segment("listId", &list)?;
    let id: String = Md5::digest(email.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = format!("lists/{list}/members/{id}");
    Ok((id, path))
}

async fn tag(client: &Client<'_>, path: &str, tags: &List, status: &str) -> Result<(), ActionError> {
    if tags.0.is_empty() {
        return Ok(());
    }
    let tags: Vec<Value> = tags.0.iter().map(|name| json!({"name": name, "status": status})).collect();
    client.send(Request::post(format!("{path}/tags"), json!({"tags": tags}))).await?.done().map(drop)
}

impl Provider for Mailchimp {
    fn name(&self) -> &'static str {
        "mailchimp"
    }
    fn title(&self) -> &'static str {
        "Mailchimp"
    }
    fn description(&self) -> &'static str {
        "Members of an audience and their tags."
    }
    fn icon(&self) -> &'static str {
        "brand-mailgun"
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
        Ok(Access::basic("vtrustx", connection.required_secret("apiKey")?))
    }

    fn base(&self, connection: &Connection, _: Option<&str>) -> Result<String, ActionError> {
        let settings: Config = config(connection)?;
        let own = endpoint(settings.api_url, "");
        if !own.is_empty() {
            return Ok(own);
        }
        let key = connection.required_secret("apiKey")?;
        let centre = key.rsplit_once('-').map(|(_, centre)| centre).filter(|centre| {
            !centre.is_empty() && centre.len() <= 10 && centre.chars().all(|c| c.is_ascii_alphanumeric())
        });
        let centre = centre.ok_or_else(|| {
            let message = format!("the connection {:?} is not set up well: apiKey does not end in a data centre, such as -us21", connection.name);
            ActionError::new(ErrorKind::InvalidConfig, message)
        })?;
        Ok(format!("https://{centre}.api.mailchimp.com/3.0"))
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        read(response, now)
    }

    fn pace(&self, _: &Connection) -> Option<Pace> {
        // Ten connections at once are allowed.
        Some(Pace { interval: 120, burst: 5 })
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            let reply = client.send(Request::get("ping")).await?.done()?;
            Ok(json!({"health": reply.body["health_status"]}))
        }
        .boxed()
    }
}

/// Problems are told as RFC 7807 has it, with the fields beside.
fn read(response: &HttpResponse, now: Timestamp) -> Answer {
    let answer = body(response);
    let (title, detail) = (text_at(&answer, "/title"), text_at(&answer, "/detail"));
    let why = if detail.is_empty() { title } else { detail };
    let errors = answer.get("errors").and_then(Value::as_array).into_iter().flatten();
    let fields = errors.map(|error| FieldError::new(text_at(error, "/field"), text_at(error, "/message")));
    let fields: Vec<FieldError> = fields.filter(|wrong| !wrong.field.is_empty()).collect();
    if response.status == 429 {
        return Answer::Limited { why, pause: pause(response, now).unwrap_or(Period::seconds(10)) };
    }
    Answer::of_status(response, now, why, fields)
}

#[cfg(test)]
mod tests;
