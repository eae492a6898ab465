//! `slack`: messages to a channel, by a bot's token (`chat.postMessage`) or by an incoming webhook.
//!
//! Slack says no to a method with status 200 and `ok: false`, and to a webhook in plain text: <https://api.slack.com/methods/chat.postMessage>,
//! <https://api.slack.com/messaging/webhooks>. Neither knows an idempotency key, so a message of which nobody can tell whether it was posted is not posted again
//! unless the step asks for that.

use std::sync::LazyLock;

use futures_util::{FutureExt, future::BoxFuture};
use model::{Period, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::ActionError,
    answer::pause,
    capability::{Connection, HttpResponse},
    input::{Flag, Optional, Text},
    ledger::{Pace, Reference},
    provider::{
        Access, Answer, Client, FieldError, Operate, Operation, Provider, Registration, Request, body, config, endpoint,
    },
    schema,
};

struct Slack;

inventory::submit!(Registration(&Slack));

/// How to reach the workspace.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// Where messages go that name no channel, such as `#care`; a webhook has a channel of its own.
    #[serde(default)]
    channel: Optional<Text>,
    /// The address of the interface, where it is not `https://slack.com/api`.
    #[serde(default)]
    #[schemars(extend("format" = "uri"))]
    api_url: Optional<Text>,
}

/// One of the two is needed; with both, the token is used.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// A bot's token (`xoxb-…`) with the scope `chat:write`.
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    bot_token: Optional<Text>,
    /// The address of an incoming webhook (`https://hooks.slack.com/services/…`).
    #[schemars(default, extend("format" = "password", "writeOnly" = true))]
    webhook_url: Optional<Text>,
}

/// A message to a channel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SendMessage {
    /// The text; with blocks it is what notifications show.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    pub(crate) text: Text,
    /// A channel such as `#care`, or its id; a webhook has a channel of its own.
    #[serde(default)]
    pub(crate) channel: Optional<Text>,
    /// Block Kit blocks, at most 50, in the place of the text.
    #[serde(default)]
    #[schemars(extend("format" = "json"))]
    pub(crate) blocks: Value,
    /// The `ts` of a message that this one answers.
    #[serde(default)]
    pub(crate) thread_ts: Optional<Text>,
    /// Lets the text and the blocks notify people, groups and whole channels (`<!here>`); otherwise it is shown as written, because answers of customers may hold it.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub(crate) allow_mentions: Flag,
    /// Posts again when nobody can tell whether the first attempt was posted: it may then be there twice.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub(crate) repeat_when_in_doubt: Flag,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);
static OPERATIONS: LazyLock<[Operation; 1]> = LazyLock::new(|| [Operation::of::<SendMessage>()]);

/// Slack's own limits for a text and for blocks.
const LONGEST_TEXT: usize = 40_000;
const MOST_BLOCKS: usize = 50;

impl Operate for SendMessage {
    const NAME: &'static str = "send_message";
    const TITLE: &'static str = "Send a message";
    const DESCRIPTION: &'static str =
        "Posts a message to a channel. When it is not known whether it was posted, it is not posted again.";

    fn sample() -> Value {
        json!({"channel": "#care", "text": "{{contact.name}} gave {{submission.data.q_nps}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let settings: Config = client.config()?;
        let text = self.text.block(LONGEST_TEXT).ok_or_else(|| ActionError::invalid("payload.text", "is empty"))?;
        let allowed = self.allow_mentions.0;
        let mut message = json!({"text": if allowed { text } else { unmentioned(&text) }});
        match self.blocks {
            Value::Null => {}
            Value::Array(mut blocks) if !blocks.is_empty() && blocks.len() <= MOST_BLOCKS => {
                if !allowed {
                    blocks.iter_mut().for_each(unmention);
                }
                message["blocks"] = blocks.into();
            }
            _ => {
                let message = format!("must be a list of 1 to {MOST_BLOCKS} blocks");
                return Err(ActionError::invalid("payload.blocks", message));
            }
        }
        if let Some(thread) = self.thread_ts.0.and_then(|text| text.line(64)) {
            message["thread_ts"] = thread.into();
        }
        let by_bot = client.connection.secret("botToken").is_some();
        let path = if by_bot {
            let channel = self.channel.0.or(settings.channel.0).and_then(|text| text.line(255));
            let channel = channel.ok_or_else(|| ActionError::invalid("payload.channel", "is needed"))?;
            message["channel"] = channel.into();
            "chat.postMessage"
        } else {
            ""
        };
        let posted = |answer: &Value| Ok(Reference::of(answer.get("ts").and_then(Value::as_str).unwrap_or("posted")));
        client.post_once(path, message, self.repeat_when_in_doubt.0, posted).await
    }
}

/// With what would notify somebody shown as it is written.
fn unmentioned(text: &str) -> String {
    text.replace("<!", "&lt;!").replace("<@", "&lt;@")
}

/// Only these texts of blocks are read for mentions: <https://api.slack.com/reference/surfaces/formatting>.
fn unmention(block: &mut Value) {
    match block {
        Value::Array(parts) => parts.iter_mut().for_each(unmention),
        Value::Object(parts) => {
            let is_read = ["mrkdwn", "markdown"].iter().any(|kind| parts.get("type") == Some(&Value::from(*kind)));
            for (name, part) in parts {
                match part {
                    Value::String(text) if is_read && name == "text" => *text = unmentioned(text),
                    part => unmention(part),
                }
            }
        }
        _ => {}
    }
}

impl Provider for Slack {
    fn name(&self) -> &'static str {
        "slack"
    }
    fn title(&self) -> &'static str {
        "Slack"
    }
    fn description(&self) -> &'static str {
        "Messages to a Slack channel, by a bot or an incoming webhook."
    }
    fn icon(&self) -> &'static str {
        "brand-slack"
    }
    fn config_schema(&self) -> &Value {
        &CONFIG
    }
    fn secrets_schema(&self) -> &Value {
        &SECRETS
    }
    fn operations(&self) -> &[Operation] {
        OPERATIONS.as_slice()
    }

    fn access(&self, connection: &Connection) -> Result<Access, ActionError> {
        match (connection.secret("botToken"), connection.secret("webhookUrl")) {
            (Some(token), _) => Ok(Access::bearer(token)),
            (None, Some(_)) => Ok(Access::Address),
            (None, None) => Err(connection.lacks("botToken or webhookUrl")),
        }
    }

    fn base(&self, connection: &Connection, _: Option<&str>) -> Result<String, ActionError> {
        let settings: Config = config(connection)?;
        if connection.secret("botToken").is_some() {
            return Ok(endpoint(settings.api_url, "https://slack.com/api"));
        }
        connection.required_secret("webhookUrl").map(str::to_owned)
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        read(response, now)
    }

    fn pace(&self, _: &Connection) -> Option<Pace> {
        // About one message a second for a channel, and short bursts: <https://api.slack.com/docs/rate-limits>.
        Some(Pace { interval: 1_000, burst: 3 })
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            if client.connection.secret("botToken").is_some() {
                let reply = client.send(Request::post("auth.test", json!({}))).await?.done()?;
                return Ok(json!({"team": reply.body["team"], "user": reply.body["user"]}));
            }
            // A webhook that is there refuses a message without a text, and posts nothing.
            let (response, answer) = client.exchange(&Request::post("", json!({"text": ""}))).await?;
            match answer {
                Answer::Permanent { ref why, .. } if ["no_text", "invalid_payload"].contains(&why.as_str()) => {
                    Ok(json!({"webhook": "is there"}))
                }
                answer => Err(answer.error(&client.who(), &response)),
            }
        }
        .boxed()
    }
}

fn read(response: &HttpResponse, now: Timestamp) -> Answer {
    let answer = body(response);
    let code = match &answer {
        Value::String(text) => text.chars().take(100).collect(),
        value if value.get("ok") == Some(&Value::Bool(false)) => {
            value.get("error").and_then(Value::as_str).unwrap_or("no reason").to_owned()
        }
        _ => String::new(),
    };
    if response.status == 429 || ["ratelimited", "rate_limited"].contains(&code.as_str()) {
        let pause = pause(response, now).unwrap_or(Period::seconds(30));
        return Answer::Limited { why: "ratelimited".to_owned(), pause };
    }
    match code.as_str() {
        "" | "ok" if response.status < 300 => return Answer::Done(answer),
        "not_authed" | "invalid_auth" | "account_inactive" | "token_revoked" | "token_expired" | "org_login_required"
        | "invalid_token" | "no_service" | "no_active_hooks" | "team_disabled" => {
            return Answer::Authentication { why: code };
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" | "rollup_error" => {
            return Answer::Failed { why: code, after: None };
        }
        _ => {}
    }
    let (field, message) = match code.as_str() {
        "channel_not_found" | "user_not_found" => ("channel", "Slack knows no such channel, or the bot cannot see it"),
        "not_in_channel" => ("channel", "the bot is not in the channel: invite it"),
        "is_archived" | "channel_is_archived" => ("channel", "the channel is archived"),
        "restricted_action" | "action_prohibited" => ("channel", "the workspace does not allow it to post there"),
        "msg_too_long" => ("text", "is too long"),
        "no_text" => ("text", "is empty"),
        "invalid_blocks" | "invalid_blocks_format" => ("blocks", "are not valid Block Kit"),
        "missing_scope" => ("botToken", "lacks the scope chat:write"),
        _ => ("", ""),
    };
    if field.is_empty() {
        return Answer::of_status(&HttpResponse { status: if response.status < 300 { 400 } else { response.status }, ..response.clone() }, now, code, Vec::new());
    }
    let message = format!("{message} ({code})");
    Answer::Permanent { why: code, fields: vec![FieldError::new(field, message)] }
}

#[cfg(test)]
mod tests;
