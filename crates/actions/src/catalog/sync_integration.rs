//! `sync_integration`: data to or from another system through a stored connection.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, ErrorKind, Metadata, Outcome, SuggestedRetry},
    capability::NoConnection,
    catalog::Registration,
    input::{Fields, Optional, Text},
    provider,
};

struct SyncIntegration;

inventory::submit!(Registration::of::<SyncIntegration>());

/// What to do with which system.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The connection's name, or its provider when there is just one of it.
    #[schemars(extend("format" = "connection", "minLength" = 1))]
    integration: Text,
    /// What to do; the connection says what there is.
    #[schemars(extend("format" = "connection-action", "minLength" = 1))]
    action: Text,
    /// The data for it.
    #[serde(default)]
    payload: Optional<Fields>,
}

impl Action for SyncIntegration {
    const METADATA: Metadata = Metadata {
        name: "sync_integration",
        title: "Sync with another system",
        description: "Sends data to a connected system, such as a CRM, and keeps its answer for the next steps.",
        group: "Integrations",
        icon: "plug-connected",
        effect: EffectKind::External,
        suggested_retry: Some(SuggestedRetry::NETWORK),
    };
    type Config = Config;

    fn sample() -> Value {
        json!({
            "integration": "crm",
            "action": "update_lead",
            "payload": {"leadId": "{{contact.external_id}}", "nps_score": "{{submission.data.q_nps}}"},
        })
    }

    async fn run(config: Config, cx: &Context<'_>) -> Result<Outcome, ActionError> {
        let name = config.integration.line(255).ok_or_else(|| ActionError::invalid("integration", "is empty"))?;
        let action = config.action.line(255).ok_or_else(|| ActionError::invalid("action", "is empty"))?;
        let payload = Value::Object(config.payload.0.unwrap_or_default().0);
        through(cx, &name, None, &action, payload).await
    }
}

/// Does something through a stored connection, which is to be one of `provider` where that is given.
pub(super) async fn through(
    cx: &Context<'_>,
    name: &str,
    provider: Option<&str>,
    action: &str,
    payload: Value,
) -> Result<Outcome, ActionError> {
    let connection = cx.connections.find(name).await.map_err(|error| {
        let kind = match &error {
            NoConnection::Missing { .. } | NoConnection::Ambiguous { .. } => ErrorKind::Refused,
            NoConnection::Unavailable(_) => ErrorKind::Unavailable,
        };
        ActionError::new(kind, format!("the integration {name:?} cannot be used: {error}"))
    })?;
    if let Some(provider) = provider.filter(|provider| *provider != connection.provider) {
        let (name, other) = (&connection.name, &connection.provider);
        return Err(ActionError::refused(format!("the connection {name:?} is of {other:?}, not of {provider:?}")));
    }
    let result = provider::call(&connection, action, payload, &cx.into()).await?;
    Ok(Outcome::Done(json!({
        "integration": connection.name,
        "provider": connection.provider,
        "action": action,
        "result": result,
    })))
}

#[cfg(test)]
mod tests {
    use testkit::Sink;

    use super::*;
    use crate::workbench::{Workbench, connection};

    #[tokio::test]
    async fn calls_the_connected_system() {
        let sink = Sink::start().await;
        let mut bench = Workbench::new();
        let config = json!({
            "baseUrl": sink.url("/json"),
            "actions": {"update_lead": {"method": "PATCH", "path": "/{{payload.leadId}}"}},
        });
        bench.connections.push(connection("salesforce", "rest", config, json!({})));
        let outcome = bench
            .run("sync_integration", json!({
                "integration": "salesforce", "action": "update_lead", "payload": {"leadId": "00Q", "nps_score": 3},
            }))
            .await
            .unwrap();
        let shown = bench.shown(&outcome);
        assert_eq!((&shown["action"], &shown["result"]["body"]["id"]), (&json!("update_lead"), &json!("r-1")));
        let request = &sink.requests()[0];
        assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", "/json/00Q"));
        assert_eq!(request.json(), json!({"leadId": "00Q", "nps_score": 3}));
        assert_eq!(request.header("idempotency-key"), Some("vtx_key"));
    }

    #[tokio::test]
    async fn says_what_is_missing() {
        let mut bench = Workbench::new();
        bench.connections.push(connection("mine", "unheard-of", json!({}), json!({})));
        for (name, message) in [
            ("salesforce", "the integration \"salesforce\" cannot be used: there is no such connection; known are mine"),
            ("mine", "the connection \"mine\" is of the provider \"unheard-of\", which is not known here"),
        ] {
            let error = bench.run("sync_integration", json!({"integration": name, "action": "x"})).await.unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Refused, message));
        }
    }
}
