//! Who is asking. A handler takes [`Viewer`], [`Editor`] or [`Admin`] and thereby has the tenant; without good credentials
//! and a sufficient role it is not called, so it cannot forget to ask.
//!
//! Programs send `Authorization: Bearer KEY`. The web app has a cookie; a browser sends it along with requests that other
//! sites cause, so changes by cookie must come from our own pages ([`same_origin`]).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
};
use model::{
    Actor, Period, Timestamp,
    user::{ApiKey, Identity, Role},
};
use store::{api_key, session, token::TokenHash};

use crate::{
    App,
    error::{ApiError, ApiResult},
    limit::Subject,
};

/// The name of the web app's cookie.
pub const COOKIE: &str = "vtrustx_session";

/// Someone who may read.
#[derive(Debug, Clone, Copy)]
pub struct Viewer(pub Identity);

/// Someone who may change workflows and data.
#[derive(Debug, Clone, Copy)]
pub struct Editor(pub Identity);

/// Someone who may do everything in the tenant.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub Identity);

macro_rules! roles {
    ($($extractor:ident),*) => {$(
        impl FromRequestParts<App> for $extractor {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
                let identity = authenticate(parts, app).await?;
                let needed = Role::$extractor;
                if identity.role < needed {
                    return Err(ApiError::forbidden(format!(
                        "this needs the role {needed}, and these credentials have the role {}: ask an administrator of the tenant",
                        identity.role
                    )));
                }
                Ok(Self(identity))
            }
        }
    )*};
}

roles!(Viewer, Editor, Admin);

/// Someone whom this program itself vouches for: the operator at the command line, who has the store in their hands anyway.
/// A request from outside cannot carry it.
#[derive(Debug, Clone, Copy)]
pub struct Vouched(pub Identity);

async fn authenticate(parts: &Parts, app: &App) -> ApiResult<Identity> {
    if let Some(Vouched(identity)) = parts.extensions.get() {
        return Ok(*identity);
    }
    let identity = match bearer(&parts.headers)? {
        Some(key) => by_key(key, app).await?,
        None => {
            let Some(token) = cookie(&parts.headers) else {
                return Err(ApiError::unauthenticated(
                    "sign in, or send an API key with the header Authorization: Bearer KEY",
                ));
            };
            let identity = by_session(TokenHash::of(token), app).await?;
            same_origin(parts, app)?;
            identity
        }
    };
    tracing::Span::current().record("tenant", identity.tenant.get());
    Ok(identity)
}

/// The key in the header, if the header is there.
fn bearer(headers: &HeaderMap) -> ApiResult<Option<&str>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let key = value.to_str().ok().and_then(|text| text.split_once(' '));
    match key {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") && !key.trim().is_empty() => {
            Ok(Some(key.trim()))
        }
        _ => Err(ApiError::unauthenticated("the header Authorization must be: Bearer KEY")),
    }
}

/// The session's token in the cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .filter(|token| !token.is_empty())
}

async fn by_key(key: &str, app: &App) -> ApiResult<Identity> {
    let hash = TokenHash::of(key);
    let now = app.store.now();
    let key = match app.shared.keys.get(hash, now) {
        Some(key) => key,
        None => {
            let found = api_key::api_key_find(&mut *app.store.read_any().await?, hash).await?;
            let Some(key) = found else {
                return Err(ApiError::unauthenticated("this API key is not known: it may have been deleted"));
            };
            app.shared.keys.put(hash, &key, now);
            key
        }
    };
    if let Some(per_minute) = key.rate_limit {
        app.limit(Subject::Key(key.id), per_minute)?;
    }
    if app.shared.keys.use_is_to_be_noted(hash, now) {
        let (store, tenant, id) = (app.store.clone(), key.tenant_id, key.id);
        // Nobody waits for it, and when it is lost the next use notes it.
        tokio::spawn(async move {
            let noted = store.write(move |tx| Box::pin(api_key::api_key_used(tx, tenant, id))).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "the use of an API key was not noted");
            }
        });
    }
    Ok(Identity { tenant: key.tenant_id, actor: Actor::ApiKey(key.id), role: key.role })
}

async fn by_session(hash: TokenHash, app: &App) -> ApiResult<Identity> {
    let now = app.store.now();
    let found = session::session_find(&mut *app.store.read_any().await?, hash, now).await?;
    let Some(session) = found else {
        return Err(ApiError::unauthenticated("the session has ended: sign in again"));
    };
    if session.is_due(now) {
        let prolonged = app.store.write(move |tx| Box::pin(session::session_prolong(tx, hash))).await;
        if let Err(error) = prolonged {
            tracing::warn!(%error, "a session was not prolonged");
        }
    }
    Ok(Identity { tenant: session.tenant, actor: Actor::User(session.user), role: session.role })
}

/// A change asked for with a cookie comes from one of our own pages: the browser says so.
///
/// # Errors
/// 403 when it does not.
pub(crate) fn same_origin(parts: &Parts, app: &App) -> ApiResult<()> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let is_own = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            let own = app.config.public_url.as_deref();
            host.is_some() && (host == text("host") || own.is_some_and(|url| origin_of(url) == origin))
        }
        (None, None) => false,
    };
    if is_own {
        return Ok(());
    }
    Err(ApiError::new(
        axum::http::StatusCode::FORBIDDEN,
        "cross_site_request",
        "with a session cookie, changes are accepted only from this server's own pages (Sec-Fetch-Site or Origin tells): programs use an API key",
    ))
}

/// `https://host:port` of an address.
fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    &url[..end]
}

/// The header that keeps a session in the browser, or takes it away.
pub(crate) fn set_cookie(app: &App, token: Option<&str>) -> HeaderValue {
    let life = if token.is_some() { session::SESSION_LIFE } else { Period::ZERO };
    let secure = if app.config.secure_cookies { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        token.unwrap_or_default(),
        life.as_millis() / 1_000
    );
    HeaderValue::from_str(&text).expect("tokens that were found in the store or made here are of base64url")
}

/// Keys that were looked up a moment ago, so that a program that sends events by the thousand costs one lookup in a few
/// seconds. A key that is changed or deleted here is forgotten at once, on other nodes after these seconds.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys {
    keys: Mutex<HashMap<TokenHash, Known>>,
}

#[derive(Debug)]
struct Known {
    key: ApiKey,
    read_at: Timestamp,
    /// When its use was last noted, by this process or before.
    noted_at: Option<Timestamp>,
}

const KEY_KNOWN_FOR: Period = Period::seconds(5);
const MANY_KEYS: usize = 10_000;

impl KnownKeys {
    fn get(&self, hash: TokenHash, now: Timestamp) -> Option<ApiKey> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(&hash).filter(|known| now < known.read_at.plus(KEY_KNOWN_FOR)).map(|known| known.key.clone())
    }

    fn put(&self, hash: TokenHash, key: &ApiKey, now: Timestamp) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MANY_KEYS {
            keys.clear();
        }
        let noted_at = keys.get(&hash).and_then(|known| known.noted_at).max(key.last_used_at);
        keys.insert(hash, Known { key: key.clone(), read_at: now, noted_at });
    }

    fn use_is_to_be_noted(&self, hash: TokenHash, now: Timestamp) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = keys.get_mut(&hash) else { return false };
        if known.noted_at.is_some_and(|at| now < at.plus(api_key::USE_NOTED_EVERY)) {
            return false;
        }
        known.noted_at = Some(now);
        true
    }

    /// Keys have changed: look them up again.
    pub(crate) fn forget(&self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
