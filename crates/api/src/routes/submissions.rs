//! `/api/submissions`, `/api/forms/{id}/submissions`: answers, and `/public/forms/{slug}/submissions`, where whoever has the address
//! of a form answers it without credentials.
//!
//! Viewers get the answers to personal questions masked, and cannot find them by searching. The public learns nothing but that its
//! answer arrived, and its ids are its own: it can neither read nor change what a program has sent under the same id.

use std::{
    collections::{HashMap, hash_map::Entry},
    convert::Infallible,
    str::FromStr,
};

use axum::{extract::State, http::StatusCode};
use model::{
    Actor, ContactId, FormId, SubmissionId, TenantId,
    event::StartedExecution,
    field,
    form::Form,
    submission::SubmissionStatus,
    user::{Identity, Role},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use store::{
    Connection, Page, StoreResult,
    form::{form_by_slug, form_find, form_get},
    submission::{
        self, Content, NewSubmission, Submitted, mask, submission_archive, submission_create,
        submission_edit, submission_get, submission_list,
    },
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Data, Done, List},
    body::{Body, Id},
    error::{ApiError, ApiResult, Failure},
    identity::{Editor, Viewer},
    limit::PublicForm,
    page::{Listing, PageQuery},
    record::{Sent, checked, names, record_in, record_out},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, replace, change, delete))
        .routes(routes!(list_of_form, create))
        .routes(routes!(create_public))
}

names! {
    /// Whether the person is done.
    SubmissionStatusName of SubmissionStatus;
}

record_out! {
    /// One person's answers to a form.
    Submission from model::submission::Submission {
        /// Unique over all tenants.
        id: SubmissionId as i64,
        /// The owner of the record.
        tenant_id: TenantId as i64,
        /// The form that was answered.
        form_id: FormId as i64,
        /// Who answered, when known.
        contact_id: Option<ContactId> as Option<i64>,
        /// The caller's own id.
        external_id: Option<String> as Option<String>,
        /// Whether the person is done.
        status: SubmissionStatus as SubmissionStatusName,
        /// Answers by question key, as sent.
        data: Map<String, Value> as Object,
        /// A language tag.
        language: Option<String> as Option<String>,
        /// Tag names.
        tags: Vec<String> as Vec<String>,
        /// When it was completed.
        submitted_at: Option<model::Timestamp> as Option<String>,
    }
}

/// An execution that a completed submission started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubmissionExecution {
    /// The execution.
    #[schema(value_type = i64)]
    id: model::ExecutionId,
    /// Its workflow.
    #[schema(value_type = i64)]
    workflow_id: model::WorkflowId,
}

impl From<StartedExecution> for SubmissionExecution {
    fn from(started: StartedExecution) -> Self {
        Self { id: started.id, workflow_id: started.workflow_id }
    }
}

/// A submission that was sent or changed, with what its completion started.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubmissionTaken {
    #[serde(flatten)]
    submission: Submission,
    /// The executions that its completion started.
    executions: Vec<SubmissionExecution>,
    /// It was completed before under the same id; nothing happened now.
    duplicate: bool,
}

impl SubmissionTaken {
    fn new(
        submission: model::submission::Submission,
        executions: Vec<StartedExecution>,
        duplicate: bool,
    ) -> Self {
        let executions = executions.into_iter().map(SubmissionExecution::from).collect();
        Self { submission: submission.into(), executions, duplicate }
    }
}

/// What the public learns of its own answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubmissionReceipt {
    /// The submission.
    #[schema(value_type = i64)]
    id: SubmissionId,
    /// Whether the person is done.
    #[schema(value_type = SubmissionStatusName)]
    status: SubmissionStatus,
    /// It was completed before under the same id; nothing happened now.
    duplicate: bool,
}

/// Answers on their way in.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SubmissionNew {
    /// Your own id: the same one again for this form is the same submission.
    #[serde(default, deserialize_with = "text_or_number")]
    #[schema(value_type = Option<String>)]
    id: Option<String>,
    /// Who answers, when known; not from the public.
    #[serde(rename = "contactId", alias = "contact_id")]
    #[schema(value_type = Option<i64>)]
    contact: Option<ContactId>,
    /// Answers by question key.
    #[serde(default)]
    #[schema(value_type = Object)]
    data: Option<Map<String, Value>>,
    /// `completed` unless it says `partial`.
    #[schema(value_type = Option<SubmissionStatusName>)]
    status: Option<SubmissionStatus>,
    /// A language tag such as `en` or `pt-BR`.
    language: Option<String>,
    /// Tag names; new ones are made.
    tags: Option<Vec<String>>,
}

impl SubmissionNew {
    fn to(self, form: FormId) -> ApiResult<NewSubmission> {
        let data =
            self.data.ok_or_else(|| ApiError::invalid("data", "is required: the answers by question key"))?;
        Ok(NewSubmission {
            form,
            contact: self.contact,
            external_id: self.id,
            status: self.status.unwrap_or(SubmissionStatus::Completed),
            data,
            language: checked("language", field::optional_text(&self.language.into(), 35))?,
            tags: checked("tags", field::tags(&self.tags.into()))?,
        })
    }
}

/// An id that a caller may write as a number.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(serde::de::Error::custom("must be text")),
    }
}

record_in! {
    /// The fields of a submission that may be changed.
    SubmissionFields {
        /// Who answered, when known.
        #[serde(alias = "contactId")]
        contact_id: i64,
        /// All answers by question key.
        data: Map<String, Value>,
        /// `completed` completes a partial submission; there is no way back.
        status: String,
        /// A language tag.
        language: String,
        /// Tag names; new ones are made.
        tags: Vec<String>,
    }
    ignoring form_id, external_id, submitted_at, executions, duplicate
}

impl SubmissionFields {
    /// The fields as the store takes them.
    fn content(&self, mut fields: Map<String, Value>) -> ApiResult<Content> {
        fields.retain(|name, _| name != "data" && name != "status");
        let status = self.status.clone().flatten();
        let status = status.map(|status| checked("status", field::name(&Value::from(status)))).transpose()?;
        Ok(Content { fields, data: self.data.clone().map(Option::unwrap_or_default), status })
    }
}

/// Which submissions a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// To this form.
    #[param(value_type = Option<i64>)]
    form_id: Option<FormId>,
    /// By this person.
    #[param(value_type = Option<i64>)]
    contact_id: Option<ContactId>,
    /// Done or not.
    #[param(value_type = Option<SubmissionStatusName>)]
    status: Option<SubmissionStatus>,
    /// With this tag.
    tag: Option<String>,
    /// The answers or your own id contain this, without regard to case. Viewers find by the id only.
    q: Option<String>,
}

/// Which submissions of a form a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct FilterOfForm {
    /// By this person.
    #[param(value_type = Option<i64>)]
    contact_id: Option<ContactId>,
    /// Done or not.
    #[param(value_type = Option<SubmissionStatusName>)]
    status: Option<SubmissionStatus>,
    /// With this tag.
    tag: Option<String>,
    /// The answers or your own id contain this, without regard to case. Viewers find by the id only.
    q: Option<String>,
}

/// Submissions, newest first.
#[utoipa::path(get, path = "/api/submissions", tag = "Submissions", params(Filter, PageQuery), responses(
    (status = 200, body = List<Submission>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Submission>> {
    let mut connection = app.store.read(identity.tenant).await?;
    page_of(&mut connection, identity, filter, page).await
}

/// Submissions to a form, newest first.
#[utoipa::path(get, path = "/api/forms/{id}/submissions", tag = "Submissions", params(("id" = i64, Path), FilterOfForm, PageQuery),
    responses((status = 200, body = List<Submission>), (status = 400, body = Failure), (status = 404, body = Failure)))]
async fn list_of_form(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<FormId>,
    Listing { filter, page }: Listing<FilterOfForm>,
) -> ApiResult<List<Submission>> {
    let mut connection = app.store.read(identity.tenant).await?;
    form_get(&mut connection, identity.tenant, id).await?;
    let FilterOfForm { contact_id, status, tag, q } = filter;
    page_of(&mut connection, identity, Filter { form_id: Some(id), contact_id, status, tag, q }, page).await
}

async fn page_of(
    connection: &mut Connection,
    identity: Identity,
    filter: Filter,
    page: Page,
) -> ApiResult<List<Submission>> {
    let filter = submission::Filter {
        form: filter.form_id,
        contact: filter.contact_id,
        status: filter.status,
        tag: filter.tag,
        text: filter.q,
        text_in_answers: identity.role != Role::Viewer,
    };
    let mut paged = submission_list(connection, identity.tenant, &filter, page).await?;
    masked(connection, identity, &mut paged.rows).await?;
    Ok(List::of(paged, page, Submission::from))
}

/// Masks personal answers for those who may not read them.
async fn masked(
    connection: &mut Connection,
    identity: Identity,
    submissions: &mut [model::submission::Submission],
) -> StoreResult<()> {
    if identity.role != Role::Viewer {
        return Ok(());
    }
    let mut forms: HashMap<FormId, Option<Form>> = HashMap::new();
    for submission in submissions {
        let id = submission.form_id;
        let form = match forms.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(form_find(connection, identity.tenant, id).await?),
        };
        mask(&mut submission.data, form.as_ref());
    }
    Ok(())
}

/// Takes answers to a form. Completed ones emit `submission_completed`; the answer lists the executions that it started.
#[utoipa::path(post, path = "/api/forms/{id}/submissions", tag = "Submissions", params(("id" = i64, Path)), request_body = SubmissionNew,
    responses(
        (status = 201, body = Data<SubmissionTaken>),
        (status = 200, description = "It was completed before under the same id", body = Data<SubmissionTaken>),
        (status = 404, body = Failure),
        (status = 409, description = "The form takes no answers", body = Failure),
        (status = 422, description = "An answer does not fit its question", body = Failure),
    ))]
async fn create(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<FormId>,
    Body(body): Body<SubmissionNew>,
) -> ApiResult<(StatusCode, Data<SubmissionTaken>)> {
    let new = body.to(id)?;
    let taken = app
        .store
        .write(move |tx| Box::pin(submission_create(tx, identity.tenant, identity.actor.into(), new)));
    let Submitted { submission, executions, duplicate } = taken.await?;
    let status = if duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Data::new(SubmissionTaken::new(submission, executions, duplicate))))
}

/// Takes answers from whoever has the address of a form. At most 60 a minute from one address.
#[utoipa::path(post, path = "/public/forms/{slug}/submissions", tag = "Submissions", security(()), params(("slug" = String, Path)),
    request_body = SubmissionNew, responses(
        (status = 201, body = Data<SubmissionReceipt>),
        (status = 200, description = "It was completed before under the same id", body = Data<SubmissionReceipt>),
        (status = 404, body = Failure),
        (status = 410, description = "The form takes no answers any more", body = Failure),
        (status = 422, description = "An answer does not fit its question", body = Failure),
        (status = 429, description = "Too often; `Retry-After` says when", body = Failure),
    ))]
async fn create_public(
    _: PublicForm,
    State(app): State<App>,
    Id(FormAddress(slug)): Id<FormAddress>,
    Body(body): Body<SubmissionNew>,
) -> ApiResult<(StatusCode, Data<SubmissionReceipt>)> {
    let form = open_form(&app, &slug).await?;
    if body.contact.is_some() {
        let message =
            "is taken only with credentials, at /api/forms/{id}/submissions: anyone could name anyone here";
        return Err(ApiError::invalid("contactId", message));
    }
    let external_id = body.id.clone();
    let submitted = take_public(&app, &form, body.to(form.id)?, external_id, "public").await?;
    let Submitted { submission, duplicate, .. } = submitted;
    let status = if duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Data::new(SubmissionReceipt { id: submission.id, status: submission.status, duplicate })))
}

/// The address of a form, as it is in the path: any text may be one.
#[derive(Debug)]
pub(crate) struct FormAddress(pub(crate) String);

impl FromStr for FormAddress {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// The form at a public address.
///
/// # Errors
/// 404 when there is none; 410 when it takes no answers any more.
pub(crate) async fn open_form(app: &App, slug: &str) -> ApiResult<Form> {
    let found = form_by_slug(&mut *app.store.read_any().await?, slug).await?;
    let form = found.ok_or_else(|| ApiError::not_found("a form of this address"))?;
    if form.archived_at.is_some() || !form.is_active {
        return Err(ApiError::new(StatusCode::GONE, "form_closed", "this form takes no answers any more"));
    }
    Ok(form)
}

/// Takes answers from the public. Its ids are kept apart from those of programs, by where they come from.
pub(crate) async fn take_public(
    app: &App,
    form: &Form,
    new: NewSubmission,
    external_id: Option<String>,
    origin: &str,
) -> ApiResult<Submitted> {
    let external_id = external_id.filter(|id| !id.is_empty()).map(|id| format!("{origin}:{id}"));
    let (tenant, new) = (form.tenant_id, NewSubmission { external_id, ..new });
    let taken = app.store.write(move |tx| Box::pin(submission_create(tx, tenant, Actor::Public.into(), new)));
    Ok(taken.await?)
}

/// One submission.
#[utoipa::path(get, path = "/api/submissions/{id}", tag = "Submissions", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Submission>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<SubmissionId>,
) -> ApiResult<Data<Submission>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let mut found = [submission_get(&mut connection, identity.tenant, id).await?];
    masked(&mut connection, identity, &mut found).await?;
    let [found] = found;
    Ok(Data::new(found.into()))
}

/// Replaces what may be changed of a submission: fields that are not sent become empty, but for `status`.
#[utoipa::path(put, path = "/api/submissions/{id}", tag = "Submissions", params(("id" = i64, Path)), request_body = SubmissionFields,
    responses(
        (status = 200, body = Data<SubmissionTaken>),
        (status = 404, body = Failure),
        (status = 409, description = "Someone else changed it first, or it is completed already", body = Failure),
        (status = 422, body = Failure),
    ))]
async fn replace(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<SubmissionId>,
    Body(body): Body<SubmissionFields>,
) -> ApiResult<Data<SubmissionTaken>> {
    let mut content = body.content(body.for_put(&[]))?;
    content.data.get_or_insert_default();
    update(identity, app, id, content, body.version).await
}

/// Changes some fields of a submission; `data` as a whole. Completing a partial one emits `submission_completed`.
#[utoipa::path(patch, path = "/api/submissions/{id}", tag = "Submissions", params(("id" = i64, Path)), request_body = SubmissionFields,
    responses(
        (status = 200, body = Data<SubmissionTaken>),
        (status = 404, body = Failure),
        (status = 409, description = "Someone else changed it first, or it is completed already", body = Failure),
        (status = 422, body = Failure),
    ))]
async fn change(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<SubmissionId>,
    Body(body): Body<SubmissionFields>,
) -> ApiResult<Data<SubmissionTaken>> {
    let content = body.content(body.for_patch())?;
    update(identity, app, id, content, body.version).await
}

async fn update(
    identity: Identity,
    app: App,
    id: SubmissionId,
    content: Content,
    version: Option<i64>,
) -> ApiResult<Data<SubmissionTaken>> {
    let changed = app.store.write(move |tx| {
        Box::pin(submission_edit(tx, identity.tenant, identity.actor.into(), id, content, version))
    });
    let changed = changed.await?;
    Ok(Data::new(SubmissionTaken::new(changed.submission, changed.executions, false)))
}

/// Puts a submission away: it is in no list any more, and history still names it.
#[utoipa::path(delete, path = "/api/submissions/{id}", tag = "Submissions", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<SubmissionId>,
) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(submission_archive(tx, identity.tenant, identity.actor, id))).await?;
    Ok(Done::deleted(id.get()))
}
