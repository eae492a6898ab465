//! `/api/workflow-templates`: ready-made workflows, the system's and the tenant's own.

use axum::extract::State;
use model::{
    Problem, TemplateId, TenantId, WorkflowId,
    template::{Category, Variable, WorkflowTemplate},
    user::Identity,
};
use rules::{blank, definition::ON_FAILURE};
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{
    StoreError,
    template::{
        self as stored, Content, content_of, template_create, template_delete, template_get, template_list,
        template_update, template_used,
    },
    workflow::{workflow_create, workflow_get},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::workflows::{Workflow, new_workflow, shown, unknown_callees, within};
use crate::{
    App,
    answer::{Created, Data, Done, List},
    blanked::{blanked, secret_keys},
    body::{Body, Id, Perhaps},
    config_secret,
    definition::{self, Sent as SentWorkflow},
    error::{ApiError, ApiResult, Failure},
    hook_secret,
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
    record::{Sent, names, record_in, record_out},
};

/// What stands for a secret when a template is tried: one that every step takes, of 32 bytes that are zero.
const SAMPLE_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, replace, change, delete))
        .routes(routes!(make_workflow))
        .routes(routes!(save))
}

names! {
    /// What a template is for.
    CategoryName of Category;
}

record_out! {
    /// A ready-made workflow with blanks.
    Template from WorkflowTemplate {
        /// Unique over the installation.
        id: TemplateId as i64,
        /// What it is called.
        name: String as String,
        /// What it does.
        description: Option<String> as Option<String>,
        /// What it is for.
        category: Option<Category> as Option<CategoryName>,
        /// One line for the gallery.
        use_case: Option<String> as Option<String>,
        /// A workflow in which `[[key]]` stands for the variable of that key.
        workflow_definition: Value as Object,
        /// The name of an icon.
        icon: Option<String> as Option<String>,
        /// Words to find it by.
        tags: Vec<String> as Vec<String>,
        /// The blanks: `key`, `label`, `type` (`text`, `number`, `email`, `url`, `form`, `user`, `question`, `integration`), `required`, `default`.
        variables: Vec<Variable> as Vec<Object>,
        /// Trigger data to try it with.
        sample_data: Option<Value> as Option<Object>,
        /// The system's own, for all tenants, and read-only.
        is_public: bool as bool,
        /// The tenant it belongs to, when it is not the system's.
        tenant_id: Option<TenantId> as Option<i64>,
        /// How many workflows were made from it.
        usage_count: i64 as i64,
    }
}

record_in! {
    /// The fields of a template. A new one needs a `name` and a `workflow_definition`.
    TemplateFields {
        /// What it is called.
        name: String,
        /// What it does.
        description: String,
        /// `customer_service`, `sales`, `marketing`, `operations`.
        category: String,
        /// One line for the gallery.
        use_case: String,
        /// A workflow in which `[[key]]` stands for the variable of that key.
        workflow_definition: Map<String, Value>,
        /// The name of an icon.
        icon: String,
        /// Words to find it by.
        tags: Vec<String>,
        /// The blanks: `key`, `label`, `type`, `required`, `default`.
        variables: Vec<Value>,
        /// Trigger data to try it with.
        sample_data: Map<String, Value>,
    }
    ignoring is_public
}

/// Which templates a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Name, description or use case contains this, without regard to case.
    q: Option<String>,
    /// For this.
    #[param(value_type = Option<CategoryName>)]
    category: Option<Category>,
    /// With this tag.
    tag: Option<String>,
}

/// Templates, newest first: the tenant's own and the system's.
#[utoipa::path(get, path = "/api/workflow-templates", tag = "Templates", params(Filter, PageQuery), responses(
    (status = 200, body = List<Template>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Template>> {
    let filter = stored::Filter { text: filter.q, category: filter.category, tag: filter.tag };
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = template_list(&mut connection, identity.tenant, &filter, page).await?;
    Ok(List::of(paged, page, out))
}

/// Makes a template of the tenant's own.
#[utoipa::path(post, path = "/api/workflow-templates", tag = "Templates", request_body = TemplateFields, responses(
    (status = 201, body = Data<Template>),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn create(
    Editor(Identity { tenant, actor, .. }): Editor,
    State(app): State<App>,
    Body(body): Body<TemplateFields>,
) -> ApiResult<Created<Template>> {
    let content = content(Map::new(), body.for_create(), None)?;
    let made = app
        .store
        .write(move |tx| Box::pin(async move { template_create(tx, tenant, actor, &content).await }))
        .await?;
    Ok(Created(out(made)))
}

/// One template.
#[utoipa::path(get, path = "/api/workflow-templates/{id}", tag = "Templates", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Template>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<TemplateId>,
) -> ApiResult<Data<Template>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(out(template_get(&mut connection, identity.tenant, id).await?)))
}

/// Replaces one of the tenant's own templates: fields that are not sent become empty.
#[utoipa::path(put, path = "/api/workflow-templates/{id}", tag = "Templates", params(("id" = i64, Path)), request_body = TemplateFields, responses(
    (status = 200, body = Data<Template>),
    (status = 403, description = "It is the system's", body = Failure),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first", body = Failure),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn replace(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<TemplateId>,
    Body(body): Body<TemplateFields>,
) -> ApiResult<Data<Template>> {
    let before = own(&app, identity.tenant, id).await?;
    let content = content(Map::new(), body.for_create(), Some(&before))?;
    update(&app, identity, &before, content, body.version).await
}

/// Changes some fields of one of the tenant's own templates.
#[utoipa::path(patch, path = "/api/workflow-templates/{id}", tag = "Templates", params(("id" = i64, Path)), request_body = TemplateFields, responses(
    (status = 200, body = Data<Template>),
    (status = 403, description = "It is the system's", body = Failure),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first", body = Failure),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn change(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<TemplateId>,
    Body(body): Body<TemplateFields>,
) -> ApiResult<Data<Template>> {
    let before = own(&app, identity.tenant, id).await?;
    let base = match serde_json::to_value(content_of(&before)) {
        Ok(Value::Object(base)) => base,
        _ => Map::new(),
    };
    let content = content(base, body.for_patch(), Some(&before))?;
    update(&app, identity, &before, content, body.version).await
}

/// The write insists on the version that was read: what was merged and checked is what is there.
async fn update(
    app: &App,
    Identity { tenant, actor, .. }: Identity,
    before: &WorkflowTemplate,
    content: Content,
    sent: Option<i64>,
) -> ApiResult<Data<Template>> {
    let (id, version) = (before.id, Some(sent.unwrap_or(before.version)));
    let updated = app
        .store
        .write(move |tx| {
            Box::pin(async move { template_update(tx, tenant, actor, id, &content, version).await })
        })
        .await?;
    Ok(Data::new(out(updated)))
}

/// Deletes one of the tenant's own templates. Workflows that were made from it stay.
#[utoipa::path(delete, path = "/api/workflow-templates/{id}", tag = "Templates", params(("id" = i64, Path)), responses(
    (status = 200, body = Done),
    (status = 403, description = "It is the system's", body = Failure),
    (status = 404, body = Failure),
))]
async fn delete(
    Editor(Identity { tenant, .. }): Editor,
    State(app): State<App>,
    Id(id): Id<TemplateId>,
) -> ApiResult<Done> {
    own(&app, tenant, id).await?;
    app.store.write(move |tx| Box::pin(template_delete(tx, tenant, id))).await?;
    Ok(Done::deleted(id.get()))
}

/// What goes into the blanks.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filling {
    /// Values by the keys of the template's variables.
    #[serde(default)]
    #[schema(value_type = Object, required = false, example = json!({"form": 10, "owner": 3}))]
    variables: Map<String, Value>,
    /// What the workflow is called; else as the template.
    #[schema(required = false)]
    name: Option<String>,
    /// The workflow's key; else made from the name.
    #[schema(required = false)]
    key: Option<String>,
}

/// Makes a workflow from a template. It is published and not active: look it over, try it, activate it.
#[utoipa::path(post, path = "/api/workflow-templates/{id}/use", tag = "Templates", params(("id" = i64, Path)), request_body(content = Option<Filling>), responses(
    (status = 201, body = Data<Workflow>),
    (status = 404, body = Failure),
    (status = 409, description = "The key is taken", body = Failure),
    (status = 422, description = "Every problem with its path: `variables.owner`", body = Failure),
))]
async fn make_workflow(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<TemplateId>,
    Perhaps(filling): Perhaps<Filling>,
) -> ApiResult<Created<Workflow>> {
    let Identity { tenant, actor, .. } = identity;
    let template = template_get(&mut *app.store.read(tenant).await?, tenant, id).await?;
    let filled = blank::fill(&template.workflow_definition, &template.variables, &filling.variables);
    let mut filled = filled.map_err(ApiError::unprocessable)?;
    if let (Some(name), Some(fields)) = (filling.name, filled.as_object_mut()) {
        fields.insert("name".to_owned(), Value::from(name));
    }
    let unfit = |problems| ApiError::unprocessable(within("workflow_definition", problems));
    let mut sent = SentWorkflow::read_file(filled).map_err(unfit)?;
    sent.key = filling.key;
    sent.is_active = Some(false);
    let mut new = new_workflow(sent, false).map_err(|error| match error.details.is_empty() {
        true => error,
        false => unfit(error.details),
    })?;
    hook_secret::seal(&mut new.definition, &[], &app.secrets(), tenant)?;
    let missing = unknown_callees(&app, identity, (None, new.key.as_deref()), &new.definition).await?;
    if !missing.is_empty() {
        return Err(unfit(missing));
    }
    let made = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                template_used(tx, tenant, id).await?;
                workflow_create(tx, tenant, actor, new).await
            })
        })
        .await?;
    app.engine.workflow_changed(tenant, made.id).await?;
    Ok(Created(shown(&app, identity, made)))
}

/// Makes a template of the tenant's own from a workflow's published definition. Secrets, users, forms, connections and records that the workflow names become
/// blanks. The body says what the template is called and the like; what it leaves out is as in the workflow.
#[utoipa::path(post, path = "/api/workflows/{id}/template", tag = "Templates", params(("id" = i64, Path)), request_body(content = Option<TemplateFields>), responses(
    (status = 201, body = Data<Template>),
    (status = 404, body = Failure),
    (status = 409, description = "The workflow was never published", body = Failure),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn save(
    Editor(Identity { tenant, actor, .. }): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Perhaps(body): Perhaps<TemplateFields>,
) -> ApiResult<Created<Template>> {
    let workflow = workflow_get(&mut *app.store.read(tenant).await?, tenant, id).await?;
    if workflow.published_version == 0 {
        let message = format!("workflow {id} is only a draft: publish it before a template is made of it");
        return Err(StoreError::conflict("not_published", message).into());
    }
    let mut file = definition::file(&workflow.key, &workflow.definition);
    file.shift_remove("key");
    let (definition, variables) = blanked(file);
    let base = Map::from_iter([
        ("name".to_owned(), Value::from(workflow.definition.name.clone())),
        ("description".to_owned(), Value::from(workflow.definition.description.clone())),
        ("workflow_definition".to_owned(), definition),
        ("variables".to_owned(), serde_json::to_value(variables).unwrap_or_default()),
    ]);
    let content = content(base, body.for_create(), None)?;
    let made = app
        .store
        .write(move |tx| Box::pin(async move { template_create(tx, tenant, actor, &content).await }))
        .await?;
    Ok(Created(out(made)))
}

/// A template that this tenant may change.
async fn own(app: &App, tenant: TenantId, id: TemplateId) -> ApiResult<WorkflowTemplate> {
    let template = template_get(&mut *app.store.read(tenant).await?, tenant, id).await?;
    if template.is_public {
        return Err(ApiError::forbidden(format!(
            "template {id} is the system's and cannot be changed: make one of your own from its definition"
        )));
    }
    Ok(template)
}

fn out(mut template: WorkflowTemplate) -> Template {
    hook_secret::hide_in(&mut template.workflow_definition);
    for list in ["actions", ON_FAILURE] {
        if let Some(steps) = template.workflow_definition.get_mut(list) {
            *steps = config_secret::hide(steps);
        }
    }
    template.into()
}

/// What a template says after `fields` were put over `base`, when a workflow can be made from it.
fn content(
    mut base: Map<String, Value>,
    fields: Map<String, Value>,
    before: Option<&WorkflowTemplate>,
) -> ApiResult<Content> {
    for (name, value) in fields {
        if value.is_null() {
            base.shift_remove(&name);
        } else {
            base.insert(name, value);
        }
    }
    let missing = ["name", "workflow_definition"].into_iter().filter(|name| !base.contains_key(*name));
    let missing: Vec<Problem> = missing.map(|name| Problem::at(name, "is needed")).collect();
    if !missing.is_empty() {
        return Err(ApiError::unprocessable(missing));
    }
    let mut content: Content = serde_path_to_error::deserialize(Value::Object(base))
        .map_err(|error| ApiError::invalid(error.path().to_string(), error.into_inner().to_string()))?;
    if let Some(before) = before {
        hook_secret::restore_in(&mut content.workflow_definition, &before.workflow_definition);
    }
    for list in ["actions", ON_FAILURE] {
        let stored = before.and_then(|before| before.workflow_definition.get(list));
        if let (Some(steps), Some(stored)) = (content.workflow_definition.get_mut(list), stored) {
            config_secret::restore(steps, &[stored]);
        }
    }
    let problems = problems(&content);
    if problems.is_empty() { Ok(content) } else { Err(ApiError::unprocessable(problems)) }
}

/// What keeps a workflow from being made, whatever goes into the blanks.
fn problems(content: &Content) -> Vec<Problem> {
    let problems = blank::check(&content.workflow_definition, &content.variables);
    if !problems.is_empty() {
        return problems;
    }
    let mut samples = blank::samples(&content.variables);
    for key in secret_keys(&content.workflow_definition) {
        if content.variables.iter().any(|variable| variable.key == key && variable.default.is_none()) {
            samples.insert(key, SAMPLE_SECRET.into());
        }
    }
    let problems = blank::fill(&content.workflow_definition, &content.variables, &samples)
        .and_then(SentWorkflow::read_file)
        .map_or_else(|problems| problems, |sent| definition::problems(&sent.whole()));
    within("workflow_definition", problems)
}
