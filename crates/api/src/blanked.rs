//! A workflow as a template: what belongs to one tenant alone becomes a blank. Pure.
//!
//! Ids of users and forms, names of connections, and secrets are taken out, each under one name wherever it stands; records that a step names by a number are
//! that tenant's, too. What templates of steps (`{{contact.id}}`) fill in stays.

use actions::schema::MASK;
use model::template::{Variable, VariableType};
use rules::step::tree;
use serde_json::{Map, Value};

/// Takes out of a definition, whose secrets are masked, what belongs to one tenant: the definition has blanks then, and these are their variables.
#[must_use]
pub fn blanked(mut definition: Map<String, Value>) -> (Value, Vec<Variable>) {
    let mut blanks = Blanks::default();
    if let Some(form) = definition.get_mut("trigger_config").and_then(|config| config.get_mut("formId")) {
        blanks.take(VariableType::Form, form);
    }
    for list in ["actions", rules::definition::ON_FAILURE] {
        if let Some(steps) = definition.get_mut(list) {
            tree::visit_mut(steps, &mut |step| blanks.step(step));
        }
    }
    let mut definition = Value::Object(definition);
    blanks.secrets(&mut definition);
    (definition, blanks.variables)
}

/// The keys of blanks that are the whole of a field that is never shown: a text of just any form may not do there.
#[must_use]
pub fn secret_keys(definition: &Value) -> Vec<String> {
    let mut keys = Vec::new();
    for list in ["actions", rules::definition::ON_FAILURE] {
        let Some(steps) = definition.get(list) else { continue };
        tree::visit(steps, list, &mut |_, step| {
            let entry =
                step.get("type").and_then(Value::as_str).and_then(|kind| actions::catalog().get(kind));
            let (Some(entry), Some(config)) = (entry, step.get("config").and_then(Value::as_object)) else {
                return;
            };
            for (name, value) in config {
                let is_secret = entry.schema().pointer(&format!("/properties/{name}/writeOnly"))
                    == Some(&Value::Bool(true));
                let key = value.as_str().and_then(|text| text.strip_prefix("[[")?.strip_suffix("]]"));
                keys.extend(key.filter(|_| is_secret).map(str::to_owned));
            }
        });
    }
    keys
}

#[derive(Default)]
struct Blanks {
    variables: Vec<Variable>,
    /// What each stands for.
    values: Vec<(VariableType, Value)>,
    secrets: usize,
}

impl Blanks {
    fn step(&mut self, step: &mut Value) {
        let kind = step.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(config) = step.get_mut("config") else { return };
        if let Some(approvers) = config.get_mut("approvers").and_then(Value::as_array_mut) {
            for approver in approvers.iter_mut().filter_map(|approver| approver.get_mut("userId")) {
                self.take(VariableType::User, approver);
            }
        }
        let Some(entry) = actions::catalog().get(&kind) else { return };
        let Some(config) = config.as_object_mut() else { return };
        for (name, value) in config {
            let format =
                entry.schema().pointer(&format!("/properties/{name}/format")).and_then(Value::as_str);
            match format {
                Some("user-id") => self.take(VariableType::User, value),
                Some(_) if name == "formId" => self.take(VariableType::Form, value),
                Some("connection") => self.take(VariableType::Integration, value),
                Some("contact-id" | "submission-id" | "record-id") => {
                    self.take(VariableType::Number, value);
                }
                _ => {}
            }
        }
    }

    /// One value becomes a blank, unless it is filled in when the workflow runs.
    fn take(&mut self, kind: VariableType, value: &mut Value) {
        let is_own = match &*value {
            Value::String(text) => !text.trim().is_empty() && !text.contains("{{"),
            Value::Number(_) => true,
            _ => false,
        };
        if !is_own {
            return;
        }
        let known = self.values.iter().position(|known| *known == (kind, value.clone()));
        let place = known.unwrap_or_else(|| {
            let number = self.values.iter().filter(|(other, _)| *other == kind).count() + 1;
            let (key, label) = match kind {
                VariableType::User => ("user", "Which user"),
                VariableType::Form => ("form", "Which form"),
                VariableType::Integration => ("connection", "Which connection"),
                _ => ("record", "The id of which record"),
            };
            let key = if number == 1 { key.to_owned() } else { format!("{key}_{number}") };
            let label = if number == 1 { label.to_owned() } else { format!("{label} ({number})") };
            self.values.push((kind, value.clone()));
            self.variables.push(Variable { key, label, kind, required: true, default: None });
            self.values.len() - 1
        });
        *value = format!("[[{}]]", self.variables[place].key).into();
    }

    /// Every mask becomes a blank of its own: nobody knows which are the same.
    fn secrets(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if text == MASK || text.contains(":***@") => {
                self.secrets += 1;
                let key = format!("secret_{}", self.secrets);
                let is_address = text.contains(":***@");
                let label =
                    if is_address { "An address with a password" } else { "A secret that the workflow had" };
                *text = format!("[[{key}]]");
                let label = format!("{label} ({})", self.secrets);
                let kind = if is_address { VariableType::Url } else { VariableType::Text };
                self.variables.push(Variable { key, label, kind, required: true, default: None });
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.secrets(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.secrets(field)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_one_tenants_becomes_a_blank() {
        let definition = json!({"name": "x", "trigger_config": {"formId": 10}, "actions": [
            {"type": "create_ticket", "config": {"title": "x", "assignee": 3, "contactId": "{{contact.id}}"}},
            {"type": "wait_for_event", "config": {"event": "x", "timeout": "1d", "onTimeout": [
                {"type": "send_notification", "config": {"userId": 3, "title": "x"}},
                {"type": "send_notification", "config": {"userId": "4", "title": "x"}}]}},
            {"type": "approval", "config": {"title": "x", "approvers": [{"userId": 3}, {"role": "admin"}]}},
            {"type": "sync_integration", "config": {"integration": "crm", "action": "x"}},
            {"type": "webhook", "config": {"url": "https://ann:***@example.com/", "secret": MASK}},
        ]});
        let (blanked, variables) = blanked(definition.as_object().cloned().unwrap());
        let keys: Vec<&str> = variables.iter().map(|variable| variable.key.as_str()).collect();
        assert_eq!(keys, ["form", "user", "user_2", "connection", "secret_1", "secret_2"]);
        let actions = &blanked["actions"];
        assert_eq!(blanked["trigger_config"]["formId"], "[[form]]");
        assert_eq!(
            actions[0]["config"],
            json!({"title": "x", "assignee": "[[user]]", "contactId": "{{contact.id}}"})
        );
        assert_eq!(actions[1]["config"]["onTimeout"][1]["config"]["userId"], "[[user_2]]");
        assert_eq!(actions[2]["config"]["approvers"], json!([{"userId": "[[user]]"}, {"role": "admin"}]));
        assert_eq!(actions[3]["config"]["integration"], "[[connection]]");
        assert_eq!(secret_keys(&blanked), ["secret_2"]);
        assert_eq!(actions[4]["config"], json!({"url": "[[secret_1]]", "secret": "[[secret_2]]"}));
    }
}
