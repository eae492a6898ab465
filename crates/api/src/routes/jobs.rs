//! `/api/workflows/{id}/backfill` and `/api/jobs`: a workflow run for many records that are there already.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use engine::jobs::{DEFAULT_RATE, HIGHEST_RATE, Preview, Verdict};
use model::{
    Actor, ContactId, FormId, JobId, Problem, TenantId, Timestamp, WorkflowId,
    job::{self, JobFilter, JobKind, JobSource, JobState, misplaced},
    user::Identity,
};
use serde::{Deserialize, Serialize};
use store::job::{NewJob, Order, job_get, job_list, job_order};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Accepted, Data, List},
    body::{Body, Id},
    error::{ApiError, ApiResult, Failure},
    identity::{Editor, Viewer},
    page::{Listing, PageQuery},
    record::names,
};

use super::workflows::DryRunShape;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(backfill))
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
}

names! {
    /// What a job is for.
    JobKindName of JobKind;
    /// Which records a job goes through.
    JobSourceName of JobSource;
    /// Where a job stands.
    JobStateName of JobState;
}

/// Which records, of those that were not deleted. What is not said is not asked.
#[derive(Debug, ToSchema)]
#[schema(as = JobFilter)]
#[expect(dead_code, reason = "describes `model::job::JobFilter`")]
pub struct JobFilterShape {
    /// Answers to this form.
    #[schema(rename = "formId", value_type = Option<i64>)]
    form_id: Option<FormId>,
    /// Answers of this person.
    #[schema(rename = "contactId", value_type = Option<i64>)]
    contact_id: Option<ContactId>,
    /// With this tag.
    tag: Option<String>,
    /// Contacts of this segment.
    segment: Option<String>,
    /// Answers submitted, or contacts made, at this time or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// The same, before this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// A backfill.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Backfill {
    /// Completed answers, or contacts.
    #[schema(value_type = JobSourceName)]
    source: JobSource,
    /// Which of them; all unless told.
    #[serde(default)]
    #[schema(value_type = JobFilterShape, required = false)]
    filter: JobFilter,
    /// True: nothing is done, and the answer says what would be.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
    /// Records a second, 1 to 1,000; 50 unless told.
    #[serde(default = "default_rate")]
    #[schema(required = false, minimum = 1, maximum = 1000, default = 50)]
    rate: i64,
}

pub(super) const fn default_rate() -> i64 {
    DEFAULT_RATE
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub struct Job {
    /// Unique over all tenants.
    #[schema(value_type = i64)]
    id: JobId,
    /// The owner of the record.
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    /// What is run.
    #[schema(value_type = i64)]
    workflow_id: WorkflowId,
    /// What it is for.
    #[schema(value_type = JobKindName)]
    kind: JobKind,
    /// Which records it goes through.
    #[schema(value_type = JobSourceName)]
    source: JobSource,
    /// Which of them.
    #[schema(value_type = JobFilterShape)]
    filter: JobFilter,
    /// Records a second, at most.
    rate: i64,
    /// Where it stands.
    #[schema(value_type = JobStateName)]
    state: JobState,
    /// How many records there were when it was made.
    total: i64,
    /// What became of them so far.
    progress: JobProgress,
    /// Why it cannot go on.
    error: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Who made it.
    #[schema(value_type = Option<String>, example = "user:1")]
    created_by: Option<Actor>,
    /// Who last changed it.
    #[schema(value_type = Option<String>, example = "user:1")]
    updated_by: Option<Actor>,
    /// Grows with each change that somebody makes.
    version: i64,
}

/// What became of a job's records so far.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobProgress {
    /// How many were looked at.
    seen: i64,
    /// For how many an execution was started.
    started: i64,
    /// For how many the workflow's conditions said no.
    unmatched: i64,
    /// How many the workflow's rules of entry refused.
    refused: i64,
    /// How many were passed over: taken before, or not what the workflow's trigger lets through.
    skipped: i64,
}

impl From<job::Job> for Job {
    fn from(job: job::Job) -> Self {
        let job::Progress { seen, started, unmatched, refused, skipped } = job.progress;
        Self {
            id: job.id,
            tenant_id: job.tenant_id,
            workflow_id: job.workflow_id,
            kind: job.kind,
            source: job.source,
            filter: job.filter,
            rate: job.rate,
            state: job.state,
            total: job.total,
            progress: JobProgress { seen, started, unmatched, refused, skipped },
            error: job.error,
            created_at: job.created_at,
            updated_at: job.updated_at,
            ended_at: job.ended_at,
            created_by: job.created_by,
            updated_by: job.updated_by,
            version: job.version,
        }
    }
}

/// What a job would do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobPreview {
    /// How many records the filter lets through.
    total: i64,
    /// How many of them were looked at: all, as far as that took a moment.
    looked_at: i64,
    /// How many of those got which verdict.
    verdicts: Verdicts,
    /// Up to three that would run, with what would be done.
    samples: Vec<JobSample>,
}

/// How many records got which verdict.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verdicts {
    /// An execution would act, unless the workflow's rules of entry refuse it then.
    would_run: i64,
    /// The workflow's conditions say no.
    conditions_not_met: i64,
    /// A condition that decides cannot be decided.
    conditions_undecided: i64,
    /// The workflow's trigger does not let it through.
    not_triggered: i64,
    /// A backfill has taken it before, or the workflow ran when it came.
    taken_before: i64,
}

/// A record that a job would take.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobSample {
    /// The id of the submission or contact.
    record_id: i64,
    /// What the workflow would do with it.
    #[schema(value_type = DryRunShape)]
    run: engine::DryRun,
}

impl From<Preview> for JobPreview {
    fn from(preview: Preview) -> Self {
        let count = |verdict: Verdict| preview.verdicts.get(&verdict).copied().unwrap_or_default();
        Self {
            total: preview.total,
            looked_at: preview.looked_at,
            verdicts: Verdicts {
                would_run: count(Verdict::WouldRun),
                conditions_not_met: count(Verdict::ConditionsNotMet),
                conditions_undecided: count(Verdict::ConditionsUndecided),
                not_triggered: count(Verdict::NotTriggered),
                taken_before: count(Verdict::TakenBefore),
            },
            samples: preview
                .samples
                .into_iter()
                .map(|sample| JobSample { record_id: sample.record, run: sample.run })
                .collect(),
        }
    }
}

/// Runs a workflow for records that are there already: answers that came before it was made, contacts that were imported.
///
/// First with `dryRun`: the answer says for how many it would run, and shows some. Then without: 202 with a job, which takes the records in the order of their ids, `rate` a second.
/// It runs the published version, active or not. No record is taken twice by backfills of the same workflow, whoever starts however many, and answers are passed
/// over for which the workflow has run already. Answers that a workflow on `submission_completed` would not have listened to are passed over too; its conditions and
/// rules of entry decide as ever, but nothing is debounced. A job goes on after a restart where it was, on any node.
#[utoipa::path(post, path = "/api/workflows/{id}/backfill", tag = "Jobs", params(("id" = i64, Path)), request_body = Backfill, responses(
    (status = 200, description = "What would be done (`dryRun`)", body = Data<JobPreview>),
    (status = 202, description = "It has begun", body = Data<Job>),
    (status = 404, body = Failure),
    (status = 409, description = "It was never published", body = Failure),
    (status = 422, body = Failure),
))]
async fn backfill(
    Editor(identity): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    Body(sent): Body<Backfill>,
) -> ApiResult<Response> {
    let Identity { tenant, actor, .. } = identity;
    if sent.dry_run {
        check(sent.source, &sent.filter, sent.rate)?;
        let of = (sent.source, &sent.filter);
        let preview = app.engine.job_preview(tenant, id, JobKind::Backfill, of).await?;
        return Ok(Data::new(JobPreview::from(preview)).into_response());
    }
    let job =
        start(&app, (tenant, actor), id, JobKind::Backfill, (sent.source, sent.filter, sent.rate)).await?;
    Ok(Accepted(job).into_response())
}

/// Makes a job, when its filter and rate make sense.
pub(super) async fn start(
    app: &App,
    (tenant, actor): (TenantId, Actor),
    workflow: WorkflowId,
    kind: JobKind,
    (source, filter, rate): (JobSource, JobFilter, i64),
) -> ApiResult<Job> {
    check(source, &filter, rate)?;
    let new = NewJob { workflow, kind, source, filter, rate };
    Ok(app.engine.job_start(tenant, actor, new).await?.into())
}

fn check(source: JobSource, filter: &JobFilter, rate: i64) -> ApiResult<()> {
    let misplaced = misplaced(source, filter).into_iter().map(|name| {
        Problem::at(format!("filter.{name}"), format!("{source} are not chosen by this: remove it"))
    });
    let rate = (!(1..=HIGHEST_RATE).contains(&rate))
        .then(|| Problem::at("rate", format!("a whole number from 1 to {HIGHEST_RATE} is needed")));
    let problems: Vec<Problem> = misplaced.chain(rate).collect();
    if problems.is_empty() { Ok(()) } else { Err(ApiError::unprocessable(problems)) }
}

/// Which jobs a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Of this workflow.
    #[param(value_type = Option<i64>)]
    workflow_id: Option<WorkflowId>,
    /// In this state.
    #[param(value_type = Option<JobStateName>)]
    state: Option<JobState>,
}

/// Jobs, newest first.
#[utoipa::path(get, path = "/api/jobs", tag = "Jobs", params(Filter, PageQuery), responses(
    (status = 200, body = List<Job>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<Job>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let filter = store::job::Filter { workflow: filter.workflow_id, state: filter.state };
    let paged = job_list(&mut connection, identity.tenant, filter, page).await?;
    Ok(List::of(paged, page, Job::from))
}

/// One job, with how far it has come.
#[utoipa::path(get, path = "/api/jobs/{id}", tag = "Jobs", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Job>),
    (status = 404, body = Failure),
))]
async fn get(Viewer(identity): Viewer, State(app): State<App>, Id(id): Id<JobId>) -> ApiResult<Data<Job>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(job_get(&mut connection, identity.tenant, id).await?.into()))
}

/// Lets a job stand still; what it has started goes on.
#[utoipa::path(post, path = "/api/jobs/{id}/pause", tag = "Jobs", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Job>),
    (status = 404, body = Failure),
    (status = 409, description = "It has ended", body = Failure),
))]
async fn pause(Editor(identity): Editor, State(app): State<App>, Id(id): Id<JobId>) -> ApiResult<Data<Job>> {
    order(app, identity, id, Order::Pause).await
}

/// Lets a job go on.
#[utoipa::path(post, path = "/api/jobs/{id}/resume", tag = "Jobs", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Job>),
    (status = 404, body = Failure),
    (status = 409, description = "It has ended", body = Failure),
))]
async fn resume(Editor(identity): Editor, State(app): State<App>, Id(id): Id<JobId>) -> ApiResult<Data<Job>> {
    order(app, identity, id, Order::Resume).await
}

/// Ends a job; what it has started goes on.
#[utoipa::path(post, path = "/api/jobs/{id}/cancel", tag = "Jobs", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Job>),
    (status = 404, body = Failure),
    (status = 409, description = "It has ended", body = Failure),
))]
async fn cancel(Editor(identity): Editor, State(app): State<App>, Id(id): Id<JobId>) -> ApiResult<Data<Job>> {
    order(app, identity, id, Order::Cancel).await
}

async fn order(app: App, identity: Identity, id: JobId, order: Order) -> ApiResult<Data<Job>> {
    let Identity { tenant, actor, .. } = identity;
    let job = app
        .store
        .write(move |tx| Box::pin(async move { job_order(tx, tenant, actor, id, order).await }))
        .await?;
    Ok(Data::new(job.into()))
}
