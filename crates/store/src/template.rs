//! Workflow templates: the system's own for every tenant, and each tenant's private ones.
//!
//! The system's come with the program, as files in `templates/`, and are brought up to date at each start
//! ([`templates_seed`]); how often they were used stays. Nobody else changes them.

use model::{
    Actor, Problem, TemplateId, TenantId,
    template::{Category, Variable, WorkflowTemplate},
};
use serde::{Deserialize, Serialize};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    database::{Row, Value, page::list_with_shared},
    ids::IdKind,
    params,
};

const COLUMNS: &str = "id, name, description, category, use_case, workflow_definition, icon, tags, variables, sample_data, is_public, tenant_id,
     usage_count, created_at, updated_at, created_by, updated_by, version";

/// What a template says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// What it is called.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub description: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub category: Option<Category>,
    /// One line for the gallery.
    #[serde(default)]
    pub use_case: Option<String>,
    /// The name of an icon.
    #[serde(default)]
    pub icon: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The blanks.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// Trigger data to try it with.
    #[serde(default)]
    pub sample_data: Option<serde_json::Value>,
    /// A workflow definition with blanks.
    pub workflow_definition: serde_json::Value,
}

macro_rules! built_in {
    ($($key:literal),* $(,)?) => { &[$(($key, include_str!(concat!("templates/", $key, ".json")))),*] };
}

/// The system's templates by their stable keys.
const BUILT_IN: &[(&str, &str)] = built_in![
    "nps-detractor-close-the-loop",
    "detractor-urgent-words",
    "vip-low-score-escalation",
    "low-csat-reopens-ticket",
    "negative-feedback-acknowledgement",
    "csat-after-ticket-solved",
    "passive-check-in",
    "promoter-review-request",
    "promoter-referral-campaign",
    "onboarding-pulse",
    "new-lead-to-crm",
    "demo-request-speed-to-lead",
    "salesforce-score-sync",
    "renewal-risk",
    "upsell-signal",
    "high-effort-to-product",
    "unsubscribe-propagation",
    "ticket-not-answered-in-time",
    "stale-pending-ticket",
    "non-responder-reminder",
    "win-back",
    "bounced-address-clean-up",
    "score-drop-alarm",
    "gdpr-erase-request",
    "integration-failing",
];

/// The system's templates with their keys.
///
/// # Errors
/// [`StoreError::Corrupt`] when a file of the program cannot be read: a test reads them all.
pub fn templates_built_in() -> StoreResult<Vec<(&'static str, Content)>> {
    BUILT_IN
        .iter()
        .map(|(key, text)| match serde_json::from_str(text) {
            Ok(content) => Ok((*key, content)),
            Err(error) => Err(StoreError::Corrupt(format!("template {key}: {error}"))),
        })
        .collect()
}

/// Brings the system's templates up to date: new ones are added, changed ones replaced, dropped ones removed.
///
/// # Errors
/// When the database refuses.
pub async fn templates_seed(tx: &mut Tx) -> StoreResult<()> {
    let built_in = templates_built_in()?;
    let rows = tx
        .query(format!("SELECT key, {COLUMNS} FROM workflow_templates WHERE key IS NOT NULL"), Vec::new())
        .await?;
    let mut stored = Vec::with_capacity(rows.len());
    for row in rows {
        let mut row = row.cells();
        let key: String = row.take()?;
        stored.push((key, template_from(&mut row)?));
    }
    for (key, content) in &built_in {
        match stored.iter().find(|(known, _)| known == key) {
            None => drop(template_insert(tx, None, Actor::System, Some(key), content).await?),
            Some((_, template)) if content_of(template) != *content => {
                template_write(tx, template, Actor::System, content).await?;
            }
            Some(_) => {}
        }
    }
    for (key, template) in stored {
        if built_in.iter().all(|(known, _)| *known != key) {
            tx.execute("DELETE FROM workflow_templates WHERE id = ?1", params![template.id]).await?;
        }
    }
    Ok(())
}

/// Makes a private template.
///
/// # Errors
/// [`StoreError::Refused`] for values that do not fit.
pub async fn template_create(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    content: &Content,
) -> StoreResult<WorkflowTemplate> {
    content_check(content)?;
    let id = template_insert(tx, Some(tenant), actor, None, content).await?;
    template_get(tx, tenant, id).await
}

/// Changes a private template.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Stale`]; [`StoreError::Refused`]; [`StoreError::Conflict`] for one of the system's.
pub async fn template_update(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: TemplateId,
    content: &Content,
    version: Option<i64>,
) -> StoreResult<WorkflowTemplate> {
    let before = template_own(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    content_check(content)?;
    if content_of(&before) == *content {
        return Ok(before);
    }
    template_write(tx, &before, actor, content).await?;
    template_get(tx, tenant, id).await
}

/// Removes a private template. Workflows that were made from it stay.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Conflict`] for one of the system's.
pub async fn template_delete(tx: &mut Tx, tenant: TenantId, id: TemplateId) -> StoreResult<()> {
    template_own(tx, tenant, id).await?;
    tx.execute("DELETE FROM workflow_templates WHERE id = ?1 AND tenant_id = ?2", params![id, tenant])
        .await
        .map(drop)
}

/// Counts a use. It is no change: the record's version stays.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn template_used(tx: &mut Tx, tenant: TenantId, id: TemplateId) -> StoreResult<()> {
    let counted = tx
        .execute(
            "UPDATE workflow_templates SET usage_count = usage_count + 1 WHERE id = ?1 AND (tenant_id = ?2 OR tenant_id IS NULL)",
            params![id, tenant],
        )
        .await?;
    if counted == 0 { Err(missing(id)) } else { Ok(()) }
}

/// One template that the tenant may use.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn template_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: TemplateId,
) -> StoreResult<WorkflowTemplate> {
    let sql = format!(
        "SELECT {COLUMNS} FROM workflow_templates WHERE id = ?1 AND (tenant_id = ?2 OR tenant_id IS NULL)"
    );
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    template_of(row.ok_or_else(|| missing(id))?)
}

/// Which templates a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Name, description or use case contains this, without regard to case.
    pub text: Option<String>,
    /// For this.
    pub category: Option<Category>,
    /// With this tag.
    pub tag: Option<String>,
}

/// A page of the system's and the tenant's templates, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn template_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<WorkflowTemplate>> {
    let mut query = list_with_shared("workflow_templates", COLUMNS, tenant);
    if let Some(text) = &filter.text {
        query = query.containing(&["name", "description", "use_case"], text);
    }
    if let Some(category) = filter.category {
        query = query.equal("category", category);
    }
    if let Some(tag) = &filter.tag {
        query = query.tagged(tag);
    }
    query.run(connection, page, |template: &WorkflowTemplate| template.id.get(), template_of).await
}

/// A template of the tenant's own.
async fn template_own(tx: &mut Tx, tenant: TenantId, id: TemplateId) -> StoreResult<WorkflowTemplate> {
    let template = template_get(tx, tenant, id).await?;
    if template.tenant_id == Some(tenant) {
        return Ok(template);
    }
    Err(StoreError::conflict(
        "template_read_only",
        format!("template {id} is the system's and cannot be changed"),
    ))
}

async fn template_insert(
    tx: &mut Tx,
    tenant: Option<TenantId>,
    actor: Actor,
    key: Option<&str>,
    content: &Content,
) -> StoreResult<TemplateId> {
    let id = TemplateId::new(tx.id(IdKind::Template).await?);
    let now = tx.now();
    tx.execute(
        "INSERT INTO workflow_templates (id, key, name, description, category, use_case, workflow_definition, icon, tags, variables,
            sample_data, is_public, tenant_id, usage_count, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0, ?14, ?14, ?15, ?15, 1)",
        params![
            id,
            key,
            &content.name,
            &content.description,
            content.category,
            &content.use_case,
            &content.workflow_definition,
            &content.icon,
            &content.tags,
            Value::json(&content.variables),
            &content.sample_data,
            tenant.is_none(),
            tenant,
            now,
            actor
        ],
    )
    .await?;
    Ok(id)
}

async fn template_write(
    tx: &mut Tx,
    before: &WorkflowTemplate,
    actor: Actor,
    content: &Content,
) -> StoreResult<()> {
    let now = tx.now();
    tx.execute(
        "UPDATE workflow_templates SET name = ?1, description = ?2, category = ?3, use_case = ?4, workflow_definition = ?5, icon = ?6,
            tags = ?7, variables = ?8, sample_data = ?9, updated_at = ?10, updated_by = ?11, version = version + 1
          WHERE id = ?12 AND (tenant_id = ?13 OR tenant_id IS NULL)",
        params![
            &content.name,
            &content.description,
            content.category,
            &content.use_case,
            &content.workflow_definition,
            &content.icon,
            &content.tags,
            Value::json(&content.variables),
            &content.sample_data,
            now,
            actor,
            before.id,
            before.tenant_id
        ],
    )
    .await
    .map(drop)
}

/// What a stored template says.
#[must_use]
pub fn content_of(template: &WorkflowTemplate) -> Content {
    Content {
        name: template.name.clone(),
        description: template.description.clone(),
        category: template.category,
        use_case: template.use_case.clone(),
        icon: template.icon.clone(),
        tags: template.tags.clone(),
        variables: template.variables.clone(),
        sample_data: template.sample_data.clone(),
        workflow_definition: template.workflow_definition.clone(),
    }
}

/// The seed's widths, and a definition that is one.
fn content_check(content: &Content) -> StoreResult<()> {
    let mut problems = Vec::new();
    if content.name.trim().is_empty() {
        problems.push(Problem::at("name", "must not be empty"));
    }
    let texts = [
        ("name", Some(&content.name), 255),
        ("description", content.description.as_ref(), 65_536),
        ("use_case", content.use_case.as_ref(), 255),
        ("icon", content.icon.as_ref(), 50),
    ];
    for (field, text, longest) in texts {
        if text.is_some_and(|text| text.chars().count() > longest) {
            problems.push(Problem::at(field, format!("is longer than {longest} characters")));
        }
    }
    if !content.workflow_definition.is_object() {
        problems.push(Problem::at(
            "workflow_definition",
            "must be an object: a workflow with blanks such as [[form]]",
        ));
    }
    if problems.is_empty() { Ok(()) } else { Err(StoreError::Refused(problems)) }
}

fn missing(id: TemplateId) -> StoreError {
    StoreError::missing(format!("template {id}"))
}

fn template_of(row: Row) -> StoreResult<WorkflowTemplate> {
    template_from(&mut row.cells())
}

fn template_from(row: &mut crate::database::Cells) -> StoreResult<WorkflowTemplate> {
    Ok(WorkflowTemplate {
        id: row.take()?,
        name: row.take()?,
        description: row.take()?,
        category: row.take()?,
        use_case: row.take()?,
        workflow_definition: row.take()?,
        icon: row.take()?,
        tags: row.take()?,
        variables: row.json()?,
        sample_data: row.take()?,
        is_public: row.take()?,
        tenant_id: row.take()?,
        usage_count: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
    })
}
