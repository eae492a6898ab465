//! Tickets in turn: who of a team gets the next one.

use model::{TenantId, TicketId, UserId, effect::Team, user::Role};
use serde_json::{Map, Value, json};

use crate::{StoreError, StoreResult, Tx, change::Author, params, ticket::ticket_update};

/// Gives a ticket to the member of the team who has the fewest open ones; of several, to the one whose last ticket is the oldest. Who is away is passed over. When
/// everybody is, whoever stands in for the team gets it, and without such a one it stays with whom it is: what nobody looks at is found in
/// the queue of the unassigned, and not in that of somebody on holiday.
pub(crate) async fn ticket_assign(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    ticket: TicketId,
    team: &Team,
) -> StoreResult<Value> {
    tx.hold("tickets", tenant, ticket.get()).await?;
    tx.team_hold(tenant).await?;
    let now = tx.now();
    let rows = tx
        .query(
            "SELECT m.user_id, m.role, m.away_from IS NOT NULL AND m.away_from <= ?3 AND (m.away_until IS NULL OR m.away_until > ?3) AS is_away,
                (SELECT count(*) FROM tickets t WHERE t.tenant_id = ?1 AND t.assignee_id = m.user_id AND t.id <> ?2
                    AND t.status IN ('open', 'pending') AND t.archived_at IS NULL) AS busy,
                (SELECT coalesce(max(t.id), 0) FROM tickets t WHERE t.tenant_id = ?1 AND t.assignee_id = m.user_id AND t.id <> ?2) AS newest
               FROM memberships m WHERE m.tenant_id = ?1 ORDER BY 4, 5, 1",
            params![tenant, ticket, now],
        )
        .await?;
    let mut away = 0;
    let mut next = None;
    for row in rows {
        let mut row = row.cells();
        let (user, role): (UserId, Role) = (row.take()?, row.take()?);
        let (is_away, busy): (bool, i64) = (row.take()?, row.take()?);
        let belongs = (team.users.is_empty() || team.users.contains(&user))
            && team.role.is_none_or(|wanted| wanted == role);
        if belongs && is_away {
            away += 1;
        } else if belongs {
            next.get_or_insert((user, busy));
        }
    }
    if let Some((user, busy)) = next {
        give(tx, tenant, author, ticket, user).await?;
        return Ok(json!({"ticketId": ticket, "assigneeId": user, "openTickets": busy, "away": away}));
    }
    if away == 0 {
        return Err(StoreError::missing("a member of the team to whom the ticket could be given"));
    }
    if let Some(user) = team.stand_in {
        give(tx, tenant, author, ticket, user).await?;
    }
    Ok(
        json!({"ticketId": ticket, "assigneeId": team.stand_in, "away": away, "reason": "everybody of the team is away"}),
    )
}

async fn give(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    ticket: TicketId,
    user: UserId,
) -> StoreResult<()> {
    let fields = Map::from_iter([("assignee_id".to_owned(), json!(user))]);
    ticket_update(tx, tenant, author, ticket, &fields, None).await.map(drop)
}
