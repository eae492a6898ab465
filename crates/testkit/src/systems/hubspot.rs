//! HubSpot's CRM: batches that answer 207 when a part of them failed, duplicates that name the one that is there, and limits by policy.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Answer, System, bearer, oauth::Tokens, object, target};
use crate::sink::Request;

/// An account.
#[derive(Debug, Default)]
pub struct HubSpot {
    /// Records by kind and id; each has `properties`, and `associations` as they came.
    pub records: BTreeMap<(String, u64), Value>,
    /// The token endpoint.
    pub tokens: Tokens,
    /// The private app was removed.
    pub is_revoked: bool,
    next: u64,
    /// Milliseconds since 1970, for `createdate`.
    pub now: i64,
}

/// The token of the private app.
pub const TOKEN: &str = "pat-canary-5ecret";

impl HubSpot {
    /// An account with an OAuth app.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tokens: Tokens {
                client_id: "app".into(),
                client_secret: "canary-5ecret".into(),
                refresh: "refresh-0-canary".into(),
                lifetime: Some(1_800),
                ..Tokens::default()
            },
            ..Self::default()
        }
    }

    /// How many records of a kind there are.
    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        self.records.keys().filter(|(of, _)| of == kind).count()
    }

    fn create(&mut self, kind: &str, mut properties: Map<String, Value>, associations: &Value) -> Value {
        self.next += 1;
        let id = 100 + self.next;
        properties.insert("createdate".into(), self.now.to_string().into());
        let record = json!({"id": id.to_string(), "properties": properties, "associations": associations});
        self.records.insert((kind.to_owned(), id), record.clone());
        record
    }

    fn by_property(&self, kind: &str, name: &str, value: &str) -> Option<u64> {
        self.records
            .iter()
            .find(|((of, _), record)| of == kind && record["properties"][name] == value)
            .map(|((_, id), _)| *id)
    }
}

fn error(status: u16, category: &str, message: &str) -> Answer {
    Answer::new(status, error_body(category, message))
}

fn error_body(category: &str, message: &str) -> Value {
    json!({"status": "error", "message": message, "correlationId": "c0", "category": category})
}

/// What is wrong with properties: HubSpot puts a list into the sentence.
fn invalid(properties: &Map<String, Value>) -> Option<String> {
    for (name, value) in properties {
        let wrong = match (name.as_str(), value) {
            ("amount", Value::String(text)) if text.parse::<f64>().is_err() => {
                Some((format!("{text} was not a valid number."), "INVALID_NUMBER"))
            }
            ("colour", _) => Some((format!("Property \"{name}\" does not exist"), "PROPERTY_DOESNT_EXIST")),
            (_, Value::String(_)) => None,
            _ => Some(("must be text".to_owned(), "INVALID_TYPE")),
        };
        if let Some((message, code)) = wrong {
            let list = json!([{"isValid": false, "message": message, "error": code, "name": name}]);
            return Some(format!("Property values were not valid: {list}"));
        }
    }
    None
}

fn properties(value: &Value) -> Map<String, Value> {
    value.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

impl System for HubSpot {
    fn answer(&mut self, request: &Request) -> Answer {
        let (path, query) = target(request);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        if path == ["oauth", "v1", "token"] {
            return self.tokens.answer(request);
        }
        match bearer(request) {
            Some(TOKEN) if !self.is_revoked => {}
            Some(token) if self.tokens.good.contains(token) => {}
            Some(token) if token.starts_with("access-") => {
                return error(
                    401,
                    "EXPIRED_AUTHENTICATION",
                    "The OAuth token used to make this call expired.",
                );
            }
            _ => return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found."),
        }
        let answer = match (request.method.as_str(), path.as_slice()) {
            ("GET", ["account-info", "v3", "details"]) => {
                Answer::new(200, json!({"portalId": 7, "timeZone": "Europe/Paris"}))
            }
            (method, ["crm", "v3", "objects", kind, rest @ ..]) => {
                let Some(body) = object(request) else {
                    return error(400, "VALIDATION_ERROR", "Invalid input JSON").violating("bodies are JSON");
                };
                self.objects(method, kind, rest, Value::from(body), &query)
            }
            ("PUT", ["crm", "v4", "objects", from, id, "associations", "default", to, other]) => {
                let known = |kind: &str, id: &str| {
                    id.parse().is_ok_and(|id| self.records.contains_key(&(kind.to_owned(), id)))
                };
                if known(from, id) && known(to, other) {
                    Answer::new(200, json!({"status": "COMPLETE", "results": []}))
                } else {
                    error(404, "OBJECT_NOT_FOUND", "resource not found")
                }
            }
            _ => error(404, "OBJECT_NOT_FOUND", "no such path")
                .violating(format!("{} {}", request.method, request.path)),
        };
        answer
            .header("x-hubspot-ratelimit-daily", "250000")
            .header("x-hubspot-ratelimit-daily-remaining", "249000")
    }

    fn limited(&self) -> Answer {
        let body = json!({
            "status": "error", "message": "You have reached your ten_secondly_rolling limit.", "errorType": "RATE_LIMIT",
            "correlationId": "c0", "policyName": "TEN_SECONDLY_ROLLING",
        });
        Answer::new(429, body)
    }
}

impl HubSpot {
    fn objects(
        &mut self,
        method: &str,
        kind: &str,
        rest: &[&str],
        body: Value,
        query: &Map<String, Value>,
    ) -> Answer {
        match (method, rest) {
            ("POST", ["batch", "upsert"]) => self.upsert(kind, &body),
            ("POST", ["search"]) => self.search(kind, &body),
            ("POST", ["gdpr-delete"]) => {
                let id = body["objectId"].as_str().unwrap_or_default();
                let found = self.by_property(kind, "email", id).or_else(|| id.parse().ok());
                match found.and_then(|id| self.records.remove(&(kind.to_owned(), id))) {
                    Some(_) => Answer::new(204, Value::Null),
                    None => error(404, "OBJECT_NOT_FOUND", "resource not found"),
                }
            }
            ("POST", []) => {
                let properties = properties(&body);
                if let Some(message) = invalid(&properties) {
                    return error(400, "VALIDATION_ERROR", &message);
                }
                if let Some(email) = properties.get("email").and_then(Value::as_str)
                    && let Some(id) = self.by_property(kind, "email", email)
                {
                    return error(409, "CONFLICT", &format!("Contact already exists. Existing ID: {id}"));
                }
                let associations = body.get("associations").cloned().unwrap_or_default();
                Answer::new(201, self.create(kind, properties, &associations))
            }
            ("PATCH", [id]) => {
                let found = match query.get("idProperty").and_then(Value::as_str) {
                    Some(property) => self.by_property(kind, property, id),
                    None => id.parse().ok(),
                };
                let properties = properties(&body);
                if let Some(message) = invalid(&properties) {
                    return error(400, "VALIDATION_ERROR", &message);
                }
                match found.and_then(|id| self.records.get_mut(&(kind.to_owned(), id))) {
                    Some(record) => {
                        for (name, value) in properties {
                            record["properties"][name] = value;
                        }
                        Answer::new(200, record.clone())
                    }
                    None => error(404, "OBJECT_NOT_FOUND", "resource not found"),
                }
            }
            _ => error(405, "METHOD_NOT_ALLOWED", "no such method")
                .violating(format!("{method} {kind} {rest:?}")),
        }
    }

    fn upsert(&mut self, kind: &str, body: &Value) -> Answer {
        let inputs = body["inputs"].as_array().cloned().unwrap_or_default();
        if inputs.is_empty() || inputs.len() > 100 {
            return error(400, "VALIDATION_ERROR", "1 to 100 inputs are needed");
        }
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs {
            let (property, id) = (input["idProperty"].as_str(), input["id"].as_str());
            let (Some(property), Some(id)) = (property, id) else {
                return error(400, "VALIDATION_ERROR", "idProperty and id are needed");
            };
            let mut properties = properties(&input);
            if let Some(message) = invalid(&properties) {
                errors.push(error_body("VALIDATION_ERROR", &message));
                continue;
            }
            properties.insert(property.to_owned(), id.into());
            let (mut record, new) = match self.by_property(kind, property, id) {
                Some(id) => {
                    let record = self.records.get_mut(&(kind.to_owned(), id)).expect("it was found just now");
                    for (name, value) in properties {
                        record["properties"][name] = value;
                    }
                    (record.clone(), false)
                }
                None => (self.create(kind, properties, &Value::Null), true),
            };
            record["new"] = new.into();
            results.push(record);
        }
        let status = if errors.is_empty() { 200 } else { 207 };
        let mut answer = json!({"status": "COMPLETE", "results": results});
        if !errors.is_empty() {
            answer["numErrors"] = errors.len().into();
            answer["errors"] = errors.into();
        }
        Answer::new(status, answer)
    }

    fn search(&self, kind: &str, body: &Value) -> Answer {
        let filters = body["filterGroups"][0]["filters"].as_array().cloned().unwrap_or_default();
        let fits = |record: &Value| {
            filters.iter().all(|filter| {
                let (name, wanted) = (filter["propertyName"].as_str(), filter["value"].as_str());
                let (Some(name), Some(wanted)) = (name, wanted) else { return false };
                let has = record["properties"][name].as_str().unwrap_or_default();
                match filter["operator"].as_str() {
                    Some("EQ") => has == wanted,
                    Some("GTE") => {
                        has.parse::<i64>().unwrap_or_default() >= wanted.parse().unwrap_or(i64::MAX)
                    }
                    _ => false,
                }
            })
        };
        let found: Vec<_> = self
            .records
            .iter()
            .filter(|((of, _), record)| of == kind && fits(record))
            .map(|(_, record)| record.clone())
            .collect();
        Answer::new(200, json!({"total": found.len(), "results": found}))
    }
}
