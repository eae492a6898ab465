//! Forms, submissions, contacts, tickets, notifications, tags and the outbox over HTTP, on a real store.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod approvals;
mod house;
mod invitations;
mod journeys;
mod mailing;
mod page;
mod rights;
