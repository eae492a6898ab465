//! `slack_message`: a message to a Slack channel, as a step of its own.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome, SuggestedRetry},
    catalog::{Registration, sync_integration},
    input::{Flag, Optional, Text},
};

struct SlackMessage;

inventory::submit!(Registration::of::<SlackMessage>());

/// A message and where it goes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The Slack connection; not needed when there is just one.
    #[serde(default)]
    #[schemars(extend("format" = "connection"))]
    connection: Optional<Text>,
    /// A channel such as `#care`, or its id; a webhook has a channel of its own.
    #[serde(default)]
    channel: Optional<Text>,
    /// The text; with blocks it is what notifications show.
    #[schemars(extend("format" = "multiline", "minLength" = 1))]
    text: Text,
    /// Block Kit blocks, at most 50, in the place of the text.
    #[serde(default)]
    #[schemars(extend("format" = "json"))]
    blocks: Value,
    /// The `ts` of a message that this one answers.
    #[serde(default)]
    thread_ts: Optional<Text>,
    /// Lets the text and the blocks notify people, groups and whole channels (`<!here>`); otherwise it is shown as written, because answers of customers may hold it.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    allow_mentions: Flag,
    /// Posts again when nobody can tell whether the first attempt was posted: it may then be there twice.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    repeat_when_in_doubt: Flag,
}

impl Action for SlackMessage {
    const METADATA: Metadata = Metadata {
        name: "slack_message",
        title: "Send a Slack message",
        description: "Posts a message to a Slack channel through a stored connection.",
        group: "Messages",
        icon: "brand-slack",
        effect: EffectKind::External,
        suggested_retry: Some(SuggestedRetry::NETWORK),
    };
    type Config = Config;

    fn sample() -> Value {
        json!({"channel": "#care", "text": "{{contact.name}} gave {{submission.data.q_nps}}: {{submission.data.q_feedback}}"})
    }

    async fn run(config: Config, cx: &Context<'_>) -> Result<Outcome, ActionError> {
        let optional = |text: Optional<Text>| text.0.map(|text| text.0);
        let payload = json!({
            "channel": optional(config.channel), "text": config.text.0, "blocks": config.blocks, "threadTs": optional(config.thread_ts),
            "allowMentions": config.allow_mentions.0, "repeatWhenInDoubt": config.repeat_when_in_doubt.0,
        });
        let name = config.connection.0.and_then(|text| text.line(255)).unwrap_or_else(|| "slack".to_owned());
        sync_integration::through(cx, &name, Some("slack"), "send_message", payload).await
    }
}
