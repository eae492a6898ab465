//! What a batch locks and reads before its operations run: in the one order that all keep, so that no two transactions wait for each other, and where
//! statements travel, in one journey.

use std::collections::BTreeSet;

use model::TenantId;

use super::Needs;
use crate::{
    StoreResult, Tx,
    contact::{contact_named, contacts_of, contacts_question},
    database::{Question, Row, Value},
    event::event_keys_hold,
    execution::{executions_of, executions_question},
    params,
    tag::TAG_KNOWN,
    tenant::{SETTINGS, settings_of},
    tx::TEAM,
    waiting::{awaited_of, awaited_question},
};

/// How the records that steps change are locked, in this order. Of several tenants at once; each operation reads its own again with its tenant.
const LOCKS: [(&str, &str); 4] = [
    ("tickets", "SELECT id FROM tickets WHERE id {among:?1} ORDER BY id {for_update}"),
    ("submissions", "SELECT id FROM submissions WHERE id {among:?1} ORDER BY id {for_update}"),
    ("forms", "SELECT id FROM forms WHERE id {among:?1} ORDER BY id {for_update}"),
    // By tenant: whose turn it is, one decides at a time.
    (
        TEAM,
        "SELECT user_id FROM memberships WHERE tenant_id {among:?1} ORDER BY tenant_id, user_id {for_no_key_update}",
    ),
];

/// One thing to ask.
enum Asked {
    Executions(Vec<i64>),
    Contacts(Vec<i64>),
    Records { table: &'static str, lock: &'static str, ids: Vec<i64> },
    Awaited(Vec<i64>),
    Sla(TenantId),
    Tag(TenantId, String),
}

/// Locks what operations need, and reads what they are going to ask.
pub(super) async fn hold(tx: &mut Tx, mut needs: Needs) -> StoreResult<()> {
    for (tenant, event) in needs.emits {
        needs.gates.extend(tx.gates_of(tenant, event));
    }
    // First, for what is decided under them may end executions.
    tx.gates_hold(needs.gates).await?;
    let mut asked = Vec::new();
    if !needs.executions.is_empty() {
        asked.push(Asked::Executions(needs.executions.iter().map(|id| id.get()).collect()));
    }
    let mut contacts = needs.records.remove("contacts").unwrap_or_default();
    // Where one process writes, the transaction holds everything already.
    if !needs.emails.is_empty() && !tx.blocks() {
        ask(tx, std::mem::take(&mut asked)).await?;
        contacts.extend(contacts_named(tx, needs.emails).await?);
    }
    let ids = |ids: BTreeSet<i64>| ids.into_iter().collect::<Vec<_>>();
    if !contacts.is_empty() {
        asked.push(Asked::Contacts(ids(contacts)));
    }
    for (table, lock) in LOCKS.into_iter().filter(|_| !tx.blocks()) {
        let records = needs.records.remove(table);
        asked.extend(records.map(|records| Asked::Records { table, lock, ids: ids(records) }));
    }
    if !needs.tenants.is_empty() {
        asked.push(Asked::Awaited(ids(needs.tenants)));
    }
    asked.extend(needs.sla.into_iter().map(Asked::Sla));
    asked.extend(needs.tags.into_iter().map(|(tenant, name)| Asked::Tag(tenant, name)));
    ask(tx, asked).await?;
    event_keys_hold(tx, needs.event_keys).await
}

/// Finds the contacts that are named by their addresses, so that they are locked with the others. Of one that does not exist yet the address is held.
async fn contacts_named(tx: &mut Tx, emails: BTreeSet<(TenantId, String)>) -> StoreResult<Vec<i64>> {
    let mut ids = Vec::new();
    for (tenant, email) in emails {
        let contact = contact_named(tx, tenant, &email).await?;
        ids.extend(contact.map(|contact| contact.id.get()));
    }
    Ok(ids)
}

/// Asks, and remembers the answers.
async fn ask(tx: &mut Tx, asked: Vec<Asked>) -> StoreResult<()> {
    let answers = tx.query_all(asked.iter().map(Asked::question).collect()).await?;
    asked.into_iter().zip(answers).try_for_each(|(asked, rows)| asked.keep(tx, rows))
}

impl Asked {
    fn question(&self) -> Question {
        let list = |ids: &Vec<i64>| vec![Value::Ids(ids.clone())];
        match self {
            Self::Executions(ids) => (executions_question().into(), list(ids)),
            Self::Contacts(ids) => (contacts_question().into(), list(ids)),
            Self::Records { lock, ids, .. } => ((*lock).into(), list(ids)),
            Self::Awaited(tenants) => awaited_question(tenants.clone()),
            Self::Sla(tenant) => (SETTINGS.into(), params![*tenant]),
            Self::Tag(tenant, name) => (TAG_KNOWN.into(), params![*tenant, name]),
        }
    }

    fn keep(self, tx: &mut Tx, rows: Vec<Row>) -> StoreResult<()> {
        match self {
            Self::Executions(_) => tx.held_keep(executions_of(rows)?),
            Self::Contacts(ids) => tx.contacts_keep(&ids, contacts_of(rows)?),
            Self::Records { table, ids, .. } => tx.locked_keep(table, &ids),
            Self::Awaited(tenants) => tx.awaited_keep(awaited_of(&tenants, rows)?),
            Self::Sla(tenant) => {
                let row = rows.into_iter().next();
                tx.sla_keep(tenant, settings_of(tenant, row)?.settings.sla);
            }
            Self::Tag(tenant, name) => {
                if !rows.is_empty() {
                    tx.tag_keep(tenant, name);
                }
            }
        }
        Ok(())
    }
}
