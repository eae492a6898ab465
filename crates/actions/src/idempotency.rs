//! The key by which a receiver outside tells a repeated attempt from a new request.

use std::fmt::Write;

use model::{AlertId, ApprovalId, ExecutionId, TenantId, alert::AlertMoment};
use sha2::{Digest, Sha256};

/// The key of one step of one execution: `vtx_` and 40 hexadecimal digits.
///
/// It depends on nothing that changes between attempts, so every attempt carries the same one. A manual retry that
/// continues an execution passes the original's id for the steps it carries over. `installation` is the store's own random text:
/// two installations that call the same receiver never share a key, and nobody can work ids and volumes out of one.
#[must_use]
pub fn idempotency_key(
    installation: &str,
    tenant: TenantId,
    execution: ExecutionId,
    step_path: &str,
) -> String {
    key(&format!("vtrustx step\0{installation}\0{tenant}\0{execution}\0{step_path}"))
}

/// The key of word of an alert, the same with every attempt.
#[must_use]
pub fn alert_key(installation: &str, alert: AlertId, moment: AlertMoment) -> String {
    key(&format!("vtrustx alert\0{installation}\0{alert}\0{moment}"))
}

/// The key of a mail that asks for a decision, the same with every attempt; `which` tells its receiver and its moment.
#[must_use]
pub fn approval_key(installation: &str, approval: ApprovalId, which: &str) -> String {
    key(&format!("vtrustx approval\0{installation}\0{approval}\0{which}"))
}

fn key(of: &str) -> String {
    let digest = Sha256::digest(of);
    let mut key = "vtx_".to_owned();
    for byte in &digest[..20] {
        let _ = write!(key, "{byte:02x}");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_stable_and_differs_by_each_part() {
        let key = |tenant, execution, path| {
            idempotency_key("here", TenantId::new(tenant), ExecutionId::new(execution), path)
        };
        let elsewhere = idempotency_key("there", TenantId::new(1), ExecutionId::new(42), "s2");
        // The literal keeps the promise over releases: a changed key would repeat effects after an upgrade.
        assert_eq!(key(1, 42, "s2"), "vtx_bc120ff2c06a894f4cf6a9cbbc3105b66ef1fffb");
        let keys = [
            key(1, 42, "s2"),
            key(2, 42, "s2"),
            key(1, 43, "s2"),
            key(1, 42, "s2[0].s1"),
            key(14, 2, "s2"),
            elsewhere,
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
