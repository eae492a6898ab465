//! What has come for places that wait is brought to them: to the row of the step in the journal, and the execution wakes.
//!
//! This is the one place where something from outside reaches into a run. It holds the execution's row, as every step of the run does, so the two
//! come one after the other; a run that somebody changes at this moment is left for the next look. Whoever is at work on the run itself sees
//! with his next step that the wait is gone, and reads the journal anew ([`super::Advanced::Overtaken`]).

use std::collections::{HashMap, HashSet, hash_map::Entry};

use model::{
    ApprovalId, EventId, ExecutionId, ExecutionStatus, TenantId,
    approval::{ApprovalState, Decision},
    journal::Log,
};
use serde_json::{Value as Json, json};

use super::{
    Held,
    claim::{executions_exist, executions_free, executions_rouse},
};
use crate::{
    StoreResult, Tx,
    approval::approval_get,
    database::{Later, Value},
    journal::{log_finish, logs_of, open_at},
    params,
    waiting::wait_delete,
};

const DELETE: Later = Later {
    place: 11,
    table: "execution_signals",
    sql: "WITH gone (execution_id, step_path, source, source_id, tenant_id) AS ({rows:bigint,text,text,bigint,bigint})
          DELETE FROM execution_signals WHERE (execution_id, step_path, source, source_id, tenant_id)
              IN (SELECT execution_id, step_path, source, source_id, tenant_id FROM gone)",
};

/// What became of a look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Signals that are done with.
    pub handled: usize,
    /// Those whose run somebody changes at this moment.
    pub busy: usize,
}

struct Signal {
    execution: ExecutionId,
    path: String,
    source: String,
    source_id: i64,
    tenant: TenantId,
}

/// A place that waits, with what it takes.
struct Wait {
    tenant: TenantId,
    is_for_event: bool,
    conditions: Option<Json>,
    kept: Option<Json>,
}

/// Brings up to `limit` of what has come to where it is waited for, in the order in which it came: the first that fits counts.
///
/// # Errors
/// When the database refuses.
pub async fn signals_deliver(tx: &mut Tx, limit: i64) -> StoreResult<Delivered> {
    // Of every tenant: each row says whose it is.
    let rows = tx
        .query(
            "SELECT execution_id, step_path, source, source_id, tenant_id FROM execution_signals
              ORDER BY created_at, source_id LIMIT ?1 {skip_locked}",
            params![limit],
        )
        .await?;
    let mut signals = Vec::with_capacity(rows.len());
    for row in rows {
        let mut row = row.cells();
        signals.push(Signal {
            execution: row.take()?,
            path: row.take()?,
            source: row.take()?,
            source_id: row.take()?,
            tenant: row.take()?,
        });
    }
    if signals.is_empty() {
        return Ok(Delivered::default());
    }
    let ids: HashSet<i64> = signals.iter().map(|signal| signal.execution.get()).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let held: HashMap<ExecutionId, Held> =
        executions_free(tx, ids.clone()).await?.into_iter().map(|held| (held.id, held)).collect();
    let existing =
        if held.len() < ids.len() { executions_exist(tx, ids.clone()).await? } else { HashSet::new() };
    let mut waits = waits_of(tx, ids).await?;
    // With one look, before anything is put off: each look after that would have it written first.
    let journals = logs_of(tx, held.keys().map(|id| id.get()).collect()).await?;
    let mut events = Events::default();
    let (mut delivered, mut woken) = (Delivered::default(), HashSet::new());
    for signal in signals {
        let Some(run) = held.get(&signal.execution) else {
            if existing.contains(&signal.execution) {
                delivered.busy += 1;
            } else {
                done(tx, &signal, &mut delivered);
            }
            continue;
        };
        let place = (signal.execution, signal.path.clone());
        let Some(wait) = waits.get(&place).filter(|wait| wait.tenant == signal.tenant) else {
            done(tx, &signal, &mut delivered);
            continue;
        };
        if let Some(output) = output(tx, &signal, wait, &mut events).await?
            && let Some(open) = journals.get(&signal.execution).and_then(|rows| open_at(rows, &signal.path))
            && !run.progress.status.is_terminal()
        {
            log_finish(tx, &Log { output_data: Some(output.into()), resume_at: None, ..open.clone() });
            waits.remove(&place);
            wait_delete(tx, signal.tenant, signal.execution, &signal.path);
            if run.progress.status == ExecutionStatus::Waiting {
                woken.insert(signal.execution);
            }
        }
        done(tx, &signal, &mut delivered);
    }
    let mut woken: Vec<&Held> = woken.iter().filter_map(|id| held.get(id)).collect();
    woken.sort_unstable_by_key(|held| held.id);
    executions_rouse(tx, &woken).await?;
    Ok(delivered)
}

fn done(tx: &mut Tx, signal: &Signal, delivered: &mut Delivered) {
    let Signal { execution, path, source, source_id, tenant } = signal;
    tx.later(DELETE, params![*execution, path, source, *source_id, *tenant]);
    delivered.handled += 1;
}

/// What the step has then come to; none: this is not what it waits for.
async fn output(tx: &mut Tx, signal: &Signal, wait: &Wait, events: &mut Events) -> StoreResult<Option<Json>> {
    if signal.source == "approval" {
        let approval = approval_get(tx, signal.tenant, ApprovalId::new(signal.source_id)).await?;
        let decision = match approval.state {
            ApprovalState::Approved => Decision::Approved,
            ApprovalState::Rejected => Decision::Rejected,
            ApprovalState::Open | ApprovalState::TimedOut | ApprovalState::Cancelled => return Ok(None),
        };
        return Ok(Some(approval.output(decision)));
    }
    if !wait.is_for_event {
        return Ok(None);
    }
    let Some(data) = events.data(tx, signal.tenant, EventId::new(signal.source_id)).await? else {
        return Ok(None);
    };
    let Some(conditions) = &wait.conditions else {
        return Ok(Some(json!({"timedOut": false, "event": data})));
    };
    let hooks = tx.hooks();
    let nothing = json!({});
    let story = hooks.matcher.get().and_then(|matcher| {
        matcher.fits(signal.tenant, conditions, wait.kept.as_ref().unwrap_or(&nothing), data)
    });
    Ok(story.map(|story| json!({"timedOut": false, "event": data, "conditions": story})))
}

async fn waits_of(tx: &mut Tx, executions: Vec<i64>) -> StoreResult<HashMap<(ExecutionId, String), Wait>> {
    // Of every tenant, as the signals are.
    let rows = tx
        .query(
            "SELECT execution_id, step_path, tenant_id, event, conditions, kept FROM execution_waits WHERE execution_id {among:?1}",
            vec![Value::Ids(executions)],
        )
        .await?;
    let mut waits = HashMap::with_capacity(rows.len());
    for row in rows {
        let mut row = row.cells();
        let place = (row.take()?, row.take()?);
        let wait = Wait {
            tenant: row.take()?,
            is_for_event: row.take::<Option<String>>()?.is_some(),
            conditions: row.take()?,
            kept: row.take()?,
        };
        waits.insert(place, wait);
    }
    Ok(waits)
}

/// The data of the events that have come: one event may have come for many.
#[derive(Default)]
struct Events(HashMap<EventId, Option<Json>>);

impl Events {
    async fn data(&mut self, tx: &mut Tx, tenant: TenantId, id: EventId) -> StoreResult<Option<&Json>> {
        let data = match self.0.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let sql = "SELECT data FROM events WHERE id = ?1 AND tenant_id = ?2";
                let row = tx.query_optional(sql, params![id, tenant]).await?;
                unknown.insert(row.map(crate::database::Row::first).transpose()?)
            }
        };
        Ok(data.as_ref())
    }
}
