//! Starts workflows by the clock. The timers' task calls it when the next time has come; that each time is taken once is the store's business
//! (`store/src/schedule.rs`).

use std::sync::Arc;

use futures_util::future::join_all;
use jiff::tz::TimeZone;
use model::{
    Actor, TenantId, Timestamp,
    event::{EventName, NewEvent, SCHEDULE},
    job::{self, JobFilter, JobKind, JobSource},
};
use rules::{
    Entry, Start, Timetable,
    timetable::{Due, Relative},
};
use serde_json::json;
use store::{
    event::event_take,
    job::{NewJob, job_make, job_newest},
    schedule::{Tick, schedule_adopt, schedule_advance, schedule_due_list, schedule_look},
    submission::{submission_ids_between, submission_next_after},
    tenant::settings_get,
};

use crate::{EngineError, EngineInner, jobs::HIGHEST_RATE, matching::Foresight};

/// Times taken at once.
const SLICE: i64 = 100;

/// Starts some of the workflows whose time has come. Answers how many times were taken, by this node.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn fire(engine: &EngineInner, now: Timestamp) -> Result<usize, EngineError> {
    let due = {
        let mut connection = engine.store.read_any().await?;
        schedule_due_list(&mut connection, now, SLICE).await?
    };
    let taken =
        join_all(due.into_iter().map(|tick| async move { (tick, take(engine, tick, now).await) })).await;
    let mut count = 0;
    for (tick, taken) in taken {
        match taken {
            Ok(taken) => count += usize::from(taken),
            // Nobody's time can be taken for now.
            Err(error) if error.stops_all() => return Err(error),
            // This one's cannot: the others are not held up by it, and it is tried again with the next look.
            Err(error) => {
                tracing::error!(tenant = %tick.tenant, workflow = %tick.workflow, due_at = %tick.due_at, %error, "a time of the clock could not be taken; it is tried again");
            }
        }
    }
    Ok(count)
}

/// Gives a next time to the active workflows that have none: saved by a program that knows no schedules, or without an engine.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn adopt(engine: &EngineInner) -> Result<(), EngineError> {
    let mut ticks = Vec::new();
    for (tenant, entry) in engine.programs.scheduled() {
        let zone = zone(engine, tenant).await?;
        let Start::Schedule(timetable) = &entry.compiled.trigger.start else { continue };
        let Some(due_at) = timetable.next(engine.store.now(), &zone) else { continue };
        ticks.push(Tick {
            tenant,
            workflow: entry.workflow,
            version: entry.version,
            due_at,
            looked_until: None,
            is_active: true,
        });
    }
    if ticks.is_empty() {
        return Ok(());
    }
    let adopted = engine.store.write_patiently(move |tx| {
        Box::pin(async move {
            for tick in &ticks {
                schedule_adopt(tx, tick).await?;
            }
            Ok(())
        })
    });
    Ok(adopted.await?)
}

/// Starts a workflow for what has come of its times, and moves it on to the next.
async fn take(engine: &EngineInner, tick: Tick, now: Timestamp) -> Result<bool, EngineError> {
    let entry = entry(engine, tick).await?;
    let zone = zone(engine, tick.tenant).await?;
    if let Some(Entry { compiled, .. }) = &entry
        && let Start::Schedule(timetable) = &compiled.trigger.start
        && let Some(relative) = timetable.relative()
    {
        return take_records(engine, tick, (timetable, relative), (&zone, now)).await;
    }
    let (due, entry) = match due(tick, entry, &zone, now) {
        Some((due, entry)) => (due, Some(entry)),
        None => (Due { runs: Vec::new(), next: None }, None),
    };
    let runs: Vec<_> = due
        .runs
        .iter()
        .map(|scheduled_for| {
            let event = event(&tick, *scheduled_for, now);
            let matches = engine.matches(&event, entry.iter(), Foresight::None);
            (event, matches)
        })
        .collect();
    let taken = engine
        .store
        .write_patiently(move |tx| {
            Box::pin(async move {
                let taken = schedule_advance(tx, &tick, due.next).await?;
                if taken {
                    for (event, matches) in &runs {
                        event_take(tx, event, matches).await?;
                    }
                }
                Ok(taken)
            })
        })
        .await?;
    Ok(taken)
}

/// What is to be done; nothing when the workflow does not run by the clock any more.
fn due(tick: Tick, entry: Option<Entry>, zone: &TimeZone, now: Timestamp) -> Option<(Due, Entry)> {
    let entry = entry?;
    let Start::Schedule(timetable) = &entry.compiled.trigger.start else { return None };
    Some((timetable.due(tick.due_at, now, zone), entry))
}

/// What is run, when it is still switched on.
async fn entry(engine: &EngineInner, tick: Tick) -> Result<Option<Entry>, EngineError> {
    if !tick.is_active {
        return Ok(None);
    }
    let program = {
        let mut connection = engine.store.read(tick.tenant).await?;
        engine.programs.version(&mut connection, tick.tenant, tick.workflow, tick.version).await
    };
    let program = match program {
        Err(EngineError::Invalid(problems)) => {
            // Saving validates; this is a definition that an older program accepted.
            tracing::error!(tenant = %tick.tenant, workflow = %tick.workflow, ?problems, "a workflow that the clock starts does not compile; it is not run");
            return Ok(None);
        }
        program => program?,
    };
    let compiled = Arc::clone(&program.compiled);
    Ok(Some(Entry { workflow: tick.workflow, version: tick.version, compiled }))
}

/// The times of records have come, from where the last look ended to now: a job goes through those that come in question, and the workflow moves on to when it is to look
/// next. Both in one transaction, so each stretch of time is looked at once.
async fn take_records(
    engine: &EngineInner,
    tick: Tick,
    (timetable, relative): (&Timetable, &Relative),
    (zone, now): (&TimeZone, Timestamp),
) -> Result<bool, EngineError> {
    let Tick { tenant, workflow, .. } = tick;
    // From where the last look ended: what was being written then, with a time before it, is due after that all the same.
    let from = tick.looked_until.map_or(tick.due_at, |looked| looked.plus_millis(1));
    let until = timetable.looks_until(now);
    let source = relative.source();
    let mut connection = engine.store.read(tenant).await?;
    let (ids, following) = match source {
        JobSource::Submissions => {
            let dates = relative.dates(from, until);
            let ids = submission_ids_between(&mut connection, tenant, dates).await?;
            (ids, submission_next_after(&mut connection, tenant, dates.1).await?)
        }
        // Their dates may be anywhere in their attributes: all are looked at, once a day.
        JobSource::Contacts => {
            let newest = job_newest(&mut connection, tenant, source).await?;
            ((newest > 0).then_some((1, newest)), None)
        }
    };
    drop(connection);
    let next = relative.next_look(now, following, zone);
    let next = next.filter(|next| timetable.looks_until(*next) == *next);
    let due = job::Due { from, until };
    let new = NewJob {
        workflow,
        kind: JobKind::Schedule,
        source,
        filter: JobFilter { due: Some(due), ..JobFilter::default() },
        rate: HIGHEST_RATE,
    };
    let taken = engine
        .store
        .write_patiently(move |tx| {
            Box::pin(async move {
                let taken = schedule_look(tx, &tick, next, Some(until)).await?;
                if let Some((first, last)) = ids.filter(|_| taken && due.from <= due.until) {
                    job_make(tx, (tenant, Actor::System), new, (first - 1, last), 0).await?;
                }
                Ok(taken)
            })
        })
        .await?;
    Ok(taken)
}

/// The tenant's zone. Only the store's silence is an error here: what else is wrong with one tenant must not hold up the clock of all.
async fn zone(engine: &EngineInner, tenant: TenantId) -> Result<TimeZone, EngineError> {
    if let Ok(profile) = engine.tenants.profile(&engine.store, &engine.secrets, tenant).await {
        return Ok(profile.time_zone.clone());
    }
    let mut connection = engine.store.read(tenant).await?;
    let settings = settings_get(&mut connection, tenant).await?.settings;
    Ok(TimeZone::get(&settings.time_zone).unwrap_or(TimeZone::UTC))
}

fn event(tick: &Tick, scheduled_for: Timestamp, now: Timestamp) -> NewEvent {
    NewEvent {
        tenant: tick.tenant,
        name: EventName::system(SCHEDULE),
        external_id: Some(format!("schedule:{}:{scheduled_for}", tick.workflow)),
        source: Some(SCHEDULE.to_owned()),
        data: json!({"schedule": {"scheduledFor": scheduled_for, "firedAt": now}}).into(),
        attributes: serde_json::Map::new(),
        actor: Actor::System,
        cause: None,
    }
}
