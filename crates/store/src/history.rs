//! Reading history: lists of executions by filter, page by page, with totals.

use model::{ExecutionId, TenantId, execution::Execution};

use crate::{
    Connection, Page, Paged, StoreResult,
    database::page::COUNT_CAP,
    execution::{COLUMNS, Filter, execution_from},
    params,
    rollup::{self, Span},
};

/// An execution in a list, with its workflow's name today.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The execution.
    pub execution: Execution,
    /// The workflow's name.
    pub workflow_name: String,
}

/// A page of the executions that a filter lets through, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn execution_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<Listed>> {
    let (total, total_is_capped) = execution_count(connection, tenant, filter).await?;
    let (mut predicate, mut parameters) = filter.predicate(tenant);
    if let Some(before) = page.before {
        parameters.push(before.into());
        predicate.push_str(&format!(" AND e.id < ?{}", parameters.len()));
    }
    parameters.push((page.limit + 1).into());
    parameters.push(page.offset.into());
    let (limit, offset) = (parameters.len() - 1, parameters.len());
    let columns =
        COLUMNS.split(',').map(|column| format!("e.{}", column.trim())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns}, w.name FROM workflow_executions e JOIN workflows w ON w.id = e.workflow_id
          WHERE {predicate} ORDER BY e.id DESC LIMIT ?{limit} OFFSET ?{offset}"
    );
    let rows = connection.query(sql, parameters).await?;
    let has_more = rows.len() as i64 > page.limit;
    let rows: Vec<Listed> = rows
        .into_iter()
        .take(page.limit.unsigned_abs() as usize)
        .map(|row| {
            let mut row = row.cells();
            Ok(Listed { execution: execution_from(&mut row)?, workflow_name: row.take()? })
        })
        .collect::<StoreResult<_>>()?;
    let next = rows.last().filter(|_| has_more).map(|listed| listed.execution.id.get());
    Ok(Paged { rows, total, total_is_capped, has_more, next })
}

/// How many executions a filter lets through: exact from the rollups where they know, else counted up to a cap.
async fn execution_count(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
) -> StoreResult<(i64, bool)> {
    if filter.is_counted() {
        let span = Span { workflow: filter.workflow, from: filter.from, until: filter.until };
        return Ok((rollup::existing(connection, tenant, span, filter.status).await?, false));
    }
    let (predicate, mut parameters) = filter.predicate(tenant);
    parameters.push((COUNT_CAP + 1).into());
    let limit = parameters.len();
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM workflow_executions e WHERE {predicate} ORDER BY e.id DESC LIMIT ?{limit}) AS counted"
    );
    let count: i64 = connection.query_one(sql, parameters).await?.first()?;
    Ok((count.min(COUNT_CAP), count > COUNT_CAP))
}

/// One execution with its workflow's name.
///
/// # Errors
/// [`crate::StoreError::Missing`].
pub async fn execution_show(
    connection: &mut Connection,
    tenant: TenantId,
    id: ExecutionId,
) -> StoreResult<Listed> {
    let execution = crate::execution::execution_get(connection, tenant, id).await?;
    let workflow_name = connection
        .query_one(
            "SELECT name FROM workflows WHERE id = ?1 AND tenant_id = ?2",
            params![execution.workflow_id, tenant],
        )
        .await?
        .first()?;
    Ok(Listed { execution, workflow_name })
}
