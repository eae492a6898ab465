//! Requests by route, method and status, and how long they took.
//!
//! The label is the route's template, never the address that was asked for, so there are as many time series as routes.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use metrics::{Bounded, Counter, Exposition, Histogram, LATENCIES};
use model::named;

use crate::{Shared, routes};

/// Statuses that one method of one route answers with; any more are counted together.
const MOST_STATUSES: usize = 16;
/// Routes that stand in no document: they are for people, or about the others.
const UNDOCUMENTED: [&str; 7] =
    ["/", "/api/docs", "/api/openapi.json", "/f/{slug}", "/i/{token}", "/metrics", "/sign-in"];
/// What is asked for at addresses that no route has.
const OTHER: &str = "other";

named! {
    /// The methods that are told apart.
    Verb {
        /// `GET`
        Get = "GET",
        /// `POST`
        Post = "POST",
        /// `PUT`
        Put = "PUT",
        /// `PATCH`
        Patch = "PATCH",
        /// `DELETE`
        Delete = "DELETE",
        /// Anything else: a caller could invent any number.
        Other = "other",
    }
}

impl Verb {
    fn of(method: &Method) -> Self {
        method.as_str().parse().unwrap_or(Self::Other)
    }
}

/// The requests since the process began.
#[derive(Debug)]
pub(crate) struct Requests {
    routes: HashMap<String, [Endpoint; Verb::ALL.len()]>,
    other: [Endpoint; Verb::ALL.len()],
}

#[derive(Debug)]
struct Endpoint {
    duration: Histogram,
    statuses: Bounded<Counter>,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { duration: Histogram::of_times(LATENCIES), statuses: Bounded::new(MOST_STATUSES) }
    }
}

impl Default for Requests {
    fn default() -> Self {
        let (_, document) = routes::all().split_for_parts();
        let routes = document.paths.paths.into_keys();
        let routes =
            routes.chain(UNDOCUMENTED.map(str::to_owned)).map(|path| (path, Default::default())).collect();
        Self { routes, other: Default::default() }
    }
}

impl Requests {
    fn answered(&self, path: Option<&str>, verb: Verb, status: u16, took: Duration) {
        let route = path.and_then(|path| self.routes.get(path)).unwrap_or(&self.other);
        let Some(endpoint) = route.get(verb as usize) else { return };
        endpoint.statuses.get(i64::from(status)).increment();
        endpoint.duration.time(took);
    }

    /// Only endpoints that were asked for: most are not, and each has many lines.
    fn used(&self) -> Vec<([(&str, &str); 2], &Endpoint)> {
        let mut routes: Vec<_> = self.routes.iter().map(|(path, route)| (path.as_str(), route)).collect();
        routes.sort_unstable_by_key(|(path, _)| *path);
        let routes = routes.into_iter().chain([(OTHER, &self.other)]);
        let endpoints = routes.flat_map(|(path, route)| {
            let labels = move |verb: &Verb| [("path", path), ("method", verb.as_str())];
            Verb::ALL.iter().zip(route).map(move |(verb, endpoint)| (labels(verb), endpoint))
        });
        let is_used = |endpoint: &Endpoint| endpoint.statuses.all().iter().any(|(_, count)| count.get() > 0);
        endpoints.filter(|(_, endpoint)| is_used(endpoint)).collect()
    }

    pub(crate) fn write(&self, out: &mut Exposition) {
        let used = self.used();
        let mut counts = out.counter(
            "vtrustx_http_requests_total",
            "Requests that were answered, by route, method and status.",
        );
        for ([path, method], endpoint) in &used {
            for (status, count) in endpoint.statuses.all() {
                let status = status.map_or_else(|| OTHER.to_owned(), |status| status.to_string());
                if count.get() > 0 {
                    counts.value(&[*path, *method, ("status", &status)], count.get());
                }
            }
        }
        let mut durations = out.histogram(
            "vtrustx_http_request_duration_seconds",
            "How long it took until the answer began, by route and method.",
        );
        for (labels, endpoint) in &used {
            durations.values(labels, &endpoint.duration);
        }
    }
}

/// Counts each request when its answer begins.
pub(crate) async fn count(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let (verb, begun) = (Verb::of(request.method()), Instant::now());
    let response = next.run(request).await;
    let path = path.as_ref().map(MatchedPath::as_str);
    shared.requests.answered(path, verb, response.status().as_u16(), begun.elapsed());
    response
}
