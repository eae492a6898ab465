//! Slack: `chat.postMessage`, which says no with status 200, and incoming webhooks, which say it in plain text.

use serde_json::{Value, json};

use super::{Answer, System, bearer, object, target};
use crate::sink::Request;

/// A workspace with one bot, one channel and one webhook.
#[derive(Debug, Default)]
pub struct Slack {
    /// What was posted, as it came.
    pub messages: Vec<Value>,
    /// The bot's token was taken back, and the webhook removed.
    pub is_revoked: bool,
    /// The next post answers so.
    pub says: Option<Answer>,
}

/// The bot's token.
pub const TOKEN: &str = "xoxb-canary-5ecret";
/// The path of the webhook.
pub const WEBHOOK: &str = "/services/T0/B0/canary-5ecret";

impl System for Slack {
    fn answer(&mut self, request: &Request) -> Answer {
        let (path, _) = target(request);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        if let ["services", ..] = path.as_slice() {
            return self.webhook(request);
        }
        let no = |error: &str| Answer::new(200, json!({"ok": false, "error": error}));
        match bearer(request) {
            None => return no("not_authed"),
            Some(TOKEN) if !self.is_revoked => {}
            Some(TOKEN) => return no("token_revoked"),
            Some(_) => return no("invalid_auth"),
        }
        match path.as_slice() {
            ["api", "auth.test"] => Answer::new(200, json!({"ok": true, "team": "Acme", "user": "vtrustx"})),
            ["api", "chat.postMessage"] => self.post(request),
            _ => no("unknown_method").violating(format!("{} {}", request.method, request.path)),
        }
    }

    fn limited(&self) -> Answer {
        Answer::new(429, json!({"ok": false, "error": "ratelimited"})).header("retry-after", "30")
    }
}

impl Slack {
    fn post(&mut self, request: &Request) -> Answer {
        let no = |error: &str| Answer::new(200, json!({"ok": false, "error": error}));
        if let Some(answer) = self.says.take() {
            return answer;
        }
        let Some(message) = object(request) else {
            return no("invalid_json").violating("a message is JSON");
        };
        let text = message.get("text").and_then(Value::as_str).unwrap_or_default();
        let blocks = message.get("blocks").and_then(Value::as_array);
        match message.get("channel").and_then(Value::as_str) {
            Some("C1" | "#care") => {}
            _ => return no("channel_not_found"),
        }
        if text.is_empty() {
            let rule = "blocks come with a text, which notifications show";
            let no = no("no_text");
            return if blocks.is_some() { no.violating(rule) } else { no };
        }
        if blocks.is_some_and(|blocks| blocks.is_empty() || blocks.len() > 50) {
            return no("invalid_blocks");
        }
        self.messages.push(message.into());
        let ts = format!("1700000000.{:06}", self.messages.len());
        Answer::new(200, json!({"ok": true, "channel": "C1", "ts": ts}))
    }

    fn webhook(&mut self, request: &Request) -> Answer {
        let text = |status, text: &str| Answer::new(status, text.into());
        if request.path != WEBHOOK {
            return text(403, "invalid_token");
        }
        if self.is_revoked {
            return text(404, "no_service");
        }
        if let Some(answer) = self.says.take() {
            return answer;
        }
        let Some(message) = object(request) else { return text(400, "invalid_payload") };
        if message.get("text").and_then(Value::as_str).is_none_or(str::is_empty) {
            return text(400, "no_text");
        }
        self.messages.push(message.into());
        text(200, "ok")
    }
}
