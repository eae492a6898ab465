//! PostgreSQL: one session, its prepared statements, and what to do when it is lost.
//!
//! A session that breaks is opened anew by the next statement outside of a transaction. Inside one the statement fails, and with it the
//! transaction. A session that breaks during a COMMIT leaves open whether it happened. Therefore each transaction of a lane writes the lane's
//! mark, its own number: a new session reads it back ([`Database::commit`]) and nobody is answered by guessing. The mark is a row, because a
//! transaction's id means nothing on another server, which may be the one that answers after a failover.

mod schema;
mod wall;

use std::{borrow::Cow, collections::HashMap, fmt::Write as _, future::Future, time::Duration};

use bytes::{BufMut, BytesMut};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join, join_all},
};
use model::{NodeId, Timestamp};
use tokio_postgres::{
    Client, NoTls, SimpleQueryMessage, Statement,
    error::SqlState,
    types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked},
};

use super::{
    row::{Cell, Row},
    sql::Dialect,
    value::Value,
};
use crate::{StoreError, StoreResult};

pub(super) use schema::ATTEMPTS;
pub(super) use wall::{Nearness, View};

/// Statements kept prepared; when there are more, all are forgotten and prepared anew on demand.
const MOST_STATEMENTS: usize = 512;
/// Between two attempts to find out what became of a commit.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a server may take to answer: a network that swallows everything looks like a slow one.
const PATIENCE: Duration = Duration::from_secs(30);
/// A session that stands still in the middle of a transaction (its process was stopped) is ended by the server after this time, so that it does
/// not hold up whoever takes its work over.
const WRITER: &str = "SET idle_in_transaction_session_timeout = '5s'";

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
    in_transaction: bool,
    /// Commands that go out together with the next statement.
    queued: String,
    /// None before the tables are there.
    mark: Option<Mark>,
    /// What a session for reading sees.
    view: View,
}

/// What a lane leaves in each of its transactions: which one was the last.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Random, so that no two sessions of any two processes share one.
    lane: i64,
    number: u64,
}

struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
}

impl Session {
    fn new(client: Client) -> Self {
        Self { client, statements: HashMap::new() }
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
        let (in_transaction, mark, view) = (false, None, View::Everything);
        let mut database = Self { config, role, session, in_transaction, queued, mark, view };
        database.session().await?;
        Ok(database)
    }

    /// From now on each transaction can be found again: the session is a lane of the writer.
    pub(crate) fn become_lane(&mut self) -> StoreResult<()> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.mark = Some(Mark { lane: i64::from_le_bytes(bytes), number: 0 });
        Ok(())
    }

    async fn session(&mut self) -> StoreResult<&mut Session> {
        let is_lost = self.session.as_ref().is_none_or(|session| session.client.is_closed());
        if is_lost {
            self.session = None;
            if self.in_transaction {
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
        let text = Dialect::Postgres.text(sql).into_owned();
        self.session().await?.client.batch_execute(&text).await.map_err(unavailable)
    }

    /// A command that the next statement takes along: it costs no journey of its own.
    pub(crate) fn command(&mut self, sql: &str) -> StoreResult<()> {
        self.queued.push_str(sql);
        self.queued.push(';');
        Ok(())
    }

    /// Begins a transaction. A node locks its row, so that it cannot be taken over before the end, and learns when it was.
    pub(crate) async fn begin(&mut self, node: Option<NodeId>) -> StoreResult<()> {
        self.in_transaction = false;
        self.queued.clear();
        self.session().await?;
        let mut text = "BEGIN;".to_owned();
        if let Some(node) = node {
            let _ = write!(text, "SELECT id FROM nodes WHERE id = {node} FOR KEY SHARE;");
        }
        if let Some(Mark { lane, number }) = &mut self.mark {
            *number += 1;
            let _ = write!(
                text,
                "INSERT INTO commit_marks (lane, number, marked_at) VALUES ({lane}, {number}, clock_timestamp())
                 ON CONFLICT (lane) DO UPDATE SET number = excluded.number, marked_at = excluded.marked_at"
            );
        }
        let client = &self.session().await?.client;
        let answers =
            answered(client.simple_query(&text)).await.and_then(|answers| answers.map_err(unavailable));
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                // Whatever the session is in the middle of, it ends with it.
                self.session = None;
                return Err(error);
            }
        };
        self.in_transaction = true;
        if node.is_none() || answers.iter().any(|answer| matches!(answer, SimpleQueryMessage::Row(_))) {
            return Ok(());
        }
        self.rollback().await?;
        Err(StoreError::Fenced)
    }

    pub(crate) async fn rollback(&mut self) -> StoreResult<()> {
        self.in_transaction = false;
        self.queued.clear();
        let Some(session) = self.session.as_ref().filter(|session| !session.client.is_closed()) else {
            return Ok(());
        };
        let done = answered(session.client.batch_execute("ROLLBACK")).await;
        let done = done.and_then(|done| done.map_err(unavailable));
        if done.is_err() {
            self.session = None;
        }
        done
    }

    /// Commits. When the session breaks while committing, finds out in a new one whether it happened, for as long as it takes.
    pub(crate) async fn commit(&mut self) -> StoreResult<()> {
        if !self.in_transaction {
            return Err(StoreError::Unavailable("the connection to the database was lost".to_owned()));
        }
        let mut text = std::mem::take(&mut self.queued);
        text.push_str("COMMIT");
        // Nothing is sent in a session that is lost already: then nothing was committed.
        let client = &self.session().await?.client;
        let committed = tokio::time::timeout(PATIENCE, client.simple_query(&text)).await;
        self.in_transaction = false;
        let lost = match committed {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if error.as_db_error().is_some_and(|error| !ended_session(error)) => {
                return Err(unavailable(error));
            }
            Ok(Err(error)) => describe(&error),
            Err(_) => "no answer".to_owned(),
        };
        tracing::warn!(
            error = lost,
            "the connection was lost during a commit; reading back what became of it"
        );
        self.session = None;
        if let Some(mark) = self.mark
            && self.is_committed(mark).await
        {
            return Ok(());
        }
        Err(StoreError::Unavailable("the connection was lost and the commit did not happen".to_owned()))
    }

    /// Whether this lane's last transaction was committed. A change of the mark waits for the lost session, which may still be at it, also when
    /// that was the lane's first; and its own commit is answered only when everything before it is as durable as a commit has to be here: with
    /// synchronous replication, on the standby too.
    async fn is_committed(&mut self, Mark { lane, number }: Mark) -> bool {
        let text = format!(
            "INSERT INTO commit_marks (lane, number, marked_at) VALUES ({lane}, 0, clock_timestamp())
             ON CONFLICT (lane) DO UPDATE SET marked_at = excluded.marked_at RETURNING number"
        );
        loop {
            let found = match self.session().await {
                Ok(session) => answered(session.client.simple_query(&text)).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(Ok(answers)) => {
                    let mut rows = answers.iter().filter_map(|answer| match answer {
                        SimpleQueryMessage::Row(row) => row.get(0),
                        _ => None,
                    });
                    return rows.next() == Some(&number.to_string());
                }
                // The server does not answer yet.
                Ok(Err(_)) | Err(_) => {
                    self.session = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Takes the lane's mark away; one that is left is pruned after a day.
    pub(crate) async fn retire(&mut self) -> StoreResult<()> {
        match self.mark.take() {
            Some(Mark { lane, .. }) => {
                self.batch(&format!("DELETE FROM commit_marks WHERE lane = {lane}")).await
            }
            None => Ok(()),
        }
    }

    async fn prepared(&mut self, sql: &str) -> StoreResult<Statement> {
        if let Some(statement) = self.session().await?.statements.get(sql) {
            return Ok(statement.clone());
        }
        self.send_queued(sql).await?;
        let text = Dialect::Postgres.text(sql).into_owned();
        let session = self.session().await?;
        let statement =
            answered(session.client.prepare(&text)).await?.map_err(|error| refused(error, sql))?;
        if session.statements.len() >= MOST_STATEMENTS {
            session.statements.clear();
        }
        session.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// What waits belongs before a preparation: a transaction that is broken prepares nothing.
    async fn send_queued(&mut self, sql: &str) -> StoreResult<()> {
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
        let queued = std::mem::take(&mut self.queued);
        let client = &self.session().await?.client;
        let values = borrowed(parameters);
        let rows = together(client, &queued, client.query(&statement, &values)).await;
        let rows = match self.kept(rows)? {
            Err(error) if is_outdated(&error) => {
                self.forget();
                if self.in_transaction {
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
        let queued = std::mem::take(&mut self.queued);
        let client = &self.session().await?.client;
        let parameters = borrowed(parameters);
        let changed = together(client, &queued, client.execute(&statement, &parameters)).await;
        self.kept(changed)?.map_err(|error| self.refused(error, sql))
    }

    /// Several statements, each for many rows, whose columns are arrays. All are on their way before the first is answered; what comes after one that is refused is
    /// refused with it.
    pub(crate) async fn execute_all(&mut self, work: &[(&str, Vec<Vec<Value>>)]) -> StoreResult<()> {
        let mut prepared = Vec::with_capacity(work.len());
        for (sql, rows) in work {
            let statement = self.prepared(sql).await?;
            let columns: Vec<Column<'_>> =
                (0..statement.params().len()).map(|index| Column { rows, index }).collect();
            prepared.push((statement, columns));
        }
        let queued = std::mem::take(&mut self.queued);
        let client = &self.session().await?.client;
        // Each is sent when it is first polled, in this order.
        let mut sent: Vec<BoxFuture<'_, Result<u64, tokio_postgres::Error>>> = Vec::with_capacity(work.len());
        for (statement, columns) in &prepared {
            let parameters: Vec<&(dyn ToSql + Sync)> =
                columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
            sent.push(async move { client.execute(statement, &parameters).await }.boxed());
        }
        let answers = together(client, &queued, async { Ok(join_all(sent).await) }).await;
        let first_refusal = match self.kept(answers)? {
            Err(error) => Some((error, "")),
            Ok(answers) => {
                let mut answers = answers.into_iter().zip(work);
                answers.find_map(|(answer, (sql, _))| answer.err().map(|error| (error, *sql)))
            }
        };
        first_refusal.map_or(Ok(()), |(error, sql)| Err(self.refused(error, sql)))
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

/// Microseconds from 1970 to 2000, where PostgreSQL's time begins.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

fn row(row: &tokio_postgres::Row) -> StoreResult<Row> {
    let cells = row.columns().iter().enumerate().map(|(index, column)| {
        let raw = row.try_get::<_, Option<Raw<'_>>>(index).map_err(unavailable)?;
        match raw {
            None => Ok(Cell::Null),
            Some(Raw(bytes)) => cell(column.type_(), bytes).ok_or_else(|| {
                StoreError::Corrupt(format!("column {} of type {}", column.name(), column.type_()))
            }),
        }
    });
    cells.collect::<StoreResult<_>>().map(Row)
}

/// A value as it came, whatever its type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}

fn cell(kind: &Type, bytes: &[u8]) -> Option<Cell> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok().map(Cell::Text);
    match *kind {
        Type::BOOL => Some(Cell::Integer(i64::from(*bytes.first()? != 0))),
        Type::INT2 => Some(Cell::Integer(i16::from_be_bytes(bytes.try_into().ok()?).into())),
        Type::INT4 => Some(Cell::Integer(i32::from_be_bytes(bytes.try_into().ok()?).into())),
        Type::INT8 => Some(Cell::Integer(i64::from_be_bytes(bytes.try_into().ok()?))),
        Type::FLOAT4 => Some(Cell::Real(f32::from_be_bytes(bytes.try_into().ok()?).into())),
        Type::FLOAT8 => Some(Cell::Real(f64::from_be_bytes(bytes.try_into().ok()?))),
        Type::NUMERIC => numeric(bytes),
        Type::TIMESTAMPTZ | Type::TIMESTAMP => {
            let micros = i64::from_be_bytes(bytes.try_into().ok()?).checked_add(EPOCH_MICROS)?;
            Some(Cell::Integer(micros.div_euclid(1_000)))
        }
        Type::BYTEA => Some(Cell::Bytes(bytes.to_vec())),
        // The first byte is the format's version.
        Type::JSONB => text(bytes.get(1..)?),
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::JSON | Type::BPCHAR | Type::UNKNOWN => text(bytes),
        // A list of texts is a JSON document to the code.
        Type::TEXT_ARRAY => {
            let texts = <Vec<&str> as FromSql>::from_sql(kind, bytes).ok()?;
            serde_json::to_string(&texts).ok().map(Cell::Text)
        }
        _ => None,
    }
}

/// The sum of whole numbers is a `numeric`: base 10,000 digits with a weight.
fn numeric(bytes: &[u8]) -> Option<Cell> {
    let word = |index: usize| -> Option<i16> {
        Some(i16::from_be_bytes(bytes.get(index * 2..index * 2 + 2)?.try_into().ok()?))
    };
    let (digits, weight, sign) = (word(0)?, i32::from(word(1)?), word(2)?);
    let mut value = 0_f64;
    let mut whole = Some(0_i64);
    for index in 0..i32::from(digits) {
        let digit = word(4 + usize::try_from(index).ok()?)?;
        let power = weight - index;
        value += f64::from(digit) * 10_000_f64.powi(power);
        whole = match u32::try_from(power) {
            Ok(power) => whole
                .zip(10_000_i64.checked_pow(power).and_then(|factor| factor.checked_mul(digit.into())))
                .and_then(|(sum, part)| sum.checked_add(part)),
            Err(_) => whole.filter(|_| digit == 0),
        };
    }
    let is_negative = sign == 0x4000;
    Some(match whole {
        Some(whole) => Cell::Integer(if is_negative { -whole } else { whole }),
        None => Cell::Real(if is_negative { -value } else { value }),
    })
}

type Sent = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Sent {
        match (self, kind) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::Integer(value), &Type::INT8) => out.put_i64(*value),
            (Self::Integer(value), &Type::INT4) => out.put_i32((*value).try_into()?),
            (Self::Integer(value), &Type::INT2) => out.put_i16((*value).try_into()?),
            (Self::Integer(value), &Type::FLOAT8) => out.put_f64(*value as f64),
            (Self::Real(value), &Type::FLOAT8) => out.put_f64(*value),
            (Self::Real(value), &Type::FLOAT4) => out.put_f32(*value as f32),
            (Self::Bool(value), &Type::BOOL) => out.put_u8((*value).into()),
            (Self::Time(time), &Type::TIMESTAMPTZ) => out.put_i64(micros(*time)),
            (Self::Bytes(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (Self::Ids(ids), &Type::INT8) if ids.len() == 1 => out.put_i64(ids[0]),
            (Self::Ids(ids), &Type::INT8_ARRAY) => return ids.to_sql(kind, out),
            (Self::Json(text) | Self::Text(text), &Type::JSONB) => {
                out.put_u8(1);
                out.put_slice(text.as_bytes());
            }
            (
                Self::Json(text) | Self::Text(text),
                &Type::TEXT | &Type::VARCHAR | &Type::JSON | &Type::NAME,
            ) => {
                out.put_slice(text.as_bytes());
            }
            (Self::Json(text) | Self::Text(text), &Type::TEXT_ARRAY) => {
                return serde_json::from_str::<Vec<String>>(text)?.to_sql(kind, out);
            }
            (value, kind) => return Err(format!("a parameter of type {kind} cannot take {value:?}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn micros(time: Timestamp) -> i64 {
    time.as_millis().saturating_mul(1_000).saturating_sub(EPOCH_MICROS)
}

/// One column of many rows, sent as an array.
#[derive(Debug)]
struct Column<'a> {
    rows: &'a [Vec<Value>],
    index: usize,
}

impl ToSql for Column<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Sent {
        let Kind::Array(member) = kind.kind() else { return Err(format!("{kind} is no array").into()) };
        let (one_dimension, may_hold_null, first_index) = (1, 1, 1);
        out.put_i32(one_dimension);
        out.put_i32(may_hold_null);
        out.put_u32(member.oid());
        out.put_i32(self.rows.len().try_into()?);
        out.put_i32(first_index);
        for row in self.rows {
            let value = row.get(self.index).ok_or("a row is too short")?;
            let start = out.len();
            out.put_i32(-1);
            if matches!(value.to_sql(member, out)?, IsNull::No) {
                let length: i32 = (out.len() - start - 4).try_into()?;
                out[start..start + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_as_whole_numbers() {
        // 1,234,567: digits 123, 4567; weight 1.
        let words: [i16; 6] = [2, 1, 0, 0, 123, 4567];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        assert_eq!(numeric(&bytes), Some(Cell::Integer(1_234_567)));
        let words: [i16; 5] = [1, -1, 0x4000, 1, 5000];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        assert_eq!(numeric(&bytes), Some(Cell::Real(-0.5)));
    }
}
