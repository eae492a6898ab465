//! Are the folded counts those of the rows? Lists' totals and statistics are read from them.

use model::Timestamp;

use super::Finding;
use crate::{Connection, StoreResult, params, partition::is_settling};

/// Hours that are looked at without being thorough: the newest that have rows.
const SAMPLE: i64 = 24;
const HOUR_MS: i64 = 3_600_000;

pub(super) async fn statistics(connection: &mut Connection, is_thorough: bool) -> StoreResult<Finding> {
    if is_settling(connection).await? {
        return Ok(Finding::warning(
            "statistics",
            "a partition of history that is too old is about to be dropped: the counts follow with it",
            "ask again when retention has had its next round, within ten minutes",
        ));
    }
    let (what, wrong) = if is_thorough {
        ("all hours", different(connection, None).await? + unlike_summaries(connection).await?)
    } else {
        let hours = connection
            .query(
                "SELECT DISTINCT hour, tenant_id FROM execution_rollups WHERE existing <> 0 ORDER BY hour DESC, tenant_id LIMIT ?1",
                params![SAMPLE],
            )
            .await?;
        let mut wrong = 0;
        for hour in hours {
            let mut row = hour.cells();
            let (hour, tenant): (Timestamp, i64) = (row.take()?, row.take()?);
            wrong += different(connection, Some((tenant, hour))).await?;
        }
        ("the newest hours", wrong)
    };
    Ok(if wrong == 0 {
        Finding::good("statistics", format!("the counts of {what} are those of the rows"))
    } else {
        Finding::problem(
            "statistics",
            format!("{wrong} counts of {what} differ from the rows"),
            "lists' totals are wrong, nothing else is: set them right by the statement in docs/OPERATIONS.md, \"What doctor says\"",
        )
    })
}

/// How many counts differ, in one hour of one tenant or in all. Both sides are read by one statement: work goes on meanwhile.
async fn different(connection: &mut Connection, hour: Option<(i64, Timestamp)>) -> StoreResult<i64> {
    let (of_counts, of_rows, parameters) = match hour {
        None => ("", "", params![]),
        Some((tenant, hour)) => (
            "WHERE tenant_id = ?1 AND hour = ?2",
            "WHERE tenant_id = ?1 AND created_at >= ?2 AND created_at < ?3",
            params![tenant, hour, Timestamp::from_millis(hour.as_millis() + HOUR_MS)],
        ),
    };
    let sql = format!(
        "SELECT count(*) FROM (
            SELECT tenant_id, workflow_id, status, outcome FROM (
                SELECT tenant_id, workflow_id, status, outcome, existing AS counted, 0 AS there FROM execution_rollups {of_counts}
                UNION ALL
                SELECT tenant_id, workflow_id, status, coalesce(outcome, ''), 0, 1 FROM workflow_executions {of_rows}) AS sides
             GROUP BY tenant_id, workflow_id, status, outcome HAVING sum(counted) <> sum(there)) AS different"
    );
    connection.query_one(sql, parameters).await?.first()
}

/// How many counts of days and months are not those of their hours, of each workflow and of all.
async fn unlike_summaries(connection: &mut Connection) -> StoreResult<i64> {
    connection
        .query_one(
            "SELECT count(*) FROM (
                SELECT tenant_id, workflow_id, status, outcome FROM (
                    SELECT tenant_id, workflow_id, status, outcome, 2 * existing AS existing, 2 * ever AS ever FROM execution_rollups
                    UNION ALL
                    SELECT tenant_id, workflow_id, status, outcome, -existing, -ever FROM execution_summaries) AS sides
                 GROUP BY tenant_id, workflow_id, status, outcome HAVING sum(existing) <> 0 OR sum(ever) <> 0
                UNION ALL
                SELECT tenant_id, 0, status, outcome FROM (
                    SELECT tenant_id, status, outcome, existing, ever FROM execution_rollups
                    UNION ALL
                    SELECT tenant_id, status, outcome, -existing, -ever FROM execution_days) AS sides
                 GROUP BY tenant_id, status, outcome HAVING sum(existing) <> 0 OR sum(ever) <> 0) AS different",
            params![],
        )
        .await?
        .first()
}
