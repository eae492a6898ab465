//! Crash everywhere, fail everywhere: a workflow with every kind of step is stopped at each of its writes, before and after
//! the commit, and taken up again; the end must be the same, with the same effects.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use engine::{Engine, EngineError};
use model::{ContactId, event::Accepted};
use serde_json::{Value, json};
use store::{StoreError, execution::Started, writer::Faults};
use testkit::{place::Place, sink::Sink};

use crate::harness::{FinalState, House, calls, event, final_state, load};

fn workflow(sink: &Sink) -> Value {
    json!({
        "name": "Everything",
        "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
        "actions": [
            {"type": "create_ticket", "config": {"title": "Detractor {{submission.data.q_nps}}"}, "critical": true},
            {"type": "webhook", "config": {"url": sink.url("/ok"), "body": {"ticket": "{{steps.s1.output.ticketId}}"}}},
            {"type": "delay", "config": {"duration": "1h"}},
            {"type": "update_contact", "config": {"contactId": "{{submission.contactId}}", "updates": {"segment": "detractor"}}},
            {"type": "webhook", "config": {"url": sink.url("/fail-times/1")}, "critical": true},
            {"type": "webhook", "config": {"url": sink.url("/fail-times/2")}, "retry": {"attempts": 3, "delays": ["10s"]}},
            {"type": "webhook", "config": {"url": sink.url("/status/404")}},
            {"type": "add_tag", "config": {"entity": "contact", "entityId": "{{submission.contactId}}", "tag": "called"}},
        ],
    })
}

/// Every control step, one inside of another where that says more; what waits, waits side by side.
fn control(sink: &Sink) -> Value {
    let holds = |field: &str, value: Value| json!([{"field": field, "operator": "equals", "value": value}]);
    let tag =
        |tag: &str| json!({"type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": tag}});
    json!({
        "name": "Everything inside of something",
        "conditions": [],
        "actions": [
            {"type": "set", "config": {"variables": {"way": "wide"}}},
            {"type": "branch", "config": {"branches": [{"name": "wide", "conditions": holds("vars.way", json!("wide")), "actions": [
                {"type": "for_each", "config": {"items": ["one", "two"], "actions": [
                    {"type": "webhook", "critical": true, "retry": {"attempts": 3, "delays": ["10s"]}, "config": {"url": sink.url("/fail-times/1?{{item}}")}},
                    {"type": "set", "config": {"variables": {"seen": "{{vars.seen}}{{item}}"}}},
                ]}},
            ]}]}},
            {"type": "parallel", "config": {"branches": [
                {"name": "late", "actions": [{"type": "wait", "config": {"for": "2h"}}, tag("{{vars.seen}}")]},
                {"name": "soon", "actions": [{"type": "delay", "config": {"duration": "1h"}}, tag("soon")]},
            ]}},
            {"type": "repeat", "config": {"until": holds("iteration", json!(2)), "maxIterations": 3, "pause": "1m", "actions": [
                {"type": "create_ticket", "config": {"title": "Round {{iteration}}"}},
            ]}},
            {"type": "webhook", "critical": true, "config": {"url": sink.url("/status/404")}, "onError": [tag("handled")]},
            {"type": "add_tag", "skipIf": holds("vars.way", json!("wide")), "config": {"entity": "contact", "entityId": 1, "tag": "never"}},
            {"type": "branch", "config": {"branches": [{"name": "no", "conditions": holds("vars.way", json!("narrow")), "actions": []}], "else": [
                {"type": "filter", "config": {"conditions": holds("vars.way", json!("narrow"))}},
            ]}},
            tag("never"),
        ],
    })
}

/// What waits for an event, for people and for neither of them, with something to do after each.
fn waiting(sink: &Sink) -> Value {
    let tag =
        |tag: &str| json!({"type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": tag}});
    let call = |path: &str| json!({"type": "webhook", "critical": true, "config": {"url": sink.url(path)}});
    json!({
        "name": "Everything from outside",
        "conditions": [],
        "actions": [
            {"type": "parallel", "config": {"branches": [
                {"name": "event", "actions": [{"type": "wait_for_event", "config": {"event": "contact_updated", "timeout": "5d",
                    "conditions": [{"field": "event.contact.id", "operator": "equals", "value": 1}, {"field": "event.contact.segment", "operator": "changed_to", "value": "vip"}],
                    "actions": [call("/ok?event"), tag("event")], "onTimeout": [tag("never")]}}]},
                {"name": "nothing", "actions": [{"type": "wait_for_event", "config": {"event": "contact_updated", "timeout": "3h",
                    "conditions": [{"field": "event.contact.id", "operator": "equals", "value": 2}], "actions": [tag("never")], "onTimeout": [tag("late")]}}]},
                {"name": "cause", "actions": [{"type": "delay", "config": {"duration": "1h"}},
                    {"type": "update_contact", "config": {"contactId": 1, "updates": {"segment": "vip"}}}]},
            ]}},
            {"type": "approval", "config": {"title": "Yes", "approvers": [{"role": "admin"}], "onApproved": [call("/ok?yes"), tag("yes")], "onRejected": [tag("never")]}},
            {"type": "approval", "config": {"title": "Perhaps", "approvers": [{"role": "admin"}], "reminder": "1h", "timeout": "2h", "onApproved": [tag("never")],
                "onTimeout": [{"type": "create_ticket", "config": {"title": "{{steps.s1.output.finished | join(\"+\")}}"}}]}},
        ],
    })
}

/// A workflow that runs others: one after the other, side by side, without waiting; one that fails and is handled, one that fails it.
fn calling(sink: &Sink) -> Value {
    let tag =
        |tag: &str| json!({"type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": tag}});
    let run = |key: &str, number: i64| json!({"type": "run_workflow", "config": {"workflowId": key, "data": {"number": number}}});
    let mut handled = run("failing", 4);
    handled["onError"] = json!([tag("handled")]);
    let mut quick = run("quick", 0);
    quick["config"]["wait"] = json!(false);
    let mut slow = run("called", 6);
    slow["timeoutMs"] = json!("30m");
    slow["critical"] = json!(false);
    let mut again = run("failing", 5);
    again["retry"] = json!({"attempts": 2, "delays": ["10s"]});
    json!({
        "name": "Caller",
        "conditions": [],
        "actions": [
            run("called", 1),
            {"type": "parallel", "config": {"branches": [{"name": "a", "actions": [run("called", 2)]}, {"name": "b", "actions": [run("called", 3)]}]}},
            quick,
            {"type": "delay", "config": {"duration": "1h"}},
            handled,
            slow,
            again,
        ],
        "onFailure": [
            {"type": "webhook", "config": {"url": sink.url("/ok?{{error.step}}")}},
            {"type": "delay", "config": {"duration": "10m"}},
            tag("mourned"),
            {"type": "webhook", "critical": true, "config": {"url": sink.url("/status/404?mourned")}},
            tag("never"),
        ],
    })
}

/// Those that it runs, and one that looks after failures.
fn called(sink: &Sink) -> Vec<Value> {
    let tag =
        |tag: &str| json!({"type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": tag}});
    vec![
        json!({"name": "Called", "trigger_event": "manual", "actions": [
            {"type": "webhook", "config": {"url": sink.url("/ok?{{number}}")}},
            {"type": "delay", "config": {"duration": "1h"}},
            tag("called"),
        ]}),
        json!({"name": "Quick", "trigger_event": "manual", "actions": [tag("quick")]}),
        json!({"name": "Failing", "trigger_event": "manual", "actions": [
            {"type": "webhook", "critical": true, "config": {"url": sink.url("/status/404?{{number}}")}},
        ]}),
        json!({"name": "After failures", "trigger_event": "execution_failed", "actions": [
            {"type": "create_ticket", "config": {"title": "Failed: {{failure.workflowName}}"}},
            {"type": "stop", "config": {"status": "failed"}},
        ]}),
    ]
}

fn alone(_: &Sink) -> Vec<Value> {
    Vec::new()
}

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

struct Trial {
    house: House,
    sink: Sink,
    contact: ContactId,
}

impl Trial {
    async fn new(place: Place, workflow: Workflow) -> Self {
        let (house, sink) = (House::new(place), Sink::start().await);
        let (engine, _, contact) = house.furnish((workflow.definition)(&sink)).await;
        for other in (workflow.others)(&sink) {
            house.workflow(&engine, other).await;
        }
        engine.stop(std::time::Duration::from_secs(5)).await;
        Self { house, sink, contact }
    }

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
        engine.stop(std::time::Duration::from_secs(5)).await;
    }

    /// Posts the event, again when the first time was not acknowledged: as a careful caller does.
    async fn accept(&self, engine: &Engine) -> Result<Accepted, EngineError> {
        match engine.accept(self.event()).await {
            Err(EngineError::Store(StoreError::Unavailable(_))) => engine.accept(self.event()).await,
            answer => answer,
        }
    }

    /// Runs what is left without faults.
    async fn finish(&self) -> (Seen, Started) {
        let engine = self.house.reopen(None).await.unwrap();
        let accepted = self.accept(&engine).await.unwrap();
        assert_eq!(accepted.executions.len(), 1, "one event, one execution, however often it was posted");
        self.house.run_all_to_end(&engine).await.unwrap();
        let ended = load(&engine, accepted.executions[0].id).await.unwrap();
        let state = final_state(&engine, &ended, self.contact).await;
        let by_key: BTreeSet<(String, String)> = calls(&self.sink).into_iter().collect();
        let mut effects: Vec<String> = by_key.into_iter().map(|(_, path)| path).collect();
        effects.sort();
        engine.stop(std::time::Duration::from_secs(5)).await;
        (Seen { state, effects }, ended)
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

/// 1, then 2, 3 and 1 of the failing calls.
const STEPS: Workflow = Workflow { definition: workflow, others: alone, in_flight: 1, calls: 7 };
/// 2 for each item, and 1.
const CONTROL: Workflow = Workflow { definition: control, others: alone, in_flight: 1, calls: 5 };
/// 3 by those that end well, 1 by the one that is too slow, 3 by those that fail, and 2 about the failure.
const CALLING: Workflow = Workflow { definition: calling, others: called, in_flight: 2, calls: 9 };

/// One after the event, one after the decision.
const WAITING: Workflow = Workflow { definition: waiting, others: alone, calls: 2, in_flight: 1 };

async fn trial(place: Place, workflow: Workflow, faults: Once) -> (Seen, usize, Arc<Once>) {
    let trial = Trial::new(place, workflow).await;
    let faults = Arc::new(faults);
    trial.run_faulty(Arc::clone(&faults)).await;
    let (seen, _) = trial.finish().await;
    (seen, trial.sink.requests().len(), faults)
}

/// Runs the workflow once for each moment at which it can be stopped or hurt; answers how it ends when it is left alone.
async fn everywhere(place: Place, workflow: Workflow) -> String {
    let (expected, calls, counted) = trial(place.another(), workflow, Once::default()).await;
    assert_eq!(calls, workflow.calls, "{expected:?}");
    let commits = counted.commits.load(Ordering::Relaxed);
    let operations = counted.operations.load(Ordering::Relaxed);
    assert!(commits >= 12, "the workflow makes at least a dozen commits, not {commits}");

    for number in 1..=commits {
        let before = Once { before_commit: Some(number), ..Once::default() };
        let after = Once { after_commit: Some(number), ..Once::default() };
        for (moment, faults) in [("before", before), ("after", after)] {
            let (seen, calls, _) = trial(place.another(), workflow, faults).await;
            assert_eq!(seen.effects, expected.effects, "killed {moment} commit {number}");
            assert!(
                calls <= workflow.calls + workflow.in_flight,
                "killed {moment} commit {number}: {calls} calls; only the one in flight may repeat"
            );
            same(&seen, &expected, &format!("killed {moment} commit {number}"));
        }
    }
    for number in 1..=operations {
        let (seen, calls, _) =
            trial(place.another(), workflow, Once { operation: Some(number), ..Once::default() }).await;
        assert_eq!(
            calls, workflow.calls,
            "operation {number} failed: nothing repeats, for nothing was killed"
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
    async fn every_crash_and_every_failure_ends_the_same(place: Place) {
        insta::assert_snapshot!("the_end", everywhere(place, STEPS).await);
    }

    async fn so_it_does_inside_of_every_control_step(place: Place) {
        insta::assert_snapshot!("the_end_inside", everywhere(place, CONTROL).await);
    }

    async fn so_it_does_where_something_from_outside_is_waited_for(place: Place) {
        insta::assert_snapshot!("the_end_waiting", everywhere(place, WAITING).await);
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
