//! An engine on a store of its own, in a folder that goes away; the clock stands still until a test moves it.

use std::{sync::Arc, time::Duration};

use actions::address::AddressPolicy;
use engine::{Engine, Lease, Live, Options, RetryPolicy};
use model::{
    Actor, ContactId, ExecutionId, ExecutionStatus, TenantId, Timestamp, WorkflowId,
    contact::Contact,
    event::{Accepted, EventName, NewEvent},
    execution::Execution,
    journal::Log,
    ticket::Ticket,
    workflow::Definition,
};
use serde_json::{Map, Value, json};
use store::{
    Page, Store, StoreError, StoreResult,
    execution::{Started, execution_load},
    secret::SecretBox,
    workflow::{NewWorkflow, workflow_create},
    writer::Faults,
};
use testkit::{clock::SimulatedClock, place::Place, sink::Sink};

pub const TENANT: TenantId = TenantId::new(1);

pub struct House {
    place: Place,
    pub clock: SimulatedClock,
}

/// What is left at the end: everything that a repeat or a loss would change.
#[derive(Debug, PartialEq)]
pub struct FinalState {
    pub execution: String,
    pub tickets: Vec<String>,
    pub contact: String,
}

impl House {
    pub fn new(place: Place) -> Self {
        let start: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        Self { place, clock: SimulatedClock::new(start) }
    }

    pub async fn store(&self, faults: Option<Arc<dyn Faults>>) -> StoreResult<Store> {
        let address = self.place.address().parse().unwrap();
        Store::open(store::Options { address, clock: Arc::new(self.clock.clone()), faults }).await
    }

    /// A tenant with one contact and this workflow, and the engine running.
    pub async fn furnish(&self, definition: Value) -> (Engine, WorkflowId, ContactId) {
        let store = self.store(None).await.unwrap();
        let definition = definition_of(definition);
        let ids = store
            .write(move |tx| {
                Box::pin(async move {
                    let now = tx.now();
                    tx.execute(
                        "INSERT INTO tenants (id, name, settings, created_at, updated_at, version) VALUES (1, 'Acme', '{}', ?1, ?1, 1)",
                        store::params![now],
                    )
                    .await?;
                    let fields = json!({"email": "ada@example.com", "name": "Ada"});
                    let fields = fields.as_object().cloned().unwrap_or_default();
                    let contact = store::contact::contact_create(tx, TENANT, Actor::System.into(), &fields).await?;
                    let new = NewWorkflow { key: None, definition, is_draft: false, is_active: true };
                    let workflow = workflow_create(tx, TENANT, Actor::System, new).await?;
                    Ok((workflow.id, contact.id))
                })
            })
            .await
            .unwrap();
        (self.engine(store).await.unwrap(), ids.0, ids.1)
    }

    pub async fn engine(&self, store: Store) -> Result<Engine, engine::EngineError> {
        // Short, so that a killed node is soon taken over.
        let lease = Lease { ttl: Duration::from_millis(400), renew: Duration::from_millis(50) };
        self.node(store, lease).await
    }

    /// One of several engines on this house's store.
    pub async fn node(&self, store: Store, lease: Lease) -> Result<Engine, engine::EngineError> {
        let options = Options {
            retry: RetryPolicy::default(),
            workers: 4,
            addresses: AddressPolicy::new(true),
            smtp: None,
            lease,
            ..Options::default()
        };
        let started = Engine::start(store.clone(), Arc::new(SecretBox::of_key(&[7; 32])), options).await;
        if started.is_err() {
            // A store that died lets go of its file; one that lives is closed.
            store.close().await;
        }
        started
    }

    /// Opens what an earlier engine left.
    pub async fn reopen(&self, faults: Option<Arc<dyn Faults>>) -> Result<Engine, engine::EngineError> {
        let store = self.store(faults).await?;
        self.engine(store).await
    }

    /// Moves time on until the execution has ended; an error when the store dies before that.
    pub async fn run_to_end(&self, engine: &Engine, id: ExecutionId) -> StoreResult<Started> {
        loop {
            let started = self.rest(engine, id).await?;
            let progress = &started.execution.progress;
            match (progress.status.is_terminal(), progress.wake_at) {
                (true, _) => return Ok(started),
                (false, Some(wake_at)) => {
                    let mut live = engine.live();
                    self.clock.set(wake_at);
                    changed(engine, &mut live, id).await?;
                }
                (false, None) => panic!("{:?} rests without a time to wake", progress.status),
            }
        }
    }

    /// Waits until the execution waits or has ended.
    pub async fn rest(&self, engine: &Engine, id: ExecutionId) -> StoreResult<Started> {
        loop {
            let mut live = engine.live();
            let started = load(engine, id).await?;
            match started.execution.progress.status {
                ExecutionStatus::Pending | ExecutionStatus::Running => changed(engine, &mut live, id).await?,
                _ => return Ok(started),
            }
        }
    }
}

/// Waits for a change of the execution, or for the death of the store.
async fn changed(
    engine: &Engine,
    live: &mut tokio::sync::broadcast::Receiver<Live>,
    id: ExecutionId,
) -> StoreResult<()> {
    let change = async {
        loop {
            match live.recv().await {
                Ok(Live::Execution { id: changed, .. }) if changed == id => return,
                Ok(_) => {}
                Err(error) => panic!("the live changes ended: {error}"),
            }
        }
    };
    tokio::select! {
        () = change => Ok(()),
        () = engine.store().ended() => Err(StoreError::Closed),
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("execution {id} does not move"),
    }
}

pub async fn load(engine: &Engine, id: ExecutionId) -> StoreResult<Started> {
    let mut connection = engine.store().read(TENANT).await?;
    execution_load(&mut connection, TENANT, id).await
}

pub fn definition_of(written: Value) -> Definition {
    Definition {
        name: written["name"].as_str().unwrap_or("A workflow").to_owned(),
        description: None,
        trigger_event: "submission_completed".to_owned(),
        trigger_config: Map::new(),
        conditions: written["conditions"].clone(),
        actions: rules::with_ids(&written["actions"]),
        log_unmatched: written["logUnmatched"].as_bool().unwrap_or(true),
    }
}

pub fn event(external_id: Option<&str>, data: Value) -> NewEvent {
    NewEvent {
        tenant: TENANT,
        name: EventName::system("submission_completed"),
        external_id: external_id.map(str::to_owned),
        source: None,
        data,
        attributes: Map::new(),
        actor: Actor::System,
        cause: None,
    }
}

pub async fn post(engine: &Engine, data: Value) -> Accepted {
    engine.accept(event(None, data)).await.unwrap()
}

/// A journal as people would read it, one line for each row.
pub fn lines(journal: &[Log]) -> Vec<String> {
    journal
        .iter()
        .map(|log| {
            let error = log.error.as_ref().map(|error| format!(" – {error}")).unwrap_or_default();
            let carried = if log.carried_from.is_some() { " (carried over)" } else { "" };
            format!("{} {} #{} {}{carried}{error}", log.step_number, log.step_name, log.attempt, log.status)
        })
        .collect()
}

pub async fn final_state(engine: &Engine, ended: &Started, contact: ContactId) -> FinalState {
    let mut connection = engine.store().read(TENANT).await.unwrap();
    let tickets = store::ticket::ticket_list(
        &mut connection,
        TENANT,
        &store::ticket::Filter::default(),
        Page::first(200),
    )
    .await
    .unwrap();
    let contact = store::contact::contact_get(&mut connection, TENANT, contact).await.unwrap();
    FinalState {
        execution: describe(&ended.execution, &ended.journal),
        tickets: tickets
            .rows
            .iter()
            .map(|ticket: &Ticket| format!("{} {:?}", ticket.title, ticket.tags))
            .collect(),
        contact: contact_line(&contact),
    }
}

fn contact_line(contact: &Contact) -> String {
    format!("{:?} {:?} {} v{}", contact.segment, contact.tags, json!(contact.attributes), contact.version)
}

fn describe(execution: &Execution, journal: &[Log]) -> String {
    let progress = &execution.progress;
    let result = progress.result.clone().unwrap_or_default();
    format!(
        "{} {:?} executed {} failed {} retries {}\n{}",
        progress.status,
        progress.outcome,
        result["actionsExecuted"],
        result["actionsFailed"],
        progress.retry_count,
        lines(journal).join("\n")
    )
}

/// Every call that a sink received: its idempotency key and its path.
pub fn calls(sink: &Sink) -> Vec<(String, String)> {
    let call = |request: testkit::sink::Request| {
        (request.header("idempotency-key").unwrap_or_default().to_owned(), request.path)
    };
    sink.requests().into_iter().map(call).collect()
}

/// The different idempotency keys that a sink received.
pub fn keys(sink: &Sink) -> std::collections::BTreeSet<String> {
    calls(sink).into_iter().map(|(key, _)| key).collect()
}
