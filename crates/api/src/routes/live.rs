//! `/api/live`: changes as they become durable, as server-sent events.
//!
//! Nothing is replayed: who was away, or too slow, is told `reset` and reads anew what is on the screen. A stream ends
//! after a while and the browser opens the next one by itself, so that credentials which were taken away do not live on in an
//! open connection.

use std::{convert::Infallible, future::ready, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName},
    response::{
        IntoResponse, Sse,
        sse::{Event, KeepAlive},
    },
};
use engine::Live;
use futures_util::{StreamExt, stream};
use model::{Actor, Period, user::Identity};
use serde_json::{Value, json};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{App, error::Failure, identity::Viewer};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(live))
}

/// A comment on the line this often keeps proxies from closing it.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How soon the browser opens the next stream when one has ended.
const RECONNECT: Duration = Duration::from_secs(2);
/// How long a stream lasts.
const LONGEST: Period = Period::minutes(15);
/// The id that the browser sends back when it opens the next stream.
const MARK: &str = "live";

/// Changes of the tenant's executions, and the caller's own notifications, as server-sent events.
///
/// - `execution`: `{"id":123,"workflowId":45,"status":"completed"}`
/// - `approval`: `{"id":9,"executionId":123,"status":"open"}`: asked for, decided by somebody, or over
/// - `notification`: `{"id":7}`, for users
/// - `reset`: `{}`: changes were missed; read anew
///
/// A comment every 15 seconds keeps the connection open. After 15 minutes the stream ends: open the next one.
#[utoipa::path(get, path = "/api/live", tag = "Live", responses(
    (status = 200, content_type = "text/event-stream", body = String),
    (status = 401, body = Failure),
))]
async fn live(Viewer(identity): Viewer, State(app): State<App>, headers: HeaderMap) -> impl IntoResponse {
    let opening = Event::default().id(MARK).retry(RECONNECT);
    let was_away = headers.contains_key("last-event-id").then(Told::reset);
    let changes =
        BroadcastStream::new(app.engine.live()).filter_map(move |change| ready(told(change, identity)));
    let (store, end) = (app.store.clone(), app.store.now().plus(LONGEST));
    let ended = async move {
        tokio::select! {
            () = store.clock().sleep_until(end) => {}
            () = store.ended() => {}
        }
    };
    let events = stream::iter(was_away).chain(changes).take_until(ended).map(Told::event);
    let events = stream::once(ready(opening)).chain(events).map(Ok::<_, Infallible>);
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    // Proxies that buffer answers would keep the events back.
    ([(HeaderName::from_static("x-accel-buffering"), "no")], events)
}

/// One event of the stream.
#[derive(Debug, PartialEq)]
struct Told {
    name: &'static str,
    data: Value,
}

impl Told {
    /// Changes were missed.
    fn reset() -> Self {
        Self { name: "reset", data: json!({}) }
    }

    fn event(self) -> Event {
        Event::default().event(self.name).data(self.data.to_string())
    }
}

/// What of a change the caller is told: only what is in their tenant, and only their own notifications.
fn told(change: Result<Live, BroadcastStreamRecvError>, identity: Identity) -> Option<Told> {
    match change {
        Err(BroadcastStreamRecvError::Lagged(_)) => Some(Told::reset()),
        Ok(change) if change.tenant() != identity.tenant => None,
        Ok(Live::Execution { id, workflow, status, .. }) => Some(Told {
            name: "execution",
            data: json!({"id": id, "workflowId": workflow, "status": status}),
        }),
        Ok(Live::Approval { id, execution, state, .. }) => Some(Told {
            name: "approval",
            data: json!({"id": id, "executionId": execution, "status": state}),
        }),
        Ok(Live::Notification { user, id, .. }) => (identity.actor == Actor::User(user))
            .then(|| Told { name: "notification", data: json!({"id": id}) }),
    }
}

#[cfg(test)]
mod tests {
    use model::{
        ApiKeyId, ApprovalId, ExecutionId, ExecutionStatus, NotificationId, TenantId, UserId, WorkflowId,
        approval::ApprovalState, user::Role,
    };

    use super::*;

    #[test]
    fn nobody_is_told_what_is_not_theirs() {
        let (one, two) = (TenantId::new(1), TenantId::new(2));
        let execution = |tenant| Live::Execution {
            tenant,
            id: ExecutionId::new(3),
            workflow: WorkflowId::new(4),
            status: ExecutionStatus::Waiting,
        };
        let notification =
            |tenant, user| Live::Notification { tenant, user: UserId::new(user), id: NotificationId::new(5) };
        let approval = |tenant| Live::Approval {
            tenant,
            id: ApprovalId::new(6),
            execution: ExecutionId::new(3),
            state: ApprovalState::Approved,
        };
        let user = Identity { tenant: one, actor: Actor::User(UserId::new(1)), role: Role::Viewer };
        let key = Identity { actor: Actor::ApiKey(ApiKeyId::new(1)), ..user };
        let seen = Some(json!({"id": 3, "workflowId": 4, "status": "waiting"}));
        let table = [
            (Ok(execution(one)), user, seen.clone()),
            (Ok(execution(one)), key, seen),
            (Ok(execution(two)), user, None),
            (Ok(approval(one)), key, Some(json!({"id": 6, "executionId": 3, "status": "approved"}))),
            (Ok(approval(two)), user, None),
            (Ok(notification(one, 1)), user, Some(json!({"id": 5}))),
            (Ok(notification(one, 2)), user, None),
            (Ok(notification(two, 1)), user, None),
            (Ok(notification(one, 1)), key, None),
            (Err(BroadcastStreamRecvError::Lagged(9)), key, Some(json!({}))),
        ];
        for (change, identity, expected) in table {
            let described = format!("{change:?} to {identity:?}");
            assert_eq!(told(change, identity).map(|told| told.data), expected, "{described}");
        }
    }
}
