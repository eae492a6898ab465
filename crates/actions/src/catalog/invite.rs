//! `invite`: a contact's own link to a form.

use model::{ContactId, FormId, effect::{Effect, NewInvitation}};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::{Id, Optional},
};

struct Invite;

inventory::submit!(Registration::of::<Invite>());

/// Who is invited to answer what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The form.
    #[schemars(extend("format" = "record-id"))]
    form_id: Id<FormId>,
    /// Who is invited. Left empty, it is the contact of the event.
    #[serde(default)]
    #[schemars(extend("format" = "contact-id"))]
    contact_id: Optional<Id<ContactId>>,
}

impl Action for Invite {
    const METADATA: Metadata = Metadata {
        name: "invite",
        title: "Invite to a form",
        description: "Makes a contact's own link to a form, for the message that follows: it is `output.url`. An answer that comes by it is known to be the contact's. `invitation_sent` tells of it.",
        group: "Records",
        icon: "mail",
        effect: EffectKind::Internal,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({"formId": 10, "contactId": "{{contact.id}}"})
    }

    async fn run(config: Config, cx: &Context<'_>) -> Result<Outcome, ActionError> {
        let contact = config.contact_id.0.map(|id| id.0).or(cx.contact);
        let contact = contact
            .ok_or_else(|| ActionError::invalid("contactId", "is empty, and the event is about no contact"))?;
        let link = cx.audience.invitation(cx.idempotency_key);
        Ok(Outcome::Apply(Effect::Invite(NewInvitation { form: config.form_id.0, contact, token: link.token, url: link.url })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn names_the_form_and_whom() {
        let bench = Workbench::new();
        for (config, contact) in [(json!({"formId": "10"}), 7), (json!({"formId": 10, "contactId": "8"}), 8)] {
            let outcome = bench.run("invite", config).await.unwrap();
            let Outcome::Apply(Effect::Invite(new)) = outcome else { panic!("{outcome:?}") };
            assert_eq!((new.form, new.contact), (FormId::new(10), ContactId::new(contact)));
            assert_eq!((new.token.as_str(), new.url.as_str()), ("vtx_key", "https://example.com/i/vtx_key"));
        }
    }
}
