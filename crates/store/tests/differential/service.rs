//! Invitations to forms, deadlines of tickets, and tickets in turn.

use model::{ContactId, FormId, InvitationId, effect::NewInvitation};
use store::{
    Page,
    deadline::{deadline_due_list, deadline_put_off, deadline_tell},
    invitation::{Filter, invitation_create, invitation_get, invitation_list, invitation_open},
};

use crate::pair::{ADA, Pair, change, read};

impl Pair {
    pub async fn invitation_create(&mut self) {
        let tenant = self.random.tenant();
        let (form, contact) =
            (self.of_tenant("forms", tenant).await, self.of_tenant("contacts", tenant).await);
        let (form, contact) = (FormId::new(form), ContactId::new(contact));
        let token = format!("{tenant}-{}", self.random.below(1_000_000_000));
        let new = NewInvitation { form, contact, token: token.clone(), url: format!("/i/{token}") };
        drop(change!(self, ("invitation_create", tenant, &new), |tx| {
            invitation_create(tx, tenant, ADA.into(), &new)
        }));
        let id = InvitationId::new(self.random.id(4));
        drop(read!(self, Some(tenant), ("invitation", id), |connection| {
            invitation_get(connection, tenant, id)
        }));
        drop(read!(self, Some(tenant), ("invitation_open", &token), |connection| {
            invitation_open(connection, tenant, &token)
        }));
        let random = &mut self.random;
        let filter = Filter {
            form: random.sometimes(30, |_| form),
            contact: random.sometimes(30, |_| contact),
            answered: random.sometimes(60, |random| random.percent(50)),
        };
        drop(read!(self, Some(tenant), ("invitation_list", &filter), |connection| {
            invitation_list(connection, tenant, &filter, Page::first(5))
        }));
    }

    pub async fn deadlines_tell(&mut self) {
        let now = self.now();
        let due =
            read!(self, None, "deadline_due_list", |connection| { deadline_due_list(connection, now, 5) });
        for deadline in due.unwrap_or_default() {
            if self.random.percent(20) {
                let later = now.plus(model::Period::minutes(1));
                drop(change!(self, ("deadline_put_off", &deadline), |tx| {
                    deadline_put_off(tx, &deadline, later)
                }));
                continue;
            }
            for _ in 0..2 {
                drop(change!(self, ("deadline_tell", &deadline), |tx| deadline_tell(tx, &deadline)));
            }
        }
    }
}
