//! Providers: the systems that `sync_integration` can talk to. One file in `providers/` each, found by itself.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use futures_util::future::BoxFuture;
use model::{Problem, Timestamp};
use serde_json::Value;

use crate::{
    action::{ActionError, Context},
    capability::{Connection, Http},
};

/// A kind of system. Register it with `inventory::submit!(Registration(&MyProvider))`.
pub trait Provider: Send + Sync {
    /// The name in stored connections.
    fn name(&self) -> &'static str;
    /// A few words for a person.
    fn title(&self) -> &'static str;
    /// One or two sentences for a person.
    fn description(&self) -> &'static str;
    /// The JSON Schema of a connection's visible settings.
    fn config_schema(&self) -> &Value;
    /// The JSON Schema of its secrets, all of them text and write-only.
    fn secrets_schema(&self) -> &Value;

    /// What is wrong with a connection's settings, beyond the schema.
    fn check(&self, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }

    /// The actions that a connection offers, for the builder.
    fn actions(&self, connection_config: &Value) -> Vec<String>;

    /// Does something; the value is the step's output.
    fn call<'a>(
        &'a self,
        connection: &'a Connection,
        action: &'a str,
        payload: Value,
        cx: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Value, ActionError>>;

    /// Tries whether the connection works, without changing anything over there.
    fn test<'a>(
        &'a self,
        connection: &'a Connection,
        cx: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Value, ActionError>>;
}

/// What a call to another system may use.
pub struct Call<'a> {
    /// The same on every attempt.
    pub idempotency_key: &'a str,
    /// The time of this attempt.
    pub now: Timestamp,
    /// How long it may take.
    pub timeout: Duration,
    /// Sends HTTP requests.
    pub http: &'a dyn Http,
}

impl<'a> From<&Context<'a>> for Call<'a> {
    fn from(cx: &Context<'a>) -> Self {
        Self { idempotency_key: cx.idempotency_key, now: cx.now, timeout: cx.timeout, http: cx.http }
    }
}

/// A provider of this program.
pub struct Registration(pub &'static dyn Provider);

inventory::collect!(Registration);

static PROVIDERS: LazyLock<BTreeMap<&'static str, &'static dyn Provider>> = LazyLock::new(|| {
    inventory::iter::<Registration>().map(|registration| (registration.0.name(), registration.0)).collect()
});

/// The provider of that name.
#[must_use]
pub fn get(name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS.get(name).copied()
}

/// Every provider, by name.
pub fn all() -> impl Iterator<Item = &'static dyn Provider> {
    PROVIDERS.values().copied()
}

/// What is wrong with a connection's settings and secrets; paths begin with `config` and `secrets`.
#[must_use]
pub fn check(provider: &dyn Provider, config: &Value, secrets: &Value) -> Vec<Problem> {
    let mut problems = rules::schema::check(provider.config_schema(), config, "config");
    let own = provider
        .check(config)
        .into_iter()
        .map(|problem| Problem::at(format!("config.{}", problem.path), problem.message));
    problems.extend(own);
    problems.extend(rules::schema::check(provider.secrets_schema(), secrets, "secrets"));
    problems
}
