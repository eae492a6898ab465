//! A server without a socket, with an engine that works; the clock stands still, so ids and times are the same every time.

use std::{fmt::Write, sync::Arc, time::Duration};

use actions::address::AddressPolicy;
use api::{App, Config, router};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use engine::{Engine, Live, RetryPolicy};
use model::{
    Actor, ExecutionId, TenantId, Timestamp, event::EventName, submission::SubmissionStatus, user::Role,
    workflow::Definition,
};
use serde_json::{Map, Value, json};
use store::{
    Store, api_key,
    contact::contact_create,
    execution::execution_get,
    form::{Content, form_create},
    secret::SecretBox,
    submission::{NewSubmission, submission_create},
    token::Token,
    workflow::{NewWorkflow, workflow_create},
};
use testkit::{SimulatedClock, place::Place};
use tower::ServiceExt;

pub const ONE: TenantId = TenantId::new(1);
const TWO: TenantId = TenantId::new(2);

/// Two tenants. The first has a key for each role, a form with a personal question, and the workflows below; the second has an
/// administrator's key, `other`, and a workflow of its own.
pub struct House {
    router: Router,
    pub engine: Engine,
    pub clock: SimulatedClock,
    _place: Place,
}

/// What was answered.
pub struct Answer {
    pub status: StatusCode,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The ids of a list's rows.
    pub fn ids(&self) -> Vec<i64> {
        assert!(self.status.is_success(), "{}", self.text);
        let rows = self.json()["data"].clone();
        rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
    }
}

impl House {
    pub async fn new() -> Self {
        let place = Place::chosen();
        let now: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        let clock = SimulatedClock::new(now);
        let options = store::Options {
            address: place.address().parse().unwrap(),
            clock: Arc::new(clock.clone()),
            faults: None,
        };
        let store = Store::open(options).await.unwrap();
        store.write(|tx| Box::pin(furnish(tx))).await.unwrap();
        let options = engine::Options {
            retry: RetryPolicy::default(),
            workers: 2,
            addresses: AddressPolicy::new(true),
            smtp: None,
            ..engine::Options::default()
        };
        let engine = Engine::start(store, Arc::new(SecretBox::of_key(&[7; 32])), options).await.unwrap();
        let router = router(App::new(engine.clone(), Config::default()));
        Self { router, engine, clock, _place: place }
    }

    /// Lets what follows happen at this time. What is being written still ends at the time before: a change may join its transaction.
    pub async fn travel(&self, to: &str) {
        self.clock.set(to.parse().unwrap());
        self.engine.store().write_patiently(|_| Box::pin(async { Ok(()) })).await.unwrap();
    }

    /// With the key of a role (`admin`, `editor`, `viewer`, `other`), or without credentials (empty).
    pub async fn open(&self, who: &str, line: &str, body: Option<(&str, String)>) -> Response<Body> {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !who.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {who}-key-{who}-key"));
        }
        let request = match body {
            Some((kind, text)) => request.header(header::CONTENT_TYPE, kind).body(Body::from(text)),
            None => request.body(Body::empty()),
        };
        self.request(request.unwrap()).await
    }

    pub async fn request(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn send(&self, who: &str, line: &str, body: Option<(&str, String)>) -> Answer {
        let response = self.open(who, line, body).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        Answer { status, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.send(who, &format!("GET {path}"), None).await
    }

    pub async fn json(&self, who: &str, line: &str, body: Value) -> Answer {
        self.send(who, line, Some(("application/json", body.to_string()))).await
    }

    /// Posts an event and answers the ids of its executions, which have come to rest.
    pub async fn post(&self, event: Value) -> Vec<i64> {
        let who = if event["event"] == "theirs" { "other" } else { "editor" };
        let answer = self.json(who, "POST /api/events", event).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        let executions = answer.json()["data"]["executions"].clone();
        let ids: Vec<i64> =
            executions.as_array().unwrap().iter().map(|started| started["id"].as_i64().unwrap()).collect();
        for id in &ids {
            self.rest(if who == "other" { TWO } else { ONE }, *id).await;
        }
        ids
    }

    /// Waits until the execution waits or has ended.
    pub async fn rest(&self, tenant: TenantId, id: i64) {
        let id = ExecutionId::new(id);
        let resting = async {
            loop {
                let mut live = self.engine.live();
                let mut connection = self.engine.store().read(tenant).await.unwrap();
                let status = execution_get(&mut connection, tenant, id).await.unwrap().progress.status;
                if !matches!(status.as_str(), "pending" | "running") {
                    return;
                }
                drop(connection);
                while !matches!(live.recv().await.unwrap(), Live::Execution { id: changed, .. } if changed == id)
                {
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), resting).await.unwrap();
    }

    /// Plays requests and writes down what was answered.
    pub async fn transcript(&self, requests: Vec<(&str, &str, Value)>) -> String {
        let mut text = String::new();
        for (who, line, body) in requests {
            let answer = match &body {
                Value::Null => self.send(who, line, None).await,
                body => self.json(who, line, body.clone()).await,
            };
            let sent = if body.is_null() { String::new() } else { format!(" {body}") };
            writeln!(text, "{line} ({who}){sent}\n  {} {}", answer.status.as_u16(), answer.text).unwrap();
        }
        text
    }
}

/// The answers of a detractor, in an event as the seed has it.
pub fn detractor(nps: i64) -> Value {
    json!({"event": "submission_completed", "data": {
        "formId": 1,
        "submission": {"id": 1, "formId": 1, "contactId": 1, "data": {"q_nps": nps, "q_name": "Zoë Ohm", "q_why": "slow"}},
    }})
}

async fn furnish(tx: &mut store::Tx) -> store::StoreResult<()> {
    for (tenant, name) in [(ONE, "Acme"), (TWO, "Other")] {
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
    let ada = json!({"email": "ada@example.com"}).as_object().cloned().unwrap();
    contact_create(tx, ONE, Actor::System.into(), &ada).await?;
    let questions = json!([
        {"key": "q_nps", "type": "nps", "label": "How likely?"},
        {"key": "q_name", "type": "text", "label": "Name", "personal": true},
        {"key": "q_why", "type": "text", "label": "Why?"},
    ]);
    let content = Content {
        fields: json!({"name": "Visit"}).as_object().cloned().unwrap(),
        slug: None,
        questions: Some(serde_json::from_value(questions).unwrap()),
    };
    let form = form_create(tx, ONE, Actor::System, content).await?.id;
    let new = NewSubmission {
        form,
        contact: None,
        external_id: None,
        status: SubmissionStatus::Completed,
        data: Map::new(),
        language: None,
        tags: Vec::new(),
    };
    submission_create(tx, ONE, Actor::System.into(), new).await?;
    let nobody = json!({"contactId": 99, "updates": {"segment": "x"}});
    for (tenant, name, event, conditions, actions) in [
        (
            ONE,
            "NPS Detractor Follow-up",
            "submission_completed",
            json!([{"field": "submission.data.q_nps", "operator": "<=", "value": 6}]),
            json!([
                {"type": "create_ticket", "config": {"title": "Call {{submission.data.q_name}}"}, "id": "a1"},
                {"type": "update_contact", "config": nobody, "id": "a2"},
            ]),
        ),
        (ONE, "Nap", "nap", json!([]), json!([{"type": "delay", "config": {"duration": "1h"}, "id": "a1"}])),
        (
            ONE,
            "Stumble",
            "stumble",
            json!([]),
            json!([{"type": "update_contact", "config": nobody, "id": "a1", "critical": true}]),
        ),
        (
            TWO,
            "Theirs",
            "theirs",
            json!([]),
            json!([{"type": "create_ticket", "config": {"title": "T"}, "id": "a1"}]),
        ),
    ] {
        let definition = Definition {
            name: name.to_owned(),
            description: None,
            trigger_event: event.parse::<EventName>().unwrap().to_string(),
            trigger_config: Map::new(),
            conditions,
            actions,
            log_unmatched: true,
            entry: model::workflow::EntryRules::default(),
            on_failure: Value::Null,
        };
        let new = NewWorkflow { key: None, definition, is_draft: false, is_active: true };
        workflow_create(tx, tenant, Actor::System, new).await?;
    }
    Ok(())
}
