//! `update_contact`: several fields of a contact, found by id or by email.

use model::{
    ContactId, Problem,
    effect::{ContactKey, Effect},
    entity::EntityKind,
    field::looks_like_email,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::update_field::try_field;
use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::{Fields, Flag, Id, Optional, Text},
    schema,
};

struct UpdateContact;

inventory::submit!(Registration::of::<UpdateContact>());

/// New values for a contact.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// Which contact. Left empty, the email address says it.
    #[serde(default)]
    #[schemars(extend("format" = "contact-id"))]
    contact_id: Optional<Id<ContactId>>,
    /// The contact's email address; used when there is no id.
    #[serde(default)]
    #[schemars(extend("format" = "email"))]
    email: Optional<Text>,
    /// Fields by name; names that a contact does not have go to its attributes.
    updates: Fields,
    /// Make the contact when nobody has that email address.
    #[serde(default)]
    upsert: Optional<Flag>,
}

impl Action for UpdateContact {
    const METADATA: Metadata = Metadata {
        name: "update_contact",
        title: "Update a contact",
        description: "Sets fields of a contact, found by id or email address; makes the contact when asked to.",
        group: "Records",
        icon: "user-edit",
        effect: EffectKind::Internal,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({
            "contactId": "{{contact.id}}",
            "updates": {"segment": "detractor", "last_nps_score": "{{submission.data.q_nps}}"},
        })
    }

    fn check(config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        let given = |field: &str| config.get(field).is_some_and(|value| !value.is_null() && value != "");
        if config.is_object() && !given("contactId") && !given("email") {
            problems.push(Problem::at("contactId", "is missing: a contact is found by contactId or email"));
        }
        let email = config.get("email").filter(|value| !schema::is_template(value)).and_then(Value::as_str);
        if let Some(email) = email.filter(|email| !email.trim().is_empty() && !looks_like_email(email.trim())) {
            problems.push(Problem::at("email", format!("{email:?} is not an email address")));
        }
        for (field, value) in config.get("updates").and_then(Value::as_object).into_iter().flatten() {
            if let Some(refused) = try_field(EntityKind::Contact, field, value) {
                problems.push(Problem::at(format!("updates.{field}"), refused.to_string()));
            }
        }
        problems
    }

    async fn run(config: Config, _: &Context<'_>) -> Result<Outcome, ActionError> {
        let contact = match (config.contact_id.0, config.email.0) {
            (Some(id), _) => ContactKey::Id(id.0),
            (None, Some(email)) => {
                let email = email.0.trim().to_owned();
                if !looks_like_email(&email) {
                    return Err(ActionError::invalid("email", format!("{email:?} is not an email address")));
                }
                ContactKey::Email(email)
            }
            (None, None) => {
                let message = "is empty, and so is email; one of them must say which contact";
                return Err(ActionError::invalid("contactId", message));
            }
        };
        Ok(Outcome::Apply(Effect::ContactUpdate { contact, updates: config.updates.0, upsert: config.upsert.0.is_some_and(|flag| flag.0) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn finds_the_contact_by_id_else_by_email() {
        let bench = Workbench::new();
        let updates = json!({"segment": "vip", "tier": 3});
        for (config, contact, upsert) in [
            (json!({"contactId": "7", "email": "a@b.c", "updates": updates}), ContactKey::Id(ContactId::new(7)), false),
            (json!({"contactId": "", "email": " a@b.c ", "updates": updates, "upsert": "true"}), ContactKey::Email("a@b.c".into()), true),
        ] {
            let updates = updates.as_object().cloned().unwrap();
            let outcome = bench.run("update_contact", config).await.unwrap();
            assert_eq!(outcome, Outcome::Apply(Effect::ContactUpdate { contact, updates, upsert }));
        }
        for (config, message) in [
            (json!({"contactId": "", "updates": {}}), "contactId: is empty, and so is email; one of them must say which contact"),
            (json!({"email": "nobody", "updates": {}}), "email: \"nobody\" is not an email address"),
            (json!({"contactId": 7, "updates": {}, "upsert": 2}), "upsert: 2 is neither true nor false"),
        ] {
            let error = bench.run("update_contact", config).await.unwrap_err();
            assert_eq!(error.message, format!("the config is not valid: {message}"));
        }
    }

    #[test]
    fn what_the_contact_would_refuse_is_known_before_the_run() {
        let config = json!({"email": "nobody", "updates": {"id": "{{x}}", "owner_id": "Ann", "tags": "{{t}}", "x": 1}});
        let problems = crate::catalog().get("update_contact").unwrap().check(&config);
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, [
            "email: \"nobody\" is not an email address",
            "updates.id: cannot be set",
            "updates.owner_id: is not an id: a whole number from 1 to 9007199254740991 is needed",
        ]);
        let problems = crate::catalog().get("update_contact").unwrap().check(&json!({"updates": {}}));
        assert_eq!(problems[0].to_string(), "contactId: is missing: a contact is found by contactId or email");
    }
}
