//! The machine's clock.

use std::{
    future::Future,
    pin::Pin,
    sync::{PoisonError, RwLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use model::{Clock, Timestamp};

/// Differences from a shared clock that are no more than the way of its answer.
const NOISE_MS: u64 = 20;

/// Tells the system's time, or that of the database which several machines share: then it goes on from there by the monotonic clock, and
/// whoever sets this machine's clock changes nothing.
#[derive(Debug, Default)]
pub struct SystemClock {
    shared: RwLock<Option<(Instant, Timestamp)>>,
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        if let Some((at, then)) = *self.shared.read().unwrap_or_else(PoisonError::into_inner) {
            let since = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
            return Timestamp::from_millis(then.as_millis().saturating_add(since));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn follow(&self, shared: Timestamp) {
        let is_anchored = self.shared.read().unwrap_or_else(PoisonError::into_inner).is_some();
        if !is_anchored || self.now().millis_since(shared).unsigned_abs() > NOISE_MS {
            *self.shared.write().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), shared));
        }
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        // The runtime's timer counts from the present, so a system clock that is set meanwhile is noticed by whoever asks
        // again: those who wait for a far instant do so in bounded steps.
        let millis = instant.millis_since(self.now()).unsigned_abs();
        Box::pin(tokio::time::sleep(Duration::from_millis(millis)))
    }
}
