//! So many runs in a period (`rateLimit`): a sliding window of two counters.
//!
//! A window that begins anew with each period would let two periods' worth pass at its border. So the runs of the period before still count, by as much as
//! is left of the present one: 100 runs count as 25 when three quarters of it are over. That takes two numbers however many runs there are, and supposes that
//! the runs of the period before were spread evenly.

use model::{Period, TenantId, Timestamp, WorkflowId};

use super::RateLimit;
use crate::{StoreResult, Tx, params};

/// The counters of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    started_at: Timestamp,
    taken: i64,
    /// In the period before.
    before: i64,
}

impl Window {
    /// What there is at an instant.
    fn at(self, now: Timestamp, per: Period) -> Self {
        let length = per.as_millis().max(1);
        match now.millis_since(self.started_at).div_euclid(length) {
            // A clock that was set back begins nothing anew.
            ..=0 => self,
            1 => Self { started_at: self.started_at.plus(per), taken: 0, before: self.taken },
            _ => Self { started_at: now, taken: 0, before: 0 },
        }
    }

    /// Whether one more may begin.
    fn has_room(self, now: Timestamp, RateLimit { limit, per }: RateLimit) -> bool {
        let length = i128::from(per.as_millis().max(1));
        let left = (length - i128::from(now.millis_since(self.started_at))).clamp(0, length);
        i128::from(self.before) * left + (i128::from(self.taken) + 1) * length <= i128::from(limit) * length
    }
}

/// Whether a workflow may begin one more run.
pub(super) async fn has_room(
    tx: &mut Tx,
    tenant: TenantId,
    workflow: WorkflowId,
    rate: RateLimit,
) -> StoreResult<bool> {
    let now = tx.now();
    let window = read(tx, tenant, workflow).await?;
    Ok(window.is_none_or(|window| window.at(now, rate.per).has_room(now, rate)))
}

/// Counts a run that begins.
pub(super) async fn count(
    tx: &mut Tx,
    tenant: TenantId,
    workflow: WorkflowId,
    RateLimit { per, .. }: RateLimit,
) -> StoreResult<()> {
    let now = tx.now();
    let window = read(tx, tenant, workflow).await?;
    let Window { started_at, taken, before } =
        window.map_or(Window { started_at: now, taken: 0, before: 0 }, |window| window.at(now, per));
    tx.execute(
        "INSERT INTO entry_windows (workflow_id, tenant_id, started_at, taken, taken_before) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (workflow_id) DO UPDATE SET started_at = excluded.started_at, taken = excluded.taken, taken_before = excluded.taken_before",
        params![workflow, tenant, started_at, taken + 1, before],
    )
    .await
    .map(drop)
}

async fn read(tx: &mut Tx, tenant: TenantId, workflow: WorkflowId) -> StoreResult<Option<Window>> {
    let sql =
        "SELECT started_at, taken, taken_before FROM entry_windows WHERE workflow_id = ?1 AND tenant_id = ?2";
    let row = tx.query_optional(sql, params![workflow, tenant]).await?;
    row.map(|row| {
        let mut row = row.cells();
        Ok(Window { started_at: row.take()?, taken: row.take()?, before: row.take()? })
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_of_the_period_before_count_by_what_is_left_of_them() {
        let rate = RateLimit { limit: 10, per: Period::minutes(1) };
        let at = |seconds: i64| Timestamp::from_millis(1_000_000 + seconds * 1_000);
        // How many pass at each of these seconds, one after the other.
        let mut window = Window { started_at: at(0), taken: 0, before: 0 };
        let mut passed = Vec::new();
        for second in [0, 59, 60, 66, 90, 119, 120, 500, 400] {
            window = window.at(at(second), rate.per);
            let mut count = 0;
            while window.has_room(at(second), rate) {
                window.taken += 1;
                count += 1;
            }
            passed.push((second, count));
        }
        assert_eq!(
            passed,
            [(0, 10), (59, 0), (60, 0), (66, 1), (90, 4), (119, 4), (120, 1), (500, 10), (400, 0)]
        );
    }
}
