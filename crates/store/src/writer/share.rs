//! How much of the queue one tenant has.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use model::TenantId;

type Counts = Arc<Mutex<HashMap<TenantId, usize>>>;

/// The events of each tenant that wait for their commit.
#[derive(Debug, Default)]
pub(super) struct Shares {
    counts: Counts,
}

/// One place in the queue; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    tenant: TenantId,
    counts: Counts,
}

impl Shares {
    /// None: the tenant has `most` already.
    pub(super) fn take(&self, tenant: TenantId, most: usize) -> Option<Share> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(tenant).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Share { tenant, counts: Arc::clone(&self.counts) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_with_its_share_leaves_room_for_another() {
        let (shares, one, two) = (Shares::default(), TenantId::new(1), TenantId::new(2));
        let held: Vec<_> = (0..3).map(|_| shares.take(one, 3)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(shares.take(one, 3).is_none());
        assert!(shares.take(two, 3).is_some());
        drop(held);
        assert!(shares.take(one, 3).is_some());
        assert!(shares.counts.lock().unwrap().is_empty(), "nothing is kept of who has nothing");
    }
}
