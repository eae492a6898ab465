//! Tells of tickets that are due soon, or were not answered in time. The timers' task calls it when such a time has come; that each is told once is the store's
//! business (`store/src/deadline.rs`).

use futures_util::future::join_all;
use model::{Period, Timestamp};
use store::deadline::{Deadline, deadline_due_list, deadline_put_off, deadline_tell};

use crate::{EngineError, EngineInner};

/// Deadlines taken at once.
const SLICE: i64 = 100;
/// Before one that could not be told is tried again.
const PAUSE: Period = Period::minutes(1);

/// Tells what is due, or some of it. Answers how many were told, by this node.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn fire(engine: &EngineInner, now: Timestamp) -> Result<usize, EngineError> {
    let due = {
        let mut connection = engine.store.read_any().await?;
        deadline_due_list(&mut connection, now, SLICE).await?
    };
    let told =
        join_all(due.into_iter().map(|deadline| async move { (deadline, tell(engine, deadline).await) }));
    let mut count = 0;
    for (deadline, told) in told.await {
        match told {
            Ok(told) => count += usize::from(told),
            Err(error) if error.stops_all() => return Err(error),
            // The others are not held up by this one, and the clock does not spin for it.
            Err(error) => {
                let later = engine.store.now().plus(PAUSE);
                let write = engine.store.write_patiently(move |tx| {
                    Box::pin(async move { deadline_put_off(tx, &deadline, later).await })
                });
                let next = if write.await? { "it is tried again in a minute" } else { "it is given up" };
                tracing::error!(tenant = %deadline.tenant, ticket = %deadline.ticket, %error, next, "a deadline could not be told of");
                count += 1;
            }
        }
    }
    Ok(count)
}

async fn tell(engine: &EngineInner, deadline: Deadline) -> Result<bool, EngineError> {
    // Conditions are to see the tenant's name and zone.
    engine.tenants.profile(&engine.store, &engine.secrets, deadline.tenant).await?;
    let told =
        engine.store.write_patiently(move |tx| Box::pin(async move { deadline_tell(tx, &deadline).await }));
    Ok(told.await?)
}
