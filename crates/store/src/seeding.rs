//! `vtrustx bench seed-history`: a long made-up history, to measure what reads cost on it.
//!
//! What happened is told by [`story`], purely and from the number of the execution alone. Written are the same rows as a server writes, by the same statements,
//! and counted by the same rollups; only many at once, and with ids that are reserved beforehand so that rows can be made on one thread
//! while others are written on another. The workflows are not active and there are no live executions: a server that starts on it has nothing to do.

mod random;
mod story;

use futures_util::future::join;
use model::{Actor, ContactId, Period, TenantId, Timestamp, contact::Contact};

use crate::{
    Store, StoreError, StoreResult, Tx,
    change::refused,
    contact::contact_insert,
    database::Value,
    event,
    execution::{self, execution_row, place_of},
    journal::{self, log_row},
    params,
    partition::partitions_make_ahead,
    planner::planner_settle,
    rollup::Place,
    tenant::{settings_get, tenant_get},
    workflow::{NewWorkflow, workflow_create},
};

use story::World;

/// Over how long the history is spread.
pub const DAYS: u16 = 365;
/// Executions of one transaction: about twice as many as there are contacts, each of which has a page of its own in an index.
const BATCH: i64 = 20_000;
/// What a store must not have any of.
const TABLES: [&str; 6] = ["workflows", "forms", "contacts", "submissions", "events", "workflow_executions"];

/// What is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Whose history.
    pub tenant: TenantId,
    /// How many executions; each has an event of its own.
    pub executions: i64,
    /// Also beside other records. The made executions' ids are then newer than what is there, and their times are not.
    pub is_forced: bool,
}

/// Makes the history, up to now. `progress` is told how many executions are durable.
///
/// # Errors
/// [`StoreError::Missing`]: no such tenant; [`StoreError::Conflict`]: the store has records; when the database refuses.
pub async fn history_seed(
    store: &Store,
    plan: Plan,
    progress: &mut (dyn FnMut(i64) + Send),
) -> StoreResult<()> {
    if plan.executions < 1 {
        return Err(refused("executions", "must be 1 or more"));
    }
    if !plan.is_forced {
        refuse_used(store).await?;
    }
    let world = store.write_patiently(move |tx| Box::pin(prepare(tx, plan))).await?;
    // The ids were reserved past the store's blocks.
    if let Some(mut connection) = store.lease_connection().await? {
        partitions_make_ahead(&mut connection).await?;
    }
    let mut next = made(world, 0).await?;
    let mut done = 0;
    while !next.is_empty() {
        let count = next.executions.len() as i64;
        let written = store.write_patiently(move |tx| Box::pin(next.write(tx)));
        let (written, following) = join(written, made(world, done + count)).await;
        written?;
        done += count;
        progress(done);
        next = following?;
    }
    if let Some(mut connection) = store.lease_connection().await? {
        planner_settle(&mut connection).await?;
    }
    Ok(())
}

async fn refuse_used(store: &Store) -> StoreResult<()> {
    let mut connection = store.read_any().await?;
    for table in TABLES {
        let sql = format!("SELECT 1 FROM {table} LIMIT 1");
        if connection.query_optional(sql, params![]).await?.is_some() {
            return Err(StoreError::conflict(
                "store_in_use",
                format!("the store has {table} already: name an empty one, or say --force"),
            ));
        }
    }
    Ok(())
}

/// Makes workflows and contacts, and reserves the ids of all that comes.
async fn prepare(tx: &mut Tx, plan: Plan) -> StoreResult<World> {
    let Plan { tenant, executions, .. } = plan;
    tx.enlarge_cache().await?;
    tenant_get(tx, tenant).await?;
    keep(tx, tenant).await?;
    let end = tx.now();
    let begin = end.minus(Period::days(DAYS));
    tx.travel(begin);
    let mut workflow = None;
    for number in 0..story::WORKFLOWS {
        let new = NewWorkflow {
            key: None,
            definition: story::definition(number),
            is_draft: false,
            is_active: false,
        };
        let made = workflow_create(tx, tenant, Actor::System, new).await?;
        workflow.get_or_insert(made.id.get());
    }
    let contacts = story::CONTACTS.min(executions);
    let contact = reserve(tx, "contact", contacts).await?;
    for number in 0..contacts {
        let mut made = Contact::new(ContactId::new(contact + number), tenant, begin, Actor::System);
        let (name, email) = story::person(number);
        (made.name, made.email) = (Some(name), Some(email));
        contact_insert(tx, &made).await?;
    }
    tx.travel(end);
    Ok(World {
        tenant,
        workflow: workflow.unwrap_or_default(),
        contact,
        contacts,
        event: reserve(tx, "event", executions).await?,
        execution: reserve(tx, "execution", executions).await?,
        log: reserve(tx, "log", executions * story::LOGS).await?,
        executions,
        begin,
        end,
    })
}

/// Lets the tenant keep all of it: the next server would begin to remove what is older than its history is kept.
async fn keep(tx: &mut Tx, tenant: TenantId) -> StoreResult<()> {
    let mut settings = settings_get(tx, tenant).await?.settings;
    settings.retention_days = settings.retention_days.max(u32::from(DAYS) * 2);
    let now = tx.now();
    tx.execute(
        "UPDATE tenants SET settings = ?1, updated_at = ?2, updated_by = ?3, version = version + 1 WHERE id = ?4",
        params![Value::json(&settings), now, Actor::System, tenant],
    )
    .await
    .map(drop)
}

/// Reserves ids that follow each other; answers the first.
async fn reserve(tx: &mut Tx, kind: &'static str, count: i64) -> StoreResult<i64> {
    let end: i64 = tx
        .query_one(
            "INSERT INTO id_blocks (kind, next_id) VALUES (?1, 1 + ?2)
             ON CONFLICT (kind) DO UPDATE SET next_id = id_blocks.next_id + ?2 RETURNING next_id",
            params![kind, count],
        )
        .await?
        .first()?;
    Ok(end - count)
}

/// Rows that are written in one transaction.
#[derive(Debug, Default)]
struct Batch {
    events: Vec<Vec<Value>>,
    executions: Vec<Vec<Value>>,
    logs: Vec<Vec<Value>>,
    counted: Vec<(Place, Timestamp, i64)>,
}

/// The executions from a number on; none when there are no more.
async fn made(world: World, from: i64) -> StoreResult<Batch> {
    let make = move || {
        let mut batch = Batch::default();
        for number in from..world.executions.min(from + BATCH) {
            batch.add(story::told(&world, number));
        }
        batch
    };
    tokio::task::spawn_blocking(make).await.map_err(|error| StoreError::Unavailable(error.to_string()))
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.executions.is_empty()
    }

    fn add(&mut self, told: story::Told) {
        let story::Told { event, execution, journal } = told;
        self.events.push(params![
            event.id,
            event.tenant_id,
            event.name.as_str(),
            &event.external_id,
            &event.source,
            &event.data,
            Value::Null,
            event.created_at,
            execution.created_by
        ]);
        self.executions.push(execution_row(&execution));
        let duration = execution.progress.duration_ms.unwrap_or(0);
        self.counted.push((place_of(&execution), execution.created_at, duration));
        self.logs.extend(journal.iter().map(log_row));
    }

    async fn write(self, tx: &mut Tx) -> StoreResult<()> {
        tx.execute_rows(event::INSERT.sql, self.events).await?;
        tx.execute_rows(execution::INSERT.sql, self.executions).await?;
        tx.execute_rows(journal::INSERT.sql, self.logs).await?;
        for (place, created_at, duration) in self.counted {
            tx.deltas().made(place, created_at, duration);
        }
        Ok(())
    }
}
