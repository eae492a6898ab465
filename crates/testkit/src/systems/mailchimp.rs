//! Mailchimp: members under a hash of their address, who stay unsubscribed; problems as RFC 7807 has it.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Answer, System, object, target};
use crate::sink::Request;

/// An account with the audience `a1`.
#[derive(Debug, Default)]
pub struct Mailchimp {
    /// Members by hash.
    pub members: BTreeMap<String, Value>,
    /// Their tags.
    pub tags: BTreeMap<String, BTreeSet<String>>,
    /// The key was disabled.
    pub is_revoked: bool,
}

/// The API key.
pub const KEY: &str = "canary5ecret-us21";

fn problem(status: u16, title: &str, detail: &str) -> Answer {
    Answer::new(
        status,
        json!({"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": "x"}),
    )
}

impl System for Mailchimp {
    fn answer(&mut self, request: &Request) -> Answer {
        let credentials = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        let credentials = credentials.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let key = String::from_utf8_lossy(&credentials).split_once(':').map(|(_, key)| key.to_owned());
        if self.is_revoked || key.as_deref() != Some(KEY) {
            return problem(
                401,
                "API Key Invalid",
                "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
            );
        }
        let (path, _) = target(request);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let body = Value::from(object(request).unwrap_or_default());
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["ping"]) => Answer::new(200, json!({"health_status": "Everything's Chimpy!"})),
            ("PUT", ["lists", "a1", "members", hash]) => self.put(hash, &body),
            ("PATCH", ["lists", "a1", "members", hash]) => match self.members.get_mut(*hash) {
                Some(member) if body["status"] == "subscribed" && member["status"] == "unsubscribed" => {
                    problem(
                        400,
                        "Member In Compliance State",
                        "ann@example.com is in a compliance state due to unsubscribe.",
                    )
                }
                Some(member) => {
                    member["status"] = body["status"].clone();
                    Answer::new(200, member.clone())
                }
                None => problem(404, "Resource Not Found", "The requested resource could not be found."),
            },
            ("POST", ["lists", "a1", "members", hash, "tags"]) => {
                if !self.members.contains_key(*hash) {
                    return problem(404, "Resource Not Found", "The requested resource could not be found.");
                }
                let tags = self.tags.entry((*hash).to_owned()).or_default();
                for tag in body["tags"].as_array().into_iter().flatten() {
                    let name = tag["name"].as_str().unwrap_or_default().to_owned();
                    if tag["status"] == "active" {
                        tags.insert(name);
                    } else {
                        tags.remove(&name);
                    }
                }
                Answer::new(204, Value::Null)
            }
            (_, ["lists", ..]) => {
                problem(404, "Resource Not Found", "The requested resource could not be found.")
            }
            _ => problem(404, "Resource Not Found", "no such path")
                .violating(format!("{} {}", request.method, request.path)),
        }
    }

    fn limited(&self) -> Answer {
        problem(429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections.")
    }
}

impl Mailchimp {
    fn put(&mut self, hash: &str, body: &Value) -> Answer {
        let email = body["email_address"].as_str().unwrap_or_default().to_owned();
        let is_hash = hash.len() == 32 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        if !is_hash {
            return problem(404, "Resource Not Found", "no such member")
                .violating("a member is named by an MD5");
        }
        let mut errors = Vec::new();
        if !email.ends_with(".com") {
            errors.push(json!({"field": "email_address", "message": "This value should be a valid email."}));
        }
        if body["merge_fields"].get("COLOUR").is_some() {
            errors.push(json!({"field": "merge_fields.COLOUR", "message": "Schema describes string, integer found instead"}));
        }
        if !errors.is_empty() {
            let mut refused =
                problem(400, "Invalid Resource", "The resource submitted could not be validated.");
            refused.body["errors"] = errors.into();
            return refused;
        }
        let member = self.members.entry(hash.to_owned()).or_insert_with(|| {
            json!({"id": hash, "status": body["status_if_new"], "email_address": email, "merge_fields": {}})
        });
        if let Some(fields) = body["merge_fields"].as_object() {
            for (name, value) in fields {
                member["merge_fields"][name] = value.clone();
            }
        }
        let answer = Answer::new(200, member.clone());
        if body.get("status").is_some() {
            answer.violating("a status is only given to the new")
        } else {
            answer
        }
    }
}
