//! What shows who calls a workflow from outside (`trigger_config.auth`): sealed when a workflow is saved, shown as a mask, opened when a call comes.
//!
//! Two seals of one secret differ, so a secret that is sent again as it is stored keeps its seal: saving the same again changes nothing.

use actions::schema::MASK;
use model::{Problem, TenantId, event::WEBHOOK, workflow::Definition};
use rules::hook::{SECRETS, Secret};
use serde_json::{Map, Value};
use store::{
    StoreResult,
    secret::{Purpose, SecretBox, sealed_part, sealed_text},
};

use crate::config_secret::ANOTHER;

/// The trigger's configuration as it is shown.
#[must_use]
pub fn hide(definition: &Definition) -> Map<String, Value> {
    let mut shown = definition.trigger_config.clone();
    for secret in secrets_mut(&definition.trigger_event, &mut shown) {
        *secret = MASK.into();
    }
    shown
}

/// The same beside another definition's: a secret that is not the other one's says so.
#[must_use]
pub fn hide_beside(definition: &Definition, other: &Definition) -> Map<String, Value> {
    let mut shown = hide(definition);
    let secret = |definition: &Definition, name: &str| {
        definition.trigger_config.get("auth").and_then(|auth| auth.get(name)).cloned()
    };
    if let Some(auth) = auth_mut(&definition.trigger_event, &mut shown) {
        for name in SECRETS {
            let is_another = secret(other, name).is_some_and(|other| Some(other) != secret(definition, name));
            if let Some(shown) = auth.get_mut(name).filter(|shown| is_another && *shown == MASK) {
                *shown = format!("{MASK}{ANOTHER}").into();
            }
        }
    }
    shown
}

/// Puts the stored secrets back where their masks were sent; of several definitions the first that has one counts.
pub fn restore(definition: &mut Definition, stored: &[&Definition]) {
    let same_kind = |stored: &&&Definition, kind: Option<&Value>| {
        stored.trigger_event == WEBHOOK
            && stored.trigger_config.get("auth").and_then(|auth| auth.get("type")) == kind
    };
    let Some(auth) = auth_mut(&definition.trigger_event, &mut definition.trigger_config) else { return };
    let kind = auth.get("type").cloned();
    for name in SECRETS {
        let Some(sent) = auth.get_mut(name).filter(|sent| *sent == MASK) else { continue };
        let known = stored.iter().filter(|stored| same_kind(stored, kind.as_ref()));
        let found = known.filter_map(|stored| stored.trigger_config.get("auth")?.get(name)).next();
        if let Some(found) = found {
            found.clone_into(sent);
        }
    }
}

/// As [`hide`], of a definition that is still JSON: a template's.
pub fn hide_in(definition: &mut Value) {
    for (_, secret) in secrets_in(definition) {
        *secret = MASK.into();
    }
}

/// As [`restore`], of a definition that is still JSON.
pub fn restore_in(definition: &mut Value, stored: &Value) {
    let masked = secrets_in(definition).filter(|(_, secret)| *secret == MASK);
    for (name, secret) in masked {
        if let Some(found) = stored.pointer(&format!("/trigger_config/auth/{name}")) {
            found.clone_into(secret);
        }
    }
}

fn secrets_in(definition: &mut Value) -> impl Iterator<Item = (&'static str, &mut Value)> {
    let is_hook = definition.get("trigger_event").is_some_and(|event| event == WEBHOOK);
    let auth = definition.pointer_mut("/trigger_config/auth").filter(|_| is_hook);
    let fields = auth.and_then(Value::as_object_mut).into_iter().flatten();
    fields.filter_map(|(field, value)| Some((SECRETS.into_iter().find(|name| name == field)?, value)))
}

/// Seals what is not sealed yet. `stored` is what may have the same secret already.
///
/// # Errors
/// When the system gives no randomness.
pub fn seal(
    definition: &mut Definition,
    stored: &[&Definition],
    secrets: &SecretBox,
    tenant: TenantId,
) -> StoreResult<()> {
    let known: Vec<&str> = stored
        .iter()
        .filter(|stored| stored.trigger_event == WEBHOOK)
        .filter_map(|stored| stored.trigger_config.get("auth")?.as_object())
        .flat_map(|auth| SECRETS.iter().filter_map(|name| auth.get(*name)?.as_str()))
        .collect();
    for secret in secrets_mut(&definition.trigger_event, &mut definition.trigger_config) {
        // Whatever comes in is sealed, also what only begins like a seal: what is one opens here, and nobody else can make it.
        let Some(text) = secret.as_str().filter(|text| !is_own(text, secrets, tenant)) else { continue };
        let same = known.iter().find(|known| {
            sealed_part(known).is_some()
                && reveal(known, secrets, tenant).is_ok_and(|known| known == text.as_bytes())
        });
        let sealed = match same {
            Some(same) => (*same).to_owned(),
            None => sealed_text(&secrets.seal(tenant, Purpose::Hook, text.as_bytes())?),
        };
        *secret = sealed.into();
    }
    Ok(())
}

/// What is wrong with the secrets of a definition: masks that stand for nothing, keys that are none, seals that this installation has not made.
#[must_use]
pub fn problems(definition: &Definition) -> Vec<Problem> {
    let mut config = definition.trigger_config.clone();
    let Some(auth) = auth_mut(&definition.trigger_event, &mut config) else { return Vec::new() };
    let is_standard = auth.get("type").is_some_and(|kind| kind == "standard_webhooks");
    let mut problems = Vec::new();
    for name in SECRETS {
        let Some(text) = auth.get(name).and_then(Value::as_str) else { continue };
        let message = if text == MASK {
            "is the mask that is shown for a secret, and there is no secret behind it here: send the secret itself"
                .to_owned()
        } else if is_standard && sealed_part(text).is_none() {
            match text.parse::<actions::signature::SigningKey>() {
                Ok(_) => continue,
                Err(error) => error.to_string(),
            }
        } else {
            continue;
        };
        problems.push(Problem::at(format!("trigger_config.auth.{name}"), message));
    }
    problems
}

/// Opens a secret; one that an older program or a hand has left unsealed is itself.
///
/// # Errors
/// For what was not sealed for this tenant.
pub fn open(secret: &Secret, secrets: &SecretBox, tenant: TenantId) -> StoreResult<Vec<u8>> {
    reveal(secret.reveal(), secrets, tenant)
}

fn reveal(text: &str, secrets: &SecretBox, tenant: TenantId) -> StoreResult<Vec<u8>> {
    match sealed_part(text) {
        None => Ok(text.as_bytes().to_vec()),
        Some(sealed) => secrets.open(tenant, Purpose::Hook, &sealed),
    }
}

/// The text is sealed, by this installation and for this tenant.
fn is_own(text: &str, secrets: &SecretBox, tenant: TenantId) -> bool {
    sealed_part(text).is_some_and(|sealed| secrets.open(tenant, Purpose::Hook, &sealed).is_ok())
}

fn auth_mut<'c>(event: &str, config: &'c mut Map<String, Value>) -> Option<&'c mut Map<String, Value>> {
    (event == WEBHOOK).then_some(config)?.get_mut("auth")?.as_object_mut()
}

fn secrets_mut<'c>(event: &str, config: &'c mut Map<String, Value>) -> impl Iterator<Item = &'c mut Value> {
    let fields = auth_mut(event, config).into_iter().flatten();
    fields
        .filter(|(name, value)| SECRETS.contains(&name.as_str()) && value.is_string())
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(secret: &str) -> Definition {
        let config = json!({"auth": {"type": "header", "name": "X-Key", "value": secret}});
        Definition {
            name: "n".to_owned(),
            description: None,
            trigger_event: WEBHOOK.to_owned(),
            trigger_config: config.as_object().cloned().unwrap_or_default(),
            conditions: json!([]),
            actions: json!([]),
            log_unmatched: true,
            on_failure: Value::Null,
            entry: model::workflow::EntryRules::default(),
        }
    }

    #[test]
    fn a_secret_is_sealed_once_and_shown_never() {
        let (secrets, tenant) = (SecretBox::of_key(&[7; 32]), TenantId::new(1));
        let mut stored = definition("hunter2");
        seal(&mut stored, &[], &secrets, tenant).unwrap();
        assert!(!format!("{stored:?}").contains("hunter2"));
        assert!(!format!("{:?}", hide(&stored)).contains("sealed"));

        let mut again = definition("hunter2");
        seal(&mut again, &[&stored], &secrets, tenant).unwrap();
        let mut shown = Definition { trigger_config: hide(&stored), ..definition("") };
        restore(&mut shown, &[&stored]);
        assert_eq!((&again, &shown), (&stored, &stored));

        let mut other = definition("hunter3");
        seal(&mut other, &[&stored], &secrets, tenant).unwrap();
        let value = other.trigger_config["auth"]["value"].as_str().unwrap().to_owned();
        assert_eq!(reveal(&value, &secrets, tenant).unwrap(), b"hunter3");
        assert!(reveal(&value, &secrets, TenantId::new(2)).is_err());
        assert_eq!(problems(&definition(MASK))[0].path, "trigger_config.auth.value");
    }

    #[test]
    fn what_begins_like_a_seal_is_a_secret_like_any() {
        let (secrets, tenant) = (SecretBox::of_key(&[7; 32]), TenantId::new(1));
        let foreign = SecretBox::of_key(&[8; 32]).seal(tenant, Purpose::Hook, b"x").unwrap();
        for text in ["sealed:hunter2", "sealed:", &sealed_text(&foreign)] {
            let mut stored = definition(text);
            seal(&mut stored, &[], &secrets, tenant).unwrap();
            let value = stored.trigger_config["auth"]["value"].as_str().unwrap().to_owned();
            assert_ne!(value, text);
            assert_eq!(reveal(&value, &secrets, tenant).unwrap(), text.as_bytes());
            let mut again = definition(text);
            seal(&mut again, &[&stored], &secrets, tenant).unwrap();
            assert_eq!(again, stored);
        }
        let mut no_key = definition("sealed:hunter2");
        no_key.trigger_config["auth"] = json!({"type": "standard_webhooks", "secret": "sealed:hunter2"});
        assert_eq!(problems(&no_key)[0].path, "trigger_config.auth.secret");
    }
}
