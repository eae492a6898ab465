//! Control steps, each told as the journal that it leaves.

use engine::RetryRequest;
use model::{Actor, ExecutionStatus, journal::Log};
use serde_json::{Value, json};
use store::execution::Started;
use testkit::sink::Sink;

use crate::harness::{House, TENANT, calls, load, post};

/// A row as its place, its state and what it gave.
fn line(log: &Log) -> String {
    let output = match log.output_data.as_deref() {
        Some(Value::Object(fields)) => {
            let kept = fields.iter().filter(|(key, _)| {
                !["conditions", "event", "headers", "durationMs", "ticket", "body", "truncated", "causes"]
                    .contains(&key.as_str())
            });
            let mut kept = Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect());
            // The order of names is the database's.
            kept.sort_all_objects();
            kept.to_string()
        }
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let error = log.error.as_ref().map(|error| format!(" – {error}")).unwrap_or_default();
    format!(
        "{} {} {} #{} {} {output}{error}",
        log.step_number, log.step_path, log.step_type, log.attempt, log.status
    )
}

pub fn story(started: &Started) -> String {
    let progress = &started.execution.progress;
    let result = progress.result.clone().unwrap_or_default();
    let rows: Vec<String> = started.journal.iter().skip(1).map(line).collect();
    format!(
        "{} executed {} failed {} stopped {} error {:?}\n{}\n",
        progress.status,
        result["actionsExecuted"],
        result["actionsFailed"],
        result["stopped"],
        progress.error,
        rows.join("\n")
    )
}

fn tag(id: &str, tag: &str) -> Value {
    json!({"id": id, "type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": tag}})
}

fn set(id: &str, name: &str, value: &str) -> Value {
    json!({"id": id, "type": "set", "config": {"variables": {name: value}}})
}

fn delay(id: &str, duration: &str) -> Value {
    json!({"id": id, "type": "delay", "config": {"duration": duration}})
}

fn holds(field: &str, value: &Value) -> Value {
    json!([{"field": field, "operator": "equals", "value": value}])
}

fn lanes(list: &[(&str, Value)]) -> Value {
    list.iter().map(|(name, actions)| json!({"name": name, "actions": actions})).collect()
}

fn cases(sink: &Sink) -> Vec<(&'static str, Value)> {
    let call = |id: &str, path: &str| json!({"id": id, "type": "webhook", "config": {"url": sink.url(path)}});
    let arm = |name: &str, field: &str, value: Value, actions: Value| json!({"name": name, "conditions": holds(field, &value), "actions": actions});
    vec![
        (
            "a branch takes the first way that matches, or all, or else",
            json!([
                {"id": "first", "type": "branch", "config": {"branches": [
                    arm("no", "score", json!(9), json!([tag("x", "no")])),
                    arm("yes", "score", json!(3), json!([tag("a", "{{steps.first.output.taken}}")])),
                    arm("also", "score", json!(3), json!([tag("y", "also")])),
                ]}},
                {"id": "all", "type": "branch", "config": {"mode": "all", "branches": [
                    arm("one", "score", json!(3), json!([tag("b", "one")])), arm("two", "score", json!(3), json!([tag("c", "two")])),
                ]}},
                {"id": "else", "type": "branch", "config": {"branches": [arm("no", "score", json!(9), json!([]))], "else": [tag("d", "else")]}},
                {"id": "empty", "type": "branch", "config": {"branches": [arm("no", "score", json!(9), json!([]))]}},
                tag("end", "{{steps.all.output.taken | join(\"+\")}}"),
            ]),
        ),
        (
            "a loop collects in the order of its items and hands variables on",
            json!([
                set("start", "sum", "0"),
                {"id": "each", "type": "for_each", "config": {"items": "{{items}}", "onItemError": "continue", "actions": [
                    {"id": "call", "type": "webhook", "critical": true, "config": {"url": sink.url("/{{item}}")}},
                    set("add", "sum", "{{vars.sum}}{{index}}"),
                ]}},
                {"id": "none", "type": "for_each", "config": {"items": "{{nothing}}", "actions": [tag("never", "never")]}},
                {"id": "nolist", "type": "for_each", "critical": false, "config": {"items": "{{score}}", "actions": [tag("nor", "never")]}},
                tag("end", "{{vars.sum}} {{steps.each.output.failed}} of {{steps.each.output.count}}"),
            ]),
        ),
        (
            "a round follows another until it is enough",
            json!([
                {"id": "poll", "type": "repeat", "config": {"until": holds("iteration", &json!(3)), "maxIterations": 5, "pause": "1m",
                    "actions": [call("ask", "/ok")]}},
                {"id": "tries", "type": "repeat", "config": {"until": holds("never", &json!(1)), "maxIterations": 2,
                    "actions": [tag("t", "round {{iteration}} after {{steps.tries.output.iterations}}")]}},
            ]),
        ),
        (
            "parallel branches wait side by side, and their variables count in the order written",
            json!([
                set("before", "v", "before"),
                {"id": "both", "type": "parallel", "config": {"branches": lanes(&[
                    ("late", json!([delay("d1", "2h"), set("s1", "v", "{{vars.v}}+late")])),
                    ("soon", json!([delay("d2", "1h"), set("s2", "v", "{{vars.v}}+soon")])),
                ])}},
                tag("end", "{{vars.v}}"),
            ]),
        ),
        (
            "any one is enough, and the others are cancelled",
            json!([
                {"id": "race", "type": "parallel", "config": {"join": "any", "branches": lanes(&[
                    ("slow", json!([delay("d1", "2h"), tag("t1", "slow")])), ("quick", json!([delay("d2", "1h"), tag("t2", "quick")])),
                    ("slower", json!([delay("d3", "3h"), tag("t3", "slower")])),
                ])}},
                tag("end", "{{steps.race.output.finished}}"),
            ]),
        ),
        (
            "two of three are enough, and the third runs to its end beside what follows",
            json!([
                {"id": "some", "type": "parallel", "config": {"join": 2, "losers": "finish", "branches": lanes(&[
                    ("a", json!([delay("d1", "2h"), tag("t1", "a")])), ("b", json!([tag("t2", "b")])), ("c", json!([delay("d3", "3h"), tag("t3", "c")])),
                ])}},
                tag("next", "next"), delay("d4", "30m"), tag("end", "end"),
            ]),
        ),
        (
            "items at the same time, two at once",
            json!([
                {"id": "each", "type": "for_each", "config": {"items": ["3h", "1h", "1h", "1h"], "as": "hours", "concurrency": 2, "actions": [
                    delay("d", "{{hours}}"), set("s", "last", "{{index}}"),
                ]}},
                tag("end", "{{vars.last}}"),
            ]),
        ),
        (
            "a filter deep inside ends the run",
            json!([
                {"id": "both", "type": "parallel", "config": {"branches": lanes(&[
                    ("waits", json!([delay("d", "9h")])),
                    ("ends", json!([{"id": "each", "type": "for_each", "config": {"items": [1, 2, 3], "actions": [
                        {"id": "only", "type": "filter", "config": {"conditions": [{"field": "item", "operator": "<", "value": 2}]}}, tag("t", "{{item}}"),
                    ]}}])),
                ])}},
                tag("never", "never"),
            ]),
        ),
        (
            "a stop that fails is final",
            json!([
                {"id": "if", "type": "branch", "config": {"branches": [arm("yes", "score", json!(3), json!([
                    {"id": "stop", "type": "stop", "config": {"status": "failed", "message": "score {{score}}"}}
                ]))]}},
            ]),
        ),
        (
            "what fails is handled where somebody says how",
            json!([
                {"id": "call", "type": "webhook", "critical": true, "config": {"url": sink.url("/status/404")}, "onError": [tag("h", "{{error | truncate(30)}}")]},
                {"id": "if", "type": "branch", "config": {"branches": [arm("yes", "score", json!(3), json!([
                    {"id": "inner", "type": "webhook", "critical": true, "config": {"url": sink.url("/status/404")}},
                ]))]}, "onError": [tag("g", "{{steps.if.status}}")]},
                {"id": "bad", "type": "webhook", "critical": true, "config": {"url": sink.url("/status/404")}, "onError": [
                    {"id": "worse", "type": "webhook", "critical": true, "config": {"url": sink.url("/status/410")}},
                ]},
                tag("never", "never"),
            ]),
        ),
        (
            "a step is skipped when its conditions say so",
            json!([
                {"id": "skipped", "type": "add_tag", "skipIf": holds("score", &json!(3)), "config": {"entity": "contact", "entityId": 1, "tag": "never"}},
                {"id": "each", "type": "for_each", "skipIf": holds("score", &json!(3)), "config": {"items": [1], "actions": [tag("t", "never")]}},
                {"id": "done", "type": "add_tag", "skipIf": holds("score", &json!(4)), "config": {"entity": "contact", "entityId": 1, "tag": "done"}},
            ]),
        ),
        (
            "a wait ends at its time, and the run with it when it does not matter any more",
            json!([
                {"id": "past", "type": "wait", "config": {"until": "2026-02-14T10:00:00Z"}},
                {"id": "for", "type": "wait", "config": {"for": "90m"}},
                {"id": "date", "type": "wait", "config": {"until": "{{due}}", "offset": "-1d", "timeZone": "Europe/Paris"}},
                {"id": "monday", "type": "wait", "config": {"window": "business_hours"}},
                {"id": "bad", "type": "wait", "config": {"until": "{{nothing}}"}},
                {"id": "again", "type": "wait", "config": {"for": "1h", "recheck": holds("score", &json!(3))}},
                {"id": "over", "type": "wait", "config": {"for": "1h", "recheck": holds("score", &json!(4))}},
                tag("never", "never"),
            ]),
        ),
        (
            "an event goes on where it is waited for, the first that fits, and nowhere else",
            json!([
                {"id": "both", "type": "parallel", "config": {"branches": lanes(&[
                    ("waits", json!([{"id": "w", "type": "wait_for_event", "config": {"event": "contact.updated", "timeout": "5d",
                        "conditions": [
                            {"field": "event.contact.id", "operator": "equals", "value": "1"},
                            {"field": "event.contact.segment", "operator": "changed_to", "value": "vip"},
                        ],
                        "actions": [tag("came", "{{steps.w.output.event.contact.segment}}")], "onTimeout": [tag("late", "never")]}}])),
                    ("other", json!([{"id": "o", "type": "wait_for_event", "config": {"event": "contact_updated", "timeout": "3h",
                        "conditions": holds("event.contact.id", &json!(2)), "actions": [tag("odd", "never")], "onTimeout": [tag("over", "over")]}}])),
                    ("causes", json!([
                        {"id": "u1", "type": "update_contact", "config": {"contactId": 1, "updates": {"segment": "lost"}}},
                        delay("d", "1h"),
                        {"id": "u2", "type": "update_contact", "config": {"contactId": 1, "updates": {"segment": "vip"}}},
                    ])),
                ])}},
                tag("end", "{{steps.both.output.finished | join(\"+\")}}"),
            ]),
        ),
        (
            "of an event and a time the first decides, and what waits for the other is cancelled",
            json!([
                {"id": "race", "type": "parallel", "config": {"join": "any", "branches": lanes(&[
                    ("event", json!([{"id": "w", "type": "wait_for_event", "config": {"event": "contact_updated", "timeout": "5d", "actions": [tag("t1", "event")]}}])),
                    ("asked", json!([{"id": "a", "type": "approval", "config": {"title": "Well?", "approvers": [{"role": "admin"}], "onApproved": [tag("t2", "asked")]}}])),
                    ("time", json!([delay("d", "2h"), tag("t3", "time")])),
                ])}},
                {"id": "u", "type": "update_contact", "config": {"contactId": 1, "updates": {"segment": "late"}}},
                tag("end", "{{steps.race.output.finished}}"),
            ]),
        ),
        (
            "items wait side by side, each for its own event",
            json!([
                {"id": "both", "type": "parallel", "config": {"branches": lanes(&[
                    ("each", json!([{"id": "each", "type": "for_each", "config": {"items": ["a", "b", "c"], "concurrency": 3, "actions": [
                        {"id": "w", "type": "wait_for_event", "config": {"event": "ticket_created", "timeout": "1d",
                            "conditions": holds("event.ticket.title", &json!("{{item}}")),
                            "actions": [set("s", "got", "{{vars.got}}{{item}}")], "onTimeout": [set("n", "got", "{{vars.got}}-")]}},
                    ]}}])),
                    ("makes", json!([
                        {"id": "c", "type": "create_ticket", "config": {"title": "c"}}, delay("d", "1h"), {"id": "t", "type": "create_ticket", "config": {"title": "a"}},
                    ])),
                ])}},
                tag("end", "{{vars.got}} {{steps.both.output.finished | join(\"+\")}}"),
            ]),
        ),
        (
            "people decide, or are reminded once and the time is over",
            json!([
                {"id": "yes", "type": "approval", "config": {"title": "Yes {{score}}", "approvers": [{"role": "editor"}], "onApproved": [tag("t1", "{{steps.yes.output.by | join(\",\")}}")], "onRejected": [tag("x", "never")]}},
                {"id": "no", "type": "approval", "config": {"title": "No {{score}}", "approvers": [{"role": "editor"}], "timeout": "1d", "onRejected": [tag("t2", "{{steps.no.output.comment}}")]}},
                {"id": "late", "type": "approval", "config": {"title": "Perhaps", "approvers": [{"role": "admin"}, {"email": "boss@example.com"}], "required": 2,
                    "reminder": "1d", "timeout": "2d", "onTimeout": [tag("t3", "{{steps.late.output.decision}}")]}},
                {"id": "nobody", "type": "approval", "critical": false, "config": {"title": "Who?", "approvers": [{"userId": 77}]}},
                {"id": "empty", "type": "approval", "critical": false, "config": {"title": "{{nothing}}", "approvers": [{"role": "admin"}]}},
                tag("end", "{{steps.yes.output.decision}}"),
            ]),
        ),
        (
            "what failed deep inside is tried again there and nowhere else",
            json!([
                {"id": "if", "type": "branch", "config": {"branches": [arm("yes", "score", json!(3), json!([
                    {"id": "each", "type": "for_each", "config": {"items": ["ok", "fail-times/1", "ok"], "actions": [
                        {"id": "call", "type": "webhook", "critical": true, "config": {"url": sink.url("/{{item}}")}}, set("n", "n", "{{index}}"),
                    ]}},
                    tag("t", "{{steps.each.output.count}}"),
                ]))]}},
            ]),
        ),
        (
            "what holds steps is tried again from its beginning, with effects of its own",
            json!([
                {"id": "again", "type": "parallel", "critical": false, "retry": {"attempts": 2, "delays": ["1m"]}, "config": {"branches": lanes(&[
                    ("good", json!([call("g", "/ok"), set("s1", "good", "{{vars.good}}+")])),
                    ("bad", json!([delay("d", "1h"), {"id": "b", "type": "webhook", "critical": true, "config": {"url": sink.url("/status/404")}}])),
                    ("waits", json!([{"id": "a", "type": "approval", "config": {"title": "Well?", "approvers": [{"role": "admin"}]}}])),
                ])}},
                {"id": "each", "type": "for_each", "critical": false, "retry": {"attempts": 2, "delays": ["1m"]}, "config": {"items": ["ok", ""], "actions": [
                    {"id": "c", "type": "branch", "config": {"branches": [arm("first", "item", json!(""), json!([
                        {"id": "w", "type": "webhook", "critical": true, "config": {"url": sink.url("/status/410")}},
                    ]))]}},
                    set("s2", "seen", "{{vars.seen}}{{index}}"),
                ]}},
                tag("end", "{{vars.good}} {{vars.seen}} {{steps.each.output.count}}"),
            ]),
        ),
        (
            "what takes too long ends like a loser, and fails",
            json!([
                {"id": "late", "type": "branch", "timeoutMs": "2h", "config": {"branches": [arm("yes", "score", json!(3), json!([
                    tag("t", "begun"),
                    {"id": "both", "type": "parallel", "config": {"branches": lanes(&[
                        ("soon", json!([delay("d1", "1h"), tag("s", "soon")])), ("late", json!([delay("d2", "3h"), tag("x", "never")])),
                        ("event", json!([{"id": "e", "type": "wait_for_event", "config": {"event": "contact_updated", "timeout": "5d",
                            "conditions": holds("event.contact.id", &json!(7))}}])),
                    ])}},
                ]))]}, "onError": [tag("h", "{{error}}")]},
                {"id": "wait", "type": "wait", "timeoutMs": "30m", "retry": {"attempts": 2, "delays": ["5m"]}, "config": {"for": "1h"}},
                {"id": "ask", "type": "approval", "critical": false, "timeoutMs": "1h", "config": {"title": "Well?", "approvers": [{"role": "admin"}], "onTimeout": [tag("y", "never")]}},
                {"id": "quick", "type": "for_each", "timeoutMs": "61m", "config": {"items": [1, 2], "actions": [delay("d3", "30m")]}},
                {"id": "end", "type": "set", "timeoutMs": 5, "retry": {"attempts": 2}, "config": {"variables": {"end": "{{steps.quick.status}}"}}},
                tag("z", "{{vars.end}}"),
            ]),
        ),
    ]
}

testkit::on_both! {
    async fn control_steps_leave_these_journals(place: Place) {
        let mut stories = Vec::new();
        let shown = Sink::start().await;
        for (at, (name, _)) in cases(&shown).into_iter().enumerate() {
            // A sink of its own, for it counts the calls to a path; and a store of its own.
            let (house, sink) = (House::new(place.another()), Sink::start().await);
            let actions = cases(&sink).swap_remove(at).1;
            let (engine, _, contact) = house.furnish(json!({"conditions": [], "actions": actions})).await;
            let data = json!({"score": 3, "items": ["ok", "status/404", "ok?2"], "due": "2026-02-16"});
            let id = post(&engine, data).await.executions[0].id;
            let ended = house.run_to_end(&engine, id).await.unwrap();
            let mut connection = engine.store().read(TENANT).await.unwrap();
            let contact = store::contact::contact_get(&mut connection, TENANT, contact).await.unwrap();
            drop(connection);
            let calls = calls(&sink);
            let keys: std::collections::BTreeSet<_> = calls.iter().map(|(key, _)| key).collect();
            stories.push(format!(
                "## {name}\n{}tags {:?}, {} calls with {} keys\n",
                story(&ended).replace(&sink.url(""), "http://sink"),
                contact.tags,
                calls.len(),
                keys.len()
            ));
            engine.stop(std::time::Duration::from_secs(5)).await;
        }
        insta::assert_snapshot!("control_steps", stories.join("\n"));
    }

    async fn a_retry_by_hand_runs_only_what_failed_inside(place: Place) {
        let (house, sink) = (House::new(place), Sink::start().await);
        let (engine, _, _) = house
            .furnish(json!({"conditions": [], "actions": [
                {"id": "if", "type": "branch", "config": {"branches": [{"name": "yes", "conditions": [], "actions": [
                    {"id": "each", "type": "for_each", "config": {"items": ["ok", "fail-times/1", "ok?3"], "actions": [
                        {"id": "call", "type": "webhook", "config": {"url": sink.url("/{{item}}")}}, set("n", "n", "{{index}}"),
                    ]}},
                ]}]}},
                tag("end", "end"),
            ]}))
            .await;
        let original = post(&engine, json!({})).await.executions[0].id;
        let ended = house.run_to_end(&engine, original).await.unwrap();
        let failed = story(&ended);
        let again = engine.retry(TENANT, Actor::System, original, RetryRequest::default()).await.unwrap().id;
        let retried = house.run_to_end(&engine, again).await.unwrap();
        assert_eq!(load(&engine, again).await.unwrap().execution.progress.status, ExecutionStatus::Completed);
        let calls = calls(&sink);
        assert_eq!((calls.len(), calls.iter().filter(|(key, _)| *key == calls[1].0).count()), (4, 2), "the failed call alone, under its key");
        insta::assert_snapshot!("control_retried_by_hand", format!("{failed}\n{}", story(&retried)).replace(&sink.url(""), "http://sink"));
    }

    async fn a_retry_by_hand_goes_on_in_the_last_try(place: Place) {
        let (house, sink) = (House::new(place), Sink::start().await);
        let call = |id: &str, path: &str| json!({"id": id, "type": "webhook", "critical": true, "config": {"url": sink.url(path)}});
        let (engine, _, _) = house
            .furnish(json!({"conditions": [], "actions": [
                {"id": "if", "type": "branch", "retry": {"attempts": 2, "delays": ["1m"]}, "config": {"branches": [{"name": "yes", "conditions": [], "actions": [
                    call("once", "/ok"),
                    {"id": "late", "type": "for_each", "timeoutMs": "1h", "config": {"items": ["30m", "45m"], "actions": [delay("d", "{{item}}"), call("c", "/ok?{{item}}"), set("n", "n", "{{index}}")]}},
                ]}]}},
            ]}))
            .await;
        let original = post(&engine, json!({})).await.executions[0].id;
        let failed = story(&house.run_to_end(&engine, original).await.unwrap());
        let before = calls(&sink).len();
        let again = engine.retry(TENANT, Actor::System, original, RetryRequest::default()).await.unwrap().id;
        let retried = house.run_to_end(&engine, again).await.unwrap();
        assert_eq!((before, calls(&sink).len()), (4, 5), "what was done in the last try is not done again");
        insta::assert_snapshot!("tries_retried_by_hand", format!("{failed}\n{}", story(&retried)).replace(&sink.url(""), "http://sink"));
    }
}
