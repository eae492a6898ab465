//! `add_tag`: a tag on a record.

use model::{
    effect::Effect,
    entity::{EntityKind, EntityRef, LONGEST_TAG},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::{Choice, RecordId, Text},
};

struct AddTag;

inventory::submit!(Registration::of::<AddTag>());

/// A tag and where it goes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The kind of record.
    entity: Choice<EntityKind>,
    /// Which record.
    #[schemars(extend("format" = "record-id"))]
    entity_id: RecordId,
    /// The tag, at most 100 characters; made when it is new.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    tag: Text,
}

impl Action for AddTag {
    const METADATA: Metadata = Metadata {
        name: "add_tag",
        title: "Add a tag",
        description: "Puts a tag on a contact, a ticket, a submission or a form; nothing happens when it is there already.",
        group: "Records",
        icon: "tag",
        effect: EffectKind::Internal,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({"entity": "contact", "entityId": "{{contact.id}}", "tag": "nps_detractor"})
    }

    async fn run(config: Config, _: &Context<'_>) -> Result<Outcome, ActionError> {
        let tag = config.tag.line(usize::MAX).ok_or_else(|| ActionError::invalid("tag", "is empty"))?;
        // A cut tag would be another tag, so unlike a long title a long tag is refused.
        if tag.chars().count() > LONGEST_TAG {
            return Err(ActionError::invalid("tag", format!("is longer than {LONGEST_TAG} characters")));
        }
        Ok(Outcome::Apply(Effect::TagAdd { entity: EntityRef::new(config.entity.0, config.entity_id.0.0), tag }))
    }
}

#[cfg(test)]
mod tests {
    use model::SubmissionId;

    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn names_the_record_and_the_tag() {
        let bench = Workbench::new();
        let config = |id: Value, tag: &str| json!({"entity": "submission", "entityId": id, "tag": tag});
        let outcome = bench.run("add_tag", config(json!("9"), " late  answer ")).await.unwrap();
        let entity = EntityRef::Submission(SubmissionId::new(9));
        assert_eq!(outcome, Outcome::Apply(Effect::TagAdd { entity, tag: "late answer".into() }));
        for (config, message) in [
            (config(json!(null), "x"), "entityId: is empty, but an id is needed"),
            (config(json!(9), "\n"), "tag: is empty"),
            (config(json!(9), &"x".repeat(101)), "tag: is longer than 100 characters"),
        ] {
            let error = bench.run("add_tag", config).await.unwrap_err();
            assert_eq!(error.message, format!("the config is not valid: {message}"));
        }
    }
}
