//! The work: does every execution that has not ended go on, by a process that has it in hand, by a timer, or by whoever has room next?
//!
//! These are the operator's questions about all tenants, so the statements name none.

use model::Timestamp;

use super::{Finding, Level, counted};
use crate::{Connection, StoreResult};

/// How long unowned work may wait before it is told: a node with room takes it within a second.
const QUEUE_PATIENCE_S: i64 = 60;

/// What nobody may ever see.
struct Stuck {
    check: &'static str,
    level: Level,
    /// Gives how many, and the execution of one.
    sql: &'static str,
    /// Completed by how many, and an example.
    found: &'static str,
    when_good: &'static str,
    fix: fn(i64) -> String,
    /// What is only wrong while somebody works on the store.
    only_served: bool,
}

const STUCK: [Stuck; 8] = [
    Stuck {
        check: "owners",
        level: Level::Problem,
        sql: "SELECT count(*), min(e.id) FROM workflow_executions e
               WHERE e.owner IS NOT NULL AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = e.owner)",
        found: "executions in the hand of a node that does not exist",
        when_good: "whatever is in hand is in the hand of a node that exists",
        fix: |_| {
            "let whoever has room take them: UPDATE workflow_executions SET owner = NULL WHERE owner IS NOT NULL AND owner NOT IN \
             (SELECT id FROM nodes). On SQLite a restart of the server does that"
                .to_owned()
        },
        only_served: false,
    },
    Stuck {
        check: "progress",
        level: Level::Problem,
        // A step has ten minutes at most, and its row comes at its end.
        sql: "SELECT count(*), min(e.id) FROM workflow_executions e JOIN nodes n ON n.id = e.owner
               WHERE e.status IN ('pending', 'running') AND e.updated_at < {now_plus:-660000} AND NOT EXISTS (
                    SELECT 1 FROM workflow_execution_logs l WHERE l.execution_id = e.id AND l.tenant_id = e.tenant_id
                       AND coalesce(l.completed_at, l.started_at, l.created_at) >= {now_plus:-660000})",
        found: "executions in hand for longer than a step may take, without a new row in their log",
        when_good: "nothing is in hand for longer than a step may take",
        fix: |id| {
            format!("restart the node that has it (its steps are done again with the same keys); or end it: vtrustx execution cancel {id}")
        },
        only_served: true,
    },
    Stuck {
        check: "waiting",
        level: Level::Problem,
        // By tenant, which is how the index finds them.
        sql: "SELECT count(*), min(e.id) FROM tenants t
                JOIN workflow_executions e ON e.tenant_id = t.id AND e.status IN ('waiting', 'retrying')
               WHERE NOT EXISTS (SELECT 1 FROM timers i WHERE i.due_at = e.wake_at AND i.execution_id = e.id)",
        found: "executions that wait for a time, with no timer to wake them",
        when_good: "whatever waits has its timer",
        fix: |id| {
            format!("end it and let a new one go on after its completed steps: vtrustx execution cancel {id}, then vtrustx execution retry {id}")
        },
        only_served: false,
    },
    Stuck {
        check: "timers",
        level: Level::Problem,
        // The end of a called workflow sets one that is due at once, whatever its caller does just then: whoever looks next takes it.
        sql: "SELECT count(*), min(i.execution_id) FROM timers i
                LEFT JOIN workflow_executions e ON e.id = i.execution_id AND e.tenant_id = i.tenant_id
               WHERE e.id IS NULL OR ((e.status NOT IN ('waiting', 'retrying') OR e.wake_at IS NULL OR e.wake_at <> i.due_at)
                 AND NOT EXISTS (SELECT 1 FROM workflow_execution_logs l
                                  WHERE l.execution_id = e.id AND l.tenant_id = e.tenant_id AND l.step_type = 'workflow'))",
        found: "timers of no execution that waits for them",
        when_good: "every timer has an execution that waits for it",
        fix: |id| format!("after a look at that execution: DELETE FROM timers WHERE execution_id = {id}"),
        only_served: false,
    },
    Stuck {
        check: "waits",
        level: Level::Problem,
        sql: "SELECT count(*), min(w.execution_id) FROM execution_waits w
                LEFT JOIN workflow_executions e ON e.id = w.execution_id AND e.tenant_id = w.tenant_id
               WHERE e.id IS NULL OR e.status IN ('completed', 'failed', 'cancelled')",
        found: "waits for events or people of executions that have ended",
        when_good: "whatever waits for an event or for people has not ended",
        fix: |id| format!("after a look at that execution: DELETE FROM execution_waits WHERE execution_id = {id}"),
        only_served: false,
    },
    Stuck {
        check: "approvals",
        level: Level::Problem,
        sql: "SELECT count(*), min(a.execution_id) FROM approvals a
               WHERE a.state = 'open' AND NOT EXISTS (
                    SELECT 1 FROM execution_waits w WHERE w.execution_id = a.execution_id AND w.step_path = a.step_path)",
        found: "open approvals that no execution waits for",
        when_good: "every open approval has an execution that waits for it",
        fix: |id| format!("after a look at that execution: UPDATE approvals SET state = 'cancelled' WHERE state = 'open' AND execution_id = {id}"),
        only_served: false,
    },
    Stuck {
        check: "signals",
        level: Level::Warning,
        sql: "SELECT count(*), min(execution_id) FROM execution_signals WHERE created_at < {now_plus:-60000}",
        found: "events and decisions that have not reached their executions for longer than a minute",
        when_good: "what executions wait for reaches them",
        fix: |_| "restart the nodes, and look in their logs for `what runs wait for`".to_owned(),
        only_served: true,
    },
    Stuck {
        check: "overdue",
        level: Level::Warning,
        sql: "SELECT count(*), min(execution_id) FROM timers WHERE due_at < {now_plus:-60000}",
        found: "timers that are due for longer than a minute",
        when_good: "no timer is due for longer than a minute",
        fix: |_| {
            "after an outage they are worked off: look again. Does their number not fall, restart the nodes and look in their logs for `timers`"
                .to_owned()
        },
        only_served: true,
    },
];

pub(super) async fn stuck(connection: &mut Connection, is_served: bool) -> StoreResult<Vec<Finding>> {
    let mut findings = Vec::with_capacity(STUCK.len());
    for stuck in STUCK.iter().filter(|stuck| is_served || !stuck.only_served) {
        let (count, example) = counted(connection, stuck.sql).await?;
        findings.push(match example.filter(|_| count > 0) {
            None => Finding::good(stuck.check, stuck.when_good),
            Some(id) => Finding {
                check: stuck.check,
                level: stuck.level,
                found: format!("{}: {count}, such as execution {id}", stuck.found),
                fix: Some((stuck.fix)(id)),
            },
        });
    }
    Ok(findings)
}

/// The nodes and their leases; on SQLite the one process.
pub(super) async fn nodes(connection: &mut Connection, is_served: bool) -> StoreResult<Vec<Finding>> {
    let start = "start a server: `vtrustx serve`";
    if !connection.is_shared() {
        return Ok(vec![if is_served {
            Finding::good("server", "one has the store open")
        } else {
            Finding::warning("server", "none has the store open: nothing runs", start)
        }]);
    }
    let (living, _) =
        counted(connection, "SELECT count(*), min(id) FROM nodes WHERE lease_until >= {now_plus:0}").await?;
    let (lapsed, example) =
        counted(connection, "SELECT count(*), min(id) FROM nodes WHERE lease_until < {now_plus:-5000}")
            .await?;
    let servers = if is_served {
        Finding::good("server", format!("{living} at work"))
    } else {
        Finding::warning("server", "none is at work: nothing runs", start)
    };
    let leases = match example {
        None => Finding::good("leases", "none has lapsed"),
        // Whoever is at work would have taken its work over within 2 s.
        Some(id) if is_served => Finding::problem(
            "leases",
            format!("lapsed, and nobody has taken the work over: {lapsed}, such as that of node {id}"),
            "look in the nodes' logs for `lease` and `a node is gone`; is a transaction held open (\"sessions\")? A restart of any node takes over too",
        ),
        Some(id) => Finding::warning(
            "leases",
            format!("lapsed: {lapsed}, such as that of node {id}; a process ended without saying so"),
            "the next server takes its work over within seconds of its start",
        ),
    };
    Ok(vec![servers, leases])
}

/// What waits for a worker. This is the queue in the store; a server's own queue of writes is in its answer to overload, a 503.
pub(super) async fn queue(connection: &mut Connection, is_served: bool) -> StoreResult<Finding> {
    let mut row = connection
        .query_one(
            "SELECT count(*), min(updated_at), {now_plus:0} FROM workflow_executions
              WHERE owner IS NULL AND status IN ('pending', 'running')",
            Vec::new(),
        )
        .await?
        .cells();
    let (count, oldest, now): (i64, Option<Timestamp>, Timestamp) = (row.take()?, row.take()?, row.take()?);
    let Some(oldest) = oldest else { return Ok(Finding::good("queue", "nothing waits for a worker")) };
    let seconds = now.millis_since(oldest) / 1_000;
    let found = format!("executions that wait for a worker: {count}, the oldest for {seconds} s");
    Ok(match (seconds > QUEUE_PATIENCE_S, is_served) {
        (false, _) => Finding::good("queue", found),
        (true, true) => Finding::warning(
            "queue",
            found,
            "more work comes in than is done: start another node, give more --workers, or look for a slow receiver",
        ),
        (true, false) => Finding::warning("queue", found, "start a server: `vtrustx serve`"),
    })
}
