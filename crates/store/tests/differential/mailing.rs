//! The suppression list, and who is admitted to a marketing mail.

use model::{Period, SuppressionId, mailing::SuppressionReason, settings::MarketingLimit};
use store::{
    Page,
    mailing::marketing_admit,
    suppression::{
        Filter, Report, ReportKind, report_take, suppression_create, suppression_delete, suppression_get,
        suppression_list,
    },
};

use crate::{
    pair::{ADA, Pair, change, read},
    random::Random,
};

impl Pair {
    pub async fn report_take(&mut self) {
        let tenant = self.random.tenant();
        let report = Report {
            address: self.random.email(),
            kind: *self.random.pick(ReportKind::ALL),
            source: "ses",
            detail: self.random.sometimes(50, Random::text),
        };
        drop(change!(self, ("report_take", tenant, &report), |tx| report_take(
            tx,
            tenant,
            ADA.into(),
            &report
        )));
    }

    pub async fn suppression_change(&mut self) {
        let (tenant, address) = (self.random.tenant(), self.random.email());
        drop(change!(self, ("suppression_create", tenant, &address), |tx| {
            suppression_create(tx, tenant, ADA.into(), &address, None)
        }));
        let id = SuppressionId::new(self.random.id(8));
        drop(read!(self, Some(tenant), ("suppression", id), |connection| {
            suppression_get(connection, tenant, id)
        }));
        let filter = Filter {
            text: self.random.sometimes(50, |_| "EXAMPLE".to_owned()),
            reason: self.random.sometimes(50, |random| *random.pick(SuppressionReason::ALL)),
        };
        drop(read!(self, Some(tenant), ("suppression_list", &filter), |connection| {
            suppression_list(connection, tenant, &filter, Page::first(5))
        }));
        drop(change!(self, ("suppression_delete", tenant, id), |tx| suppression_delete(tx, tenant, id)));
    }

    pub async fn marketing_admit(&mut self) {
        let (tenant, address) = (self.random.tenant(), self.random.email());
        let key = format!("step {}", self.random.below(20));
        let limit = MarketingLimit { mails: 1, period: Period::days(7) };
        drop(change!(self, ("marketing_admit", tenant, &address, &key), |tx| marketing_admit(
            tx, tenant, &key, &address, limit
        )));
    }
}
