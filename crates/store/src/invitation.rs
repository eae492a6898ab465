//! Invitations: contacts who are asked to answer a form, each by a link of their own.
//!
//! What the link opens is found by the hash of its token. An invitation is answered by the next completed answer of its contact to its form, whichever way
//! it comes: whoever has answered is not to be reminded. The event `invitation_sent` has the link, for those who follow an invitation up.

pub mod link;

use model::{
    ContactId, FormId, InvitationId, TenantId,
    effect::{ContactKey, NewInvitation},
    event::INVITATION_SENT,
    invitation::Invitation,
    submission::Submission,
};
use serde_json::json;

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    change::{Author, refused},
    contact::contact_find,
    database::{Row, page::list},
    event::event_emit,
    form::form_get,
    ids::IdKind,
    params,
    token::TokenHash,
};

const COLUMNS: &str = "id, tenant_id, form_id, contact_id, sent_at, sent_by, answered_at, submission_id";

/// Invites a contact and emits `invitation_sent`.
///
/// # Errors
/// [`StoreError::Missing`] for the form; [`StoreError::Conflict`] when it takes no answers; [`StoreError::Refused`] for a contact that does not exist;
/// [`StoreError::TooManyExecutions`].
pub async fn invitation_create(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    new: &NewInvitation,
) -> StoreResult<Invitation> {
    let form = form_get(tx, tenant, new.form).await?;
    if !form.is_active {
        let message = format!("form {} takes no answers: activate it first", form.id);
        return Err(StoreError::conflict("form_inactive", message));
    }
    let contact = contact_find(tx, tenant, &ContactKey::Id(new.contact)).await?;
    let contact =
        contact.ok_or_else(|| refused("contactId", format!("contact {} does not exist", new.contact)))?;
    let invitation = Invitation {
        id: InvitationId::new(tx.id(IdKind::Invitation).await?),
        tenant_id: tenant,
        form_id: form.id,
        contact_id: contact.id,
        sent_at: tx.now(),
        sent_by: Some(author.actor),
        answered_at: None,
        submission_id: None,
    };
    tx.execute(
        "INSERT INTO invitations (id, tenant_id, form_id, contact_id, token_hash, sent_at, sent_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            invitation.id,
            tenant,
            form.id,
            contact.id,
            TokenHash::of(&new.token),
            invitation.sent_at,
            author.actor
        ],
    )
    .await?;
    let data = || json!({"invitation": invitation, "formId": form.id, "url": new.url, "contact": contact});
    event_emit(tx, (tenant, INVITATION_SENT), author, data).await?;
    Ok(invitation)
}

/// The invitation that a token opens; none for a token that opens nothing, and when its contact is gone.
///
/// # Errors
/// When the database refuses.
pub async fn invitation_open(
    connection: &mut Connection,
    tenant: TenantId,
    token: &str,
) -> StoreResult<Option<Invitation>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM invitations WHERE token_hash = ?1 AND tenant_id = ?2
            AND EXISTS (SELECT 1 FROM contacts c WHERE c.id = contact_id AND c.tenant_id = ?2 AND c.archived_at IS NULL)"
    );
    let row = connection.query_optional(sql, params![TokenHash::of(token), tenant]).await?;
    row.map(invitation_of).transpose()
}

/// Notes that a contact has answered a form, with whatever they were invited by. Answers the newest of those invitations.
pub(crate) async fn invitations_answer(
    tx: &mut Tx,
    submission: &Submission,
) -> StoreResult<Option<InvitationId>> {
    let Some(contact) = submission.contact_id else { return Ok(None) };
    let rows = tx
        .query(
            "UPDATE invitations SET answered_at = ?1, submission_id = ?2
              WHERE contact_id = ?3 AND form_id = ?4 AND tenant_id = ?5 AND answered_at IS NULL RETURNING id",
            params![
                submission.submitted_at,
                submission.id,
                contact,
                submission.form_id,
                submission.tenant_id
            ],
        )
        .await?;
    let answered = rows.into_iter().map(Row::first).collect::<StoreResult<Vec<InvitationId>>>()?;
    Ok(answered.into_iter().max())
}

/// Takes out whom a contact that is erased was asked.
pub(crate) async fn invitations_erase(tx: &mut Tx, tenant: TenantId, contact: ContactId) -> StoreResult<()> {
    let sql = "DELETE FROM invitations WHERE contact_id = ?1 AND tenant_id = ?2";
    tx.execute(sql, params![contact, tenant]).await.map(drop)
}

/// One invitation.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn invitation_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: InvitationId,
) -> StoreResult<Invitation> {
    let sql = format!("SELECT {COLUMNS} FROM invitations WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    invitation_of(row.ok_or_else(|| StoreError::missing(format!("invitation {id}")))?)
}

/// Which invitations a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// To this form.
    pub form: Option<FormId>,
    /// Of this person.
    pub contact: Option<ContactId>,
    /// Answered or not.
    pub answered: Option<bool>,
}

/// A page of invitations, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn invitation_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<Invitation>> {
    let mut query = list("invitations", COLUMNS, tenant);
    if let Some(form) = filter.form {
        query = query.equal("form_id", form);
    }
    if let Some(contact) = filter.contact {
        query = query.equal("contact_id", contact);
    }
    query = match filter.answered {
        Some(true) => query.and("answered_at IS NOT NULL"),
        Some(false) => query.and("answered_at IS NULL"),
        None => query,
    };
    query.run(connection, page, |invitation: &Invitation| invitation.id.get(), invitation_of).await
}

fn invitation_of(row: Row) -> StoreResult<Invitation> {
    let mut row = row.cells();
    Ok(Invitation {
        id: row.take()?,
        tenant_id: row.take()?,
        form_id: row.take()?,
        contact_id: row.take()?,
        sent_at: row.take()?,
        sent_by: row.take()?,
        answered_at: row.take()?,
        submission_id: row.take()?,
    })
}
