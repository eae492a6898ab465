//! Workflows and templates over HTTP, with a store and an engine of their own.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod files;
mod hooks;
mod lifecycle;
mod ready_made;
mod shapes;
mod versions;

use std::sync::Arc;

use actions::address::AddressPolicy;
use api::{App, Config};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, header},
};
use engine::{Engine, Options, RetryPolicy};
use model::{Actor, TenantId, Timestamp, user::Role};
use serde_json::{Value, json};
use store::{
    Store,
    api_key::{Fields, api_key_create},
    secret::SecretBox,
    template::templates_seed,
    tenant::tenant_create,
    token::Token,
};
use testkit::{SimulatedClock, place::Place};
use tower::ServiceExt;

const NOW: Timestamp = Timestamp::from_millis(1_771_065_000_123);

/// Everything that is served, with the keys `viewer`, `editor` and `admin` of the first tenant and `other` of the second.
struct House {
    router: Router,
    engine: Engine,
    _place: Place,
}

impl House {
    async fn new() -> Self {
        let place = Place::chosen();
        let address = place.address().parse().unwrap();
        let clock = Arc::new(SimulatedClock::new(NOW));
        let store = Store::open(store::Options { address, clock, faults: None }).await.unwrap();
        let made = store.write(|tx| {
            Box::pin(async move {
                for name in ["One", "Two"] {
                    tenant_create(tx, Actor::System, name).await?;
                }
                for (tenant, name, role) in [
                    (1, "viewer", Role::Viewer),
                    (1, "editor", Role::Editor),
                    (1, "admin", Role::Admin),
                    (2, "other", Role::Admin),
                ] {
                    let fields = Fields { name: name.to_owned(), role, rate_limit: None };
                    let token = Token::given(name);
                    api_key_create(tx, TenantId::new(tenant), Actor::System, &fields, &token).await?;
                }
                templates_seed(tx).await
            })
        });
        made.await.unwrap();
        let options = Options {
            retry: RetryPolicy::default(),
            workers: 2,
            addresses: AddressPolicy::new(true),
            smtp: None,
            ..Options::default()
        };
        let engine = Engine::start(store, Arc::new(SecretBox::of_key(&[7; 32])), options).await.unwrap();
        let router = api::router(App::new(engine.clone(), Config::default()));
        Self { router, engine, _place: place }
    }

    /// The status and the body of the answer.
    async fn call(&self, key: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"));
        let request = match body {
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// A call from outside: its headers and its body as they are.
    async fn outside(&self, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let mut request = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call("editor", Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call("editor", Method::POST, path, Some(body)).await
    }

    /// The `data` of an answer with this status.
    async fn ok(&self, status: u16, method: Method, path: &str, body: Option<Value>) -> Value {
        let (answered, body) = self.call("admin", method, path, body).await;
        assert_eq!(answered, status, "{body:#}");
        body["data"].clone()
    }

    /// The code of a failure with this status.
    async fn refused(&self, status: u16, method: Method, path: &str, body: Option<Value>) -> String {
        let (answered, body) = self.call("editor", method, path, body).await;
        assert_eq!(answered, status, "{body:#}");
        body["error"]["code"].as_str().unwrap().to_owned()
    }

    /// How many executions an event starts.
    async fn event(&self, data: Value) -> usize {
        let event = model::event::NewEvent {
            tenant: TenantId::new(1),
            name: "submission_completed".parse().unwrap(),
            external_id: None,
            source: None,
            data: data.into(),
            attributes: serde_json::Map::new(),
            actor: Actor::System,
            cause: None,
        };
        self.engine.accept(event).await.unwrap().executions.len()
    }
}

/// The seed's first example, as printed.
fn detractor() -> Value {
    json!({
        "name": "NPS Detractor Follow-up",
        "trigger_event": "submission_completed",
        "conditions": [
            { "logic": "AND" },
            { "field": "submission.data.q_nps", "operator": "<=", "value": 6 }
        ],
        "actions": [
            {
                "type": "create_ticket",
                "config": {
                    "title": "NPS Detractor: {{submission.data.q_name}}",
                    "description": "Customer gave NPS score of {{submission.data.q_nps}}. Feedback: {{submission.data.q_feedback}}",
                    "priority": "high"
                },
                "critical": true
            },
            {
                "type": "send_email",
                "config": {
                    "to": "manager@company.com",
                    "subject": "NPS Alert: Detractor Response Received",
                    "body": "Detractor alert for {{submission.data.q_name}} (score: {{submission.data.q_nps}})"
                }
            },
            {
                "type": "update_contact",
                "config": {
                    "contactId": "{{submission.contactId}}",
                    "updates": {
                        "segment": "detractor",
                        "last_nps_score": "{{submission.data.q_nps}}"
                    }
                }
            }
        ],
        "is_active": true
    })
}

/// A workflow of one step.
fn small(name: &str) -> Value {
    json!({
        "name": name,
        "trigger_event": "submission_completed",
        "actions": [{"type": "delay", "config": {"duration": "1h"}}],
    })
}
