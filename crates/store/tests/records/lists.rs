//! Filters and pages.

use model::{
    ExecutionId, FormId, UserId,
    effect::{Mail, NewNotification},
    notification::NotificationType,
    submission::SubmissionStatus,
};
use store::{
    Page, Paged,
    contact::{self, contact_archive, contact_create, contact_list},
    form::{Content, form_create},
    notification::{
        self, notification_create, notification_list, notification_mark_all, notification_update,
    },
    outbox::{outbox_delete, outbox_get, outbox_keep, outbox_list},
    submission::{self, NewSubmission, submission_create, submission_list},
    tag::{tag_create, tag_delete, tag_list, tag_update},
    ticket::{self, ticket_create, ticket_list},
};

use super::*;

testkit::on_both! {
    async fn a_cursor_walks_over_everything_once(place: Place) {
        let bench = Bench::new(place).await;
        bench.starting(0);
        let make = async |number: i64| {
            let fields = object(json!({"name": format!("Person {number}")}));
            change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &fields)).unwrap()
        };
        for number in 1..=120 {
            make(number).await;
        }
        let read = async |page: Page| -> Paged<model::contact::Contact> {
            read!(bench, |connection| contact_list(connection, ONE, &contact::Filter::default(), page)).unwrap()
        };

        let mut seen = Vec::new();
        let mut page = Page::first(25);
        loop {
            let part = read(page).await;
            assert_eq!(part.has_more, part.next.is_some());
            seen.extend(part.rows.iter().map(|contact| contact.id.get()));
            // What comes and goes meanwhile moves nothing.
            let new = make(0).await;
            assert!(part.total >= 120);
            let Some(next) = part.next else { break };
            change!(bench, |tx| contact_archive(tx, ONE, ADA, new.id)).unwrap();
            page = Page { before: Some(next), ..page };
        }
        assert_eq!(seen, (1..=120).rev().collect::<Vec<_>>());

        let last = read(Page { offset: 120, ..Page::first(25) }).await;
        let ids: Vec<i64> = last.rows.iter().map(|contact| contact.id.get()).collect();
        assert_eq!((ids, last.total, last.has_more, last.next), (vec![1], 121, false, None));
        let beyond = read(Page { offset: 500, ..Page::first(25) }).await;
        assert_eq!((beyond.rows.len(), beyond.total, beyond.has_more), (0, 121, false));
    }
}

testkit::on_both! {
    async fn contacts_and_tickets_are_filtered(place: Place) {
        let bench = Bench::new(place).await;
        for fields in [
            json!({"name": "Ada", "email": "Ada@Example.com", "segment": "vip", "tags": ["a", "a\"b"]}),
            json!({"name": "Bob", "company": "Example & Sons", "segment": "new", "tags": ["ab"]}),
            json!({"name": "100% Çem", "external_id": "X_1"}),
        ] {
            let fields = object(fields);
            change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &fields)).unwrap();
        }
        let contacts = async |filter: contact::Filter| -> Vec<i64> {
            let page = read!(bench, |connection| contact_list(connection, ONE, &filter, Page::first(9))).unwrap();
            assert_eq!(page.total, page.rows.len() as i64);
            page.rows.iter().map(|contact| contact.id.get()).collect()
        };
        let filter = contact::Filter::default;
        let text = |text: &str| contact::Filter { text: Some(text.to_owned()), ..filter() };
        let tag = |tag: &str| contact::Filter { tag: Some(tag.to_owned()), ..filter() };
        assert_eq!(contacts(text("EXAMPLE")).await, [2, 1]);
        assert_eq!(contacts(text("%")).await, [3], "no character is a wildcard");
        assert_eq!(contacts(text("x_1")).await, [3]);
        assert_eq!(contacts(text("100% ÇEM")).await, [3], "letters beyond a to z have two cases too");
        assert_eq!(contacts(tag("a")).await, [1], "a tag is a whole one");
        assert_eq!(contacts(tag("a\"b")).await, [1]);
        assert_eq!(
            contacts(contact::Filter { email: Some("ada@example.COM".to_owned()), ..filter() }).await,
            [1]
        );
        assert_eq!(contacts(contact::Filter { segment: Some("new".to_owned()), ..text("bob") }).await, [2]);

        for fields in [
            json!({"title": "Call back", "status": "open", "priority": "high", "assignee_id": 1}),
            json!({"title": "Refund", "description": "call first", "status": "solved", "contact_id": 2}),
        ] {
            let fields = object(fields);
            change!(bench, |tx| ticket_create(tx, ONE, ADA.into(), &fields)).unwrap();
        }
        let tickets = async |filter: ticket::Filter| -> Vec<i64> {
            let page = read!(bench, |connection| ticket_list(connection, ONE, &filter, Page::first(9))).unwrap();
            page.rows.iter().map(|ticket| ticket.id.get()).collect()
        };
        let filter = ticket::Filter::default;
        assert_eq!(tickets(filter()).await, [2, 1]);
        assert_eq!(tickets(ticket::Filter { text: Some("CALL".to_owned()), ..filter() }).await, [2, 1]);
        assert_eq!(tickets(ticket::Filter { status: "open".parse().ok(), ..filter() }).await, [1]);
        assert_eq!(tickets(ticket::Filter { priority: "normal".parse().ok(), ..filter() }).await, [2]);
        assert_eq!(tickets(ticket::Filter { assignee: Some(UserId::new(1)), ..filter() }).await, [1]);
        assert_eq!(tickets(ticket::Filter { contact: "2".parse().ok(), ..filter() }).await, [2]);
    }
}

testkit::on_both! {
    async fn submissions_are_filtered(place: Place) {
        let bench = Bench::new(place).await;
        bench.starting(0);
        for name in ["One", "Two"] {
            let content = Content {
                fields: object(json!({"name": name})),
                questions: serde_json::from_value(json!([{"key": "q", "type": "text", "label": "?"}])).unwrap(),
                ..Content::default()
            };
            change!(bench, |tx| form_create(tx, ONE, ADA, content)).unwrap();
        }
        for (form, external_id, status, answer) in [
            (1, Some("order-7"), SubmissionStatus::Completed, "He said \"no\""),
            (2, None, SubmissionStatus::Completed, "yes"),
            (2, None, SubmissionStatus::Partial, "order"),
        ] {
            let new = NewSubmission {
                form: FormId::new(form),
                contact: None,
                external_id: external_id.map(str::to_owned),
                status,
                data: object(json!({"q": answer})),
                language: None,
                tags: Vec::new(),
            };
            change!(bench, |tx| submission_create(tx, ONE, ADA.into(), new)).unwrap();
        }
        let found = async |filter: submission::Filter| -> Vec<i64> {
            let page =
                read!(bench, |connection| submission_list(connection, ONE, &filter, Page::first(9))).unwrap();
            page.rows.iter().map(|submission| submission.id.get()).collect()
        };
        let filter = submission::Filter::default;
        let text = |text: &str, text_in_answers| submission::Filter {
            text: Some(text.to_owned()),
            text_in_answers,
            ..filter()
        };
        assert_eq!(found(submission::Filter { form: Some(FormId::new(2)), ..filter() }).await, [3, 2]);
        assert_eq!(found(submission::Filter { status: Some(SubmissionStatus::Partial), ..filter() }).await, [3]);
        assert_eq!(found(text("Order", true)).await, [3, 1]);
        assert_eq!(found(text("Order", false)).await, [1], "who may not read answers does not find them");
        assert_eq!(found(text("said \"NO", true)).await, [1]);
    }
}

testkit::on_both! {
    async fn tags_are_noted_once_and_named_apart(place: Place) {
        let bench = Bench::new(place).await;
        for tags in [json!(["vip", "north"]), json!([" vip ", "south"])] {
            let fields = object(json!({"tags": tags}));
            change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &fields)).unwrap();
        }
        let names = async |tenant, text: Option<&'static str>| -> Vec<String> {
            let page = read!(bench, |connection| tag_list(connection, tenant, text, Page::first(9))).unwrap();
            page.rows.into_iter().map(|tag| tag.name).collect()
        };
        assert_eq!(names(ONE, None).await, ["south", "north", "vip"]);
        assert_eq!(names(ONE, Some("OUT")).await, ["south"]);
        assert_eq!(names(TWO, None).await, [""; 0]);

        let taken = change!(bench, |tx| tag_create(tx, ONE, ADA, "vip", None));
        assert_eq!(sentence(taken), "there is a tag named \"vip\" already");
        let tag = change!(bench, |tx| tag_create(tx, TWO, ADA, "vip", Some("#0b7285"))).unwrap();
        let renamed = change!(bench, |tx| tag_update(tx, TWO, ADA, tag.id, ("gold", None), Some(1))).unwrap();
        assert_eq!((renamed.name.as_str(), renamed.color, renamed.version), ("gold", None, 2));
        assert_eq!(sentence(change!(bench, |tx| tag_delete(tx, ONE, tag.id))), "tag 4 does not exist");
        change!(bench, |tx| tag_delete(tx, TWO, tag.id)).unwrap();
        assert_eq!(names(TWO, None).await, [""; 0]);
    }
}

testkit::on_both! {
    async fn notifications_are_read_by_their_user(place: Place) {
        let bench = Bench::new(place).await;
        let ada = UserId::new(1);
        let notify = async |user_id: UserId| {
            let new = NewNotification {
                user_id,
                title: "A detractor".to_owned(),
                message: None,
                kind: NotificationType::Warning,
            };
            change!(bench, |tx| notification_create(tx, ONE, ADA, new))
        };
        assert_eq!(sentence(notify(UserId::new(2)).await), "user_id: user 2 does not exist");
        let mut made = Vec::new();
        for _ in 0..3 {
            made.push(notify(ada).await.unwrap());
        }
        let unread = async || -> i64 {
            read!(bench, |connection| notification_list(connection, ONE, Some(ada), true, Page::first(9)))
                .unwrap()
                .total
        };
        assert_eq!(unread().await, 3);
        let id = made[0].id;
        let mark = async |read: bool, version: Option<i64>| {
            let edit = notification::Edit { read: Some(read), ..notification::Edit::default() };
            change!(bench, |tx| notification_update(tx, ONE, ADA, id, edit, version)).unwrap()
        };
        let read = mark(true, Some(1)).await;
        assert_eq!((read.read_at, read.version), (Some(NOW), 2));
        bench.clock.advance(model::Period::hours(1));
        assert_eq!(mark(true, None).await, read, "what was read first stays read then");
        assert_eq!(change!(bench, |tx| notification_mark_all(tx, TWO, ADA, ada)).unwrap(), 0);
        assert_eq!(change!(bench, |tx| notification_mark_all(tx, ONE, ADA, ada)).unwrap(), 2);
        assert_eq!(unread().await, 0);
    }
}

testkit::on_both! {
    async fn a_mail_is_kept_for_people_to_see(place: Place) {
        let bench = Bench::new(place).await;
        let mail = Mail {
            from: "CX <cx@example.com>".to_owned(),
            to: vec!["grace@example.com".to_owned()],
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: None,
            subject: "Sorry \"about\" that".to_owned(),
            text: Some("We call you back.".to_owned()),
            html: None,
            message_id: "<1.a1@example.com>".to_owned(),
            ..Mail::default()
        };
        let (kept, execution) = (mail.clone(), ExecutionId::new(7));
        let id = change!(bench, |tx| outbox_keep(tx, ONE, Some(execution), &kept)).unwrap();
        let found = async |tenant, execution, text: Option<&'static str>| -> i64 {
            read!(bench, |connection| outbox_list(connection, tenant, execution, text, Page::first(9)))
                .unwrap()
                .total
        };
        assert_eq!(found(ONE, Some(execution), Some("\"ABOUT\"")).await, 1);
        assert_eq!(found(ONE, Some(ExecutionId::new(8)), None).await, 0);
        assert_eq!(found(TWO, None, None).await, 0);
        let stored = read!(bench, |connection| outbox_get(connection, ONE, id)).unwrap();
        assert_eq!((stored.mail, stored.created_by), (mail, Some(Actor::Execution(execution))));
        assert_eq!(sentence(change!(bench, |tx| outbox_delete(tx, TWO, id))), "outbox mail 1 does not exist");
        change!(bench, |tx| outbox_delete(tx, ONE, id)).unwrap();
        assert_eq!(found(ONE, None, None).await, 0);
    }
}
