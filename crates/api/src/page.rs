//! Which part of a list is wanted: `limit`, `offset`, `cursor`.

use axum::{extract::FromRequestParts, http::request::Parts};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use store::Page;
use utoipa::IntoParams;

use crate::{
    body::{Pairs, fields_of},
    error::{ApiError, ApiResult},
};

const DEFAULT_LIMIT: i64 = 50;
const HIGHEST_LIMIT: i64 = 200;

/// The part of a list that is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many rows at most, 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// How many rows to pass over.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
    /// The `nextCursor` of the page before: as fast on the last page as on the first.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The page, when it is one.
    ///
    /// # Errors
    /// 400 for a limit or an offset out of range, or a cursor that no list gave.
    pub fn page(&self) -> ApiResult<Page> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=HIGHEST_LIMIT).contains(&limit) {
            return Err(ApiError::parameter("limit", format!("must be from 1 to {HIGHEST_LIMIT}")));
        }
        let offset = self.offset.unwrap_or(0);
        if offset < 0 {
            return Err(ApiError::parameter("offset", "must not be negative"));
        }
        let before = self.cursor.as_deref().map(id_of).transpose()?;
        Ok(Page { limit, offset, before })
    }
}

/// The query of a list: its filter `F`, and the page. A parameter that is neither is refused by name.
///
/// In the description of the route: `params(Filter, PageQuery)`.
#[derive(Debug)]
pub struct Listing<F> {
    /// The filter.
    pub filter: F,
    /// The page.
    pub page: Page,
}

/// The filter of a list that has none.
#[derive(Debug, Deserialize)]
pub struct NoFilter {}

impl<S: Send + Sync, F: DeserializeOwned> FromRequestParts<S> for Listing<F> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        let pairs = Pairs::of(&parts.uri)?;
        let names = fields_of::<PageQuery>().unwrap_or_default();
        let (page, filter) = pairs.divide(names);
        // The filter is read first: it is the one that names what is unknown.
        let filter = filter.read_beside(names)?;
        Ok(Self { filter, page: page.read::<PageQuery>()?.page()? })
    }
}

/// The opaque text that stands for the last row of a page.
#[must_use]
pub fn cursor_of(id: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("id:{id}"))
}

fn id_of(cursor: &str) -> ApiResult<i64> {
    let id = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        text.strip_prefix("id:")?.parse().ok()
    };
    id().ok_or_else(|| {
        ApiError::parameter("cursor", "is not a cursor: send the nextCursor of the page before")
    })
}
