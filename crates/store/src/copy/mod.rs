//! Moves a store from one database to another, between any two of the kinds there are.
//!
//! Nothing here knows a table by heart: tables, columns and keys come from the catalogues of both databases ([`catalogue`]). A table is walked in the
//! order of its key, a page at a time; the page's rows and the mark of how far the copy has come ([`mark`]) are one transaction of the target. So a copy that was
//! interrupted, however it was, goes on after the last page that is there; and a target that has the mark is opened by no server.
//! At the end both stores are read once more and compared ([`content`]); only then the mark goes.
//!
//! What does not move: the rows of `nodes`, and who has an execution in hand. The first start on the target takes everything up, as after a stop.

mod content;
mod mark;
mod table;

use std::sync::Arc;

use futures_util::future::join;
use model::Clock;

use crate::{
    Connection, StoreError, StoreResult,
    database::{Address, catalogue, outside},
    installation::installation_made,
};

use crate::partition::{Series, ids_end, partitions_make};
use mark::Mark;
use table::Mapped;

pub(crate) use mark::refuse_half_copied;

/// Rows of a page, at most. A page is one statement and one commit of the target: more would save little and cost memory.
pub const PAGE: usize = 2_000;

/// What is to be copied.
#[derive(Debug)]
pub struct Order {
    /// Whose rows. No server may have it.
    pub from: Address,
    /// Where to: nothing there yet, or an interrupted copy of the same store.
    pub to: Address,
    /// Compare the content of all rows at the end, and not only their number.
    pub check_content: bool,
    /// Rows of a page, at most: [`PAGE`].
    pub page: usize,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
}

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<'a> {
    /// How many rows there are in all, and how many an earlier attempt has copied.
    Begun {
        /// In all tables.
        rows: u64,
        /// Of them.
        copied: u64,
    },
    /// Rows of a table are durable in the target.
    Copied {
        /// Its name.
        table: &'a str,
        /// How many more.
        rows: u64,
    },
    /// A table is there.
    Finished {
        /// Its name.
        table: &'a str,
        /// How many rows it has.
        rows: u64,
    },
    /// Both stores are read once more.
    Checking,
    /// Rows of a table were read and compared in both stores.
    Checked {
        /// Its name.
        table: &'a str,
        /// How many in the source.
        rows: u64,
    },
}

/// What became of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every table, in the order of copying.
    pub tables: Vec<Compared>,
    /// It went on where an earlier attempt had stopped.
    pub resumed: bool,
    /// The contents were compared.
    pub content_was_checked: bool,
}

/// One table in both stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Its name.
    pub table: String,
    /// Rows in the source.
    pub from: u64,
    /// Rows in the target.
    pub to: u64,
    /// As far as was looked.
    pub same: bool,
}

impl Report {
    /// Every table is the same in both.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.tables.iter().all(|table| table.same)
    }
}

/// Why a store was not copied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CopyError {
    /// Both addresses are one.
    #[error("the source and the target are the same store")]
    Same,
    /// The source has another schema than this program.
    #[error("{}", outdated(*.found, *.known))]
    SourceMigration {
        /// The newest migration in the source; none: it is no store.
        found: Option<i64>,
        /// The newest that this program has.
        known: i64,
    },
    /// A node works on a store that must stand still.
    #[error(
        "{0} is served: {1}. Stop every node on it first; one that was killed is gone when its lease has lapsed, after 10 s"
    )]
    Served(Side, String),
    /// The target has rows that no copy of this source has made.
    #[error(
        "the target is not empty: {table} has rows. A copy goes into a new database (`createdb`), or a file that is not there yet"
    )]
    TargetInUse {
        /// The first table with rows.
        table: String,
    },
    /// The target is a half copy of something else.
    #[error(
        "the target is an interrupted copy of another store: give the source of that copy, or a new database"
    )]
    TargetOfOther,
    /// Another process copies into the same target.
    #[error("another `vtrustx store copy` is at work on this target: this one has stopped")]
    Overtaken,
    /// A table cannot be walked.
    #[error("{0} has no primary key or other columns on the two sides: it cannot be copied")]
    Table(String),
    /// A row that the target does not take.
    #[error(
        "the target refuses the row {key} of {table}: {reason}. Everything before it is copied; mend the row in the source, and run the same command again"
    )]
    Row {
        /// Its table.
        table: String,
        /// Its primary key.
        key: String,
        /// What the database said.
        reason: String,
    },
    /// A store.
    #[error("{0}: {1}")]
    Store(Side, StoreError),
}

/// One of two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Read.
    Source,
    /// Written.
    Target,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source => "the source",
            Self::Target => "the target",
        })
    }
}

fn outdated(found: Option<i64>, known: i64) -> String {
    match found {
        None => "the source is no store of vtrustx".to_owned(),
        Some(found) => format!(
            "the source has migration {found} and this program {known}: bring it up to date with `vtrustx migrate` first"
        ),
    }
}

impl Side {
    fn failed(self) -> impl Fn(StoreError) -> CopyError {
        move |error| CopyError::Store(self, error)
    }
}

/// Copies a store, or goes on with a copy that was interrupted; then compares both.
///
/// # Errors
/// See [`CopyError`]. What was copied before an error stays, and the next attempt goes on after it.
pub async fn store_copy(
    order: Order,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Report, CopyError> {
    if order.from == order.to {
        return Err(CopyError::Same);
    }
    let mut source = source(&order.from).await?;
    let installation = installation_made(&mut source).await.map_err(Side::Source.failed())?;
    hold_still(&mut source).await?;
    let mut target = target(&order).await?;
    make_room(&mut source, &mut target).await?;
    let tables = mapped(&mut source, &mut target).await?;
    let (mut mark, resumed) = mark::begin(&mut target, &installation, &tables).await?;
    let mut counts = Vec::with_capacity(tables.len());
    for table in &tables {
        counts.push(table.count(&mut source).await.map_err(Side::Source.failed())?);
    }
    progress(Progress::Begun { rows: counts.iter().sum(), copied: mark.copied() });
    for (table, count) in tables.iter().zip(counts) {
        if mark.is_done(table.name()) {
            continue;
        }
        copy_table(table, order.page, &mut source, &mut target, &mut mark, progress).await?;
        progress(Progress::Finished { table: table.name(), rows: count });
    }
    progress(Progress::Checking);
    let report = Report {
        tables: compare(&tables, source, &mut target, order.check_content, progress).await?,
        resumed,
        content_was_checked: order.check_content,
    };
    if report.is_good() {
        mark.end(&mut target).await?;
    }
    target.settle().await.map_err(Side::Target.failed())?;
    Ok(report)
}

async fn source(address: &Address) -> Result<Connection, CopyError> {
    let failed = Side::Source.failed();
    let mut source = outside::hold(address).await.map_err(&failed)?;
    let (found, known) =
        (catalogue::migration(&mut source).await.map_err(&failed)?, outside::newest_migration());
    if found != Some(known) {
        return Err(CopyError::SourceMigration { found, known });
    }
    refuse_half_copied(&mut source).await.map_err(&failed)?;
    Ok(source)
}

async fn target(order: &Order) -> Result<Connection, CopyError> {
    let mut target = outside::make(&order.to, order.clock.now()).await.map_err(Side::Target.failed())?;
    refuse_served(Side::Target, &mut target).await?;
    Ok(target)
}

/// The partitions that the rows need, where the target has such.
async fn make_room(source: &mut Connection, target: &mut Connection) -> Result<(), CopyError> {
    for series in Series::ALL {
        let end = ids_end(source, series).await.map_err(Side::Source.failed())?;
        partitions_make(target, series, end).await.map_err(Side::Target.failed())?;
    }
    Ok(())
}

/// No server can begin to work on the source as long as this connection lives. On SQLite the lock of the file says so.
async fn hold_still(source: &mut Connection) -> Result<(), CopyError> {
    let failed = Side::Source.failed();
    if !source.is_shared() {
        return Ok(());
    }
    source.begin(None).await.map_err(&failed)?;
    // A node's first act is a row in `nodes`: it waits until the copy is done. The target may keep this transaction waiting longer than
    // a node's may.
    source
        .batch("SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE nodes IN SHARE MODE; SET TRANSACTION READ ONLY")
        .await
        .map_err(&failed)?;
    refuse_served(Side::Source, source).await
}

async fn refuse_served(side: Side, connection: &mut Connection) -> Result<(), CopyError> {
    // The process that has an SQLite file open holds its lock, and this one has got it.
    if !connection.is_shared() {
        return Ok(());
    }
    let living = living_nodes(connection).await.map_err(side.failed())?;
    if living.is_empty() { Ok(()) } else { Err(CopyError::Served(side, living.join(", "))) }
}

/// The names of the nodes whose lease has not lapsed.
async fn living_nodes(connection: &mut Connection) -> StoreResult<Vec<String>> {
    let rows = connection
        .query("SELECT name FROM nodes WHERE lease_until >= {now_plus:0} ORDER BY id", Vec::new())
        .await?;
    rows.into_iter().map(crate::database::Row::first).collect()
}

async fn mapped(source: &mut Connection, target: &mut Connection) -> Result<Vec<Mapped>, CopyError> {
    let from = catalogue::tables(source).await.map_err(Side::Source.failed())?;
    let to = catalogue::tables(target).await.map_err(Side::Target.failed())?;
    table::map(&from, to)
}

/// Copies what of a table is not there yet. The next page is read while one is written.
async fn copy_table(
    table: &Mapped,
    most: usize,
    source: &mut Connection,
    target: &mut Connection,
    mark: &mut Mark,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<(), CopyError> {
    let failed = Side::Source.failed();
    let mut size = table::PageSize::new(most);
    let mut page = table.page(source, mark.after(table.name()), size.rows()).await.map_err(&failed)?;
    while let Some(last) = page.last() {
        size.learn(&page);
        let next = table.page(source, Some(table.key_of(last)), size.rows());
        let written = mark.write(target, table, &page);
        let (next, written) = join(next, written).await;
        progress(Progress::Copied { table: table.name(), rows: written? });
        page = next.map_err(&failed)?;
    }
    mark.done(target, table.name()).await
}

/// Reads both stores, each at its own pace.
async fn compare(
    tables: &[Mapped],
    mut source: Connection,
    target: &mut Connection,
    content: bool,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Vec<Compared>, CopyError> {
    let mut compared = Vec::with_capacity(tables.len());
    for table in tables {
        let (from, to) = if content {
            join(content::sum(table, &mut source), content::sum(table, target)).await
        } else {
            join(content::count(table, &mut source), content::count(table, target)).await
        };
        let from = from.map_err(Side::Source.failed())?;
        let to = to.map_err(Side::Target.failed())?;
        progress(Progress::Checked { table: table.name(), rows: from.rows });
        let name = table.name().to_owned();
        compared.push(Compared { table: name, from: from.rows, to: to.rows, same: from == to });
    }
    Ok(compared)
}
