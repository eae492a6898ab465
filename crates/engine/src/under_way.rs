//! The calls of one run that are under way at the same time.
//!
//! The journal says which there are: a row that is `pending` without a time was written before its call ([`model::journal::Log::is_under_way`]), and here is the call of each.
//! So it is with a run that is taken up after a crash: each of its calls is made again, the same attempt under the same key, and the run stands where it stood. A
//! call whose row is put away, because its branch has lost or the time of a step around it is over, is given up: its connection is closed.
//!
//! All live and end with the task that runs the execution, and go on while that writes to the store.

use std::{future::poll_fn, mem, pin::pin, task::Context, task::Poll};

use futures_util::future::BoxFuture;
use model::{execution::Execution, journal::Log};
use store::execution::Performed;

use crate::{
    EngineInner,
    perform::Attempt,
    program::Program,
    tenants::Profile,
    walk::{Journal, Place},
};

/// The calls of one run.
#[derive(Default)]
pub(crate) struct Calls<'p> {
    calls: Vec<Call<'p>>,
    /// Those that have ended, and are not written yet.
    ended: Vec<Performed>,
}

struct Call<'p> {
    path: String,
    outcome: BoxFuture<'p, Performed>,
}

impl<'p> Calls<'p> {
    /// Nothing is under way, or has ended without being written.
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.ended.is_empty()
    }

    /// The call of this row is here.
    pub(crate) fn has(&self, row: &Log) -> bool {
        self.calls.iter().any(|call| call.path == row.step_path)
            || self.ended.iter().any(|ended| ended.log.step_number == row.step_number)
    }

    /// Gives up those whose rows are not under way any more.
    pub(crate) fn keep(&mut self, journal: &Journal) {
        let is_under_way = |path: &str| journal.last(path).is_some_and(Log::is_under_way);
        self.calls.retain(|call| is_under_way(&call.path));
        self.ended.retain(|ended| is_under_way(&ended.log.step_path));
    }

    /// Makes the call of a row at its place, with what the run knows by now.
    pub(crate) fn begin(
        &mut self,
        (engine, program, profile): (&'p EngineInner, &'p Program, &'p Profile),
        execution: Execution,
        journal: Journal,
        place: Place<'p>,
        attempt: i64,
    ) {
        let path = place.path.to_string();
        let outcome = Box::pin(async move {
            let (execution, journal, place) = (&execution, &journal, &place);
            Attempt { engine, execution, program, profile, journal, place, attempt }.perform().await
        });
        self.calls.push(Call { path, outcome });
    }

    /// Waits until some have ended. One whose effect the store may refuse comes alone: what stands behind it would not be written.
    pub(crate) async fn ended(&mut self) -> Vec<Performed> {
        let mut ended = poll_fn(|context| {
            self.poll(context);
            if self.ended.is_empty() { Poll::Pending } else { Poll::Ready(mem::take(&mut self.ended)) }
        })
        .await;
        if let Some(at) = ended.iter().position(|performed| performed.effect.is_some()) {
            self.ended = ended.split_off(at.max(1));
        }
        ended
    }

    /// Does something else while they go on.
    pub(crate) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.poll(context);
            work.as_mut().poll(context)
        })
        .await
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        let Self { calls, ended } = self;
        calls.retain_mut(|call| match call.outcome.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(performed) => {
                ended.push(performed);
                false
            }
        });
    }
}
