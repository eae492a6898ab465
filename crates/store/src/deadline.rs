//! Deadlines of tickets: what is told of one, and that it is told once.
//!
//! An open ticket is due, by its priority as the tenant's settings say, or as whoever makes or changes it says; one that waits for somebody else, is solved or
//! closed is due no more, and opened again it begins anew. A deadline is a row with what is told next and when. Whoever tells it moves the row on in the
//! transaction that takes the event in, under the ticket's lock: of several nodes, or of a process before and after a crash, one finds it unmoved,
//! and of a ticket that has changed meanwhile nothing is told.

use model::{
    Actor, Period, TenantId, TicketId, Timestamp,
    entity::EntityKind,
    event::{TICKET_SLA_BREACHED, TICKET_SLA_WARNING},
    settings::SlaRules,
    ticket::{DeadlineStage, Ticket, TicketStatus},
};

use crate::{
    Connection, StoreError, StoreResult, Tx, change::record_emit, database::Later, params,
    ticket::ticket_get, writer::Notice,
};

/// How long a breach that cannot be told is tried for.
const PATIENCE: Period = Period::hours(24);

/// Something that is to be told of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which ticket.
    pub ticket: TicketId,
    /// When it is to be told.
    pub due_at: Timestamp,
    /// What.
    pub stage: DeadlineStage,
}

/// Says when a ticket is due that is made or changed. Who names a time means it; else its priority says it when the ticket opens, and a
/// priority that is raised brings the deadline forward.
pub(crate) async fn deadline_decide(
    tx: &mut Tx,
    before: Option<&Ticket>,
    ticket: &mut Ticket,
) -> StoreResult<()> {
    if ticket.status != TicketStatus::Open {
        ticket.due_at = None;
        return Ok(());
    }
    let was_open = before.filter(|before| before.status == TicketStatus::Open);
    let is_said = ticket.due_at != was_open.and_then(|before| before.due_at);
    if is_said || was_open.is_some_and(|before| before.priority == ticket.priority) {
        return Ok(());
    }
    let by_priority = tx.sla_rules(ticket.tenant_id).await?.due(ticket.priority, tx.now());
    ticket.due_at = ticket.due_at.into_iter().chain(by_priority).min();
    Ok(())
}

const INSERT: Later = Later {
    place: 12,
    table: "ticket_deadlines",
    sql: "INSERT INTO ticket_deadlines (ticket_id, tenant_id, due_at, stage) {rows:bigint,bigint,time,text}",
};

/// Makes the row say what a ticket now says.
pub(crate) async fn deadline_keep(tx: &mut Tx, before: Option<&Ticket>, ticket: &Ticket) -> StoreResult<()> {
    if ticket.due_at == before.and_then(|before| before.due_at) {
        return Ok(());
    }
    let Some(due_at) = ticket.due_at else { return deadline_drop(tx, ticket.tenant_id, ticket.id).await };
    let rules = tx.sla_rules(ticket.tenant_id).await?;
    let (told_at, stage) = first(&rules, tx.now(), due_at);
    let row = params![ticket.id, ticket.tenant_id, told_at, stage];
    if before.is_none() {
        tx.later(INSERT, row);
    } else {
        tx.execute(
            "INSERT INTO ticket_deadlines (ticket_id, tenant_id, due_at, stage) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (ticket_id) DO UPDATE SET due_at = excluded.due_at, stage = excluded.stage",
            row,
        )
        .await?;
    }
    tx.notice(Notice::TimerSet(told_at));
    Ok(())
}

/// What is told first of a deadline that is set now. Of one that has passed already there is nothing to warn of.
fn first(rules: &SlaRules, now: Timestamp, due_at: Timestamp) -> (Timestamp, DeadlineStage) {
    if due_at <= now || rules.warn_percent >= 100 {
        return (due_at, DeadlineStage::Breach);
    }
    (rules.warns(now, due_at), DeadlineStage::Warning)
}

/// Nothing is told of a ticket any more.
pub(crate) async fn deadline_drop(tx: &mut Tx, tenant: TenantId, ticket: TicketId) -> StoreResult<()> {
    let sql = "DELETE FROM ticket_deadlines WHERE ticket_id = ?1 AND tenant_id = ?2";
    tx.execute(sql, params![ticket, tenant]).await.map(drop)
}

/// What is to be told by now, the longest past first.
///
/// # Errors
/// When the database refuses.
pub async fn deadline_due_list(
    connection: &mut Connection,
    now: Timestamp,
    limit: i64,
) -> StoreResult<Vec<Deadline>> {
    // Of every tenant: time passes for all.
    let sql = "SELECT tenant_id, ticket_id, due_at, stage FROM ticket_deadlines WHERE due_at <= ?1 ORDER BY due_at, ticket_id LIMIT ?2";
    let rows = connection.query(sql, params![now, limit]).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(Deadline { tenant: row.take()?, ticket: row.take()?, due_at: row.take()?, stage: row.take()? })
        })
        .collect()
}

/// Tells it: emits `ticket_sla_warning` or `ticket_sla_breached`. False: somebody else has, or the ticket has changed.
///
/// # Errors
/// [`StoreError::TooManyExecutions`]; when the database refuses.
pub async fn deadline_tell(tx: &mut Tx, deadline: &Deadline) -> StoreResult<bool> {
    let Deadline { tenant, ticket: id, due_at, stage } = *deadline;
    let event = match stage {
        DeadlineStage::Warning => TICKET_SLA_WARNING,
        DeadlineStage::Breach => TICKET_SLA_BREACHED,
    };
    tx.gates_hold_for(tenant, event).await?;
    tx.hold("tickets", tenant, id.get()).await?;
    let ticket = match ticket_get(tx, tenant, id).await {
        Ok(ticket) => ticket,
        // An older program has put it away.
        Err(StoreError::Missing(_)) => return deadline_drop(tx, tenant, id).await.map(|()| true),
        Err(error) => return Err(error),
    };
    // An older program knows nothing of deadlines when it answers a ticket.
    let breach_at = ticket.due_at.filter(|_| ticket.status == TicketStatus::Open);
    let moved = match (stage, breach_at) {
        (DeadlineStage::Warning, Some(breach_at)) => {
            let sql = "UPDATE ticket_deadlines SET due_at = ?1, stage = ?2 WHERE ticket_id = ?3 AND tenant_id = ?4 AND due_at = ?5 AND stage = ?6";
            let moved =
                tx.execute(sql, params![breach_at, DeadlineStage::Breach, id, tenant, due_at, stage]).await?;
            tx.notice(Notice::TimerSet(breach_at));
            moved
        }
        (DeadlineStage::Warning | DeadlineStage::Breach, _) => {
            let sql = "DELETE FROM ticket_deadlines WHERE ticket_id = ?1 AND tenant_id = ?2 AND due_at = ?3 AND stage = ?4";
            tx.execute(sql, params![id, tenant, due_at, stage]).await?
        }
    };
    if moved > 0 && breach_at.is_some() {
        record_emit(tx, (tenant, event), Actor::System.into(), (EntityKind::Ticket, &ticket), None).await?;
    }
    Ok(moved > 0)
}

/// Tells it later: for now it cannot be. A warning gives way to the breach when that has come; the breach is given up a day after. False: it is.
///
/// # Errors
/// When the database refuses.
pub async fn deadline_put_off(tx: &mut Tx, deadline: &Deadline, until: Timestamp) -> StoreResult<bool> {
    let Deadline { tenant, ticket, due_at, stage } = *deadline;
    tx.hold("tickets", tenant, ticket.get()).await?;
    let breach_at = match ticket_get(tx, tenant, ticket).await {
        Ok(ticket) => ticket.due_at,
        Err(StoreError::Missing(_)) => None,
        Err(error) => return Err(error),
    };
    let (told_at, next) = match (stage, breach_at) {
        (DeadlineStage::Warning, Some(breach_at)) if breach_at <= until => (breach_at, DeadlineStage::Breach),
        (DeadlineStage::Breach, Some(breach_at)) if breach_at.plus(PATIENCE) < until => {
            deadline_drop(tx, tenant, ticket).await?;
            return Ok(false);
        }
        _ => (until, stage),
    };
    let sql = "UPDATE ticket_deadlines SET due_at = ?1, stage = ?2 WHERE ticket_id = ?3 AND tenant_id = ?4 AND due_at = ?5 AND stage = ?6";
    tx.execute(sql, params![told_at, next, ticket, tenant, due_at, stage]).await?;
    tx.notice(Notice::TimerSet(told_at));
    Ok(true)
}
