//! `/api/forms`: what people are asked.

use axum::extract::State;
use model::{FormId, form::QuestionType, user::Identity};
use serde::{Deserialize, Serialize};
use store::form::{self, Content, form_archive, form_create, form_edit, form_get, form_list};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, Done, List},
    body::{Body, Id},
    error::{ApiResult, Failure},
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
    record::{Sent, names, record_in, record_out},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, replace, change, delete))
}

names! {
    /// What a question asks for.
    QuestionTypeName of QuestionType;
}

/// A question, in and out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The stable name under which the answer is kept: letters, digits, `_` and `-`.
    #[schema(example = "q_nps")]
    key: String,
    /// What it asks for.
    #[serde(rename = "type")]
    #[schema(value_type = QuestionTypeName)]
    kind: QuestionType,
    /// What the person reads.
    label: String,
    /// No answer, no submission.
    #[serde(default)]
    required: bool,
    /// The choices of a choice question.
    #[serde(default)]
    options: Option<Vec<String>>,
    /// The lowest number that is accepted.
    #[serde(default)]
    min: Option<f64>,
    /// The highest number that is accepted.
    #[serde(default)]
    max: Option<f64>,
    /// The answer says something about the person: viewers and exports get it masked.
    #[serde(default)]
    personal: bool,
}

impl From<Question> for model::form::Question {
    fn from(question: Question) -> Self {
        let Question { key, kind, label, required, options, min, max, personal } = question;
        Self { key, kind, label, required, options: options.unwrap_or_default(), min, max, personal }
    }
}

impl From<model::form::Question> for Question {
    fn from(question: model::form::Question) -> Self {
        let model::form::Question { key, kind, label, required, options, min, max, personal } = question;
        Self { key, kind, label, required, options: Some(options), min, max, personal }
    }
}

/// The questions of a form, in order.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Questions(Vec<Question>);

impl From<Vec<model::form::Question>> for Questions {
    fn from(questions: Vec<model::form::Question>) -> Self {
        Self(questions.into_iter().map(Question::from).collect())
    }
}

record_out! {
    /// A form.
    Form from model::form::Form {
        /// Unique over all tenants.
        id: FormId as i64,
        /// The owner of the record.
        tenant_id: model::TenantId as i64,
        /// What the team calls it.
        name: String as String,
        /// The name in the public address `/f/{slug}`; unique over the installation.
        slug: String as String,
        /// What the person reads first.
        description: Option<String> as Option<String>,
        /// The questions in order.
        questions: Questions as Vec<Question>,
        /// Answers are taken.
        is_active: bool as bool,
        /// Tag names.
        tags: Vec<String> as Vec<String>,
    }
}

record_in! {
    /// The fields of a form. A new one needs a `name`.
    FormFields {
        /// What the team calls it.
        name: String,
        /// The name in the public address `/f/{slug}`: a-z, 0-9 and -; made from the name unless told.
        slug: String,
        /// What the person reads first.
        description: String,
        /// All questions in order.
        questions: Vec<Question>,
        /// Answers are taken; a new form takes them unless told.
        is_active: bool,
        /// Tag names; new ones are made.
        tags: Vec<String>,
    }
}

impl FormFields {
    /// What was sent.
    fn for_patch(self) -> Content {
        let mut fields = Sent::for_patch(&self);
        fields.retain(|name, _| name != "slug" && name != "questions");
        let questions = self.questions.map(|questions| {
            questions.unwrap_or_default().into_iter().map(model::form::Question::from).collect()
        });
        Content { fields, slug: self.slug.flatten(), questions }
    }

    /// What a new form is made of: null is the same as nothing.
    fn for_create(self) -> Content {
        let mut content = self.for_patch();
        content.fields.retain(|_, value| !value.is_null());
        content
    }

    /// Everything but the address and whether answers are taken: those change only when they are sent.
    fn for_put(self) -> Content {
        let mut content = self.for_create();
        for name in ["name", "description", "tags"] {
            content.fields.entry(name).or_insert(serde_json::Value::Null);
        }
        content.questions.get_or_insert_default();
        content
    }
}

/// Which forms a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Name, address or description contains this, without regard to case.
    q: Option<String>,
    /// Takes answers, or does not.
    is_active: Option<bool>,
    /// With this tag.
    tag: Option<String>,
}

/// Forms, newest first.
#[utoipa::path(get, path = "/api/forms", tag = "Forms", params(Filter, PageQuery), responses(
    (status = 200, body = List<Form>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Form>> {
    let filter = form::Filter { text: filter.q, is_active: filter.is_active, tag: filter.tag };
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = form_list(&mut connection, identity.tenant, &filter, page).await?;
    Ok(List::of(paged, page, Form::from))
}

/// Makes a form.
#[utoipa::path(post, path = "/api/forms", tag = "Forms", request_body = FormFields, responses(
    (status = 201, body = Data<Form>),
    (status = 409, description = "The slug is taken", body = Failure),
    (status = 422, body = Failure),
))]
async fn create(
    Editor(identity): Editor,
    State(app): State<App>,
    Body(body): Body<FormFields>,
) -> ApiResult<Created<Form>> {
    let content = body.for_create();
    let made = app.store.write(move |tx| Box::pin(form_create(tx, identity.tenant, identity.actor, content)));
    Ok(Created(made.await?.into()))
}

/// One form.
#[utoipa::path(get, path = "/api/forms/{id}", tag = "Forms", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Form>),
    (status = 404, body = Failure),
))]
async fn get(Viewer(identity): Viewer, State(app): State<App>, Id(id): Id<FormId>) -> ApiResult<Data<Form>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(form_get(&mut connection, identity.tenant, id).await?.into()))
}

/// Replaces a form: fields that are not sent become empty, but for `slug` and `is_active`. Answers that are there stay as they are.
#[utoipa::path(put, path = "/api/forms/{id}", tag = "Forms", params(("id" = i64, Path)), request_body = FormFields, responses(
    (status = 200, body = Data<Form>),
    (status = 404, body = Failure),
    (status = 409, description = "The slug is taken, or someone else changed the form first", body = Failure),
    (status = 422, body = Failure),
))]
async fn replace(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<FormId>,
    Body(body): Body<FormFields>,
) -> ApiResult<Data<Form>> {
    let version = body.version;
    update(identity, app, id, body.for_put(), version).await
}

/// Changes some fields of a form; `questions` as a whole. Answers that are there stay as they are.
#[utoipa::path(patch, path = "/api/forms/{id}", tag = "Forms", params(("id" = i64, Path)), request_body = FormFields, responses(
    (status = 200, body = Data<Form>),
    (status = 404, body = Failure),
    (status = 409, description = "The slug is taken, or someone else changed the form first", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<FormId>,
    Body(body): Body<FormFields>,
) -> ApiResult<Data<Form>> {
    let version = body.version;
    update(identity, app, id, body.for_patch(), version).await
}

async fn update(
    identity: Identity,
    app: App,
    id: FormId,
    content: Content,
    version: Option<i64>,
) -> ApiResult<Data<Form>> {
    let updated = app
        .store
        .write(move |tx| Box::pin(form_edit(tx, identity.tenant, identity.actor, id, content, version)));
    Ok(Data::new(updated.await?.0.into()))
}

/// Puts a form away: it takes no answers any more; its submissions stay.
#[utoipa::path(delete, path = "/api/forms/{id}", tag = "Forms", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 404, body = Failure),
))]
async fn delete(Editor(identity): Editor, State(app): State<App>, Id(id): Id<FormId>) -> ApiResult<Done> {
    app.store.write(move |tx| Box::pin(form_archive(tx, identity.tenant, identity.actor, id))).await?;
    Ok(Done::deleted(id.get()))
}
