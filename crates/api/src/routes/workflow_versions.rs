//! `/api/workflows/{id}/versions`: what a workflow was.

use axum::extract::{Path, State, rejection::PathRejection};
use model::{Actor, Timestamp, WorkflowId, workflow::WorkflowVersion};
use serde::Serialize;
use serde_json::{Map, Value};
use store::workflow::{workflow_recall, workflow_version_get, workflow_version_list};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::workflows::DefinitionFields;
use crate::{
    App,
    answer::{Data, List},
    body::Id,
    definition,
    error::{ApiError, ApiResult, Failure},
    identity::Viewer,
    page::{Listing, NoFilter, PageQuery},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get))
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

fn summary(version: &WorkflowVersion, published: i64) -> VersionSummary {
    VersionSummary {
        workflow_id: version.workflow_id,
        number: version.number,
        name: version.definition.name.clone(),
        note: version.note.clone(),
        is_published: version.number == published,
        created_at: version.created_at,
        created_by: version.created_by,
    }
}

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
    Ok(List::of(paged, page, |version| summary(&version, workflow.published_version)))
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
    let missing = || ApiError::not_found(format!("version {number} of workflow {id}"));
    let mut connection = app.store.read(identity.tenant).await?;
    let workflow = workflow_recall(&mut connection, identity.tenant, id).await?;
    let wanted = number.parse().map_err(|_| missing())?;
    let version = workflow_version_get(&mut connection, identity.tenant, id, wanted).await?;
    let summary = summary(&version, workflow.published_version);
    Ok(Data::new(Version { summary, definition: definition::out(&version.definition) }))
}
