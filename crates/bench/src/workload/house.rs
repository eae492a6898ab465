//! A database, a server on it, a receiver for its webhooks, and a way to look into the store.

use serde_json::{Value, json};

use crate::{
    http::request,
    load,
    options::Options,
    place::{Database, Place},
    server::{KEY, Server},
    sink::Sink,
    store::Store,
};

/// All of it.
#[derive(Debug)]
pub struct House {
    /// The database.
    pub database: Database,
    /// The running server.
    pub server: Server,
    /// Who is called.
    pub sink: Sink,
    /// The way in.
    pub store: Store,
}

/// The event, of a contact and with a score that the workflows' condition lets through.
pub fn event(contact: i64) -> Value {
    json!({"event": "submission_completed", "data": {"formId": 10, "submission": {
        "contactId": contact, "data": {"q_nps": 3, "q_name": "Ada", "q_feedback": "slow"}}}})
}

/// That event as a request.
pub fn post(contact: i64) -> Vec<u8> {
    request("POST", "/api/events", KEY, &event(contact).to_string())
}

/// W1's workflow: two webhooks with templated bodies.
pub fn outside(sink: &Sink) -> Value {
    let call = |path: &str| {
        json!({"type": "webhook", "config": {"url": format!("{}/{path}", sink.url()), "method": "POST", "body": {
            "name": "{{submission.data.q_name}}", "score": "{{submission.data.q_nps}}",
            "text": "{{submission.data.q_name}} said: {{submission.data.q_feedback}}"}}})
    };
    json!({"name": "Outside", "trigger_event": "submission_completed", "is_active": true,
        "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}], "actions": [call("first"), call("second")]})
}

/// W2's workflow: a ticket, a changed contact, a tag.
pub fn inside() -> Value {
    json!({"name": "Inside", "trigger_event": "submission_completed", "is_active": true,
    "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
    "actions": [
        {"type": "create_ticket", "config": {"title": "Detractor: {{submission.data.q_name}}", "priority": "high",
            "description": "Score {{submission.data.q_nps}}: {{submission.data.q_feedback}}"}},
        {"type": "update_contact", "config": {"contactId": "{{submission.contactId}}", "updates": {
            "segment": "detractor", "last_nps_score": "{{submission.data.q_nps}}"}}},
        {"type": "add_tag", "config": {"entity": "contact", "entityId": "{{submission.contactId}}", "tag": "detractor"}},
    ]})
}

impl House {
    /// Builds it on a new database.
    ///
    /// # Errors
    /// What does not start.
    pub async fn build(name: &str, place: &Place, options: &Options) -> Result<Self, String> {
        Self::open(place.database(name)?, place, options).await
    }

    /// On a database that is there.
    ///
    /// # Errors
    /// What does not start.
    pub async fn open(database: Database, place: &Place, options: &Options) -> Result<Self, String> {
        let server = Server::start(&options.server, place, &database, &[]).await?;
        let store = Store::open(&database).await?;
        Ok(Self { database, server, sink: Sink::start()?, store })
    }

    /// Saves a workflow, which is active at once.
    ///
    /// # Errors
    /// What the server said.
    pub async fn workflow(&self, definition: &Value) -> Result<i64, String> {
        let saved = self.server.call("POST", "/api/workflows", definition).await?;
        saved["data"]["id"].as_i64().ok_or_else(|| "a workflow without an id".to_owned())
    }

    /// Makes so many contacts; answers the first one's id. They follow each other.
    ///
    /// # Errors
    /// What the server said.
    pub async fn contacts(&self, count: u32) -> Result<i64, String> {
        let mut number = 0;
        let next = move || {
            number += 1;
            let body =
                json!({"name": format!("Contact {number}"), "email": format!("contact{number}@example.com")});
            request("POST", "/api/contacts", KEY, &body.to_string())
        };
        load::closed(self.server.port, 64, load::times(count, next)).await?.sound()?;
        Ok(self.store.number("SELECT min(id) FROM contacts").await? as i64)
    }

    /// Waits until nothing is under way any more.
    ///
    /// # Errors
    /// When that takes longer than two minutes.
    pub async fn quiet(&self) -> Result<(), String> {
        for _ in 0..1200 {
            let under_way = "SELECT (SELECT count(*) FROM workflow_executions WHERE owner IS NOT NULL)
                + (SELECT count(*) FROM workflow_executions WHERE owner IS NULL AND status IN ('pending', 'running'))";
            if self.store.number(under_way).await? < 1.0 {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Err("executions are still under way two minutes after the load".to_owned())
    }
}
