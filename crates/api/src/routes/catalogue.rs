//! `/api/actions`, `/api/control-steps`, `/api/operators`, `/api/providers`: what a workflow can be built from.

use rules::operator::operators;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{App, answer::Data, error::Failure, identity::Viewer};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(actions_all))
        .routes(routes!(control_steps_all))
        .routes(routes!(operators_all))
        .routes(routes!(providers_all))
        .routes(routes!(integration_providers_all))
}

/// An action that a step can name.
#[derive(Serialize, ToSchema)]
struct Action {
    /// The `type` in a definition.
    #[schema(example = "send_email")]
    name: &'static str,
    /// A few words for a person.
    title: &'static str,
    /// One or two sentences for a person.
    description: &'static str,
    /// The heading under which it is shown.
    group: &'static str,
    /// The name of a Tabler icon.
    icon: &'static str,
    /// `internal`: exactly once, in the store. `external`: at least once, with an idempotency key. `wait`: suspends.
    #[schema(value_type = String)]
    effect: actions::EffectKind,
    /// What the builder proposes as the step's `retry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    suggested_retry: Option<actions::SuggestedRetry>,
    /// The JSON Schema of its config.
    #[schema(value_type = Object)]
    schema: &'static Value,
    /// A config as a beginner would write it.
    #[schema(value_type = Object)]
    sample: Value,
}

/// A step that decides, waits, or holds steps of its own.
#[derive(Serialize, ToSchema)]
struct ControlStep {
    /// The `type` in a definition.
    #[schema(example = "branch")]
    name: &'static str,
    /// A few words for a person.
    title: &'static str,
    /// One or two sentences for a person.
    description: &'static str,
    /// The heading under which it is shown.
    group: &'static str,
    /// The name of a Tabler icon.
    icon: &'static str,
    /// The JSON Schema of its config; a list of format `steps` holds steps, one of format `conditions` conditions.
    #[schema(value_type = Object)]
    schema: &'static Value,
    /// A config as a beginner would write it.
    #[schema(value_type = Object)]
    sample: &'static Value,
}

/// An operator that a condition can name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Operator {
    /// The canonical name.
    #[schema(example = "equals")]
    name: &'static str,
    /// Other spellings that are accepted.
    aliases: &'static [&'static str],
    /// What a person chooses from.
    title: &'static str,
    /// One sentence with the rule.
    description: &'static str,
    /// A `value` is needed.
    takes_value: bool,
    /// The `value` is a list.
    value_is_list: bool,
    /// The kinds of questions that it suits.
    types: &'static [&'static str],
}

/// A kind of system that a connection can be of.
#[derive(Serialize, ToSchema)]
struct Provider {
    /// The `provider` of a connection.
    #[schema(example = "rest")]
    name: &'static str,
    /// A few words for a person.
    title: &'static str,
    /// One or two sentences for a person.
    description: &'static str,
    /// The name of a Tabler icon.
    icon: &'static str,
    /// The JSON Schema of a connection's `config`.
    #[schema(value_type = Object)]
    config_schema: &'static Value,
    /// The JSON Schema of its `secrets`.
    #[schema(value_type = Object)]
    secrets_schema: &'static Value,
    /// A connection can be authorised in the browser (`POST /api/integrations/{id}/authorize`).
    is_authorizable: bool,
    /// The actions that every connection of it offers; a connection's own `actions` may be more.
    actions: Vec<String>,
    /// Those actions, each with the form of its `payload`.
    operations: Vec<Operation>,
}

/// What a provider can do.
#[derive(Serialize, ToSchema)]
#[schema(as = ProviderOperation)]
struct Operation {
    /// The `action` of a step of `sync_integration`.
    #[schema(example = "upsert_contact")]
    name: &'static str,
    /// A few words for a person.
    title: &'static str,
    /// One or two sentences for a person: also what happens when it is done again.
    description: &'static str,
    /// The JSON Schema of its `payload`.
    #[schema(value_type = Object)]
    schema: &'static Value,
    /// A payload as a beginner would write it.
    #[schema(value_type = Object)]
    sample: &'static Value,
}

/// Every action, by group and title.
#[utoipa::path(get, path = "/api/actions", operation_id = "actions", tag = "Catalogue", responses(
    (status = 200, body = Data<Vec<Action>>),
    (status = 401, body = Failure),
))]
async fn actions_all(_: Viewer) -> Data<Vec<Action>> {
    let entries = actions::catalog().entries().iter().map(|entry| {
        let metadata = entry.metadata();
        Action {
            name: metadata.name,
            title: metadata.title,
            description: metadata.description,
            group: metadata.group,
            icon: metadata.icon,
            effect: metadata.effect,
            suggested_retry: metadata.suggested_retry,
            schema: entry.schema(),
            sample: entry.sample(),
        }
    });
    Data::new(entries.collect())
}

/// Every control step, which stands in a workflow's `actions` as an action does.
#[utoipa::path(get, path = "/api/control-steps", operation_id = "control_steps", tag = "Catalogue", responses(
    (status = 200, body = Data<Vec<ControlStep>>),
    (status = 401, body = Failure),
))]
async fn control_steps_all(_: Viewer) -> Data<Vec<ControlStep>> {
    let steps = rules::control_steps().iter().map(|info| ControlStep {
        name: info.name,
        title: info.title,
        description: info.description,
        group: info.group,
        icon: info.icon,
        schema: &info.schema,
        sample: &info.sample,
    });
    Data::new(steps.collect())
}

/// Every operator of conditions.
#[utoipa::path(get, path = "/api/operators", operation_id = "operators", tag = "Catalogue", responses(
    (status = 200, body = Data<Vec<Operator>>),
    (status = 401, body = Failure),
))]
async fn operators_all(_: Viewer) -> Data<Vec<Operator>> {
    let operators = operators().iter().map(|info| Operator {
        name: info.name,
        aliases: info.aliases,
        title: info.title,
        description: info.description,
        takes_value: info.takes_value,
        value_is_list: info.value_is_list,
        types: info.types,
    });
    Data::new(operators.collect())
}

/// Every kind of system that a connection can be of, with what it can do.
#[utoipa::path(get, path = "/api/providers", operation_id = "providers", tag = "Integrations", responses(
    (status = 200, body = Data<Vec<Provider>>),
    (status = 401, body = Failure),
))]
async fn providers_all(_: Viewer) -> Data<Vec<Provider>> {
    Data::new(all())
}

/// The same as `/api/providers`, under its earlier name.
#[utoipa::path(get, path = "/api/integration-providers", operation_id = "integration_providers", tag = "Integrations", responses(
    (status = 200, body = Data<Vec<Provider>>),
    (status = 401, body = Failure),
))]
async fn integration_providers_all(_: Viewer) -> Data<Vec<Provider>> {
    Data::new(all())
}

fn all() -> Vec<Provider> {
    let operation = |operation: &'static actions::provider::Operation| Operation {
        name: operation.name,
        title: operation.title,
        description: operation.description,
        schema: &operation.schema,
        sample: &operation.sample,
    };
    let provider = |provider: &'static dyn actions::provider::Provider| Provider {
        name: provider.name(),
        title: provider.title(),
        description: provider.description(),
        icon: provider.icon(),
        config_schema: provider.config_schema(),
        secrets_schema: provider.secrets_schema(),
        is_authorizable: provider.is_authorizable(),
        actions: provider.actions(&json!({})),
        operations: provider.operations().iter().map(operation).collect(),
    };
    actions::provider::all().map(provider).collect()
}
