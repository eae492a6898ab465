//! The workflows that are stopped and hurt everywhere.

use serde_json::{Value, json};
use testkit::sink::Sink;

fn tag(tag: &str) -> Value {
    json!({"type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": tag}})
}

fn equal(field: &str, value: Value) -> Value {
    json!([{"field": field, "operator": "equals", "value": value}])
}

fn run(key: &str, number: i64) -> Value {
    json!({"type": "run_workflow", "config": {"workflowId": key, "data": {"number": number}}})
}

/// Ten steps, which are all constructs that there are and everything that a step may carry; in the end it fails for good, and something is done about that.
pub fn all(sink: &Sink) -> Value {
    let mut called = run("called", 7);
    called["timeoutMs"] = json!("9h");
    called["id"] = json!("called");
    json!({
        "name": "All of it",
        "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
        "actions": [
            {"type": "set", "config": {"variables": {"way": "wide", "score": "{{submission.data.q_nps}}"}}},
            {"type": "branch", "config": {"mode": "all", "branches": [
                {"name": "wide", "conditions": equal("vars.way", json!("wide")), "actions": [
                    {"type": "for_each", "config": {"items": ["one", "two"], "onItemError": "continue", "actions": [
                        {"type": "webhook", "critical": true, "retry": {"attempts": 3, "delays": ["10s"]}, "config": {"url": sink.url("/fail-times/1?{{item}}")}},
                        {"type": "set", "config": {"variables": {"seen": "{{vars.seen}}{{item}}"}}},
                    ]}},
                ]},
                {"name": "low", "conditions": equal("vars.score", json!(3)), "actions": [
                    {"type": "create_ticket", "config": {"title": "Detractor {{vars.score}}"}},
                ]},
            ]}},
            {"type": "parallel", "config": {"join": 2, "branches": [
                {"name": "event", "actions": [{"type": "wait_for_event", "config": {"event": "contact_updated", "timeout": "5d",
                    "conditions": [{"field": "event.contact.id", "operator": "equals", "value": 1}, {"field": "event.contact.segment", "operator": "changed_to", "value": "vip"}],
                    "actions": [tag("{{vars.seen}}")]}}]},
                {"name": "cause", "actions": [{"type": "wait", "config": {"for": "30m"}},
                    {"type": "update_contact", "config": {"contactId": 1, "updates": {"segment": "vip"}}}]},
                {"name": "loser", "actions": [run("called", 6)]},
            ]}},
            {"type": "repeat", "config": {"until": equal("iteration", json!(2)), "maxIterations": 3, "pause": "1m", "actions": [
                {"type": "create_ticket", "config": {"title": "Round {{iteration}}"}},
            ]}},
            {"type": "webhook", "critical": true, "config": {"url": sink.url("/status/404?handled")}, "onError": [{"type": "delay", "config": {"duration": "1m"}}, tag("handled")]},
            {"type": "add_tag", "skipIf": equal("vars.way", json!("wide")), "config": {"entity": "contact", "entityId": 1, "tag": "never"}},
            {"type": "approval", "config": {"title": "Yes", "approvers": [{"role": "admin"}], "reminder": "1d", "timeout": "2d",
                "onApproved": [{"type": "webhook", "critical": true, "config": {"url": sink.url("/ok?yes")}}], "onRejected": [tag("never")], "onTimeout": [tag("never")]}},
            called,
            {"type": "filter", "config": {"conditions": equal("steps.called.output.status", json!("completed"))}},
            {"type": "stop", "config": {"status": "failed", "message": "as it shall"}},
        ],
        "onFailure": [
            {"type": "webhook", "config": {"url": sink.url("/ok?{{error.step}}")}},
            {"type": "delay", "config": {"duration": "10m"}},
            tag("mourned"),
        ],
    })
}

/// One step after the other, with retries of the whole run.
pub fn steps(sink: &Sink) -> Value {
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
pub fn control(sink: &Sink) -> Value {
    json!({
        "name": "Everything inside of something",
        "conditions": [],
        "actions": [
            {"type": "set", "config": {"variables": {"way": "wide"}}},
            {"type": "branch", "config": {"branches": [{"name": "wide", "conditions": equal("vars.way", json!("wide")), "actions": [
                {"type": "for_each", "config": {"items": ["one", "two"], "actions": [
                    {"type": "webhook", "critical": true, "retry": {"attempts": 3, "delays": ["10s"]}, "config": {"url": sink.url("/fail-times/1?{{item}}")}},
                    {"type": "set", "config": {"variables": {"seen": "{{vars.seen}}{{item}}"}}},
                ]}},
            ]}]}},
            {"type": "parallel", "config": {"branches": [
                {"name": "late", "actions": [{"type": "wait", "config": {"for": "2h"}}, tag("{{vars.seen}}")]},
                {"name": "soon", "actions": [{"type": "delay", "config": {"duration": "1h"}}, tag("soon")]},
            ]}},
            {"type": "repeat", "config": {"until": equal("iteration", json!(2)), "maxIterations": 3, "pause": "1m", "actions": [
                {"type": "create_ticket", "config": {"title": "Round {{iteration}}"}},
            ]}},
            {"type": "webhook", "critical": true, "config": {"url": sink.url("/status/404")}, "onError": [tag("handled")]},
            {"type": "add_tag", "skipIf": equal("vars.way", json!("wide")), "config": {"entity": "contact", "entityId": 1, "tag": "never"}},
            {"type": "branch", "config": {"branches": [{"name": "no", "conditions": equal("vars.way", json!("narrow")), "actions": []}], "else": [
                {"type": "filter", "config": {"conditions": equal("vars.way", json!("narrow"))}},
            ]}},
            tag("never"),
        ],
    })
}

/// What waits for an event, for people and for neither of them, with something to do after each.
pub fn waiting(sink: &Sink) -> Value {
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
pub fn calling(sink: &Sink) -> Value {
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
pub fn called(sink: &Sink) -> Vec<Value> {
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

/// Calls that are under way together: of branches, of items, of one that loses; and steps that take too long, or fail, and are tried again from their beginning.
pub fn beside(sink: &Sink) -> Value {
    let call = |path: &str| json!({"type": "webhook", "critical": true, "config": {"url": sink.url(path)}});
    json!({
        "name": "Side by side",
        "conditions": [],
        "actions": [
            {"type": "parallel", "config": {"branches": [
                {"name": "a", "actions": [call("/meet/2/both?a")]},
                {"name": "b", "actions": [call("/meet/2/both?b")]},
            ]}},
            {"type": "for_each", "config": {"items": ["one", "two"], "concurrency": 2, "actions": [
                {"type": "webhook", "critical": true, "retry": {"attempts": 3, "delays": ["10s"]}, "config": {"url": sink.url("/fail-times/1?{{item}}")}},
            ]}},
            {"type": "parallel", "config": {"join": "any", "branches": [
                {"name": "loses", "actions": [call("/meet/2/race?hang")]},
                {"name": "wins", "actions": [call("/meet/2/race?wins")]},
            ]}},
            {"type": "parallel", "critical": false, "timeoutMs": "1h", "retry": {"attempts": 2, "delays": ["10s"]}, "config": {"branches": [
                {"name": "calls", "actions": [call("/ok?try"), tag("try")]},
                {"name": "late", "actions": [{"type": "delay", "config": {"duration": "2h"}}, tag("never")]},
                {"name": "asks", "actions": [{"type": "approval", "config": {"title": "Perhaps", "approvers": [{"role": "admin"}]}}]},
            ]}},
            {"type": "branch", "retry": {"attempts": 2, "delays": ["1m"]}, "config": {"branches": [{"name": "yes", "conditions": equal("submission.data.q_nps", json!(3)), "actions": [
                {"type": "create_ticket", "config": {"title": "Tried"}},
                call("/status/404"),
            ]}]}, "onError": [tag("handled")]},
        ],
    })
}

pub fn alone(_: &Sink) -> Vec<Value> {
    Vec::new()
}
