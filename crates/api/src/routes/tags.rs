//! `/api/tags`: the names that records carry. A tag that is new on a record is in this list from then on.

use axum::extract::State;
use model::{TagId, entity::LONGEST_TAG, field, user::Identity};
use serde::Deserialize;
use serde_json::Value;
use store::tag::{tag_create, tag_delete, tag_get, tag_list, tag_update};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, Done, List},
    body::{Body, Id},
    error::{ApiError, ApiResult, Failure},
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
    record::{checked, record_in, record_out},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, replace, change, delete))
}

record_out! {
    /// A tag.
    Tag from store::tag::Tag {
        /// Unique over all tenants.
        id: TagId as i64,
        /// The owner of the record.
        tenant_id: model::TenantId as i64,
        /// Unique within the tenant.
        name: String as String,
        /// A colour for people, such as `#0b7285`.
        color: Option<String> as Option<String>,
    }
}

record_in! {
    /// The fields of a tag. A new one needs a `name`.
    TagFields {
        /// Unique within the tenant; at most 100 characters.
        name: String,
        /// A colour for people: `#rrggbb`.
        color: String,
    }
}

impl TagFields {
    /// The name and the colour, as far as they were sent.
    fn checked(self) -> ApiResult<(Option<String>, Option<Option<String>>)> {
        let name = self
            .name
            .map(|name| checked("name", field::text(&Value::from(name), LONGEST_TAG)))
            .transpose()?;
        let color = match self.color {
            Some(color) => Some(checked("color", field::optional_text(&color.into(), 7))?),
            None => None,
        };
        if let Some(Some(color)) = &color {
            let digits = color.strip_prefix('#').unwrap_or_default();
            if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(ApiError::invalid("color", "must be a colour such as #0b7285"));
            }
        }
        Ok((name, color))
    }
}

/// Which tags a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// The name contains this, without regard to case.
    q: Option<String>,
}

/// Tags, newest first.
#[utoipa::path(get, path = "/api/tags", tag = "Tags", params(Filter, PageQuery), responses(
    (status = 200, body = List<Tag>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Tag>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = tag_list(&mut connection, identity.tenant, filter.q.as_deref(), page).await?;
    Ok(List::of(paged, page, Tag::from))
}

/// Makes a tag.
#[utoipa::path(post, path = "/api/tags", tag = "Tags", request_body = TagFields, responses(
    (status = 201, body = Data<Tag>),
    (status = 409, description = "The name is taken", body = Failure),
    (status = 422, body = Failure),
))]
async fn create(
    Editor(identity): Editor,
    State(app): State<App>,
    Body(body): Body<TagFields>,
) -> ApiResult<Created<Tag>> {
    let (Some(name), color) = body.checked()? else {
        return Err(ApiError::invalid("name", "is required: what the tag is called"));
    };
    let made = app.store.write(move |tx| {
        Box::pin(async move {
            tag_create(tx, identity.tenant, identity.actor, &name, color.flatten().as_deref()).await
        })
    });
    Ok(Created(made.await?.into()))
}

/// One tag.
#[utoipa::path(get, path = "/api/tags/{id}", tag = "Tags", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Tag>),
    (status = 404, body = Failure),
))]
async fn get(Viewer(identity): Viewer, State(app): State<App>, Id(id): Id<TagId>) -> ApiResult<Data<Tag>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(tag_get(&mut connection, identity.tenant, id).await?.into()))
}

/// Replaces a tag. Records keep the name under which they were tagged.
#[utoipa::path(put, path = "/api/tags/{id}", tag = "Tags", params(("id" = i64, Path)), request_body = TagFields, responses(
    (status = 200, body = Data<Tag>),
    (status = 404, body = Failure),
    (status = 409, description = "The name is taken, or someone else changed the tag first", body = Failure),
    (status = 422, body = Failure),
))]
async fn replace(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<TagId>,
    Body(body): Body<TagFields>,
) -> ApiResult<Data<Tag>> {
    if body.name.is_none() {
        return Err(ApiError::invalid("name", "is required: what the tag is called"));
    }
    update(identity, app, id, TagFields { color: Some(body.color.flatten()), ..body }).await
}

/// Changes a tag's name or colour. Records keep the name under which they were tagged.
#[utoipa::path(patch, path = "/api/tags/{id}", tag = "Tags", params(("id" = i64, Path)), request_body = TagFields, responses(
    (status = 200, body = Data<Tag>),
    (status = 404, body = Failure),
    (status = 409, description = "The name is taken, or someone else changed the tag first", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<TagId>,
    Body(body): Body<TagFields>,
) -> ApiResult<Data<Tag>> {
    update(identity, app, id, body).await
}

async fn update(identity: Identity, app: App, id: TagId, body: TagFields) -> ApiResult<Data<Tag>> {
    let version = body.version;
    let (name, color) = body.checked()?;
    let updated = app.store.write(move |tx| {
        Box::pin(async move {
            let before = tag_get(tx, identity.tenant, id).await?;
            let name = name.unwrap_or(before.name);
            let color = color.unwrap_or(before.color);
            tag_update(tx, identity.tenant, identity.actor, id, (&name, color.as_deref()), version).await
        })
    });
    Ok(Data::new(updated.await?.into()))
}

/// Removes a tag from the list of names; records that carry it keep it.
#[utoipa::path(delete, path = "/api/tags/{id}", tag = "Tags", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(Editor(identity): Editor, State(app): State<App>, Id(id): Id<TagId>) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(tag_delete(tx, identity.tenant, id))).await?;
    Ok(Done::deleted(id.get()))
}
