//! What is refused, in one table: each with the status, the code and the sentence that the caller reads.

use axum::{body::Body, http::Request};

use crate::house::{ADMIN, EDITOR, House, OTHER, VIEWER};

const JSON: &str = "application/json";

/// Name, method, path, `Authorization`, `Content-Type`, body.
type Case = (&'static str, &'static str, &'static str, String, &'static str, Vec<u8>);

#[tokio::test]
async fn every_bad_request_is_told_what_to_do() {
    let house = House::new();
    let server = house.furnish().await;
    let key = |key: &str| format!("Bearer {key}");
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    let attributes = |levels: usize| {
        format!(
            r#"{{"email":"deep@example.com","attributes":{}1{}}}"#,
            r#"{"a":"#.repeat(levels),
            "}".repeat(levels)
        )
        .into_bytes()
    };
    let (contacts, users) = ("/api/contacts", "/api/users");
    let cases: Vec<Case> = vec![
        ("no credentials", "GET", contacts, String::new(), "", vec![]),
        ("unknown key", "GET", contacts, key("vtx_nobody"), "", vec![]),
        ("no bearer", "GET", contacts, "Basic YTpi".to_owned(), "", vec![]),
        ("empty key", "GET", contacts, "Bearer ".to_owned(), "", vec![]),
        ("unknown session", "GET", contacts, "cookie".to_owned(), "", vec![]),
        ("role too low", "POST", contacts, key(VIEWER), JSON, b"{}".to_vec()),
        ("role too low for users", "POST", users, key(EDITOR), JSON, b"{}".to_vec()),
        ("unknown address", "GET", "/api/nothing", key(ADMIN), "", vec![]),
        ("wrong method", "DELETE", contacts, key(ADMIN), "", vec![]),
        ("no content type", "POST", contacts, key(ADMIN), "", b"{}".to_vec()),
        ("a form", "POST", contacts, key(ADMIN), "application/x-www-form-urlencoded", b"a=b".to_vec()),
        ("empty body", "POST", contacts, key(ADMIN), JSON, vec![]),
        ("malformed", "POST", contacts, key(ADMIN), JSON, b"{\"email\":\n  nobody}".to_vec()),
        ("cut off", "POST", contacts, key(ADMIN), JSON, b"{\"email\":\"a".to_vec()),
        ("trailing text", "POST", contacts, key(ADMIN), JSON, b"{} {}".to_vec()),
        ("a list", "POST", users, key(ADMIN), JSON, b"[]".to_vec()),
        ("1,000 levels of lists", "POST", contacts, key(ADMIN), JSON, nested(1_000)),
        ("1,000 levels of attributes", "POST", contacts, key(ADMIN), JSON, attributes(1_000)),
        ("invalid UTF-8", "POST", contacts, key(ADMIN), JSON, b"{\"name\":\"\xff\"}".to_vec()),
        ("half a surrogate", "POST", contacts, key(ADMIN), JSON, br#"{"name":"\ud800"}"#.to_vec()),
        (
            "U+0000 in a value",
            "POST",
            contacts,
            key(ADMIN),
            JSON,
            br#"{"attributes":{"list":[1,{"a":"x\u0000"}]}}"#.to_vec(),
        ),
        (
            "U+0000 in a name",
            "POST",
            contacts,
            key(ADMIN),
            JSON,
            br#"{"attributes":{"a\u0000b":1}}"#.to_vec(),
        ),
        ("10 MiB", "POST", contacts, key(ADMIN), JSON, vec![b' '; 10 << 20]),
        (
            "unknown field",
            "POST",
            users,
            key(ADMIN),
            JSON,
            br#"{"email":"a@b.c","role":"viewer","rolle":1}"#.to_vec(),
        ),
        ("missing field", "POST", users, key(ADMIN), JSON, br#"{"email":"a@b.c"}"#.to_vec()),
        ("wrong type", "POST", users, key(ADMIN), JSON, br#"{"email":5,"role":"viewer"}"#.to_vec()),
        ("no such role", "POST", users, key(ADMIN), JSON, br#"{"email":"a@b.c","role":"boss"}"#.to_vec()),
        (
            "number too large",
            "POST",
            "/api/api-keys",
            key(ADMIN),
            JSON,
            br#"{"name":"a","role":"viewer","rate_limit":1e999}"#.to_vec(),
        ),
        (
            "fraction",
            "POST",
            "/api/api-keys",
            key(ADMIN),
            JSON,
            br#"{"name":"a","role":"viewer","rate_limit":1.5}"#.to_vec(),
        ),
        ("limit 0", "GET", "/api/contacts?limit=0", key(ADMIN), "", vec![]),
        ("limit 201", "GET", "/api/contacts?limit=201", key(ADMIN), "", vec![]),
        ("limit of words", "GET", "/api/contacts?limit=many", key(ADMIN), "", vec![]),
        ("limit twice", "GET", "/api/contacts?limit=1&limit=2", key(ADMIN), "", vec![]),
        ("negative offset", "GET", "/api/contacts?offset=-1", key(ADMIN), "", vec![]),
        ("offset beyond numbers", "GET", "/api/contacts?offset=99999999999999999999", key(ADMIN), "", vec![]),
        ("foreign cursor", "GET", "/api/contacts?cursor=abc", key(ADMIN), "", vec![]),
        ("unknown parameter", "GET", "/api/contacts?page=2", key(ADMIN), "", vec![]),
        ("U+0000 in a parameter", "GET", "/api/contacts?q=a%00b", key(ADMIN), "", vec![]),
        ("id beyond 2^53", "GET", "/api/contacts/9007199254740993", key(ADMIN), "", vec![]),
        ("id beyond numbers", "GET", "/api/contacts/99999999999999999999", key(ADMIN), "", vec![]),
        ("id of letters", "GET", "/api/contacts/abc", key(ADMIN), "", vec![]),
        ("id of broken UTF-8", "GET", "/api/contacts/%ff", key(ADMIN), "", vec![]),
        ("id zero", "GET", "/api/contacts/0", key(ADMIN), "", vec![]),
        ("id that is nobody's", "GET", "/api/api-keys/99", key(ADMIN), "", vec![]),
        ("id of another tenant", "GET", "/api/api-keys/1", key(OTHER), "", vec![]),
    ];
    let mut table = String::new();
    for (name, method, path, credentials, content_type, body) in cases {
        let mut request = Request::builder().method(method).uri(path);
        match credentials.as_str() {
            "" => {}
            "cookie" => request = request.header("cookie", "vtrustx_session=nobody"),
            credentials => request = request.header("authorization", credentials),
        }
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let answer = server.send(request.body(Body::from(body)).unwrap()).await;
        table.push_str(&format!("{name}: {}\n", answer.failure()));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("allow").contains("POST"), answer.status == 405, "{name}");
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn what_is_open_answers_without_credentials_and_with_security_headers() {
    let house = House::new();
    let server = house.furnish().await;
    for (path, content) in [
        ("/healthz", "\"status\":\"ok\""),
        ("/readyz", "\"status\":\"ok\""),
        ("/api/openapi.json", "\"openapi\":\"3.1.0\""),
        ("/api/docs", "id=\"post-api-integrations-id-test\""),
        ("/", "href=\"/sign-in\""),
        ("/sign-in?token=%22%3E%3Cscript%3E", "value=\"&quot;&gt;&lt;script&gt;\""),
    ] {
        let answer = server.call("", "GET", path, None).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text.contains(content), "{path} lacks {content}");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!answer.text.contains("<script"), "{path} needs no script");
    }
}

#[tokio::test]
async fn the_reference_and_the_document_name_each_operation_once() {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let mut ids = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(
                !operation["tags"][0].is_null() && !operation["summary"].is_null(),
                "{place} is not described"
            );
            ids.push(
                operation["operationId"].as_str().unwrap_or_else(|| panic!("{place} has no id")).to_owned(),
            );
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let text = document.to_string();
    let references = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
    for name in references {
        assert!(document["components"]["schemas"].get(name).is_some(), "no schema {name}");
    }
}
