//! `/api/workflows/{id}/run`: starting a workflow by hand.

use axum::{extract::State, http::HeaderMap};
use model::{
    WorkflowId,
    job::{JobFilter, JobKind, JobSource},
    user::Identity,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    events::PostedEvent,
    jobs::{Job, JobFilterShape, JobSourceName, default_rate, start},
};
use crate::{
    App,
    answer::{Accepted, Data},
    body::{Id, Perhaps},
    error::{ApiError, ApiResult, Failure},
    identity::Editor,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(run))
}

const KEY: &str = "idempotency-key";
/// The longest key, in characters: as an event's id.
const LONGEST_KEY: usize = 255;

/// What a workflow is run with: data, or many records.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The trigger data, such as `{"contact":{"id":5}}`.
    #[serde(default)]
    #[schema(value_type = Option<Object>, required = false)]
    data: Option<Map<String, Value>>,
    /// In place of `data`: completed answers, or contacts. Each of them is the trigger data of a run of its own.
    #[serde(default)]
    #[schema(value_type = Option<JobSourceName>, required = false)]
    source: Option<JobSource>,
    /// Which of them; all unless told.
    #[serde(default)]
    #[schema(value_type = Option<JobFilterShape>, required = false)]
    filter: Option<JobFilter>,
    /// Records a second, 1 to 1,000; 50 unless told.
    #[serde(default)]
    #[schema(required = false, minimum = 1, maximum = 1000)]
    rate: Option<i64>,
}

/// What was started: one run, or a job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Started {
    /// With `data`: the event of the run.
    Run(PostedEvent),
    /// With `source`: the job.
    Job(Box<Job>),
}

/// Runs a workflow now, whatever starts it otherwise, active or not. The answer comes when the execution is durable.
///
/// It runs the published version, with `data` as its trigger data; its conditions decide as ever, and an execution that does not match is kept.
/// With `source` and `filter` in place of `data` it runs for each of many records, as a job (see `/api/jobs`), each once in this job. Its rules of entry do not count: whoever runs it by hand means it.
/// The same `Idempotency-Key` for the same workflow within 24 hours is the same run: `duplicate` is true, and nothing is started.
#[utoipa::path(post, path = "/api/workflows/{id}/run", tag = "Workflows",
    params(("id" = i64, Path), ("Idempotency-Key" = Option<String>, Header, description = "Any text of up to 255 characters")),
    request_body(content = Option<Run>),
    responses(
        (status = 202, description = "Durable: the event of the run, or the job", body = Data<Started>),
        (status = 404, body = Failure),
        (status = 409, description = "It was never published", body = Failure),
        (status = 422, body = Failure),
        (status = 503, description = "More work than can be stored: come back after Retry-After", body = Failure),
    ))]
async fn run(
    Editor(Identity { tenant, actor, .. }): Editor,
    State(app): State<App>,
    Id(id): Id<WorkflowId>,
    headers: HeaderMap,
    Perhaps(run): Perhaps<Run>,
) -> ApiResult<Accepted<Started>> {
    let key = key(&headers)?;
    let Some(source) = run.source else {
        if run.filter.is_some() || run.rate.is_some() {
            return Err(ApiError::invalid(
                "source",
                "\"submissions\" or \"contacts\" is needed: of what is to be chosen",
            ));
        }
        let data = Value::Object(run.data.unwrap_or_default());
        let accepted = app.engine.run(tenant, actor, id, data, key).await?;
        return Ok(Accepted(Started::Run(accepted.into())));
    };
    if run.data.is_some() {
        return Err(ApiError::invalid("data", "data and source exclude each other: keep one of them"));
    }
    if key.is_some() {
        return Err(ApiError::invalid(
            "Idempotency-Key",
            "a run for many records takes none: look at /api/jobs whether it has begun",
        ));
    }
    let of = (source, run.filter.unwrap_or_default(), run.rate.unwrap_or_else(default_rate));
    Ok(Accepted(Started::Job(Box::new(start(&app, (tenant, actor), id, JobKind::Run, of).await?))))
}

fn key(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim);
    match key.filter(|key| (1..=LONGEST_KEY).contains(&key.len())) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(ApiError::invalid(
            "Idempotency-Key",
            format!("1 to {LONGEST_KEY} visible characters are needed"),
        )),
    }
}
