//! `/api/events`: what happened goes in here, one at a time or many in a batch, as plain JSON or as CloudEvents.

mod incoming;

use std::{convert::Infallible, str::FromStr};

use axum::extract::State;
use model::{
    Actor, EventId, ExecutionId, Problem, TenantId, Timestamp,
    event::{self, EventName, NewEvent},
    user::Identity,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{
    event::event_find,
    history::{self, Received, event_list, event_show},
    metrics::Refusal,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::{Accepted, Data, List},
    body::Id,
    error::{ApiError, ApiResult, Failure},
    identity::{Editor, Viewer},
    masking::Veil,
    page::{Listing, PageQuery},
};

use incoming::{CloudEvent, EventsIn, Incoming};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, post)).routes(routes!(get))
}

/// What was done with what was posted: an object for an event, an array for a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PostedEvents {
    /// Of one event.
    One(PostedEvent),
    /// Of a batch, in its order.
    Batch(Vec<BatchAnswer>),
}

/// What was done with one event of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum BatchAnswer {
    /// It is durable.
    Accepted(PostedEvent),
    /// It was refused; the others are not affected.
    Refused {
        /// Why.
        error: EventRefusal,
    },
}

/// An event that is durable, with its executions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostedEvent {
    /// The id that you gave, else `evt_…`.
    #[schema(example = "evt_123")]
    pub event_id: String,
    /// It was accepted before; nothing was started now, and the executions are those of that time.
    pub duplicate: bool,
    /// The executions that it started.
    pub executions: Vec<EventExecution>,
}

/// An execution that an event started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventExecution {
    /// Its id.
    pub id: i64,
    /// The id of its workflow.
    pub workflow_id: i64,
}

/// Why an event of a batch was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventRefusal {
    /// The kind of failure, in snake_case.
    #[schema(example = "invalid")]
    pub code: &'static str,
    /// A sentence that says what to do.
    pub message: String,
    /// Each fault with its place in the event.
    pub details: Vec<EventFault>,
}

/// One fault of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventFault {
    /// Where it is, within the event.
    #[schema(example = "data")]
    pub path: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl From<event::Accepted> for PostedEvent {
    fn from(accepted: event::Accepted) -> Self {
        let executions = accepted.executions.iter();
        Self {
            event_id: accepted.public_id,
            duplicate: accepted.duplicate,
            executions: executions
                .map(|started| EventExecution {
                    id: started.id.get(),
                    workflow_id: started.workflow_id.get(),
                })
                .collect(),
        }
    }
}

impl From<ApiError> for BatchAnswer {
    fn from(error: ApiError) -> Self {
        let details =
            error.details.into_iter().map(|Problem { path, message }| EventFault { path, message }).collect();
        Self::Refused { error: EventRefusal { code: error.code, message: error.message, details } }
    }
}

/// Takes an event, or a batch of up to 1000. The answer comes when the events and their executions are durable.
///
/// An event with the same `source` and `id` within 24 hours is the same event: it is answered with `duplicate: true` and starts
/// nothing. One event starts at most 1,000 executions.
///
/// In a batch each event is accepted or refused by itself: `data` has an answer for each, in order, and a refused one has
/// an `error` there. A batch is refused as a whole when nothing in it is good, when it is no array of 1 to 1000 items, or no JSON without
/// U+0000.
///
/// CloudEvents 1.0 are taken in structured mode: `type` is the event, `source` and `id` deduplicate, other attributes are kept with
/// the event.
#[utoipa::path(post, path = "/api/events", tag = "Events",
    request_body(content(
        (EventsIn = "application/json"),
        (CloudEvent = "application/cloudevents+json"),
        (Vec<CloudEvent> = "application/cloudevents-batch+json"),
    )),
    responses(
        (status = 202, description = "Durable, or answered item by item", body = Data<PostedEvents>),
        (status = 413, body = Failure),
        (status = 415, body = Failure),
        (status = 422, description = "Not acceptable, or the event would start too many executions", body = Failure),
        (status = 503, description = "More work than can be stored: come back after Retry-After", body = Failure),
    ))]
async fn post(
    Editor(identity): Editor,
    State(app): State<App>,
    incoming: ApiResult<Incoming>,
) -> ApiResult<Accepted<PostedEvents>> {
    // It does not come to the store; a batch that is none counts as one.
    let invalid = |_: &ApiError| app.store.metrics().event_refused(Refusal::Invalid);
    let answer = match incoming.inspect_err(invalid)? {
        Incoming::One(sent) => {
            PostedEvents::One(accept(&app, sent.event(identity).inspect_err(invalid)?).await?)
        }
        Incoming::Batch(sent) => {
            let events = sent.into_iter().map(|sent| sent.event(identity).inspect_err(invalid)).collect();
            PostedEvents::Batch(accept_all(&app, identity, events).await?)
        }
    };
    Ok(Accepted(answer))
}

async fn accept(app: &App, event: NewEvent) -> ApiResult<PostedEvent> {
    Ok(app.engine.accept(event).await?.into())
}

/// Accepts what can be accepted, with an answer for each in order.
async fn accept_all(
    app: &App,
    identity: Identity,
    events: Vec<ApiResult<NewEvent>>,
) -> ApiResult<Vec<BatchAnswer>> {
    let tenant = identity.tenant;
    let mut refused = Vec::with_capacity(events.len());
    let mut good = Vec::with_capacity(events.len());
    for event in events {
        match event {
            Ok(event) => {
                good.push(event);
                refused.push(None);
            }
            Err(error) => refused.push(Some(error)),
        }
    }
    let mut accepted = app.engine.accept_all(tenant, good).await?.into_iter();
    let answers: Vec<ApiResult<PostedEvent>> = refused
        .into_iter()
        .filter_map(|refused| match refused {
            Some(error) => Some(Err(error)),
            None => accepted.next().map(|answer| answer.map(Into::into).map_err(Into::into)),
        })
        .collect();
    if answers.iter().all(Result::is_err) {
        return Err(nothing_accepted(answers.into_iter().filter_map(Result::err).collect()));
    }
    Ok(answers
        .into_iter()
        .map(|answer| answer.map_or_else(BatchAnswer::from, BatchAnswer::Accepted))
        .collect())
}

/// The failure of a batch of which nothing was accepted: to come back when that helps, else every fault with its place.
fn nothing_accepted(mut errors: Vec<ApiError>) -> ApiError {
    if let Some(busy) = errors.iter().position(|error| error.retry_after.is_some()) {
        return errors.swap_remove(busy);
    }
    let problems = errors.into_iter().enumerate().flat_map(|(index, error)| {
        let whole = vec![Problem::at("", error.message)];
        let details = if error.details.is_empty() { whole } else { error.details };
        details.into_iter().map(move |problem| {
            let separator = if problem.path.is_empty() { "" } else { "." };
            Problem::at(format!("[{index}]{separator}{}", problem.path), problem.message)
        })
    });
    ApiError::unprocessable(problems.take(MOST_PROBLEMS).collect())
}

/// Faults of a batch that are named.
const MOST_PROBLEMS: usize = 100;

/// An accepted event.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoredEvent {
    /// Unique over all tenants.
    id: i64,
    /// The owner of the record.
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    /// The id that whoever posted it was told.
    event_id: String,
    /// What happened.
    #[schema(value_type = String, example = "submission_completed")]
    event: EventName,
    /// Who said so.
    source: Option<String>,
    /// The particulars.
    #[schema(value_type = Object)]
    data: Value,
    /// CloudEvents attributes, as sent.
    attributes: Map<String, Value>,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who posted it or made the change.
    #[schema(value_type = Option<String>, example = "api_key:1")]
    created_by: Option<Actor>,
}

fn stored(received: Received, veil: &Veil) -> StoredEvent {
    let Received { event, public_id, attributes, created_by } = received;
    let mut data = event.data;
    let personal =
        author(created_by).map_or_else(|| veil.of(&data), |id| veil.of(&data).and(veil.of_run(id)));
    personal.hide(&mut data);
    StoredEvent {
        id: event.id.get(),
        tenant_id: event.tenant_id,
        event_id: public_id,
        event: event.name,
        source: event.source,
        data,
        attributes,
        created_at: event.created_at,
        created_by,
    }
}

/// The execution whose change an event tells of.
const fn author(created_by: Option<Actor>) -> Option<ExecutionId> {
    match created_by {
        Some(Actor::Execution(id)) => Some(id),
        _ => None,
    }
}

/// The id that no event has: whoever asks for an unknown one gets an empty list.
pub(super) const NO_EVENT: EventId = EventId::new(0);

/// Which events a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Of this name.
    #[param(value_type = Option<String>, example = "submission_completed")]
    event: Option<EventName>,
    /// The one that was answered with this id.
    event_id: Option<String>,
}

/// Accepted events, newest first: what happened, and samples for whoever builds a workflow.
///
/// Events that the server itself makes are kept when a workflow listens to them.
#[utoipa::path(get, path = "/api/events", tag = "Events", params(Filter, PageQuery), responses(
    (status = 200, body = List<StoredEvent>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<StoredEvent>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let mut wanted = history::EventFilter { name: filter.event, id: None };
    if let Some(public_id) = &filter.event_id {
        let found = event_find(&mut connection, identity.tenant, public_id).await?;
        wanted.id = Some(found.map_or(NO_EVENT, |event| event.id));
    }
    let paged = event_list(&mut connection, identity.tenant, &wanted, page).await?;
    let mut veil =
        Veil::over(&mut connection, identity, paged.rows.iter().map(|row| &row.event.data)).await?;
    let authors = paged.rows.iter().filter_map(|row| author(row.created_by));
    veil.add_runs(&mut connection, identity, authors).await?;
    Ok(List::of(paged, page, |received| stored(received, &veil)))
}

/// The id of an event as its poster was told it: any text may be one.
#[derive(Debug)]
struct PublicEventId(String);

impl FromStr for PublicEventId {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// One event, by the `eventId` that its poster was told.
#[utoipa::path(get, path = "/api/events/{id}", tag = "Events", params(("id" = String, Path)), responses(
    (status = 200, body = Data<StoredEvent>),
    (status = 404, body = Failure),
))]
async fn get(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Id(PublicEventId(id)): Id<PublicEventId>,
) -> ApiResult<Data<StoredEvent>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let received = event_show(&mut connection, identity.tenant, &id).await?;
    let mut veil = Veil::over(&mut connection, identity, std::iter::once(&received.event.data)).await?;
    veil.add_runs(&mut connection, identity, author(received.created_by).into_iter()).await?;
    Ok(Data::new(stored(received, &veil)))
}

/// Who posts, as every event needs it.
fn unsaid(identity: Identity, name: EventName, data: Value) -> NewEvent {
    NewEvent {
        tenant: identity.tenant,
        name,
        external_id: None,
        source: None,
        data,
        attributes: Map::new(),
        actor: identity.actor,
        cause: None,
    }
}
