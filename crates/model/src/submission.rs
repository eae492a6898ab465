//! A submission: one person's answers to a form.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Actor, ContactId, FormId, SubmissionId, TenantId, Timestamp,
    field::{self, Fields, Refused},
    named,
};

named! {
    /// Whether the person is done.
    SubmissionStatus {
        /// Some answers are there.
        Partial = "partial",
        /// Sent.
        Completed = "completed",
    }
}

/// Answers as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Unique over all tenants.
    pub id: SubmissionId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// The form that was answered.
    pub form_id: FormId,
    /// Who answered, when known.
    pub contact_id: Option<ContactId>,
    /// The caller's own id; the same one again is the same submission.
    pub external_id: Option<String>,
    /// Whether the person is done.
    pub status: SubmissionStatus,
    /// Answers by question key, as sent.
    pub data: Map<String, Value>,
    /// A language tag.
    pub language: Option<String>,
    /// Tag names.
    pub tags: Vec<String>,
    /// When it was completed.
    pub submitted_at: Option<Timestamp>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
    /// When it was deleted; history still refers to it.
    pub archived_at: Option<Timestamp>,
}

impl Submission {
    /// The `submission` of a `submission_completed` event (contract section 4): camelCase, as the seed's paths have it.
    #[must_use]
    pub fn event_data(&self) -> Value {
        serde_json::json!({
            "id": self.id, "formId": self.form_id, "contactId": self.contact_id, "data": self.data,
            "language": self.language, "submittedAt": self.submitted_at,
        })
    }
}

impl Fields for Submission {
    fn set(&mut self, field: &str, value: &Value) -> Result<(), Refused> {
        match field {
            "contact_id" => self.contact_id = field::optional_id(value)?,
            "language" => self.language = field::optional_text(value, 35)?,
            "tags" => self.tags = field::tags(value)?,
            "id" | "tenant_id" | "form_id" | "external_id" | "status" | "data" | "submitted_at"
            | "created_at" | "updated_at" | "created_by" | "updated_by" | "version" | "archived_at" => {
                return Err(Refused::ReadOnly);
            }
            _ => return Err(Refused::Unknown),
        }
        Ok(())
    }

    crate::field::changing! {
        contact_id, external_id, status, data, language, tags, submitted_at;
        not form_id, id, tenant_id, created_at, updated_at, created_by, updated_by, version, archived_at
    }

    fn attributes(&mut self) -> Option<&mut Map<String, Value>> {
        None
    }
}
