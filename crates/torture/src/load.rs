//! The load: clients that post events, one by one and in batches, to any node, again and again under the same id until somebody has
//! acknowledged each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    random::Random,
    scenario::{self, Planned},
    world::World,
};

/// Clients that post one event at a time.
const SINGLES: u64 = 48;
/// Clients that post batches.
const BATCHES: u64 = 16;
/// The largest batch.
const LARGEST: u64 = 100;
/// A node that stands still is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The least number of executions that may be under way before the clients hold back.
const LEAST_OPEN: i64 = 400;
/// Clients hold back when more is under way than was finished in so many seconds in the best of times.
const OPEN_SECONDS: i64 = 10;

/// What was answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// Events that a server had already: a repeat after a lost answer.
    pub duplicates: AtomicU32,
    /// 503 and 429.
    pub busy: AtomicU32,
    /// No answer: refused, cut off, too late.
    pub none: AtomicU32,
    /// Anything else.
    pub others: AtomicU32,
}

/// Shared by the clients.
#[derive(Debug)]
pub struct Load {
    world: Arc<World>,
    /// What came back.
    pub answers: Answers,
    is_closed: AtomicBool,
    /// How much may be under way.
    most_open: AtomicI64,
    begun: Instant,
    /// With a rate: microseconds after the beginning at which the next event may go out.
    next: AtomicU64,
    taken: AtomicU32,
}

impl Load {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(world: Arc<World>) -> Arc<Self> {
        Arc::new(Self {
            world,
            answers: Answers::default(),
            is_closed: AtomicBool::new(false),
            most_open: AtomicI64::new(LEAST_OPEN),
            begun: Instant::now(),
            next: AtomicU64::new(0),
            taken: AtomicU32::new(0),
        })
    }

    /// No new events; what was sent already is sent on until it is acknowledged.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Runs until everything is offered, or closed, and acknowledged.
    pub async fn run(self: Arc<Self>) {
        let clients = (0..SINGLES + BATCHES).map(|number| tokio::spawn(Arc::clone(&self).client(number)));
        let mut clients: Vec<_> = clients.collect();
        let pace = tokio::spawn(Arc::clone(&self).pace());
        for client in &mut clients {
            drop(client.await);
        }
        pace.abort();
    }

    /// Lets as much be under way as the servers can finish within seconds.
    async fn pace(self: Arc<Self>) {
        const OVER: u64 = 3;
        let (mut before, mut best) = (0, 0);
        loop {
            tokio::time::sleep(Duration::from_secs(OVER)).await;
            let finished = i64::from(self.world.ledger.sums().finished);
            best = best.max((finished - before) / OVER.cast_signed());
            before = finished;
            self.most_open.store(LEAST_OPEN.max(best * OPEN_SECONDS), Ordering::Relaxed);
        }
    }

    async fn client(self: Arc<Self>, number: u64) {
        let mut random = Random::new(self.world.seed, number << 32 | 1 << 63);
        let Ok(http) =
            reqwest::Client::builder().timeout(PATIENCE).connect_timeout(Duration::from_secs(1)).build()
        else {
            return;
        };
        loop {
            let size = if number < SINGLES { 1 } else { random.between(2, LARGEST) };
            let Some(size) = self.admitted(u32::try_from(size).unwrap_or(1)).await else { return };
            let mut of_tenant: [Vec<(u32, Planned)>; scenario::TENANTS] = Default::default();
            for _ in 0..size {
                let event = self.world.ledger.offer();
                let planned = scenario::planned(self.world.seed, event);
                of_tenant[planned.tenant].push((event, planned));
            }
            for (tenant, events) in of_tenant.into_iter().enumerate() {
                self.deliver(&http, &mut random, tenant, events).await;
            }
        }
    }

    /// Waits until so many more may be offered; answers how many, or nothing when that is all.
    async fn admitted(&self, size: u32) -> Option<u32> {
        while self.world.ledger.sums().unfinished > self.most_open.load(Ordering::Relaxed) {
            if self.is_closed.load(Ordering::Relaxed) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Some(rate) = self.world.options.rate {
            let span = u64::from(size) * 1_000_000 / u64::from(rate.max(1));
            let now = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            // Time in which nothing could be sent is not made up for.
            self.next.fetch_max(now, Ordering::Relaxed);
            let slot = self.next.fetch_add(span, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_micros(slot.saturating_sub(now))).await;
        }
        if self.is_closed.load(Ordering::Relaxed) {
            return None;
        }
        let taken = self.taken.fetch_add(size, Ordering::Relaxed);
        let left = self.world.options.events.map_or(size, |most| most.saturating_sub(taken).min(size));
        (left > 0).then_some(left)
    }

    /// Sends until all are acknowledged.
    async fn deliver(
        &self,
        http: &reqwest::Client,
        random: &mut Random,
        tenant: usize,
        mut events: Vec<(u32, Planned)>,
    ) {
        while !events.is_empty() {
            let node = &self.world.nodes[random.index(self.world.nodes.len())];
            let wait = match node.url() {
                None => Duration::from_millis(50),
                Some(url) => self.post(http, &url, tenant, &mut events).await,
            };
            if !events.is_empty() {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Sends once, and takes out what was acknowledged. Answers how long to wait before the rest is sent again.
    async fn post(
        &self,
        http: &reqwest::Client,
        url: &str,
        tenant: usize,
        events: &mut Vec<(u32, Planned)>,
    ) -> Duration {
        let tenant = &self.world.tenants[tenant];
        let mut bodies: Vec<Value> =
            events.iter().map(|(event, planned)| planned.body(*event, &tenant.contacts)).collect();
        let body = if bodies.len() == 1 { bodies.remove(0) } else { Value::Array(bodies) };
        let request = http.post(format!("{url}/api/events")).bearer_auth(&tenant.key).json(&body);
        let soon = Duration::from_millis(100);
        let Ok(answer) = request.send().await else {
            self.answers.none.fetch_add(1, Ordering::Relaxed);
            return soon;
        };
        let status = answer.status();
        if matches!(status.as_u16(), 429 | 503) {
            self.answers.busy.fetch_add(1, Ordering::Relaxed);
            let after =
                answer.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
            return Duration::from_secs(after.unwrap_or(1)).min(PATIENCE);
        }
        let Ok(answer) = answer.json::<Value>().await else {
            self.answers.none.fetch_add(1, Ordering::Relaxed);
            return soon;
        };
        if !status.is_success() {
            if self.answers.others.fetch_add(1, Ordering::Relaxed) < 5 {
                self.world.story.say(format_args!("an event was answered {status}: {answer}"));
            }
            return Duration::from_secs(1);
        }
        let answers = match &answer["data"] {
            Value::Array(answers) => answers.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut answers = answers.iter();
        events.retain(|(event, planned)| {
            let answer = answers.next().unwrap_or(&Value::Null);
            let is_taken = answer["eventId"] == scenario::name(*event).as_str();
            if is_taken {
                self.acknowledged(*event, *planned, answer);
            }
            !is_taken
        });
        soon
    }

    fn acknowledged(&self, event: u32, planned: Planned, answer: &Value) {
        if answer["duplicate"] == true {
            self.answers.duplicates.fetch_add(1, Ordering::Relaxed);
        }
        let started = answer["executions"].as_array().map_or(0, Vec::len);
        if started != planned.executions() {
            self.world.ledger.odd(format!(
                "e{event} was acknowledged with {started} executions instead of {}",
                planned.executions()
            ));
        }
        self.world.ledger.acknowledge(event, planned.matched);
    }
}
