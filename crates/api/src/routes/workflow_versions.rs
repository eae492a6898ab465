//! `/api/workflows/{id}/versions`: what a workflow was, what is different in it since, and how it becomes that again.

use std::collections::HashMap;

use axum::extract::{Path, State, rejection::PathRejection};
use model::{
    Actor, TenantId, Timestamp, WorkflowId,
    user::Identity,
    workflow::{Definition, Workflow as Stored, WorkflowVersion},
};
use rules::{Difference, DifferenceKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{
    Connection, StoreError,
    user::actor_names,
    workflow::{
        Change, DraftChange, workflow_get, workflow_recall, workflow_update, workflow_version_get,
        workflow_version_list,
    },
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::workflows::{DefinitionFields, Workflow, saved, shown, to_the_end, unknown_callees};
use crate::{
    App,
    answer::{Data, List},
    body::{Id, Perhaps},
    definition,
    error::{ApiError, ApiResult, Conflict, Failure},
    identity::{Editor, Viewer},
    page::{Listing, NoFilter, PageQuery},
    record::names,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(compare))
        .routes(routes!(restore))
}

/// A version in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionSummary {
    /// Whose it is.
    #[schema(value_type = i64)]
    workflow_id: WorkflowId,
    /// 1, 2, 3 …
    number: i64,
    /// What the workflow was called.
    name: String,
    /// Why, in the author's words.
    note: Option<String>,
    /// It is the one that runs.
    is_published: bool,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>)]
    created_by: Option<Actor>,
    /// What that user or API key is called; null of others, and when it is gone.
    #[schema(required)]
    author: Option<String>,
}

/// A version with its definition.
#[derive(Debug, Serialize, ToSchema)]
pub struct Version {
    #[serde(flatten)]
    summary: VersionSummary,
    /// What was saved.
    #[schema(value_type = DefinitionFields)]
    definition: Map<String, Value>,
}

fn summary(version: &WorkflowVersion, published: i64, authors: &Authors) -> VersionSummary {
    VersionSummary {
        workflow_id: version.workflow_id,
        number: version.number,
        name: version.definition.name.clone(),
        note: version.note.clone(),
        is_published: version.number == published,
        created_at: version.created_at,
        created_by: version.created_by,
        author: version.created_by.and_then(|actor| authors.get(&actor).cloned()),
    }
}

/// Actors by their names.
type Authors = HashMap<Actor, String>;

/// A workflow's versions, newest first, also of a workflow that was deleted.
#[utoipa::path(get, path = "/api/workflows/{id}/versions", tag = "Workflows", params(("id" = i64, Path), PageQuery), responses(
    (status = 200, body = List<VersionSummary>),
    (status = 404, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Listing { page, .. }: Listing<NoFilter>,
) -> ApiResult<List<VersionSummary>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let workflow = workflow_recall(&mut connection, identity.tenant, id).await?;
    let paged = workflow_version_list(&mut connection, identity.tenant, id, page).await?;
    let actors = paged.rows.iter().filter_map(|version| version.created_by);
    let authors = actor_names(&mut connection, identity.tenant, actors).await?;
    Ok(List::of(paged, page, |version| summary(&version, workflow.published_version, &authors)))
}

/// One version.
#[utoipa::path(get, path = "/api/workflows/{id}/versions/{number}", tag = "Workflows", params(("id" = i64, Path), ("number" = i64, Path)), responses(
    (status = 200, body = Data<Version>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    number: Result<Path<(String, String)>, PathRejection>,
) -> ApiResult<Data<Version>> {
    let number = number.map_or_else(|_| String::new(), |Path((_, number))| number);
    let mut connection = app.store.read(identity.tenant).await?;
    let workflow = workflow_recall(&mut connection, identity.tenant, id).await?;
    let version = version_get(&mut connection, identity.tenant, id, &number).await?;
    let authors = actor_names(&mut connection, identity.tenant, version.created_by.into_iter()).await?;
    let summary = summary(&version, workflow.published_version, &authors);
    Ok(Data::new(Version { summary, definition: definition::out(&version.definition) }))
}

async fn version_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: WorkflowId,
    number: &str,
) -> ApiResult<WorkflowVersion> {
    let wanted =
        number.parse().map_err(|_| ApiError::not_found(format!("version {number} of workflow {id}")))?;
    Ok(workflow_version_get(connection, tenant, id, wanted).await?)
}

names! {
    /// What became of something.
    ChangeKindName of DifferenceKind;
}

/// One difference between two definitions.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = WorkflowChange)]
pub struct ChangeShape {
    /// What became of it.
    #[schema(value_type = ChangeKindName)]
    kind: DifferenceKind,
    /// Where it is in the second side; of what was removed, where it was in the first.
    #[schema(example = "actions[1].config.to")]
    path: String,
    /// The id of the step that it is about; null: it is about the workflow itself.
    #[schema(required)]
    step: Option<String>,
    /// What the first side says; of a step that was moved, its path there. Secrets are masked.
    #[schema(value_type = Value, required)]
    before: Option<Value>,
    /// What the second side says.
    #[schema(value_type = Value, required)]
    after: Option<Value>,
    /// All of it in a sentence.
    #[schema(example = "step s1 (send_email): config.subject was \"Hello\" and is \"Hello again\"")]
    message: String,
}

impl From<Difference> for ChangeShape {
    fn from(Difference { kind, path, step, before, after, message }: Difference) -> Self {
        Self { kind, path, step, before, after, message }
    }
}

impl ChangeShape {
    /// Events start the workflow now, or no longer.
    pub(crate) fn activity(is_active: bool) -> Self {
        Self {
            kind: DifferenceKind::Changed,
            path: "is_active".to_owned(),
            step: None,
            before: Some(Value::Bool(!is_active)),
            after: Some(Value::Bool(is_active)),
            message: format!("is_active was {} and is {is_active}", !is_active),
        }
    }
}

/// What is different between two definitions, as it is shown.
pub(crate) fn changes(before: &Definition, after: &Definition) -> Vec<ChangeShape> {
    definition::differences(before, after).into_iter().map(ChangeShape::from).collect()
}

/// One side of a comparison.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparedSide {
    /// The version's number; null: the draft.
    #[schema(required)]
    number: Option<i64>,
    /// What the workflow is called there.
    name: String,
    /// Why, in the author's words.
    #[schema(required)]
    note: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>, required)]
    created_by: Option<Actor>,
    /// What that user or API key is called; null of others, and when it is gone.
    #[schema(required)]
    author: Option<String>,
}

/// Two sides and what is different.
#[derive(Debug, Serialize, ToSchema)]
pub struct Comparison {
    /// The first side.
    before: ComparedSide,
    /// The second side.
    after: ComparedSide,
    /// Every difference: fields first, then steps that are gone, then the others in the order of the second side. Empty: they are the same.
    changes: Vec<ChangeShape>,
}

/// The word that names the draft as a side.
const DRAFT: &str = "draft";

/// What is different between two versions of a workflow, in words. Either side may be `draft`.
#[utoipa::path(get, path = "/api/workflows/{id}/versions/{number}/diff/{other}", tag = "Workflows",
    params(("id" = i64, Path), ("number" = String, Path, description = "A version's number, or `draft`: the first side"),
        ("other" = String, Path, description = "A version's number, or `draft`: the second side")),
    responses(
        (status = 200, body = Data<Comparison>),
        (status = 404, body = Failure),
    ))]
async fn compare(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    sides: Result<Path<(String, String, String)>, PathRejection>,
) -> ApiResult<Data<Comparison>> {
    let (first, second) =
        sides.map_or_else(|_| Default::default(), |Path((_, first, second))| (first, second));
    let mut connection = app.store.read(identity.tenant).await?;
    let workflow = workflow_recall(&mut connection, identity.tenant, id).await?;
    let (before, was) = side(&mut connection, &workflow, &first).await?;
    let (after, is) = side(&mut connection, &workflow, &second).await?;
    Ok(Data::new(Comparison { before, after, changes: changes(&was, &is) }))
}

async fn side(
    connection: &mut Connection,
    workflow: &Stored,
    name: &str,
) -> ApiResult<(ComparedSide, Definition)> {
    if name == DRAFT {
        let missing = || ApiError::not_found(format!("a draft of workflow {}", workflow.id));
        let draft = definition::draft(workflow.draft.as_ref()).ok_or_else(missing)?;
        let side = ComparedSide {
            number: None,
            name: draft.name.clone(),
            note: None,
            created_at: workflow.updated_at,
            created_by: workflow.updated_by,
            author: author(connection, workflow.tenant_id, workflow.updated_by).await?,
        };
        return Ok((side, draft));
    }
    let version = version_get(connection, workflow.tenant_id, workflow.id, name).await?;
    let side = ComparedSide {
        number: Some(version.number),
        name: version.definition.name.clone(),
        note: version.note,
        created_at: version.created_at,
        created_by: version.created_by,
        author: author(connection, workflow.tenant_id, version.created_by).await?,
    };
    Ok((side, version.definition))
}

async fn author(
    connection: &mut Connection,
    tenant: TenantId,
    actor: Option<Actor>,
) -> ApiResult<Option<String>> {
    let names = actor_names(connection, tenant, actor.into_iter()).await?;
    Ok(names.into_values().next())
}

/// How a version is restored.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restoring {
    /// The version of the workflow's record that was read: refused when it is not current.
    #[schema(required = false)]
    version: Option<i64>,
}

/// Makes a version the draft; a draft that was there goes. Nothing runs differently until the draft is published.
///
/// The version that is published needs no draft: restoring it throws away what was there.
#[utoipa::path(post, path = "/api/workflows/{id}/versions/{number}/restore", tag = "Workflows",
    params(("id" = i64, Path), ("number" = i64, Path)), request_body(content = Option<Restoring>),
    responses(
        (status = 200, body = Data<Workflow>),
        (status = 404, body = Failure),
        (status = 409, description = "Someone else changed it first: the answer has both sides", body = Failure),
        (status = 422, body = Failure),
    ))]
async fn restore(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    number: Result<Path<(String, String)>, PathRejection>,
    Perhaps(restoring): Perhaps<Restoring>,
) -> ApiResult<Data<Workflow>> {
    let number = number.map_or_else(|_| String::new(), |Path((_, number))| number);
    let Identity { tenant, actor, .. } = identity;
    let mut connection = app.store.read(tenant).await?;
    let key = workflow_get(&mut connection, tenant, id).await?.key;
    let restored = version_get(&mut connection, tenant, id, &number).await?.definition;
    drop(connection);
    let missing = unknown_callees(&app, identity, (Some(id), Some(&key)), &restored).await?;
    let problems = definition::problems(&restored).into_iter().chain(missing).collect();
    let sent = restoring.version;
    let change = Change { draft: DraftChange::Set(restored.clone()), version: sent, ..Change::default() };
    let writer = app.clone();
    let workflow = to_the_end(async move {
        let app = writer;
        let written =
            app.store.write(move |tx| Box::pin(workflow_update(tx, tenant, actor, id, change))).await;
        match written {
            Err(StoreError::Stale { current, sent }) => {
                let stored = workflow_get(&mut *app.store.read(tenant).await?, tenant, id).await?;
                Err(stale((current, sent), &stored, &restored))
            }
            written => Ok(written?),
        }
    })
    .await?;
    Ok(Data::new(saved(shown(&app, identity, workflow), Some(problems))))
}

/// The refusal of a change that somebody else's has overtaken: the numbers of both versions of the record, what is stored, and what the
/// change would have made of it.
pub(crate) fn stale((current, sent): (i64, i64), stored: &Stored, yours: &Definition) -> ApiError {
    let draft = definition::draft(stored.draft.as_ref());
    let theirs = draft.as_ref().unwrap_or(&stored.definition);
    let conflict = Conflict {
        version: stored.version,
        updated_at: stored.updated_at,
        updated_by: stored.updated_by,
        theirs: definition::out(theirs),
        yours: definition::out(yours),
        changes: changes(theirs, yours),
    };
    let mut error = ApiError::from(StoreError::Stale { current, sent });
    error.conflict = Some(Box::new(conflict));
    error
}
