//! An invitation: somebody was asked to answer a form, by a link of their own.

use serde::Serialize;

use crate::{Actor, ContactId, FormId, InvitationId, SubmissionId, TenantId, Timestamp};

/// An invitation as stored and as events and templates see it. The link itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invitation {
    /// Unique over all tenants.
    pub id: InvitationId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// The form to be answered.
    pub form_id: FormId,
    /// Who was asked.
    pub contact_id: ContactId,
    /// When.
    pub sent_at: Timestamp,
    /// By whom.
    pub sent_by: Option<Actor>,
    /// When the contact answered the form, by this link or another way.
    pub answered_at: Option<Timestamp>,
    /// The answer.
    pub submission_id: Option<SubmissionId>,
}
