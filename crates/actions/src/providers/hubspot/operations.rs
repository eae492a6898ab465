//! What can be done in HubSpot.

use model::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{mark, properties, property};
use crate::{
    action::ActionError,
    input::{Fields, Optional, Text},
    ledger::Reference,
    provider::{Client, Operate, Operation, Request, email, merged, record, segment},
};

pub(super) fn all() -> Vec<Operation> {
    vec![
        Operation::of::<UpsertContact>(),
        Operation::of::<UpdateContact>(),
        Operation::of::<CreateDeal>(),
        Operation::of::<CreateTicket>(),
        Operation::of::<AddNote>(),
        Operation::of::<Associate>(),
        Operation::of::<Find>(),
    ]
}

/// How HubSpot numbers the kinds of association that it defines itself.
/// <https://developers.hubspot.com/docs/api/crm/associations#association-type-id-values>
const DEAL_TO_CONTACT: u32 = 3;
const TICKET_TO_CONTACT: u32 = 16;
const NOTE_TO_CONTACT: u32 = 202;
const NOTE_TO_DEAL: u32 = 214;
const NOTE_TO_TICKET: u32 = 228;

/// Clocks differ: what was made a little before our first attempt may be of it.
const CLOCKS_DIFFER_MS: i64 = 60_000;

/// A contact by its address; every further field is a property.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UpsertContact {
    /// The address by which the contact is found.
    #[schemars(extend("format" = "email", "minLength" = 1))]
    email: Text,
    /// Properties by their names in HubSpot, such as `firstname`.
    #[serde(default)]
    properties: Optional<Fields>,
    #[serde(flatten)]
    further: Map<String, Value>,
}

impl Operate for UpsertContact {
    const NAME: &'static str = "upsert_contact";
    const TITLE: &'static str = "Create or update a contact";
    const DESCRIPTION: &'static str = "Finds the contact by its address, and makes it when there is none. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"email": "{{contact.email}}", "properties": {"firstname": "{{contact.name}}", "nps_score": "{{submission.data.q_nps}}"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let properties = properties(merged(self.further, self.properties));
        let input = json!({"idProperty": "email", "id": email(&self.email)?, "properties": properties});
        let request = Request::post("crm/v3/objects/contacts/batch/upsert", json!({"inputs": [input]}));
        let reply = client.send(request).await?.done()?;
        let result = &reply.body["results"][0];
        Ok(record(&reference(result)?, result["new"] == true))
    }
}

/// A contact that is there; every further field is a property.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateContact {
    /// Its address, or its id.
    #[schemars(extend("minLength" = 1))]
    contact: Text,
    /// Properties by their names in HubSpot.
    #[serde(default)]
    properties: Optional<Fields>,
    #[serde(flatten)]
    further: Map<String, Value>,
}

impl Operate for UpdateContact {
    const NAME: &'static str = "update_contact";
    const TITLE: &'static str = "Update a contact";
    const DESCRIPTION: &'static str = "Changes a contact that is there, found by its address or id; one that is not is an error.";

    fn sample() -> Value {
        json!({"contact": "{{contact.email}}", "properties": {"nps_score": "{{submission.data.q_nps}}"}})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let request = Request::json(
            "PATCH",
            format!("crm/v3/objects/contacts/{}", segment("contact", &self.contact.0)?),
            json!({"properties": properties(merged(self.further, self.properties))}),
        );
        let request = if self.contact.0.contains('@') { request.query("idProperty", "email") } else { request };
        let reply = client.send(request).await?.done()?;
        Ok(record(&reference(&reply.body)?, false))
    }
}

/// A deal.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateDeal {
    /// What it is called.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    name: Text,
    /// The id of the pipeline.
    #[serde(default)]
    #[schemars(extend("default" = "default"))]
    pipeline: Optional<Text>,
    /// The id of the stage in the pipeline, such as `appointmentscheduled`.
    #[schemars(extend("minLength" = 1))]
    stage: Text,
    /// What it is worth.
    #[serde(default)]
    amount: Optional<Text>,
    /// The HubSpot id of the contact that it belongs to.
    #[serde(default)]
    contact_id: Optional<Text>,
    /// Further properties by their names in HubSpot.
    #[serde(default)]
    properties: Optional<Fields>,
}

impl Operate for CreateDeal {
    const NAME: &'static str = "create_deal";
    const TITLE: &'static str = "Create a deal";
    const DESCRIPTION: &'static str =
        "Makes a deal. After an attempt of unknown end it is looked for, by name and time, before one is made.";

    fn sample() -> Value {
        json!({"name": "Upsell {{contact.company}}", "stage": "appointmentscheduled", "amount": "900"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let mut own = self.properties.0.unwrap_or_default().0;
        let name = self.name.line(255).ok_or_else(|| ActionError::invalid("payload.name", "is empty"))?;
        own.insert("dealname".into(), name.into());
        own.insert("pipeline".into(), text(self.pipeline, "default").into());
        own.insert("dealstage".into(), self.stage.0.into());
        if let Some(amount) = self.amount.0 {
            own.insert("amount".into(), amount.0.into());
        }
        let links = [(self.contact_id, DEAL_TO_CONTACT)];
        create(client, "deals", "dealname", properties(own), &links).await
    }
}

/// A ticket.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateTicket {
    /// What it is about, in a line.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    subject: Text,
    /// The whole story.
    #[serde(default)]
    #[schemars(extend("format" = "multiline"))]
    content: Optional<Text>,
    /// The id of the pipeline.
    #[serde(default)]
    #[schemars(extend("default" = "0"))]
    pipeline: Optional<Text>,
    /// The id of the stage in the pipeline.
    #[serde(default)]
    #[schemars(extend("default" = "1"))]
    stage: Optional<Text>,
    /// How urgent it is.
    #[serde(default)]
    #[schemars(extend("examples" = ["LOW", "MEDIUM", "HIGH", "URGENT"]))]
    priority: Optional<Text>,
    /// The HubSpot id of the contact that it belongs to.
    #[serde(default)]
    contact_id: Optional<Text>,
    /// Further properties by their names in HubSpot.
    #[serde(default)]
    properties: Optional<Fields>,
}

impl Operate for CreateTicket {
    const NAME: &'static str = "create_ticket";
    const TITLE: &'static str = "Create a ticket";
    const DESCRIPTION: &'static str =
        "Makes a ticket. After an attempt of unknown end it is looked for, by subject and time, before one is made.";

    fn sample() -> Value {
        json!({"subject": "Detractor: {{contact.name}}", "content": "{{submission.data.q_feedback}}", "priority": "HIGH"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let mut own = self.properties.0.unwrap_or_default().0;
        let subject = self.subject.line(255).ok_or_else(|| ActionError::invalid("payload.subject", "is empty"))?;
        own.insert("subject".into(), subject.into());
        own.insert("hs_pipeline".into(), text(self.pipeline, "0").into());
        own.insert("hs_pipeline_stage".into(), text(self.stage, "1").into());
        if let Some(content) = self.content.0 {
            own.insert("content".into(), content.0.into());
        }
        if let Some(priority) = self.priority.0 {
            own.insert("hs_ticket_priority".into(), priority.0.trim().to_uppercase().into());
        }
        let links = [(self.contact_id, TICKET_TO_CONTACT)];
        create(client, "tickets", "subject", properties(own), &links).await
    }
}

/// A note on a contact, a deal or a ticket.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AddNote {
    /// What it says.
    #[schemars(extend("format" = "multiline", "minLength" = 1))]
    text: Text,
    /// The HubSpot id of a contact.
    #[serde(default)]
    contact_id: Optional<Text>,
    /// The HubSpot id of a deal.
    #[serde(default)]
    deal_id: Optional<Text>,
    /// The HubSpot id of a ticket.
    #[serde(default)]
    ticket_id: Optional<Text>,
}

impl Operate for AddNote {
    const NAME: &'static str = "add_note";
    const TITLE: &'static str = "Add a note";
    const DESCRIPTION: &'static str =
        "Writes a note. After an attempt of unknown end it is looked for, by its time, before one is made.";

    fn sample() -> Value {
        json!({"contactId": "{{steps.s1.output.result.id}}", "text": "NPS {{submission.data.q_nps}}: {{submission.data.q_feedback}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let text = self.text.block(65_000).ok_or_else(|| ActionError::invalid("payload.text", "is empty"))?;
        let links =
            [(self.contact_id, NOTE_TO_CONTACT), (self.deal_id, NOTE_TO_DEAL), (self.ticket_id, NOTE_TO_TICKET)];
        let own = Map::from_iter([("hs_note_body".to_owned(), Value::from(text))]);
        create(client, "notes", "hs_timestamp", own, &links).await
    }
}

/// Two records that belong together.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Associate {
    /// The kind of the one, in the plural.
    #[schemars(extend("examples" = ["contacts", "companies", "deals", "tickets"]))]
    from_type: Text,
    /// Its id.
    from_id: Text,
    /// The kind of the other.
    to_type: Text,
    /// Its id.
    to_id: Text,
}

impl Operate for Associate {
    const NAME: &'static str = "associate";
    const TITLE: &'static str = "Associate two records";
    const DESCRIPTION: &'static str = "Says that two records belong together. Doing it again changes nothing.";

    fn sample() -> Value {
        json!({"fromType": "deals", "fromId": "{{steps.s2.output.result.id}}", "toType": "contacts", "toId": "{{steps.s1.output.result.id}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let path = format!(
            "crm/v4/objects/{}/{}/associations/default/{}/{}",
            segment("fromType", &self.from_type.0)?,
            segment("fromId", &self.from_id.0)?,
            segment("toType", &self.to_type.0)?,
            segment("toId", &self.to_id.0)?,
        );
        client.send(Request::json("PUT", path, json!({}))).await?.done()?;
        Ok(json!({"id": self.from_id.0, "created": false}))
    }
}

/// Records with a property of that value.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Find {
    /// The kind of record, in the plural.
    #[schemars(extend("examples" = ["contacts", "companies", "deals", "tickets"]))]
    object: Text,
    /// The property.
    property: Text,
    /// Its value.
    #[schemars(extend("format" = "template-text"))]
    value: Text,
}

impl Operate for Find {
    const NAME: &'static str = "find";
    const TITLE: &'static str = "Find records";
    const DESCRIPTION: &'static str = "Finds up to ten records by the value of a property; finding none is no error.";

    fn sample() -> Value {
        json!({"object": "contacts", "property": "email", "value": "{{contact.email}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let filters = json!([{"propertyName": self.property.0.trim(), "operator": "EQ", "value": self.value.0.trim()}]);
        let found = search(client, &segment("object", &self.object.0)?, filters).await?;
        Ok(json!({"found": !found.is_empty(), "id": found.first().map(|record| record["id"].clone()), "records": found}))
    }
}

fn text(given: Optional<Text>, default: &str) -> String {
    given.0.and_then(|text| text.line(255)).unwrap_or_else(|| default.to_owned())
}

fn reference(record: &Value) -> Result<Reference, ActionError> {
    let id = record.get("id").and_then(property);
    id.map(Reference::of).ok_or_else(|| ActionError::without_id("HubSpot"))
}

async fn search(client: &Client<'_>, kind: &str, filters: Value) -> Result<Vec<Value>, ActionError> {
    let body = json!({"filterGroups": [{"filters": filters}], "limit": 10});
    let request = Request::post(format!("crm/v3/objects/{kind}/search"), body);
    let reply = client.send(request).await?.done()?;
    Ok(reply.body["results"].as_array().cloned().unwrap_or_default())
}

/// Makes a record that HubSpot knows no key of. An earlier attempt's is found by the property in which the connection marks what is made, else by the property
/// `name`; `hs_timestamp` is set to that attempt's time, which is exact.
async fn create(
    client: &Client<'_>,
    kind: &str,
    name: &str,
    mut properties: Map<String, Value>,
    links: &[(Optional<Text>, u32)],
) -> Result<Value, ActionError> {
    let by_time = name == "hs_timestamp";
    let mark = mark(client.connection)?;
    if let Some(mark) = &mark {
        properties.insert(mark.clone(), client.cx.idempotency_key.into());
    }
    let wanted = properties.get(name).cloned();
    let look = async |since: Timestamp| {
        let filters = if let Some(mark) = &mark {
            json!([{"propertyName": mark, "operator": "EQ", "value": client.cx.idempotency_key}])
        } else if by_time {
            json!([{"propertyName": name, "operator": "EQ", "value": since.as_millis().to_string()}])
        } else {
            let earliest = (since.as_millis() - CLOCKS_DIFFER_MS).to_string();
            json!([
                {"propertyName": name, "operator": "EQ", "value": wanted},
                {"propertyName": "createdate", "operator": "GTE", "value": earliest},
            ])
        };
        client.only(since, search(client, kind, filters).await?)?.as_ref().map(reference).transpose()
    };
    let associations: Vec<Value> = links
        .iter()
        .filter_map(|(id, kind)| {
            let id = id.0.as_ref()?.line(64)?;
            let kinds = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]);
            Some(json!({"to": {"id": id}, "types": kinds}))
        })
        .collect();
    let request = |begun: Timestamp| {
        if by_time {
            properties.insert(name.to_owned(), begun.as_millis().to_string().into());
        }
        let body = json!({"properties": properties, "associations": associations});
        Request::post(format!("crm/v3/objects/{kind}"), body)
    };
    client.make(look, request, reference).await
}
