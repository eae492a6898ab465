//! An index of a table in partitions, made beside whoever works with it: partition by partition, and nobody waits for it.

use std::time::Duration;

use super::{Database, schema::ATTEMPTS, unavailable};
use crate::{StoreError, StoreResult};

/// Held by whoever makes one: "vtxindex" in ASCII.
const LOCK: i64 = 0x7674_7869_6e64_6578;
/// Until one looks again whether another is done. Asked for at once, without waiting: who waits in a statement would himself be waited for.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub(in crate::database) struct Index {
    pub(in crate::database) table: &'static str,
    pub(in crate::database) name: &'static str,
    /// In parentheses, with the predicate.
    pub(in crate::database) columns: &'static str,
}

impl Database {
    /// Makes what of an index is not there. Not in a transaction. Interrupted, it goes on at the next start. A long transaction of anybody, a backup for one, is waited for.
    pub(in crate::database) async fn index_make(&mut self, index: Index) -> StoreResult<()> {
        let Index { table, name, columns } = index;
        while !self.is_true(&format!("SELECT pg_try_advisory_lock({LOCK})")).await? {
            tokio::time::sleep(PAUSE).await;
        }
        // The whole has it first, not to be used yet: a partition that is made from now on comes with its own.
        if !self.is_true(&format!("SELECT to_regclass('{name}') IS NOT NULL")).await? {
            let whole = format!("CREATE INDEX {name} ON ONLY {table} {columns};");
            self.change_schema(&whole, ATTEMPTS).await?;
        }
        for part in self.parts_without(index).await? {
            tracing::info!(index = name, partition = part, "an index is made, beside the nodes");
            let own = part.replace(table, name);
            // What an interrupted attempt left.
            self.beside(&format!("DROP INDEX CONCURRENTLY IF EXISTS {own}")).await?;
            self.beside(&format!("CREATE INDEX CONCURRENTLY {own} ON {part} {columns}")).await?;
            self.change_schema(&format!("ALTER INDEX {name} ATTACH PARTITION {own};"), ATTEMPTS).await?;
        }
        self.is_true(&format!("SELECT pg_advisory_unlock({LOCK})")).await.map(drop)
    }

    async fn is_true(&mut self, sql: &str) -> StoreResult<bool> {
        let rows = self.query(sql, &[]).await?;
        let row = rows.into_iter().next();
        let answer: i64 = row.ok_or_else(|| StoreError::Corrupt(format!("no row for: {sql}")))?.first()?;
        Ok(answer == 1)
    }

    /// However long it takes.
    async fn beside(&mut self, text: &str) -> StoreResult<()> {
        let client = &self.session().await?.client;
        client.batch_execute(text).await.map_err(unavailable)
    }

    async fn parts_without(&mut self, Index { table, name, .. }: Index) -> StoreResult<Vec<String>> {
        let rows = self
            .query(
                "SELECT CAST(c.relname AS text) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(?1)
                    AND NOT EXISTS (SELECT 1 FROM pg_index x JOIN pg_inherits y ON y.inhrelid = x.indexrelid
                                     WHERE x.indrelid = c.oid AND y.inhparent = to_regclass(?2))
                  ORDER BY c.oid",
                &[table.into(), name.into()],
            )
            .await?;
        rows.into_iter().map(crate::database::Row::first).collect()
    }
}
