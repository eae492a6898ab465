//! What went in as a secret comes out nowhere: in no answer, no export, no log of an execution, no line of the server's own log.
//!
//! Each place that takes a secret is given one of its own, and all that can be read afterwards is searched for them.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::http::Request;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testkit::{Sink, smtp::SmtpServer};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    house::{Answer, Credentials, House, Who},
    requests::{calls, cookie, sign_in},
    things::{Things, canary, webhook, workflow},
};

const SMTP_PASSWORD: &str = "canary-smtp-password";
const NEW_PASSWORD: &str = "canary-new-password";
const WRONG_PASSWORD: &str = "canary-wrong-password";
const REFUSED: &str = "canary-refused";
/// Answers that show a secret, once: their purpose.
const SHOWN_ONCE: [&str; 2] = ["POST /api/api-keys", "POST /api/users/{id}/sign-in-link"];

/// Lines of the server's log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Everything that was answered, with what it was asked by.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn hear(&mut self, line: &str, answer: &Answer) {
        self.0.push((line.to_owned(), answer.text.clone()));
    }

    /// Where the secrets are.
    fn leaks(&self, secrets: &[String]) -> Vec<String> {
        let mut leaks = Vec::new();
        for (line, text) in &self.0 {
            let found = secrets.iter().filter(|secret| text.contains(secret.as_str()));
            leaks.extend(found.map(|secret| format!("{line} shows {secret}: {text}")));
        }
        leaks
    }
}

#[tokio::test]
async fn no_secret_is_ever_seen_again() {
    let lines = Lines::default();
    // All that this program says, and all that the libraries say to whoever looks for a fault in it.
    let filter = EnvFilter::new("debug,api=trace,engine=trace,store=trace,actions=trace,rules=trace");
    let log = tracing_subscriber::fmt().with_writer(lines.clone()).with_env_filter(filter).with_ansi(false);
    log.init();
    let (house, sink, mails) = (House::new().await, Sink::start().await, SmtpServer::start().await);
    let things = Things::make(&house, Who::Admin, "quillfeather", &sink).await;
    let mut heard = Heard::default();
    let mut secrets = Vec::from(
        [
            canary::INTEGRATION_TOKEN,
            canary::API_KEY_HEADER,
            canary::URL_PASSWORD,
            canary::WEBHOOK_SECRET,
            canary::HOOK_SECRET,
        ]
        .map(str::to_owned),
    );
    secrets.extend(
        [SMTP_PASSWORD, NEW_PASSWORD, WRONG_PASSWORD, REFUSED, canary::USER_PASSWORD].map(str::to_owned),
    );
    secrets.push("canary-authorization".to_owned());
    secrets.extend(keys(&house, &things, &mut heard).await);
    mail(&house, mails.port(), &mut heard).await;
    failing_steps(&house, &sink, &things).await;
    refused(&house, &things, &sink, &mut heard).await;
    // Whoever reads the log may decode what stands there.
    let encoded: Vec<String> = secrets.iter().map(|secret| STANDARD.encode(secret)).collect();
    secrets.extend(encoded);

    // All executions, as those who may read and as those who may do everything.
    for execution in house
        .done(Who::Admin, "GET /api/workflow-executions?limit=200", Value::Null)
        .await
        .as_array()
        .unwrap()
    {
        for path in [format!("{}", execution["id"]), format!("{}/logs", execution["id"])] {
            let line = format!("GET /api/workflow-executions/{path}");
            heard.hear(&line, &house.call(Who::Admin, &line, &Value::Null).await);
        }
    }
    for workflow in
        house.done(Who::Admin, "GET /api/workflows?limit=200", Value::Null).await.as_array().unwrap()
    {
        for path in ["", "/export", "/versions", "/versions/1"] {
            let line = format!("GET /api/workflows/{}{path}", workflow["id"]);
            heard.hear(&line, &house.call(Who::Admin, &line, &Value::Null).await);
        }
    }
    // Every operation there is.
    let person = cookie(&house, &things).await;
    for call in calls(&things) {
        let line = call.filled(&things);
        if call.line.starts_with("GET ") {
            heard.hear(&line, &house.call(Who::Viewer, &line, &Value::Null).await);
        }
        let who = if call.by_person { person.clone() } else { Who::Admin.into() };
        let answer = house.call(who, &line, &call.body).await;
        assert_eq!(answer.status, call.status, "{line}: {}", answer.text);
        if !SHOWN_ONCE.contains(&call.line) {
            heard.hear(&line, &answer);
        }
    }
    assert_eq!(heard.leaks(&secrets), [""; 0]);

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("answered") && log.lines().count() > 100, "the log was not captured: {log}");
    let told: Vec<_> =
        log.lines().filter(|line| secrets.iter().any(|secret| line.contains(secret.as_str()))).collect();
    assert_eq!(told, [""; 0]);
    used(&sink);
}

/// Keys, links, sessions and passwords are used, well and badly; answers those that were made here.
async fn keys(house: &House, things: &Things, heard: &mut Heard) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let key = json!({"name": "canary", "role": "admin"});
    let key = text(&house.done(Who::Admin, "POST /api/api-keys", key).await["key"]);
    let with_key = Credentials::OtherKey(key.clone());
    heard.hear("GET /api/session", &house.call(with_key, "GET /api/session", &Value::Null).await);
    let strange = Credentials::OtherKey(WRONG_PASSWORD.to_owned());
    heard.hear("unknown key", &house.call(strange, "GET /api/session", &Value::Null).await);

    let link = format!("POST /api/users/{}/sign-in-link", things.user);
    let url = text(&house.done(Who::Admin, &link, Value::Null).await["url"]);
    let link = url.split_once("token=").unwrap().1.to_owned();
    let by_link = house.call(Who::Nobody, "POST /api/session", &json!({"token": link})).await;
    assert_eq!(by_link.status, 200);
    let session = by_link.cookie().split_once('=').unwrap().1.to_owned();
    heard.hear("by link", &by_link);
    let again = house.call(Who::Nobody, "POST /api/session", &json!({"token": link})).await;
    heard.hear("by the same link", &again);
    let mut wrong = sign_in(things);
    wrong["password"] = WRONG_PASSWORD.into();
    heard.hear("wrong password", &house.call(Who::Nobody, "POST /api/session", &wrong).await);

    // A page for people, not of the API: the form that it shows, when something is wrong, does not keep what was typed.
    let typed = format!("email={}&password={WRONG_PASSWORD}", things.user_email);
    let submitted = Request::post("/sign-in").header("sec-fetch-site", "same-origin");
    let submitted = submitted.header("content-type", "application/x-www-form-urlencoded");
    heard.hear("/sign-in", &house.send(submitted.body(typed.into()).unwrap()).await);

    let person = Credentials::Cookie(by_link.cookie());
    for (current, new, status) in [
        (WRONG_PASSWORD, NEW_PASSWORD, 422),
        (canary::USER_PASSWORD, "short", 422),
        (canary::USER_PASSWORD, NEW_PASSWORD, 200),
        (NEW_PASSWORD, canary::USER_PASSWORD, 200),
    ] {
        let change = json!({"password": new, "currentPassword": current});
        let answer = house.call(person.clone(), "PATCH /api/session", &change).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        heard.hear("PATCH /api/session", &answer);
    }
    vec![key, link, session]
}

/// The tenant's own mail server, once as it is and once away.
async fn mail(house: &House, port: u16, heard: &mut Heard) {
    let send = json!([{"type": "send_email", "config": {"to": "a@example.com", "from": "b@example.com", "subject": "S", "body": "B"}}]);
    house.done(Who::Admin, "POST /api/workflows", workflow("mail", "sent", send)).await;
    for (port, expected) in [(port, "535"), (1, "failed")] {
        let smtp = json!({"host": "127.0.0.1", "port": port, "security": "none", "username": "care", "password": SMTP_PASSWORD});
        let set = house.call(Who::Admin, "PATCH /api/settings", &json!({"smtp": smtp})).await;
        assert_eq!(set.status, 200, "{}", set.text);
        heard.hear("PATCH /api/settings", &set);
        let event = json!({"event": "mail.sent", "data": {"contact": {"name": "x"}}});
        let execution = house.run(Who::Admin, event).await;
        let line = format!("GET /api/workflow-executions/{execution}");
        let error = house.done(Who::Admin, &line, Value::Null).await["logs"][1]["error"].take();
        // The server was shown the password, and it does not know it.
        assert!(error.as_str().unwrap().contains(expected), "{error}");
    }
}

/// Steps that fail say why, and with what they were configured.
async fn failing_steps(house: &House, sink: &Sink, things: &Things) {
    let mut unreachable = webhook(sink, "/ok", false);
    let url = format!("http://ann:{}@127.0.0.1:1/", canary::URL_PASSWORD);
    unreachable["config"]["url"] = url.into();
    let actions = json!([
        unreachable,
        webhook(sink, "/garbage", false),
        webhook(sink, "/redirect-other", false),
        webhook(sink, "/redirect-loop", false),
        webhook(sink, "/drop-after", false),
        {"type": "sync_integration", "config": {"integration": things.mark, "action": "none"}},
    ]);
    house.done(Who::Admin, "POST /api/workflows", workflow("failing", "steps", actions)).await;
    house.run(Who::Admin, json!({"event": "failing.steps", "data": {"contact": {"name": "x"}}})).await;
}

/// Requests that are refused are told what is wrong with them, and not what was in them.
async fn refused(house: &House, things: &Things, sink: &Sink, heard: &mut Heard) {
    let integration = |config: Value, secrets: Value| json!({"name": "refused", "provider": "rest", "config": config, "secrets": secrets});
    let base = json!({"baseUrl": "https://example.com"});
    let mut wrong_secret = webhook(sink, "/ok", false);
    wrong_secret["config"]["secret"] = REFUSED.into();
    let mut wrong_url = webhook(sink, "/ok", false);
    wrong_url["config"]["url"] = format!("ftp://ann:{REFUSED}@example.com").into();
    let mut no_text = webhook(sink, "/ok", false);
    no_text["config"]["secret"] = json!([REFUSED]);
    let mut no_template = webhook(sink, "/ok", false);
    no_template["config"]["headers"]["Authorization"] = format!("{{{{ {REFUSED} }}").into();
    let smtp = |password: Value| json!({"smtp": {"host": "smtp.example.com", "port": 25, "password": password, "username": "a"}});
    for (line, body) in [
        ("POST /api/integrations", integration(base.clone(), json!({"tokn": REFUSED}))),
        ("POST /api/integrations", integration(base.clone(), json!({"token": [REFUSED]}))),
        ("POST /api/integrations", integration(json!({"baseUrl": 5}), json!({"token": REFUSED}))),
        ("POST /api/integrations", integration(base, json!(REFUSED))),
        ("POST /api/workflows", workflow("refused", "a", json!([wrong_secret]))),
        ("POST /api/workflows", workflow("refused", "a", json!([wrong_url]))),
        ("POST /api/workflows", workflow("refused", "a", json!([no_text]))),
        ("POST /api/workflows", workflow("refused", "a", json!([no_template]))),
        ("PATCH /api/settings", smtp(json!([REFUSED]))),
        ("PATCH /api/settings", smtp(json!({"a": REFUSED}))),
        ("PATCH /api/settings", json!({"smtp": {"host": "https://x", "port": 25, "password": REFUSED}})),
        ("POST /api/users", json!({"email": "nobody", "role": "viewer", "password": REFUSED})),
        ("POST /api/users", json!({"email": "a@b.example.com", "role": "viewer", "password": [REFUSED]})),
        ("POST /api/session", json!({"email": things.user_email, "password": [REFUSED]})),
        ("POST /api/session", json!({"token": REFUSED})),
    ] {
        let answer = house.call(Who::Admin, line, &body).await;
        assert!(matches!(answer.status, 401 | 422), "{line} {body}: {} {}", answer.status, answer.text);
        heard.hear(line, &answer);
    }
    let cut = format!("{{\"email\":\"a@b.c\",\"password\":\"{REFUSED}\n");
    let answer = house.call_raw(Who::Admin, "POST /api/users", Some(("application/json", cut))).await;
    assert_eq!(answer.status, 400);
    heard.hear("cut off", &answer);
}

/// The secrets were in use: where they belong, they arrived.
fn used(sink: &Sink) {
    let requests = sink.requests();
    let came = |name: &str, value: &str| {
        assert!(
            requests.iter().any(|request| request.header(name).is_some_and(|got| got.contains(value))),
            "{name} {value}"
        );
    };
    came("authorization", canary::AUTHORIZATION);
    came("authorization", canary::INTEGRATION_TOKEN);
    came("x-api-key", canary::API_KEY_HEADER);
    came("webhook-signature", "v1,");
}
