//! Starts workflows for events that have waited whether more comes (`debounce`). The timers' task calls it when such a time has come; that each
//! event is taken once is the store's business (`store/src/entry.rs`).

use std::sync::Arc;

use futures_util::future::join_all;
use model::{Actor, Period, event::NewEvent};
use rules::{Compiled, Entry, EntryRules};
use store::{
    StoreError,
    entry::{Quiet, debounce_due_list, debounce_put_off, debounce_refuse, debounce_take},
    event::event_start,
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
pub(crate) async fn fire(engine: &EngineInner, now: model::Timestamp) -> Result<usize, EngineError> {
    let due = {
        let mut connection = engine.store.read_any().await?;
        debounce_due_list(&mut connection, now, SLICE).await?
    };
    let taken =
        join_all(due.into_iter().map(|quiet| async move { (quiet.clone(), take(engine, quiet).await) }));
    let mut count = 0;
    for (quiet, taken) in taken.await {
        let (workflow, event) = (quiet.workflow, quiet.event.id);
        match taken {
            Ok(taken) => count += usize::from(taken),
            Err(
                error @ EngineError::Store(
                    StoreError::Unavailable(_) | StoreError::Closed | StoreError::Fenced,
                ),
            ) => {
                return Err(error);
            }
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

/// Starts the workflow, as it is now, for the event; when it is switched off, that is on record.
async fn take(engine: &EngineInner, quiet: Quiet) -> Result<bool, EngineError> {
    let tenant = quiet.event.tenant_id;
    if engine.draining.is_cancelled() {
        return Ok(false);
    }
    // Conditions are to see the tenant's name and zone.
    engine.tenants.profile(&engine.store, &engine.secrets, tenant).await?;
    let workflow = quiet.workflow;
    // By its row and not by what is in memory: another node may have changed it just now.
    let mut connection = engine.store.read(tenant).await?;
    let seen = workflow_standing(&mut connection, tenant, workflow).await?;
    let entry = match seen.filter(|standing| standing.is_active) {
        None => None,
        Some(Standing { version, .. }) => {
            match engine.programs.version(&mut connection, tenant, workflow, version).await {
                Ok(program) => Some(Entry { workflow, version, compiled: Arc::clone(&program.compiled) }),
                // Of an older program: it cannot run here.
                Err(EngineError::Invalid(_)) => None,
                Err(error) => return Err(error),
            }
        }
    };
    drop(connection);
    let event = event(&quiet);
    // It has waited.
    let entry = entry.map(|entry| {
        let rules = EntryRules { debounce: None, ..entry.compiled.entry.clone() };
        Entry { compiled: Arc::new(Compiled { entry: rules, ..Compiled::clone(&entry.compiled) }), ..entry }
    });
    let matches = entry.as_ref().map(|entry| engine.matches(&event, std::iter::once(entry), Foresight::None));
    let taken = engine
        .store
        .write_patiently(move |tx| {
            Box::pin(async move {
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
