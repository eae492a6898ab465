//! Keeps this node's lease, and takes over the work of nodes whose lease has lapsed.
//!
//! A store that one process has open needs neither: then the node takes everything over at its start and lives as long as the process.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use model::NodeId;
use store::{
    Connection, StoreError,
    node::{node_lapsed, node_register, node_renew, node_take_over, node_take_over_all},
};
use tokio_util::sync::CancellationToken;

use crate::{EngineError, EngineInner, node};

/// Becomes a node: what this process takes in hand from now on is its own.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn join(engine: &EngineInner) -> Result<(), EngineError> {
    let id = node::random_id().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let (asked, ttl) = (Instant::now(), engine.lease.ttl_ms());
    let is_alone = engine.store.is_alone();
    let name = engine.name.clone();
    engine
        .store
        .write_patiently(move |tx| {
            Box::pin(async move {
                if is_alone {
                    node_take_over_all(tx).await?;
                }
                node_register(tx, id, &name, ttl).await
            })
        })
        .await?;
    engine.node.become_node(Some(id), (!is_alone).then(|| may_act_until(engine, asked)));
    engine.store.node_set(Some(id));
    tracing::info!(node = %id, "this process is a node");
    Ok(())
}

/// A fifth of the lease is left for the difference between the clocks' paces and for what is on its way.
fn may_act_until(engine: &EngineInner, renewed: Instant) -> Instant {
    renewed + engine.lease.ttl * 4 / 5
}

/// Runs until the engine has ended; returns at once where nobody else can have the store open.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    let mut connection = None;
    if engine.store.is_alone() {
        return;
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(engine.lease.renew) => {}
            () = engine.ended.cancelled() => return,
            // Without its writer this process is no use to anybody: its work is for another node.
            () = engine.store.ended() => return,
        }
        if let Err(error) = keep(&engine, &mut connection).await {
            engine.node.missed();
            engine.metrics.missed_renewals.increment();
            tracing::warn!(%error, "the lease could not be renewed; trying again");
            connection = None;
        }
    }
}

async fn keep(engine: &EngineInner, connection: &mut Option<Connection>) -> Result<(), EngineError> {
    let Some(id) = engine.node.id() else {
        return if engine.draining.is_cancelled() { Ok(()) } else { join(engine).await };
    };
    if connection.is_none() {
        *connection = engine.store.lease_connection().await?;
    }
    let Some(lease) = connection else { return Ok(()) };
    let asked = Instant::now();
    let renewal = tokio::time::timeout(engine.lease.renew, node_renew(lease, id, engine.lease.ttl_ms()));
    let renewed =
        renewal.await.map_err(|_| StoreError::Unavailable("the database is too slow".to_owned()))??;
    if !renewed {
        return fenced(engine, id).await;
    }
    engine.node.renewed(may_act_until(engine, asked));
    Ok(())
}

/// Takes over nodes whose lease has lapsed, until the engine drains. Apart from the renewals, which must wait for nothing; and only while this
/// node's own renewals succeed, so that an outage of the database does not make living nodes take over each other.
pub(crate) async fn watch(engine: Arc<EngineInner>) {
    if engine.store.is_alone() {
        return;
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(engine.lease.renew / 2) => {}
            () = engine.draining.cancelled() => return,
        }
        if let Err(error) = take_over_lapsed(&engine).await {
            tracing::warn!(%error, "nodes could not be looked at; trying again");
        }
    }
}

async fn take_over_lapsed(engine: &EngineInner) -> Result<(), EngineError> {
    let Some(id) = engine.node.id().filter(|_| engine.node.is_steady()) else { return Ok(()) };
    let lapsed = node_lapsed(&mut *engine.store.read_any().await?).await?;
    for lapsed in lapsed.into_iter().filter(|lapsed| *lapsed != id) {
        take_over(engine, lapsed).await?;
    }
    Ok(())
}

async fn take_over(engine: &EngineInner, lapsed: NodeId) -> Result<(), EngineError> {
    let taken = engine.store.write_patiently(move |tx| Box::pin(node_take_over(tx, lapsed))).await?;
    if let Some(executions) = taken {
        engine.metrics.takeovers.increment();
        tracing::warn!(node = %lapsed, executions, "a node is gone; its executions are for whoever has room");
    }
    Ok(())
}

/// Somebody else has this node's work: everything in hand is let go, and the process begins anew under another id.
async fn fenced(engine: &EngineInner, id: NodeId) -> Result<(), EngineError> {
    if !engine.store.is_fenced() {
        return Ok(());
    }
    tracing::error!(node = %id, "this node was taken over; it lets go of its work and begins anew");
    engine.metrics.lost_leases.increment();
    engine.node.become_node(None, None);
    engine.store.node_set(None);
    let runs: Vec<CancellationToken> =
        engine.in_hand.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
    runs.iter().for_each(CancellationToken::cancel);
    join(engine).await
}

/// Leaves in good order: what is in hand is for whoever has room, at once.
pub(crate) async fn leave(engine: &EngineInner) {
    let Some(id) = engine.node.id() else { return };
    engine.node.become_node(None, None);
    engine.store.node_set(None);
    let leaving = engine.store.write_patiently(move |tx| Box::pin(store::node::node_leave(tx, id)));
    if !matches!(tokio::time::timeout(Duration::from_secs(5), leaving).await, Ok(Ok(_))) {
        tracing::warn!(node = %id, "the node could not say that it leaves; its lease lapses");
    }
}
