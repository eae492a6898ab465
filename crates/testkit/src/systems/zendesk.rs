//! Zendesk Support: tickets under an idempotency key, comments by changing the ticket, users that are made or updated.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{Answer, System, object, target};
use crate::sink::Request;

/// An account with one agent.
#[derive(Debug, Default)]
pub struct Zendesk {
    /// Tickets by id, with their `comments` and `audits`.
    pub tickets: BTreeMap<u64, Value>,
    /// Users by id.
    pub users: BTreeMap<u64, Map<String, Value>>,
    /// The agent's token was removed.
    pub is_revoked: bool,
    keys: BTreeMap<String, (u64, Value)>,
    next: u64,
}

/// The agent.
pub const EMAIL: &str = "agent@example.com";
/// The agent's API token.
pub const TOKEN: &str = "canary-5ecret";

fn record_invalid(field: &str, message: &str, error: &str) -> Answer {
    Answer::new(
        422,
        json!({
            "error": "RecordInvalid", "description": "Record validation errors",
            "details": {field: [{"description": message, "error": error}]},
        }),
    )
}

impl System for Zendesk {
    fn answer(&mut self, request: &Request) -> Answer {
        let wanted = format!("Basic {}", STANDARD.encode(format!("{EMAIL}/token:{TOKEN}")));
        if self.is_revoked || request.header("authorization") != Some(&wanted) {
            return Answer::new(401, json!({"error": "Couldn't authenticate you"}));
        }
        let (path, query) = target(request);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let body = object(request).unwrap_or_default();
        if request.method != "GET" && body.is_empty() {
            return Answer::new(
                422,
                json!({"error": "Unprocessable Entity", "message": "Server could not parse JSON"}),
            )
            .violating("bodies are JSON");
        }
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["api", "v2", "users", "me.json"]) => {
                Answer::new(200, json!({"user": {"id": 1, "role": "agent"}}))
            }
            ("POST", ["api", "v2", "tickets.json"]) => self.ticket(request, &body),
            ("PUT", ["api", "v2", "tickets", id]) => self.change(id.trim_end_matches(".json"), &body),
            ("GET", ["api", "v2", "tickets", id, "audits.json"]) => match self.known(id) {
                Some(ticket) => Answer::new(200, json!({"audits": ticket["audits"]})),
                None => not_found(),
            },
            ("GET", ["api", "v2", "search.json"]) => {
                let asked = query.get("query").and_then(Value::as_str).unwrap_or_default();
                let wanted = asked.split("external_id:").nth(1).unwrap_or_default().trim_matches('"');
                let found: Vec<_> =
                    self.tickets.values().filter(|ticket| ticket["external_id"] == wanted).cloned().collect();
                Answer::new(200, json!({"results": found, "count": found.len()}))
            }
            ("POST", ["api", "v2", "users", "create_or_update.json"]) => self.user(&body),
            _ => not_found().violating(format!("{} {}", request.method, request.path)),
        }
    }

    fn limited(&self) -> Answer {
        Answer::new(429, json!({"error": "APIRateLimitExceeded", "description": "Number of allowed API requests per minute exceeded"}))
            .header("retry-after", "17")
            .header("x-rate-limit", "700")
            .header("x-rate-limit-remaining", "0")
    }
}

fn not_found() -> Answer {
    Answer::new(404, json!({"error": "RecordNotFound", "description": "Not found"}))
}

impl Zendesk {
    fn known(&self, id: &str) -> Option<&Value> {
        self.tickets.get(&id.parse().ok()?)
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn ticket(&mut self, request: &Request, body: &Map<String, Value>) -> Answer {
        let sent = body.get("ticket").cloned().unwrap_or_default();
        let key = request.header("idempotency-key").map(str::to_owned);
        let Some(key) = key.filter(|key| !key.is_empty() && key.len() <= 255) else {
            return not_found().violating("a ticket is made under an idempotency key");
        };
        if let Some((id, before)) = self.keys.get(&key) {
            if *before != sent {
                return Answer::new(
                    400,
                    json!({"error": "IdempotentRequestError", "description": "the parameters differ"}),
                );
            }
            let ticket = self.tickets.get(id).cloned().unwrap_or_default();
            return Answer::new(201, json!({"ticket": ticket})).header("x-idempotency-lookup", "hit");
        }
        if sent["comment"]["body"].as_str().is_none_or(str::is_empty) {
            return record_invalid("base", "Description: cannot be blank", "BlankValue");
        }
        if let Some(priority) = sent["priority"].as_str()
            && !["low", "normal", "high", "urgent"].contains(&priority)
        {
            return record_invalid("priority", &format!("Priority: {priority} is not valid"), "InvalidValue");
        }
        let id = self.id();
        let mut ticket = sent.clone();
        ticket["id"] = id.into();
        ticket["comments"] = json!([sent["comment"]]);
        ticket["audits"] = json!([]);
        self.tickets.insert(id, ticket.clone());
        self.keys.insert(key, (id, sent));
        Answer::new(201, json!({"ticket": ticket})).header("x-idempotency-lookup", "miss")
    }

    fn change(&mut self, id: &str, body: &Map<String, Value>) -> Answer {
        let Some(ticket) = id.parse().ok().and_then(|id| self.tickets.get_mut(&id)) else {
            return not_found();
        };
        let sent = body.get("ticket").and_then(Value::as_object).cloned().unwrap_or_default();
        if ticket["status"] == "closed" {
            return record_invalid("status", "Status: closed prevents ticket update", "InvalidValue");
        }
        for (name, value) in sent {
            match name.as_str() {
                "comment" => ticket["comments"].as_array_mut().expect("it is a list").push(value),
                "metadata" => {
                    let audit = json!({"metadata": {"custom": value, "system": {}}, "events": []});
                    ticket["audits"].as_array_mut().expect("it is a list").push(audit);
                }
                _ => ticket[name] = value,
            }
        }
        Answer::new(200, json!({"ticket": ticket}))
    }

    fn user(&mut self, body: &Map<String, Value>) -> Answer {
        let sent = body.get("user").and_then(Value::as_object).cloned().unwrap_or_default();
        let email = sent.get("email").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !email.contains('@') {
            return record_invalid(
                "email",
                &format!("Email: {email} is not properly formatted"),
                "InvalidFormat",
            );
        }
        let found = self.users.iter().find(|(_, user)| user["email"] == email.as_str()).map(|(id, _)| *id);
        let status = if found.is_some() { 200 } else { 201 };
        let id = found.unwrap_or_else(|| self.id());
        let user = self.users.entry(id).or_default();
        user.extend(sent);
        user.insert("id".into(), id.into());
        Answer::new(status, json!({"user": user}))
    }
}
