//! Brevo: contacts by address, duplicates as a bad request, the end of a pause in a header of its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, System, object, target};
use crate::sink::Request;

/// An account.
#[derive(Debug, Default)]
pub struct Brevo {
    /// Contacts by address.
    pub contacts: BTreeMap<String, Value>,
    /// The key was deleted.
    pub is_revoked: bool,
}

/// The API key.
pub const KEY: &str = "xkeysib-canary-5ecret";

fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(status, json!({"code": code, "message": message}))
}

impl System for Brevo {
    fn answer(&mut self, request: &Request) -> Answer {
        if self.is_revoked || request.header("api-key") != Some(KEY) {
            return refused(401, "unauthorized", "Key not found");
        }
        let (path, _) = target(request);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let body = Value::from(object(request).unwrap_or_default());
        let answer = match (request.method.as_str(), path.as_slice()) {
            ("GET", ["v3", "account"]) => Answer::new(200, json!({"companyName": "Acme"})),
            ("POST", ["v3", "contacts"]) => self.post(&body),
            ("PUT", ["v3", "contacts", email]) => match self.contacts.get_mut(*email) {
                Some(contact) => {
                    contact["emailBlacklisted"] = body["emailBlacklisted"].clone();
                    Answer::new(204, Value::Null)
                }
                None => refused(404, "document_not_found", "Contact does not exist"),
            },
            _ => refused(404, "not_found", "no such path")
                .violating(format!("{} {}", request.method, request.path)),
        };
        answer.header("x-sib-ratelimit-limit", "36000").header("x-sib-ratelimit-remaining", "35000")
    }

    fn limited(&self) -> Answer {
        refused(429, "too_many_requests", "Rate limit exceeded").header("x-sib-ratelimit-reset", "6")
    }
}

impl Brevo {
    fn post(&mut self, body: &Value) -> Answer {
        let email = body["email"].as_str().unwrap_or_default().to_owned();
        if !email.contains('@') {
            return refused(400, "invalid_parameter", "Invalid email address");
        }
        if body["listIds"].as_array().is_some_and(|lists| !lists.iter().all(Value::is_u64)) {
            return refused(400, "invalid_parameter", "listIds should be type array of integers");
        }
        if body["listIds"].as_array().is_some_and(|lists| lists.contains(&99.into())) {
            return refused(400, "invalid_parameter", "List ID 99 does not exist");
        }
        let next = self.contacts.len() + 1;
        match self.contacts.get_mut(&email) {
            None => {
                let mut contact = body.clone();
                contact["id"] = next.into();
                self.contacts.insert(email, contact);
                Answer::new(201, json!({"id": next}))
            }
            Some(_) if body["updateEnabled"] != true => {
                refused(400, "duplicate_parameter", "Contact already exist")
            }
            Some(contact) => {
                for (name, value) in body["attributes"].as_object().into_iter().flatten() {
                    contact["attributes"][name] = value.clone();
                }
                Answer::new(204, Value::Null)
            }
        }
    }
}
