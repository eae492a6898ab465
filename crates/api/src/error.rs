//! What a caller is told when something was not done: one envelope for every failure (contract section 3).
//!
//! An internal fault is logged with its cause and answered without it.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::EngineError;
use model::{Actor, Problem, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use store::StoreError;
use utoipa::ToSchema;

use crate::routes::{workflow_versions::ChangeShape, workflows::DefinitionFields};

/// A result of a handler.
pub type ApiResult<T> = Result<T, ApiError>;

/// A failure as it is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// The kind of failure.
    pub status: StatusCode,
    /// The same in words for programs, in snake_case.
    pub code: &'static str,
    /// A sentence that says what to do.
    pub message: String,
    /// Each fault with its place.
    pub details: Vec<Problem>,
    /// When to come back, for 429 and 503.
    pub retry_after: Option<Duration>,
    /// Both sides of a change that somebody else's has overtaken.
    pub conflict: Option<Box<Conflict>>,
}

impl ApiError {
    /// Any failure.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new(), retry_after: None, conflict: None }
    }

    /// 400: the request cannot be read.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 400: a query parameter that does not exist or does not fit.
    pub fn parameter(name: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut error = Self::new(StatusCode::BAD_REQUEST, "invalid_parameter", format!("{name}: {message}"));
        error.details = vec![Problem::at(name, message)];
        error
    }

    /// 401: no credentials, or none that are good.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
    }

    /// 403: good credentials that do not suffice.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 404: `what` is `contact 99`.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} does not exist"))
    }

    /// 409: a clash with what is there.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 422: well-formed, and not acceptable.
    #[must_use]
    pub fn unprocessable(problems: Vec<Problem>) -> Self {
        let message = match problems.as_slice() {
            [only] => only.to_string(),
            [first, rest @ ..] => format!("{first} (and {} more, see details)", rest.len()),
            [] => "the request is not acceptable".to_owned(),
        };
        Self { details: problems, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message) }
    }

    /// 422 with one fault.
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::unprocessable(vec![Problem::at(path, message)])
    }

    /// 429: too often.
    pub fn too_many_requests(message: impl Into<String>, retry_after: Duration) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message);
        Self { retry_after: Some(retry_after), ..error }
    }

    /// 503: not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        Self { retry_after: Some(Duration::from_secs(1)), ..error }
    }

    /// 500: a fault of this program. The cause goes to the log, not to the caller.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed by a fault of this program");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "the server failed at this request; the reason is in its log",
        )
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing(what) => Self::not_found(what),
            StoreError::Conflict { code, message } => Self::conflict(code, message),
            StoreError::Stale { current, sent } => Self {
                details: vec![
                    Problem::at("version", format!("{current} is stored")),
                    Problem::at("version", format!("{sent} was sent")),
                ],
                ..Self::conflict("version_conflict", StoreError::Stale { current, sent }.to_string())
            },
            StoreError::Refused(problems) => Self::unprocessable(problems),
            StoreError::TooManyExecutions(count) => {
                let message = StoreError::TooManyExecutions(count).to_string();
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_executions", message)
            }
            StoreError::QueueFull => Self::unavailable(StoreError::QueueFull.to_string()),
            StoreError::Fenced => Self::unavailable("this node is starting anew; try again shortly"),
            StoreError::Closed => Self::unavailable("the server is stopping; try again shortly"),
            StoreError::Unavailable(cause) => {
                // What the database says may name files and hosts: that is for the log.
                tracing::error!(%cause, "the store is not available");
                Self::unavailable("the store is not available; try again shortly")
            }
            error @ (StoreError::InUse(_)
            | StoreError::Newer { .. }
            | StoreError::HalfCopied
            | StoreError::Corrupt(_)) => Self::internal(error),
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Invalid(problems) => Self::unprocessable(problems),
            error @ (EngineError::Stuck(_) | EngineError::Panicked) => Self::internal(error),
        }
    }
}

/// The envelope of a failure.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failure {
    /// Always false.
    #[schema(default = false)]
    success: bool,
    /// What went wrong.
    error: Fault,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
struct Fault {
    /// The kind of failure, in snake_case.
    #[schema(example = "not_found")]
    code: &'static str,
    /// A sentence that says what to do.
    message: String,
    /// Each fault with its place; empty when there is only the one.
    details: Vec<Detail>,
    /// Of a workflow that somebody else changed first: both sides.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Conflict, required = false)]
    conflict: Option<Box<Conflict>>,
}

/// Both sides of a change of a workflow that somebody else's has overtaken.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Conflict {
    /// The version of the record that is stored.
    pub version: i64,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>)]
    pub updated_by: Option<Actor>,
    /// What is stored now.
    #[schema(value_type = DefinitionFields)]
    pub theirs: Map<String, Value>,
    /// What the change would have made of it.
    #[schema(value_type = DefinitionFields)]
    pub yours: Map<String, Value>,
    /// From theirs to yours, in words.
    pub changes: Vec<ChangeShape>,
}

/// One fault of a request.
#[derive(Debug, Serialize, ToSchema)]
struct Detail {
    /// Where it is.
    #[schema(example = "actions[1].config.to")]
    path: String,
    /// What is wrong and how to mend it.
    message: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let details =
            self.details.into_iter().map(|Problem { path, message }| Detail { path, message }).collect();
        let fault = Fault { code: self.code, message: self.message, details, conflict: self.conflict };
        let mut response = (self.status, Json(Failure { success: false, error: fault })).into_response();
        if let Some(after) = self.retry_after {
            let seconds = after.as_millis().div_ceil(1_000).max(1);
            response.headers_mut().insert(header::RETRY_AFTER, number(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn number(value: u128) -> HeaderValue {
    HeaderValue::from_str(&value.to_string()).expect("digits are a header's text")
}
