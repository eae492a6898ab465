//! Workflows as files: what is kept in a repository and applied again. A file finds its workflow by its key.

use axum::extract::State;
use model::{
    TenantId, WorkflowId,
    user::Identity,
    workflow::{Definition, Workflow},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{
    StoreError, StoreResult, Tx,
    workflow::{
        Change, DraftChange, NewWorkflow, slug, workflow_create, workflow_find, workflow_get, workflow_update,
    },
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    workflow_versions::{ChangeShape, changes},
    workflows::{DefinitionFields, WorkflowFields, to_the_end, within},
};
use crate::{
    App,
    answer::Data,
    body::{Body, Id, Parameters},
    callee::{self, Saved},
    config_secret,
    definition::{self, Sent},
    error::{ApiError, ApiResult, Failure},
    hook_secret,
    identity::{Editor, Viewer},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(import))
}

/// Workflows of one import.
const MOST: usize = 200;
/// How often an import is tried again when others change its workflows meanwhile.
const TRIES: usize = 5;

/// A workflow as a file: its key and its published definition. Secrets are masked.
#[utoipa::path(get, path = "/api/workflows/{id}/export", tag = "Workflows", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<WorkflowFile>),
    (status = 404, body = Failure),
))]
async fn export(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
) -> ApiResult<Data<Map<String, Value>>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let workflow = workflow_get(&mut connection, identity.tenant, id).await?;
    Ok(Data::new(definition::file(&workflow.key, &workflow.definition)))
}

/// A workflow as a file.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `definition::file` writes")]
pub struct WorkflowFile {
    /// The format: 2. An import takes older ones too.
    #[schema(rename = "schemaVersion")]
    schema_version: i64,
    /// The stable name by which an import finds the workflow.
    key: String,
    /// The definition.
    #[serde(flatten)]
    definition: DefinitionFields,
}

/// What became of one workflow of an import.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Imported {
    /// Its id; null in a dry run for one that would be made.
    #[schema(value_type = Option<i64>, required)]
    id: Option<WorkflowId>,
    /// Its key.
    key: String,
    /// Its name.
    name: String,
    /// What was done.
    status: Import,
    /// The version that runs now; in a dry run, that would.
    published_version: i64,
    /// Events start it.
    is_active: bool,
    /// What is different in it now, in words.
    changes: Vec<ChangeShape>,
}

/// How an import is meant.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Importing {
    /// True: says what the import would do, and does nothing.
    #[param(default = false)]
    dry_run: Option<bool>,
}

/// What was done with one workflow of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Import {
    /// There was no workflow with this key.
    Created,
    /// The workflow with this key was different.
    Updated,
    /// The workflow with this key was the same.
    Unchanged,
}

/// One answer, or one for each of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ImportAnswer {
    /// To one workflow.
    One(Imported),
    /// To a list.
    Many(Vec<Imported>),
}

/// One file or a list of files.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum ImportBody {
    /// One workflow.
    One(Box<WorkflowFields>),
    /// Up to 200 workflows.
    Many(Vec<WorkflowFields>),
}

/// Makes or updates workflows by their keys: all of them or, when one has a problem, none.
///
/// Importing the same again changes nothing, also when the file spells it in another way (`<=` or `less_than_or_equal`). Whether events start a
/// workflow changes only when the file says it. Files of an older `schemaVersion` are brought forward; newer ones are refused.
#[utoipa::path(post, path = "/api/workflows/import", tag = "Workflows", params(Importing), request_body = ImportBody, responses(
    (status = 200, body = Data<ImportAnswer>),
    (status = 422, description = "Every problem with its path", body = Failure),
))]
async fn import(
    Editor(identity): Editor,
    State(app): State<App>,
    Parameters(importing): Parameters<Importing>,
    Body(body): Body<Value>,
) -> ApiResult<Data<ImportAnswer>> {
    let is_list = body.is_array();
    let files = files(body)?;
    if importing.dry_run == Some(true) {
        let plans = plan(&app, identity.tenant, &files, is_list).await?;
        return Ok(Data::new(answer(plans.into_iter().map(foreseen).collect(), is_list)));
    }
    let imported = to_the_end(async move {
        let mut tries = 0;
        let imported = loop {
            tries += 1;
            let plans = plan(&app, identity.tenant, &files, is_list).await?;
            let written = app.store.write(move |tx| Box::pin(apply(tx, identity, plans))).await;
            match written {
                Err(StoreError::Stale { .. } | StoreError::Conflict { code: "key_taken", .. })
                    if tries < TRIES => {}
                written => break written?,
            }
        };
        for id in imported.iter().filter_map(|one: &Imported| one.id) {
            app.engine.workflow_changed(identity.tenant, id).await?;
        }
        Ok(imported)
    })
    .await?;
    Ok(Data::new(answer(imported, is_list)))
}

fn answer(mut imported: Vec<Imported>, is_list: bool) -> ImportAnswer {
    match imported.pop() {
        Some(only) if !is_list => ImportAnswer::One(only),
        last => ImportAnswer::Many(imported.into_iter().chain(last).collect()),
    }
}

/// The workflows of a body: one or a list, each perhaps still in the envelope that the export came in.
fn files(body: Value) -> ApiResult<Vec<Sent>> {
    let (list, is_list) = match body {
        Value::Array(list) => (list, true),
        one => (vec![one], false),
    };
    if list.is_empty() || list.len() > MOST {
        return Err(ApiError::invalid("", format!("a list of 1 to {MOST} workflows is needed")));
    }
    let mut files = Vec::with_capacity(list.len());
    let mut problems = Vec::new();
    for (at, mut file) in list.into_iter().enumerate() {
        if file.get("success") == Some(&Value::Bool(true))
            && let Some(data) = file.get_mut("data")
        {
            file = data.take();
        }
        let place = if is_list { format!("[{at}]") } else { String::new() };
        match Sent::read_file(file) {
            Ok(sent) => {
                if files.iter().any(|earlier| key(earlier) == key(&sent)) {
                    problems.push(model::Problem::at(
                        at_place(&place, "key"),
                        "another workflow of the list has this key",
                    ));
                }
                files.push(sent);
            }
            Err(found) => problems.extend(placed(&place, found)),
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(ApiError::unprocessable(problems)) }
}

/// The key of a file, given or made from its name.
fn key(sent: &Sent) -> String {
    sent.key.clone().unwrap_or_else(|| slug(&sent.whole().name))
}

/// What is to be done for one file.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each file that is imported")]
enum Plan {
    Create(NewWorkflow),
    Update(Box<Workflow>, Box<Change>),
}

async fn plan(app: &App, tenant: TenantId, files: &[Sent], is_list: bool) -> ApiResult<Vec<Plan>> {
    let mut connection = app.store.read(tenant).await?;
    let mut plans = Vec::with_capacity(files.len());
    let mut problems = Vec::new();
    let keys: Vec<String> = files.iter().map(key).collect();
    for (at, sent) in files.iter().enumerate() {
        let (key, mut definition) = (key(sent), sent.whole());
        let found = workflow_find(&mut connection, tenant, &key).await?;
        if let Some(found) = &found {
            restore(&mut definition, found);
        }
        // Before it is sealed: what is no key cannot be told from a sealed one.
        let faults = definition::problems(&definition);
        let stored: Vec<&Definition> = found.iter().map(|found| &found.definition).collect();
        hook_secret::seal(&mut definition, &stored, &app.secrets(), tenant)?;
        if let Some(found) = &found
            && found.published_version > 0
            && definition::say_the_same(&found.definition, &definition)
        {
            definition.clone_from(&found.definition);
        }
        let place = if is_list { format!("[{at}]") } else { String::new() };
        problems.extend(placed(&place, faults));
        let saved = Saved { id: found.as_ref().map(|found| found.id), keys: &keys };
        let missing = callee::problems(&mut connection, tenant, &definition, saved).await?;
        problems.extend(placed(&place, missing));
        plans.push(match found {
            None => Plan::Create(NewWorkflow {
                key: Some(key),
                definition,
                is_draft: false,
                is_active: sent.is_active.unwrap_or(false),
            }),
            Some(found) => {
                let change = Change {
                    definition: Some(definition),
                    // A file says all that there is: only a workflow that was nothing but a draft loses it.
                    draft: if found.published_version == 0 { DraftChange::Drop } else { DraftChange::Keep },
                    is_active: sent.is_active,
                    version: Some(found.version),
                    ..Change::default()
                };
                Plan::Update(Box::new(found), Box::new(change))
            }
        });
    }
    if problems.is_empty() { Ok(plans) } else { Err(ApiError::unprocessable(problems)) }
}

fn restore(definition: &mut Definition, found: &Workflow) {
    config_secret::restore_all(definition, &[&found.definition]);
}

/// What a plan would do. Pure.
fn foreseen(plan: Plan) -> Imported {
    match plan {
        Plan::Create(new) => Imported {
            id: None,
            status: Import::Created,
            published_version: 1,
            is_active: new.is_active,
            changes: made(&new),
            key: new.key.unwrap_or_default(),
            name: new.definition.name,
        },
        Plan::Update(before, change) => {
            let changes = changed(&before, &change);
            let is_other = change
                .definition
                .as_ref()
                .is_some_and(|definition| before.published_version == 0 || *definition != before.definition);
            Imported {
                id: Some(before.id),
                status: if changes.is_empty() && !is_other { Import::Unchanged } else { Import::Updated },
                published_version: before.published_version + i64::from(is_other),
                is_active: change.is_active.unwrap_or(before.is_active),
                key: before.key,
                name: change.definition.map_or(before.definition.name, |definition| definition.name),
                changes,
            }
        }
    }
}

/// What there is of a new workflow.
fn made(new: &NewWorkflow) -> Vec<ChangeShape> {
    // That it has a name is no news.
    let nothing = Definition { name: new.definition.name.clone(), ..Sent::default().whole() };
    changes(&nothing, &new.definition)
}

/// What is different after a change.
fn changed(before: &Workflow, change: &Change) -> Vec<ChangeShape> {
    let definition = change.definition.as_ref().unwrap_or(&before.definition);
    let mut found = changes(&before.definition, definition);
    found.extend(
        change.is_active.filter(|is_active| *is_active != before.is_active).map(ChangeShape::activity),
    );
    found
}

async fn apply(tx: &mut Tx, identity: Identity, plans: Vec<Plan>) -> StoreResult<Vec<Imported>> {
    let Identity { tenant, actor, .. } = identity;
    let mut imported = Vec::with_capacity(plans.len());
    for plan in plans {
        let (workflow, status, changes) = match plan {
            Plan::Create(new) => {
                let changes = made(&new);
                (workflow_create(tx, tenant, actor, new).await?, Import::Created, changes)
            }
            Plan::Update(before, change) => {
                let changes = changed(&before, &change);
                let after = workflow_update(tx, tenant, actor, before.id, *change).await?;
                let status =
                    if after.version == before.version { Import::Unchanged } else { Import::Updated };
                (after, status, changes)
            }
        };
        imported.push(Imported {
            id: Some(workflow.id),
            key: workflow.key,
            name: workflow.definition.name,
            status,
            published_version: workflow.published_version,
            is_active: workflow.is_active,
            changes,
        });
    }
    Ok(imported)
}

fn placed(place: &str, problems: Vec<model::Problem>) -> Vec<model::Problem> {
    if place.is_empty() { problems } else { within(place, problems) }
}

fn at_place(place: &str, path: &str) -> String {
    if place.is_empty() { path.to_owned() } else { format!("{place}.{path}") }
}
