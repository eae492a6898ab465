//! The web app: its files, and its page at every address that is a screen.
//!
//! A file's name holds the hash of its content, so that it may be kept for ever; the page, which names those files, is asked for anew each time.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::edge;

/// A file of the web app, as the binary holds it.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Where it is served, such as `/assets/index-3f9a.js`.
    pub path: &'static str,
    /// What is in it.
    pub content: &'static [u8],
}

/// The page of every screen.
const PAGE: &str = "/index.html";
/// Below these an address that does not exist is a mistake of a program, which an HTML page would not help.
const NOT_SCREENS: [&str; 9] =
    ["/api", "/public", "/hooks", "/f", "/i", "/assets", "/healthz", "/readyz", "/metrics"];

/// Whether there is a web app to serve.
pub(crate) fn exists(files: &[File]) -> bool {
    files.iter().any(|file| file.path == PAGE)
}

/// What is served where no route is: the web app's files, its page for its screens, else the envelope that says what is wrong.
pub(crate) fn fallback<S: Clone + Send + Sync + 'static>(router: Router<S>, files: &[File]) -> Router<S> {
    if !exists(files) {
        return router.fallback(edge::no_route);
    }
    let served: Arc<HashMap<&'static str, Served>> =
        Arc::new(files.iter().map(|file| (file.path, Served::from(*file))).collect());
    router.fallback(move |request: Request| {
        let served = Arc::clone(&served);
        async move {
            let (parts, _) = request.into_parts();
            let path = parts.uri.path();
            let is_read = matches!(parts.method, Method::GET | Method::HEAD);
            match served.get(path).or_else(|| served.get(PAGE).filter(|_| is_screen(path))) {
                Some(file) if is_read => file.answer(&parts.headers),
                _ => edge::no_route(parts.method, parts.uri).await.into_response(),
            }
        }
    })
}

/// A screen's address is neither below one of the programs' nor the name of a file.
fn is_screen(path: &str) -> bool {
    let is_below =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !NOT_SCREENS.into_iter().any(is_below) && !path.rsplit('/').next().is_some_and(|name| name.contains('.'))
}

/// A file with what its answer says of it.
#[derive(Debug)]
struct Served {
    content: &'static [u8],
    kind: &'static str,
    cache: &'static str,
    tag: HeaderValue,
}

impl From<File> for Served {
    fn from(file: File) -> Self {
        let mut hasher = DefaultHasher::new();
        file.content.hash(&mut hasher);
        let tag = format!("W/\"{:016x}\"", hasher.finish());
        let is_hashed = file.path.starts_with("/assets/");
        Self {
            content: file.content,
            kind: kind(file.path),
            cache: if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" },
            tag: HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("W/\"\"")),
        }
    }
}

impl Served {
    fn answer(&self, asked: &HeaderMap) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static(self.cache)),
            (header::ETAG, self.tag.clone()),
        ];
        if asked.get(header::IF_NONE_MATCH) == Some(&self.tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, self.content).into_response()
    }
}

/// The few kinds of files that a build writes.
fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;

    use super::*;

    const FILES: &[File] = &[
        File { path: "/index.html", content: b"<!doctype html>" },
        File { path: "/assets/index-1a2b.js", content: b"let a;" },
        File { path: "/mark.svg", content: b"<svg/>" },
    ];

    async fn ask(
        files: &[File],
        method: &str,
        path: &str,
        tag: Option<&HeaderValue>,
    ) -> (u16, HeaderMap, String) {
        let router: Router = fallback(Router::new(), files);
        let mut request = Request::builder().method(method).uri(path);
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn screens_get_the_page_and_programs_an_answer_that_they_can_read() {
        let table = [
            ("GET", "/", 200, "text/html; charset=utf-8", "no-cache"),
            ("GET", "/executions/17", 200, "text/html; charset=utf-8", "no-cache"),
            ("HEAD", "/forms", 200, "text/html; charset=utf-8", "no-cache"),
            ("GET", "/feeds", 200, "text/html; charset=utf-8", "no-cache"),
            ("GET", "/mark.svg", 200, "image/svg+xml", "no-cache"),
            (
                "GET",
                "/assets/index-1a2b.js",
                200,
                "text/javascript; charset=utf-8",
                "public, max-age=31536000, immutable",
            ),
            ("GET", "/assets/index-old.js", 404, "application/json", ""),
            ("GET", "/favicon.ico", 404, "application/json", ""),
            ("GET", "/api/nothing", 404, "application/json", ""),
            ("GET", "/api", 404, "application/json", ""),
            ("GET", "/f/", 404, "application/json", ""),
            ("GET", "/hooks/x", 404, "application/json", ""),
            ("POST", "/executions", 404, "application/json", ""),
        ];
        for (method, path, status, kind, cache) in table {
            let (found, headers, _) = ask(FILES, method, path, None).await;
            let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
            assert_eq!(
                (found, text("content-type"), text("cache-control")),
                (status, kind.to_owned(), cache.to_owned()),
                "{method} {path}"
            );
        }
        assert_eq!(
            ask(&[], "GET", "/executions", None).await.0,
            404,
            "without a web app there are no screens"
        );
    }

    #[tokio::test]
    async fn what_the_browser_has_is_not_sent_again() {
        let (_, headers, body) = ask(FILES, "GET", "/", None).await;
        assert_eq!(body, "<!doctype html>");
        let (status, _, body) = ask(FILES, "GET", "/workflows", headers.get("etag")).await;
        assert_eq!((status, body.as_str()), (304, ""));
    }
}
