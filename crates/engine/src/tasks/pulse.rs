//! Where several nodes work on one store: one query a second tells what concerns this node, and rings those whose business it is. An idle node
//! asks nothing else but the renewal of its lease.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use store::pulse::{Pulse, pulse};

use crate::{
    EngineError, EngineInner,
    tasks::definitions::{self, Seen},
};

/// Less than a second: a change reaches every node within one.
const EVERY: Duration = Duration::from_millis(800);
/// Changes are looked for at least this often, in pulses, whatever the pulse says of them.
const LOOK_EVERY: u32 = 10;
/// A time that was this long on its way says too little.
const SLOW: Duration = Duration::from_millis(100);

/// Runs until the engine drains; returns at once where nobody else can have the store open.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    if engine.store.is_alone() {
        return;
    }
    // Until the first look there may be others.
    engine.store.others_set(true);
    let (mut seen, mut changes, mut since_look) = (Seen::default(), None, 0);
    loop {
        match feel(&engine).await {
            Ok(pulse) => {
                since_look += 1;
                if changes != Some(pulse.changes) || since_look >= LOOK_EVERY {
                    match definitions::look(&engine, &mut seen).await {
                        Ok(()) => (changes, since_look) = (Some(pulse.changes), 0),
                        Err(error) => {
                            tracing::warn!(%error, "changes by other nodes could not be read; trying again");
                        }
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the store could not be looked at; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = engine.draining.cancelled() => return,
        }
    }
}

async fn feel(engine: &EngineInner) -> Result<Pulse, EngineError> {
    let mut connection = engine.store.read_any().await?;
    let asked = Instant::now();
    let pulse = pulse(&mut connection, engine.store.now()).await?;
    drop(connection);
    if asked.elapsed() < SLOW {
        engine.store.clock().follow(pulse.now);
    }
    engine.store.others_set(pulse.nodes > 1);
    if let Some(due_at) = pulse.timer {
        engine.timers.set(due_at);
    }
    if pulse.has_signals {
        engine.signals.notify_one();
    }
    if pulse.has_unowned {
        engine.call.work();
    }
    Ok(pulse)
}
