//! A good request for every operation, in an order in which each finds what it needs.

use serde_json::{Value, json};

use crate::{
    house::{Credentials, House},
    things::{Things, canary, workflow},
};

/// A request for an operation.
#[derive(Debug)]
pub struct Call {
    /// The operation as the document has it: `PUT /api/forms/{id}`.
    pub line: &'static str,
    pub query: &'static str,
    /// Null when there is none.
    pub body: Value,
    pub status: u16,
    /// It is asked by a signed-in person, not by a program.
    pub by_person: bool,
}

impl Call {
    pub fn path(&self) -> &'static str {
        self.line.split_once(' ').unwrap().1
    }

    /// The request's method and address with these in place of the parameters.
    pub fn filled(&self, things: &Things) -> String {
        self.with_path(&things.filled(self.path()))
    }

    /// The request's method and address with this path.
    pub fn with_path(&self, path: &str) -> String {
        format!("{} {path}{}", self.line.split_once(' ').unwrap().0, self.query)
    }

    fn answering(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn with(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    fn by_person(self) -> Self {
        Self { by_person: true, ..self }
    }
}

fn get(line: &'static str) -> Call {
    send(line, Value::Null)
}

fn send(line: &'static str, body: Value) -> Call {
    Call { line, query: "", body, status: 200, by_person: false }
}

fn post(line: &'static str, body: Value) -> Call {
    send(line, body).answering(201)
}

/// Who signs in.
pub fn sign_in(things: &Things) -> Value {
    json!({"email": things.user_email, "password": canary::USER_PASSWORD})
}

/// Their cookie.
pub async fn cookie(house: &House, things: &Things) -> Credentials {
    let answer = house.call(crate::house::Who::Nobody, "POST /api/session", &sign_in(things)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    Credentials::Cookie(answer.cookie())
}

/// All of them. What they are about is in the path; the bodies name nothing that belongs to a tenant.
pub fn calls(things: &Things) -> Vec<Call> {
    let mut calls = reading();
    calls.extend(making(things));
    calls.extend(changing());
    calls.extend(workflows());
    calls.extend(ending());
    calls
}

fn reading() -> Vec<Call> {
    vec![
        get("GET /healthz"),
        get("GET /readyz"),
        get("GET /api/alerts").with("?state=open&kind=failure_rate"),
        get("GET /api/actions"),
        get("GET /api/control-steps"),
        get("GET /api/operators"),
        get("GET /api/integration-providers"),
        get("GET /api/providers"),
        get("GET /api/live"),
        get("GET /api/session"),
        get("GET /api/session").by_person(),
        get("GET /api/settings"),
        get("GET /api/api-keys"),
        get("GET /api/api-keys/{id}"),
        get("GET /api/approvals"),
        get("GET /api/approvals").with("?status=open&mine=true"),
        get("GET /api/approvals/{id}"),
        get("GET /api/contacts"),
        get("GET /api/contacts/{id}"),
        get("GET /api/events"),
        get("GET /api/events/{id}"),
        get("GET /api/workflow-executions"),
        get("GET /api/workflow-executions").with("?limit=2&startDate=2026-02-01&endDate=2026-03-01"),
        get("GET /api/workflow-executions/{id}"),
        get("GET /api/workflow-executions/{id}/logs"),
        get("GET /api/workflow-executions/{id}/tree"),
        get("GET /api/workflow-executions/stats/overview"),
        get("GET /api/workflow-executions/stats/steps"),
        get("GET /api/forms"),
        get("GET /api/forms/{id}"),
        get("GET /api/forms/{id}/submissions"),
        get("GET /api/integrations"),
        get("GET /api/integrations/{id}"),
        get("GET /api/jobs"),
        get("GET /api/jobs").with("?state=running"),
        get("GET /api/jobs/{id}"),
        get("GET /api/notifications"),
        get("GET /api/notifications/{id}"),
        get("GET /api/outbox"),
        get("GET /api/outbox/{id}"),
        get("GET /api/submissions"),
        get("GET /api/submissions/{id}"),
        get("GET /api/invitations"),
        get("GET /api/invitations").with("?answered=false"),
        get("GET /api/invitations/{id}"),
        get("GET /api/suppressions"),
        get("GET /api/suppressions").with("?reason=manual"),
        get("GET /api/suppressions/{id}"),
        get("GET /api/email-reports"),
        get("GET /api/tags"),
        get("GET /api/tags/{id}"),
        get("GET /api/workflow-templates"),
        get("GET /api/workflow-templates/{id}"),
        get("GET /api/tickets"),
        get("GET /api/tickets/{id}"),
        get("GET /api/users"),
        get("GET /api/users/{id}"),
        get("GET /api/workflows"),
        get("GET /api/workflows/{id}"),
        get("GET /api/workflows/{id}/decisions"),
        get("GET /api/workflows/{id}/decisions").with("?submissionId=1"),
        get("GET /api/workflows/{id}/decisions").with("?contactId=1"),
        get("GET /api/workflows/{id}/decisions").with("?eventId=evt_1"),
        get("GET /api/workflows/{id}/export"),
        get("GET /api/workflows/{id}/versions"),
        get("GET /api/workflows/{id}/versions/{number}"),
        get("GET /api/workflows/{id}/versions/{number}/diff/{other}"),
    ]
}

fn making(things: &Things) -> Vec<Call> {
    let cloud_event = |id: &str| json!({"event": "custom.new", "id": id, "data": {"a": 1}});
    vec![
        send("POST /api/session", sign_in(things)),
        post("POST /api/api-keys", json!({"name": "new", "role": "viewer", "rate_limit": 60})),
        post("POST /api/contacts", json!({"email": "new@example.com", "consents": {"email": true}})),
        send("POST /api/events", cloud_event("new-1")).answering(202),
        send("POST /api/events", json!([cloud_event("new-1"), cloud_event("new-2"), {"event": "NO"}]))
            .answering(202),
        post("POST /api/forms", json!({"name": "New"})),
        post(
            "POST /api/integrations",
            json!({"name": "new", "provider": "rest", "config": {"baseUrl": "https://example.com"}}),
        ),
        post("POST /api/notifications", json!({"user_id": things.user, "title": "New"})),
        post(
            "POST /api/forms/{id}/submissions",
            json!({"data": {"q_nps": 9}, "status": "partial", "id": "new"}),
        ),
        post("POST /public/forms/{slug}/submissions", json!({"data": {"q_nps": "9"}, "id": "new"})),
        send("POST /public/forms/{slug}/submissions", json!({"data": {"q_nps": "9"}, "id": "new"})),
        post("POST /api/invitations", json!({"formId": things.form, "contactId": things.contact})),
        post("POST /api/suppressions", json!({"address": "new-no@example.com"})),
        post("POST /api/tags", json!({"name": "new"})),
        post("POST /api/workflow-templates", json!({"name": "New", "workflow_definition": plain()})),
        post("POST /api/workflow-templates/{id}/use", json!({"variables": {"title": "New"}, "name": "Used"})),
        post("POST /api/workflows/{id}/template", json!({"name": "Saved", "category": "sales"})),
        post("POST /api/workflows/{id}/template", Value::Null),
        post("POST /api/tickets", json!({"title": "New"})),
        post(
            "POST /api/users",
            json!({"email": "new@people.example.com", "role": "viewer", "time_zone": "Asia/Tokyo"}),
        ),
        post("POST /api/users/{id}/sign-in-link", Value::Null),
        post("POST /api/workflows", plain()),
        post("POST /api/workflows", json!({"name": "Unfinished", "actions": [{"type": "nothing"}]}))
            .with("?draft=true"),
        send("POST /api/workflows/validate", plain()),
        send("POST /api/workflows/validate", json!({"name": "", "actions": [{"type": "nothing"}]})),
        send("POST /api/workflows/import", plain()).with("?dryRun=true"),
        send("POST /api/workflows/import", plain()),
        send("POST /api/workflows/import", json!([plain(), workflow("imported", "a", json!([]))])),
    ]
}

/// A workflow that can be published.
fn plain() -> Value {
    json!({"name": "Plain", "trigger_event": "custom.plain", "conditions": [],
        "actions": [{"type": "create_ticket", "config": {"title": "Plain"}}]})
}

fn changing() -> Vec<Call> {
    let rest = json!({"name": "changed", "provider": "rest", "config": {"baseUrl": "https://example.com", "testPath": "/"}});
    vec![
        send("PATCH /api/session", json!({"name": "Changed", "time_zone": "Asia/Tokyo"})).by_person(),
        send(
            "PATCH /api/settings",
            json!({"time_zone": "Europe/Paris", "retention_days": 30, "webhook_hosts": ["example.com"],
            "calendar": {"week": [[["09:00", "17:00"]], [], [], [], [], [], []], "holidays": ["2026-12-25"]},
            "quiet_hours": {"from": "22:00", "to": "08:00"}, "alerts": {"enabled": true}, "mail": {"layout": "<main>{{content}}</main>", "marketing_limit": {"mails": 2, "period": "7d"}}, "sender": {"email": "care@example.com"},
            "smtp": {"host": "smtp.example.com", "port": 587, "username": "care", "password": canary::USER_PASSWORD}}),
        ),
        get("GET /api/settings"),
        send("PUT /api/settings", json!({"time_zone": "UTC"})),
        send("PUT /api/api-keys/{id}", json!({"name": "changed", "role": "editor"})),
        send("PATCH /api/api-keys/{id}", json!({"rate_limit": 30})),
        send("PUT /api/contacts/{id}", json!({"email": "changed@example.com", "tags": ["a"]})),
        send("PATCH /api/contacts/{id}", json!({"segment": "vip", "attributes": {"a": {"b": [1]}}})),
        send(
            "PUT /api/forms/{id}",
            json!({"name": "Changed", "questions": [{"key": "q_nps", "type": "nps", "label": "How?"}]}),
        ),
        send("PATCH /api/forms/{id}", json!({"description": "Changed"})),
        send(
            "POST /api/approvals/{id}/decide",
            json!({"decision": "approved", "comment": "Changed", "form": {"limit": 5}}),
        ),
        send("POST /api/integrations/{id}/test", Value::Null),
        send("POST /api/integrations/{id}/authorize", Value::Null).answering(409),
        send("PUT /api/integrations/{id}", rest),
        send("PATCH /api/integrations/{id}", json!({"secrets": {"token": "changed"}})),
        send("PUT /api/notifications/{id}", json!({"title": "Changed"})),
        send("PATCH /api/notifications/{id}", json!({"read_at": null, "message": "Changed"})),
        send("POST /api/notifications/{id}/read", Value::Null),
        send("POST /api/notifications/read-all", Value::Null).by_person(),
        send("PUT /api/submissions/{id}", json!({"data": {"q_nps": 4}})),
        send("PATCH /api/submissions/{id}", json!({"tags": ["a"], "language": "fr"})),
        send("PUT /api/tags/{id}", json!({"name": "changed"})),
        send("PATCH /api/tags/{id}", json!({"color": "#123456"})),
        send("PUT /api/workflow-templates/{id}", json!({"name": "Changed", "workflow_definition": plain()})),
        send("PATCH /api/workflow-templates/{id}", json!({"category": "operations"})),
        send("PUT /api/tickets/{id}", json!({"title": "Changed", "status": "pending"})),
        send("PATCH /api/tickets/{id}", json!({"priority": "urgent"})),
        send("PUT /api/users/{id}", json!({"role": "editor", "name": "Changed"})),
        send("PATCH /api/users/{id}", json!({"time_zone": null})),
    ]
}

fn workflows() -> Vec<Call> {
    let data = json!({"triggerData": {"contact": {"name": "Ann"}}});
    vec![
        send("POST /api/workflows/{id}/test", data.clone()),
        send("POST /api/workflows/{id}/test", data).with("?draft=true"),
        send("POST /api/workflows/{id}/run", json!({"data": {"contact": {"name": "Ann"}}})).answering(202),
        send("POST /api/workflows/{id}/run", Value::Null).answering(202),
        send("POST /api/workflows/{id}/run", json!({"source": "contacts", "filter": {"segment": "nobody"}}))
            .answering(202),
        send("POST /api/workflows/{id}/backfill", json!({"source": "submissions", "dryRun": true})),
        send(
            "POST /api/workflows/{id}/backfill",
            json!({"source": "contacts", "filter": {"segment": "nobody"}, "rate": 5}),
        )
        .answering(202),
        send("POST /api/jobs/{id}/pause", Value::Null),
        send("POST /api/jobs/{id}/resume", Value::Null),
        send("POST /api/jobs/{id}/cancel", Value::Null),
        send("POST /hooks/{token}", json!({"a": 1})),
        send("POST /hooks/{token}", Value::Null),
        send("POST /hooks/email/{token}", json!({"type": "hard_bounce", "email": "gone@example.com"})),
        send("POST /api/workflows/{id}/rotate-hook", Value::Null),
        send("POST /api/workflows/{id}/publish", json!({"note": "Changed"})),
        send("POST /api/workflows/{id}/versions/{number}/move", json!({"dryRun": true})),
        send("POST /api/workflows/{id}/versions/{number}/move", Value::Null),
        send("POST /api/workflows/{id}/versions/{number}/restore", Value::Null),
        send("PATCH /api/workflows/{id}", json!({"actions": [{"type": "nothing"}]})).with("?draft=true"),
        send("DELETE /api/workflows/{id}/draft", Value::Null),
        send("POST /api/workflows/{id}/deactivate", Value::Null),
        send("POST /api/workflows/{id}/activate", Value::Null),
        send("PATCH /api/workflows/{id}", json!({"description": "Changed"})),
        send(
            "PATCH /api/workflows/{id}",
            json!({"enrolment": {"policy": "once"}, "debounce": {"for": "30s"}, "concurrency": {"limit": 1}, "rateLimit": {"limit": 9, "per": "1m"},
            "goal": {"event": "custom.goal"}}),
        ),
        send("PUT /api/workflows/{id}", plain()),
        send("POST /api/workflow-executions/{id}/retry", json!({"from": "start", "definition": "current"})),
        send("POST /api/workflow-executions/{id}/cancel", Value::Null),
    ]
}

fn ending() -> Vec<Call> {
    vec![
        get("DELETE /api/notifications/{id}"),
        get("DELETE /api/outbox/{id}"),
        get("DELETE /api/tickets/{id}"),
        get("DELETE /api/submissions/{id}"),
        get("DELETE /api/tags/{id}"),
        get("DELETE /api/suppressions/{id}"),
        send("PATCH /api/email-reports", json!({"mailgun": "key"})),
        send("POST /api/email-reports/rotate", Value::Null),
        get("DELETE /api/contacts/{id}"),
        get("DELETE /api/workflow-executions/{id}"),
        get("DELETE /api/workflow-templates/{id}"),
        get("DELETE /api/workflows/{id}"),
        get("GET /api/workflows/{id}").with("?archived=true"),
        get("DELETE /api/forms/{id}"),
        get("DELETE /api/integrations/{id}"),
        get("DELETE /api/api-keys/{id}"),
        get("DELETE /api/session").by_person(),
        get("DELETE /api/users/{id}"),
    ]
}
