//! What is served is described, and what is described is served.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    document::Document,
    house::{House, Who},
};

/// What is served without being a part of the API's description, and why.
const PAGES: &[(&str, &str)] = &[
    ("GET /", "a page for people"),
    ("GET /api/docs", "the description itself, for people"),
    ("GET /api/openapi.json", "the description itself"),
    ("GET /f/{slug}", "the page where a person answers a form"),
    ("POST /f/{slug}", "what that page sends; programs use /public/forms/{slug}/submissions"),
    ("GET /metrics", "for Prometheus, in its own format"),
    ("GET /approve/{token}", "the page behind the link in a mail that asks for a decision"),
    ("POST /approve/{token}", "what that page sends; programs use /api/approvals/{id}/decide"),
    ("GET /oauth/callback", "where another system sends the browser back"),
    ("GET /i/{token}", "the form's page for somebody who was invited"),
    ("POST /i/{token}", "what that page sends"),
    ("GET /unsubscribe/{token}", "the page behind the link in a marketing mail"),
    ("POST /unsubscribe/{token}", "what that page and mail programs send"),
    ("GET /sign-in", "the page behind a sign-in link"),
    ("POST /sign-in", "what that page sends; programs use /api/session"),
];

/// The paths of the router. It does not list them, but it shows them to those who debug: `RouteId(7): "/api/forms"`.
fn paths(shown: &str) -> BTreeSet<&str> {
    let paths = shown.split("RouteId(").filter_map(|part| {
        let (_, rest) = part.split_once("): \"/")?;
        let end = rest.find('"')?;
        // From the slash on.
        let start = part.len() - rest.len() - 1;
        Some(&part[start..=start + end])
    });
    paths.filter(|path| !path.contains("__private__axum")).collect()
}

/// A path with something in the place of each parameter.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_served() {
    let house = House::new().await;
    let shown = house.router();
    let paths = paths(&shown);
    assert!(paths.len() > 40, "the router shows its paths in another way now: {shown:.2000}");
    let mut served = BTreeSet::new();
    for path in paths {
        // What no route takes is answered with what the route does take.
        let answer = house.call(Who::Admin, &format!("BREW {}", filled(path)), &Value::Null).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.headers["allow"].to_str().unwrap().to_owned();
        served.extend(
            allowed.split(',').filter(|method| *method != "HEAD").map(|method| format!("{method} {path}")),
        );
    }
    let described: BTreeSet<String> =
        Document::new().operations().into_iter().map(|operation| operation.line).collect();
    let pages: BTreeSet<String> = PAGES.iter().map(|(line, _)| (*line).to_owned()).collect();
    assert_eq!(described.intersection(&pages).count(), 0, "a page is described after all");
    assert_eq!(served, described.union(&pages).cloned().collect(), "served, and described");

    // Each description leads to a handler: not to the answer for an unknown address or a wrong method.
    for operation in Document::new().operations() {
        let line = format!("{} {}", operation.method, filled(&operation.path));
        let answer = house.call(Who::Nobody, &line, &Value::Null).await;
        let found = answer.status != 405 && !answer.text.contains("the addresses are listed");
        assert!(found, "{line}: {} {}", answer.status, answer.text);
        if !operation.is_open() && operation.line != "DELETE /api/session" {
            assert_eq!(answer.status, 401, "{line} asks for no credentials: {}", answer.text);
        }
    }
}
