//! How a subcommand reaches a tenant: through the HTTP API, always, so that each command is written once.
//!
//! With `--url` the API is a running server's. Without, the store is opened here and the same router runs in this process;
//! the operator, who holds the store in their hands, is an administrator of the tenant that `--tenant` names. The engine
//! is at rest then: what a command starts is run by the next server.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
};
use bytes::Bytes;
use engine::Engine;
use model::{
    Actor, TenantId,
    user::{Identity, Role},
};
use reqwest::Url;
use serde_json::Value;
use tower::ServiceExt;

use crate::{
    clock::SystemClock,
    config::{Config, ServeArguments},
    error::{CommandError, Done, FailureEnvelope},
    opening, output,
};

/// Where a subcommand works, and how it answers.
#[derive(Debug, Clone, clap::Args)]
pub struct Target {
    /// Talk to the running server at this address instead of opening the store
    #[arg(long, global = true, env = "VTRUSTX_URL", value_name = "URL")]
    url: Option<String>,

    /// The API key for --url
    #[arg(long, global = true, env = "VTRUSTX_API_KEY", value_name = "KEY", hide_env_values = true)]
    api_key: Option<String>,

    /// Work in this tenant of the store; with --url the API key decides [default: 1]
    #[arg(long, global = true, value_name = "N")]
    tenant: Option<i64>,

    /// Read this file instead of vtrustx.toml in the working directory
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The store, as for `serve` [env: VTRUSTX_DATABASE or DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,

    /// The directory of the store, as for `serve` [env: VTRUSTX_DATA_DIR]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    data_dir: Option<String>,

    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
}

impl Target {
    /// The configuration of the store.
    pub fn config(&self) -> Done<Config> {
        let arguments = ServeArguments {
            config: self.config.clone(),
            database: self.database.clone(),
            data_dir: self.data_dir.clone(),
            ..ServeArguments::default()
        };
        Ok(Config::load(&arguments)?)
    }

    /// Whether a running server is meant. A store that is named at the command line wins over `VTRUSTX_URL`.
    pub fn is_remote(&self) -> bool {
        self.url.as_deref().is_some_and(|url| !url.is_empty())
            && self.database.is_none()
            && self.data_dir.is_none()
    }

    /// The tenant that is meant in a store.
    pub fn tenant(&self) -> Done<TenantId> {
        TenantId::try_from(self.tenant.unwrap_or(1))
            .map_err(|error| CommandError::said(format!("--tenant {error}")))
    }
}

/// A tenant's API.
pub enum Backend {
    /// A running server's.
    Remote {
        /// Sends requests.
        client: reqwest::Client,
        /// The server's address.
        base: Url,
        /// Signs in.
        key: String,
    },
    /// This process's own.
    Direct {
        /// Everything that is served.
        router: Router,
        /// Holds the store.
        engine: Engine,
        /// Who asks.
        identity: Identity,
        /// How people reach the server that will have this store.
        base: String,
    },
}

impl Backend {
    /// Finds the server, or opens the store.
    pub async fn open(target: &Target) -> Done<Self> {
        if target.is_remote() { Self::remote(target) } else { Self::direct(target).await }
    }

    fn remote(target: &Target) -> Done<Self> {
        let text = target.url.as_deref().unwrap_or_default();
        let base = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                CommandError::said(format!("--url is {text:?}: write it like http://127.0.0.1:8080"))
            })?;
        let key = target.api_key.clone().filter(|key| !key.is_empty()).ok_or_else(|| {
            CommandError::said("--url needs an API key: give it with --api-key or VTRUSTX_API_KEY")
        })?;
        if target.tenant.is_some() {
            return Err(CommandError::said(
                "--tenant is for a store that is opened directly; with --url the API key decides the tenant",
            ));
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("vtrustx/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| CommandError::said(error.to_string()))?;
        Ok(Self::Remote { client, base, key })
    }

    async fn direct(target: &Target) -> Done<Self> {
        let config = target.config()?;
        opening::must_exist(&config)?;
        let store = opening::open(&config, Arc::new(SystemClock::default())).await?;
        let tenant = target.tenant()?;
        store::tenant::tenant_get(&mut *store.read_any().await?, tenant).await?;
        let secrets = opening::secrets(&config, &store).await?;
        let options = super::command::serve::engine_options(&config)?;
        let engine = Engine::at_rest(store, secrets, options).await?;
        let api_config = api::Config { public_url: config.public_url.clone(), ..api::Config::default() };
        let router = api::router(api::App::new(engine.clone(), api_config));
        let identity = Identity { tenant, actor: Actor::System, role: Role::Admin };
        let base = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
        Ok(Self::Direct { router, engine, identity, base })
    }

    /// How people reach the server, without a slash at its end.
    pub fn base(&self) -> String {
        match self {
            Self::Remote { base, .. } => base.as_str().trim_end_matches('/').to_owned(),
            Self::Direct { base, .. } => base.clone(),
        }
    }

    /// The `data` of what `GET path` answers.
    pub async fn get(&self, path: &str) -> Done<Value> {
        Ok(data_of(self.call(Method::GET, path, None).await?))
    }

    /// The `data` of what a change answers.
    pub async fn change(&self, method: Method, path: &str, body: Option<&Value>) -> Done<Value> {
        Ok(data_of(self.call(method, path, body).await?))
    }

    /// Every element of a list, page by page; `path` may have a query. At most `limit` when there is one.
    pub async fn list(&self, path: &str, limit: Option<usize>) -> Done<Vec<Value>> {
        const PAGE: usize = 200;
        let wanted = limit.unwrap_or(usize::MAX);
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut rows: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        let bar = output::spinner("reading");
        loop {
            let page = PAGE.min(wanted - rows.len());
            let cursor_part =
                if cursor.is_empty() { String::new() } else { format!("&cursor={}", encoded(&cursor)) };
            let answer =
                self.call(Method::GET, &format!("{path}{separator}limit={page}{cursor_part}"), None).await?;
            let next = answer.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
            if let Value::Array(more) = data_of(answer) {
                rows.extend(more);
            }
            bar.set_message(format!("reading {} …", rows.len()));
            match next {
                Some(next) if rows.len() < wanted => cursor = next,
                _ => break,
            }
        }
        bar.finish_and_clear();
        Ok(rows)
    }

    /// One request: the whole envelope, or the API's reason.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Done<Value> {
        let (status, answer) = match self {
            Self::Remote { client, base, key } => send(client, base, key, method, path, body).await?,
            Self::Direct { router, identity, .. } => {
                ask(router.clone(), *identity, method, path, body).await?
            }
        };
        if status.is_success() {
            return serde_json::from_slice(&answer)
                .map_err(|_| CommandError::Unreachable(format!("{path} answered {status} without JSON")));
        }
        Err(match serde_json::from_slice::<FailureEnvelope>(&answer) {
            Ok(failure) => failure.into(),
            Err(_) => {
                CommandError::Unreachable(format!("{path} answered {status}: is this a vtrustx server?"))
            }
        })
    }

    /// Commits what is under way and closes the store.
    pub async fn close(self) {
        if let Self::Direct { engine, .. } = self {
            engine.stop(std::time::Duration::ZERO).await;
        }
    }
}

async fn send(
    client: &reqwest::Client,
    base: &Url,
    key: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Done<(StatusCode, Bytes)> {
    let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
    let mut request = client.request(method, url).bearer_auth(key);
    if let Some(body) = body {
        request = request.json(body);
    }
    let unreachable = |error: reqwest::Error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        CommandError::Unreachable(format!(
            "{} is not reached{cause}; does the server run there?",
            base.as_str()
        ))
    };
    let response = request.send().await.map_err(unreachable)?;
    Ok((response.status(), response.bytes().await.map_err(unreachable)?))
}

async fn ask(
    router: Router,
    identity: Identity,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Done<(StatusCode, Bytes)> {
    let impossible = |error: &dyn std::fmt::Display| CommandError::said(format!("{path}: {error}"));
    let mut request = Request::builder().method(method).uri(path).extension(api::identity::Vouched(identity));
    let body = match body {
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    let request = request.body(body).map_err(|error| impossible(&error))?;
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.map_err(|error| impossible(&error))?;
    Ok((status, bytes))
}

fn data_of(mut envelope: Value) -> Value {
    envelope.get_mut("data").map(Value::take).unwrap_or_default()
}

/// A text as it may stand in a query or a path.
#[must_use]
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
