//! Waiting for what comes from outside: the places in runs that wait for an event or a decision, and what has come for them.
//!
//! Whoever takes an event in looks, in that transaction, which waits there are for it, by index, and writes down for each that something has come
//! ([`waits_signal`]): a row, and no lock on anybody's run. Which waits there are is what the statement sees: one that is durable before
//! the event comes in is among them, whichever node it was made on. What was written down is worked off right after the commit
//! ([`crate::execution::signals_deliver`]), by this node or, should it die, by another.
//!
//! Most tenants wait for nothing. Which event names a tenant waits for is asked once for a whole batch, with one statement that hops over the index
//! ([`awaited_question`]); an event of any other name costs nothing more.

use std::collections::{HashMap, HashSet};

use model::{
    EventId, ExecutionId, TenantId,
    event::NewEvent,
    waiting::{Change, NewWait, Waiting},
};

use crate::{
    Connection, StoreResult, Tx,
    approval::{approval_ask, approval_close, approval_is_open, approval_remind},
    database::{Later, Question, Row, Value},
    effect::EffectOrigin,
    params,
    writer::Notice,
};

const INSERT: Later = Later {
    place: 9,
    table: "execution_waits",
    sql: "INSERT INTO execution_waits (execution_id, step_path, tenant_id, event, key_path, key_value, conditions, kept, created_at)
          {rows:bigint,text,bigint,text,text,text,json,json,time}",
};
const DELETE: Later = Later {
    place: 10,
    table: "execution_waits",
    sql: "WITH gone (execution_id, step_path, tenant_id) AS ({rows:bigint,text,bigint})
          DELETE FROM execution_waits WHERE (execution_id, step_path, tenant_id) IN (SELECT execution_id, step_path, tenant_id FROM gone)",
};

/// Does what a step says of its waiting.
pub(crate) async fn wait_change(tx: &mut Tx, origin: EffectOrigin, waiting: Waiting) -> StoreResult<()> {
    let Waiting { step_path, change } = waiting;
    let (tenant, execution) = (origin.tenant, origin.execution);
    match change {
        Change::Event(wait) => {
            tx.awaited_add(tenant, wait.event.as_str());
            wait_insert(tx, (tenant, execution), &step_path, Some(wait));
            Ok(())
        }
        Change::Ask(new) => {
            approval_ask(tx, (tenant, execution), &step_path, new).await?;
            wait_insert(tx, (tenant, execution), &step_path, None);
            Ok(())
        }
        Change::Remind => approval_remind(tx, tenant, execution, &step_path).await,
        Change::TimeOut | Change::Cancel => {
            wait_delete(tx, tenant, execution, &step_path);
            let state = if change == Change::TimeOut {
                model::approval::ApprovalState::TimedOut
            } else {
                model::approval::ApprovalState::Cancelled
            };
            approval_close(tx, tenant, execution, Some(&step_path), state).await
        }
    }
}

fn wait_insert(
    tx: &mut Tx,
    (tenant, execution): (TenantId, ExecutionId),
    step_path: &str,
    wait: Option<NewWait>,
) {
    let now = tx.now();
    let (event, correlation, conditions, kept) = match wait {
        Some(wait) => (Some(wait.event.as_str().to_owned()), wait.correlation, wait.conditions, wait.kept),
        None => (None, None, serde_json::Value::Null, serde_json::Value::Null),
    };
    let (key_path, key_value) = correlation.unwrap_or_default();
    let some = |value: serde_json::Value| (!value.is_null()).then_some(value);
    tx.later(
        INSERT,
        params![execution, step_path, tenant, event, key_path, key_value, some(conditions), some(kept), now],
    );
}

pub(crate) fn wait_delete(tx: &mut Tx, tenant: TenantId, execution: ExecutionId, step_path: &str) {
    tx.later(DELETE, params![execution, step_path, tenant]);
}

/// Nothing has come yet for a place that waits, and nothing can come to the end of the transaction: its execution is held.
pub(crate) async fn wait_is_open(
    tx: &mut Tx,
    tenant: TenantId,
    execution: ExecutionId,
    step_path: &str,
) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM execution_waits w WHERE w.execution_id = ?1 AND w.step_path = ?2 AND w.tenant_id = ?3
                  AND NOT EXISTS (SELECT 1 FROM execution_signals s
                                   WHERE s.execution_id = w.execution_id AND s.step_path = w.step_path AND s.tenant_id = w.tenant_id)";
    let waits = tx.query_optional(sql, params![execution, step_path, tenant]).await?.is_some();
    Ok(waits && approval_is_open(tx, tenant, execution, step_path).await?)
}

/// Whether all these places still wait. One that does not has got what it waited for, since its execution was read.
///
/// # Errors
/// When the database refuses.
pub async fn waits_are_there(
    connection: &mut Connection,
    tenant: TenantId,
    execution: ExecutionId,
    paths: &[String],
) -> StoreResult<bool> {
    let sql = "SELECT step_path FROM execution_waits WHERE execution_id = ?1 AND tenant_id = ?2";
    let rows = connection.query(sql, params![execution, tenant]).await?;
    let there = rows.into_iter().map(Row::first::<String>).collect::<StoreResult<HashSet<_>>>()?;
    Ok(paths.iter().all(|path| there.contains(path)))
}

/// Ends whatever an execution waits for that ends otherwise than by its steps.
pub(crate) async fn waits_end(tx: &mut Tx, tenant: TenantId, execution: ExecutionId) -> StoreResult<()> {
    let ended = tx
        .execute(
            "DELETE FROM execution_waits WHERE execution_id = ?1 AND tenant_id = ?2",
            params![execution, tenant],
        )
        .await?;
    if ended == 0 {
        return Ok(());
    }
    approval_close(tx, tenant, execution, None, model::approval::ApprovalState::Cancelled).await
}

const PATHS: &str = "WITH RECURSIVE paths (path) AS (
        SELECT CAST('' AS TEXT)
        UNION ALL
        SELECT (SELECT min(w.key_path) FROM execution_waits w WHERE w.tenant_id = ?1 AND w.event = ?2 AND w.key_path > p.path)
          FROM paths p WHERE p.path IS NOT NULL)
    SELECT path FROM paths WHERE path > ''";
const SIGNAL: &str =
    "INSERT INTO execution_signals (execution_id, step_path, source, source_id, tenant_id, created_at)
    SELECT execution_id, step_path, 'event', ?1, tenant_id, ?2 FROM execution_waits
     WHERE tenant_id = ?3 AND event = ?4 AND key_path = ?5 AND key_value = ?6";

/// Writes down for which waits an event may be what they wait for: those whose key it has, and those without one.
pub(crate) async fn waits_signal(tx: &mut Tx, event: &NewEvent, id: EventId) -> StoreResult<()> {
    let (tenant, name, now) = (event.tenant, event.name.as_str(), tx.now());
    if !tx.awaits(tenant, name).await? {
        return Ok(());
    }
    let hooks = tx.hooks();
    let rows = tx.query(PATHS, params![tenant, name]).await?;
    let mut keys = vec![(String::new(), String::new())];
    for row in rows {
        let path: String = row.first()?;
        let value = hooks.matcher.get().and_then(|matcher| matcher.key_at(&path, &event.data));
        keys.extend(value.map(|value| (path, value)));
    }
    let mut signals = 0;
    for (path, value) in keys {
        signals += tx.execute(SIGNAL, params![id, now, tenant, name, path, value]).await?;
    }
    if signals > 0 {
        tx.notice(Notice::Signalled);
    }
    Ok(())
}

/// Writes down that a decision has come.
pub(crate) async fn decision_signal(tx: &mut Tx, approval: &model::approval::Approval) -> StoreResult<()> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO execution_signals (execution_id, step_path, source, source_id, tenant_id, created_at)
         VALUES (?1, ?2, 'approval', ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![approval.execution_id, &approval.step_path, approval.id, approval.tenant_id, now],
    )
    .await?;
    tx.notice(Notice::Signalled);
    Ok(())
}

/// The names of the events that these tenants wait for. One statement, and as many steps in the index as there are names.
pub(crate) fn awaited_question(tenants: Vec<i64>) -> Question {
    let sql = "WITH RECURSIVE names (tenant_id, event) AS (
                SELECT t.id, CAST('' AS TEXT) FROM tenants t WHERE t.id {among:?1}
                UNION ALL
                SELECT n.tenant_id, (SELECT min(w.event) FROM execution_waits w WHERE w.tenant_id = n.tenant_id AND w.event > n.event)
                  FROM names n WHERE n.event IS NOT NULL)
             SELECT tenant_id, event FROM names WHERE event > ''";
    (sql.into(), vec![Value::Ids(tenants)])
}

/// By tenant: of one that waits for nothing, none.
pub(crate) fn awaited_of(tenants: &[i64], rows: Vec<Row>) -> StoreResult<HashMap<TenantId, HashSet<String>>> {
    let mut awaited: HashMap<TenantId, HashSet<String>> =
        tenants.iter().map(|tenant| (TenantId::new(*tenant), HashSet::new())).collect();
    for row in rows {
        let mut row = row.cells();
        let (tenant, event): (TenantId, String) = (row.take()?, row.take()?);
        awaited.entry(tenant).or_default().insert(event);
    }
    Ok(awaited)
}

/// Whether anything has come that is not worked off.
///
/// # Errors
/// When the database refuses.
pub async fn signals_exist(connection: &mut Connection) -> StoreResult<bool> {
    // Of every tenant: a node works for all.
    Ok(connection.query_optional("SELECT 1 FROM execution_signals LIMIT 1", Vec::new()).await?.is_some())
}
