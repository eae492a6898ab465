//! `/api/session`: signing in and out, which tenant, the own name and password.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use model::{
    Actor, ApiKeyId, TenantId, UserId,
    user::{Identity, Role},
};
use serde::{Deserialize, Serialize};
use store::{
    api_key::api_key_get,
    session::{
        session_create, session_delete, session_delete_others, session_find, session_redeem, session_switch,
    },
    tenant::tenant_get,
    token::{Token, TokenHash},
    user::{
        self, NewAway, password_hash, password_verify, user_get, user_has_password, user_password_set,
        user_tenants, user_update,
    },
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::users::{Away, RoleName, User};
use crate::{
    App,
    answer::Data,
    body::{Body, sent},
    error::{ApiError, ApiResult, Failure},
    identity::{Viewer, cookie, same_origin, set_cookie},
    limit::SignIn,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get, create, change, delete))
}

/// Who is asking.
#[derive(Serialize, ToSchema)]
struct Session {
    /// The person, when it is one.
    user: Option<User>,
    /// The program's key, when it is a program.
    #[serde(rename = "apiKey")]
    api_key: Option<KeyName>,
    /// The tenant of everything that is asked.
    tenant: TenantName,
    /// What may be done there.
    #[schema(value_type = RoleName)]
    role: Role,
    /// Every tenant that the person may choose.
    tenants: Vec<Membership>,
}

/// A program's key.
#[derive(Serialize, ToSchema)]
struct KeyName {
    /// Its id.
    #[schema(value_type = i64)]
    id: ApiKeyId,
    /// What it is used for.
    name: String,
}

/// A tenant.
#[derive(Serialize, ToSchema)]
struct TenantName {
    /// Its id.
    #[schema(value_type = i64)]
    id: TenantId,
    /// The company's name.
    name: String,
}

/// A tenant that a person belongs to.
#[derive(Serialize, ToSchema)]
struct Membership {
    /// The tenant's id.
    #[schema(value_type = i64)]
    id: TenantId,
    /// The company's name.
    name: String,
    /// What the person may do there.
    #[schema(value_type = RoleName)]
    role: Role,
}

/// How to sign in: an email address and a password, or the token of a sign-in link.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Credentials {
    /// The account's address.
    pub(crate) email: Option<String>,
    /// Its password.
    #[schema(format = Password)]
    pub(crate) password: Option<String>,
    /// The token of a sign-in link; it is good once.
    pub(crate) token: Option<String>,
    /// Which tenant, for a person who belongs to several; the oldest unless told.
    #[serde(rename = "tenantId")]
    #[schema(value_type = Option<i64>)]
    pub(crate) tenant: Option<TenantId>,
}

/// What changes about the session and the person in it; fields that are not sent stay.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionChanges {
    /// Another of the person's tenants.
    #[schema(value_type = Option<i64>)]
    tenant_id: Option<TenantId>,
    /// The person's own name, or null.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// The person's own time zone, or null.
    #[serde(default, rename = "time_zone", deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    time_zone: Option<Option<String>>,
    /// When the person is away from this tenant's work, or null: they are back.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Away>)]
    away: Option<Option<Away>>,
    /// A new password, at least 8 characters; ends the person's other sessions.
    #[schema(format = Password)]
    password: Option<String>,
    /// The present password, needed with a new one when there is one.
    #[schema(format = Password)]
    current_password: Option<String>,
}

/// Who am I?
#[utoipa::path(get, path = "/api/session", tag = "Session", responses(
    (status = 200, body = Data<Session>),
    (status = 401, body = Failure),
))]
async fn get(Viewer(identity): Viewer, State(app): State<App>, headers: HeaderMap) -> ApiResult<Response> {
    let answer = Data::new(session_of(&app, identity).await?).into_response();
    // The cookie lasts as long as the session, which was prolonged just now when it was time.
    let token = cookie(&headers).filter(|_| matches!(identity.actor, Actor::User(_)));
    Ok(match token {
        Some(token) => ([(header::SET_COOKIE, set_cookie(&app, Some(token)))], answer).into_response(),
        None => answer,
    })
}

/// Signs in: by email address and password, or by the token of a sign-in link.
///
/// The answer sets the cookie `vtrustx_session`.
#[utoipa::path(post, path = "/api/session", tag = "Session", security(()), request_body = Credentials, responses(
    (status = 200, body = Data<Session>),
    (status = 401, description = "Wrong, used or outdated", body = Failure),
    (status = 429, description = "Too many attempts", body = Failure),
))]
async fn create(
    _: SignIn,
    State(app): State<App>,
    Body(credentials): Body<Credentials>,
) -> ApiResult<Response> {
    let (token, identity) = sign_in(&app, credentials).await?;
    let answer = Data::new(session_of(&app, identity).await?);
    Ok(([(header::SET_COOKIE, set_cookie(&app, Some(token.reveal())))], answer).into_response())
}

/// Chooses another tenant, or changes the own name, time zone, absence or password.
#[utoipa::path(patch, path = "/api/session", tag = "Session", request_body = SessionChanges, responses(
    (status = 200, body = Data<Session>),
    (status = 401, body = Failure),
    (status = 403, description = "With an API key there is no session", body = Failure),
    (status = 404, description = "No tenant of this person", body = Failure),
    (status = 422, body = Failure),
    (status = 429, description = "Too many attempts", body = Failure),
))]
async fn change(
    _: SignIn,
    Viewer(identity): Viewer,
    State(app): State<App>,
    headers: HeaderMap,
    Body(changes): Body<SessionChanges>,
) -> ApiResult<Data<Session>> {
    let (Actor::User(user), Some(token)) = (identity.actor, cookie(&headers)) else {
        return Err(ApiError::forbidden("an API key has no session: sign in as a person"));
    };
    let hash = TokenHash::of(token);
    let password = match changes.password {
        Some(password) => {
            current_password_check(&app, identity, user, changes.current_password).await?;
            Some(password_hash(password).await?)
        }
        None => None,
    };
    let away = changes.away.map(|away| away.map(NewAway::from));
    let person = user::Changes { role: None, name: changes.name, time_zone: changes.time_zone, away };
    let (tenant, chosen) = (identity.tenant, changes.tenant_id);
    let written = app.store.write(move |tx| {
        Box::pin(async move {
            user_update(tx, tenant, identity.actor, user, &person, None).await?;
            if let Some(password) = password {
                user_password_set(tx, identity.actor, user, &password).await?;
                session_delete_others(tx, user, hash).await?;
            }
            if let Some(chosen) = chosen {
                session_switch(tx, hash, chosen).await?;
            }
            let now = tx.now();
            session_find(tx, hash, now).await
        })
    });
    let session =
        written.await?.ok_or_else(|| ApiError::unauthenticated("the session has ended: sign in again"))?;
    let identity = Identity { tenant: session.tenant, role: session.role, ..identity };
    Ok(Data::new(session_of(&app, identity).await?))
}

/// That nobody is signed in any more.
#[derive(Serialize, ToSchema)]
struct SignedOut {
    /// Always true.
    #[serde(rename = "signedOut")]
    #[schema(default = true)]
    signed_out: bool,
}

/// Signs out.
#[utoipa::path(delete, path = "/api/session", tag = "Session", responses((status = 200, body = Data<SignedOut>)))]
async fn delete(State(app): State<App>, request: axum::extract::Request) -> ApiResult<Response> {
    let (parts, _) = request.into_parts();
    if let Some(token) = cookie(&parts.headers) {
        same_origin(&parts, &app)?;
        let hash = TokenHash::of(token);
        app.store.write(move |tx| Box::pin(session_delete(tx, hash))).await?;
    }
    let answer = Data::new(SignedOut { signed_out: true });
    Ok(([(header::SET_COOKIE, set_cookie(&app, None))], answer).into_response())
}

/// Begins a session for whoever has these credentials.
///
/// # Errors
/// 401 in the same words whatever was wrong; 422 when neither pair nor token was sent.
pub(crate) async fn sign_in(app: &App, credentials: Credentials) -> ApiResult<(Token, Identity)> {
    let Credentials { email, password, token, tenant } = credentials;
    let session = match (email, password, token) {
        (_, _, Some(link)) => {
            let link = TokenHash::of(link.trim());
            let redeemed = app.store.write(move |tx| Box::pin(session_redeem(tx, link))).await?;
            redeemed.ok_or_else(|| {
                ApiError::unauthenticated(
                    "this link was used already or is too old: ask an administrator for a new one",
                )
            })?
        }
        (Some(email), Some(password), None) => {
            let mut connection = app.store.read_any().await?;
            let (hash, user) = user::password_stored(&mut connection, &email).await?;
            drop(connection);
            let wrong = || ApiError::unauthenticated("the email address or the password is wrong");
            let is_right = password_verify(hash, password).await?;
            let user = user.filter(|_| is_right).ok_or_else(wrong)?;
            let tenants = user_tenants(&mut *app.store.read_any().await?, user).await?;
            let chosen = match tenant {
                Some(tenant) => tenants.iter().find(|(one, _)| one.id == tenant),
                None => tenants.first(),
            };
            let Some((chosen, _)) = chosen else {
                return Err(match tenant {
                    Some(_) => ApiError::unauthenticated("this person does not belong to that tenant"),
                    None => ApiError::unauthenticated("this person belongs to no tenant any more"),
                });
            };
            let chosen = chosen.id;
            let begun = app.store.write(move |tx| {
                Box::pin(async move {
                    let token = session_create(tx, chosen, user).await?;
                    let now = tx.now();
                    let session = session_find(tx, token.hash(), now).await?;
                    Ok(session.map(|session| (token, session)))
                })
            });
            begun.await?.ok_or_else(wrong)?
        }
        _ => return Err(ApiError::invalid("", "send email and password, or the token of a sign-in link")),
    };
    let (token, session) = session;
    Ok((token, Identity { tenant: session.tenant, actor: Actor::User(session.user), role: session.role }))
}

async fn current_password_check(
    app: &App,
    identity: Identity,
    user: UserId,
    sent: Option<String>,
) -> ApiResult<()> {
    let mut connection = app.store.read(identity.tenant).await?;
    if !user_has_password(&mut connection, user).await? {
        return Ok(());
    }
    let Some(sent) = sent else {
        return Err(ApiError::invalid("currentPassword", "is needed to choose a new password"));
    };
    let email = user_get(&mut connection, identity.tenant, user).await?.email;
    let (hash, _) = user::password_stored(&mut connection, &email).await?;
    drop(connection);
    if password_verify(hash, sent).await? {
        Ok(())
    } else {
        Err(ApiError::invalid("currentPassword", "is wrong"))
    }
}

async fn session_of(app: &App, identity: Identity) -> ApiResult<Session> {
    let mut connection = app.store.read(identity.tenant).await?;
    let tenant = tenant_get(&mut connection, identity.tenant).await?;
    let mut session = Session {
        user: None,
        api_key: None,
        tenant: TenantName { id: tenant.id, name: tenant.name.clone() },
        role: identity.role,
        tenants: vec![Membership { id: tenant.id, name: tenant.name, role: identity.role }],
    };
    match identity.actor {
        Actor::User(id) => {
            session.user = Some(user_get(&mut connection, identity.tenant, id).await?.into());
            drop(connection);
            // Whose tenants are asked for spans them.
            let tenants = user_tenants(&mut *app.store.read_any().await?, id).await?;
            let membership = |(tenant, role): (model::settings::Tenant, Role)| Membership {
                id: tenant.id,
                name: tenant.name,
                role,
            };
            session.tenants = tenants.into_iter().map(membership).collect();
        }
        Actor::ApiKey(id) => {
            let key = api_key_get(&mut connection, identity.tenant, id).await?;
            session.api_key = Some(KeyName { id, name: key.name });
        }
        Actor::Execution(_) | Actor::Public | Actor::System => {}
    }
    Ok(session)
}
