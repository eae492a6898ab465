//! What holds for all input.

use proptest::prelude::*;
use rules::{Conditions, Decimal, Path, Scope, Template, operators};
use serde_json::{Value, json};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        "[-+]?[0-9]{0,3}(\\.[0-9]{0,2})?(e[-+]?[0-9]{1,2})?",
        "[a-cA-CßİıΣσς]{0,6}",
        Just("true".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-20_i64..20).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("[a-c]{1}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn verdict(operator: &str, left: &Value, right: &Value) -> Option<bool> {
    let condition = json!([{"field": "left", "operator": operator, "value": right}]);
    let data = json!({"left": left});
    let conditions = Conditions::compile(&condition, "conditions").ok()?;
    let scope = Scope::of_trigger(&data);
    let evaluation = conditions.evaluate(&scope);
    assert_eq!(evaluation.result, conditions.matches(&scope), "{left} {condition}");
    evaluation.result.ok()
}

fn template_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{".to_owned()),
        Just("}}".to_owned()),
        Just("|".to_owned()),
        Just("\"".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("\\".to_owned()),
        Just(" ".to_owned()),
        Just("a".to_owned()),
        Just(".b".to_owned()),
        Just("upper".to_owned()),
        Just("date(\"%".to_owned()),
        Just("default(\"x\")".to_owned()),
        Just("{{a | json}}".to_owned()),
        Just("{{b | number(20)}}".to_owned()),
        ".{0,3}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_json_breaks_an_operator_and_not_negates(left in value(), right in value()) {
        for (positive, negative) in [("equals", "not_equals"), ("contains", "not_contains"), ("in", "not_in"), ("is_empty", "is_not_empty")] {
            let verdicts = (verdict(positive, &left, &right), verdict(negative, &left, &right));
            match verdicts {
                (Some(positive), Some(negative)) => prop_assert_ne!(positive, negative),
                refused => prop_assert_eq!(refused, (None, None)),
            }
        }
        for info in operators() {
            let given = verdict(info.name, &left, &right);
            for alias in info.aliases {
                prop_assert_eq!(verdict(alias, &left, &right), given);
            }
        }
    }

    #[test]
    fn numeric_text_compares_as_the_number(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000, places in 0_u32..6, zeros in 0_usize..4) {
        let written = |number: i64| {
            let power = 10_i64.pow(places);
            let (whole, rest) = (number.abs() / power, number.abs() % power);
            let sign = if number < 0 { "-" } else { "" };
            let fraction = if places == 0 { String::new() } else { format!(".{rest:0width$}", width = places as usize) };
            format!("{sign}{}{whole}{fraction}", "0".repeat(zeros))
        };
        let forms = |number: i64| {
            let exact = written(number);
            let float: f64 = exact.parse().unwrap();
            [json!(exact), json!(format!(" {number}e-{places} ")), json!(float), json!(format!("{exact}{}e0", if places == 0 { ".0" } else { "00" }))]
        };
        for left in forms(a) {
            for right in forms(b) {
                for (operator, expected) in [(">", a > b), ("<", a < b), (">=", a >= b), ("<=", a <= b)] {
                    prop_assert_eq!(verdict(operator, &left, &right), Some(expected), "{} {} {}", left, operator, right);
                }
            }
            prop_assert_eq!(verdict("equals", &left, &forms(b)[2]), Some(a == b));
        }
    }

    /// A path that has been looked up remembers where the name was: that must never decide what it finds.
    #[test]
    fn one_path_finds_its_name_in_every_document(documents in prop::collection::vec(prop::collection::vec(0_u8..120, 0..100), 1..8)) {
        let path = Path::parse("data.n7").expect("a path");
        for names in documents {
            let fields = names.iter().map(|name| (format!("n{name}"), Value::from(*name))).collect();
            let document = json!({"data": Value::Object(fields)});
            prop_assert_eq!(path.lookup(&document), names.contains(&7).then(|| &document["data"]["n7"]));
        }
    }

    #[test]
    fn decimals_order_as_their_digits(whole in "[1-9][0-9]{0,400}", other in "[1-9][0-9]{0,400}", shift in -30_i32..30) {
        let by_digits = whole.len().cmp(&other.len()).then_with(|| whole.cmp(&other));
        let decimal = |text: &str| Decimal::parse(text).unwrap();
        prop_assert_eq!(decimal(&whole).cmp(&decimal(&other)), by_digits);
        prop_assert_eq!(decimal(&format!("{whole}e{shift}")).cmp(&decimal(&format!("{other}e{shift}"))), by_digits);
        prop_assert_eq!(decimal(&format!("-{whole}")).cmp(&decimal(&format!("-{other}"))), by_digits.reverse());
        prop_assert_eq!(decimal(&format!("0.{whole}")).cmp(&decimal(&format!("0.{other}"))), whole.trim_end_matches('0').cmp(other.trim_end_matches('0')));
        let slightly_more = format!("{whole}.0000000000000000000000000000000000000001");
        prop_assert!(decimal(&slightly_more) > decimal(&whole));
        prop_assert_eq!(decimal(&whole).to_fixed(0).unwrap_or(whole.clone()), whole);
    }

    #[test]
    fn floats_keep_their_shortest_text(float in any::<f64>().prop_filter("finite", |float| float.is_finite()), n in -2_000_000_i64..2_000_000, d in 0_i32..9) {
        for float in [float, n as f64 / 10_f64.powi(d)] {
            let number = serde_json::Number::from_f64(float).unwrap();
            prop_assert_eq!(Decimal::of_number(&number), Decimal::parse(&number.to_string()).unwrap());
        }
    }

    #[test]
    fn no_text_breaks_a_template(source in template_text(), a in value(), b in value()) {
        let data = json!({"a": a, "b": b});
        if let Ok(template) = Template::compile_text(&source, "text") {
            let rendered = template.render(&Scope::of_trigger(&data)).unwrap();
            if !source.contains("{{") {
                prop_assert_eq!(rendered.value, Value::String(source.clone()));
            }
        }
        let _ = Path::parse(&source);
    }

    #[test]
    fn output_never_exceeds_its_bound(size in 0_usize..200_000, times in 0_usize..8, filter in "(json|url_encode|escape|upper)") {
        let data = json!({"a": "<".repeat(size)});
        let source = format!("{{{{a | {filter}}}}}").repeat(times);
        if let Ok(rendered) = Template::compile_text(&source, "text").unwrap().render(&Scope::of_trigger(&data)) {
            let length = rendered.value.as_str().map_or(0, str::len);
            prop_assert!(length <= rules::template::MAX_OUTPUT, "{}", length);
        }
    }
}
