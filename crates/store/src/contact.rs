//! Contacts: written by the API and by workflows through the same functions, so that both emit the same events.

use model::{
    Actor, ContactId, TenantId,
    contact::Contact,
    effect::ContactKey,
    entity::EntityKind,
    field::{self, Changes, Fields},
    job::JobFilter,
};
use serde_json::{Map, Value};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    change::{Author, record_emit},
    database::{
        Later, Row,
        page::{List, list},
    },
    ids::IdKind,
    params,
    tag::tags_note,
};

const COLUMNS: &str = "id, tenant_id, email, name, phone, external_id, company, segment, time_zone, language, owner_id, tags, consents, attributes,
     created_at, updated_at, created_by, updated_by, version, archived_at";

/// Makes a contact from fields by name and emits `contact_created`.
///
/// # Errors
/// [`StoreError::Refused`] for values that do not fit; [`StoreError::Conflict`] when the email or the external id is taken.
pub async fn contact_create(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    fields: &Map<String, Value>,
) -> StoreResult<Contact> {
    tx.gates_hold_for(tenant, "contact_created").await?;
    let id = ContactId::new(tx.id(IdKind::Contact).await?);
    let contact = Contact::new(id, tenant, tx.now(), author.actor);
    let contact = field::update(contact, fields).map_err(StoreError::Refused)?;
    contact_check(tx, &contact, None).await?;
    record_emit(tx, (contact.tenant_id, "contact_created"), author, (EntityKind::Contact, &contact), None)
        .await?;
    contact_insert(tx, &contact).await?;
    tags_note(tx, tenant, author.actor, &contact.tags, &[]).await?;
    Ok(contact)
}

/// Writes a new contact, and nothing else.
pub(crate) async fn contact_insert(tx: &mut Tx, contact: &Contact) -> StoreResult<()> {
    tx.execute(
        "INSERT INTO contacts (id, tenant_id, email, name, phone, external_id, company, segment, time_zone, language, owner_id, tags, consents,
            attributes, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15, ?16, ?16, 1)",
        params![
            contact.id,
            contact.tenant_id,
            &contact.email,
            &contact.name,
            &contact.phone,
            &contact.external_id,
            &contact.company,
            &contact.segment,
            &contact.time_zone,
            &contact.language,
            contact.owner_id,
            &contact.tags,
            &contact.consents,
            &contact.attributes,
            contact.created_at,
            contact.created_by
        ],
    )
    .await
    .map(drop)
}

/// Changes fields of a contact by name and emits `contact_updated` when something is different. With `version`, only when the
/// record is at that version.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Refused`], [`StoreError::Conflict`].
pub async fn contact_update(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    id: ContactId,
    fields: &Map<String, Value>,
    version: Option<i64>,
) -> StoreResult<(Contact, Changes)> {
    tx.gates_hold_for(tenant, "contact_updated").await?;
    let before = contact_hold(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    let mut contact = field::update(before.clone(), fields).map_err(StoreError::Refused)?;
    let changes = before.difference(&contact);
    if changes.is_empty() {
        return Ok((contact, changes));
    }
    contact.updated_at = tx.now();
    contact.updated_by = Some(author.actor);
    contact.version += 1;
    contact_check(tx, &contact, Some(&before)).await?;
    record_emit(
        tx,
        (contact.tenant_id, "contact_updated"),
        author,
        (EntityKind::Contact, &contact),
        Some(&changes),
    )
    .await?;
    contact_write(tx, &contact).await?;
    tags_note(tx, tenant, author.actor, &contact.tags, &before.tags).await?;
    Ok((contact, changes))
}

/// Puts a contact away: it is in no list any more, and history still names it.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn contact_archive(tx: &mut Tx, tenant: TenantId, actor: Actor, id: ContactId) -> StoreResult<()> {
    contact_get(tx, tenant, id).await?;
    let now = tx.now();
    tx.execute(
        "UPDATE contacts SET archived_at = ?1, updated_at = ?1, updated_by = ?2, version = version + 1 WHERE id = ?3 AND tenant_id = ?4",
        params![now, actor, id, tenant],
    )
    .await
    .map(drop)
}

/// Takes everything out of a contact and puts it away. Quietly: an event would tell everybody what was just taken out.
pub(crate) async fn contact_forget(tx: &mut Tx, actor: Actor, before: &Contact) -> StoreResult<()> {
    let empty = Contact::new(before.id, before.tenant_id, tx.now(), actor);
    let (created_at, created_by) = (before.created_at, before.created_by);
    contact_write(tx, &Contact { created_at, created_by, version: before.version + 1, ..empty }).await?;
    contact_archive(tx, before.tenant_id, actor, before.id).await
}

/// One contact that is not put away.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn contact_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: ContactId,
) -> StoreResult<Contact> {
    contact_find(connection, tenant, &ContactKey::Id(id))
        .await?
        .ok_or_else(|| StoreError::missing(format!("contact {id}")))
}

/// One contact, held to the end of the transaction.
///
/// # Errors
/// [`StoreError::Missing`].
pub(crate) async fn contact_hold(tx: &mut Tx, tenant: TenantId, id: ContactId) -> StoreResult<Contact> {
    if let Some(held) = tx.contact_held(tenant, id) {
        return Ok(held.clone());
    }
    tx.hold("contacts", tenant, id.get()).await?;
    contact_get(tx, tenant, id).await
}

/// Reads and locks contacts for the operations to come: in one statement and in one order. Of several tenants at once; who
/// is given one names its tenant.
pub(crate) fn contacts_question() -> String {
    format!(
        "SELECT {COLUMNS} FROM contacts WHERE id {{among:?1}} AND archived_at IS NULL ORDER BY id {{for_update}}"
    )
}

pub(crate) fn contacts_of(rows: Vec<Row>) -> StoreResult<Vec<Contact>> {
    rows.into_iter().map(contact_of).collect()
}

/// The contact that a key names, if there is one.
///
/// # Errors
/// When the database refuses.
pub async fn contact_find(
    connection: &mut Connection,
    tenant: TenantId,
    key: &ContactKey,
) -> StoreResult<Option<Contact>> {
    let row = match key {
        ContactKey::Id(id) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM contacts WHERE id = ?1 AND tenant_id = ?2 AND archived_at IS NULL"
            );
            connection.query_optional(sql, params![*id, tenant]).await?
        }
        ContactKey::Email(email) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM contacts WHERE tenant_id = ?1 AND lower(email) = lower(?2) AND email IS NOT NULL AND archived_at IS NULL"
            );
            connection.query_optional(sql, params![tenant, email]).await?
        }
    };
    row.map(contact_of).transpose()
}

/// The contact with this address. None: nobody makes one to the end of the transaction.
pub(crate) async fn contact_named(
    tx: &mut Tx,
    tenant: TenantId,
    email: &str,
) -> StoreResult<Option<Contact>> {
    let key = ContactKey::Email(email.to_owned());
    let found = contact_find(tx, tenant, &key).await?;
    if found.is_none() && tx.address_hold(tenant, email).await? {
        return contact_find(tx, tenant, &key).await;
    }
    Ok(found)
}

/// Which contacts a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Name, email, company or external id contains this, without regard to case.
    pub text: Option<String>,
    /// Of this segment.
    pub segment: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// With exactly this email address, without regard to case.
    pub email: Option<String>,
}

/// A page of contacts, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn contact_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<Contact>> {
    let mut query = list("contacts", COLUMNS, tenant).and("archived_at IS NULL");
    if let Some(text) = &filter.text {
        query = query.containing(&["name", "email", "company", "external_id"], text);
    }
    if let Some(segment) = &filter.segment {
        query = query.equal("segment", segment);
    }
    if let Some(email) = &filter.email {
        query = query.equal("lower(email)", email.to_lowercase());
    }
    if let Some(tag) = &filter.tag {
        query = query.tagged(tag);
    }
    query.run(connection, page, |contact: &Contact| contact.id.get(), contact_of).await
}

/// The contacts that a job takes.
fn of_job(tenant: TenantId, filter: &JobFilter) -> List {
    let mut query = list("contacts", COLUMNS, tenant).and("archived_at IS NULL").bounded(
        "created_at",
        filter.from,
        filter.until,
    );
    if let Some(segment) = &filter.segment {
        query = query.equal("segment", segment);
    }
    if let Some(tag) = &filter.tag {
        query = query.tagged(tag);
    }
    query
}

/// How many contacts a job takes.
///
/// # Errors
/// When the database refuses.
pub async fn contact_job_count(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &JobFilter,
) -> StoreResult<i64> {
    of_job(tenant, filter).count(connection).await
}

/// The next contacts that a job takes, between two ids.
///
/// # Errors
/// When the database refuses.
pub async fn contact_job_page(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &JobFilter,
    between: (i64, i64),
    limit: i64,
) -> StoreResult<Vec<Contact>> {
    of_job(tenant, filter).ascending(connection, between, limit, contact_of).await
}

const UPDATE: Later = Later {
    place: 7,
    table: "contacts",
    sql: "WITH now (id, tenant_id, email, name, phone, external_id, company, segment, time_zone, language, owner_id, tags, consents, attributes,
            updated_at, updated_by, version) AS (
            {rows_to_join:bigint,bigint,text,text,text,text,text,text,text,text,bigint,json,json,json,time,text,bigint})
          UPDATE contacts SET email = now.email, name = now.name, phone = now.phone, external_id = now.external_id, company = now.company,
            segment = now.segment, time_zone = now.time_zone, language = now.language, owner_id = now.owner_id, tags = now.tags,
            consents = now.consents, attributes = now.attributes, updated_at = now.updated_at, updated_by = now.updated_by,
            version = now.version
           FROM now WHERE contacts.id = now.id AND contacts.tenant_id = now.tenant_id",
};

async fn contact_write(tx: &mut Tx, contact: &Contact) -> StoreResult<()> {
    let row = params![
        contact.id,
        contact.tenant_id,
        &contact.email,
        &contact.name,
        &contact.phone,
        &contact.external_id,
        &contact.company,
        &contact.segment,
        &contact.time_zone,
        &contact.language,
        contact.owner_id,
        &contact.tags,
        &contact.consents,
        &contact.attributes,
        contact.updated_at,
        contact.updated_by,
        contact.version
    ];
    if tx.contact_keep(contact) {
        tx.later_put(UPDATE, row);
        return Ok(());
    }
    tx.execute_rows(UPDATE.sql, vec![row]).await
}

/// What must be unique is, and what is newly named exists.
async fn contact_check(tx: &mut Tx, contact: &Contact, before: Option<&Contact>) -> StoreResult<()> {
    if let Some(email) =
        contact.email.as_ref().filter(|_| before.is_none_or(|before| before.email != contact.email))
    {
        tx.address_hold(contact.tenant_id, email).await?;
        let other = contact_find(tx, contact.tenant_id, &ContactKey::Email(email.clone())).await?;
        if let Some(other) = other.filter(|other| other.id != contact.id) {
            return Err(StoreError::conflict(
                "email_taken",
                format!("contact {} has this email address already: change that one instead", other.id),
            ));
        }
    }
    if let Some(external_id) = contact
        .external_id
        .as_ref()
        .filter(|_| before.is_none_or(|before| before.external_id != contact.external_id))
    {
        let row = tx
            .query_optional(
                "SELECT id FROM contacts WHERE tenant_id = ?1 AND external_id = ?2 AND archived_at IS NULL AND id <> ?3",
                params![contact.tenant_id, external_id, contact.id],
            )
            .await?;
        if let Some(row) = row {
            let other: ContactId = row.first()?;
            return Err(StoreError::conflict(
                "external_id_taken",
                format!("contact {other} has this external_id already: change that one instead"),
            ));
        }
    }
    if let Some(owner) =
        contact.owner_id.filter(|owner| before.and_then(|before| before.owner_id) != Some(*owner))
    {
        crate::user::member_check(tx, contact.tenant_id, owner, "owner_id").await?;
    }
    Ok(())
}

fn contact_of(row: Row) -> StoreResult<Contact> {
    let mut row = row.cells();
    Ok(Contact {
        id: row.take()?,
        tenant_id: row.take()?,
        email: row.take()?,
        name: row.take()?,
        phone: row.take()?,
        external_id: row.take()?,
        company: row.take()?,
        segment: row.take()?,
        time_zone: row.take()?,
        language: row.take()?,
        owner_id: row.take()?,
        tags: row.take()?,
        consents: row.take()?,
        attributes: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
        archived_at: row.take()?,
    })
}
