//! The machine's clock.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use model::{Clock, Timestamp};

/// Tells the system's time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        // The runtime's timer counts from the present, so a system clock that is set meanwhile is noticed by whoever asks
        // again: those who wait for a far instant do so in bounded steps.
        let millis = instant.millis_since(self.now()).unsigned_abs();
        Box::pin(tokio::time::sleep(Duration::from_millis(millis)))
    }
}
