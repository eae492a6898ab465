//! The journal: the rows of `workflow_execution_logs`.

use model::{ExecutionId, LogId, TenantId, journal::Log};

use crate::{Connection, StoreResult, Tx, database::Row, params, tx::IdKind};

const COLUMNS: &str = "id, tenant_id, execution_id, step_number, step_type, step_name, step_id, step_path, attempt, retry_count, status, input_data,
     output_data, error, warnings, retryable, resume_at, carried_from, started_at, completed_at, duration_ms, created_at";

/// Writes a new row and gives it its id.
pub(crate) async fn log_insert(tx: &mut Tx, log: &mut Log) -> StoreResult<()> {
    log.id = LogId::new(tx.id(IdKind::Log).await?);
    tx.execute(
        "INSERT INTO workflow_execution_logs (id, tenant_id, execution_id, step_number, step_type, step_name, step_id, step_path, attempt,
            retry_count, status, input_data, output_data, error, warnings, retryable, resume_at, carried_from, started_at, completed_at,
            duration_ms, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
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
        ],
    )
    .await
    .map(drop)
}

/// Writes what became of a row that was `running`.
pub(crate) async fn log_finish(tx: &mut Tx, log: &Log) -> StoreResult<()> {
    tx.execute(
        "UPDATE workflow_execution_logs SET status = ?1, output_data = ?2, error = ?3, retryable = ?4, resume_at = ?5, completed_at = ?6,
            duration_ms = ?7 WHERE execution_id = ?8 AND id = ?9 AND tenant_id = ?10",
        params![
            log.status,
            &log.output_data,
            &log.error,
            log.retryable,
            log.resume_at,
            log.completed_at,
            log.duration_ms,
            log.execution_id,
            log.id,
            log.tenant_id
        ],
    )
    .await
    .map(drop)
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
        input_data: row.take::<Option<serde_json::Value>>()?.unwrap_or_default(),
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
