//! PostgreSQL: one session, its prepared statements, and what to do when it is lost.
//!
//! A session that breaks is opened anew by the next statement outside of a transaction. Inside one the statement fails, and with it the
//! transaction. A session that breaks during a COMMIT leaves open whether it happened. Therefore each transaction of a lane writes the lane's
//! mark, its own number: a new session reads it back (`transaction.rs`) and nobody is answered by guessing. The mark is a row, because a
//! transaction's id means nothing on another server, which may be the one that answers after a failover.

mod fused;
mod index;
mod schema;
mod transaction;
mod wall;
mod wire;

use std::{borrow::Cow, collections::HashMap, future::Future, time::Duration};

use futures_util::{
    FutureExt,
    future::{join, join_all, join3},
};
use tokio_postgres::{Client, NoTls, Statement, error::SqlState, types::ToSql};

use super::{Question, later::Work, row::Row, sql::Dialect, value::Value};
use crate::{StoreError, StoreResult};

pub(super) use index::Index;
pub(super) use schema::ATTEMPTS;
use transaction::{Mark, Transaction};
pub(super) use wall::{Nearness, View};
use wire::{Column, row};

/// Statements kept prepared; when there are more, all are forgotten and prepared anew on demand.
const MOST_STATEMENTS: usize = 512;
/// How long a server may take to answer: a network that swallows everything looks like a slow one.
const PATIENCE: Duration = Duration::from_secs(30);
/// A session that stands still in the middle of a transaction (its process was stopped) is ended by the server after this time, so that it does
/// not hold up whoever takes its work over. No statement is compiled first, which may take a second.
const WRITER: &str = "SET idle_in_transaction_session_timeout = '5s'; SET jit = off";

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
}

/// One session.
pub(crate) struct Database {
    config: tokio_postgres::Config,
    role: Role,
    session: Option<Session>,
    transaction: Transaction,
    /// Commands that go out together with the next statement.
    queued: String,
    /// None before the tables are there.
    mark: Option<Mark>,
    /// What a session for reading sees.
    view: View,
}

struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
    /// It knows what a transaction begins with.
    is_prepared: bool,
}

impl Session {
    fn new(client: Client) -> Self {
        Self { client, statements: HashMap::new(), is_prepared: false }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("role", &self.role).finish_non_exhaustive()
    }
}

pub(crate) fn config(url: &str) -> StoreResult<tokio_postgres::Config> {
    // The parser's message may repeat the address, which holds a password.
    let mut config: tokio_postgres::Config = url.parse().map_err(|_| {
        StoreError::Unavailable(
            "the database address is not understood: postgres://user:password@host:port/name is needed"
                .to_owned(),
        )
    })?;
    // Others see by it what this program knows, before they change what it could not work with.
    let name = format!("vtrustx/{}", super::migrations::known());
    config.application_name(name).connect_timeout(Duration::from_secs(10));
    Ok(config)
}

impl Database {
    pub(crate) async fn open(config: &tokio_postgres::Config, role: Role) -> StoreResult<Self> {
        let (config, session, queued) = (config.clone(), None, String::new());
        let (transaction, mark, view) = (Transaction::None, None, View::Everything);
        let mut database = Self { config, role, session, transaction, queued, mark, view };
        database.session().await?;
        Ok(database)
    }

    async fn session(&mut self) -> StoreResult<&mut Session> {
        if self.transaction == Transaction::Fenced {
            return Err(StoreError::Fenced);
        }
        let is_lost = self.session.as_ref().is_none_or(|session| session.client.is_closed());
        if is_lost {
            self.session = None;
            if self.transaction != Transaction::None {
                return Err(StoreError::Unavailable("the connection to the database was lost".to_owned()));
            }
            self.queued.clear();
            let connecting = answered(self.config.connect(NoTls)).await?;
            let (client, connection) = connecting.map_err(unavailable)?;
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(error = %describe(&error), "a connection to the database ended");
                }
            });
            let set_up = match self.role {
                Role::Writer => WRITER,
                Role::Reader => &self.view.opening(),
            };
            answered(client.batch_execute(set_up)).await?.map_err(unavailable)?;
            self.session = Some(Session::new(client));
        }
        self.session.as_mut().ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))
    }

    /// Several statements at once, without parameters.
    pub(crate) async fn batch(&mut self, sql: &str) -> StoreResult<()> {
        self.send_beginning().await?;
        let text = Dialect::Postgres.text(sql).into_owned();
        self.session().await?.client.batch_execute(&text).await.map_err(unavailable)
    }

    /// A command that the next statement takes along: it costs no journey of its own.
    pub(crate) fn command(&mut self, sql: &str) -> StoreResult<()> {
        self.queued.push_str(sql);
        self.queued.push(';');
        Ok(())
    }

    async fn prepared(&mut self, sql: &str) -> StoreResult<Statement> {
        self.prepared_as(sql, || Dialect::Postgres.text(sql).into_owned()).await
    }

    /// The statement that is known by a name, of a text for this database.
    async fn prepared_as(&mut self, name: &str, text: impl FnOnce() -> String) -> StoreResult<Statement> {
        if let Some(statement) = self.session().await?.statements.get(name) {
            return Ok(statement.clone());
        }
        self.send_queued(name).await?;
        let session = self.session().await?;
        let statement =
            answered(session.client.prepare(&text())).await?.map_err(|error| refused(error, name))?;
        if session.statements.len() >= MOST_STATEMENTS {
            session.statements.clear();
        }
        session.statements.insert(name.to_owned(), statement.clone());
        Ok(statement)
    }

    /// What waits belongs before a preparation: a transaction that is broken prepares nothing.
    async fn send_queued(&mut self, sql: &str) -> StoreResult<()> {
        self.send_beginning().await?;
        let queued = std::mem::take(&mut self.queued);
        if queued.is_empty() {
            return Ok(());
        }
        let client = &self.session().await?.client;
        answered(client.batch_execute(&queued)).await?.map_err(|error| refused(error, sql))
    }

    /// Only prepares: a test does that with every statement.
    pub(crate) async fn prepare(&mut self, sql: &str) -> StoreResult<()> {
        self.prepared(sql).await.map(drop)
    }

    pub(crate) async fn query(&mut self, sql: &str, parameters: &[Value]) -> StoreResult<Vec<Row>> {
        let sql = &*of_one(sql, parameters);
        let statement = self.prepared(sql).await?;
        self.send_beginning().await?;
        let queued = std::mem::take(&mut self.queued);
        let plans = self.plans_of(sql);
        let client = &self.session().await?.client;
        let values = borrowed(parameters);
        let rows =
            together(client, &queued, with_plans(client, plans, client.query(&statement, &values))).await;
        let rows = match self.kept(rows)? {
            Err(error) if is_outdated(&error) => {
                self.forget();
                if self.transaction != Transaction::None {
                    return Err(refused(error, sql));
                }
                let statement = self.prepared(sql).await?;
                let rows = answered(self.session().await?.client.query(&statement, &values)).await;
                self.kept(rows)?
            }
            rows => rows,
        };
        rows.map_err(|error| refused(error, sql))?.iter().map(row).collect()
    }

    pub(crate) async fn execute(&mut self, sql: &str, parameters: &[Value]) -> StoreResult<u64> {
        let sql = &*of_one(sql, parameters);
        let statement = self.prepared(sql).await?;
        self.send_beginning().await?;
        let queued = std::mem::take(&mut self.queued);
        let client = &self.session().await?.client;
        let parameters = borrowed(parameters);
        let changed = together(client, &queued, client.execute(&statement, &parameters)).await;
        self.kept(changed)?.map_err(|error| self.refused(error, sql))
    }

    /// Several questions in one journey, with the beginning of the transaction where that has not been sent. What changes something does not come this way.
    pub(crate) async fn query_all(&mut self, questions: &[Question]) -> StoreResult<Vec<Vec<Row>>> {
        let mut prepared = Vec::with_capacity(questions.len());
        for (sql, parameters) in questions {
            prepared.push((self.prepared(&of_one(sql, parameters)).await?, borrowed(parameters)));
        }
        let queued = std::mem::take(&mut self.queued);
        let plans = questions.iter().map(|(sql, _)| self.plans_of(sql)).collect::<Vec<_>>();
        let client = &self.session().await?.client;
        let before =
            async { if queued.is_empty() { Ok(Vec::new()) } else { client.simple_query(&queued).await } };
        // Each is sent when it is first polled, in this order.
        let asked = prepared.iter().zip(plans).map(|((statement, values), plans)| {
            with_plans(client, plans, client.query(statement, values)).boxed()
        });
        let answers = answered(join(before, join_all(asked))).await;
        let (before, answers) = self.kept(answers)?;
        self.opened(before.map_err(unavailable)).await?;
        let rows_of = |(answer, (sql, _)): (Result<Vec<tokio_postgres::Row>, _>, &Question)| {
            answer.map_err(|error| self.refused(error, sql))?.iter().map(row).collect()
        };
        answers.into_iter().zip(questions).map(rows_of).collect()
    }

    /// Several statements, each for many rows, whose columns are arrays; what is about different tables goes as one ([`fused`]). All are on their way before the first is answered; what comes after one that is refused is
    /// refused with it.
    pub(crate) async fn execute_all(&mut self, work: &[Work<'_>]) -> StoreResult<()> {
        let pieces = fused::pieces(work);
        let prepared = self.prepared_all(&pieces).await?;
        let queued = std::mem::take(&mut self.queued);
        let client = &self.session().await?.client;
        // Each is sent when it is first polled, in this order.
        let sent = prepared.iter().map(|(statement, columns)| {
            async move { client.execute(statement, &Column::parameters(columns)).await }.boxed()
        });
        let answers = together(client, &queued, async { Ok(join_all(sent).await) }).await;
        let first_refusal = match self.kept(answers)? {
            Err(error) => Some((error, "")),
            Ok(answers) => {
                let mut answers = answers.into_iter().zip(&pieces);
                answers.find_map(|(answer, piece)| answer.err().map(|error| (error, fused::first(piece))))
            }
        };
        first_refusal.map_or(Ok(()), |(error, sql)| Err(self.refused(error, sql)))
    }

    /// A statement for each piece, with its columns. The beginning of the transaction has been answered then.
    async fn prepared_all<'w>(
        &mut self,
        pieces: &[&'w [Work<'_>]],
    ) -> StoreResult<Vec<(Statement, Vec<Column<'w>>)>> {
        self.send_beginning().await?;
        let mut prepared = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let statement = self.prepared_as(&fused::name(piece), || fused::text(piece)).await?;
            let columns = piece
                .iter()
                .flat_map(|work| (0..work.columns()).map(|index| Column { rows: &work.rows, index }));
            prepared.push((statement, columns.collect()));
        }
        Ok(prepared)
    }

    /// A session for reading plans each statement with what is asked, except for those that say so.
    fn plans_of(&self, sql: &str) -> Plans {
        if self.role == Role::Reader && sql.starts_with("{kept}") { Plans::Kept } else { Plans::AsTheSession }
    }

    /// The error of a statement; one that was prepared before the tables changed is prepared anew the next time.
    fn refused(&mut self, error: tokio_postgres::Error, sql: &str) -> StoreError {
        if is_outdated(&error) {
            self.forget();
        }
        refused(error, sql)
    }

    /// Has every statement prepared anew the next time.
    fn forget(&mut self) {
        if let Some(session) = &mut self.session {
            session.statements.clear();
        }
    }

    /// A session that gave no answer in time may give a late one to a later question: it is not used again.
    fn kept<T>(&mut self, answer: StoreResult<T>) -> StoreResult<T> {
        if answer.is_err() {
            self.session = None;
        }
        answer
    }
}

/// Sends `queued` and the statement behind it without waiting in between; an error of the first is the error of both.
async fn together<T>(
    client: &Client,
    queued: &str,
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> StoreResult<Result<T, tokio_postgres::Error>> {
    if queued.is_empty() {
        return answered(statement).await;
    }
    // Both are sent when they are first polled, in this order.
    let (first, second) = answered(join(client.batch_execute(queued), statement)).await?;
    Ok(first.and(second))
}

/// Whose plan a statement is done by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plans {
    /// One that the session has made before, whatever was asked then.
    Kept,
    AsTheSession,
}

/// Sends a statement between two that say whether its plan is kept, without waiting in between.
async fn with_plans<T>(
    client: &Client,
    plans: Plans,
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    if plans == Plans::AsTheSession {
        return statement.await;
    }
    // Each is sent when it is first polled, in this order.
    let (before, answer, after) =
        join3(client.batch_execute(wall::KEEP), statement, client.batch_execute(wall::PLAN)).await;
    before.and(after)?;
    answer
}

/// Waits for an answer, not for ever.
async fn answered<T>(answer: impl Future<Output = T>) -> StoreResult<T> {
    let waiting = tokio::time::timeout(PATIENCE, answer).await;
    waiting.map_err(|_| {
        StoreError::Unavailable(format!("the database gave no answer in {} s", PATIENCE.as_secs()))
    })
}

/// The statement for a list of one as for that id. PostgreSQL plans anew each time what looks for a list of one, for that seems cheaper than the ten that it expects of a plan to
/// keep; where there are partitions, that took as long as the rest.
fn of_one<'s>(sql: &'s str, parameters: &[Value]) -> Cow<'s, str> {
    let is_one = |value: &Value| matches!(value, Value::Ids(ids) if ids.len() == 1);
    match parameters.iter().position(is_one).map(|index| index + 1) {
        Some(number) => Cow::Owned(sql.replace(&format!("{{among:?{number}}}"), &format!("= ?{number}"))),
        None => Cow::Borrowed(sql),
    }
}

fn borrowed(parameters: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn describe(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(error), _) => format!("{} ({})", error.message(), error.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

fn unavailable(error: tokio_postgres::Error) -> StoreError {
    StoreError::Unavailable(describe(&error))
}

fn refused(error: tokio_postgres::Error, sql: &str) -> StoreError {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
        return StoreError::taken();
    }
    let start: Cow<'_, str> = sql.split_whitespace().take(8).collect::<Vec<_>>().join(" ").into();
    StoreError::Unavailable(format!("{} in: {start} …", describe(&error)))
}

/// A statement was prepared before another node changed the type of a column.
fn is_outdated(error: &tokio_postgres::Error) -> bool {
    let codes = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::DATATYPE_MISMATCH];
    error.code().is_some_and(|code| codes.contains(code))
}

/// The server ended the session (a restart, an administrator): what was under way is as open as when the network breaks.
fn ended_session(error: &tokio_postgres::error::DbError) -> bool {
    error.code().code().starts_with("57P")
}
