//! Marketing mails: with a way out and with consent, as often as is allowed, and never to who has said no; whatever happens to the process.

use actions::mail::SmtpServer;
use engine::Engine;
use model::{Actor, ExecutionId, StepStatus};
use serde_json::{Value, json};
use store::{
    contact::contact_update,
    mailing::link,
    secret::SecretBox,
    suppression::{Report, ReportKind, report_take},
};
use testkit::{SmtpServer as Counterpart, place::Place};

use crate::harness::{House, TENANT, event};

async fn furnish(place: Place, server: &Counterpart) -> (House, Engine) {
    let mut house = House::new(place);
    house.smtp = Some(server.url().parse::<SmtpServer>().unwrap());
    let mail = json!({"type": "send_email", "config": {"purpose": "marketing", "to": "{{contact.email}}", "subject": "News", "html": "<p>Hi</p>"}});
    let (engine, _, contact) = house.furnish(json!({"conditions": [], "actions": [mail]})).await;
    let consents = json!({"consents": {"marketing": {"status": "granted"}}}).as_object().cloned().unwrap();
    let granted = engine.store().write(move |tx| {
        Box::pin(
            async move { contact_update(tx, TENANT, Actor::System.into(), contact, &consents, None).await },
        )
    });
    granted.await.unwrap();
    (house, engine)
}

/// What came of the mail of one more run.
async fn sent(house: &House, engine: &Engine) -> (StepStatus, Value) {
    let data = json!({"contact": {"id": 1, "email": "ada@example.com"}});
    let accepted = engine.accept(event(None, data)).await.unwrap();
    let ended = house.run_to_end(engine, accepted.executions[0].id).await.unwrap();
    assert_eq!(ended.execution.progress.status.to_string(), "completed");
    last(engine, accepted.executions[0].id).await
}

async fn last(engine: &Engine, id: ExecutionId) -> (StepStatus, Value) {
    let started = crate::harness::load(engine, id).await.unwrap();
    let row = started.journal.last().unwrap().clone();
    (row.status, row.output())
}

testkit::on_both! {
    async fn a_marketing_mail_has_a_way_out_and_people_are_left_alone(place: Place) {
        let server = Counterpart::start().await;
        let (house, engine) = furnish(place, &server).await;
        for _ in 0..3 {
            assert_eq!(sent(&house, &engine).await.0, StepStatus::Completed);
        }
        let (status, output) = sent(&house, &engine).await;
        assert_eq!((status, &output["sent"], &output["reason"]), (StepStatus::Skipped, &json!(false), &json!("too_often")));
        let mails = server.messages();
        assert_eq!(mails.len(), 3);
        let url = mails[0].header("List-Unsubscribe").unwrap().trim_matches(['<', '>']).to_owned();
        assert_eq!(mails[0].header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
        assert!(mails[0].text.as_deref().unwrap().contains(&url) && mails[0].html.as_deref().unwrap().contains(&url));
        let token = url.strip_prefix(&format!("https://vtx.example{}", link::PATH)).unwrap();
        let (tenant, address) = link::open(&SecretBox::of_key(&[7; 32]), token).unwrap();
        assert_eq!((tenant, address.as_str()), (TENANT, "ada@example.com"));

        house.clock.advance(model::Period::days(8));
        let report = Report { address, kind: ReportKind::Unsubscribe, source: "unsubscribe_link", detail: None };
        let taken = engine.store().write(move |tx| Box::pin(async move { report_take(tx, TENANT, Actor::Public.into(), &report).await }));
        assert!(taken.await.unwrap());
        let (status, output) = sent(&house, &engine).await;
        assert_eq!((status, &output["reason"]), (StepStatus::Skipped, &json!("suppressed")));
        assert_eq!(server.messages().len(), 3);
        engine.stop(std::time::Duration::from_secs(5)).await;
    }
}
