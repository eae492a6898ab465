//! Forms: what people are asked, and the public address where they answer.
//!
//! A public address that was given out once never leads to another tenant's form: a form that is put away keeps its slug
//! until its own tenant uses it again.

use model::{
    Actor, FormId, TenantId,
    field::{self, Changes, Fields},
    form::{Form, Question},
};
use serde_json::{Map, Value};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    change::refused,
    database::{Row, page::list},
    ids::IdKind,
    params,
    tag::tags_note,
};

const COLUMNS: &str = "id, tenant_id, name, slug, description, questions, is_active, tags, created_at, updated_at, created_by, updated_by,
     version, archived_at";

/// The longest public address, in characters.
const LONGEST_SLUG: usize = 100;

/// What is set in a form: fields by name, as for every record, and what only the form's editor may touch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// `name`, `description`, `is_active`, `tags`.
    pub fields: Map<String, Value>,
    /// The name in the public address; a new form without one gets one made from its name.
    pub slug: Option<String>,
    /// All questions in order.
    pub questions: Option<Vec<Question>>,
}

/// Makes a form. It takes answers unless `is_active` says otherwise.
///
/// # Errors
/// [`StoreError::Refused`] for values that do not fit; [`StoreError::Conflict`] when the slug is taken.
pub async fn form_create(tx: &mut Tx, tenant: TenantId, actor: Actor, content: Content) -> StoreResult<Form> {
    let now = tx.now();
    let form = Form {
        id: FormId::new(0),
        tenant_id: tenant,
        name: String::new(),
        slug: String::new(),
        description: None,
        questions: Vec::new(),
        is_active: true,
        tags: Vec::new(),
        created_at: now,
        updated_at: now,
        created_by: Some(actor),
        updated_by: Some(actor),
        version: 1,
        archived_at: None,
    };
    let slug = content.slug.clone();
    let mut form = apply(form, content)?;
    if form.name.is_empty() {
        return Err(refused("name", "is required: what the team calls the form"));
    }
    form.id = FormId::new(tx.id(IdKind::Form).await?);
    match slug {
        Some(_) => slug_claim(tx, &form).await?,
        None => slug_make(tx, &mut form).await?,
    }
    tx.execute(
        "INSERT INTO forms (id, tenant_id, name, slug, description, questions, is_active, tags, created_at, updated_at, created_by,
            updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?10, 1)",
        params![
            form.id,
            tenant,
            &form.name,
            &form.slug,
            &form.description,
            crate::database::Value::json(&form.questions),
            form.is_active,
            &form.tags,
            now,
            actor
        ],
    )
    .await?;
    tags_note(tx, tenant, actor, &form.tags, &[]).await?;
    Ok(form)
}

/// Changes fields of a form by name: what a workflow may do too. With `version`, only when the record is at that version.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Refused`].
pub async fn form_update(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: FormId,
    fields: &Map<String, Value>,
    version: Option<i64>,
) -> StoreResult<(Form, Changes)> {
    let content = Content { fields: fields.clone(), ..Content::default() };
    form_edit(tx, tenant, actor, id, content, version).await
}

/// Changes a form, its address and its questions included. Answers that are there stay as they are.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Refused`], [`StoreError::Conflict`] when the slug is taken.
pub async fn form_edit(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: FormId,
    content: Content,
    version: Option<i64>,
) -> StoreResult<(Form, Changes)> {
    tx.hold("forms", tenant, id.get()).await?;
    let before = form_get(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    let mut form = apply(before.clone(), content)?;
    let changes = before.difference(&form);
    if changes.is_empty() {
        return Ok((form, changes));
    }
    if form.slug != before.slug {
        slug_claim(tx, &form).await?;
    }
    form.updated_at = tx.now();
    form.updated_by = Some(actor);
    form.version += 1;
    tx.execute(
        "UPDATE forms SET name = ?1, slug = ?2, description = ?3, questions = ?4, is_active = ?5, tags = ?6, updated_at = ?7,
            updated_by = ?8, version = ?9 WHERE id = ?10 AND tenant_id = ?11",
        params![
            &form.name,
            &form.slug,
            &form.description,
            crate::database::Value::json(&form.questions),
            form.is_active,
            &form.tags,
            form.updated_at,
            actor,
            form.version,
            id,
            tenant
        ],
    )
    .await?;
    tags_note(tx, tenant, actor, &form.tags, &before.tags).await?;
    Ok((form, changes))
}

/// Puts a form away: it is in no list and takes no answers any more; its submissions stay.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn form_archive(tx: &mut Tx, tenant: TenantId, actor: Actor, id: FormId) -> StoreResult<()> {
    form_get(tx, tenant, id).await?;
    let now = tx.now();
    tx.execute(
        "UPDATE forms SET archived_at = ?1, updated_at = ?1, updated_by = ?2, version = version + 1 WHERE id = ?3 AND tenant_id = ?4",
        params![now, actor, id, tenant],
    )
    .await
    .map(drop)
}

/// One form that is not put away.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn form_get(connection: &mut Connection, tenant: TenantId, id: FormId) -> StoreResult<Form> {
    form_find(connection, tenant, id)
        .await?
        .filter(|form| form.archived_at.is_none())
        .ok_or_else(|| StoreError::missing(format!("form {id}")))
}

/// The form with this id, put away or not: what its submissions are read with.
///
/// # Errors
/// When the database refuses.
pub async fn form_find(
    connection: &mut Connection,
    tenant: TenantId,
    id: FormId,
) -> StoreResult<Option<Form>> {
    let sql = format!("SELECT {COLUMNS} FROM forms WHERE id = ?1 AND tenant_id = ?2");
    connection.query_optional(sql, params![id, tenant]).await?.map(form_of).transpose()
}

/// The form at a public address, whoever's it is, put away or not: the address is the only thing that a person who answers
/// has, and the form says which tenant everything after belongs to.
///
/// # Errors
/// When the database refuses.
pub async fn form_by_slug(connection: &mut Connection, slug: &str) -> StoreResult<Option<Form>> {
    let sql = format!("SELECT {COLUMNS} FROM forms WHERE slug = ?1");
    connection.query_optional(sql, params![slug]).await?.map(form_of).transpose()
}

/// Which forms a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Name, address or description contains this, without regard to case.
    pub text: Option<String>,
    /// Takes answers, or does not.
    pub is_active: Option<bool>,
    /// With this tag.
    pub tag: Option<String>,
}

/// A page of forms, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn form_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<Form>> {
    let mut query = list("forms", COLUMNS, tenant).and("archived_at IS NULL");
    if let Some(text) = &filter.text {
        query = query.containing(&["name", "slug", "description"], text);
    }
    if let Some(is_active) = filter.is_active {
        query = query.equal("is_active", is_active);
    }
    if let Some(tag) = &filter.tag {
        query = query.tagged(tag);
    }
    query.run(connection, page, |form: &Form| form.id.get(), form_of).await
}

/// Sets all of the content or nothing, and tells of every problem at once.
fn apply(form: Form, content: Content) -> StoreResult<Form> {
    let updated = field::update(form, &content.fields);
    let mut problems = updated.as_ref().err().cloned().unwrap_or_default();
    problems.extend(content.questions.iter().flat_map(|questions| Form::check_questions(questions)));
    let slug_fault = content.slug.as_deref().and_then(slug_fault);
    problems.extend(slug_fault.map(|fault| model::Problem::at("slug", fault)));
    match updated {
        Ok(form) if problems.is_empty() => Ok(Form {
            questions: content.questions.unwrap_or(form.questions),
            slug: content.slug.unwrap_or(form.slug),
            ..form
        }),
        _ => Err(StoreError::Refused(problems)),
    }
}

fn slug_fault(slug: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = !slug.is_empty()
        && slug.len() <= LONGEST_SLUG
        && slug.chars().all(plain)
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    (!fits).then(|| format!("must be 1 to {LONGEST_SLUG} of a-z, 0-9 and -, neither first nor last a -"))
}

/// A slug that reads like the name: `Après-vente & co` becomes `apr-s-vente-co`.
fn slug_of(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    // Room for a number behind it.
    slug.truncate(LONGEST_SLUG - 20);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "form".to_owned() } else { slug.to_owned() }
}

/// Gives the form a slug from its name; when that is taken, one with the form's id behind it.
async fn slug_make(tx: &mut Tx, form: &mut Form) -> StoreResult<()> {
    let base = slug_of(&form.name);
    form.slug = base.clone();
    if form_by_slug(tx, &form.slug).await?.is_some() {
        form.slug = format!("{base}-{}", form.id);
    }
    slug_claim(tx, form).await
}

/// The slug is free, or a form that the same tenant has put away gives it up.
async fn slug_claim(tx: &mut Tx, form: &Form) -> StoreResult<()> {
    let Some(other) = form_by_slug(tx, &form.slug).await?.filter(|other| other.id != form.id) else {
        return Ok(());
    };
    if other.tenant_id != form.tenant_id || other.archived_at.is_none() {
        return Err(StoreError::conflict(
            "slug_taken",
            format!("there is a form at /f/{} already: choose another slug", form.slug),
        ));
    }
    // No slug that people give contains a dot, so this one is free.
    let given_up = format!("{}.{}", other.slug, other.id);
    let sql = "UPDATE forms SET slug = ?1 WHERE id = ?2 AND tenant_id = ?3";
    tx.execute(sql, params![given_up, other.id, other.tenant_id]).await.map(drop)
}

fn form_of(row: Row) -> StoreResult<Form> {
    let mut row = row.cells();
    Ok(Form {
        id: row.take()?,
        tenant_id: row.take()?,
        name: row.take()?,
        slug: row.take()?,
        description: row.take()?,
        questions: row.json()?,
        is_active: row.take()?,
        tags: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
        archived_at: row.take()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_of_the_name() {
        let long = "n".repeat(300);
        let made = ["NPS 2026: How are we?", "Après-vente & co", "顧客満足度", "--", &long].map(slug_of);
        assert_eq!(made[..4], ["nps-2026-how-are-we", "apr-s-vente-co", "form", "form"]);
        assert!(made.iter().all(|slug| slug_fault(slug).is_none()));
        for wrong in ["", "-a", "a-", "A", "a b", "a.1", "é"] {
            assert!(slug_fault(wrong).is_some(), "{wrong}");
        }
    }
}
