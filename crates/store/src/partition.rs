//! History in partitions, on PostgreSQL: spans of ids, which grow with time, so that what is too old is dropped with its span ([`retiring`]) and the disk has
//! its space back. Logs go with their executions. On SQLite there are none.
//!
//! There is no partition for whatever has no other: rows in it would be in the way of the next. Instead partitions are there before they are needed. A task makes
//! them ahead on every node, and no block of ids is handed out before there are partitions for all of it (`ids.rs`). So no row looks for a partition in vain.
//!
//! Nothing refers to a table that is in partitions: PostgreSQL would look for what refers to each row when one is taken out. What goes with an execution or an
//! event goes by the tables' triggers (`migrations/0017_partitions.postgres.sql`); logs refer to executions partition by partition.

mod retiring;

use std::fmt::Write as _;

use crate::{Connection, StoreResult, ids::IdKind, params};

pub(crate) use retiring::is_settling;
pub use retiring::{
    Held, Standing, partition_retire, partition_standing, partitions_filled, partitions_settle,
};

/// Ids of a partition at the least.
const SPAN: i64 = 2_000_000;
/// So many ids ahead there are partitions, unless they are used up in less time than it takes to look again.
const AHEAD: i64 = 1_000_000;
/// A partition has at least this share of all ids that there are partitions for: then there are few, however much is kept, and each is about this share of
/// the time that is kept.
const SHARE: i64 = 10;
/// Bounds are multiples of it, as the blocks of ids are.
const STEP: i64 = 1_000;

/// What is in partitions by its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Series {
    /// Executions, and their logs with them.
    Executions,
    /// Events.
    Events,
}

/// A span of ids with its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// What is in it.
    pub series: Series,
    /// The first id; 0 for all that come before.
    pub from: i64,
    /// The first id behind it.
    pub to: i64,
}

impl Series {
    /// In the order of their removal: events wait for their executions.
    pub const ALL: [Self; 2] = [Self::Executions, Self::Events];

    pub(crate) const fn of(kind: IdKind) -> Option<Self> {
        match kind {
            IdKind::Execution => Some(Self::Executions),
            IdKind::Event => Some(Self::Events),
            _ => None,
        }
    }

    /// The table that has the ids.
    const fn table(self) -> &'static str {
        match self {
            Self::Executions => "workflow_executions",
            Self::Events => "events",
        }
    }

    /// What its ids are counted under.
    const fn counter(self) -> &'static str {
        match self {
            Self::Executions => "execution",
            Self::Events => "event",
        }
    }
}

/// A series' partitions, the oldest first; none where there are none.
///
/// # Errors
/// When the database refuses.
pub async fn partitions(connection: &mut Connection, series: Series) -> StoreResult<Vec<Partition>> {
    if !connection.is_shared() {
        return Ok(Vec::new());
    }
    let rows = connection
        .query(
            "SELECT coalesce(CAST(substring(bounds FROM 'FROM [(]''([0-9]+)''[)]') AS bigint), 0), CAST(substring(bounds FROM 'TO [(]''([0-9]+)''[)]') AS bigint)
               FROM (SELECT pg_get_expr(c.relpartbound, c.oid) AS bounds FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                      WHERE i.inhparent = to_regclass(?1)) AS parts
              WHERE bounds LIKE '% TO (''%' ORDER BY 1",
            params![series.table()],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(Partition { series, from: row.take()?, to: row.take()? })
        })
        .collect()
}

/// Whether partitions have to be made ahead.
///
/// # Errors
/// When the database refuses.
pub async fn partitions_wanting(connection: &mut Connection) -> StoreResult<bool> {
    for series in Series::ALL {
        let last = partitions(connection, series).await?.pop();
        let next = next_id(connection, series).await?;
        if last.is_some_and(|last| last.to < next + AHEAD) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes the partitions that ids are going to need. Not in a transaction.
///
/// # Errors
/// When others are in the way for longer than they may be held up: the next attempt may have more luck. When the database refuses.
pub async fn partitions_make_ahead(connection: &mut Connection) -> StoreResult<()> {
    for series in Series::ALL {
        let next = next_id(connection, series).await?;
        partitions_make(connection, series, next + AHEAD).await?;
    }
    Ok(())
}

/// Sees to it that there is a partition for each id below `end`, and answers the first for which there is none. Not in a transaction.
///
/// # Errors
/// As [`partitions_make_ahead`].
pub(crate) async fn partitions_make(
    connection: &mut Connection,
    series: Series,
    end: i64,
) -> StoreResult<i64> {
    loop {
        let all = partitions(connection, series).await?;
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return Ok(i64::MAX) };
        if last.to >= end {
            return Ok(last.to);
        }
        let next = last.following(first.from);
        connection.change_schema(&next.making()).await?;
        tracing::info!(table = series.table(), from = next.from, to = next.to, "a partition is made");
    }
}

/// The first id behind all that are there or were handed out.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn ids_end(connection: &mut Connection, series: Series) -> StoreResult<i64> {
    let sql = match series {
        Series::Executions => "SELECT max(id) FROM workflow_executions",
        Series::Events => "SELECT max(id) FROM events",
    };
    let last: Option<i64> = connection.query_one(sql, params![]).await?.first()?;
    Ok(next_id(connection, series).await?.max(last.unwrap_or(0) + 1))
}

async fn next_id(connection: &mut Connection, series: Series) -> StoreResult<i64> {
    let sql = "SELECT next_id FROM id_blocks WHERE kind = ?1";
    let row = connection.query_optional(sql, params![series.counter()]).await?;
    row.map_or(Ok(1), crate::database::Row::first)
}

impl Partition {
    /// The one behind it, where the oldest begins there.
    fn following(self, oldest: i64) -> Self {
        let share = (self.to - oldest) / SHARE / STEP * STEP;
        Self { from: self.to, to: self.to + share.max(SPAN), ..self }
    }

    /// Its tables, each with the one that it is a part of and the column that it goes by.
    fn tables(self) -> Vec<(String, &'static str)> {
        let whole: &[&str] = match self.series {
            Series::Executions => &["workflow_executions", "workflow_execution_logs"],
            Series::Events => &["events"],
        };
        whole.iter().map(|table| (format!("{table}_from_{}", self.from), *table)).collect()
    }

    /// The table of its ids.
    fn name(self) -> String {
        format!("{}_from_{}", self.series.table(), self.from)
    }

    /// What makes it, unless another node has. A table is made by itself and then becomes a part: so the whole is not locked against anybody who reads or writes,
    /// only `workflows` against whoever writes, for a moment.
    fn making(self) -> String {
        let (Self { from, to, .. }, name) = (self, self.name());
        let mut text = format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass('{name}')) THEN"
        );
        for (part, whole) in self.tables() {
            // A String takes whatever is written to it.
            let _ = write!(text, " CREATE TABLE {part} (LIKE {whole} INCLUDING DEFAULTS);");
            let _ = write!(
                text,
                " ALTER TABLE {whole} ATTACH PARTITION {part} FOR VALUES FROM ({from}) TO ({to});"
            );
        }
        text.push_str(" END IF; END $$;");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_many_partitions() {
        let mut all = vec![Partition { series: Series::Events, from: 0, to: SPAN + 1 }];
        // A history that is kept while it grows to this many, and stays as long from then on.
        for most in [SPAN, 10 * SPAN, 400 * SPAN, 50 * SPAN] {
            for _ in 0..60 {
                let last = all[all.len() - 1];
                all.push(last.following(all[0].from));
                all.retain(|partition| partition.to > last.to - most);
            }
            assert!((2..=15).contains(&all.len()), "{} for {most}", all.len());
            assert!(all.windows(2).all(|pair| pair[0].to == pair[1].from && pair[1].from % STEP == 1));
        }
    }
}
