//! Lists of conditions: what is refused, how groups join, what the log says.

use rules::{Conditions, Path, Scope};
use serde_json::{Map, Value, json};

fn nested(levels: usize) -> Value {
    let leaf = json!({"field": "a", "operator": "equals", "value": 1});
    json!([(0..levels).fold(leaf, |inner, _| json!({"logic": "AND", "conditions": [inner]}))])
}

fn problems(list: &Value) -> String {
    match Conditions::compile(list, "conditions") {
        Ok(_) => "accepted".to_owned(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn every_problem_is_named_with_its_place() {
    let list = json!([
        {"logic": "XOR"},
        {"field": "a", "operator": "equal", "value": 1},
        {"field": "a..b", "operator": ">", "value": 1},
        {"field": "{{a}}", "operator": ">", "value": 1},
        {"operator": "is_empty"},
        {"field": 7, "operator": 7},
        {"field": "a", "operator": "in", "value": "active"},
        {"field": "a", "operator": "not_in", "value": "a,{{b}}"},
        {"field": "a", "operator": "contains"},
        {"field": "a", "operator": "matches_regex", "value": "(unclosed"},
        {"field": "a", "operator": "matches_regex", "value": "foo(?=bar)"},
        {"field": "a", "operator": "matches_regex", "value": "(a)\\1"},
        {"field": "a", "operator": "matches_regex", "value": "((a{100}){100}){100}"},
        {"field": "a", "operator": "matches_regex", "value": ["a"]},
        {"field": "a", "operator": "matches_regex", "value": "x".repeat(3000)},
        {"field": "a", "operator": "equals", "value": "{{b"},
        {"field": "a", "operator": "equals", "value": {"deep": ["{{b | upcase}}"]}},
        {"field": "a", "operator": "equals", "value": 1, "case_sensitive": true, "x y": 1},
        {"field": "a", "operator": "equals", "value": 1, "caseSensitive": "no", "onMissing": true},
        {"logic": "OR"},
        {"logic": "OR", "conditions": []},
        {"logic": "OR", "conditions": "all"},
        {"logic": "NOT", "conditions": [{"field": "a", "operator": "is_empty"}, {"field": "", "operator": "is_empty"}]},
        {"logic": "SOME", "conditions": [{"logic": "OR"}, 3], "name": "x"},
        "q_nps <= 6",
        null,
    ]);
    insta::assert_snapshot!(problems(&list));
    insta::assert_snapshot!(
        [
            problems(&json!({"field": "a"})),
            problems(&json!([{"logic": "NOT"}])),
            problems(&nested(11)),
            problems(&Value::Array(vec![json!({"field": "a", "operator": "is_empty"}); 301])),
        ]
        .join("\n")
    );
}

#[test]
fn ten_levels_are_accepted() {
    let list = nested(10);
    let conditions = Conditions::compile(&list, "conditions").unwrap();
    assert_eq!(conditions.matches(&Scope::of_trigger(&json!({"a": 1}))), Ok(true));
    // Far deeper input is refused as well, not followed to the end.
    assert!(problems(&nested(60)).contains("more than 10 levels"));
}

#[test]
fn groups_join_as_written() {
    let yes = || json!({"field": "yes", "operator": "equals", "value": 1});
    let no = || json!({"field": "no", "operator": "equals", "value": 1});
    let group = |logic: &str, conditions: Vec<Value>| json!({"logic": logic, "conditions": conditions});
    let rows = [
        (json!([]), true),
        (Value::Null, true),
        (json!([{"logic": "AND"}]), true),
        (json!([{"logic": "OR"}]), true),
        (json!([yes(), yes()]), true),
        (json!([yes(), no()]), false),
        (json!([{"logic": "OR"}, no(), yes()]), true),
        (json!([{"logic": "or"}, no(), no()]), false),
        (json!([{"logic": "and"}, yes(), no()]), false),
        (json!([group("OR", vec![no(), yes()]), yes()]), true),
        (json!([group("AND", vec![no(), yes()]), yes()]), false),
        (json!([group("NOT", vec![no()])]), true),
        (json!([group("NOT", vec![yes()])]), false),
        (json!([group("NOT", vec![yes(), no()])]), true),
        (json!([group("NOT", vec![yes(), yes()])]), false),
        (json!([group("NOT", vec![group("NOT", vec![yes()])])]), true),
        (json!([{"conditions": [yes(), yes()]}]), true),
    ];
    let data = json!({"yes": 1});
    let scope = Scope::of_trigger(&data);
    for (list, expected) in rows {
        let conditions = Conditions::compile(&list, "conditions").unwrap();
        assert_eq!(conditions.matches(&scope), Ok(expected), "{list}");
        assert_eq!(conditions.evaluate(&scope).result, Ok(expected), "{list}");
    }
}

#[test]
fn an_error_counts_only_where_nothing_has_decided_before() {
    let strict = json!({"field": "none", "operator": ">", "value": 1, "onMissing": "error"});
    let no = json!({"field": "a", "operator": "equals", "value": 2});
    let data = json!({"a": 1});
    let scope = Scope::of_trigger(&data);
    for (list, decided) in [
        (json!([no, strict]), Some(false)),
        (json!([strict, no]), None),
        (json!([{"logic": "OR"}, no, strict]), None),
        (json!([{"logic": "NOT", "conditions": [strict]}]), None),
    ] {
        let conditions = Conditions::compile(&list, "conditions").unwrap();
        let matches = conditions.matches(&scope);
        assert_eq!(matches.clone().ok(), decided, "{list}");
        assert_eq!(conditions.evaluate(&scope).result, matches, "{list}");
    }
}

#[test]
fn the_log_says_why() {
    let list = json!([
        {"logic": "OR"},
        {"field": "q_nps", "operator": "<=", "value": 6},
        {"field": "score", "operator": ">", "value": 6},
        {"field": "blank", "operator": "<=", "value": 6},
        {"field": "text", "operator": "<=", "value": 6},
        {"field": "tags", "operator": "<=", "value": 6},
        {"field": "score", "operator": ">", "value": "six"},
        {"field": "text", "operator": "contains", "value": "B"},
        {"field": "text", "operator": "not_contains", "value": "B"},
        {"field": "text", "operator": "equals", "value": "ABC"},
        {"field": "five", "operator": "equals", "value": "5.0"},
        {"field": "five", "operator": "==", "value": 5},
        {"field": "tags", "operator": "contains", "value": "vip"},
        {"field": "tags", "operator": "starts_with", "value": "vip"},
        {"field": "tags", "operator": "in", "value": ["vip", "new"]},
        {"field": "text", "operator": "not_in", "value": ["abc"]},
        {"field": "text", "operator": "in", "value": "{{five}}"},
        {"field": "text", "operator": "matches_regex", "value": "^x"},
        {"field": "text", "operator": "matches_regex", "value": "{{pattern}}"},
        {"field": "blank", "operator": "is_empty"},
        {"field": "blank", "operator": "is_not_empty"},
        {"field": "score", "operator": "is_not_empty"},
        {"field": "none", "operator": "equals", "value": null},
        {"field": "none", "operator": "<=", "value": 6, "onMissing": "true"},
        {"field": "score", "operator": "<=", "value": "{{limits.detractor}}"},
        {"field": "score", "operator": "equals", "value": "{{limits.detractor}}", "onMissing": "error"},
        {"field": "score", "operator": "equals", "value": "{{ limit | default(3) }}"},
        {"field": "object", "operator": "contains", "value": "x"},
        {"logic": "NOT", "conditions": [{"field": "trigger.score", "operator": "equals", "value": 3}]},
        {"field": "steps.s1.output.ok", "operator": "equals", "value": true},
    ]);
    let data = json!({
        "score": 3, "blank": " ", "text": "abc", "five": "5", "tags": ["vip"], "object": {}, "pattern": "(",
        "steps": "the trigger's own, out of sight"
    });
    let locals: Map<String, Value> =
        serde_json::from_value(json!({"steps": {"s1": {"output": {"ok": true}}}})).unwrap();
    let scope = Scope { locals: &locals, ..Scope::of_trigger(&data) };
    let evaluation = Conditions::compile(&list, "conditions").unwrap().evaluate(&scope);
    let output = evaluation.to_output();
    let lines: Vec<String> = output["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|verdict| {
            let nothing = json!("");
            let cell = |key: &str| verdict.get(key).unwrap_or(&nothing).to_string();
            format!(
                "{} {} {} → {}: {}",
                cell("field"),
                cell("operator"),
                cell("right"),
                cell("result"),
                cell("reason")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    insta::assert_json_snapshot!(json!({
        "result": output["result"], "error": output["error"], "warnings": evaluation.warnings,
        "first": output["conditions"][0], "group": output["conditions"][27],
    }));
}

#[test]
fn huge_sides_are_cut_in_the_log() {
    let list = json!([
        {"field": "text", "operator": "contains", "value": "needle"},
        {"field": "list", "operator": "is_empty"},
    ]);
    let data = json!({"text": "ä".repeat(100_000), "list": vec![1; 100_000]});
    let conditions = Conditions::compile(&list, "conditions").unwrap();
    let output = conditions.evaluate(&Scope::of_trigger(&data)).to_output().to_string();
    assert!(output.len() < 4_000, "{}", output.len());
}

#[test]
fn hostile_sizes_end_soon() {
    let long = json!({"a": "a".repeat(1 << 20), "list": vec!["x"; 50_000]});
    let scope = Scope::of_trigger(&long);
    let bomb = json!([{"field": "a", "operator": "matches_regex", "value": "(a*)*b|(a|aa)+$c"}]);
    assert_eq!(Conditions::compile(&bomb, "conditions").unwrap().matches(&scope), Ok(false));
    let search =
        json!([{"field": "a", "operator": "contains", "value": format!("{}b", "a".repeat(200_000))}]);
    assert_eq!(Conditions::compile(&search, "conditions").unwrap().matches(&scope), Ok(false));
    let lists = json!([{"field": "list", "operator": "in", "value": "{{list}}"}]);
    let error = Conditions::compile(&lists, "conditions").unwrap().matches(&scope).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the condition on list cannot be decided: lists of 50000 and 50000 elements are too long to compare"
    );
}

#[test]
fn paths_lead_where_they_say() {
    let data = json!({
        "a": {"b": {"c": 1}, "x.y": {"b": 2}, "first name": 3, "0": 4, "q\"": 8},
        "items": [{"name": "one"}, {"name": "two"}],
        "key.with.dots": 5, "first-name": 6, "ключ": 7, "nothing": null
    });
    #[rustfmt::skip]
    let rows = [
        ("a.b.c", "1"), (" a.b.c ", "1"), ("trigger.a.b.c", "1"), ("items[0].name", "\"one\""),
        ("items.1.name", "\"two\""), ("items[\"0\"].name", "missing"), ("items[2].name", "missing"),
        ("items.name", "missing"), ("a[0]", "missing"), ("a.0", "4"), ("a[\"0\"]", "4"),
        ("[\"key.with.dots\"]", "5"), ("['key.with.dots']", "5"), ("key.with.dots", "missing"),
        ("a[\"x.y\"].b", "2"), ("a['first name']", "3"), ("a[\"q\\\"\"]", "8"), ("first-name", "6"), ("ключ", "7"),
        ("nothing", "null"), ("nothing.more", "missing"), ("A.b.c", "missing"), ("items.-1", "missing"),
        ("items[99999999999999999999]", "at character 7: 99999999999999999999 is too large"),
        ("", "at character 1: a path is needed, such as submission.data.q_nps"),
        (".a", "at character 1: a path cannot start with a dot"),
        ("a.", "at character 3: a name is missing"), ("a..b", "at character 3: a name is missing"),
        ("a[", "at character 2: this [ is never closed"), ("a[0", "at character 2: this [ is never closed"),
        ("a[\"b]", "at character 2: this [ is never closed"),
        ("ä[x]", "at character 3: a position or a name in quotes is needed here, as in [0] or [\"name\"]"),
        ("a[0]b", "at character 5: a dot or [ is needed before `b`"),
        ("a[0 ]", "at character 4: a ] is needed here"),
        ("  first name", "at character 8: a space cannot be part of a path: write such a name in brackets, as in [\"first name\"]"),
        ("a}b", "at character 2: `}` cannot be part of a path: write such a name in brackets, as in [\"first name\"]"),
    ];
    for (text, expected) in rows {
        let found = match Path::parse(text) {
            Ok(path) => {
                assert_eq!(path.to_string(), text.trim());
                Scope::of_trigger(&data).lookup(&path).map_or("missing".to_owned(), ToString::to_string)
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{text}");
    }
    assert!(Path::parse(&"a.".repeat(400)).is_err());
    assert!(Path::parse(&format!("a{}", ".a".repeat(60))).is_err());
}
