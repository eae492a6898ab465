//! `/api/alerts`: what the tenant is or was warned of.

use axum::extract::State;
use model::{
    AlertId, ExecutionId, TenantId, Timestamp, WorkflowId,
    alert::{Alert, AlertKind, AlertState},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::alert::alert_list;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::List,
    error::{ApiResult, Failure},
    identity::Viewer,
    page::{Listing, PageQuery},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A warning.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub struct AlertOut {
    /// Unique over all tenants.
    #[schema(value_type = i64)]
    id: AlertId,
    /// The owner of the record.
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    /// `failure_rate`, `average_duration`, `stuck_executions` or `retries_exhausted`.
    #[schema(value_type = String)]
    kind: AlertKind,
    /// `open` or `resolved`.
    #[schema(value_type = String)]
    state: AlertState,
    /// Of which workflow; null: of the whole tenant.
    #[schema(value_type = Option<i64>)]
    workflow_id: Option<WorkflowId>,
    /// An example.
    #[schema(value_type = Option<i64>)]
    execution_id: Option<ExecutionId>,
    /// One sentence, with the numbers at the beginning.
    message: String,
    /// The numbers at the beginning, by name.
    #[schema(value_type = Object)]
    details: Value,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    raised_at: Timestamp,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    resolved_at: Option<Timestamp>,
}

impl From<Alert> for AlertOut {
    fn from(alert: Alert) -> Self {
        Self {
            id: alert.id,
            tenant_id: alert.tenant_id,
            kind: alert.kind,
            state: alert.state,
            workflow_id: alert.workflow_id,
            execution_id: alert.execution_id,
            message: alert.message,
            details: alert.details,
            raised_at: alert.raised_at,
            resolved_at: alert.resolved_at,
        }
    }
}

/// Which alerts a list shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// `open` or `resolved`.
    #[param(value_type = Option<String>, pattern = "^(open|resolved)$")]
    state: Option<AlertState>,
    /// `failure_rate`, `average_duration`, `stuck_executions` or `retries_exhausted`.
    #[param(value_type = Option<String>, pattern = "^(failure_rate|average_duration|stuck_executions|retries_exhausted)$")]
    kind: Option<AlertKind>,
}

/// Alerts that go on and those of the last 90 days, newest first.
#[utoipa::path(get, path = "/api/alerts", tag = "Alerts", params(Filter, PageQuery), responses(
    (status = 200, body = List<AlertOut>),
    (status = 400, body = Failure),
))]
async fn list(
    Viewer(identity): Viewer,
    State(app): State<App>,
    Listing { filter, page }: Listing<Filter>,
) -> ApiResult<List<AlertOut>> {
    let mut connection = app.store.read(identity.tenant).await?;
    let paged = alert_list(&mut connection, identity.tenant, filter.state, filter.kind, page).await?;
    Ok(List::of(paged, page, AlertOut::from))
}
