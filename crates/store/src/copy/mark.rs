//! How far a copy has come: one fact in the target, written in the transaction of the rows that it tells of.
//!
//! It does three things. The next attempt goes on after it. No server opens a store that has it ([`refuse_half_copied`]). And it is the fence between two copies into
//! one target: every attempt writes a text of its own, and one that does not find its last text any more stops.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CopyError, Side, table, table::Mapped};
use crate::{
    Connection, StoreError, StoreResult,
    database::{Cell, Row},
    params,
    token::Token,
};

pub(super) const FACT: &str = "copy";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    /// The installation that is copied.
    source: String,
    /// Tells this attempt from another.
    attempt: String,
    /// Tables that are there, with their rows.
    done: BTreeMap<String, u64>,
    /// The table under way.
    table: Option<UnderWay>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct UnderWay {
    name: String,
    /// The key of the last row that is there.
    after: Vec<Cell>,
    rows: u64,
}

/// The mark of a copy under way.
#[derive(Debug)]
pub(super) struct Mark {
    state: State,
    /// As it is in the target.
    text: String,
}

/// Refuses a store that is the target of a copy that has not come to its end.
///
/// # Errors
/// [`StoreError::HalfCopied`]; when the database refuses.
pub(crate) async fn refuse_half_copied(connection: &mut Connection) -> StoreResult<()> {
    match read(connection).await? {
        None => Ok(()),
        Some(_) => Err(StoreError::HalfCopied),
    }
}

async fn read(connection: &mut Connection) -> StoreResult<Option<String>> {
    let row =
        connection.query_optional("SELECT value FROM store_facts WHERE name = ?1", params![FACT]).await?;
    row.map(Row::first).transpose()
}

/// Marks the target as this attempt's. Answers whether an earlier one has begun it.
pub(super) async fn begin(
    target: &mut Connection,
    source: &str,
    tables: &[Mapped],
) -> Result<(Mark, bool), CopyError> {
    let failed = Side::Target.failed();
    let random = Token::random("").map_err(&failed)?;
    let attempt = random.reveal().to_owned();
    if let Some(text) = read(target).await.map_err(&failed)? {
        let state: State = serde_json::from_str(&text)
            .map_err(|error| failed(StoreError::Corrupt(format!("the mark of the copy: {error}"))))?;
        if state.source != source {
            return Err(CopyError::TargetOfOther);
        }
        let mut mark = Mark { state: state.clone(), text };
        mark.replace(target, State { attempt, ..state }).await?;
        return Ok((mark, true));
    }
    for table in tables {
        if !table.page(target, None, 1).await.map_err(&failed)?.is_empty() {
            return Err(CopyError::TargetInUse { table: table.name().to_owned() });
        }
    }
    let state = State { source: source.to_owned(), attempt, done: BTreeMap::new(), table: None };
    let text = text_of(&state);
    let made = target
        .execute(
            "INSERT INTO store_facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
            params![FACT, text.clone()],
        )
        .await
        .map_err(&failed)?;
    if made == 0 { Err(CopyError::Overtaken) } else { Ok((Mark { state, text }, false)) }
}

fn text_of(state: &State) -> String {
    serde_json::to_string(state).expect("a state serialises: its maps have text keys")
}

impl Mark {
    pub(super) fn is_done(&self, table: &str) -> bool {
        self.state.done.contains_key(table)
    }

    /// Rows that are there.
    pub(super) fn copied(&self) -> u64 {
        let under_way = self.state.table.as_ref().map_or(0, |table| table.rows);
        self.state.done.values().sum::<u64>() + under_way
    }

    /// The key of the last row of `table` that is there.
    pub(super) fn after(&self, table: &str) -> Option<Vec<Cell>> {
        let under_way = self.state.table.as_ref().filter(|under_way| under_way.name == table);
        under_way.map(|under_way| under_way.after.clone())
    }

    /// Writes a page, and where it ends, in one transaction. Answers how many rows. When the target refuses the page, its rows are written one by one, to
    /// find out which it is; those before it are kept.
    pub(super) async fn write(
        &mut self,
        target: &mut Connection,
        table: &Mapped,
        page: &[Row],
    ) -> Result<u64, CopyError> {
        let failed = Side::Target.failed();
        target.begin(None).await.map_err(&failed)?;
        let rows = page.iter().map(|row| table.values(row)).collect();
        let refused = match target.execute_rows(table.insert(target.dialect()), rows).await {
            Ok(()) => (page.len(), None),
            Err(_) => {
                target.rollback().await.map_err(&failed)?;
                target.begin(None).await.map_err(&failed)?;
                one_by_one(target, table, page).await.map_err(&failed)?
            }
        };
        let (good, refused) = refused;
        let after = page[..good].last().map(|row| table.key_of(row)).or_else(|| self.after(table.name()));
        if let Some(after) = after {
            let before = self.state.table.as_ref().filter(|under_way| under_way.name == table.name());
            let rows = before.map_or(0, |under_way| under_way.rows) + good as u64;
            let under_way = UnderWay { name: table.name().to_owned(), after, rows };
            self.replace(target, State { table: Some(under_way), ..self.state.clone() }).await?;
        }
        target.commit().await.map_err(&failed)?;
        match refused {
            None => Ok(good as u64),
            Some(error) => Err(CopyError::Row {
                table: table.name().to_owned(),
                key: table::shown(&table.key_of(&page[good])),
                reason: reason(error),
            }),
        }
    }

    /// A table is there.
    pub(super) async fn done(&mut self, target: &mut Connection, table: &str) -> Result<(), CopyError> {
        let mut state = self.state.clone();
        let under_way = state.table.take().filter(|under_way| under_way.name == table);
        state.done.insert(table.to_owned(), under_way.map_or(0, |under_way| under_way.rows));
        self.replace(target, state).await
    }

    /// The copy is good: the target is a store like any other.
    pub(super) async fn end(self, target: &mut Connection) -> Result<(), CopyError> {
        let failed = Side::Target.failed();
        if target.is_shared() {
            // Or the first queries are planned as if every table were empty. SQLite plans by its indexes alone.
            target.batch("ANALYZE").await.map_err(&failed)?;
        }
        let gone = target
            .execute("DELETE FROM store_facts WHERE name = ?1 AND value = ?2", params![FACT, self.text])
            .await
            .map_err(&failed)?;
        if gone == 0 { Err(CopyError::Overtaken) } else { Ok(()) }
    }

    async fn replace(&mut self, target: &mut Connection, state: State) -> Result<(), CopyError> {
        let text = text_of(&state);
        let replaced = target
            .execute(
                "UPDATE store_facts SET value = ?1 WHERE name = ?2 AND value = ?3",
                params![text.clone(), FACT, self.text.clone()],
            )
            .await
            .map_err(Side::Target.failed())?;
        if replaced == 0 {
            return Err(CopyError::Overtaken);
        }
        *self = Self { state, text };
        Ok(())
    }
}

/// How many rows are good, and why the one after them is not; none when all are.
async fn one_by_one(
    target: &mut Connection,
    table: &Mapped,
    page: &[Row],
) -> StoreResult<(usize, Option<StoreError>)> {
    for (good, row) in page.iter().enumerate() {
        target.command("SAVEPOINT one_row").await?;
        let sql = table.insert(target.dialect());
        if let Err(error) = target.execute_rows(sql, vec![table.values(row)]).await {
            target.command("ROLLBACK TO one_row").await?;
            return Ok((good, Some(error)));
        }
        target.command("RELEASE one_row").await?;
    }
    Ok((page.len(), None))
}

fn reason(error: StoreError) -> String {
    match error {
        StoreError::Conflict { .. } => "another row has the same key or unique value".to_owned(),
        // Without the statement, which says nothing of the row.
        StoreError::Unavailable(reason) => reason.split(" in: ").next().unwrap_or(&reason).to_owned(),
        other => other.to_string(),
    }
}
