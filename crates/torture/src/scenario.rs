//! What the tenants have, and what each event must come to there.
//!
//! Everything about event number n follows from the seed and n, so the audit knows what to expect without having kept it.

use serde_json::{Value, json};

use crate::random::Random;

/// Tenants; each has a scenario of its own.
pub const TENANTS: usize = 3;
/// Contacts of each tenant.
pub const CONTACTS: u64 = 40;
/// The event that starts everything.
pub const EVENT: &str = "load";
/// Of a hundred events so many meet the condition.
const MATCHED: u64 = 80;
/// Bytes of text that each event carries along: about as much as an answered survey.
const FREIGHT: usize = 400;

/// What an event is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Index of the tenant.
    pub tenant: usize,
    /// The condition of the main workflow holds.
    pub matched: bool,
    /// Index of the contact.
    pub contact: u64,
}

/// Event number `number` of a run.
#[must_use]
pub fn planned(seed: u64, number: u32) -> Planned {
    let mut random = Random::new(seed, u64::from(number));
    let tenant = random.index(TENANTS);
    Planned { tenant, matched: random.below(100) < MATCHED, contact: random.below(CONTACTS) }
}

impl Planned {
    /// Executions that the event must start: its row in each workflow that hears it and keeps unmatched ones.
    #[must_use]
    pub fn executions(self) -> usize {
        if self.matched || self.tenant != SILENT { WORKFLOWS[self.tenant] } else { 0 }
    }

    /// Changes of the contact that the event must make.
    #[must_use]
    pub fn contact_changes(self) -> usize {
        usize::from(self.matched && self.tenant != LATER)
    }

    /// Titles of the tickets that the event must make, once each.
    #[must_use]
    pub fn tickets(self) -> usize {
        if self.matched { WORKFLOWS[self.tenant] } else { 0 }
    }

    /// The body of its POST.
    #[must_use]
    pub fn body(self, number: u32, contacts: &[i64]) -> Value {
        let contact = contacts.get(usize::try_from(self.contact).unwrap_or(0)).copied().unwrap_or_default();
        json!({
            "event": EVENT, "id": name(number), "source": "torture",
            "data": {
                "name": name(number), "score": if self.matched { 3 } else { 9 }, "contactId": contact,
                "text": "x".repeat(FREIGHT),
            },
        })
    }
}

/// The id of an event.
#[must_use]
pub fn name(number: u32) -> String {
    format!("e{number}")
}

/// The number of an event.
#[must_use]
pub fn number(name: &str) -> Option<u32> {
    name.strip_prefix('e')?.parse().ok()
}

/// The tenant whose executions wait between the calls.
const LATER: usize = 1;
/// The tenant that keeps no execution whose condition failed.
const SILENT: usize = 2;

/// How many workflows of each tenant hear the event.
const WORKFLOWS: [usize; TENANTS] = [1, 2, 1];

/// The workflows of a tenant, with their calls going to `receiver`, the base of an address.
#[must_use]
pub fn definitions(tenant: usize, receiver: &str) -> Vec<Value> {
    let retry = json!({"attempts": 10, "delays": ["500ms", "1s", "2s"]});
    let call = |step: &str| {
        json!({
            "id": format!("call_{step}"), "type": "webhook", "critical": true, "retry": retry,
            "config": {"url": format!("{receiver}/{step}/{{{{name}}}}"), "method": "POST", "body": {"event": "{{name}}"}},
        })
    };
    let ticket = json!({"type": "create_ticket", "critical": true, "config": {"title": "{{name}}", "priority": "high"}});
    let contact = json!({"type": "update_contact", "critical": true, "config": {
        "contactId": "{{contactId}}", "updates": {"last_event": "{{name}}"}}});
    let tag = json!({"type": "add_tag", "critical": true, "config": {
        "entity": "contact", "entityId": "{{contactId}}", "tag": "tortured"}});
    let delay = json!({"type": "delay", "config": {"duration": "1s"}});
    let conditions = json!([{"field": "score", "operator": "<=", "value": 6}]);
    let main = |actions: Value| {
        json!({
            "key": "follow-up", "name": "Follow up", "trigger_event": EVENT, "is_active": true, "conditions": conditions,
            "actions": actions, "logUnmatched": tenant != SILENT,
        })
    };
    if tenant == LATER {
        let beside = json!({
            "key": "note", "name": "Note", "trigger_event": EVENT, "is_active": true, "conditions": conditions, "actions": [ticket],
        });
        return vec![main(json!([call("a"), ticket, tag, delay, call("b")])), beside];
    }
    vec![main(json!([call("a"), ticket, contact, call("b")]))]
}

/// The workflow with the calls.
pub const MAIN: &str = "follow-up";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_has_as_many_workflows_as_are_counted_on() {
        let made: Vec<usize> = (0..TENANTS).map(|tenant| definitions(tenant, "http://sink").len()).collect();
        assert_eq!(made, WORKFLOWS);
    }

    #[test]
    fn what_an_event_must_come_to_follows_from_its_tenant_and_score() {
        let of = |tenant, matched| {
            let planned = Planned { tenant, matched, contact: 0 };
            (planned.executions(), planned.tickets(), planned.contact_changes())
        };
        assert_eq!([of(0, true), of(1, true), of(2, true)], [(1, 1, 1), (2, 2, 0), (1, 1, 1)]);
        assert_eq!([of(0, false), of(1, false), of(2, false)], [(1, 0, 0), (2, 0, 0), (0, 0, 0)]);
    }
}
