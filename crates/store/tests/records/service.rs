//! What a team promises and whom it asks: deadlines of tickets, and invitations to forms.

use model::{
    ContactId, FormId, Period, TicketId,
    effect::NewInvitation,
    event::{INVITATION_SENT, TICKET_SLA_BREACHED, TICKET_SLA_WARNING},
    submission::SubmissionStatus,
    ticket::{DeadlineStage, Ticket},
};
use store::{
    deadline::{Deadline, deadline_due_list, deadline_put_off, deadline_tell},
    invitation::{invitation_create, invitation_get, invitation_open},
    submission::{NewSubmission, submission_create},
    ticket::{ticket_archive, ticket_create, ticket_update},
};

use super::*;

const HOURS: fn(u32) -> Timestamp = |hours| NOW.plus(Period::hours(hours));

async fn promises(bench: &Bench, settings: &'static str) {
    change!(bench, |tx| tx.execute(
        "UPDATE tenants SET settings = ?1 WHERE id = 1",
        params![serde_json::from_str::<Value>(settings).unwrap()]
    ))
    .unwrap();
}

async fn made(bench: &Bench, fields: Value) -> Ticket {
    let fields = object(fields);
    change!(bench, |tx| ticket_create(tx, ONE, ADA.into(), &fields)).unwrap()
}

async fn changed(bench: &Bench, id: TicketId, fields: Value) -> Option<Timestamp> {
    let fields = object(fields);
    change!(bench, |tx| ticket_update(tx, ONE, ADA.into(), id, &fields, None)).unwrap().0.due_at
}

async fn due(bench: &Bench) -> Vec<Deadline> {
    read!(bench, |connection| deadline_due_list(connection, Timestamp::from_millis(i64::MAX), 50)).unwrap()
}

/// What is to be told next of each ticket.
async fn next(bench: &Bench) -> Vec<(TicketId, Timestamp, DeadlineStage)> {
    due(bench).await.into_iter().map(|one| (one.ticket, one.due_at, one.stage)).collect()
}

async fn tell(bench: &Bench, deadline: Deadline) -> bool {
    change!(bench, |tx| deadline_tell(tx, &deadline)).unwrap()
}

testkit::on_both! {
    async fn an_open_ticket_is_due_and_each_deadline_is_told_once(place: Place) {
        let bench = Bench::new(place).await;
        bench.starting(0);
        promises(&bench, r#"{"sla": {"due_in": {"high": "4h", "urgent": "1h"}}}"#).await;
        let ticket = made(&bench, json!({"title": "Late", "priority": "high"})).await;
        let other = made(&bench, json!({"title": "Whenever"})).await;
        assert_eq!((ticket.due_at, other.due_at), (Some(HOURS(4)), None));
        assert_eq!(next(&bench).await, [(ticket.id, HOURS(3), DeadlineStage::Warning)]);

        // Who answers it has met the deadline; opened again, it is due anew.
        assert_eq!(changed(&bench, ticket.id, json!({"status": "pending"})).await, None);
        assert_eq!(next(&bench).await, []);
        bench.clock.set(HOURS(1));
        assert_eq!(changed(&bench, ticket.id, json!({"status": "open"})).await, Some(HOURS(5)));
        // A priority that is raised brings it forward, one that is lowered changes nothing, and what somebody says is meant.
        assert_eq!(changed(&bench, ticket.id, json!({"priority": "urgent"})).await, Some(HOURS(2)));
        assert_eq!(changed(&bench, ticket.id, json!({"priority": "high"})).await, Some(HOURS(2)));
        assert_eq!(changed(&bench, ticket.id, json!({"due_at": HOURS(9), "priority": "urgent"})).await, Some(HOURS(9)));
        assert_eq!(changed(&bench, other.id, json!({"due_at": HOURS(2).to_string()})).await, Some(HOURS(2)));
        assert_eq!(changed(&bench, other.id, json!({"due_at": null})).await, None);
        assert_eq!(next(&bench).await, [(ticket.id, HOURS(7), DeadlineStage::Warning)]);

        // Told once, whoever comes twice; and not to a ticket that has changed since it was looked at.
        bench.starting(1);
        let warning = due(&bench).await[0];
        assert!(tell(&bench, warning).await && !tell(&bench, warning).await);
        assert_eq!(next(&bench).await, [(ticket.id, HOURS(9), DeadlineStage::Breach)]);
        let breach = due(&bench).await[0];
        assert!(tell(&bench, breach).await && !tell(&bench, breach).await);
        assert_eq!(next(&bench).await, []);
        let told: Vec<String> = bench.events().await.iter().flat_map(|event| event.as_object().unwrap().keys().cloned().collect::<Vec<_>>()).collect();
        assert_eq!(told, [TICKET_SLA_WARNING, TICKET_SLA_BREACHED]);

        bench.starting(0);
        changed(&bench, other.id, json!({"due_at": HOURS(2)})).await;
        let stale = due(&bench).await[0];
        changed(&bench, other.id, json!({"status": "solved"})).await;
        assert!(!tell(&bench, stale).await);
        // Of a time that has passed there is nothing to warn of.
        changed(&bench, other.id, json!({"status": "open", "due_at": NOW})).await;
        assert_eq!(next(&bench).await, [(other.id, NOW, DeadlineStage::Breach)]);
        change!(bench, |tx| ticket_archive(tx, ONE, ADA, other.id)).unwrap();
        assert_eq!(next(&bench).await, []);
    }

    async fn what_cannot_be_told_gives_way_to_what_comes_next_and_is_given_up_after_a_day(place: Place) {
        let bench = Bench::new(place).await;
        bench.starting(0);
        let ticket = made(&bench, json!({"title": "Late", "due_at": HOURS(4)})).await;
        assert_eq!(next(&bench).await, [(ticket.id, HOURS(3), DeadlineStage::Warning)]);
        bench.starting(1_001);
        let put_off = async |until: Timestamp| {
            let deadline = due(&bench).await[0];
            change!(bench, |tx| deadline_tell(tx, &deadline)).unwrap_err();
            change!(bench, |tx| deadline_put_off(tx, &deadline, until)).unwrap()
        };
        let minute = Period::minutes(1);
        let mut seen = Vec::new();
        for until in [HOURS(3).plus(minute), HOURS(4), HOURS(4).plus(minute), HOURS(28), HOURS(28).plus(minute)] {
            let goes_on = put_off(until).await;
            seen.push((goes_on, next(&bench).await.first().map(|(_, at, stage)| (*at, *stage))));
        }
        assert_eq!(seen, [
            (true, Some((HOURS(3).plus(minute), DeadlineStage::Warning))),
            (true, Some((HOURS(4), DeadlineStage::Breach))),
            (true, Some((HOURS(4).plus(minute), DeadlineStage::Breach))),
            (true, Some((HOURS(28), DeadlineStage::Breach))),
            (false, None),
        ]);
    }

    async fn an_invitation_is_answered_by_its_contact(place: Place) {
        let bench = Bench::new(place).await;
        for statement in [
            "INSERT INTO forms (id, tenant_id, name, slug, is_active, questions, tags, created_at, updated_at, version)
             VALUES (1, 1, 'Survey', 'survey', TRUE, '[]', '[]', ?1, ?1, 1), (2, 1, 'Other', 'other', TRUE, '[]', '[]', ?1, ?1, 1)",
            "INSERT INTO contacts (id, tenant_id, email, tags, consents, attributes, created_at, updated_at, version)
             VALUES (7, 1, 'ada@example.com', '[]', '{}', '{}', ?1, ?1, 1), (8, 1, 'bob@example.com', '[]', '{}', '{}', ?1, ?1, 1)",
        ] {
            change!(bench, |tx| tx.execute(statement, params![NOW])).unwrap();
        }
        let invite = async |contact: i64, token: &str| {
            let url = format!("https://x.example/i/{token}");
            let new = NewInvitation { form: FormId::new(1), contact: ContactId::new(contact), token: token.to_owned(), url };
            change!(bench, |tx| invitation_create(tx, ONE, ADA.into(), &new))
        };
        let answer = async |form: i64, contact: i64| {
            let new = NewSubmission {
                form: FormId::new(form), contact: Some(ContactId::new(contact)), external_id: None, status: SubmissionStatus::Completed,
                data: Map::new(), language: None, tags: Vec::new(),
            };
            change!(bench, |tx| submission_create(tx, ONE, ADA.into(), new)).unwrap().submission.id
        };
        let (first, second, bobs) =
            (invite(7, "1-a").await.unwrap(), invite(7, "1-b").await.unwrap(), invite(8, "1-c").await.unwrap());
        assert!(sentence(invite(9, "1-d").await).contains("contact 9 does not exist"));
        let sent = &bench.events().await[0][INVITATION_SENT];
        assert_eq!(
            (&sent["invitation"]["id"], &sent["url"], &sent["contact"]["email"], &sent["formId"]),
            (&json!(first.id), &json!("https://x.example/i/1-a"), &json!("ada@example.com"), &json!(1))
        );
        let found = read!(bench, |connection| invitation_open(connection, ONE, "1-b")).unwrap();
        assert_eq!(found.map(|found| found.id), Some(second.id));
        assert_eq!(read!(bench, |connection| invitation_open(connection, TWO, "1-b")), Ok(None));

        answer(2, 7).await;
        let submission = answer(1, 7).await;
        answer(1, 7).await;
        for id in [first.id, second.id] {
            let answered = read!(bench, |connection| invitation_get(connection, ONE, id)).unwrap();
            assert_eq!((answered.answered_at, answered.submission_id), (Some(NOW), Some(submission)));
        }
        assert_eq!(read!(bench, |connection| invitation_get(connection, ONE, bobs.id)).unwrap().answered_at, None);
        let completed: Vec<Value> =
            bench.events().await.iter().filter_map(|event| event.get("submission_completed").map(|data| data["invitationId"].clone())).collect();
        assert_eq!(completed, [Value::Null, json!(second.id), Value::Null]);
    }
}
