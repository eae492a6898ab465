//! Two definitions and what is different between them, as a table.

use rules::{Difference, differences};
use serde_json::{Map, Value, json};

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn mail(id: &str, subject: &str) -> Value {
    json!({"id": id, "type": "send_email", "config": {"to": "{{contact.email}}", "subject": subject}})
}

fn steps(list: &[Value]) -> Value {
    json!({"actions": list})
}

fn branch(id: &str, arms: &[(&str, Value, Value)]) -> Value {
    let arm = |(name, conditions, actions): &(&str, Value, Value)| json!({"name": name, "conditions": conditions, "actions": actions});
    json!({"id": id, "type": "branch", "config": {"branches": arms.iter().map(arm).collect::<Vec<_>>()}})
}

fn below(score: i64) -> Value {
    json!([{"field": "submission.data.q_nps", "operator": "<=", "value": score}])
}

fn cases() -> Vec<(&'static str, Value, Value)> {
    let (a, b, c, d) = (mail("a", "A"), mail("b", "B"), mail("c", "C"), mail("d", "D"));
    let unhappy = |score: i64, inside: &[Value]| {
        branch("if", &[("unhappy", below(score), json!(inside)), ("happy", below(9), json!([]))])
    };
    let loops = |inside: &[Value]| json!({"id": "each", "type": "for_each", "config": {"items": "{{items}}", "actions": inside}});
    let handled = |handler: &[Value]| json!({"id": "call", "type": "webhook", "config": {"url": "https://example.com"}, "onError": handler});
    vec![
        (
            "nothing",
            json!({"name": "A", "description": null, "actions": [a]}),
            json!({"actions": [a], "name": "A"}),
        ),
        (
            "fields of the workflow",
            json!({"name": "A", "description": "why", "trigger_event": "x", "trigger_config": {"formId": 1}, "conditions": below(6), "logUnmatched": true}),
            json!({"name": "B", "description": null, "trigger_event": "x", "trigger_config": {"formId": 2, "fields": ["status"]}, "conditions": below(5), "logUnmatched": false}),
        ),
        (
            "a condition more",
            json!({"conditions": below(6)}),
            json!({"conditions": [below(6)[0], {"field": "contact.email", "operator": "is_not_empty"}]}),
        ),
        (
            "what is done about a failure",
            json!({"actions": [a], "onFailure": [b]}),
            json!({"actions": [a, b], "onFailure": [c]}),
        ),
        ("a step came and one went", steps(&[a.clone(), b.clone()]), steps(&[a.clone(), c.clone()])),
        (
            "one of three moved to the end",
            steps(&[a.clone(), b.clone(), c.clone(), d.clone()]),
            steps(&[b.clone(), c.clone(), d.clone(), a.clone()]),
        ),
        (
            "a new step in front moves nothing",
            steps(&[a.clone(), b.clone()]),
            steps(&[c.clone(), a.clone(), b.clone()]),
        ),
        (
            "a step's parts",
            steps(&[json!({"id": "a", "type": "send_email", "config": {"to": "x", "subject": "Hello"}})]),
            steps(&[
                json!({"id": "a", "type": "send_email", "name": "Greet", "critical": true, "config": {"to": "x", "subject": "Hello again", "cc": "y"}}),
            ]),
        ),
        (
            "another kind of step",
            steps(&[json!({"id": "a", "type": "delay", "config": {"duration": "1h"}})]),
            steps(&[json!({"id": "a", "type": "wait", "config": {"for": "1h"}})]),
        ),
        (
            "moved into a branch, and changed",
            steps(&[unhappy(6, std::slice::from_ref(&a)), b.clone()]),
            steps(&[unhappy(5, &[a.clone(), mail("b", "B!")])]),
        ),
        (
            "moved out of a loop that went",
            steps(&[loops(&[a.clone(), b.clone()]), c.clone()]),
            steps(&[b.clone(), c.clone()]),
        ),
        (
            "a branch with its steps",
            steps(std::slice::from_ref(&a)),
            steps(&[a.clone(), unhappy(6, &[b.clone(), c.clone()])]),
        ),
        (
            "branches by their names",
            steps(&[branch("if", &[("one", below(1), json!([a])), ("two", below(2), json!([b]))])]),
            steps(&[branch(
                "if",
                &[
                    ("two", below(2), json!([b])),
                    ("three", below(3), json!([])),
                    ("one", below(0), json!([a])),
                ],
            )]),
        ),
        ("a handler", steps(&[handled(std::slice::from_ref(&a))]), steps(&[handled(&[a, d])])),
        (
            "a draft without sense",
            json!({"actions": 5, "conditions": "x"}),
            json!({"actions": [{"config": 1}, {"config": 1}], "conditions": {}}),
        ),
        (
            "a long text is cut",
            json!({"description": "a".repeat(200)}),
            json!({"description": format!("b{}", "ü".repeat(200))}),
        ),
    ]
}

#[test]
fn two_definitions_are_compared_in_words() {
    let line = |one: Difference| format!("  {} {}: {}\n", one.kind, one.path, one.message);
    let story: String = cases()
        .into_iter()
        .map(|(name, before, after)| {
            let lines: String = differences(&fields(before), &fields(after)).into_iter().map(line).collect();
            format!("{name}\n{lines}")
        })
        .collect();
    insta::assert_snapshot!(story);
}

#[test]
fn both_sides_are_whole() {
    let (before, after) =
        (fields(steps(&[mail("a", "Hello"), mail("b", "B")])), fields(steps(&[mail("a", "Hi")])));
    let found = differences(&before, &after);
    assert_eq!(
        (&found[0].before, &found[0].after),
        (&Some(mail("b", "B")), &None),
        "what was removed is there as a whole"
    );
    let changed = &found[1];
    assert_eq!((changed.step.as_deref(), changed.path.as_str()), (Some("a"), "actions[0].config.subject"));
    assert_eq!((&changed.before, &changed.after), (&Some(json!("Hello")), &Some(json!("Hi"))));
    let back = differences(&after, &before);
    assert_eq!(back.len(), found.len(), "there and back is the same number of differences");
}
