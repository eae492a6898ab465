//! The truth table of contract section 6, row by row.

use rules::{Conditions, Operator, Scope, operators};
use serde_json::{Value, json};

/// `field operator value` on one line, then the verdict. The field is JSON or `missing`.
const TABLE: &str = r#"
# equals: numbers as decimals when one side is a number
3                | equals | 3               | true
3                | equals | 3.0             | true
3                | equals | "3"             | true
" 3.00 "         | equals | 3               | true
"3e0"            | equals | 3               | true
"+3"             | equals | 3               | true
"3"              | equals | "3.0"           | false
"3"              | equals | "3"             | true
0.1              | equals | "0.1"           | true
0.30000000000000004 | equals | 0.3          | false
1152921504606846976 | equals | 1152921504606846977 | false
1152921504606846976 | equals | "1152921504606846976" | true
18446744073709551615 | equals | "18446744073709551615" | true
9007199254740993 | equals | 9007199254740992.0 | false
-0.0             | equals | 0               | true
1e3              | equals | 1000            | true
"1e400"          | equals | 1               | false
"abc"            | equals | 0               | false
""               | equals | 0               | false
"0x10"           | equals | 16              | false
"1_000"          | equals | 1000            | false
"1,5"            | equals | 1.5             | false
".5"             | equals | 0.5             | false
"5."             | equals | 5               | false
# equals: booleans, text, lists, objects
true             | equals | true            | true
true             | equals | "true"          | true
"false"          | equals | false           | true
"TRUE"           | equals | true            | false
true             | equals | 1               | false
1                | equals | true            | false
false            | equals | 0               | false
false            | equals | ""              | false
"VIP"            | equals | "VIP"           | true
"VIP"            | equals | "vip"           | false
"a "             | equals | "a"             | false
[1,"a"]          | equals | [1.0,"a"]       | true
[1,"a"]          | equals | ["a",1]         | false
["1"]            | equals | [1]             | false
{"a":1,"b":[{}]} | equals | {"b":[{}],"a":1.0} | true
{"a":1}          | equals | {"a":1,"b":null} | false
{"a":1}          | equals | {"b":1}         | false
[]               | equals | {}              | false
["a"]            | equals | "a"             | false
# equals: missing and null
missing          | equals | null            | true
null             | equals | null            | true
missing          | equals | 0               | false
null             | equals | ""              | false
0                | equals | null            | false
""               | equals | null            | false
missing          | not_equals | null        | false
null             | not_equals | null        | false
missing          | not_equals | 6           | true
null             | not_equals | "a"         | true
6                | not_equals | null        | true
6                | not_equals | "6.0"       | false
"a"              | not_equals | "b"         | true
# contains: without case in text, elements of lists
"Very DISAPPOINTED" | contains | "disappointed" | true
"fine"           | contains | "disappointed" | false
"anything"       | contains | ""             | true
""               | contains | ""             | true
""               | contains | "a"            | false
"STRASSE"        | contains | "straße"       | true
"Hauptstraße"    | contains | "STRASSE"      | true
"ΟΔΥΣΣΕΥΣ"       | contains | "οδυσσευς"     | true
"İSTANBUL"       | contains | "istanbul"     | true
"i̇stanbul"      | contains | "İSTANBUL"     | true
"Cafe"           | contains | "é"            | false
"CAFÉ"           | contains | "café"         | true
12345            | contains | 34             | true
12345            | contains | "34"           | true
true             | contains | "RU"           | true
"100%"           | contains | "%"            | true
["Red","Blue"]   | contains | "red"          | true
["Red","Blue"]   | contains | "re"           | false
[1,2]            | contains | "2.0"          | true
[[1],[2]]        | contains | [2]            | true
[true]           | contains | "TRUE"         | true
[null]           | contains | "a"            | false
[]               | contains | ""             | false
{"a":"x"}        | contains | "x"            | false
"abc"            | contains | ["a"]          | false
"abc"            | contains | null           | false
missing          | contains | ""             | false
null             | contains | "null"         | false
missing          | contains | "undefined"    | false
missing          | not_contains | "a"        | true
null             | not_contains | ""         | true
"abc"            | not_contains | "B"        | false
"abc"            | not_contains | "x"        | true
{"a":"x"}        | not_contains | "x"        | true
["a"]            | not_contains | "A"        | false
# starts_with, ends_with: with case
"John Smith"     | starts_with | "John"      | true
"john smith"     | starts_with | "John"      | false
"John"           | starts_with | ""          | true
49123            | starts_with | 49          | true
["John"]         | starts_with | "John"      | false
missing          | starts_with | ""          | false
"a@company.com"  | ends_with | "@company.com" | true
"a@COMPANY.COM"  | ends_with | "@company.com" | false
1.50             | ends_with | ".5"          | true
true             | ends_with | "ue"          | true
null             | ends_with | ""            | false
# ordering: decimals only
"10"             | greater_than | "9"        | true
10               | greater_than | 9          | true
9                | greater_than | 9          | false
"9.5"            | greater_than | 9          | true
0.30000000000000004 | greater_than | 0.3     | true
1152921504606846977 | greater_than | 1152921504606846976 | true
18446744073709551615 | greater_than | 9223372036854775807 | true
"1e400"          | greater_than | "9e399"    | true
"-1e400"         | less_than | -5            | true
-3               | less_than | -2            | true
"-10"            | less_than | "-9"          | true
2                | less_than | 10            | true
"2"              | less_than | "10"          | true
6                | less_than_or_equal | 6    | true
"6"              | less_than_or_equal | 6    | true
"6.0"            | less_than_or_equal | "6"  | true
7                | less_than_or_equal | 6    | false
6.0000000001     | less_than_or_equal | 6    | false
9                | greater_than_or_equal | 9 | true
"0010"           | greater_than_or_equal | 10 | true
8                | greater_than_or_equal | 9 | false
""               | less_than_or_equal | 6    | false
"  "             | less_than_or_equal | 6    | false
null             | less_than_or_equal | 6    | false
missing          | less_than_or_equal | 6    | false
"abc"            | less_than_or_equal | 6    | false
true             | less_than_or_equal | 6    | false
[]               | less_than_or_equal | 6    | false
[5]              | less_than_or_equal | 6    | false
{}               | less_than_or_equal | 6    | false
5                | less_than_or_equal | null | false
5                | less_than_or_equal | "six" | false
5                | less_than | ""            | false
"abc"            | greater_than | "abb"      | false
missing          | greater_than | -1         | false
null             | greater_than_or_equal | 0 | false
missing          | less_than | 7             | false
"NaN"            | less_than | 7             | false
"Infinity"       | greater_than | 7          | false
"2026-03-01"     | greater_than | "2026-01-01" | false
# is_empty
missing          | is_empty |                | true
null             | is_empty |                | true
""               | is_empty |                | true
" \t\n\u00a0"    | is_empty |                | true
[]               | is_empty |                | true
{}               | is_empty |                | true
0                | is_empty |                | false
false            | is_empty |                | false
"0"              | is_empty |                | false
[null]           | is_empty |                | false
missing          | is_not_empty |            | false
""               | is_not_empty |            | false
0                | is_not_empty |            | true
false            | is_not_empty |            | true
"a"              | is_not_empty |            | true
# matches_regex: anywhere
"john@x.org"     | matches_regex | "^[a-z]+@" | true
"John@x.org"     | matches_regex | "^[a-z]+@" | false
"order 4711 late" | matches_regex | "\\d{4}"  | true
"abc"            | matches_regex | ""         | true
4711             | matches_regex | "^47"      | true
true             | matches_regex | "^t"       | true
"5"              | matches_regex | 5          | true
["abc"]          | matches_regex | "abc"      | false
missing          | matches_regex | ".*"       | false
null             | matches_regex | ""         | false
# in, not_in
"active"         | in | ["active","pending"]  | true
"Active"         | in | ["active","pending"]  | false
"a"              | in | []                    | false
5                | in | ["5.0", 6]            | true
"5"              | in | [5]                   | true
true             | in | ["true"]              | true
["x","b"]        | in | ["a","b"]             | true
["x"]            | in | ["a","b"]             | false
[]               | in | ["a"]                 | false
[["a"]]          | in | [["a"]]               | true
{"a":1}          | in | [{"a":1.0}]           | true
missing          | in | [null]                | false
null             | in | [null,"a"]            | false
missing          | not_in | ["spam"]          | true
null             | not_in | [null]            | true
"spam"           | not_in | ["spam","test"]   | false
"ham"            | not_in | ["spam","test"]   | true
["ham","spam"]   | not_in | ["spam"]          | false
["ham"]          | not_in | ["spam"]          | true
# aliases
5                | ==  | "5.0"                | true
5                | !=  | 5                    | false
5                | >   | 4                    | true
5                | <   | 4                    | false
5                | >=  | 5                    | true
5                | <=  | 5                    | true
"10"             | >   | "9"                  | true
""               | <=  | 6                    | false
null             | <=  | 6                    | false
"abc"            | <=  | 6                    | false
missing          | <=  | 6                    | false
"#;

/// `before now operator value` on one line, then the verdict: as an update event tells it. Before is `untold` when the event has no `previous`,
/// and `same` when the field is not among it.
const CHANGES: &str = r#"
"open"     | "closed" | changed      |          | true
same       | "closed" | changed      |          | false
untold     | "closed" | changed      |          | false
3          | "3.0"    | changed      |          | false
"VIP"      | "vip"    | changed      |          | true
null       | "vip"    | changed      |          | true
"vip"      | missing  | changed      |          | true
null       | missing  | changed      |          | false
["a"]      | ["a","b"]| changed      |          | true
"open"     | "closed" | changed_to   | "closed" | true
"open"     | "closed" | changed_to   | "open"   | false
same       | "closed" | changed_to   | "closed" | false
untold     | "closed" | changed_to   | "closed" | false
"vip"      | null     | changed_to   | null     | true
"vip"      | "other"  | changed_to   | null     | false
"a"        | "b"      | changed_to   | "{{nothing}}" | false
"open"     | "closed" | changed_from | "open"   | true
"open"     | "closed" | changed_from | "closed" | false
null       | 3        | changed_from | null     | true
same       | "closed" | changed_from | "closed" | false
3          | 4        | increased    |          | true
"9"        | "10"     | increased    |          | true
4          | 3        | increased    |          | false
4          | 4.0      | increased    |          | false
null       | 3        | increased    |          | false
"low"      | "high"   | increased    |          | false
same       | 4        | increased    |          | false
10         | 9        | decreased    |          | true
9          | 10       | decreased    |          | false
untold     | 9        | decreased    |          | false
"#;

/// The verdict, the same in both ways of evaluating, with the reason.
fn decide(field: Option<&Value>, condition: &Value) -> (bool, String) {
    let trigger = field.map_or_else(|| json!({}), |field| json!({"field": field}));
    let scope = Scope::of_trigger(&trigger);
    let conditions = Conditions::compile(&json!([condition]), "conditions").unwrap();
    let evaluation = conditions.evaluate(&scope);
    assert_eq!(evaluation.result, conditions.matches(&scope));
    let output = evaluation.to_output();
    assert_eq!(output["result"], output["conditions"][0]["result"]);
    (evaluation.result.unwrap(), output["conditions"][0]["reason"].as_str().unwrap().to_owned())
}

fn rows() -> impl Iterator<Item = (&'static str, Option<Value>, &'static str, Option<Value>, bool)> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [field, operator, value, verdict] = cells[..] else { panic!("{line}") };
        let read = |cell: &str| {
            serde_json::from_str::<Value>(cell).unwrap_or_else(|error| panic!("{line}: {error}"))
        };
        let field = (field != "missing").then(|| read(field));
        let value = (!value.is_empty()).then(|| read(value));
        (line, field, operator, value, verdict == "true")
    })
}

#[test]
fn the_truth_table_holds() {
    let mut wrong = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (line, field, operator, value, expected) in rows() {
        seen.insert(operator);
        let mut condition = json!({"field": "field", "operator": operator});
        if let Some(value) = value {
            condition["value"] = value;
        }
        let (verdict, reason) = decide(field.as_ref(), &condition);
        if verdict != expected {
            wrong.push(format!("{line}   ({reason})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let names = operators()
        .iter()
        .filter(|info| !info.operator.looks_back())
        .flat_map(|info| [&[info.name], info.aliases].concat());
    let untested: Vec<&str> = names.filter(|name| !seen.contains(name)).collect();
    assert_eq!(untested, Vec::<&str>::new());
}

#[test]
fn what_looks_back_compares_with_before() {
    let mut reasons = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for line in CHANGES.lines().filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [before, now, operator, value, verdict] = cells[..] else { panic!("{line}") };
        seen.insert(operator);
        let read = |cell: &str| serde_json::from_str::<Value>(cell).ok();
        // At two depths: a field of the record, and one within its attributes.
        for (field, wrap) in [("ticket.score", false), ("trigger.ticket.attributes.score", true)] {
            let within = |value: Option<Value>| {
                let mut fields = serde_json::Map::new();
                fields.extend(value.map(|value| ("score".to_owned(), value)));
                if wrap { json!({"attributes": fields}) } else { Value::Object(fields) }
            };
            let mut data = json!({"ticket": within(read(now))});
            match before {
                "untold" => {}
                "same" => data["previous"] = json!({"title": "other"}),
                before => data["previous"] = within(read(before)),
            }
            let mut condition = json!({"field": field, "operator": operator});
            if let Some(value) = read(value) {
                condition["value"] = value;
            }
            let conditions = Conditions::compile(&json!([condition]), "conditions").unwrap();
            let scope = Scope::of_trigger(&data);
            let evaluation = conditions.evaluate(&scope);
            assert_eq!(evaluation.result, conditions.matches(&scope), "{line}");
            assert_eq!(evaluation.result, Ok(verdict == "true"), "{line} {field}");
            if !wrap {
                let output = evaluation.to_output();
                let reason = output["conditions"][0]["reason"].as_str().unwrap();
                reasons.push(format!("{before} → {now} {operator} {value}: {verdict}, {reason}"));
            }
        }
    }
    let all = operators().iter().filter(|info| info.operator.looks_back()).map(|info| info.name);
    assert_eq!(all.collect::<std::collections::BTreeSet<_>>(), seen);
    insta::assert_snapshot!(reasons.join("\n"));
    let unless_told = json!([{"field": "a.b", "operator": "changed", "onMissing": "true"}]);
    let unless_told = Conditions::compile(&unless_told, "conditions").unwrap();
    for (data, expected) in [(json!({"a": {"b": 1}}), true), (json!({"a": {"b": 1}, "previous": {}}), false)]
    {
        assert_eq!(unless_told.matches(&Scope::of_trigger(&data)), Ok(expected), "{data}");
    }
}

#[test]
fn a_condition_can_set_case_and_what_missing_means() {
    #[rustfmt::skip]
    let rows = [
        // field, operator, value, option, its value, verdict
        (json!("VIP"), "equals", json!("vip"), "caseSensitive", json!(false), true),
        (json!("TRUE"), "equals", json!(true), "caseSensitive", json!(false), true),
        (json!("VIP"), "contains", json!("vip"), "caseSensitive", json!(true), false),
        (json!(["VIP"]), "contains", json!("vip"), "caseSensitive", json!(true), false),
        (json!("JOHN"), "starts_with", json!("john"), "caseSensitive", json!(false), true),
        (json!("STRASSE"), "ends_with", json!("aße"), "caseSensitive", json!(false), true),
        (json!("ABC"), "matches_regex", json!("^abc$"), "caseSensitive", json!(false), true),
        (json!("Active"), "in", json!(["active"]), "caseSensitive", json!(false), true),
        (json!("Active"), "not_in", json!(["active"]), "caseSensitive", json!(false), false),
        (json!(7), "<=", json!(6), "caseSensitive", json!(false), false),
        (Value::Null, "<=", json!(6), "onMissing", json!("true"), true),
        (Value::Null, "not_equals", json!(6), "onMissing", json!("false"), false),
        (Value::Null, "equals", Value::Null, "onMissing", json!("false"), false),
        (Value::Null, "is_empty", Value::Null, "onMissing", json!("false"), false),
        (json!(7), "<=", json!(6), "onMissing", json!("true"), false),
        (json!(7), "not_equals", Value::Null, "onMissing", json!("false"), true),
    ];
    for (field, operator, value, option, setting, expected) in rows {
        let condition = json!({"field": "field", "operator": operator, "value": value, option: setting});
        assert_eq!(decide(Some(&field), &condition).0, expected, "{field} {condition}");
    }
}

#[test]
fn the_table_of_operators_is_complete() {
    assert_eq!(operators().len(), 20);
    for info in operators() {
        assert_eq!(info.operator.info(), info);
        for name in [&[info.name], info.aliases].concat() {
            assert_eq!(Operator::parse(name), Some(info.operator));
        }
    }
    assert_eq!(Operator::parse("EQUALS"), None);
    insta::assert_json_snapshot!(operators()[6]);
}
