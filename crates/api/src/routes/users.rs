//! `/api/users`: who belongs to the tenant, and in what role.

use axum::extract::State;
use model::{Timestamp, UserId, user::Role};
use serde::{Deserialize, Serialize};
use store::{
    session::{LINK_LIFE, session_link_create},
    user::{
        self, NewAway, NewUser, own_person_check, password_hash, user_create, user_get, user_list,
        user_remove, user_update,
    },
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, Done, List},
    body::{Body, Id, sent},
    error::{ApiError, ApiResult, Failure},
    identity::{Admin, Viewer},
    page::{Listing, PageQuery},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, replace, change, delete))
        .routes(routes!(sign_in_link))
}

/// What someone may do within a tenant; each role may do all that the ones before it may.
#[derive(ToSchema)]
#[schema(as = Role, rename_all = "snake_case")]
#[expect(dead_code, reason = "describes model::user::Role, which knows no OpenAPI")]
pub(crate) enum RoleName {
    /// Read.
    Viewer,
    /// Change workflows and data, retry.
    Editor,
    /// Everything.
    Admin,
}

/// A person as a member of this tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    /// Unique over the installation; a person may be a member of several tenants.
    #[schema(value_type = i64)]
    id: UserId,
    /// Unique over the installation, compared without case.
    email: String,
    /// The person's name.
    name: Option<String>,
    /// What the person may do in this tenant.
    #[schema(value_type = RoleName)]
    role: Role,
    /// An IANA zone such as `Europe/Paris`.
    time_zone: Option<String>,
    /// When the person is away from this tenant's work: `assign_ticket` passes over who is.
    away: Option<Away>,
    /// When the record was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Who made it, such as `user:1`.
    #[schema(value_type = Option<String>)]
    created_by: Option<model::Actor>,
    /// Who last changed it.
    #[schema(value_type = Option<String>)]
    updated_by: Option<model::Actor>,
    /// Grows with each change.
    version: i64,
}

impl From<model::user::User> for User {
    fn from(user: model::user::User) -> Self {
        let model::user::User {
            id,
            email,
            name,
            role,
            time_zone,
            away,
            created_at,
            updated_at,
            created_by,
            updated_by,
            version,
        } = user;
        let away = away.map(|away| Away { from: Some(away.from), until: away.until });
        Self {
            id,
            email,
            name,
            role,
            time_zone,
            away,
            created_at,
            updated_at,
            created_by,
            updated_by,
            version,
        }
    }
}

/// When somebody is away.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Away {
    /// From when on; from now on, when it is not sent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Until when; until the person is said to be back, when it is not sent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl From<Away> for NewAway {
    fn from(Away { from, until }: Away) -> Self {
        Self { from, until }
    }
}

/// A person to be made a member.
#[derive(Deserialize, ToSchema)]
struct UserIn {
    /// Whoever has an account with this address gets a membership; else an account is made.
    #[schema(example = "sam@example.com")]
    email: String,
    /// The person's name.
    name: Option<String>,
    /// What the person may do.
    #[schema(value_type = RoleName)]
    role: Role,
    /// An IANA zone such as `Europe/Paris`.
    time_zone: Option<String>,
    /// For a new account, at least 8 characters; without one the person signs in by a link.
    #[schema(format = Password, write_only)]
    password: Option<String>,
}

/// A member as it shall be. The email address cannot be changed.
#[derive(Deserialize, ToSchema)]
struct UserReplacement {
    /// Must be the one that is stored, when it is sent.
    email: Option<String>,
    /// The person's name.
    name: Option<String>,
    /// What the person may do.
    #[schema(value_type = RoleName)]
    role: Role,
    /// An IANA zone such as `Europe/Paris`.
    time_zone: Option<String>,
    /// When the person is away from this tenant's work.
    away: Option<Away>,
    /// Must be current when it is sent.
    version: Option<i64>,
}

/// What changes about a member; fields that are not sent stay.
#[derive(Deserialize, ToSchema)]
struct UserChanges {
    /// Must be the one that is stored, when it is sent.
    email: Option<String>,
    /// The person's name, or null.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// What the person may do.
    #[schema(value_type = Option<RoleName>)]
    role: Option<Role>,
    /// An IANA zone such as `Europe/Paris`, or null.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    time_zone: Option<Option<String>>,
    /// When the person is away from this tenant's work, or null: they are back.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Away>)]
    away: Option<Option<Away>>,
    /// Must be current when it is sent.
    version: Option<i64>,
}

/// A link by which a person signs in once.
#[derive(Debug, Serialize, ToSchema)]
struct SignInLink {
    /// To be opened in a browser; good once. Without the server's public address it begins with a slash.
    url: String,
    /// How long it is good, in seconds.
    expires_in: i64,
}

/// Which users a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Name or email contains this, without regard to case.
    q: Option<String>,
    /// With this role.
    #[param(value_type = Option<RoleName>)]
    role: Option<Role>,
}

/// The members of the tenant, newest first.
#[utoipa::path(get, path = "/api/users", tag = "Users", params(Filter, PageQuery), responses(
    (status = 200, body = List<User>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<User>> {
    let filter = user::Filter { text: filter.q, role: filter.role };
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = user_list(&mut connection, identity.tenant, &filter, page).await?;
    Ok(List::of(paged, page, User::from))
}

/// Makes someone a member.
///
/// Whoever belongs to another tenant of the installation already keeps their account and password.
#[utoipa::path(post, path = "/api/users", tag = "Users", request_body = UserIn, responses(
    (status = 201, body = Data<User>),
    (status = 409, description = "The person is a member already, or has a password already", body = Failure),
    (status = 422, body = Failure),
))]
async fn create(
    Admin(identity): Admin,
    State(app): State<App>,
    Body(UserIn { email, name, role, time_zone, password }): Body<UserIn>,
) -> ApiResult<Created<User>> {
    let password = match password {
        Some(password) => Some(password_hash(password).await?),
        None => None,
    };
    let new = NewUser { email, name, role, time_zone, password };
    let user = app.store.write(move |tx| {
        Box::pin(async move { user_create(tx, identity.tenant, identity.actor, &new).await })
    });
    Ok(Created(user.await?.into()))
}

/// One member.
#[utoipa::path(get, path = "/api/users/{id}", tag = "Users", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<User>),
    (status = 404, body = Failure),
))]
async fn get(Viewer(identity): Viewer, State(app): State<App>, Id(id): Id<UserId>) -> ApiResult<Data<User>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(user_get(&mut connection, identity.tenant, id).await?.into()))
}

/// Replaces what is known of a member.
#[utoipa::path(put, path = "/api/users/{id}", tag = "Users", params(("id" = i64, Path)), request_body = UserReplacement, responses(
    (status = 200, body = Data<User>),
    (status = 404, body = Failure),
    (status = 409, description = "The last administrator, someone of other tenants too, or an outdated version", body = Failure),
    (status = 422, body = Failure),
))]
async fn replace(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<UserId>,
    Body(body): Body<UserReplacement>,
) -> ApiResult<Data<User>> {
    let changes = user::Changes {
        role: Some(body.role),
        name: Some(body.name),
        time_zone: Some(body.time_zone),
        away: Some(body.away.map(NewAway::from)),
    };
    update(&app, identity, id, body.email, changes, body.version).await
}

/// Changes a member.
#[utoipa::path(patch, path = "/api/users/{id}", tag = "Users", params(("id" = i64, Path)), request_body = UserChanges, responses(
    (status = 200, body = Data<User>),
    (status = 404, body = Failure),
    (status = 409, description = "The last administrator, someone of other tenants too, or an outdated version", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<UserId>,
    Body(body): Body<UserChanges>,
) -> ApiResult<Data<User>> {
    let away = body.away.map(|away| away.map(NewAway::from));
    let changes = user::Changes { role: body.role, name: body.name, time_zone: body.time_zone, away };
    update(&app, identity, id, body.email, changes, body.version).await
}

/// Ends a membership. The last administrator cannot leave.
#[utoipa::path(delete, path = "/api/users/{id}", tag = "Users", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
    (status = 409, description = "The last administrator", body = Failure),
))]
async fn delete(Admin(identity): Admin, State(app): State<App>, Id(id): Id<UserId>) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(user_remove(tx, identity.tenant, id))).await?;
    Ok(Done::deleted(id.get()))
}

/// Makes a link by which a member signs in once, within a day. Earlier links of the member are void.
#[utoipa::path(post, path = "/api/users/{id}/sign-in-link", tag = "Users", params(("id" = i64, Path)), responses(
    (status = 201, body = Data<SignInLink>),
    (status = 404, body = Failure),
    (status = 409, description = "The person belongs to other tenants too", body = Failure),
))]
async fn sign_in_link(
    Admin(identity): Admin,
    State(app): State<App>,
    Id(id): Id<UserId>,
) -> ApiResult<Created<SignInLink>> {
    let token = app.store.write(move |tx| {
        Box::pin(async move {
            // Whoever signs in may change to their other tenants: this tenant's administrators must not be able to.
            own_person_check(tx, identity.tenant, id).await?;
            session_link_create(tx, identity.tenant, id).await
        })
    });
    let token = token.await?;
    let base = app.config.public_url.as_deref().unwrap_or_default();
    Ok(Created(SignInLink {
        url: format!("{base}/sign-in?token={}", token.reveal()),
        expires_in: LINK_LIFE.as_millis() / 1_000,
    }))
}

async fn update(
    app: &App,
    identity: model::user::Identity,
    id: UserId,
    email: Option<String>,
    changes: user::Changes,
    version: Option<i64>,
) -> ApiResult<Data<User>> {
    let tenant = identity.tenant;
    if let Some(email) = email {
        let user = user_get(&mut *app.store.read(tenant).await?, tenant, id).await?;
        if !email.eq_ignore_ascii_case(&user.email) {
            return Err(ApiError::invalid(
                "email",
                "cannot be changed: make the person a member with the new address",
            ));
        }
    }
    let user = app.store.write(move |tx| {
        Box::pin(async move { user_update(tx, tenant, identity.actor, id, &changes, version).await })
    });
    Ok(Data::new(user.await?.into()))
}
