//! Reading on: an answer that is one page of many, and how the next one is asked for. Pure.

use percent_encoding::utf8_percent_encode;
use rules::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    capability::HttpResponse,
    input::{Optional, Text, Whole},
    provider::{self, IN_PATH},
};

/// How to read on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Paging {
    /// `cursor`: the answer holds what the next request sends; `page`: pages are counted; `link`: the header `Link` has the next address.
    #[schemars(extend("enum" = ["cursor", "page", "link"]))]
    kind: Text,
    /// Where the items are in an answer, such as `data.items`; left empty, the answer is the list.
    #[serde(default)]
    items: Optional<Text>,
    /// Where the cursor is in an answer, such as `paging.next.after`.
    #[serde(default)]
    cursor: Optional<Text>,
    /// The query parameter for the cursor or the page.
    #[serde(default)]
    parameter: Optional<Text>,
    /// The number of the first page.
    #[serde(default)]
    #[schemars(extend("default" = 1))]
    first_page: Optional<Whole>,
    /// At most so many pages, 20 at most.
    #[serde(default)]
    #[schemars(extend("default" = 10))]
    most_pages: Optional<Whole>,
}

const MOST_PAGES: i64 = 20;
/// A step's output stays small enough to be kept and read: items, and bytes of all pages.
const MOST_ITEMS: usize = 5_000;
const MOST_BYTES: usize = 1024 * 1024;

/// Pages that are being read.
pub(super) struct Pages<'a> {
    paging: &'a Paging,
    path: String,
    next: Option<String>,
    read: i64,
    bytes: usize,
    items: Vec<Value>,
    last: Value,
    cursor: Option<String>,
}

impl Paging {
    pub(super) fn begin(&self, path: String) -> Pages<'_> {
        let mut pages = Pages {
            paging: self,
            next: None,
            path,
            read: 0,
            bytes: 0,
            items: Vec::new(),
            last: Value::Null,
            cursor: None,
        };
        pages.next = Some(match self.kind.0.trim() {
            "page" => pages.with(&self.first().to_string()),
            _ => pages.path.clone(),
        });
        pages
    }

    fn first(&self) -> i64 {
        self.first_page.0.map_or(1, |page| page.0)
    }

    fn most(&self) -> i64 {
        self.most_pages.0.map_or(10, |pages| pages.0).clamp(1, MOST_PAGES)
    }
}

impl Pages<'_> {
    /// The number and the path of the next page, if one is to be read.
    pub(super) fn next_page(&mut self) -> Option<(i64, String)> {
        let is_enough = self.read >= self.paging.most()
            || self.items.len() >= MOST_ITEMS
            || self.bytes >= MOST_BYTES;
        if is_enough { None } else { self.next.take().map(|path| (self.read + 1, path)) }
    }

    /// Takes a page; `output` is the step's for this page alone, `base` what all pages lie below.
    pub(super) fn take(&mut self, response: &HttpResponse, output: Value, base: &Url) {
        self.read += 1;
        self.bytes += response.body.len();
        self.last = output;
        let body = &provider::body(response);
        let items = at(body, &self.paging.items).and_then(Value::as_array).cloned().unwrap_or_default();
        if items.is_empty() {
            return;
        }
        self.items.extend(items);
        self.next = match self.paging.kind.0.trim() {
            "page" => Some(self.with(&(self.paging.first() + self.read).to_string())),
            "link" => response.header("link").and_then(|links| linked(links, base)),
            _ => {
                let cursor = self.paging.cursor.0.as_ref().and_then(|_| at(body, &self.paging.cursor)).and_then(|value| match value {
                    Value::String(text) if !text.is_empty() => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                });
                // One that does not move would be read for ever.
                let moved = cursor.filter(|cursor| self.cursor.as_ref() != Some(cursor));
                self.cursor.clone_from(&moved);
                moved.map(|cursor| self.with(&cursor))
            }
        };
    }

    /// The last page's output, with the items of all pages as its body, how many pages were read, and whether there is a page that was not: of pages that are
    /// only counted, one that may be there.
    pub(super) fn output(self) -> Value {
        let mut output = self.last;
        output["body"] = self.items.into();
        output["truncated"] = false.into();
        output["pages"] = json!(self.read);
        output["more"] = json!(self.next.is_some());
        output
    }

    fn with(&self, value: &str) -> String {
        let parameter = self.paging.parameter.0.as_ref().map_or_else(
            || if self.paging.kind.0.trim() == "page" { "page" } else { "cursor" }.to_owned(),
            |text| text.0.trim().to_owned(),
        );
        let separator = if self.path.contains('?') { '&' } else { '?' };
        let value = utf8_percent_encode(value, IN_PATH);
        format!("{}{separator}{parameter}={value}", self.path)
    }
}

fn at<'a>(body: &'a Value, path: &Optional<Text>) -> Option<&'a Value> {
    match &path.0 {
        None => Some(body),
        Some(text) => Path::parse(text.0.trim()).ok()?.lookup(body),
    }
}

/// The address with `rel="next"` (RFC 8288), as a path below the base: the next page is asked of the same system or not at all.
fn linked(header: &str, base: &Url) -> Option<String> {
    let next = header.split(',').find(|link| {
        let mut parameters = link.split(';').skip(1).map(str::trim);
        parameters.any(|parameter| parameter == "rel=next" || parameter == "rel=\"next\"")
    })?;
    let address = next.split(';').next()?.trim().strip_prefix('<')?.strip_suffix('>')?;
    let next = base.join(address).ok()?;
    let below = base.path().trim_end_matches('/');
    if next.origin() != base.origin() {
        return None;
    }
    let path = next.path().strip_prefix(below)?;
    Some(next.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}
