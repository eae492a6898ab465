//! Trouble: faults at random moments that the seed decides. What hits a node and what hits its surroundings goes on at the same time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use testkit::postgres::Shutdown;

use crate::{
    fault::{Fault, Victim},
    ledger::{Moment, Step},
    node::Node,
    options::Database,
    proxy::Wire,
    random::Random,
    scenario,
    store::Store,
    world::World,
};

/// Load alone, before the first fault.
const WARM_UP: Duration = Duration::from_secs(2);
/// A takeover is waited for that long, in milliseconds; without a database there is none.
const LONGEST_STOP: Moment = 20_000;
/// What is looked at whenever a node is about to go on: the newest executions.
const NEWEST: u32 = 50_000;
/// Terminates every session but the one that asks.
const TERMINATE: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// How long others took to go on with what a dead or stopped node had in hand.
#[derive(Debug, Clone, Copy)]
pub struct Takeover {
    /// From the fault until everything that was looked at was in other hands.
    pub took: Moment,
    /// Something else was broken meanwhile.
    pub is_disturbed: bool,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Tally {
    injected: Mutex<BTreeMap<Fault, u32>>,
    skipped: Mutex<Vec<String>>,
    takeovers: Mutex<Vec<Takeover>>,
    /// Grows when the database breaks and when it is whole again.
    disturbances: AtomicU32,
}

impl Tally {
    /// How often each fault happened.
    #[must_use]
    pub fn injected(&self) -> BTreeMap<Fault, u32> {
        self.injected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn times(&self, fault: Fault) -> u32 {
        self.injected().get(&fault).copied().unwrap_or(0)
    }

    /// What could not be done, and why.
    #[must_use]
    pub fn skipped(&self) -> Vec<String> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All takeovers that were seen.
    #[must_use]
    pub fn takeovers(&self) -> Vec<Takeover> {
        self.takeovers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, fault: Fault) {
        *self.injected.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() += 1;
    }

    fn skip(&self, why: String) {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).push(why);
    }
}

/// Makes trouble until `until`, and ends with all faults that it began.
pub async fn rage(world: Arc<World>, tally: Arc<Tally>, until: Instant) {
    let mut faults = world.options.faults();
    for (fault, is_possible, why) in [
        (Fault::DiskFull, world.volume.can_be_full(), "no file system can be mounted here: run as root"),
        (
            Fault::Clock,
            world.nodes[0].has_clock(),
            "libfaketime is not installed: apt-get install libfaketime",
        ),
    ] {
        if faults.contains(&fault) && !is_possible {
            tally.skip(format!("{fault} ({why})"));
            faults.retain(|other| *other != fault);
        }
    }
    let tracks = [Victim::Node, Victim::Surroundings].map(|victim| {
        let of_track = faults.iter().copied().filter(|fault| fault.victim() == victim).collect();
        tokio::spawn(track(Arc::clone(&world), Arc::clone(&tally), of_track, victim, until))
    });
    for track in tracks {
        drop(track.await);
    }
}

async fn track(world: Arc<World>, tally: Arc<Tally>, mut faults: Vec<Fault>, victim: Victim, until: Instant) {
    let mut random = Random::new(world.seed, 1 << 62 | victim as u64);
    let mut next = Vec::new();
    // One kind of trouble over and over would leave no time for anything else.
    let seldom = if faults.len() < 3 { 4 } else { 1 };
    let mut is_first_round = true;
    tokio::time::sleep(WARM_UP).await;
    // What does not fit into the time that is left is left out.
    while !faults.is_empty() {
        if next.is_empty() {
            random.shuffle(&mut faults);
            next.clone_from(&faults);
            if std::mem::take(&mut is_first_round) {
                // The longest comes first, or it would be left out of a short run.
                next.sort_by_key(|fault| *fault == Fault::Stop);
            }
        }
        let Some(fault) = next.pop() else { return };
        if Instant::now() + longest(fault) > until {
            faults.retain(|other| *other != fault);
            next.retain(|other| *other != fault);
            continue;
        }
        tokio::time::sleep(Duration::from_millis(seldom * random.between(300, 3_000))).await;
        tally.count(fault);
        inject(&world, &tally, fault, &mut random).await;
    }
}

/// About how long a fault lasts at most, with what comes before and after it.
const fn longest(fault: Fault) -> Duration {
    Duration::from_secs(match fault {
        Fault::Stop => 18,
        Fault::Kill | Fault::DiskFull | Fault::Clock | Fault::BlackHole => 10,
        Fault::Restart | Fault::Crash | Fault::Delay => 8,
        Fault::Terminate | Fault::Drop => 4,
    })
}

async fn inject(world: &Arc<World>, tally: &Arc<Tally>, fault: Fault, random: &mut Random) {
    let node = Arc::clone(&world.nodes[random.index(world.nodes.len())]);
    let is_alone = world.options.database == Database::Sqlite;
    // Nobody can take anything over while the database itself is in trouble; one node's wire is that node's trouble.
    let disturbs = matches!(fault, Fault::DiskFull | Fault::Restart | Fault::Crash | Fault::Terminate);
    tally.disturbances.fetch_add(u32::from(disturbs), Ordering::Relaxed);
    match fault {
        Fault::Kill => {
            // Now and then it stays away for longer than its lease.
            let millis = match (is_alone, random.below(4)) {
                (true, _) => random.between(50, 1_000),
                (false, 0) => random.between(11_000, 13_000),
                (false, _) => random.between(50, 3_000),
            };
            world.story.say(format_args!("node {} is killed, back after {millis} ms", node.number));
            watch_takeover(world, tally, &node).await;
            node.kill(Duration::from_millis(millis)).await;
            tokio::time::sleep(Duration::from_millis(millis + 300)).await;
            drop(tokio::time::timeout(Duration::from_secs(20), node.listens()).await);
        }
        Fault::Stop => {
            // The first time, and now and then, at the worst moment.
            let is_cunning =
                !is_alone && world.nodes.len() > 1 && (tally.times(Fault::Stop) == 1 || random.below(3) == 0);
            if is_cunning {
                stop_at_the_worst_moment(world, tally, &node).await;
            } else {
                let length = Duration::from_millis(random.between(12_000, 14_000));
                stop(world, tally, &node, length).await;
            }
        }
        Fault::Clock => {
            // A single process goes by its own clock: what it was to do "in a second" while the clock was an hour ahead is an hour away when
            // the clock is right again. So there it is only a little ahead, or behind.
            let ahead = if is_alone { 15 } else { 3_600 };
            let seconds = i64::try_from(random.below(3_600 + ahead)).unwrap_or(0) - 3_600;
            let length = Duration::from_millis(random.between(3_000, 6_000));
            world
                .story
                .say(format_args!("the clock of node {} goes {seconds:+} s for {length:?}", node.number));
            node.move_clock(seconds).await;
            tokio::time::sleep(length).await;
            node.move_clock(0).await;
        }
        Fault::DiskFull => {
            let length = Duration::from_millis(random.between(2_000, 5_000));
            world.story.say(format_args!("the store's disk is full for {length:?}"));
            if let Err(error) = world.volume.fill().await {
                world.story.say(format_args!("it could not be filled: {error}"));
            }
            tokio::time::sleep(length).await;
            world.volume.relieve().await;
            world.revive_postgres().await;
        }
        Fault::Restart | Fault::Crash => {
            let how = if fault == Fault::Crash { Shutdown::Immediate } else { Shutdown::Fast };
            world.story.say(format_args!("PostgreSQL is restarted ({how:?})"));
            world.restart_postgres(how).await;
        }
        Fault::Terminate => {
            let ended = world.store.number(TERMINATE).await.unwrap_or_default();
            world.story.say(format_args!("{ended} sessions are terminated"));
        }
        Fault::Drop | Fault::Delay | Fault::BlackHole => {
            let (wire, millis) = match fault {
                Fault::Drop => (Wire::Cut, random.between(50, 1_000)),
                Fault::Delay => (
                    Wire::Slow(Duration::from_millis(random.between(100, 500))),
                    random.between(2_000, 5_000),
                ),
                _ => (Wire::Dead, random.between(2_000, 7_000)),
            };
            world.story.say(format_args!("node {} and PostgreSQL: {wire:?} for {millis} ms", node.number));
            if let Some(proxy) = world.proxies.get(node.number - 1) {
                proxy.become_(wire);
                tokio::time::sleep(Duration::from_millis(millis)).await;
                proxy.become_(Wire::Good);
            }
        }
    }
    tally.disturbances.fetch_add(u32::from(disturbs), Ordering::Relaxed);
}

/// Stops a node, and looks at what has ended when it is about to go on: whatever it calls of that is called again.
async fn stop(world: &Arc<World>, tally: &Arc<Tally>, node: &Node, length: Duration) {
    world.story.say(format_args!("node {} stands still for {length:?}", node.number));
    watch_takeover(world, tally, node).await;
    let meanwhile = async {
        tokio::time::sleep(length).await;
        look(world, NEWEST).await;
    };
    node.pause(&world.ledger, meanwhile).await;
}

/// Where only a fence helps: first calls are answered late, so many executions of the node wait for that answer when it is stopped; and when it
/// goes on, with the answers in its hands, the one that has taken them over is at the last call, which is answered late then.
async fn stop_at_the_worst_moment(world: &Arc<World>, tally: &Arc<Tally>, node: &Node) {
    world.receiver.be_slow(Some((Step::A, Duration::from_secs(1))));
    wait_until_busy(world, node).await;
    world.story.say(format_args!("node {} stands still until its work has been taken over", node.number));
    watch_takeover(world, tally, node).await;
    let taken_over = async {
        world.receiver.be_slow(Some((Step::B, Duration::from_secs(6))));
        let gone = format!("SELECT count(*) FROM nodes WHERE name = '{}'", node.name());
        let from = world.ledger.now();
        while world.store.number(&gone).await != Ok(0) && world.ledger.now() < from + LONGEST_STOP {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        look(world, NEWEST).await;
    };
    node.pause(&world.ledger, taken_over).await;
    world.story.say(format_args!("node {} goes on", node.number));
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.receiver.be_slow(None);
}

/// Waits until a node has a good many executions in hand, all of which wait for their first call: what comes in a batch goes to one node,
/// so at a low rate it may have next to none at any one moment.
async fn wait_until_busy(world: &World, node: &Node) {
    const MANY: i64 = 20;
    let in_hand = format!(
        "SELECT count(*) FROM workflow_executions WHERE status IN ('pending', 'running') AND owner =
           (SELECT id FROM nodes WHERE name = '{}' ORDER BY started_at DESC LIMIT 1)",
        node.name()
    );
    let from = world.ledger.now();
    while !world.store.number(&in_hand).await.is_ok_and(|executions| executions >= MANY)
        && world.ledger.now() < from + LONGEST_STOP
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Writes down which of the newest executions have ended: a call of theirs from now on is a repeat.
pub async fn look(world: &World, newest: u32) {
    let sql = format!(
        "SELECT e.external_id FROM (SELECT event_id, workflow_id, status FROM workflow_executions ORDER BY id DESC LIMIT {newest}) x
           JOIN events e ON e.id = x.event_id JOIN workflows w ON w.id = x.workflow_id
          WHERE x.status IN ('completed', 'failed', 'cancelled') AND w.key = '{}'",
        scenario::MAIN
    );
    let mut ended = Vec::new();
    // A store that cannot be read right now is looked at the next time.
    drop(
        world
            .store
            .each(&sql, |cells| ended.extend(cells.first().and_then(|name| scenario::number(name))))
            .await,
    );
    world.ledger.ended(&ended);
}

/// Looks every second, so that repeats long after the end are seen too.
pub async fn keep_looking(world: Arc<World>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        look(&world, 2_000).await;
    }
}

/// Begins to watch what becomes of the work of a node that is about to be killed or stopped.
async fn watch_takeover(world: &Arc<World>, tally: &Arc<Tally>, node: &Node) {
    if !matches!(world.store, Store::Postgres { .. }) || world.nodes.len() < 2 {
        return;
    }
    let newest =
        format!("SELECT id FROM nodes WHERE name = '{}' ORDER BY started_at DESC LIMIT 1", node.name());
    let Ok(owner) = world.store.number(&newest).await else { return };
    let (world, tally) = (Arc::clone(world), Arc::clone(tally));
    let before = tally.disturbances.load(Ordering::Relaxed);
    let (number, from) = (node.number, world.ledger.now());
    tokio::spawn(async move {
        // Whatever was on its way when it was hit has arrived.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let had = format!("SELECT id FROM workflow_executions WHERE owner = {owner} LIMIT 200");
        let Ok(had) = world.store.rows(&had).await else { return };
        let had: Vec<String> = had.into_iter().flatten().collect();
        let left = format!(
            "SELECT count(*) FROM workflow_executions WHERE id IN ({}) AND status IN ('pending', 'running') AND coalesce(owner, {owner}) = {owner}",
            had.join(", ")
        );
        while !had.is_empty() && world.ledger.now() < from + 60_000 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            if world.store.number(&left).await == Ok(0) {
                let is_disturbed = before % 2 == 1 || tally.disturbances.load(Ordering::Relaxed) != before;
                let takeover = Takeover { took: world.ledger.now() - from, is_disturbed };
                world.story.say(format_args!(
                    "what node {number} had in hand ({} executions) is in other hands, after {:.1} s",
                    had.len(),
                    f64::from(takeover.took) / 1e3
                ));
                tally.takeovers.lock().unwrap_or_else(PoisonError::into_inner).push(takeover);
                return;
            }
        }
    });
}
