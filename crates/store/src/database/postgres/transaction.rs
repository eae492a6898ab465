//! A lane's transactions: how one begins, how it ends, and what became of it when the session was lost meanwhile.
//!
//! A journey to the server takes as long as a statement, so there are few: what begins a transaction goes out with the first that is read in it, and what it
//! writes with its COMMIT. Writes never go out with the beginning: should that be refused, each of them would stand for itself.

use std::{
    fmt::Write as _,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, MaybeDone, join, join_all, maybe_done},
};
use model::NodeId;
use tokio_postgres::{Error, SimpleQueryMessage};

use super::{Database, PATIENCE, Work, answered, describe, ended_session, fused, unavailable, wire::Column};
use crate::{StoreError, StoreResult};

/// Between two attempts to find out what became of a commit.
const PAUSE: Duration = Duration::from_millis(250);
/// What each transaction begins with, prepared once in a session. A node locks its row, so that it cannot be taken over before the end.
const BEGINNING: &str =
    "PREPARE node_hold (bigint) AS SELECT id FROM nodes WHERE id = $1 FOR KEY SHARE;
     PREPARE mark_set (bigint, bigint) AS INSERT INTO commit_marks (lane, number, marked_at) VALUES ($1, $2, clock_timestamp())
         ON CONFLICT (lane) DO UPDATE SET number = excluded.number, marked_at = excluded.marked_at";

/// Where a session's transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transaction {
    /// There is none.
    None,
    /// Its beginning waits for the first statement. With a node's row to lock: without one, another node has taken over.
    Begun { has_node: bool },
    /// Under way.
    Open,
    /// Another node has taken over: nothing more may be done in it.
    Fenced,
}

/// What a lane leaves in each of its transactions: which one was the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Random, so that no two sessions of any two processes share one.
    lane: i64,
    number: u64,
}

/// A statement on its way.
type Write<'a> = MaybeDone<BoxFuture<'a, Result<u64, Error>>>;

impl Database {
    /// From now on each transaction can be found again: the session is a lane of the writer.
    pub(crate) fn become_lane(&mut self) -> StoreResult<()> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.mark = Some(Mark { lane: i64::from_le_bytes(bytes), number: 0 });
        Ok(())
    }

    /// Begins a transaction, with the next statement. That one learns when the node was taken over.
    pub(crate) async fn begin(&mut self, node: Option<NodeId>) -> StoreResult<()> {
        self.transaction = Transaction::None;
        self.queued.clear();
        let needs_more = node.is_some() || self.mark.is_some();
        let session = self.session().await?;
        if needs_more && !session.is_prepared {
            let prepared = answered(session.client.batch_execute(BEGINNING)).await;
            if let Err(error) = prepared.and_then(|prepared| prepared.map_err(unavailable)) {
                self.session = None;
                return Err(error);
            }
            session.is_prepared = true;
        }
        self.queued.push_str("BEGIN;");
        if let Some(node) = node {
            let _ = write!(self.queued, "EXECUTE node_hold({node});");
        }
        if let Some(Mark { lane, number }) = &mut self.mark {
            *number += 1;
            let _ = write!(self.queued, "EXECUTE mark_set({lane}, {number});");
        }
        self.transaction = Transaction::Begun { has_node: node.is_some() };
        Ok(())
    }

    /// Sends the beginning that waits, and has it answered.
    pub(super) async fn send_beginning(&mut self) -> StoreResult<()> {
        if matches!(self.transaction, Transaction::Begun { .. }) {
            let queued = std::mem::take(&mut self.queued);
            let client = &self.session().await?.client;
            let answers = answered(client.simple_query(&queued)).await;
            self.opened(answers.and_then(|answers| answers.map_err(unavailable))).await?;
        }
        Ok(())
    }

    /// What the server said to the beginning, where that was what it was asked.
    pub(super) async fn opened(&mut self, answers: StoreResult<Vec<SimpleQueryMessage>>) -> StoreResult<()> {
        let Transaction::Begun { has_node } = self.transaction else { return answers.map(drop) };
        self.transaction = Transaction::Open;
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                // Whatever the session is in the middle of, it ends with it.
                self.session = None;
                return Err(error);
            }
        };
        if !has_node || answers.iter().any(|answer| matches!(answer, SimpleQueryMessage::Row(_))) {
            return Ok(());
        }
        self.rollback().await?;
        self.transaction = Transaction::Fenced;
        Err(StoreError::Fenced)
    }

    pub(crate) async fn rollback(&mut self) -> StoreResult<()> {
        let before = std::mem::replace(&mut self.transaction, Transaction::None);
        self.queued.clear();
        let Some(session) = self.session.as_ref().filter(|session| !session.client.is_closed()) else {
            return Ok(());
        };
        if matches!(before, Transaction::Begun { .. } | Transaction::Fenced) {
            return Ok(());
        }
        let done = answered(session.client.batch_execute("ROLLBACK")).await;
        let done = done.and_then(|done| done.map_err(unavailable));
        if done.is_err() {
            self.session = None;
        }
        done
    }

    /// Writes the rows and commits, in one journey. When the session breaks while committing, finds out in a new one whether it happened, for as long as it takes.
    pub(crate) async fn commit(&mut self, work: &[Work<'_>]) -> StoreResult<()> {
        match self.transaction {
            Transaction::None => {
                return Err(StoreError::Unavailable("the connection to the database was lost".to_owned()));
            }
            // Nothing was done in it.
            Transaction::Begun { .. } if work.is_empty() => return self.rollback().await,
            Transaction::Begun { .. } | Transaction::Open => {}
            Transaction::Fenced => return Err(StoreError::Fenced),
        }
        let pieces = fused::pieces(work);
        let prepared = self.prepared_all(&pieces).await?;
        let queued = std::mem::take(&mut self.queued);
        // Nothing is sent in a session that is lost already: then nothing was committed.
        let client = &self.session().await?.client;
        let mut writes: Vec<Write<'_>> = Vec::with_capacity(pieces.len() + 1);
        let mut texts = Vec::with_capacity(pieces.len() + 1);
        if !queued.is_empty() {
            writes.push(maybe_done(client.batch_execute(&queued).map(|done| done.map(|()| 0)).boxed()));
            texts.push(queued.as_str());
        }
        texts.extend(pieces.iter().map(|piece| fused::first(piece)));
        for (statement, columns) in &prepared {
            writes.push(maybe_done(
                async move { client.execute(statement, &Column::parameters(columns)).await }.boxed(),
            ));
        }
        send(&mut writes).await.map_err(unavailable)?;
        let committing = join(join_all(writes.iter_mut()), client.simple_query("COMMIT"));
        let committed = tokio::time::timeout(PATIENCE, committing).await;
        // Of a transaction in which a statement was refused, the COMMIT takes back the rest.
        let refusal = writes.iter_mut().zip(&texts).find_map(|(write, sql)| {
            let answer = Pin::new(write).take_output()?;
            answer.err().map(|error| (error, *sql))
        });
        drop(writes);
        self.transaction = Transaction::None;
        let is_answered = committed.is_ok();
        let failed = match committed {
            Ok((_, committed)) => refusal.or_else(|| Some((committed.err()?, "COMMIT"))),
            Err(_) => None,
        };
        let lost = match failed {
            None if is_answered => return Ok(()),
            Some((error, sql)) if error.as_db_error().is_some_and(|error| !ended_session(error)) => {
                return Err(self.refused(error, sql));
            }
            Some((error, _)) => describe(&error),
            None => "no answer".to_owned(),
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
}

/// Has every statement on its way, in order: each is sent when it is first polled. One whose values cannot be sent has failed by then: a COMMIT must not follow.
async fn send(writes: &mut [Write<'_>]) -> Result<(), Error> {
    poll_fn(|context| {
        for write in &mut *writes {
            let is_refused = Pin::new(&mut *write).poll(context).is_ready()
                && matches!(Pin::new(&mut *write).output_mut(), Some(Err(_)));
            if is_refused {
                return Poll::Ready(Pin::new(write).take_output().map_or(Ok(()), |answer| answer.map(drop)));
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use testkit::postgres::TestDatabase;

    use super::*;
    use crate::{
        database::postgres::{Role, config},
        params,
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn a_commit_does_not_follow_what_cannot_be_sent() {
        let server = TestDatabase::new();
        let mut database = Database::open(&config(&server.url()).unwrap(), Role::Writer).await.unwrap();
        database.batch("CREATE TABLE kept (id BIGINT)").await.unwrap();
        let insert = "INSERT INTO kept (id) {rows:bigint}";
        database.begin(None).await.unwrap();
        let one = |value| Work { table: "kept", sql: insert, rows: vec![value] };
        let work = [one(params![1_i64]), one(params!["no number"])];
        database.commit(&work).await.unwrap_err();
        database.rollback().await.unwrap();
        database.begin(None).await.unwrap();
        database.commit(&[one(params![2_i64])]).await.unwrap();
        let rows = database.query("SELECT id FROM kept", &[]).await.unwrap();
        let ids: Vec<i64> = rows.into_iter().map(|row| row.first().unwrap()).collect();
        assert_eq!(ids, [2], "of the first transaction nothing");
    }
}
