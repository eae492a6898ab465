//! Definitions with control steps: what is refused, where, and with which advice.

use model::workflow::Definition;
use rules::{ActionCatalog, compile, with_ids};
use serde_json::{Map, Value, json};

struct Catalog(Value);

impl ActionCatalog for Catalog {
    fn schema(&self, action_type: &str) -> Option<&Value> {
        (action_type == "note").then_some(&self.0)
    }

    fn types(&self) -> Vec<&str> {
        vec!["note"]
    }

    fn check(&self, _: &str, _: &Value) -> Vec<model::Problem> {
        Vec::new()
    }
}

fn problems(actions: &Value) -> String {
    let definition = Definition {
        name: "Some workflow".to_owned(),
        description: None,
        trigger_event: "submission_completed".to_owned(),
        trigger_config: Map::new(),
        conditions: json!([]),
        actions: actions.clone(),
        log_unmatched: true,
        entry: model::workflow::EntryRules::default(),
        on_failure: Value::Null,
    };
    let catalog = Catalog(
        json!({"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": false}),
    );
    match compile(&definition, &catalog) {
        Ok(_) => "accepted".to_owned(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn note(id: &str, text: &str) -> Value {
    json!({"id": id, "type": "note", "config": {"text": text}})
}

#[test]
fn every_control_step_refuses_what_makes_no_sense() {
    let step = |name: &str, config: Value| json!({"type": name, "config": config});
    let condition = json!([{"field": "a", "operator": "is_empty"}]);
    let bad = [
        step("branch", json!({})),
        step("branch", json!({"branches": [], "mode": "any", "otherwise": []})),
        step(
            "branch",
            json!({"mode": "{{x}}", "branches": [{"name": "", "conditions": [{"field": ""}]}, {"name": "else", "conditions": condition, "actions": {}}]}),
        ),
        step(
            "branch",
            json!({"branches": [{"name": "a", "conditions": condition, "actions": [7]}, {"name": "a", "conditions": condition, "actions": [{"type": "nota"}]}], "else": "x"}),
        ),
        step("for_each", json!({})),
        step(
            "for_each",
            json!({"items": "a, b", "as": "steps", "concurrency": 0, "onItemError": "go", "actions": []}),
        ),
        step("for_each", json!({"items": [1], "as": "a b", "concurrency": "{{n}}", "actions": "x"})),
        step("repeat", json!({"actions": [note("r1", "x")]})),
        step("repeat", json!({"until": [], "maxIterations": 10_001, "pause": "soon", "actions": []})),
        step("parallel", json!({"branches": [{"actions": []}], "join": 2, "losers": "kill"})),
        step("parallel", json!({"branches": [{"name": "p", "actions": [note("p1", "x")]}], "join": "some"})),
        step("wait", json!({})),
        step("wait", json!({"for": "1h", "until": "2026-03-01"})),
        step("wait", json!({"for": "2 years", "offset": "1d", "timeZone": "tenant"})),
        step(
            "wait",
            json!({"until": "tomorrow", "offset": "-1 month", "timeZone": "Europe/Atlantis", "recheck": []}),
        ),
        step("wait", json!({"window": "weekend"})),
        step("set", json!({})),
        step("set", json!({"variables": {"now": 1, "a.b": 2}})),
        step("filter", json!({"conditions": []})),
        step("stop", json!({"status": "done", "message": 5})),
        json!({"type": "stop", "config": [], "retry": {"attempts": 3, "on": ["timeout"]}, "timeoutMs": 0}),
        json!({"type": "note", "config": {"text": "{{vars.nowhere}} {{vars.known}}"}, "skipIf": [], "onError": {}}),
        step("set", json!({"variables": {"known": 1}})),
        step("branch", json!({"branches": "{{b}}", "else": "{{e}}"})),
        step("parallel", json!({"branches": ["{{b}}", {"name": "p", "actions": "{{a}}"}]})),
        step("for_each", json!({"items": "{{i}}", "as": "{{a}}", "actions": ["{{s}}"]})),
        step("wait_for_event", json!({})),
        step(
            "wait_for_event",
            json!({"event": "No Event", "timeout": "soon", "conditions": {}, "actions": "x", "onTimeout": [7], "else": []}),
        ),
        step(
            "wait_for_event",
            json!({"event": "{{e}}", "timeout": 0, "conditions": [{"field": "event..x", "operator": "is", "value": "{{steps.none.output}}"}]}),
        ),
        step(
            "wait_for_event",
            json!({"event": "schedule", "timeout": "2 years", "actions": [{"type": "nota"}]}),
        ),
        step("approval", json!({})),
        step(
            "approval",
            json!({"title": "", "message": 5, "approvers": [], "required": 0, "form": "x", "allowSelf": "yes", "onYes": []}),
        ),
        step(
            "approval",
            json!({"title": "  ", "required": 4, "reminder": "2d", "timeout": "1d", "allowSelf": "{{self}}", "approvers": [{"userId": 1}, {"email": "a@example.com"}, {"userId": "{{u}}"}],
                "form": [{"key": "a b", "type": "text", "label": "A"}, {"key": "c", "type": "single_choice", "label": "C"}, {"key": "c", "type": "number", "label": "N", "min": 2, "max": 1}]}),
        ),
        step(
            "approval",
            json!({"title": "T", "reminder": "400d", "timeout": "never", "approvers": [{}, {"userId": 1, "role": "admin"}, {"userId": "Ada"}, {"role": "boss"}, {"email": "nobody"}, "{{a}}"],
                "form": [{"key": "k", "type": "essay"}], "onApproved": [{"type": "nota"}], "onRejected": {}, "onTimeout": [note("n", "{{steps.later.output}}")]}),
        ),
        step("run_workflow", json!({})),
        step("run_workflow", json!({"workflowId": true, "data": [], "wait": "no", "key": "x"})),
        json!({"type": "run_workflow", "config": {"workflowId": "a"}, "retry": {"attempts": 2, "on": ["5xx"]}, "timeoutMs": "400d"}),
        step("run_workflow", json!({"workflowId": -7, "data": "{{all}}", "wait": "{{w}}"})),
    ];
    let told: Vec<String> = bad.iter().map(|step| problems(&json!([step]))).collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn a_step_sees_what_has_run_before_it_and_around_it() {
    let branch = |actions: Value| json!({"id": "if", "type": "branch", "config": {"branches": [{"name": "b", "conditions": [], "actions": actions}]}});
    let accepted = json!([
        note("one", "x"),
        branch(json!([note("in", "{{steps.one.output}} {{steps.if.output.taken}}"), note("in2", "{{steps.in.output}}")])),
        {"id": "again", "type": "repeat", "config": {"maxIterations": 2, "until": [{"field": "steps.round.output.x", "operator": "is_empty"}],
            "actions": [note("round", "{{steps.again.output.iterations}}")]}},
        {"id": "last", "type": "note", "config": {"text": "{{steps.if.output.taken}}"}, "onError": [note("mend", "{{steps.last.error}} {{error}}")]},
    ]);
    assert_eq!(problems(&accepted), "accepted");
    insta::assert_snapshot!(problems(&json!([
        branch(json!([note("in", "{{steps.later.output}} {{steps.in.output}}")])),
        {"id": "both", "type": "parallel", "config": {"branches": [
            {"name": "a", "actions": [note("a1", "{{steps.in.output}}")]}, {"name": "b", "actions": [note("b1", "{{steps.a1.output}}"), note("in", "twice")]},
        ]}},
        note("later", "{{steps.b1.output}}"),
    ])));
}

#[test]
fn equal_values_have_equal_keys() {
    let values = json!([
        0,
        -0.0,
        "0",
        "00",
        5,
        5.0,
        "5",
        "5.00",
        "+5",
        " 5 ",
        "5e0",
        0.05,
        "0.050",
        1e30,
        "1000000000000000000000000000000",
        true,
        "true",
        false,
        "",
        "a",
        "A",
        "é",
        null,
        [],
        [1],
        {}
    ]);
    for (a, b) in
        values.as_array().unwrap().iter().flat_map(|a| values.as_array().unwrap().iter().map(move |b| (a, b)))
    {
        let conditions =
            rules::Conditions::compile(&json!([{"field": "a", "operator": "equals", "value": b}]), "")
                .unwrap();
        let equal = conditions.matches(&rules::Scope::of_trigger(&json!({"a": a}))) == Ok(true);
        let keys = (rules::correlation::key(a), rules::correlation::key(b));
        assert!(!equal || keys.0 == keys.1, "{a} equals {b}, and their keys are {keys:?}");
    }
    let numbers = ["5", "50", "0.5", "-5", "0"].map(|text| rules::correlation::key(&json!(text)).unwrap());
    assert_eq!(numbers.iter().collect::<std::collections::BTreeSet<_>>().len(), 5, "{numbers:?}");
}

#[test]
fn a_wait_has_a_key_where_an_equals_must_hold_and_its_other_side_is_known() {
    let trigger = json!({"order": 7, "list": [1], "nested": {"a": "x"}});
    let locals = json!({"steps": {"s1": {"output": {"id": "y"}}, "s2": {"output": "large"}}, "now": "2026-02-14T10:30:00Z"});
    let scope = rules::Scope {
        trigger: &trigger,
        locals: locals.as_object().unwrap(),
        time_zone: &jiff::tz::TimeZone::UTC,
    };
    let condition = |field: &str, value: Value| json!({"field": field, "operator": "equals", "value": value});
    let told = |list: Value| {
        let conditions = rules::Conditions::compile(&list, "conditions").unwrap();
        let key = conditions.correlation(&scope).map(|found| format!("{} {}", found.path, found.key));
        format!("{} {}", key.as_deref().unwrap_or("none"), rules::correlation::kept(&conditions, &scope))
    };
    let lists = [
        json!([condition("event.a", json!("x"))]),
        json!([condition("event.total", json!({"a": 1})), condition("event.order", json!("{{order}}"))]),
        json!([condition("steps.s1.output.id", json!("{{event.id}}"))]),
        json!([condition("event.a", json!("{{event.b}}"))]),
        json!([condition("event.a", json!("{{now}}"))]),
        json!([condition("event.a", json!("{{nothing}}"))]),
        json!([condition("event", json!("x"))]),
        json!([{"logic": "OR"}, condition("event.a", json!(1)), condition("event.b", json!(2))]),
        json!([{"logic": "NOT", "conditions": [condition("event.a", json!(1))]}]),
        json!([{"field": "event.a", "operator": "equals", "value": "x", "caseSensitive": false}]),
        json!([{"field": "event.a", "operator": "equals", "value": "x", "onMissing": "true"}]),
        json!([{"field": "event.a", "operator": "!=", "value": "x"}, condition("event.n", json!("{{trigger.nested.a}}"))]),
    ];
    insta::assert_snapshot!(lists.map(told).join("\n"));
}

#[test]
fn a_tree_is_neither_too_deep_nor_too_large() {
    let nested = |depth: usize| {
        (0..depth).fold(
            json!([note("leaf", "x")]),
            |inner, _| json!([{"type": "for_each", "config": {"items": [1], "actions": inner}}]),
        )
    };
    assert_eq!(problems(&nested(9)), "accepted");
    let too_many = json!([{"type": "parallel", "config": {"branches": [
        {"name": "a", "actions": vec![json!({"type": "note"}); 150]}, {"name": "b", "actions": vec![json!({"type": "note"}); 150]},
    ]}}]);
    insta::assert_snapshot!(format!("{}\n{}", problems(&nested(10)), problems(&too_many)));
}

#[test]
fn ids_are_free_over_the_whole_tree() {
    let actions = json!([
        {"type": "for_each", "config": {"actions": [{"id": "s7"}, {}], "other": [{}]}, "onError": [{}]},
        {"type": "note", "config": {"actions": [{}]}},
    ]);
    let with = with_ids(&actions);
    assert_eq!(
        with,
        json!([
            {"id": "s8", "type": "for_each", "config": {"actions": [{"id": "s7"}, {"id": "s10"}], "other": [{}]}, "onError": [{"id": "s9"}]},
            {"id": "s11", "type": "note", "config": {"actions": [{}]}},
        ])
    );
    assert_eq!(with_ids(&with), with);
}
