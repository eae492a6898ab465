//! Workflows: a published definition with its immutable versions, and perhaps a draft beside it.
//!
//! The definition's columns are what is published. Each change of it makes the next version in the same transaction, so
//! that a number names one text for ever and a running execution can finish on the one that it started with. Whether a
//! definition makes sense is not known here: who saves one has compiled it.
//!
//! Counters are read from `workflow_counters`, which the writer keeps; [`workflow_counters_fold`] copies them into the
//! seed's columns for whoever reads the table itself.

mod activity;
mod key;
mod purge;
mod version;

use model::{
    Actor, TenantId, Timestamp, WorkflowId,
    workflow::{Definition, EntryRules, Workflow},
};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    database::{Row, Value, page::list},
    ids::IdKind,
    params,
    schedule::schedule_keep,
};

pub use activity::workflow_active_at;
pub use key::{KEY_RULE, is_key, slug};
pub use purge::{workflow_purge_begin, workflow_purge_end, workflow_purge_slice};
pub use version::{workflow_version_at, workflow_version_get, workflow_version_list};

const COLUMNS: &str = "id, tenant_id, key, name, description, trigger_event, trigger_config, conditions, actions, log_unmatched, on_failure, entry_rules, is_active,
     published_version, hook_generation, draft, execution_count, success_count, failure_count, unmatched_count, last_executed_at, average_duration_ms,
     created_at, updated_at, created_by, updated_by, version, archived_at";

/// The table with its counters as they are now.
const COUNTED: &str = "(SELECT w.id, w.tenant_id, w.key, w.name, w.description, w.trigger_event, w.trigger_config, w.conditions, w.actions,
            w.log_unmatched, w.on_failure, w.entry_rules, w.is_active, w.published_version, w.hook_generation, w.draft, w.created_at, w.updated_at, w.created_by,
            w.updated_by, w.version,
            w.archived_at, coalesce(c.executions, 0) AS execution_count, coalesce(c.successes, 0) AS success_count,
            coalesce(c.failures, 0) AS failure_count, coalesce(c.unmatched, 0) AS unmatched_count, c.last_executed_at,
            CASE WHEN c.ended > 0 THEN c.duration_ms / c.ended END AS average_duration_ms
       FROM workflows w LEFT JOIN workflow_counters c ON c.workflow_id = w.id) AS counted";

/// A workflow to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewWorkflow {
    /// Its stable name; none: made from its name.
    pub key: Option<String>,
    /// What it does.
    pub definition: Definition,
    /// Unfinished: kept as a draft instead of published.
    pub is_draft: bool,
    /// Events start it; only when it is published.
    pub is_active: bool,
}

/// What is to be different in a workflow. Nothing, unless said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Another stable name.
    pub key: Option<String>,
    /// What is to be published; makes a version only when it differs from what is published.
    pub definition: Option<Definition>,
    /// Why, in the author's words: kept with the version.
    pub note: Option<String>,
    /// What becomes of the draft.
    pub draft: DraftChange,
    /// Whether events start it.
    pub is_active: Option<bool>,
    /// The version of the record that the change was made for.
    pub version: Option<i64>,
}

/// What becomes of a draft.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one for each change that somebody asks for")]
pub enum DraftChange {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes.
    Drop,
    /// It is replaced; one that says what is published is none.
    Set(Definition),
}

/// Makes a workflow.
///
/// # Errors
/// [`StoreError::Conflict`] when the key is taken or a draft is to be active.
pub async fn workflow_create(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    new: NewWorkflow,
) -> StoreResult<Workflow> {
    if new.is_draft && new.is_active {
        return Err(unpublished("the workflow"));
    }
    let key = match new.key {
        Some(key) => key::check(tx, tenant, key, None).await?,
        None => key::made(tx, tenant, &new.definition.name).await?,
    };
    let now = tx.now();
    let workflow = Workflow {
        id: WorkflowId::new(tx.id(IdKind::Workflow).await?),
        tenant_id: tenant,
        key,
        published_version: i64::from(!new.is_draft),
        hook_generation: 0,
        is_active: new.is_active,
        draft: new.is_draft.then(|| draft_of(&new.definition)).transpose()?,
        definition: new.definition,
        execution_count: 0,
        success_count: 0,
        failure_count: 0,
        unmatched_count: 0,
        last_executed_at: None,
        average_duration_ms: None,
        created_at: now,
        updated_at: now,
        created_by: Some(actor),
        updated_by: Some(actor),
        version: 1,
        archived_at: None,
    };
    let definition = &workflow.definition;
    tx.execute(
        "INSERT INTO workflows (id, tenant_id, key, name, description, trigger_event, trigger_config, conditions, actions, log_unmatched,
            on_failure, is_active, published_version, draft, created_at, updated_at, created_by, updated_by, version, entry_rules)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15, ?16, ?16, 1, ?17)",
        params![
            workflow.id,
            tenant,
            &workflow.key,
            &definition.name,
            &definition.description,
            &definition.trigger_event,
            &definition.trigger_config,
            &definition.conditions,
            &definition.actions,
            definition.log_unmatched,
            given(&definition.on_failure),
            workflow.is_active,
            workflow.published_version,
            &workflow.draft,
            now,
            actor,
            rules_of(definition)
        ],
    )
    .await?;
    if workflow.published_version > 0 {
        version::insert(tx, &workflow, actor, None).await?;
    }
    activity::keep(tx, None, &workflow).await?;
    schedule_keep(tx, None, &workflow).await?;
    Ok(workflow)
}

/// Changes a workflow; when nothing is different nothing is written.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Stale`]; [`StoreError::Conflict`] when the key is taken, or when it was never
/// published and is to be active or to lose its draft.
pub async fn workflow_update(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: WorkflowId,
    change: Change,
) -> StoreResult<Workflow> {
    tx.hold("workflows", tenant, id.get()).await?;
    let before = workflow_get(tx, tenant, id).await?;
    version_check(&before, change.version)?;
    let mut workflow = before.clone();
    if let Some(key) = change.key {
        workflow.key = key::check(tx, tenant, key, Some(id)).await?;
    }
    if let Some(definition) = change.definition
        && (before.published_version == 0 || definition != before.definition)
    {
        workflow.definition = definition;
        workflow.published_version += 1;
    }
    let was_published = workflow.published_version > 0;
    match change.draft {
        DraftChange::Keep => {}
        DraftChange::Drop if was_published => workflow.draft = None,
        DraftChange::Drop => {
            return Err(StoreError::conflict(
                "not_published",
                format!("workflow {id} is nothing but a draft: delete the workflow instead"),
            ));
        }
        DraftChange::Set(draft) if was_published && draft == workflow.definition => workflow.draft = None,
        DraftChange::Set(draft) => {
            workflow.draft = Some(draft_of(&draft)?);
            if !was_published {
                workflow.definition = draft;
            }
        }
    }
    if let Some(is_active) = change.is_active {
        workflow.is_active = is_active;
    }
    if workflow.is_active && !was_published {
        return Err(unpublished(&format!("workflow {id}")));
    }
    if workflow == before {
        return Ok(workflow);
    }
    workflow_changed_write(tx, actor, &mut workflow).await?;
    if workflow.published_version > before.published_version {
        version::insert(tx, &workflow, actor, change.note.as_deref()).await?;
    }
    activity::keep(tx, Some(&before), &workflow).await?;
    schedule_keep(tx, Some(&before), &workflow).await?;
    Ok(workflow)
}

/// Makes a draft live as the next version. `definition` is the draft, compiled.
///
/// # Errors
/// As for [`workflow_update`].
pub async fn workflow_publish(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: WorkflowId,
    definition: Definition,
    note: Option<String>,
    version: Option<i64>,
) -> StoreResult<Workflow> {
    let change =
        Change { definition: Some(definition), note, draft: DraftChange::Drop, version, ..Change::default() };
    workflow_update(tx, tenant, actor, id, change).await
}

/// Puts a workflow away: no event starts it any more, its key is free, and history still names it.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Stale`].
pub async fn workflow_archive(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: WorkflowId,
    version: Option<i64>,
) -> StoreResult<()> {
    let workflow = workflow_get(tx, tenant, id).await?;
    version_check(&workflow, version)?;
    let now = tx.now();
    tx.execute(
        "UPDATE workflows SET is_active = ?1, archived_at = ?2, updated_at = ?2, updated_by = ?3, version = version + 1
          WHERE id = ?4 AND tenant_id = ?5",
        params![false, now, actor, id, tenant],
    )
    .await?;
    let archived = Workflow { is_active: false, archived_at: Some(now), ..workflow.clone() };
    activity::keep(tx, Some(&workflow), &archived).await?;
    schedule_keep(tx, Some(&workflow), &archived).await
}

/// One workflow that is not put away.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn workflow_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: WorkflowId,
) -> StoreResult<Workflow> {
    let workflow = workflow_recall(connection, tenant, id).await?;
    if workflow.archived_at.is_some() { Err(missing(id)) } else { Ok(workflow) }
}

/// How a workflow stands for what starts it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// It may be started.
    pub is_active: bool,
    /// What it would run.
    pub version: i64,
}

/// How a workflow stands, by its row; none when it was never published, is put away or is not there.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_standing(
    connection: &mut Connection,
    tenant: TenantId,
    id: WorkflowId,
) -> StoreResult<Option<Standing>> {
    let sql = "SELECT is_active, published_version FROM workflows
        WHERE id = ?1 AND tenant_id = ?2 AND archived_at IS NULL AND published_version > 0";
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    row.map(|row| {
        let mut row = row.cells();
        Ok(Standing { is_active: row.take()?, version: row.take()? })
    })
    .transpose()
}

/// Whether a workflow still stands as it was seen, and does to the end of the transaction: its row is held.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_stands(
    tx: &mut Tx,
    tenant: TenantId,
    id: WorkflowId,
    seen: Option<Standing>,
) -> StoreResult<bool> {
    tx.gate_hold(tenant, id).await?;
    Ok(workflow_standing(tx, tenant, id).await? == seen)
}

/// One workflow, also when it is put away: what history refers to.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn workflow_recall(
    connection: &mut Connection,
    tenant: TenantId,
    id: WorkflowId,
) -> StoreResult<Workflow> {
    let sql = format!("SELECT {COLUMNS} FROM {COUNTED} WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    workflow_of(row.ok_or_else(|| missing(id))?)
}

/// The workflow with a key that is not put away, if there is one.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_find(
    connection: &mut Connection,
    tenant: TenantId,
    key: &str,
) -> StoreResult<Option<Workflow>> {
    let sql =
        format!("SELECT {COLUMNS} FROM {COUNTED} WHERE tenant_id = ?1 AND key = ?2 AND archived_at IS NULL");
    connection.query_optional(sql, params![tenant, key]).await?.map(workflow_of).transpose()
}

/// Which workflows a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Name, description or key contains this, without regard to case.
    pub text: Option<String>,
    /// Only active ones, or only inactive ones.
    pub is_active: Option<bool>,
    /// Only those that are put away; else only those that are not.
    pub archived: bool,
    /// Only those that this event starts.
    pub trigger_event: Option<String>,
}

/// A page of workflows, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<Workflow>> {
    let archived = if filter.archived { "archived_at IS NOT NULL" } else { "archived_at IS NULL" };
    let mut query = list(COUNTED, COLUMNS, tenant).and(archived);
    if let Some(text) = &filter.text {
        query = query.containing(&["name", "description", "key"], text);
    }
    if let Some(is_active) = filter.is_active {
        query = query.equal("is_active", is_active);
    }
    if let Some(event) = &filter.trigger_event {
        query = query.equal("trigger_event", event);
    }
    query.run(connection, page, |workflow: &Workflow| workflow.id.get(), workflow_of).await
}

/// Every workflow that events start, of one tenant or of all, by id: what the engine's index is made of.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_active_list(
    connection: &mut Connection,
    tenant: Option<TenantId>,
) -> StoreResult<Vec<Workflow>> {
    let mut sql = format!(
        "SELECT {COLUMNS} FROM {COUNTED} WHERE is_active = ?1 AND published_version > 0 AND archived_at IS NULL"
    );
    let mut parameters = params![true];
    if let Some(tenant) = tenant {
        sql.push_str(" AND tenant_id = ?2");
        parameters.push(tenant.into());
    }
    sql.push_str(" ORDER BY id");
    connection.query(sql, parameters).await?.into_iter().map(workflow_of).collect()
}

/// Copies the counters into the workflows' own columns, where they differ. Answers how many rows that were; none: another node is at it.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_counters_fold(tx: &mut Tx) -> StoreResult<Option<u64>> {
    if !counters_turn(tx).await? {
        return Ok(None);
    }
    tx.execute(
        "UPDATE workflows SET execution_count = c.executions, success_count = c.successes, failure_count = c.failures,
                last_executed_at = c.last_executed_at, average_duration_ms = CASE WHEN c.ended > 0 THEN c.duration_ms / c.ended END
           FROM workflow_counters c
          WHERE c.workflow_id = workflows.id
            AND (workflows.execution_count <> c.executions OR workflows.success_count <> c.successes
                 OR workflows.failure_count <> c.failures
                 OR coalesce(workflows.average_duration_ms, -1) <> coalesce(CASE WHEN c.ended > 0 THEN c.duration_ms / c.ended END, -1))",
        Vec::new(),
    )
    .await
    .map(Some)
}

/// One node folds at a time: two would lock the same rows in different orders. Nobody is waited for.
async fn counters_turn(tx: &mut Tx) -> StoreResult<bool> {
    let fact = || params!["counters_turn"];
    if tx.query_optional("SELECT 1 FROM store_facts WHERE name = ?1", fact()).await?.is_none() {
        let make = "INSERT INTO store_facts (name, value) VALUES (?1, '') ON CONFLICT (name) DO NOTHING";
        tx.execute(make, fact()).await?;
    }
    let mine = "SELECT 1 FROM store_facts WHERE name = ?1 {skip_locked}";
    Ok(tx.query_optional(mine, fact()).await?.is_some())
}

/// Writes what is different in a workflow as its next version of the record.
pub(crate) async fn workflow_changed_write(
    tx: &mut Tx,
    actor: Actor,
    workflow: &mut Workflow,
) -> StoreResult<()> {
    workflow.updated_at = tx.now();
    workflow.updated_by = Some(actor);
    workflow.version += 1;
    workflow_write(tx, workflow).await
}

async fn workflow_write(tx: &mut Tx, workflow: &Workflow) -> StoreResult<()> {
    let definition = &workflow.definition;
    tx.execute(
        "UPDATE workflows SET key = ?1, name = ?2, description = ?3, trigger_event = ?4, trigger_config = ?5, conditions = ?6, actions = ?7,
            log_unmatched = ?8, on_failure = ?9, is_active = ?10, published_version = ?11, draft = ?12, updated_at = ?13, updated_by = ?14,
            version = ?15, hook_generation = ?16, entry_rules = ?19
          WHERE id = ?17 AND tenant_id = ?18",
        params![
            &workflow.key,
            &definition.name,
            &definition.description,
            &definition.trigger_event,
            &definition.trigger_config,
            &definition.conditions,
            &definition.actions,
            definition.log_unmatched,
            given(&definition.on_failure),
            workflow.is_active,
            workflow.published_version,
            &workflow.draft,
            workflow.updated_at,
            workflow.updated_by,
            workflow.version,
            workflow.hook_generation,
            workflow.id,
            workflow.tenant_id,
            rules_of(definition)
        ],
    )
    .await
    .map(drop)
}

/// Workflows without rules have nothing there.
fn rules_of(definition: &Definition) -> Value {
    if definition.entry.is_empty() { Value::Null } else { Value::json(&definition.entry) }
}

/// A list that may be missing.
fn given(list: &serde_json::Value) -> Option<&serde_json::Value> {
    (!list.is_null()).then_some(list)
}

fn draft_of(definition: &Definition) -> StoreResult<serde_json::Value> {
    serde_json::to_value(definition).map_err(|error| StoreError::Corrupt(format!("a draft: {error}")))
}

fn version_check(workflow: &Workflow, sent: Option<i64>) -> StoreResult<()> {
    match sent {
        Some(sent) if sent != workflow.version => Err(StoreError::Stale { current: workflow.version, sent }),
        _ => Ok(()),
    }
}

fn unpublished(what: &str) -> StoreError {
    StoreError::conflict("not_published", format!("{what} is only a draft: publish it before activating it"))
}

fn missing(id: WorkflowId) -> StoreError {
    StoreError::missing(format!("workflow {id}"))
}

fn workflow_of(row: Row) -> StoreResult<Workflow> {
    let mut row = row.cells();
    Ok(Workflow {
        id: row.take()?,
        tenant_id: row.take()?,
        key: row.take()?,
        definition: Definition {
            name: row.take()?,
            description: row.take()?,
            trigger_event: row.take()?,
            trigger_config: row.take()?,
            conditions: row.take()?,
            actions: row.take()?,
            log_unmatched: row.take()?,
            on_failure: row.take::<Option<serde_json::Value>>()?.unwrap_or_default(),
            entry: match row.take::<Option<serde_json::Value>>()? {
                None => EntryRules::default(),
                Some(rules) => serde_json::from_value(rules)
                    .map_err(|error| StoreError::Corrupt(format!("rules of entry: {error}")))?,
            },
        },
        is_active: row.take()?,
        published_version: row.take()?,
        hook_generation: row.take()?,
        draft: row.take()?,
        execution_count: row.take()?,
        success_count: row.take()?,
        failure_count: row.take()?,
        unmatched_count: row.take()?,
        last_executed_at: row.take()?,
        average_duration_ms: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
        archived_at: row.take()?,
    })
}

/// A workflow that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which one.
    pub id: WorkflowId,
    /// Its version now.
    pub version: i64,
    /// When it changed.
    pub updated_at: Timestamp,
}

/// The workflows of all tenants that changed since an instant: what other nodes need to know.
///
/// # Errors
/// When the database refuses.
pub async fn workflow_changed_since(
    connection: &mut Connection,
    since: Timestamp,
) -> StoreResult<Vec<Changed>> {
    let sql =
        "SELECT tenant_id, id, version, updated_at FROM workflows WHERE updated_at >= ?1 ORDER BY updated_at";
    let rows = connection.query(sql, params![since]).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(Changed {
                tenant: row.take()?,
                id: row.take()?,
                version: row.take()?,
                updated_at: row.take()?,
            })
        })
        .collect()
}
