//! What can be done in Zendesk.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::address;
use crate::{
    action::ActionError,
    input::{Fields, Flag, List, Optional, Text},
    ledger::Reference,
    provider::{Client, Operate, Operation, Request, record, segment},
};

pub(super) fn all() -> Vec<Operation> {
    vec![
        Operation::of::<CreateTicket>(),
        Operation::of::<UpdateTicket>(),
        Operation::of::<AddComment>(),
        Operation::of::<UpsertUser>(),
        Operation::of::<FindTicket>(),
    ]
}

/// A ticket.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateTicket {
    /// What it is about, in a line.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    subject: Text,
    /// The first comment.
    #[schemars(extend("format" = "multiline", "minLength" = 1))]
    body: Text,
    /// Whether the requester sees the first comment.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    public: Flag,
    /// How urgent it is.
    #[serde(default)]
    #[schemars(extend("examples" = ["low", "normal", "high", "urgent"]))]
    priority: Optional<Text>,
    /// The address of whoever asks; a user is made when there is none.
    #[serde(default)]
    #[schemars(extend("format" = "email"))]
    requester_email: Optional<Text>,
    /// The name of whoever asks.
    #[serde(default)]
    requester_name: Optional<Text>,
    /// Tags.
    #[serde(default)]
    tags: List,
    /// An id of ours, by which the ticket is found again.
    #[serde(default)]
    external_id: Optional<Text>,
    /// Custom fields by their ids.
    #[serde(default)]
    custom_fields: Optional<Fields>,
}

const fn yes() -> Flag {
    Flag(true)
}

impl Operate for CreateTicket {
    const NAME: &'static str = "create_ticket";
    const TITLE: &'static str = "Create a ticket";
    const DESCRIPTION: &'static str = "Makes a ticket, once: every attempt carries the same idempotency key.";

    fn sample() -> Value {
        json!({"subject": "Detractor: {{contact.name}}", "body": "{{submission.data.q_feedback}}", "requesterEmail": "{{contact.email}}", "priority": "high"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let subject = self.subject.line(150).ok_or_else(|| ActionError::invalid("payload.subject", "is empty"))?;
        let body = self.body.block(60_000).ok_or_else(|| ActionError::invalid("payload.body", "is empty"))?;
        let mut ticket = json!({"subject": subject, "comment": {"body": body, "public": self.public.0}});
        if let Some(priority) = self.priority.0 {
            ticket["priority"] = priority.0.trim().to_lowercase().into();
        }
        if let Some(email) = self.requester_email.0.and_then(|text| text.line(255)) {
            let name = self.requester_name.0.and_then(|text| text.line(255)).unwrap_or_else(|| email.clone());
            ticket["requester"] = json!({"name": name, "email": email});
        }
        if !self.tags.0.is_empty() {
            ticket["tags"] = tags(&self.tags);
        }
        if let Some(id) = self.external_id.0 {
            ticket["external_id"] = id.0.trim().into();
        }
        if let Some(fields) = self.custom_fields.0 {
            ticket["custom_fields"] = custom(fields);
        }
        let request = Request::post("tickets.json", json!({"ticket": ticket}))
            .header("Idempotency-Key", client.cx.idempotency_key);
        let reply = client.send(request).await?.done()?;
        let id = number(&reply.body["ticket"]["id"])?;
        let url = format!("{}/agent/tickets/{id}", address(client.connection)?);
        Ok(record(&Reference { id, url: Some(url) }, true))
    }
}

/// What changes about a ticket.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpdateTicket {
    /// Its id in Zendesk.
    #[schemars(extend("minLength" = 1))]
    ticket_id: Text,
    /// Its status.
    #[serde(default)]
    #[schemars(extend("examples" = ["open", "pending", "hold", "solved"]))]
    status: Optional<Text>,
    /// How urgent it is.
    #[serde(default)]
    #[schemars(extend("examples" = ["low", "normal", "high", "urgent"]))]
    priority: Optional<Text>,
    /// All its tags.
    #[serde(default)]
    tags: List,
    /// Custom fields by their ids.
    #[serde(default)]
    custom_fields: Optional<Fields>,
}

impl Operate for UpdateTicket {
    const NAME: &'static str = "update_ticket";
    const TITLE: &'static str = "Update a ticket";
    const DESCRIPTION: &'static str = "Changes a ticket that is there. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"ticketId": "{{steps.s1.output.result.id}}", "status": "open", "priority": "urgent"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let mut ticket = Map::new();
        for (name, value) in [("status", self.status), ("priority", self.priority)] {
            if let Some(value) = value.0 {
                ticket.insert(name.to_owned(), value.0.trim().to_lowercase().into());
            }
        }
        if !self.tags.0.is_empty() {
            ticket.insert("tags".to_owned(), tags(&self.tags));
        }
        if let Some(fields) = self.custom_fields.0 {
            ticket.insert("custom_fields".to_owned(), custom(fields));
        }
        if ticket.is_empty() {
            return Err(ActionError::invalid("payload", "changes nothing"));
        }
        client.send(changed(&segment("ticketId", &self.ticket_id.0)?, ticket.into())).await?.done()?;
        Ok(record(&Reference::of(self.ticket_id.0.trim()), false))
    }
}

/// A comment on a ticket.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AddComment {
    /// The ticket's id in Zendesk.
    #[schemars(extend("minLength" = 1))]
    ticket_id: Text,
    /// What it says.
    #[schemars(extend("format" = "multiline", "minLength" = 1))]
    body: Text,
    /// Whether the requester sees it; otherwise it is an internal note.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    public: Flag,
}

impl Operate for AddComment {
    const NAME: &'static str = "add_comment";
    const TITLE: &'static str = "Add a comment";
    const DESCRIPTION: &'static str =
        "Writes a comment or an internal note, once: after an attempt of unknown end it is looked for first.";

    fn sample() -> Value {
        json!({"ticketId": "{{steps.s1.output.result.id}}", "body": "The customer answered: {{submission.data.q_feedback}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let body = self.body.block(60_000).ok_or_else(|| ActionError::invalid("payload.body", "is empty"))?;
        let (id, key) = (segment("ticketId", &self.ticket_id.0)?, client.cx.idempotency_key);
        let comment = Reference::of(self.ticket_id.0.trim());
        let look = async |_| {
            let request = Request::get(format!("tickets/{id}/audits.json")).query("sort_order", "desc");
            let audits = client.send(request).await?.done()?.body;
            let has_ours = |audit: &Value| audit["metadata"]["custom"]["vtrustx_key"] == key;
            Ok(audits["audits"].as_array().into_iter().flatten().any(has_ours).then(|| comment.clone()))
        };
        let ticket = json!({"comment": {"body": body, "public": self.public.0}, "metadata": {"vtrustx_key": key}});
        client.make(look, |_| changed(&id, ticket), |_| Ok(comment.clone())).await
    }
}

/// A user by the address; every further field is one of the user.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpsertUser {
    /// The address by which the user is found.
    #[schemars(extend("format" = "email", "minLength" = 1))]
    email: Text,
    /// The user's name.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    name: Text,
    /// Custom user fields by their keys.
    #[serde(default)]
    user_fields: Optional<Fields>,
}

impl Operate for UpsertUser {
    const NAME: &'static str = "upsert_user";
    const TITLE: &'static str = "Create or update a user";
    const DESCRIPTION: &'static str =
        "Finds the user by the address, and makes one when there is none. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"email": "{{contact.email}}", "name": "{{contact.name}}", "userFields": {"nps": "{{submission.data.q_nps}}"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let mut user = json!({"email": self.email.0.trim(), "name": self.name.0.trim()});
        if let Some(fields) = self.user_fields.0 {
            user["user_fields"] = fields.0.into();
        }
        let request = Request::post("users/create_or_update.json", json!({"user": user}));
        let reply = client.send(request).await?.done()?;
        Ok(record(&Reference::of(number(&reply.body["user"]["id"])?), reply.status == 201))
    }
}

/// A ticket by an id of ours.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FindTicket {
    /// The id of ours that it was made with.
    #[schemars(extend("minLength" = 1))]
    external_id: Text,
}

impl Operate for FindTicket {
    const NAME: &'static str = "find_ticket";
    const TITLE: &'static str = "Find a ticket";
    const DESCRIPTION: &'static str = "Finds the ticket that was made with an id of ours; finding none is no error.";

    fn sample() -> Value {
        json!({"externalId": "{{submission.id}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let id: String = self.external_id.0.trim().chars().filter(|c| *c != '"').collect();
        let request = Request::get("search.json").query("query", &format!("type:ticket external_id:\"{id}\""));
        let reply = client.send(request).await?.done()?;
        let found = reply.body["results"].get(0);
        Ok(json!({"found": found.is_some(), "id": found.map(|ticket| ticket["id"].to_string()), "status": found.map(|ticket| &ticket["status"])}))
    }
}

fn tags(tags: &List) -> Value {
    // A tag of Zendesk has no blanks.
    tags.0.iter().map(|tag| tag.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_")).collect()
}

fn custom(fields: Fields) -> Value {
    let field = |(id, value): (String, Value)| match id.parse::<u64>() {
        Ok(number) => json!({"id": number, "value": value}),
        Err(_) => json!({"id": id, "value": value}),
    };
    fields.0.into_iter().map(field).collect()
}

fn number(id: &Value) -> Result<String, ActionError> {
    id.as_u64().map(|id| id.to_string()).ok_or_else(|| ActionError::without_id("Zendesk"))
}

fn changed(id: &str, ticket: Value) -> Request {
    Request::json("PUT", format!("tickets/{id}.json"), json!({"ticket": ticket}))
}
