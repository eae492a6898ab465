//! The envelopes of success (contract section 3).

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use store::{Page, Paged};
use utoipa::ToSchema;

use crate::page::cursor_of;

/// 200 with one thing: `{"success":true,"data":…}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Data<T> {
    /// Always true.
    #[schema(default = true)]
    pub success: bool,
    /// What was asked for.
    pub data: T,
}

impl<T> Data<T> {
    /// The envelope around `data`.
    pub const fn new(data: T) -> Self {
        Self { success: true, data }
    }
}

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// 201 with what was made, in the same envelope.
#[derive(Debug)]
pub struct Created<T>(pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(Data::new(self.0))).into_response()
    }
}

/// 202 with what was accepted, in the same envelope.
#[derive(Debug)]
pub struct Accepted<T>(pub T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(Data::new(self.0))).into_response()
    }
}

/// 200 with a page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// Always true.
    #[schema(default = true)]
    pub success: bool,
    /// The rows, newest first.
    pub data: Vec<T>,
    /// Where the page lies.
    pub pagination: Pagination,
    /// Send it as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// Where a page lies in its list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// How many rows there are in all.
    pub total: i64,
    /// How many rows a page has at most.
    pub limit: i64,
    /// How many rows were passed over.
    pub offset: i64,
    /// There are more rows after these.
    pub has_more: bool,
    /// Present when counting stopped: there may be more than `total`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub total_is_capped: bool,
}

impl<T> List<T> {
    /// The answer to `page` with each row as `out` shows it.
    pub fn of<R>(paged: Paged<R>, page: Page, out: impl FnMut(R) -> T) -> Self {
        Self {
            success: true,
            data: paged.rows.into_iter().map(out).collect(),
            pagination: Pagination {
                total: paged.total,
                limit: page.limit,
                offset: page.offset,
                has_more: paged.has_more,
                total_is_capped: paged.total_is_capped,
            },
            next_cursor: paged.next.map(cursor_of),
        }
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// 200 after a deletion: `{"success":true,"data":{"id":…,"deleted":true}}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    /// Always true.
    #[schema(default = true)]
    pub success: bool,
    /// What was deleted.
    pub data: Deleted,
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deleted {
    /// Its id.
    pub id: i64,
    /// Always true.
    #[schema(default = true)]
    pub deleted: bool,
}

impl Done {
    /// The record of this id is gone, or put away.
    #[must_use]
    pub const fn deleted(id: i64) -> Self {
        Self { success: true, data: Deleted { id, deleted: true } }
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
