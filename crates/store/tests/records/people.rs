//! Contacts and tickets: the events of their changes.

use model::{ContactId, TicketId};
use store::{
    StoreError,
    contact::{contact_archive, contact_create, contact_get, contact_update},
    ticket::{ticket_archive, ticket_create, ticket_get, ticket_update},
};

use super::*;

testkit::on_both! {
    async fn changes_are_told_with_what_was_before(place: Place) {
        let bench = Bench::new(place).await;
        let contact = async |fields: Value| {
            let fields = object(fields);
            change!(bench, |tx| contact_update(tx, ONE, ADA.into(), ContactId::new(1), &fields, None))
        };
        let ticket = async |fields: Value, version: Option<i64>| {
            let fields = object(fields);
            change!(bench, |tx| ticket_update(tx, ONE, ADA.into(), TicketId::new(1), &fields, version))
        };
        let fields = object(json!({"email": "grace@example.com", "tags": ["vip"], "plan": "gold"}));
        change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &fields)).unwrap();
        contact(json!({"segment": "detractor", "plan": "silver", "email": "grace@example.com"})).await.unwrap();

        let fields = object(json!({"title": "Call back", "contact_id": 1, "assignee_id": 1}));
        change!(bench, |tx| ticket_create(tx, ONE, ADA.into(), &fields)).unwrap();
        ticket(json!({"status": "solved", "priority": "normal"}), Some(1)).await.unwrap();
        sorted_snapshot!("contact_and_ticket_events", bench.events().await);

        // Neither a change to what is there already nor one that is refused is told.
        assert!(contact(json!({"segment": "detractor"})).await.unwrap().1.is_empty());
        assert!(ticket(json!({"status": "solved"}), None).await.unwrap().1.is_empty());
        let refused = [
            sentence(ticket(json!({"status": "open"}), Some(1)).await),
            sentence(ticket(json!({"status": "done", "assignee_id": -1}), None).await),
            sentence(ticket(json!({"assignee_id": 7}), None).await),
            sentence(ticket(json!({"contact_id": 7}), None).await),
            sentence(contact(json!({"owner_id": 7})).await),
            sentence(contact(json!({"email": "nobody"})).await),
        ];
        assert_eq!(
            refused,
            [
                "the record is at version 2, the change was made for version 1: read it again and repeat the change",
                "status: is not one of open, pending, solved, closed; assignee_id: is not an id: a whole number from 1 to 9007199254740991 is needed",
                "assignee_id: user 7 does not exist",
                "contact_id: contact 7 does not exist",
                "owner_id: user 7 does not exist",
                "email: \"nobody\" is not an email address",
            ]
        );
        bench.starting(1_001);
        assert_eq!(ticket(json!({"status": "open"}), None).await, Err(StoreError::TooManyExecutions(1_001)));
        let stored = read!(bench, |connection| ticket_get(connection, ONE, TicketId::new(1))).unwrap();
        assert_eq!((stored.status.as_str(), stored.version), ("solved", 2), "no change without its event");
        assert_eq!(bench.events().await.len(), 4);
    }
}

testkit::on_both! {
    async fn what_is_put_away_is_gone_but_for_history(place: Place) {
        let bench = Bench::new(place).await;
        let make = async || {
            let fields = object(json!({"email": "Grace@example.com", "external_id": "c-1"}));
            change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &fields))
        };
        let first = make().await.unwrap();
        assert_eq!(sentence(make().await), "contact 1 has this email address already: change that one instead");
        let fields = object(json!({"title": "Call back", "contact_id": 1}));
        change!(bench, |tx| ticket_create(tx, ONE, ADA.into(), &fields)).unwrap();

        change!(bench, |tx| contact_archive(tx, ONE, ADA, first.id)).unwrap();
        let gone = read!(bench, |connection| contact_get(connection, ONE, first.id));
        assert_eq!(sentence(gone), "contact 1 does not exist");
        assert_eq!(
            sentence(change!(bench, |tx| contact_archive(tx, ONE, ADA, first.id))),
            "contact 1 does not exist"
        );
        let second = make().await.unwrap();
        assert!(second.id > first.id, "the email address and the external id are free again");

        // A ticket that names it can still be worked on, and put away itself.
        let fields = object(json!({"status": "closed"}));
        change!(bench, |tx| ticket_update(tx, ONE, ADA.into(), TicketId::new(1), &fields, None)).unwrap();
        change!(bench, |tx| ticket_archive(tx, ONE, ADA, TicketId::new(1))).unwrap();
        let gone = read!(bench, |connection| ticket_get(connection, ONE, TicketId::new(1)));
        assert_eq!(sentence(gone), "ticket 1 does not exist");
    }
}

testkit::on_both! {
    async fn another_tenant_sees_nothing(place: Place) {
        let bench = Bench::new(place).await;
        let fields = object(json!({"email": "grace@example.com"}));
        let contact = change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &fields)).unwrap();
        let fields = object(json!({"title": "Call back"}));
        let ticket = change!(bench, |tx| ticket_create(tx, ONE, ADA.into(), &fields)).unwrap();
        let (empty, named) = (Map::new(), object(json!({"title": "x", "contact_id": 1})));
        let theirs = [
            sentence(read!(bench, |connection| contact_get(connection, TWO, contact.id))),
            sentence(change!(bench, |tx| contact_update(tx, TWO, ADA.into(), contact.id, &empty, None))),
            sentence(change!(bench, |tx| contact_archive(tx, TWO, ADA, contact.id))),
            sentence(read!(bench, |connection| ticket_get(connection, TWO, ticket.id))),
            sentence(change!(bench, |tx| ticket_archive(tx, TWO, ADA, ticket.id))),
            sentence(change!(bench, |tx| ticket_create(tx, TWO, ADA.into(), &named))),
        ];
        let (contact, ticket) = ("contact 1 does not exist", "ticket 1 does not exist");
        assert_eq!(theirs, [contact, contact, contact, ticket, ticket, "contact_id: contact 1 does not exist"]);
    }
}
