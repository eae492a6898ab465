//! Nodes: the processes that run executions. Each has a random id per start and one row; ownership of executions is by node.
//!
//! On PostgreSQL any number of nodes work on one store. A node renews its lease; when it lapses, whoever sees that takes the node's
//! work over by deleting its row. Every transaction of a node locks its own row to the commit ([`crate::database`]), so the deletion waits for
//! a transaction under way, and no transaction of the dead node can begin or commit after it: the row is the fence. Judged
//! by the database's clock only. On SQLite there is one process, and it takes over everything at its start.

use model::{NodeId, TenantId};

use crate::{Connection, StoreResult, Tx, execution::executions_claim, params, writer::Notice};

/// Makes the node known, with a lease of `ttl_ms` from now.
///
/// # Errors
/// When the database refuses.
pub async fn node_register(tx: &mut Tx, id: NodeId, name: &str, ttl_ms: i64) -> StoreResult<()> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO nodes (id, name, started_at, lease_until) VALUES (?1, ?2, ?3, {now_plus:?4})",
        params![id, name, now, ttl_ms],
    )
    .await
    .map(drop)
}

/// Renews the lease. False: the node was taken over.
///
/// # Errors
/// When the database refuses.
pub async fn node_renew(connection: &mut Connection, id: NodeId, ttl_ms: i64) -> StoreResult<bool> {
    let renewed = connection
        .execute("UPDATE nodes SET lease_until = {now_plus:?2} WHERE id = ?1", params![id, ttl_ms])
        .await?;
    Ok(renewed > 0)
}

/// Nodes whose lease has lapsed.
///
/// # Errors
/// When the database refuses.
pub async fn node_lapsed(connection: &mut Connection) -> StoreResult<Vec<NodeId>> {
    let rows = connection
        .query("SELECT id FROM nodes WHERE lease_until < {now_plus:0} ORDER BY id", Vec::new())
        .await?;
    rows.into_iter().map(crate::database::Row::first).collect()
}

/// Takes a node away when its lease has lapsed, and leaves its executions to whoever has room. Answers how many; none when it
/// has renewed meanwhile, somebody else was faster, or a transaction of it is still open.
///
/// # Errors
/// When the database refuses.
pub async fn node_take_over(tx: &mut Tx, id: NodeId) -> StoreResult<Option<u64>> {
    // A transaction of that node that is still open holds its row. Nobody waits for it here: it is ended soon, and then comes the next look.
    let gone = tx
        .execute(
            "DELETE FROM nodes WHERE id IN (SELECT id FROM nodes WHERE id = ?1 AND lease_until < {now_plus:0} {skip_locked})",
            params![id],
        )
        .await?;
    if gone == 0 {
        return Ok(None);
    }
    node_disown(tx, id).await.map(Some)
}

/// Ends a node in good order: what it has in hand is for whoever has room.
///
/// # Errors
/// When the database refuses.
pub async fn node_leave(tx: &mut Tx, id: NodeId) -> StoreResult<u64> {
    tx.execute("DELETE FROM nodes WHERE id = ?1", params![id]).await?;
    node_disown(tx, id).await
}

/// Forgets what lanes of processes that are gone committed last. Only where there are lanes.
///
/// # Errors
/// When the database refuses.
pub async fn commit_marks_prune(tx: &mut Tx) -> StoreResult<u64> {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    tx.execute("DELETE FROM commit_marks WHERE marked_at < {now_plus:?1}", params![-DAY_MS]).await
}

/// Takes over everything from everyone: for a store that only one process can have open.
///
/// # Errors
/// When the database refuses.
pub async fn node_take_over_all(tx: &mut Tx) -> StoreResult<u64> {
    tx.execute("DELETE FROM nodes", Vec::new()).await?;
    let left =
        tx.execute("UPDATE workflow_executions SET owner = NULL WHERE owner IS NOT NULL", Vec::new()).await?;
    tx.notice(Notice::Unowned);
    Ok(left)
}

async fn node_disown(tx: &mut Tx, id: NodeId) -> StoreResult<u64> {
    let left =
        tx.execute("UPDATE workflow_executions SET owner = NULL WHERE owner = ?1", params![id]).await?;
    tx.notice(Notice::Unowned);
    Ok(left)
}

/// Takes up to `limit` executions that nobody has in hand, a fair share for each tenant, oldest first. The commit's notices hand them to the
/// engine. Answers how many there were.
///
/// # Errors
/// When the database refuses.
pub async fn node_claim(tx: &mut Tx, limit: i64) -> StoreResult<i64> {
    if tx.node().is_none() {
        return Ok(0);
    }
    let tenants = unowned_tenants(tx).await?;
    let share = (limit / i64::try_from(tenants.len()).unwrap_or(i64::MAX).max(1)).max(1);
    let mut claimed: Vec<i64> = Vec::new();
    for tenant in tenants {
        let room = limit - i64::try_from(claimed.len()).unwrap_or(i64::MAX);
        if room <= 0 {
            break;
        }
        let rows = tx
            .query(
                "SELECT id FROM workflow_executions WHERE tenant_id = ?1 AND owner IS NULL AND status IN ('pending', 'running')
                  ORDER BY id LIMIT ?2 {skip_locked}",
                params![tenant, share.min(room)],
            )
            .await?;
        for row in rows {
            claimed.push(row.first()?);
        }
    }
    let count = i64::try_from(claimed.len()).unwrap_or(i64::MAX);
    if count > 0 {
        executions_claim(tx, claimed).await?;
    }
    Ok(count)
}

/// The tenants with unowned work, found by hopping over the index: the size of one tenant's backlog does not matter.
async fn unowned_tenants(tx: &mut Tx) -> StoreResult<Vec<TenantId>> {
    let mut tenants: Vec<TenantId> = Vec::new();
    loop {
        let after = tenants.last().map_or(0, |tenant| tenant.get());
        let row = tx
            .query_optional(
                "SELECT tenant_id FROM workflow_executions WHERE tenant_id > ?1 AND owner IS NULL AND status IN ('pending', 'running')
                  ORDER BY tenant_id LIMIT 1",
                params![after],
            )
            .await?;
        match row {
            Some(row) => tenants.push(row.first()?),
            None => return Ok(tenants),
        }
    }
}
