//! Tickets: written by the API and by workflows through the same functions, so that both emit the same events.

use model::{
    Actor, ContactId, SubmissionId, TenantId, TicketId, UserId,
    entity::EntityKind,
    field::{self, Changes, Fields},
    ticket::{Ticket, TicketPriority, TicketStatus},
};
use serde_json::{Map, Value};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    change::{Author, record_emit},
    database::{Later, Row, page::list},
    deadline::{deadline_decide, deadline_drop, deadline_keep},
    ids::IdKind,
    params,
    tag::tags_note,
};

const COLUMNS: &str = "id, tenant_id, title, description, status, priority, assignee_id, contact_id, submission_id, due_at, tags, attributes,
     created_at, updated_at, created_by, updated_by, version, archived_at";

/// Makes a ticket from fields by name and emits `ticket_created`.
///
/// # Errors
/// [`StoreError::Refused`] for values that do not fit or name records that do not exist.
pub async fn ticket_create(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    fields: &Map<String, Value>,
) -> StoreResult<Ticket> {
    let ticket = Ticket::new(TicketId::new(0), tenant, String::new(), tx.now(), author.actor);
    let ticket = field::update(ticket, fields).map_err(StoreError::Refused)?;
    if ticket.title.is_empty() {
        return Err(crate::change::refused(
            "title",
            "is required: one line that says what the ticket is about",
        ));
    }
    ticket_insert(tx, author, ticket).await
}

const INSERT: Later = Later {
    place: 8,
    table: "tickets",
    sql: "INSERT INTO tickets (id, tenant_id, title, description, status, priority, assignee_id, contact_id, submission_id, due_at, tags, attributes,
            created_at, updated_at, created_by, updated_by, version)
          {rows:bigint,bigint,text,text,text,text,bigint,bigint,bigint,time,json,json,time,time,text,text,bigint}",
};

/// Writes a new ticket under an id of its own and emits `ticket_created`.
///
/// # Errors
/// [`StoreError::Refused`] when it names records that do not exist.
pub(crate) async fn ticket_insert(tx: &mut Tx, author: Author, mut ticket: Ticket) -> StoreResult<Ticket> {
    ticket_check(tx, &ticket, None).await?;
    deadline_decide(tx, None, &mut ticket).await?;
    ticket.id = TicketId::new(tx.id(IdKind::Ticket).await?);
    record_emit(tx, (ticket.tenant_id, "ticket_created"), author, (EntityKind::Ticket, &ticket), None)
        .await?;
    tx.later(
        INSERT,
        params![
            ticket.id,
            ticket.tenant_id,
            &ticket.title,
            &ticket.description,
            ticket.status,
            ticket.priority,
            ticket.assignee_id,
            ticket.contact_id,
            ticket.submission_id,
            ticket.due_at,
            &ticket.tags,
            &ticket.attributes,
            ticket.created_at,
            ticket.created_at,
            ticket.created_by,
            ticket.created_by,
            1_i64
        ],
    );
    deadline_keep(tx, None, &ticket).await?;
    tags_note(tx, ticket.tenant_id, author.actor, &ticket.tags, &[]).await?;
    Ok(ticket)
}

/// Changes fields of a ticket by name and emits `ticket_updated` when something is different. With `version`, only when the
/// record is at that version.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Refused`].
pub async fn ticket_update(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    id: TicketId,
    fields: &Map<String, Value>,
    version: Option<i64>,
) -> StoreResult<(Ticket, Changes)> {
    tx.gates_hold_for(tenant, "ticket_updated").await?;
    tx.hold("tickets", tenant, id.get()).await?;
    let before = ticket_get(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    let mut ticket = field::update(before.clone(), fields).map_err(StoreError::Refused)?;
    deadline_decide(tx, Some(&before), &mut ticket).await?;
    let changes = before.difference(&ticket);
    if changes.is_empty() {
        return Ok((ticket, changes));
    }
    ticket.updated_at = tx.now();
    ticket.updated_by = Some(author.actor);
    ticket.version += 1;
    ticket_check(tx, &ticket, Some(&before)).await?;
    record_emit(
        tx,
        (ticket.tenant_id, "ticket_updated"),
        author,
        (EntityKind::Ticket, &ticket),
        Some(&changes),
    )
    .await?;
    tx.execute(
        "UPDATE tickets SET title = ?1, description = ?2, status = ?3, priority = ?4, assignee_id = ?5, contact_id = ?6, submission_id = ?7,
            due_at = ?8, tags = ?9, attributes = ?10, updated_at = ?11, updated_by = ?12, version = ?13 WHERE id = ?14 AND tenant_id = ?15",
        params![
            &ticket.title,
            &ticket.description,
            ticket.status,
            ticket.priority,
            ticket.assignee_id,
            ticket.contact_id,
            ticket.submission_id,
            ticket.due_at,
            &ticket.tags,
            &ticket.attributes,
            ticket.updated_at,
            ticket.updated_by,
            ticket.version,
            ticket.id,
            ticket.tenant_id
        ],
    )
    .await?;
    deadline_keep(tx, Some(&before), &ticket).await?;
    tags_note(tx, tenant, author.actor, &ticket.tags, &before.tags).await?;
    Ok((ticket, changes))
}

/// Puts a ticket away: it is in no list any more, and history still names it.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn ticket_archive(tx: &mut Tx, tenant: TenantId, actor: Actor, id: TicketId) -> StoreResult<()> {
    tx.hold("tickets", tenant, id.get()).await?;
    ticket_get(tx, tenant, id).await?;
    deadline_drop(tx, tenant, id).await?;
    let now = tx.now();
    tx.execute(
        "UPDATE tickets SET archived_at = ?1, updated_at = ?1, updated_by = ?2, version = version + 1 WHERE id = ?3 AND tenant_id = ?4",
        params![now, actor, id, tenant],
    )
    .await
    .map(drop)
}

/// One ticket that is not put away.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn ticket_get(connection: &mut Connection, tenant: TenantId, id: TicketId) -> StoreResult<Ticket> {
    let sql =
        format!("SELECT {COLUMNS} FROM tickets WHERE id = ?1 AND tenant_id = ?2 AND archived_at IS NULL");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    ticket_of(row.ok_or_else(|| StoreError::missing(format!("ticket {id}")))?)
}

/// Which tickets a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Title or description contains this, without regard to case.
    pub text: Option<String>,
    /// In this state.
    pub status: Option<TicketStatus>,
    /// Of this priority.
    pub priority: Option<TicketPriority>,
    /// This user's.
    pub assignee: Option<UserId>,
    /// About this person.
    pub contact: Option<ContactId>,
    /// Caused by this answer.
    pub submission: Option<SubmissionId>,
    /// With this tag.
    pub tag: Option<String>,
}

/// A page of tickets, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn ticket_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<Ticket>> {
    let mut query = list("tickets", COLUMNS, tenant).and("archived_at IS NULL");
    if let Some(text) = &filter.text {
        query = query.containing(&["title", "description"], text);
    }
    if let Some(status) = filter.status {
        query = query.equal("status", status);
    }
    if let Some(priority) = filter.priority {
        query = query.equal("priority", priority);
    }
    if let Some(assignee) = filter.assignee {
        query = query.equal("assignee_id", assignee);
    }
    if let Some(contact) = filter.contact {
        query = query.equal("contact_id", contact);
    }
    if let Some(submission) = filter.submission {
        query = query.equal("submission_id", submission);
    }
    if let Some(tag) = &filter.tag {
        query = query.tagged(tag);
    }
    query.run(connection, page, |ticket: &Ticket| ticket.id.get(), ticket_of).await
}

/// What a ticket newly names exists in its tenant.
async fn ticket_check(tx: &mut Tx, ticket: &Ticket, before: Option<&Ticket>) -> StoreResult<()> {
    if let Some(assignee) = ticket.assignee_id.filter(|id| before.and_then(|b| b.assignee_id) != Some(*id)) {
        crate::user::member_check(tx, ticket.tenant_id, assignee, "assignee_id").await?;
    }
    if let Some(contact) = ticket.contact_id.filter(|id| before.and_then(|b| b.contact_id) != Some(*id)) {
        named_check(tx, "contacts", ticket.tenant_id, contact.get(), "contact").await?;
    }
    if let Some(submission) =
        ticket.submission_id.filter(|id| before.and_then(|b| b.submission_id) != Some(*id))
    {
        named_check(tx, "submissions", ticket.tenant_id, submission.get(), "submission").await?;
    }
    Ok(())
}

async fn named_check(tx: &mut Tx, table: &str, tenant: TenantId, id: i64, what: &str) -> StoreResult<()> {
    if record_exists(tx, table, tenant, id).await? {
        return Ok(());
    }
    Err(crate::change::refused(&format!("{what}_id"), format!("{what} {id} does not exist")))
}

/// Whether a record is there, put away or not.
pub(crate) async fn record_exists(tx: &mut Tx, table: &str, tenant: TenantId, id: i64) -> StoreResult<bool> {
    if table == "contacts" && tx.contact_held(tenant, ContactId::new(id)).is_some() {
        return Ok(true);
    }
    let sql = format!("SELECT 1 FROM {table} WHERE id = ?1 AND tenant_id = ?2");
    Ok(tx.query_optional(sql, params![id, tenant]).await?.is_some())
}

fn ticket_of(row: Row) -> StoreResult<Ticket> {
    let mut row = row.cells();
    Ok(Ticket {
        id: row.take()?,
        tenant_id: row.take()?,
        title: row.take()?,
        description: row.take()?,
        status: row.take()?,
        priority: row.take()?,
        assignee_id: row.take()?,
        contact_id: row.take()?,
        submission_id: row.take()?,
        due_at: row.take()?,
        tags: row.take()?,
        attributes: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
        archived_at: row.take()?,
    })
}
