//! Every ready-made workflow, made with sample values and run on its sample data to its end: what is waited for does not come, so each goes its longest way.

use actions::mail::SmtpServer;
use engine::Engine;
use model::{Actor, WorkflowId, template::VariableType};
use rules::blank;
use serde_json::{Map, Value, json};
use store::{
    integration::{Fields, integration_create},
    params,
    secret::SecretBox,
    template::{Content, templates_built_in},
    workflow::{NewWorkflow, workflow_create},
};
use testkit::{Sink, SmtpServer as Counterpart};

use crate::harness::{House, TENANT, definition_of, lines};

/// What the samples are about.
async fn furnish(house: &House, sink: &Sink) -> Engine {
    let (engine, ..) = house
        .furnish(
            json!({"name": "Nothing", "trigger_event": "custom.nothing", "conditions": [], "actions": []}),
        )
        .await;
    let object = |value: Value| value.as_object().cloned().unwrap();
    let operations = [
        "create_issue",
        "upsert_contact",
        "create_deal",
        "create_task",
        "update_lead",
        "unsubscribe",
        "update_contact",
        "add_note",
    ];
    let operations: Map<String, Value> = operations
        .iter()
        .map(|name| ((*name).to_owned(), json!({"method": "POST", "path": "/json"})))
        .collect();
    let rest = Fields {
        name: "sample".into(),
        provider: "rest".into(),
        config: object(json!({"baseUrl": sink.url(""), "actions": operations})),
        secrets: Map::new(),
    };
    let slack = Fields {
        name: "slack".into(),
        provider: "slack".into(),
        config: Map::new(),
        secrets: object(json!({"webhookUrl": sink.url("/ok")})),
    };
    let furnished = engine.store().write(move |tx| {
        Box::pin(async move {
            for connection in [rest, slack] {
                integration_create(tx, TENANT, Actor::System, &connection, &SecretBox::of_key(&[7; 32])).await?;
            }
            let now = tx.now();
            for statement in [
                "INSERT INTO users (id, email, created_at, updated_at, version) VALUES (1, 'someone@example.com', ?1, ?1, 1)",
                "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES (1, 1, 'editor', ?1)",
                "INSERT INTO forms (id, tenant_id, name, slug, is_active, questions, tags, created_at, updated_at, version)
                 VALUES (1, 1, 'Survey', 'survey', TRUE, '[]', '[]', ?1, ?1, 1)",
                "UPDATE contacts SET email = 'other@example.com', updated_at = ?1 WHERE id = 1",
                "INSERT INTO contacts (id, tenant_id, email, name, tags, consents, attributes, created_at, updated_at, version)
                 VALUES (7, 1, 'ada@example.com', 'Ada', '[]', '{\"marketing\":{\"status\":\"granted\"}}', '{}', ?1, ?1, 1)",
                "INSERT INTO tickets (id, tenant_id, title, status, priority, tags, attributes, created_at, updated_at, version)
                 VALUES (4711, 1, 'Cannot sign in', 'open', 'normal', '[]', '{}', ?1, ?1, 1)",
                "INSERT INTO submissions (id, tenant_id, form_id, contact_id, status, data, tags, submitted_at, created_at, updated_at, version)
                 VALUES (70, 1, 1, 7, 'completed', '{\"q_name\":\"Ada\"}', '[]', ?1, ?1, ?1, 1)",
            ] {
                tx.execute(statement, params![now]).await?;
            }
            Ok(())
        })
    });
    furnished.await.unwrap();
    engine
}

/// Answers whose score fell: forty a week ago, forty now.
async fn fallen(engine: &Engine) {
    let written = engine.store().write(|tx| {
        Box::pin(async move {
            let now = tx.now();
            for number in 0..80_i64 {
                let (days, score) = if number < 40 { (10, 10) } else { (1, 3) };
                tx.execute(
                    "INSERT INTO submissions (id, tenant_id, form_id, status, data, tags, submitted_at, created_at, updated_at, version)
                     VALUES (?1, 1, 1, 'completed', ?2, ?3, ?4, ?4, ?4, 1)",
                    params![1_000 + number, json!({"q_nps": score}), &Vec::<String>::new(), now.minus(model::Period::days(days))],
                )
                .await?;
            }
            Ok(())
        })
    });
    written.await.unwrap();
}

/// The sample's ticket.
async fn due_in_an_hour(engine: &Engine) {
    let due = engine.store().write(|tx| {
        Box::pin(async move {
            let fields = Map::from_iter([
                ("status".to_owned(), json!("open")),
                ("due_at".to_owned(), json!(tx.now().plus(model::Period::hours(1)))),
            ]);
            store::ticket::ticket_update(
                tx,
                TENANT,
                Actor::System.into(),
                model::TicketId::new(4711),
                &fields,
                None,
            )
            .await
        })
    });
    due.await.unwrap();
}

/// Waits until nobody waits for an event any more.
async fn wait_gone(engine: &Engine) {
    let gone = async {
        loop {
            let mut connection = engine.store().read(TENANT).await.unwrap();
            let count = connection
                .query_one("SELECT count(*) FROM execution_waits WHERE tenant_id = 1", Vec::new())
                .await
                .unwrap();
            if count.first::<i64>().unwrap() == 0 {
                return;
            }
            drop(connection);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.expect("the breach is told");
}

async fn made(engine: &Engine, content: &Content, sink: &Sink) -> WorkflowId {
    let mut values = blank::samples(&content.variables);
    for variable in &content.variables {
        let value = match variable.kind {
            VariableType::Url => sink.url("/json"),
            VariableType::Integration if variable.key == "slack" => "slack".to_owned(),
            VariableType::Integration => "sample".to_owned(),
            _ => continue,
        };
        values.insert(variable.key.clone(), value.into());
    }
    let filled = blank::fill(&content.workflow_definition, &content.variables, &values).unwrap();
    let new = NewWorkflow { key: None, definition: definition_of(filled), is_draft: false, is_active: false };
    let made = engine
        .store()
        .write(move |tx| Box::pin(async move { workflow_create(tx, TENANT, Actor::System, new).await }));
    made.await.unwrap().id
}

testkit::on_both! {
    async fn every_ready_made_workflow_runs_to_its_end(place: Place) {
        let (sink, server) = (Sink::start().await, Counterpart::start().await);
        let mut house = House::new(place);
        house.smtp = Some(server.url().parse::<SmtpServer>().unwrap());
        let engine = furnish(&house, &sink).await;
        let mut told = Vec::new();
        // Whoever is erased is not there for the others.
        let (mut templates, last): (Vec<_>, Vec<_>) =
            templates_built_in().unwrap().into_iter().partition(|(key, _)| *key != "gdpr-erase-request");
        templates.extend(last);
        for (key, content) in templates {
            if key == "score-drop-alarm" {
                fallen(&engine).await;
            }
            let workflow = made(&engine, &content, &sink).await;
            let before = server.messages().len();
            let data = content.sample_data.clone().unwrap();
            let accepted = engine.run(TENANT, Actor::System, workflow, data, None).await.unwrap();
            let id = accepted.executions[0].id;
            let mut ended = house.rest(&engine, id).await.unwrap();
            if key == "gdpr-erase-request" {
                let asked = crate::harness::approvals(&engine, id).await.unwrap().remove(0);
                let user = model::user::Identity { actor: Actor::User(model::UserId::new(1)), ..crate::harness::KEY };
                let decider = store::approval::Decider::Identity(user);
                crate::harness::decide(&engine, decider, asked.id, model::approval::Decision::Approved).await.unwrap();
            }
            if key == "ticket-not-answered-in-time" {
                // Nobody answers: the ticket is due in an hour, and the hour passes.
                due_in_an_hour(&engine).await;
                house.clock.advance(model::Period::hours(1));
                wait_gone(&engine).await;
            }
            if !ended.execution.progress.status.is_terminal() {
                ended = house.run_to_end(&engine, id).await.unwrap();
            }
            let mails: Vec<String> =
                server.messages()[before..].iter().map(|mail| format!("  mail to {}: {}", mail.to.join(", "), mail.header("Subject").unwrap_or_default())).collect();
            told.push(format!("{key}: {}", ended.execution.progress.status));
            told.extend(lines(&ended.journal).into_iter().map(|line| format!("  {line}")));
            told.extend(mails);
        }
        insta::assert_snapshot!("every_ready_made_workflow", told.join("\n"));
        let mut connection = engine.store().read(TENANT).await.unwrap();
        let row = connection.query_one("SELECT count(*) FROM contacts WHERE id = 7 AND email IS NULL AND name IS NULL AND archived_at IS NOT NULL", Vec::new()).await.unwrap();
        assert_eq!(row.first::<i64>().unwrap(), 1, "the contact is erased");
        drop(connection);
        engine.stop(std::time::Duration::from_secs(5)).await;
    }
}
