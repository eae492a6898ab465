//! Crash everywhere, fail everywhere: a workflow with every kind of step is stopped at each of its writes, before and after
//! the commit, and taken up again; the end must be the same, with the same effects.
//!
//! The store is furnished once, and put back as it was then before each round; the receiver is the same for all.

mod workflows;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::{Engine, EngineError};
use model::{ContactId, event::Accepted};
use serde_json::{Value, json};
use store::{StoreError, writer::Faults};
use testkit::{
    place::{Kept, Place},
    sink::Sink,
};

use crate::harness::{FinalState, House, calls, event, final_state, load};

/// Kills or hurts the store at one moment, once.
#[derive(Debug, Default)]
pub struct Once {
    pub before_commit: Option<u64>,
    pub after_commit: Option<u64>,
    pub operation: Option<u64>,
    pub commits: AtomicU64,
    pub operations: AtomicU64,
}

impl Faults for Once {
    fn operation(&self, number: u64) -> Option<StoreError> {
        self.operations.store(number, Ordering::Relaxed);
        (self.operation == Some(number)).then(|| StoreError::Unavailable("injected".to_owned()))
    }
    fn dies_before_commit(&self, number: u64) -> bool {
        self.commits.store(number, Ordering::Relaxed);
        self.before_commit == Some(number)
    }
    fn dies_after_commit(&self, number: u64) -> bool {
        self.after_commit == Some(number)
    }
}

/// Everything that can be seen of one run.
#[derive(Debug, PartialEq)]
struct Seen {
    state: FinalState,
    /// The paths that were called, once for each idempotency key.
    effects: Vec<String>,
}

/// A store with the workflow, from which every round begins.
struct Beginning {
    place: Arc<Place>,
    kept: Kept,
    sink: Sink,
    contact: ContactId,
}

impl Beginning {
    async fn of(place: Place, workflow: Workflow) -> Self {
        let (place, sink) = (Arc::new(place), Sink::start().await);
        let house = roomy(&place);
        let (engine, _, contact) = house.furnish((workflow.definition)(&sink)).await;
        for other in (workflow.others)(&sink) {
            house.workflow(&engine, other).await;
        }
        engine.stop(STOP).await;
        let kept = Kept::of(&place);
        Self { place, kept, sink, contact }
    }

    /// One round: what is seen at the end, how many calls there were, and what was counted.
    async fn round(&self, faults: Once) -> (Seen, usize, Arc<Once>) {
        self.kept.put_back(&self.place);
        self.sink.forget();
        let trial = Trial { house: roomy(&self.place), sink: &self.sink, contact: self.contact };
        let faults = Arc::new(faults);
        trial.run_faulty(Arc::clone(&faults)).await;
        let seen = trial.finish().await;
        (seen, self.sink.requests().len(), faults)
    }
}

/// Its host's share has room for several calls.
fn roomy(place: &Arc<Place>) -> House {
    let mut house = House::new(Arc::clone(place));
    house.workers = 16;
    house
}

/// How long an engine may take to stop.
const STOP: Duration = Duration::from_secs(5);

struct Trial<'b> {
    house: House,
    sink: &'b Sink,
    contact: ContactId,
}

impl Trial<'_> {
    fn event(&self) -> model::event::NewEvent {
        let data = json!({"submission": {"contactId": self.contact, "data": {"q_nps": 3}}});
        event(Some("the only one"), data)
    }

    /// Runs under a fault until the end or the store's death, as far as it gets.
    async fn run_faulty(&self, faults: Arc<Once>) {
        let Ok(engine) = self.house.reopen(Some(faults)).await else { return };
        if let Ok(accepted) = self.accept(&engine).await
            && !accepted.executions.is_empty()
        {
            // An error is the store's death: the point of the exercise.
            drop(self.house.run_all_to_end(&engine).await);
        }
        engine.stop(STOP).await;
    }

    /// Posts the event, again when the first time was not acknowledged: as a careful caller does.
    async fn accept(&self, engine: &Engine) -> Result<Accepted, EngineError> {
        match engine.accept(self.event()).await {
            Err(EngineError::Store(StoreError::Unavailable(_))) => engine.accept(self.event()).await,
            answer => answer,
        }
    }

    /// Runs what is left without faults.
    async fn finish(&self) -> Seen {
        let engine = self.house.recover().await;
        let accepted = self.accept(&engine).await.unwrap();
        assert_eq!(accepted.executions.len(), 1, "one event, one execution, however often it was posted");
        self.house.run_all_to_end(&engine).await.unwrap();
        let ended = load(&engine, accepted.executions[0].id).await.unwrap();
        let state = final_state(&engine, &ended, self.contact).await;
        let by_key: BTreeSet<(String, String)> = calls(self.sink).into_iter().collect();
        let mut effects: Vec<String> = by_key.into_iter().map(|(_, path)| path).collect();
        effects.sort();
        engine.stop(STOP).await;
        Seen { state, effects }
    }
}

/// What is run.
#[derive(Clone, Copy)]
struct Workflow {
    definition: fn(&Sink) -> Value,
    /// What else there is.
    others: fn(&Sink) -> Vec<Value>,
    /// How many calls may be in flight at once.
    in_flight: usize,
    /// How many calls a run makes when nothing goes wrong.
    calls: usize,
}

/// 2 for each item, 1 that is handled, 1 after the decision, 1 of each called run, 1 about the failure.
const ALL: Workflow =
    Workflow { definition: workflows::all, others: workflows::called, in_flight: 2, calls: 9 };
/// 1, then 2, 3 and 1 of the failing calls.
const STEPS: Workflow =
    Workflow { definition: workflows::steps, others: workflows::alone, in_flight: 1, calls: 7 };
/// 2 for each item, and 1.
const CONTROL: Workflow =
    Workflow { definition: workflows::control, others: workflows::alone, in_flight: 1, calls: 5 };
/// 3 by those that end well, 1 by the one that is too slow, 3 by those that fail, and 2 about the failure.
const CALLING: Workflow =
    Workflow { definition: workflows::calling, others: workflows::called, in_flight: 2, calls: 9 };
/// One after the event, one after the decision.
const WAITING: Workflow =
    Workflow { definition: workflows::waiting, others: workflows::alone, calls: 2, in_flight: 1 };

/// 2, 2 for each item, 2, 1 for each try that takes too long, 1 for each that fails.
const BESIDE: Workflow =
    Workflow { definition: workflows::beside, others: workflows::alone, in_flight: 2, calls: 12 };

/// Runs the workflow once for each moment at which it can be stopped or hurt; answers how it ends when it is left alone.
async fn everywhere(place: Place, workflow: Workflow) -> String {
    let beginning = Beginning::of(place, workflow).await;
    let (expected, calls, counted) = beginning.round(Once::default()).await;
    assert_eq!(calls, workflow.calls, "{expected:?}");
    let commits = counted.commits.load(Ordering::Relaxed);
    let operations = counted.operations.load(Ordering::Relaxed);
    assert!(commits >= 12, "the workflow makes at least a dozen commits, not {commits}");

    for number in 1..=commits {
        let before = Once { before_commit: Some(number), ..Once::default() };
        let after = Once { after_commit: Some(number), ..Once::default() };
        for (moment, faults) in [("before", before), ("after", after)] {
            let (seen, calls, _) = beginning.round(faults).await;
            assert_eq!(seen.effects, expected.effects, "killed {moment} commit {number}");
            assert!(
                calls <= workflow.calls + workflow.in_flight,
                "killed {moment} commit {number}: {calls} calls; only the one in flight may repeat"
            );
            same(&seen, &expected, &format!("killed {moment} commit {number}"));
        }
    }
    for number in 1..=operations {
        let (seen, calls, _) = beginning.round(Once { operation: Some(number), ..Once::default() }).await;
        assert_eq!(
            calls,
            workflow.calls,
            "operation {number} failed: nothing repeats, for nothing was killed; {:#?}\n{seen:#?}",
            self::calls(&beginning.sink)
        );
        same(&seen, &expected, &format!("operation {number} failed"));
    }
    format!(
        "{}\ntickets {:?}\ncontact {}{}",
        expected.state.execution,
        expected.state.tickets,
        expected.state.contact,
        expected.state.others.iter().map(|other| format!("\n\n{other}")).collect::<String>()
    )
}

testkit::on_both! {
    async fn ten_steps_with_every_construct_end_the_same_wherever_they_are_killed(place: Place) {
        insta::assert_snapshot!("the_end_of_all", everywhere(place, ALL).await);
    }

    async fn every_crash_and_every_failure_ends_the_same(place: Place) {
        insta::assert_snapshot!("the_end", everywhere(place, STEPS).await);
    }

    async fn so_it_does_inside_of_every_control_step(place: Place) {
        insta::assert_snapshot!("the_end_inside", everywhere(place, CONTROL).await);
    }

    async fn so_it_does_where_something_from_outside_is_waited_for(place: Place) {
        insta::assert_snapshot!("the_end_waiting", everywhere(place, WAITING).await);
    }

    async fn so_it_does_where_calls_are_under_way_together(place: Place) {
        insta::assert_snapshot!("the_end_beside", everywhere(place, BESIDE).await);
    }

    async fn so_it_does_when_workflows_run_others_and_fail(place: Place) {
        insta::assert_snapshot!("the_end_of_calls", everywhere(place, CALLING).await);
    }
}

/// The same end. A receiver that fails a number of times and was called once more than usual recovers one attempt
/// earlier: then the journal has one failed attempt less, and nothing else differs.
fn same(seen: &Seen, expected: &Seen, moment: &str) {
    let outcomes = |execution: &str| {
        let words = |line: &str| {
            line.split(' ')
                .filter(|word| word.trim_end_matches(',').parse::<i64>().is_err() && !word.starts_with('#'))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let kept = execution.lines().filter(|line| !line.ends_with("status 503"));
        kept.map(words).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&seen.state.execution), outcomes(&expected.state.execution), "{moment}");
    let others = |state: &FinalState| {
        let mut others: Vec<_> = state.others.iter().map(|other| outcomes(other)).collect();
        others.sort();
        others
    };
    assert_eq!(others(&seen.state), others(&expected.state), "{moment}");
    assert_eq!(seen.state.tickets, expected.state.tickets, "{moment}");
    assert_eq!(seen.state.contact, expected.state.contact, "{moment}");
}
