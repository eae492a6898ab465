//! Running a workflow for many records that are there already: the past is made up for (backfill), or somebody wants it for a filtered set.
//!
//! A job is a row in the store; `tasks/jobs.rs` takes it forward. Here is what a record is to a workflow, which both the job and its dry run ask.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use model::{
    Actor, TenantId, WorkflowId,
    contact::Contact,
    effect::ContactKey,
    event::{EventName, MANUAL, NewEvent, SCHEDULE},
    job::{Job, JobFilter, JobKind, JobSource},
    named,
    submission::Submission,
};
use rules::{Compiled, Entry, EntryRules, Start};
use serde_json::{Value, json};
use store::{
    Connection, StoreError, StoreResult,
    contact::{contact_find, contact_job_page},
    job::{NewJob, job_create, job_newest, job_took, job_total},
    submission::submission_job_page,
    workflow::{workflow_get, workflow_version_get},
};

use crate::{DryRun, Engine, EngineError, EngineInner, program::Program};

/// Records a second, unless told.
pub const DEFAULT_RATE: i64 = 50;
/// Records a second, at most.
pub const HIGHEST_RATE: i64 = 1_000;
/// How long a dry run looks at records.
const PATIENCE: Duration = Duration::from_secs(5);
/// Records that are read at once.
const PAGE: i64 = 200;
/// Records that a dry run shows with what would be done.
const SAMPLES: usize = 3;
const COMPLETED: &str = "submission_completed";

named! {
    /// What a job would do with a record.
    Verdict {
        /// An execution would act, unless the workflow's rules of entry refuse it then.
        WouldRun = "would_run",
        /// The workflow's conditions say no.
        ConditionsNotMet = "conditions_not_met",
        /// A condition that decides cannot be decided.
        ConditionsUndecided = "conditions_undecided",
        /// The workflow's trigger does not let it through.
        NotTriggered = "not_triggered",
        /// A backfill has taken it before, or the workflow ran when it came.
        TakenBefore = "taken_before",
    }
}

/// What a job would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// How many records the filter lets through.
    pub total: i64,
    /// How many of them were looked at.
    pub looked_at: i64,
    /// How many of those got which verdict.
    pub verdicts: BTreeMap<Verdict, i64>,
    /// Some that would run, with what would be done.
    pub samples: Vec<Sample>,
}

/// A record that a job would take.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its id.
    pub record: i64,
    /// What the workflow would do with it.
    pub run: DryRun,
    /// What the event would tell: for whoever has to hide a part of it.
    pub data: Value,
}

impl Engine {
    /// Makes a job; when this answers, it is durable.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for the workflow; [`StoreError::Conflict`] when it was never published.
    pub async fn job_start(&self, tenant: TenantId, actor: Actor, new: NewJob) -> Result<Job, EngineError> {
        self.runnable(tenant, new.workflow).await?;
        Ok(self
            .inner
            .store
            .write(move |tx| Box::pin(async move { job_create(tx, tenant, actor, new).await }))
            .await?)
    }

    /// What a job would do, as far as can be looked at in a moment. Nothing is written.
    ///
    /// # Errors
    /// As for [`Engine::job_start`].
    pub async fn job_preview(
        &self,
        tenant: TenantId,
        workflow: WorkflowId,
        kind: JobKind,
        (source, filter): (JobSource, &JobFilter),
    ) -> Result<Preview, EngineError> {
        let program = self.runnable(tenant, workflow).await?;
        let (definition, total, up_to) = {
            let mut connection = self.inner.store.read(tenant).await?;
            let version = workflow_version_get(&mut connection, tenant, workflow, program.version).await?;
            let total = job_total(&mut connection, tenant, source, filter).await?;
            (version.definition, total, job_newest(&mut connection, tenant, source).await?)
        };
        let mut preview = Preview { total, looked_at: 0, verdicts: BTreeMap::new(), samples: Vec::new() };
        let (begun, mut after) = (Instant::now(), 0);
        while begun.elapsed() < PATIENCE {
            let mut page = Vec::new();
            {
                let mut connection = self.inner.store.read(tenant).await?;
                for record in records(&mut connection, tenant, (source, filter), (after, up_to), PAGE).await?
                {
                    let is_taken = kind == JobKind::Backfill
                        && job_took(&mut connection, tenant, workflow, source, record.id).await?;
                    page.push((record, is_taken));
                }
            }
            let Some((last, _)) = page.last() else { break };
            after = last.id;
            // Without a connection in hand: a dry run may need one of its own, and there are few.
            for (Record { id, data }, is_taken) in page {
                let verdict = if is_taken {
                    Verdict::TakenBefore
                } else if !lets_through(&program.compiled, kind, source, &data) {
                    Verdict::NotTriggered
                } else {
                    let run = self.dry_run(tenant, Some(workflow), &definition, &data).await?;
                    let verdict = match run.conditions_passed {
                        Some(true) => Verdict::WouldRun,
                        Some(false) => Verdict::ConditionsNotMet,
                        None => Verdict::ConditionsUndecided,
                    };
                    if verdict == Verdict::WouldRun && preview.samples.len() < SAMPLES {
                        preview.samples.push(Sample { record: id, run, data });
                    }
                    verdict
                };
                *preview.verdicts.entry(verdict).or_default() += 1;
                preview.looked_at += 1;
            }
        }
        Ok(preview)
    }

    async fn runnable(&self, tenant: TenantId, workflow: WorkflowId) -> Result<Arc<Program>, EngineError> {
        self.prepare(tenant).await?;
        let mut connection = self.inner.store.read(tenant).await?;
        published(&self.inner, &mut connection, (tenant, workflow)).await
    }
}

/// The published version of a workflow.
pub(crate) async fn published(
    engine: &EngineInner,
    connection: &mut Connection,
    (tenant, workflow): (TenantId, WorkflowId),
) -> Result<Arc<Program>, EngineError> {
    let version = workflow_get(connection, tenant, workflow).await?.published_version;
    if version == 0 {
        let message = format!("workflow {workflow} is only a draft: publish it before running it");
        return Err(StoreError::conflict("not_published", message).into());
    }
    engine.programs.version(connection, tenant, workflow, version).await
}

/// A record as a workflow sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: i64,
    /// The trigger data.
    pub(crate) data: Value,
}

/// The next records of a source between two ids.
pub(crate) async fn records(
    connection: &mut Connection,
    tenant: TenantId,
    (source, filter): (JobSource, &JobFilter),
    between: (i64, i64),
    limit: i64,
) -> StoreResult<Vec<Record>> {
    match source {
        JobSource::Contacts => {
            let contacts = contact_job_page(connection, tenant, filter, between, limit).await?;
            let record =
                |contact: Contact| Record { id: contact.id.get(), data: json!({"contact": contact}) };
            Ok(contacts.into_iter().map(record).collect())
        }
        JobSource::Submissions => {
            let submissions = submission_job_page(connection, tenant, filter, between, limit).await?;
            let mut records = Vec::with_capacity(submissions.len());
            for submission in submissions {
                let data = completed(connection, &submission).await?;
                records.push(Record { id: submission.id.get(), data });
            }
            Ok(records)
        }
    }
}

/// What `submission_completed` tells of answers, with the person as he is now.
pub(crate) async fn completed(connection: &mut Connection, submission: &Submission) -> StoreResult<Value> {
    let contact: Option<Contact> = match submission.contact_id {
        Some(id) => contact_find(connection, submission.tenant_id, &ContactKey::Id(id)).await?,
        None => None,
    };
    Ok(json!({"formId": submission.form_id, "submission": submission.event_data(), "contact": contact}))
}

/// A backfill of answers takes what the workflow would have taken when they came; for anything else there is nothing to compare with.
pub(crate) fn lets_through(compiled: &Compiled, kind: JobKind, source: JobSource, data: &Value) -> bool {
    let trigger = &compiled.trigger;
    let is_its_event = trigger.start == Start::Event && trigger.event.as_str() == COMPLETED;
    kind != JobKind::Backfill || source == JobSource::Contacts || !is_its_event || trigger.accepts(data)
}

/// The workflow as a job runs it. There is nothing to be waited for: no event comes after a record. Who runs it by hand for a set means it, as for one.
pub(crate) fn entry(program: &Program, kind: JobKind) -> Entry {
    let compiled = Compiled::clone(&program.compiled);
    let compiled = match kind {
        JobKind::Backfill | JobKind::Schedule => {
            Compiled { entry: EntryRules { debounce: None, ..compiled.entry.clone() }, ..compiled }
        }
        JobKind::Run => Compiled { entry: EntryRules::default(), log_unmatched: true, ..compiled },
    };
    Entry { workflow: program.workflow, version: program.version, compiled: Arc::new(compiled) }
}

/// The event of a record: nobody listens to events of its name, so it starts what the job says and nothing else.
pub(crate) fn event(job: &Job, data: Value) -> NewEvent {
    let name = if job.kind == JobKind::Schedule { SCHEDULE } else { MANUAL };
    NewEvent {
        tenant: job.tenant_id,
        name: EventName::system(name),
        external_id: None,
        source: Some(format!("job:{}", job.id)),
        data: data.into(),
        attributes: serde_json::Map::new(),
        actor: job.created_by.unwrap_or(Actor::System),
        cause: None,
    }
}
