//! What is one tenant's is nobody else's: by its id it is not found, in lists it is not there, and by no detour is it touched.

use serde_json::{Value, json};
use testkit::{
    Sink,
    tables::{Row, Tables},
};

use crate::{
    document::Document,
    house::{Answer, Credentials, House, Who},
    requests::{Call, calls, sign_in},
    things::{Things, workflow},
};

const OURS: &str = "quillfeather";
const THEIRS: &str = "bramblewick";
/// An id that no record has.
const NOBODY: &str = "900001";

/// Reading operations without a path parameter that show nothing of a tenant, or only the caller.
const NO_RECORDS: &[&str] = &[
    "GET /healthz",
    "GET /readyz",
    "GET /api/actions",
    "GET /api/control-steps",
    "GET /api/operators",
    "GET /api/integration-providers",
    "GET /api/providers",
    // Its own test: nobody is told what is not theirs.
    "GET /api/live",
    "GET /api/session",
    "GET /api/settings",
    "GET /api/email-reports",
];

/// Query parameters that refer to no record.
const NO_REFERENCE: &[&str] = &[
    "active",
    "answered",
    "archived",
    "category",
    "cursor",
    "endDate",
    "hasFailures",
    "isActive",
    "limit",
    "mine",
    "kind",
    "state",
    "offset",
    "outcome",
    "reason",
    "priority",
    "role",
    "startDate",
    "status",
    "unread",
];

/// A tenant with everything, and another one that has everything, too.
async fn neighbours() -> (House, Sink, Things, Things) {
    let (house, sink) = (House::new().await, Sink::start().await);
    let theirs = Things::make(&house, Who::Neighbour, THEIRS, &sink).await;
    let ours = Things::make(&house, Who::Admin, OURS, &sink).await;
    (house, sink, ours, theirs)
}

/// Every row of every table, as it is in the database. `tenant`: only what is that tenant's, and what belongs to no tenant but
/// its users.
fn dump(house: &House, tenant: Option<i64>) -> Tables {
    let mut tables = house.place.tables();
    // A node's lease is renewed all the time, and each transaction leaves its mark.
    tables.remove("nodes");
    tables.remove("commit_marks");
    assert!(tables["tickets"].iter().any(|row| format!("{row:?}").contains(OURS)));
    let Some(tenant) = tenant else { return tables };
    let is_theirs = |row: &Row| row.get("tenant_id").is_some_and(|id| *id == tenant);
    let members: Vec<Value> =
        tables["memberships"].iter().filter(|row| is_theirs(row)).map(|row| row["user_id"].clone()).collect();
    for (table, rows) in &mut tables {
        rows.retain(|row| match table.as_str() {
            "users" => members.contains(&row["id"]),
            "tenants" => row["id"] == tenant,
            _ => is_theirs(row),
        });
    }
    tables
}

fn assert_same(before: &Tables, after: &Tables, of: &str) {
    for (table, rows) in before {
        let changed: Vec<_> = after[table].iter().filter(|row| !rows.contains(row)).collect();
        let gone: Vec<_> = rows.iter().filter(|row| !after[table].contains(row)).collect();
        assert!(changed.is_empty() && gone.is_empty(), "{of}: {table} had {gone:#?} and has {changed:#?}");
    }
}

/// The status and the text, with the id left out.
fn without(answer: &Answer, id: &str) -> (u16, String) {
    (answer.status, answer.text.replace(id, "ID"))
}

#[tokio::test]
async fn an_id_of_another_tenant_is_an_id_that_does_not_exist() {
    let (house, _sink, ours, _theirs) = neighbours().await;
    let calls = calls(&ours);
    let operations = Document::new().operations();
    let before = dump(&house, None);
    let mut asked = 0;
    for operation in operations.iter().filter(|operation| operation.path.contains("{id}")) {
        let of_operation: Vec<&Call> = calls.iter().filter(|call| call.line == operation.line).collect();
        assert!(!of_operation.is_empty(), "{} has no request in requests.rs", operation.line);
        for call in of_operation {
            let mut ids = vec![ours.id(call.path())];
            if call.path().starts_with("/api/workflow-executions/") {
                ids = ours.executions().map(|id| id.to_string()).to_vec();
            }
            for id in ids {
                let with = async |id: &str| {
                    let path =
                        call.path().replace("{id}", id).replace("{number}", "1").replace("{other}", "2");
                    house.call(Who::Neighbour, &call.with_path(&path), &call.body).await
                };
                let (found, unknown) = (with(&id).await, with(NOBODY).await);
                assert_eq!(found.status, 404, "{} {}: {}", call.line, call.query, found.text);
                assert_eq!(without(&found, &id), without(&unknown, NOBODY), "{}", call.line);
                asked += 1;
            }
        }
    }
    assert!(asked > 60, "{asked}");
    assert_same(&before, &dump(&house, None), "asked by ids");
}

/// What the parameter says of our records, and of none.
fn reference(name: &str, ours: &Things) -> (String, &'static str) {
    let id = match name {
        "q" | "tag" | "segment" | "provider" => return (OURS.to_owned(), "nobody-says-this"),
        "event" | "triggerEvent" => return (format!("{OURS}.everything"), "nobody.says.this"),
        "email" => return (ours.contact_email.clone(), "nobody@example.com"),
        "eventId" => return (ours.event.clone(), "nobody-says-this"),
        "userId" | "assigneeId" => ours.user,
        "contactId" => ours.contact,
        "formId" => ours.form,
        "submissionId" => ours.submission,
        "workflowId" => ours.workflow,
        "executionId" => ours.completed,
        "retryOf" => ours.failed,
        other => panic!("{other}: say here which record it refers to, or that it refers to none"),
    };
    (id.to_string(), NOBODY)
}

#[tokio::test]
async fn lists_and_searches_show_nothing_of_another_tenant() {
    let (house, _sink, ours, _theirs) = neighbours().await;
    for operation in Document::new().operations() {
        let is_list = operation.method == "GET" && !operation.path.contains('{');
        if !is_list || NO_RECORDS.contains(&operation.line.as_str()) {
            continue;
        }
        let get = async |query: String| {
            house.call(Who::Neighbour, &format!("{}{query}", operation.line), &Value::Null).await
        };
        let names = operation.query();
        let all = get(if names.contains(&"limit") { "?limit=200".to_owned() } else { String::new() }).await;
        assert_eq!(all.status, 200, "{}: {}", operation.line, all.text);
        assert!(!all.text.contains(OURS), "{}: {}", operation.line, all.text);
        assert!(!all.text.contains(&ours.user_email));
        if names.contains(&"limit") {
            // Not for lack of rows.
            assert!(
                all.json()["pagination"]["total"].as_i64().unwrap() > 0,
                "{}: {}",
                operation.line,
                all.text
            );
            for row in all.data().as_array().unwrap() {
                let tenant = &row["tenant_id"];
                assert!(
                    tenant.is_null() || tenant == Who::Neighbour.tenant().get(),
                    "{}: {row}",
                    operation.line
                );
            }
        }
        for name in names.into_iter().filter(|name| !NO_REFERENCE.contains(name)) {
            let (known, unknown) = reference(name, &ours);
            let (found, none) =
                (get(format!("?{name}={known}")).await, get(format!("?{name}={unknown}")).await);
            assert_eq!(found.status, 200, "{}?{name}: {}", operation.line, found.text);
            assert_eq!(found.text, none.text, "{}?{name}={known}", operation.line);
            // The same question is answered where the record belongs: it is not the parameter that finds nothing.
            let own =
                house.call(Who::Admin, &format!("{}?{name}={known}", operation.line), &Value::Null).await;
            let finds = !matches!(
                (operation.path.as_str(), name),
                (_, "retryOf" | "provider")
                    | ("/api/workflow-templates", "tag")
                    // The workflow that has everything waits for nobody.
                    | ("/api/approvals", "workflowId" | "executionId")
            );
            if finds {
                assert_ne!(own.text, none.text, "{}?{name}={known}", operation.line);
            }
        }
    }
}

#[tokio::test]
async fn a_reference_to_a_record_of_another_tenant_is_refused_as_one_to_nothing() {
    let (house, _sink, ours, theirs) = neighbours().await;
    let before = dump(&house, Some(Who::Admin.tenant().get()));
    let submissions = format!("POST /api/forms/{}/submissions", theirs.form);
    let ticket = format!("/api/tickets/{}", theirs.ticket);
    let submission = format!("/api/submissions/{}", theirs.submission);
    let contact = format!("/api/contacts/{}", theirs.contact);
    for (line, fields, name, id) in [
        ("POST /api/tickets", json!({"title": "T"}), "contact_id", ours.contact),
        ("POST /api/tickets", json!({"title": "T"}), "assignee_id", ours.user),
        ("POST /api/tickets", json!({"title": "T"}), "submission_id", ours.submission),
        (&format!("PUT {ticket}"), json!({"title": "T"}), "contact_id", ours.contact),
        (&format!("PATCH {ticket}"), json!({}), "assignee_id", ours.user),
        (&format!("PATCH {ticket}"), json!({}), "submission_id", ours.submission),
        (&submissions, json!({"data": {"q_nps": 1}}), "contactId", ours.contact),
        (&format!("PUT {submission}"), json!({"data": {"q_nps": 1}}), "contact_id", ours.contact),
        (&format!("PATCH {submission}"), json!({}), "contact_id", ours.contact),
        ("POST /api/contacts", json!({"email": "a@b.example.com"}), "owner_id", ours.user),
        (&format!("PATCH {contact}"), json!({}), "owner_id", ours.user),
        ("POST /api/notifications", json!({"title": "T"}), "user_id", ours.user),
    ] {
        let with = async |id: &str| {
            let mut body = fields.clone();
            body[name] = id.parse::<i64>().unwrap().into();
            house.call(Who::Neighbour, line, &body).await
        };
        let (found, unknown) = (with(&id.to_string()).await, with(NOBODY).await);
        assert_eq!(found.status, 422, "{line} {name}: {}", found.text);
        assert_eq!(without(&found, &id.to_string()), without(&unknown, NOBODY), "{line} {name}");
    }
    assert_same(&before, &dump(&house, Some(Who::Admin.tenant().get())), "named in bodies");
}

#[tokio::test]
async fn steps_keys_and_events_of_one_tenant_reach_nothing_of_another() {
    let (house, sink, ours, theirs) = neighbours().await;
    let before = dump(&house, Some(Who::Admin.tenant().get()));
    let them = async |line: &str, body: Value| house.done(Who::Neighbour, line, body).await;

    // Steps that name our records fail as if there were none.
    let reaching = [
        json!({"type": "create_ticket", "config": {"title": "T", "contactId": ours.contact}}),
        json!({"type": "create_ticket", "config": {"title": "T", "assignee": ours.user}}),
        json!({"type": "update_field", "config": {"entity": "ticket", "entityId": ours.ticket, "field": "priority", "value": "low"}}),
        json!({"type": "update_field", "config": {"entity": "form", "entityId": ours.form, "field": "name", "value": "x"}}),
        json!({"type": "update_field", "config": {"entity": "submission", "entityId": ours.submission, "field": "language", "value": "de"}}),
        json!({"type": "update_contact", "config": {"contactId": ours.contact, "updates": {"segment": "x"}}}),
        json!({"type": "update_contact", "config": {"email": ours.contact_email, "updates": {"segment": "x"}}}),
        json!({"type": "add_tag", "config": {"entity": "contact", "entityId": ours.contact, "tag": "x"}}),
        json!({"type": "send_notification", "config": {"userId": ours.user, "title": "x"}}),
        json!({"type": "sync_integration", "config": {"integration": OURS, "action": "push"}}),
    ];
    let count = reaching.len();
    them("POST /api/workflows", workflow(THEIRS, "reach", reaching.into_iter().collect())).await;
    let received = sink.requests().len();
    let event = json!({"event": format!("{THEIRS}.reach"), "data": {"contact": {"id": ours.contact, "name": "x"},
        "formId": ours.form, "submission": {"id": ours.submission, "formId": ours.form, "data": {}}}});
    let execution = house.run(Who::Neighbour, event).await;
    let shown = them(&format!("GET /api/workflow-executions/{execution}"), Value::Null).await;
    assert_eq!(
        (&shown["result"]["actionsExecuted"], &shown["result"]["actionsFailed"]),
        (&json!(0), &json!(count)),
        "{shown:#}"
    );
    assert!(!shown.to_string().contains(&format!("{OURS} ")), "{shown:#}");
    assert_eq!(sink.requests().len(), received);

    // The same event id, the same source and the same workflow key are other ones over there.
    let again = json!({"event": format!("{THEIRS}.waits"), "id": ours.event, "source": OURS, "data": {"contact": {"name": "x"}}});
    assert_eq!(them("POST /api/events", again).await["duplicate"], false);
    let mut import = workflow(THEIRS, "taken", json!([]));
    import["key"] = ours.workflow_key.as_str().into();
    assert_eq!(them("POST /api/workflows/import", import).await["status"], "created");
    // A blank may be filled with our form: the workflow that comes of it hears nothing of it, as is seen below.
    let template = json!({"name": "Listening", "variables": [{"key": "form", "label": "Form", "type": "form", "required": true}],
        "workflow_definition": {"name": "Listening", "trigger_event": "submission_completed", "trigger_config": {"formId": "[[form]]"},
            "conditions": [], "actions": [{"type": "create_ticket", "config": {"title": "heard"}}]}});
    let template = them("POST /api/workflow-templates", template).await["id"].take();
    let line = format!("POST /api/workflow-templates/{template}/use");
    let listening = them(&line, json!({"variables": {"form": ours.form}})).await;
    assert_eq!(listening["trigger_config"]["formId"], ours.form);
    them(&format!("POST /api/workflows/{}/activate", listening["id"]), Value::Null).await;

    // A person of theirs gets no session here, and no administrator of theirs changes a person of ours.
    let in_ours = Who::Admin.tenant().get();
    let mut credentials = sign_in(&theirs);
    credentials["tenantId"] = in_ours.into();
    assert_eq!(house.call(Who::Nobody, "POST /api/session", &credentials).await.status, 401);
    let session = house.call(Who::Nobody, "POST /api/session", &sign_in(&theirs)).await;
    let session = Credentials::Cookie(session.cookie());
    let switched = house.call(session.clone(), "PATCH /api/session", &json!({"tenantId": in_ours})).await;
    let unknown = house.call(session, "PATCH /api/session", &json!({"tenantId": 900_001})).await;
    assert_eq!((switched.status, without(&switched, &in_ours.to_string())), (404, without(&unknown, NOBODY)));
    let member =
        json!({"email": ours.user_email, "role": "viewer", "password": "another-password", "name": "x"});
    assert_eq!(house.call(Who::Neighbour, "POST /api/users", &member).await.status, 409);
    let member = json!({"email": ours.user_email, "role": "viewer", "name": "x", "time_zone": "Asia/Tokyo"});
    them("POST /api/users", member).await;
    let line = format!("PATCH /api/users/{}", ours.user);
    assert_eq!(house.call(Who::Neighbour, &line, &json!({"name": "x"})).await.status, 409);
    let line = format!("POST /api/users/{}/sign-in-link", ours.user);
    assert_eq!(house.call(Who::Neighbour, &line, &Value::Null).await.status, 409);
    assert_same(&before, &dump(&house, Some(in_ours)), "reached by detours");

    // What happens here is heard here only.
    let started = async || them("GET /api/workflow-executions", Value::Null).await.as_array().unwrap().len();
    let heard = started().await;
    let line = format!("POST /api/forms/{}/submissions", ours.form);
    house.done(Who::Admin, &line, json!({"data": {"q_nps": 1}})).await;
    house.done(Who::Admin, "POST /api/events", json!({"event": format!("{THEIRS}.waits"), "data": {}})).await;
    assert_eq!(started().await, heard);
    // And our person signs in as ever.
    assert_eq!(house.call(Who::Nobody, "POST /api/session", &sign_in(&ours)).await.status, 200);
}
