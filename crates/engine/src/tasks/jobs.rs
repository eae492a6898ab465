//! Takes jobs forward, a slice at a time. The timers' task calls it when one is to go on; that each record is taken once is the store's business
//! (`store/src/job.rs`).

use futures_util::future::join_all;
use jiff::tz::TimeZone;
use model::{
    Period, Timestamp,
    job::{Job, JobKind},
};
use rules::{Entry, Start};
use serde_json::{Value, json};
use store::{
    StoreError,
    job::{Slice, Taken, job_advance, job_due_list, job_fail},
    workflow::{workflow_standing, workflow_stands},
};

use crate::{
    EngineError, EngineInner,
    jobs::{entry, event, lets_through, published, records},
    matching::Foresight,
};

/// Jobs that go on at once; the others have waited longer with the next look.
const JOBS: i64 = 16;
/// Records that one write takes.
const MOST: i64 = 100;
/// Records that the clock looks at at once.
const LOOKED_AT: i64 = 1_000;

/// Takes the jobs forward that are to go on. Answers how many slices were taken, by this node.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn fire(engine: &EngineInner, now: Timestamp) -> Result<usize, EngineError> {
    let due = {
        let mut connection = engine.store.read_any().await?;
        job_due_list(&mut connection, now, JOBS).await?
    };
    let taken =
        join_all(due.into_iter().map(|job| async move { (job.clone(), take(engine, job, now).await) }));
    let mut count = 0;
    for (job, taken) in taken.await {
        match taken {
            Ok(taken) => count += usize::from(taken),
            Err(
                error @ EngineError::Store(
                    StoreError::Unavailable(_)
                    | StoreError::Closed
                    | StoreError::Fenced
                    | StoreError::QueueFull,
                ),
            ) => return Err(error),
            Err(error) => {
                let reason = match &error {
                    EngineError::Store(StoreError::Missing(_)) => "the workflow was deleted".to_owned(),
                    error => error.to_string(),
                };
                tracing::warn!(tenant = %job.tenant_id, job = %job.id, %error, "a job cannot go on; it has failed");
                engine
                    .store
                    .write_patiently(move |tx| {
                        Box::pin(async move { job_fail(tx, job.tenant_id, job.id, &reason).await })
                    })
                    .await?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// Takes the next records of a job.
async fn take(engine: &EngineInner, job: Job, now: Timestamp) -> Result<bool, EngineError> {
    let (tenant, workflow) = (job.tenant_id, job.workflow_id);
    if engine.draining.is_cancelled() {
        return Ok(false);
    }
    // Conditions are to see the tenant's name and zone.
    let profile = engine.tenants.profile(&engine.store, &engine.secrets, tenant).await?;
    let limit = if job.kind == JobKind::Schedule { LOOKED_AT } else { job.rate.clamp(1, MOST) };
    let (program, seen, records) = {
        let mut connection = engine.store.read(tenant).await?;
        let seen = workflow_standing(&mut connection, tenant, workflow).await?;
        let program = published(engine, &mut connection, (tenant, workflow)).await?;
        let between = (job.last_id, job.up_to);
        let records = records(&mut connection, tenant, (job.source, &job.filter), between, limit).await?;
        (program, seen, records)
    };
    // Who starts it by hand means it; by the clock it runs only while it is switched on.
    let is_active = seen.is_some_and(|standing| standing.is_active);
    let entry = entry(&program, job.kind);
    let mut has_more = records.len() as i64 == limit;
    let (mut taken, mut runs) = (Vec::with_capacity(records.len()), 0);
    for record in records {
        if runs == MOST {
            has_more = true;
            break;
        }
        let data = match job.kind {
            JobKind::Schedule if !is_active => None,
            JobKind::Schedule => timed(&job, &entry, record.data, (now, &profile.time_zone)),
            kind => Some(record.data).filter(|data| lets_through(&entry.compiled, kind, job.source, data)),
        };
        let run = data.map(|data| {
            let event = event(&job, data);
            let matches = engine.matches(&event, std::iter::once(&entry), Foresight::None);
            (event, matches)
        });
        runs += i64::from(run.is_some());
        taken.push(Taken { record: record.id, run });
    }
    // Records that the clock only looks at cost nobody anything.
    let paced = if job.kind == JobKind::Schedule { runs } else { taken.len() as i64 };
    let next = has_more.then(|| now.plus(pause(paced, job.rate)));
    let slice = Slice { records: taken, next };
    let taken = engine
        .store
        .write_patiently(move |tx| {
            Box::pin(async move {
                // Another node may have switched it off, or published another version, since it was read.
                if !workflow_stands(tx, tenant, workflow, seen).await? {
                    return Ok(false);
                }
                job_advance(tx, &job, &slice).await
            })
        })
        .await?;
    Ok(taken)
}

/// The trigger data of a record whose own time is among those that have come; none when it is not, or its workflow does not go by records' times any more.
fn timed(job: &Job, entry: &Entry, mut data: Value, (now, zone): (Timestamp, &TimeZone)) -> Option<Value> {
    let Start::Schedule(timetable) = &entry.compiled.trigger.start else { return None };
    let relative = timetable.relative().filter(|relative| relative.source() == job.source)?;
    let due_at = relative.due(&data, zone)?;
    let due = job.filter.due.filter(|due| (due.from..=due.until).contains(&due_at));
    due?;
    data["schedule"] = json!({"scheduledFor": due_at, "firedAt": now});
    Some(data)
}

/// How long so many records last at a rate of so many a second.
fn pause(records: i64, rate: i64) -> Period {
    Period::from_millis(records * 1_000 / rate.max(1)).unwrap_or(Period::seconds(1))
}
