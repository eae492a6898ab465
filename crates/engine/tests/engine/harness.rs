//! An engine on a store of its own, in a folder that goes away; the clock stands still until a test moves it.

use std::{sync::Arc, time::Duration};

use actions::address::AddressPolicy;
use engine::{Engine, Lease, Live, Options, RetryPolicy};
use model::{
    Actor, ApprovalId, Clock, ContactId, ExecutionId, ExecutionStatus, TenantId, Timestamp, WorkflowId,
    approval::{Approval, ApprovalState, Decision},
    contact::Contact,
    event::{Accepted, EventName, NewEvent},
    execution::Execution,
    journal::Log,
    ticket::Ticket,
    user::{Identity, Role},
    workflow::Definition,
};
use serde_json::{Map, Value, json};
use store::{
    Page, Store, StoreError, StoreResult,
    approval::{self, Decider, Ruled, Ruling},
    execution::{Started, execution_load},
    secret::SecretBox,
    workflow::{NewWorkflow, workflow_create},
    writer::Faults,
};
use testkit::{clock::SimulatedClock, place::Place, sink::Sink};

pub const TENANT: TenantId = TenantId::new(1);

pub struct House {
    place: Arc<Place>,
    pub clock: SimulatedClock,
    /// Of each engine.
    pub workers: usize,
    /// The installation's; with it the server knows its own address.
    pub smtp: Option<actions::mail::SmtpServer>,
    /// Of each engine, too: how deep workflows may start one another.
    pub max_depth: u32,
}

/// What is left at the end: everything that a repeat or a loss would change.
#[derive(Debug, PartialEq)]
pub struct FinalState {
    pub execution: String,
    pub tickets: Vec<String>,
    pub contact: String,
    /// The other executions of the store, in the order of their texts.
    pub others: Vec<String>,
}

impl House {
    pub fn new(place: impl Into<Arc<Place>>) -> Self {
        let start: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        Self {
            place: place.into(),
            clock: SimulatedClock::new(start),
            workers: 4,
            smtp: None,
            max_depth: engine::DEEPEST,
        }
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
            workers: self.workers,
            max_depth: self.max_depth,
            addresses: AddressPolicy::new(true),
            smtp: self.smtp.clone(),
            lease,
            public_url: self.smtp.as_ref().map(|_| "https://vtx.example".to_owned()),
            ..Options::default()
        };
        let started = Engine::start(store.clone(), Arc::new(SecretBox::of_key(&[7; 32])), options).await;
        if started.is_err() {
            // A store that died lets go of its file; one that lives is closed.
            store.close().await;
        }
        started
    }

    /// An engine that runs nothing: nothing happens by itself.
    pub async fn at_rest(&self) -> Engine {
        let store = self.store(None).await.unwrap();
        Engine::at_rest(store, Arc::new(SecretBox::of_key(&[7; 32])), Options::default()).await.unwrap()
    }

    /// How long the store's file is, where it is one; while it is closed.
    pub fn file_length(&self) -> Option<u64> {
        let address = self.place.address();
        let path = address.strip_prefix("sqlite:")?;
        Some(std::fs::metadata(path).unwrap().len())
    }

    /// Opens what an earlier engine left.
    pub async fn reopen(&self, faults: Option<Arc<dyn Faults>>) -> Result<Engine, engine::EngineError> {
        let store = self.store(faults).await?;
        self.engine(store).await
    }

    /// Opens what an engine left that was killed, and was the only one: whose work it is by then is not waited for.
    pub async fn recover(&self) -> Engine {
        let store = self.store(None).await.unwrap();
        store.write(|tx| Box::pin(store::node::node_take_over_all(tx))).await.unwrap();
        self.engine(store).await.unwrap()
    }

    /// Moves time on until the execution has ended; an error when the store dies before that. An approval whose title begins with "Yes" is approved
    /// at once, one with "No" rejected; any other waits for its time to be over.
    pub async fn run_to_end(&self, engine: &Engine, id: ExecutionId) -> StoreResult<Started> {
        loop {
            // From before the look: what comes from outside may wake it at any moment.
            let mut live = engine.live();
            self.rest(engine, id).await?;
            brought(engine).await?;
            // As it is when nothing is on its way.
            let started = load(engine, id).await?;
            let progress = &started.execution.progress;
            if matches!(progress.status, ExecutionStatus::Pending | ExecutionStatus::Running) {
                continue;
            }
            match (progress.status.is_terminal(), progress.wake_at) {
                (true, _) => return Ok(started),
                (false, Some(_)) if decided(engine, Some(id)).await? => {
                    changed(engine, &mut live, id).await?;
                }
                (false, Some(wake_at)) => {
                    self.clock.set(wake_at);
                    changed(engine, &mut live, id).await?;
                }
                (false, None) => panic!("{:?} rests without a time to wake", progress.status),
            }
        }
    }

    /// Moves time on until every execution of the store has ended; an error when the store dies before that.
    pub async fn run_all_to_end(&self, engine: &Engine) -> StoreResult<()> {
        loop {
            let mut live = engine.live();
            let (moving, signals, resting, due_at) = standing(engine).await?;
            match (moving, signals, resting, due_at) {
                (0, 0, 0, _) => return Ok(()),
                (0, 1.., ..) => {
                    brought(engine).await?;
                    continue;
                }
                (0, ..) if decided(engine, None).await? => continue,
                (0, .., None) => panic!("executions rest without a time to wake"),
                // What is due already is being woken.
                (0, .., Some(due_at)) if due_at > self.clock.now() => self.clock.set(due_at),
                _ => {}
            }
            any_change(engine, &mut live).await?;
        }
    }

    /// One more workflow of the tenant.
    pub async fn workflow(&self, engine: &Engine, definition: Value) -> WorkflowId {
        let definition = definition_of(definition);
        let new = NewWorkflow { key: None, definition, is_draft: false, is_active: true };
        let made = engine
            .store()
            .write(move |tx| Box::pin(async move { workflow_create(tx, TENANT, Actor::System, new).await }))
            .await
            .unwrap();
        engine.workflow_changed(TENANT, made.id).await.unwrap();
        made.id
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

/// Someone with a key, who may decide what is asked of a role.
pub const KEY: Identity =
    Identity { tenant: TENANT, actor: Actor::ApiKey(model::ApiKeyId::new(9)), role: Role::Admin };

/// The open approvals of an execution.
pub async fn approvals(
    engine: &Engine,
    execution: impl Into<Option<ExecutionId>>,
) -> StoreResult<Vec<Approval>> {
    let filter = approval::Filter {
        execution: execution.into(),
        state: Some(ApprovalState::Open),
        ..approval::Filter::default()
    };
    let mut connection = engine.store().read(TENANT).await?;
    Ok(approval::approval_list(&mut connection, TENANT, &filter, Page::first(200)).await?.rows)
}

/// Decides.
pub async fn decide(
    engine: &Engine,
    decider: Decider,
    id: ApprovalId,
    decision: Decision,
) -> StoreResult<Ruled> {
    let ruling = Ruling { decision, comment: Some(format!("{decision} by hand")), form: Map::new() };
    let write = engine.store().write(move |tx| {
        Box::pin(async move { approval::approval_decide(tx, TENANT, &decider, id, ruling).await })
    });
    write.await
}

/// Something has come for a run and is not brought to it yet.
async fn has_signals(engine: &Engine) -> StoreResult<bool> {
    store::waiting::signals_exist(&mut *engine.store().read_any().await?).await
}

/// Waits until what has come is brought to its runs: no time goes by for that. An error when the store dies before that.
pub async fn brought(engine: &Engine) -> StoreResult<()> {
    let begun = std::time::Instant::now();
    while has_signals(engine).await? {
        assert!(begun.elapsed() < Duration::from_secs(20), "what has come is not brought to its run");
        tokio::select! {
            () = engine.store().ended() => return Err(StoreError::Closed),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
    Ok(())
}

/// Decides one of the approvals that say themselves how they are to be decided, if there is one.
async fn decided(engine: &Engine, execution: Option<ExecutionId>) -> StoreResult<bool> {
    for approval in approvals(engine, execution).await? {
        let decision = match approval.title.split(' ').next() {
            Some("Yes") => Decision::Approved,
            Some("No") => Decision::Rejected,
            _ => continue,
        };
        let ruled = decide(engine, Decider::Identity(KEY), approval.id, decision).await?;
        assert!(matches!(ruled, Ruled::Done(_)), "{ruled:?}");
        return Ok(true);
    }
    Ok(false)
}

/// How many executions are on their way, how much has come that is not brought to them yet, how many rest, and when the next one wakes: in one look, for they do
/// not stand still.
async fn standing(engine: &Engine) -> StoreResult<(i64, i64, i64, Option<Timestamp>)> {
    let sql = "SELECT (SELECT count(*) FROM workflow_executions WHERE tenant_id = 1 AND status IN ('pending', 'running')),
          (SELECT count(*) FROM execution_signals),
          (SELECT count(*) FROM workflow_executions WHERE tenant_id = 1 AND status IN ('waiting', 'retrying')),
          (SELECT min(due_at) FROM timers)";
    let mut row = engine.store().read_any().await?.query_one(sql, Vec::new()).await?.cells();
    Ok((row.take()?, row.take()?, row.take()?, row.take()?))
}

/// Waits for a change of any execution, or for the death of the store.
async fn any_change(engine: &Engine, live: &mut tokio::sync::broadcast::Receiver<Live>) -> StoreResult<()> {
    tokio::select! {
        change = live.recv() => change.map(drop).map_err(|_| StoreError::Closed),
        () = engine.store().ended() => Err(StoreError::Closed),
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("nothing moves"),
    }
}

/// What follows happens at the present time: a change may join a transaction that began before the clock was set.
pub async fn settle(engine: &Engine) {
    // A dead store has nothing to settle.
    drop(engine.store().write_patiently(|_| Box::pin(async { Ok(()) })).await);
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
        trigger_event: written["trigger_event"].as_str().unwrap_or("submission_completed").to_owned(),
        trigger_config: written["trigger_config"].as_object().cloned().unwrap_or_default(),
        conditions: written["conditions"].clone(),
        actions: rules::with_ids(&written["actions"]),
        log_unmatched: written["logUnmatched"].as_bool().unwrap_or(true),
        on_failure: rules::definition::with_ids_beside(
            &written["onFailure"],
            &rules::with_ids(&written["actions"]),
        ),
        entry: serde_json::from_value(written).unwrap(),
    }
}

pub fn event(external_id: Option<&str>, data: Value) -> NewEvent {
    NewEvent {
        tenant: TENANT,
        name: EventName::system("submission_completed"),
        external_id: external_id.map(str::to_owned),
        source: None,
        data: data.into(),
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
    let mut others = Vec::new();
    let sql = "SELECT id FROM workflow_executions WHERE tenant_id = 1";
    for row in connection.query(sql, Vec::new()).await.unwrap() {
        let id: ExecutionId = row.first().unwrap();
        if id != ended.execution.id {
            let other = execution_load(&mut connection, TENANT, id).await.unwrap();
            others.push(describe(&other.execution, &other.journal));
        }
    }
    others.sort();
    FinalState {
        others,
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
