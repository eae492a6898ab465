//! The mails that ask for decisions: written down with the approval, sent by whichever node takes them, dropped when nothing is asked any more.

use std::collections::BTreeMap;

use model::{ApprovalId, TenantId, Timestamp, approval::Approval};

use super::approval_get;
use crate::{Connection, StoreResult, Tx, params};

model::named! {
    /// Why word of an approval is sent.
    Moment {
        /// It is asked for.
        Asked = "asked",
        /// It is asked for again.
        Reminder = "reminder",
    }
}
/// A mail that asks for a decision and is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// What is asked.
    pub approval: Approval,
    /// Who is asked.
    pub address: String,
    /// For the first time, or again.
    pub moment: Moment,
    /// Which attempt this is, from 1.
    pub attempt: i64,
}

/// When the next mail is due, of any tenant.
///
/// # Errors
/// When the database refuses.
pub async fn approval_mail_next(connection: &mut Connection) -> StoreResult<Option<Timestamp>> {
    let sql = "SELECT min(next_attempt_at) FROM approval_mails WHERE next_attempt_at IS NOT NULL";
    connection.query_one(sql, Vec::new()).await?.first()
}

/// Takes mails that are due, of all tenants, for one attempt each. If nothing comes of that until `until`, whoever looks then takes it again.
///
/// # Errors
/// When the database refuses.
pub async fn approval_mails_take(tx: &mut Tx, until: Timestamp, most: i64) -> StoreResult<Vec<Delivery>> {
    let now = tx.now();
    let rows = tx
        .query(
            "SELECT tenant_id, approval_id, address, moment, attempts + 1 FROM approval_mails
              WHERE next_attempt_at <= ?1 ORDER BY next_attempt_at, approval_id LIMIT ?2 {skip_locked}",
            params![now, most],
        )
        .await?;
    let mut due = Vec::with_capacity(rows.len());
    let mut approvals: BTreeMap<ApprovalId, Approval> = BTreeMap::new();
    for row in rows {
        let mut row = row.cells();
        let (tenant, id): (TenantId, ApprovalId) = (row.take()?, row.take()?);
        let (address, moment, attempt): (String, Moment, i64) = (row.take()?, row.take()?, row.take()?);
        tx.execute(
            "UPDATE approval_mails SET attempts = ?1, next_attempt_at = ?2 WHERE approval_id = ?3 AND address = ?4 AND moment = ?5 AND tenant_id = ?6",
            params![attempt, until, id, &address, moment, tenant],
        )
        .await?;
        let approval = match approvals.get(&id) {
            Some(known) => known.clone(),
            None => approval_get(tx, tenant, id).await?,
        };
        approvals.insert(id, approval.clone());
        due.push(Delivery { approval, address, moment, attempt });
    }
    Ok(due)
}

/// Writes down what came of an attempt: an error and when to try again, if at all; or that it is done.
///
/// # Errors
/// When the database refuses.
pub async fn approval_mail_settle(
    tx: &mut Tx,
    delivery: &Delivery,
    failed: Option<(String, Option<Timestamp>)>,
) -> StoreResult<()> {
    let now = tx.now();
    let (delivered_at, error, next) = match failed {
        None => (Some(now), None, None),
        Some((error, next)) => (None, Some(error), next),
    };
    // A failure that comes late, when another attempt is under way, says nothing any more; and what is decided is not asked again.
    tx.execute(
        "UPDATE approval_mails SET delivered_at = ?1, last_error = ?2, next_attempt_at = CASE WHEN next_attempt_at IS NULL THEN NULL ELSE CAST(?3 AS {time}) END
          WHERE approval_id = ?4 AND address = ?5 AND moment = ?6 AND tenant_id = ?7 AND delivered_at IS NULL
            AND (CAST(?2 AS TEXT) IS NULL OR attempts = ?8)",
        params![
            delivered_at,
            error,
            next,
            delivery.approval.id,
            &delivery.address,
            delivery.moment,
            delivery.approval.tenant_id,
            delivery.attempt
        ],
    )
    .await
    .map(drop)
}

/// What is over asks nobody any more.
pub(super) async fn mails_drop(tx: &mut Tx, tenant: TenantId, approval: ApprovalId) -> StoreResult<()> {
    tx.execute(
        "UPDATE approval_mails SET next_attempt_at = NULL WHERE approval_id = ?1 AND tenant_id = ?2 AND next_attempt_at IS NOT NULL",
        params![approval, tenant],
    )
    .await
    .map(drop)
}
