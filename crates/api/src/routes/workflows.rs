//! `/api/workflows`: making, changing, publishing and trying workflows. Files and versions are in
//! [`super::workflow_files`] and [`super::workflow_versions`].

mod shape;

use axum::extract::State;
use model::{
    Problem, Timestamp, WorkflowId,
    user::{Identity, Role},
    workflow::Definition,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{
    StoreError, StoreResult, hook,
    workflow::{
        self as stored, Change, DraftChange, NewWorkflow, slug, workflow_archive, workflow_create,
        workflow_get, workflow_list, workflow_publish, workflow_purge_begin, workflow_purge_end,
        workflow_purge_slice, workflow_recall, workflow_update,
    },
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Created, Data, Done, List},
    body::{Body, Id, Parameters, Perhaps},
    callee::{self, Saved},
    config_secret,
    definition::{self, Sent},
    error::{ApiError, ApiResult, Failure},
    hook_secret,
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
};

use super::workflow_versions::stale;
use shape::WorkflowChanges;
pub(crate) use shape::saved;
pub use shape::{DefinitionFields, DryRunShape, Fault, Workflow, WorkflowFields};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, replace, change, delete))
        .routes(routes!(activate))
        .routes(routes!(deactivate))
        .routes(routes!(publish))
        .routes(routes!(draft_discard))
        .routes(routes!(rotate_hook))
        .routes(routes!(validate))
        .routes(routes!(test))
}

/// How often a change is tried again when others change the workflow meanwhile.
const TRIES: usize = 5;

/// Which workflows a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Name, description or key contains this, without regard to case.
    q: Option<String>,
    /// Only active ones, or only inactive ones.
    active: Option<bool>,
    /// True: those that were deleted. False: the others.
    #[param(default = false)]
    archived: Option<bool>,
    /// Started by this event.
    #[serde(alias = "trigger_event")]
    trigger_event: Option<String>,
}

/// Workflows, newest first.
#[utoipa::path(get, path = "/api/workflows", tag = "Workflows", params(Filter, PageQuery), responses(
    (status = 200, body = List<Workflow>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Workflow>> {
    let event = filter.trigger_event.map(|event| definition::canonical(&event));
    let filter = stored::Filter {
        text: filter.q,
        is_active: filter.active,
        archived: filter.archived.unwrap_or(false),
        trigger_event: event,
    };
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = workflow_list(&mut connection, identity.tenant, &filter, page).await?;
    Ok(List::of(paged, page, |workflow| shown(&app, identity, workflow)))
}

/// How a workflow is saved.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Saving {
    /// True: as a draft, which may be unfinished and does not run; the answer lists its `problems`.
    #[param(default = false)]
    draft: Option<bool>,
}

/// Makes a workflow and publishes it as version 1, or keeps it as a draft.
#[utoipa::path(post, path = "/api/workflows", tag = "Workflows", params(Saving), request_body = WorkflowFields, responses(
    (status = 201, body = Data<Workflow>),
    (status = 409, description = "The key is taken; a draft cannot be active", body = Failure),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn create(
    Editor(identity): Editor,
    State(app): State<App>,
    Parameters(saving): Parameters<Saving>,
    Body(body): Body<Value>,
) -> ApiResult<Created<Workflow>> {
    let is_draft = saving.draft.unwrap_or(false);
    let sent = Sent::read(body).map_err(ApiError::unprocessable)?;
    let mut new = new_workflow(sent, is_draft)?;
    hook_secret::seal(&mut new.definition, &[], &app.secrets(), identity.tenant)?;
    let mut problems = is_draft.then(|| definition::problems(&new.definition));
    let missing = unknown_callees(&app, identity, (None, new.key.as_deref()), &new.definition).await?;
    match &mut problems {
        Some(problems) => problems.extend(missing),
        None if missing.is_empty() => {}
        None => return Err(ApiError::unprocessable(missing)),
    }
    let creating = app.clone();
    let made = to_the_end(async move {
        let (app, Identity { tenant, actor, .. }) = (creating, identity);
        let made = app
            .store
            .write(move |tx| Box::pin(async move { workflow_create(tx, tenant, actor, new).await }))
            .await?;
        app.engine.workflow_changed(tenant, made.id).await?;
        Ok(made)
    })
    .await?;
    Ok(Created(saved(shown(&app, identity, made), problems)))
}

/// A workflow to be made from what was sent.
///
/// # Errors
/// 422 with every problem, unless it is a draft.
pub(crate) fn new_workflow(sent: Sent, is_draft: bool) -> ApiResult<NewWorkflow> {
    let mut definition = sent.whole();
    if is_draft && definition.name.is_empty() {
        "Untitled workflow".clone_into(&mut definition.name);
    }
    if !is_draft {
        check(&definition)?;
    }
    Ok(NewWorkflow { key: sent.key, definition, is_draft, is_active: sent.is_active.unwrap_or(false) })
}

/// Refuses a definition that cannot run.
pub(crate) fn check(definition: &Definition) -> ApiResult<()> {
    let problems = definition::problems(definition);
    if problems.is_empty() { Ok(()) } else { Err(ApiError::unprocessable(problems)) }
}

/// What a definition names and is not there, when it is saved as this workflow.
pub(crate) async fn unknown_callees(
    app: &App,
    identity: Identity,
    (id, key): (Option<WorkflowId>, Option<&str>),
    definition: &Definition,
) -> ApiResult<Vec<Problem>> {
    let keys = [key.map_or_else(|| slug(&definition.name), str::to_owned)];
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(callee::problems(&mut connection, identity.tenant, definition, Saved { id, keys: &keys }).await?)
}

/// Which workflow is shown.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Showing {
    /// True: also when it was deleted.
    #[param(default = false)]
    archived: Option<bool>,
}

/// One workflow.
#[utoipa::path(get, path = "/api/workflows/{id}", tag = "Workflows", params(("id" = i64, Path), Showing), responses(
    (status = 200, body = Data<Workflow>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Parameters(showing): Parameters<Showing>,
) -> ApiResult<Data<Workflow>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let workflow = match showing.archived {
        Some(true) => workflow_recall(&mut connection, identity.tenant, id).await?,
        _ => workflow_get(&mut connection, identity.tenant, id).await?,
    };
    Ok(Data::new(shown(&app, identity, workflow)))
}

/// A workflow for whoever asks: the address at which calls start it lets its bearer in, so viewers do not see it.
pub(crate) fn shown(app: &App, identity: Identity, workflow: model::workflow::Workflow) -> Workflow {
    let has_hook = hook::has_hook(&workflow) && identity.role >= Role::Editor;
    let hook_url = has_hook.then(|| {
        let base = app.config.public_url.as_deref().unwrap_or_default();
        format!("{base}/hooks/{}", hook::hook_token(app.engine.secrets(), &workflow))
    });
    Workflow::of(workflow, hook_url)
}

/// Replaces a workflow's definition and publishes it as the next version: fields that are not sent become empty.
///
/// `key` and `is_active` stay unless sent. When the definition is the same, there is no new version.
#[utoipa::path(put, path = "/api/workflows/{id}", tag = "Workflows", params(("id" = i64, Path), Saving), request_body = WorkflowFields, responses(
    (status = 200, body = Data<Workflow>),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first: the answer has both sides; the key is taken; a draft cannot be active", body = Failure),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn replace(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Parameters(saving): Parameters<Saving>,
    Body(body): Body<Value>,
) -> ApiResult<Data<Workflow>> {
    let sent = Sent::read(body).map_err(ApiError::unprocessable)?;
    let save = Save { whole: true, draft: saving.draft.unwrap_or(false) };
    Ok(Data::new(to_the_end(update(app, identity, id, sent, save)).await?))
}

/// Changes some fields of a workflow and publishes the next version. A draft beside it takes the change too.
#[utoipa::path(patch, path = "/api/workflows/{id}", tag = "Workflows", params(("id" = i64, Path), Saving), request_body = WorkflowChanges, responses(
    (status = 200, body = Data<Workflow>),
    (status = 404, body = Failure),
    (status = 409, description = "Someone else changed it first: the answer has both sides; the key is taken; a draft cannot be active", body = Failure),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn change(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Parameters(saving): Parameters<Saving>,
    Body(body): Body<Value>,
) -> ApiResult<Data<Workflow>> {
    let sent = Sent::read(body).map_err(ApiError::unprocessable)?;
    let save = Save { whole: false, draft: saving.draft.unwrap_or(false) };
    Ok(Data::new(to_the_end(update(app, identity, id, sent, save)).await?))
}

/// How a change is meant.
#[derive(Debug, Clone, Copy)]
struct Save {
    /// What is not sent becomes empty; else it stays.
    whole: bool,
    /// The change is of the draft.
    draft: bool,
}

/// Reads, merges, checks and writes. The definition is compiled outside of the transaction, so the write insists on the version
/// that was read; when the caller named none, a change that came between is merged with, too.
async fn update(app: App, identity: Identity, id: WorkflowId, sent: Sent, save: Save) -> ApiResult<Workflow> {
    let Identity { tenant, actor, .. } = identity;
    let mut tries = 0;
    loop {
        tries += 1;
        let before = workflow_get(&mut *app.store.read(tenant).await?, tenant, id).await?;
        if let Some(version) = sent.version.filter(|version| *version != before.version) {
            return Err(overtaken(&before, &sent, save, version));
        }
        let mut change = changed(&before, &sent, save)?;
        sealed(&app, &before, &mut change)?;
        let name = (Some(id), Some(change.key.as_deref().unwrap_or(&before.key)));
        let problems = match &change.draft {
            DraftChange::Set(draft) if save.draft => {
                let missing = unknown_callees(&app, identity, name, draft).await?;
                Some(definition::problems(draft).into_iter().chain(missing).collect())
            }
            _ => None,
        };
        if let Some(definition) = &change.definition {
            let missing = unknown_callees(&app, identity, name, definition).await?;
            if !missing.is_empty() {
                return Err(ApiError::unprocessable(missing));
            }
        }
        let written = app
            .store
            .write(move |tx| Box::pin(async move { workflow_update(tx, tenant, actor, id, change).await }))
            .await;
        match written {
            Err(StoreError::Stale { .. }) if sent.version.is_none() && tries < TRIES => {}
            Err(StoreError::Stale { sent: version, .. }) => {
                let stored = workflow_get(&mut *app.store.read(tenant).await?, tenant, id).await?;
                return Err(overtaken(&stored, &sent, save, version));
            }
            written => {
                let written = written?;
                app.engine.workflow_changed(tenant, id).await?;
                return Ok(saved(shown(&app, identity, written), problems));
            }
        }
    }
}

/// The refusal of a change that was made for another version than the one that is stored, with both sides.
fn overtaken(stored: &model::workflow::Workflow, sent: &Sent, save: Save, version: i64) -> ApiError {
    let draft = definition::draft(stored.draft.as_ref());
    let theirs = draft.as_ref().unwrap_or(&stored.definition);
    let mut yours = if save.whole { sent.whole() } else { sent.onto(theirs) };
    config_secret::restore_all(&mut yours, &[theirs, &stored.definition]);
    stale((stored.version, version), stored, &yours)
}

/// Seals the secrets of what is to be saved.
fn sealed(app: &App, before: &model::workflow::Workflow, change: &mut Change) -> StoreResult<()> {
    let draft = definition::draft(before.draft.as_ref());
    let stored: Vec<&Definition> = std::iter::once(&before.definition).chain(&draft).collect();
    let (secrets, tenant) = (app.secrets(), before.tenant_id);
    if let Some(definition) = &mut change.definition {
        hook_secret::seal(definition, &stored, &secrets, tenant)?;
    }
    if let DraftChange::Set(draft) = &mut change.draft {
        hook_secret::seal(draft, &stored, &secrets, tenant)?;
    }
    Ok(())
}

/// What a workflow becomes by what was sent. Pure.
fn changed(before: &model::workflow::Workflow, sent: &Sent, save: Save) -> ApiResult<Change> {
    let was_published = before.published_version > 0;
    let draft = definition::draft(before.draft.as_ref());
    let known = [Some(&before.definition), draft.as_ref()];
    let known: Vec<&Definition> = known.into_iter().flatten().collect();
    let merged = |base: &Definition| {
        let mut merged = if save.whole { sent.whole() } else { sent.onto(base) };
        config_secret::restore_all(&mut merged, &known);
        merged
    };
    let mut change = Change {
        key: sent.key.clone(),
        is_active: sent.is_active,
        version: Some(before.version),
        ..Change::default()
    };
    if save.draft && (save.whole || sent.defines()) {
        change.draft = DraftChange::Set(merged(draft.as_ref().unwrap_or(&before.definition)));
    } else if save.whole || sent.defines() {
        let published = merged(&before.definition);
        check(&published)?;
        change.definition = Some(published);
        change.draft = match &draft {
            Some(draft) if was_published && !save.whole => DraftChange::Set(merged(draft)),
            _ => DraftChange::Drop,
        };
    }
    if change.is_active == Some(true) && was_published && !before.is_active && change.definition.is_none() {
        // It was saved by an older program, perhaps: what does not compile would not run.
        check(&before.definition)?;
    }
    Ok(change)
}

/// How a workflow is deleted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Deleting {
    /// True (administrators only): its history goes with it.
    #[param(default = false)]
    purge: Option<bool>,
}

/// Deletes a workflow: no event starts it any more, and its key is free. Its history stays, unless it is purged.
#[utoipa::path(delete, path = "/api/workflows/{id}", tag = "Workflows", params(("id" = i64, Path), Deleting), responses(
    (status = 200, body = Done),
    (status = 403, description = "Only administrators may purge", body = Failure),
    (status = 404, body = Failure),
    (status = 409, description = "Executions are live: a purge has to wait for them", body = Failure),
))]
async fn delete(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Parameters(deleting): Parameters<Deleting>,
) -> ApiResult<Done> {
    let Identity { tenant, actor, role } = identity;
    let purge = deleting.purge == Some(true);
    if purge && role < Role::Admin {
        return Err(ApiError::forbidden(
            "only an administrator may purge history: delete the workflow without purge",
        ));
    }
    to_the_end(async move {
        if !purge {
            app.store.write(move |tx| Box::pin(workflow_archive(tx, tenant, actor, id, None))).await?;
            app.engine.workflow_changed(tenant, id).await?;
            return Ok(());
        }
        app.store.write(move |tx| Box::pin(workflow_purge_begin(tx, tenant, actor, id))).await?;
        app.engine.workflow_changed(tenant, id).await?;
        while app.store.write_patiently(move |tx| Box::pin(workflow_purge_slice(tx, tenant, id))).await? {}
        app.store.write_patiently(move |tx| Box::pin(workflow_purge_end(tx, tenant, id))).await?;
        Ok(())
    })
    .await?;
    Ok(Done::deleted(id.get()))
}

/// Lets events start a workflow.
#[utoipa::path(post, path = "/api/workflows/{id}/activate", tag = "Workflows", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Workflow>),
    (status = 404, body = Failure),
    (status = 409, description = "It was never published", body = Failure),
))]
async fn activate(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
) -> ApiResult<Data<Workflow>> {
    let save = Save { whole: false, draft: false };
    Ok(Data::new(to_the_end(update(app, identity, id, Sent::activity(true), save)).await?))
}

/// Lets no event start a workflow any more. Executions that are under way go on.
#[utoipa::path(post, path = "/api/workflows/{id}/deactivate", tag = "Workflows", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Workflow>),
    (status = 404, body = Failure),
))]
async fn deactivate(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
) -> ApiResult<Data<Workflow>> {
    let save = Save { whole: false, draft: false };
    Ok(Data::new(to_the_end(update(app, identity, id, Sent::activity(false), save)).await?))
}

/// Why a draft is published.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publishing {
    /// Why, in the author's words; kept with the version.
    #[schema(required = false)]
    note: Option<String>,
    /// The version of the workflow whose draft was read: refused when it is not current.
    #[schema(required = false)]
    version: Option<i64>,
}

/// Makes the draft live as the next version.
#[utoipa::path(post, path = "/api/workflows/{id}/publish", tag = "Workflows", params(("id" = i64, Path)), request_body(content = Option<Publishing>), responses(
    (status = 200, body = Data<Workflow>),
    (status = 404, body = Failure),
    (status = 409, description = "There is no draft; someone else changed it first", body = Failure),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn publish(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Perhaps(publishing): Perhaps<Publishing>,
) -> ApiResult<Data<Workflow>> {
    let Identity { tenant, actor, .. } = identity;
    if publishing.note.as_ref().is_some_and(|note| note.chars().count() > 1_000) {
        return Err(ApiError::invalid("note", "at most 1,000 characters are accepted"));
    }
    let before = workflow_get(&mut *app.store.read(tenant).await?, tenant, id).await?;
    let version = publishing.version.unwrap_or(before.version);
    if version != before.version {
        return Err(StoreError::Stale { current: before.version, sent: version }.into());
    }
    let Some(draft) = definition::draft(before.draft.as_ref()) else {
        return Err(ApiError::conflict(
            "no_draft",
            format!("workflow {id} has no draft: version {} is live already", before.published_version),
        ));
    };
    check(&draft)?;
    let missing = unknown_callees(&app, identity, (Some(id), Some(&before.key)), &draft).await?;
    if !missing.is_empty() {
        return Err(ApiError::unprocessable(missing));
    }
    let note = publishing.note;
    let publishing = app.clone();
    let published = to_the_end(async move {
        let app = publishing;
        let published = app
            .store
            .write(move |tx| Box::pin(workflow_publish(tx, tenant, actor, id, draft, note, Some(version))))
            .await?;
        app.engine.workflow_changed(tenant, id).await?;
        Ok(published)
    })
    .await?;
    Ok(Data::new(shown(&app, identity, published)))
}

/// Throws a draft away; what is published stays.
#[utoipa::path(delete, path = "/api/workflows/{id}/draft", tag = "Workflows", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Workflow>),
    (status = 404, body = Failure),
    (status = 409, description = "It was never published: there is nothing but the draft", body = Failure),
))]
async fn draft_discard(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
) -> ApiResult<Data<Workflow>> {
    let Identity { tenant, actor, .. } = identity;
    let change = Change { draft: DraftChange::Drop, ..Change::default() };
    let kept = app.store.write(move |tx| Box::pin(workflow_update(tx, tenant, actor, id, change))).await?;
    Ok(Data::new(shown(&app, identity, kept)))
}

/// Gives a workflow that calls from outside start another address (`hook_url`). The one before opens nothing any more.
#[utoipa::path(post, path = "/api/workflows/{id}/rotate-hook", tag = "Workflows", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Workflow>),
    (status = 404, body = Failure),
    (status = 409, description = "No calls from outside start it", body = Failure),
))]
async fn rotate_hook(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
) -> ApiResult<Data<Workflow>> {
    let Identity { tenant, actor, .. } = identity;
    let rotated = app.store.write(move |tx| Box::pin(hook::hook_rotate(tx, tenant, actor, id))).await?;
    Ok(Data::new(shown(&app, identity, rotated)))
}

/// Does a change to its end, also when the caller hangs up meanwhile: what the store has committed the engine must know.
pub(crate) async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = ApiResult<T>> + Send + 'static,
) -> ApiResult<T> {
    tokio::spawn(change).await.unwrap_or_else(|error| Err(ApiError::internal(error)))
}

/// What a check found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Validation {
    /// It can be published.
    valid: bool,
    /// What is in the way.
    problems: Vec<Fault>,
    /// When the clock would start it next, five times at most; only for a workflow with a schedule.
    #[serde(rename = "nextTimes", skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    next_times: Vec<Timestamp>,
}

/// Times of a schedule that a check tells.
const NEXT_TIMES: usize = 5;

/// Checks a workflow without saving it: 200 also when it has problems.
#[utoipa::path(post, path = "/api/workflows/validate", tag = "Workflows", request_body = WorkflowFields, responses(
    (status = 200, body = Data<Validation>),
))]
async fn validate(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Body(body): Body<Value>,
) -> ApiResult<Data<Validation>> {
    let (problems, next_times) = match Sent::read_file(body) {
        Ok(sent) => {
            let definition = sent.whole();
            let missing = unknown_callees(&app, identity, (None, sent.key.as_deref()), &definition).await?;
            let next_times = app.engine.next_times(identity.tenant, &definition, NEXT_TIMES).await?;
            (definition::problems(&definition).into_iter().chain(missing).collect(), next_times)
        }
        Err(problems) => (problems, Vec::new()),
    };
    Ok(Data::new(Validation {
        valid: problems.is_empty(),
        problems: problems.into_iter().map(Fault::from).collect(),
        next_times,
    }))
}

/// What a workflow is tried with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Trial {
    /// The data of the event.
    #[schema(value_type = Object)]
    trigger_data: Map<String, Value>,
    /// What to try instead of what is stored: a workflow as it is sent to be saved.
    #[serde(default)]
    #[schema(value_type = Option<WorkflowFields>, required = false)]
    definition: Option<Value>,
}

/// What is tried.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Trying {
    /// True: the draft, when there is one, instead of what is published.
    #[param(default = false)]
    draft: Option<bool>,
}

/// A dry run: every condition with both sides and its verdict, every action with its rendered config. Nothing is done.
#[utoipa::path(post, path = "/api/workflows/{id}/test", tag = "Workflows", params(("id" = i64, Path), Trying), request_body = Trial, responses(
    (status = 200, body = Data<DryRunShape>),
    (status = 404, body = Failure),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn test(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Parameters(trying): Parameters<Trying>,
    Body(trial): Body<Trial>,
) -> ApiResult<Data<engine::DryRun>> {
    let stored = workflow_get(&mut *app.store.read(identity.tenant).await?, identity.tenant, id).await?;
    let draft = definition::draft(stored.draft.as_ref()).filter(|_| trying.draft == Some(true));
    let definition = match trial.definition {
        Some(sent) => {
            let sent = Sent::read_file(sent)
                .map_err(|problems| ApiError::unprocessable(within("definition", problems)))?;
            let mut definition = sent.whole();
            config_secret::restore_all(&mut definition, &[&stored.definition]);
            definition
        }
        None => draft.unwrap_or(stored.definition),
    };
    let trigger_data = Value::Object(trial.trigger_data);
    Ok(Data::new(app.engine.dry_run(identity.tenant, Some(id), &definition, &trigger_data).await?))
}

/// Problems of a part, at their paths in the whole.
pub(crate) fn within(part: &str, problems: Vec<Problem>) -> Vec<Problem> {
    let place = |path: &str| match path {
        "" => part.to_owned(),
        path if path.starts_with('[') => format!("{part}{path}"),
        path => format!("{part}.{path}"),
    };
    problems.into_iter().map(|Problem { path, message }| Problem { path: place(&path), message }).collect()
}
