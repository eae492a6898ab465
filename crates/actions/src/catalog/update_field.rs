//! `update_field`: one field of one record.

use model::{
    Actor, ContactId, Problem, TenantId, TicketId, Timestamp,
    contact::Contact,
    effect::Effect,
    entity::{EntityKind, EntityRef},
    field::{Fields, Refused},
    ticket::Ticket,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::{Choice, RecordId, Text},
    schema,
};

struct UpdateField;

inventory::submit!(Registration::of::<UpdateField>());

/// A new value for a field.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The kind of record.
    entity: Choice<EntityKind>,
    /// Which record.
    #[schemars(extend("format" = "record-id"))]
    entity_id: RecordId,
    /// The field's name; a name that the record does not have goes to its attributes.
    #[schemars(extend("minLength" = 1))]
    field: Text,
    /// The new value; null clears the field.
    value: Value,
}

impl Action for UpdateField {
    const METADATA: Metadata = Metadata {
        name: "update_field",
        title: "Update a field",
        description: "Sets one field of a contact, a ticket, a submission or a form.",
        group: "Records",
        icon: "edit",
        effect: EffectKind::Internal,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({"entity": "contact", "entityId": "{{contact.id}}", "field": "segment", "value": "vip"})
    }

    fn check(config: &Value) -> Vec<Problem> {
        let text = |name| config.get(name).and_then(Value::as_str).filter(|text| !text.contains("{{"));
        let (Some(entity), Some(field), Some(value)) = (text("entity"), text("field"), config.get("value")) else {
            return Vec::new();
        };
        let Ok(kind) = entity.trim().to_ascii_lowercase().parse() else { return Vec::new() };
        try_field(kind, field.trim(), value)
            .map(|refused| match refused {
                Refused::ReadOnly => Problem::at("field", format!("{field} {refused}")),
                refused => Problem::at("value", refused.to_string()),
            })
            .into_iter()
            .collect()
    }

    async fn run(config: Config, _: &Context<'_>) -> Result<Outcome, ActionError> {
        let field = config.field.line(255).ok_or_else(|| ActionError::invalid("field", "is empty"))?;
        let entity = EntityRef::new(config.entity.0, config.entity_id.0.0);
        Ok(Outcome::Apply(Effect::FieldUpdate { entity, field, value: config.value }))
    }
}

/// What the record would say, as far as it can be known without the record and before rendering.
pub(super) fn try_field(kind: EntityKind, field: &str, value: &Value) -> Option<Refused> {
    let (tenant, now, by) = (TenantId::new(1), Timestamp::EPOCH, Actor::System);
    let tried = match kind {
        EntityKind::Contact => Contact::new(ContactId::new(1), tenant, now, by).set(field, value),
        EntityKind::Ticket => Ticket::new(TicketId::new(1), tenant, String::new(), now, by).set(field, value),
        EntityKind::Submission | EntityKind::Form => return None,
    };
    match tried {
        Err(Refused::ReadOnly) => Some(Refused::ReadOnly),
        Err(refused @ Refused::Invalid(_)) if !schema::has_template(value) => Some(refused),
        Ok(()) | Err(Refused::Unknown | Refused::Invalid(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn names_the_record_and_the_field() {
        let bench = Workbench::new();
        let config = json!({"entity": "Ticket", "entityId": "12", "field": " status ", "value": ["any"]});
        let outcome = bench.run("update_field", config).await.unwrap();
        let entity = EntityRef::Ticket(TicketId::new(12));
        assert_eq!(
            outcome,
            Outcome::Apply(Effect::FieldUpdate { entity, field: "status".into(), value: json!(["any"]) })
        );
        for (config, message) in [
            (json!({"entity": "contact", "entityId": "", "field": "a", "value": 1}), "entityId: is empty, but an id is needed"),
            (json!({"entity": "user", "entityId": 1, "field": "a", "value": 1}), "entity: \"user\" is not one of contact, ticket, submission, form"),
        ] {
            let error = bench.run("update_field", config).await.unwrap_err();
            assert_eq!(error.message, format!("the config is not valid: {message}"));
        }
    }

    #[test]
    fn what_the_record_would_refuse_is_known_before_the_run() {
        let problems = |field: &str, value: Value| {
            let config = json!({"entity": "ticket", "entityId": "{{ticket.id}}", "field": field, "value": value});
            let entry = crate::catalog().get("update_field").unwrap();
            entry.check(&config).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(problems("priority", json!("high")), "");
        assert_eq!(problems("priority", json!("{{anything}}")), "");
        assert_eq!(problems("colour", json!("red")), "");
        assert_eq!(problems("priority", json!("asap")), "value: is not one of low, normal, high, urgent");
        assert_eq!(problems("tenant_id", json!("{{t}}")), "field: tenant_id cannot be set");
    }
}
