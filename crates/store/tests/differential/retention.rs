//! Retention: claimed, looked for, removed.

use model::{Period, TenantId};
use store::retention::{
    Cursor, Due, Kind, retention_claim, retention_due, retention_expired, retention_prolong, retention_remove,
};

use crate::pair::{Pair, change, read};

impl Pair {
    /// As if a tenant kept a few hours; some of what a look finds is removed.
    pub async fn retention(&mut self) {
        let (now, tenant) = (self.now(), self.random.tenant());
        let until = now.plus(Period::hours(5));
        if change!(self, ("retention_claim", now), |tx| retention_claim(tx, until)).unwrap() {
            change!(self, "retention_prolong", |tx| retention_prolong(tx, now)).unwrap();
        }
        let distant = now.plus(Period::days(90));
        read!(self, None, "retention_due", |connection| retention_due(connection, distant)).unwrap();
        let hours = u32::try_from(1 + self.random.below(200)).unwrap();
        let due = Due { tenant, before: now.minus(Period::hours(hours)) };
        for kind in Kind::ALL {
            let what = ("retention_expired", kind, due);
            let found = read!(self, Some(tenant), what, |connection| {
                retention_expired(connection, kind, due, Cursor::START)
            });
            let ids: Vec<i64> = found.unwrap().ids.into_iter().take(3).collect();
            change!(self, ("retention_remove", kind, &ids), |tx| retention_remove(
                tx,
                kind,
                tenant,
                ids.clone()
            ))
            .unwrap();
        }
        // What lives, or is another tenant's, is not removed, whoever asks for it.
        let ids = vec![self.id("workflow_executions").await, self.id("events").await];
        for tenant in [tenant, TenantId::new(77)] {
            for kind in [Kind::Execution, Kind::Event] {
                let ids = ids.clone();
                change!(self, ("retention_remove", kind, tenant, &ids), |tx| retention_remove(
                    tx,
                    kind,
                    tenant,
                    ids.clone()
                ))
                .unwrap();
            }
        }
    }
}
