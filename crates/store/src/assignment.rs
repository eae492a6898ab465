//! Tickets in turn: who of a team gets the next one.

use model::{TenantId, TicketId, UserId, effect::Team, user::Role};
use serde_json::{Map, Value, json};

use crate::{StoreError, StoreResult, Tx, change::Author, params, ticket::ticket_update};

/// Gives a ticket to the member of the team who has the fewest open ones; of several, to the one whose last ticket is the oldest.
pub(crate) async fn ticket_assign(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    ticket: TicketId,
    team: &Team,
) -> StoreResult<Value> {
    tx.hold("tickets", tenant, ticket.get()).await?;
    let rows = tx
        .query(
            "SELECT m.user_id, m.role,
                (SELECT count(*) FROM tickets t WHERE t.tenant_id = ?1 AND t.assignee_id = m.user_id AND t.id <> ?2
                    AND t.status IN ('open', 'pending') AND t.archived_at IS NULL) AS busy,
                (SELECT coalesce(max(t.id), 0) FROM tickets t WHERE t.tenant_id = ?1 AND t.assignee_id = m.user_id AND t.id <> ?2) AS newest
               FROM memberships m WHERE m.tenant_id = ?1 ORDER BY 3, 4, 1",
            params![tenant, ticket],
        )
        .await?;
    for row in rows {
        let mut row = row.cells();
        let (user, role, busy): (UserId, Role, i64) = (row.take()?, row.take()?, row.take()?);
        let belongs = (team.users.is_empty() || team.users.contains(&user))
            && team.role.is_none_or(|wanted| wanted == role);
        if belongs {
            let fields = Map::from_iter([("assignee_id".to_owned(), json!(user))]);
            ticket_update(tx, tenant, author, ticket, &fields, None).await?;
            return Ok(json!({"ticketId": ticket, "assigneeId": user, "openTickets": busy}));
        }
    }
    Err(StoreError::missing("a member of the team to whom the ticket could be given"))
}
