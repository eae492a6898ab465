//! Takes up what the last process left unfinished: every execution that was pending or running.

use model::{ExecutionStatus, execution::Progress};
use store::execution::{Started, execution_load, execution_set_progress, execution_unfinished};

use crate::{EngineError, EngineInner, runner::Ready};

/// Executions looked at in one go.
const SLICE: i64 = 500;
/// An execution that the process did not survive this often, without one step done in between, is given up: it is
/// probably what ends the process.
const MOST_RECOVERIES: i64 = 50;

/// Puts everything unfinished into the queue. Answers how many there were.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn recover(engine: &EngineInner) -> Result<usize, EngineError> {
    let (mut after, mut count) = (None, 0);
    loop {
        let slice = {
            let mut connection = engine.store.read_any().await?;
            execution_unfinished(&mut connection, after, SLICE).await?
        };
        let Some((_, last)) = slice.last() else { return Ok(count) };
        after = Some(*last);
        let recovered = engine
            .store
            .write_patiently(move |tx| {
                Box::pin(async move {
                    let mut recovered = Vec::with_capacity(slice.len());
                    for (tenant, id) in slice {
                        let mut started = execution_load(tx, tenant, id).await?;
                        if started.execution.progress.status == ExecutionStatus::Running {
                            let progress = counted(&started, tx.now());
                            execution_set_progress(tx, tenant, id, &progress).await?;
                            started.execution.progress = progress;
                        }
                        if !started.execution.progress.status.is_terminal() {
                            recovered.push(started);
                        }
                    }
                    Ok(recovered)
                })
            })
            .await?;
        count += recovered.len();
        for started in recovered {
            engine.queue.push(engine, Ready::Loaded(Box::new(started)));
        }
    }
}

fn counted(started: &Started, now: model::Timestamp) -> Progress {
    let before = &started.execution.progress;
    let recoveries = before.recoveries + 1;
    if recoveries <= MOST_RECOVERIES {
        return Progress { recoveries, ..before.clone() };
    }
    let error = format!(
        "given up: the server stopped {recoveries} times while this execution ran, without getting any further"
    );
    Progress {
        status: ExecutionStatus::Failed,
        completed_at: Some(now),
        error_stack: Some(error.clone()),
        error: Some(error),
        recoveries,
        ..before.clone()
    }
}
