//! Starts workflows for events that have waited whether more comes (`debounce`). The timers' task calls it when such a time has come; that each
//! event is taken once is the store's business (`store/src/entry.rs`).

use std::sync::Arc;

use futures_util::future::join_all;
use model::{Actor, Period, Timestamp, event::NewEvent};
use rules::{Compiled, Entry, EntryRules};
use store::{
    entry::{Quiet, debounce_due_list, debounce_put_off, debounce_refuse, debounce_take},
    event::{Match, event_start},
    workflow::{Standing, workflow_standing, workflow_stands},
};

use crate::{EngineError, EngineInner, matching::Foresight};

/// Events taken at once.
const SLICE: i64 = 100;
/// Before an event that could not be taken is tried again.
const PAUSE: Period = Period::minutes(1);

/// Starts what has waited long enough, or some of it. Answers how many events were taken, by this node.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn fire(engine: &EngineInner, now: Timestamp) -> Result<usize, EngineError> {
    let due = {
        let mut connection = engine.store.read_any().await?;
        debounce_due_list(&mut connection, now, SLICE).await?
    };
    let prepared = join_all(due.into_iter().map(|quiet| async move {
        let started = prepare(engine, &quiet).await;
        (quiet, started)
    }));
    // What waited longest is written first.
    let taken = join_all(prepared.await.into_iter().map(|(quiet, started)| async move {
        let taken = match started {
            Ok(started) => take(engine, quiet.clone(), started).await,
            Err(error) => Err(error),
        };
        (quiet, taken)
    }));
    let mut count = 0;
    for (quiet, taken) in taken.await {
        let (workflow, event) = (quiet.workflow, quiet.event.id);
        match taken {
            Ok(taken) => count += usize::from(taken),
            Err(error) if error.stops_all() => return Err(error),
            // This one cannot be taken: the others are not held up by it, and the clock does not spin for it.
            Err(error) => {
                tracing::error!(%workflow, %event, %error, "an event that has waited could not be taken; it is tried again in a minute");
                let later = engine.store.now().plus(PAUSE);
                let write = engine.store.write_patiently(move |tx| {
                    Box::pin(async move { debounce_put_off(tx, &quiet, later).await })
                });
                write.await?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// What an event starts whose time has come, by the workflow as it was seen.
struct Started {
    seen: Option<Standing>,
    event: NewEvent,
    /// None: the workflow is switched off.
    matches: Option<Vec<Match>>,
}

/// By the workflow's row and not by what is in memory: another node may have changed it just now.
async fn prepare(engine: &EngineInner, quiet: &Quiet) -> Result<Started, EngineError> {
    let (tenant, workflow) = (quiet.event.tenant_id, quiet.workflow);
    // Conditions are to see the tenant's name and zone.
    engine.tenants.profile(&engine.store, &engine.secrets, tenant).await?;
    let mut connection = engine.store.read(tenant).await?;
    let seen = workflow_standing(&mut connection, tenant, workflow).await?;
    let program = match seen.filter(|standing| standing.is_active) {
        None => None,
        Some(Standing { version, .. }) => {
            match engine.programs.version(&mut connection, tenant, workflow, version).await {
                Ok(program) => Some(program),
                // Of an older program: it cannot run here.
                Err(EngineError::Invalid(_)) => None,
                Err(error) => return Err(error),
            }
        }
    };
    let event = event(quiet);
    let matches = program.map(|program| {
        // It has waited.
        let entry = EntryRules { debounce: None, ..program.compiled.entry.clone() };
        let compiled = Arc::new(Compiled { entry, ..Compiled::clone(&program.compiled) });
        let entry = Entry { workflow, version: program.version, compiled };
        engine.matches(&event, std::iter::once(&entry), Foresight::None)
    });
    Ok(Started { seen, event, matches })
}

/// Starts the workflow for the event, unless the workflow has changed meanwhile; when it is switched off, that is on record.
async fn take(engine: &EngineInner, quiet: Quiet, started: Started) -> Result<bool, EngineError> {
    if engine.draining.is_cancelled() {
        return Ok(false);
    }
    let (tenant, workflow) = (quiet.event.tenant_id, quiet.workflow);
    let taken = engine
        .store
        .write_patiently(move |tx| {
            Box::pin(async move {
                let Started { seen, event, matches } = started;
                if !workflow_stands(tx, tenant, workflow, seen).await? || !debounce_take(tx, &quiet).await? {
                    return Ok(false);
                }
                match &matches {
                    Some(matches) => event_start(tx, &event, quiet.event.id, matches).await.map(drop)?,
                    None => debounce_refuse(tx, &quiet).await?,
                }
                Ok(true)
            })
        })
        .await?;
    Ok(taken)
}

fn event(quiet: &Quiet) -> NewEvent {
    let event = &quiet.event;
    NewEvent {
        tenant: event.tenant_id,
        name: event.name.clone(),
        external_id: event.external_id.clone(),
        source: event.source.clone(),
        data: event.data.clone().into(),
        attributes: serde_json::Map::new(),
        actor: quiet.actor.unwrap_or(Actor::System),
        cause: quiet.cause,
    }
}
