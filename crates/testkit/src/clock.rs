//! A clock that stands still until a test moves it.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use model::{Clock, Period, Timestamp};
use tokio::sync::Notify;

/// Simulated time; clones share it.
#[derive(Debug, Clone)]
pub struct SimulatedClock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told each time someone goes to sleep.
    slept: Notify,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    next_sleeper: u64,
    /// Who sleeps, in the order of waking.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
}

impl SimulatedClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let state = State { now, next_sleeper: 0, sleepers: BTreeMap::new() };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), slept: Notify::new() }) }
    }

    /// Moves time on and wakes whoever is due.
    pub fn advance(&self, period: Period) {
        let now = self.state().now.plus(period);
        self.set(now);
    }

    /// Shows another instant; going back is allowed and wakes nobody.
    pub fn set(&self, now: Timestamp) {
        let due = {
            let mut state = self.state();
            state.now = now;
            let later = state.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.sleepers, later)
        };
        for waker in due.into_values() {
            waker.wake();
        }
    }

    /// When the first sleeper is due; `None` when nobody sleeps.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.state().sleepers.keys().next().map(|(instant, _)| *instant)
    }

    /// Waits until somebody sleeps, and says when the first of them is due: the moment at which a test may
    /// advance without a race.
    pub async fn until_asleep(&self) -> Timestamp {
        loop {
            let slept = self.shared.slept.notified();
            if let Some(instant) = self.next_wake() {
                return instant;
            }
            slept.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no holder of this lock can panic")
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        Box::pin(Sleep { clock: self.clone(), instant, place: None })
    }
}

struct Sleep {
    clock: SimulatedClock,
    instant: Timestamp,
    place: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut state = clock.state();
        if state.now >= self.instant {
            return Poll::Ready(());
        }
        let place = *self.place.get_or_insert_with(|| {
            state.next_sleeper += 1;
            state.next_sleeper
        });
        state.sleepers.insert((self.instant, place), cx.waker().clone());
        drop(state);
        clock.shared.slept.notify_waiters();
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.clock.state().sleepers.remove(&(self.instant, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wakes_sleepers_in_order_and_only_when_due() {
        let clock = SimulatedClock::new(Timestamp::EPOCH);
        let (sender, mut woken) = tokio::sync::mpsc::unbounded_channel();
        for seconds in [20, 10, 30] {
            let (sleeper, sender) = (clock.clone(), sender.clone());
            tokio::spawn(async move {
                sleeper.sleep_until(Timestamp::EPOCH.plus(Period::seconds(seconds))).await;
                sender.send(seconds).unwrap();
            });
            tokio::task::yield_now().await;
        }
        assert_eq!(clock.until_asleep().await, Timestamp::from_millis(10_000));

        clock.advance(Period::seconds(10));
        assert_eq!(woken.recv().await, Some(10));
        assert_eq!(clock.next_wake(), Some(Timestamp::from_millis(20_000)));
        assert!(woken.try_recv().is_err());

        clock.advance(Period::hours(1));
        assert_eq!((woken.recv().await, woken.recv().await), (Some(20), Some(30)));
        assert_eq!(clock.next_wake(), None);

        clock.sleep_until(clock.now()).await;
        drop(clock.sleep_until(clock.now().plus(Period::seconds(1))));
        assert_eq!(clock.next_wake(), None);
    }
}
