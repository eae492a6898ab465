//! A person is forgotten: what is known of a contact is taken out, and what counts without the person stays.
//!
//! Numbers and choices of answers stay, for scores are made of them. Runs that have not ended keep what they work with; they go when they have ended and
//! are old enough, as everything of the history does, or with the next erasure of the contact.

use std::collections::{BTreeMap, btree_map::Entry};

use model::{
    ContactId, ExecutionId, FormId, SubmissionId, TenantId,
    form::{Question, QuestionType},
};
use serde_json::{Map, Value, json};

use crate::{
    StoreError, StoreResult, Tx,
    change::Author,
    contact::{contact_forget, contact_hold},
    execution::execution_delete,
    form::form_get,
    invitation::invitations_erase,
    params,
};

/// Runs that are removed in one step; more go with their retention.
const MOST_RUNS: i64 = 1_000;

/// Takes a contact out: `{"contactId","submissions","runs"}`. An address that is on the suppression list stays there: that nothing is sent
/// to it has to be known.
pub(crate) async fn contact_erase(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    id: ContactId,
) -> StoreResult<Value> {
    let contact = contact_hold(tx, tenant, id).await?;
    let submissions = answers_erase(tx, tenant, id).await?;
    let runs = runs_erase(tx, tenant, id).await?;
    invitations_erase(tx, tenant, id).await?;
    contact_forget(tx, author.actor, &contact).await?;
    Ok(json!({"contactId": id, "submissions": submissions, "runs": runs}))
}

/// Answers that are personal or in the person's own words are taken out; of a form that is gone, all of them.
async fn answers_erase(tx: &mut Tx, tenant: TenantId, contact: ContactId) -> StoreResult<usize> {
    let rows = tx
        .query(
            "SELECT id, form_id, data FROM submissions WHERE tenant_id = ?1 AND contact_id = ?2 ORDER BY id",
            params![tenant, contact],
        )
        .await?;
    let count = rows.len();
    let mut kept: BTreeMap<FormId, Vec<String>> = BTreeMap::new();
    for row in rows {
        let mut row = row.cells();
        let (id, form): (SubmissionId, FormId) = (row.take()?, row.take()?);
        let mut data: Map<String, Value> = row.take()?;
        if let Entry::Vacant(vacant) = kept.entry(form) {
            let questions = match form_get(tx, tenant, form).await {
                Ok(form) => form.questions,
                Err(StoreError::Missing(_)) => Vec::new(),
                Err(error) => return Err(error),
            };
            let impersonal = questions.into_iter().filter(|question| !tells_of_somebody(question));
            vacant.insert(impersonal.map(|question| question.key).collect());
        }
        data.retain(|key, _| kept[&form].contains(key));
        tx.execute(
            "UPDATE submissions SET data = ?1, external_id = NULL, version = version + 1 WHERE id = ?2 AND tenant_id = ?3",
            params![&data, id, tenant],
        )
        .await?;
    }
    Ok(count)
}

fn tells_of_somebody(question: &Question) -> bool {
    use QuestionType::{Email, LongText, Text};
    question.personal || matches!(question.kind, Text | LongText | Email)
}

/// Runs about the contact that have ended go with their logs.
async fn runs_erase(tx: &mut Tx, tenant: TenantId, contact: ContactId) -> StoreResult<usize> {
    let rows = tx
        .query(
            "SELECT id FROM workflow_executions WHERE tenant_id = ?1 AND contact_id = ?2 AND status IN ('completed', 'failed', 'cancelled')
              ORDER BY id LIMIT ?3",
            params![tenant, contact, MOST_RUNS],
        )
        .await?;
    let count = rows.len();
    for row in rows {
        let id: ExecutionId = row.first()?;
        execution_delete(tx, tenant, id).await?;
    }
    Ok(count)
}
