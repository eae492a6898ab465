//! `send_notification`: a message to a user inside the application.

use model::{
    UserId,
    effect::{Effect, NewNotification},
    notification::NotificationType,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::{Choice, Id, Optional, Text},
};

struct SendNotification;

inventory::submit!(Registration::of::<SendNotification>());

/// A message to a user.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// To whom.
    #[schemars(extend("format" = "user-id"))]
    user_id: Id<UserId>,
    /// One line.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    title: Text,
    /// The whole message.
    #[serde(default)]
    #[schemars(extend("format" = "multiline"))]
    message: Optional<Text>,
    /// The tone.
    #[serde(default, rename = "type")]
    #[schemars(extend("default" = "info"))]
    kind: Optional<Choice<NotificationType>>,
}

impl Action for SendNotification {
    const METADATA: Metadata = Metadata {
        name: "send_notification",
        title: "Notify a user",
        description: "Shows a message to a user inside the application.",
        group: "Messages",
        icon: "bell",
        effect: EffectKind::Internal,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({
            "userId": 1,
            "title": "New negative feedback",
            "message": "{{contact.name | default(\"A customer\")}} gave a score of {{submission.data.q_nps}}.",
            "type": "warning",
        })
    }

    async fn run(config: Config, _: &Context<'_>) -> Result<Outcome, ActionError> {
        Ok(Outcome::Apply(Effect::NotificationCreate(NewNotification {
            user_id: config.user_id.0,
            title: config.title.line(255).ok_or_else(|| ActionError::invalid("title", "is empty"))?,
            message: config.message.0.and_then(|text| text.block(65_536)),
            kind: config.kind.0.map_or(NotificationType::Info, |kind| kind.0),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn names_the_user_and_the_message() {
        let bench = Workbench::new();
        let config = json!({"userId": "10", "title": 5, "message": "Low\nrating", "type": "warning"});
        let outcome = bench.run("send_notification", config).await.unwrap();
        assert_eq!(
            outcome,
            Outcome::Apply(Effect::NotificationCreate(NewNotification {
                user_id: UserId::new(10),
                title: "5".into(),
                message: Some("Low\nrating".into()),
                kind: NotificationType::Warning,
            }))
        );
        let error = bench.run("send_notification", json!({"title": "x"})).await.unwrap_err();
        assert_eq!(error.message, "the config is not valid: missing field `userId`");
    }
}
