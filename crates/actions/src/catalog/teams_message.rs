//! `teams_message`: a card in a Microsoft Teams channel, as a step of its own.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome, SuggestedRetry},
    catalog::{Registration, sync_integration},
    input::{Fields, Flag, Optional, Text},
};

struct TeamsMessage;

inventory::submit!(Registration::of::<TeamsMessage>());

/// A message and where it goes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The Teams connection; not needed when there is just one.
    #[serde(default)]
    #[schemars(extend("format" = "connection"))]
    connection: Optional<Text>,
    /// A heading.
    #[serde(default)]
    #[schemars(extend("format" = "template-text"))]
    title: Optional<Text>,
    /// The text; lists, links, bold and italic as in Markdown.
    #[schemars(extend("format" = "multiline", "minLength" = 1))]
    text: Text,
    /// Names and values, shown as a table.
    #[serde(default)]
    facts: Optional<Fields>,
    /// Where the button below the text leads.
    #[serde(default)]
    #[schemars(extend("format" = "uri"))]
    link: Optional<Text>,
    /// What the button says.
    #[serde(default)]
    link_title: Optional<Text>,
    /// A whole adaptive card, in the place of all of the above.
    #[serde(default)]
    #[schemars(extend("format" = "json"))]
    card: Value,
    /// Posts again when nobody can tell whether the first attempt was posted: it may then be there twice.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    repeat_when_in_doubt: Flag,
}

impl Action for TeamsMessage {
    const METADATA: Metadata = Metadata {
        name: "teams_message",
        title: "Send a Teams message",
        description: "Posts a card to a Microsoft Teams channel through a stored connection.",
        group: "Messages",
        icon: "brand-teams",
        effect: EffectKind::External,
        suggested_retry: Some(SuggestedRetry::NETWORK),
    };
    type Config = Config;

    fn sample() -> Value {
        json!({
            "title": "New detractor", "text": "{{submission.data.q_feedback}}",
            "facts": {"Customer": "{{contact.name}}", "Score": "{{submission.data.q_nps}}"},
        })
    }

    async fn run(config: Config, cx: &Context<'_>) -> Result<Outcome, ActionError> {
        let optional = |text: Optional<Text>| text.0.map(|text| text.0);
        let payload = json!({
            "title": optional(config.title), "text": config.text.0, "facts": config.facts.0.map(|facts| facts.0),
            "link": optional(config.link), "linkTitle": optional(config.link_title), "card": config.card,
            "repeatWhenInDoubt": config.repeat_when_in_doubt.0,
        });
        let name = config.connection.0.and_then(|text| text.line(255)).unwrap_or_else(|| "teams".to_owned());
        sync_integration::through(cx, &name, Some("teams"), "send_message", payload).await
    }
}
