//! Control-flow patterns (Russell, ter Hofstede, van der Aalst and Mulyar, 2006) that are a use of several constructs rather than one: each
//! told as the journal that it leaves. The others are in [`crate::control`]; docs/WORKFLOW-PATTERNS.md names the example of each.

use serde_json::{Value, json};
use store::workflow::{NewWorkflow, workflow_create};

use crate::{
    control::story,
    harness::{House, TENANT, definition_of, post},
};

fn tag(id: &str, tag: &str) -> Value {
    json!({"id": id, "type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": tag}})
}

fn delay(id: &str, duration: &str) -> Value {
    json!({"id": id, "type": "delay", "config": {"duration": duration}})
}

fn parallel(id: &str, join: Value, losers: &str, lanes: &[(&str, Value)]) -> Value {
    let lanes: Value =
        lanes.iter().map(|(name, actions)| json!({"name": name, "actions": actions})).collect();
    json!({"id": id, "type": "parallel", "config": {"join": join, "losers": losers, "branches": lanes}})
}

fn interleaved(lanes: &[(&str, Value)]) -> Value {
    let mut step = parallel("p", json!("all"), "cancel", lanes);
    step["config"]["interleaved"] = json!(true);
    step
}

fn rounds(id: &str, count: i64, actions: Value) -> Value {
    let until = json!([{"field": "iteration", "operator": "equals", "value": count}]);
    json!({"id": id, "type": "repeat", "config": {"until": until, "maxIterations": 9, "actions": actions}})
}

fn cases() -> Vec<(&'static str, Value)> {
    let three = || {
        [
            ("slow", json!([delay("d1", "2h"), tag("t1", "slow")])),
            ("quick", json!([tag("t2", "quick")])),
            ("slower", json!([delay("d3", "3h"), tag("t3", "slower")])),
        ]
    };
    let seen_by = |deadline: &str| {
        parallel(
            "p",
            json!("any"),
            "cancel",
            &[
                (
                    "reviews",
                    json!([{"id": "each", "type": "for_each", "config": {"items": ["30m", "2h", "3h"], "concurrency": 3, "actions": [delay("d", "{{item}}"), tag("t", "reviewed {{index}}")]}}]),
                ),
                ("deadline", json!([delay("until", deadline)])),
            ],
        )
    };
    vec![
        (
            "9 structured discriminator: the first that is done lets the run go on once, the others end without effect on it",
            json!([parallel("p", json!("any"), "finish", &three()), tag("once", "once")]),
        ),
        (
            "28 blocking discriminator: it opens again only when all of the round before are done",
            json!([rounds(
                "r",
                2,
                json!([parallel("p", json!("any"), "finish", &three()), tag("once", "round {{iteration}}")])
            )]),
        ),
        (
            "31 blocking partial join: so it is with two of three",
            json!([rounds(
                "r",
                2,
                json!([parallel("p", json!(2), "finish", &three()), tag("once", "round {{iteration}}")])
            )]),
        ),
        (
            "32 cancelling partial join: two of three are enough, the third is cancelled",
            json!([parallel("p", json!(2), "cancel", &three()), tag("once", "once")]),
        ),
        (
            "26 and 27 cancel, and complete, multiple instances: at the deadline those that are not done are withdrawn, and the run goes on",
            json!([seen_by("1h"), tag("next", "next")]),
        ),
        ("27 and not, when all are done in time", json!([seen_by("9h"), tag("next", "next")])),
        (
            "40 interleaved routing: each once, in any order, never two at the same time",
            json!([interleaved(&[
                ("a", json!([tag("a", "a")])),
                ("b", json!([tag("b", "b")])),
                ("c", json!([tag("c", "c")]))
            ])]),
        ),
        (
            "17 interleaved parallel routing: some before others, never two at the same time",
            json!([
                tag("first", "first"),
                interleaved(&[
                    ("one", json!([tag("a1", "a1"), delay("w", "1h"), tag("a2", "a2")])),
                    ("two", json!([tag("b1", "b1"), delay("v", "30m"), tag("b2", "b2")])),
                ]),
                tag("last", "last"),
            ]),
        ),
    ]
}

testkit::on_both! {
    async fn patterns_leave_these_journals(place: Place) {
        let mut stories = Vec::new();
        for (name, actions) in cases() {
            let house = House::new(place.another());
            let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": actions})).await;
            let id = post(&engine, json!({})).await.executions[0].id;
            let ended = house.run_to_end(&engine, id).await.unwrap();
            // What is begun is done, or waits, or is under way outside, before the next begins.
            let numbers: Vec<i64> = ended.journal.iter().map(|log| log.step_number).collect();
            assert!(numbers.is_sorted(), "{name}");
            stories.push(format!("## {name}\n{}", story(&ended)));
            engine.stop(std::time::Duration::from_secs(5)).await;
        }
        insta::assert_snapshot!("patterns", stories.join("\n"));
    }

    async fn instances_run_on_without_the_one_that_made_them(place: Place) {
        // 12, multiple instances without synchronization: each ticket starts a run of its own, which nobody waits for.
        let house = House::new(place);
        let actions = json!([{"id": "each", "type": "for_each", "config": {"items": ["a", "b", "c"], "actions": [
            {"id": "make", "type": "create_ticket", "config": {"title": "{{item}}"}},
        ]}}]);
        let (engine, workflow, _) = house.furnish(json!({"conditions": [], "actions": actions})).await;
        let instance = json!({"trigger_event": "ticket_created", "conditions": [], "actions": [delay("d", "1h")]});
        let new = NewWorkflow { key: None, definition: definition_of(instance), is_draft: false, is_active: true };
        let write = engine.store().write(move |tx| {
            Box::pin(async move { workflow_create(tx, TENANT, model::Actor::System, new).await })
        });
        let instances = write.await.unwrap().id;
        engine.workflow_changed(TENANT, instances).await.unwrap();
        let id = post(&engine, json!({})).await.executions[0].id;
        let ended = house.rest(&engine, id).await.unwrap();
        assert_eq!(ended.execution.progress.status, model::ExecutionStatus::Completed);
        let list = async |status| {
            let filter = store::history::Filter { workflow: Some(instances), status: Some(status), ..Default::default() };
            let mut connection = engine.store().read(TENANT).await.unwrap();
            let page = store::Page::first(10);
            let listed = store::history::execution_list(&mut connection, TENANT, &filter, page, store::history::Patience::ENDLESS);
            listed.await.unwrap().rows.into_iter().map(|row| row.execution.id).collect::<Vec<_>>()
        };
        // They have begun with their tickets, and rest as soon as a worker has had them.
        let waiting = loop {
            let waiting = list(model::ExecutionStatus::Waiting).await;
            if waiting.len() == 3 {
                break waiting;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        assert_eq!((waiting.len(), ended.execution.workflow_id), (3, workflow), "they wait, and their maker has ended");
        for instance in waiting {
            let ended = house.run_to_end(&engine, instance).await.unwrap();
            assert_eq!(ended.execution.progress.status, model::ExecutionStatus::Completed);
        }
        engine.stop(std::time::Duration::from_secs(5)).await;
    }
}

/// The document says of each of the 43 whether it is supported, once; what is supported names an example that is a test's.
#[test]
fn the_document_has_every_pattern_once() {
    let document = include_str!("../../../../docs/WORKFLOW-PATTERNS.md");
    // Examples that are tests of their own are named by these.
    let tests = include_str!("calling.rs").replace('_', " ");
    let examples = concat!(include_str!("control.rs"), include_str!("patterns.rs")).to_owned() + &tests;
    let mut numbers = Vec::new();
    let mut supported = 0;
    for row in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let Some(number) = cells[0].split(' ').next().and_then(|number| number.parse::<u32>().ok()) else {
            continue;
        };
        numbers.push(number);
        if let [_, _, example] = cells.as_slice() {
            supported += 1;
            let pieces = example.split(['…', ';']).map(str::trim);
            let unknown: Vec<&str> = pieces.filter(|piece| !examples.contains(piece)).collect();
            assert!(unknown.is_empty(), "pattern {number}: no test has {unknown:?}");
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=43).collect::<Vec<_>>());
    assert!(supported >= 25, "{supported} are supported");
}
