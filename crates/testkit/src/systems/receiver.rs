//! A receiver of signed messages: it checks what Standard Webhooks asks of one, and acts once for each id.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use serde_json::Value;

use super::{Answer, System};
use crate::sink::Request;

/// A receiver.
#[derive(Debug, Default)]
pub struct Receiver {
    /// The key that it checks with, without `whsec_`.
    pub key: Vec<u8>,
    /// Messages by their ids.
    pub messages: BTreeMap<String, Value>,
    /// It wants no more.
    pub is_gone: bool,
}

impl System for Receiver {
    fn answer(&mut self, request: &Request) -> Answer {
        if self.is_gone {
            return Answer::new(410, Value::Null);
        }
        let header = |name| request.header(name).unwrap_or_default().to_owned();
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        if id.is_empty() || timestamp.parse::<i64>().is_err() {
            return Answer::new(400, "webhook-id and webhook-timestamp are needed".into())
                .violating("a message has an id and a time");
        }
        let mut signed = format!("{id}.{timestamp}.").into_bytes();
        signed.extend_from_slice(&request.body);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key);
        let is_ours = |signature: &str| {
            let signature = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
            signature.is_some_and(|signature| hmac::verify(&key, &signed, &signature).is_ok())
        };
        if !header("webhook-signature").split(' ').any(is_ours) {
            return Answer::new(401, "no signature fits".into());
        }
        let message = request.json();
        if message["type"] == "nps.unknown" {
            return Answer::new(422, "no such type".into());
        }
        self.messages.entry(id).or_insert(message);
        Answer::new(204, Value::Null)
    }

    fn limited(&self) -> Answer {
        Answer::new(429, "slow down".into()).header("retry-after", "9")
    }
}
