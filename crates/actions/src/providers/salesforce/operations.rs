//! What can be done in Salesforce.

use model::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Config, composite::Composite};
use crate::{
    action::ActionError,
    input::{Fields, List, Optional, Text},
    ledger::Reference,
    provider::{Client, Operate, Operation, Request, merged, record, segment},
};

pub(super) fn all() -> Vec<Operation> {
    vec![
        Operation::of::<UpdateLead>(),
        Operation::of::<UpsertLead>(),
        Operation::of::<UpsertContact>(),
        Operation::of::<CreateDeal>(),
        Operation::of::<AddNote>(),
        Operation::of::<CreateRecord>(),
        Operation::of::<UpdateRecord>(),
        Operation::of::<UpsertRecord>(),
        Operation::of::<Find>(),
        Operation::of::<Composite>(),
    ]
}

/// Clocks differ: what was made a little before our first attempt may be of it.
const CLOCKS_DIFFER_MS: i64 = 60_000;
/// SOQL compares texts up to this length.
const LONGEST_COMPARED: usize = 255;

/// A lead by its id; every further field is one of the lead.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateLead {
    /// The lead's id in Salesforce (`00Q…`).
    #[schemars(extend("minLength" = 1))]
    lead_id: Text,
    /// Fields by their names in Salesforce, or by the names that the connection knows.
    #[serde(default)]
    fields: Optional<Fields>,
    #[serde(flatten)]
    further: Map<String, Value>,
}

impl Operate for UpdateLead {
    const NAME: &'static str = "update_lead";
    const TITLE: &'static str = "Update a lead";
    const DESCRIPTION: &'static str = "Changes a lead that is there. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"leadId": "{{contact.external_id}}", "fields": {"NPS_Score__c": "{{submission.data.q_nps}}"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        update(client, "Lead", &self.lead_id.0, merged(self.further, self.fields)).await
    }
}

/// A record by the connection's external id; every further field is one of the record.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Upsert {
    /// The value by which the record is found.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    external_id: Text,
    /// The field that holds it, where it is not the connection's.
    #[serde(default)]
    external_id_field: Optional<Text>,
    /// Fields by their names in Salesforce, or by the names that the connection knows.
    #[serde(default)]
    fields: Optional<Fields>,
    #[serde(flatten)]
    further: Map<String, Value>,
}

impl Upsert {
    async fn of(self, client: &Client<'_>, object: &str) -> Result<Value, ActionError> {
        let fields = merged(self.further, self.fields);
        upsert(client, object, self.external_id_field, &self.external_id.0, fields).await
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
struct UpsertLead(Upsert);

impl Operate for UpsertLead {
    const NAME: &'static str = "upsert_lead";
    const TITLE: &'static str = "Create or update a lead";
    const DESCRIPTION: &'static str =
        "Finds the lead by an external id, and makes it when there is none. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"externalId": "{{contact.id}}", "fields": {"LastName": "{{contact.name}}", "Company": "{{contact.company}}"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        self.0.of(client, "Lead").await
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
struct UpsertContact(Upsert);

impl Operate for UpsertContact {
    const NAME: &'static str = "upsert_contact";
    const TITLE: &'static str = "Create or update a contact";
    const DESCRIPTION: &'static str =
        "Finds the contact by an external id, and makes it when there is none. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"externalId": "{{contact.id}}", "fields": {"LastName": "{{contact.name}}", "Email": "{{contact.email}}"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        self.0.of(client, "Contact").await
    }
}

/// An opportunity.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateDeal {
    /// What it is called, at most 120 characters.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    name: Text,
    /// Its stage, such as `Prospecting`.
    #[schemars(extend("minLength" = 1))]
    stage: Text,
    /// When it is expected to close, as `2026-03-31`.
    #[schemars(extend("minLength" = 1))]
    close_date: Text,
    /// What it is worth.
    #[serde(default)]
    amount: Optional<Text>,
    /// The Salesforce id of its account.
    #[serde(default)]
    account_id: Optional<Text>,
    /// Further fields by their names in Salesforce, or by the names that the connection knows.
    #[serde(default)]
    fields: Optional<Fields>,
}

impl Operate for CreateDeal {
    const NAME: &'static str = "create_deal";
    const TITLE: &'static str = "Create an opportunity";
    const DESCRIPTION: &'static str =
        "Makes an opportunity. After an attempt of unknown end it is looked for, by name and time, before one is made.";

    fn sample() -> Value {
        json!({"name": "Upsell {{contact.company}}", "stage": "Prospecting", "closeDate": "{{now | date(\"%Y-%m-%d\")}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let mut fields = self.fields.0.unwrap_or_default().0;
        let name = self.name.line(120).ok_or_else(|| ActionError::invalid("payload.name", "is empty"))?;
        fields.insert("Name".into(), name.into());
        fields.insert("StageName".into(), self.stage.0.into());
        fields.insert("CloseDate".into(), self.close_date.0.trim().into());
        if let Some(amount) = self.amount.0 {
            let number: Result<serde_json::Number, _> = serde_json::from_str(amount.0.trim());
            let number = number.map_err(|_| ActionError::invalid("payload.amount", "is not a number"))?;
            fields.insert("Amount".into(), number.into());
        }
        if let Some(account) = self.account_id.0 {
            fields.insert("AccountId".into(), account.0.trim().into());
        }
        create(client, "Opportunity", fields).await
    }
}

/// A note, kept as a task that is done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AddNote {
    /// What it is about, in a line.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    subject: Text,
    /// The whole story.
    #[serde(default)]
    #[schemars(extend("format" = "multiline"))]
    text: Optional<Text>,
    /// The Salesforce id of a contact or a lead.
    #[serde(default)]
    who_id: Optional<Text>,
    /// The Salesforce id of an account, an opportunity or a case.
    #[serde(default)]
    what_id: Optional<Text>,
}

impl Operate for AddNote {
    const NAME: &'static str = "add_note";
    const TITLE: &'static str = "Add a note";
    const DESCRIPTION: &'static str =
        "Writes a completed task. After an attempt of unknown end it is looked for, by subject and time, before one is made.";

    fn sample() -> Value {
        json!({"subject": "NPS {{submission.data.q_nps}}", "text": "{{submission.data.q_feedback}}", "whoId": "{{contact.external_id}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let subject = self.subject.line(255).ok_or_else(|| ActionError::invalid("payload.subject", "is empty"))?;
        let mut fields = Map::from_iter([
            ("Subject".to_owned(), Value::from(subject)),
            ("Status".to_owned(), Value::from("Completed")),
        ]);
        for (name, value) in [("Description", self.text), ("WhoId", self.who_id), ("WhatId", self.what_id)] {
            if let Some(value) = value.0 {
                fields.insert(name.to_owned(), value.0.trim().into());
            }
        }
        create(client, "Task", fields).await
    }
}

/// A record of any object.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateRecord {
    /// The object, such as `Case` or `Survey_Answer__c`.
    #[schemars(extend("minLength" = 1))]
    object: Text,
    /// Fields by their names in Salesforce, or by the names that the connection knows.
    fields: Fields,
}

impl Operate for CreateRecord {
    const NAME: &'static str = "create_record";
    const TITLE: &'static str = "Create a record";
    const DESCRIPTION: &'static str =
        "Makes a record of any object. After an attempt of unknown end it is looked for, by what was sent and when, before one is made.";

    fn sample() -> Value {
        json!({"object": "Case", "fields": {"Subject": "NPS {{submission.data.q_nps}}", "Origin": "Survey"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        create(client, &name("object", &self.object.0)?, self.fields.0).await
    }
}

/// A record of any object, by its id.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpdateRecord {
    /// The object, such as `Account`.
    #[schemars(extend("minLength" = 1))]
    object: Text,
    /// Its id in Salesforce.
    #[schemars(extend("minLength" = 1))]
    id: Text,
    /// Fields by their names in Salesforce, or by the names that the connection knows.
    fields: Fields,
}

impl Operate for UpdateRecord {
    const NAME: &'static str = "update_record";
    const TITLE: &'static str = "Update a record";
    const DESCRIPTION: &'static str = "Changes a record that is there. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"object": "Account", "id": "001000000000001AAA", "fields": {"Health__c": "at risk"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        update(client, &name("object", &self.object.0)?, &self.id.0, self.fields.0).await
    }
}

/// A record of any object, by an external id.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpsertRecord {
    /// The object, such as `Survey_Answer__c`.
    #[schemars(extend("minLength" = 1))]
    object: Text,
    /// The value by which the record is found.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    external_id: Text,
    /// The field that holds it, where it is not the connection's.
    #[serde(default)]
    external_id_field: Optional<Text>,
    /// Fields by their names in Salesforce, or by the names that the connection knows.
    fields: Fields,
}

impl Operate for UpsertRecord {
    const NAME: &'static str = "upsert_record";
    const TITLE: &'static str = "Create or update a record";
    const DESCRIPTION: &'static str =
        "Finds a record of any object by an external id, and makes it when there is none. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"object": "Survey_Answer__c", "externalId": "{{submission.id}}", "fields": {"Score__c": "{{submission.data.q_nps}}"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let object = name("object", &self.object.0)?;
        upsert(client, &object, self.external_id_field, &self.external_id.0, self.fields.0).await
    }
}

/// Records with a field of that value.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Find {
    /// The object, such as `Contact`.
    #[schemars(extend("minLength" = 1))]
    object: Text,
    /// The field.
    #[schemars(extend("minLength" = 1))]
    field: Text,
    /// Its value, a text.
    #[schemars(extend("format" = "template-text"))]
    value: Text,
    /// Which fields to read beside the id.
    #[serde(default)]
    read: List,
}

impl Operate for Find {
    const NAME: &'static str = "find";
    const TITLE: &'static str = "Find records";
    const DESCRIPTION: &'static str = "Finds up to ten records by the value of a field; finding none is no error.";

    fn sample() -> Value {
        json!({"object": "Contact", "field": "Email", "value": "{{contact.email}}", "read": "Name, OwnerId"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let settings = Config::of(client.connection)?;
        let object = name("object", &self.object.0)?;
        let named = settings.named(Map::from_iter([(self.field.0.trim().to_owned(), Value::Null)]));
        let field = name("field", named.keys().next().map(String::as_str).unwrap_or_default())?;
        let mut read = vec!["Id".to_owned()];
        for (index, field) in self.read.0.iter().enumerate() {
            let field = name(&format!("read[{index}]"), field)?;
            if field != "Id" {
                read.push(field);
            }
        }
        let (read, value) = (read.join(", "), quoted(self.value.0.trim()));
        let found = query(client, &format!("SELECT {read} FROM {object} WHERE {field} = {value} LIMIT 10")).await?;
        Ok(json!({"found": !found.is_empty(), "id": found.first().map(|record| record["Id"].clone()), "records": found}))
    }
}

/// A name of an object or a field: it stands in paths and in SOQL, so it is nothing else.
fn name(path: &str, text: &str) -> Result<String, ActionError> {
    let text = text.trim();
    let is_name = !text.is_empty()
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        && !text.starts_with('.');
    if is_name { Ok(text.to_owned()) } else { Err(ActionError::invalid(&format!("payload.{path}"), "is no name of Salesforce's")) }
}

/// Text as SOQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

async fn query(client: &Client<'_>, soql: &str) -> Result<Vec<Value>, ActionError> {
    let reply = client.send(Request::get("query").query("q", soql)).await?.done()?;
    Ok(reply.body["records"].as_array().cloned().unwrap_or_default())
}

async fn update(
    client: &Client<'_>,
    object: &str,
    id: &str,
    fields: Map<String, Value>,
) -> Result<Value, ActionError> {
    let settings = Config::of(client.connection)?;
    let mut fields = settings.named(fields);
    fields.shift_remove("Id");
    let path = format!("sobjects/{object}/{}", segment("id", id)?);
    client.send(Request::json("PATCH", path, fields.into())).await?.done()?;
    Ok(record(&Reference::of(id.trim()), false))
}

async fn upsert(
    client: &Client<'_>,
    object: &str,
    field: Optional<Text>,
    value: &str,
    fields: Map<String, Value>,
) -> Result<Value, ActionError> {
    let settings = Config::of(client.connection)?;
    let mut fields = settings.named(fields);
    let field = field.0.or(settings.external_id_field.0).map(|text| text.0).ok_or_else(|| {
        let message = "is needed: name a field that is marked as an external id, here or in the connection";
        ActionError::invalid("payload.externalIdField", message)
    })?;
    let field = name("externalIdField", &field)?;
    // What stands in the address must not stand in the body.
    fields.shift_remove(&field);
    fields.shift_remove("Id");
    let path = format!("sobjects/{object}/{field}/{}", segment("externalId", value)?);
    let reply = client.send(Request::json("PATCH", path, fields.into())).await?.done()?;
    let id = reply.body["id"].as_str().unwrap_or_default();
    let created = reply.status == 201 || reply.body["created"] == true;
    let mut output = record(&Reference::of(id), created);
    output["externalId"] = value.trim().into();
    Ok(output)
}

/// Makes a record that has no key of ours.
async fn create(
    client: &Client<'_>,
    object: &str,
    fields: Map<String, Value>,
) -> Result<Value, ActionError> {
    let settings = Config::of(client.connection)?;
    let mut fields = settings.named(fields);
    let mark = settings.mark_field.0.map(|field| name("markField", &field.0)).transpose()?;
    if let Some(mark) = &mark {
        fields.insert(mark.clone(), client.cx.idempotency_key.into());
    }
    let body = fields.clone().into();
    let look = async |since| {
        let nothing = || client.unsettled(": nothing of it can be searched for");
        let soql = match &mark {
            Some(mark) => format!("SELECT Id FROM {object} WHERE {mark} = {} LIMIT 2", quoted(client.cx.idempotency_key)),
            None => earlier(object, &fields, since).ok_or_else(nothing)?,
        };
        let found = query(client, &soql).await?;
        client.only(since, found)?.map(|record| reference(&record["Id"])).transpose()
    };
    let request = |_| Request::post(format!("sobjects/{object}"), body);
    client.make(look, request, |body| reference(&body["id"])).await
}

fn reference(id: &Value) -> Result<Reference, ActionError> {
    id.as_str().map(Reference::of).ok_or_else(|| ActionError::without_id("Salesforce"))
}

/// Finds what an attempt that began at `since` may have made: by the short texts that were sent, as long ones cannot be compared. `None` when there is none,
/// because anything could be found by its time.
fn earlier(object: &str, fields: &Map<String, Value>, since: Timestamp) -> Option<String> {
    let since = Timestamp::from_millis(since.as_millis() - CLOCKS_DIFFER_MS);
    let conditions: Vec<String> = fields
        .iter()
        .filter(|(field, _)| *field != "Description" && !field.ends_with("Date") && name("", field).is_ok())
        .filter_map(|(name, value)| Some((name, value.as_str()?)))
        .filter(|(_, text)| !text.is_empty() && text.chars().count() <= LONGEST_COMPARED)
        .take(3)
        .map(|(name, text)| format!("{name} = {}", quoted(text)))
        .collect();
    let conditions = Some(conditions.join(" AND ")).filter(|conditions| !conditions.is_empty())?;
    Some(format!("SELECT Id FROM {object} WHERE {conditions} AND CreatedDate >= {since} ORDER BY CreatedDate LIMIT 2"))
}
