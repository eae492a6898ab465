//! The journal: the rows of `workflow_execution_logs`.

use std::collections::HashMap;

use model::{Document, ExecutionId, LogId, StepStatus, TenantId, journal::Log};

use crate::{
    Connection, StoreResult, Tx,
    database::{Later, Row, Value},
    params,
};

const COLUMNS: &str = "id, tenant_id, execution_id, step_number, step_type, step_name, step_id, step_path, attempt, retry_count, status, input_data,
     output_data, error, warnings, retryable, resume_at, carried_from, started_at, completed_at, duration_ms, created_at";

pub(crate) const INSERT: Later = Later {
    place: 4,
    table: "workflow_execution_logs",
    sql: "INSERT INTO workflow_execution_logs (id, tenant_id, execution_id, step_number, step_type, step_name, step_id, step_path, attempt,
            retry_count, status, input_data, output_data, error, warnings, retryable, resume_at, carried_from, started_at, completed_at,
            duration_ms, created_at)
          {rows:bigint,bigint,bigint,bigint,text,text,text,text,bigint,bigint,text,json,json,text,json,boolean,time,bigint,time,time,bigint,time}",
};

/// Writes a new row, whose predecessor in the journal has the id `last`, and gives it its id.
pub(crate) async fn log_insert(tx: &mut Tx, log: &mut Log, last: LogId) -> StoreResult<()> {
    log.id = tx.log_id(last).await?;
    tx.later(INSERT, log_row(log));
    Ok(())
}

/// A new row of [`INSERT`].
pub(crate) fn log_row(log: &Log) -> Vec<Value> {
    params![
        log.id,
        log.tenant_id,
        log.execution_id,
        log.step_number,
        log.step_type,
        &log.step_name,
        &log.step_id,
        &log.step_path,
        log.attempt,
        log.retry_count,
        log.status,
        &log.input_data,
        &log.output_data,
        &log.error,
        (!log.warnings.is_empty()).then_some(&log.warnings),
        log.retryable,
        log.resume_at,
        log.carried_from,
        log.started_at,
        log.completed_at,
        log.duration_ms,
        log.created_at
    ]
}

const FINISH: Later = Later {
    place: 5,
    table: "workflow_execution_logs",
    sql: "WITH ended (execution_id, id, tenant_id, status, output_data, error, retryable, resume_at, completed_at, duration_ms) AS (
            {rows:bigint,bigint,bigint,text,json,text,boolean,time,time,bigint})
          UPDATE workflow_execution_logs SET status = ended.status, output_data = ended.output_data, error = ended.error,
            retryable = ended.retryable, resume_at = ended.resume_at, completed_at = ended.completed_at, duration_ms = ended.duration_ms
           FROM ended WHERE workflow_execution_logs.execution_id = ended.execution_id AND workflow_execution_logs.id = ended.id
            AND workflow_execution_logs.tenant_id = ended.tenant_id",
};

/// Writes what became of a row that was `running`.
pub(crate) fn log_finish(tx: &mut Tx, log: &Log) {
    tx.later(
        FINISH,
        params![
            log.execution_id,
            log.id,
            log.tenant_id,
            log.status,
            &log.output_data,
            &log.error,
            log.retryable,
            log.resume_at,
            log.completed_at,
            log.duration_ms
        ],
    );
}

/// Rows of an execution in order; `after` and `limit` for pages.
///
/// # Errors
/// When the database refuses.
pub async fn log_list(
    connection: &mut Connection,
    tenant: TenantId,
    execution: ExecutionId,
    after: Option<LogId>,
    limit: i64,
) -> StoreResult<Vec<Log>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM workflow_execution_logs WHERE execution_id = ?1 AND tenant_id = ?2 AND id > ?3 ORDER BY id LIMIT ?4"
    );
    let rows = connection.query(sql, params![execution, tenant, after.map_or(0, LogId::get), limit]).await?;
    rows.into_iter().map(log_of).collect()
}

/// All rows of an execution: what a run resumes from.
///
/// # Errors
/// When the database refuses.
pub async fn log_all(
    connection: &mut Connection,
    tenant: TenantId,
    execution: ExecutionId,
) -> StoreResult<Vec<Log>> {
    log_list(connection, tenant, execution, None, i64::MAX).await
}

/// The row of a place that is open, of the rows of one execution; none when it is not.
pub(crate) fn open_at<'j>(rows: &'j [Log], step_path: &str) -> Option<&'j Log> {
    let last = rows.iter().rev().find(|log| log.step_path == step_path);
    last.filter(|log| log.status == StepStatus::Running)
}

/// The rows of several executions of any tenant: for whoever takes them in hand, or brings them something.
pub(crate) async fn logs_of(
    connection: &mut Connection,
    executions: Vec<i64>,
) -> StoreResult<HashMap<ExecutionId, Vec<Log>>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM workflow_execution_logs WHERE execution_id {{among:?1}} ORDER BY execution_id, id"
    );
    let mut journals: HashMap<ExecutionId, Vec<Log>> = HashMap::new();
    for row in connection.query(sql, vec![Value::Ids(executions)]).await? {
        let log = log_of(row)?;
        journals.entry(log.execution_id).or_default().push(log);
    }
    Ok(journals)
}

fn log_of(row: Row) -> StoreResult<Log> {
    let mut row = row.cells();
    Ok(Log {
        id: row.take()?,
        tenant_id: row.take()?,
        execution_id: row.take()?,
        step_number: row.take()?,
        step_type: row.take()?,
        step_name: row.take::<Option<String>>()?.unwrap_or_default(),
        step_id: row.take()?,
        step_path: row.take()?,
        attempt: row.take()?,
        retry_count: row.take()?,
        status: row.take()?,
        input_data: row.take::<Option<Document>>()?.unwrap_or_default(),
        output_data: row.take()?,
        error: row.take()?,
        warnings: row.take::<Option<Vec<String>>>()?.unwrap_or_default(),
        retryable: row.take()?,
        resume_at: row.take()?,
        carried_from: row.take()?,
        started_at: row.take()?,
        completed_at: row.take()?,
        duration_ms: row.take()?,
        created_at: row.take()?,
    })
}
