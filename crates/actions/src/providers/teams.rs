//! `teams`: adaptive cards to a Microsoft Teams channel, through a Workflows (Power Automate) address.
//!
//! <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook>. The whole address is a secret. It answers 202;
//! the older connectors answered 200 with an error in the text, which is read here as what it is. There is no idempotency key: as with Slack, a card of
//! which nobody can tell whether it was posted is not posted again unless the step asks for that.

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
    input::{Fields, Flag, Optional, Text},
    ledger::{Pace, Reference},
    provider::{
        Access, Answer, Client, FieldError, Operate, Operation, Provider, Registration, Request, body, text_at,
    },
    schema,
};

struct Teams;

inventory::submit!(Registration(&Teams));

/// There is nothing to set beside the address.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Config {}

/// What lets messages in.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by its schema; secrets are looked up by name")]
struct Secrets {
    /// The address that the Teams workflow "Post to a channel when a webhook request is received" shows.
    #[schemars(extend("format" = "password", "writeOnly" = true))]
    webhook_url: Text,
}

/// A card in a channel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SendMessage {
    /// The text; lists, links, bold and italic as in Markdown.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    pub(crate) text: Text,
    /// A heading.
    #[serde(default)]
    #[schemars(extend("format" = "template-text"))]
    pub(crate) title: Optional<Text>,
    /// Names and values, shown as a table.
    #[serde(default)]
    pub(crate) facts: Optional<Fields>,
    /// Where the button below the text leads.
    #[serde(default)]
    #[schemars(extend("format" = "uri"))]
    pub(crate) link: Optional<Text>,
    /// What the button says.
    #[serde(default)]
    pub(crate) link_title: Optional<Text>,
    /// A whole adaptive card, in the place of all of the above.
    #[serde(default)]
    #[schemars(extend("format" = "json"))]
    pub(crate) card: Value,
    /// Posts again when nobody can tell whether the first attempt was posted: it may then be there twice.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub(crate) repeat_when_in_doubt: Flag,
}

static CONFIG: LazyLock<Value> = LazyLock::new(schema::of::<Config>);
static SECRETS: LazyLock<Value> = LazyLock::new(schema::of::<Secrets>);
static OPERATIONS: LazyLock<[Operation; 1]> = LazyLock::new(|| [Operation::of::<SendMessage>()]);

/// What Teams takes at most, in bytes.
const LARGEST: usize = 28 * 1024;
const LONGEST_TEXT: usize = 20_000;
const LONGEST_LINE: usize = 500;

impl Operate for SendMessage {
    const NAME: &'static str = "send_message";
    const TITLE: &'static str = "Send a message";
    const DESCRIPTION: &'static str =
        "Posts a card to a channel. When it is not known whether it was posted, it is not posted again.";

    fn sample() -> Value {
        json!({"title": "New detractor", "text": "{{contact.name}} gave {{submission.data.q_nps}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let repeats = self.repeat_when_in_doubt.0;
        let card = self.card()?;
        let message = json!({
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card}],
        });
        let size = message.to_string().len();
        if size > LARGEST {
            let problem = format!("the card has {size} bytes, and Teams takes {LARGEST} at most");
            return Err(ActionError::invalid("payload", problem));
        }
        client.post_once("", message, repeats, |_| Ok(Reference::of("posted"))).await
    }
}

impl SendMessage {
    fn card(self) -> Result<Value, ActionError> {
        match self.card {
            Value::Null => {}
            Value::Object(card) if card.get("type").and_then(Value::as_str) == Some("AdaptiveCard") => {
                return Ok(card.into());
            }
            _ => return Err(ActionError::invalid("payload.card", "must be an object of type AdaptiveCard")),
        }
        let text = self.text.block(LONGEST_TEXT).ok_or_else(|| ActionError::invalid("payload.text", "is empty"))?;
        let mut body = Vec::new();
        if let Some(title) = self.title.0.and_then(|text| text.line(LONGEST_LINE)) {
            body.push(json!({"type": "TextBlock", "text": title, "weight": "Bolder", "size": "Medium", "wrap": true}));
        }
        body.push(json!({"type": "TextBlock", "text": text, "wrap": true}));
        let facts: Vec<Value> = self
            .facts
            .0
            .unwrap_or_default()
            .0
            .into_iter()
            .map(|(name, value)| {
                let value = match value {
                    Value::String(text) => text,
                    Value::Null => String::new(),
                    value => value.to_string(),
                };
                json!({"title": name, "value": value})
            })
            .collect();
        if !facts.is_empty() {
            body.push(json!({"type": "FactSet", "facts": facts}));
        }
        let mut card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body,
        });
        if let Some(link) = self.link.0.and_then(|text| text.line(2_000)) {
            let title = self.link_title.0.and_then(|text| text.line(100)).unwrap_or_else(|| "Open".to_owned());
            card["actions"] = json!([{"type": "Action.OpenUrl", "title": title, "url": link}]);
        }
        Ok(card)
    }
}

impl Provider for Teams {
    fn name(&self) -> &'static str {
        "teams"
    }
    fn title(&self) -> &'static str {
        "Microsoft Teams"
    }
    fn description(&self) -> &'static str {
        "Messages to a Teams channel, through a workflow's address."
    }
    fn icon(&self) -> &'static str {
        "brand-teams"
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

    fn access(&self, _: &Connection) -> Result<Access, ActionError> {
        Ok(Access::Address)
    }

    fn base(&self, connection: &Connection, _: Option<&str>) -> Result<String, ActionError> {
        connection.required_secret("webhookUrl").map(str::to_owned)
    }

    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer {
        read(response, now)
    }

    fn pace(&self, _: &Connection) -> Option<Pace> {
        // More than four requests a second are throttled.
        Some(Pace { interval: 300, burst: 2 })
    }

    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>> {
        async move {
            // A post would be seen by everybody in the channel. Whoever has no right to the address is told so with any method.
            let (response, answer) = client.exchange(&Request::get("")).await?;
            match answer {
                Answer::Failed { .. } => Err(answer.error(&client.who(), &response)),
                _ => Ok(json!({"status": response.status, "note": "the address answers; a message shows whether the workflow is well"})),
            }
        }
        .boxed()
    }
}

fn read(response: &HttpResponse, now: Timestamp) -> Answer {
    let answer = body(response);
    let said = match &answer {
        Value::String(text) => text.chars().take(300).collect(),
        value => [text_at(value, "/error/code"), text_at(value, "/error/message")].join(" ").trim().to_owned(),
    };
    // "… returned HTTP error 429 with ContextId …", with status 200.
    let told = said.split("HTTP error ").nth(1).and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    let status = match told {
        Some(status) if response.status < 300 => status,
        _ if response.status < 300 && said.to_ascii_lowercase().contains("error") => 400,
        _ => response.status,
    };
    match status {
        413 => Answer::Permanent { why: said, fields: vec![FieldError::new("card", "is larger than Teams takes")] },
        429 => {
            Answer::Limited { why: said, pause: pause(response, now).unwrap_or(Period::seconds(2)) }
        }
        // The workflow was deleted or turned off, or the signature in the address is of no use any more.
        401 | 403 | 404 | 410 => Answer::Authentication { why: said },
        400 if said.contains("WorkflowTriggerIsNotEnabled") => Answer::Authentication { why: said },
        status => Answer::of_status(&HttpResponse { status, ..response.clone() }, now, said, Vec::new()),
    }
}

#[cfg(test)]
mod tests;
