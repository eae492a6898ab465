//! What is sealed stays sealed: settings, connections, and the key of the installation.

use model::TenantId;
use serde_json::json;
use store::{
    integration::{Found, integration_find},
    secret::{KEY_FILE, SecretBox, SecretError},
    tenant::smtp_password,
};

use crate::house::{ADMIN, House, VIEWER};

const TENANT: TenantId = TenantId::new(1);

#[tokio::test]
async fn a_start_with_another_key_is_refused() {
    let house = House::new();
    let store = house.store().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = SecretBox::open_for(&store, None, folder).await.unwrap();
    let again = SecretBox::open_for(&store, None, folder).await.unwrap();
    assert_eq!(first.fingerprint(), again.fingerprint());
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(folder.join(KEY_FILE)).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }
    let other = SecretBox::open_for(&store, Some("a phrase that is long enough"), folder).await;
    assert!(matches!(other, Err(SecretError::OtherKey { .. })), "{other:?}");
    std::fs::remove_file(folder.join(KEY_FILE)).unwrap();
    let missing = SecretBox::open_for(&store, None, folder).await;
    assert!(matches!(missing, Err(SecretError::FileMissing(_))), "{missing:?}");
    assert!(!folder.join(KEY_FILE).exists(), "no new key hides the loss");
}

#[tokio::test]
async fn settings_are_checked_merged_and_keep_their_password_to_themselves() {
    let house = House::new();
    let server = house.furnish().await;
    let secrets = SecretBox::of_key(&[7; 32]);
    let bad = json!({
        "time_zone": "Mars/Olympus", "sender": {"email": "nobody"}, "smtp": {"host": "https://x", "port": 0},
        "quiet_hours": {"from": "7:00", "to": "24:00"}, "retention_days": 0, "webhook_hosts": ["a.example.com", "*.b.example.com", "https://c.example.com:8443", "d/e"],
        "calendar": {"week": [[["09:00", "17:00"], ["18:00", "12:00"]], [], [], [], [], [], []], "holidays": ["2026-02-30"]},
        "alerts": {"failure_rate_percent": 101.0}
    });
    let refused = server.call(ADMIN, "PUT", "/api/settings", bad).await;
    insta::assert_json_snapshot!(refused.json()["error"]["details"]);
    let unknown = server.call(ADMIN, "PATCH", "/api/settings", json!({"sender": {"mail": "a@b.c"}})).await;
    assert_eq!(unknown.status, 422);
    let soon =
        server.call(ADMIN, "PATCH", "/api/settings", json!({"sla": {"due_in": {"high": "soon"}}})).await;
    assert_eq!(soon.json()["error"]["details"][0]["path"], "sla.due_in.high");
    assert_eq!(server.call(VIEWER, "PATCH", "/api/settings", json!({})).await.status, 403);

    let smtp = json!({"host": "smtp.example.com", "port": 587, "username": "care", "password": "hunter2"});
    let set = server.call(ADMIN, "PATCH", "/api/settings", json!({"smtp": smtp, "retention_days": 30})).await;
    assert_eq!(
        (&set.json()["data"]["smtp"]["has_password"], set.text.contains("hunter2")),
        (&json!(true), false),
        "{set:?}"
    );
    let stored = async || {
        let mut connection = server.store.read(TENANT).await.unwrap();
        smtp_password(&mut connection, TENANT, &secrets).await.unwrap()
    };
    assert_eq!(stored().await.as_deref(), Some("hunter2"));

    let mut whole = set.json()["data"].take();
    assert_eq!(server.call(ADMIN, "PUT", "/api/settings", whole.clone()).await.status, 200);
    assert_eq!(stored().await.as_deref(), Some("hunter2"), "what came out goes in, and the password stays");
    assert_eq!(server.call(ADMIN, "PUT", "/api/settings", whole.clone()).await.status, 409, "now outdated");
    whole["smtp"]["host"] = json!("evil.example.com");
    whole["version"].take();
    assert_eq!(server.call(ADMIN, "PUT", "/api/settings", whole).await.status, 200);
    assert_eq!(stored().await, None, "a password goes to no other server");
    let reset = server
        .call(ADMIN, "PATCH", "/api/settings", json!({"smtp": null, "retention_days": null}))
        .await
        .json();
    assert_eq!((&reset["data"]["smtp"], &reset["data"]["retention_days"]), (&json!(null), &json!(90)));
}

#[tokio::test]
async fn a_connection_s_secrets_go_in_and_never_come_out() {
    let house = House::new();
    let server = house.furnish().await;
    let secrets = SecretBox::of_key(&[7; 32]);
    let sink = testkit::Sink::start().await;
    let config = json!({"baseUrl": sink.url(""), "auth": "bearer", "testPath": "/ping"});
    let crm =
        json!({"name": "crm", "provider": "rest", "config": config, "secrets": {"token": "t0p-secret"}});
    let made = server.call(ADMIN, "POST", "/api/integrations", crm.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(
        (&made.json()["data"]["secrets_set"], made.text.contains("t0p-secret")),
        (&json!(["token"]), false)
    );
    let path = format!("/api/integrations/{}", made.json()["data"]["id"]);

    assert_eq!(
        server.call(ADMIN, "POST", "/api/integrations", crm).await.failure().split(':').next(),
        Some("409 name_taken")
    );
    let odd = json!({"name": "odd", "provider": "rest", "config": {"baseUrl": 5}, "secrets": {"tokn": "t0p-secret"}});
    let odd = server.call(ADMIN, "POST", "/api/integrations", odd).await;
    assert!(odd.status == 422 && !odd.text.contains("t0p-secret"), "{odd:?}");
    assert_eq!(
        server
            .call(ADMIN, "POST", "/api/integrations", json!({"name": "x", "provider": "abacus"}))
            .await
            .status,
        422
    );

    let whole = server.call(ADMIN, "GET", &path, None).await.json()["data"].take();
    let put = server.call(ADMIN, "PUT", &path, whole).await;
    assert_eq!(put.json()["data"]["secrets_set"], json!(["token"]), "{put:?}");

    let tried = server.call(ADMIN, "POST", &format!("{path}/test"), None).await;
    assert_eq!(tried.json()["data"]["working"], true, "{tried:?}");
    assert!(!tried.text.contains("t0p-secret"));
    assert_eq!(server.call(VIEWER, "GET", &path, None).await.json()["data"]["status"], "ok");

    let found = async |name: &str| {
        let mut connection = server.store.read(TENANT).await.unwrap();
        match integration_find(&mut connection, TENANT, name).await.unwrap() {
            Found::One(one) => {
                assert!(!format!("{one:?}").contains("t0p-secret"));
                format!("{}: {:?}", one.name, one.secrets(&secrets).unwrap())
            }
            Found::None(known) => format!("none of {known:?}"),
            Found::Several(names) => format!("several: {names:?}"),
        }
    };
    let mut answers = vec![found("crm").await, found("rest").await, found("abacus").await];
    let second = json!({"name": "erp", "provider": "rest", "config": {"baseUrl": sink.url("")}});
    assert_eq!(server.call(ADMIN, "POST", "/api/integrations", second).await.status, 201);
    answers.extend([found("rest").await, found("erp").await]);
    assert_eq!(server.call(ADMIN, "PATCH", &path, json!({"secrets": {"token": null}})).await.status, 200);
    answers.push(found("crm").await);
    insta::assert_debug_snapshot!(answers);
    assert_eq!(server.call(ADMIN, "DELETE", &path, None).await.status, 200);
    assert_eq!(server.call(ADMIN, "GET", &path, None).await.status, 404);
}
