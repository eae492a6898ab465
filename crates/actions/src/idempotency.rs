//! The key by which a receiver outside tells a repeated attempt from a new request.

use std::fmt::Write;

use model::{ExecutionId, TenantId};
use sha2::{Digest, Sha256};

/// The key of one step of one execution: `vtx_` and 40 hexadecimal digits.
///
/// It depends on nothing that changes between attempts, so every attempt carries the same one. A manual retry that
/// continues an execution passes the original's id for the steps it carries over. A hash, because the key goes to
/// strangers: it tells them nothing about ids and volumes.
#[must_use]
pub fn idempotency_key(tenant: TenantId, execution: ExecutionId, step_path: &str) -> String {
    let digest = Sha256::digest(format!("vtrustx step\0{tenant}\0{execution}\0{step_path}"));
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
            idempotency_key(TenantId::new(tenant), ExecutionId::new(execution), path)
        };
        // The literal keeps the promise over releases: a changed key would repeat effects after an upgrade.
        assert_eq!(key(1, 42, "s2"), "vtx_e2c681fd4ecd36bc4d5aba9d7b809039717745a8");
        let keys =
            [key(1, 42, "s2"), key(2, 42, "s2"), key(1, 43, "s2"), key(1, 42, "s2[0].s1"), key(14, 2, "s2")];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
