//! Salesforce: tokens with an instance, upserts by an external id, errors as a list, and composites that answer 200 whatever became of their parts.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Answer, System, bearer, oauth::Tokens, object, target};
use crate::sink::Request;

/// An organisation.
#[derive(Debug, Default)]
pub struct Salesforce {
    /// Records by object and id.
    pub records: BTreeMap<(String, String), Map<String, Value>>,
    /// The token endpoint.
    pub tokens: Tokens,
    /// Every call is refused as one of a session that is not good, whatever its token.
    pub is_barred: bool,
    /// Somebody else is at the next so many records that are to be made.
    pub locks_next: u32,
    next: u32,
    /// RFC 3339, for `CreatedDate`.
    pub now: String,
}

/// A key that is good for tests only.
pub const PRIVATE_KEY: &str = include_str!("salesforce_key.pem");
const PUBLIC_KEY: &[u8] = include_bytes!("salesforce_key.der");

impl Salesforce {
    /// An organisation with a connected app.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tokens: Tokens {
                client_id: "app".into(),
                client_secret: "canary-5ecret".into(),
                refresh: "refresh-0-canary".into(),
                public_key: PUBLIC_KEY.to_vec(),
                ..Tokens::default()
            },
            now: "2026-02-14T10:30:00.000+0000".into(),
            ..Self::default()
        }
    }

    /// Its tokens come with this address.
    pub fn lives_at(&mut self, url: &str) {
        self.tokens.extra.insert("instance_url".into(), url.into());
    }

    /// Makes a record, and answers its id.
    pub fn insert(&mut self, object: &str, mut fields: Map<String, Value>) -> String {
        self.next += 1;
        let prefix = match object {
            "Lead" => "00Q",
            "Contact" => "003",
            "Opportunity" => "006",
            _ => "00T",
        };
        let id = format!("{prefix}{:012}AAA", self.next);
        fields.insert("CreatedDate".into(), self.now.clone().into());
        self.records.insert((object.to_owned(), id.clone()), fields);
        id
    }

    /// How many records of an object there are.
    #[must_use]
    pub fn count(&self, object: &str) -> usize {
        self.records.keys().filter(|(of, _)| of == object).count()
    }
}

fn errors(status: u16, code: &str, message: &str, fields: &[&str]) -> Answer {
    Answer::new(status, json!([{"message": message, "errorCode": code, "fields": fields}]))
}

fn check(fields: &Map<String, Value>, required: &[&str]) -> Option<Answer> {
    for name in fields.keys() {
        if !name.chars().next().is_some_and(char::is_uppercase) {
            let message = format!("No such column '{name}' on sobject");
            return Some(errors(400, "INVALID_FIELD", &message, &[]));
        }
    }
    if let Some(Value::String(email)) = fields.get("Email")
        && !email.contains('@')
    {
        let message = format!("Email: invalid email address: {email}");
        return Some(errors(400, "INVALID_EMAIL_ADDRESS", &message, &["Email"]));
    }
    let missing: Vec<&str> = required.iter().filter(|name| !fields.contains_key(**name)).copied().collect();
    (!missing.is_empty()).then(|| {
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        errors(400, "REQUIRED_FIELD_MISSING", &message, &missing)
    })
}

fn required(object: &str) -> &'static [&'static str] {
    match object {
        "Opportunity" => &["Name", "StageName", "CloseDate"],
        "Contact" => &["LastName"],
        "Lead" => &["LastName", "Company"],
        _ => &[],
    }
}

impl System for Salesforce {
    fn answer(&mut self, request: &Request) -> Answer {
        let (path, query) = target(request);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        if path == ["services", "oauth2", "token"] {
            return self.tokens.answer(request);
        }
        if self.is_barred || !bearer(request).is_some_and(|token| self.tokens.good.contains(token)) {
            return errors(401, "INVALID_SESSION_ID", "Session expired or invalid", &[]);
        }
        let body = if request.body.is_empty() { Some(Map::new()) } else { object(request) };
        let Some(body) = body else {
            return errors(400, "JSON_PARSER_ERROR", "Unexpected character", &[])
                .violating("bodies are JSON");
        };
        let answer = match path.as_slice() {
            ["services", "data", version, rest @ ..] if version.starts_with('v') => {
                self.data(&request.method, rest, body, &query)
            }
            _ => errors(404, "NOT_FOUND", "The requested resource does not exist", &[])
                .violating(format!("{} {}", request.method, request.path)),
        };
        answer.header("sforce-limit-info", "api-usage=10018/100000")
    }

    fn limited(&self) -> Answer {
        errors(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", &[])
    }
}

impl Salesforce {
    fn data(
        &mut self,
        method: &str,
        path: &[&str],
        body: Map<String, Value>,
        query: &Map<String, Value>,
    ) -> Answer {
        let not_found = |message: &str| errors(404, "NOT_FOUND", message, &[]);
        match (method, path) {
            ("GET", ["limits"]) => {
                Answer::new(200, json!({"DailyApiRequests": {"Max": 100_000, "Remaining": 89_982}}))
            }
            ("GET", ["query"]) => self.query(query.get("q").and_then(Value::as_str).unwrap_or_default()),
            ("POST", ["composite"]) => self.composite(&body),
            ("POST", ["sobjects", _]) if self.locks_next > 0 => {
                self.locks_next -= 1;
                errors(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", &[])
            }
            ("POST", ["sobjects", object]) => {
                if let Some(refused) = check(&body, required(object)) {
                    return refused;
                }
                let known = self.records.iter().find(|((of, _), record)| {
                    of == object
                        && *object != "Task"
                        && body.get("Email").is_some()
                        && record.get("Email") == body.get("Email")
                });
                if let Some(((_, id), _)) = known {
                    let message = "Use one of these records?";
                    let found =
                        json!([{"matchRecords": [{"record": {"Id": id, "attributes": {"type": object}}}]}]);
                    return Answer::new(
                        400,
                        json!([{"message": message, "errorCode": "DUPLICATES_DETECTED", "duplicateResult": {"matchResults": found}}]),
                    );
                }
                let id = self.insert(object, body);
                Answer::new(201, json!({"id": id, "success": true, "errors": []}))
            }
            ("PATCH", ["sobjects", object, id]) => {
                if let Some(refused) = check(&body, &[]) {
                    return refused;
                }
                if body.contains_key("Id") {
                    return errors(400, "INVALID_FIELD", "Id should not be specified", &["Id"])
                        .violating("no id in the body");
                }
                match self.records.get_mut(&((*object).to_owned(), (*id).to_owned())) {
                    Some(record) => {
                        record.extend(body);
                        Answer::new(204, Value::Null)
                    }
                    None => not_found("The requested resource does not exist"),
                }
            }
            ("PATCH", ["sobjects", object, field, value]) => self.upsert(object, field, value, body),
            _ => not_found("The requested resource does not exist").violating(format!("{method} {path:?}")),
        }
    }

    fn upsert(&mut self, object: &str, field: &str, value: &str, mut body: Map<String, Value>) -> Answer {
        if !(field.ends_with("__c") || field == "Email") {
            let message =
                "Provided external ID field does not exist or is not accessible: ".to_owned() + field;
            return errors(404, "NOT_FOUND", &message, &[]);
        }
        if body.contains_key(field) || body.contains_key("Id") {
            return errors(400, "INVALID_FIELD", "The external id is in the body", &[field])
                .violating("an external id does not stand in the body");
        }
        if let Some(refused) = check(&body, &[]) {
            return refused;
        }
        let found: Vec<_> = self
            .records
            .iter()
            .filter(|((of, _), record)| {
                of == object && record.get(field).and_then(Value::as_str) == Some(value)
            })
            .map(|((_, id), _)| id.clone())
            .collect();
        match found.as_slice() {
            [] => {
                if let Some(refused) = check(&body, required(object)) {
                    return refused;
                }
                body.insert(field.to_owned(), value.into());
                let id = self.insert(object, body);
                Answer::new(201, json!({"id": id, "success": true, "errors": [], "created": true}))
            }
            [id] => {
                if let Some(record) = self.records.get_mut(&(object.to_owned(), id.clone())) {
                    record.extend(body);
                }
                Answer::new(200, json!({"id": id, "success": true, "errors": [], "created": false}))
            }
            several => {
                let urls: Vec<_> =
                    several.iter().map(|id| format!("/services/data/v62.0/sobjects/{object}/{id}")).collect();
                Answer::new(300, json!(urls))
            }
        }
    }

    /// `SELECT Id[, …] FROM Object WHERE Field = 'text' AND CreatedDate >= … LIMIT n`: as much of SOQL as is asked for here.
    fn query(&self, soql: &str) -> Answer {
        let malformed = || errors(400, "MALFORMED_QUERY", &format!("unexpected token: {soql}"), &[]);
        let Some((select, rest)) = soql.strip_prefix("SELECT ").and_then(|rest| rest.split_once(" FROM "))
        else {
            return malformed();
        };
        let Some((object, rest)) = rest.split_once(" WHERE ") else { return malformed() };
        let rest = rest.split(" ORDER BY ").next().unwrap_or(rest);
        let rest = rest.split(" LIMIT ").next().unwrap_or(rest);
        let mut wanted = Vec::new();
        for condition in rest.split(" AND ") {
            if let Some((field, text)) = condition.split_once(" = '") {
                let Some(text) = text.strip_suffix('\'') else { return malformed() };
                wanted.push((field, "=", text.replace("\\'", "'").replace("\\\\", "\\")));
            } else if let Some((field, time)) = condition.split_once(" >= ") {
                wanted.push((field, ">=", time.to_owned()));
            } else {
                return malformed();
            }
        }
        let fits = |record: &Map<String, Value>| {
            wanted.iter().all(|(field, operator, value)| {
                let has = record.get(*field).and_then(Value::as_str).unwrap_or_default();
                // Times of one zone order as text, up to the seconds.
                if *operator == "=" { has == value } else { has.get(..19) >= value.get(..19) }
            })
        };
        let records: Vec<Value> = self
            .records
            .iter()
            .filter(|((of, _), record)| of == object && fits(record))
            .map(|((_, id), record)| {
                let mut shown = Map::new();
                for name in select.split(',').map(str::trim) {
                    let value = if name == "Id" {
                        id.as_str().into()
                    } else {
                        record.get(name).cloned().unwrap_or_default()
                    };
                    shown.insert(name.to_owned(), value);
                }
                shown.into()
            })
            .collect();
        Answer::new(200, json!({"totalSize": records.len(), "done": true, "records": records}))
    }

    fn composite(&mut self, body: &Map<String, Value>) -> Answer {
        let requests = body.get("compositeRequest").and_then(Value::as_array).cloned().unwrap_or_default();
        if requests.is_empty() || requests.len() > 25 {
            return errors(400, "INVALID_INPUT", "1 to 25 subrequests are needed", &[]);
        }
        let all_or_none = body.get("allOrNone") == Some(&Value::Bool(true));
        let before = self.records.clone();
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        let (mut parts, mut failed) = (Vec::new(), false);
        for request in &requests {
            let reference = request["referenceId"].as_str().unwrap_or_default().to_owned();
            let mut text = request.to_string();
            for (known, id) in &ids {
                text = text.replace(&format!("@{{{known}.id}}"), id.as_str());
            }
            let request: Value = serde_json::from_str(&text).unwrap_or_default();
            let url = request["url"].as_str().unwrap_or_default();
            let path: Vec<&str> = url.trim_start_matches('/').split('/').collect();
            let own = request["body"].as_object().cloned().unwrap_or_default();
            let answer = if failed && all_or_none {
                errors(400, "PROCESSING_HALTED", "The transaction was rolled back", &[])
            } else {
                match path.as_slice() {
                    ["services", "data", _, rest @ ..] => {
                        self.data(request["method"].as_str().unwrap_or_default(), rest, own, &Map::new())
                    }
                    _ => errors(404, "NOT_FOUND", "The requested resource does not exist", &[]),
                }
            };
            failed |= answer.status >= 300;
            if let Some(id) = answer.body.get("id").and_then(Value::as_str) {
                ids.insert(reference.clone(), id.to_owned());
            }
            parts.push(json!({"body": answer.body, "httpHeaders": {}, "httpStatusCode": answer.status, "referenceId": reference}));
        }
        if failed && all_or_none {
            self.records = before;
            for part in &mut parts {
                if part["httpStatusCode"].as_u64() < Some(300) {
                    part["httpStatusCode"] = 400.into();
                    part["body"] = json!([{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back since another operation in the same transaction failed."}]);
                }
            }
        }
        Answer::new(200, json!({"compositeResponse": parts}))
    }
}
