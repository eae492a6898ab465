//! Providers: the systems that `sync_integration` can talk to. One file in `providers/` each, found by itself.
//!
//! A provider says how to sign in ([`Access`]), what it can do ([`Operation`]: a typed payload, whose schema the web form is drawn from, and what it does),
//! what an answer means ([`Answer`], a pure function) and how often it may be called. The rest is the same for all and is in [`Client`]: tokens, turns, the one
//! repetition with a new token, what becomes of a connection that is not let in, and that nothing is made twice.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use model::{Problem, Timestamp};
use serde_json::Value;

use crate::{
    action::{ActionError, Context},
    capability::{Connection, Http, HttpResponse},
    ledger::{Ledger, Pace, Quota},
};

mod access;
mod answer;
mod authorization;
mod client;
mod making;
mod operation;
mod token;

pub use access::{Access, ClientAuthentication, Grant, Signer};
pub use answer::{Answer, FieldError, body, text_at};
pub use authorization::{Authorization, authorization, exchange};
pub use client::{Client, Conflict, Exchange, Reply, Request, record, segment};
pub(crate) use client::{IN_PATH, config};
pub use operation::{Operate, Operation};
pub(crate) use operation::{email, endpoint, merged};

/// A kind of system. Register it with `inventory::submit!(Registration(&MyProvider))`.
pub trait Provider: Send + Sync {
    /// The name in stored connections.
    fn name(&self) -> &'static str;
    /// A few words for a person.
    fn title(&self) -> &'static str;
    /// One or two sentences for a person.
    fn description(&self) -> &'static str;
    /// The name of a Tabler icon.
    fn icon(&self) -> &'static str {
        "plug-connected"
    }
    /// The JSON Schema of a connection's visible settings.
    fn config_schema(&self) -> &Value;
    /// The JSON Schema of its secrets, all of them text and write-only.
    fn secrets_schema(&self) -> &Value;

    /// What is wrong with a connection's settings, beyond the schema.
    fn check(&self, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }

    /// What every connection of it can do.
    fn operations(&self) -> &[Operation];

    /// The actions that a connection offers, for the builder.
    fn actions(&self, _connection_config: &Value) -> Vec<String> {
        self.operations().iter().map(|operation| operation.name.to_owned()).collect()
    }

    /// How a connection signs in.
    ///
    /// # Errors
    /// When the connection lacks what that needs.
    fn access(&self, connection: &Connection) -> Result<Access, ActionError>;

    /// The request that gets a token at `now`; `refresh` is the refresh token that the last answer brought, in the place of the one in the secrets.
    ///
    /// # Errors
    /// When the connection lacks what that needs.
    fn grant(
        &self,
        _connection: &Connection,
        _refresh: Option<&str>,
        _now: Timestamp,
    ) -> Result<Grant, ActionError> {
        Err(ActionError::refused("the connection signs in without a token"))
    }

    /// Whether a connection can be authorised in the browser.
    fn is_authorizable(&self) -> bool {
        false
    }

    /// How a connection is authorised in the browser, where the system has such a way: what it brings becomes the secret `refreshToken`.
    ///
    /// # Errors
    /// When the connection lacks what that needs.
    fn authorization(&self, _connection: &Connection) -> Result<Option<Authorization>, ActionError> {
        Ok(None)
    }

    /// The address below which requests go; `instance` is the one that came with the token.
    ///
    /// # Errors
    /// When the connection lacks it.
    fn base(&self, connection: &Connection, instance: Option<&str>) -> Result<String, ActionError>;

    /// What an answer means. Pure.
    fn read(&self, response: &HttpResponse, now: Timestamp) -> Answer;

    /// How often a connection may be called; without an answer it is called as often as there is something to do.
    fn pace(&self, _connection: &Connection) -> Option<Pace> {
        None
    }

    /// How many calls are left, as an answer says it.
    fn quota(&self, _response: &HttpResponse) -> Option<Quota> {
        None
    }

    /// Does something that is not one of [`Self::operations`]; the value is the step's output.
    fn call<'a>(
        &'a self,
        client: &'a Client<'a>,
        action: &'a str,
        _payload: Value,
    ) -> BoxFuture<'a, Result<Value, ActionError>> {
        let known = self.actions(&client.connection.config);
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let name = &client.connection.name;
        let message = format!("the connection {name:?} has no action {action:?}; it has {known}");
        async { Err(ActionError::refused(message)) }.boxed()
    }

    /// Tries whether the connection works, without changing anything over there.
    fn test<'a>(&'a self, client: &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>>;
}

/// Does something through a connection; the value is the step's output.
///
/// # Errors
/// [`crate::ErrorKind::Parked`] and [`crate::ErrorKind::Paced`] when it was not done and is to be put off; else what the other system says.
pub async fn call(
    connection: &Connection,
    action: &str,
    payload: Value,
    cx: &Call<'_>,
) -> Result<Value, ActionError> {
    let provider = of(connection)?;
    let client = Client::new(provider, connection, cx);
    client.ready().await?;
    match provider.operations().iter().find(|operation| operation.name == action) {
        Some(operation) => operation.perform(payload, &client).await,
        None => provider.call(&client, action, payload).await,
    }
}

/// Tries whether a connection works, however it was before, without changing anything over there.
///
/// # Errors
/// Why it does not.
pub async fn test(connection: &Connection, cx: &Call<'_>) -> Result<Value, ActionError> {
    let provider = of(connection)?;
    provider.test(&Client::new(provider, connection, cx).at_once()).await
}

fn of(connection: &Connection) -> Result<&'static dyn Provider, ActionError> {
    get(&connection.provider).ok_or_else(|| {
        let (name, provider) = (&connection.name, &connection.provider);
        ActionError::refused(format!(
            "the connection {name:?} is of the provider {provider:?}, which is not known here"
        ))
    })
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
    /// Remembers of the connection what has to last.
    pub ledger: &'a dyn Ledger,
}

impl<'a> From<&Context<'a>> for Call<'a> {
    fn from(cx: &Context<'a>) -> Self {
        let Context { idempotency_key, now, timeout, http, ledger, .. } = *cx;
        Self { idempotency_key, now, timeout, http, ledger }
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

#[cfg(test)]
mod tests;
