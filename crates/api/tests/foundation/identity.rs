//! People and programs: signing in, choosing a tenant, roles, limits.

use axum::{body::Body, http::Request};
use model::{Actor, Period, TenantId, user::Role};
use serde_json::json;
use store::{
    tenant::{Bootstrap, bootstrap},
    token::Token,
    user::{NewUser, user_create},
};

use crate::house::{ADMIN, House, OTHER};

#[tokio::test]
async fn the_first_link_signs_in_once_and_only_by_the_form() {
    let house = House::new();
    let store = house.store().await;
    let made = bootstrap(&store, Bootstrap::default()).await.unwrap();
    let token = made.sign_in_token.expect("there is no other way in");
    assert!(!format!("{token:?}").contains(token.reveal()));
    let server = house.open(store).await;

    let page = format!("/sign-in?token={}", token.reveal());
    for _ in 0..2 {
        let answer = server.call("", "GET", &page, None).await;
        assert!(answer.status == 200 && answer.text.contains(token.reveal()));
        assert_eq!(answer.header("set-cookie"), "");
    }
    let submit = || {
        let request =
            Request::builder().method("POST").uri("/sign-in").header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(Body::from(format!("token={}", token.reveal()))).unwrap()
    };
    let answer = server.send(submit()).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    let set = answer.header("set-cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
    let again = server.send(submit()).await;
    assert!(again.status == 401 && again.text.contains("used already"), "{again:?}");

    let cookie = answer.cookie();
    let session = server.browse(&cookie, "GET", "/api/session", None).await.json();
    assert_eq!(session["data"]["user"]["email"], "admin@localhost");
    assert_eq!(
        (&session["data"]["role"], &session["data"]["tenant"]["name"]),
        (&json!("admin"), &json!("default"))
    );

    // Somebody is in: the next start gives no link.
    assert_eq!(bootstrap(&server.store, Bootstrap::default()).await.unwrap().sign_in_token, None);

    server.advance(Period::hours(13 * 24));
    assert_eq!(server.browse(&cookie, "GET", "/api/session", None).await.status, 200);
    server.advance(Period::hours(13 * 24));
    assert_eq!(server.browse(&cookie, "GET", "/api/session", None).await.status, 200, "use prolongs it");
    server.advance(Period::hours(14 * 24));
    assert_eq!(server.browse(&cookie, "GET", "/api/session", None).await.status, 401);
    assert!(bootstrap(&server.store, Bootstrap::default()).await.unwrap().sign_in_token.is_some());
}

#[tokio::test]
async fn a_link_is_good_for_a_day() {
    let house = House::new();
    let store = house.store().await;
    let token = bootstrap(&store, Bootstrap::default()).await.unwrap().sign_in_token.unwrap();
    let server = house.open(store).await;
    server.advance(Period::hours(24));
    let answer = server.call("", "POST", "/api/session", json!({"token": token.reveal()})).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_cookie_changes_nothing_from_another_site() {
    let house = House::new();
    let store = house.store().await;
    let token = bootstrap(&store, Bootstrap::default()).await.unwrap().sign_in_token.unwrap();
    let server = house.open(store).await;
    let cookie = server.call("", "POST", "/api/session", json!({"token": token.reveal()})).await.cookie();
    let mut table = String::new();
    for (name, headers) in [
        ("our own page", vec![("sec-fetch-site", "same-origin")]),
        ("an address bar", vec![("sec-fetch-site", "none")]),
        ("another site", vec![("sec-fetch-site", "cross-site")]),
        ("another host of the domain", vec![("sec-fetch-site", "same-site")]),
        (
            "an old browser, our page",
            vec![("origin", "http://desk.example.com"), ("host", "desk.example.com")],
        ),
        (
            "an old browser, another page",
            vec![("origin", "http://evil.example.com"), ("host", "desk.example.com")],
        ),
        ("a sandbox", vec![("origin", "null"), ("host", "desk.example.com")]),
        ("nothing", vec![]),
    ] {
        let mut request = Request::builder().method("POST").uri("/api/api-keys").header("cookie", &cookie);
        for (header, value) in headers {
            request = request.header(header, value);
        }
        let request = request.header("content-type", "application/json");
        let answer = server
            .send(request.body(Body::from(json!({"name": name, "role": "viewer"}).to_string())).unwrap())
            .await;
        table.push_str(&format!("{name}: {}\n", answer.status.as_u16()));
    }
    insta::assert_snapshot!(table, @r"
    our own page: 201
    an address bar: 201
    another site: 403
    another host of the domain: 403
    an old browser, our page: 201
    an old browser, another page: 403
    a sandbox: 403
    nothing: 403
    ");
}

#[tokio::test]
async fn a_person_of_two_tenants_chooses_and_neither_takes_them_over() {
    let house = House::new();
    let server = house.furnish().await;
    let sam =
        json!({"email": "Sam@example.com", "name": "Sam", "role": "editor", "password": "correct horse"});
    let made = server.call(ADMIN, "POST", "/api/users", sam.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(!made.text.contains("horse") && !made.text.contains("argon2"));
    assert_eq!(
        server.call(ADMIN, "POST", "/api/users", sam.clone()).await.failure().split(':').next(),
        Some("409 email_taken")
    );
    assert_eq!(
        server.call(OTHER, "POST", "/api/users", sam).await.failure().split(':').next(),
        Some("409 has_account")
    );
    let member =
        server.call(OTHER, "POST", "/api/users", json!({"email": "sam@example.com", "role": "viewer"})).await;
    assert_eq!(member.json()["data"]["id"], made.json()["data"]["id"]);
    let id = member.json()["data"]["id"].as_i64().unwrap();

    let sign_in = |body| server.call("", "POST", "/api/session", body);
    let wrong = sign_in(json!({"email": "sam@example.com", "password": "wrong horse"})).await;
    let nobody = sign_in(json!({"email": "nobody@example.com", "password": "wrong horse"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.failure()), (401, nobody.failure()));

    let first = sign_in(json!({"email": "sam@example.com", "password": "correct horse"})).await;
    assert_eq!(
        first.json()["data"]["tenants"],
        json!([
            {"id": 1, "name": "default", "role": "editor"}, {"id": 2, "name": "other", "role": "viewer"}
        ])
    );
    let second =
        sign_in(json!({"email": "sam@example.com", "password": "correct horse", "tenantId": 2})).await;
    assert_eq!(second.json()["data"]["role"], "viewer");

    let cookie = first.cookie();
    let switched = server.browse(&cookie, "PATCH", "/api/session", json!({"tenantId": 2})).await;
    assert_eq!(
        (&switched.json()["data"]["tenant"]["id"], &switched.json()["data"]["role"]),
        (&json!(2), &json!("viewer"))
    );
    assert_eq!(server.browse(&cookie, "PATCH", "/api/session", json!({"tenantId": 3})).await.status, 404);

    for (method, path, body) in [
        ("PATCH", format!("/api/users/{id}"), Some(json!({"name": "Samantha"}))),
        ("POST", format!("/api/users/{id}/sign-in-link"), None),
    ] {
        let answer = server.call(OTHER, method, &path, body).await;
        assert_eq!(answer.failure().split(':').next(), Some("409 belongs_to_others"), "{path}");
    }
    let same = json!({"password": "battery staple"});
    assert_eq!(
        server.browse(&cookie, "PATCH", "/api/session", same).await.status,
        422,
        "without the present one"
    );
    let change = json!({"password": "battery staple", "currentPassword": "correct horse", "name": "S."});
    let changed = server.browse(&cookie, "PATCH", "/api/session", change).await;
    assert_eq!(changed.json()["data"]["user"]["name"], "S.", "{changed:?}");
    assert_eq!(server.browse(&second.cookie(), "GET", "/api/session", None).await.status, 401, "others end");
    assert_eq!(sign_in(json!({"email": "sam@example.com", "password": "correct horse"})).await.status, 401);

    assert_eq!(server.call(OTHER, "DELETE", &format!("/api/users/{id}"), None).await.status, 200);
    assert_eq!(server.browse(&cookie, "GET", "/api/session", None).await.status, 401, "no member any more");
    let out = server.browse(&cookie, "DELETE", "/api/session", None).await;
    assert!(out.status == 200 && out.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_tenant_keeps_an_administrator() {
    let house = House::new();
    let server = house.furnish().await;
    let admin = server
        .store
        .write(|tx| {
            Box::pin(async move {
                let new = NewUser {
                    email: "boss@example.com".to_owned(),
                    name: None,
                    role: Role::Admin,
                    time_zone: None,
                    password: None,
                };
                user_create(tx, TenantId::new(1), Actor::System, &new).await
            })
        })
        .await
        .unwrap();
    let path = format!("/api/users/{}", admin.id);
    let mut answers = Vec::new();
    answers.push(server.call(ADMIN, "DELETE", &path, None).await.failure());
    answers.push(server.call(ADMIN, "PATCH", &path, json!({"role": "editor"})).await.failure());
    answers.push(server.call(ADMIN, "PATCH", &path, json!({"email": "else@example.com"})).await.failure());
    answers.push(server.call(ADMIN, "PATCH", &path, json!({"time_zone": "Mars/Olympus"})).await.failure());
    answers.push(server.call(ADMIN, "PATCH", &path, json!({"name": "B", "version": 7})).await.failure());
    answers.push(server.call(OTHER, "GET", &path, None).await.failure());
    insta::assert_debug_snapshot!(answers);

    let whole = server.call(ADMIN, "GET", &path, None).await.json()["data"].take();
    let put = server.call(ADMIN, "PUT", &path, whole.clone()).await;
    assert_eq!(put.json()["data"], whole, "what came out goes in, and nothing changes");
}

#[tokio::test]
async fn a_key_is_shown_once_limited_and_gone_when_deleted() {
    let house = House::new();
    let server = house.furnish().await;
    let made = server
        .call(ADMIN, "POST", "/api/api-keys", json!({"name": "shop", "role": "viewer", "rate_limit": 3}))
        .await;
    let key = made.json()["data"]["key"].as_str().unwrap().to_owned();
    assert!(key.len() == 47 && key.starts_with("vtx_"), "{key}");
    let path = format!("/api/api-keys/{}", made.json()["data"]["id"]);
    let shown = server.call(ADMIN, "GET", &path, None).await;
    assert!(!shown.text.contains(&key) && shown.json()["data"]["prefix"] == key[..8]);

    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(server.call(&key, "GET", "/api/session", None).await);
    }
    let limited = statuses.pop().unwrap();
    assert!(statuses.iter().all(|answer| answer.status == 200));
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "20"), "{limited:?}");
    server.advance(Period::seconds(20));
    assert_eq!(server.call(&key, "GET", "/api/session", None).await.status, 200);

    assert_eq!(server.call(ADMIN, "DELETE", &path, None).await.status, 200);
    assert_eq!(server.call(&key, "GET", "/api/session", None).await.status, 401, "at once");
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let house = House::new();
    let server = house.furnish().await;
    let mut last = None;
    for _ in 0..11 {
        last = Some(server.call("", "POST", "/api/session", json!({"token": "guess"})).await);
    }
    let last = last.unwrap();
    assert_eq!((last.status.as_u16(), last.header("retry-after")), (429, "6"));
}

#[tokio::test]
async fn the_operators_key_and_administrator_are_made_once() {
    let house = House::new();
    let store = house.store().await;
    let options = || Bootstrap {
        api_key: Some(Token::given("a key that the operator chose")),
        admin: Some(("boss@example.com".to_owned(), Token::given("correct horse"))),
    };
    for _ in 0..2 {
        assert_eq!(bootstrap(&store, options()).await.unwrap().sign_in_token, None);
    }
    let server = house.open(store).await;
    let keys = server.call("a key that the operator chose", "GET", "/api/api-keys", None).await.json();
    assert_eq!((&keys["pagination"]["total"], &keys["data"][0]["role"]), (&json!(1), &json!("admin")));
    let session = server
        .call("", "POST", "/api/session", json!({"email": "boss@example.com", "password": "correct horse"}))
        .await;
    assert_eq!(session.json()["data"]["role"], "admin");
}
