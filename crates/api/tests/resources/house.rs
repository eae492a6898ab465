//! A server without a socket: its router on a store of its own.

use std::sync::Arc;

use actions::address::AddressPolicy;
use api::{App, Config, router};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use engine::{Engine, RetryPolicy};
use model::{Actor, TenantId, Timestamp, user::Role, workflow::Definition};
use serde_json::{Map, Value, json};
use store::{
    Store, api_key,
    secret::SecretBox,
    session::session_create,
    token::Token,
    user::{NewUser, user_create},
    workflow::{NewWorkflow, workflow_create},
};
use testkit::{SimulatedClock, place::Place};
use tower::ServiceExt;

pub const ONE: TenantId = TenantId::new(1);

/// Two tenants: the first has a key for each role, a user who may only read, and a workflow on `submission_completed`;
/// the second has an administrator's key, `other`.
pub struct House {
    router: Router,
    pub store: Store,
    /// Of the user.
    session: Token,
    _place: Place,
}

/// What was answered.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn data(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        self.json()["data"].clone()
    }

    /// The status, the code and the message of a failure.
    pub fn failure(&self) -> (u16, String) {
        let error = &self.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), format!("{}: {}", text("code"), text("message")))
    }
}

impl House {
    pub async fn new() -> Self {
        let place = Place::chosen();
        let now: Timestamp = "2026-02-14T10:30:00.123Z".parse().unwrap();
        let options = store::Options {
            address: place.address().parse().unwrap(),
            clock: Arc::new(SimulatedClock::new(now)),
            faults: None,
        };
        let store = Store::open(options).await.unwrap();
        let session = store.write(|tx| Box::pin(furnish(tx))).await.unwrap();
        let options = engine::Options {
            retry: RetryPolicy::default(),
            workers: 1,
            addresses: AddressPolicy::new(false),
            smtp: None,
            ..engine::Options::default()
        };
        // At rest: what events start is there to be seen and does not run.
        let secrets = Arc::new(SecretBox::of_key(&[7; 32]));
        let engine = Engine::at_rest(store.clone(), secrets, options).await.unwrap();
        Self { router: router(App::new(engine, Config::default())), store, session, _place: place }
    }

    /// Sends a request with the key of a role (`admin`, `editor`, `viewer`, `other`), as the user (`user`) or without credentials
    /// (empty).
    pub async fn send(&self, who: &str, line: &str, body: Option<(&str, String)>) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        request = match who {
            "" => request,
            "user" => request
                .header(header::COOKIE, format!("vtrustx_session={}", self.session.reveal()))
                .header("sec-fetch-site", "same-origin"),
            key => request.header(header::AUTHORIZATION, format!("Bearer {key}-key-{key}-key")),
        };
        let request = match body {
            Some((kind, text)) => request.header(header::CONTENT_TYPE, kind).body(Body::from(text)),
            None => request.body(Body::empty()),
        };
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.send(who, &format!("GET {path}"), None).await
    }

    pub async fn json(&self, who: &str, line: &str, body: Value) -> Answer {
        self.send(who, line, Some(("application/json", body.to_string()))).await
    }

    /// A form with a question of each type.
    pub async fn form(&self) -> Value {
        self.json("editor", "POST /api/forms", form()).await.data()
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        let mut connection = self.store.read_any().await.unwrap();
        connection.query_one(sql, Vec::new()).await.unwrap().first().unwrap()
    }
}

pub fn form() -> Value {
    json!({
        "name": "After your <visit>",
        "description": "Two minutes.\nThank you!",
        "questions": [
            {"key": "q_nps", "type": "nps", "label": "How likely are you to recommend us?", "required": true},
            {"key": "q_csat", "type": "csat", "label": "How satisfied are you?"},
            {"key": "q_ces", "type": "ces", "label": "We made it easy"},
            {"key": "q_stars", "type": "rating", "label": "The room"},
            {"key": "q_name", "type": "text", "label": "Your name", "personal": true},
            {"key": "q_why", "type": "long_text", "label": "What is the \"reason\"?"},
            {"key": "q_email", "type": "email", "label": "Email", "personal": true},
            {"key": "q_nights", "type": "number", "label": "Nights", "min": 1},
            {"key": "q_from", "type": "single_choice", "label": "You came by", "options": ["Train & bus", "Car"]},
            {"key": "q_liked", "type": "multiple_choice", "label": "You liked", "options": ["Food", "Staff"]},
            {"key": "q_day", "type": "date", "label": "Your last day"},
            {"key": "q_ok", "type": "consent", "label": "You may call me", "required": true},
        ],
    })
}

async fn furnish(tx: &mut store::Tx) -> store::StoreResult<Token> {
    for (tenant, name) in [(ONE, "Acme"), (TenantId::new(2), "Other")] {
        store::tenant::tenant_create(tx, Actor::System, name).await?;
        let roles: &[(&str, Role)] = match tenant {
            ONE => &[("admin", Role::Admin), ("editor", Role::Editor), ("viewer", Role::Viewer)],
            _ => &[("other", Role::Admin)],
        };
        for (name, role) in roles {
            let fields = api_key::Fields { name: (*name).to_owned(), role: *role, rate_limit: None };
            let token = Token::given(format!("{name}-key-{name}-key"));
            api_key::api_key_create(tx, tenant, Actor::System, &fields, &token).await?;
        }
    }
    let mut user = None;
    for (email, role) in [("ada@example.com", Role::Viewer), ("bob@example.com", Role::Viewer)] {
        let new = NewUser { email: email.to_owned(), name: None, role, time_zone: None, password: None };
        let made = user_create(tx, ONE, Actor::System, &new).await?;
        user.get_or_insert(made.id);
    }
    let definition = Definition {
        name: "Follow up".to_owned(),
        description: None,
        trigger_event: "submission_completed".to_owned(),
        trigger_config: Map::new(),
        conditions: json!([]),
        actions: json!([{"type": "create_ticket", "config": {"title": "Follow up"}, "id": "a1"}]),
        log_unmatched: true,
        entry: model::workflow::EntryRules::default(),
        on_failure: Value::Null,
    };
    let new = NewWorkflow { key: None, definition, is_draft: false, is_active: true };
    workflow_create(tx, ONE, Actor::System, new).await?;
    session_create(tx, ONE, user.unwrap()).await
}
