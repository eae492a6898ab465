//! `erase_contact`: what is known of a person is taken out, at their request.

use model::{ContactId, effect::Effect};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::Id,
};

struct EraseContact;

inventory::submit!(Registration::of::<EraseContact>());

/// Who is erased.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The contact.
    #[schemars(extend("format" = "contact-id"))]
    contact_id: Id<ContactId>,
}

impl Action for EraseContact {
    const METADATA: Metadata = Metadata {
        name: "erase_contact",
        title: "Erase a contact",
        description: "Takes out what is known of a person: the contact's fields, the answers that are personal or text, and the runs about the contact that have ended. Numbers and choices stay, without the person. It cannot be undone.",
        group: "Records",
        icon: "user-x",
        effect: EffectKind::Internal,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({"contactId": "{{contact.id}}"})
    }

    async fn run(config: Config, _: &Context<'_>) -> Result<Outcome, ActionError> {
        Ok(Outcome::Apply(Effect::ContactErase(config.contact_id.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn names_the_contact() {
        let outcome = Workbench::new().run("erase_contact", json!({"contactId": "7"})).await.unwrap();
        assert_eq!(outcome, Outcome::Apply(Effect::ContactErase(ContactId::new(7))));
    }
}
