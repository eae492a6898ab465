//! Partitions that go: which have nothing but history that is too old, and their removal.
//!
//! A partition is taken out in one short transaction, for which everybody waits a moment, and only if it gets its locks within that; from then on nobody sees it. What has to be
//! done besides, its rows' counts and what referred to them, takes its time and is done with nobody waiting, in the transaction that drops the tables. Whoever is
//! stopped in between leaves tables whose names say that they are to go, and the next round goes on with them.

use std::collections::HashMap;

use model::{Period, TenantId, Timestamp};

use super::{Partition, Series};
use crate::{
    Connection, StoreResult, params,
    retention::{Cursor, Keep},
};

/// A row older than this is in a partition: then all ids of those before it were handed out that long ago, and nobody has any left (`ids.rs`).
const FILLED: Period = Period::hours(24);

/// Ids whose rows are read with one statement.
const STRETCH: i64 = 100_000;

/// How a partition stands to retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All of it is too old, and none of it is live or needed.
    Over {
        /// How many rows.
        rows: u64,
    },
    /// It will be soon: removing its rows one by one would be in vain.
    Soon(Held),
    /// It holds something that is kept for longer.
    Kept,
    /// It holds nothing that is about to go; and so do those behind it.
    Young,
}

/// Ids that are to go together, soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    from: i64,
    to: i64,
    newest: Timestamp,
}

impl Held {
    pub(crate) const fn contains(self, id: i64) -> bool {
        self.from <= id && id < self.to
    }

    /// Where the history behind begins.
    pub(crate) const fn end(self) -> Cursor {
        Cursor::at(self.newest, self.to - 1)
    }
}

/// A series' partitions that get no new rows, the oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn partitions_filled(
    connection: &mut Connection,
    series: Series,
    now: Timestamp,
) -> StoreResult<Vec<Partition>> {
    let mut all = super::partitions(connection, series).await?;
    let mut filled = 0;
    for partition in &all {
        // Of all tenants: the tables as such.
        let sql = match series {
            Series::Executions => {
                "SELECT created_at FROM workflow_executions WHERE id >= ?1 ORDER BY id LIMIT 1"
            }
            Series::Events => "SELECT created_at FROM events WHERE id >= ?1 ORDER BY id LIMIT 1",
        };
        let first = connection.query_optional(sql, params![partition.to]).await?;
        let first: Option<Timestamp> = first.map(crate::database::Row::first).transpose()?;
        if first.is_none_or(|first| first >= now.minus(FILLED)) {
            break;
        }
        filled += 1;
    }
    all.truncate(filled);
    Ok(all)
}

/// How a partition stands that gets no new rows, by what each tenant keeps.
///
/// # Errors
/// When the database refuses.
pub async fn partition_standing(
    connection: &mut Connection,
    partition: Partition,
    keeps: &HashMap<TenantId, Keep>,
) -> StoreResult<Standing> {
    let name = partition.name();
    // By index, each tenant's newest, and whether it has something live: what is known at once needs no more.
    let sql = match partition.series {
        Series::Executions => format!(
            "SELECT t.id, (SELECT max(e.created_at) FROM {name} e WHERE e.tenant_id = t.id),
                (SELECT 1 FROM {name} e WHERE e.tenant_id = t.id AND e.status IN ('pending', 'running', 'waiting', 'retrying') LIMIT 1)
               FROM tenants t"
        ),
        Series::Events => format!(
            "SELECT t.id, (SELECT v.created_at FROM {name} v WHERE v.tenant_id >= t.id AND v.tenant_id <= t.id ORDER BY v.tenant_id DESC, v.id DESC LIMIT 1),
                CAST(NULL AS bigint)
               FROM tenants t"
        ),
    };
    let (mut newest, mut is_live, mut is_old, mut is_kept) = (None, false, true, false);
    let mut all_young = true;
    for row in connection.query(sql, params![]).await? {
        let mut row = row.cells();
        let (tenant, last, live): (TenantId, Option<Timestamp>, Option<i64>) =
            (row.take()?, row.take()?, row.take()?);
        let Some(last) = last else { continue };
        newest = newest.max(Some(last));
        is_live |= live.is_some();
        let keep = keeps.get(&tenant);
        is_old &= keep.is_some_and(|keep| last < keep.before);
        is_kept |= keep.is_none_or(|keep| last >= keep.soon);
        all_young &= keep.is_none_or(|keep| last >= keep.soon);
    }
    match newest {
        Some(_) if all_young => return Ok(Standing::Young),
        Some(_) if is_live || is_kept => return Ok(Standing::Kept),
        Some(newest) if !is_old => {
            return Ok(Standing::Soon(Held { from: partition.from, to: partition.to, newest }));
        }
        _ => {}
    }
    if partition.series == Series::Events && is_needed(connection, partition).await? {
        return Ok(Standing::Kept);
    }
    // Row by row, a stretch at a time: what waited for months and ended today is kept.
    let first = connection.query_one(format!("SELECT coalesce(min(id), 0) FROM {name}"), params![]).await?;
    let (mut from, mut rows): (i64, u64) = (first.first()?, 0);
    let sql = match partition.series {
        Series::Executions => format!(
            "SELECT tenant_id, max(greatest(created_at, completed_at)), count(*) FROM {name} WHERE id >= ?1 AND id < ?2 GROUP BY tenant_id"
        ),
        Series::Events => format!(
            "SELECT tenant_id, max(created_at), count(*) FROM {name} WHERE id >= ?1 AND id < ?2 GROUP BY tenant_id"
        ),
    };
    while from < partition.to {
        for row in connection.query(sql.clone(), params![from, from + STRETCH]).await? {
            let mut row = row.cells();
            let (tenant, last, count): (TenantId, Timestamp, i64) = (row.take()?, row.take()?, row.take()?);
            if keeps.get(&tenant).is_none_or(|keep| last >= keep.before) {
                return Ok(Standing::Kept);
            }
            rows += count.unsigned_abs();
        }
        from += STRETCH;
    }
    Ok(Standing::Over { rows })
}

/// Whether an execution is left of an event, or an event waits for its execution.
async fn is_needed(connection: &mut Connection, partition: Partition) -> StoreResult<bool> {
    let sql =
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM workflow_executions WHERE event_id >= ?1 AND event_id < ?2)
        OR EXISTS (SELECT 1 FROM debounces WHERE event_id >= ?1 AND event_id < ?2)";
    Ok(connection.query_optional(sql, params![partition.from, partition.to]).await?.is_some())
}

/// Takes a partition out: nobody sees it any more. [`partitions_settle`] does the rest. Not in a transaction.
///
/// # Errors
/// When others are in the way for longer than they may be held up, or an event is needed again; when the database refuses.
pub async fn partition_retire(connection: &mut Connection, partition: Partition) -> StoreResult<()> {
    connection.change_schema(&partition.retiring()).await
}

impl Partition {
    fn retiring(self) -> String {
        let Self { from, to, .. } = self;
        let tables = self.tables();
        let parts = tables.iter().map(|(part, _)| part.as_str()).collect::<Vec<_>>().join(", ");
        let wholes = tables.iter().map(|(_, whole)| format!("ONLY {whole}")).collect::<Vec<_>>().join(", ");
        // The weaker lock holds up nobody, and sends autovacuum away.
        let mut text = format!(
            "SET LOCAL lock_timeout = '60s'; LOCK TABLE {parts} IN SHARE UPDATE EXCLUSIVE MODE;
             SET LOCAL lock_timeout = '900ms'; SET LOCAL statement_timeout = '900ms';
             LOCK TABLE ONLY workflows, {wholes}, {parts} IN ACCESS EXCLUSIVE MODE;
             SET LOCAL statement_timeout = 0;"
        );
        if self.series == Series::Events {
            text.push_str(&format!(
                "DO $$ BEGIN IF EXISTS (SELECT 1 FROM workflow_executions WHERE event_id >= {from} AND event_id < {to})
                    OR EXISTS (SELECT 1 FROM debounces WHERE event_id >= {from} AND event_id < {to}) THEN
                    RAISE EXCEPTION 'an event is needed again'; END IF; END $$;"
            ));
        }
        for (part, whole) in tables.iter().rev() {
            text.push_str(&format!(
                "ALTER TABLE {whole} DETACH PARTITION {part}; ALTER TABLE {part} RENAME TO {part}_gone;"
            ));
        }
        if self.series == Series::Executions {
            // Else dropping it would lock the workflows.
            text.push_str(&format!(
                "DO $$ DECLARE reference text; BEGIN
                    FOR reference IN SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = to_regclass('{0}_gone') LOOP
                        EXECUTE format('ALTER TABLE {0}_gone DROP CONSTRAINT %I', reference);
                    END LOOP; END $$;",
                self.name()
            ));
        }
        text
    }

    /// What is left to do for one that is taken out. The counts of what ever ran stay. Counts of a workflow that was removed meanwhile have gone with it.
    fn settling(self) -> String {
        let gone = format!("{}_gone", self.name());
        let of_it = |table: &str, column: &str| {
            format!(
                "DELETE FROM {table} WHERE {column} >= (SELECT min(id) FROM {gone}) AND {column} <= (SELECT max(id) FROM {gone});"
            )
        };
        match self.series {
            Series::Events => format!("{} DROP TABLE {gone};", of_it("event_subjects", "event_id")),
            Series::Executions => format!(
                "{} {} {} {}
                 UPDATE execution_rollups r SET existing = r.existing - gone.rows
                   FROM (SELECT tenant_id, workflow_id, date_trunc('hour', created_at, 'UTC') AS hour, status, coalesce(outcome, '') AS outcome, count(*) AS rows
                           FROM {gone} GROUP BY 1, 2, 3, 4, 5) AS gone
                  WHERE r.tenant_id = gone.tenant_id AND r.workflow_id = gone.workflow_id AND r.hour = gone.hour
                    AND r.status = gone.status AND r.outcome = gone.outcome;
                 DROP TABLE workflow_execution_logs_from_{}_gone, {gone};",
                of_it("execution_waits", "execution_id"),
                of_it("approvals", "execution_id"),
                of_it("execution_moves", "execution_id"),
                of_it("integration_waits", "execution_id"),
                self.from
            ),
        }
    }
}

/// Settles what was taken out and drops it. Not in a transaction.
///
/// # Errors
/// When the database refuses: then it is still there for the next time.
pub async fn partitions_settle(connection: &mut Connection) -> StoreResult<()> {
    if !connection.is_shared() {
        return Ok(());
    }
    for series in Series::ALL {
        for from in retired(connection, series).await? {
            // Not as a change of the schema: nobody has these tables any more, and whoever needs a new partition does not wait for their end.
            connection.batch(Partition { series, from, to: from }.settling()).await?;
            tracing::info!(
                table = series.table(),
                from,
                "a partition is dropped: all of it was older than it is kept"
            );
        }
    }
    Ok(())
}

/// Whether something is taken out and not settled: its rows are counted and not there.
pub(crate) async fn is_settling(connection: &mut Connection) -> StoreResult<bool> {
    Ok(connection.is_shared() && !retired(connection, Series::Executions).await?.is_empty())
}

/// Where those begin that were taken out.
async fn retired(connection: &mut Connection, series: Series) -> StoreResult<Vec<i64>> {
    let rows = connection
        .query(
            "SELECT CAST(substring(relname FROM '_from_([0-9]+)_gone$') AS bigint) FROM pg_class
              WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relkind = 'r' AND NOT relispartition
                AND relname ~ ('^' || ?1 || '_from_[0-9]+_gone$') ORDER BY 1",
            params![series.table()],
        )
        .await?;
    rows.into_iter().map(crate::database::Row::first).collect()
}
