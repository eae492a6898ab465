//! Jobs: how far each has come is a row, moved on in the transaction that starts its executions.
//!
//! Whoever takes a slice moves the job on from the record that he saw it at: of several nodes, or of a process before and after a crash, one finds it there. So each
//! record is taken once, and none is passed over. A backfill also keeps which records it took: another one of the same workflow passes
//! them over.

use model::{
    Actor, JobId, TenantId, Timestamp, WorkflowId,
    event::NewEvent,
    job::{Job, JobFilter, JobKind, JobSource, JobState, Progress},
};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    contact::contact_job_count,
    database::{Row, page::list},
    event::{Match, Start, event_take},
    ids::IdKind,
    params,
    submission::submission_job_count,
    writer::Notice,
};

const COLUMNS: &str = "id, tenant_id, workflow_id, kind, source, filter, rate, state, last_id, up_to, due_at, total, seen, started, unmatched,
     refused, skipped, error, created_at, updated_at, ended_at, created_by, updated_by, version";

/// A job to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// What is run.
    pub workflow: WorkflowId,
    /// What it is for.
    pub kind: JobKind,
    /// Which records.
    pub source: JobSource,
    /// Which of them.
    pub filter: JobFilter,
    /// Records a second, at most.
    pub rate: i64,
}

/// How many records a filter lets through now.
///
/// # Errors
/// When the database refuses.
pub async fn job_total(
    connection: &mut Connection,
    tenant: TenantId,
    source: JobSource,
    filter: &JobFilter,
) -> StoreResult<i64> {
    match source {
        JobSource::Submissions => submission_job_count(connection, tenant, filter).await,
        JobSource::Contacts => contact_job_count(connection, tenant, filter).await,
    }
}

/// The id of the newest record of a source.
///
/// # Errors
/// When the database refuses.
pub async fn job_newest(
    connection: &mut Connection,
    tenant: TenantId,
    source: JobSource,
) -> StoreResult<i64> {
    let sql = match source {
        JobSource::Submissions => "SELECT coalesce(max(id), 0) FROM submissions WHERE tenant_id = ?1",
        JobSource::Contacts => "SELECT coalesce(max(id), 0) FROM contacts WHERE tenant_id = ?1",
    };
    connection.query_one(sql, params![tenant]).await?.first()
}

/// Makes a job that begins at once, for all records that there are.
///
/// # Errors
/// When the database refuses.
pub async fn job_create(tx: &mut Tx, tenant: TenantId, actor: Actor, new: NewJob) -> StoreResult<Job> {
    let up_to = job_newest(tx, tenant, new.source).await?;
    let total = job_total(tx, tenant, new.source, &new.filter).await?;
    job_make(tx, (tenant, actor), new, (0, up_to), total).await
}

/// Makes a job that begins at once, for the records after an id and up to another.
///
/// # Errors
/// When the database refuses.
pub async fn job_make(
    tx: &mut Tx,
    (tenant, actor): (TenantId, Actor),
    new: NewJob,
    (last_id, up_to): (i64, i64),
    total: i64,
) -> StoreResult<Job> {
    let now = tx.now();
    let job = Job {
        id: JobId::new(tx.id(IdKind::Job).await?),
        tenant_id: tenant,
        workflow_id: new.workflow,
        kind: new.kind,
        source: new.source,
        rate: new.rate,
        state: JobState::Running,
        last_id,
        up_to,
        due_at: Some(now),
        total,
        filter: new.filter,
        progress: Progress::default(),
        error: None,
        created_at: now,
        updated_at: now,
        ended_at: None,
        created_by: Some(actor),
        updated_by: Some(actor),
        version: 1,
    };
    tx.execute(
        "INSERT INTO jobs (id, tenant_id, workflow_id, kind, source, filter, rate, state, last_id, up_to, due_at, total, seen, started, unmatched,
            refused, skipped, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?13, ?9, ?10, ?11, 0, 0, 0, 0, 0, ?10, ?10, ?12, ?12, 1)",
        params![
            job.id,
            tenant,
            job.workflow_id,
            job.kind,
            job.source,
            crate::database::Value::json(&job.filter),
            job.rate,
            job.state,
            job.up_to,
            now,
            job.total,
            actor,
            last_id
        ],
    )
    .await?;
    tx.notice(Notice::TimerSet(now));
    Ok(job)
}

/// One job.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn job_get(connection: &mut Connection, tenant: TenantId, id: JobId) -> StoreResult<Job> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    job_of(row.ok_or_else(|| StoreError::missing(format!("job {id}")))?)
}

/// Which jobs a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this workflow.
    pub workflow: Option<WorkflowId>,
    /// In this state.
    pub state: Option<JobState>,
}

/// A page of jobs, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn job_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: Filter,
    page: Page,
) -> StoreResult<Paged<Job>> {
    let mut query = list("jobs", COLUMNS, tenant);
    if let Some(workflow) = filter.workflow {
        query = query.equal("workflow_id", workflow);
    }
    if let Some(state) = filter.state {
        query = query.equal("state", state);
    }
    query.run(connection, page, |job: &Job| job.id.get(), job_of).await
}

/// The jobs that are to go on, of all tenants, the longest past first.
///
/// # Errors
/// When the database refuses.
pub async fn job_due_list(connection: &mut Connection, now: Timestamp, limit: i64) -> StoreResult<Vec<Job>> {
    // Of every tenant: time passes for all.
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at, id LIMIT ?2"
    );
    connection.query(sql, params![now, limit]).await?.into_iter().map(job_of).collect()
}

/// What somebody wants of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It stands still.
    Pause,
    /// It goes on.
    Resume,
    /// It ends.
    Cancel,
}

/// Pauses, resumes or cancels a job; what it is already it stays.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Conflict`] when it has ended otherwise.
pub async fn job_order(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: JobId,
    order: Order,
) -> StoreResult<Job> {
    tx.hold("jobs", tenant, id.get()).await?;
    let before = job_get(tx, tenant, id).await?;
    let now = tx.now();
    let (state, due_at, ended_at) = match order {
        Order::Pause => (JobState::Paused, None, None),
        Order::Resume => (JobState::Running, Some(now), None),
        Order::Cancel => (JobState::Cancelled, None, Some(now)),
    };
    if before.state == state {
        return Ok(before);
    }
    if before.state.is_terminal() {
        return Err(StoreError::conflict(
            "job_ended",
            format!("job {id} is {} already: only one that has not ended can be changed", before.state),
        ));
    }
    tx.execute(
        "UPDATE jobs SET state = ?1, due_at = ?2, ended_at = ?3, updated_at = ?4, updated_by = ?5, version = version + 1
          WHERE id = ?6 AND tenant_id = ?7",
        params![state, due_at, ended_at, now, actor, id, tenant],
    )
    .await?;
    if let Some(due_at) = due_at {
        tx.notice(Notice::TimerSet(due_at));
    }
    Ok(Job {
        state,
        due_at,
        ended_at,
        updated_at: now,
        updated_by: Some(actor),
        version: before.version + 1,
        ..before
    })
}

/// Ends a job that cannot go on.
///
/// # Errors
/// When the database refuses.
pub async fn job_fail(tx: &mut Tx, tenant: TenantId, id: JobId, error: &str) -> StoreResult<()> {
    let now = tx.now();
    tx.execute(
        "UPDATE jobs SET state = ?1, due_at = NULL, error = ?2, ended_at = ?3, updated_at = ?3 WHERE id = ?4 AND tenant_id = ?5 AND state = ?6",
        params![JobState::Failed, error, now, id, tenant, JobState::Running],
    )
    .await
    .map(drop)
}

/// A record that a job takes.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its id.
    pub record: i64,
    /// What is run for it; none: it is passed over.
    pub run: Option<(NewEvent, Vec<Match>)>,
}

/// The next records of a job, and what comes after them.
#[derive(Debug, Clone)]
pub struct Slice {
    /// In the order of their ids.
    pub records: Vec<Taken>,
    /// When it goes on; none: these were the last.
    pub next: Option<Timestamp>,
}

/// Takes records of a job, which is where it was seen. False: somebody else has taken them, or it was paused.
///
/// # Errors
/// As for [`event_take`].
pub async fn job_advance(tx: &mut Tx, seen: &Job, slice: &Slice) -> StoreResult<bool> {
    let (tenant, id) = (seen.tenant_id, seen.id);
    let last = slice.records.last().map_or(seen.last_id, |taken| taken.record);
    let state = if slice.next.is_some() { JobState::Running } else { JobState::Completed };
    let now = tx.now();
    // First: of several only one gets any further.
    let moved = tx
        .execute(
            "UPDATE jobs SET last_id = ?1, state = ?2, due_at = ?3, ended_at = ?4, updated_at = ?5
              WHERE id = ?6 AND tenant_id = ?7 AND state = ?8 AND last_id = ?9 AND due_at = ?10",
            params![
                last,
                state,
                slice.next,
                slice.next.is_none().then_some(now),
                now,
                id,
                tenant,
                JobState::Running,
                seen.last_id,
                seen.due_at
            ],
        )
        .await?;
    if moved == 0 {
        return Ok(false);
    }
    let mut done = Progress::default();
    for taken in &slice.records {
        let count = match &taken.run {
            Some(_) if !record_take(tx, seen, taken.record).await? => &mut done.skipped,
            None => &mut done.skipped,
            Some((event, matches)) => {
                let accepted = event_take(tx, event, matches).await?;
                match (matches.first().map(|found| &found.start), accepted.executions.is_empty()) {
                    (Some(Start::CountOnly), _) => &mut done.unmatched,
                    (Some(Start::Record { progress, .. }), false)
                        if progress.outcome == Some(model::Outcome::Unmatched) =>
                    {
                        &mut done.unmatched
                    }
                    (_, false) => &mut done.started,
                    (_, true) => &mut done.refused,
                }
            }
        };
        *count += 1;
        done.seen += 1;
    }
    tx.execute(
        "UPDATE jobs SET seen = seen + ?1, started = started + ?2, unmatched = unmatched + ?3, refused = refused + ?4, skipped = skipped + ?5
          WHERE id = ?6 AND tenant_id = ?7",
        params![done.seen, done.started, done.unmatched, done.refused, done.skipped, id, tenant],
    )
    .await?;
    if let Some(next) = slice.next {
        tx.notice(Notice::TimerSet(next));
    }
    Ok(true)
}

/// Takes a record for a backfill. False: one before has taken it, or the workflow has run for these answers when they came.
async fn record_take(tx: &mut Tx, job: &Job, record: i64) -> StoreResult<bool> {
    if job.kind != JobKind::Backfill {
        return Ok(true);
    }
    if job_took(tx, job.tenant_id, job.workflow_id, job.source, record).await? {
        return Ok(false);
    }
    let taken = tx
        .execute(
            "INSERT INTO job_records (workflow_id, source, record_id, tenant_id, job_id) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (workflow_id, source, record_id) DO NOTHING",
            params![job.workflow_id, job.source, record, job.tenant_id, job.id],
        )
        .await?;
    Ok(taken > 0)
}

/// Forgets what the clock's jobs were, once they ended well before an instant: a schedule makes one a day. Answers how many.
///
/// # Errors
/// When the database refuses.
pub async fn jobs_prune(tx: &mut Tx, before: Timestamp) -> StoreResult<u64> {
    // Of every tenant: they say nothing that the executions do not.
    tx.execute(
        "DELETE FROM jobs WHERE kind = ?1 AND state = ?2 AND ended_at < ?3",
        params![JobKind::Schedule, JobState::Completed, before],
    )
    .await
}

/// A backfill of the workflow has taken the record, or the workflow has run for these answers when they came.
///
/// # Errors
/// When the database refuses.
pub async fn job_took(
    connection: &mut Connection,
    tenant: TenantId,
    workflow: WorkflowId,
    source: JobSource,
    record: i64,
) -> StoreResult<bool> {
    let taken = "SELECT 1 FROM job_records WHERE workflow_id = ?1 AND source = ?2 AND record_id = ?3 AND tenant_id = ?4";
    let taken = connection.query_optional(taken, params![workflow, source, record, tenant]).await?;
    if taken.is_some() || source == JobSource::Contacts {
        return Ok(taken.is_some());
    }
    let ran = "SELECT 1 FROM workflow_executions WHERE submission_id = ?1 AND +workflow_id = ?2 AND +tenant_id = ?3 LIMIT 1";
    Ok(connection.query_optional(ran, params![record, workflow, tenant]).await?.is_some())
}

fn job_of(row: Row) -> StoreResult<Job> {
    let mut row = row.cells();
    Ok(Job {
        id: row.take()?,
        tenant_id: row.take()?,
        workflow_id: row.take()?,
        kind: row.take()?,
        source: row.take()?,
        filter: row.json()?,
        rate: row.take()?,
        state: row.take()?,
        last_id: row.take()?,
        up_to: row.take()?,
        due_at: row.take()?,
        total: row.take()?,
        progress: Progress {
            seen: row.take()?,
            started: row.take()?,
            unmatched: row.take()?,
            refused: row.take()?,
            skipped: row.take()?,
        },
        error: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        ended_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
    })
}
