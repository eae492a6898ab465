//! Wakes executions whose time has come: delays, steps' retries, runs' retries; and has the workflows started whose time has come,
//! and tickets' deadlines told.
//!
//! One task sleeps until the earliest timer in the store. A timer that is set meanwhile and is earlier wakes the task.

use std::{sync::Arc, time::Duration};

use model::{Period, Timestamp};
use store::timer::{timer_next, timers_fire};
use tokio::sync::watch;

use crate::{
    EngineError, EngineInner,
    patience::patiently,
    tasks::{deadlines, debounces, jobs, schedules},
};

/// Timers taken at once: a long backlog drains in slices, between which other work is written.
const SLICE: i64 = 500;
/// Before another look at timers that somebody else has under his hands.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest sleep: a clock that was set forward is noticed after this time.
const LONGEST_SLEEP: Period = Period::minutes(1);

/// Where the timers' task hears of new timers.
#[derive(Debug)]
pub(crate) struct Bell {
    earliest: watch::Sender<Option<Timestamp>>,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Self { earliest: watch::Sender::new(None) }
    }

    /// A timer was set, by this node or another.
    pub(crate) fn set(&self, due_at: Timestamp) {
        self.earliest.send_if_modified(|earliest| {
            let is_earlier = earliest.is_none_or(|known| due_at < known);
            if is_earlier {
                *earliest = Some(due_at);
            }
            is_earlier
        });
    }
}

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    let mut bell = engine.timers.earliest.subscribe();
    loop {
        let wake_at = match patiently!(&engine, { fire(&engine).await }) {
            Ok(wake_at) => wake_at,
            Err(error) => {
                tracing::error!(%error, "timers could not be read; trying again in a minute");
                engine.store.now().plus(LONGEST_SLEEP)
            }
        };
        tokio::select! {
            () = engine.store.clock().sleep_until(wake_at) => {}
            changed = bell.changed() => if changed.is_err() { return },
            () = engine.draining.cancelled() => return,
        }
    }
}

/// Wakes everything that is due and answers when to look again.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn fire(engine: &EngineInner) -> Result<Timestamp, EngineError> {
    loop {
        let now = engine.store.now();
        if engine.draining.is_cancelled() {
            return Ok(now.plus(LONGEST_SLEEP));
        }
        engine.timers.earliest.send_if_modified(|earliest| {
            *earliest = None;
            false
        });
        let next = {
            let mut connection = engine.store.read_any().await?;
            timer_next(&mut connection).await?
        };
        let is_due = |due_at: Option<Timestamp>| due_at.is_some_and(|due_at| due_at <= now);
        let mut ticks = if is_due(next.schedule) { schedules::fire(engine, now).await? } else { 0 };
        if is_due(next.debounce) {
            ticks += debounces::fire(engine, now).await?;
        }
        if is_due(next.job) {
            ticks += jobs::fire(engine, now).await?;
        }
        if is_due(next.deadline) {
            ticks += deadlines::fire(engine, now).await?;
        }
        let others = [next.schedule, next.debounce, next.job, next.deadline];
        match next.timer.into_iter().chain(others.into_iter().flatten()).min() {
            Some(due_at) if due_at <= now => {
                let fired = if is_due(next.timer) { wake(engine, now).await? } else { 0 };
                if fired == 0 && ticks == 0 {
                    // What is due is being changed by somebody.
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Some(due_at) => {
                // Known: it rings nobody any more.
                engine.timers.earliest.send_if_modified(|earliest| {
                    *earliest = Some(earliest.map_or(due_at, |known| known.min(due_at)));
                    false
                });
                return Ok(due_at.min(now.plus(LONGEST_SLEEP)));
            }
            None => return Ok(now.plus(LONGEST_SLEEP)),
        }
    }
}

/// Wakes some of the executions whose time has come, and answers how many.
async fn wake(engine: &EngineInner, now: Timestamp) -> Result<usize, EngineError> {
    let fired = engine.store.write_patiently(move |tx| Box::pin(timers_fire(tx, now, SLICE))).await?;
    let taken = engine.store.now();
    engine.metrics.timers(fired.iter().map(|due_at| taken.millis_since(*due_at)));
    Ok(fired.len())
}
