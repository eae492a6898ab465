//! A tenant that has one of everything, made over HTTP.

use model::{alert::AlertKind, settings::Settings};
use serde_json::{Value, json};
use store::alert::{NewAlert, alert_raise};
use testkit::Sink;

use crate::house::{House, Who};

/// What must never be seen again, each in another place where secrets go in. They are put together at run time where a scheme
/// wants its own form.
pub mod canary {
    pub const INTEGRATION_TOKEN: &str = "canary-integration-token";
    pub const AUTHORIZATION: &str = "Bearer canary-authorization";
    pub const API_KEY_HEADER: &str = "canary-api-key-header";
    pub const URL_PASSWORD: &str = "canary-url-password";
    /// `canary-webhook-signing-key` in base64.
    pub const WEBHOOK_SECRET: &str = "whsec_Y2FuYXJ5LXdlYmhvb2stc2lnbmluZy1rZXk";
    pub const HOOK_SECRET: &str = "canary-hook-secret";
    pub const USER_PASSWORD: &str = "canary-user-password";
}

/// Ids and names of what the tenant has. `mark` is in a text of everything.
#[derive(Debug, Clone)]
pub struct Things {
    pub mark: &'static str,
    pub user: i64,
    pub user_email: String,
    pub contact: i64,
    pub contact_email: String,
    pub form: i64,
    pub slug: String,
    pub submission: i64,
    pub ticket: i64,
    pub notification: i64,
    pub tag: i64,
    pub integration: i64,
    pub template: i64,
    pub api_key: i64,
    pub mail: i64,
    pub suppression: i64,
    pub invitation: i64,
    /// Of the address for word of bounces.
    pub report_token: String,
    pub approval: i64,
    pub event: String,
    /// Two versions and a draft.
    pub workflow: i64,
    pub workflow_key: String,
    /// Started by calls from outside.
    pub hooked: i64,
    pub token: String,
    /// With a log of every kind of action.
    pub completed: i64,
    pub failed: i64,
    pub retrying: i64,
    pub waiting: i64,
    /// Under way: the clock stands still before its next record.
    pub job: i64,
}

impl Things {
    /// What stands for `{id}` in an operation's path.
    pub fn id(&self, path: &str) -> String {
        let id = match path.split('/').nth(2).unwrap() {
            "api-keys" => self.api_key,
            "approvals" => self.approval,
            "contacts" => self.contact,
            "events" => return self.event.clone(),
            "forms" => self.form,
            "integrations" => self.integration,
            "invitations" => self.invitation,
            "jobs" => self.job,
            "notifications" => self.notification,
            "outbox" => self.mail,
            "submissions" => self.submission,
            "suppressions" => self.suppression,
            "tags" => self.tag,
            "tickets" => self.ticket,
            "users" => self.user,
            "workflow-executions" if path.ends_with("/retry") => self.failed,
            "workflow-executions" if path.ends_with("/cancel") => self.waiting,
            "workflow-executions" => self.completed,
            "workflow-templates" => self.template,
            "workflows" if path.ends_with("/rotate-hook") => self.hooked,
            "workflows" => self.workflow,
            other => panic!("there is no {other} here yet: add one to the tenant that has everything"),
        };
        id.to_string()
    }

    pub fn filled(&self, path: &str) -> String {
        let path = if path.contains("{id}") { path.replace("{id}", &self.id(path)) } else { path.to_owned() };
        let token = if path.starts_with("/hooks/email/") { &self.report_token } else { &self.token };
        let path = path.replace("{slug}", &self.slug).replace("{token}", token);
        path.replace("{number}", "1").replace("{other}", "2")
    }

    pub fn executions(&self) -> [i64; 4] {
        [self.completed, self.failed, self.retrying, self.waiting]
    }

    pub async fn make(house: &House, who: Who, mark: &'static str, sink: &Sink) -> Self {
        let make = async |path: &str, body: Value| house.done(who, &format!("POST {path}"), body).await;
        let id = |made: &Value| made["id"].as_i64().unwrap();

        let user_email = format!("{mark}@people.example.com");
        let user =
            json!({"email": user_email, "name": mark, "role": "editor", "password": canary::USER_PASSWORD});
        let user = id(&make("/api/users", user).await);
        let contact_email = format!("{mark}@example.com");
        let contact = json!({"email": contact_email, "name": format!("{mark} contact"), "company": mark, "segment": mark,
            "tags": [mark], "owner_id": user, "attributes": {"plan": mark}, "phone": "+33 1 23 45 67 89",
            "time_zone": "Europe/Paris", "language": "fr"});
        let contact = id(&make("/api/contacts", contact).await);
        let form = make("/api/forms", form(mark)).await;
        let submission =
            json!({"contactId": contact, "data": {"q_nps": 3, "q_name": mark}, "tags": [mark], "id": mark});
        let answers = format!("/api/forms/{}/submissions", form["id"]);
        let submission = make(&answers, submission).await;
        // So many that a job, which takes one in a second, has not come to the end when it is paused, resumed and cancelled.
        for _ in 0..60 {
            make(
                &answers,
                json!({"contactId": contact, "data": {"q_nps": 9, "q_name": mark}, "tags": [mark]}),
            )
            .await;
        }
        let ticket = json!({"title": format!("{mark} ticket"), "description": mark, "tags": [mark], "contact_id": contact,
            "assignee_id": user, "submission_id": submission["id"], "attributes": {"plan": mark}});
        let ticket = id(&make("/api/tickets", ticket).await);
        let notification = json!({"user_id": user, "title": mark, "message": mark, "type": "warning"});
        let notification = id(&make("/api/notifications", notification).await);
        let tag = id(&make("/api/tags", json!({"name": format!("{mark} tag"), "color": "#0b7285"})).await);
        let config = json!({"baseUrl": sink.url(""), "auth": "bearer", "testPath": "/json",
            "actions": {"push": {"method": "POST", "path": "/json"}}});
        let integration = json!({"name": mark, "provider": "rest", "config": config,
            "secrets": {"token": canary::INTEGRATION_TOKEN}});
        let integration = id(&make("/api/integrations", integration).await);
        let template = id(&make("/api/workflow-templates", template(mark, sink)).await);
        let suppressed = json!({"address": format!("no-{mark}@example.com"), "detail": mark});
        let suppression = id(&make("/api/suppressions", suppressed).await);
        let invited = json!({"formId": form["id"], "contactId": contact});
        let invitation = id(&make("/api/invitations", invited).await);
        let reports = house.done(who, "GET /api/email-reports", Value::Null).await;
        let api_key = id(&make("/api/api-keys", json!({"name": mark, "role": "viewer"})).await);

        let workflow = workflow(mark, "everything", every_action(user, contact, ticket, mark, sink));
        let workflow = make("/api/workflows", workflow).await;
        let path = format!("/api/workflows/{}", workflow["id"]);
        house.done(who, &format!("PATCH {path}"), json!({"description": format!("{mark} second")})).await;
        let draft = json!({"description": format!("{mark} third")});
        house.done(who, &format!("PATCH {path}?draft=true"), draft).await;
        for (event, actions) in [
            ("fails", json!([webhook(sink, "/status/400", true)])),
            ("retries", json!([webhook(sink, "/status/503", true)])),
            ("waits", json!([{"type": "delay", "config": {"duration": "7d"}, "name": mark}])),
            (
                "asks",
                json!([{"type": "approval", "config": {"title": mark, "message": mark, "approvers": [{"role": "editor"}], "allowSelf": true,
                    "form": [{"key": "limit", "type": "number", "label": mark}]}}]),
            ),
        ] {
            make("/api/workflows", self::workflow(mark, event, actions)).await;
        }
        let hooked = make("/api/workflows", hooked(mark, &json!({"respond": "result"}), sink)).await;
        let guard = json!({"auth": {"type": "header", "name": "X-Door", "value": canary::HOOK_SECRET}});
        make("/api/workflows", self::hooked(&format!("{mark} guarded"), &guard, sink)).await;
        let event = format!("{mark}-event");
        let data = json!({"contact": {"id": contact, "name": mark}, "formId": form["id"],
            "submission": {"id": submission["id"], "contactId": contact, "formId": form["id"], "data": {"q_name": mark}}});
        let run = async |name: &str, id: String| {
            let event = json!({"event": format!("{mark}.{name}"), "id": id, "source": mark, "data": data});
            house.run(who, event).await
        };
        let completed = run("everything", event.clone()).await;
        let failed = run("fails", format!("{mark}-2")).await;
        let retrying = run("retries", format!("{mark}-3")).await;
        let waiting = run("waits", format!("{mark}-4")).await;
        run("asks", format!("{mark}-5")).await;
        for (execution, expected) in
            [(completed, "completed"), (failed, "failed"), (retrying, "retrying"), (waiting, "waiting")]
        {
            let path = format!("GET /api/workflow-executions/{execution}");
            let shown = house.done(who, &path, Value::Null).await;
            assert_eq!(shown["status"], expected, "{shown:#}");
            assert!(expected != "completed" || shown["result"]["actionsFailed"] == 0, "{shown:#}");
        }
        warn(house, who, mark).await;
        // The workflow has run for the first of these answers, which is passed over.
        let backfill = json!({"source": "submissions", "filter": {"tag": mark}, "rate": 1});
        let job = id(&make(&format!("{}/backfill", &path), backfill).await);
        while house.done(who, &format!("GET /api/jobs/{job}"), Value::Null).await["progress"]["seen"] == 0 {
            // Taken by a task of the engine: there is no call to wait for.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let mails = house.done(who, "GET /api/outbox", Value::Null).await;
        let approvals = house.done(who, "GET /api/approvals?status=open&mine=true", Value::Null).await;
        Self {
            mark,
            user,
            user_email,
            contact,
            contact_email,
            form: id(&form),
            slug: form["slug"].as_str().unwrap().to_owned(),
            submission: id(&submission),
            ticket,
            notification,
            tag,
            integration,
            template,
            api_key,
            mail: id(&mails[0]),
            suppression,
            invitation,
            report_token: reports["url"].as_str().unwrap().trim_start_matches("/hooks/email/").to_owned(),
            approval: id(&approvals[0]),
            event,
            workflow: id(&workflow),
            workflow_key: workflow["key"].as_str().unwrap().to_owned(),
            hooked: id(&hooked),
            token: hooked["hook_url"].as_str().unwrap().trim_start_matches("/hooks/").to_owned(),
            completed,
            failed,
            retrying,
            waiting,
            job,
        }
    }
}

/// The one thing that nobody can make over HTTP.
async fn warn(house: &House, who: Who, mark: &'static str) {
    let new = NewAlert {
        kind: AlertKind::FailureRate,
        workflow: None,
        execution: None,
        message: mark.to_owned(),
        details: json!({"failed": 3, "ended": 10}),
    };
    let raise = house.engine.store().write(move |tx| {
        Box::pin(async move { alert_raise(tx, who.tenant(), new, &Settings::default()).await })
    });
    raise.await.unwrap().unwrap();
}

fn form(mark: &str) -> Value {
    json!({"name": format!("{mark} form"), "description": mark, "tags": [mark], "questions": [
        {"key": "q_nps", "type": "nps", "label": "How likely?", "required": true},
        {"key": "q_name", "type": "text", "label": "Name", "personal": true},
        {"key": "q_choice", "type": "single_choice", "label": "Which?", "options": ["a", "b"]},
    ]})
}

/// A workflow that listens to an event of its own.
pub fn workflow(mark: &str, event: &str, actions: Value) -> Value {
    let conditions = json!([{"logic": "AND"}, {"field": "contact.name", "operator": "is_not_empty"}]);
    json!({"name": format!("{mark} {event}"), "description": mark, "trigger_event": format!("{mark}.{event}"),
        "conditions": conditions, "actions": actions, "is_active": true})
}

/// A workflow that calls from outside start.
fn hooked(name: &str, config: &Value, sink: &Sink) -> Value {
    json!({"name": format!("{name} hooked"), "trigger_event": "webhook", "trigger_config": config, "is_active": true,
        "actions": [{"type": "set", "config": {"variables": {"said": "{{body}}"}}}], "onFailure": [webhook(sink, "/ok", false)]})
}

/// A webhook with a secret wherever it takes one.
pub fn webhook(sink: &Sink, path: &str, critical: bool) -> Value {
    let url = sink.url(path).replace("http://", &format!("http://ann:{}@", canary::URL_PASSWORD));
    json!({"type": "webhook", "critical": critical, "config": {"url": url, "secret": canary::WEBHOOK_SECRET,
        "headers": {"Authorization": canary::AUTHORIZATION, "X-Api-Key": canary::API_KEY_HEADER},
        "body": {"name": "{{contact.name}}"}}})
}

fn every_action(user: i64, contact: i64, ticket: i64, mark: &str, sink: &Sink) -> Value {
    json!([
        {"type": "create_ticket", "id": "made", "config": {"title": format!("{mark} made"), "contactId": contact}},
        {"type": "update_field", "config": {"entity": "ticket", "entityId": ticket, "field": "priority", "value": "high"}},
        {"type": "update_contact", "config": {"contactId": contact, "updates": {"company": mark}}},
        {"type": "add_tag", "config": {"entity": "contact", "entityId": contact, "tag": mark}},
        {"type": "send_notification", "config": {"userId": user, "title": mark}},
        {"type": "send_email", "config": {"to": "{{contact.name}}@example.com", "subject": mark, "body": mark, "from": "care@example.com"}},
        webhook(sink, "/json", false),
        {"type": "sync_integration", "config": {"integration": mark, "action": "push", "payload": {"name": mark}}},
    ])
}

fn template(mark: &str, sink: &Sink) -> Value {
    json!({
        "name": format!("{mark} template"), "description": mark, "category": "sales", "use_case": mark, "tags": [mark],
        "workflow_definition": {"name": mark, "trigger_event": "custom.never", "conditions": [],
            "actions": [webhook(sink, "/ok", false), {"type": "create_ticket", "config": {"title": "[[title]]"}}]},
        "variables": [{"key": "title", "label": "Title", "type": "text", "required": true}],
        "sample_data": {"contact": {"name": mark}},
    })
}
